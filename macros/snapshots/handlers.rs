#[allow(unused_imports)]
use ::steadfast::__private::{AnyError as _, NoResult as _};
impl Trip {
    #[allow(
        unreachable_pub,
        clippy::must_use_candidate,
        clippy::needless_pass_by_ref_mut,
        clippy::needless_pass_by_value,
        clippy::trivially_copy_pass_by_ref,
    )]
    fn new(view: &WorkflowContextView, rate: u32) -> Result<Self, String> {
        Ok(Self { rate })
    }
    #[allow(
        unreachable_pub,
        clippy::must_use_candidate,
        clippy::needless_pass_by_ref_mut,
        clippy::needless_pass_by_value,
        clippy::trivially_copy_pass_by_ref,
        clippy::unused_self,
    )]
    fn check(
        &self,
        view: &WorkflowContextView,
        to: &Place,
        at: &Time,
    ) -> Result<(), String> {
        Ok(())
    }
}
#[allow(dead_code, non_upper_case_globals, clippy::type_complexity, clippy::use_self)]
impl Trip {
    const run: ::steadfast::__private::Method<
        Trip,
        ::steadfast::__private::Run,
        718098122,
        fn() -> ::steadfast::__private::LocalBoxFuture<'static, ()>,
    > = ::steadfast::__private::method(|| ::std::boxed::Box::pin(
        <Self as MethodsOfTrip>::run(),
    ));
    /// Approves.
    pub const approve: ::steadfast::__private::Method<
        Trip,
        ::steadfast::__private::Signal,
        3482336186,
        for<'x> fn(&'x mut Trip, &'x mut SyncWorkflowContext<Trip>, String) -> (),
    > = ::steadfast::__private::method(<Self as MethodsOfTrip>::approve);
    pub const cancel: ::steadfast::__private::Method<
        Trip,
        ::steadfast::__private::Signal,
        107912219,
        for<'x> fn(
            &'x mut WorkflowContext<Trip>,
        ) -> ::steadfast::__private::LocalBoxFuture<'x, Result<(), Error>>,
    > = ::steadfast::__private::method(|__x_ctx| ::std::boxed::Box::pin(
        <Self as MethodsOfTrip>::cancel(__x_ctx),
    ));
    pub const approved_by: ::steadfast::__private::Method<
        Trip,
        ::steadfast::__private::Query,
        975698234,
        for<'x> fn(&'x Trip) -> Option<String>,
    > = ::steadfast::__private::method(<Self as MethodsOfTrip>::approved_by);
    pub const change: ::steadfast::__private::Method<
        Trip,
        ::steadfast::__private::Update,
        1922892221,
        for<'x> fn(
            &'x mut WorkflowContext<Trip>,
            Place,
            Time,
        ) -> ::steadfast::__private::LocalBoxFuture<'x, MyResult>,
    > = ::steadfast::__private::method(|__x_ctx, __x_0, __x_1| ::std::boxed::Box::pin(
        <Self as MethodsOfTrip>::change(__x_ctx, __x_0, __x_1),
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
pub trait MethodsOfTrip {
    async fn run();
    fn approve(&mut self, ctx: &mut SyncWorkflowContext<Trip>, by: String);
    async fn cancel(ctx: &mut WorkflowContext<Trip>) -> Result<(), Error>;
    fn approved_by(&self) -> Option<String>;
    async fn change(ctx: &mut WorkflowContext<Trip>, to: Place, at: Time) -> MyResult;
}
#[allow(private_bounds, private_interfaces)]
impl MethodsOfTrip for Trip {
    async fn run() {}
    fn approve(&mut self, ctx: &mut SyncWorkflowContext<Self>, by: String) {}
    async fn cancel(ctx: &mut WorkflowContext<Self>) -> Result<(), Error> {}
    fn approved_by(&self) -> Option<String> {
        None
    }
    async fn change(ctx: &mut WorkflowContext<Self>, to: Place, at: Time) -> MyResult {
        Ok(())
    }
}
impl ::steadfast::__private::SignalMethod<
    3482336186,
    for<'x> fn(&'x mut Trip, &'x mut SyncWorkflowContext<Trip>, String) -> (),
> for Trip {
    type Input = String;
    const NAME: &'static str = "approve-trip";
    const DESCRIPTION: &'static str = "Approves.";
    fn arguments() -> ::steadfast::__private::Arguments<Self::Input> {
        <String as ::steadfast::__private::Input>::arguments()
    }
    fn handle(
        __x_state: &mut Self,
        __x_ctx: &mut ::steadfast::__private::SyncWorkflowContext<Self>,
        __x_0: Self::Input,
    ) -> ::steadfast::__private::Handled<()> {
        ::steadfast::__private::Handled::Now(
            ::core::result::Result::Ok(
                <Self as MethodsOfTrip>::approve(__x_state, __x_ctx, __x_0),
            ),
        )
    }
}
impl ::steadfast::__private::SignalMethod<
    107912219,
    for<'x> fn(
        &'x mut WorkflowContext<Trip>,
    ) -> ::steadfast::__private::LocalBoxFuture<'x, Result<(), Error>>,
> for Trip {
    type Input = ();
    const NAME: &'static str = "cancel";
    fn arguments() -> ::steadfast::__private::Arguments<Self::Input> {
        ::steadfast::__private::Arguments::none()
    }
    fn handle(
        _: &mut Self,
        __x_ctx: &mut ::steadfast::__private::SyncWorkflowContext<Self>,
        (): Self::Input,
    ) -> ::steadfast::__private::Handled<()> {
        let __x_ctx = ::steadfast::__private::own_context(__x_ctx);
        ::steadfast::__private::Handled::Later(
            ::steadfast::__private::finish_with_context(
                __x_ctx,
                move |__x_ctx| Self::cancel(__x_ctx),
                |__x_out| {
                    ::steadfast::__private::Fallible::into_result(__x_out)
                        .map_err(|__x_error| {
                            ::steadfast::__private::Typed(__x_error).known()
                        })
                        .map_err(
                            ::steadfast::__private::IntoWorkflowError::into_workflow_error,
                        )
                },
            ),
        )
    }
}
impl ::steadfast::__private::QueryMethod<
    975698234,
    for<'x> fn(&'x Trip) -> Option<String>,
> for Trip {
    type Output = Option<String>;
    type Input = ();
    const NAME: &'static str = "approved_by";
    fn arguments() -> ::steadfast::__private::Arguments<Self::Input> {
        ::steadfast::__private::Arguments::none()
    }
    fn output_codec() -> ::steadfast::__private::Codec<Self::Output> {
        <Option<String> as ::steadfast::__private::Output>::codec()
    }
    fn handle(
        __x_state: &Self,
        _: &::steadfast::__private::WorkflowContextView,
        (): Self::Input,
    ) -> ::core::result::Result<Self::Output, ::steadfast::__private::WorkflowError> {
        ::core::result::Result::Ok(<Self as MethodsOfTrip>::approved_by(__x_state))
    }
}
impl ::steadfast::__private::UpdateMethod<
    1922892221,
    for<'x> fn(
        &'x mut WorkflowContext<Trip>,
        Place,
        Time,
    ) -> ::steadfast::__private::LocalBoxFuture<'x, MyResult>,
> for Trip {
    type Output = <MyResult as ::steadfast::__private::Returned<
        { ::steadfast::__private::Probe::<MyResult>::IS_RESULT },
    >>::Output;
    type Input = (Place, Time);
    const NAME: &'static str = "change";
    fn arguments() -> ::steadfast::__private::Arguments<Self::Input> {
        ::steadfast::__private::Arguments::new(
            |__x_input| ::core::result::Result::Ok(
                ::core::convert::From::from([
                    <Place as ::steadfast::__private::Input>::codec()
                        .encode(&__x_input.0)?,
                    <Time as ::steadfast::__private::Input>::codec()
                        .encode(&__x_input.1)?,
                ]),
            ),
            |__x_payloads| ::core::result::Result::Ok((
                <Place as ::steadfast::__private::Input>::codec()
                    .decode_at(__x_payloads, 0usize)?,
                <Time as ::steadfast::__private::Input>::codec()
                    .decode_at(__x_payloads, 1usize)?,
            )),
        )
    }
    fn output_codec() -> ::steadfast::__private::Codec<Self::Output> {
        <Self::Output as ::steadfast::__private::Output>::codec()
    }
    fn validate(
        __x_state: &Self,
        __x_view: &::steadfast::__private::WorkflowContextView,
        __x_input: &Self::Input,
    ) -> ::core::result::Result<(), ::steadfast::__private::WorkflowError> {
        let __x_out = Self::check(__x_state, __x_view, &__x_input.0, &__x_input.1);
        ::steadfast::__private::Fallible::into_result(__x_out)
            .map_err(::steadfast::__private::IntoWorkflowError::into_workflow_error)
    }
    fn handle(
        _: &mut Self,
        __x_ctx: &mut ::steadfast::__private::SyncWorkflowContext<Self>,
        (__x_0, __x_1): Self::Input,
    ) -> ::steadfast::__private::Handled<Self::Output> {
        let __x_ctx = ::steadfast::__private::own_context(__x_ctx);
        ::steadfast::__private::Handled::Later(
            ::steadfast::__private::finish_with_context(
                __x_ctx,
                move |__x_ctx| Self::change(__x_ctx, __x_0, __x_1),
                |__x_out| {
                    <MyResult as ::steadfast::__private::Returned<
                        { ::steadfast::__private::Probe::<MyResult>::IS_RESULT },
                    >>::into_result(__x_out)
                        .map_err(|__x_error| {
                            ::steadfast::__private::Typed(__x_error).known()
                        })
                        .map_err(
                            ::steadfast::__private::IntoWorkflowError::into_workflow_error,
                        )
                },
            ),
        )
    }
}
impl ::steadfast::__private::WorkflowDefinition for Trip {
    type Input = u32;
    type Output = ();
    const WORKFLOW_TYPE: &'static str = <Trip as ::steadfast::__private::WorkflowName>::WORKFLOW_TYPE;
    fn arguments() -> ::steadfast::__private::Arguments<Self::Input> {
        <u32 as ::steadfast::__private::Input>::arguments()
    }
    fn output_codec() -> ::steadfast::__private::Codec<Self::Output> {
        <() as ::steadfast::__private::Output>::codec()
    }
}
impl ::steadfast::__private::WorkflowImplementation for Trip {
    fn init(
        __x_view: &::steadfast::__private::WorkflowContextView,
        __x_0: Self::Input,
    ) -> ::core::result::Result<
        (Self, ::core::option::Option<Self::Input>),
        ::steadfast::__private::WorkflowError,
    > {
        let __x_state: Self = {
            let __x_made = {
                let __x_out = <Trip>::new(__x_view, __x_0);
                ::steadfast::__private::Fallible::into_result(__x_out)
                    .map_err(
                        ::steadfast::__private::IntoWorkflowError::into_workflow_error,
                    )
            }?;
            __x_made
        };
        ::core::result::Result::Ok((__x_state, ::core::option::Option::None))
    }
    fn run(
        _: ::steadfast::__private::WorkflowContext<Self>,
        _: ::core::option::Option<Self::Input>,
    ) -> ::steadfast::__private::LocalBoxFuture<
        'static,
        ::core::result::Result<Self::Output, ::steadfast::__private::WorkflowError>,
    > {
        ::steadfast::__private::finish_local(Self::run(), ::core::result::Result::Ok)
    }
    fn handlers() -> ::steadfast::__private::HandlerSet<Self> {
        ::steadfast::__private::HandlerSet::new()
            .signal(Self::approve)
            .signal(Self::cancel)
            .query(Self::approved_by)
            .update(Self::change)
    }
}
impl ::steadfast::__private::HasHandle for Trip {
    type Handle = TripHandle<Trip>;
}
/**Refers to an execution of the workflow `Trip`, with a method for each of its signals, queries and updates.

It derefs to the handle that all workflows share. A handler whose name that handle uses itself, such as `cancel`, has no method here: pass it to `signal`, `query` or `update`.*/
#[doc(hidden)]
#[allow(non_camel_case_types, private_interfaces, unnameable_types, unreachable_pub)]
pub struct TripHandle<__x_W: ::steadfast::__private::WorkflowDefinition = Trip>(
    ::steadfast::__private::WorkflowHandle<__x_W>,
);
#[allow(
    dead_code,
    non_snake_case,
    clippy::missing_errors_doc,
    clippy::must_use_candidate,
    clippy::too_many_arguments
)]
impl TripHandle<Trip> {
    /// Approves.
    pub fn approve(
        &self,
        by: String,
    ) -> ::steadfast::__private::BoxFuture<
        '_,
        ::core::result::Result<(), ::steadfast::__private::ClientError>,
    > {
        self.0.signal(<Trip>::approve, by)
    }
    ///Asks the query `approved_by`.
    pub fn approved_by(
        &self,
    ) -> ::steadfast::__private::BoxFuture<
        '_,
        ::core::result::Result<Option<String>, ::steadfast::__private::ClientError>,
    > {
        self.0.query(<Trip>::approved_by, ())
    }
    ///Runs the update `change`.
    pub fn change(
        &self,
        to: Place,
        at: Time,
    ) -> ::steadfast::__private::BoxFuture<
        '_,
        ::core::result::Result<
            <MyResult as ::steadfast::__private::Returned<
                { ::steadfast::__private::Probe::<MyResult>::IS_RESULT },
            >>::Output,
            ::steadfast::__private::ClientError,
        >,
    > {
        self.0.update(<Trip>::change, (to, at))
    }
}
impl ::core::clone::Clone for TripHandle<Trip> {
    fn clone(&self) -> Self {
        Self(::core::clone::Clone::clone(&self.0))
    }
}
impl ::core::fmt::Debug for TripHandle<Trip> {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        f.debug_tuple("TripHandle").field(&self.0).finish()
    }
}
impl ::core::ops::Deref for TripHandle<Trip> {
    type Target = ::steadfast::__private::WorkflowHandle<Trip>;
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}
impl ::core::convert::From<::steadfast::__private::WorkflowHandle<Trip>>
for TripHandle<Trip> {
    fn from(handle: ::steadfast::__private::WorkflowHandle<Trip>) -> Self {
        Self(handle)
    }
}
