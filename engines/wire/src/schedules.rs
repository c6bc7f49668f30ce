//! Schedules, both ways: a service tells what a client may send.

use steadfast_core::{ids::ScheduleId, time::Timestamp};
use steadfast_engine::{
    EngineError, StartWorkflowRequest,
    schedule::{
        BackfillRequest, CalendarSpec, ConflictToken, IntervalSpec, Range, Schedule,
        ScheduleAction, ScheduleActionResult, ScheduleDescription, ScheduleInfo, ScheduleListEntry,
        ScheduleOverlapPolicy, SchedulePatch, SchedulePolicies, ScheduleSpec, ScheduleState,
        StructuredCalendarSpec, TriggerImmediatelyRequest,
    },
    spelling::{enums::OVERLAP_POLICIES, statuses::status_of_number},
};
use temporalio_protos::temporal::api::{
    schedule::v1 as proto,
    workflow::v1::NewWorkflowExecutionInfo,
    workflowservice::v1::{
        DescribeScheduleResponse, ListSchedulesResponse, StartWorkflowExecutionRequest,
    },
};

use crate::{
    status_out, unmodelled,
    values::{
        Wire, Wired, count, count_out, duration_in, duration_out, execution_in, execution_out, id,
        lacks, normal_queue, optional_time, priority_out, retry_policy_out, search_attributes_in,
        search_attributes_out, text, time_in, time_out, timeout_out, workflow_type,
    },
};

/// The request by which an execution is started whose schedule says who asks and when.
const REQUEST: &str = "schedule";

impl Wire {
    /// A schedule.
    ///
    /// # Errors
    ///
    /// [`EngineError::InvalidArgument`] when a Temporal Service would refuse it, or when there is nothing that it would do.
    pub fn schedule_in(&self, schedule: Option<proto::Schedule>) -> Wired<Schedule> {
        let schedule = schedule.unwrap_or_default();
        let action = schedule.action.and_then(|action| action.action);
        let Some(proto::schedule_action::Action::StartWorkflow(start)) = action else {
            return Err(EngineError::invalid(
                "Only StartWorkflow action is supported for schedules",
            ));
        };
        let policies = schedule.policies.unwrap_or_default();
        let state = schedule.state.unwrap_or_default();
        Ok(Schedule {
            spec: spec_in(schedule.spec.unwrap_or_default())?,
            action: ScheduleAction::StartWorkflow(Box::new(self.action_in(start)?)),
            policies: SchedulePolicies {
                overlap: overlap_in(policies.overlap_policy).unwrap_or_default(),
                catchup_window: match policies.catchup_window {
                    None => SchedulePolicies::DEFAULT_CATCHUP_WINDOW,
                    window => duration_in(window),
                },
                pause_on_failure: policies.pause_on_failure,
                keep_original_workflow_id: policies.keep_original_workflow_id,
            },
            state: ScheduleState {
                notes: state.notes,
                paused: state.paused,
                limited_actions: state.limited_actions,
                remaining_actions: count(state.remaining_actions),
            },
        })
    }

    /// A schedule.
    ///
    /// # Errors
    ///
    /// When the codec refuses a value.
    pub fn schedule_out(&self, schedule: Schedule) -> Wired<proto::Schedule> {
        let action = match schedule.action {
            ScheduleAction::StartWorkflow(start) => {
                proto::schedule_action::Action::StartWorkflow(self.action_out(*start)?)
            }
            _ => return Err(lacks("a schedule's action")),
        };
        Ok(proto::Schedule {
            spec: Some(spec_out(schedule.spec)),
            action: Some(proto::ScheduleAction {
                action: Some(action),
            }),
            policies: Some(proto::SchedulePolicies {
                overlap_policy: OVERLAP_POLICIES.number(schedule.policies.overlap),
                catchup_window: Some(duration_out(schedule.policies.catchup_window)),
                pause_on_failure: schedule.policies.pause_on_failure,
                keep_original_workflow_id: schedule.policies.keep_original_workflow_id,
            }),
            state: Some(proto::ScheduleState {
                notes: schedule.state.notes,
                paused: schedule.state.paused,
                limited_actions: schedule.state.limited_actions,
                remaining_actions: count_out(schedule.state.remaining_actions),
            }),
        })
    }

    fn action_in(&self, start: NewWorkflowExecutionInfo) -> Wired<StartWorkflowRequest> {
        if !start.cron_schedule.is_empty() {
            return Err(EngineError::invalid(
                "Scheduled workflow must not contain CronSchedule",
            ));
        }
        // Unsaid, or that the id may be used again, which it is with another time behind it.
        if start.workflow_id_reuse_policy > 1 {
            return Err(EngineError::invalid(
                "Scheduled workflow must not contain WorkflowIDReusePolicy",
            ));
        }
        self.start_in(
            StartWorkflowExecutionRequest {
                workflow_id: start.workflow_id,
                workflow_type: start.workflow_type,
                task_queue: start.task_queue,
                input: start.input,
                workflow_execution_timeout: start.workflow_execution_timeout,
                workflow_run_timeout: start.workflow_run_timeout,
                workflow_task_timeout: start.workflow_task_timeout,
                retry_policy: start.retry_policy,
                memo: start.memo,
                search_attributes: start.search_attributes,
                header: start.header,
                user_metadata: start.user_metadata,
                versioning_override: start.versioning_override,
                priority: start.priority,
                ..StartWorkflowExecutionRequest::default()
            },
            || REQUEST.to_owned(),
        )
    }

    fn action_out(&self, start: StartWorkflowRequest) -> Wired<NewWorkflowExecutionInfo> {
        let unmodelled = start.unmodelled;
        Ok(NewWorkflowExecutionInfo {
            workflow_id: text(Some(start.workflow_id)),
            workflow_type: workflow_type(start.workflow_type),
            task_queue: normal_queue(start.task_queue),
            input: self.payloads_out(start.input)?,
            workflow_execution_timeout: timeout_out(start.timeouts.execution_timeout),
            workflow_run_timeout: timeout_out(start.timeouts.run_timeout),
            workflow_task_timeout: timeout_out(start.timeouts.task_timeout),
            retry_policy: retry_policy_out(start.retry_policy)?,
            memo: self.memo_out(start.memo)?,
            search_attributes: search_attributes_out(start.search_attributes),
            header: self.header_out(start.header)?,
            user_metadata: self.user_metadata_out(start.user_metadata.map(|words| *words))?,
            versioning_override: unmodelled
                .as_deref()
                .and_then(unmodelled::versioning_of_start),
            priority: priority_out(start.priority),
            ..NewWorkflowExecutionInfo::default()
        })
    }

    /// All that a service says of a schedule.
    ///
    /// # Errors
    ///
    /// When the codec refuses a value.
    pub fn schedule_description_out(
        &self,
        description: ScheduleDescription,
    ) -> Wired<DescribeScheduleResponse> {
        Ok(DescribeScheduleResponse {
            schedule: Some(self.schedule_out(description.schedule)?),
            info: Some(info_out(description.info)),
            memo: self.memo_out(description.memo)?,
            search_attributes: search_attributes_out(description.search_attributes),
            conflict_token: description.conflict_token.as_bytes().to_vec(),
        })
    }

    /// All that a service says of the schedule with an id.
    ///
    /// # Errors
    ///
    /// When it lacks something, or the codec refuses a value.
    pub fn schedule_description_in(
        &self,
        schedule_id: ScheduleId,
        told: DescribeScheduleResponse,
    ) -> Wired<ScheduleDescription> {
        Ok(ScheduleDescription {
            schedule_id,
            schedule: self.schedule_in(told.schedule)?,
            info: info_in(told.info.ok_or_else(|| lacks("a schedule's info"))?)?,
            memo: self.memo_in(told.memo)?,
            search_attributes: search_attributes_in(told.search_attributes),
            conflict_token: ConflictToken::new(told.conflict_token),
        })
    }

    /// A schedule in a list.
    ///
    /// # Errors
    ///
    /// When the codec refuses a value.
    pub fn schedule_entry_out(&self, entry: ScheduleListEntry) -> Wired<proto::ScheduleListEntry> {
        Ok(proto::ScheduleListEntry {
            schedule_id: text(Some(entry.schedule_id)),
            memo: Some(self.memo_out(entry.memo)?.unwrap_or_default()),
            search_attributes: search_attributes_out(entry.search_attributes),
            info: Some(proto::ScheduleListInfo {
                spec: Some(spec_out(entry.spec)),
                workflow_type: entry.workflow_type.and_then(workflow_type),
                notes: entry.notes,
                paused: entry.paused,
                recent_actions: entry.recent_actions.into_iter().map(result_out).collect(),
                future_action_times: entry
                    .future_action_times
                    .into_iter()
                    .map(time_out)
                    .collect(),
                state_size_bytes: count_out(entry.state_size_bytes),
            }),
        })
    }

    /// The schedules of a page.
    ///
    /// # Errors
    ///
    /// When one of them lacks something, or the codec refuses a value.
    pub fn schedule_entries_in(
        &self,
        page: ListSchedulesResponse,
    ) -> Wired<Vec<ScheduleListEntry>> {
        let entries = page.schedules.into_iter().map(|entry| {
            let info = entry.info.unwrap_or_default();
            Ok(ScheduleListEntry {
                schedule_id: id(&entry.schedule_id)?,
                memo: self.memo_in(entry.memo)?,
                search_attributes: search_attributes_in(entry.search_attributes),
                spec: spec_in(info.spec.unwrap_or_default())?,
                workflow_type: match info.workflow_type {
                    Some(kind) if !kind.name.is_empty() => Some(id(&kind.name)?),
                    _ => None,
                },
                notes: info.notes,
                paused: info.paused,
                recent_actions: results_in(info.recent_actions)?,
                future_action_times: times_in(info.future_action_times),
                state_size_bytes: count(info.state_size_bytes),
            })
        });
        entries.collect()
    }
}

/// What to do with a schedule.
pub fn schedule_patch_in(patch: proto::SchedulePatch) -> SchedulePatch {
    let said = |words: String| Some(words).filter(|words| !words.is_empty());
    SchedulePatch {
        trigger_immediately: patch
            .trigger_immediately
            .map(|trigger| TriggerImmediatelyRequest {
                overlap: overlap_in(trigger.overlap_policy),
                scheduled_time: optional_time(trigger.scheduled_time),
            }),
        backfill_requests: patch
            .backfill_request
            .into_iter()
            .map(|backfill| BackfillRequest {
                start_time: time_in(backfill.start_time),
                end_time: time_in(backfill.end_time),
                overlap: overlap_in(backfill.overlap_policy),
            })
            .collect(),
        pause: said(patch.pause),
        unpause: said(patch.unpause),
    }
}

/// What to do with a schedule.
#[must_use]
pub fn schedule_patch_out(patch: SchedulePatch) -> proto::SchedulePatch {
    proto::SchedulePatch {
        trigger_immediately: patch.trigger_immediately.map(|trigger| {
            proto::TriggerImmediatelyRequest {
                overlap_policy: overlap_out(trigger.overlap),
                scheduled_time: trigger.scheduled_time.map(time_out),
            }
        }),
        backfill_request: patch
            .backfill_requests
            .into_iter()
            .map(|backfill| proto::BackfillRequest {
                start_time: Some(time_out(backfill.start_time)),
                end_time: Some(time_out(backfill.end_time)),
                overlap_policy: overlap_out(backfill.overlap),
            })
            .collect(),
        pause: patch.pause.unwrap_or_default(),
        unpause: patch.unpause.unwrap_or_default(),
    }
}

fn overlap_in(policy: i32) -> Option<ScheduleOverlapPolicy> {
    OVERLAP_POLICIES.of_number(policy)
}

fn overlap_out(policy: Option<ScheduleOverlapPolicy>) -> i32 {
    policy.map_or(0, |policy| OVERLAP_POLICIES.number(policy))
}

#[expect(deprecated, reason = "clients may still send it")]
fn spec_in(spec: proto::ScheduleSpec) -> Wired<ScheduleSpec> {
    let excluded = spec.exclude_structured_calendar.into_iter();
    let mut excluded: Vec<_> = excluded.map(structured_in).collect();
    for calendar in spec.exclude_calendar {
        excluded.push(calendar_in(calendar).to_structured()?);
    }
    let structured = spec.structured_calendar.into_iter();
    Ok(ScheduleSpec {
        structured_calendars: structured.map(structured_in).collect(),
        calendars: spec.calendar.into_iter().map(calendar_in).collect(),
        cron_strings: spec.cron_string,
        intervals: spec
            .interval
            .into_iter()
            .map(|interval| IntervalSpec {
                interval: duration_in(interval.interval),
                phase: duration_in(interval.phase),
            })
            .collect(),
        exclude_structured_calendars: excluded,
        start_time: optional_time(spec.start_time),
        end_time: optional_time(spec.end_time),
        jitter: duration_in(spec.jitter),
        time_zone_name: spec.timezone_name,
        time_zone_data: spec.timezone_data.into(),
    })
}

fn spec_out(spec: ScheduleSpec) -> proto::ScheduleSpec {
    let structured = |calendars: Vec<StructuredCalendarSpec>| {
        calendars.into_iter().map(structured_out).collect()
    };
    proto::ScheduleSpec {
        structured_calendar: structured(spec.structured_calendars),
        cron_string: spec.cron_strings,
        calendar: spec.calendars.into_iter().map(calendar_out).collect(),
        interval: spec
            .intervals
            .into_iter()
            .map(|interval| proto::IntervalSpec {
                interval: Some(duration_out(interval.interval)),
                phase: timeout_out(Some(interval.phase).filter(|phase| !phase.is_zero())),
            })
            .collect(),
        exclude_structured_calendar: structured(spec.exclude_structured_calendars),
        start_time: spec.start_time.map(time_out),
        end_time: spec.end_time.map(time_out),
        jitter: timeout_out(Some(spec.jitter).filter(|jitter| !jitter.is_zero())),
        timezone_name: spec.time_zone_name,
        timezone_data: spec.time_zone_data.as_slice().to_vec(),
        ..proto::ScheduleSpec::default()
    }
}

fn ranges_in(ranges: Vec<proto::Range>) -> Vec<Range> {
    let ranges = ranges.into_iter();
    ranges
        .map(|range| Range {
            start: range.start,
            end: range.end,
            step: range.step,
        })
        .collect()
}

fn ranges_out(ranges: Vec<Range>) -> Vec<proto::Range> {
    let ranges = ranges.into_iter();
    ranges
        .map(|range| proto::Range {
            start: range.start,
            end: range.end,
            step: range.step,
        })
        .collect()
}

fn structured_in(calendar: proto::StructuredCalendarSpec) -> StructuredCalendarSpec {
    StructuredCalendarSpec {
        second: ranges_in(calendar.second),
        minute: ranges_in(calendar.minute),
        hour: ranges_in(calendar.hour),
        day_of_month: ranges_in(calendar.day_of_month),
        month: ranges_in(calendar.month),
        year: ranges_in(calendar.year),
        day_of_week: ranges_in(calendar.day_of_week),
        comment: calendar.comment,
    }
}

fn structured_out(calendar: StructuredCalendarSpec) -> proto::StructuredCalendarSpec {
    proto::StructuredCalendarSpec {
        second: ranges_out(calendar.second),
        minute: ranges_out(calendar.minute),
        hour: ranges_out(calendar.hour),
        day_of_month: ranges_out(calendar.day_of_month),
        month: ranges_out(calendar.month),
        year: ranges_out(calendar.year),
        day_of_week: ranges_out(calendar.day_of_week),
        comment: calendar.comment,
    }
}

fn calendar_in(calendar: proto::CalendarSpec) -> CalendarSpec {
    CalendarSpec {
        second: calendar.second,
        minute: calendar.minute,
        hour: calendar.hour,
        day_of_month: calendar.day_of_month,
        month: calendar.month,
        year: calendar.year,
        day_of_week: calendar.day_of_week,
        comment: calendar.comment,
    }
}

fn calendar_out(calendar: CalendarSpec) -> proto::CalendarSpec {
    proto::CalendarSpec {
        second: calendar.second,
        minute: calendar.minute,
        hour: calendar.hour,
        day_of_month: calendar.day_of_month,
        month: calendar.month,
        year: calendar.year,
        day_of_week: calendar.day_of_week,
        comment: calendar.comment,
    }
}

fn result_out(result: ScheduleActionResult) -> proto::ScheduleActionResult {
    proto::ScheduleActionResult {
        schedule_time: Some(time_out(result.schedule_time)),
        actual_time: Some(time_out(result.actual_time)),
        start_workflow_result: result
            .start_workflow_result
            .and_then(|it| execution_out(&it.workflow_id, Some(&it.run_id))),
        start_workflow_status: result.start_workflow_status.map_or(0, status_out),
    }
}

fn results_in(results: Vec<proto::ScheduleActionResult>) -> Wired<Vec<ScheduleActionResult>> {
    let results = results.into_iter().map(|result| {
        Ok(ScheduleActionResult {
            schedule_time: time_in(result.schedule_time),
            actual_time: time_in(result.actual_time),
            start_workflow_result: match result.start_workflow_result {
                None => None,
                some => Some(execution_in(some)?),
            },
            start_workflow_status: status_of_number(result.start_workflow_status.into()),
        })
    });
    results.collect()
}

fn times_in(times: Vec<prost_wkt_types::Timestamp>) -> Vec<Timestamp> {
    times.into_iter().map(|time| time_in(Some(time))).collect()
}

fn info_in(info: proto::ScheduleInfo) -> Wired<ScheduleInfo> {
    let running = info.running_workflows.into_iter();
    Ok(ScheduleInfo {
        action_count: count(info.action_count),
        missed_catchup_window: count(info.missed_catchup_window),
        overlap_skipped: count(info.overlap_skipped),
        buffer_dropped: count(info.buffer_dropped),
        buffer_size: count(info.buffer_size),
        running_workflows: running
            .map(|execution| execution_in(Some(execution)))
            .collect::<Wired<_>>()?,
        recent_actions: results_in(info.recent_actions)?,
        future_action_times: times_in(info.future_action_times),
        create_time: time_in(info.create_time),
        update_time: optional_time(info.update_time),
        state_size_bytes: count(info.state_size_bytes),
    })
}

fn info_out(info: ScheduleInfo) -> proto::ScheduleInfo {
    let running = info.running_workflows.iter();
    proto::ScheduleInfo {
        action_count: count_out(info.action_count),
        missed_catchup_window: count_out(info.missed_catchup_window),
        overlap_skipped: count_out(info.overlap_skipped),
        buffer_dropped: count_out(info.buffer_dropped),
        buffer_size: count_out(info.buffer_size),
        running_workflows: running
            .filter_map(|it| execution_out(&it.workflow_id, Some(&it.run_id)))
            .collect(),
        recent_actions: info.recent_actions.into_iter().map(result_out).collect(),
        future_action_times: info.future_action_times.into_iter().map(time_out).collect(),
        create_time: Some(time_out(info.create_time)),
        update_time: info.update_time.map(time_out),
        state_size_bytes: count_out(info.state_size_bytes),
        ..proto::ScheduleInfo::default()
    }
}
