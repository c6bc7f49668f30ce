//! What workers are given and what they answer goes out and comes in as it was: the two halves of the protocol are each
//! other's inverse.

use std::{collections::BTreeMap, sync::Arc};

use proptest::prelude::*;
use steadfast_core::{
    command::Command,
    event::{EventKind, WorkflowTaskFailedCause},
    ids::EventId,
    options::ActivityTimeouts,
    payload::Bytes,
    retry::RetryPolicy,
    task::{ActivityTask, Query, TaskToken, Update, WorkflowTask},
};
use temporalio_protos::temporal::api::{
    command::v1 as proto,
    protocol::v1::Message,
    workflowservice::v1::{PollActivityTaskQueueResponse, PollWorkflowTaskQueueResponse},
};

use crate::{
    Home, ONLY_QUERY, OwnRun,
    events::tests_out::parts::{Parts, parts},
    failure::tests::Reverse,
    values::Wire,
};

/// A policy that a worker may send.
fn sent(policy: &Option<RetryPolicy>) -> Option<RetryPolicy> {
    policy.clone()?.validated().ok()
}

/// The command that an event answers.
fn command_of(kind: EventKind) -> Option<Command> {
    Some(match kind {
        EventKind::ActivityTaskScheduled { activity, .. } => {
            let mut activity = Arc::unwrap_or_clone(activity);
            activity.retry_policy = sent(&activity.retry_policy);
            Command::ScheduleActivityTask(Box::new(activity))
        }
        EventKind::ActivityTaskCancelRequested {
            scheduled_event_id, ..
        } => Command::RequestCancelActivityTask { scheduled_event_id },
        EventKind::TimerStarted {
            timer_id,
            start_to_fire_timeout,
            user_metadata,
            ..
        } => Command::StartTimer {
            timer_id,
            start_to_fire_timeout,
            user_metadata,
        },
        EventKind::TimerCanceled { timer_id, .. } => Command::CancelTimer { timer_id },
        EventKind::StartChildWorkflowExecutionInitiated { mut child, .. } => {
            child.retry_policy = sent(&child.retry_policy);
            Command::StartChildWorkflowExecution(child)
        }
        EventKind::RequestCancelExternalWorkflowExecutionInitiated { cancel, .. } => {
            Command::RequestCancelExternalWorkflowExecution(cancel)
        }
        EventKind::SignalExternalWorkflowExecutionInitiated { signal, .. } => {
            Command::SignalExternalWorkflowExecution(signal)
        }
        EventKind::MarkerRecorded { marker, .. } => Command::RecordMarker(marker),
        EventKind::UpsertWorkflowSearchAttributes {
            search_attributes, ..
        } => Command::UpsertWorkflowSearchAttributes { search_attributes },
        EventKind::WorkflowPropertiesModified { upserted_memo, .. } => {
            Command::ModifyWorkflowProperties { upserted_memo }
        }
        EventKind::WorkflowExecutionUpdateAccepted {
            update_id,
            name,
            input,
            ..
        } => Command::AcceptUpdate {
            update_id,
            name,
            input,
        },
        EventKind::WorkflowExecutionUpdateCompleted {
            update_id, outcome, ..
        } => Command::CompleteUpdate {
            update_id,
            outcome: *outcome,
        },
        EventKind::WorkflowExecutionCompleted { result, .. } => {
            Command::CompleteWorkflowExecution { result }
        }
        EventKind::WorkflowExecutionFailed { failure, .. } => {
            Command::FailWorkflowExecution { failure }
        }
        EventKind::WorkflowExecutionCanceled { details, .. } => {
            Command::CancelWorkflowExecution { details }
        }
        EventKind::WorkflowExecutionContinuedAsNew { mut next, .. } => {
            // Nothing to pass on is not said.
            next.memo = next.memo.filter(|memo| !memo.is_empty());
            next.search_attributes = next.search_attributes.filter(|map| !map.is_empty());
            Command::ContinueAsNewWorkflowExecution(next)
        }
        _ => return None,
    })
}

fn commands(parts: &Parts) -> Vec<Command> {
    let mut commands: Vec<_> = parts.kinds().into_iter().filter_map(command_of).collect();
    commands.insert(
        0,
        Command::RejectUpdate {
            update_id: parts.named(),
            failure: parts.failure.clone(),
        },
    );
    commands
}

fn task(parts: &Parts) -> WorkflowTask {
    let started = EventId(u64::from(parts.number));
    let scheduled = parts.kinds().into_iter().filter(|kind| {
        matches!(
            kind,
            EventKind::WorkflowTaskScheduled { .. } | EventKind::WorkflowTaskStarted { .. }
        )
    });
    let query = Query {
        name: parts.named(),
        input: parts.payloads.clone(),
    };
    WorkflowTask {
        token: TaskToken(Bytes::from(vec![7])),
        execution: parts.execution.clone(),
        workflow_type: parts.named(),
        previous_started_event_id: parts.ids[0],
        started_event_id: started,
        attempt: parts.number,
        events: scheduled.map(|kind| parts.event(kind)).collect(),
        queries: BTreeMap::from([("a".to_owned(), query.clone()), ("b".to_owned(), query)]),
        updates: vec![Update {
            update_id: parts.named(),
            name: parts.named(),
            input: parts.payloads.clone(),
            header: parts.map.clone(),
            identity: parts.identity.clone(),
        }],
    }
}

fn own() -> OwnRun {
    OwnRun {
        workflow_type: "Own".to_owned(),
        task_queue: "own".to_owned(),
    }
}

/// Over the network.
fn sent_over<T: prost::Message + Default>(message: &T) -> T {
    T::decode(message.encode_to_vec().as_slice()).unwrap()
}

/// A task goes out and comes in.
fn given(wire: &Wire, task: &WorkflowTask) -> (WorkflowTask, Vec<Message>) {
    let out = wire
        .workflow_task_out(task.clone(), &Home::default())
        .unwrap();
    let out: PollWorkflowTaskQueueResponse = sent_over(&out);
    let messages = out.messages.clone();
    let task = wire.workflow_task_in(task.token.clone(), &messages, out);
    (task.unwrap(), messages)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn commands_of_every_kind_come_in_as_they_went(parts in parts(), codec: bool) {
        let wire = if codec {
            Wire { codec: Some(Arc::new(Reverse)), encode_failures: true, verbatim: false }
        } else {
            Wire::default()
        };
        let (_, requests) = given(&wire, &task(&parts));
        let commands = commands(&parts);
        let out = wire.answer_out(commands.clone(), &requests).unwrap();
        let sent: Vec<proto::Command> = out.commands.iter().map(sent_over).collect();
        let messages: Vec<Message> = out.messages.iter().map(sent_over).collect();
        let came = wire.answer_in(sent, messages, &own()).unwrap();
        let names: std::collections::BTreeSet<_> = commands.iter().map(Command::name).collect();
        prop_assert_eq!(came.commands, commands);
        prop_assert_eq!(names.len(), 17, "all kinds of commands");
    }

    #[test]
    fn workflow_tasks_come_in_as_they_went(parts in parts()) {
        let mut task = task(&parts);
        for only_a_question in [false, true] {
            if only_a_question {
                task.started_event_id = EventId::NONE;
                task.updates.clear();
                let query = task.queries.pop_first().unwrap().1;
                task.queries = BTreeMap::from([(ONLY_QUERY.to_owned(), query)]);
            }
            let (came, _) = given(&Wire::default(), &task);
            prop_assert_eq!(format!("{came:?}"), format!("{task:?}"));
        }
    }

    #[test]
    fn activity_tasks_come_in_as_they_went(parts in parts()) {
        let [schedule_to_close_timeout, start_to_close_timeout, heartbeat_timeout, _] = parts.limits;
        let task = ActivityTask {
            token: TaskToken(Bytes::from(vec![7])),
            namespace: parts.named(),
            execution: parts.execution.clone(),
            workflow_type: parts.named(),
            activity_id: parts.named(),
            activity_type: parts.named(),
            task_queue: parts.named(),
            input: parts.payloads.clone(),
            header: parts.map.clone(),
            attempt: parts.number,
            scheduled_time: parts.time,
            current_attempt_scheduled_time: parts.time,
            started_time: parts.time,
            timeouts: ActivityTimeouts {
                schedule_to_close_timeout,
                schedule_to_start_timeout: None,
                start_to_close_timeout,
                heartbeat_timeout,
            },
            retry_policy: parts.policy.clone(),
            heartbeat_details: parts.payloads,
            priority: None,
        };
        let out = Wire::default().activity_task_out(task.clone()).unwrap();
        let out: PollActivityTaskQueueResponse = sent_over(&out);
        let queue = task.task_queue.as_str();
        let came = Wire::default().activity_task_in(task.token.clone(), queue, out).unwrap();
        prop_assert_eq!(format!("{came:?}"), format!("{task:?}"));
    }
}

/// Nothing is taken over half: the task fails with the cause that says which command was wrong.
#[test]
fn a_command_that_lacks_something_says_which_kind_it_is() {
    let wire = Wire::default();
    let timer = proto::Command {
        attributes: Some(proto::command::Attributes::StartTimerCommandAttributes(
            proto::StartTimerCommandAttributes::default(),
        )),
        ..proto::Command::default()
    };
    let refused = wire.answer_in(vec![timer], Vec::new(), &own()).unwrap_err();
    assert_eq!(
        refused.cause,
        WorkflowTaskFailedCause::BadStartTimerAttributes
    );
    assert!(
        refused.message.starts_with("BadStartTimerAttributes: "),
        "{}",
        refused.message
    );
    let message = Message {
        id: "u/accept".to_owned(),
        protocol_instance_id: "u".to_owned(),
        ..Message::default()
    };
    let refused = wire
        .answer_in(Vec::new(), vec![message], &own())
        .unwrap_err();
    assert_eq!(
        refused.cause,
        WorkflowTaskFailedCause::BadUpdateWorkflowExecutionMessage
    );
}

/// As the SDKs that share a core leave them out.
#[test]
fn the_next_run_and_a_child_are_as_the_run_that_asks_for_them() {
    use proto::command::Attributes as A;
    let continued = A::ContinueAsNewWorkflowExecutionCommandAttributes(
        proto::ContinueAsNewWorkflowExecutionCommandAttributes::default(),
    );
    let child = A::StartChildWorkflowExecutionCommandAttributes(
        proto::StartChildWorkflowExecutionCommandAttributes {
            workflow_id: "child".to_owned(),
            workflow_type: crate::values::workflow_type("Child"),
            ..Default::default()
        },
    );
    let commands = [child, continued].map(|attributes| proto::Command {
        attributes: Some(attributes),
        ..proto::Command::default()
    });
    let commands = Wire::default().answer_in(commands.into(), Vec::new(), &own());
    let commands = commands.unwrap();
    let [
        Command::StartChildWorkflowExecution(child),
        Command::ContinueAsNewWorkflowExecution(next),
    ] = commands.commands.as_slice()
    else {
        panic!("they are other commands");
    };
    assert_eq!(child.task_queue.as_str(), "own");
    assert_eq!(
        (next.workflow_type.as_str(), next.task_queue.as_str()),
        ("Own", "own")
    );
}
