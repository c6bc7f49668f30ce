//! A module without the standard prelude, and without `steadfast`'s.
#![no_implicit_prelude]

/// A workflow.
#[::steadfast::workflow]
#[derive(::std::fmt::Debug, ::std::default::Default)]
pub struct Trip {
    rate: u32,
}

#[::steadfast::workflow_methods]
impl Trip {
    /// Runs.
    #[run]
    pub async fn run(
        ctx: &mut ::steadfast::workflow::WorkflowContext<Self>,
        name: ::std::string::String,
    ) -> ::steadfast::error::WorkflowResult<::std::string::String> {
        let rate = ctx.state(|state| state.rate);
        ::std::result::Result::Ok(::std::format!("{name} {rate}"))
    }

    /// Changes.
    #[update]
    pub fn rate(
        &mut self,
        rate: u32,
        _again: bool,
    ) -> ::std::result::Result<u32, ::std::string::String> {
        ::std::result::Result::Ok(::std::mem::replace(&mut self.rate, rate))
    }

    /// Checks.
    #[update_validator(rate)]
    fn check(&self, rate: &u32, _again: &bool) -> ::std::result::Result<(), ::std::string::String> {
        if *rate > self.rate {
            ::std::result::Result::Ok(())
        } else {
            ::std::result::Result::Err(::std::convert::From::from("too little"))
        }
    }

    /// Tells.
    #[signal]
    pub async fn tell(ctx: &mut ::steadfast::workflow::WorkflowContext<Self>, rate: u32) {
        ctx.state_mut(|state| state.rate = rate);
    }

    /// Answers.
    #[query]
    pub fn asked(&self) -> ::std::option::Option<u32> {
        ::std::option::Option::Some(self.rate)
    }
}

/// Activities.
#[derive(::std::fmt::Debug)]
pub struct Bookings;

#[::steadfast::activities]
impl Bookings {
    /// Books.
    #[activity(auto_heartbeat)]
    pub async fn book(&self, name: ::std::string::String) -> ::std::string::String {
        name
    }

    /// Blocks.
    #[activity]
    pub fn block(name: ::std::string::String) -> ::std::result::Result<u32, ::std::string::String> {
        ::std::result::Result::Err(name)
    }
}

/// Selects.
pub async fn select() -> u32 {
    ::steadfast::workflow::select! {
        value = ::std::future::ready(1) => value,
        value = ::std::future::ready(2), if true => value,
    }
}
