//! A simulation: an engine, its clients, its workers and its clock in one thread, in an order that a
//! seed decides, with crashes, commits that fail, tasks that kill their process and lost polls, held against a model.
//!
//! | variable | what it says | default |
//! | --- | --- | --- |
//! | `STEADFAST_SIMULATION_SEED` | one seed, to see it again | many |
//! | `STEADFAST_SIMULATION_SEEDS` | how many seeds | 12 |
//! | `STEADFAST_SIMULATION_STEPS` | how many steps with each | 2,000 |
//!
//! A step is one thing that happens: a request, a poll, an answer, a commit, the clock moving, a
//! crash. After the steps everything is let come to its end. A failure names its seed, and the seed
//! shows it again.

mod model;
mod program;

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    env,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use futures_util::future::{BoxFuture, FutureExt as _};
use steadfast_core::{
    event::{EventKind, ExecutionStatus, HistoryEvent, WorkflowTaskFailedCause},
    failure::Failure,
    ids::{EventId, RequestId, RunId},
    payload::{MAX_PAYLOAD_BYTES, Payload},
    task::{ActivityOutcome, WorkflowTask, WorkflowTaskFailure},
    time::Timestamp,
};
use steadfast_embedded::{
    CrashAction, CrashPoint, Durability, EmbeddedEngine, EmbeddedOptions, ManualClock,
};
use steadfast_engine::{
    ActivityLease, CancelWorkflowRequest, Engine, EngineError, ExecutionRef, HistoryRequest,
    HistoryWait, ListFilter, ListWorkflowsRequest, PollActivityTaskRequest,
    PollWorkflowTaskRequest, ResetWorkflowRequest, SignalWorkflowRequest, TerminateWorkflowRequest,
};

use self::{
    model::Model,
    program::{GO, QUEUE, activity_kills, decide, task_kills},
};
use crate::dice::Dice;
use crate::harness::{
    check_order, check_task, completion, current, identity, queue, signal, start_request,
};

/// A request that was answered.
enum Answer {
    Started(String, Result<RunId, EngineError>),
    Signalled(String, String, Result<(), EngineError>),
    Cancelled(String, Result<(), EngineError>),
    Terminated(String, Result<(), EngineError>),
    Reset(Result<RunId, EngineError>),
    Task(Box<Result<WorkflowTask, EngineError>>),
    Answered(Result<(), EngineError>),
    Lease(Box<Result<ActivityLease, EngineError>>),
    TooLarge(String, String, Result<(), EngineError>),
    Acted {
        run: RunId,
        activity: String,
        attempt: u32,
        final_: bool,
        result: Result<(), EngineError>,
    },
    Beaten(Result<(), EngineError>),
}

/// What a poll is for.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Workflow,
    Activity,
}

struct Call {
    future: BoxFuture<'static, Answer>,
    poll: Option<Kind>,
}

struct Simulation {
    dice: Dice,
    engine: Arc<EmbeddedEngine>,
    clock: ManualClock,
    model: Model,
    calls: Vec<Call>,
    tasks: VecDeque<WorkflowTask>,
    leases: Vec<ActivityLease>,
    /// What the worker remembers of its runs.
    histories: HashMap<RunId, Vec<HistoryEvent>>,
    /// Everything that was asked for, acknowledged or not.
    ids: Vec<String>,
    requests: u64,
    crashes: u64,
    /// How many of the next commits fail.
    full: Arc<AtomicU64>,
    /// Whether a worker of the process just got what kills it.
    dies: bool,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let clock = ManualClock::at(Timestamp::from_unix_nanos(1_795_000_000_000_000_000));
        let mut dice = Dice::new(seed);
        let full = Arc::new(AtomicU64::new(0));
        let hook = Arc::clone(&full);
        let options = EmbeddedOptions::in_memory()
            .durability(Durability::Relaxed)
            .clock(clock.clone())
            .cached_executions(if dice.one_in(2) { 2 } else { 10_000 })
            .crash_point(move |_, point| {
                let fails =
                    |left: u64| (point == CrashPoint::BeforeCommit).then(|| left.checked_sub(1))?;
                match hook.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fails) {
                    Ok(_) => CrashAction::Fail,
                    Err(_) => CrashAction::Continue,
                }
            })
            .driven();
        Self {
            dice,
            engine: EmbeddedEngine::open(options).unwrap(),
            clock,
            model: Model::default(),
            calls: Vec::new(),
            tasks: VecDeque::new(),
            leases: Vec::new(),
            histories: HashMap::new(),
            ids: Vec::new(),
            requests: 0,
            crashes: 0,
            full,
            dies: false,
        }
    }

    fn request_id(&mut self) -> RequestId {
        self.requests += 1;
        RequestId::new(format!("request-{}", self.requests)).unwrap()
    }

    /// Sends a request; its answer comes with a later step.
    fn call(&mut self, future: impl Future<Output = Answer> + Send + 'static) {
        self.calls.push(Call {
            future: future.boxed(),
            poll: None,
        });
    }

    fn poll(&mut self, kind: Kind, future: impl Future<Output = Answer> + Send + 'static) {
        self.calls.push(Call {
            future: future.boxed(),
            poll: Some(kind),
        });
    }

    /// One thing happens.
    fn step(&mut self) {
        match self.dice.below(100) {
            0..10 => self.start(),
            10..16 => self.signal("hello"),
            16..20 => self.signal(GO),
            20..23 => self.cancel(),
            23 => self.terminate(),
            24 => self.reset(),
            25..40 => self.poll_workflow_task(),
            40..55 => self.poll_activity_task(),
            55..70 => self.answer_task(),
            70..84 => self.answer_activity(),
            84..92 => self.engine.drive(),
            92..97 => {
                let millis = 1 + self.dice.below(4_000) as u64;
                self.clock.advance(Duration::from_millis(millis));
            }
            97 => self.drop_poll(),
            98 if self.dice.one_in(4) => self.crash(),
            98 if self.dice.one_in(3) => {
                let commits = 1 + self.dice.below(4) as u64;
                self.full.store(commits, Ordering::Relaxed);
            }
            98 if self.dice.one_in(40) => self.signal_at_the_limit(),
            _ => self.engine.drive(),
        }
        self.hear();
    }

    /// As much as a signal can carry, or a byte more.
    fn signal_at_the_limit(&mut self) {
        let Some(id) = self.dice.pick(&self.ids) else {
            return;
        };
        let too_large = self.dice.one_in(2);
        let request_id = self.request_id();
        let overhead = Payload::binary(Vec::new()).size();
        let bytes = MAX_PAYLOAD_BYTES - overhead + usize::from(too_large);
        let mut request = SignalWorkflowRequest {
            execution: current(&id),
            signal: signal("large", request_id.clone()),
        };
        request.signal.input = vec![Payload::binary(vec![0; bytes])];
        let engine = Arc::clone(&self.engine);
        self.call(async move {
            let result = engine.signal_workflow(request).await;
            let request_id = request_id.as_str().to_owned();
            if too_large {
                Answer::TooLarge(id, request_id, result)
            } else {
                Answer::Signalled(id, request_id, result)
            }
        });
    }

    fn start(&mut self) {
        // Sometimes an id that was used before.
        let id = match self.dice.pick(&self.ids) {
            Some(id) if self.dice.one_in(12) => id,
            _ => {
                let id = format!("w{}", self.ids.len());
                self.ids.push(id.clone());
                id
            }
        };
        let request_id = self.request_id();
        let mut request = start_request(&id, request_id.as_str());
        request.task_queue = queue(QUEUE);
        let engine = Arc::clone(&self.engine);
        self.call(async move {
            let started = engine.start_workflow(request).await;
            Answer::Started(id, started.map(|started| started.run_id))
        });
    }

    fn signal(&mut self, name: &str) {
        let Some(id) = self.dice.pick(&self.ids) else {
            return;
        };
        self.signal_to(id, name);
    }

    fn signal_to(&mut self, id: String, name: &str) {
        let request_id = self.request_id();
        let request = SignalWorkflowRequest {
            execution: current(&id),
            signal: signal(name, request_id.clone()),
        };
        let engine = Arc::clone(&self.engine);
        self.call(async move {
            let result = engine.signal_workflow(request).await;
            Answer::Signalled(id, request_id.as_str().to_owned(), result)
        });
    }

    fn cancel(&mut self) {
        let Some(id) = self.dice.pick(&self.ids) else {
            return;
        };
        let request = CancelWorkflowRequest {
            execution: current(&id),
            reason: "stop".to_owned(),
            identity: identity("client"),
            request_id: self.request_id(),
        };
        let engine = Arc::clone(&self.engine);
        self.call(async move {
            let result = engine.request_cancel_workflow(request).await;
            Answer::Cancelled(id, result)
        });
    }

    fn terminate(&mut self) {
        let Some(id) = self.dice.pick(&self.ids) else {
            return;
        };
        let request = TerminateWorkflowRequest {
            execution: current(&id),
            reason: "enough".to_owned(),
            details: vec![],
            identity: identity("client"),
        };
        let engine = Arc::clone(&self.engine);
        self.call(async move {
            let result = engine.terminate_workflow(request).await;
            Answer::Terminated(id, result)
        });
    }

    /// Resets to the end of the first workflow task.
    fn reset(&mut self) {
        let Some(id) = self.dice.pick(&self.ids) else {
            return;
        };
        let request = ResetWorkflowRequest {
            execution: current(&id),
            workflow_task_finish_event_id: EventId(4),
            reason: "again".to_owned(),
            identity: identity("client"),
            request_id: self.request_id(),
            exclude_signals: false,
            exclude_updates: false,
        };
        let engine = Arc::clone(&self.engine);
        self.call(async move { Answer::Reset(engine.reset_workflow(request).await) });
    }

    fn has_polls(&self, kind: Kind) -> bool {
        self.calls
            .iter()
            .filter(|call| call.poll == Some(kind))
            .count()
            >= 3
    }

    fn poll_workflow_task(&mut self) {
        if self.has_polls(Kind::Workflow) {
            return;
        }
        let request = PollWorkflowTaskRequest {
            task_queue: queue(QUEUE),
            worker: identity("worker"),
            remote: false,
        };
        let engine = Arc::clone(&self.engine);
        self.poll(Kind::Workflow, async move {
            Answer::Task(Box::new(engine.poll_workflow_task(request).await))
        });
    }

    fn poll_activity_task(&mut self) {
        if self.has_polls(Kind::Activity) {
            return;
        }
        let request = PollActivityTaskRequest {
            task_queue: queue(QUEUE),
            worker: identity("worker"),
            max_tasks_per_second: None,
            remote: false,
        };
        let engine = Arc::clone(&self.engine);
        self.poll(Kind::Activity, async move {
            Answer::Lease(Box::new(engine.poll_activity_task(request).await))
        });
    }

    fn answer_task(&mut self) {
        let Some(task) = self.tasks.pop_front() else {
            return;
        };
        let engine = Arc::clone(&self.engine);
        if self.dice.one_in(30) {
            // The code panicked; another worker begins from the start.
            self.histories.remove(&task.execution.run_id);
            let failure = WorkflowTaskFailure {
                cause: WorkflowTaskFailedCause::WorkflowWorkerUnhandledFailure,
                failure: Failure::application("a bug", "Panic"),
            };
            self.call(async move {
                Answer::Answered(engine.fail_workflow_task(task.token, failure).await)
            });
            return;
        }
        let history = self
            .histories
            .entry(task.execution.run_id.clone())
            .or_default();
        history.truncate(usize::try_from(task.events[0].event_id.0 - 1).unwrap());
        assert_eq!(
            history.len() as u64 + 1,
            task.events[0].event_id.0,
            "something is missing"
        );
        history.extend(task.events);
        check_order(history);
        let answer = completion(decide(history));
        self.call(async move {
            Answer::Answered(
                engine
                    .complete_workflow_task(task.token, answer)
                    .await
                    .map(drop),
            )
        });
    }

    fn answer_activity(&mut self) {
        if self.leases.is_empty() {
            return;
        }
        let at = self.dice.below(self.leases.len());
        let engine = Arc::clone(&self.engine);
        let task = &self.leases[at].task;
        let (run, activity, attempt) = (
            task.execution.run_id.clone(),
            task.activity_id.as_str().to_owned(),
            task.attempt,
        );
        let token = task.token.clone();
        if self.dice.one_in(5) {
            let details = vec![Payload::json(&b"1"[..])];
            self.call(async move {
                Answer::Beaten(engine.record_heartbeat(token, details).await.map(drop))
            });
            return;
        }
        self.leases.swap_remove(at);
        let fails = self.dice.one_in(5);
        let outcome = if fails {
            ActivityOutcome::Failed {
                failure: Failure::application("not now", "NotNow"),
                last_heartbeat_details: None,
            }
        } else {
            ActivityOutcome::Completed { result: None }
        };
        self.call(async move {
            let result = engine.complete_activity_task(token, outcome).await;
            Answer::Acted {
                run,
                activity,
                attempt,
                final_: !fails,
                result,
            }
        });
    }

    /// A worker's connection breaks (E7).
    fn drop_poll(&mut self) {
        if let Some(at) = self.calls.iter().position(|call| call.poll.is_some()) {
            self.calls.remove(at);
        }
    }

    fn crash(&mut self) {
        self.crashes += 1;
        // Whoever waits hears nothing; workers and clients of the process are gone with it.
        self.calls.clear();
        self.tasks.clear();
        self.leases.clear();
        self.histories.clear();
        self.engine.lose_process().unwrap();
    }

    /// Takes the answers that are there.
    fn hear(&mut self) {
        let mut context = Context::from_waker(Waker::noop());
        let mut at = 0;
        while at < self.calls.len() {
            match self.calls[at].future.poll_unpin(&mut context) {
                Poll::Pending => at += 1,
                Poll::Ready(answer) => {
                    drop(self.calls.remove(at));
                    self.take(answer);
                }
            }
        }
        if std::mem::take(&mut self.dies) {
            self.crash();
        }
    }

    /// Whether the engine still waits for what a worker got only now: a commit can take longer than a time limit.
    fn is_fresh(&self, started: Timestamp) -> bool {
        self.clock.now().since(started) < Duration::from_secs(10)
    }

    fn take(&mut self, answer: Answer) {
        match answer {
            Answer::Started(id, Ok(run)) => {
                self.model.started.insert(id, run);
            }
            Answer::Started(_, Err(error)) => {
                assert!(
                    matches!(error, EngineError::AlreadyStarted { .. }) || is_full(&error),
                    "{error}"
                );
            }
            Answer::TooLarge(id, request, result) => {
                let refused = result.unwrap_err();
                assert!(
                    matches!(refused, EngineError::InvalidArgument { .. }),
                    "{refused}"
                );
                self.model.refused.insert((id, request));
            }
            Answer::Signalled(id, request, result) => {
                if acknowledged(&result) {
                    self.model.signalled.insert((id, request));
                }
            }
            Answer::Cancelled(id, result) => {
                if acknowledged(&result) {
                    self.model.cancelled.insert(id);
                }
            }
            Answer::Terminated(id, result) => {
                if acknowledged(&result) {
                    self.model.terminated.insert(id);
                }
            }
            Answer::Reset(result) => {
                if let Err(error) = result {
                    let known = matches!(
                        error,
                        EngineError::NotFound { .. } | EngineError::InvalidArgument { .. }
                    );
                    assert!(known || is_full(&error), "{error}");
                }
            }
            Answer::Task(task) => {
                let task = match *task {
                    Ok(task) => task,
                    Err(error) => return assert!(is_full(&error), "{error}"),
                };
                check_task(&task);
                let id = task.execution.workflow_id.as_str();
                let run = &task.execution.run_id;
                let is_first = task.previous_started_event_id == EventId::NONE;
                let started = task.events.last().map(|event| event.event_time);
                if task_kills(id) && is_first && started.is_some_and(|time| self.is_fresh(time)) {
                    self.dies |= self.model.kills(run, "", self.clock.now());
                }
                self.tasks.push_back(task);
            }
            Answer::Answered(Ok(())) => {}
            Answer::Answered(Err(error)) => {
                let known = matches!(
                    error,
                    EngineError::NotFound { .. } | EngineError::WorkflowTaskRefused { .. }
                );
                assert!(known || is_full(&error), "{error}");
            }
            Answer::Lease(lease) => {
                let lease = match *lease {
                    Ok(lease) => lease,
                    Err(error) => return assert!(is_full(&error), "{error}"),
                };
                let task = &lease.task;
                let limited = task
                    .retry_policy
                    .as_ref()
                    .is_some_and(|policy| policy.maximum_attempts > 0);
                let (run, activity) = (&task.execution.run_id, task.activity_id.as_str());
                self.model.handed_out(run, activity, task.attempt, limited);
                let kills = activity_kills(task.execution.workflow_id.as_str(), activity);
                if kills && self.is_fresh(task.started_time) {
                    self.dies |= self.model.kills(run, activity, self.clock.now());
                }
                self.leases.push(lease);
            }
            Answer::Acted {
                run,
                activity,
                attempt,
                final_,
                result,
            } => {
                if acknowledged(&result) && final_ {
                    self.model.acted.insert((run, activity), attempt);
                }
            }
            Answer::Beaten(result) => {
                acknowledged(&result);
            }
        }
    }

    /// Lets everything come to its end, without crashes but for those that the workflows bring about.
    fn drain(&mut self) {
        self.full.store(0, Ordering::Relaxed);
        for _ in 0..2_000 {
            for _ in 0..10 {
                self.poll_workflow_task();
                self.poll_activity_task();
                self.engine.drive();
                self.hear();
                while !self.tasks.is_empty() {
                    self.answer_task();
                }
                while !self.leases.is_empty() {
                    self.answer_activity();
                }
                self.engine.drive();
                self.hear();
            }
            let open = self.open();
            if open.is_empty() {
                return;
            }
            for id in open {
                self.signal_to(id, GO);
            }
            self.clock.advance(Duration::from_secs(20));
        }
        panic!("{:?} do not come to an end", self.open());
    }

    /// Asks the engine something that it answers without workers.
    fn ask<T>(
        &self,
        mut question: BoxFuture<'_, Result<T, EngineError>>,
    ) -> Result<T, EngineError> {
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..1_000 {
            if let Poll::Ready(answer) = question.poll_unpin(&mut context) {
                return answer;
            }
            self.engine.drive();
        }
        panic!("a question was not answered");
    }

    fn list(&self, filter: &ListFilter) -> Vec<(String, RunId)> {
        let mut found = Vec::new();
        let mut next_page_token = None;
        loop {
            let request = ListWorkflowsRequest {
                filter: filter.clone(),
                page_size: 100,
                next_page_token,
            };
            let page = self.ask(self.engine.list_workflows(request)).unwrap();
            found.extend(page.executions.into_iter().map(|run| {
                let id = run.execution;
                (id.workflow_id.as_str().to_owned(), id.run_id)
            }));
            next_page_token = page.next_page_token;
            if next_page_token.is_none() {
                return found;
            }
        }
    }

    fn open(&self) -> Vec<String> {
        let running = ListFilter {
            status: Some(ExecutionStatus::Running),
            ..ListFilter::default()
        };
        self.list(&running).into_iter().map(|(id, _)| id).collect()
    }

    /// Holds everything against the model; a fingerprint of what happened.
    fn check(&self) -> String {
        let mut runs: BTreeMap<String, Vec<Vec<HistoryEvent>>> = BTreeMap::new();
        let mut happened = Vec::new();
        for (id, run_id) in self.list(&ListFilter::default()).into_iter().rev() {
            let request = HistoryRequest {
                execution: ExecutionRef {
                    run_id: Some(run_id),
                    ..current(&id)
                },
                from: EventId(1),
                page_size: 100_000,
                wait: HistoryWait::No,
            };
            let events = self
                .ask(self.engine.workflow_history(request))
                .unwrap()
                .events;
            happened.push(format!(
                "{id}: {}",
                steadfast_engine::conformance::notation::render(&events)
            ));
            runs.entry(id).or_default().push(events);
        }
        for id in self.model.started.keys() {
            assert!(runs.contains_key(id), "E2: {id} is lost");
        }
        for (id, runs) in &runs {
            self.model.check(id, runs);
        }
        for (run, activity) in self.model.acted.keys() {
            let events = runs.values().flatten().find(|events| of_run(events, run));
            // A run that was reset is another run, and this one is closed.
            let recorded = events.is_none_or(|events| {
                let scheduled = events.iter().find(|event| {
                    matches!(&event.kind, EventKind::ActivityTaskScheduled { activity: a, .. } if a.activity_id.as_str() == activity)
                });
                scheduled.is_some_and(|scheduled| {
                    events.iter().any(|event| {
                        matches!(event.kind, EventKind::ActivityTaskCompleted { scheduled_event_id, .. } if scheduled_event_id == scheduled.event_id)
                    })
                })
            });
            assert!(
                recorded,
                "E2: the outcome of activity {activity} of {run} is lost"
            );
        }
        happened.join("\n")
    }
}

/// Whether the run began as this one.
fn of_run(events: &[HistoryEvent], run: &RunId) -> bool {
    matches!(
        &events[0].kind,
        EventKind::WorkflowExecutionStarted(start) if start.original_execution_run_id == *run
    ) && !events.iter().any(|event| {
        matches!(
            event.kind,
            EventKind::WorkflowTaskFailed {
                cause: WorkflowTaskFailedCause::ResetWorkflow,
                ..
            }
        )
    })
}

/// Whether a commit failed.
fn is_full(error: &EngineError) -> bool {
    matches!(error, EngineError::Storage { message } if message.contains("the disk is full"))
}

/// A request that was not acknowledged came too late, or its commit failed, and nothing else.
fn acknowledged(result: &Result<(), EngineError>) -> bool {
    if let Err(error) = result {
        assert!(
            matches!(error, EngineError::NotFound { .. }) || is_full(error),
            "{error}"
        );
    }
    result.is_ok()
}

/// Runs one seed; gives what happened, and how often the process was lost.
#[expect(clippy::print_stderr, reason = "a failure names its seed")]
fn simulate(seed: u64, steps: u64) -> (String, u64) {
    let run = || {
        let mut simulation = Simulation::new(seed);
        for _ in 0..steps {
            simulation.step();
        }
        simulation.drain();
        let happened = simulation.check();
        simulation.engine.shutdown();
        (happened, simulation.crashes)
    };
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        eprintln!(
            "STEADFAST_SIMULATION_SEED={seed} STEADFAST_SIMULATION_STEPS={steps} shows it again"
        );
        resume_unwind(panic)
    })
}

fn number(name: &str) -> Option<u64> {
    let text = env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is a number")),
    )
}

#[test]
#[expect(
    clippy::print_stdout,
    reason = "whoever asks for one seed wants to see it"
)]
fn whatever_happens_nothing_is_lost() {
    let steps = number("STEADFAST_SIMULATION_STEPS").unwrap_or(2_000);
    if let Some(seed) = number("STEADFAST_SIMULATION_SEED") {
        println!("{}", simulate(seed, steps).0);
        return;
    }
    let seeds = number("STEADFAST_SIMULATION_SEEDS").unwrap_or(12);
    let began = std::time::Instant::now();
    let crashes: u64 = (1..=seeds).map(|seed| simulate(seed, steps).1).sum();
    println!(
        "{} steps, {crashes} crashes in {:?}",
        seeds * steps,
        began.elapsed()
    );
    assert!(crashes > seeds / 4, "only {crashes} crashes");
}

/// Without this, a seed would show nothing again.
#[test]
fn a_seed_decides_everything() {
    for seed in [3, 4] {
        assert_eq!(simulate(seed, 800), simulate(seed, 800));
    }
}
