//! Tells an engine a scenario that is written as lines of text.

use std::{
    collections::HashMap,
    fmt::Debug,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use steadfast_core::{
    command::{
        Command, ContinueAsNewWorkflowExecution, RecordMarker,
        RequestCancelExternalWorkflowExecution, ScheduleActivityTask,
        SignalExternalWorkflowExecution, StartChildWorkflowExecution,
    },
    event::{HistoryEvent, WorkflowTaskFailedCause},
    failure::{Failure, FailureKind},
    ids::{EventId, RequestId, RunId, UpdateId, UpdateName, WorkflowId, WorkflowType},
    options::{ActivityTimeouts, ParentClosePolicy, WorkflowIdReusePolicy, WorkflowTimeouts},
    payload::{Payload, PayloadMap},
    retry::RetryPolicy,
    task::{ActivityOutcome, TaskToken, WorkflowTask, WorkflowTaskFailure},
};

use super::{
    notation::render,
    requests::{
        completion, current, identity, queue, retry_policy, seconds, signal, start_request,
        words_for_people,
    },
    schedules,
    updates::{Updates, conflict_policy, update_request},
};
use crate::{
    ActivityLease, ActivityNotice, CancelWorkflowRequest, Engine, EngineError, EngineFuture,
    ExecutionRef, HistoryRequest, HistoryWait, PollActivityTaskRequest, PollWorkflowTaskRequest,
    ResetWorkflowRequest, SignalWorkflowRequest, StartWorkflowRequest, TerminateWorkflowRequest,
    WorkflowDescription,
};

/// How the time of an engine is moved, and how one knows that it has come to rest.
pub trait Time<E>: Debug {
    /// Lets time pass. What was due meanwhile has been fired when this returns.
    fn pass(&self, duration: Duration);

    /// Lets time pass until the next thing is due, and fires it; `false` when nothing is.
    fn pass_to_next_timer(&self) -> bool;

    /// Waits until everything that was asked is done and every effect of one execution on another has happened.
    fn settled<'a>(&'a self, engine: &'a E) -> EngineFuture<'a, ()>;
}

/// An engine that a script is told to, with what the script has in hand.
///
/// One step is one line. Every workflow has the task queue of its own id, and every activity that of its own. `=> text` at
/// the end of a step says that it is refused with a text that contains this one.
///
/// ```text
/// start w [delay=6s] [run=2s] [task=2s] [retry=3]      cancel w reason [by=who] [first=run2]
/// .. [retry=3 initial=1s coefficient=2.0 maximum=9s]    of starts, activities (`attempts=3`) and children
/// task w: timer t 60s; complete "x"                     signal w name · terminate w reason
/// take w · answer w: .. · fail w boom                   reset w 4 reason
/// act a · done a "x" · failed a Type text · cancelled a · beat a "x" -> yes|no
/// update w u [stage=accepted] · update-with-start w u [conflict=use] · updated w u 7
/// start w cron=0_9_*_*_* · schedule s every=60s [cron=..] [overlap=BufferOne] [paused=yes] [pause=on-failure] [remaining=2]
/// patch s trigger|pause words|unpause words|delete      scheduled s taken=1 skipped=0 paused=no ..
/// advance 3s · next · status w Running · events w: 1 Started · 2-4 WT
/// ```
#[derive(Debug)]
pub struct World<E, T> {
    /// The engine.
    pub engine: Arc<E>,
    /// Its time.
    pub clock: T,
    tasks: HashMap<String, WorkflowTask>,
    /// Tokens of tasks that were taken before the current ones.
    old_tokens: HashMap<String, TaskToken>,
    activities: HashMap<String, ActivityLease>,
    /// The runs of each workflow in the order in which the script named them.
    runs: HashMap<String, Vec<RunId>>,
    updates: Updates,
}

impl<E: Engine, T: Time<E>> World<E, T> {
    /// Nothing has happened yet, as far as the script knows.
    pub fn new(engine: Arc<E>, clock: impl Into<T>) -> Self {
        Self {
            engine,
            clock: clock.into(),
            tasks: HashMap::new(),
            old_tokens: HashMap::new(),
            activities: HashMap::new(),
            runs: HashMap::new(),
            updates: Updates::default(),
        }
    }

    /// Runs steps of which none is expected to be refused, and stops at the first that is.
    ///
    /// # Errors
    ///
    /// What the engine refused that step with.
    ///
    /// # Panics
    ///
    /// As [`run`](Self::run).
    pub async fn try_run(&mut self, script: &str) -> Result<(), EngineError> {
        for line in script
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
        {
            self.step(line).await?;
            self.clock.settled(&self.engine).await?;
        }
        Ok(())
    }

    /// Runs the steps of a script.
    ///
    /// # Panics
    ///
    /// When the engine does otherwise than the script says, which is what it is for.
    pub async fn run(&mut self, script: &str) {
        for (number, line) in script.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (step, refusal) = match line.split_once(" => ") {
                Some((step, refusal)) => (step.trim(), Some(refusal.trim())),
                None => (line, None),
            };
            let result = self.step(step).await;
            self.clock.settled(&self.engine).await.unwrap();
            match (result, refusal) {
                (Ok(()), None) => {}
                (Ok(()), Some(refusal)) => {
                    panic!("line {number} `{line}` was not refused: {refusal}")
                }
                (Err(error), Some(refusal)) => assert!(
                    error.to_string().contains(refusal),
                    "line {number} `{line}` was refused with: {error}"
                ),
                (Err(error), None) => panic!("line {number} `{line}`: {error}"),
            }
        }
    }

    /// A new one, also for the file of another world.
    fn request(&self) -> RequestId {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        RequestId::new(format!("request-{number}")).unwrap()
    }

    async fn step(&mut self, step: &str) -> Result<(), EngineError> {
        let (verb, rest) = step.split_once(' ').unwrap_or((step, ""));
        let (head, body) = match verb {
            "task" | "answer" | "events" | "late" | "force" => {
                rest.split_once(':').unwrap_or((rest, ""))
            }
            _ => (rest, ""),
        };
        let words: Vec<&str> = head.split_whitespace().collect();
        let word = |index: usize| words.get(index).copied().unwrap_or_default();
        let option = |name: &str| {
            words.iter().find_map(|word| {
                word.strip_prefix(name)
                    .and_then(|rest| rest.strip_prefix('='))
            })
        };
        let text = |from: usize| {
            let plain: Vec<&str> = words
                .iter()
                .skip(from)
                .filter(|word| !word.contains('='))
                .copied()
                .collect();
            plain.join(" ")
        };
        match verb {
            "start" => self.start(word(0), option).await,
            "update" => {
                let update = update_request(word(0), word(1), option("stage"));
                self.updates.send(&self.engine, None, update).await
            }
            "update-with-start" => {
                let update = update_request(word(0), word(1), option("stage"));
                let start = self.start_of(word(0), option);
                self.updates.send(&self.engine, Some(start), update).await
            }
            // It was sent, and is for another run now.
            "moved" => {
                let (id, update) = (word(0), word(1));
                self.updates.until_known(&self.engine, id, update).await
            }
            "updated" => {
                let answer = self.updates.answer(word(0), word(1)).await?;
                assert_eq!(answer, text(2), "{step}");
                Ok(())
            }
            "task" => {
                self.take(word(0)).await?;
                self.answer(word(0), body, false).await
            }
            "take" => self.take(word(0)).await,
            "answer" => self.answer(word(0), body, false).await,
            "force" => self.answer(word(0), body, true).await,
            "late" => {
                let token = self.old_tokens[word(0)].clone();
                self.engine
                    .complete_workflow_task(token, completion(self.commands(body)))
                    .await?;
                Ok(())
            }
            "fail" => {
                if !self.tasks.contains_key(word(0)) {
                    self.take(word(0)).await?;
                }
                let task = self.tasks.remove(word(0)).unwrap();
                let failure = WorkflowTaskFailure {
                    cause: WorkflowTaskFailedCause::WorkflowWorkerUnhandledFailure,
                    failure: Failure::application(text(1), "Panic"),
                };
                self.engine.fail_workflow_task(task.token, failure).await
            }
            "cancel" => {
                let request_id = self.request();
                let execution = self.execution(word(0), &option);
                let identity = identity(option("by").unwrap_or("client"));
                let request = CancelWorkflowRequest {
                    execution,
                    reason: text(1),
                    identity,
                    request_id,
                };
                self.engine.request_cancel_workflow(request).await
            }
            "signal" => {
                let request_id = self.request();
                let request = SignalWorkflowRequest {
                    execution: self.execution(word(0), &option),
                    signal: signal(word(1), request_id),
                };
                self.engine.signal_workflow(request).await
            }
            "terminate" => {
                let request = TerminateWorkflowRequest {
                    execution: self.execution(word(0), &option),
                    reason: text(1),
                    details: Vec::new(),
                    identity: identity(option("by").unwrap_or("frontend-service")),
                };
                self.engine.terminate_workflow(request).await
            }
            "reset" => {
                let request_id = self.request();
                let request = ResetWorkflowRequest {
                    execution: self.execution(word(0), &option),
                    workflow_task_finish_event_id: EventId(word(1).parse().unwrap()),
                    reason: text(2),
                    identity: identity("client"),
                    request_id,
                    exclude_signals: option("signals") == Some("no"),
                    exclude_updates: false,
                };
                let run_id = self.engine.reset_workflow(request).await?;
                self.runs
                    .entry(word(0).to_owned())
                    .or_default()
                    .push(run_id);
                Ok(())
            }
            // Gives the current run of a workflow the next number.
            "run" => {
                let run_id = self.describe(word(0), None).await?.execution.run_id;
                self.runs
                    .entry(word(0).to_owned())
                    .or_default()
                    .push(run_id);
                Ok(())
            }
            "delete" => {
                self.engine
                    .delete_workflow(self.execution(word(0), &option))
                    .await
            }
            "act" => {
                let request = PollActivityTaskRequest {
                    task_queue: queue(word(0)),
                    worker: identity("worker"),
                    max_tasks_per_second: None,
                    remote: false,
                };
                let lease = self.engine.poll_activity_task(request).await?;
                if let Some(attempt) = option("attempt") {
                    assert_eq!(lease.task.attempt.to_string(), attempt, "{step}");
                }
                if let Some(details) = option("details") {
                    let seen: Vec<_> = lease
                        .task
                        .heartbeat_details
                        .iter()
                        .map(super::notation::text)
                        .collect();
                    assert_eq!(seen.join(","), details, "{step}");
                }
                self.activities.insert(word(0).to_owned(), lease);
                Ok(())
            }
            "idle" => {
                let request = PollActivityTaskRequest {
                    task_queue: queue(word(0)),
                    worker: identity("worker"),
                    max_tasks_per_second: None,
                    remote: false,
                };
                let poll = self.engine.poll_activity_task(request);
                assert!(
                    futures_util::FutureExt::now_or_never(poll).is_none(),
                    "an activity is not idle"
                );
                Ok(())
            }
            "quiet" => {
                let request = PollWorkflowTaskRequest {
                    task_queue: queue(word(0)),
                    worker: identity("worker"),
                    remote: false,
                };
                let poll = self.engine.poll_workflow_task(request);
                assert!(
                    futures_util::FutureExt::now_or_never(poll).is_none(),
                    "a workflow is not quiet"
                );
                Ok(())
            }
            "done" => {
                let result = (!text(1).is_empty()).then(|| Payload::json(text(1).into_bytes()));
                self.end(word(0), ActivityOutcome::Completed { result })
                    .await
            }
            "cancelled" => {
                let details = if text(1).is_empty() {
                    Vec::new()
                } else {
                    vec![Payload::json(text(1).into_bytes())]
                };
                self.end(word(0), ActivityOutcome::Cancelled { details })
                    .await
            }
            "failed" => {
                let mut failure = Failure::application(text(2), word(1));
                if let FailureKind::Application {
                    next_retry_delay, ..
                } = &mut failure.kind
                {
                    *next_retry_delay = option("delay").map(seconds);
                }
                self.end(
                    word(0),
                    ActivityOutcome::Failed {
                        failure,
                        last_heartbeat_details: None,
                    },
                )
                .await
            }
            "beat" => {
                let (details, wanted) = text(1)
                    .split_once("->")
                    .map(|(a, b)| (a.trim().to_owned(), b.trim() == "yes"))
                    .unwrap();
                let token = self.activities[word(0)].task.token.clone();
                let details = if details.is_empty() {
                    Vec::new()
                } else {
                    vec![Payload::json(details.into_bytes())]
                };
                let reply = self.engine.record_heartbeat(token, details).await?;
                assert_eq!(reply.cancel_requested, wanted, "{step}");
                Ok(())
            }
            "notice" => {
                // An engine may have nothing to say by itself; then the answers to heartbeats say it.
                let Some(notices) = &self.activities[word(0)].notices else {
                    return Ok(());
                };
                let expected = match word(1) {
                    "None" => ActivityNotice::None,
                    "CancelRequested" => ActivityNotice::CancelRequested,
                    "TimedOut" => ActivityNotice::TimedOut,
                    "NotFound" => ActivityNotice::NotFound,
                    other => panic!("unknown notice {other}"),
                };
                assert_eq!(*notices.borrow(), expected, "{step}");
                Ok(())
            }
            "advance" => {
                self.clock.pass(seconds(word(0)));
                Ok(())
            }
            "next" => {
                assert!(self.clock.pass_to_next_timer(), "there is a timer");
                Ok(())
            }
            "schedule" | "patch" | "scheduled" => {
                let request_id = self.request();
                schedules::step(&*self.engine, verb, &words, request_id).await
            }
            "status" => {
                let status = self.describe(word(0), option("run")).await?.status;
                assert_eq!(status.to_string(), word(1), "{step}");
                Ok(())
            }
            "events" => {
                let events = self.events(word(0), option("run")).await?;
                assert_eq!(render(&events), body.trim(), "{step}");
                Ok(())
            }
            other => panic!("unknown step {other}"),
        }
    }

    async fn start<'a>(
        &mut self,
        id: &str,
        option: impl Fn(&str) -> Option<&'a str>,
    ) -> Result<(), EngineError> {
        let started = self
            .engine
            .start_workflow(self.start_of(id, option))
            .await?;
        self.runs
            .entry(id.to_owned())
            .or_default()
            .push(started.run_id);
        Ok(())
    }

    fn start_of<'a>(
        &self,
        id: &str,
        option: impl Fn(&str) -> Option<&'a str>,
    ) -> StartWorkflowRequest {
        let request_id = self.request();
        let request_id = option("request").unwrap_or(request_id.as_str());
        let mut request = start_request(id, request_id);
        if let Some(workflow_type) = option("type") {
            request.workflow_type = WorkflowType::new(workflow_type).unwrap();
        }
        request.cron_schedule = schedules::cron(option("cron"));
        request.start_delay = option("delay").map_or(Duration::ZERO, seconds);
        request.timeouts.run_timeout = option("run").map(seconds);
        request.timeouts.execution_timeout = option("execution").map(seconds);
        request.timeouts.task_timeout = option("task").map(seconds);
        request.user_metadata = words_for_people(&option);
        request.retry_policy = retry_policy(option("retry"), &option);
        if option("reuse") == Some("reject") {
            request.id_reuse_policy = WorkflowIdReusePolicy::RejectDuplicate;
        }
        request.id_conflict_policy = conflict_policy(option("conflict"));
        request
    }

    async fn take(&mut self, id: &str) -> Result<(), EngineError> {
        let request = PollWorkflowTaskRequest {
            task_queue: queue(id),
            worker: identity("worker"),
            remote: false,
        };
        let task = self.engine.poll_workflow_task(request).await?;
        check_task(&task);
        self.old_tokens.insert(id.to_owned(), task.token.clone());
        self.tasks.insert(id.to_owned(), task);
        Ok(())
    }

    async fn answer(&mut self, id: &str, body: &str, force: bool) -> Result<(), EngineError> {
        let task = self.tasks.remove(id).expect("the task was taken");
        let mut completion = completion(self.commands(body));
        completion.force_new_workflow_task = force;
        self.engine
            .complete_workflow_task(task.token, completion)
            .await?;
        Ok(())
    }

    /// Answers a task that the script took with commands that have no notation.
    ///
    /// # Panics
    ///
    /// When there is no such task, or the engine refuses the answer.
    pub async fn answer_with(&mut self, id: &str, commands: Vec<Command>) {
        let task = self.tasks.remove(id).expect("the task was taken");
        self.engine
            .complete_workflow_task(task.token, completion(commands))
            .await
            .unwrap();
        self.clock.settled(&self.engine).await.unwrap();
    }

    async fn end(&self, id: &str, outcome: ActivityOutcome) -> Result<(), EngineError> {
        let token = self.activities[id].task.token.clone();
        self.engine.complete_activity_task(token, outcome).await
    }

    fn execution<'a>(&self, id: &str, option: &impl Fn(&str) -> Option<&'a str>) -> ExecutionRef {
        let mut execution = current(id);
        execution.run_id = option("run").map(|run| self.run_id(id, run));
        execution.first_execution_run_id = option("first").map(|run| self.run_id(id, run));
        execution
    }

    /// Runs are numbered from 1 in the order in which the script came across them.
    fn run_id(&self, id: &str, number: &str) -> RunId {
        match number.parse::<usize>() {
            Ok(number) => self.runs[id][number - 1].clone(),
            Err(_) => RunId::new(number).unwrap(),
        }
    }

    async fn describe(
        &self,
        id: &str,
        run: Option<&str>,
    ) -> Result<WorkflowDescription, EngineError> {
        let mut execution = current(id);
        execution.run_id = run.map(|run| self.run_id(id, run));
        self.engine.describe_workflow(execution).await
    }

    /// The events of a run that the script numbered, or of the current one.
    ///
    /// # Errors
    ///
    /// What the engine says.
    ///
    /// # Panics
    ///
    /// When they break E3 or E9.
    pub async fn events(
        &self,
        id: &str,
        run: Option<&str>,
    ) -> Result<Vec<HistoryEvent>, EngineError> {
        let mut execution = current(id);
        execution.run_id = run.map(|run| self.run_id(id, run));
        let page = self
            .engine
            .workflow_history(HistoryRequest {
                execution,
                from: EventId(1),
                page_size: 100_000,
                wait: HistoryWait::No,
            })
            .await?;
        check_order(&page.events);
        Ok(page.events)
    }

    /// The commands of a text such as `timer t 60s; complete "x"`.
    ///
    /// # Panics
    ///
    /// When the text is not understood.
    pub fn commands(&self, body: &str) -> Vec<Command> {
        body.split(';')
            .map(str::trim)
            .filter(|text| !text.is_empty())
            .map(|text| self.command(text))
            .collect()
    }

    fn command(&self, text: &str) -> Command {
        let words: Vec<&str> = text.split_whitespace().collect();
        let word = |index: usize| words.get(index).copied().unwrap_or_default();
        let option = |name: &str| {
            words.iter().find_map(|word| {
                word.strip_prefix(name)
                    .and_then(|rest| rest.strip_prefix('='))
            })
        };
        let json = |from: usize| {
            words
                .get(from..)
                .map(|rest| Payload::json(rest.join(" ").into_bytes()))
        };
        let shown = || words_for_people(option);
        match word(0) {
            "timer" => Command::StartTimer {
                timer_id: steadfast_core::ids::TimerId::new(word(1)).unwrap(),
                start_to_fire_timeout: seconds(word(2)),
                user_metadata: shown(),
            },
            "cancel-timer" => Command::CancelTimer {
                timer_id: steadfast_core::ids::TimerId::new(word(1)).unwrap(),
            },
            "schedule" => Command::ScheduleActivityTask(Box::new(ScheduleActivityTask {
                activity_id: steadfast_core::ids::ActivityId::new(word(1)).unwrap(),
                activity_type: steadfast_core::ids::ActivityType::new(
                    option("type").unwrap_or("Act"),
                )
                .unwrap(),
                task_queue: queue(option("queue").unwrap_or_else(|| word(1))),
                input: Vec::new(),
                header: PayloadMap::new(),
                timeouts: ActivityTimeouts {
                    start_to_close_timeout: if option("close") == Some("none") {
                        None
                    } else {
                        Some(option("close").map_or(Duration::from_secs(60), seconds))
                    },
                    schedule_to_close_timeout: option("overall").map(seconds),
                    schedule_to_start_timeout: option("start").map(seconds),
                    heartbeat_timeout: option("heartbeat").map(seconds),
                },
                retry_policy: retry_policy(option("attempts"), option).map(|policy| RetryPolicy {
                    non_retryable_error_types: vec!["Fatal".to_owned()],
                    ..policy
                }),
                user_metadata: shown(),
                priority: None,
            })),
            "cancel-act" => Command::RequestCancelActivityTask {
                scheduled_event_id: EventId(word(1).parse().unwrap()),
            },
            "child" => {
                Command::StartChildWorkflowExecution(Box::new(StartChildWorkflowExecution {
                    workflow_id: WorkflowId::new(word(1)).unwrap(),
                    workflow_type: WorkflowType::new("Child").unwrap(),
                    task_queue: queue(word(1)),
                    input: Vec::new(),
                    header: PayloadMap::new(),
                    timeouts: WorkflowTimeouts::default(),
                    parent_close_policy: match option("policy") {
                        Some("abandon") => ParentClosePolicy::Abandon,
                        Some("cancel") => ParentClosePolicy::RequestCancel,
                        _ => ParentClosePolicy::Terminate,
                    },
                    workflow_id_reuse_policy: WorkflowIdReusePolicy::AllowDuplicate,
                    retry_policy: retry_policy(option("retry"), option),
                    memo: PayloadMap::new(),
                    search_attributes: PayloadMap::new(),
                    user_metadata: shown(),
                    priority: None,
                    cron_schedule: schedules::cron(option("cron")),
                }))
            }
            "cancel-other" => Command::RequestCancelExternalWorkflowExecution(Box::new(
                RequestCancelExternalWorkflowExecution {
                    namespace: None,
                    workflow_id: WorkflowId::new(word(1)).unwrap(),
                    run_id: None,
                    child_workflow_only: word(2) == "child",
                    reason: if word(2) == "child" {
                        String::new()
                    } else {
                        word(2).to_owned()
                    },
                },
            )),
            "signal-other" => Command::SignalExternalWorkflowExecution(Box::new(
                SignalExternalWorkflowExecution {
                    namespace: None,
                    workflow_id: WorkflowId::new(word(1)).unwrap(),
                    run_id: None,
                    signal_name: steadfast_core::ids::SignalName::new(word(2)).unwrap(),
                    input: Vec::new(),
                    header: PayloadMap::new(),
                    child_workflow_only: false,
                },
            )),
            "accept" => Command::AcceptUpdate {
                update_id: UpdateId::new(word(1)).unwrap(),
                name: UpdateName::new("change").unwrap(),
                input: Vec::new(),
            },
            "complete-update" => Command::CompleteUpdate {
                update_id: UpdateId::new(word(1)).unwrap(),
                outcome: Ok(json(2).unwrap()),
            },
            "reject" => Command::RejectUpdate {
                update_id: UpdateId::new(word(1)).unwrap(),
                failure: Failure::application(words[2..].join(" "), "Refused"),
            },
            "marker" => Command::RecordMarker(Box::new(RecordMarker {
                marker_name: word(1).to_owned(),
                details: Default::default(),
                failure: None,
                user_metadata: shown(),
            })),
            "complete" => Command::CompleteWorkflowExecution {
                result: json(1).filter(|value| !value.data.is_empty()),
            },
            "fail" => Command::FailWorkflowExecution {
                failure: Box::new(Failure::application(words[2..].join(" "), word(1))),
            },
            "cancelled" => Command::CancelWorkflowExecution {
                details: json(1)
                    .filter(|value| !value.data.is_empty())
                    .into_iter()
                    .collect(),
            },
            "continue" => {
                Command::ContinueAsNewWorkflowExecution(Box::new(ContinueAsNewWorkflowExecution {
                    workflow_type: WorkflowType::new("Flow").unwrap(),
                    task_queue: queue(word(1)),
                    input: Vec::new(),
                    header: PayloadMap::new(),
                    timeouts: WorkflowTimeouts::default(),
                    retry_policy: None,
                    memo: None,
                    search_attributes: None,
                }))
            }
            other => panic!("unknown command {other}"),
        }
    }
}

/// E3 and E9: ids count from 1 without gaps, times never decrease, nothing follows a closing event.
///
/// # Panics
///
/// When it is not so.
pub fn check_order(events: &[HistoryEvent]) {
    for (index, event) in events.iter().enumerate() {
        assert_eq!(
            event.event_id.0,
            index as u64 + 1,
            "ids have no gaps: {}",
            render(events)
        );
        assert!(
            index + 1 == events.len() || !event.kind.is_closing(),
            "nothing follows the close: {}",
            render(events)
        );
    }
    assert!(
        events
            .windows(2)
            .all(|pair| pair[0].event_time <= pair[1].event_time),
        "times never decrease"
    );
}

/// What every task must satisfy: its events are contiguous, end with its own start, and begin with
/// the first event or right after the last answered start.
///
/// # Panics
///
/// When it is not so.
pub fn check_task(task: &WorkflowTask) {
    let ids: Vec<u64> = task.events.iter().map(|event| event.event_id.0).collect();
    assert!(
        ids.windows(2).all(|pair| pair[0] + 1 == pair[1]),
        "the events of a task are contiguous: {ids:?}"
    );
    if task.started_event_id.is_some() {
        assert_eq!(
            ids.last(),
            Some(&task.started_event_id.0),
            "a task ends with its start"
        );
        let first = ids[0];
        assert!(
            first == 1 || first == task.previous_started_event_id.0 + 1,
            "a task begins at {first}"
        );
    }
}
