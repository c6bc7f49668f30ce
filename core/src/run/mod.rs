//! The replay state of one run: history and workflow code meet here.
//!
//! `handle_*` takes what an engine or a worker has to say, `poll_*` gives what comes next, and the
//! other methods are what workflow code asks for. Nothing here runs user code, keeps time or does
//! input or output.
//!
//! ```text
//! handle_task(events) ─▶ poll_job ─▶ code runs, asks for operations ─▶ poll_resolution … poll_job
//!                          │ None: nothing left to do
//!                          ▼
//!            local activities pending? ─▶ handle_local_activity ─▶ poll_job …
//!                          │
//!                          ▼
//!                     take_commands ─▶ the engine ─▶ handle_task(events that came since)
//! ```
//!
//! Invariants:
//!
//! * Jobs come one at a time: the messages of a workflow task first, all at once (M1), then the rest
//!   in the order of history (D6).
//! * Between two jobs code comes to rest. Then a cancellation that was offered and not taken happens
//!   by default (D4), and code comes to rest again.
//! * A command taken back before it was sent leaves no trace (O2), in replay as in life.
//! * A wait between two attempts at a local activity that is too long for a workflow task is a marker, a timer and then
//!   a local activity with the next id, as Temporal's SDKs record it.
//! * The end of a local activity comes after the events of its task, in life as in replay, where
//!   its marker follows them; and one at a time.
//! * What comes after the code has asked for another run is that one's: it is handed over with the closing command (M2). So
//!   is a request to cancel that no code was told of.
//! * Replaying costs the same for each event, whatever the length of the history.
//! * Input may be a foreign history: nothing here panics on it, and after an error the run stays
//!   failed.

mod events;
mod handed_over;
mod local_activities;
mod matching;
mod mismatch;
mod operations;
mod runaway;
mod tasks;
mod waiting;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use self::{
    handed_over::{Inbox, Outbox},
    runaway::Turn,
};
pub use self::{mismatch::Nondeterminism, operations::ActivityRequest, runaway::Runaway};

use crate::{
    activation::{OperationId, Resolution},
    ascending::AscendingMap,
    command::{Command, StartChildWorkflowExecution},
    error::RunError,
    event::{HistoryEvent, WorkflowExecutionStarted},
    failure::Failure,
    ids::{EventId, PatchId, RunId, WorkflowExecution, WorkflowType},
    limit::PayloadLimit,
    machine::{
        ActivityMachine, ChildMachine, ExternalMachine, LocalActivityMachine, Reason, TimerMachine,
    },
    mark::Mark,
    payload::{Payload, PayloadMap, TRACE_HEADER, UserMetadata},
    random::Random,
    scope::{ScopeId, ScopeTree},
    task::{LocalActivityOutcome, LocalActivityTask, Update},
    time::Timestamp,
};

/// The marker that records how a local activity ended.
pub const MARKER_LOCAL_ACTIVITY: &str = "core_local_activity";
/// The marker that records that a patch was taken.
pub const MARKER_PATCH: &str = "core_patch";
/// The marker that records the value of a side effect.
pub const MARKER_SIDE_EFFECT: &str = "side_effect";

/// How the run function ended.
#[derive(Clone, Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "these are the ways a run function can end"
)]
pub enum Closing {
    /// With a result.
    Completed(Option<Payload>),
    /// With an error.
    Failed(Box<Failure>),
    /// With a cancellation: as cancelled if that was requested of the execution by the end of the
    /// workflow task (F2), else as failed with this (F3).
    Cancelled(Box<Failure>),
    /// By asking for another run.
    ContinuedAsNew(Box<crate::command::ContinueAsNewWorkflowExecution>),
}

/// The replay state of one run.
#[derive(Debug)]
pub struct Run {
    execution: WorkflowExecution,
    workflow_type: WorkflowType,
    started: Option<Box<WorkflowExecutionStarted>>,
    failed: Option<RunError>,

    /// Updates that ask to be accepted by the live task, the last one among the events.
    updates: Vec<Update>,
    /// Events that were given and not yet taken: first those of the workflow task at hand.
    events: VecDeque<HistoryEvent>,
    last_event_id: EventId,
    lineup: Lineup,
    phase: Phase,
    /// Counts how often the worker is asked to do what code wants: with each workflow task, and again with each end
    /// of a local activity in it.
    activation: u64,
    now: Timestamp,
    replaying: bool,
    history_length: u64,
    history_size_bytes: u64,
    continue_as_new_suggested: bool,

    operations: AscendingMap<OperationId, Operation>,
    next_operation: u64,
    /// Which operation an event of history belongs to.
    by_event: AscendingMap<EventId, OperationId>,
    /// Local activities by their id, for markers.
    local_activities: BTreeMap<String, OperationId>,
    outgoing: AscendingMap<u64, Outgoing>,
    next_command: u64,
    /// What was sent and is not yet seen in history.
    sent: VecDeque<Sent>,
    resolutions: VecDeque<(OperationId, Resolution)>,
    /// Scopes that a request reached.
    requested: Vec<ScopeId>,
    turn: Turn,
    /// Local activities that were not given to the worker yet.
    local_tasks: BTreeMap<OperationId, LocalActivityTask>,
    stopped_local_tasks: Vec<OperationId>,
    /// Ends of local activities that workflow code was not told yet.
    local_ends: VecDeque<(OperationId, LocalActivityOutcome)>,
    /// Local activities between two attempts, by the timers of their waits.
    backing_off: BTreeMap<OperationId, (OperationId, LocalActivityTask)>,

    scopes: ScopeTree,
    cancel_reason: Option<Reason>,
    /// The request of which workflow code was not told yet.
    unheard: Option<Reason>,
    closing: Option<Closing>,
    /// What comes after the code has asked for another run.
    handing_over: Outbox,
    /// How many things have to end before the run closes.
    closing_holds: usize,
    closed: bool,

    sequences: Sequences,
    random: Random,
    seed: RunId,
    patches: BTreeMap<PatchId, bool>,
    recorded_patches: BTreeSet<PatchId>,
    recorded_side_effects: VecDeque<Result<Payload, Failure>>,
    payload_limit: PayloadLimit,
    /// The memo with what the run changed of it; from the start on while absent.
    memo: Option<PayloadMap>,
    /// The search attributes, likewise.
    search_attributes: Option<PayloadMap>,
}

/// The numbers by which operations are named in history, counted by kind.
#[derive(Debug, Default)]
struct Sequences {
    activity: u64,
    timer: u64,
    child: u64,
}

#[derive(Debug)]
struct Operation {
    machine: Machine,
    /// The event that started it.
    event_id: EventId,
    /// The command that starts it, while it can be taken back.
    command: Option<u64>,
    /// The command that cancels it, while it can be taken back.
    cancel_command: Option<u64>,
    /// Why it is cancelled.
    reason: Option<Reason>,
    /// The number of the last attempt that history knows of; 0 for none.
    attempt: u32,
    /// The activation that it was started in.
    activation: u64,
}

#[derive(Debug)]
enum Machine {
    Activity(ActivityMachine, ActivityInfo),
    /// With what its marker says to people.
    LocalActivity(
        LocalActivityMachine,
        ActivityInfo,
        Option<Box<UserMetadata>>,
    ),
    Timer(TimerMachine, crate::ids::TimerId),
    Child(ChildMachine, Box<ChildInfo>),
    External(ExternalMachine),
    /// A wait or a task inside the workflow, which history knows nothing of.
    Internal,
}

#[derive(Clone, Debug)]
struct ActivityInfo {
    activity_id: crate::ids::ActivityId,
    activity_type: crate::ids::ActivityType,
}

#[derive(Debug)]
struct ChildInfo {
    workflow_id: crate::ids::WorkflowId,
    workflow_type: WorkflowType,
    run_id: Option<RunId>,
    started_event_id: EventId,
    cancel_event_id: EventId,
}

#[derive(Clone, Copy, Debug)]
enum Role {
    Start,
    RequestCancel,
}

/// A command that can still be taken back.
#[derive(Debug)]
struct Outgoing {
    command: Command,
    operation: Option<OperationId>,
    role: Role,
}

/// A command that leads to an event, as far as that event is compared with it.
#[derive(Debug)]
struct Sent {
    asked: Asked,
    operation: Option<OperationId>,
    role: Role,
}

#[derive(Debug)]
enum Asked {
    /// For an activity; its arguments are nobody's business but the engine's.
    Activity(ActivityInfo),
    /// For something else.
    Other(Command),
}

/// What is left of the workflow task at hand, in its order. The events are the first of those that
/// were given, and are counted.
#[derive(Debug, Default)]
struct Lineup {
    early_events: usize,
    /// What the run before left to this one; it is there once the run has started.
    handed_over: Inbox,
    signals: usize,
    updates: Vec<Update>,
    /// The run function starts.
    start: bool,
    late_events: usize,
}

#[derive(Debug)]
enum Phase {
    /// No workflow task is at hand.
    Idle,
    /// The workflow task at hand was answered before. After its jobs, its completion and so many
    /// command events come first among the events.
    Replaying {
        commands: usize,
        /// How many of them have been looked at for the ends of local activities.
        markers_seen: usize,
    },
    /// The workflow task at hand is to be answered.
    Live,
    /// An answer was given, and history has to confirm it.
    Answered,
}

impl Run {
    /// A run that has seen nothing yet.
    #[must_use]
    pub fn new(execution: WorkflowExecution, workflow_type: WorkflowType) -> Self {
        let random = Random::seeded_by(execution.run_id.as_str());
        let seed = execution.run_id.clone();
        Self {
            execution,
            workflow_type,
            started: None,
            failed: None,
            updates: Vec::new(),
            events: VecDeque::new(),
            last_event_id: EventId::NONE,
            lineup: Lineup::default(),
            phase: Phase::Idle,
            activation: 0,
            now: Timestamp::EPOCH,
            replaying: true,
            history_length: 0,
            history_size_bytes: 0,
            continue_as_new_suggested: false,
            operations: AscendingMap::new(),
            next_operation: 1,
            by_event: AscendingMap::new(),
            local_activities: BTreeMap::new(),
            outgoing: AscendingMap::new(),
            next_command: 0,
            sent: VecDeque::new(),
            resolutions: VecDeque::new(),
            requested: Vec::new(),
            turn: Turn::default(),
            local_tasks: BTreeMap::new(),
            stopped_local_tasks: Vec::new(),
            local_ends: VecDeque::new(),
            backing_off: BTreeMap::new(),
            scopes: ScopeTree::default(),
            cancel_reason: None,
            unheard: None,
            closing: None,
            handing_over: Outbox::default(),
            closing_holds: 0,
            closed: false,
            sequences: Sequences::default(),
            random,
            seed,
            patches: BTreeMap::new(),
            recorded_patches: BTreeSet::new(),
            recorded_side_effects: VecDeque::new(),
            payload_limit: PayloadLimit::default(),
            memo: None,
            search_attributes: None,
        }
    }

    /// The same run, for an engine that takes values of another size than most. Whoever replays a history
    /// says what the engine took that recorded it.
    #[must_use]
    pub fn with_payload_limit(mut self, limit: PayloadLimit) -> Self {
        self.payload_limit = limit;
        self
    }

    /// The largest values that the engine takes.
    #[must_use]
    pub fn payload_limit(&self) -> &PayloadLimit {
        &self.payload_limit
    }

    /// Says how the run function ended. The closing command follows once nothing that was asked of
    /// other executions can be lost by it (F6). A result that is too large is a failure (F8).
    pub fn close(&mut self, closing: Closing) {
        if self.closing.is_none() {
            self.closing = Some(self.fitting(closing));
        }
    }

    fn fitting(&self, closing: Closing) -> Closing {
        let limit = &self.payload_limit;
        let fit = |failure: Box<Failure>| Box::new(limit.fit("the workflow's failure", *failure));
        match closing {
            Closing::Completed(result) => match limit.check("the workflow's result", result.iter())
            {
                Ok(()) => Closing::Completed(result),
                Err(too_large) => {
                    let failure = too_large.to_failure().marked(Mark::MayHaveHappened);
                    Closing::Failed(Box::new(failure))
                }
            },
            Closing::Failed(failure) => Closing::Failed(fit(failure)),
            Closing::Cancelled(failure) => Closing::Cancelled(fit(failure)),
            next @ Closing::ContinuedAsNew(_) => next,
        }
    }

    /// Keeps the run from closing until [`release_closing`](Self::release_closing) is called as often:
    /// something goes on that must end before, as a saga that is undone does (G1).
    pub fn hold_closing(&mut self) {
        self.closing_holds += 1;
    }

    /// Takes back one [`hold_closing`](Self::hold_closing).
    pub fn release_closing(&mut self) {
        self.closing_holds = self.closing_holds.saturating_sub(1);
    }

    /// Whether anything keeps the run from closing by [`hold_closing`](Self::hold_closing).
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.closing_holds > 0
    }

    /// Whether the run function has ended.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.closing.is_some()
    }

    /// Whether the run function has ended by asking for another run.
    #[must_use]
    pub fn has_next_run(&self) -> bool {
        matches!(self.closing, Some(Closing::ContinuedAsNew(_)))
    }

    /// Whether the closing command was given.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether a resolution or a request waits to be handed out.
    #[must_use]
    pub fn has_news(&self) -> bool {
        !self.resolutions.is_empty() || !self.requested.is_empty()
    }

    /// The next operation that is resolved.
    pub fn poll_resolution(&mut self) -> Option<(OperationId, Resolution)> {
        self.resolutions.pop_front()
    }

    /// The scopes that a request reached since the last call: whoever waits there is to be woken.
    pub fn take_requested(&mut self) -> Vec<ScopeId> {
        std::mem::take(&mut self.requested)
    }

    /// The run.
    #[must_use]
    pub fn execution(&self) -> &WorkflowExecution {
        &self.execution
    }

    /// The workflow's type.
    #[must_use]
    pub fn workflow_type(&self) -> &WorkflowType {
        &self.workflow_type
    }

    /// How the run started, once that is known.
    #[must_use]
    pub fn started(&self) -> Option<&WorkflowExecutionStarted> {
        self.started.as_deref()
    }

    /// The time of the workflow task at hand.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Whether the workflow task at hand was answered before.
    #[must_use]
    pub fn is_replaying(&self) -> bool {
        self.replaying
    }

    /// The last event of the workflow task at hand.
    #[must_use]
    pub fn history_length(&self) -> u64 {
        self.history_length
    }

    /// The size of the history at the workflow task at hand.
    #[must_use]
    pub fn history_size_bytes(&self) -> u64 {
        self.history_size_bytes
    }

    /// Whether the engine suggests to continue as new.
    #[must_use]
    pub fn is_continue_as_new_suggested(&self) -> bool {
        self.continue_as_new_suggested
    }

    /// The last event that the run has seen.
    #[must_use]
    pub fn last_event_id(&self) -> EventId {
        self.last_event_id
    }

    /// Why the cancellation of the execution was requested, if it was.
    #[must_use]
    pub fn cancel_reason(&self) -> Option<&Arc<str>> {
        self.cancel_reason.as_ref()
    }

    /// Says that workflow code was told of a cancellation, for this very reason. If the run continues as new before it is
    /// told of one that was requested of the execution, the next run is (M2).
    pub fn hear(&mut self, reason: &Reason) {
        // The texts of reasons repeat.
        let is_it = |unheard: &mut Reason| Arc::ptr_eq(unheard, reason);
        self.unheard.take_if(is_it);
    }

    /// How many operations are open.
    #[must_use]
    pub fn open_operations(&self) -> usize {
        self.operations.len()
    }

    /// The scopes of the run.
    #[must_use]
    pub fn scopes(&self) -> &ScopeTree {
        &self.scopes
    }

    /// The random numbers of the run.
    pub fn random(&mut self) -> &mut Random {
        &mut self.random
    }

    fn check(&self) -> Result<(), RunError> {
        self.failed.clone().map_or(Ok(()), Err)
    }

    fn fail(&mut self, error: RunError) -> RunError {
        self.failed = Some(error.clone());
        error
    }

    fn push(&mut self, command: Command) -> u64 {
        self.push_for(command, None, Role::Start)
    }

    fn push_for(&mut self, command: Command, operation: Option<OperationId>, role: Role) -> u64 {
        let sequence = self.next_command;
        self.next_command += 1;
        self.outgoing.insert(
            sequence,
            Outgoing {
                command,
                operation,
                role,
            },
        );
        sequence
    }

    /// What the run was started with of a trace goes on to whatever it asks for.
    fn pass_on_trace(&self, command: &mut Command) {
        if let Some(header) = command.header_mut() {
            header.extend(self.trace_header());
        }
    }

    fn trace_header(&self) -> Option<(String, Payload)> {
        let header = &self.started.as_ref()?.header;
        let (name, context) = header.get_key_value(TRACE_HEADER)?;
        Some((name.clone(), context.clone()))
    }
}

fn text_payload(text: &str) -> Vec<Payload> {
    vec![Payload::binary(text.as_bytes())]
}

/// The request to start a child, with its id left for the run to choose when it has none.
pub type ChildRequest = StartChildWorkflowExecution;
