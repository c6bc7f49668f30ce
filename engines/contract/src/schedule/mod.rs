//! Schedules: what starts executions at times that somebody laid down, with Temporal's model and names.
//!
//! A [`Schedule`] is four things: [when](ScheduleSpec), [what](ScheduleAction), [what else is to be minded](SchedulePolicies)
//! and [what changes by itself](ScheduleState). An engine keeps it with a [`ScheduleInfo`] of what it has led to.
//!
//! Everything here can be kept in a file: fields are stored by name, one that is not there has its default, and none is
//! renamed. What a client of another SDK says of the execution to start and the start has no field for is in its
//! [`unmodelled`](StartWorkflowRequest::unmodelled); the older forms of a calendar are turned into the one that is here.
//!
//! Nothing here reads a clock or keeps anything.

mod cron;
mod cron_schedule;
mod info;
mod request;
mod spec;
mod times;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::request::StartWorkflowRequest;

pub use self::{
    cron_schedule::CronSchedule,
    info::{
        ScheduleActionResult, ScheduleDescription, ScheduleInfo, ScheduleListEntry, SchedulePage,
    },
    request::{
        BackfillRequest, ConflictToken, CreateScheduleRequest, DeleteScheduleRequest,
        ListScheduleMatchingTimesRequest, ListSchedulesRequest, PatchScheduleRequest,
        SchedulePatch, TriggerImmediatelyRequest, UpdateScheduleRequest,
    },
    spec::{CalendarSpec, IntervalSpec, Range, ScheduleSpec, StructuredCalendarSpec},
    times::{ScheduleTime, ScheduleTimes},
};

/// How many actions of a schedule can wait for executions to end: 1,000.
pub const MAX_BUFFERED_ACTIONS: usize = 1_000;

/// What starts executions at times that somebody laid down.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Schedule {
    /// When.
    pub spec: ScheduleSpec,
    /// What happens then.
    pub action: ScheduleAction,
    /// What else is to be minded.
    pub policies: SchedulePolicies,
    /// What people and the engine change while it is in use.
    pub state: ScheduleState,
}

impl Schedule {
    /// A schedule with the policies and the state that a new one has when nothing else is said.
    #[must_use]
    pub fn new(spec: ScheduleSpec, action: ScheduleAction) -> Self {
        Self {
            spec,
            action,
            policies: SchedulePolicies::default(),
            state: ScheduleState::default(),
        }
    }
}

/// What a schedule does when its time has come.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[non_exhaustive]
pub enum ScheduleAction {
    /// Starts an execution.
    ///
    /// Of the request everything counts but what the schedule says itself each time: `identity` and `request_id`, whatever they are.
    /// `id_reuse_policy`, `id_conflict_policy` and `start_delay` have to be the default; anything else is
    /// [`EngineError::InvalidArgument`](crate::EngineError::InvalidArgument), as they have no place in Temporal's protocol. What is
    /// started has the id with the nominal time behind it, `report-2026-11-30T09:00:00Z`, unless
    /// [`keep_original_workflow_id`](SchedulePolicies::keep_original_workflow_id) is said, and the search attributes
    /// `TemporalScheduledById` and `TemporalScheduledStartTime` besides its own.
    StartWorkflow(Box<StartWorkflowRequest>),
}

impl ScheduleAction {
    /// The execution to start.
    #[must_use]
    pub fn start_workflow(&self) -> Option<&StartWorkflowRequest> {
        match self {
            Self::StartWorkflow(start) => Some(start),
        }
    }
}

/// What else a schedule minds.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub struct SchedulePolicies {
    /// What happens when an action's time has come while an execution of an earlier one is open.
    pub overlap: ScheduleOverlapPolicy,
    /// How late an action may be taken, for when nobody could take it: it is missed after that. One year (365 days) by
    /// default, and 10 seconds at least: a shorter one counts as long.
    pub catchup_window: Duration,
    /// Pauses the schedule when an execution fails or times out for good, after all its retries.
    pub pause_on_failure: bool,
    /// Starts executions by the action's id as it is, without a time behind it.
    pub keep_original_workflow_id: bool,
}

impl Default for SchedulePolicies {
    fn default() -> Self {
        Self {
            overlap: ScheduleOverlapPolicy::default(),
            catchup_window: Self::DEFAULT_CATCHUP_WINDOW,
            pause_on_failure: false,
            keep_original_workflow_id: false,
        }
    }
}

impl SchedulePolicies {
    /// How late an action may be taken when nothing is said: 365 days.
    pub const DEFAULT_CATCHUP_WINDOW: Duration = Duration::from_secs(365 * 24 * 60 * 60);
    /// How late an action may be taken at least: 10 seconds.
    pub const SHORTEST_CATCHUP_WINDOW: Duration = Duration::from_secs(10);

    /// How late an action may be taken, as it counts.
    #[must_use]
    pub fn catchup_window(&self) -> Duration {
        self.catchup_window.max(Self::SHORTEST_CATCHUP_WINDOW)
    }
}

/// What happens when an action's time has come while an execution of an earlier one is open.
///
/// An execution is open until its whole chain of retries and continued runs has ended.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[expect(
    clippy::exhaustive_enums,
    reason = "these are all the policies of Temporal"
)]
pub enum ScheduleOverlapPolicy {
    /// The action is not taken.
    #[default]
    Skip,
    /// It is taken when the open one has ended, if none waits for that already.
    BufferOne,
    /// It is taken after all that wait already.
    BufferAll,
    /// The cancellation of the open one is requested, and the action is taken when it has ended.
    CancelOther,
    /// The open one is terminated, and the action is taken.
    TerminateOther,
    /// The action is taken. Such executions are not minded by others: neither do they hold them up, nor do they get or
    /// leave results.
    AllowAll,
}

/// What people and the engine change of a schedule while it is in use.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub struct ScheduleState {
    /// Words for people: why it is paused, say. The engine writes here when it pauses the schedule.
    pub notes: String,
    /// Takes no action by itself. Times that pass meanwhile are not made up for.
    pub paused: bool,
    /// Whether [`remaining_actions`](Self::remaining_actions) counts.
    pub limited_actions: bool,
    /// How many actions are still taken by the schedule itself; skipped ones do not count. What is triggered or backfilled
    /// is taken all the same, and not counted.
    pub remaining_actions: u64,
}

impl ScheduleState {
    /// Whether the schedule takes actions by itself.
    #[must_use]
    pub fn is_active(&self) -> bool {
        !self.paused && (!self.limited_actions || self.remaining_actions > 0)
    }
}
