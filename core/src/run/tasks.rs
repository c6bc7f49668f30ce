//! Takes in workflow tasks: finds them among the events, lines up their jobs, and closes them.

use std::collections::VecDeque;

use super::{
    Asked, Closing, Lineup, MARKER_LOCAL_ACTIVITY, MARKER_PATCH, MARKER_SIDE_EFFECT, Machine,
    Phase, Run, Turn, handed_over::Inbox,
};
use crate::{
    activation::{Job, Message, SignalJob, UpdateJob},
    command::Command,
    error::RunError,
    event::{EventKind, HistoryEvent, WorkflowTaskFailedCause},
    ids::{EventId, PatchId},
    task::Update,
};

impl Run {
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
            self.match_commands(self.count_command_events(1))
                .map_err(|error| self.fail(error))?;
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
        self.turn = Turn::default();
        if self.settle_offers() {
            return Ok(Some(Job::ResolveOperations));
        }
        loop {
            if let Some(result) = self.advance() {
                if let Some(job) = result? {
                    return Ok(Some(job));
                }
                continue;
            }
            match &mut self.phase {
                Phase::Live => {
                    // All events were taken; a cached run does not hold on to the room of a long
                    // history.
                    self.events = VecDeque::new();
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
                Phase::Replaying { commands, .. } => {
                    let commands = *commands;
                    if self.replay_local_activity()? {
                        return Ok(Some(Job::ResolveOperations));
                    }
                    self.close_if_ready();
                    while let Some(outgoing) = self.outgoing.pop_first() {
                        let asked = Asked::new(outgoing.command);
                        self.expect(asked, outgoing.operation, outgoing.role);
                    }
                    self.match_commands(commands)?;
                }
            }
        }
    }

    /// Applies the next thing in the lineup of the task at hand, of which workflow code may have to
    /// know. `None` when nothing is left in it.
    fn advance(&mut self) -> Option<Result<Option<Job>, RunError>> {
        let lineup = &mut self.lineup;
        if lineup.early_events > 0 {
            lineup.early_events -= 1;
        } else if lineup.signals > 0
            || !lineup.updates.is_empty()
            || !lineup.handed_over.signals.is_empty()
        {
            let messages = self.take_messages();
            let any = !messages.is_empty();
            return Some(Ok(any.then_some(Job::Messages(messages))));
        } else if std::mem::take(&mut lineup.start) {
            return Some(Ok(Some(Job::StartWorkflow)));
        } else if let Some(reason) = lineup.handed_over.cancel.take() {
            return Some(Ok(Some(self.cancel_requested(&reason))));
        } else if lineup.late_events > 0 {
            lineup.late_events -= 1;
        } else {
            return None;
        }
        let event = self.events.pop_front()?;
        Some(self.apply_event(event))
    }

    /// The messages of the task at hand, in the order in which their handlers hear them (M1). Those that the
    /// run before handed over are the oldest. Updates come after signals: they ask to be accepted behind the
    /// last event. Signals that come after the code has asked for another run are that one's (M2).
    fn take_messages(&mut self) -> Vec<Message> {
        let signals = std::mem::take(&mut self.lineup.signals);
        let updates = std::mem::take(&mut self.lineup.updates);
        let handed_over = std::mem::take(&mut self.lineup.handed_over.signals);
        let mut messages = Vec::with_capacity(handed_over.len() + signals + updates.len());
        messages.extend(handed_over.into_iter().map(Message::Signal));
        for _ in 0..signals {
            let Some(event) = self.events.pop_front() else {
                break;
            };
            if let EventKind::WorkflowExecutionSignaled {
                signal_name,
                input,
                header,
                identity,
                ..
            } = event.kind
            {
                let signal = SignalJob {
                    name: signal_name,
                    input,
                    header,
                    identity,
                };
                // Nobody reads any more what a handler would change.
                if let Some(signal) = self.hand_over(signal) {
                    messages.push(Message::Signal(signal));
                }
            }
        }
        messages.extend(updates.into_iter().map(|update| {
            Message::Update(UpdateJob {
                update_id: update.update_id,
                name: update.name,
                input: update.input,
                validate: !self.replaying,
            })
        }));
        messages
    }

    /// Keeps a signal for the next run, or gives it back when there is none, or no room in it.
    fn hand_over(&mut self, signal: SignalJob) -> Option<SignalJob> {
        let Some(Closing::ContinuedAsNew(next)) = &self.closing else {
            return Some(signal);
        };
        let trace = self.trace_header();
        let trace = trace.iter().map(|(name, value)| (name, value));
        let header = next.header.iter().chain(trace);
        let limit = &self.payload_limit;
        self.handing_over
            .add_signal(signal, next.input.iter(), header, limit)
    }

    /// Looks for the next end of a local activity among the events of the replayed task.
    fn replay_local_activity(&mut self) -> Result<bool, RunError> {
        let Phase::Replaying {
            commands,
            markers_seen,
        } = &mut self.phase
        else {
            return Ok(false);
        };
        if self.local_activities.is_empty() {
            return Ok(false);
        }
        while *markers_seen < *commands {
            // The task's completion is before them.
            *markers_seen += 1;
            let Some(event) = self.events.get(*markers_seen) else {
                break;
            };
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

        self.activation += 1;
        self.replaying = answered;
        if let Some(event) = self.events.get(index)
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
        let updates = if answered {
            let (commands, updates) = self.look_ahead(index + 2);
            self.phase = Phase::Replaying {
                commands,
                markers_seen: 0,
            };
            updates
        } else {
            self.phase = Phase::Live;
            std::mem::take(&mut self.updates)
        };
        self.line_up(index + 1, updates)?;
        Ok(true)
    }

    /// Notes what workflow code needs to know before it gets to the commands that recorded it: how
    /// many command events there are from a place on, and the updates that were accepted.
    fn look_ahead(&mut self, from: usize) -> (usize, Vec<Update>) {
        let commands = self.count_command_events(from);
        let mut updates = Vec::new();
        for event in self.events.iter().skip(from).take(commands) {
            match &event.kind {
                EventKind::MarkerRecorded { marker, .. } if marker.marker_name == MARKER_PATCH => {
                    if let Some(id) = marker.text("id").and_then(|id| PatchId::new(id).ok()) {
                        self.recorded_patches.insert(id);
                    }
                }
                EventKind::MarkerRecorded { marker, .. }
                    if marker.marker_name == MARKER_SIDE_EFFECT =>
                {
                    let value = match &marker.failure {
                        Some(failure) => Err(failure.clone()),
                        None => {
                            let values = marker.details.get("value");
                            let value = values.and_then(|values| values.first());
                            Ok(value.cloned().unwrap_or_default())
                        }
                    };
                    self.recorded_side_effects.push_back(value);
                }
                EventKind::WorkflowExecutionUpdateAccepted {
                    update_id,
                    name,
                    input,
                    identity,
                    header,
                    ..
                } => updates.push(Update {
                    update_id: update_id.clone(),
                    name: name.clone(),
                    input: input.clone(),
                    header: header.clone(),
                    identity: identity.clone(),
                }),
                _ => {}
            }
        }
        (commands, updates)
    }

    /// Orders the jobs of a task, which is so many events long: first the messages (M1), then
    /// history's order. A reset precedes everything that is done anew because of it (T3).
    fn line_up(&mut self, length: usize, updates: Vec<Update>) -> Result<(), RunError> {
        let is_first = self.started.is_none();
        if is_first
            && let Some(event) = self.events.front()
            && !matches!(event.kind, EventKind::WorkflowExecutionStarted(_))
        {
            return Err(RunError::InvalidHistory {
                event_id: event.event_id,
                message: "a history starts with WorkflowExecutionStarted".to_owned(),
            });
        }
        let mut early_events = 0;
        let mut signals = 0;
        for event in self.events.iter().take(length) {
            match Place::of(&event.kind) {
                Place::Early => early_events += 1,
                Place::Message => signals += 1,
                Place::Late => {}
            }
        }
        if early_events + signals > 0
            && let Some(events) = self.events.make_contiguous().get_mut(..length)
        {
            // Stable: in each place the order is history's.
            events.sort_by_key(|event| Place::of(&event.kind));
        }
        self.lineup = Lineup {
            early_events,
            handed_over: Inbox::default(),
            signals,
            updates,
            start: is_first,
            late_events: length - early_events - signals,
        };
        Ok(())
    }

    /// Takes the commands of the live task, which has nothing left to do.
    ///
    /// There are none after an error, and none when no task is to be answered.
    pub fn take_commands(&mut self) -> Vec<Command> {
        if self.failed.is_some() || !matches!(self.phase, Phase::Live) {
            return Vec::new();
        }
        self.phase = Phase::Answered;
        let mut commands = Vec::with_capacity(self.outgoing.len());
        while let Some(outgoing) = self.outgoing.pop_first() {
            let asked = Asked::of(&outgoing.command);
            self.expect(asked, outgoing.operation, outgoing.role);
            commands.push(outgoing.command);
        }
        commands
    }

    /// Emits the closing command once nothing asked of others can be lost by it (F6).
    fn close_if_ready(&mut self) {
        if self.closed || self.closing.is_none() || self.closing_holds > 0 {
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
        let mut command = match closing {
            Closing::Completed(result) => Command::CompleteWorkflowExecution { result },
            Closing::Failed(failure) => Command::FailWorkflowExecution { failure },
            Closing::Cancelled(failure) if self.cancel_reason.is_none() => {
                Command::FailWorkflowExecution { failure }
            }
            Closing::Cancelled(_) => Command::CancelWorkflowExecution {
                details: Vec::new(),
            },
            Closing::ContinuedAsNew(mut next) => {
                let mut handed_over = std::mem::take(&mut self.handing_over);
                if let Some(reason) = &self.unheard {
                    handed_over.add_cancel(reason);
                }
                next.header.extend(handed_over.into_header());
                Command::ContinueAsNewWorkflowExecution(next)
            }
        };
        self.pass_on_trace(&mut command);
        self.push(command);
    }
}

/// When an event of a workflow task is applied.
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
enum Place {
    /// It precedes everything that handlers do.
    Early,
    Message,
    Late,
}

impl Place {
    fn of(kind: &EventKind) -> Self {
        match kind {
            EventKind::WorkflowExecutionStarted(_)
            | EventKind::WorkflowTaskFailed {
                cause: WorkflowTaskFailedCause::ResetWorkflow,
                ..
            } => Self::Early,
            EventKind::WorkflowExecutionSignaled { .. } => Self::Message,
            _ => Self::Late,
        }
    }
}
