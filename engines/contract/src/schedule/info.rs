//! What an engine says of a schedule.

use serde::{Deserialize, Serialize};
use steadfast_core::{
    event::ExecutionStatus,
    ids::{ScheduleId, WorkflowExecution, WorkflowType},
    payload::PayloadMap,
    time::Timestamp,
};

use super::{ConflictToken, Schedule, ScheduleSpec};

/// What a schedule has led to, and what it will.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default)]
pub struct ScheduleInfo {
    /// How many actions were taken.
    pub action_count: u64,
    /// How many were not, because nobody could take them before the catch-up window was over.
    pub missed_catchup_window: u64,
    /// How many were not, because an execution was open.
    pub overlap_skipped: u64,
    /// How many were not, because as many waited as can.
    pub buffer_dropped: u64,
    /// How many wait for an execution to end.
    pub buffer_size: u64,
    /// The executions that the schedule started and minds, and that are open, by their first runs: not those of
    /// [`AllowAll`](super::ScheduleOverlapPolicy::AllowAll).
    pub running_workflows: Vec<WorkflowExecution>,
    /// The last ten actions that were taken, the latest last.
    pub recent_actions: Vec<ScheduleActionResult>,
    /// The next ten times, with jitter; fewer if fewer are to come or may be taken. A paused schedule tells them too.
    pub future_action_times: Vec<Timestamp>,
    /// When the schedule was created.
    pub create_time: Timestamp,
    /// When it was last updated: a patch is no update.
    pub update_time: Option<Timestamp>,
    /// How many bytes the engine keeps of it, as far as it is known.
    pub state_size_bytes: u64,
}

/// An action that was taken.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct ScheduleActionResult {
    /// When it was to be taken, with jitter.
    pub schedule_time: Timestamp,
    /// When it was.
    pub actual_time: Timestamp,
    /// The execution that was started, by its first run.
    pub start_workflow_result: Option<WorkflowExecution>,
    /// Where that stands, as far as the schedule knows: one that it does not mind stays running.
    pub start_workflow_status: Option<ExecutionStatus>,
}

/// A schedule and what there is to say of it.
#[derive(Clone, Debug, PartialEq)]
pub struct ScheduleDescription {
    /// Its id.
    pub schedule_id: ScheduleId,
    /// The schedule as the engine keeps it: calendars and cron strings are structured calendars and intervals.
    pub schedule: Schedule,
    /// What it has led to.
    pub info: ScheduleInfo,
    /// Values shown with it.
    pub memo: PayloadMap,
    /// Values that it is found by.
    pub search_attributes: PayloadMap,
    /// Names this state of the schedule: an update with it is refused once the schedule was changed.
    pub conflict_token: ConflictToken,
}

/// A schedule in a list.
#[derive(Clone, Debug, PartialEq)]
pub struct ScheduleListEntry {
    /// Its id.
    pub schedule_id: ScheduleId,
    /// Values shown with it.
    pub memo: PayloadMap,
    /// Values that it is found by.
    pub search_attributes: PayloadMap,
    /// When it takes its action, with ten calendars, intervals and exclusions at most, and without the data of a time zone.
    pub spec: ScheduleSpec,
    /// What it starts.
    pub workflow_type: Option<WorkflowType>,
    /// Words for people.
    pub notes: String,
    /// Whether it is paused.
    pub paused: bool,
    /// The last five actions that were taken, the latest last.
    pub recent_actions: Vec<ScheduleActionResult>,
    /// The next five times, with jitter.
    pub future_action_times: Vec<Timestamp>,
    /// How many bytes the engine keeps of it, as far as it is known.
    pub state_size_bytes: u64,
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct SchedulePage {
    /// The schedules.
    pub schedules: Vec<ScheduleListEntry>,
    /// Where the next page starts; absent on the last one.
    pub next_page_token: Option<Vec<u8>>,
}
