impl Greeting {}
#[allow(dead_code, non_upper_case_globals, clippy::type_complexity, clippy::use_self)]
impl Greeting {
    /// Greets.
    pub const run: ::steadfast::__private::Method<
        Greeting,
        ::steadfast::__private::Run,
        718098122,
        for<'x> fn(
            &'x mut WorkflowContext<Greeting>,
            String,
        ) -> ::steadfast::__private::LocalBoxFuture<'x, WorkflowResult<String>>,
    > = ::steadfast::__private::method(|__x_ctx, __x_0| ::std::boxed::Box::pin(
        <Self as MethodsOfGreeting>::run(__x_ctx, __x_0),
    ));
}
#[doc(hidden)]
#[allow(
    async_fn_in_trait,
    dead_code,
    non_camel_case_types,
    private_bounds,
    private_interfaces,
    unnameable_types,
    unreachable_pub,
    clippy::all
)]
pub trait MethodsOfGreeting {
    async fn run(
        ctx: &mut WorkflowContext<Greeting>,
        name: String,
    ) -> WorkflowResult<String>;
}
#[allow(private_bounds, private_interfaces)]
impl MethodsOfGreeting for Greeting {
    async fn run(
        ctx: &mut WorkflowContext<Self>,
        name: String,
    ) -> WorkflowResult<String> {
        Ok(name)
    }
}
impl ::steadfast::__private::WorkflowDefinition for Greeting {
    type Input = String;
    type Output = String;
    const WORKFLOW_TYPE: &'static str = <Greeting as ::steadfast::__private::WorkflowName>::WORKFLOW_TYPE;
    fn arguments() -> ::steadfast::__private::Arguments<Self::Input> {
        <String as ::steadfast::__private::Input>::arguments()
    }
    fn output_codec() -> ::steadfast::__private::Codec<Self::Output> {
        <String as ::steadfast::__private::Output>::codec()
    }
}
impl ::steadfast::__private::WorkflowImplementation for Greeting {
    fn init(
        _: &::steadfast::__private::WorkflowContextView,
        __x_input: Self::Input,
    ) -> ::core::result::Result<
        (Self, ::core::option::Option<Self::Input>),
        ::steadfast::__private::WorkflowError,
    > {
        let __x_state: Self = <Greeting as ::steadfast::__private::InitialState>::initial_state();
        ::core::result::Result::Ok((__x_state, ::core::option::Option::Some(__x_input)))
    }
    fn run(
        __x_ctx: ::steadfast::__private::WorkflowContext<Self>,
        __x_input: ::core::option::Option<Self::Input>,
    ) -> ::steadfast::__private::LocalBoxFuture<
        'static,
        ::core::result::Result<Self::Output, ::steadfast::__private::WorkflowError>,
    > {
        let __x_0 = __x_input
            .expect("the input is left to `#[run]` when `#[init]` takes none");
        ::steadfast::__private::finish_with_context(
            __x_ctx,
            move |__x_ctx| Self::run(__x_ctx, __x_0),
            |__x_out| {
                ::steadfast::__private::Fallible::into_result(__x_out)
                    .map_err(
                        ::steadfast::__private::IntoWorkflowError::into_workflow_error,
                    )
            },
        )
    }
    fn handlers() -> ::steadfast::__private::HandlerSet<Self> {
        ::steadfast::__private::HandlerSet::new()
    }
}
impl ::steadfast::__private::HasHandle for Greeting {
    type Handle = GreetingHandle<Greeting>;
}
/**Refers to an execution of the workflow `Greeting`, with a method for each of its signals, queries and updates.

It derefs to the handle that all workflows share. A handler whose name that handle uses itself, such as `cancel`, has no method here: pass it to `signal`, `query` or `update`.*/
#[allow(non_camel_case_types, private_interfaces, unnameable_types, unreachable_pub)]
pub struct GreetingHandle<__x_W: ::steadfast::__private::WorkflowDefinition = Greeting>(
    ::steadfast::__private::WorkflowHandle<__x_W>,
);
#[allow(
    dead_code,
    non_snake_case,
    clippy::missing_errors_doc,
    clippy::must_use_candidate,
    clippy::too_many_arguments
)]
impl GreetingHandle<Greeting> {}
impl ::core::clone::Clone for GreetingHandle<Greeting> {
    fn clone(&self) -> Self {
        Self(::core::clone::Clone::clone(&self.0))
    }
}
impl ::core::fmt::Debug for GreetingHandle<Greeting> {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        f.debug_tuple("GreetingHandle").field(&self.0).finish()
    }
}
impl ::core::ops::Deref for GreetingHandle<Greeting> {
    type Target = ::steadfast::__private::WorkflowHandle<Greeting>;
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}
impl ::core::convert::From<::steadfast::__private::WorkflowHandle<Greeting>>
for GreetingHandle<Greeting> {
    fn from(handle: ::steadfast::__private::WorkflowHandle<Greeting>) -> Self {
        Self(handle)
    }
}
