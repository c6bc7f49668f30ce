//! Saying where executions stand: describe, list and count; and by which attributes they are found.

mod query;
mod registry;

use std::{collections::BTreeMap, sync::Arc};

use steadfast_core::{event::ExecutionStatus, ids::EventId, payload::Payload};
use steadfast_engine::{
    EngineError, ExecutionRef, ListFilter, ListWorkflowsRequest, PendingActivity,
    PendingActivityState, PendingChild, PendingTimer, PendingWorkflowTask, SearchAttributeType,
    WorkflowCount, WorkflowDescription, WorkflowGroup, WorkflowPage,
    spelling::statuses::{status_name, status_number},
};

pub(crate) use self::query::schedule_matcher;
use self::query::{Query, query};
use super::{
    attributes::typed,
    execution::{ActivityState, Execution, Task},
    shared::{Found, Shared, run_not_found},
    store::{
        Db, KeyRange, RunInfo, Selection, check_lowest_key, count_runs, count_runs_by_status,
        highest_key_below, list_runs,
    },
};

/// The most executions on one page.
const MAX_PAGE: usize = 1_000;
/// How many runs are looked through between two commits when a query has one condition: some milliseconds if no index
/// helps.
const SLICE: i64 = 20_000;

impl Shared {
    pub(crate) async fn describe(
        &self,
        target: ExecutionRef,
    ) -> Result<WorkflowDescription, EngineError> {
        let (description, ticket) = self
            .with_run(&target, true, |core, found, _| {
                let Found::Loaded(key) = found else {
                    return Err(run_not_found(&target));
                };
                let run = core
                    .executions
                    .get(&key)
                    .ok_or_else(|| run_not_found(&target))?;
                let description = describe(run);
                let ticket = (run.committed < run.last_event_id()).then(|| core.ticket());
                core.drop_if_done(key);
                Ok((description, ticket))
            })
            .await?;
        if let Some(ticket) = ticket {
            // What is told must not be undone by a crash.
            ticket.await?;
        }
        Ok(description)
    }

    pub(crate) async fn list(
        &self,
        request: ListWorkflowsRequest,
    ) -> Result<WorkflowPage, EngineError> {
        let size = request.page_size.clamp(1, MAX_PAGE);
        let before = request
            .next_page_token
            .as_deref()
            .map(read_page_token)
            .transpose()?;
        let Query { selection, .. } = self.meant_by(&request.filter)?;
        let mut slices = Slices::new(&selection, before);
        let mut found = Vec::new();
        let mut runs = self
            .read_in_slices(move |db| {
                let Some(keys) = slices.next(db)? else {
                    return Ok(Some(std::mem::take(&mut found)));
                };
                let wanted = size + 1 - found.len();
                found.append(&mut list_runs(db, &selection, keys, wanted)?);
                Ok((found.len() > size).then(|| std::mem::take(&mut found)))
            })
            .await?;
        let more = runs.len() > size;
        runs.truncate(size);
        let next_page_token = runs
            .last()
            .filter(|_| more)
            .map(|run| run.key.to_be_bytes().to_vec());
        // An open run's length is not in its row.
        let lengths: Vec<Option<(u64, u64)>> = {
            let (core, _) = self.enter()?;
            runs.iter()
                .map(|run| {
                    core.executions
                        .get(&run.key)
                        .map(|run| (run.committed, run.history_bytes))
                })
                .collect()
        };
        let executions = runs
            .into_iter()
            .zip(lengths)
            .map(|(mut run, length)| {
                if let Some((length, bytes)) = length {
                    run.history_length = length;
                    run.history_bytes = bytes;
                }
                description_of(run)
            })
            .collect();
        Ok(WorkflowPage {
            executions,
            next_page_token,
        })
    }

    pub(crate) async fn count(&self, filter: ListFilter) -> Result<WorkflowCount, EngineError> {
        let Query { selection, groups } = self.meant_by(&filter)?;
        let mut slices = Slices::new(&selection, None);
        let mut count = 0;
        let mut by_status: BTreeMap<i64, (ExecutionStatus, u64)> = BTreeMap::new();
        self.read_in_slices(move |db| {
            let Some(keys) = slices.next(db)? else {
                return Ok(Some(WorkflowCount {
                    count,
                    groups: std::mem::take(&mut by_status)
                        .into_values()
                        .map(|(status, count)| WorkflowGroup {
                            value: keyword(status_name(status)),
                            count,
                        })
                        .collect(),
                }));
            };
            if !groups {
                count += count_runs(db, &selection, keys)?;
                return Ok(None);
            }
            for (status, more) in count_runs_by_status(db, &selection, keys)? {
                count += more;
                let number = status_number(status);
                by_status.entry(number).or_insert((status, 0)).1 += more;
            }
            Ok(None)
        })
        .await
    }

    fn meant_by(&self, filter: &ListFilter) -> Result<Query, EngineError> {
        let attributes = Arc::clone(&self.enter()?.0.attributes);
        query(filter, &attributes)
    }
}

/// A keyword as a search attribute has it.
fn keyword(text: &str) -> Payload {
    typed(
        format!("{text:?}").into_bytes(),
        SearchAttributeType::Keyword,
    )
}

/// Goes through the runs in slices of keys, the latest first.
struct Slices {
    size: i64,
    /// Where the previous slice began.
    before: Option<i64>,
    has_begun: bool,
}

impl Slices {
    /// The more a row is asked, the fewer rows are looked through at once.
    fn new(selection: &Selection, before: Option<i64>) -> Self {
        let tests = i64::try_from(selection.tests).unwrap_or(SLICE);
        Self {
            size: SLICE / tests.clamp(1, SLICE),
            before,
            has_begun: false,
        }
    }

    /// The next one: from the highest key that there is, so that a gap between keys costs nothing.
    fn next(&mut self, db: &Db) -> Result<Option<KeyRange>, EngineError> {
        if !std::mem::replace(&mut self.has_begun, true) {
            check_lowest_key(db)?;
        }
        let Some(to) = highest_key_below(db, self.before)? else {
            return Ok(None);
        };
        // No key is below 1, so nothing overflows.
        let from = to.saturating_sub(self.size - 1);
        self.before = Some(from);
        Ok(Some(KeyRange { from, to }))
    }
}

fn read_page_token(token: &[u8]) -> Result<i64, EngineError> {
    token
        .try_into()
        .map(i64::from_be_bytes)
        .map_err(|_| EngineError::invalid("the page token is not one that this engine made"))
}

fn describe(run: &Execution) -> WorkflowDescription {
    let pending_activities = run
        .activities
        .values()
        .map(|activity| PendingActivity {
            activity_id: activity.task.activity_id.clone(),
            activity_type: activity.task.activity_type.clone(),
            state: match &activity.state {
                ActivityState::Started(_) if activity.cancel_requested.is_some() => {
                    PendingActivityState::CancelRequested
                }
                ActivityState::Started(_) => PendingActivityState::Started,
                ActivityState::Scheduled | ActivityState::Backoff(_) => {
                    PendingActivityState::Scheduled
                }
            },
            attempt: activity.attempt,
            maximum_attempts: activity.policy().maximum_attempts,
            task_queue: Some(activity.task.task_queue.clone()),
            timeouts: activity.task.timeouts.clone(),
            retry_policy: Some(activity.policy()),
            scheduled_time: Some(activity.attempt_scheduled_time),
            next_attempt_time: match &activity.state {
                ActivityState::Backoff(due) => Some(*due),
                ActivityState::Scheduled | ActivityState::Started(_) => None,
            },
            retry_interval: activity.retry_interval(),
            last_attempt_complete_time: match (&activity.state, activity.retry_interval()) {
                (ActivityState::Backoff(due), Some(interval)) => Some(due.before(interval)),
                _ => None,
            },
            last_started_time: activity.last_start.as_ref().map(|(_, time)| *time),
            last_worker: activity
                .last_start
                .as_ref()
                .map(|(worker, _)| worker.clone()),
            last_heartbeat_time: activity.heartbeat_time,
            heartbeat_details: activity.heartbeat.clone(),
            last_failure: activity.last_failure.as_deref().cloned(),
        })
        .collect();
    let pending_timers = run
        .timers
        .values()
        .map(|timer| PendingTimer {
            timer_id: timer.timer_id.clone(),
            fire_time: timer.due,
        })
        .collect();
    let pending_children = run
        .children
        .iter()
        .map(|(initiated, child)| PendingChild {
            workflow_id: child.workflow_id.clone(),
            run_id: child.run_id.clone(),
            workflow_type: child.workflow_type.clone(),
            initiated_event_id: EventId(*initiated),
            parent_close_policy: child.policy,
        })
        .collect();
    WorkflowDescription {
        execution: run.id.clone(),
        workflow_type: run.start.workflow_type.clone(),
        task_queue: run.start.task_queue.clone(),
        status: run.status,
        start_time: run.start_time,
        execution_time: run.execution_time(),
        close_time: run.close_time,
        history_length: run.last_event_id(),
        history_size_bytes: run.history_bytes,
        parent: run
            .start
            .parent
            .as_ref()
            .map(|parent| parent.execution.clone()),
        root: run.start.root.clone(),
        first_execution_run_id: run.start.first_execution_run_id.clone(),
        reset_run_id: run.reset_run_id.clone(),
        cancel_requested: run.cancel_requested,
        memo: run.memo.clone(),
        search_attributes: run.shown_attributes().into_owned(),
        user_metadata: run.start.user_metadata.clone(),
        priority: run.start.priority.clone(),
        pending_workflow_task: pending_task(run),
        pending_activities,
        pending_timers,
        pending_children,
    }
}

fn pending_task(run: &Execution) -> Option<PendingWorkflowTask> {
    let problems = run.problems.as_deref();
    let last_failure = problems.map(|problems| problems.last_failure.clone());
    let attempt = run.attempt;
    match &run.task {
        Task::Idle => None,
        Task::Scheduled(task) => Some(PendingWorkflowTask {
            attempt,
            scheduled_time: task.time,
            started_time: None,
            next_attempt_time: task.not_before,
            worker: None,
            last_failure,
        }),
        Task::Started(task) => Some(PendingWorkflowTask {
            attempt,
            scheduled_time: task.scheduled_time,
            started_time: Some(task.time),
            next_attempt_time: None,
            worker: Some(task.worker.clone()),
            last_failure,
        }),
    }
}

fn description_of(run: RunInfo) -> WorkflowDescription {
    WorkflowDescription {
        execution: run.id,
        workflow_type: run.workflow_type,
        task_queue: run.task_queue,
        status: run.status,
        start_time: run.start_time,
        execution_time: run.execution_time.unwrap_or(run.start_time),
        close_time: run.close_time,
        history_length: run.history_length,
        history_size_bytes: run.history_bytes,
        parent: run.parent,
        root: run.root,
        first_execution_run_id: run.first_run_id,
        reset_run_id: run.reset_run_id,
        cancel_requested: false,
        memo: run.memo,
        search_attributes: run.search_attributes,
        user_metadata: None,
        priority: None,
        pending_workflow_task: None,
        pending_activities: Vec::new(),
        pending_timers: Vec::new(),
        pending_children: Vec::new(),
    }
}
