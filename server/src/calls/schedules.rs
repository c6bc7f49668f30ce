//! What starts executions at times that somebody laid down.

use std::sync::Arc;

use steadfast_wire::{
    Wired, requests,
    values::{count_out, time_out},
};
use temporalio_protos::temporal::api::{
    schedule::v1::{ScheduleListEntry, schedule_action::Action},
    workflowservice::v1 as proto,
};

use super::executions::PAGE;
use crate::{api::Api, attribute_types::name_types, method::Reply, refusal::status_of};

pub(super) async fn create(
    api: Arc<Api>,
    request: proto::CreateScheduleRequest,
) -> Reply<proto::CreateScheduleResponse> {
    api.check_namespace(&request.namespace)?;
    let create = api.wire.create_schedule_in(request, Api::new_id);
    let created = api.engine.create_schedule(create.map_err(status_of)?).await;
    Ok(proto::CreateScheduleResponse {
        conflict_token: created.map_err(status_of)?.as_bytes().to_vec(),
    })
}

pub(super) async fn describe(
    api: Arc<Api>,
    request: proto::DescribeScheduleRequest,
) -> Reply<proto::DescribeScheduleResponse> {
    api.check_namespace(&request.namespace)?;
    let schedule_id = requests::schedule_id_in(&request.schedule_id).map_err(status_of)?;
    let described = api.engine.describe_schedule(schedule_id).await;
    let told = api
        .wire
        .schedule_description_out(described.map_err(status_of)?);
    let mut told = told.map_err(status_of)?;
    let action = told.schedule.as_mut().and_then(|it| it.action.as_mut());
    let started = match action.and_then(|it| it.action.as_mut()) {
        Some(Action::StartWorkflow(start)) => start.search_attributes.as_mut(),
        None => None,
    };
    let values = told.search_attributes.as_mut().into_iter().chain(started);
    name_types(&api, values.collect()).await?;
    Ok(told)
}

pub(super) async fn update(
    api: Arc<Api>,
    request: proto::UpdateScheduleRequest,
) -> Reply<proto::UpdateScheduleResponse> {
    api.check_namespace(&request.namespace)?;
    let update = api.wire.update_schedule_in(request, Api::new_id);
    let updated = api.engine.update_schedule(update.map_err(status_of)?).await;
    updated.map_err(status_of)?;
    Ok(proto::UpdateScheduleResponse::default())
}

pub(super) async fn patch(
    api: Arc<Api>,
    request: proto::PatchScheduleRequest,
) -> Reply<proto::PatchScheduleResponse> {
    api.check_namespace(&request.namespace)?;
    let patch = requests::patch_schedule_in(request, Api::new_id).map_err(status_of)?;
    let patched = api.engine.patch_schedule(patch).await;
    patched.map_err(status_of)?;
    Ok(proto::PatchScheduleResponse::default())
}

pub(super) async fn matching_times(
    api: Arc<Api>,
    request: proto::ListScheduleMatchingTimesRequest,
) -> Reply<proto::ListScheduleMatchingTimesResponse> {
    api.check_namespace(&request.namespace)?;
    let asked = requests::matching_times_in(&request).map_err(status_of)?;
    let times = api.engine.list_schedule_matching_times(asked).await;
    let times = times.map_err(status_of)?.into_iter();
    Ok(proto::ListScheduleMatchingTimesResponse {
        start_time: times.map(time_out).collect(),
    })
}

pub(super) async fn list(
    api: Arc<Api>,
    request: proto::ListSchedulesRequest,
) -> Reply<proto::ListSchedulesResponse> {
    api.check_namespace(&request.namespace)?;
    let asked = requests::list_schedules_in(request, PAGE);
    let page = api.engine.list_schedules(asked).await.map_err(status_of)?;
    let entries = page.schedules.into_iter();
    let schedules: Wired<_> = entries
        .map(|entry| api.wire.schedule_entry_out(entry))
        .collect();
    let mut schedules: Vec<ScheduleListEntry> = schedules.map_err(status_of)?;
    let values = schedules.iter_mut();
    let values = values.filter_map(|it| it.search_attributes.as_mut());
    name_types(&api, values.collect()).await?;
    Ok(proto::ListSchedulesResponse {
        schedules,
        next_page_token: page.next_page_token.unwrap_or_default(),
    })
}

pub(super) async fn count(
    api: Arc<Api>,
    request: proto::CountSchedulesRequest,
) -> Reply<proto::CountSchedulesResponse> {
    api.check_namespace(&request.namespace)?;
    let counted = api.engine.count_schedules(request.query).await;
    // There is nothing to group schedules by.
    Ok(proto::CountSchedulesResponse {
        count: count_out(counted.map_err(status_of)?.count),
        groups: Vec::new(),
    })
}

pub(super) async fn delete(
    api: Arc<Api>,
    request: proto::DeleteScheduleRequest,
) -> Reply<proto::DeleteScheduleResponse> {
    api.check_namespace(&request.namespace)?;
    let delete = requests::delete_schedule_in(&request).map_err(status_of)?;
    let deleted = api.engine.delete_schedule(delete).await;
    deleted.map_err(status_of)?;
    Ok(proto::DeleteScheduleResponse::default())
}
