//! Reset: a new run that begins with a part of another one's history (rules T1 to T3).
//!
//! The current run is ended and the new one begins in one commit. What has to be read for it is
//! read before; if the run moved on meanwhile, it is read again.

use std::collections::{BTreeMap, HashMap};

use steadfast_core::{
    event::{EventKind, HistoryEvent, WorkflowTaskFailedCause},
    failure::{Failure, FailureKind},
    ids::{EventId, Identity, RunId, WorkflowExecution},
    payload::Payload,
    time::Timestamp,
};
use steadfast_engine::{EngineError, ExecutionRef, ResetWorkflowRequest};

use super::{
    execution::{Effect, Execution, engine_identity, new_run_id},
    limits::check_text,
    shared::{Found, Shared, certain_run, run_not_found},
    state::Core,
    store::{Row, find_request, find_run, read_events},
    ticket::Ticket,
};

/// The identity that ends the current run, as on a Temporal Service.
const RESETTER: &str = "history-resetter";
/// How often a run may move on while its history is read.
const ATTEMPTS: usize = 20;
/// How many valid points an error names.
const NAMED_POINTS: usize = 30;

/// The base run and the runs that continued it.
#[derive(Debug)]
struct Chain {
    base_key: i64,
    base_id: WorkflowExecution,
    /// The events of each run, by its key, in order.
    runs: Vec<(i64, Vec<HistoryEvent>)>,
}

impl Shared {
    pub(crate) async fn reset(&self, request: ResetWorkflowRequest) -> Result<RunId, EngineError> {
        check_text("the reason", &request.reason)?;
        let workflow_id = request.execution.workflow_id.clone();
        let (id, request_id) = (workflow_id.clone(), request.request_id.clone());
        if let Some(run_id) = self
            .read(move |connection| find_request(connection, &id, &request_id))
            .await?
        {
            return Ok(run_id);
        }
        for _ in 0..ATTEMPTS {
            let chain = self.read_chain(&request.execution).await?;
            let current = ExecutionRef::current(workflow_id.clone());
            let done: Option<(RunId, Ticket)> = self
                .with_run(&current, false, |core, found, now| {
                    let run_id = core.reset(&request, chain, &found, now)?;
                    Ok(run_id.map(|run_id| (run_id, core.ticket())))
                })
                .await?;
            if let Some((run_id, ticket)) = done {
                ticket.await?;
                return Ok(run_id);
            }
        }
        Err(EngineError::Unavailable {
            message: format!("`{workflow_id}` is too busy to be reset; try again"),
        })
    }

    /// Reads the base run and what continued it.
    async fn read_chain(&self, base: &ExecutionRef) -> Result<Chain, EngineError> {
        let target = base.clone();
        let run_id = certain_run(base)?;
        self.read(move |connection| {
            let info = find_run(connection, &target.workflow_id, run_id.as_ref())?
                .ok_or_else(|| run_not_found(&target))?;
            if target
                .first_execution_run_id
                .as_ref()
                .is_some_and(|first| info.first_run_id != *first)
            {
                return Err(EngineError::not_found("workflow execution not found"));
            }
            let (base_key, base_id) = (info.key, info.id.clone());
            let mut runs = Vec::new();
            let mut next = Some(info);
            while let Some(info) = next.take() {
                let (events, _) = read_events(connection, info.key, 1, usize::MAX)?;
                if let Some(EventKind::WorkflowExecutionContinuedAsNew {
                    new_execution_run_id,
                    ..
                }) = events.last().map(|event| &event.kind)
                {
                    next = find_run(connection, &target.workflow_id, Some(new_execution_run_id))?;
                }
                runs.push((info.key, events));
            }
            Ok(Chain {
                base_key,
                base_id,
                runs,
            })
        })
        .await
    }
}

impl Core {
    /// `None` when a run moved on since it was read.
    fn reset(
        &mut self,
        request: &ResetWorkflowRequest,
        mut chain: Chain,
        current: &Found,
        now: Timestamp,
    ) -> Result<Option<RunId>, EngineError> {
        let Some((_, base_events)) = chain.runs.first() else {
            return Ok(None);
        };
        let point = request.workflow_task_finish_event_id;
        let open = match current {
            Found::Loaded(key) => {
                let run = self.executions.get(key);
                if let Some(run) = run
                    && let Some((_, events)) = chain.runs.iter().find(|(read, _)| read == key)
                    && events.last().map_or(0, |event| event.event_id.0) != run.last_event_id()
                {
                    return Ok(None);
                }
                run.filter(|run| run.is_open()).map(|run| run.key)
            }
            Found::Closed(_) | Found::Missing => None,
        };
        let started = open.and_then(|key| self.executions.get(&key));
        let started = started.map(Execution::open_task_events).unwrap_or_default();
        check_point(base_events, &started, point)?;
        let new_run = new_run_id();
        if let Some(key) = open {
            let ended = self.end_for_reset(key, &request.reason, now)?;
            // What waited for a task was recorded with the end, and is applied again like the rest.
            if let Some((_, events)) = chain.runs.iter_mut().find(|(read, _)| *read == key) {
                events.extend(ended);
            }
        }
        self.next_key += 1;
        let run = reset_run(self.next_key, &new_run, &chain, request, now).ok_or_else(|| {
            EngineError::invalid("the history does not begin with the start of the run")
        })?;
        let key = run.key;
        self.add_new(run, now);
        self.finish(key, now);
        self.rows.push(Row::ResetTo {
            key: chain.base_key,
            run_id: new_run.clone(),
        });
        if let Some(base) = self.executions.get_mut(&chain.base_key) {
            base.reset_run_id = Some(new_run.clone());
        }
        Ok(Some(new_run))
    }

    /// Ends the current run without touching its children or telling its parent: both go on with
    /// the new run. Returns the events of the end.
    fn end_for_reset(
        &mut self,
        key: i64,
        reason: &str,
        now: Timestamp,
    ) -> Result<Vec<HistoryEvent>, EngineError> {
        let identity =
            Identity::new(RESETTER).map_err(|error| EngineError::invalid(error.to_string()))?;
        let Some(run) = self.executions.get_mut(&key) else {
            return Ok(Vec::new());
        };
        run.terminate(reason.to_owned(), Vec::new(), identity, now);
        run.effects
            .retain(|effect| !matches!(effect, Effect::Closed));
        let events = run.tail[run.tail.len() - run.unsaved..].to_vec();
        self.finish(key, now);
        Ok(events)
    }
}

/// Builds the new run: the prefix, the failed task, what is applied again, and a task.
fn reset_run(
    key: i64,
    run_id: &RunId,
    chain: &Chain,
    request: &ResetWorkflowRequest,
    now: Timestamp,
) -> Option<Execution> {
    let point = request.workflow_task_finish_event_id;
    let (_, base_events) = chain.runs.first()?;
    let prefix: Vec<HistoryEvent> = base_events
        .iter()
        .filter(|event| event.event_id < point)
        .cloned()
        .collect();
    let (scheduled_event_id, started) = last_task(&prefix)?;
    let id = WorkflowExecution {
        workflow_id: chain.base_id.workflow_id.clone(),
        run_id: run_id.clone(),
    };
    let mut run = Execution::from_history(key, id, prefix)?;
    run.unsaved = run.tail.len();
    run.committed = 0;
    run.start_time = now;
    run.request_id = Some(request.request_id.clone());
    run.set_run_due_from(now);
    let started_event_id = started.unwrap_or_else(|| {
        run.record(
            now,
            EventKind::WorkflowTaskStarted {
                scheduled_event_id,
                identity: Some(engine_identity()),
                request_id: None,
                history_size_bytes: run.history_bytes,
                suggest_continue_as_new: false,
            },
        )
    });
    let failure = Failure::new(
        request.reason.clone(),
        FailureKind::Reset {
            last_heartbeat_details: Vec::<Payload>::new(),
        },
    );
    run.record(
        now,
        EventKind::WorkflowTaskFailed {
            scheduled_event_id,
            started_event_id,
            cause: WorkflowTaskFailedCause::ResetWorkflow,
            failure: Some(Box::new(failure)),
            identity: Some(engine_identity()),
            base_run_id: Some(chain.base_id.run_id.clone()),
            new_run_id: Some(run_id.clone()),
        },
    );
    apply_again(&mut run, chain, request, now);
    run.schedule_reset_task(now);
    Some(run)
}

/// Signals, updates and ends of children after the point happen to the new run too (rule T2).
fn apply_again(run: &mut Execution, chain: &Chain, request: &ResetWorkflowRequest, now: Timestamp) {
    let point = request.workflow_task_finish_event_id;
    let mut admitted: HashMap<_, ()> = HashMap::new();
    let pending: BTreeMap<u64, EventId> = run
        .children
        .iter()
        .map(|(id, child)| (*id, child.started_event_id))
        .collect();
    for (index, (_, events)) in chain.runs.iter().enumerate() {
        for event in events
            .iter()
            .filter(|event| index > 0 || event.event_id >= point)
        {
            let kind = match &event.kind {
                EventKind::WorkflowExecutionSignaled { .. } if !request.exclude_signals => {
                    event.kind.clone()
                }
                EventKind::WorkflowExecutionUpdateAdmitted {
                    update_id,
                    name,
                    input,
                    identity,
                    header,
                }
                | EventKind::WorkflowExecutionUpdateAccepted {
                    update_id,
                    name,
                    input,
                    identity,
                    header,
                    ..
                } if !request.exclude_updates
                    && !run.updates.contains_key(update_id)
                    && admitted.insert(update_id.clone(), ()).is_none() =>
                {
                    EventKind::WorkflowExecutionUpdateAdmitted {
                        update_id: update_id.clone(),
                        name: name.clone(),
                        input: input.clone(),
                        identity: identity.clone(),
                        header: header.clone(),
                    }
                }
                EventKind::ChildWorkflowExecutionCompleted {
                    initiated_event_id, ..
                }
                | EventKind::ChildWorkflowExecutionFailed {
                    initiated_event_id, ..
                }
                | EventKind::ChildWorkflowExecutionCanceled {
                    initiated_event_id, ..
                }
                | EventKind::ChildWorkflowExecutionTimedOut {
                    initiated_event_id, ..
                }
                | EventKind::ChildWorkflowExecutionTerminated {
                    initiated_event_id, ..
                } if index == 0
                    && pending
                        .get(&initiated_event_id.0)
                        .is_some_and(|id| id.is_some()) =>
                {
                    event.kind.clone()
                }
                _ => continue,
            };
            run.record(now, kind);
        }
    }
}

/// The last task of a prefix: the events that scheduled and, if so, started it.
fn last_task(prefix: &[HistoryEvent]) -> Option<(EventId, Option<EventId>)> {
    let mut started = None;
    for event in prefix.iter().rev() {
        match &event.kind {
            EventKind::WorkflowTaskStarted { .. } => started = Some(event.event_id),
            EventKind::WorkflowTaskScheduled { .. } => return Some((event.event_id, started)),
            EventKind::WorkflowTaskCompleted { .. }
            | EventKind::WorkflowTaskFailed { .. }
            | EventKind::WorkflowTaskTimedOut { .. } => return None,
            _ => {}
        }
    }
    None
}

/// Refuses a point that does not end or start a workflow task, naming those that do. `open` is what is recorded with the
/// answer to a task that a worker has.
fn check_point(
    events: &[HistoryEvent],
    open: &[HistoryEvent],
    point: EventId,
) -> Result<(), EngineError> {
    let points = valid_points(events, open);
    if points.contains(&point) {
        return Ok(());
    }
    if points.is_empty() {
        return Err(EngineError::invalid(format!(
            "event {point} is not a point to reset to; there is none yet, as no worker has had a workflow task of this run"
        )));
    }
    let named: Vec<String> = points
        .iter()
        .take(NAMED_POINTS)
        .map(ToString::to_string)
        .collect();
    let more = if points.len() > NAMED_POINTS {
        " and later ones"
    } else {
        ""
    };
    Err(EngineError::invalid(format!(
        "event {point} is not a point to reset to; the valid ones start or end a workflow task: {}{more}",
        named.join(", ")
    )))
}

/// The events to which a run can be reset.
fn valid_points(events: &[HistoryEvent], open: &[HistoryEvent]) -> Vec<EventId> {
    let mut points = Vec::new();
    let mut is_after_scheduled = false;
    for event in events.iter().chain(open) {
        if std::mem::take(&mut is_after_scheduled) {
            points.push(event.event_id);
        }
        match &event.kind {
            EventKind::WorkflowTaskScheduled { .. } => is_after_scheduled = true,
            EventKind::WorkflowTaskStarted { .. }
            | EventKind::WorkflowTaskCompleted { .. }
            | EventKind::WorkflowTaskFailed { .. }
            | EventKind::WorkflowTaskTimedOut { .. } => points.push(event.event_id),
            _ => {}
        }
    }
    points.dedup();
    points
}

impl Execution {
    fn schedule_reset_task(&mut self, now: Timestamp) {
        self.record_task_scheduled(now, 1);
        self.redispatch(now);
    }
}
