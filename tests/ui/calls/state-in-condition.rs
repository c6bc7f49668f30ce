use std::time::Duration;

use steadfast::prelude::*;

pub struct Bookings;

#[activities]
impl Bookings {
    #[activity]
    pub async fn charge(card: String, amount: u32) -> Result<u64, ActivityError> {
        Ok(u64::from(amount) + card.len() as u64)
    }

    pub async fn plain(card: String) {
        drop(card);
    }
}

#[workflow]
#[derive(Default)]
pub struct Trip {
    rate: u32,
}

#[workflow_methods]
impl Trip {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, name: String) -> WorkflowResult<()> {
        ctx.wait_condition(|state| {
            state.rate = 5;
            true
        })
        .await?;
        drop(name);
        Ok(())
    }

    #[signal]
    pub fn set_rate(&mut self, rate: u32) {
        self.rate = rate;
    }

    #[query]
    pub fn rate(&self) -> u32 {
        self.rate
    }
}

#[workflow]
#[derive(Default)]
pub struct Other;

#[workflow_methods]
impl Other {
    #[run]
    pub async fn run() {}

    #[signal]
    pub fn poke(&mut self) {}
}

pub fn options() -> ActivityOptions {
    ActivityOptions::start_to_close_timeout(Duration::from_secs(1))
}

fn main() {}
