//! A thread that runs workflow code: it owns the runs that are in memory and never waits for
//! anything but its own mailbox.
//!
//! Invariants: a run belongs to one thread for as long as it is in memory; a thread answers every
//! task it takes, unless it was abandoned because workflow code kept it.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

use steadfast_core::{
    activation::OperationId,
    command::Command,
    event::{EventKind, HistoryEvent, WorkflowTaskFailedCause},
    ids::{EventId, RunId, WorkflowExecution},
    options::WorkflowTimeouts,
    payload::{Payload, TRACE_HEADER},
    run::Run,
    task::{LocalActivityOutcome, LocalActivityTask, WorkflowTaskCompletion, WorkflowTaskFailure},
};
use tracing::Instrument as _;

use super::{
    local_activities::{Asked, LocalEnd, LocalHandle},
    options::WorkerOptions,
    owed::OwedTask,
    run_cache::RunCache,
    seen::Seen,
    settings::ThreadSettings,
    whole_history::whole_history,
};
use crate::{
    activity::LocalWorkflow,
    workflow::{
        instance::{InstanceError, WorkflowInstance},
        unwinding,
    },
};

/// What a thread is told.
pub(super) enum Message {
    Task {
        events: Vec<HistoryEvent>,
        task: Arc<OwedTask>,
    },
    LocalActivityEnded {
        run_id: RunId,
        operation: OperationId,
        /// The execution of it that ended.
        number: u64,
        end: LocalEnd,
    },
    /// The time for the task at hand is running out: it is answered, and goes on in another. When it was answered
    /// so before and no other came, nobody waits for the run any more.
    Heartbeat {
        run_id: RunId,
        task: u64,
    },
    Forget(RunId),
    Stop,
}

struct CachedRun {
    instance: Box<dyn WorkflowInstance>,
    execution: WorkflowExecution,
    workflow: LocalWorkflow,
    /// The context of the trace that it was started in.
    trace: Option<Payload>,
    /// The task that is being worked on, if it could not be answered at once.
    open: Option<OpenTask>,
    /// The last task that came for it.
    last_task: u64,
    local: BTreeMap<OperationId, LocalHandle>,
    /// Ends of local activities that came between two tasks.
    waiting: Vec<(OperationId, LocalActivityOutcome)>,
    #[cfg(feature = "metrics")]
    _counted: Option<crate::metrics::RunInMemory>,
}

/// What the run was started with of a trace, if the events tell how it was started.
fn trace_of(events: &[HistoryEvent]) -> Option<Payload> {
    match &events.first()?.kind {
        EventKind::WorkflowExecutionStarted(started) => started.header.get(TRACE_HEADER).cloned(),
        _ => None,
    }
}

/// Lets go of a run, and survives destructors of workflow code that panic: the panic hook has reported that,
/// and other runs must not lose their thread to it.
fn let_go(run: Option<Box<CachedRun>>) {
    let _ = catch_unwind(AssertUnwindSafe(|| drop(run)));
}

struct OpenTask {
    number: u64,
    owed: Arc<OwedTask>,
    timeout: Duration,
}

/// How long a thread looks for the next message before it goes to sleep, after an answer that the engine
/// took at once. What follows from such an answer comes soon, and to be woken takes longer than that where
/// an idle processor is given away, as in a virtual machine.
const LOOKS: Duration = Duration::from_micros(100);

pub(super) struct ThreadWorker {
    runs: RunCache<Box<CachedRun>>,
    next_task: u64,
    mailbox: mpsc::Sender<Message>,
    settings: Arc<ThreadSettings>,
    seen: Arc<Seen>,
    /// Whether the engine took the last answer at once, and the run goes on.
    more_to_come: bool,
}

impl ThreadWorker {
    pub(super) fn new(
        mailbox: mpsc::Sender<Message>,
        settings: Arc<ThreadSettings>,
        seen: Arc<Seen>,
    ) -> Self {
        let WorkerOptions {
            max_cached_runs,
            workflow_threads,
            ..
        } = settings.options;
        Self {
            runs: RunCache::new(max_cached_runs.div_ceil(workflow_threads.max(1))),
            next_task: 0,
            mailbox,
            settings,
            seen,
            more_to_come: false,
        }
    }

    /// Reads the mailbox until it is told to stop or another thread is in its place.
    pub(super) fn work(mut self, messages: &Mutex<mpsc::Receiver<Message>>) {
        unwinding::end_this_thread_when(self.seen.abandoned());
        while !self.seen.is_abandoned()
            && let Ok(message) = self.next(messages)
        {
            match message {
                Message::Task { events, task } => self.on_task(events, task),
                Message::LocalActivityEnded {
                    run_id,
                    operation,
                    number,
                    end,
                } => {
                    self.on_local_activity_ended(&run_id, operation, number, end);
                }
                Message::Heartbeat { run_id, task } => self.on_heartbeat(&run_id, task),
                Message::Forget(run_id) => let_go(self.take(&run_id)),
                Message::Stop => return,
            }
        }
    }

    fn next(
        &mut self,
        messages: &Mutex<mpsc::Receiver<Message>>,
    ) -> Result<Message, mpsc::RecvError> {
        let messages = messages.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::take(&mut self.more_to_come) {
            let since = Instant::now();
            while since.elapsed() < LOOKS {
                if let Ok(message) = messages.try_recv() {
                    return Ok(message);
                }
                // Whoever else wants the processor may have it.
                thread::yield_now();
            }
        }
        messages.recv()
    }

    fn on_task(&mut self, events: Vec<HistoryEvent>, owed: Arc<OwedTask>) {
        let first = events.first().map(|event| event.event_id);
        let cached = self.take(&owed.task.execution.run_id);
        let follows = cached.as_ref().is_some_and(|run| {
            let next = run.instance.last_event_id().next();
            // A whole history comes when the engine takes the run for lost: an answer was refused, or was too late.
            // What is in memory then has done what never happened, and may not have heard so yet.
            first.is_none_or(|first| first > EventId(1) && first <= next) && run.open.is_none()
        });
        let mut run = match cached {
            Some(run) if follows => run,
            stale => {
                let_go(stale);
                if first != Some(EventId(1)) {
                    return self.fetch_history(events, owed);
                }
                match self.new_run(&events, &owed) {
                    Ok(run) => run,
                    Err(message) => return owed.fail_unhandled(message, "NotFound"),
                }
            }
        };
        self.next_task += 1;
        run.last_task = self.next_task;
        let timeout = events
            .iter()
            .rev()
            .find_map(|event| match event.kind {
                EventKind::WorkflowTaskScheduled {
                    start_to_close_timeout,
                    ..
                } => Some(start_to_close_timeout),
                _ => None,
            })
            .unwrap_or(WorkflowTimeouts::DEFAULT_TASK_TIMEOUT);
        let open = OpenTask {
            number: self.next_task,
            owed,
            timeout,
        };
        let updates = open.owed.task.updates.clone();
        let waiting = std::mem::take(&mut run.waiting);
        let step = |instance: &mut dyn WorkflowInstance| {
            instance.handle_task(events, updates)?;
            for (operation, outcome) in waiting {
                instance.handle_local_activity(operation, outcome)?;
            }
            Ok(())
        };
        self.drive(run, open, step, true);
    }

    /// Has a task come again with the whole history.
    fn fetch_history(&self, events: Vec<HistoryEvent>, owed: Arc<OwedTask>) {
        let engine = Arc::clone(&self.settings.engine);
        let mailbox = self.mailbox.clone();
        self.settings.local.runtime.spawn(async move {
            let failure = match whole_history(engine.as_ref(), &owed.task, events).await {
                Ok(events)
                    if events
                        .first()
                        .is_some_and(|event| event.event_id == EventId(1)) =>
                {
                    // When the worker has stopped meanwhile, the task comes to another.
                    let _ = mailbox.send(Message::Task { events, task: owed });
                    return;
                }
                Ok(_) => "the engine gave a history without its beginning".to_owned(),
                Err(error) => format!("the history cannot be read: {error}"),
            };
            owed.fail_unhandled(failure, "Engine");
        });
    }

    fn new_run(&self, events: &[HistoryEvent], owed: &OwedTask) -> Result<Box<CachedRun>, String> {
        let task = &owed.task;
        let new = self.settings.local.registry.workflow(&task.workflow_type)?;
        let run = Run::new(task.execution.clone(), task.workflow_type.clone())
            .with_payload_limit(self.settings.engine.payload_limit());
        Ok(Box::new(CachedRun {
            instance: new(run),
            execution: task.execution.clone(),
            workflow: LocalWorkflow {
                namespace: self.settings.engine.namespace().clone(),
                execution: task.execution.clone(),
                workflow_type: task.workflow_type.clone(),
                task_queue: self.settings.task_queue.clone(),
            },
            trace: trace_of(events),
            open: None,
            last_task: 0,
            local: BTreeMap::new(),
            waiting: Vec::new(),
            #[cfg(feature = "metrics")]
            _counted: crate::metrics::RunInMemory::of(
                &*self.settings.engine,
                &self.settings.task_queue,
            ),
        }))
    }

    /// Lets a run go on, and answers its task if nothing local is left to wait for.
    fn drive(
        &mut self,
        mut run: Box<CachedRun>,
        open: OpenTask,
        step: impl FnOnce(&mut dyn WorkflowInstance) -> Result<(), InstanceError>,
        is_new: bool,
    ) {
        self.seen.begins(&open.owed);
        let span = tracing::info_span!(
            "workflow",
            workflow_id = ?run.execution.workflow_id,
            run_id = %run.execution.run_id,
            workflow_type = ?run.workflow.workflow_type,
        );
        self.settings
            .local
            .propagation
            .join(run.trace.as_ref(), &span);
        let entered = span.enter();
        let result = step(run.instance.as_mut());
        if self.seen.is_abandoned() {
            // Its task was failed when the thread was given up.
            return let_go(Some(run));
        }
        if let Err(error) = result {
            let failure = error.to_task_failure();
            let_go(Some(run));
            drop(entered);
            self.seen.rests();
            return open.owed.fail(failure);
        }
        self.start_local_activities(&mut run);
        if open.owed.has_started() && run.instance.has_local_activities() {
            if is_new {
                let wait = open.timeout.mul_f64(0.8);
                self.schedule_heartbeat(&run.execution.run_id, open.number, wait);
            }
            run.open = Some(open);
            drop(entered);
            self.keep(run);
            self.seen.rests();
        } else {
            drop(entered);
            self.answer(run, open, false);
        }
    }

    fn answer(&mut self, mut run: Box<CachedRun>, open: OpenTask, heartbeat: bool) {
        let owed = open.owed;
        let query_results = owed
            .task
            .queries
            .iter()
            .map(|(id, query)| (id.clone(), run.instance.query(query)))
            .collect();
        let commands = if owed.has_started() {
            run.instance.take_commands()
        } else {
            Vec::new()
        };
        // A task of refused updates leaves no events, so what the run has seen never happened; unless it
        // says that local activities are still running, which go on.
        let forget = !heartbeat
            && !owed.task.updates.is_empty()
            && commands
                .iter()
                .all(|command| matches!(command, Command::RejectUpdate { .. }));
        let completion = WorkflowTaskCompletion {
            commands,
            query_results,
            force_new_workflow_task: heartbeat,
            ..WorkflowTaskCompletion::default()
        };
        let ends = forget || run.instance.is_closed();
        let run_id = run.execution.run_id.clone();
        if ends {
            let_go(Some(run));
        } else {
            self.keep(run);
        }
        // From here on it is the engine that may keep the thread, not workflow code.
        self.seen.rests();
        let mailbox = self.mailbox.clone();
        let at_once = owed.complete(completion, move |accepted| {
            if forget || !accepted {
                // When the worker has stopped, there is nothing to forget.
                let _ = mailbox.send(Message::Forget(run_id));
            }
        });
        self.more_to_come = at_once && !ends;
    }

    fn take(&mut self, run_id: &RunId) -> Option<Box<CachedRun>> {
        let run = self.runs.take(run_id)?;
        if run.open.is_some() {
            self.seen.goes_on(run_id);
        }
        Some(run)
    }

    fn keep(&mut self, run: Box<CachedRun>) {
        let run_id = run.execution.run_id.clone();
        if let Some(open) = &run.open {
            self.seen.waits(&open.owed);
        }
        // What waits for a local activity would have to run it again if it left.
        if run.open.is_some() || !run.local.is_empty() || !run.waiting.is_empty() {
            self.runs.put_in_use(run_id, run);
        } else if let Some(evicted) = self.runs.put(run_id, run) {
            tracing::debug!(run_id = %evicted.execution.run_id, "a run leaves memory");
            let_go(Some(evicted));
        }
    }

    fn start_local_activities(&self, run: &mut CachedRun) {
        for operation in run.instance.take_stopped_local_activities() {
            if let Some(handle) = run.local.get(&operation) {
                handle.cancel();
            }
        }
        while let Some((operation, local_task)) = run.instance.poll_local_activity() {
            let (handle, asked) = LocalHandle::new();
            self.spawn_local_activity(run, (operation, handle.number), local_task, asked);
            run.local.insert(operation, handle);
        }
    }

    fn spawn_local_activity(
        &self,
        run: &CachedRun,
        (operation, number): (OperationId, u64),
        local_task: LocalActivityTask,
        asked: Asked,
    ) {
        let settings = Arc::clone(&self.settings);
        let seen = Arc::clone(&self.seen);
        let workflow = run.workflow.clone();
        let mailbox = self.mailbox.clone();
        let run_id = run.execution.run_id.clone();
        let span = tracing::info_span!(
            "local_activity",
            workflow_id = ?run.execution.workflow_id,
            run_id = %run_id,
            activity_id = ?local_task.activity_id,
            activity_type = ?local_task.activity_type,
        );
        self.settings
            .local
            .propagation
            .join(run.trace.as_ref(), &span);
        let ended = async move {
            let lost = seen.is_lost();
            let end = settings.local.run(local_task, workflow, asked, lost).await;
            let _ = mailbox.send(Message::LocalActivityEnded {
                run_id,
                operation,
                number,
                end,
            });
        };
        self.settings.local.runtime.spawn(ended.instrument(span));
    }

    fn on_local_activity_ended(
        &mut self,
        run_id: &RunId,
        operation: OperationId,
        number: u64,
        end: LocalEnd,
    ) {
        let Some(mut run) = self.take(run_id) else {
            return;
        };
        // Of an earlier incarnation of the run: its outcome is not this one's.
        if run.local.get(&operation).map(|handle| handle.number) != Some(number) {
            self.keep(run);
            return;
        }
        run.local.remove(&operation);
        match end {
            LocalEnd::Run(outcome) => {
                let Some(open) = run.open.take() else {
                    // Between two tasks of the run: the next one, which was asked for, takes it.
                    run.waiting.push((operation, outcome));
                    self.keep(run);
                    return;
                };
                let step = |instance: &mut dyn WorkflowInstance| {
                    instance.handle_local_activity(operation, outcome)
                };
                self.drive(run, open, step, false);
            }
            // Nobody waits for it any more: the run goes on without.
            LocalEnd::FailTask(_) | LocalEnd::GivenUp if !run.instance.has_local_activities() => {
                self.keep(run);
            }
            LocalEnd::FailTask(failure) => {
                let failure = *failure;
                let open = run.open.take();
                let_go(Some(run));
                if let Some(open) = open {
                    open.owed.fail(WorkflowTaskFailure {
                        cause: WorkflowTaskFailedCause::WorkflowWorkerUnhandledFailure,
                        failure,
                    });
                }
            }
            // The next worker runs it anew.
            LocalEnd::GivenUp => {
                if let Some(open) = run.open.take() {
                    self.answer(run, open, true);
                    let_go(self.take(run_id));
                } else {
                    let_go(Some(run));
                }
            }
        }
    }

    fn schedule_heartbeat(&self, run_id: &RunId, task: u64, wait: Duration) {
        let mailbox = self.mailbox.clone();
        let run_id = run_id.clone();
        self.settings.local.runtime.spawn(async move {
            tokio::time::sleep(wait).await;
            let _ = mailbox.send(Message::Heartbeat { run_id, task });
        });
    }

    fn on_heartbeat(&mut self, run_id: &RunId, task: u64) {
        let Some(mut run) = self.take(run_id) else {
            return;
        };
        match run.open.take() {
            // The task that would follow would come to another worker, and find nothing running: this one keeps the
            // one it has for as long as the engine lets it.
            Some(open) if open.number == task && self.settings.local.shutdown.has_begun() => {
                run.open = Some(open);
                self.keep(run);
            }
            Some(open) if open.number == task => {
                let wait = open.timeout * MISSED_TASKS;
                self.answer(run, open, true);
                self.schedule_heartbeat(run_id, task, wait);
            }
            None if run.last_task == task => {
                tracing::debug!(%run_id, "no task follows the answer to a long one; the run leaves memory");
                let_go(Some(run));
            }
            other => {
                run.open = other;
                self.keep(run);
            }
        }
    }
}

/// How many times the time limit of a task a run waits for the next one, which it asked for because its local
/// activities go on, before it leaves memory and they are told: its execution may have been terminated in between.
const MISSED_TASKS: u32 = 6;
