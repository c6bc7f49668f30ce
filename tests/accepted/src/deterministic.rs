//! What looks like the worker's clock, threads or files and is none, and what is let through.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use steadfast::prelude::*;

/// Activities with the names of what workflows must not call.
#[derive(Debug)]
pub struct Instant;

#[activities]
impl Instant {
    /// An activity.
    #[activity]
    pub async fn now() -> u64 {
        0
    }

    /// Another.
    #[activity]
    pub async fn later(seconds: u64) -> u64 {
        seconds
    }
}

fn options() -> ActivityOptions {
    ActivityOptions::start_to_close_timeout(Duration::from_secs(1))
}

/// Goes step by step, and is no saga.
struct Walk;

impl Walk {
    async fn step(&self) {
        std::future::ready(()).await;
    }

    async fn nested(&self, steps: impl AsyncFn(&Self)) {
        steps(self).await;
    }
}

/// A workflow.
#[workflow]
#[derive(Debug, Default)]
pub struct Trip {
    #[allow_nondeterminism(reason = "only looked up by its key")]
    rates: HashMap<String, u32>,
    ordered: BTreeMap<String, u32>,
}

#[workflow_methods]
impl Trip {
    /// Runs.
    #[run]
    #[expect(clippy::print_stderr, reason = "it shows what is let through")]
    pub async fn run(ctx: &mut WorkflowContext<Self>, limit: Duration) -> WorkflowResult<usize> {
        let started = ctx.now();
        ctx.sleep(limit).await?;
        let waited = ctx.now().duration_since(started).unwrap_or_default();
        let at = ctx.start_activity(Instant::now, (), options()).await?;
        let chosen = ctx.side_effect(std::process::id)?;
        let task = ctx.spawn(async |ctx| ctx.random_u64());
        let sum: u32 = ctx.state(|state| state.ordered.values().sum());
        let rate = ctx.state(|state| state.rates.get("EUR").copied());
        select! {
            _ = ctx.timer(waited) => {}
            reason = ctx.cancelled() => drop(reason),
        }
        #[allow_nondeterminism(reason = "only logged")]
        let process = std::process::id();
        if !ctx.is_replaying() {
            #[allow_nondeterminism(reason = "not in a replay")]
            eprintln!("{process} {at} {chosen} {sum} {rate:?}");
        }
        let walk = Walk;
        walk.step().await;
        walk.nested(async |further| further.step().await).await;
        let step = |number| ctx.start_activity(Instant::later, number, options());
        step(1).await?;
        ctx.saga(async |saga| {
            saga.step(Instant::now, (), options())
                .without_compensation()
                .await?;
            step(2).await?;
            Ok::<_, WorkflowError>(())
        })
        .await?;
        let random = task.await;
        Ok(Self::sleep(usize::try_from(random % 7).unwrap_or_default()))
    }

    /// Not that of tokio.
    fn sleep(hours: usize) -> usize {
        hours
    }

    /// Only shown.
    #[query]
    #[allow_nondeterminism(reason = "a query leaves nothing in history")]
    pub fn process(&self) -> u32 {
        std::process::id()
    }
}
