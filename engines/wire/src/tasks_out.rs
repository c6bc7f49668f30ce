//! The tasks of workers as a service gives them.

use std::time::Duration;

use prost_wkt_types::Duration as ProtoDuration;
use steadfast_core::{
    event::{EventKind, HistoryEvent},
    ids::{EventId, UpdateId},
    task::{ActivityTask, Query, Update, WorkflowTask},
    time::Timestamp,
};
use temporalio_protos::temporal::api::{
    common::v1::ActivityType,
    history::v1::History,
    protocol::v1::{Message, message::SequencingId},
    query::v1::WorkflowQuery,
    update::v1 as update,
    workflowservice::v1::{PollActivityTaskQueueResponse, PollWorkflowTaskQueueResponse},
};

use crate::{
    commands::any,
    events::Home,
    values::{
        Wire, Wired, attempt_out, event_id_out, execution_out, priority_out, recorded_policy_out,
        text, time_out, timeout_out, workflow_type,
    },
};

impl Wire {
    /// A workflow task. One that is only a question has the key [`ONLY_QUERY`](crate::ONLY_QUERY) in no message: the
    /// question is the task's own.
    ///
    /// # Errors
    ///
    /// When the codec refuses a value.
    pub fn workflow_task_out(
        &self,
        task: WorkflowTask,
        home: &Home,
    ) -> Wired<PollWorkflowTaskQueueResponse> {
        let started = time_of(&task.events, task.started_event_id);
        let scheduled = task.events.iter().rev().find_map(|event| match event.kind {
            EventKind::WorkflowTaskScheduled { .. } => Some(event.event_time),
            _ => None,
        });
        let started_event_id = task.started_event_id;
        let mut messages = Vec::new();
        for update in task.updates {
            // A worker takes one that an event admits from the event, and hangs when it comes twice.
            if !is_admitted(&task.events, &update.update_id) {
                messages.push(self.update_request_out(update, started_event_id)?);
            }
        }
        let mut response = PollWorkflowTaskQueueResponse {
            task_token: task.token.0.as_slice().to_vec(),
            workflow_execution: execution_out(
                &task.execution.workflow_id,
                Some(&task.execution.run_id),
            ),
            workflow_type: workflow_type(task.workflow_type),
            previous_started_event_id: event_id_out(task.previous_started_event_id),
            started_event_id: event_id_out(started_event_id),
            attempt: attempt_out(task.attempt),
            history: Some(self.history_out(task.events, home)?),
            scheduled_time: scheduled.map(time_out),
            started_time: started.map(time_out),
            messages,
            ..PollWorkflowTaskQueueResponse::default()
        };
        for (key, query) in task.queries {
            let query = self.query_out(query)?;
            if started_event_id.is_some() {
                response.queries.insert(key, query);
            } else {
                response.query = Some(query);
            }
        }
        Ok(response)
    }

    /// Some events of a history.
    ///
    /// # Errors
    ///
    /// When the codec refuses a value.
    pub fn history_out(&self, events: Vec<HistoryEvent>, home: &Home) -> Wired<History> {
        let events = events.into_iter().map(|event| self.event_out(event, home));
        Ok(History {
            events: events.collect::<Wired<_>>()?,
        })
    }

    fn query_out(&self, query: Query) -> Wired<WorkflowQuery> {
        Ok(WorkflowQuery {
            query_type: text(Some(query.name)),
            query_args: self.payloads_out(query.input)?,
            header: None,
        })
    }

    /// What asks for an update. It takes effect after all that was there before the task started.
    fn update_request_out(&self, update: Update, started: EventId) -> Wired<Message> {
        let update_id = update.update_id.as_str().to_owned();
        let request = update::Request {
            meta: Some(update::Meta {
                update_id: update_id.clone(),
                identity: text(update.identity),
            }),
            input: Some(update::Input {
                header: self.header_out(update.header)?,
                name: text(Some(update.name)),
                args: self.payloads_out(update.input)?,
            }),
            ..update::Request::default()
        };
        Ok(Message {
            id: format!("{update_id}/request"),
            protocol_instance_id: update_id,
            body: Some(any("Request", &request)),
            sequencing_id: Some(SequencingId::EventId(event_id_out(started) - 1)),
        })
    }

    /// An activity task.
    ///
    /// # Errors
    ///
    /// When the codec refuses a value.
    pub fn activity_task_out(&self, task: ActivityTask) -> Wired<PollActivityTaskQueueResponse> {
        Ok(PollActivityTaskQueueResponse {
            task_token: task.token.0.as_slice().to_vec(),
            workflow_namespace: text(Some(task.namespace)),
            workflow_type: workflow_type(task.workflow_type),
            workflow_execution: execution_out(
                &task.execution.workflow_id,
                Some(&task.execution.run_id),
            ),
            activity_type: Some(ActivityType {
                name: text(Some(task.activity_type)),
            }),
            activity_id: text(Some(task.activity_id)),
            header: self.header_out(task.header)?,
            input: self.payloads_out(task.input)?,
            heartbeat_details: self.payloads_out(task.heartbeat_details)?,
            scheduled_time: Some(time_out(task.scheduled_time)),
            current_attempt_scheduled_time: Some(time_out(task.current_attempt_scheduled_time)),
            started_time: Some(time_out(task.started_time)),
            attempt: attempt_out(task.attempt),
            schedule_to_close_timeout: said(task.timeouts.schedule_to_close_timeout),
            start_to_close_timeout: said(task.timeouts.start_to_close_timeout),
            heartbeat_timeout: said(task.timeouts.heartbeat_timeout),
            retry_policy: task.retry_policy.map(recorded_policy_out),
            priority: priority_out(task.priority),
            ..PollActivityTaskQueueResponse::default()
        })
    }
}

/// A limit; that there is none is said too, because some workers refuse a task that leaves it out.
fn said(limit: Option<Duration>) -> Option<ProtoDuration> {
    Some(timeout_out(limit).unwrap_or_default())
}

/// Whether the events of a task have what admits an update.
fn is_admitted(events: &[HistoryEvent], id: &UpdateId) -> bool {
    events.iter().any(|event| match &event.kind {
        EventKind::WorkflowExecutionUpdateAdmitted { update_id, .. } => update_id == id,
        _ => false,
    })
}

fn time_of(events: &[HistoryEvent], id: EventId) -> Option<Timestamp> {
    let event = events.iter().rev().find(|event| event.event_id == id)?;
    Some(event.event_time)
}
