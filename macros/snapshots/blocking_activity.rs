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
    const render: ::steadfast::__private::Method<
        Tickets<T>,
        ::steadfast::__private::Activity,
        4009327117,
        fn(Arc<Tickets<T>>, Booking) -> Vec<u8>,
    > = ::steadfast::__private::method(Self::__x_render);
    #[cfg(unix)]
    #[doc(hidden)]
    #[allow(dead_code, non_upper_case_globals)]
    const __x_waits_render: () = ();
    #[doc(hidden)]
    #[allow(
        unreachable_pub,
        clippy::must_use_candidate,
        clippy::needless_pass_by_ref_mut,
        clippy::needless_pass_by_value,
        clippy::trivially_copy_pass_by_ref,
        clippy::unused_self,
    )]
    #[cfg(unix)]
    fn __x_render(self: Arc<Self>, booking: Booking) -> Vec<u8> {
        self.paint(booking)
    }
}
#[cfg(unix)]
impl<
    T: Send + Sync + 'static,
> ::steadfast::__private::ActivityMethod<
    4009327117,
    fn(Arc<Tickets<T>>, Booking) -> Vec<u8>,
> for Tickets<T>
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
impl<
    T: Send + Sync + 'static,
> ::steadfast::__private::ActivityFunction<
    4009327117,
    fn(Arc<Tickets<T>>, Booking) -> Vec<u8>,
> for Tickets<T>
where
    Tickets<T>: ::core::marker::Send + ::core::marker::Sync + 'static,
{
    fn execute(
        implementer: ::steadfast::__private::Arc<Self>,
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
                ::core::result::Result::Ok(Self::__x_render(implementer, input_0))
            }),
        )
    }
}
impl<T: Send + Sync + 'static> ::steadfast::__private::Activities for Tickets<T>
where
    Tickets<T>: ::core::marker::Send + ::core::marker::Sync + 'static,
{
    fn register(registrar: &mut ::steadfast::__private::ActivityRegistrar<'_, Self>) {
        #[cfg(unix)] registrar.add(Self::render);
    }
}
