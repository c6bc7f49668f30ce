::core::compile_error! {
    "unknown option `retries` for `#[activity]`\nhelp: the options are `name` and `auto_heartbeat`; timeouts and retry policy are chosen by the caller in `ActivityOptions`"
}
::core::compile_error! {
    "`#[activity]` function `book_hotel` must own its inputs\nhelp: write `String`\nread: docs/errors/owned-inputs.md"
}
::core::compile_error! {
    "`#[activity]` function `book_hotel` must not take `&mut self`\nhelp: write `&self`; many activities run at once, so changing state needs a lock or an atomic\nread: docs/errors/activity-receiver.md"
}
impl Bookings {
    #[allow(dead_code, missing_docs, non_upper_case_globals)]
    pub const book_hotel: [(); ::core::compile_error! {
        "unknown option `retries` for `#[activity]`\nhelp: the options are `name` and `auto_heartbeat`; timeouts and retry policy are chosen by the caller in `ActivityOptions`"
    }] = ::core::compile_error! {
        "unknown option `retries` for `#[activity]`\nhelp: the options are `name` and `auto_heartbeat`; timeouts and retry policy are chosen by the caller in `ActivityOptions`"
    };
    #[doc(hidden)]
    #[allow(dead_code, unused, clippy::all)]
    #[inline]
    pub async fn __x_book_hotel(&mut self, trip: &str) {}
}
#[allow(dead_code, non_upper_case_globals, clippy::type_complexity, clippy::use_self)]
impl Bookings {}
impl ::steadfast::__private::Activities for Bookings {
    fn register(
        __x_registrar: &mut ::steadfast::__private::ActivityRegistrar<'_, Self>,
    ) {}
}
