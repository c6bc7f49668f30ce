//! What the child process runs: one workflow of many kinds, and activities that leave a trace.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};
use steadfast::prelude::*;

use crate::{
    order::{Kind, Plan},
    papers::{self, Papers},
};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

type Ctx = WorkflowContext<Load>;

/// What an activity is to do.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Work {
    millis: u64,
    /// How many attempts fail.
    failures: u32,
}

/// Activities that write down that they ran.
#[derive(Clone, Debug)]
pub(crate) struct Deeds(pub(crate) Arc<Papers>);

impl Deeds {
    fn write(&self, ctx: &ActivityContext, ended: bool) {
        let info = ctx.info();
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let deed = papers::Deed {
            ended,
            attempt: info.attempt,
            process: std::process::id(),
            time: i64::try_from(since.as_nanos()).unwrap(),
        };
        let run = info.execution.run_id.as_str();
        self.0.deed(run, info.activity_id.as_str(), deed);
    }
}

#[activities]
impl Deeds {
    /// Takes a while, and gives its attempt.
    #[activity]
    pub(crate) async fn work(
        &self,
        ctx: ActivityContext,
        work: Work,
    ) -> Result<u32, ActivityError> {
        self.write(&ctx, false);
        let attempt = ctx.info().attempt;
        if attempt <= work.failures {
            return Err(ApplicationFailure::new("not yet", "NotYet").into());
        }
        tokio::time::sleep(Duration::from_millis(work.millis)).await;
        self.write(&ctx, true);
        Ok(attempt)
    }

    /// Runs until it is cancelled.
    #[activity]
    pub(crate) async fn hold(&self, ctx: ActivityContext) -> Result<(), ActivityError> {
        self.write(&ctx, false);
        ctx.heartbeat(&"holding")?;
        ctx.cancelled().await;
        Err(ActivityError::cancelled())
    }
}

/// A workflow of many kinds.
#[workflow]
#[derive(Debug, Default)]
pub(crate) struct Load {
    heard: Vec<String>,
}

#[workflow_methods]
impl Load {
    #[run]
    pub(crate) async fn run(ctx: &mut WorkflowContext<Self>, plan: Plan) -> WorkflowResult<String> {
        match plan.kind {
            Kind::Steps => steps(ctx, &plan).await,
            Kind::Timers => timers(ctx, &plan).await,
            Kind::Signals | Kind::Updates => {
                let size = usize::try_from(plan.size).unwrap();
                ctx.wait_condition(|state| state.heard.len() >= size)
                    .await?;
                Ok(ctx.state(|state| state.heard.join(",")))
            }
            Kind::Family => family(ctx, &plan).await,
            Kind::Hold => hold(ctx, &plan).await,
            Kind::Clan => clan(ctx, &plan).await,
            Kind::Saga | Kind::FailedSaga | Kind::CancelledSaga => saga(ctx, &plan).await,
            Kind::Continued => {
                work(ctx, &plan, "step-1").await?;
                if plan.runs == plan.size {
                    return Ok(format!("{} runs", plan.runs));
                }
                let next = Plan {
                    runs: plan.runs + 1,
                    ..plan
                };
                ctx.continue_as_new(next, ContinueAsNewOptions::default())
            }
            Kind::Once => once(ctx, &plan).await,
            Kind::Terminated => {
                drop(ctx.start_activity(Deeds::hold, (), options("hold")).await);
                Ok("nobody terminated it".to_owned())
            }
            Kind::Reset => {
                work(ctx, &plan, "step-1").await?;
                ctx.wait_condition(|state| !state.heard.is_empty()).await?;
                Ok(ctx.state(|state| state.heard.join(",")))
            }
        }
    }

    /// Tells it something.
    #[signal]
    pub(crate) fn say(&mut self, what: String) {
        self.heard.push(what);
    }

    /// Tells it something, and hears how much it has heard.
    #[update]
    pub(crate) fn tell(&mut self, what: String) -> usize {
        self.heard.push(what);
        self.heard.len()
    }

    #[query]
    pub(crate) fn heard(&self) -> Vec<String> {
        self.heard.clone()
    }
}

fn options(id: &str) -> steadfast::workflow::ActivityOptionsBuilder {
    ActivityOptions::with_start_to_close_timeout(MINUTE)
        .activity_id(ActivityId::new(id).unwrap())
        .retry_policy(RetryPolicy {
            initial_interval: Duration::from_millis(15),
            ..RetryPolicy::default()
        })
}

fn task(plan: &Plan) -> Work {
    Work {
        millis: plan.millis,
        failures: 0,
    }
}

async fn work(ctx: &Ctx, plan: &Plan, id: &str) -> Result<u32, ActivityExecutionError> {
    ctx.start_activity(Deeds::work, task(plan), options(id))
        .await
}

async fn steps(ctx: &Ctx, plan: &Plan) -> WorkflowResult<String> {
    let mut attempts = Vec::new();
    for step in 1..=plan.size {
        let work = Work {
            failures: u32::from(step % 3 == 0),
            ..task(plan)
        };
        let options = options(&format!("step-{step}"));
        let attempt = ctx.start_activity(Deeds::work, work, options).await?;
        attempts.push(attempt.to_string());
    }
    Ok(attempts.join(","))
}

async fn timers(ctx: &Ctx, plan: &Plan) -> WorkflowResult<String> {
    for number in 1..=plan.size {
        let long = ctx.timer(Duration::from_millis(9 * number));
        let short = ctx.timer(Duration::from_millis(5));
        short.await?;
        long.await?;
    }
    Ok(format!("{} timers", 2 * plan.size))
}

fn child_id(ctx: &Ctx, number: u64) -> ChildWorkflowOptions {
    let id = format!("{}.{number}", ctx.workflow_id());
    ChildWorkflowOptions::with_workflow_id(WorkflowId::new(id).unwrap()).build()
}

async fn family(ctx: &Ctx, plan: &Plan) -> WorkflowResult<String> {
    let plan = Plan {
        kind: Kind::Steps,
        size: 2,
        ..*plan
    };
    let first = ctx.start_child_workflow(Load::run, plan.clone(), child_id(ctx, 1));
    let second = ctx.start_child_workflow(Load::run, plan, child_id(ctx, 2));
    Ok(format!("{} {}", first.await?, second.await?))
}

async fn clean_up(ctx: &Ctx, plan: &Plan) -> WorkflowResult<String> {
    let plan = plan.clone();
    ctx.disconnected(async move |ctx| work(ctx, &plan, "cleanup").await)
        .await?;
    // Not started when it was cancelled, as it must be; otherwise this never ends.
    ctx.sleep(HOUR).await?;
    Ok("nobody cancelled it".to_owned())
}

async fn hold(ctx: &Ctx, plan: &Plan) -> WorkflowResult<String> {
    let cancellation_type = if plan.size.is_multiple_of(2) {
        ActivityCancellationType::TryCancel
    } else {
        ActivityCancellationType::WaitCancellationCompleted
    };
    let options = options("hold").cancellation_type(cancellation_type);
    drop(ctx.start_activity(Deeds::hold, (), options).await);
    clean_up(ctx, plan).await
}

async fn clan(ctx: &Ctx, plan: &Plan) -> WorkflowResult<String> {
    let child = Plan {
        kind: Kind::Hold,
        ..plan.clone()
    };
    let _ = ctx
        .start_child_workflow(Load::run, child, child_id(ctx, 1))
        .await;
    clean_up(ctx, plan).await
}

async fn saga(ctx: &Ctx, plan: &Plan) -> WorkflowResult<String> {
    ctx.saga(async |saga| {
        for step in 1..=plan.size {
            saga.step(Deeds::work, task(plan), options(&format!("do-{step}")))
                .compensate_with(Deeds::work, task(plan), options(&format!("undo-{step}")))
                .await?;
        }
        match plan.kind {
            Kind::FailedSaga => Err(ApplicationFailure::new("no room", "NoRoom").into()),
            Kind::CancelledSaga => {
                ctx.sleep(HOUR).await?;
                WorkflowResult::Ok("nobody cancelled it".to_owned())
            }
            _ => Ok("booked".to_owned()),
        }
    })
    .await
}

async fn once(ctx: &Ctx, plan: &Plan) -> WorkflowResult<String> {
    let mut ends = Vec::new();
    for step in 1..=plan.size {
        let options = options(&format!("once-{step}")).retry_policy(RetryPolicy::once());
        let end = match ctx.start_activity(Deeds::work, task(plan), options).await {
            Ok(_) => "done",
            Err(_) => "lost",
        };
        ends.push(end);
    }
    Ok(ends.join(","))
}
