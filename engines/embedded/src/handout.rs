//! Handing tasks out and taking their answers: the part of a worker's calls that happens under the
//! lock.

use std::{collections::BTreeMap, ops::RangeInclusive, sync::Arc};

use steadfast_core::{
    event::HistoryEvent,
    failure::Failure,
    ids::{ActivityId, EventId, Identity, Namespace, TaskQueue},
    options::Priority,
    payload::Payload,
    task::{ActivityTask, TaskToken, WorkflowTask, WorkflowTaskCompletion},
    time::Timestamp,
};
use steadfast_engine::{
    ActivityLease, EngineError, PollActivityTaskRequest, PollWorkflowTaskRequest,
};

use super::{
    execution::{Answered, Execution, Task},
    state::Core,
    ticket::Ticket,
    token::Token,
};

/// A workflow task that a poll took, and what its history still lacks.
pub(crate) struct TakenTask {
    pub(crate) task: WorkflowTask,
    pub(crate) key: i64,
    pub(crate) serial: u64,
    /// The events of these numbers have to be read.
    pub(crate) missing: RangeInclusive<u64>,
    /// What must be durable before a worker may have it.
    pub(crate) ticket: Option<Ticket>,
}

/// An attempt at an activity that a poll took.
pub(crate) struct TakenActivity {
    pub(crate) lease: ActivityLease,
    pub(crate) key: i64,
    pub(crate) scheduled: u64,
    /// What must be durable before a worker may have it.
    pub(crate) ticket: Option<Ticket>,
}

impl Core {
    pub(crate) fn take_workflow_task(
        &mut self,
        request: &PollWorkflowTaskRequest,
        now: Timestamp,
    ) -> Option<TakenTask> {
        let (queue, worker) = (&request.task_queue, &request.worker);
        self.workflow_tasks.polled_by(queue, worker, now);
        while let Some(key) = self.workflow_tasks.pop(queue, &self.paused) {
            let serial = self.serial();
            let Some(run) = self.executions.get_mut(&key) else {
                continue;
            };
            // Left over from when it waited for a certain worker, or for everybody.
            if run.stands_in() != queue {
                continue;
            }
            run.queued = false;
            run.leave_sticky_queue();
            if run.query_task.is_some() {
                continue;
            }
            if run.is_task_ready() {
                if self.holds_task(key, now) {
                    continue;
                }
                let Some(run) = self.executions.get_mut(&key) else {
                    continue;
                };
                run.start_task(&request.worker, request.remote, serial, now);
                run.assign_queries(serial);
                let suspect = run.is_task_suspect() && !request.remote;
                if suspect {
                    self.try_task(key, now);
                }
                self.finish(key, now);
                let taken = self.hand_out_task(key, serial, request)?;
                let ticket = suspect.then(|| self.ticket());
                return Some(TakenTask { ticket, ..taken });
            }
            if run.needs_query_task() {
                run.start_query_task(serial, now);
                if request.remote {
                    run.assign_query(serial);
                } else {
                    run.assign_queries(serial);
                }
                let sticky = run.is_open() && run.is_kept_by(request);
                let task = workflow_task(run, Token::Query { key, serial }, EventId::NONE);
                let missing = 1..=if sticky { 0 } else { run.last_event_id() };
                self.finish(key, now);
                return Some(TakenTask {
                    task,
                    key,
                    serial,
                    missing,
                    ticket: None,
                });
            }
        }
        None
    }

    /// The task with the events that the worker lacks, as far as they are in memory.
    fn hand_out_task(
        &mut self,
        key: i64,
        serial: u64,
        request: &PollWorkflowTaskRequest,
    ) -> Option<TakenTask> {
        let run = self.executions.get_mut(&key)?;
        let Task::Started(started) = &run.task else {
            return None;
        };
        // Moved, not copied: whoever needs these again reads them from the store.
        let mut events = std::mem::take(&mut run.tail);
        let first = events
            .first()
            .map_or(run.next_event_id, |event| event.event_id.0);
        let previous = run.previous_started.0;
        let seen = if run.is_kept_by(request) { previous } else { 0 };
        let known = events.iter().take_while(|event| event.event_id.0 <= seen);
        let known = known.count();
        events.drain(..known);
        let missing = seen + 1..=first - 1;
        events.extend(run.open_task_events());
        let mut task = workflow_task(run, Token::Workflow { key, serial }, started.started);
        task.events = events;
        Some(TakenTask {
            task,
            key,
            serial,
            missing,
            ticket: None,
        })
    }

    pub(crate) fn complete_workflow_task(
        &mut self,
        key: i64,
        serial: u64,
        completion: WorkflowTaskCompletion,
        now: Timestamp,
    ) -> Result<Result<Answered, EngineError>, EngineError> {
        let attributes = Arc::clone(&self.attributes);
        let run = started_run(self, key, serial)?;
        let mut completion = completion;
        let mut results = std::mem::take(&mut completion.query_results);
        let result = run.complete_task(completion, &attributes, now);
        drop(attributes);
        match result {
            Ok(_) => run.answer_queries(serial, |id| results.remove(id)),
            Err(_) => run.reassign_queries(),
        }
        self.finish(key, now);
        Ok(result.map_err(|(cause, message)| EngineError::WorkflowTaskRefused { cause, message }))
    }

    pub(crate) fn end_query_task(
        &mut self,
        key: i64,
        serial: u64,
        now: Timestamp,
        answer: impl FnMut(&str) -> Option<Result<Payload, Failure>>,
    ) -> Result<(), EngineError> {
        let run = self
            .executions
            .get_mut(&key)
            .filter(|run| {
                run.query_task
                    .as_ref()
                    .is_some_and(|task| task.serial == serial)
            })
            .ok_or_else(task_not_found)?;
        run.end_query_task();
        run.answer_queries(serial, answer);
        self.finish(key, now);
        Ok(())
    }

    pub(crate) fn take_activity_task(
        &mut self,
        request: &PollActivityTaskRequest,
        namespace: &Namespace,
        now: Timestamp,
    ) -> Option<TakenActivity> {
        let (queue, worker) = (&request.task_queue, &request.worker);
        self.activity_tasks.polled_by(queue, worker, now);
        while let Some((key, scheduled, attempt)) = self.activity_tasks.pop(queue, &self.paused) {
            let taken = self.start_attempt((key, scheduled, attempt), request, namespace, now);
            if taken.is_some() {
                return taken;
            }
        }
        None
    }

    /// The activities that a worker elsewhere asked for with the answer to its task.
    pub(crate) fn eager(&self, key: i64, activities: Vec<ActivityId>) -> Option<Eager> {
        if activities.is_empty() {
            return None;
        }
        let worker = match &self.executions.get(&key)?.task {
            Task::Started(task) => task.worker.clone(),
            _ => return None,
        };
        Some(Eager { worker, activities })
    }

    /// Starts attempts at activities for the worker that has just scheduled them.
    pub(crate) fn take_eager_activities(
        &mut self,
        key: i64,
        eager: &Eager,
        namespace: &Namespace,
        now: Timestamp,
    ) -> Vec<TakenActivity> {
        let Some(run) = self.executions.get(&key) else {
            return Vec::new();
        };
        let wanted = eager.activities.iter();
        let scheduled: Vec<(u64, TaskQueue)> =
            wanted.filter_map(|id| run.untried_activity(id)).collect();
        let mut taken = Vec::new();
        for (scheduled, task_queue) in scheduled {
            if self.paused.contains(&task_queue) {
                continue;
            }
            let request = PollActivityTaskRequest {
                task_queue,
                worker: eager.worker.clone(),
                max_tasks_per_second: None,
                remote: true,
            };
            let attempt = (key, scheduled, 1);
            self.activity_tasks.withdraw(&request.task_queue, &attempt);
            taken.extend(self.start_attempt(attempt, &request, namespace, now));
        }
        taken
    }

    fn start_attempt(
        &mut self,
        (key, scheduled, attempt): (i64, u64, u32),
        request: &PollActivityTaskRequest,
        namespace: &Namespace,
        now: Timestamp,
    ) -> Option<TakenActivity> {
        let queue = &request.task_queue;
        let run = self.executions.get_mut(&key)?;
        if !run.is_open() || self.holds_attempt(queue, (key, scheduled, attempt), now) {
            return None;
        }
        let run = self.executions.get_mut(&key)?;
        let (execution, workflow_type) = (run.id.clone(), run.start.workflow_type.clone());
        let of_run = run.start.priority.clone();
        let (activity, notices) = run.start_activity(scheduled, attempt, request, now)?;
        let counted = activity.counts_attempts();
        let command = &activity.task;
        let task = ActivityTask {
            token: Token::Activity {
                key,
                scheduled,
                attempt,
            }
            .encode(),
            namespace: namespace.clone(),
            execution,
            workflow_type,
            activity_id: command.activity_id.clone(),
            activity_type: command.activity_type.clone(),
            task_queue: command.task_queue.clone(),
            input: command.input.clone(),
            header: command.header.clone(),
            attempt,
            scheduled_time: activity.scheduled_time,
            current_attempt_scheduled_time: activity.attempt_scheduled_time,
            started_time: now.max(activity.scheduled_time),
            timeouts: command.timeouts.clone(),
            retry_policy: command.retry_policy.clone(),
            heartbeat_details: activity.heartbeat.clone(),
            priority: Priority::inherited(command.priority.as_deref(), of_run.as_deref()),
        };
        if !request.remote {
            self.try_attempt(key, scheduled, now);
        }
        self.finish(key, now);
        let ticket = counted.then(|| self.ticket());
        let lease = ActivityLease {
            task,
            notices: Some(notices),
        };
        Some(TakenActivity {
            lease,
            key,
            scheduled,
            ticket,
        })
    }
}

/// The activities that a worker runs at once if it is given them.
#[derive(Debug)]
pub(crate) struct Eager {
    pub(crate) worker: Identity,
    pub(crate) activities: Vec<ActivityId>,
}

fn workflow_task(run: &Execution, token: Token, started_event_id: EventId) -> WorkflowTask {
    let (updates, attempt) = match (&token, &run.task) {
        (Token::Workflow { .. }, Task::Started(task)) => {
            let updates = task
                .updates
                .iter()
                .filter_map(|id| run.updates.get(id).map(|pending| pending.update.clone()))
                .collect();
            (updates, run.attempt)
        }
        _ => (Vec::new(), 1),
    };
    let serial = match token {
        Token::Workflow { serial, .. } | Token::Query { serial, .. } => Some(serial),
        Token::Activity { .. } => None,
    };
    let queries: BTreeMap<_, _> = run
        .queries
        .iter()
        .filter(|query| query.serial == serial)
        .map(|query| (query.id.clone(), query.query.clone()))
        .collect();
    let events: Vec<HistoryEvent> = Vec::new();
    WorkflowTask {
        token: token.encode(),
        execution: run.id.clone(),
        workflow_type: run.start.workflow_type.clone(),
        previous_started_event_id: run.previous_started,
        started_event_id,
        attempt,
        events,
        queries,
        updates,
    }
}

pub(crate) fn task_not_found() -> EngineError {
    EngineError::not_found(EngineError::TASK_NOT_FOUND)
}

pub(crate) fn started_run(
    core: &mut Core,
    key: i64,
    serial: u64,
) -> Result<&mut Execution, EngineError> {
    core.executions
        .get_mut(&key)
        .filter(|run| matches!(&run.task, Task::Started(task) if task.serial == serial))
        .ok_or_else(task_not_found)
}

pub(crate) fn activity_run<'a>(
    core: &'a mut Core,
    token: &TaskToken,
) -> Result<(&'a mut Execution, i64, u64, u32), EngineError> {
    let Some(Token::Activity {
        key,
        scheduled,
        attempt,
    }) = Token::decode(token)
    else {
        return Err(EngineError::invalid("this is not the token of an activity"));
    };
    // A run that is not in memory has no running activities: it is closed.
    let run = core
        .executions
        .get_mut(&key)
        .ok_or_else(|| EngineError::not_found(EngineError::ALREADY_COMPLETED))?;
    Ok((run, key, scheduled, attempt))
}
