//! What is kept of a schedule, and how it changes: pure transitions, to which the time is an argument.
//!
//! Invariants:
//!
//! * `seen` never goes back, so that no time is taken twice, whatever the clock does.
//! * An action is in one place: a time that is to come, the buffer, `starting`, or taken.

use std::{collections::VecDeque, time::Duration};

use serde::{Deserialize, Serialize};
use steadfast_core::{
    event::{EventKind, ExecutionStatus},
    failure::{Failure, TimeoutType},
    ids::{RequestId, RunId, WorkflowExecution},
    payload::{Payload, PayloadMap},
    time::Timestamp,
};
use steadfast_engine::schedule::{
    BackfillRequest, MAX_BUFFERED_ACTIONS, Schedule, ScheduleActionResult, ScheduleInfo,
    ScheduleOverlapPolicy, SchedulePatch, ScheduleTime, ScheduleTimes,
};

/// How many times are looked at before others have their turn.
const TIMES_AT_ONCE: usize = 10_000;
/// How many times of backfills are taken up before others have their turn.
const BACKFILLED_AT_ONCE: usize = 100;
/// Backfills leave half of the buffer to the times that come.
const BUFFER_OF_BACKFILLS: usize = MAX_BUFFERED_ACTIONS / 2;
/// How many of the actions that were taken are told.
const RECENT_ACTIONS: usize = 10;
/// How many requests are recognized when they are repeated, beside that which created the schedule.
const REMEMBERED_REQUESTS: usize = 10;

/// What is kept of a schedule.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Record {
    pub(crate) schedule: Schedule,
    /// What happened; what is to come is not kept here.
    pub(crate) info: ScheduleInfo,
    pub(crate) memo: PayloadMap,
    pub(crate) search_attributes: PayloadMap,
    /// The requests that were carried out; the first created the schedule.
    pub(crate) requests: Vec<RequestId>,
    /// Counts the changes that an update must not undo.
    pub(crate) conflict: u64,
    /// The last time, with jitter, that was taken up or passed over.
    pub(crate) seen: Timestamp,
    /// What waits for an execution to end.
    pub(crate) buffer: VecDeque<Due>,
    /// What is to be started now.
    pub(crate) starting: VecDeque<Due>,
    pub(crate) backfills: VecDeque<BackfillRequest>,
    pub(crate) last_completion_result: Option<Payload>,
    pub(crate) continued_failure: Option<Failure>,
}

/// An action whose time has come.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Due {
    pub(crate) nominal: Timestamp,
    pub(crate) actual: Timestamp,
    /// The schedule's when absent, as it is when that counts.
    pub(crate) overlap: Option<ScheduleOverlapPolicy>,
    /// Whether somebody asked for it.
    pub(crate) manual: bool,
}

/// What has to happen to the open executions.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Stop {
    Cancel,
    Terminate,
}

impl Record {
    pub(crate) fn new(
        schedule: Schedule,
        memo: PayloadMap,
        search_attributes: PayloadMap,
        request_id: RequestId,
        now: Timestamp,
    ) -> Self {
        Self {
            schedule,
            info: ScheduleInfo {
                create_time: now,
                ..ScheduleInfo::default()
            },
            memo,
            search_attributes,
            requests: vec![request_id],
            conflict: 1,
            seen: now,
            buffer: VecDeque::new(),
            starting: VecDeque::new(),
            backfills: VecDeque::new(),
            last_completion_result: None,
            continued_failure: None,
        }
    }

    /// Whether the request that created it is this one.
    pub(crate) fn was_created_by(&self, request_id: &RequestId) -> bool {
        self.requests.first() == Some(request_id)
    }

    /// Whether a request is new; then it is remembered.
    pub(crate) fn remember(&mut self, request_id: RequestId) -> bool {
        if self.requests.contains(&request_id) {
            return false;
        }
        if self.requests.len() > REMEMBERED_REQUESTS {
            self.requests.remove(1);
        }
        self.requests.push(request_id);
        true
    }

    /// The policy of an action, as it counts now.
    pub(crate) fn overlap(&self, due: &Due) -> ScheduleOverlapPolicy {
        due.overlap.unwrap_or(self.schedule.policies.overlap)
    }

    /// The times that are to come after one.
    pub(crate) fn to_come<'t>(
        &self,
        times: &'t ScheduleTimes,
        after: Timestamp,
    ) -> impl Iterator<Item = ScheduleTime> + use<'t> {
        let state = &self.schedule.state;
        let most = if state.limited_actions {
            usize::try_from(state.remaining_actions).unwrap_or(usize::MAX)
        } else {
            usize::MAX
        };
        let updated = self.info.update_time;
        times
            .after(after)
            .filter(move |time| !is_from_before(updated, time))
            .take(most)
    }

    /// When there is something to do next, if nobody asks for anything.
    pub(crate) fn next_wakeup(&self, times: &ScheduleTimes) -> Option<Timestamp> {
        if !self.schedule.state.is_active() {
            return None;
        }
        Some(self.to_come(times, self.seen).next()?.actual)
    }

    /// Takes up the times that have come; tells whether more have.
    pub(crate) fn take_up(&mut self, times: &ScheduleTimes, now: Timestamp) -> bool {
        if !self.schedule.state.is_active() {
            // What passes meanwhile is passed over when that changes.
            return false;
        }
        let window = self.schedule.policies.catchup_window();
        for (looked_at, time) in times.after(self.seen).enumerate() {
            if time.actual > now {
                return false;
            }
            if looked_at == TIMES_AT_ONCE {
                return true;
            }
            self.seen = time.actual;
            if is_from_before(self.info.update_time, &time) {
                continue;
            }
            if now.since(time.actual) > window {
                self.info.missed_catchup_window += 1;
                continue;
            }
            self.put_into_buffer(Due {
                nominal: time.nominal,
                actual: time.actual,
                overlap: None,
                manual: false,
            });
        }
        false
    }

    /// Takes up a part of what is to be backfilled.
    pub(crate) fn take_up_backfills(&mut self, times: &ScheduleTimes) {
        let mut left = BACKFILLED_AT_ONCE;
        while left > 0 && self.buffer.len() < BUFFER_OF_BACKFILLS {
            let Some(mut backfill) = self.backfills.pop_front() else {
                return;
            };
            let mut more = false;
            // The start is a time too, and an action that was taken is not: its time is where the next part starts.
            for time in times.after(backfill.start_time.before(MOMENT)) {
                if time.actual > backfill.end_time {
                    break;
                }
                if left == 0 || self.buffer.len() >= BUFFER_OF_BACKFILLS {
                    more = true;
                    break;
                }
                left -= 1;
                backfill.start_time = time.actual.after(MOMENT);
                self.put_into_buffer(Due {
                    nominal: time.nominal,
                    actual: time.actual,
                    overlap: backfill.overlap,
                    manual: true,
                });
            }
            if more {
                self.backfills.push_front(backfill);
                return;
            }
        }
    }

    fn put_into_buffer(&mut self, due: Due) {
        if self.buffer.len() >= MAX_BUFFERED_ACTIONS {
            self.info.buffer_dropped += 1;
            return;
        }
        self.buffer.push_back(due);
    }

    /// Decides what becomes of the actions in the buffer.
    pub(crate) fn look_at_buffer(&mut self) -> Option<Stop> {
        use ScheduleOverlapPolicy as Policy;

        let is_running = !self.info.running_workflows.is_empty()
            || self
                .starting
                .iter()
                .any(|due| self.overlap(due) != Policy::AllowAll);
        let mut next: Option<Due> = None;
        let mut stop = None;
        let mut overlapping = Vec::new();
        for due in std::mem::take(&mut self.buffer) {
            let policy = self.overlap(&due);
            if policy == Policy::AllowAll {
                overlapping.push(due);
                continue;
            }
            if !is_running && next.is_none() {
                next = Some(due);
                continue;
            }
            match policy {
                Policy::BufferAll => self.buffer.push_back(due),
                Policy::BufferOne if self.buffer.is_empty() => self.buffer.push_back(due),
                Policy::Skip | Policy::BufferOne | Policy::AllowAll => {
                    self.info.overlap_skipped += 1;
                }
                // What has not begun is replaced.
                Policy::CancelOther | Policy::TerminateOther if !is_running => next = Some(due),
                Policy::CancelOther => {
                    stop = stop.or(Some(Stop::Cancel));
                    self.buffer.push_back(due);
                }
                Policy::TerminateOther => {
                    stop = Some(Stop::Terminate);
                    self.buffer.push_back(due);
                }
            }
        }
        self.starting.extend(overlapping);
        self.starting.extend(next);
        stop
    }

    /// Whether an action may be taken that is about to be.
    pub(crate) fn may_take(&self, due: &Due) -> bool {
        due.manual || self.schedule.state.is_active()
    }

    /// The first action to be started was.
    pub(crate) fn started(&mut self, execution: WorkflowExecution, now: Timestamp) {
        let Some(due) = self.starting.pop_front() else {
            return;
        };
        let is_minded = self.overlap(&due) != ScheduleOverlapPolicy::AllowAll;
        let state = &mut self.schedule.state;
        if !due.manual && state.limited_actions {
            state.remaining_actions = state.remaining_actions.saturating_sub(1);
            self.conflict += 1;
        }
        self.info.action_count += 1;
        if self.info.recent_actions.len() >= RECENT_ACTIONS {
            self.info.recent_actions.remove(0);
        }
        self.info.recent_actions.push(ScheduleActionResult {
            schedule_time: due.actual,
            actual_time: now,
            start_workflow_result: Some(execution.clone()),
            start_workflow_status: Some(ExecutionStatus::Running),
        });
        if is_minded {
            self.info.running_workflows.push(execution);
        }
    }

    /// An execution that the schedule started has ended, and no other follows it. Its first run names it.
    pub(crate) fn ended(
        &mut self,
        first: &RunId,
        status: ExecutionStatus,
        how: Option<&EventKind>,
    ) {
        for action in &mut self.info.recent_actions {
            if let Some(execution) = &action.start_workflow_result
                && execution.run_id == *first
            {
                action.start_workflow_status = Some(status);
            }
        }
        let running = &mut self.info.running_workflows;
        let Some(at) = running.iter().position(|run| run.run_id == *first) else {
            return;
        };
        let execution = running.remove(at);
        let state = &mut self.schedule.state;
        let id = &execution.workflow_id;
        let note = match how {
            Some(EventKind::WorkflowExecutionCompleted { result, .. }) => {
                if result.is_some() {
                    self.last_completion_result.clone_from(result);
                }
                self.continued_failure = None;
                return;
            }
            Some(EventKind::WorkflowExecutionFailed { failure, .. }) => {
                let note = format!("paused due to workflow failure: {id}: {}", failure.message);
                self.continued_failure = Some((**failure).clone());
                note
            }
            Some(EventKind::WorkflowExecutionTimedOut { .. }) => {
                self.continued_failure = Some(Failure::timeout(
                    "workflow timeout",
                    TimeoutType::StartToClose,
                ));
                format!("paused due to workflow timeout: {id}")
            }
            _ => return,
        };
        if self.schedule.policies.pause_on_failure && !state.paused {
            state.paused = true;
            state.notes = note;
            self.conflict += 1;
        }
    }

    /// Does what a patch says.
    pub(crate) fn patch(&mut self, patch: SchedulePatch, now: Timestamp) {
        if let Some(trigger) = patch.trigger_immediately {
            let time = trigger.scheduled_time.unwrap_or(now);
            self.put_into_buffer(Due {
                nominal: time,
                actual: time,
                overlap: trigger.overlap,
                manual: true,
            });
        }
        for backfill in patch.backfill_requests {
            if self.backfills.len() >= MAX_BUFFERED_ACTIONS {
                self.info.buffer_dropped += 1;
                continue;
            }
            self.backfills.push_back(backfill);
        }
        let said = |words: Option<String>| words.filter(|words| !words.is_empty());
        if let Some(words) = said(patch.pause) {
            self.change_state(true, words, now);
        }
        if let Some(words) = said(patch.unpause) {
            self.change_state(false, words, now);
        }
    }

    fn change_state(&mut self, paused: bool, notes: String, now: Timestamp) {
        if !self.schedule.state.is_active() {
            self.pass_over(now);
        }
        self.schedule.state.paused = paused;
        self.schedule.state.notes = notes;
        self.conflict += 1;
    }

    /// Replaces what the schedule is.
    pub(crate) fn update(&mut self, schedule: Schedule, now: Timestamp) {
        if !self.schedule.state.is_active() {
            self.pass_over(now);
        }
        self.schedule = schedule;
        self.info.update_time = Some(now);
        self.conflict += 1;
    }

    /// Times that pass while the schedule takes no action are not made up for.
    fn pass_over(&mut self, now: Timestamp) {
        self.seen = self.seen.max(now);
    }

    /// The executions whose end the schedule is told of.
    pub(crate) fn watched(&self) -> impl Iterator<Item = &RunId> {
        let recent = self.info.recent_actions.iter().filter_map(|action| {
            let running = action.start_workflow_status == Some(ExecutionStatus::Running);
            action.start_workflow_result.as_ref().filter(|_| running)
        });
        let minded = self.info.running_workflows.iter();
        minded.chain(recent).map(|execution| &execution.run_id)
    }
}

/// Whether a time is from before an update: then it is passed over, even if jitter put it off.
fn is_from_before(updated: Option<Timestamp>, time: &ScheduleTime) -> bool {
    updated.is_some_and(|updated| time.actual < updated)
}

/// No two times are closer to each other: jitter is in milliseconds.
const MOMENT: Duration = Duration::from_nanos(1);
