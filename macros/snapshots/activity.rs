impl Bookings {
    /// Books a room.
    #[allow(
        dead_code,
        non_upper_case_globals,
        clippy::type_complexity,
        clippy::use_self
    )]
    pub const book_hotel: __x_Bookings_book_hotel<
        Bookings,
        for<'x> fn(
            &'x Bookings,
            ActivityContext,
            Trip,
            u32,
        ) -> ::steadfast::__private::BoxFuture<'x, Result<Booking, ActivityError>>,
    > = __x_Bookings_book_hotel(::core::marker::PhantomData);
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
#[doc(hidden)]
#[allow(
    missing_debug_implementations,
    non_camel_case_types,
    unnameable_types,
    unreachable_pub
)]
pub struct __x_Bookings_book_hotel<W, F>(::core::marker::PhantomData<fn() -> (W, F)>);
impl<W, F> ::core::clone::Clone for __x_Bookings_book_hotel<W, F> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<W, F> ::core::marker::Copy for __x_Bookings_book_hotel<W, F> {}
#[allow(non_camel_case_types, clippy::type_complexity)]
type __x_type__x_Bookings_book_hotel = __x_Bookings_book_hotel<
    Bookings,
    for<'x> fn(
        &'x Bookings,
        ActivityContext,
        Trip,
        u32,
    ) -> ::steadfast::__private::BoxFuture<'x, Result<Booking, ActivityError>>,
>;
impl __x_type__x_Bookings_book_hotel {
    fn __x_call<'x>(
        this: &'x Bookings,
        context: ActivityContext,
        input_0: Trip,
        input_1: u32,
    ) -> ::steadfast::__private::BoxFuture<'x, Result<Booking, ActivityError>> {
        ::std::boxed::Box::pin(
            <Bookings>::__x_book_hotel(this, context, input_0, input_1),
        )
    }
}
impl ::core::ops::Deref for __x_type__x_Bookings_book_hotel {
    type Target = for<'x> fn(
        &'x Bookings,
        ActivityContext,
        Trip,
        u32,
    ) -> ::steadfast::__private::BoxFuture<'x, Result<Booking, ActivityError>>;
    fn deref(&self) -> &Self::Target {
        &(Self::__x_call as Self::Target)
    }
}
impl<W, F> __x_Bookings_book_hotel<W, F> {
    #[allow(dead_code)]
    pub const fn __x_waits_for_cancellation(self) {}
}
impl ::steadfast::__private::ActivityDefinition for __x_type__x_Bookings_book_hotel {
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
impl ::steadfast::__private::ActivityImplementation for __x_type__x_Bookings_book_hotel {
    type Implementer = Bookings;
    fn execute(
        implementer: ::steadfast::__private::Arc<Self::Implementer>,
        context: ::steadfast::__private::ActivityContext,
        (input_0, input_1): Self::Input,
    ) -> ::steadfast::__private::BoxFuture<
        'static,
        ::core::result::Result<Self::Output, ::steadfast::__private::ActivityError>,
    > {
        ::std::boxed::Box::pin(async move {
            let output = Self::__x_call(&implementer, context, input_0, input_1).await;
            ::steadfast::__private::Fallible::into_result(output)
                .map_err(|error| ::steadfast::__private::IntoActivityError::into_activity_error(
                    error,
                ))
        })
    }
}
impl ::steadfast::__private::Activities for Bookings {
    fn register(registrar: &mut ::steadfast::__private::ActivityRegistrar<'_, Self>) {
        registrar.add::<__x_type__x_Bookings_book_hotel>();
    }
}
