//! What is asked of an engine about schedules.

use serde::{Deserialize, Serialize};
use steadfast_core::{
    ids::{Identity, RequestId, ScheduleId},
    payload::PayloadMap,
    time::Timestamp,
};

use super::{Schedule, ScheduleOverlapPolicy};

/// Names a state of a schedule. Only the engine that made it reads it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ConflictToken(Vec<u8>);

impl ConflictToken {
    /// A token that an engine gave.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// What the engine gave.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Creates a schedule.
#[derive(Clone, Debug)]
pub struct CreateScheduleRequest {
    /// Its id.
    pub schedule_id: ScheduleId,
    /// The schedule.
    pub schedule: Schedule,
    /// What happens to it at once.
    pub initial_patch: Option<SchedulePatch>,
    /// Who asks.
    pub identity: Identity,
    /// Recognizes a repeated request.
    pub request_id: RequestId,
    /// Values shown with the schedule.
    pub memo: PayloadMap,
    /// Values that the schedule is found by.
    pub search_attributes: PayloadMap,
}

/// Replaces a schedule.
#[derive(Clone, Debug)]
pub struct UpdateScheduleRequest {
    /// Its id.
    pub schedule_id: ScheduleId,
    /// What it is from now on, wholly.
    pub schedule: Schedule,
    /// The state that it has to be in; any when absent.
    pub conflict_token: Option<ConflictToken>,
    /// Who asks.
    pub identity: Identity,
    /// Recognizes a repeated request.
    pub request_id: RequestId,
    /// All values that it is found by from now on; those that it has when absent.
    pub search_attributes: Option<PayloadMap>,
    /// All values shown with it from now on; those that it has when absent.
    pub memo: Option<PayloadMap>,
}

/// Does something with a schedule.
#[derive(Clone, Debug)]
pub struct PatchScheduleRequest {
    /// Its id.
    pub schedule_id: ScheduleId,
    /// What to do.
    pub patch: SchedulePatch,
    /// Who asks.
    pub identity: Identity,
    /// Recognizes a repeated request.
    pub request_id: RequestId,
}

/// What to do with a schedule, in this order.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub struct SchedulePatch {
    /// Takes the action at once.
    pub trigger_immediately: Option<TriggerImmediatelyRequest>,
    /// Takes the actions of times that passed, or will, at once.
    pub backfill_requests: Vec<BackfillRequest>,
    /// Pauses the schedule, and notes this. Empty words do nothing.
    pub pause: Option<String>,
    /// Lets it go on, and notes this. Empty words do nothing.
    pub unpause: Option<String>,
}

/// Takes an action at once, also of a schedule that is paused or has no actions left.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub struct TriggerImmediatelyRequest {
    /// What happens when an execution is open; as the schedule's policies say when absent.
    pub overlap: Option<ScheduleOverlapPolicy>,
    /// The nominal time, which the id of the execution tells; now when absent.
    pub scheduled_time: Option<Timestamp>,
}

/// Takes the actions of a range of times at once, also of a schedule that is paused or has no actions left.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub struct BackfillRequest {
    /// The first point in time.
    pub start_time: Timestamp,
    /// The last point in time.
    pub end_time: Timestamp,
    /// What happens when an execution is open; as the schedule's policies say when absent.
    pub overlap: Option<ScheduleOverlapPolicy>,
}

/// Asks for the times of a schedule.
#[derive(Clone, Debug)]
pub struct ListScheduleMatchingTimesRequest {
    /// Its id.
    pub schedule_id: ScheduleId,
    /// What the times come after.
    pub start_time: Timestamp,
    /// The last point in time.
    pub end_time: Timestamp,
}

/// Asks for one page of a list.
#[derive(Clone, Debug, Default)]
pub struct ListSchedulesRequest {
    /// A condition in Temporal's query language about `ScheduleId`, `TemporalSchedulePaused` and search attributes; all
    /// schedules when empty.
    pub query: String,
    /// How many at most.
    pub page_size: usize,
    /// Where the previous page ended.
    pub next_page_token: Option<Vec<u8>>,
}

/// Deletes a schedule.
#[derive(Clone, Debug)]
pub struct DeleteScheduleRequest {
    /// Its id.
    pub schedule_id: ScheduleId,
    /// Who asks.
    pub identity: Identity,
}
