//! Runs activity tasks: polls them, calls the function, reports how it ended.

use std::{
    convert::Infallible,
    future::{Future as _, poll_fn},
    panic::AssertUnwindSafe,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use futures_util::FutureExt as _;
use steadfast_core::{
    failure::{Failure, TimeoutType},
    ids::{ActivityId, ActivityType, Identity, TaskQueue, WorkflowExecution},
    options::ActivityTimeouts,
    payload::{Payload, TRACE_HEADER},
    task::{ActivityOutcome, ActivityTask, TaskToken},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::Instant,
};
use tracing::Instrument as _;

use super::{answers::Answers, polls, registry::Registry, shutdown::Shutdown};
use crate::{
    activity::{ActivityContext, ActivityEnd, ActivityFn, CancelCause, Heartbeater},
    engine::{ActivityLease, ActivityNotice, Engine, EngineError, PollActivityTaskRequest},
    tracing_context::Propagation,
};

/// The waits before an outcome that could not be stored is reported again.
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LONGEST_RETRY: Duration = Duration::from_secs(5);

/// Runs the activity tasks of one queue.
pub(crate) struct ActivityTasks {
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) task_queue: TaskQueue,
    pub(crate) identity: Identity,
    pub(crate) slots: Arc<Semaphore>,
    pub(crate) max_tasks_per_second: Option<f64>,
    pub(crate) shutdown: Shutdown,
    pub(crate) propagation: Propagation,
}

/// An attempt at an activity, and who hears what of it.
struct Attempt {
    token: TaskToken,
    whose: Whose,
    cause: watch::Sender<Option<CancelCause>>,
    heartbeater: Heartbeater,
    notices: Option<watch::Receiver<ActivityNotice>>,
    limits: Limits,
}

/// What an attempt is called where it is told of.
struct Whose {
    execution: WorkflowExecution,
    activity_id: ActivityId,
    activity_type: ActivityType,
    number: u32,
}

impl Whose {
    fn of(task: &ActivityTask) -> Self {
        Self {
            execution: task.execution.clone(),
            activity_id: task.activity_id.clone(),
            activity_type: task.activity_type.clone(),
            number: task.attempt,
        }
    }

    fn report_failed(&self, failure: &Failure) {
        tracing::warn!(
            workflow_id = ?self.execution.workflow_id,
            run_id = %self.execution.run_id,
            activity_id = ?self.activity_id,
            activity_type = ?self.activity_type,
            attempt = self.number,
            %failure,
            "an attempt at an activity failed"
        );
    }
}

/// What is to be called.
struct Call {
    function: Result<ActivityFn, String>,
    context: ActivityContext,
    input: Vec<Payload>,
}

impl ActivityTasks {
    /// Polls until the worker is to stop.
    pub(crate) async fn poll_all(self: Arc<Self>, answers: Answers) -> Result<(), EngineError> {
        let poll = || {
            self.engine.poll_activity_task(PollActivityTaskRequest {
                task_queue: self.task_queue.clone(),
                worker: self.identity.clone(),
                max_tasks_per_second: self.max_tasks_per_second,
                remote: false,
            })
        };
        let take = |lease, slot| self.take(lease, slot, &answers);
        polls::poll_all(&self.shutdown, &self.slots, poll, take).await
    }

    /// Runs a task that came when the worker had begun to stop.
    pub(super) async fn take_untaken(self: &Arc<Self>, lease: ActivityLease, answers: &Answers) {
        if let Ok(slot) = self.slots.clone().acquire_owned().await {
            self.take(lease, slot, answers);
        }
    }

    fn take(self: &Arc<Self>, lease: ActivityLease, slot: OwnedSemaphorePermit, answers: &Answers) {
        let tracked = self.shutdown.track();
        let (tasks, answers) = (Arc::clone(self), answers.clone());
        let span = tracing::info_span!(
            "activity",
            workflow_id = ?lease.task.execution.workflow_id,
            run_id = %lease.task.execution.run_id,
            activity_id = ?lease.task.activity_id,
            activity_type = ?lease.task.activity_type,
            attempt = lease.task.attempt,
        );
        self.propagation
            .join(lease.task.header.get(TRACE_HEADER), &span);
        let (attempt, call) = self.prepare(lease);
        let reports_in = span.clone();
        let run = async move {
            if let Some(outcome) = tasks.perform(&attempt, call).await {
                let report = async move {
                    tasks.report(&attempt, &outcome).await;
                    // Whoever waits for the end may open the engine's file again.
                    drop((tasks, attempt));
                    drop((slot, tracked));
                };
                answers.drive(report.instrument(reports_in));
            }
        };
        // The runtime moves a task about, and these are large.
        tokio::spawn(Box::pin(run.instrument(span)));
    }

    /// Runs one task to its end.
    #[cfg(feature = "embedded")]
    pub(crate) async fn run(&self, lease: ActivityLease) {
        let (attempt, call) = self.prepare(lease);
        if let Some(outcome) = self.perform(&attempt, call).await {
            self.report(&attempt, &outcome).await;
        }
    }

    fn prepare(&self, lease: ActivityLease) -> (Attempt, Call) {
        let ActivityLease { mut task, notices } = lease;
        let (token, whose) = (task.token.clone(), Whose::of(&task));
        let (cause, _) = watch::channel(None);
        let heartbeater = Heartbeater::new(
            Arc::clone(&self.engine),
            token.clone(),
            &task.timeouts,
            task.heartbeat_details.clone(),
            cause.clone(),
        );
        let limits = Limits::new(&task.timeouts, heartbeater.clone(), notices.is_none());
        let call = Call {
            function: self.registry.activity(&task.activity_type),
            input: std::mem::take(&mut task.input),
            context: ActivityContext::new(task, cause.clone(), heartbeater.clone()),
        };
        let attempt = Attempt {
            token,
            whose,
            cause,
            heartbeater,
            notices,
            limits,
        };
        (attempt, call)
    }

    /// Runs an attempt. `None` when it goes on elsewhere.
    async fn perform(&self, attempt: &Attempt, call: Call) -> Option<ActivityOutcome> {
        let ended = self.call(attempt, call).await;
        let unsent = attempt.heartbeater.stop();
        let token = &attempt.token;
        let Some(mut outcome) = ended else {
            self.hand_over(token.clone(), unsent).await;
            return None;
        };
        match &mut outcome {
            ActivityOutcome::Failed {
                last_heartbeat_details,
                ..
            } => {
                *last_heartbeat_details = unsent;
            }
            ActivityOutcome::Cancelled { .. } => {
                if let Some(details) = unsent {
                    let _ = self.engine.record_heartbeat(token.clone(), details).await;
                }
            }
            ActivityOutcome::Completed { .. } => {}
        }
        Some(outcome)
    }

    /// Calls the function. `None` when it completes asynchronously.
    async fn call(&self, attempt: &Attempt, call: Call) -> Option<ActivityOutcome> {
        let Call {
            function,
            context,
            input,
        } = call;
        let function = match function {
            Ok(function) => function,
            Err(message) => return Some(failed(Failure::application(message, "NotFound"))),
        };
        let call = AssertUnwindSafe(async move { function(context, input).await }).catch_unwind();
        let mut call = std::pin::pin!(call);
        // Many functions have nothing to wait for; nor has then anybody to listen on their behalf.
        let mut listen = None;
        let result = poll_fn(|cx| {
            if let Poll::Ready(result) = call.as_mut().poll(cx) {
                return Poll::Ready(result);
            }
            let listen = listen.get_or_insert_with(|| Box::pin(self.listen(attempt)));
            match listen.as_mut().poll(cx) {
                Poll::Ready(never) => match never {},
                Poll::Pending => Poll::Pending,
            }
        })
        .await;
        let cause = &attempt.cause;
        match ActivityEnd::of_call(result, &self.engine.payload_limit()) {
            Ok(result) => Some(ActivityOutcome::Completed {
                result: Some(result),
            }),
            Err(end) => match end {
                ActivityEnd::Failed(failure) | ActivityEnd::Unreadable(failure) => {
                    Some(failed(*failure))
                }
                ActivityEnd::CompleteAsync => None,
                ActivityEnd::Cancelled(details) => {
                    let cause = *cause.borrow();
                    Some(match cause {
                        Some(CancelCause::WorkerShutdown) => failed(Failure::application(
                            "the worker is shutting down and this activity did not complete in time",
                            "WorkerShutdown",
                        )),
                        // Not the end of the activity, but of this attempt.
                        Some(CancelCause::Paused) => failed(Failure::application(
                            "the activity was paused",
                            "ActivityPause",
                        )),
                        Some(CancelCause::Reset) => failed(Failure::application(
                            "the activity was reset",
                            "ActivityReset",
                        )),
                        // Without a request the engine would refuse it and the activity would hang
                        // until a time limit (scenario 76).
                        None => failed(Failure::application(
                            "the activity ended as cancelled, but nobody asked it to stop",
                            "UnexpectedCancel",
                        )),
                        Some(
                            CancelCause::Cancelled | CancelCause::TimedOut | CancelCause::NotFound,
                        ) => ActivityOutcome::Cancelled { details },
                    })
                }
            },
        }
    }

    /// Passes on what the engine and the worker have to say.
    async fn listen(&self, attempt: &Attempt) -> Infallible {
        let tell = |news: CancelCause| {
            attempt.cause.send_if_modified(|known| {
                let changed = known.is_none();
                known.get_or_insert(news);
                changed
            });
        };
        let engine = async {
            let Some(mut notices) = attempt.notices.clone() else {
                return std::future::pending().await;
            };
            loop {
                match *notices.borrow_and_update() {
                    ActivityNotice::None => {}
                    ActivityNotice::CancelRequested => tell(CancelCause::Cancelled),
                    ActivityNotice::TimedOut => tell(CancelCause::TimedOut),
                    ActivityNotice::NotFound => tell(CancelCause::NotFound),
                }
                if notices.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        let worker = async {
            self.shutdown.grace_is_over().await;
            tell(CancelCause::WorkerShutdown);
            std::future::pending::<Infallible>().await
        };
        let time = async {
            attempt.limits.passed().await;
            attempt.whose.report_failed(&Failure::timeout(
                "a time limit of the attempt passed",
                TimeoutType::StartToClose,
            ));
            tell(CancelCause::TimedOut);
            std::future::pending::<Infallible>().await
        };
        tokio::select! {
            never = engine => never,
            never = worker => never,
            never = time => never,
        }
    }

    /// The function has returned, and the activity goes on elsewhere.
    async fn hand_over(&self, token: TaskToken, unsent: Option<Vec<Payload>>) {
        if let Some(details) = unsent {
            let _ = self.engine.record_heartbeat(token.clone(), details).await;
        }
        match self.engine.hand_over_activity_task(token).await {
            // It may be over before its function has returned.
            Ok(()) | Err(EngineError::NotFound { .. }) => {}
            Err(error) => tracing::error!(
                %error,
                "that the activity goes on elsewhere was not recorded; a restart will start it again"
            ),
        }
    }

    /// Reports until the engine has recorded it, or nobody wants it any more.
    async fn report(&self, attempt: &Attempt, outcome: &ActivityOutcome) {
        let mut wait = FIRST_RETRY;
        loop {
            let report = self
                .engine
                .complete_activity_task(attempt.token.clone(), outcome.clone());
            match report.await {
                Ok(()) => {
                    if let ActivityOutcome::Failed { failure, .. } = outcome {
                        attempt.whose.report_failed(failure);
                    }
                    return;
                }
                // The workflow has closed or a time limit passed: nobody wants the outcome.
                Err(EngineError::NotFound { message }) => {
                    tracing::debug!(message, "the outcome of the activity came too late");
                    return;
                }
                Err(error @ EngineError::Storage { .. }) => {
                    tracing::warn!(%error, "the outcome of the activity was not recorded; it is reported again");
                    let grace_is_over = self.shutdown.grace_is_over();
                    // Boxed because it is rare and everybody else would carry the room for it.
                    if Box::pin(tokio::time::timeout(wait, grace_is_over))
                        .await
                        .is_ok()
                    {
                        return;
                    }
                    wait = (wait * 2).min(LONGEST_RETRY);
                }
                Err(error) => {
                    tracing::error!(%error, "the outcome of the activity was not accepted");
                    return;
                }
            }
        }
    }
}

/// The time limits of an attempt, for when the engine does not tell that one passed.
///
/// They are counted from when the worker got the task and from the heartbeats that the engine took,
/// so that they never pass before the engine's.
struct Limits {
    end: Option<Instant>,
    heartbeat_timeout: Option<Duration>,
    heartbeater: Heartbeater,
}

impl Limits {
    fn new(timeouts: &ActivityTimeouts, heartbeater: Heartbeater, watched: bool) -> Self {
        let end = timeouts.start_to_close_timeout.filter(|_| watched);
        Self {
            // A limit beyond the end of time is none.
            end: end.and_then(|limit| heartbeater.last_taken().checked_add(limit)),
            heartbeat_timeout: timeouts.heartbeat_timeout.filter(|_| watched),
            heartbeater,
        }
    }

    /// Waits until one has passed.
    async fn passed(&self) {
        loop {
            let silent = self
                .heartbeat_timeout
                .and_then(|limit| self.heartbeater.last_taken().checked_add(limit));
            let Some(next) = silent.into_iter().chain(self.end).min() else {
                return std::future::pending().await;
            };
            if Instant::now() >= next {
                return;
            }
            tokio::time::sleep_until(next).await;
        }
    }
}

fn failed(failure: Failure) -> ActivityOutcome {
    ActivityOutcome::Failed {
        failure,
        last_heartbeat_details: None,
    }
}
