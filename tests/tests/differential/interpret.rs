//! Programs as workflows of this SDK. `interpreter.py` says the same in Python.

use std::{sync::Arc, time::Duration};

use futures_util::future::{LocalBoxFuture, join_all, select_all};
use steadfast::{error::TimedOut, prelude::*};
use tokio::sync::oneshot;

use crate::{
    board::Board,
    program::{Act, Cancellation, Hears, Kid, Play, Span, Step, What, WhenClosed},
};

/// Long enough that a machine that is busy with all programs of a batch starts an activity in it.
const SHORT: Duration = Duration::from_millis(1_500);
const LONG: Duration = Duration::from_secs(36_000);
/// An activity hears of its cancellation after 0.8 of it; the rest is for a machine that is busy.
const HEARTBEAT: Duration = Duration::from_secs(6);

impl Span {
    pub(crate) fn duration(self) -> Duration {
        match self {
            Self::Short => SHORT,
            Self::Long => LONG,
        }
    }
}

/// The activities.
#[derive(Clone)]
pub(crate) struct Stage(pub(crate) Arc<Board>);

#[activities]
impl Stage {
    #[activity(auto_heartbeat)]
    pub(crate) async fn act(
        &self,
        ctx: ActivityContext,
        act: Act,
    ) -> Result<String, ActivityError> {
        let info = ctx.info();
        let failure = || ApplicationFailure::new("told to fail", "Told");
        match act.what {
            What::Succeeds => {}
            What::Fails => {
                return Err(ApplicationFailure::non_retryable("told to fail", "Told").into());
            }
            What::Recovers if info.attempt == 1 => return Err(failure().into()),
            What::Recovers => {}
            What::Exhausts => return Err(failure().into()),
            What::TimesOut => tokio::time::sleep(SHORT * 4).await,
            What::Held(hears) => {
                let workflow_id = info.execution.workflow_id.to_string();
                let (let_go, gone) = oneshot::channel();
                self.0.hold(&workflow_id, &act.label, move || {
                    let _ = let_go.send(());
                });
                if hears == Hears::Nothing {
                    let _ = gone.await;
                } else {
                    tokio::select! {
                        _ = gone => {}
                        _ = ctx.cancelled() => {
                            self.0.ended(&workflow_id, &act.label);
                            match hears {
                                Hears::AndStops => return Err(ActivityError::cancelled()),
                                Hears::AndFails => return Err(
                                    ApplicationFailure::non_retryable("told to fail", "Heard").into()
                                ),
                                Hears::AndSucceeds | Hears::Nothing => {}
                            }
                        }
                    }
                }
            }
        }
        Ok(act.label)
    }
}

/// A program as a workflow.
#[workflow(name = "Play")]
pub(crate) struct Player {
    play: Play,
    log: Vec<String>,
    signals: usize,
}

type Ctx = WorkflowContext<Player>;

#[workflow_methods]
impl Player {
    #[init]
    fn new(_: &WorkflowContextView, play: Play) -> Self {
        Self {
            log: play.log.clone(),
            play,
            signals: 0,
        }
    }

    #[run]
    pub(crate) async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<String> {
        let steps = ctx.state(|state| state.play.steps.clone());
        run(ctx.clone(), steps).await?;
        Ok("done".to_owned())
    }

    /// Handlers run in a scope that the execution's cancellation does not reach: Python's SDK cancels the run
    /// function alone, and ours, by D1 and D2, whatever is in the root scope.
    #[signal]
    pub(crate) async fn poke(ctx: &mut WorkflowContext<Self>, number: u32) {
        let steps = ctx.state_mut(|state| {
            state.signals += 1;
            state.play.on_signal.clone()
        });
        handle(ctx, "signal", number, &steps).await;
    }

    #[update]
    pub(crate) async fn ask(ctx: &mut WorkflowContext<Self>, number: u32) -> String {
        let steps = ctx.state(|state| state.play.on_update.clone());
        handle(ctx, "update", number, &steps).await;
        format!("answer {number}")
    }

    #[update_validator(ask)]
    fn check(&self, number: &u32) -> Result<(), ApplicationFailure> {
        if *number == 0 {
            return Err(ApplicationFailure::new("nothing was asked", "Nothing"));
        }
        Ok(())
    }

    #[query]
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.clone()
    }
}

async fn handle(ctx: &Ctx, what: &str, number: u32, steps: &[Step]) {
    let what = format!("{what} {number}");
    log(ctx, what.clone());
    if steps.is_empty() {
        return;
    }
    // Each message has labels of its own.
    let steps = serde_json::to_string(steps).expect("steps are JSON");
    let steps: Vec<Step> = serde_json::from_str(&steps.replace('#', &format!(".{number}")))
        .expect("labels are plain text");
    let ended = ctx.disconnected(async |ctx| run(ctx.clone(), steps).await);
    let ended = ended.await;
    note(ctx, &what, &ended);
}

fn log(ctx: &Ctx, text: String) {
    ctx.state_mut(|state| state.log.push(text));
}

fn note<T>(ctx: &Ctx, what: &str, ended: &WorkflowResult<T>) {
    let how = match ended {
        Ok(_) => "ended".to_owned(),
        Err(error) => words(error),
    };
    log(ctx, format!("{what} {how}"));
}

/// What an error is, in the words that both interpreters use.
fn words(error: &WorkflowError) -> String {
    if error.is_cancelled() {
        return "was cancelled".to_owned();
    }
    let mut failure = &error.to_failure();
    while let Some(cause) = &failure.cause {
        failure = cause;
    }
    match &failure.kind {
        steadfast::core::failure::FailureKind::Application { error_type, .. } => {
            format!("failed as {error_type}")
        }
        steadfast::core::failure::FailureKind::Timeout { .. } => "timed out".to_owned(),
        other => format!("ended as {other:?}"),
    }
}

fn run(ctx: Ctx, steps: Vec<Step>) -> LocalBoxFuture<'static, WorkflowResult<()>> {
    Box::pin(async move {
        for step in steps {
            one(&ctx, step).await?;
        }
        Ok(())
    })
}

async fn one(ctx: &Ctx, step: Step) -> WorkflowResult<()> {
    match step {
        Step::Log(text) => log(ctx, text),
        Step::Activity(act) => {
            let label = act.label.clone();
            let ended = activity(ctx, act).await.map_err(WorkflowError::from);
            note(ctx, &label, &ended);
            ended?;
        }
        Step::Gate(label) => {
            let act = Act {
                label: label.clone(),
                what: What::Held(Hears::Nothing),
                local: true,
                cancellation: Cancellation::Try,
            };
            let ended = activity(ctx, act).await.map_err(WorkflowError::from);
            note(ctx, &label, &ended);
            ended?;
        }
        Step::Sleep(span) => {
            let ended = ctx
                .sleep(span.duration())
                .await
                .map_err(WorkflowError::from);
            note(ctx, "sleep", &ended);
            ended?;
        }
        Step::WaitSignals(count) => {
            let wait = ctx.wait_condition(|state| state.signals >= count);
            let ended = wait.await.map_err(WorkflowError::from);
            note(ctx, "wait", &ended);
            ended?;
        }
        Step::Shield(body) => {
            ctx.disconnected(async |ctx| run(ctx.clone(), body).await)
                .await?;
        }
        Step::Timeout(span, body) => {
            let limited =
                ctx.with_timeout(span.duration(), async |ctx| run(ctx.clone(), body).await);
            let ended = limited.await.map_err(|error| {
                let timed_out = error
                    .as_error()
                    .is_some_and(|error| error.downcast_ref::<TimedOut>().is_some());
                if timed_out {
                    ApplicationFailure::new("out of time", "OutOfTime").into()
                } else {
                    error
                }
            });
            note(ctx, "timeout", &ended);
            ended?;
        }
        Step::Try {
            body,
            cleanup,
            again,
        } => {
            let Err(error) = run(ctx.clone(), body).await else {
                return Ok(());
            };
            log(ctx, format!("caught: {}", words(&error)));
            ctx.disconnected(async |ctx| run(ctx.clone(), cleanup).await)
                .await?;
            if again {
                return Err(error);
            }
        }
        Step::Listen(body) => {
            let body = run(ctx.clone(), body);
            let heard = select! {
                ended = body => { ended?; false }
                _ = ctx.cancelled() => true,
            };
            if heard {
                log(ctx, "heard".to_owned());
            }
        }
        Step::Accept => {
            if ctx.is_cancelled() {
                ctx.cancelled().await;
                log(ctx, "accepted".to_owned());
            }
        }
        Step::Join(branches) => {
            let branches = branches.into_iter().map(|steps| run(ctx.clone(), steps));
            for ended in join_all(branches).await {
                ended?;
            }
        }
        Step::Race(branches) => {
            let branches = branches.into_iter().map(|steps| run(ctx.clone(), steps));
            let (ended, index, mut losers) = select_all(branches).await;
            // The last one took the winner's place; `select!` drops losers in written order.
            if index < losers.len() {
                let last = losers.remove(index);
                losers.push(last);
            }
            drop(losers);
            log(ctx, format!("branch {index} won"));
            ended?;
        }
        Step::Child(kid) => child(ctx, *kid).await?,
        Step::Fail(kind) => return Err(ApplicationFailure::new("told to fail", kind).into()),
        Step::ContinueAsNew(steps) => {
            let next = ctx.state(|state| Play {
                steps,
                log: state.log.clone(),
                ..state.play.clone()
            });
            return ctx.continue_as_new(next, ContinueAsNewOptions::default());
        }
    }
    Ok(())
}

fn activity(ctx: &Ctx, act: Act) -> steadfast::workflow::ActivityFuture<String> {
    let limit = match act.what {
        What::TimesOut => SHORT / 2,
        _ => LONG,
    };
    let retry = RetryPolicy {
        initial_interval: Duration::from_millis(50),
        backoff_coefficient: 1.0,
        maximum_interval: None,
        maximum_attempts: match act.what {
            What::Recovers | What::Exhausts => 2,
            _ => 1,
        },
        non_retryable_error_types: Vec::new(),
    };
    let cancellation = match act.cancellation {
        Cancellation::Try => ActivityCancellationType::TryCancel,
        Cancellation::Wait => ActivityCancellationType::WaitCancellationCompleted,
        Cancellation::Abandon => ActivityCancellationType::Abandon,
    };
    if act.local {
        let options = LocalActivityOptions::with_start_to_close_timeout(limit)
            .retry_policy(retry)
            .cancellation_type(cancellation);
        return ctx.start_local_activity(Stage::act, act, options);
    }
    let mut options = ActivityOptions::with_start_to_close_timeout(limit)
        .retry_policy(retry)
        .cancellation_type(cancellation);
    if matches!(act.what, What::Held(hears) if hears != Hears::Nothing) {
        options = options.heartbeat_timeout(HEARTBEAT);
    }
    ctx.start_activity(Stage::act, act, options)
}

async fn child(ctx: &Ctx, kid: Kid) -> WorkflowResult<()> {
    let id = WorkflowId::new(format!("{}-{}", ctx.workflow_id(), kid.label))?;
    let options = ChildWorkflowOptions::with_workflow_id(id)
        .parent_close_policy(match kid.when_closed {
            WhenClosed::Terminate => ParentClosePolicy::Terminate,
            WhenClosed::RequestCancel => ParentClosePolicy::RequestCancel,
            WhenClosed::Abandon => ParentClosePolicy::Abandon,
        })
        .cancellation_type(match kid.cancellation {
            Cancellation::Try => ChildWorkflowCancellationType::TryCancel,
            Cancellation::Wait => ChildWorkflowCancellationType::WaitCancellationCompleted,
            Cancellation::Abandon => ChildWorkflowCancellationType::Abandon,
        });
    let play = Play {
        steps: kid.steps,
        ..Play::default()
    };
    let child = ctx.start_child_workflow(Player::run, play, options);
    if kid.awaited {
        let ended = child.await.map_err(WorkflowError::from);
        note(ctx, &kid.label, &ended);
        ended?;
    } else {
        if child.started().await.is_none() {
            child.await?;
            return Ok(());
        }
        log(ctx, format!("{} started", kid.label));
        child.detach();
    }
    Ok(())
}
