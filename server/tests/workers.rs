//! What workers of other processes are answered, asked with the clients of Temporal's messages.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use steadfast_server::ServeOptions;
use temporalio_protos::temporal::api::{
    command::v1::{
        Command, CompleteWorkflowExecutionCommandAttributes, ScheduleActivityTaskCommandAttributes,
        command::Attributes as CommandKind,
    },
    common::v1::{ActivityType, WorkflowExecution},
    enums::v1::EventType,
    history::v1::history_event::Attributes as EventKind,
    taskqueue::v1::TaskQueue,
    worker::v1::WorkerHeartbeat,
    workflowservice::v1 as proto,
};
use tonic::Code;

mod asking;

use asking::{namespace, serving, start};

fn queue() -> Option<TaskQueue> {
    Some(TaskQueue {
        name: "orders".to_owned(),
        ..TaskQueue::default()
    })
}

fn poll() -> proto::PollWorkflowTaskQueueRequest {
    proto::PollWorkflowTaskQueueRequest {
        namespace: namespace(),
        task_queue: queue(),
        identity: "elsewhere".to_owned(),
        worker_instance_key: "one".to_owned(),
        ..proto::PollWorkflowTaskQueueRequest::default()
    }
}

fn seconds(limit: Option<i64>) -> Option<prost_wkt_types::Duration> {
    limit.map(|seconds| prost_wkt_types::Duration { seconds, nanos: 0 })
}

fn completes(task_token: Vec<u8>) -> proto::RespondWorkflowTaskCompletedRequest {
    let complete = CompleteWorkflowExecutionCommandAttributes::default();
    proto::RespondWorkflowTaskCompletedRequest {
        namespace: namespace(),
        task_token,
        commands: vec![Command {
            attributes: Some(CommandKind::CompleteWorkflowExecutionCommandAttributes(
                complete,
            )),
            ..Command::default()
        }],
        ..proto::RespondWorkflowTaskCompletedRequest::default()
    }
}

#[tokio::test]
async fn a_task_is_given_once_and_answered_once() {
    let (_server, mut client) = serving(ServeOptions::default()).await;
    client.start_workflow_execution(start("a")).await.unwrap();
    let task = client.poll_workflow_task_queue(poll()).await.unwrap();
    let task = task.into_inner();
    assert_eq!(
        (task.previous_started_event_id, task.started_event_id),
        (0, 3)
    );
    let events = task.history.unwrap().events.into_iter();
    let types: Vec<_> = events.map(|event| event.event_type()).collect();
    assert_eq!(
        types,
        [
            EventType::WorkflowExecutionStarted,
            EventType::WorkflowTaskScheduled,
            EventType::WorkflowTaskStarted
        ]
    );
    let answer = completes(task.task_token);
    let first = client.respond_workflow_task_completed(answer.clone()).await;
    first.unwrap();
    let again = client
        .respond_workflow_task_completed(answer)
        .await
        .unwrap_err();
    assert_eq!(
        (again.code(), again.message()),
        (Code::NotFound, "Workflow task not found.")
    );
    let nonsense = client
        .respond_workflow_task_completed(completes(vec![1, 2]))
        .await;
    assert_eq!(nonsense.unwrap_err().code(), Code::InvalidArgument);
}

/// Workers of some languages refuse an activity that leaves a limit out; so what was not said is zero, or follows from what
/// was said. The numbers are those of a Temporal Service: from scheduling to the end, to the start, from the start to the end,
/// and between heartbeats.
#[tokio::test]
async fn an_activity_comes_with_all_its_limits() {
    let (_server, mut client) = serving(ServeOptions::default()).await;
    let none = None;
    for (run, given, expected) in [
        (none, [none, none, Some(5), none], [0, 0, 5, 0]),
        (none, [Some(9), none, Some(5), none], [9, 9, 5, 0]),
        (none, [Some(9), none, none, none], [9, 9, 9, 0]),
        (none, [Some(9), Some(7), none, none], [9, 7, 9, 0]),
        (none, [none, Some(7), Some(5), none], [0, 7, 5, 0]),
        (none, [none, none, Some(5), Some(30)], [0, 0, 5, 5]),
        (Some(20), [none, none, Some(50), none], [20, 20, 20, 0]),
        (
            Some(20),
            [Some(30), Some(40), Some(50), Some(3)],
            [20, 20, 20, 3],
        ),
    ] {
        let id = format!("{run:?} {given:?}");
        let mut request = start(&id);
        request.workflow_run_timeout = seconds(run);
        client.start_workflow_execution(request).await.unwrap();
        let task = client.poll_workflow_task_queue(poll()).await.unwrap();
        let [overall, begin, close, heartbeat] = given.map(seconds);
        let schedule = ScheduleActivityTaskCommandAttributes {
            activity_id: "1".to_owned(),
            activity_type: Some(ActivityType {
                name: "act".to_owned(),
            }),
            task_queue: queue(),
            schedule_to_close_timeout: overall,
            schedule_to_start_timeout: begin,
            start_to_close_timeout: close,
            heartbeat_timeout: heartbeat,
            ..ScheduleActivityTaskCommandAttributes::default()
        };
        let schedule = CommandKind::ScheduleActivityTaskCommandAttributes(schedule);
        let answer = proto::RespondWorkflowTaskCompletedRequest {
            namespace: namespace(),
            task_token: task.into_inner().task_token,
            commands: vec![Command {
                attributes: Some(schedule),
                ..Command::default()
            }],
            ..proto::RespondWorkflowTaskCompletedRequest::default()
        };
        client
            .respond_workflow_task_completed(answer)
            .await
            .unwrap();
        let asked = proto::PollActivityTaskQueueRequest {
            namespace: namespace(),
            task_queue: queue(),
            ..proto::PollActivityTaskQueueRequest::default()
        };
        let task = client.poll_activity_task_queue(asked).await.unwrap();
        let task = task.into_inner();
        let told = [
            task.schedule_to_close_timeout,
            task.start_to_close_timeout,
            task.heartbeat_timeout,
        ];
        let told = told.map(|limit| limit.expect(&id).seconds);
        let policy = task.retry_policy.unwrap();
        assert_eq!(policy.maximum_interval, seconds(Some(100)), "{id}");
        assert_eq!(told, [expected[0], expected[2], expected[3]], "{id}");
        let asked = proto::GetWorkflowExecutionHistoryRequest {
            namespace: namespace(),
            execution: task.workflow_execution,
            ..proto::GetWorkflowExecutionHistoryRequest::default()
        };
        let history = client.get_workflow_execution_history(asked).await.unwrap();
        let mut events = history.into_inner().history.unwrap().events.into_iter();
        let recorded = events.find_map(|event| match event.attributes {
            Some(EventKind::ActivityTaskScheduledEventAttributes(scheduled)) => Some([
                scheduled.schedule_to_close_timeout,
                scheduled.schedule_to_start_timeout,
                scheduled.start_to_close_timeout,
                scheduled.heartbeat_timeout,
            ]),
            _ => None,
        });
        let recorded = recorded
            .unwrap()
            .map(|limit| limit.unwrap_or_default().seconds);
        assert_eq!(recorded, expected, "{id}");
    }
}

/// A history that does not fit into the answer to a poll is read on where it ends, up to the start of the task, which is not
/// recorded yet.
#[tokio::test]
async fn a_long_history_comes_in_pages_up_to_the_task() {
    let (_server, mut client) = serving(ServeOptions::default()).await;
    client.start_workflow_execution(start("a")).await.unwrap();
    for _ in 0..2_100 {
        let signal = proto::SignalWorkflowExecutionRequest {
            namespace: namespace(),
            workflow_execution: Some(WorkflowExecution {
                workflow_id: "a".to_owned(),
                run_id: String::new(),
            }),
            signal_name: "go".to_owned(),
            ..proto::SignalWorkflowExecutionRequest::default()
        };
        client.signal_workflow_execution(signal).await.unwrap();
    }
    let task = client.poll_workflow_task_queue(poll()).await.unwrap();
    let mut task = task.into_inner();
    let mut events = task.history.take().unwrap().events;
    let mut pages = 1;
    while !task.next_page_token.is_empty() {
        let page =
            client.get_workflow_execution_history(proto::GetWorkflowExecutionHistoryRequest {
                namespace: namespace(),
                execution: task.workflow_execution.clone(),
                next_page_token: std::mem::take(&mut task.next_page_token),
                ..proto::GetWorkflowExecutionHistoryRequest::default()
            });
        let page = page.await.unwrap().into_inner();
        events.extend(page.history.unwrap().events);
        task.next_page_token = page.next_page_token;
        pages += 1;
    }
    assert_eq!(pages, 3);
    let ids: Vec<_> = events.iter().map(|event| event.event_id).collect();
    assert_eq!(ids, (1..=task.started_event_id).collect::<Vec<_>>());
    assert_eq!(
        events.last().unwrap().event_type(),
        EventType::WorkflowTaskStarted
    );
    let answered = client.respond_workflow_task_completed(completes(task.task_token));
    answered.await.unwrap();
}

#[tokio::test]
async fn a_poll_in_vain_is_answered_with_nothing() {
    let moment = Duration::from_millis(50);
    let (_server, mut client) = serving(ServeOptions::default().long_poll(moment)).await;
    let polled = client.poll_workflow_task_queue(poll()).await.unwrap();
    assert!(polled.into_inner().task_token.is_empty());
}

#[tokio::test]
async fn a_worker_that_shuts_down_has_its_polls_answered_and_is_listed_as_it_said() {
    let (_server, client) = serving(ServeOptions::default()).await;
    let mut polling = client.clone();
    let open = tokio::spawn(async move { polling.poll_workflow_task_queue(poll()).await });
    let mut client = client;
    let queue = proto::DescribeTaskQueueRequest {
        namespace: namespace(),
        task_queue: queue(),
        task_queue_type: 1,
        ..proto::DescribeTaskQueueRequest::default()
    };
    loop {
        let described = client.describe_task_queue(queue.clone()).await.unwrap();
        let pollers = described.into_inner().pollers;
        if pollers.iter().any(|poller| poller.identity == "elsewhere") {
            break;
        }
    }
    let heartbeat = WorkerHeartbeat {
        worker_instance_key: "one".to_owned(),
        worker_identity: "elsewhere".to_owned(),
        ..WorkerHeartbeat::default()
    };
    let shutdown = proto::ShutdownWorkerRequest {
        namespace: namespace(),
        worker_instance_key: "one".to_owned(),
        worker_heartbeat: Some(heartbeat),
        ..proto::ShutdownWorkerRequest::default()
    };
    client.shutdown_worker(shutdown).await.unwrap();
    let polled = open.await.unwrap().unwrap().into_inner();
    assert!(polled.task_token.is_empty());
    let all = proto::ListWorkersRequest {
        namespace: namespace(),
        query: "WorkerIdentity=\"elsewhere\"".to_owned(),
        ..proto::ListWorkersRequest::default()
    };
    let listed = client.list_workers(all).await.unwrap().into_inner().workers;
    let listed: Vec<_> = listed
        .iter()
        .map(|it| it.worker_identity.as_str())
        .collect();
    assert_eq!(listed, ["elsewhere"]);
    let none = proto::CountWorkersRequest {
        namespace: namespace(),
        query: "TaskQueue=\"others\"".to_owned(),
        ..proto::CountWorkersRequest::default()
    };
    let counted = client.count_workers(none).await.unwrap();
    assert_eq!(counted.into_inner().count, 0);
}

#[tokio::test]
async fn a_server_that_is_read_only_gives_no_tasks() {
    let (_server, mut client) = serving(ServeOptions::default().read_only()).await;
    let refused = client.poll_workflow_task_queue(poll()).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let refused = client
        .respond_workflow_task_completed(completes(vec![1]))
        .await;
    assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied);
}
