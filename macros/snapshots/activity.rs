impl Bookings {
    fn helper() {}
}
#[allow(dead_code, non_upper_case_globals, clippy::type_complexity, clippy::use_self)]
impl Bookings {
    /// Books a room.
    pub const book_hotel: ::steadfast::__private::Method<
        Bookings,
        ::steadfast::__private::Activity,
        2380274877,
        for<'x> fn(
            &'x Bookings,
            ActivityContext,
            Trip,
            u32,
        ) -> ::steadfast::__private::BoxFuture<'x, Result<Booking, ActivityError>>,
    > = ::steadfast::__private::method(|__x_this, __x_ctx, __x_0, __x_1| ::std::boxed::Box::pin(
        <Self as MethodsOfBookings>::book_hotel(__x_this, __x_ctx, __x_0, __x_1),
    ));
    #[doc(hidden)]
    pub const __x_waits_book_hotel: () = ();
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
pub trait MethodsOfBookings {
    async fn book_hotel(
        &self,
        ctx: ActivityContext,
        trip: Trip,
        nights: u32,
    ) -> Result<Booking, ActivityError>;
}
#[allow(private_bounds, private_interfaces)]
impl MethodsOfBookings for Bookings {
    #[tracing::instrument]
    async fn book_hotel(
        &self,
        ctx: ActivityContext,
        trip: Trip,
        nights: u32,
    ) -> Result<Booking, ActivityError> {
        self.api.book(ctx, trip, nights).await
    }
}
impl ::steadfast::__private::ActivityMethod<
    2380274877,
    for<'x> fn(
        &'x Bookings,
        ActivityContext,
        Trip,
        u32,
    ) -> ::steadfast::__private::BoxFuture<'x, Result<Booking, ActivityError>>,
> for Bookings {
    type Input = (Trip, u32);
    type Output = Booking;
    const ACTIVITY_TYPE: &'static str = "book-hotel";
    fn arguments() -> ::steadfast::__private::Arguments<Self::Input> {
        ::steadfast::__private::Arguments::new(
            |__x_input| ::core::result::Result::Ok(
                ::core::convert::From::from([
                    <Trip as ::steadfast::__private::Input>::codec()
                        .encode(&__x_input.0)?,
                    <u32 as ::steadfast::__private::Input>::codec().encode(&__x_input.1)?,
                ]),
            ),
            |__x_payloads| ::core::result::Result::Ok((
                <Trip as ::steadfast::__private::Input>::codec()
                    .decode_at(__x_payloads, 0usize)?,
                <u32 as ::steadfast::__private::Input>::codec()
                    .decode_at(__x_payloads, 1usize)?,
            )),
        )
    }
    fn output_codec() -> ::steadfast::__private::Codec<Self::Output> {
        <Booking as ::steadfast::__private::Output>::codec()
    }
}
impl ::steadfast::__private::ActivityFunction<
    2380274877,
    for<'x> fn(
        &'x Bookings,
        ActivityContext,
        Trip,
        u32,
    ) -> ::steadfast::__private::BoxFuture<'x, Result<Booking, ActivityError>>,
> for Bookings {
    fn execute(
        __x_by: ::steadfast::__private::Arc<Self>,
        __x_ctx: ::steadfast::__private::ActivityContext,
        (__x_0, __x_1): Self::Input,
    ) -> ::steadfast::__private::BoxFuture<
        'static,
        ::core::result::Result<Self::Output, ::steadfast::__private::ActivityError>,
    > {
        ::steadfast::__private::finish_with(
            __x_by,
            __x_ctx,
            move |__x_by, __x_ctx| Self::book_hotel(
                __x_by,
                ::core::clone::Clone::clone(__x_ctx),
                __x_0,
                __x_1,
            ),
            |__x_out| {
                ::steadfast::__private::Fallible::into_result(__x_out)
                    .map_err(
                        ::steadfast::__private::IntoActivityError::into_activity_error,
                    )
            },
        )
    }
}
impl ::steadfast::__private::Activities for Bookings {
    fn register(
        __x_registrar: &mut ::steadfast::__private::ActivityRegistrar<'_, Self>,
    ) {
        __x_registrar.add(Self::book_hotel);
    }
}
