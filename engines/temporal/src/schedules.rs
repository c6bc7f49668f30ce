//! Schedules of a service.

use steadfast_core::{ids::ScheduleId, time::Timestamp};
use steadfast_engine::{
    EngineError, WorkflowCount,
    schedule::{
        ConflictToken, CreateScheduleRequest, DeleteScheduleRequest,
        ListScheduleMatchingTimesRequest, ListSchedulesRequest, PatchScheduleRequest,
        ScheduleDescription, SchedulePage, UpdateScheduleRequest,
    },
};
use steadfast_wire::{
    schedule_patch_out,
    values::{count, search_attributes_out, text, time_in, time_out},
};
use temporalio_protos::temporal::api::workflowservice::v1 as proto;
use tonic::Code;

use super::{Connection, client::send, service::Patience, status::error_of};

impl Connection {
    pub(super) async fn create_schedule(
        &self,
        request: CreateScheduleRequest,
    ) -> Result<ConflictToken, EngineError> {
        let schedule_id = request.schedule_id.clone();
        let request = proto::CreateScheduleRequest {
            namespace: self.namespace(),
            schedule_id: text(Some(request.schedule_id)),
            schedule: Some(self.wire.schedule_out(request.schedule)?),
            initial_patch: request.initial_patch.map(schedule_patch_out),
            identity: text(Some(request.identity)),
            request_id: text(Some(request.request_id)),
            memo: self.wire.memo_out(request.memo)?,
            search_attributes: search_attributes_out(request.search_attributes),
        };
        let created = send!(self, create_schedule, request).map_err(|status| {
            if status.code() == Code::AlreadyExists {
                return EngineError::ScheduleExists { schedule_id };
            }
            error_of(&status)
        })?;
        Ok(ConflictToken::new(created.conflict_token))
    }

    pub(super) async fn describe_schedule(
        &self,
        schedule_id: ScheduleId,
    ) -> Result<ScheduleDescription, EngineError> {
        let request = proto::DescribeScheduleRequest {
            namespace: self.namespace(),
            schedule_id: text(Some(&schedule_id)),
        };
        let told = send!(self, describe_schedule, request).map_err(|status| error_of(&status))?;
        self.wire.schedule_description_in(schedule_id, told)
    }

    pub(super) async fn update_schedule(
        &self,
        request: UpdateScheduleRequest,
    ) -> Result<(), EngineError> {
        // A service takes an update with an old token and then does nothing: so it is looked at first.
        if let Some(token) = &request.conflict_token {
            let described = self.describe_schedule(request.schedule_id.clone()).await?;
            if described.conflict_token != *token {
                return Err(EngineError::ScheduleChanged);
            }
        }
        let request = proto::UpdateScheduleRequest {
            namespace: self.namespace(),
            schedule_id: text(Some(request.schedule_id)),
            schedule: Some(self.wire.schedule_out(request.schedule)?),
            conflict_token: request
                .conflict_token
                .map(|token| token.as_bytes().to_vec())
                .unwrap_or_default(),
            identity: text(Some(request.identity)),
            request_id: text(Some(request.request_id)),
            // None at all is another thing than to leave them as they are.
            search_attributes: request
                .search_attributes
                .map(|attributes| search_attributes_out(attributes).unwrap_or_default()),
            memo: match request.memo {
                None => None,
                Some(memo) => Some(self.wire.memo_out(memo)?.unwrap_or_default()),
            },
        };
        send!(self, update_schedule, request).map_err(|status| error_of(&status))?;
        Ok(())
    }

    pub(super) async fn patch_schedule(
        &self,
        request: PatchScheduleRequest,
    ) -> Result<(), EngineError> {
        let request = proto::PatchScheduleRequest {
            namespace: self.namespace(),
            schedule_id: text(Some(request.schedule_id)),
            patch: Some(schedule_patch_out(request.patch)),
            identity: text(Some(request.identity)),
            request_id: text(Some(request.request_id)),
        };
        send!(self, patch_schedule, request).map_err(|status| error_of(&status))?;
        Ok(())
    }

    pub(super) async fn list_schedules(
        &self,
        request: ListSchedulesRequest,
    ) -> Result<SchedulePage, EngineError> {
        let request = proto::ListSchedulesRequest {
            namespace: self.namespace(),
            maximum_page_size: i32::try_from(request.page_size).unwrap_or(i32::MAX),
            next_page_token: request.next_page_token.unwrap_or_default(),
            query: request.query,
        };
        let mut page = send!(self, list_schedules, request).map_err(|status| error_of(&status))?;
        let next_page_token = std::mem::take(&mut page.next_page_token);
        Ok(SchedulePage {
            schedules: self.wire.schedule_entries_in(page)?,
            next_page_token: Some(next_page_token).filter(|token| !token.is_empty()),
        })
    }

    pub(super) async fn count_schedules(
        &self,
        query: String,
    ) -> Result<WorkflowCount, EngineError> {
        let request = proto::CountSchedulesRequest {
            namespace: self.namespace(),
            query,
        };
        let counted = send!(self, count_schedules, request).map_err(|status| error_of(&status))?;
        Ok(WorkflowCount {
            count: count(counted.count),
            // There is nothing to group schedules by.
            groups: Vec::new(),
        })
    }

    pub(super) async fn list_schedule_matching_times(
        &self,
        request: ListScheduleMatchingTimesRequest,
    ) -> Result<Vec<Timestamp>, EngineError> {
        let request = proto::ListScheduleMatchingTimesRequest {
            namespace: self.namespace(),
            schedule_id: text(Some(request.schedule_id)),
            start_time: Some(time_out(request.start_time)),
            end_time: Some(time_out(request.end_time)),
        };
        let told = send!(self, list_schedule_matching_times, request)
            .map_err(|status| error_of(&status))?;
        let times = told.start_time.into_iter();
        Ok(times.map(|time| time_in(Some(time))).collect())
    }

    pub(super) async fn delete_schedule(
        &self,
        request: DeleteScheduleRequest,
    ) -> Result<(), EngineError> {
        let request = proto::DeleteScheduleRequest {
            namespace: self.namespace(),
            schedule_id: text(Some(request.schedule_id)),
            identity: text(Some(request.identity)),
        };
        send!(self, delete_schedule, request).map_err(|status| error_of(&status))?;
        Ok(())
    }
}
