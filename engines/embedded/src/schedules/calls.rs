//! What is asked about schedules.

use steadfast_core::{
    ids::{MAX_ID_BYTES, RequestId, ScheduleId},
    options::{WorkflowIdConflictPolicy, WorkflowIdReusePolicy},
    payload::PayloadMap,
    time::Timestamp,
};
use steadfast_engine::{
    EngineError, WorkflowCount,
    schedule::{
        ConflictToken, CreateScheduleRequest, DeleteScheduleRequest,
        ListScheduleMatchingTimesRequest, ListSchedulesRequest, PatchScheduleRequest, Schedule,
        ScheduleAction, ScheduleDescription, ScheduleListEntry, SchedulePage, ScheduleSpec,
        ScheduleTimes, UpdateScheduleRequest,
    },
};

use super::{book::Entry, record::Record};
use crate::{
    execution::{NOT_YOURS, claims_problems, settle_start},
    limits::{check_shown, check_start, check_text},
    shared::Shared,
    state::Core,
    store::{Row, encode_named},
    visibility::schedule_matcher,
};

/// How many coming times a description has.
const TOLD_TIMES: usize = 10;
/// How many times and actions an entry of a list has.
const LISTED_TIMES: usize = 5;
/// How many calendars, exclusions and intervals an entry of a list has.
const LISTED_SPECS: usize = 10;
/// How many times are told at once.
const MATCHING_TIMES: usize = 1_000;
/// The most schedules on one page.
const MAX_PAGE: usize = 1_000;
/// What is put behind the id of an execution.
const NOMINAL_TIME: &str = "-2009-11-10T23:00:00Z";

fn not_found() -> EngineError {
    EngineError::not_found("schedule not found")
}

impl Shared {
    pub(crate) async fn create_schedule(
        &self,
        request: CreateScheduleRequest,
    ) -> Result<ConflictToken, EngineError> {
        self.give_way()?;
        let schedule = settled(request.schedule)?;
        let id = request.schedule_id;
        let ticket = {
            let (mut core, now) = self.enter()?;
            if let Some(entry) = core.schedules.all.get(&id) {
                if !entry.record.was_created_by(&request.request_id) {
                    return Err(EngineError::ScheduleExists { schedule_id: id });
                }
            } else {
                core.check_schedule(
                    &schedule,
                    Some(&request.search_attributes),
                    Some(&request.memo),
                )?;
                let mut record = Record::new(
                    schedule,
                    request.memo,
                    request.search_attributes,
                    request.request_id,
                    now,
                );
                if let Some(patch) = request.initial_patch {
                    record.patch(patch, now);
                }
                core.put_and_stir(&id, record)?;
            }
            core.ticket()
        };
        ticket.await?;
        Ok(token(1))
    }

    pub(crate) fn describe_schedule(
        &self,
        id: &ScheduleId,
    ) -> Result<ScheduleDescription, EngineError> {
        let (core, now) = self.enter()?;
        let entry = core.schedules.all.get(id).ok_or_else(not_found)?;
        let record = &entry.record;
        let mut info = record.info.clone();
        info.buffer_size = (record.buffer.len() + record.starting.len()) as u64;
        info.future_action_times = entry.coming(TOLD_TIMES, now);
        info.state_size_bytes = encode_named(&**record).len() as u64;
        let mut schedule = record.schedule.clone();
        schedule.spec = schedule.spec.with_whole_ranges();
        Ok(ScheduleDescription {
            schedule_id: id.clone(),
            schedule,
            info,
            memo: record.memo.clone(),
            search_attributes: record.search_attributes.clone(),
            conflict_token: token(record.conflict),
        })
    }

    pub(crate) async fn update_schedule(
        &self,
        request: UpdateScheduleRequest,
    ) -> Result<(), EngineError> {
        self.give_way()?;
        let schedule = settled(request.schedule)?;
        let id = request.schedule_id;
        self.change(&id, request.request_id, |core, record, now| {
            if let Some(wanted) = &request.conflict_token
                && *wanted != token(record.conflict)
            {
                return Err(EngineError::ScheduleChanged);
            }
            core.check_schedule(
                &schedule,
                request.search_attributes.as_ref(),
                request.memo.as_ref(),
            )?;
            record.update(schedule, now);
            if let Some(attributes) = request.search_attributes {
                record.search_attributes = attributes;
            }
            if let Some(memo) = request.memo {
                record.memo = memo;
            }
            Ok(())
        })
        .await
    }

    pub(crate) async fn patch_schedule(
        &self,
        request: PatchScheduleRequest,
    ) -> Result<(), EngineError> {
        self.give_way()?;
        for words in [&request.patch.pause, &request.patch.unpause] {
            check_text("the notes", words.as_deref().unwrap_or_default())?;
        }
        self.change(
            &request.schedule_id,
            request.request_id,
            |_, record, now| {
                record.patch(request.patch, now);
                Ok(())
            },
        )
        .await
    }

    /// Changes a schedule, unless the request did so already, and waits until that is durable.
    async fn change(
        &self,
        id: &ScheduleId,
        request_id: RequestId,
        change: impl FnOnce(&Core, &mut Record, Timestamp) -> Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        let ticket = {
            let (mut core, now) = self.enter()?;
            let entry = core.schedules.all.get(id).ok_or_else(not_found)?;
            let mut record = (*entry.record).clone();
            // Times that have come are taken up as the schedule was then.
            record.take_up(&entry.times, now);
            if record.remember(request_id) {
                change(&core, &mut record, now)?;
                core.put_and_stir(id, record)?;
            }
            core.ticket()
        };
        ticket.await
    }

    pub(crate) async fn delete_schedule(
        &self,
        request: DeleteScheduleRequest,
    ) -> Result<(), EngineError> {
        let id = request.schedule_id;
        let ticket = {
            let (mut core, _) = self.enter()?;
            let before = core.schedules.record(&id).cloned();
            let before = before.ok_or_else(not_found)?;
            core.schedules.set(&id, None)?;
            core.rows.push(Row::Schedule {
                id,
                record: None,
                before: Some(before),
            });
            core.ticket()
        };
        ticket.await
    }

    pub(crate) fn list_schedules(
        &self,
        request: &ListSchedulesRequest,
    ) -> Result<SchedulePage, EngineError> {
        let (core, now) = self.enter()?;
        let matches = schedule_matcher(&request.query, &core.attributes)?;
        let size = match request.page_size {
            0 => MAX_PAGE,
            size => size.min(MAX_PAGE),
        };
        let after = request
            .next_page_token
            .as_deref()
            .map(|token| {
                let text = std::str::from_utf8(token).ok();
                text.and_then(|text| ScheduleId::new(text).ok())
                    .ok_or_else(|| EngineError::invalid("Invalid NextPageToken."))
            })
            .transpose()?;
        let mut found = core
            .schedules
            .all
            .iter()
            .filter(|(id, _)| after.as_ref().is_none_or(|after| *id > after))
            .filter(|(id, entry)| matches(id, &entry.record));
        let schedules: Vec<ScheduleListEntry> = found
            .by_ref()
            .take(size)
            .map(|(id, entry)| entry.listed(id, now))
            .collect();
        let last = schedules.last().map(|entry| entry.schedule_id.clone());
        let more = found.next().is_some();
        Ok(SchedulePage {
            schedules,
            next_page_token: last
                .filter(|_| more)
                .map(|id| id.as_str().as_bytes().to_vec()),
        })
    }

    pub(crate) fn count_schedules(&self, query: &str) -> Result<WorkflowCount, EngineError> {
        let (core, _) = self.enter()?;
        let matches = schedule_matcher(query, &core.attributes)?;
        let all = core.schedules.all.iter();
        let count = all.filter(|(id, entry)| matches(id, &entry.record)).count();
        Ok(WorkflowCount {
            count: count as u64,
            groups: Vec::new(),
        })
    }

    pub(crate) fn matching_times(
        &self,
        request: &ListScheduleMatchingTimesRequest,
    ) -> Result<Vec<Timestamp>, EngineError> {
        let times = {
            let (core, _) = self.enter()?;
            let entry = core.schedules.all.get(&request.schedule_id);
            std::sync::Arc::clone(&entry.ok_or_else(not_found)?.times)
        };
        let times = times.after(request.start_time).map(|time| time.actual);
        let until = times.take_while(|time| *time <= request.end_time);
        Ok(until.take(MATCHING_TIMES).collect())
    }
}

impl Core {
    fn put_and_stir(&mut self, id: &ScheduleId, record: Record) -> Result<(), EngineError> {
        self.put_schedule(id, record)?;
        self.schedules.stirred.insert(id.clone());
        Ok(())
    }

    /// Refuses what could never be done.
    fn check_schedule(
        &self,
        schedule: &Schedule,
        search_attributes: Option<&PayloadMap>,
        memo: Option<&PayloadMap>,
    ) -> Result<(), EngineError> {
        check_text("the notes", &schedule.state.notes)?;
        check_shown(memo, search_attributes)?;
        if let Some(start) = schedule.action.start_workflow() {
            self.check_attributes(start)?;
        }
        let Some(attributes) = search_attributes else {
            return Ok(());
        };
        if claims_problems(attributes) {
            return Err(EngineError::invalid(NOT_YOURS));
        }
        let checked = self.attributes.check(attributes);
        checked.map_err(|error| EngineError::invalid(error.to_string()))
    }
}

impl Entry {
    fn coming(&self, most: usize, now: Timestamp) -> Vec<Timestamp> {
        // Of a schedule that is paused, those that it would take if it went on now.
        let seen = self.record.seen;
        let after = match self.record.schedule.state.is_active() {
            true => seen,
            false => seen.max(now),
        };
        let times = self.record.to_come(&self.times, after);
        times.take(most).map(|time| time.actual).collect()
    }

    fn listed(&self, id: &ScheduleId, now: Timestamp) -> ScheduleListEntry {
        let record = &self.record;
        let info = &record.info;
        let recent = info.recent_actions.len().saturating_sub(LISTED_TIMES);
        let start = record.schedule.action.start_workflow();
        ScheduleListEntry {
            schedule_id: id.clone(),
            memo: record.memo.clone(),
            search_attributes: record.search_attributes.clone(),
            spec: shortened(&record.schedule.spec),
            workflow_type: start.map(|start| start.workflow_type.clone()),
            notes: record.schedule.state.notes.clone(),
            paused: record.schedule.state.paused,
            recent_actions: info.recent_actions[recent..].to_vec(),
            future_action_times: self.coming(LISTED_TIMES, now),
            state_size_bytes: encode_named(&**record).len() as u64,
        }
    }
}

fn shortened(spec: &ScheduleSpec) -> ScheduleSpec {
    let mut spec = spec.clone().with_whole_ranges();
    spec.structured_calendars.truncate(LISTED_SPECS);
    spec.exclude_structured_calendars.truncate(LISTED_SPECS);
    spec.intervals.truncate(LISTED_SPECS);
    spec.time_zone_data = Vec::new().into();
    spec
}

/// The schedule as it is kept, if it can be.
fn settled(mut schedule: Schedule) -> Result<Schedule, EngineError> {
    schedule.spec = schedule.spec.canonical().map_err(bad_spec)?;
    // Whether there is such a time zone.
    ScheduleTimes::new(&schedule.spec).map_err(bad_spec)?;
    schedule.policies.catchup_window = schedule.policies.catchup_window();
    let ScheduleAction::StartWorkflow(start) = &schedule.action else {
        return Err(EngineError::invalid("schedules start workflows here"));
    };
    let allowed = start.id_reuse_policy == WorkflowIdReusePolicy::default()
        && start.id_conflict_policy == WorkflowIdConflictPolicy::default()
        && start.cron_schedule.is_none()
        && start.start_delay.is_zero();
    if !allowed {
        return Err(EngineError::invalid(
            "a schedule decides by itself whether an id may be used again and when it starts something; leave the \
             reuse policy, the conflict policy, the cron schedule and the delay of its action as they are",
        ));
    }
    if start.workflow_id.as_str().len() + NOMINAL_TIME.len() > MAX_ID_BYTES {
        return Err(EngineError::invalid(format!(
            "the workflow id of a schedule has at most {} bytes, because a time is put behind it",
            MAX_ID_BYTES - NOMINAL_TIME.len()
        )));
    }
    // What is shown is what was said; what it counts as is settled with each start.
    let mut counts_as = (**start).clone();
    settle_start(&mut counts_as)?;
    check_start(&counts_as, None)?;
    if claims_problems(&start.search_attributes) {
        return Err(EngineError::invalid(NOT_YOURS));
    }
    Ok(schedule)
}

/// What is wrong with a spec, in the words of a Temporal Service.
fn bad_spec(error: EngineError) -> EngineError {
    match error {
        EngineError::InvalidArgument { message } => {
            EngineError::invalid(format!("Invalid schedule spec: {message}"))
        }
        error => error,
    }
}

fn token(conflict: u64) -> ConflictToken {
    ConflictToken::new(conflict.to_be_bytes().to_vec())
}
