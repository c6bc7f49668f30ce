//! Random programs against a model engine.
//!
//! * P1: replaying any prefix of a history, and then going on, gives the same commands.
//! * P2: no history makes a run panic, and after an error it stays failed.
//! * P3: every operation resolves at most once, and every cancelled one exactly once.
//! * M1, M2: however messages are spread over workflow tasks, each reaches its handler once and in the
//!   order of history, also in the task in which the run ends.
//!
//! The engine records what a real one would: it checks each command, records its event, and lets
//! what was asked for happen at any later time, in any order.

mod support;

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    time::Duration,
};

use proptest::prelude::*;
use steadfast_core::{
    activation::{Job, Message, OperationId, Resolution},
    command::Command,
    event::{
        ContinueAsNewInitiator, EventKind, ExternalFailedCause, HistoryEvent,
        WorkflowExecutionStarted, WorkflowTaskFailedCause,
    },
    failure::{Failure, TimeoutType},
    history::builder::{
        HistoryBuilder, cancel_external, id, schedule_activity, signal_external, start_child,
        start_timer,
    },
    ids::{EventId, TimerId},
    options::{ActivityCancellationType, ChildWorkflowCancellationType},
    payload::{Payload, PayloadMap},
    run::Run,
    scope::ScopeKind,
    task::Update,
};
use support::{Ending, Interpreter, Program, Start, Statement};

fn name() -> impl Strategy<Value = String> {
    (0..6_u8).prop_map(|number| format!("o{number}"))
}

fn scope_name() -> impl Strategy<Value = String> {
    (0..3_u8).prop_map(|number| format!("s{number}"))
}

fn signal_name() -> impl Strategy<Value = String> {
    (0..2_u8).prop_map(|number| format!("g{number}"))
}

fn activity_cancellation() -> impl Strategy<Value = ActivityCancellationType> {
    prop_oneof![
        Just(ActivityCancellationType::TryCancel),
        Just(ActivityCancellationType::WaitCancellationCompleted),
        Just(ActivityCancellationType::Abandon),
    ]
}

fn child_cancellation() -> impl Strategy<Value = ChildWorkflowCancellationType> {
    prop_oneof![
        Just(ChildWorkflowCancellationType::TryCancel),
        Just(ChildWorkflowCancellationType::WaitCancellationRequested),
        Just(ChildWorkflowCancellationType::WaitCancellationCompleted),
        Just(ChildWorkflowCancellationType::Abandon),
    ]
}

fn start() -> impl Strategy<Value = Start> {
    prop_oneof![
        4 => activity_cancellation().prop_map(|kind| Start::Activity("charge".to_owned(), kind)),
        3 => activity_cancellation().prop_map(|kind| Start::Local("note".to_owned(), kind)),
        3 => (1..100_u64).prop_map(|seconds| Start::Timer(Duration::from_secs(seconds))),
        3 => child_cancellation().prop_map(|kind| Start::Child("ship".to_owned(), kind)),
        1 => Just(Start::Signal("other".to_owned(), "ping".to_owned())),
        1 => Just(Start::CancelExternal("other".to_owned())),
        1 => Just(Start::Internal),
    ]
}

fn waitable() -> impl Strategy<Value = String> {
    prop_oneof![5 => name(), 1 => Just("cancelled".to_owned())]
}

fn simple() -> impl Strategy<Value = Statement> {
    prop_oneof![
        8 => (name(), start()).prop_map(|(name, start)| Statement::Start(name, start)),
        4 => name().prop_map(Statement::Await),
        4 => name().prop_map(Statement::Cancel),
        1 => name().prop_map(Statement::Detach),
        1 => Just(Statement::Cancelled),
        1 => Just(Statement::IsCancelled),
        2 => proptest::collection::vec(waitable(), 1..4).prop_map(Statement::Select),
        2 => scope_name().prop_map(|name| Statement::CancelScope(name, "scope".to_owned())),
        2 => signal_name().prop_map(Statement::WaitSignal),
        1 => Just(Statement::SideEffect),
        1 => Just(Statement::Random),
        1 => Just(Statement::Upsert("key".to_owned())),
        1 => (0..2_u8).prop_map(|number| Statement::Deprecate(format!("d{number}"))),
    ]
}

fn ending() -> impl Strategy<Value = Statement> {
    prop_oneof![
        Just(Ending::Complete),
        Just(Ending::Fail),
        Just(Ending::Cancel),
        Just(Ending::ContinueAsNew("order".to_owned())),
        Just(Ending::Return),
        Just(Ending::Return),
    ]
    .prop_map(Statement::End)
}

fn statement() -> impl Strategy<Value = Statement> {
    let leaf = prop_oneof![30 => simple(), 1 => ending()];
    leaf.prop_recursive(3, 24, 5, |inner| {
        let body = || proptest::collection::vec(inner.clone(), 0..5);
        prop_oneof![
            6 => inner.clone(),
            2 => (scope_name(), body())
                .prop_map(|(name, body)| Statement::Scope(name, ScopeKind::Connected, body)),
            1 => (scope_name(), body())
                .prop_map(|(name, body)| Statement::Scope(name, ScopeKind::Disconnected, body)),
            3 => body().prop_map(Statement::Spawn),
            1 => ((0..2_u8), body(), body())
                .prop_map(|(number, new, old)| Statement::Patched(format!("p{number}"), new, old)),
        ]
    })
}

fn program() -> impl Strategy<Value = Program> {
    let body = || proptest::collection::vec(statement(), 0..6);
    (
        proptest::collection::vec(statement(), 1..12),
        any::<bool>(),
        body(),
        body(),
        body(),
    )
        .prop_map(|(mut main, lasting, g0, g1, update)| {
            if lasting {
                main.push(Statement::WaitSignal("end".to_owned()));
            }
            Program {
                main,
                signals: BTreeMap::from([("g0".to_owned(), g0), ("g1".to_owned(), g1)]),
                updates: BTreeMap::from([
                    ("u0".to_owned(), update),
                    ("u1".to_owned(), vec![Statement::Reject]),
                ]),
            }
        })
}

/// Choices of the model engine, made by proptest.
#[derive(Clone, Debug)]
struct Choices {
    numbers: Vec<u16>,
    next: usize,
}

fn choices() -> impl Strategy<Value = Choices> {
    proptest::collection::vec(any::<u16>(), 1..200).prop_map(|numbers| Choices { numbers, next: 0 })
}

impl Choices {
    fn below(&mut self, bound: usize) -> usize {
        let number = self.numbers[self.next % self.numbers.len()];
        self.next += 1;
        usize::from(number) % bound.max(1)
    }

    fn one_in(&mut self, count: usize) -> bool {
        // Small numbers are the plain ones, so that failures shrink to plain histories.
        self.below(count) + 1 == count
    }
}

/// What the engine has still to do.
#[derive(Clone, Debug)]
enum Open {
    Activity {
        scheduled: EventId,
        started: bool,
        cancel_requested: bool,
    },
    Timer {
        started: EventId,
        timer_id: TimerId,
    },
    Child {
        initiated: EventId,
        started: bool,
    },
    External {
        initiated: EventId,
    },
}

/// One answered workflow task.
#[derive(Clone, Debug)]
struct Answered {
    /// How many events the run had been given.
    events: usize,
    updates: Vec<Update>,
    local_ends: Vec<(OperationId, Result<Option<Payload>, Failure>)>,
    commands: Vec<Command>,
    made_before: u64,
}

struct Engine {
    choices: Choices,
    program: Program,
    builder: HistoryBuilder,
    open: Vec<Open>,
    interpreter: Interpreter,
    made: Rc<Cell<u64>>,
    delivered: usize,
    running: BTreeMap<OperationId, u64>,
    /// Local activities that were asked to stop, and in which answered task.
    stopping: Vec<(OperationId, usize)>,
    waiting_ends: Vec<(OperationId, Result<Option<Payload>, Failure>)>,
    answered: Vec<Answered>,
    cancel_requested: bool,
    closed: bool,
    next_update: u64,
}

impl Engine {
    fn new(program: Program, choices: Choices) -> Self {
        let builder = HistoryBuilder::new("order");
        let made = Rc::new(Cell::new(0));
        let execution = builder.history().execution.clone();
        Self {
            choices,
            interpreter: Interpreter::new(&program, &execution, Rc::clone(&made)),
            program,
            builder,
            open: Vec::new(),
            made,
            delivered: 0,
            running: BTreeMap::new(),
            stopping: Vec::new(),
            waiting_ends: Vec::new(),
            answered: Vec::new(),
            cancel_requested: false,
            closed: false,
            next_update: 0,
        }
    }

    fn second(&self, made: u64) -> Interpreter {
        let execution = &self.builder.history().execution;
        Interpreter::new(&self.program, execution, Rc::new(Cell::new(made)))
    }

    /// Plays a whole life: some random tasks, then everything that is open ends.
    fn play(&mut self) -> Result<(), TestCaseError> {
        let rounds = self.choices.below(8);
        for _ in 0..rounds {
            if self.closed {
                return Ok(());
            }
            for _ in 0..self.choices.below(4) {
                self.happen();
            }
            self.task(false)?;
        }
        for _ in 0..60 {
            if self.closed || (self.open.is_empty() && self.running.is_empty()) {
                break;
            }
            for index in (0..self.open.len()).rev() {
                self.advance(index);
            }
            self.task(true)?;
        }
        if !self.closed {
            self.builder.signaled("end", Vec::new());
            self.task(true)?;
            for _ in 0..10 {
                if self.closed || self.open.is_empty() {
                    break;
                }
                for index in (0..self.open.len()).rev() {
                    self.advance(index);
                }
                self.task(true)?;
            }
        }
        Ok(())
    }

    /// Something happens outside.
    fn happen(&mut self) {
        match self.choices.below(10) {
            0 => done(self.builder.signaled("g0", Vec::new())),
            1 => done(self.builder.signaled("g1", Vec::new())),
            2 if !self.cancel_requested => {
                self.cancel_requested = true;
                self.builder.cancel_requested("client");
            }
            3 => done(self.builder.signaled("end", Vec::new())),
            _ if !self.open.is_empty() => {
                let index = self.choices.below(self.open.len());
                self.advance(index);
            }
            _ => {}
        }
    }

    /// One open thing makes a step.
    fn advance(&mut self, index: usize) {
        let builder = &mut self.builder;
        let how = self.choices.below(5);
        match &mut self.open[index] {
            Open::Activity {
                scheduled,
                started: false,
                cancel_requested: false,
            } if how != 0 => {
                builder.activity_started(*scheduled);
                let scheduled = *scheduled;
                self.open[index] = Open::Activity {
                    scheduled,
                    started: true,
                    cancel_requested: false,
                };
                return;
            }
            Open::Activity {
                scheduled,
                cancel_requested,
                ..
            } => match how {
                0 => done(builder.activity_timed_out(*scheduled, TimeoutType::StartToClose)),
                1 => done(builder.activity_failed(*scheduled, Failure::application("no", "No"))),
                2 if *cancel_requested => done(builder.activity_canceled(*scheduled)),
                _ => done(builder.activity_completed(*scheduled, result(how))),
            },
            Open::Timer { started, .. } => done(builder.timer_fired(*started)),
            Open::Child { initiated, started } if !*started => {
                if how == 0 {
                    let cause = ExternalFailedCause::WorkflowAlreadyExists;
                    builder.child_start_failed(*initiated, cause);
                } else {
                    builder.child_started(*initiated);
                    *started = true;
                    return;
                }
            }
            Open::Child { initiated, .. } => match how {
                0 => done(builder.child_failed(*initiated, Failure::application("no", "No"))),
                1 => done(builder.child_canceled(*initiated)),
                2 => done(builder.child_timed_out(*initiated)),
                3 => done(builder.child_terminated(*initiated)),
                _ => done(builder.child_completed(*initiated, result(how))),
            },
            Open::External { initiated } => {
                if how == 0 {
                    let cause = ExternalFailedCause::ExternalWorkflowExecutionNotFound;
                    builder.external_failed(*initiated, cause);
                } else {
                    builder.external_delivered(*initiated);
                }
            }
        }
        self.open.remove(index);
    }

    /// One workflow task, from scheduling to its answer.
    fn task(&mut self, finish: bool) -> Result<(), TestCaseError> {
        self.builder.task_scheduled();
        if self.choices.one_in(10) {
            self.happen();
        }
        self.builder.task_started();
        if !finish && self.choices.one_in(12) {
            // No worker gets to see this one.
            self.builder.task_timed_out();
            self.builder.task_scheduled();
            self.builder.task_started();
        }
        let updates = self.updates();
        let made_before = self.made.get();
        let mut local_ends = std::mem::take(&mut self.waiting_ends);
        self.deliver(updates.clone())?;
        self.local_activities(finish, &mut local_ends)?;

        let commands = self.interpreter.take_commands();
        if self.choices.one_in(12) && !finish {
            // The answer is refused, and the run has to start over.
            self.builder
                .task_failed(WorkflowTaskFailedCause::UnhandledCommand);
            self.builder.signaled("g0", Vec::new());
            let lost = self
                .interpreter
                .handle_task(&self.builder.events()[self.delivered..], vec![]);
            prop_assert!(lost.is_err());
            self.made.set(made_before);
            let execution = self.builder.history().execution.clone();
            self.interpreter = Interpreter::new(&self.program, &execution, Rc::clone(&self.made));
            self.delivered = 0;
            self.running.clear();
            return Ok(());
        }
        self.answered.push(Answered {
            events: self.delivered,
            updates,
            local_ends,
            commands: commands.clone(),
            made_before,
        });
        self.builder.task_completed();
        for (index, command) in commands.iter().enumerate() {
            prop_assert!(
                !command.is_closing() || index + 1 == commands.len(),
                "closing is last"
            );
            self.record(command)?;
        }
        // What ends between two tasks is told to the run between two tasks.
        if !self.running.is_empty() && self.choices.one_in(3) {
            let (operation, _) = self.running.pop_first().expect("it is not empty");
            let outcome = self.local_outcome();
            self.waiting_ends.push((operation, outcome.clone()));
            self.interpreter
                .local_ended(operation, outcome)
                .map_err(fail)?;
        }
        Ok(())
    }

    fn updates(&mut self) -> Vec<Update> {
        let mut updates = Vec::new();
        if self.choices.one_in(4) {
            self.next_update += 1;
            let name = if self.choices.one_in(3) { "u1" } else { "u0" };
            updates.push(Update {
                update_id: id(&format!("update-{}", self.next_update)),
                name: id(name),
                input: Vec::new(),
                header: PayloadMap::new(),
                identity: None,
            });
        }
        updates
    }

    fn deliver(&mut self, updates: Vec<Update>) -> Result<(), TestCaseError> {
        let events = self.builder.events()[self.delivered..].to_vec();
        self.delivered = self.builder.events().len();
        let result = self.interpreter.handle_task(&events, updates);
        result.map_err(|error| {
            TestCaseError::fail(format!("{error}\n{}\n{:#?}", self.builder, self.program))
        })
    }

    fn local_outcome(&mut self) -> Result<Option<Payload>, Failure> {
        match self.choices.below(4) {
            0 => Err(Failure::application("no", "No")),
            1 => Err(Failure::cancelled("cancelled")),
            how => Ok(result(how)),
        }
    }

    /// Runs local activities: some end within the task, others go on.
    fn local_activities(
        &mut self,
        finish: bool,
        ends: &mut Vec<(OperationId, Result<Option<Payload>, Failure>)>,
    ) -> Result<(), TestCaseError> {
        loop {
            let task = self.answered.len();
            self.note_stops(task, ends);
            for (operation, _) in self.interpreter.poll_local_activities() {
                self.running.insert(operation, 0);
            }
            if self.running.is_empty() || !finish && self.choices.one_in(3) {
                return Ok(());
            }
            let index = self.choices.below(self.running.len());
            let operation = *self.running.keys().nth(index).expect("it is within bounds");
            self.running.remove(&operation);
            let outcome = self.local_outcome();
            ends.push((operation, outcome.clone()));
            self.interpreter
                .local_ended(operation, outcome)
                .map_err(fail)?;
        }
    }

    fn note_stops(
        &mut self,
        task: usize,
        ends: &[(OperationId, Result<Option<Payload>, Failure>)],
    ) {
        let stopped = self
            .interpreter
            .with_run(|run| run.take_stopped_local_activities());
        let resolved: BTreeSet<OperationId> = self
            .interpreter
            .resolved()
            .into_iter()
            .map(|(operation, _)| operation)
            .collect();
        for operation in stopped {
            let ended = ends.iter().any(|(id, _)| *id == operation);
            if ended || !resolved.contains(&operation) {
                self.stopping.push((operation, task));
            } else {
                self.running.remove(&operation);
            }
        }
    }

    /// Checks a command as an engine does, and records it.
    fn record(&mut self, command: &Command) -> Result<(), TestCaseError> {
        let event_id = self.builder.record(command.clone()).unwrap_or_default();
        match command {
            Command::ScheduleActivityTask(_) => self.open.push(Open::Activity {
                scheduled: event_id,
                started: false,
                cancel_requested: false,
            }),
            Command::RequestCancelActivityTask { scheduled_event_id } => {
                let found = self.open.iter_mut().find_map(|open| match open {
                    Open::Activity {
                        scheduled,
                        cancel_requested,
                        ..
                    } if scheduled == scheduled_event_id => Some(cancel_requested),
                    _ => None,
                });
                let asked = found.map(|requested| std::mem::replace(requested, true));
                prop_assert_eq!(asked, Some(false), "cancel of an unknown or asked activity");
            }
            Command::StartTimer { timer_id, .. } => {
                let timer_id = timer_id.clone();
                self.open.push(Open::Timer {
                    started: event_id,
                    timer_id,
                });
            }
            Command::CancelTimer {
                timer_id: cancelled,
            } => {
                let before = self.open.len();
                self.open.retain(
                    |open| !matches!(open, Open::Timer { timer_id, .. } if timer_id == cancelled),
                );
                prop_assert_eq!(self.open.len() + 1, before, "cancel of an unknown timer");
            }
            Command::StartChildWorkflowExecution(_) => {
                self.open.push(Open::Child {
                    initiated: event_id,
                    started: false,
                });
            }
            Command::RequestCancelExternalWorkflowExecution(_)
            | Command::SignalExternalWorkflowExecution(_) => {
                self.open.push(Open::External {
                    initiated: event_id,
                });
            }
            command if command.is_closing() => {
                self.closed = true;
                // F6: nothing that was asked of others is lost.
                let lost = self.open.iter().any(|open| {
                    matches!(
                        open,
                        Open::Child { started: false, .. } | Open::External { .. }
                    )
                });
                prop_assert!(!lost, "{:?}", self.open);
            }
            _ => {}
        }
        Ok(())
    }

    /// P1 for every cut: a second run replays up to a task, answers it, and goes on to the end.
    fn check_cuts(&self) -> Result<(), TestCaseError> {
        let whole: Vec<String> = visible(self.interpreter.take_trace());
        for cut in self.first_comparable_cut()..self.answered.len() {
            let mut second = self.second(self.answered[cut].made_before);
            let mut given = 0;
            for answered in &self.answered[cut..] {
                let events = &self.builder.events()[given..answered.events];
                given = answered.events;
                second
                    .handle_task(events, answered.updates.clone())
                    .map_err(|error| {
                        TestCaseError::fail(format!("cut {cut}: {error}\n{}", self.builder))
                    })?;
                second.poll_local_activities();
                for (operation, outcome) in &answered.local_ends {
                    second
                        .local_ended(*operation, outcome.clone())
                        .map_err(fail)?;
                    second.poll_local_activities();
                }
                prop_assert_eq!(
                    second.take_commands(),
                    answered.commands.clone(),
                    "cut {}\n{}\n{:#?}",
                    cut,
                    self.builder,
                    self.program
                );
            }
            let events = &self.builder.events()[given..];
            second.handle_task(events, Vec::new()).map_err(|error| {
                TestCaseError::fail(format!("cut {cut}, at the end: {error}\n{}", self.builder))
            })?;
            prop_assert_eq!(visible(second.take_trace()), whole.clone(), "cut {}", cut);
        }
        let mut second = self.second(0);
        second
            .handle_task(self.builder.events(), Vec::new())
            .map_err(|error| {
                TestCaseError::fail(format!("all at once: {error}\n{}", self.builder))
            })?;
        prop_assert_eq!(visible(second.take_trace()), whole);
        Ok(())
    }

    /// A run that is rebuilt while a local activity has been asked to stop, and has not yet, did
    /// not start it and answers for itself. From the last such end on, all runs answer alike.
    fn first_comparable_cut(&self) -> usize {
        let asked = self.stopping.iter().map(|(operation, _)| {
            let ended = self.answered.iter().position(|answered| {
                answered
                    .local_ends
                    .iter()
                    .any(|(ended, _)| ended == operation)
            });
            ended.map_or(usize::MAX, |at| at + 1)
        });
        let answered_for = self.answered.iter().enumerate().map(|(at, answered)| {
            let itself = answered.commands.iter().any(|command| {
                matches!(command, Command::RecordMarker(marker)
                    if marker.failure.as_ref().is_some_and(|f| f.message.contains("before the worker")))
            });
            if itself { at + 1 } else { 0 }
        });
        asked.chain(answered_for).max().unwrap_or(0)
    }

    /// M1 and M2. What comes after the last task was given to nobody.
    fn check_messages(&self) -> Result<(), TestCaseError> {
        let events = &self.builder.events()[..self.delivered];
        let sent: Vec<String> = events
            .iter()
            .filter_map(|event| match &event.kind {
                EventKind::WorkflowExecutionSignaled { signal_name, .. } => {
                    Some(format!("signal {signal_name}"))
                }
                _ => None,
            })
            .collect();
        let mut second = self.second(0);
        second
            .handle_task(self.builder.events(), Vec::new())
            .map_err(fail)?;
        let trace = second.take_trace();
        let heard = trace.into_iter().filter(|line| line.starts_with("signal "));
        let heard: Vec<String> = heard.chain(self.handed_over()?).collect();
        prop_assert_eq!(heard, sent, "{}", self.builder);
        Ok(())
    }

    /// The signals that the next run hears of this one.
    fn handed_over(&self) -> Result<Vec<String>, TestCaseError> {
        let mut commands = self.answered.iter().flat_map(|answered| &answered.commands);
        let Some(Command::ContinueAsNewWorkflowExecution(next)) = commands.next_back() else {
            return Ok(Vec::new());
        };
        let Some(EventKind::WorkflowExecutionStarted(started)) =
            self.builder.events().first().map(|event| &event.kind)
        else {
            return Ok(Vec::new());
        };
        let started = WorkflowExecutionStarted {
            header: next.header.clone(),
            initiator: Some(ContinueAsNewInitiator::Workflow),
            ..(**started).clone()
        };
        let execution = self.builder.history().execution.clone();
        let mut builder = HistoryBuilder::starting(execution.clone(), started);
        builder.task_scheduled();
        builder.task_started();
        let mut run = Run::new(execution, next.workflow_type.clone());
        run.handle_task(builder.events().to_vec(), Vec::new())
            .map_err(|error| TestCaseError::fail(error.to_string()))?;
        let mut heard = Vec::new();
        while let Some(job) = run
            .poll_job()
            .map_err(|error| TestCaseError::fail(error.to_string()))?
        {
            if let Job::Messages(messages) = job {
                heard.extend(messages.into_iter().filter_map(|message| match message {
                    Message::Signal(signal) => Some(format!("signal {}", signal.name)),
                    Message::Update(_) => None,
                }));
            }
        }
        Ok(heard)
    }

    /// P3.
    fn check_resolutions(&self) -> Result<(), TestCaseError> {
        let mut counts: BTreeMap<OperationId, usize> = BTreeMap::new();
        for (operation, resolution) in self.interpreter.resolved() {
            if !matches!(resolution, Resolution::ChildStarted(_)) {
                *counts.entry(operation).or_default() += 1;
            }
        }
        for (operation, count) in &counts {
            prop_assert!(*count == 1, "{operation:?} resolved {count} times");
        }
        if self.closed || !self.open.is_empty() {
            return Ok(());
        }
        for operation in self
            .interpreter
            .cancelled()
            .union(&self.interpreter.started())
        {
            prop_assert!(
                counts.contains_key(operation),
                "{operation:?} never resolved\n{}\n{:#?}",
                self.builder,
                self.program
            );
        }
        Ok(())
    }
}

/// The event is recorded, and its id is of no interest.
fn done(_: EventId) {}

fn fail(error: impl std::fmt::Display) -> TestCaseError {
    TestCaseError::fail(error.to_string())
}

fn visible(mut lines: Vec<String>) -> Vec<String> {
    // An update that was refused leaves no trace.
    lines.retain(|line| !line.starts_with("update "));
    lines
}

fn result(how: usize) -> Option<Payload> {
    (how > 2).then(|| Payload::json(how.to_string().into_bytes()))
}

/// What can be done to a history.
#[derive(Clone, Debug)]
enum Mutation {
    Delete(usize),
    Duplicate(usize),
    Swap(usize, usize),
    /// Replaces what happened by what happened elsewhere, or by something made up.
    Replace(usize, usize),
    MakeUp(usize, u8, u8),
    Truncate(usize),
    Gap(usize),
}

fn mutations() -> impl Strategy<Value = Vec<Mutation>> {
    let mutation = prop_oneof![
        any::<usize>().prop_map(Mutation::Delete),
        any::<usize>().prop_map(Mutation::Duplicate),
        (any::<usize>(), any::<usize>()).prop_map(|(one, other)| Mutation::Swap(one, other)),
        (any::<usize>(), any::<usize>()).prop_map(|(at, from)| Mutation::Replace(at, from)),
        (any::<usize>(), any::<u8>(), 0..40_u8)
            .prop_map(|(at, kind, of)| Mutation::MakeUp(at, kind, of)),
        any::<usize>().prop_map(Mutation::Truncate),
        any::<usize>().prop_map(Mutation::Gap),
    ];
    proptest::collection::vec(mutation, 0..6)
}

fn mutate(events: &mut Vec<HistoryEvent>, mutation: &Mutation) {
    let length = events.len();
    if length == 0 {
        return;
    }
    match *mutation {
        Mutation::Delete(at) => drop(events.remove(at % length)),
        Mutation::Duplicate(at) => {
            let event = events[at % length].clone();
            events.insert(at % length, event);
        }
        Mutation::Swap(one, other) => events.swap(one % length, other % length),
        Mutation::Replace(at, from) => {
            events[at % length].kind = events[from % length].kind.clone();
        }
        Mutation::MakeUp(at, kind, of) => {
            events[at % length].kind = made_up(kind, EventId(u64::from(of)));
        }
        Mutation::Truncate(at) => events.truncate(at % length),
        Mutation::Gap(at) => {
            for event in &mut events[at % length..] {
                event.event_id = EventId(event.event_id.0.saturating_add(u64::MAX / 2));
            }
        }
    }
}

/// Any event, about any other.
fn made_up(kind: u8, of: EventId) -> EventKind {
    let mut builder = HistoryBuilder::new("order");
    let number = of.to_string();
    match kind % 40 {
        0 => done(builder.task_scheduled()),
        1 => done(builder.task_started()),
        2 => done(builder.task_completed()),
        3 => done(builder.task_failed(WorkflowTaskFailedCause::Unspecified)),
        4 => done(builder.task_timed_out()),
        5 => done(builder.reset("run-9")),
        6 => done(builder.activity_started(of)),
        7 => done(builder.activity_completed(of, None)),
        8 => done(builder.activity_failed(of, Failure::application("no", "No"))),
        9 => done(builder.activity_timed_out(of, TimeoutType::Heartbeat)),
        10 => done(builder.activity_canceled(of)),
        11 => done(builder.timer_fired(of)),
        12 => done(builder.child_started(of)),
        13 => done(builder.child_start_failed(of, ExternalFailedCause::Unspecified)),
        14 => done(builder.child_completed(of, None)),
        15 => done(builder.child_failed(of, Failure::application("no", "No"))),
        16 => done(builder.child_canceled(of)),
        17 => done(builder.child_timed_out(of)),
        18 => done(builder.child_terminated(of)),
        19 => done(builder.external_delivered(of)),
        20 => done(builder.external_failed(of, ExternalFailedCause::NamespaceNotFound)),
        21 => done(builder.signaled("g0", Vec::new())),
        22 => done(builder.cancel_requested("again")),
        23 => done(builder.terminated("enough")),
        24 => done(builder.update_admitted(&format!("u{number}"), "u0")),
        25 => {
            let kind = EventKind::Unknown {
                event_type: "Odd".to_owned(),
                may_ignore: true,
            };
            builder.push(kind);
        }
        26 => {
            let kind = EventKind::Unknown {
                event_type: "Odd".to_owned(),
                may_ignore: false,
            };
            builder.push(kind);
        }
        27 => return builder.events()[0].kind.clone(),
        kind => {
            let command = match kind {
                28 => schedule_activity(&(of.0 + 1).to_string(), "charge"),
                29 => Command::RequestCancelActivityTask {
                    scheduled_event_id: of,
                },
                30 => start_timer(&(of.0 + 1).to_string(), Duration::MAX),
                31 => Command::CancelTimer {
                    timer_id: id(&(of.0 + 1).to_string()),
                },
                32 => {
                    let child = start_child(&format!("run-1_{number}"), "ship");
                    Command::StartChildWorkflowExecution(Box::new(child))
                }
                33 => Command::SignalExternalWorkflowExecution(Box::new(signal_external(
                    "other", "ping",
                ))),
                34 => Command::RequestCancelExternalWorkflowExecution(Box::new(cancel_external(
                    &format!("run-1_{number}"),
                    "no",
                ))),
                35 => Command::AcceptUpdate {
                    update_id: id(&format!("update-{number}")),
                    name: id("u0"),
                    input: Vec::new(),
                },
                36 => Command::CompleteUpdate {
                    update_id: id(&format!("update-{number}")),
                    outcome: Ok(Payload::null()),
                },
                37 => Command::FailWorkflowExecution {
                    failure: Box::new(Failure::application("no", "No")),
                },
                38 => Command::CancelWorkflowExecution {
                    details: Vec::new(),
                },
                _ => Command::CompleteWorkflowExecution { result: None },
            };
            builder.record(command);
        }
    }
    builder
        .events()
        .last()
        .map(|event| event.kind.clone())
        .expect("an event was recorded")
}

/// P2: gives events to a run in pieces; it must not panic, and after an error it stays failed.
fn check_foreign(
    program: &Program,
    events: &[HistoryEvent],
    mut choices: Choices,
) -> Result<(), TestCaseError> {
    let execution = HistoryBuilder::new("order").build().execution;
    let mut interpreter = Interpreter::new(program, &execution, Rc::new(Cell::new(0)));
    let mut rest = events;
    let mut failed: Option<String> = None;
    while !rest.is_empty() {
        let (now, later) = rest.split_at(1 + choices.below(rest.len()));
        rest = later;
        match interpreter.handle_task(now, Vec::new()) {
            Ok(()) => prop_assert!(failed.is_none(), "it recovered from {failed:?}"),
            Err(error) => {
                let error = error.to_string();
                if let Some(before) = &failed {
                    prop_assert_eq!(before, &error);
                }
                failed = Some(error);
                prop_assert!(interpreter.with_run(|run| run.poll_job()).is_err());
                prop_assert!(interpreter.take_commands().is_empty());
                prop_assert!(interpreter.poll_local_activities().is_empty());
            }
        }
        for (operation, _) in interpreter.poll_local_activities() {
            if choices.one_in(2) {
                let ended = interpreter.local_ended(operation, Ok(None));
                if let Err(error) = ended {
                    failed = Some(error.to_string());
                }
            }
        }
        if choices.one_in(2) {
            interpreter.take_commands();
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        max_shrink_iters: 4_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn replaying_any_prefix_and_going_on_gives_the_same_commands(
        program in program(),
        choices in choices(),
    ) {
        let mut engine = Engine::new(program, choices);
        engine.play()?;
        engine.check_resolutions()?;
        engine.check_messages()?;
        engine.check_cuts()?;
    }

    #[test]
    fn no_history_makes_a_run_panic_and_a_failed_run_stays_failed(
        program in program(),
        choices in choices(),
        mutations in mutations(),
        renumber in any::<bool>(),
    ) {
        let mut engine = Engine::new(program.clone(), choices.clone());
        engine.play()?;
        let mut events = engine.builder.build().events;
        for mutation in mutations {
            mutate(&mut events, &mutation);
            if renumber {
                for (event, number) in events.iter_mut().zip(1..) {
                    event.event_id = EventId(number);
                }
            }
        }
        check_foreign(&program, &events, choices.clone())?;
        // The history of one program given to another.
        let other = Program { main: program.signals["g0"].clone(), ..program };
        check_foreign(&other, &events, choices)?;
    }

    #[test]
    fn no_made_up_history_makes_a_run_panic(
        program in program(),
        choices in choices(),
        kinds in proptest::collection::vec((any::<u8>(), 0..20_u8), 0..40),
    ) {
        let mut builder = HistoryBuilder::new("order");
        for (kind, of) in kinds {
            if kind < 60 {
                builder.task();
            } else {
                builder.push(made_up(kind, EventId(u64::from(of))));
            }
        }
        check_foreign(&program, builder.events(), choices)?;
    }
}
