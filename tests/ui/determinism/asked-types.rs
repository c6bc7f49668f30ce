use std::time::{Instant, SystemTime};

use steadfast::prelude::*;

mod own {
    pub struct Instant;

    impl Instant {
        pub fn now() -> Self {
            Self
        }
    }
}

#[workflow]
#[derive(Default)]
struct Trip;

#[workflow_methods]
impl Trip {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        let _ours = own::Instant::now();
        drop((Instant::now(), SystemTime::now()));
        ctx.cancelled().await;
        Ok(())
    }
}

fn main() {}
