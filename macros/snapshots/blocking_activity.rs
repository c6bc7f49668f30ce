impl<T: Send + Sync + 'static> Tickets<T>
where
    Self: ::core::marker::Send + ::core::marker::Sync + 'static,
{
    #[cfg(unix)]
    #[allow(
        dead_code,
        non_upper_case_globals,
        clippy::type_complexity,
        clippy::use_self
    )]
    const render: __x_Tickets_render<
        Tickets<T>,
        fn(Arc<Tickets<T>>, Booking) -> Vec<u8>,
    > = __x_Tickets_render(::core::marker::PhantomData);
    #[doc(hidden)]
    #[allow(unreachable_pub)]
    #[allow(
        clippy::must_use_candidate,
        clippy::needless_pass_by_ref_mut,
        clippy::needless_pass_by_value,
        clippy::trivially_copy_pass_by_ref,
        clippy::unused_async,
        clippy::unused_self
    )]
    #[cfg(unix)]
    fn __x_render(self: Arc<Self>, booking: Booking) -> Vec<u8> {
        self.paint(booking)
    }
}
#[cfg(unix)]
#[doc(hidden)]
#[allow(
    missing_debug_implementations,
    non_camel_case_types,
    unnameable_types,
    unreachable_pub
)]
pub struct __x_Tickets_render<W, F>(::core::marker::PhantomData<fn() -> (W, F)>);
#[cfg(unix)]
impl<W, F> ::core::clone::Clone for __x_Tickets_render<W, F> {
    fn clone(&self) -> Self {
        *self
    }
}
#[cfg(unix)]
impl<W, F> ::core::marker::Copy for __x_Tickets_render<W, F> {}
#[cfg(unix)]
impl<T: Send + Sync + 'static> ::core::ops::Deref
for __x_Tickets_render<Tickets<T>, fn(Arc<Tickets<T>>, Booking) -> Vec<u8>>
where
    Tickets<T>: ::core::marker::Send + ::core::marker::Sync + 'static,
{
    type Target = fn(Arc<Tickets<T>>, Booking) -> Vec<u8>;
    fn deref(&self) -> &Self::Target {
        &(<Tickets<T>>::__x_render as Self::Target)
    }
}
#[cfg(unix)]
impl<W, F> __x_Tickets_render<W, F> {
    #[allow(dead_code)]
    pub const fn __x_waits_for_cancellation(self) {}
}
#[cfg(unix)]
impl<T: Send + Sync + 'static> ::steadfast::__private::ActivityDefinition
for __x_Tickets_render<Tickets<T>, fn(Arc<Tickets<T>>, Booking) -> Vec<u8>>
where
    Tickets<T>: ::core::marker::Send + ::core::marker::Sync + 'static,
{
    type Input = Booking;
    type Output = Vec<u8>;
    const ACTIVITY_TYPE: &'static str = "render";
    fn arguments() -> ::steadfast::__private::Arguments<Self::Input> {
        <Booking as ::steadfast::__private::Input>::arguments()
    }
    fn output_codec() -> ::steadfast::__private::Codec<Self::Output> {
        <Vec<u8> as ::steadfast::__private::Output>::codec()
    }
}
#[cfg(unix)]
impl<T: Send + Sync + 'static> ::steadfast::__private::ActivityImplementation
for __x_Tickets_render<Tickets<T>, fn(Arc<Tickets<T>>, Booking) -> Vec<u8>>
where
    Tickets<T>: ::core::marker::Send + ::core::marker::Sync + 'static,
{
    type Implementer = Tickets<T>;
    fn execute(
        implementer: ::steadfast::__private::Arc<Self::Implementer>,
        context: ::steadfast::__private::ActivityContext,
        input_0: Self::Input,
    ) -> ::steadfast::__private::BoxFuture<
        'static,
        ::core::result::Result<Self::Output, ::steadfast::__private::ActivityError>,
    > {
        let beating = ::core::clone::Clone::clone(&context);
        ::steadfast::__private::auto_heartbeat(
            beating,
            ::steadfast::__private::blocking(move || {
                ::core::result::Result::Ok(
                    <Tickets<T>>::__x_render(implementer, input_0),
                )
            }),
        )
    }
}
impl<T: Send + Sync + 'static> ::steadfast::__private::Activities for Tickets<T>
where
    Tickets<T>: ::core::marker::Send + ::core::marker::Sync + 'static,
{
    fn register(registrar: &mut ::steadfast::__private::ActivityRegistrar<'_, Self>) {
        #[cfg(unix)]
        registrar
            .add::<
                __x_Tickets_render<Tickets<T>, fn(Arc<Tickets<T>>, Booking) -> Vec<u8>>,
            >();
    }
}
