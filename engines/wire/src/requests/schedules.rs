//! What clients ask about schedules.

use steadfast_core::ids::ScheduleId;
use steadfast_engine::{
    EngineError,
    schedule::{
        ConflictToken, CreateScheduleRequest, DeleteScheduleRequest,
        ListScheduleMatchingTimesRequest, ListSchedulesRequest, PatchScheduleRequest,
        UpdateScheduleRequest,
    },
};
use temporalio_protos::temporal::api::workflowservice::v1 as proto;

use super::checks::{caller, request_id, unset};
use crate::{
    schedules::schedule_patch_in,
    values::{Wire, Wired, search_attributes_in, time_in},
};

impl Wire {
    /// Creates a schedule.
    ///
    /// # Errors
    ///
    /// When a Temporal Service would refuse it, or the schedule would do nothing.
    pub fn create_schedule_in(
        &self,
        request: proto::CreateScheduleRequest,
        new_id: impl FnOnce() -> String,
    ) -> Wired<CreateScheduleRequest> {
        Ok(CreateScheduleRequest {
            schedule_id: schedule_id_in(&request.schedule_id)?,
            schedule: self.schedule_in(request.schedule)?,
            initial_patch: request.initial_patch.map(schedule_patch_in),
            identity: caller(&request.identity)?,
            request_id: request_id(&request.request_id, new_id)?,
            memo: self.memo_in(request.memo)?,
            search_attributes: search_attributes_in(request.search_attributes),
        })
    }

    /// Replaces a schedule.
    ///
    /// # Errors
    ///
    /// When a Temporal Service would refuse it, or the schedule would do nothing.
    pub fn update_schedule_in(
        &self,
        request: proto::UpdateScheduleRequest,
        new_id: impl FnOnce() -> String,
    ) -> Wired<UpdateScheduleRequest> {
        Ok(UpdateScheduleRequest {
            schedule_id: schedule_id_in(&request.schedule_id)?,
            schedule: self.schedule_in(request.schedule)?,
            conflict_token: Some(request.conflict_token)
                .filter(|token| !token.is_empty())
                .map(ConflictToken::new),
            identity: caller(&request.identity)?,
            request_id: request_id(&request.request_id, new_id)?,
            search_attributes: request
                .search_attributes
                .map(|attributes| search_attributes_in(Some(attributes))),
            memo: match request.memo {
                None => None,
                some => Some(self.memo_in(some)?),
            },
        })
    }
}

/// Does something with a schedule.
///
/// # Errors
///
/// When a Temporal Service would refuse it.
pub fn patch_schedule_in(
    request: proto::PatchScheduleRequest,
    new_id: impl FnOnce() -> String,
) -> Wired<PatchScheduleRequest> {
    Ok(PatchScheduleRequest {
        schedule_id: schedule_id_in(&request.schedule_id)?,
        patch: schedule_patch_in(request.patch.ok_or_else(|| unset("Patch"))?),
        identity: caller(&request.identity)?,
        request_id: request_id(&request.request_id, new_id)?,
    })
}

/// Asks for the times of a schedule.
///
/// # Errors
///
/// When a Temporal Service would refuse it.
pub fn matching_times_in(
    request: &proto::ListScheduleMatchingTimesRequest,
) -> Wired<ListScheduleMatchingTimesRequest> {
    Ok(ListScheduleMatchingTimesRequest {
        schedule_id: schedule_id_in(&request.schedule_id)?,
        start_time: time_in(request.start_time),
        end_time: time_in(request.end_time),
    })
}

/// Asks for a page of the schedules, of at most `page_size` if nothing is said.
pub fn list_schedules_in(
    request: proto::ListSchedulesRequest,
    page_size: usize,
) -> ListSchedulesRequest {
    let asked = usize::try_from(request.maximum_page_size).unwrap_or_default();
    ListSchedulesRequest {
        query: request.query,
        page_size: match asked {
            0 => page_size,
            asked => asked.min(page_size),
        },
        next_page_token: Some(request.next_page_token).filter(|token| !token.is_empty()),
    }
}

/// Deletes a schedule.
///
/// # Errors
///
/// When a Temporal Service would refuse it.
pub fn delete_schedule_in(request: &proto::DeleteScheduleRequest) -> Wired<DeleteScheduleRequest> {
    Ok(DeleteScheduleRequest {
        schedule_id: schedule_id_in(&request.schedule_id)?,
        identity: caller(&request.identity)?,
    })
}

/// The schedule that a request is about.
///
/// # Errors
///
/// When a Temporal Service would refuse it.
pub fn schedule_id_in(text: &str) -> Wired<ScheduleId> {
    if text.is_empty() {
        return Err(EngineError::invalid(
            "Can't load workflow execution.  WorkflowId not set.",
        ));
    }
    ScheduleId::new(text)
        .map_err(|_| EngineError::invalid("WorkflowId exceeds maximum allowed length"))
}
