//! What workflow code asks of a run: operations, scopes, and answers to updates.

use std::{sync::Arc, time::Duration};

use super::{
    ActivityInfo, ChildInfo, ChildRequest, MARKER_PATCH, MARKER_SIDE_EFFECT, Machine, Operation,
    Role, Run, runaway::Runaway, text_payload,
};
use crate::{
    activation::{OperationId, Resolution},
    command::{
        Command, ContinueAsNewWorkflowExecution, RecordMarker,
        RequestCancelExternalWorkflowExecution, ScheduleActivityTask,
        SignalExternalWorkflowExecution,
    },
    failure::Failure,
    ids::{
        ActivityId, ActivityType, EventId, PatchId, TaskQueue, TimerId, UpdateId, UpdateName,
        WorkflowId,
    },
    limit::{self, TooLarge},
    machine::{
        ActivityInput, ActivityMachine, ChildInput, ChildMachine, Effects, ExternalInput,
        ExternalMachine, LocalActivityInput, LocalActivityMachine, Reason, TimerInput,
        TimerMachine,
    },
    options::{
        ActivityCancellationType, ActivityTimeouts, ChildWorkflowCancellationType, WorkflowTimeouts,
    },
    payload::{Payload, PayloadMap, UserMetadata, merge},
    retry::{RetryPolicy, RetryState},
    scope::{ScopeCancellation, ScopeId, ScopeKind},
    task::LocalActivityTask,
};

/// Asks for an activity.
#[derive(Clone, Debug)]
pub struct ActivityRequest {
    /// The id; counted by the run when absent.
    pub activity_id: Option<ActivityId>,
    /// The type.
    pub activity_type: ActivityType,
    /// Where a worker picks it up; the workflow's own queue when absent.
    pub task_queue: Option<TaskQueue>,
    /// The arguments.
    pub input: Vec<Payload>,
    /// Context that travels with the call.
    pub header: PayloadMap,
    /// Its time limits.
    pub timeouts: ActivityTimeouts,
    /// When it is tried again.
    pub retry_policy: Option<RetryPolicy>,
    /// What cancelling it does.
    pub cancellation_type: ActivityCancellationType,
    /// Words for people about it.
    pub user_metadata: Option<Box<UserMetadata>>,
}

/// What an operation in a cancelled scope is told (D3).
const REFUSED: &str =
    "not started, because its scope is cancelled; run cleanup in `ctx.disconnected(..)`";

impl Run {
    /// Schedules an activity.
    pub fn schedule_activity(&mut self, scope: ScopeId, request: ActivityRequest) -> OperationId {
        let sequence = self.sequences.activity + 1;
        let info = activity_info(&request, sequence);
        let id = match self.admit(scope) {
            Ok(id) => id,
            Err((id, reason)) => {
                let events = (EventId::NONE, EventId::NONE);
                let state = RetryState::CancelRequested;
                let failure = info.failure("activity cancelled", events, None, state);
                return self.refuse_cancelled(id, failure, reason);
            }
        };
        self.sequences.activity = sequence;
        let task_queue = request.task_queue.or_else(|| {
            self.started
                .as_ref()
                .map(|started| started.task_queue.clone())
        });
        let Some(task_queue) = task_queue else {
            return id;
        };
        let command = Command::ScheduleActivityTask(Box::new(ScheduleActivityTask {
            activity_id: info.activity_id.clone(),
            activity_type: info.activity_type.clone(),
            task_queue,
            input: request.input,
            header: request.header,
            timeouts: request.timeouts,
            retry_policy: request.retry_policy,
            user_metadata: request.user_metadata,
            priority: None,
        }));
        let machine = ActivityMachine::new(request.cancellation_type);
        self.begin(id, Machine::Activity(machine, info), Some(command))
    }

    /// Asks for a local activity. Its id is always counted by the run: its marker is found by it.
    pub fn schedule_local_activity(
        &mut self,
        scope: ScopeId,
        mut request: ActivityRequest,
    ) -> OperationId {
        request.activity_id = None;
        let sequence = self.sequences.activity + 1;
        let info = activity_info(&request, sequence);
        let id = match self.admit(scope) {
            Ok(id) => id,
            Err((id, reason)) => {
                let events = (EventId::NONE, EventId::NONE);
                let state = RetryState::CancelRequested;
                let failure = info.failure("local activity cancelled", events, None, state);
                return self.refuse_cancelled(id, failure, reason);
            }
        };
        self.sequences.activity = sequence;
        self.local_activities
            .insert(info.activity_id.as_str().to_owned(), id);
        let task = LocalActivityTask {
            activity_id: info.activity_id.clone(),
            activity_type: request.activity_type,
            input: request.input,
            header: request
                .header
                .into_iter()
                .chain(self.trace_header())
                .collect(),
            attempt: 1,
            scheduled_time: self.now,
            time_used: Duration::ZERO,
            longest_wait: self
                .started
                .as_ref()
                .map_or(WorkflowTimeouts::DEFAULT_TASK_TIMEOUT, |started| {
                    started.timeouts.task_timeout()
                }),
            timeouts: request.timeouts.effective(),
            retry_policy: request.retry_policy,
        };
        self.local_tasks.insert(id, task);
        let machine = LocalActivityMachine::new(request.cancellation_type);
        self.begin(
            id,
            Machine::LocalActivity(machine, info, request.user_metadata),
            None,
        )
    }

    /// Starts a timer. A timer of no time at all takes a workflow task too.
    pub fn start_timer(
        &mut self,
        scope: ScopeId,
        duration: Duration,
        user_metadata: Option<Box<UserMetadata>>,
    ) -> OperationId {
        match self.admit(scope) {
            Ok(id) => self.begin_timer(id, duration, user_metadata),
            Err((id, reason)) => self.refuse_plainly(id, reason),
        }
    }

    /// Starts a timer that belongs to no scope: the time limit of a scope itself.
    pub fn start_unscoped_timer(
        &mut self,
        duration: Duration,
        user_metadata: Option<Box<UserMetadata>>,
    ) -> OperationId {
        let id = self.new_operation_id();
        self.begin_timer(id, duration, user_metadata)
    }

    pub(super) fn begin_timer(
        &mut self,
        id: OperationId,
        duration: Duration,
        user_metadata: Option<Box<UserMetadata>>,
    ) -> OperationId {
        self.sequences.timer += 1;
        let Ok(timer_id) = TimerId::new(self.sequences.timer.to_string()) else {
            return id;
        };
        let command = Command::StartTimer {
            timer_id: timer_id.clone(),
            start_to_fire_timeout: duration,
            user_metadata,
        };
        self.begin(
            id,
            Machine::Timer(TimerMachine::default(), timer_id),
            Some(command),
        )
    }

    /// Starts a child workflow. Without an id the run derives one from its own, which stays the
    /// same in replays and is another after a reset.
    pub fn start_child_workflow(
        &mut self,
        scope: ScopeId,
        request: impl FnOnce(WorkflowId) -> ChildRequest,
        cancellation_type: ChildWorkflowCancellationType,
    ) -> OperationId {
        let sequence = self.sequences.child + 1;
        let default_id = WorkflowId::new(format!("{}_{sequence}", self.seed))
            .unwrap_or_else(|_| self.execution.workflow_id.clone());
        let request = request(default_id);
        let info = Box::new(ChildInfo {
            workflow_id: request.workflow_id.clone(),
            workflow_type: request.workflow_type.clone(),
            run_id: None,
            started_event_id: EventId::NONE,
            cancel_event_id: EventId::NONE,
        });
        let id = match self.admit(scope) {
            Ok(id) => id,
            Err((id, reason)) => {
                let state = RetryState::NonRetryableFailure;
                let failure = info.failure("child workflow cancelled", EventId::NONE, state);
                return self.refuse_cancelled(id, failure, reason);
            }
        };
        self.sequences.child = sequence;
        let command = Command::StartChildWorkflowExecution(Box::new(request));
        let machine = ChildMachine::new(cancellation_type);
        self.begin(id, Machine::Child(machine, info), Some(command))
    }

    /// Signals another execution.
    pub fn signal_external_workflow(
        &mut self,
        scope: ScopeId,
        request: SignalExternalWorkflowExecution,
    ) -> OperationId {
        self.external(
            scope,
            Command::SignalExternalWorkflowExecution(Box::new(request)),
        )
    }

    /// Asks for the cancellation of another execution.
    pub fn cancel_external_workflow(
        &mut self,
        scope: ScopeId,
        mut request: RequestCancelExternalWorkflowExecution,
    ) -> OperationId {
        request.reason = limit::short(&request.reason);
        self.external(
            scope,
            Command::RequestCancelExternalWorkflowExecution(Box::new(request)),
        )
    }

    fn external(&mut self, scope: ScopeId, command: Command) -> OperationId {
        match self.admit(scope) {
            Ok(id) => self.begin(
                id,
                Machine::External(ExternalMachine::default()),
                Some(command),
            ),
            Err((id, reason)) => self.refuse_plainly(id, reason),
        }
    }

    /// Starts a wait or a task inside the workflow, so that its scope's cancellation reaches it.
    /// Workflow code ends it with [`finish`](Self::finish).
    pub fn start_internal(&mut self, scope: ScopeId) -> OperationId {
        match self.admit(scope) {
            Ok(id) => self.begin(id, Machine::Internal, None),
            Err((id, reason)) => self.refuse_plainly(id, reason),
        }
    }

    /// Starts a wait inside the workflow that belongs to no scope: what is waited for has one.
    pub fn start_unscoped_internal(&mut self) -> OperationId {
        let id = self.new_operation_id();
        self.begin(id, Machine::Internal, None)
    }

    /// Ends an internal operation.
    pub fn finish(&mut self, id: OperationId) {
        if let Some(Operation {
            machine: Machine::Internal,
            ..
        }) = self.operations.get(&id)
        {
            self.carry_out(id, Effects::done());
            self.scopes.remove(id);
        }
    }

    /// Cancels an operation by its type. A second call does nothing (O4).
    pub fn cancel_operation(&mut self, id: OperationId, reason: &Reason) {
        let Some(operation) = self.operations.get_mut(&id) else {
            return;
        };
        operation.reason.get_or_insert_with(|| Arc::clone(reason));
        let same_activation = operation.activation == self.activation;
        let effects = match &mut operation.machine {
            Machine::Activity(machine, _) => machine.handle(ActivityInput::Cancel),
            Machine::LocalActivity(machine, ..) => {
                machine.handle(LocalActivityInput::Cancel { same_activation })
            }
            Machine::Timer(machine, _) => machine.handle(TimerInput::Cancel),
            Machine::Child(machine, _) => machine.handle(ChildInput::Cancel),
            Machine::External(machine) => machine.handle(ExternalInput::Cancel),
            Machine::Internal => Ok(Effects::finish(crate::machine::Outcome::Cancelled)),
        };
        // A cancel is legal in every state of every machine.
        if let Ok(effects) = effects {
            self.carry_out(id, effects);
        }
    }

    /// Takes an operation out of its scope, so that no cancellation reaches it any more.
    pub fn detach(&mut self, id: OperationId) {
        self.scopes.remove(id);
    }

    /// Opens a scope.
    pub fn open_scope(&mut self, parent: ScopeId, kind: ScopeKind) -> ScopeId {
        self.scopes.open(parent, kind)
    }

    /// Says that the body of a scope has ended.
    pub fn close_scope(&mut self, scope: ScopeId) {
        self.scopes.close(scope);
    }

    /// Cancels a scope and, by their types, the operations that the request reaches (D2). Where
    /// somebody waits for it, the request is offered until the code rests (D4). `false` when it
    /// reached nothing, because an earlier one was not accepted (O4).
    pub fn cancel_scope(&mut self, scope: ScopeId, reason: &Reason) -> bool {
        let reached = self.scopes.cancel(scope, reason);
        let any = !reached.scopes.is_empty();
        self.reach(reached, reason);
        any
    }

    fn reach(&mut self, reached: ScopeCancellation, reason: &Reason) {
        self.requested.extend(reached.scopes);
        for id in reached.operations {
            self.cancel_operation(id, reason);
        }
    }

    /// The code rests: what was offered and not taken happens by default (D4). `false` when there
    /// is nothing of the kind.
    pub(super) fn settle_offers(&mut self) -> bool {
        let defaults = self.scopes.settle();
        let any = !defaults.is_empty();
        for (reason, reached) in defaults {
            self.reach(reached, &reason);
        }
        any
    }

    /// Waits for the cancellation of a scope; see [`ScopeTree::wait`](crate::scope::ScopeTree::wait).
    pub fn wait_for_cancel(&mut self, scope: ScopeId) -> Option<Reason> {
        let reason = self.scopes.wait(scope);
        self.taken(reason)
    }

    /// The request that was made of a scope, if there is one. Accepts nothing (D10).
    pub fn see_cancel(&mut self, scope: ScopeId) -> Option<Reason> {
        let reason = self.scopes.reason(scope)?;
        self.turn.takes(reason);
        Some(Arc::clone(reason))
    }

    /// Takes the request that was made of a scope, if there is one.
    pub fn accept_cancel(&mut self, scope: ScopeId) -> Option<Reason> {
        let reason = self.scopes.accept(scope);
        self.taken(reason)
    }

    fn taken(&mut self, reason: Option<Reason>) -> Option<Reason> {
        if let Some(reason) = &reason {
            self.turn.takes(reason);
        }
        reason
    }

    /// Whether code does in one turn, from one rest to the next, what no code does that ends (D11).
    #[must_use]
    pub fn runaway(&self) -> Option<Runaway> {
        self.turn.runaway()
    }

    /// Undoes one [`wait_for_cancel`](Self::wait_for_cancel).
    pub fn stop_waiting_for_cancel(&mut self, scope: ScopeId) {
        self.scopes.stop_waiting(scope);
    }

    /// Whether new code is to be taken: always in new tasks, in replay if it was taken then.
    pub fn patched(&mut self, id: &PatchId, deprecated: bool) -> bool {
        if let Some(taken) = self.patches.get(id) {
            return *taken;
        }
        let taken = !self.replaying || self.recorded_patches.contains(id);
        self.patches.insert(id.clone(), taken);
        if taken {
            let mut details =
                std::collections::BTreeMap::from([("id".to_owned(), text_payload(id.as_str()))]);
            if deprecated {
                details.insert("deprecated".to_owned(), text_payload("true"));
            }
            self.push(Command::RecordMarker(Box::new(RecordMarker {
                marker_name: MARKER_PATCH.to_owned(),
                details,
                failure: None,
                user_metadata: None,
            })));
        }
        taken
    }

    /// The value that history recorded for the next side effect of the task at hand, or `None` if
    /// it has to be made and then [recorded](Self::record_side_effect).
    pub fn recorded_side_effect(&mut self) -> Option<Result<Payload, Failure>> {
        if self.replaying {
            self.recorded_side_effects.pop_front()
        } else {
            None
        }
    }

    /// Records the value of a side effect, or why there is none, and gives what it recorded. A value that is too
    /// large is recorded as that (F8): a replay has to know, and may make another value.
    pub fn record_side_effect(
        &mut self,
        value: Result<Payload, Failure>,
    ) -> Result<Payload, Failure> {
        let value = value.and_then(|value| {
            let taken = self.payload_limit.take("the side effect's value", value);
            taken.map_err(|too_large| too_large.to_failure())
        });
        let details = value
            .iter()
            .cloned()
            .map(|value| ("value".to_owned(), vec![value]));
        self.push(Command::RecordMarker(Box::new(RecordMarker {
            marker_name: MARKER_SIDE_EFFECT.to_owned(),
            details: details.collect(),
            failure: value.as_ref().err().cloned(),
            user_metadata: None,
        })));
        value
    }

    /// Changes search attributes.
    ///
    /// # Errors
    ///
    /// When they, with those that there are, are too large (F8).
    pub fn upsert_search_attributes(
        &mut self,
        search_attributes: PayloadMap,
    ) -> Result<(), TooLarge> {
        let known = self.search_attributes.as_ref();
        let known = known.or_else(|| Some(&self.started.as_ref()?.search_attributes));
        let mut merged = known.cloned().unwrap_or_default();
        merge(&mut merged, &search_attributes);
        self.payload_limit.check_search_attributes(&merged)?;
        self.search_attributes = Some(merged);
        self.push(Command::UpsertWorkflowSearchAttributes { search_attributes });
        Ok(())
    }

    /// Changes the memo.
    ///
    /// # Errors
    ///
    /// When it becomes too large (F8).
    pub fn upsert_memo(&mut self, upserted_memo: PayloadMap) -> Result<(), TooLarge> {
        let known = self.memo.as_ref();
        let known = known.or_else(|| Some(&self.started.as_ref()?.memo));
        let mut merged = known.cloned().unwrap_or_default();
        merge(&mut merged, &upserted_memo);
        self.payload_limit.check_memo(&merged)?;
        self.memo = Some(merged);
        self.push(Command::ModifyWorkflowProperties { upserted_memo });
        Ok(())
    }

    /// Checks what the next run is to be given, while code can still choose something else.
    ///
    /// # Errors
    ///
    /// When it is too large (F8).
    pub fn check_next_run(&self, next: &ContinueAsNewWorkflowExecution) -> Result<(), TooLarge> {
        let trace = self.trace_header().map_or(0, |(_, context)| context.size());
        let limit = self.payload_limit.clone().with_room_for(trace);
        limit.check_next_run(next)
    }

    /// Says that an update was accepted.
    pub fn accept_update(&mut self, update_id: UpdateId, name: UpdateName, input: Vec<Payload>) {
        self.push(Command::AcceptUpdate {
            update_id,
            name,
            input,
        });
    }

    /// Says how an accepted update ended. A result that is too large is a failure (F8).
    pub fn complete_update(&mut self, update_id: UpdateId, outcome: Result<Payload, Failure>) {
        let limit = &self.payload_limit;
        let outcome = match outcome {
            Ok(result) => limit
                .take("the update's result", result)
                .map_err(|too_large| too_large.to_failure()),
            Err(failure) => Err(limit.fit("the update's failure", failure)),
        };
        self.push(Command::CompleteUpdate { update_id, outcome });
    }

    /// Says that an update was refused.
    pub fn reject_update(&mut self, update_id: UpdateId, failure: Failure) {
        let failure = self.payload_limit.fit("the update's failure", failure);
        self.push(Command::RejectUpdate { update_id, failure });
    }

    /// The next local activity that the worker has to run. None come while history is replayed,
    /// and none after an error.
    pub fn poll_local_activity(&mut self) -> Option<(OperationId, LocalActivityTask)> {
        if self.replaying || self.failed.is_some() {
            None
        } else {
            self.local_tasks.pop_first()
        }
    }

    /// The local activities that the worker has to stop since the last call.
    pub fn take_stopped_local_activities(&mut self) -> Vec<OperationId> {
        std::mem::take(&mut self.stopped_local_tasks)
    }

    /// Whether a local activity is running that the answer to the task at hand has to wait for.
    #[must_use]
    pub fn has_local_activities(&self) -> bool {
        !self.closed && !self.local_activities.is_empty()
    }

    pub(super) fn new_operation_id(&mut self) -> OperationId {
        let id = OperationId(self.next_operation);
        self.next_operation += 1;
        id
    }

    fn admit(&mut self, scope: ScopeId) -> Result<OperationId, (OperationId, Reason)> {
        let id = self.new_operation_id();
        self.scopes
            .admit(scope, id)
            .map(|()| id)
            .map_err(|reason| (id, reason))
    }

    fn begin(
        &mut self,
        id: OperationId,
        machine: Machine,
        mut command: Option<Command>,
    ) -> OperationId {
        if let Some(command) = &mut command {
            self.pass_on_trace(command);
            self.payload_limit.fit_user_metadata(command);
            if let Err(too_large) = self.payload_limit.check_command(command) {
                self.scopes.remove(id);
                return self.refuse(id, machine.not_started(too_large.to_failure()), None);
            }
        }
        let command = command.map(|command| self.push_for(command, Some(id), Role::Start));
        let operation = Operation {
            machine,
            event_id: EventId::NONE,
            command,
            cancel_command: None,
            reason: None,
            attempt: 0,
            activation: self.activation,
        };
        self.operations.insert(id, operation);
        id
    }

    fn refuse(&mut self, id: OperationId, failure: Failure, reason: Option<Reason>) -> OperationId {
        self.resolutions.push_back((
            id,
            Resolution::Failed {
                failure: Box::new(failure),
                reason,
                attempt: 0,
            },
        ));
        id
    }

    fn refuse_cancelled(
        &mut self,
        id: OperationId,
        failure: Failure,
        reason: Reason,
    ) -> OperationId {
        self.turn.refuses(&reason);
        let failure = failure.with_cause(Failure::cancelled(REFUSED));
        self.refuse(id, failure, Some(reason))
    }

    fn refuse_plainly(&mut self, id: OperationId, reason: Reason) -> OperationId {
        self.turn.refuses(&reason);
        self.resolutions
            .push_back((id, Resolution::Cancelled { reason }));
        id
    }
}

impl Machine {
    /// How an operation of this kind failed before it was started.
    fn not_started(&self, cause: Failure) -> Failure {
        let state = RetryState::NonRetryableFailure;
        match self {
            Self::Activity(_, info) | Self::LocalActivity(_, info, _) => {
                let events = (EventId::NONE, EventId::NONE);
                info.failure("activity not scheduled", events, None, state)
                    .with_cause(cause)
            }
            Self::Child(_, info) => info
                .failure("child workflow not started", EventId::NONE, state)
                .with_cause(cause),
            Self::Timer(..) | Self::External(_) | Self::Internal => cause,
        }
    }
}

/// The id that a run counts.
pub(super) fn counted_id(sequence: u64) -> ActivityId {
    ActivityId::new(sequence.to_string()).expect("a number is a valid activity id")
}

fn activity_info(request: &ActivityRequest, sequence: u64) -> ActivityInfo {
    let activity_id = request
        .activity_id
        .clone()
        .unwrap_or_else(|| counted_id(sequence));
    ActivityInfo {
        activity_id,
        activity_type: request.activity_type.clone(),
    }
}
