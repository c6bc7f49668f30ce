//! Where executions stand, as a service tells it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use steadfast_core::{
    event::{EventKind, ExecutionStatus, HistoryEvent, WorkflowExecutionStarted},
    failure::Failure,
    ids::{EventId, RunId, WorkflowExecution, WorkflowId, WorkflowType},
    options::{ActivityTimeouts, ParentClosePolicy, Priority, WorkflowTimeouts},
    payload::{Payload, PayloadMap, UserMetadata},
    retry::RetryPolicy,
    time::Timestamp,
};
use steadfast_engine::{
    PendingActivity, PendingActivityState, PendingChild, PendingWorkflowTask, WorkflowDescription,
};
use steadfast_wire::{Home, Wire, pending_child_in, pending_child_out};
use temporalio_protos::temporal::api::{
    common::v1 as common,
    enums::v1::{PendingWorkflowTaskState, WorkflowExecutionStatus},
};

fn home() -> Home {
    Home {
        namespace: "default".to_owned(),
        namespace_id: "12".to_owned(),
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_nanos(seconds * 1_000_000_000)
}

fn seconds(seconds: u64) -> Option<Duration> {
    Some(Duration::from_secs(seconds))
}

fn execution(workflow_id: &str, run_id: &str) -> WorkflowExecution {
    WorkflowExecution {
        workflow_id: WorkflowId::new(workflow_id).unwrap(),
        run_id: RunId::new(run_id).unwrap(),
    }
}

/// As typed search attributes are sent.
fn keyword() -> Payload {
    let mut keyword = Payload::json(&b"\"acme\""[..]);
    keyword
        .metadata
        .insert("type".to_owned(), b"Keyword"[..].into());
    keyword
}

fn description(status: ExecutionStatus) -> WorkflowDescription {
    WorkflowDescription {
        execution: execution("order", "second"),
        workflow_type: WorkflowType::new("Order").unwrap(),
        task_queue: "shop".try_into().unwrap(),
        status,
        start_time: at(100),
        execution_time: at(120),
        close_time: (status != ExecutionStatus::Running).then(|| at(160)),
        history_length: 11,
        history_size_bytes: 1_234,
        parent: None,
        root: None,
        first_execution_run_id: RunId::new("first").unwrap(),
        reset_run_id: None,
        cancel_requested: false,
        memo: [("note".to_owned(), Payload::json(&b"1"[..]))].into(),
        search_attributes: [("Customer".to_owned(), keyword())].into(),
        user_metadata: UserMetadata::of(Some(Payload::json(&b"\"shoes\""[..])), None),
        priority: Some(Box::new(Priority {
            priority_key: 2,
            fairness_key: "ada".to_owned(),
            fairness_weight: 0.5,
        })),
        pending_workflow_task: None,
        pending_activities: Vec::new(),
        pending_timers: Vec::new(),
        pending_children: Vec::new(),
    }
}

/// The first event of a run that began to execute 20 seconds after its start.
fn first() -> HistoryEvent {
    let run = RunId::new("second").unwrap();
    let kind = EventKind::WorkflowExecutionStarted(Box::new(WorkflowExecutionStarted {
        workflow_id: WorkflowId::new("order").unwrap(),
        workflow_type: WorkflowType::new("Order").unwrap(),
        task_queue: "shop".try_into().unwrap(),
        input: Vec::new(),
        header: PayloadMap::new(),
        timeouts: WorkflowTimeouts {
            execution_timeout: seconds(1_000),
            run_timeout: seconds(500),
            task_timeout: None,
        },
        identity: None,
        original_execution_run_id: run.clone(),
        first_execution_run_id: run,
        continued_execution_run_id: None,
        initiator: None,
        continued_failure: None,
        last_completion_result: None,
        parent: None,
        root: Some(execution("shop", "root")),
        retry_policy: None,
        attempt: 1,
        execution_expiration_time: Some(at(600)),
        first_workflow_task_backoff: Duration::from_secs(20),
        memo: PayloadMap::new(),
        search_attributes: PayloadMap::new(),
        user_metadata: None,
        priority: None,
        cron_schedule: None,
    }));
    HistoryEvent::new(EventId(1), at(90), kind)
}

#[test]
fn what_is_told_of_an_execution_comes_back_as_it_was() {
    let wire = Wire::default();
    for (status, number) in [
        (ExecutionStatus::Running, WorkflowExecutionStatus::Running),
        (
            ExecutionStatus::Completed,
            WorkflowExecutionStatus::Completed,
        ),
        (ExecutionStatus::Failed, WorkflowExecutionStatus::Failed),
        (
            ExecutionStatus::Cancelled,
            WorkflowExecutionStatus::Canceled,
        ),
        (
            ExecutionStatus::Terminated,
            WorkflowExecutionStatus::Terminated,
        ),
        (
            ExecutionStatus::ContinuedAsNew,
            WorkflowExecutionStatus::ContinuedAsNew,
        ),
        (ExecutionStatus::TimedOut, WorkflowExecutionStatus::TimedOut),
    ] {
        for parent in [None, Some(execution("shop", "root"))] {
            let mut described = description(status);
            described.root.clone_from(&parent);
            described.parent = parent;
            // A list does not tell them.
            described.user_metadata = None;
            let info = wire.info_out(described.clone(), &home()).unwrap();
            assert_eq!(info.status(), number);
            let again = wire.description_in(info).unwrap();
            assert_eq!(format!("{again:?}"), format!("{described:?}"));
            // What is in a value is not shown.
            assert_eq!(again.memo, described.memo);
            assert_eq!(again.search_attributes, described.search_attributes);
        }
    }
}

#[test]
fn an_execution_has_all_that_a_list_of_a_service_has() {
    let wire = Wire::default();
    let closed = description(ExecutionStatus::Completed);
    let info = wire.info_out(closed, &home()).unwrap();
    assert_eq!(info.execution_time.unwrap().seconds, 120);
    assert_eq!(info.execution_duration.unwrap().seconds, 40);
    assert_eq!(info.root_execution, info.execution);
    assert_eq!(info.first_run_id, "first");
    assert_eq!(info.parent_namespace_id, "");
    let attributes = info.search_attributes.unwrap().indexed_fields;
    assert_eq!(attributes["Customer"].metadata["type"], b"Keyword");

    let mut child = description(ExecutionStatus::Running);
    child.parent = Some(execution("shop", "parent"));
    child.root = Some(execution("shop", "root"));
    child.memo.clear();
    let info = wire.info_out(child, &home()).unwrap();
    assert_eq!(info.parent_namespace_id, "12");
    assert_eq!(info.root_execution.unwrap().run_id, "root");
    assert_eq!(info.close_time, None);
    assert_eq!(info.execution_duration, None);
    assert_eq!(info.memo, Some(common::Memo::default()));
}

#[test]
fn the_first_event_says_what_limits_a_run() {
    let described = Wire::default()
        .describe_out(
            description(ExecutionStatus::Failed),
            Some(&first()),
            &home(),
        )
        .unwrap();
    let config = described.execution_config.unwrap();
    assert_eq!(config.task_queue.unwrap().name, "shop");
    assert_eq!(config.workflow_execution_timeout.unwrap().seconds, 1_000);
    assert_eq!(config.workflow_run_timeout.unwrap().seconds, 500);
    assert_eq!(config.default_workflow_task_timeout.unwrap().seconds, 10);
    let words = config.user_metadata.unwrap();
    assert_eq!(words.summary.unwrap().data, b"\"shoes\"");
    assert_eq!(words.details, None);

    let extended = described.workflow_extended_info.unwrap();
    assert_eq!(extended.original_start_time.unwrap().seconds, 90);
    assert_eq!(extended.execution_expiration_time.unwrap().seconds, 600);
    assert_eq!(
        extended.run_expiration_time.unwrap().seconds,
        600,
        "a run ends with its execution at the latest"
    );
}

#[test]
fn what_is_open_is_told_with_the_execution() {
    let mut open = description(ExecutionStatus::Running);
    open.cancel_requested = true;
    open.reset_run_id = Some(RunId::new("third").unwrap());
    open.pending_activities = activities();
    open.pending_children = children();
    let pending = (
        open.pending_activities.clone(),
        open.pending_children.clone(),
    );
    open.pending_workflow_task = Some(PendingWorkflowTask {
        attempt: 3,
        scheduled_time: at(110),
        started_time: Some(at(111)),
        next_attempt_time: None,
        worker: None,
        last_failure: None,
    });
    let wire = Wire::default();
    let described = wire.describe_out(open, None, &home()).unwrap();

    let extended = described.workflow_extended_info.unwrap();
    assert!(extended.cancel_requested);
    assert_eq!(extended.reset_run_id, "third");

    let task = described.pending_workflow_task.unwrap();
    assert_eq!(task.state(), PendingWorkflowTaskState::Started);
    assert_eq!(task.attempt, 3);
    assert_eq!(task.scheduled_time.unwrap().seconds, 110);
    assert_eq!(task.started_time.unwrap().seconds, 111);

    let told = described.pending_activities.into_iter();
    let told: Vec<PendingActivity> = told
        .map(|activity| wire.pending_activity_in(activity).unwrap())
        .collect();
    assert_eq!(format!("{told:?}"), format!("{:?}", pending.0));
    let told = described.pending_children.iter().map(pending_child_in);
    let told: Vec<PendingChild> = told.map(Result::unwrap).collect();
    assert_eq!(format!("{told:?}"), format!("{:?}", pending.1));
}

#[test]
fn a_task_that_waits_for_a_worker_has_not_started() {
    let mut waiting = description(ExecutionStatus::Running);
    waiting.pending_workflow_task = Some(PendingWorkflowTask {
        attempt: 1,
        scheduled_time: at(110),
        started_time: None,
        next_attempt_time: None,
        worker: None,
        last_failure: None,
    });
    let described = Wire::default()
        .describe_out(waiting, None, &home())
        .unwrap();
    let task = described.pending_workflow_task.unwrap();
    assert_eq!(task.state(), PendingWorkflowTaskState::Scheduled);
    assert_eq!(task.started_time, None);
}

#[test]
fn a_child_is_told_with_its_policy() {
    for child in children() {
        let told = pending_child_in(&pending_child_out(&child)).unwrap();
        assert_eq!(told.parent_close_policy, child.parent_close_policy);
    }
}

fn activities() -> Vec<PendingActivity> {
    [
        PendingActivityState::Scheduled,
        PendingActivityState::Started,
        PendingActivityState::CancelRequested,
    ]
    .map(|state| PendingActivity {
        activity_id: "5".try_into().unwrap(),
        activity_type: "charge".try_into().unwrap(),
        state,
        attempt: 2,
        maximum_attempts: 5,
        task_queue: Some("shop".try_into().unwrap()),
        timeouts: ActivityTimeouts {
            start_to_close_timeout: seconds(60),
            heartbeat_timeout: seconds(2),
            ..ActivityTimeouts::default()
        },
        retry_policy: Some(RetryPolicy {
            maximum_attempts: 5,
            ..RetryPolicy::default()
        }),
        retry_interval: seconds(7),
        last_attempt_complete_time: Some(at(123)),
        scheduled_time: Some(at(120)),
        next_attempt_time: (state == PendingActivityState::Scheduled).then(|| at(130)),
        last_started_time: Some(at(121)),
        last_worker: Some("worker".try_into().unwrap()),
        last_heartbeat_time: Some(at(122)),
        heartbeat_details: vec![Payload::json(&b"7"[..])],
        last_failure: Some(Failure::application("declined", "Declined")),
    })
    .into()
}

fn children() -> Vec<PendingChild> {
    [
        ParentClosePolicy::Terminate,
        ParentClosePolicy::Abandon,
        ParentClosePolicy::RequestCancel,
    ]
    .map(|parent_close_policy| PendingChild {
        workflow_id: WorkflowId::new("parcel").unwrap(),
        run_id: (parent_close_policy != ParentClosePolicy::Abandon)
            .then(|| RunId::new("run").unwrap()),
        workflow_type: WorkflowType::new("Parcel").unwrap(),
        initiated_event_id: EventId(9),
        parent_close_policy,
    })
    .into()
}
