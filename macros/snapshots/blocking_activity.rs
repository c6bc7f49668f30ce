impl<T: Send + Sync + 'static> Tickets<T>
where
    Self: ::core::marker::Send + ::core::marker::Sync + 'static,
{}
#[allow(dead_code, non_upper_case_globals, clippy::type_complexity, clippy::use_self)]
impl<T: Send + Sync + 'static> Tickets<T>
where
    Tickets<T>: ::core::marker::Send + ::core::marker::Sync + 'static,
{
    #[cfg(unix)]
    const render: ::steadfast::__private::Method<
        Tickets<T>,
        ::steadfast::__private::Activity,
        4009327117,
        fn(Arc<Tickets<T>>, Booking) -> Vec<u8>,
    > = ::steadfast::__private::method(<Self as MethodsOfTickets_3507227459<T>>::render);
    #[cfg(unix)]
    #[doc(hidden)]
    const __x_waits_render: () = ();
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
pub trait MethodsOfTickets_3507227459<T: Send + Sync + 'static>
where
    Tickets<T>: ::core::marker::Send + ::core::marker::Sync + 'static,
{
    #[cfg(unix)]
    fn render(self: Arc<Self>, booking: Booking) -> Vec<u8>;
}
#[allow(private_bounds, private_interfaces)]
impl<T: Send + Sync + 'static> MethodsOfTickets_3507227459<T> for Tickets<T>
where
    Tickets<T>: ::core::marker::Send + ::core::marker::Sync + 'static,
{
    #[cfg(unix)]
    fn render(self: Arc<Self>, booking: Booking) -> Vec<u8> {
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
        __x_by: ::steadfast::__private::Arc<Self>,
        __x_ctx: ::steadfast::__private::ActivityContext,
        __x_0: Self::Input,
    ) -> ::steadfast::__private::BoxFuture<
        'static,
        ::core::result::Result<Self::Output, ::steadfast::__private::ActivityError>,
    > {
        let __x_beating = ::core::clone::Clone::clone(&__x_ctx);
        ::steadfast::__private::auto_heartbeat(
            __x_beating,
            ::steadfast::__private::blocking(move || {
                ::core::result::Result::Ok(
                    <Self as MethodsOfTickets_3507227459<T>>::render(__x_by, __x_0),
                )
            }),
        )
    }
}
impl<T: Send + Sync + 'static> ::steadfast::__private::Activities for Tickets<T>
where
    Tickets<T>: ::core::marker::Send + ::core::marker::Sync + 'static,
{
    fn register(
        __x_registrar: &mut ::steadfast::__private::ActivityRegistrar<'_, Self>,
    ) {
        #[cfg(unix)] __x_registrar.add(Self::render);
    }
}
