//! Does what a program's clients do, and gathers what can be seen from outside.
//!
//! Nothing depends on how fast a machine is: between two moves the workflow and its children come to rest, so
//! whatever a move meets is what the moves before it led to.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    sync::Arc,
    time::{Duration, Instant},
};

use steadfast::{
    convert,
    core::{
        event::{EventKind, ExecutionStatus, HistoryEvent},
        failure::{Failure, FailureKind},
        history::History,
        ids::{EventId, RunId, WorkflowExecution},
        payload::Payload,
    },
    engine::EngineError,
    prelude::*,
};
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};

use crate::{
    board::Board,
    interpret::{Player, PlayerHandle},
    program::{Act, Hears, Move, Program, Span, What},
};

/// How often is looked whether a workflow is at rest.
const LOOK: Duration = Duration::from_millis(60);
/// How long an update takes to arrive where nobody handles it: nothing tells.
const ARRIVES: Duration = Duration::from_millis(150);
/// What does not come to rest in this time never will.
const STUCK: Duration = Duration::from_secs(45);
/// The time of a workflow task: longer than anything here takes, so that no worker reports in the middle of a local
/// activity. When it does decides which messages come to code together.
const TASK: Duration = Duration::from_secs(30);
/// How long an answer may take that has to come.
const ANSWER: Duration = Duration::from_secs(20);

/// Where programs run.
#[derive(Clone)]
pub(crate) struct Side {
    pub(crate) name: &'static str,
    pub(crate) client: Client,
    pub(crate) board: Arc<Board>,
}

/// What was seen of a program.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Outcome {
    /// How the last run ended, or that it runs.
    pub(crate) end: String,
    /// What clients were told.
    pub(crate) clients: Vec<String>,
    /// What the last run noted, with what it was given by those before it.
    pub(crate) log: Vec<String>,
    /// The events of all runs, and of children.
    pub(crate) events: Vec<String>,
}

impl Outcome {
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("end: {}", self.end)];
        for (head, body) in [
            ("clients:", &self.clients),
            ("log:", &self.log),
            ("events:", &self.events),
        ] {
            lines.push(head.to_owned());
            lines.extend(body.iter().map(|line| format!("  {line}")));
        }
        lines
    }
}

/// A program that runs on one side.
pub(crate) struct Playing {
    side: Side,
    program: Program,
    id: String,
    first_run: RunId,
    updates: Vec<Update>,
    told: Vec<String>,
}

struct Update {
    number: u32,
    sent: JoinHandle<String>,
}

impl Playing {
    /// Starts the workflow and does what clients do while no worker runs.
    pub(crate) async fn start(side: Side, program: Program, id: String, queue: String) -> Self {
        let options = WorkflowStartOptions::new(queue, &id).task_timeout(TASK);
        let handle = side
            .client
            .start_workflow(Player::run, program.play(), options)
            .await
            .unwrap();
        let first_run = handle.describe().await.unwrap().execution.run_id;
        let before = program.before.clone();
        let mut playing = Self {
            side,
            program,
            id,
            first_run,
            updates: Vec::new(),
            told: Vec::new(),
        };
        for step in before {
            playing.make(step).await;
        }
        playing
    }

    /// Does the rest, once a worker runs.
    pub(crate) async fn finish(mut self) -> Outcome {
        let mut rests = self.rest().await;
        for step in self.program.after.clone() {
            if !rests {
                break;
            }
            self.make(step).await;
            rests = self.rest().await;
        }
        while rests && self.side.board.is_gated(&self.id) {
            self.side.board.open(&self.id);
            rests = self.rest().await;
        }
        let mut outcome = Outcome::default();
        if !rests {
            self.told.push("it does not come to rest".to_owned());
        }
        let runs = self.runs(&self.id, &self.first_run).await;
        outcome.end = end(&runs);
        outcome.log = self.log().await;
        self.tell_updates(&runs).await;
        outcome.clients = std::mem::take(&mut self.told);
        outcome.events = self.events(&self.id, &runs).await;
        self.terminate(&self.id, &self.first_run).await;
        outcome
    }

    fn handle(&self) -> PlayerHandle {
        self.side.client.workflow::<Player>(&self.id).unwrap()
    }

    async fn make(&mut self, step: Move) {
        match step {
            Move::Signal(number) => {
                let sent = self.handle().poke(number).await;
                self.tell(&format!("signal {number}"), sent.err());
            }
            Move::Cancel => {
                let sent = self.handle().cancel(WorkflowCancelOptions::default()).await;
                self.tell("cancel", sent.err());
            }
            Move::Update(number) => {
                let handle = self.handle();
                let sent = tokio::spawn(async move {
                    match handle.ask(number).await {
                        Ok(answer) => answer,
                        Err(error) => words(&error),
                    }
                });
                self.updates.push(Update { number, sent });
                sleep(ARRIVES).await;
            }
            Move::Query => {
                if !self.side.board.is_gated(&self.id) {
                    let noted = self.log().await.len();
                    self.told.push(format!("query: {noted} notes"));
                }
            }
            Move::Release(label) => self.side.board.release(&self.id, &label),
        }
    }

    fn tell(&mut self, what: &str, error: Option<ClientError>) {
        if let Some(error) = error {
            self.told.push(format!("{what}: {}", words(&error)));
        }
    }

    async fn log(&self) -> Vec<String> {
        if self.side.board.is_gated(&self.id) {
            return vec!["(a gate is shut)".to_owned()];
        }
        match timeout(ANSWER, self.handle().log()).await {
            Ok(Ok(log)) => log,
            Ok(Err(error)) => vec![format!("no log: {}", words(&error))],
            Err(_) => vec!["no log: no answer".to_owned()],
        }
    }

    /// What the senders of updates were told. One whose handler still waits is told nothing.
    async fn tell_updates(&mut self, runs: &[History]) {
        let open = !runs.last().is_some_and(is_closed);
        let waits = open && accepted(runs) > completed(runs);
        for Update { number, mut sent } in std::mem::take(&mut self.updates) {
            let limit = if waits {
                Duration::from_millis(500)
            } else {
                ANSWER
            };
            let told = match timeout(limit, &mut sent).await {
                Ok(told) => told.unwrap(),
                Err(_) => {
                    sent.abort();
                    "no answer".to_owned()
                }
            };
            self.told.push(format!("update {number}: {told}"));
        }
    }

    async fn runs(&self, id: &str, first: &RunId) -> Vec<History> {
        let mut runs = Vec::new();
        let mut next = Some(first.clone());
        while let Some(run_id) = next {
            let execution = WorkflowExecution {
                workflow_id: WorkflowId::new(id).unwrap(),
                run_id,
            };
            let run = self.side.client.workflow_run::<Player>(execution);
            let history = run.history().await.unwrap();
            next = match history.events.last().map(|event| &event.kind) {
                Some(EventKind::WorkflowExecutionContinuedAsNew {
                    new_execution_run_id,
                    ..
                }) => Some(new_execution_run_id.clone()),
                _ => None,
            };
            runs.push(history);
        }
        runs
    }

    /// Waits until nothing happens by itself; `false` when that never comes.
    async fn rest(&self) -> bool {
        let began = Instant::now();
        loop {
            if self.rests(&self.id, &self.first_run, None).await {
                return true;
            }
            if began.elapsed() > STUCK {
                return false;
            }
            sleep(LOOK).await;
        }
    }

    fn rests<'a>(
        &'a self,
        id: &'a str,
        first: &'a RunId,
        closed_parent: Option<ParentClosePolicy>,
    ) -> futures_util::future::BoxFuture<'a, bool> {
        Box::pin(async move {
            let runs = self.runs(id, first).await;
            let Some(last) = runs.last() else {
                return false;
            };
            let told_to_cancel = last.events.iter().any(|event| {
                matches!(
                    event.kind,
                    EventKind::WorkflowExecutionCancelRequested { .. }
                )
            });
            let obeyed = is_closed(last)
                || match closed_parent {
                    None | Some(ParentClosePolicy::Abandon) => true,
                    Some(ParentClosePolicy::RequestCancel) => told_to_cancel,
                    Some(_) => false,
                };
            // An update that arrives meets a workflow task; nothing in history says that it has yet to.
            let arrived = id != self.id
                || self.side.board.is_gated(id)
                || accepted(&runs)
                    >= self
                        .updates
                        .iter()
                        .filter(|update| update.number != 0)
                        .count()
                || self.updates.iter().all(|update| update.sent.is_finished());
            if !obeyed || !arrived || !self.is_quiet(id, last) {
                return false;
            }
            for run in &runs {
                for (child, run_id, policy) in children(run) {
                    let policy = is_closed(run).then_some(policy);
                    if !self.rests(&child, &run_id, policy).await {
                        return false;
                    }
                    // The end of a child reaches its parent a while later.
                    let kid = self.runs(&child, &run_id).await;
                    if policy.is_none() && kid.last().is_some_and(is_closed) && !ended(run, &child)
                    {
                        return false;
                    }
                }
            }
            true
        })
    }

    /// Whether a run waits for clients alone.
    fn is_quiet(&self, id: &str, run: &History) -> bool {
        if is_closed(run) {
            return true;
        }
        // The first task of a run that continues another comes a little later than the run.
        let mut task = true;
        let mut activities: BTreeMap<EventId, (Act, bool)> = BTreeMap::new();
        let mut timers = BTreeMap::new();
        let mut starting = 0_usize;
        for event in &run.events {
            match &event.kind {
                EventKind::WorkflowTaskScheduled { .. }
                | EventKind::WorkflowTaskStarted { .. }
                | EventKind::WorkflowTaskFailed { .. }
                | EventKind::WorkflowTaskTimedOut { .. } => task = true,
                EventKind::WorkflowTaskCompleted { .. } => task = false,
                EventKind::ActivityTaskScheduled { activity, .. } => {
                    activities.insert(event.event_id, (first(&activity.input), false));
                }
                EventKind::ActivityTaskCancelRequested {
                    scheduled_event_id, ..
                } => {
                    if let Some((_, told)) = activities.get_mut(scheduled_event_id) {
                        *told = true;
                    }
                }
                EventKind::ActivityTaskCompleted {
                    scheduled_event_id, ..
                }
                | EventKind::ActivityTaskFailed {
                    scheduled_event_id, ..
                }
                | EventKind::ActivityTaskTimedOut {
                    scheduled_event_id, ..
                }
                | EventKind::ActivityTaskCanceled {
                    scheduled_event_id, ..
                } => {
                    activities.remove(scheduled_event_id);
                }
                EventKind::TimerStarted {
                    start_to_fire_timeout,
                    ..
                } => {
                    timers.insert(event.event_id, *start_to_fire_timeout);
                }
                EventKind::TimerFired {
                    started_event_id, ..
                }
                | EventKind::TimerCanceled {
                    started_event_id, ..
                } => {
                    timers.remove(started_event_id);
                }
                EventKind::StartChildWorkflowExecutionInitiated { .. } => starting += 1,
                EventKind::ChildWorkflowExecutionStarted { .. }
                | EventKind::StartChildWorkflowExecutionFailed { .. } => starting -= 1,
                _ => {}
            }
        }
        if task {
            return self.side.board.is_gated(id);
        }
        let held = activities.values().all(|(act, told)| match act.what {
            What::Held(hears) => {
                self.side.board.is_held(id, &act.label) && !(*told && hears != Hears::Nothing)
            }
            _ => false,
        });
        held && starting == 0 && timers.values().all(|limit| *limit == Span::Long.duration())
    }

    fn events<'a>(
        &'a self,
        id: &'a str,
        runs: &'a [History],
    ) -> futures_util::future::BoxFuture<'a, Vec<String>> {
        Box::pin(async move {
            let mut events = Vec::new();
            let mut kids = Vec::new();
            let name = id.strip_prefix(&self.id).unwrap_or(id);
            for (index, run) in runs.iter().enumerate() {
                if runs.len() > 1 || !name.is_empty() {
                    events.push(format!("-- {name} run {}", index + 1));
                }
                events.extend(describe(run, &self.id));
                kids.extend(children(run));
            }
            for (kid, run_id, _) in kids {
                let runs = self.runs(&kid, &run_id).await;
                events.extend(self.events(&kid, &runs).await);
            }
            events
        })
    }

    fn terminate<'a>(
        &'a self,
        id: &'a str,
        first: &'a RunId,
    ) -> futures_util::future::BoxFuture<'a, ()> {
        Box::pin(async move {
            let runs = self.runs(id, first).await;
            if !runs.last().is_some_and(is_closed) {
                let handle = self.side.client.workflow::<Player>(id).unwrap();
                // It may close meanwhile.
                let _ = handle.terminate(WorkflowTerminateOptions::default()).await;
            }
            for run in &runs {
                for (kid, run_id, _) in children(run) {
                    self.terminate(&kid, &run_id).await;
                }
            }
        })
    }
}

fn is_closed(run: &History) -> bool {
    run.events
        .last()
        .is_some_and(|event| event.kind.is_closing())
}

fn count(runs: &[History], is: impl Fn(&EventKind) -> bool) -> usize {
    let events = runs.iter().flat_map(|run| &run.events);
    events.filter(|event| is(&event.kind)).count()
}

fn accepted(runs: &[History]) -> usize {
    count(runs, |kind| {
        matches!(kind, EventKind::WorkflowExecutionUpdateAccepted { .. })
    })
}

fn completed(runs: &[History]) -> usize {
    count(runs, |kind| {
        matches!(kind, EventKind::WorkflowExecutionUpdateCompleted { .. })
    })
}

fn children(run: &History) -> Vec<(String, RunId, ParentClosePolicy)> {
    let mut policies = BTreeMap::new();
    let mut children = Vec::new();
    for event in &run.events {
        match &event.kind {
            EventKind::StartChildWorkflowExecutionInitiated { child, .. } => {
                policies.insert(event.event_id, child.parent_close_policy);
            }
            EventKind::ChildWorkflowExecutionStarted {
                initiated_event_id,
                execution,
                ..
            } => {
                if let Some(policy) = policies.get(initiated_event_id) {
                    let id = execution.workflow_id.to_string();
                    children.push((id, execution.run_id.clone(), *policy));
                }
            }
            _ => {}
        }
    }
    children
}

/// Whether a run knows that a child of it has ended.
fn ended(run: &History, child: &str) -> bool {
    run.events.iter().any(|event| match &event.kind {
        EventKind::ChildWorkflowExecutionCompleted { execution, .. }
        | EventKind::ChildWorkflowExecutionFailed { execution, .. }
        | EventKind::ChildWorkflowExecutionCanceled { execution, .. }
        | EventKind::ChildWorkflowExecutionTerminated { execution, .. } => {
            execution.workflow_id.as_str() == child
        }
        _ => false,
    })
}

fn first<T: serde::de::DeserializeOwned>(input: &[Payload]) -> T {
    convert::from_payload(input.first()).unwrap()
}

fn end(runs: &[History]) -> String {
    let last = runs.last().and_then(|run| run.events.last());
    match last.map(|event| &event.kind) {
        Some(EventKind::WorkflowExecutionFailed { failure, .. }) => {
            format!("Failed: {}", chain(failure))
        }
        Some(kind) if kind.is_closing() => kind.name().to_owned(),
        _ => format!("{:?}", ExecutionStatus::Running),
    }
}

/// What a failure and its causes are. Messages are those of each SDK, but for what user code said.
fn chain(failure: &Failure) -> String {
    let mut text = match &failure.kind {
        FailureKind::Application { error_type, .. } => {
            format!("{error_type} `{}`", failure.message)
        }
        FailureKind::Timeout { timeout_type, .. } => format!("timeout {timeout_type:?}"),
        FailureKind::Cancelled { .. } => "cancelled".to_owned(),
        FailureKind::Terminated { .. } => "terminated".to_owned(),
        FailureKind::Activity(_) => "activity".to_owned(),
        FailureKind::ChildWorkflow(_) => "child".to_owned(),
        other => format!("{other:?}"),
    };
    if let Some(cause) = &failure.cause {
        let _ = write!(text, " <- {}", chain(cause));
    }
    text
}

fn words(error: &ClientError) -> String {
    match error {
        ClientError::Refused(failure) => format!("refused: {}", chain(failure)),
        ClientError::Engine(EngineError::NotFound { .. }) => "not found".to_owned(),
        other => format!("{other:?}"),
    }
}

/// Before what was asked for in the answer that closes a run.
pub(crate) const CLOSING: &str = "(closing) ";
/// Before what an activity does after it was to be cancelled.
pub(crate) const LATER: &str = "later: ";

/// The events of a run, but for its workflow tasks: how often a workflow is asked is not what it does.
fn describe(run: &History, id: &str) -> Vec<String> {
    let mut names: BTreeMap<EventId, String> = BTreeMap::new();
    let mut lines: Vec<String> = Vec::new();
    let mut answered = 0;
    // How soon an activity hears of its cancellation is up to the engine (A1): what becomes of it comes last, and not
    // at all where the run may have closed before.
    let mut told = BTreeSet::new();
    let mut later = Vec::new();
    for HistoryEvent { event_id, kind, .. } in &run.events {
        let own = match kind {
            EventKind::ActivityTaskScheduled { activity, .. } => {
                Some(first::<Act>(&activity.input).label)
            }
            EventKind::TimerStarted {
                start_to_fire_timeout,
                ..
            } => Some(format!("{start_to_fire_timeout:?}")),
            EventKind::StartChildWorkflowExecutionInitiated { child, .. } => {
                Some(child.workflow_id.as_str().replace(id, ""))
            }
            EventKind::WorkflowExecutionSignaled { input, .. }
            | EventKind::WorkflowExecutionUpdateAccepted { input, .. } => {
                Some(first::<u32>(input).to_string())
            }
            EventKind::WorkflowExecutionUpdateCompleted {
                accepted_event_id,
                outcome,
                ..
            } => {
                let name = names.get(accepted_event_id).cloned().unwrap_or_default();
                let how = match &**outcome {
                    Ok(_) => "ok".to_owned(),
                    Err(failure) => chain(failure),
                };
                Some(format!("{name}: {how}"))
            }
            EventKind::WorkflowExecutionFailed { failure, .. } => Some(chain(failure)),
            EventKind::MarkerRecorded { marker, .. } => marker.failure.as_ref().map(chain),
            _ => None,
        };
        if let Some(name) = &own {
            names.insert(*event_id, name.clone());
        }
        let about = match kind {
            EventKind::ActivityTaskStarted {
                scheduled_event_id, ..
            }
            | EventKind::ActivityTaskCompleted {
                scheduled_event_id, ..
            }
            | EventKind::ActivityTaskFailed {
                scheduled_event_id, ..
            }
            | EventKind::ActivityTaskTimedOut {
                scheduled_event_id, ..
            }
            | EventKind::ActivityTaskCancelRequested {
                scheduled_event_id, ..
            }
            | EventKind::ActivityTaskCanceled {
                scheduled_event_id, ..
            } => Some(scheduled_event_id),
            EventKind::TimerFired {
                started_event_id, ..
            }
            | EventKind::TimerCanceled {
                started_event_id, ..
            } => Some(started_event_id),
            EventKind::ChildWorkflowExecutionStarted {
                initiated_event_id, ..
            }
            | EventKind::ChildWorkflowExecutionCompleted {
                initiated_event_id, ..
            }
            | EventKind::ChildWorkflowExecutionFailed {
                initiated_event_id, ..
            }
            | EventKind::ChildWorkflowExecutionCanceled {
                initiated_event_id, ..
            }
            | EventKind::ChildWorkflowExecutionTerminated {
                initiated_event_id, ..
            }
            | EventKind::ExternalWorkflowExecutionCancelRequested {
                initiated_event_id, ..
            } => Some(initiated_event_id),
            _ => None,
        };
        let name = kind.name();
        if name.starts_with("WorkflowTask") {
            answered = lines.len();
            continue;
        }
        if kind.is_closing() {
            for line in &mut lines[answered..] {
                line.insert_str(0, CLOSING);
            }
        }
        let name = name.strip_prefix("WorkflowExecution").unwrap_or(name);
        let label = own.or_else(|| about.and_then(|id| names.get(id)).cloned());
        let line = match label {
            Some(label) => format!("{name} {label}"),
            None => name.to_owned(),
        };
        match about {
            Some(activity) if told.contains(activity) => later.push(format!("{LATER}{line}")),
            _ => lines.push(line),
        }
        if let EventKind::ActivityTaskCancelRequested {
            scheduled_event_id, ..
        } = kind
        {
            told.insert(*scheduled_event_id);
        }
    }
    if !is_closed(run) {
        later.sort();
        lines.extend(later);
    }
    lines
}
