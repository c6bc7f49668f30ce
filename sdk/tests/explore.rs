//! The explorer finds a saga that forgets a compensation, a cleanup in the wrong scope and a lost
//! activity, and passes what is right.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use steadfast::{
    prelude::*,
    testing::{Outcome, explore},
};

/// What the activities did.
#[derive(Default)]
struct World(Mutex<Vec<&'static str>>);

impl World {
    fn did(&self, what: &'static str) {
        self.0.lock().unwrap().push(what);
    }

    fn count(&self, what: &str) -> usize {
        self.0
            .lock()
            .unwrap()
            .iter()
            .filter(|did| **did == what)
            .count()
    }

    /// Money that was taken and not given back.
    fn is_balanced(&self) -> bool {
        self.count("charge") == 0 || self.count("refund") > 0
    }
}

struct Bank(Arc<World>);

#[activities]
impl Bank {
    #[activity]
    async fn charge(&self, amount: u32) -> Result<u32, ActivityError> {
        self.0.did("charge");
        Ok(amount)
    }

    #[activity]
    async fn refund(&self, amount: u32) -> Result<u32, ActivityError> {
        self.0.did("refund");
        Ok(amount)
    }

    #[activity]
    async fn ship(&self, ctx: ActivityContext, _amount: u32) -> Result<u32, ActivityError> {
        ctx.heartbeat(&1)?.check()?;
        tokio::task::yield_now().await;
        ctx.heartbeat(&2)?.check()?;
        Ok(1)
    }
}

fn options() -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(Duration::from_secs(60))
        .heartbeat_timeout(Duration::from_secs(1))
        .build()
}

/// Right: a saga.
#[workflow]
#[derive(Default)]
struct Order;

#[workflow_methods]
impl Order {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, amount: u32) -> WorkflowResult<u32> {
        ctx.saga(async |saga| {
            let paid = saga
                .step(Bank::charge, amount, options())
                .compensate_with(Bank::refund, amount, options())
                .await?;
            ctx.sleep(Duration::from_secs(3_600)).await?;
            ctx.start_activity(Bank::ship, paid, options()).await?;
            WorkflowResult::Ok(paid)
        })
        .await
    }
}

/// Wrong: the cleanup is in the scope that is cancelled.
#[workflow]
#[derive(Default)]
struct WrongScope;

#[workflow_methods]
impl WrongScope {
    #[run]
    #[expect(
        deprecated,
        reason = "the macro sees the mistake that the search has to find"
    )]
    async fn run(ctx: &mut WorkflowContext<Self>, amount: u32) -> WorkflowResult<u32> {
        let paid = ctx.start_activity(Bank::charge, amount, options()).await?;
        if let Err(error) = ctx.sleep(Duration::from_secs(3_600)).await {
            ctx.start_activity(Bank::refund, paid, options()).await?;
            return Err(error.into());
        }
        Ok(paid)
    }
}

/// Wrong: the compensation is registered after the step, which may be cancelled while it runs.
#[workflow]
#[derive(Default)]
struct Forgetful;

#[workflow_methods]
impl Forgetful {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, amount: u32) -> WorkflowResult<u32> {
        let paid = ctx.start_activity(Bank::charge, amount, options()).await?;
        let slept = ctx.sleep(Duration::from_secs(3_600)).await;
        if slept.is_err() {
            ctx.disconnected(async |ctx| ctx.start_activity(Bank::refund, paid, options()).await)
                .await?;
        }
        slept?;
        Ok(paid)
    }
}

/// Whoever does not get the goods gets the money back.
fn fair<W>(world: &World, outcome: &Outcome<W>) -> Result<(), String>
where
    W: steadfast::definition::WorkflowDefinition,
{
    match &outcome.result {
        Ok(_) => Ok(()),
        Err(_) if world.is_balanced() => Ok(()),
        Err(error) => Err(format!("{error}, and the money is gone")),
    }
}

#[tokio::test]
async fn a_saga_survives_being_cancelled_and_crashing_anywhere() {
    let report = explore(Order::run, 7, World::default)
        .activities(|world| Bank(Arc::clone(world)))
        .check(fair)
        .run()
        .await;
    report.assert_ok();
    assert!(report.schedules > 50, "{report}");
}

#[tokio::test]
async fn a_cleanup_in_the_wrong_scope_is_found() {
    let report = explore(WrongScope::run, 7, World::default)
        .activities(|world| Bank(Arc::clone(world)))
        .check(fair)
        .run()
        .await;
    let failed = report.smallest_failure().expect("the cleanup is skipped");
    assert!(failed.schedule.cancel.is_some());
    assert_eq!(failed.schedule.crash, None, "{report}");
}

#[tokio::test]
async fn a_compensation_that_comes_too_late_is_found_and_runs_again() {
    let explorer = explore(Forgetful::run, 7, World::default)
        .activities(|world| Bank(Arc::clone(world)))
        .check(fair);
    let report = explorer.run().await;
    let failed = report.smallest_failure().expect("a charge is lost");
    let again = explorer.run_schedule(failed.schedule).await;
    assert_eq!(again.failures.len(), 1, "{report}");
    assert_eq!(again.failures[0].reason, failed.reason);
    let text = failed.to_string();
    assert!(text.contains("run it again with"), "{text}");
}
