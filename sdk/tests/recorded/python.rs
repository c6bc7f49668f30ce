//! Twins of the workflows in Python: timers, activities, compensation, resets.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use steadfast::{
    convert::to_payload,
    core::payload::Payload,
    prelude::*,
    testing::Replayer,
    workflow::{ActivityOptionsBuilder, join_all},
};

use ActivityCancellationType::{Abandon, TryCancel, WaitCancellationCompleted};

pub(crate) const HOUR: Duration = Duration::from_secs(3600);

pub(crate) fn register(replayer: Replayer) -> Replayer {
    replayer
        .register_workflow::<Sleep>()
        .register_workflow::<Immediate>()
        .register_workflow::<Timers>()
        .register_workflow::<Activity>()
        .register_workflow::<LocalActivity>()
        .register_workflow::<Compensation>()
        .register_workflow::<Swallowing>()
        .register_workflow::<FanOut>()
        .register_workflow::<Reset>()
}

fn options(id: &str) -> ActivityOptionsBuilder {
    ActivityOptions::with_start_to_close_timeout(Duration::from_secs(60))
        .activity_id(ActivityId::new(id).unwrap())
}

fn cancellation_type(name: &str) -> ActivityCancellationType {
    match name {
        "WAIT_CANCELLATION_COMPLETED" => WaitCancellationCompleted,
        "ABANDON" => Abandon,
        _ => TryCancel,
    }
}

fn text(text: &str) -> Vec<Payload> {
    vec![to_payload(text).unwrap()]
}

/// Waits for a timer, and does with its cancellation what it is told.
#[workflow(name = "SleepWF")]
#[derive(Default)]
struct Sleep {
    proceed: bool,
}

#[workflow_methods]
impl Sleep {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, mode: String) -> WorkflowResult<String> {
        let slept = ctx.sleep(HOUR).await;
        let Err(cancelled) = slept else {
            return Ok("slept".to_owned());
        };
        let reason = ctx.cancelled().await;
        match mode.as_str() {
            "swallow" => Ok("swallowed".to_owned()),
            "reason" => Ok(format!("reason='{reason}'")),
            "timer-after" => {
                ctx.sleep(Duration::from_millis(200)).await?;
                Err(cancelled.into())
            }
            "can" => ctx.continue_as_new("reraise".to_owned(), ContinueAsNewOptions::default()),
            "ignore-loop" => {
                ctx.wait_condition(|state| state.proceed).await?;
                Ok("ignored-then-proceeded".to_owned())
            }
            "fail" => Err(ApplicationFailure::new("cleanup broke", "CleanupError").into()),
            _ => Err(cancelled.into()),
        }
    }

    #[signal]
    fn proceed(&mut self) {
        self.proceed = true;
    }
}

/// Ends at once, or after an activity.
#[workflow]
#[derive(Default)]
struct Immediate;

#[workflow_methods]
impl Immediate {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, mode: String) -> WorkflowResult<String> {
        if mode == "activity" {
            return Ok(ctx
                .start_activity_by_name("quick", text("x"), options("act"))
                .await?);
        }
        Ok("completed-without-awaiting".to_owned())
    }
}

/// Timers that are cancelled, and time limits.
#[workflow(name = "TimersWF")]
#[derive(Default)]
struct Timers {
    proceed: bool,
}

#[workflow_methods]
impl Timers {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, mode: String) -> WorkflowResult<String> {
        let limited = async |limit: u64, activity: &'static str| {
            ctx.with_timeout(Duration::from_secs(limit), async |ctx| {
                ctx.start_activity_by_name::<String>(activity, text("x"), options("inner"))
                    .await
            })
            .await
        };
        match mode.as_str() {
            "wait_for-timeout" => Ok(limited(1, "hb_loop").await.unwrap_err().to_string()),
            "wait_for-ok" => limited(30, "quick").await,
            _ => {
                let timer = ctx.sleep(Duration::from_secs(100));
                if mode == "next-task" {
                    ctx.wait_condition(|state| state.proceed).await?;
                }
                timer.cancel();
                Ok(timer.await.unwrap_err().to_string())
            }
        }
    }

    #[signal]
    fn proceed(&mut self) {
        self.proceed = true;
    }
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
struct ActivityInput {
    /// Who cancels the activity.
    by: String,
    ct: String,
    r#fn: String,
    rethrow: bool,
    /// Whether to go on only when told to.
    wait: bool,
    /// For how many seconds to go on.
    sleep: u64,
    mode: String,
    linger: u64,
}

/// An activity, cancelled in one way or another.
#[workflow(name = "ActWF")]
#[derive(Default)]
struct Activity {
    cancel: bool,
    proceed: bool,
}

#[workflow_methods]
impl Activity {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, input: ActivityInput) -> WorkflowResult<String> {
        let name = match input.r#fn.as_str() {
            "" => "hb_loop",
            "stall" => "hb_once_then_stall",
            "uninvited" => "raise_cancel_uninvited",
            "hb_fail" => "hb_fail_then_report",
            other => other,
        };
        let options = options("act").cancellation_type(cancellation_type(&input.ct));
        let mut activity = ctx.start_activity_by_name::<String>(name, text("x"), options);
        let result = if input.by == "signal" {
            select! {
                result = &mut activity => result,
                told = ctx.wait_condition(|state| state.cancel) => {
                    told?;
                    activity.cancel();
                    activity.await
                }
            }
        } else {
            activity.await
        };
        if input.rethrow {
            return Ok(result?);
        }
        if ctx.is_cancelled() {
            ctx.cancelled().await;
        }
        if input.sleep > 0 {
            ctx.sleep(Duration::from_secs(input.sleep)).await?;
        }
        if input.wait {
            ctx.wait_condition(|state| state.proceed).await?;
        }
        Ok(result.unwrap_or_else(|error| error.to_string()))
    }

    #[signal]
    fn cancel_activity(&mut self) {
        self.cancel = true;
    }

    #[signal]
    fn proceed(&mut self) {
        self.proceed = true;
    }
}

struct Local;

#[activity_definitions]
impl Local {
    #[activity(name = "la_loop")]
    fn endless(mode: String) -> String;
}

/// A local activity that a timer cancels.
#[workflow(name = "LocalActWF")]
#[derive(Default)]
struct LocalActivity;

#[workflow_methods]
impl LocalActivity {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, input: ActivityInput) -> WorkflowResult<String> {
        let options = LocalActivityOptions::with_start_to_close_timeout(HOUR)
            .cancellation_type(cancellation_type(&input.ct));
        let activity = ctx.start_local_activity(Local::endless, input.mode, options);
        ctx.sleep(Duration::from_millis(500)).await?;
        activity.cancel();
        Ok(activity.await.unwrap_or_else(|error| error.to_string()))
    }
}

/// A step, and its compensation whatever happens.
#[workflow(name = "CompWF")]
#[derive(Default)]
struct Compensation;

#[workflow_methods]
impl Compensation {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, input: ActivityInput) -> WorkflowResult<String> {
        let main = options("main").cancellation_type(cancellation_type(&input.ct));
        let result = ctx
            .start_activity_by_name::<String>("hb_loop", text("slow"), main)
            .await;
        ctx.disconnected(async |ctx| {
            let undo = options("compensation");
            ctx.start_activity_by_name::<String>("quick", text("compensate"), undo)
                .await?;
            if input.linger > 0 {
                ctx.sleep(Duration::from_secs(input.linger)).await?;
            }
            WorkflowResult::Ok(())
        })
        .await?;
        Ok(result?)
    }
}

/// Swallows its cancellation, and lets that of an activity of its own escape.
#[workflow(name = "SwallowThenCancelActivity")]
#[derive(Default)]
struct Swallowing;

#[workflow_methods]
impl Swallowing {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, _input: String) -> WorkflowResult<String> {
        drop(ctx.sleep(HOUR).await);
        ctx.cancelled().await;
        let activity = ctx.start_activity_by_name("hb_loop", text("raise"), options("1"));
        ctx.sleep(Duration::from_millis(500)).await?;
        activity.cancel();
        Ok(activity.await?)
    }
}

/// Activities and timers beside each other.
#[workflow]
#[derive(Default)]
struct FanOut;

#[workflow_methods]
impl FanOut {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, count: u32) -> WorkflowResult<()> {
        let activities: Vec<_> = (1..=count)
            .map(|number| {
                let options = options(&number.to_string());
                ctx.start_activity_by_name::<String>("hb_loop", text("raise"), options)
            })
            .collect();
        let timers: Vec<_> = (0..count)
            .map(|_| ctx.sleep(Duration::from_secs(1000)))
            .collect();
        for activity in join_all(activities).await {
            activity?;
        }
        for timer in join_all(timers).await {
            timer?;
        }
        Ok(())
    }
}

/// A step, and a wait.
#[workflow(name = "ResetWF")]
#[derive(Default)]
struct Reset {
    signals: Vec<String>,
    finished: bool,
}

#[workflow_methods]
impl Reset {
    #[run]
    async fn run(
        ctx: &mut WorkflowContext<Self>,
        _input: serde_json::Value,
    ) -> WorkflowResult<Vec<String>> {
        ctx.start_activity_by_name::<String>("quick", text("step1"), options("1"))
            .await?;
        ctx.wait_condition(|state| state.finished).await?;
        Ok(ctx.state(|state| state.signals.clone()))
    }

    #[signal]
    fn sig(&mut self, text: String) {
        self.signals.push(text);
    }

    #[signal]
    fn finish(&mut self) {
        self.finished = true;
    }
}
