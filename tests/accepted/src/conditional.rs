//! Handlers, blocks and items behind `#[cfg]`.

use steadfast::prelude::*;

/// A workflow.
#[workflow]
#[derive(Debug, Default)]
pub struct Trip {
    rate: u32,
}

#[workflow_methods]
impl Trip {
    /// Runs.
    #[run]
    pub async fn run() {}

    /// Is not there.
    #[cfg(any())]
    #[signal]
    pub fn absent(&mut self, of: NoSuchType) {}

    /// Is there.
    #[cfg(not(any()))]
    #[signal]
    pub fn present(&mut self) {}

    /// One of two.
    #[cfg(not(any()))]
    #[update]
    pub fn rate(&mut self, rate: u32) -> u32 {
        std::mem::replace(&mut self.rate, rate)
    }

    /// Checks it.
    #[cfg(not(any()))]
    #[update_validator(rate)]
    fn check(&self, rate: &u32) -> Result<(), String> {
        if *rate < self.rate {
            Err("too little".to_owned())
        } else {
            Ok(())
        }
    }
}

/// A workflow that is not there.
#[cfg(any())]
#[workflow]
pub struct Absent;

#[cfg(any())]
#[workflow_methods]
impl Absent {
    #[run]
    pub async fn run(ctx: &mut NoSuchType) {}
}

/// Activities.
#[derive(Debug)]
pub struct Bookings;

#[cfg_attr(not(any()), activities)]
impl Bookings {
    /// Is there.
    #[activity]
    pub async fn charge() {}

    /// Is not there.
    #[cfg(any())]
    #[activity]
    pub async fn absent(of: NoSuchType) {}
}
