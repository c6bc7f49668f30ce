//! Resetting through the client (rules T1 to T3).

use std::time::Duration;

use steadfast::{
    client::{ResetOptions, ResetPoint, ResetTask},
    core::event::{EventKind, ExecutionStatus, WorkflowTaskFailedCause},
    prelude::*,
    testing::TestEnvironment,
};

struct Steps;

#[activities]
impl Steps {
    #[activity]
    async fn step(number: u32) -> Result<u32, ActivityError> {
        Ok(number + 1)
    }
}

fn options() -> ActivityOptions {
    ActivityOptions::start_to_close_timeout(Duration::from_secs(10))
}

/// The code as it was deployed first.
mod first {
    use super::*;

    #[workflow(name = "Order")]
    #[derive(Default)]
    pub(super) struct Order {
        approved: bool,
    }

    #[workflow_methods]
    impl Order {
        #[run]
        pub(super) async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<String> {
            let number = ctx.start_activity(Steps::step, 1, options()).await?;
            ctx.wait_condition(|state| state.approved).await?;
            Ok(format!("first {number} {}", ctx.random_u64()))
        }

        #[signal]
        pub(super) fn approve(&mut self) {
            self.approved = true;
        }
    }
}

/// The code as it was changed, without a guard: it does not fit the histories of the first.
mod second {
    use super::*;

    #[workflow(name = "Order")]
    #[derive(Default)]
    pub(super) struct Order {
        approved: bool,
    }

    #[workflow_methods]
    impl Order {
        #[run]
        pub(super) async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<String> {
            ctx.sleep(Duration::from_secs(1)).await?;
            let number = ctx.start_activity(Steps::step, 1, options()).await?;
            ctx.wait_condition(|state| state.approved).await?;
            Ok(format!("second {number}"))
        }

        #[signal]
        pub(super) fn approve(&mut self) {
            self.approved = true;
        }
    }
}

async fn reaches(handle: &first::OrderHandle, name: &str, times: usize) -> anyhow::Result<()> {
    loop {
        let history = handle.history().await?;
        let found = history
            .events
            .iter()
            .filter(|event| event.kind.name() == name)
            .count();
        if found >= times {
            return Ok(());
        }
        tokio::task::yield_now().await;
    }
}

/// T1, T2: the run is stuck on a nondeterminism error; a reset to before the change repairs it, and the
/// signal that came meanwhile is applied again.
#[tokio::test]
async fn a_run_that_is_stuck_on_nondeterminism_is_repaired_by_a_reset() -> anyhow::Result<()> {
    let env = TestEnvironment::start()?;
    let worker = env
        .worker("q")
        .register_workflow::<first::Order>()
        .register_activities(Steps)
        .build()?;
    let order = env
        .run(&worker, async {
            let start = WorkflowStartOptions::new("q", "order");
            let order = env
                .client()
                .start_workflow(first::Order::run, (), start)
                .await?;
            reaches(&order, "ActivityTaskCompleted", 1).await?;
            env.idle().await?;
            anyhow::Ok(order)
        })
        .await??;

    let worker = env
        .worker("q")
        .register_workflow::<second::Order>()
        .register_activities(Steps)
        .build()?;
    let (base, result) = env
        .run(&worker, async {
            order.approve().await?;
            reaches(&order, "WorkflowTaskFailed", 1).await?;
            let base = order.history().await?;
            let points = order.reset_points().await?;
            assert_eq!(points[0].task, ResetTask::Completed);
            assert_eq!(points[0].kept, 3);

            let again = order
                .reset(
                    ResetPoint::FirstWorkflowTask,
                    "the code has changed",
                    ResetOptions::default(),
                )
                .await?;
            env.advance(Duration::from_secs(2)).await?;
            anyhow::Ok((base, again.result().await?))
        })
        .await??;

    let failed = base.events.iter().find_map(|event| match &event.kind {
        EventKind::WorkflowTaskFailed { cause, failure, .. } => Some((*cause, failure.clone())),
        _ => None,
    });
    let (cause, failure) = failed.expect("the code does not fit");
    assert_eq!(cause, WorkflowTaskFailedCause::NonDeterministicError);
    let text = failure.expect("it says why").message;
    assert!(text.starts_with("[X1100] workflow `Order`"), "{text}");
    assert!(text.contains("reset the run to event 4"), "{text}");
    assert_eq!(result, "second 2");

    let base_run = base.execution;
    let base = env.client().workflow_run::<first::Order>(base_run);
    let description = base.describe().await?;
    assert_eq!(description.status, ExecutionStatus::Terminated);
    assert!(description.reset_run_id.is_some());
    Ok(())
}

/// T1, T3: a closed run keeps its status, and random numbers start anew.
#[tokio::test]
async fn a_completed_run_keeps_its_status_and_chance_starts_anew() -> anyhow::Result<()> {
    let env = TestEnvironment::start()?;
    let worker = env
        .worker("q")
        .register_workflow::<first::Order>()
        .register_activities(Steps)
        .build()?;
    let (order, before, after) = env
        .run(&worker, async {
            let start = WorkflowStartOptions::new("q", "order");
            let order = env
                .client()
                .start_workflow(first::Order::run, (), start)
                .await?;
            order.approve().await?;
            let before = order.result().await?;
            let again = order
                .reset(
                    ResetPoint::LastWorkflowTask,
                    "again",
                    ResetOptions::default(),
                )
                .await?;
            let after = again.result().await?;
            anyhow::Ok((order, before, after))
        })
        .await??;
    assert!(before.starts_with("first 2 ") && after.starts_with("first 2 "));
    assert_ne!(before, after);
    let run_id = order.run_id().expect("it was started here").clone();
    let workflow_id = order.workflow_id().clone();
    let base = steadfast::core::ids::WorkflowExecution {
        workflow_id,
        run_id,
    };
    let base = env.client().workflow_run::<first::Order>(base);
    assert_eq!(base.describe().await?.status, ExecutionStatus::Completed);
    Ok(())
}

/// T1: another event is refused, and the valid ones are named.
#[tokio::test]
async fn a_point_that_is_none_is_refused_with_the_valid_ones() -> anyhow::Result<()> {
    let env = TestEnvironment::start()?;
    let worker = env
        .worker("q")
        .register_workflow::<first::Order>()
        .register_activities(Steps)
        .build()?;
    let error = env
        .run(&worker, async {
            let start = WorkflowStartOptions::new("q", "order");
            let order = env
                .client()
                .start_workflow(first::Order::run, (), start)
                .await?;
            order.approve().await?;
            order.result().await?;
            let reset = order.reset(ResetPoint::event(1), "no", ResetOptions::default());
            anyhow::Ok(reset.await.expect_err("event 1 is no point").to_string())
        })
        .await??;
    assert!(error.contains('3') && error.contains('4'), "{error}");
    Ok(())
}
