impl Bookings {
    /// Books a room.
    #[allow(
        dead_code,
        non_upper_case_globals,
        clippy::type_complexity,
        clippy::use_self
    )]
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
    > = ::steadfast::__private::method(|this, context, input_0, input_1| ::std::boxed::Box::pin(
        Self::__x_book_hotel(this, context, input_0, input_1),
    ));
    #[doc(hidden)]
    #[allow(dead_code, non_upper_case_globals)]
    pub const __x_waits_book_hotel: () = ();
    #[doc(hidden)]
    #[allow(
        unreachable_pub,
        clippy::unused_async,
        clippy::needless_pass_by_ref_mut,
        clippy::needless_pass_by_value,
        clippy::trivially_copy_pass_by_ref,
        clippy::unused_self,
    )]
    #[tracing::instrument]
    pub async fn __x_book_hotel(
        &self,
        ctx: ActivityContext,
        trip: Trip,
        nights: u32,
    ) -> Result<Booking, ActivityError> {
        self.api.book(ctx, trip, nights).await
    }
    fn helper() {}
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
            |input| ::core::result::Result::Ok(
                ::core::convert::From::from([
                    <Trip as ::steadfast::__private::Input>::codec().encode(&input.0)?,
                    <u32 as ::steadfast::__private::Input>::codec().encode(&input.1)?,
                ]),
            ),
            |payloads| ::core::result::Result::Ok((
                <Trip as ::steadfast::__private::Input>::codec()
                    .decode_at(payloads, 0usize)?,
                <u32 as ::steadfast::__private::Input>::codec()
                    .decode_at(payloads, 1usize)?,
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
        implementer: ::steadfast::__private::Arc<Self>,
        context: ::steadfast::__private::ActivityContext,
        (input_0, input_1): Self::Input,
    ) -> ::steadfast::__private::BoxFuture<
        'static,
        ::core::result::Result<Self::Output, ::steadfast::__private::ActivityError>,
    > {
        ::steadfast::__private::finish_with(
            implementer,
            context,
            move |implementer, context| Self::book_hotel(
                implementer,
                ::core::clone::Clone::clone(context),
                input_0,
                input_1,
            ),
            |output| {
                ::steadfast::__private::Fallible::into_result(output)
                    .map_err(
                        ::steadfast::__private::IntoActivityError::into_activity_error,
                    )
            },
        )
    }
}
impl ::steadfast::__private::Activities for Bookings {
    fn register(registrar: &mut ::steadfast::__private::ActivityRegistrar<'_, Self>) {
        registrar.add(Self::book_hotel);
    }
}
