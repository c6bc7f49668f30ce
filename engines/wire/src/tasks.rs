//! The tasks of workers.

use std::collections::BTreeMap;

use steadfast_core::task::{ActivityTask, Query, TaskToken, Update, WorkflowTask};
use temporalio_protos::temporal::api::{
    history::v1::history_event::Attributes as A,
    protocol::v1::{Message, message::SequencingId},
    workflowservice::v1::{PollActivityTaskQueueResponse, PollWorkflowTaskQueueResponse},
};

use crate::{
    commands::{any, request_of},
    events::EventReader,
    values::{
        Wire, Wired, activity_timeouts, attempt, event_id, execution_in, id, lacks, optional_id,
        priority_in, retry_policy_in, time_in, type_name,
    },
};

/// The key of the question of a task that is only a question.
pub const ONLY_QUERY: &str = "query";

/// Requests for the updates that events of a task admit, which come in no message of their own: a reset applies them
/// again. One that a worker saw before is not among them.
#[must_use]
pub fn admitted_updates(response: &PollWorkflowTaskQueueResponse) -> Vec<Message> {
    let mut requests: Vec<Message> = Vec::new();
    let is_of = |message: &Message, id: &String| message.protocol_instance_id == *id;
    for event in response.history.iter().flat_map(|history| &history.events) {
        match &event.attributes {
            Some(A::WorkflowExecutionUpdateAdmittedEventAttributes(admitted))
                if event.event_id > response.previous_started_event_id =>
            {
                let request = admitted.request.clone().unwrap_or_default();
                let update_id = request.meta.clone().unwrap_or_default().update_id;
                requests.push(Message {
                    id: format!("{update_id}/request"),
                    protocol_instance_id: update_id,
                    body: Some(any("Request", &request)),
                    sequencing_id: Some(SequencingId::EventId(event.event_id)),
                });
            }
            Some(A::WorkflowExecutionUpdateAcceptedEventAttributes(accepted)) => {
                requests.retain(|request| !is_of(request, &accepted.protocol_instance_id));
            }
            _ => {}
        }
    }
    let said = &response.messages;
    requests.retain(|request| {
        !said
            .iter()
            .any(|other| is_of(other, &request.protocol_instance_id))
    });
    requests
}

impl Wire {
    /// A workflow task; `requests` are the messages that it came with, which are its updates. A question that it
    /// is only asked has the key [`ONLY_QUERY`].
    ///
    /// # Errors
    ///
    /// When something that every task has is not there.
    pub fn workflow_task_in(
        &self,
        token: TaskToken,
        requests: &[Message],
        response: PollWorkflowTaskQueueResponse,
    ) -> Wired<WorkflowTask> {
        let mut queries = BTreeMap::new();
        let only = response.query.map(|query| (ONLY_QUERY.to_owned(), query));
        for (key, query) in response.queries.into_iter().chain(only) {
            let query = Query {
                name: id(&query.query_type)?,
                input: self.payloads_in(query.query_args)?,
            };
            queries.insert(key, query);
        }
        let mut updates = Vec::new();
        for message in requests {
            let request = request_of(message)?;
            let meta = request.meta.unwrap_or_default();
            let input = request.input.unwrap_or_default();
            updates.push(Update {
                update_id: id(&meta.update_id)?,
                name: id(&input.name)?,
                input: self.payloads_in(input.args)?,
                header: self.header_in(input.header)?,
                identity: optional_id(&meta.identity)?,
            });
        }
        Ok(WorkflowTask {
            token,
            execution: execution_in(response.workflow_execution)?,
            workflow_type: id(&type_name(response.workflow_type))?,
            previous_started_event_id: event_id(response.previous_started_event_id),
            started_event_id: event_id(response.started_event_id),
            attempt: attempt(response.attempt),
            events: EventReader::new(self).read(response.history)?,
            queries,
            updates,
        })
    }

    /// An activity task of a queue.
    ///
    /// # Errors
    ///
    /// When something that every task has is not there.
    pub fn activity_task_in(
        &self,
        token: TaskToken,
        task_queue: &str,
        response: PollActivityTaskQueueResponse,
    ) -> Wired<ActivityTask> {
        Ok(ActivityTask {
            token,
            namespace: id(&response.workflow_namespace)?,
            execution: execution_in(response.workflow_execution)?,
            workflow_type: id(&type_name(response.workflow_type))?,
            activity_id: id(&response.activity_id)?,
            activity_type: id(&response
                .activity_type
                .ok_or_else(|| lacks("activity type"))?
                .name)?,
            task_queue: id(task_queue)?,
            input: self.payloads_in(response.input)?,
            header: self.header_in(response.header)?,
            attempt: attempt(response.attempt),
            scheduled_time: time_in(response.scheduled_time),
            current_attempt_scheduled_time: time_in(response.current_attempt_scheduled_time),
            started_time: time_in(response.started_time),
            timeouts: activity_timeouts(
                response.schedule_to_close_timeout,
                None,
                response.start_to_close_timeout,
                response.heartbeat_timeout,
            ),
            retry_policy: retry_policy_in(response.retry_policy),
            heartbeat_details: self.payloads_in(response.heartbeat_details)?,
            priority: priority_in(response.priority),
        })
    }
}
