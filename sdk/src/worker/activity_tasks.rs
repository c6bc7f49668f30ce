//! Runs activity tasks: polls them, calls the function, reports how it ended.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt as _;
use steadfast_core::{
    failure::Failure,
    ids::{Identity, TaskQueue},
    options::ActivityTimeouts,
    payload::{Payload, TRACE_HEADER},
    task::{ActivityOutcome, ActivityTask, TaskToken},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::Instant,
};
use tracing::Instrument as _;

use super::{registry::Registry, shutdown::Shutdown};
use crate::{
    activity::{ActivityContext, ActivityEnd, CancelCause, Heartbeater},
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

impl ActivityTasks {
    /// Polls until the worker is to stop.
    pub(crate) async fn poll_all(self: Arc<Self>) -> Result<(), EngineError> {
        loop {
            let Some(Ok(slot)) = self
                .shutdown
                .unless_stopping(self.slots.clone().acquire_owned())
                .await
            else {
                return Ok(());
            };
            let request = PollActivityTaskRequest {
                task_queue: self.task_queue.clone(),
                worker: self.identity.clone(),
                max_tasks_per_second: self.max_tasks_per_second,
            };
            let poll = self.engine.poll_activity_task(request);
            let Some(polled) = self.shutdown.unless_stopping(poll).await else {
                return Ok(());
            };
            let lease = match polled {
                Ok(lease) => lease,
                Err(error) => {
                    super::wait_after(&error).await?;
                    continue;
                }
            };
            self.take(lease, slot);
        }
    }

    /// Runs a task that came when the worker had begun to stop.
    pub(super) async fn take_untaken(self: &Arc<Self>, lease: ActivityLease) {
        if let Ok(slot) = self.slots.clone().acquire_owned().await {
            self.take(lease, slot);
        }
    }

    fn take(self: &Arc<Self>, lease: ActivityLease, slot: OwnedSemaphorePermit) {
        let tasks = Arc::clone(self);
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
        self.shutdown.track(
            async move {
                tasks.run(lease).await;
                drop(slot);
            }
            .instrument(span),
        );
    }

    /// Runs one task to its end.
    pub(crate) async fn run(&self, lease: ActivityLease) {
        let ActivityLease { mut task, notices } = lease;
        let (cause, _) = watch::channel(None);
        let token = task.token.clone();
        let heartbeater = Heartbeater::new(
            Arc::clone(&self.engine),
            token.clone(),
            &task.timeouts,
            cause.clone(),
        );
        let ended = self
            .call(&mut task, &cause, heartbeater.clone(), notices)
            .await;
        let unsent = heartbeater.stop();
        let Some(mut outcome) = ended else {
            return self.hand_over(token, unsent).await;
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
        self.report(token, outcome).await;
    }

    /// Calls the function. `None` when it completes asynchronously.
    async fn call(
        &self,
        task: &mut ActivityTask,
        cause: &watch::Sender<Option<CancelCause>>,
        heartbeater: Heartbeater,
        notices: Option<watch::Receiver<ActivityNotice>>,
    ) -> Option<ActivityOutcome> {
        let function = match self.registry.activity(&task.activity_type) {
            Ok(function) => function,
            Err(message) => return Some(failed(Failure::application(message, "NotFound"))),
        };
        let input = std::mem::take(&mut task.input);
        let limits = Limits::new(&task.timeouts, heartbeater.clone(), notices.is_none());
        let context = ActivityContext::new(task, cause.clone(), heartbeater);
        let call = AssertUnwindSafe(async move { function(context, input).await }).catch_unwind();
        let listen = self.listen(cause, notices, limits);
        let result = tokio::select! {
            biased;
            result = call => result,
            never = listen => match never {},
        };
        match result {
            Ok(Ok(result)) => Some(ActivityOutcome::Completed {
                result: Some(result),
            }),
            Ok(Err(error)) => match error.into_end() {
                ActivityEnd::Failed(failure) => Some(failed(*failure)),
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
            Err(payload) => {
                let message = payload
                    .downcast_ref::<&str>()
                    .map(|text| (*text).to_owned())
                    .or_else(|| payload.downcast_ref::<String>().cloned())
                    .unwrap_or_else(|| "(no message)".to_owned());
                let text = format!("the activity panicked: {message}");
                Some(failed(Failure::application(text, "Panic")))
            }
        }
    }

    /// Passes on what the engine and the worker have to say.
    async fn listen(
        &self,
        cause: &watch::Sender<Option<CancelCause>>,
        notices: Option<watch::Receiver<ActivityNotice>>,
        limits: Limits,
    ) -> std::convert::Infallible {
        let tell = |news: CancelCause| {
            cause.send_if_modified(|known| {
                let changed = known.is_none();
                known.get_or_insert(news);
                changed
            });
        };
        let engine = async {
            let Some(mut notices) = notices else {
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
            std::future::pending::<std::convert::Infallible>().await
        };
        let time = async {
            limits.passed().await;
            tell(CancelCause::TimedOut);
            std::future::pending::<std::convert::Infallible>().await
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
    async fn report(&self, token: TaskToken, outcome: ActivityOutcome) {
        let mut wait = FIRST_RETRY;
        loop {
            let report = self
                .engine
                .complete_activity_task(token.clone(), outcome.clone());
            match report.await {
                Ok(()) => return,
                // The workflow has closed or a time limit passed: nobody wants the outcome.
                Err(EngineError::NotFound { message }) => {
                    tracing::debug!(message, "the outcome of the activity came too late");
                    return;
                }
                Err(error @ EngineError::Storage { .. }) => {
                    tracing::warn!(%error, "the outcome of the activity was not recorded; it is reported again");
                    tokio::select! {
                        () = tokio::time::sleep(wait) => {}
                        () = self.shutdown.grace_is_over() => return,
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
            end: end.and_then(|limit| Instant::now().checked_add(limit)),
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
