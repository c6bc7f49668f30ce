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
//! * Jobs come one at a time in the order of history (D6); in the first workflow task the signals
//!   and updates precede the start of the run function.
//! * A command taken back before it was sent leaves no trace (O2), in replay as in life.
//! * The end of a local activity comes after the events of its task, in life as in replay, where
//!   its marker follows them; and one at a time.
//! * Replaying costs the same for each event, whatever the length of the history.
//! * Input may be a foreign history: nothing here panics on it, and after an error the run stays
//!   failed.

mod events;
mod matching;
mod mismatch;
mod operations;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

pub use self::{mismatch::Nondeterminism, operations::ActivityRequest};

use crate::{
    activation::{Job, OperationId, Resolution},
    command::{Command, StartChildWorkflowExecution},
    error::RunError,
    event::{EventKind, HistoryEvent, WorkflowExecutionStarted, WorkflowTaskFailedCause},
    failure::Failure,
    ids::{EventId, PatchId, RunId, WorkflowExecution, WorkflowType},
    machine::{
        ActivityMachine, ChildMachine, ExternalMachine, LocalActivityMachine, Reason, TimerMachine,
    },
    payload::Payload,
    random::Random,
    scope::{ScopeId, ScopeTree},
    task::{LocalActivityTask, Update},
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
    /// With a cancellation that was requested of the execution.
    Cancelled(Vec<Payload>),
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
    /// Events that were given and not yet looked at.
    events: VecDeque<HistoryEvent>,
    last_event_id: EventId,
    /// The jobs of the workflow task at hand.
    items: VecDeque<Item>,
    phase: Phase,
    /// Counts workflow tasks, to know what was started in the one at hand.
    task: u64,
    now: Timestamp,
    replaying: bool,
    history_length: u64,
    history_size_bytes: u64,
    continue_as_new_suggested: bool,

    operations: BTreeMap<OperationId, Operation>,
    next_operation: u64,
    /// Which operation an event of history belongs to.
    by_event: BTreeMap<EventId, OperationId>,
    /// Local activities by their id, for markers.
    local_activities: BTreeMap<String, OperationId>,
    outgoing: BTreeMap<u64, Outgoing>,
    next_command: u64,
    /// Commands that were sent and are not yet seen in history.
    sent: VecDeque<Outgoing>,
    resolutions: VecDeque<(OperationId, Resolution)>,
    accepted: Vec<ScopeId>,
    /// Local activities that were not given to the worker yet.
    local_tasks: BTreeMap<OperationId, LocalActivityTask>,
    stopped_local_tasks: Vec<OperationId>,
    /// Ends of local activities that workflow code was not told yet.
    local_ends: VecDeque<(OperationId, Result<Option<Payload>, Failure>)>,

    scopes: ScopeTree,
    cancel_reason: Option<Reason>,
    closing: Option<Closing>,
    closed: bool,

    sequences: Sequences,
    random: Random,
    seed: RunId,
    patches: BTreeMap<PatchId, bool>,
    recorded_patches: BTreeSet<PatchId>,
    recorded_side_effects: VecDeque<Payload>,
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
    /// The workflow task that it was started in.
    task: u64,
}

#[derive(Debug)]
enum Machine {
    Activity(ActivityMachine, Box<ActivityInfo>),
    LocalActivity(LocalActivityMachine, Box<ActivityInfo>),
    Timer(TimerMachine, crate::ids::TimerId),
    Child(ChildMachine, Box<ChildInfo>),
    External(ExternalMachine),
    /// A wait or a task inside the workflow, which history knows nothing of.
    Internal,
}

#[derive(Debug)]
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

#[derive(Clone, Debug)]
struct Outgoing {
    command: Command,
    operation: Option<OperationId>,
    role: Role,
}

#[derive(Debug)]
enum Item {
    Event(HistoryEvent),
    Update(Box<Update>, bool),
    Start,
}

#[derive(Debug)]
enum Phase {
    /// No workflow task is at hand.
    Idle,
    /// The workflow task at hand was answered before: these events are what it led to.
    Replaying {
        completed_event_id: EventId,
        expected: Vec<HistoryEvent>,
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
            items: VecDeque::new(),
            phase: Phase::Idle,
            task: 0,
            now: Timestamp::EPOCH,
            replaying: true,
            history_length: 0,
            history_size_bytes: 0,
            continue_as_new_suggested: false,
            operations: BTreeMap::new(),
            next_operation: 1,
            by_event: BTreeMap::new(),
            local_activities: BTreeMap::new(),
            outgoing: BTreeMap::new(),
            next_command: 0,
            sent: VecDeque::new(),
            resolutions: VecDeque::new(),
            accepted: Vec::new(),
            local_tasks: BTreeMap::new(),
            stopped_local_tasks: Vec::new(),
            local_ends: VecDeque::new(),
            scopes: ScopeTree::default(),
            cancel_reason: None,
            closing: None,
            closed: false,
            sequences: Sequences::default(),
            random,
            seed,
            patches: BTreeMap::new(),
            recorded_patches: BTreeSet::new(),
            recorded_side_effects: VecDeque::new(),
        }
    }

    /// Takes the events of a workflow task, and updates that ask to be accepted.
    ///
    /// # Errors
    ///
    /// When the events do not follow those seen before, or the run has failed.
    pub fn handle_task(
        &mut self,
        mut events: Vec<HistoryEvent>,
        updates: Vec<Update>,
    ) -> Result<(), RunError> {
        self.check()?;
        let mut wrong = None;
        events.retain(|event| {
            if wrong.is_some() || event.event_id <= self.last_event_id {
                return false;
            }
            if event.event_id != self.last_event_id.next() {
                wrong = Some(RunError::Gap {
                    seen: self.last_event_id,
                    given: event.event_id,
                });
            } else if matches!(self.phase, Phase::Live) {
                // The task at hand ended otherwise, and nobody took the answer.
                wrong = Some(RunError::AnswerLost {
                    event_id: event.event_id,
                });
            } else {
                self.last_event_id = event.event_id;
            }
            wrong.is_none()
        });
        if let Some(error) = wrong {
            return Err(self.fail(error));
        }
        if self.events.is_empty() {
            // A long history is not copied.
            self.events = events.into();
        } else {
            self.events.extend(events);
        }
        if matches!(self.phase, Phase::Answered) {
            self.confirm_answer().map_err(|error| self.fail(error))?;
        }
        self.updates.extend(updates);
        Ok(())
    }

    /// The next thing for workflow code to do; `None` when there is nothing left.
    ///
    /// The code must have come to rest before this is called again.
    ///
    /// # Errors
    ///
    /// When the history is not valid, the code does not fit it, or the run has failed.
    pub fn poll_job(&mut self) -> Result<Option<Job>, RunError> {
        self.check()?;
        self.next_job().map_err(|error| self.fail(error))
    }

    fn next_job(&mut self) -> Result<Option<Job>, RunError> {
        loop {
            if let Some(item) = self.items.pop_front() {
                if let Some(job) = self.apply(item)? {
                    return Ok(Some(job));
                }
                continue;
            }
            match &mut self.phase {
                Phase::Live => {
                    // A run that ends does not wait for its local activities.
                    self.close_if_ready();
                    let ended = self.end_local_activity();
                    return Ok(ended.then_some(Job::ResolveOperations));
                }
                Phase::Answered => return Ok(None),
                Phase::Idle => {
                    if !self.begin_task()? {
                        return Ok(None);
                    }
                }
                Phase::Replaying { .. } => {
                    if self.replay_local_activity()? {
                        return Ok(Some(Job::ResolveOperations));
                    }
                    self.close_if_ready();
                    self.finish_replayed_task()?;
                }
            }
        }
    }

    /// Looks for the next end of a local activity among the events of the replayed task.
    fn replay_local_activity(&mut self) -> Result<bool, RunError> {
        let Phase::Replaying {
            expected,
            markers_seen,
            ..
        } = &mut self.phase
        else {
            return Ok(false);
        };
        while let Some(event) = expected.get(*markers_seen) {
            *markers_seen += 1;
            let EventKind::MarkerRecorded { marker, .. } = &event.kind else {
                continue;
            };
            if marker.marker_name != MARKER_LOCAL_ACTIVITY {
                continue;
            }
            let Some(id) = marker
                .text("id")
                .and_then(|id| self.local_activities.get(id).copied())
            else {
                continue;
            };
            let marker = marker.clone();
            let event_id = event.event_id;
            self.local_activity_recorded(id, *marker, event_id)?;
            return Ok(true);
        }
        Ok(false)
    }

    fn finish_replayed_task(&mut self) -> Result<(), RunError> {
        let Phase::Replaying {
            completed_event_id,
            expected,
            ..
        } = std::mem::replace(&mut self.phase, Phase::Idle)
        else {
            return Ok(());
        };
        let commands = std::mem::take(&mut self.outgoing).into_values().collect();
        self.match_commands(commands, expected, completed_event_id)
    }

    /// Finds the next workflow task among the events and lines up its jobs. `false` when the
    /// events contain no further one.
    fn begin_task(&mut self) -> Result<bool, RunError> {
        let mut started_at = None;
        for (index, event) in self.events.iter().enumerate() {
            if !matches!(event.kind, EventKind::WorkflowTaskStarted { .. }) {
                continue;
            }
            match self.events.get(index + 1).map(|next| &next.kind) {
                None => started_at = Some((index, false)),
                Some(EventKind::WorkflowTaskCompleted { .. }) => started_at = Some((index, true)),
                Some(_) => continue,
            }
            break;
        }
        let Some((index, answered)) = started_at else {
            if self.events.is_empty() {
                self.events = VecDeque::new();
            }
            return Ok(false);
        };
        if self.closed {
            return Err(RunError::InvalidHistory {
                event_id: self
                    .events
                    .get(index)
                    .map_or(EventId::NONE, |event| event.event_id),
                message: "a workflow task follows the end of the run".to_owned(),
            });
        }

        self.task += 1;
        self.replaying = answered;
        let mut batch: Vec<HistoryEvent> = self.events.drain(..=index).collect();
        if let Some(event) = batch.pop()
            && let EventKind::WorkflowTaskStarted {
                history_size_bytes,
                suggest_continue_as_new,
                ..
            } = event.kind
        {
            self.now = self.now.max(event.event_time);
            self.history_length = event.event_id.0;
            self.history_size_bytes = history_size_bytes;
            self.continue_as_new_suggested = suggest_continue_as_new;
        }
        let mut updates = Vec::new();
        self.phase = if answered {
            let completed_event_id = self
                .events
                .pop_front()
                .map_or(EventId::NONE, |event| event.event_id);
            let expected = self.take_command_events();
            for event in &expected {
                self.look_ahead(event, &mut updates);
            }
            Phase::Replaying {
                completed_event_id,
                expected,
                markers_seen: 0,
            }
        } else {
            updates = std::mem::take(&mut self.updates);
            // All events were taken; a cached run does not hold on to the room of a long history.
            self.events = VecDeque::new();
            Phase::Live
        };
        self.line_up(batch, updates)?;
        Ok(true)
    }

    fn take_command_events(&mut self) -> Vec<HistoryEvent> {
        let count = self
            .events
            .iter()
            .take_while(|event| event.kind.is_command_event() || event.kind.may_be_ignored())
            .count();
        self.events.drain(..count).collect()
    }

    /// Notes what workflow code needs to know before it gets to the command that recorded it.
    fn look_ahead(&mut self, event: &HistoryEvent, updates: &mut Vec<Update>) {
        match &event.kind {
            EventKind::MarkerRecorded { marker, .. } if marker.marker_name == MARKER_PATCH => {
                if let Some(id) = marker.text("id").and_then(|id| PatchId::new(id).ok()) {
                    self.recorded_patches.insert(id);
                }
            }
            EventKind::MarkerRecorded { marker, .. }
                if marker.marker_name == MARKER_SIDE_EFFECT =>
            {
                let value = marker
                    .details
                    .get("value")
                    .and_then(|values| values.first());
                self.recorded_side_effects
                    .push_back(value.cloned().unwrap_or_default());
            }
            EventKind::WorkflowExecutionUpdateAccepted {
                update_id,
                name,
                input,
                identity,
                ..
            } => {
                updates.push(Update {
                    update_id: update_id.clone(),
                    name: name.clone(),
                    input: input.clone(),
                    header: BTreeMap::new(),
                    identity: identity.clone(),
                });
            }
            _ => {}
        }
    }

    /// Orders the jobs of a task: history's order, but in the first task signals and updates
    /// precede the start of the run function, as a signal-with-start expects.
    fn line_up(&mut self, batch: Vec<HistoryEvent>, updates: Vec<Update>) -> Result<(), RunError> {
        let is_first = self.started.is_none();
        let validate = !self.replaying;
        let updates = updates
            .into_iter()
            .map(|update| Item::Update(Box::new(update), validate));
        if !is_first {
            self.items
                .extend(batch.into_iter().map(Item::Event).chain(updates));
            return Ok(());
        }
        if !matches!(
            batch.first().map(|event| &event.kind),
            Some(EventKind::WorkflowExecutionStarted(_))
        ) {
            return Err(RunError::InvalidHistory {
                event_id: batch.first().map_or(EventId(1), |event| event.event_id),
                message: "a history starts with WorkflowExecutionStarted".to_owned(),
            });
        }
        let (early, late): (Vec<_>, Vec<_>) = batch.into_iter().partition(|event| {
            matches!(
                event.kind,
                EventKind::WorkflowExecutionStarted(_)
                    | EventKind::WorkflowExecutionSignaled { .. }
                    | EventKind::WorkflowTaskFailed {
                        cause: WorkflowTaskFailedCause::ResetWorkflow,
                        ..
                    }
            )
        });
        self.items
            .extend(early.into_iter().map(Item::Event).chain(updates));
        self.items.push_back(Item::Start);
        self.items.extend(late.into_iter().map(Item::Event));
        Ok(())
    }

    /// Checks that history has the answer that was given, and matches its commands.
    fn confirm_answer(&mut self) -> Result<(), RunError> {
        let Some(event) = self.events.pop_front() else {
            return Ok(());
        };
        if !matches!(event.kind, EventKind::WorkflowTaskCompleted { .. }) {
            return Err(RunError::AnswerLost {
                event_id: event.event_id,
            });
        }
        let expected = self.take_command_events();
        let commands = std::mem::take(&mut self.sent);
        self.phase = Phase::Idle;
        self.match_commands(commands, expected, event.event_id)
    }

    /// Takes the commands of the live task, which has nothing left to do.
    ///
    /// There are none after an error, and none when no task is to be answered.
    pub fn take_commands(&mut self) -> Vec<Command> {
        if self.failed.is_some() || !matches!(self.phase, Phase::Live) {
            return Vec::new();
        }
        self.phase = Phase::Answered;
        let outgoing = std::mem::take(&mut self.outgoing);
        self.sent = outgoing.into_values().collect();
        self.sent
            .iter()
            .map(|outgoing| outgoing.command.clone())
            .collect()
    }

    /// Emits the closing command once nothing asked of others can be lost by it (F6).
    fn close_if_ready(&mut self) {
        if self.closed || self.closing.is_none() {
            return;
        }
        let outstanding = self
            .operations
            .values()
            .any(|operation| match &operation.machine {
                Machine::Child(machine, _) => machine.is_outstanding(),
                Machine::External(machine) => machine.is_outstanding(),
                Machine::Activity(..)
                | Machine::LocalActivity(..)
                | Machine::Timer(..)
                | Machine::Internal => false,
            });
        if outstanding {
            return;
        }
        let Some(closing) = self.closing.clone() else {
            return;
        };
        self.closed = true;
        self.push(match closing {
            Closing::Completed(result) => Command::CompleteWorkflowExecution { result },
            Closing::Failed(failure) => Command::FailWorkflowExecution { failure },
            Closing::Cancelled(details) => Command::CancelWorkflowExecution { details },
            Closing::ContinuedAsNew(next) => Command::ContinueAsNewWorkflowExecution(next),
        });
    }

    /// Says how the run function ended. The closing command follows once nothing that was asked of
    /// other executions can be lost by it (F6).
    pub fn close(&mut self, closing: Closing) {
        if self.closing.is_none() {
            self.closing = Some(closing);
        }
    }

    /// Whether the run function has ended.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.closing.is_some()
    }

    /// Whether the closing command was given.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// The next operation that is resolved.
    pub fn poll_resolution(&mut self) -> Option<(OperationId, Resolution)> {
        self.resolutions.pop_front()
    }

    /// The scopes whose waiters took a request since the last call.
    pub fn take_accepted(&mut self) -> Vec<ScopeId> {
        std::mem::take(&mut self.accepted)
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
}

fn text_payload(text: &str) -> Vec<Payload> {
    vec![Payload::binary(text.as_bytes())]
}

/// The request to start a child, with its id left for the run to choose when it has none.
pub type ChildRequest = StartChildWorkflowExecution;
