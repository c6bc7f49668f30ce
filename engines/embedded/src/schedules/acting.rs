//! Schedules act: one thing at a time, each in a commit of its own with what it leads to.

use std::sync::Arc;

use steadfast_core::{
    event::{EventKind, ExecutionStatus},
    ids::{
        EventId, Identity, Namespace, RequestId, RunId, ScheduleId, WorkflowExecution, WorkflowId,
    },
    options::{WorkflowIdConflictPolicy, WorkflowIdReusePolicy},
    time::Timestamp,
};
use steadfast_engine::{
    EngineError, SearchAttributeType, StartWorkflowRequest, schedule::ScheduleOverlapPolicy,
};

use super::record::{Due, Record, Stop};
use crate::{
    attributes::typed,
    client::{Last, Start},
    execution::{ChildEnd, new_run_id, settle_start},
    jobs::Target,
    shared::{Found, Shared},
    state::Core,
    store::Row,
};

/// How many things one schedule does before others have their turn.
const STEPS_AT_ONCE: usize = 200;

/// What a schedule has to do next.
#[derive(Debug)]
enum Next {
    /// Nothing until it is woken.
    Rest,
    /// More of the same.
    More,
    /// Start an execution with this id.
    Start(WorkflowId),
    /// Stop these.
    Stop(Stop, Vec<WorkflowExecution>),
}

impl Core {
    /// Changes a schedule.
    pub(super) fn put_schedule(
        &mut self,
        id: &ScheduleId,
        record: Record,
    ) -> Result<(), EngineError> {
        let before = self.schedules.record(id).cloned();
        let record = Arc::new(record);
        self.schedules.set(id, Some(Arc::clone(&record)))?;
        self.rows.push(Row::Schedule {
            id: id.clone(),
            record: Some(record),
            before,
        });
        // Whoever waits for something to happen looks again.
        self.transitions += 1;
        if Arc::strong_count(&self.stirred) > 1 {
            self.stirred.notify_waiters();
        }
        Ok(())
    }

    /// A change of a valid schedule, whose spec stays.
    fn change_schedule(&mut self, id: &ScheduleId, record: Record) {
        if let Err(error) = self.put_schedule(id, record) {
            tracing::error!(schedule_id = %id, %error, "a schedule could not be changed");
        }
    }

    /// A run that is closed and that no other follows may be of a schedule.
    pub(crate) fn tell_schedule(&mut self, key: i64) {
        let Some(run) = self.executions.get(&key) else {
            return;
        };
        let Some(event) = &run.closing_event else {
            return;
        };
        if ChildEnd::from_closing(&event.kind).is_none() {
            return;
        }
        let first = &run.start.first_execution_run_id;
        let Some(id) = self.schedules.watched.remove(first) else {
            return;
        };
        let (first, status, how) = (first.clone(), run.status, event.kind.clone());
        self.execution_ended(&id, &first, status, Some(&how));
    }

    fn execution_ended(
        &mut self,
        id: &ScheduleId,
        first: &RunId,
        status: ExecutionStatus,
        how: Option<&EventKind>,
    ) {
        let Some(record) = self.schedules.record(id) else {
            return;
        };
        let mut record = (**record).clone();
        record.ended(first, status, how);
        self.change_schedule(id, record);
        self.schedules.stirred.insert(id.clone());
    }

    /// Does for a schedule what concerns nobody else, and says what comes next.
    fn step_schedule(&mut self, id: &ScheduleId, now: Timestamp) -> Next {
        let Some(entry) = self.schedules.all.get_mut(id) else {
            return Next::Rest;
        };
        if entry.held_until.is_some_and(|until| now < until) {
            return Next::Rest;
        }
        entry.held_until = None;
        let times = Arc::clone(&entry.times);
        if let Some(due) = entry.record.starting.front() {
            return match workflow_id(&entry.record, due) {
                Ok(workflow_id) => Next::Start(workflow_id),
                Err(error) => {
                    self.give_up_start(id, &error);
                    Next::More
                }
            };
        }
        let mut record = (*entry.record).clone();
        let more = record.take_up(&times, now);
        record.take_up_backfills(&times);
        let stop = record.look_at_buffer();
        let next = if !record.starting.is_empty() || more {
            Next::More
        } else if let Some(stop) = stop {
            Next::Stop(stop, record.info.running_workflows.clone())
        } else {
            // A backfill may have filled its share of a buffer that is empty again.
            let backfills = !record.backfills.is_empty() && record.buffer.is_empty();
            if backfills { Next::More } else { Next::Rest }
        };
        let wakeup = record.next_wakeup(&times);
        if *entry.record != record {
            self.change_schedule(id, record);
        }
        match wakeup {
            Some(time) => self.schedules.wake_at(id, time),
            None => {
                if let Some(entry) = self.schedules.all.get_mut(id) {
                    entry.wakeup = None;
                }
            }
        }
        next
    }

    /// Takes the first action that is to be taken, if it still is, now that it is known who has its id.
    fn take_action(
        &mut self,
        id: &ScheduleId,
        wanted: &WorkflowId,
        target: &Target,
        namespace: &Namespace,
        now: Timestamp,
    ) {
        let Some(record) = self.schedules.record(id).map(Arc::clone) else {
            return;
        };
        let Some(due) = record.starting.front() else {
            return;
        };
        let request = match workflow_id(&record, due) {
            Ok(workflow_id) if workflow_id == *wanted => {
                start_request(id, &record, due, workflow_id, namespace)
            }
            // Somebody was faster.
            _ => return,
        };
        let mut changed = (*record).clone();
        if !record.may_take(due) {
            changed.starting.pop_front();
            self.change_schedule(id, changed);
            return;
        }
        let last = match record.overlap(due) {
            ScheduleOverlapPolicy::AllowAll => Last::default(),
            _ => Last {
                completion_result: record.last_completion_result.clone(),
                failure: record.continued_failure.clone(),
            },
        };
        let found = match target {
            Target::Loaded(key) => Found::Loaded(*key),
            Target::Closed(info) => Found::Closed(info.clone()),
            Target::Missing => Found::Missing,
        };
        let started = request.and_then(|request| {
            self.check_attributes(&request)?;
            let start = Start {
                request,
                signal: None,
                last,
            };
            self.start_if_free(start, found, now)
        });
        match started {
            Ok(started) => {
                let execution = WorkflowExecution {
                    workflow_id: wanted.clone(),
                    run_id: started.run_id,
                };
                changed.started(execution, now);
                self.change_schedule(id, changed);
            }
            Err(error) => self.give_up_start(id, &error),
        }
    }

    fn give_up_start(&mut self, id: &ScheduleId, error: &EngineError) {
        tracing::warn!(schedule_id = %id, %error, "an action of a schedule could not be taken and is given up");
        if let Some(record) = self.schedules.record(id) {
            let mut record = (**record).clone();
            record.starting.pop_front();
            self.change_schedule(id, record);
        }
    }

    /// Stops an execution that a schedule started.
    fn stop_execution(
        &mut self,
        id: &ScheduleId,
        execution: &WorkflowExecution,
        stop: Stop,
        target: &Target,
        identity: Identity,
        now: Timestamp,
    ) {
        let key = match target {
            Target::Loaded(key) => Some(*key),
            Target::Closed(_) | Target::Missing => None,
        };
        let run = key.and_then(|key| self.executions.get_mut(&key));
        let Some(run) = run.filter(|run| run.is_open() && run.belongs_to(&execution.run_id)) else {
            // It is gone, and nobody said so.
            self.execution_ended(id, &execution.run_id, ExecutionStatus::Terminated, None);
            return;
        };
        match stop {
            Stop::Terminate => run.terminate(
                "terminated by schedule overlap policy".to_owned(),
                Vec::new(),
                identity,
                now,
            ),
            Stop::Cancel => run.request_cancel(
                "cancelled by schedule overlap policy".to_owned(),
                Some(identity),
                EventId::NONE,
                None,
                None,
                now,
            ),
        }
        let key = run.key;
        self.finish(key, now);
    }
}

impl Shared {
    /// Has the schedules act whose time has come, and those that were stirred by that: whoever moves a clock by hand finds
    /// that they have.
    pub(crate) fn fire_schedules(&self) {
        while let Some(id) = self.next_schedule() {
            self.run_schedule(&id);
        }
    }

    fn next_schedule(&self) -> Option<ScheduleId> {
        let mut core = self.lock();
        if core.stopped.is_some() {
            return None;
        }
        let now = self.clock.now();
        let due = core.schedules.take_due(now);
        due.or_else(|| core.schedules.take_stirred())
    }

    /// Has a schedule act that was stirred; tells whether there was one.
    pub(crate) fn run_stirred_schedule(&self) -> bool {
        let id = {
            let mut core = self.lock();
            if core.stopping {
                return false;
            }
            let id = core.schedules.take_stirred();
            core.job_runs = id.is_some();
            id
        };
        let Some(id) = id else { return false };
        self.run_schedule(&id);
        self.lock().job_runs = false;
        self.jobs_done.notify_waiters();
        true
    }

    /// Has a schedule do what there is to do.
    fn run_schedule(&self, id: &ScheduleId) {
        for _ in 0..STEPS_AT_ONCE {
            let done = match self.next_of_schedule(id) {
                Ok(Next::Rest) => return,
                Ok(Next::More) => Ok(()),
                Ok(Next::Start(workflow_id)) => {
                    self.with_target(&workflow_id, None, |core, target, now| {
                        core.take_action(id, &workflow_id, target, &self.namespace, now);
                        core.run_jobs(now);
                    })
                }
                Ok(Next::Stop(stop, executions)) => {
                    let stopped = executions
                        .iter()
                        .try_for_each(|execution| self.stop_for_schedule(id, execution, stop));
                    match (stopped, stop) {
                        // What was asked to cancel ends when it likes.
                        (Ok(()), Stop::Cancel) => return,
                        (stopped, _) => stopped,
                    }
                }
                Err(error) => Err(error),
            };
            if let Err(error) = done {
                let mut core = self.lock();
                if core.stopped.is_some() {
                    return;
                }
                tracing::warn!(schedule_id = %id, %error, "a schedule could not act; it tries again");
                let again = self.clock.now().after(std::time::Duration::from_secs(1));
                core.schedules.wake_at(id, again);
                return;
            }
        }
        // Others first.
        self.lock().schedules.stirred.insert(id.clone());
    }

    fn next_of_schedule(&self, id: &ScheduleId) -> Result<Next, EngineError> {
        let (mut core, now) = self.enter()?;
        Ok(core.step_schedule(id, now))
    }

    fn stop_for_schedule(
        &self,
        id: &ScheduleId,
        execution: &WorkflowExecution,
        stop: Stop,
    ) -> Result<(), EngineError> {
        let identity = identity(&self.namespace, id)?;
        self.with_target(&execution.workflow_id, None, |core, target, now| {
            core.stop_execution(id, execution, stop, target, identity, now);
            core.run_jobs(now);
        })
    }
}

/// The id that an action starts an execution by.
fn workflow_id(record: &Record, due: &Due) -> Result<WorkflowId, EngineError> {
    let schedule = &record.schedule;
    let Some(start) = schedule.action.start_workflow() else {
        return Err(EngineError::invalid("a schedule without an action"));
    };
    if schedule.policies.keep_original_workflow_id {
        return Ok(start.workflow_id.clone());
    }
    let id = format!("{}-{}", start.workflow_id, in_seconds(due.nominal));
    WorkflowId::new(id).map_err(|error| EngineError::invalid(error.to_string()))
}

/// A time without fractions of its second.
fn in_seconds(time: Timestamp) -> Timestamp {
    let nanos = time.unix_nanos();
    Timestamp::from_unix_nanos(nanos - nanos.rem_euclid(1_000_000_000))
}

fn identity(namespace: &Namespace, id: &ScheduleId) -> Result<Identity, EngineError> {
    let text = format!("temporal-scheduler-{namespace}-{id}");
    Identity::new(text).map_err(|error| EngineError::invalid(error.to_string()))
}

fn start_request(
    id: &ScheduleId,
    record: &Record,
    due: &Due,
    workflow_id: WorkflowId,
    namespace: &Namespace,
) -> Result<StartWorkflowRequest, EngineError> {
    let Some(start) = record.schedule.action.start_workflow() else {
        return Err(EngineError::invalid("a schedule without an action"));
    };
    let mut start = start.clone();
    start.workflow_id = workflow_id;
    start.identity = identity(namespace, id)?;
    // Every start is another one; which was made the record says.
    start.request_id = RequestId::new(new_run_id().as_str())
        .map_err(|error| EngineError::invalid(error.to_string()))?;
    start.id_conflict_policy = WorkflowIdConflictPolicy::Fail;
    // A time is taken once. What somebody asks for is done again.
    let again = due.manual || record.schedule.policies.keep_original_workflow_id;
    start.id_reuse_policy = match again {
        true => WorkflowIdReusePolicy::AllowDuplicate,
        false => WorkflowIdReusePolicy::RejectDuplicate,
    };
    let attributes = [
        (
            "TemporalScheduledStartTime",
            in_seconds(due.nominal).to_string(),
            SearchAttributeType::Datetime,
        ),
        (
            "TemporalScheduledById",
            id.to_string(),
            SearchAttributeType::Keyword,
        ),
    ];
    for (name, text, kind) in attributes {
        let json = serde_json::Value::from(text).to_string();
        let value = typed(json.into_bytes(), kind);
        start.search_attributes.insert(name.to_owned(), value);
    }
    settle_start(&mut start)?;
    Ok(start)
}
