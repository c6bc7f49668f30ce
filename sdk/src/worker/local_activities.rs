//! Runs local activities in the worker's own process. What happens to one is decided by its
//! [`LocalExecutionMachine`]; this carries it out.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::{FutureExt as _, future::BoxFuture};
use steadfast_core::{
    failure::{Failure, TimeoutType},
    machine::{
        AttemptEnd, LocalEffects, LocalExecutionInput, LocalExecutionMachine, Next, StopReason,
        Told,
    },
    payload::Payload,
    task::{LocalActivityOutcome, LocalActivityTask, LocalBackOff},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::Instant,
};

use super::{registry::Registry, shutdown::Shutdown};
use crate::{
    activity::{
        ActivityContext, ActivityEnd, ActivityError, ActivityFn, CancelCause, LocalWorkflow,
    },
    engine::Engine,
    tracing_context::Propagation,
};

/// What the marker of a local activity has besides what the activity gave: ids, names, times, the failure around its own.
const MARKER_BYTES: usize = 8 * 1024;

/// What local activities need of their worker.
pub(crate) struct LocalActivities {
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) slots: Arc<Semaphore>,
    pub(crate) runtime: tokio::runtime::Handle,
    pub(crate) propagation: Propagation,
    pub(crate) shutdown: Shutdown,
}

/// What becomes of a local activity that the worker was asked to run.
pub(crate) enum LocalEnd {
    /// Its run hears this.
    Run(LocalActivityOutcome),
    /// This worker cannot run it: the workflow task fails, and comes again.
    FailTask(Box<Failure>),
    /// It was given up.
    GivenUp,
}

/// A run's hold on a local activity that the worker runs. When it is dropped, nobody waits any more.
pub(crate) struct LocalHandle {
    /// Names this execution among all of the process: a run that is built again asks for its local activities
    /// again, under the same ids.
    pub(super) number: u64,
    cancelled: watch::Sender<bool>,
}

impl LocalHandle {
    pub(crate) fn new() -> (Self, Asked) {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let (cancelled, receiver) = watch::channel(false);
        let handle = Self {
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            cancelled,
        };
        (handle, Asked(receiver))
    }

    /// Asks it to stop.
    pub(super) fn cancel(&self) {
        self.cancelled.send_replace(true);
    }
}

/// What the run that wants a local activity asks of it.
pub(crate) struct Asked(watch::Receiver<bool>);

/// Why a local activity is to stop; each reason comes once.
struct Stops<L> {
    asked: watch::Receiver<bool>,
    cancelled: bool,
    gone: bool,
    shutdown: Shutdown,
    stopping: bool,
    /// Resolves when the thread of its run is lost.
    lost: Pin<Box<L>>,
}

impl<L: Future<Output = ()>> Stops<L> {
    async fn next(&mut self) -> StopReason {
        let cancelled = self.cancelled;
        let asked = self.asked.wait_for(|asked| *asked && !cancelled);
        let asked = async { asked.await.is_ok() };
        tokio::select! {
            biased;
            asked = asked, if !self.gone => {
                if asked {
                    self.cancelled = true;
                    StopReason::Cancelled
                } else {
                    self.gone = true;
                    StopReason::Gone
                }
            }
            () = self.lost.as_mut(), if !self.gone => {
                self.gone = true;
                StopReason::Gone
            }
            () = self.shutdown.grace_is_over(), if !self.stopping => {
                self.stopping = true;
                StopReason::WorkerStops
            }
            else => std::future::pending().await,
        }
    }
}

/// What a local activity is doing.
enum Doing {
    /// It waits for its turn.
    Queuing,
    Attempting {
        call: BoxFuture<'static, std::thread::Result<Result<Payload, ActivityError>>>,
        cause: watch::Sender<Option<CancelCause>>,
        limit: Option<Instant>,
    },
    Waiting(Option<Instant>),
}

impl LocalActivities {
    /// Runs a local activity to its end, or for as long as somebody wants it and the worker does not stop.
    pub(crate) async fn run(
        &self,
        task: LocalActivityTask,
        workflow: LocalWorkflow,
        Asked(asked): Asked,
        lost: impl Future<Output = ()>,
    ) -> LocalEnd {
        let since = Instant::now();
        let used = task.time_used;
        // It has its time to end, whether its workflow task is still open or was answered with a request for another.
        let _tracked = self.shutdown.track();
        let mut running = Running {
            deadline: limit(task.timeouts.schedule_to_close_timeout, used),
            activities: self,
            workflow,
            doing: Doing::Queuing,
            slot: None,
            function: None,
            task,
        };
        let mut machine = LocalExecutionMachine::new(&running.task);
        let mut stops = Stops {
            asked,
            cancelled: false,
            gone: false,
            shutdown: self.shutdown.clone(),
            stopping: false,
            lost: Box::pin(lost),
        };
        loop {
            let input = tokio::select! {
                biased;
                reason = stops.next() => LocalExecutionInput::Stop(reason),
                input = running.next() => input,
            };
            running.report(&input);
            let effects = match machine.handle(input, used + since.elapsed()) {
                Ok(effects) => effects,
                Err(impossible) => {
                    let failure = Failure::application(impossible.to_string(), "Internal");
                    return LocalEnd::FailTask(Box::new(failure));
                }
            };
            if let Some(end) = running.carry_out(effects) {
                return end;
            }
        }
    }
}

/// A local activity in the worker.
struct Running<'a> {
    activities: &'a LocalActivities,
    task: LocalActivityTask,
    workflow: LocalWorkflow,
    deadline: Option<Instant>,
    doing: Doing,
    slot: Option<OwnedSemaphorePermit>,
    function: Option<ActivityFn>,
}

impl Running<'_> {
    /// What happens next to it.
    async fn next(&mut self) -> LocalExecutionInput {
        use LocalExecutionInput::{Admitted, Ended, TimedOut, Unknown, WaitOver};
        let deadline = until(self.deadline);
        match &mut self.doing {
            Doing::Queuing => {
                let slots = Arc::clone(&self.activities.slots);
                let slot = tokio::select! {
                    biased;
                    slot = slots.acquire_owned() => slot,
                    () = deadline => return TimedOut(TimeoutType::ScheduleToClose),
                };
                // Nobody closes it.
                self.slot = slot.ok();
                let registry = &self.activities.registry;
                match registry.activity(&self.task.activity_type) {
                    Ok(function) => {
                        self.function = Some(function);
                        Admitted
                    }
                    Err(message) => Unknown(Box::new(Failure::application(message, "NotFound"))),
                }
            }
            Doing::Attempting { call, limit, .. } => {
                let limit = until(*limit);
                let largest = self.activities.engine.payload_limit();
                let largest = largest.with_room_for(MARKER_BYTES);
                tokio::select! {
                    biased;
                    result = call => Ended(attempt_end(ActivityEnd::of_call(result, &largest))),
                    () = limit => TimedOut(TimeoutType::StartToClose),
                    () = deadline => TimedOut(TimeoutType::ScheduleToClose),
                }
            }
            Doing::Waiting(end) => {
                until(*end).await;
                WaitOver
            }
        }
    }

    /// Says that an attempt failed.
    fn report(&self, input: &LocalExecutionInput) {
        use LocalExecutionInput::{Ended, TimedOut};
        let failure: &dyn std::fmt::Display = match (input, &self.doing) {
            (Ended(AttemptEnd::Failed(failure) | AttemptEnd::Unreadable(failure)), _) => failure,
            (TimedOut(_), Doing::Attempting { .. }) => &"a time limit of the attempt passed",
            _ => return,
        };
        let execution = &self.workflow.execution;
        tracing::warn!(
            workflow_id = ?execution.workflow_id,
            run_id = %execution.run_id,
            activity_id = ?self.task.activity_id,
            activity_type = ?self.task.activity_type,
            attempt = self.task.attempt,
            %failure,
            "an attempt at a local activity failed"
        );
    }

    /// Does what the machine wants done. Gives the end of it all.
    fn carry_out(&mut self, LocalEffects { tell, next }: LocalEffects) -> Option<LocalEnd> {
        if let (Some(told), Doing::Attempting { cause, .. }) = (tell, &self.doing) {
            cause.send_replace(Some(match told {
                Told::Stop(StopReason::Cancelled) => CancelCause::Cancelled,
                Told::Stop(StopReason::Gone) => CancelCause::NotFound,
                Told::Stop(StopReason::WorkerStops) => CancelCause::WorkerShutdown,
                Told::TimedOut => CancelCause::TimedOut,
            }));
        }
        Some(match next? {
            Next::Attempt(attempt) => {
                self.begin(attempt);
                return None;
            }
            Next::Wait(wait) => {
                self.doing = Doing::Waiting(Instant::now().checked_add(wait));
                return None;
            }
            Next::End(end) => LocalEnd::Run(end.map_err(|failure| *failure).into()),
            Next::BackOff {
                attempt,
                failure,
                wait,
            } => {
                let task = LocalActivityTask {
                    attempt,
                    ..self.task.clone()
                };
                LocalEnd::Run(LocalActivityOutcome::BackOff(Box::new(LocalBackOff {
                    task,
                    failure: *failure,
                    wait,
                })))
            }
            Next::FailTask(failure) => LocalEnd::FailTask(failure),
            Next::GiveUp => LocalEnd::GivenUp,
        })
    }

    fn begin(&mut self, attempt: u32) {
        let Some(function) = &self.function else {
            return;
        };
        self.task.attempt = attempt;
        let cause = watch::channel(None).0;
        let started = self.activities.engine.now();
        let context =
            ActivityContext::local(&self.task, self.workflow.clone(), started, cause.clone());
        let (function, input) = (Arc::clone(function), self.task.input.clone());
        let call = async move { function(context, input).await };
        self.doing = Doing::Attempting {
            call: Box::pin(std::panic::AssertUnwindSafe(call).catch_unwind()),
            cause,
            limit: limit(self.task.timeouts.start_to_close_timeout, Duration::ZERO),
        };
    }
}

fn attempt_end(ended: Result<Payload, ActivityEnd>) -> AttemptEnd {
    match ended {
        Ok(result) => AttemptEnd::Completed(Some(result)),
        Err(ActivityEnd::Failed(failure)) => AttemptEnd::Failed(failure),
        Err(ActivityEnd::Unreadable(failure)) => AttemptEnd::Unreadable(failure),
        Err(ActivityEnd::Cancelled(details)) => AttemptEnd::Cancelled(details),
        Err(ActivityEnd::CompleteAsync) => AttemptEnd::CompleteAsync,
    }
}

/// When a limit passes, of which some is used. A limit beyond the end of time is none.
fn limit(limit: Option<Duration>, used: Duration) -> Option<Instant> {
    Instant::now().checked_add(limit?.saturating_sub(used))
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}
