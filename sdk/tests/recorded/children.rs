//! Twins of the workflows in Python that are about other executions.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use steadfast::{
    definition::WorkflowDefinition, prelude::*, testing::Replayer,
    workflow::ChildWorkflowOptionsBuilder,
};

use crate::python::HOUR;
use ChildWorkflowCancellationType::{Abandon, TryCancel, WaitCancellationCompleted};

pub(crate) fn register(replayer: Replayer) -> Replayer {
    replayer
        .register_workflow::<Child>()
        .register_workflow::<Parent>()
        .register_workflow::<ContinuingChild>()
        .register_workflow::<ParentOfContinuing>()
        .register_workflow::<Canceller>()
        .register_workflow::<Words>()
}

fn child_of<W: WorkflowDefinition>(ctx: &WorkflowContext<W>) -> ChildWorkflowOptionsBuilder {
    let id = format!("{}-child", ctx.workflow_id());
    ChildWorkflowOptions::with_workflow_id(WorkflowId::new(id).unwrap())
}

/// Waits for a timer, and does with its cancellation what it is told.
#[workflow(name = "ChildWF")]
#[derive(Default)]
struct Child {
    proceed: bool,
}

#[workflow_methods]
impl Child {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, mode: String) -> WorkflowResult<String> {
        let slept = ctx.sleep(HOUR).await;
        match mode.as_str() {
            "slow" => {
                ctx.disconnected(async |ctx| ctx.sleep(Duration::from_millis(1_500)).await)
                    .await?;
            }
            "ignore" => {
                ctx.cancelled().await;
                ctx.wait_condition(|state| state.proceed).await?;
                return Ok("child-ignored-cancel".to_owned());
            }
            _ => {}
        }
        slept?;
        Ok("slept".to_owned())
    }

    #[signal]
    fn proceed(&mut self) {
        self.proceed = true;
    }
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
struct ParentInput {
    /// Who cancels the child.
    by: String,
    child: String,
    ct: String,
    /// How to end when told to.
    end: String,
    pcp: String,
    rethrow: bool,
    same_task: bool,
}

/// A child, cancelled in one way or another.
#[workflow(name = "ParentWF")]
#[derive(Default)]
struct Parent {
    cancel: bool,
    finish: bool,
}

#[workflow_methods]
impl Parent {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, input: ParentInput) -> WorkflowResult<String> {
        let options = child_of(ctx)
            .cancellation_type(match input.ct.as_str() {
                "TRY_CANCEL" => TryCancel,
                "ABANDON" => Abandon,
                _ => WaitCancellationCompleted,
            })
            .parent_close_policy(match input.pcp.as_str() {
                "ABANDON" => ParentClosePolicy::Abandon,
                "REQUEST_CANCEL" => ParentClosePolicy::RequestCancel,
                _ => ParentClosePolicy::Terminate,
            });
        let mut child = ctx.start_child_workflow(Child::run, input.child, options);
        let result = match input.by.as_str() {
            _ if input.same_task => {
                child.cancel();
                child.await
            }
            "none" => {
                child.detach();
                ctx.wait_condition(|state| state.finish).await?;
                return match input.end.as_str() {
                    "can" => {
                        let idle = ParentInput {
                            by: "idle".to_owned(),
                            ..ParentInput::default()
                        };
                        ctx.continue_as_new(idle, ContinueAsNewOptions::default())
                    }
                    "fail" => Err(ApplicationFailure::new("parent failed", "P").into()),
                    _ => Ok("completed".to_owned()),
                };
            }
            "signal" => select! {
                result = &mut child => result,
                told = ctx.wait_condition(|state| state.cancel) => {
                    told?;
                    child.cancel();
                    child.await
                }
            },
            _ => child.await,
        };
        if input.rethrow {
            return Ok(result?);
        }
        Ok(result.unwrap_or_else(|error| error.to_string()))
    }

    #[signal]
    fn cancel_child(&mut self) {
        self.cancel = true;
    }

    #[signal]
    fn finish(&mut self) {
        self.finish = true;
    }
}

/// Continues as new once.
#[workflow(name = "CanChildWF")]
#[derive(Default)]
struct ContinuingChild;

#[workflow_methods]
impl ContinuingChild {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, mode: String) -> WorkflowResult<()> {
        if mode == "first" {
            return ctx.continue_as_new("second".to_owned(), ContinueAsNewOptions::default());
        }
        Ok(ctx.sleep(HOUR).await?)
    }
}

/// Waits for a child that continues as new.
#[workflow(name = "ParentOfCanChild")]
#[derive(Default)]
struct ParentOfContinuing;

#[workflow_methods]
impl ParentOfContinuing {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, _input: String) -> WorkflowResult<()> {
        let options = child_of(ctx);
        let child = ctx.start_child_workflow(ContinuingChild::run, "first".to_owned(), options);
        Ok(child.await?)
    }
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
struct CancellerInput {
    wid: String,
    reason: String,
}

/// Cancels another execution.
#[workflow(name = "ExtCancelWF")]
#[derive(Default)]
struct Canceller;

#[workflow_methods]
impl Canceller {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, input: CancellerInput) -> WorkflowResult<String> {
        let target = ctx.external_workflow(WorkflowId::new(input.wid)?);
        let cancelled = target.cancel(input.reason).await;
        Ok(cancelled.map_or_else(|error| error.to_string(), |()| "ok".to_owned()))
    }
}

struct Local;

#[activity_definitions]
impl Local {
    #[activity]
    fn say();
}

/// Says something of all that it does, in other words than were recorded: they are not compared.
#[workflow]
#[derive(Default)]
struct Words;

#[workflow_methods]
impl Words {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        let moment = TimerOptions::new(Duration::from_millis(1));
        ctx.timer(moment.summary("an hour")).await?;
        let limit = Duration::from_secs(30);
        let shout = ActivityOptions::with_start_to_close_timeout(limit).summary("a song");
        ctx.start_activity(Local::say, (), shout).await?;
        let whisper = LocalActivityOptions::start_to_close_timeout(limit);
        ctx.start_local_activity(Local::say, (), whisper).await?;
        let id = WorkflowId::new("child-of-words")?;
        let child = ChildWorkflowOptions::with_workflow_id(id).static_details("of silence");
        ctx.start_child_workflow_by_name("Child", Vec::new(), child)?
            .await?;
        Ok(())
    }
}
