impl<T: Item> Batch<T>
where
    Self: Sized,
    Self: 'static,
{}
#[allow(dead_code, non_upper_case_globals, clippy::type_complexity, clippy::use_self)]
impl<T: Item> Batch<T>
where
    Batch<T>: Sized,
    Batch<T>: 'static,
{
    pub const run: ::steadfast::__private::Method<
        Batch<T>,
        ::steadfast::__private::Run,
        718098122,
        for<'x> fn(
            &'x mut WorkflowContext<Batch<T>>,
            T,
        ) -> ::steadfast::__private::LocalBoxFuture<'x, T::Output>,
    > = ::steadfast::__private::method(|__x_ctx, __x_0| ::std::boxed::Box::pin(
        <Self as MethodsOfBatch_3507227459<T>>::run(__x_ctx, __x_0),
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
pub trait MethodsOfBatch_3507227459<T: Item>
where
    Batch<T>: Sized,
    Batch<T>: 'static,
{
    async fn run(ctx: &mut WorkflowContext<Batch<T>>, item: T) -> T::Output;
}
#[allow(private_bounds, private_interfaces)]
impl<T: Item> MethodsOfBatch_3507227459<T> for Batch<T>
where
    Batch<T>: Sized,
    Batch<T>: 'static,
{
    async fn run(ctx: &mut WorkflowContext<Self>, item: T) -> T::Output {
        item.run()
    }
}
impl<T: Item> ::steadfast::__private::WorkflowDefinition for Batch<T>
where
    Batch<T>: Sized,
    Batch<T>: 'static,
{
    type Input = T;
    type Output = T::Output;
    const WORKFLOW_TYPE: &'static str = <Batch<
        T,
    > as ::steadfast::__private::WorkflowName>::WORKFLOW_TYPE;
    fn arguments() -> ::steadfast::__private::Arguments<Self::Input> {
        <T as ::steadfast::__private::Input>::arguments()
    }
    fn output_codec() -> ::steadfast::__private::Codec<Self::Output> {
        <T::Output as ::steadfast::__private::Output>::codec()
    }
}
impl<T: Item> ::steadfast::__private::WorkflowImplementation for Batch<T>
where
    Batch<T>: Sized,
    Batch<T>: 'static,
{
    fn init(
        _: &::steadfast::__private::WorkflowContextView,
        __x_input: Self::Input,
    ) -> ::core::result::Result<
        (Self, ::core::option::Option<Self::Input>),
        ::steadfast::__private::WorkflowError,
    > {
        let __x_state: Self = <Batch<
            T,
        > as ::steadfast::__private::InitialState>::initial_state();
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
            ::core::result::Result::Ok,
        )
    }
    fn handlers() -> ::steadfast::__private::HandlerSet<Self> {
        ::steadfast::__private::HandlerSet::new()
    }
}
impl<T: Item> ::steadfast::__private::HasHandle for Batch<T>
where
    Batch<T>: Sized,
    Batch<T>: 'static,
{
    type Handle = BatchHandle<T, Batch<T>>;
}
/**Refers to an execution of the workflow `Batch`, with a method for each of its signals, queries and updates.

It derefs to the handle that all workflows share. A handler whose name that handle uses itself, such as `cancel`, has no method here: pass it to `signal`, `query` or `update`.*/
#[allow(non_camel_case_types, private_interfaces, unnameable_types, unreachable_pub)]
pub struct BatchHandle<
    T: Item,
    __x_W: ::steadfast::__private::WorkflowDefinition = Batch<T>,
>(
    ::steadfast::__private::WorkflowHandle<__x_W>,
    ::core::marker::PhantomData<fn() -> (T,)>,
)
where
    Batch<T>: Sized,
    Batch<T>: 'static;
#[allow(
    dead_code,
    non_snake_case,
    clippy::missing_errors_doc,
    clippy::must_use_candidate,
    clippy::too_many_arguments
)]
impl<T: Item> BatchHandle<T, Batch<T>>
where
    Batch<T>: Sized,
    Batch<T>: 'static,
{}
impl<T: Item> ::core::clone::Clone for BatchHandle<T, Batch<T>>
where
    Batch<T>: Sized,
    Batch<T>: 'static,
{
    fn clone(&self) -> Self {
        Self(::core::clone::Clone::clone(&self.0), ::core::marker::PhantomData)
    }
}
impl<T: Item> ::core::fmt::Debug for BatchHandle<T, Batch<T>>
where
    Batch<T>: Sized,
    Batch<T>: 'static,
{
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        f.debug_tuple("BatchHandle").field(&self.0).finish()
    }
}
impl<T: Item> ::core::ops::Deref for BatchHandle<T, Batch<T>>
where
    Batch<T>: Sized,
    Batch<T>: 'static,
{
    type Target = ::steadfast::__private::WorkflowHandle<Batch<T>>;
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}
impl<T: Item> ::core::convert::From<::steadfast::__private::WorkflowHandle<Batch<T>>>
for BatchHandle<T, Batch<T>>
where
    Batch<T>: Sized,
    Batch<T>: 'static,
{
    fn from(handle: ::steadfast::__private::WorkflowHandle<Batch<T>>) -> Self {
        Self(handle, ::core::marker::PhantomData)
    }
}
