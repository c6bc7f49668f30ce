use steadfast::prelude::*;
use std::time::{Duration, SystemTime};

#[workflow]
#[derive(Default)]
pub struct Trip {
    rate: u32,
}

#[workflow_methods]
impl Trip {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        let _ = Self::age(ctx.now());
        Self::rest().await;
        Ok(())
    }

    fn age(since: SystemTime) -> Duration {
        SystemTime::now().duration_since(since).unwrap_or_default()
    }

    async fn rest() {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }

    #[query]
    pub fn elapsed(&self) -> u64 {
        SystemTime::UNIX_EPOCH.elapsed().map_or(0, |age| age.as_secs())
            + u64::from(std::process::id())
    }
}

fn main() {}
