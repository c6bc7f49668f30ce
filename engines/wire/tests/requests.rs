//! What clients ask of a service, and what it refuses in the words of Temporal Server 1.32.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use prost_wkt_types::Duration as ProtoDuration;
use steadfast_core::{
    failure::{Failure, FailureKind},
    ids::EventId,
    options::{WorkflowIdConflictPolicy, WorkflowIdReusePolicy},
    payload::{Payload, UserMetadata},
    task::ActivityOutcome,
};
use steadfast_engine::{EngineError, ExecutionRef, UpdateStage};
use steadfast_wire::{
    Wire, Wired,
    requests::{NOBODY, UpdateWithStart, cancel_in, delete_in, poll_update_in, reset_in},
    values::{normal_queue, workflow_type},
};
use temporalio_protos::temporal::api::{
    common::v1 as common,
    enums::v1::{
        ResetReapplyExcludeType, ResetReapplyType, UpdateWorkflowExecutionLifecycleStage as Stage,
        WorkflowIdConflictPolicy as Conflict,
    },
    query::v1::WorkflowQuery,
    sdk::v1 as sdk,
    update::v1 as update,
    workflowservice::v1::{
        self as proto,
        execute_multi_operation_request::{self, operation::Operation},
    },
};

fn new_id() -> String {
    "new".to_owned()
}

fn json(text: &str) -> Payload {
    Payload::json(text.as_bytes())
}

fn payloads(text: &str) -> Option<common::Payloads> {
    Wire::default().single_out(Some(json(text))).unwrap()
}

fn execution(workflow_id: &str, run_id: &str) -> Option<common::WorkflowExecution> {
    Some(common::WorkflowExecution {
        workflow_id: workflow_id.to_owned(),
        run_id: run_id.to_owned(),
    })
}

fn of(seconds: i64, nanos: i32) -> Option<ProtoDuration> {
    Some(ProtoDuration { seconds, nanos })
}

/// The text of a refusal.
fn refused<T>(answer: Wired<T>) -> String {
    match answer {
        Err(EngineError::InvalidArgument { message }) => message,
        Err(other) => panic!("it is refused otherwise: {other:?}"),
        Ok(_) => panic!("it is not refused"),
    }
}

fn unsupported<T>(answer: &Wired<T>) {
    assert!(matches!(answer, Err(EngineError::Unsupported { .. })));
}

fn start() -> proto::StartWorkflowExecutionRequest {
    proto::StartWorkflowExecutionRequest {
        namespace: "default".to_owned(),
        workflow_id: "order".to_owned(),
        workflow_type: workflow_type("Order"),
        task_queue: normal_queue("shop"),
        input: payloads("1"),
        workflow_run_timeout: of(60, 0),
        workflow_start_delay: of(5, 0),
        identity: "clerk".to_owned(),
        request_id: "r".to_owned(),
        memo: Some(common::Memo {
            fields: [("note".to_owned(), Default::default())].into(),
        }),
        user_metadata: words("bells"),
        ..Default::default()
    }
}

fn words(summary: &str) -> Option<sdk::UserMetadata> {
    let words = UserMetadata::of(Some(json(summary)), None);
    Wire::default()
        .user_metadata_out(words.map(|words| *words))
        .unwrap()
}

fn signal_with_start() -> proto::SignalWithStartWorkflowExecutionRequest {
    proto::SignalWithStartWorkflowExecutionRequest {
        workflow_id: "order".to_owned(),
        workflow_type: workflow_type("Order"),
        task_queue: normal_queue("shop"),
        signal_name: "add".to_owned(),
        signal_input: payloads("2"),
        user_metadata: words("balls"),
        ..Default::default()
    }
}

#[test]
fn a_start_is_read_with_all_that_an_engine_takes() {
    let request = Wire::default().start_in(start(), new_id).unwrap();
    assert_eq!(request.workflow_id.as_str(), "order");
    assert_eq!(request.workflow_type.as_str(), "Order");
    assert_eq!(request.task_queue.as_str(), "shop");
    assert_eq!(request.input, [json("1")]);
    assert_eq!(request.timeouts.execution_timeout, None);
    assert_eq!(request.timeouts.run_timeout, Some(Duration::from_secs(60)));
    assert_eq!(request.start_delay, Duration::from_secs(5));
    assert_eq!(request.identity.as_str(), "clerk");
    assert_eq!(request.request_id.as_str(), "r");
    assert_eq!(
        request.id_reuse_policy,
        WorkflowIdReusePolicy::AllowDuplicate
    );
    assert_eq!(request.id_conflict_policy, WorkflowIdConflictPolicy::Fail);
    assert!(request.memo.contains_key("note"));
    let summary = request.user_metadata.unwrap().summary;
    assert_eq!(summary, Some(json("bells")));
}

/// The Web UI does not say who asks, and a plain call has no request id.
#[test]
fn what_a_request_leaves_out_is_filled_in_as_a_service_does() {
    let request = proto::StartWorkflowExecutionRequest {
        identity: String::new(),
        request_id: String::new(),
        ..start()
    };
    let request = Wire::default().start_in(request, new_id).unwrap();
    assert_eq!(request.identity.as_str(), NOBODY);
    assert_eq!(request.request_id.as_str(), "new");

    let request = proto::TerminateWorkflowExecutionRequest {
        workflow_execution: execution("order", ""),
        ..Default::default()
    };
    let request = Wire::default().terminate_in(request).unwrap();
    assert_eq!(request.reason, "terminated by user via frontend");
    assert_eq!(request.identity.as_str(), NOBODY);
    assert_eq!(
        request.execution,
        ExecutionRef::current("order".try_into().unwrap())
    );
}

#[test]
fn a_start_is_refused_in_the_words_of_a_service() {
    let long = "x".repeat(1_001);
    let mut cases: Vec<(&str, proto::StartWorkflowExecutionRequest)> = Vec::new();
    let mut case = |text, change: &dyn Fn(&mut proto::StartWorkflowExecutionRequest)| {
        let mut request = start();
        change(&mut request);
        cases.push((text, request));
    };
    case("WorkflowId is not set on request.", &|it| {
        it.workflow_id.clear();
    });
    case("WorkflowId length exceeds limit.", &|it| {
        it.workflow_id.clone_from(&long);
    });
    case("WorkflowType is not set on request.", &|it| {
        it.workflow_type = None;
    });
    case("WorkflowType is not set on request.", &|it| {
        it.workflow_type = workflow_type("");
    });
    case("WorkflowType length exceeds limit.", &|it| {
        it.workflow_type = workflow_type(&long);
    });
    case("taskQueue is not set", &|it| it.task_queue = None);
    case("missing task queue name", &|it| {
        it.task_queue = normal_queue("");
    });
    case("taskQueue length exceeds limit", &|it| {
        it.task_queue = normal_queue(&long);
    });
    case(
        "task queue name cannot start with reserved prefix /_sys/",
        &|it| it.task_queue = normal_queue("/_sys/shop/1"),
    );
    case("RequestId length exceeds limit.", &|it| {
        it.request_id.clone_from(&long);
    });
    case("Identity length exceeds limit.", &|it| {
        it.identity.clone_from(&long);
    });
    case(
        "An invalid WorkflowExecutionTimeoutSeconds is set on request. cause: negative duration",
        &|it| it.workflow_execution_timeout = of(-1, 0),
    );
    case(
        "An invalid WorkflowRunTimeoutSeconds is set on request. cause: negative duration",
        &|it| it.workflow_run_timeout = of(0, -1),
    );
    case(
        "An invalid WorkflowTaskTimeoutSeconds is set on request. cause: duration has seconds and nanos with \
         different signs",
        &|it| it.workflow_task_timeout = of(1, -1),
    );
    case(
        "An invalid WorkflowStartDelaySeconds is set on request. cause: negative duration",
        &|it| it.workflow_start_delay = of(-1, 0),
    );
    case(
        "MaximumAttempts cannot be negative on retry policy.",
        &|it| {
            it.retry_policy = Some(common::RetryPolicy {
                maximum_attempts: -1,
                ..Default::default()
            });
        },
    );
    case(
        "invalid InitialInterval set on retry policy: negative duration",
        &|it| {
            it.retry_policy = Some(common::RetryPolicy {
                initial_interval: of(-1, 0),
                ..Default::default()
            });
        },
    );
    case(
        "Invalid WorkflowIDReusePolicy: WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING cannot be used together with a \
         WorkflowIDConflictPolicy",
        &|it| {
            it.workflow_id_reuse_policy = 4;
            it.workflow_id_conflict_policy = Conflict::Fail.into();
        },
    );
    case(
        "Invalid WorkflowIDReusePolicy: WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE cannot be used together with \
         WorkflowIdConflictPolicy WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING",
        &|it| {
            it.workflow_id_reuse_policy = 3;
            it.workflow_id_conflict_policy = Conflict::TerminateExisting.into();
        },
    );
    for (text, request) in cases {
        assert_eq!(refused(Wire::default().start_in(request, new_id)), text);
    }
}

#[test]
fn what_would_be_lost_is_refused() {
    let callback = proto::StartWorkflowExecutionRequest {
        completion_callbacks: vec![common::Callback::default()],
        ..start()
    };
    unsupported(&Wire::default().start_in(callback, new_id));
}

#[test]
fn a_cron_schedule_is_passed_on() {
    let cron = proto::StartWorkflowExecutionRequest {
        cron_schedule: "* * * * *".to_owned(),
        ..start()
    };
    let request = Wire::default().start_in(cron, new_id).unwrap();
    assert_eq!(request.cron_schedule.as_deref(), Some("* * * * *"));
}

/// The deprecated policy has become a conflict policy.
#[test]
fn to_terminate_if_running_is_to_terminate_what_exists() {
    let request = proto::StartWorkflowExecutionRequest {
        workflow_id_reuse_policy: 4,
        ..start()
    };
    let request = Wire::default().start_in(request, new_id).unwrap();
    assert_eq!(
        request.id_reuse_policy,
        WorkflowIdReusePolicy::AllowDuplicate
    );
    assert_eq!(
        request.id_conflict_policy,
        WorkflowIdConflictPolicy::TerminateExisting
    );
}

#[test]
fn a_signal_with_start_uses_what_exists() {
    let wire = Wire::default();
    let (start, signal) = wire
        .signal_with_start_in(signal_with_start(), new_id)
        .unwrap();
    assert_eq!(
        start.id_conflict_policy,
        WorkflowIdConflictPolicy::UseExisting
    );
    assert_eq!(start.request_id, signal.request_id);
    assert_eq!(signal.name.as_str(), "add");
    assert_eq!(signal.input, [json("2")]);
    let summary = start.user_metadata.unwrap().summary;
    assert_eq!(summary, Some(json("balls")));
}

#[test]
fn a_signal_with_start_is_refused_in_the_words_of_a_service() {
    let wire = Wire::default();
    let text = |change: &dyn Fn(&mut proto::SignalWithStartWorkflowExecutionRequest)| {
        let mut request = signal_with_start();
        change(&mut request);
        refused(wire.signal_with_start_in(request, new_id))
    };
    assert_eq!(
        text(&|it| it.workflow_id.clear()),
        "WorkflowId is not set on request."
    );
    assert_eq!(text(&|it| it.signal_name.clear()), "signal not set");
    assert_eq!(text(&|it| it.workflow_type = None), "workflow type not set");
    assert_eq!(text(&|it| it.task_queue = None), "taskQueue is not set");
    assert_eq!(
        text(&|it| it.workflow_id_conflict_policy = Conflict::Fail.into()),
        "Invalid WorkflowIDConflictPolicy: WORKFLOW_ID_CONFLICT_POLICY_FAIL is not supported for this operation."
    );
}

/// A start and an update together, of which a test changes one or the other.
fn both(
    change: impl FnOnce(
        &mut proto::StartWorkflowExecutionRequest,
        &mut proto::UpdateWorkflowExecutionRequest,
    ),
) -> UpdateWithStart {
    let mut start = start();
    start.workflow_start_delay = None;
    let mut update = update_request(Stage::Accepted);
    change(&mut start, &mut update);
    let operations = [
        Operation::StartWorkflow(start),
        Operation::UpdateWorkflow(update),
    ];
    let request = multi_operation(operations.map(Some));
    let read = Wire::default().update_with_start_in(request, new_id, Duration::MAX);
    read.unwrap()
}

fn multi_operation(
    operations: impl IntoIterator<Item = Option<Operation>>,
) -> proto::ExecuteMultiOperationRequest {
    let operations = operations
        .into_iter()
        .map(|operation| execute_multi_operation_request::Operation { operation });
    proto::ExecuteMultiOperationRequest {
        namespace: "default".to_owned(),
        operations: operations.collect(),
        ..Default::default()
    }
}

#[test]
fn a_start_and_an_update_are_read_together() {
    let UpdateWithStart { start, update } = both(|_, _| {});
    let (start, update) = (start.unwrap(), update.unwrap());
    assert_eq!(update.execution.workflow_id, start.workflow_id);
    assert_eq!(update.wait_for, UpdateStage::Accepted);
}

#[test]
fn a_start_and_an_update_are_refused_one_by_one_in_the_words_of_a_service() {
    type Start = proto::StartWorkflowExecutionRequest;
    let start = |change: &dyn Fn(&mut Start)| {
        let UpdateWithStart { start, update } = both(|start, _| change(start));
        update.unwrap();
        refused(start)
    };
    assert_eq!(
        start(&|it| it.cron_schedule = "@daily".to_owned()),
        "CronSchedule is not allowed."
    );
    assert_eq!(
        start(&|it| it.request_eager_execution = true),
        "RequestEagerExecution is not supported."
    );
    assert_eq!(
        start(&|it| it.workflow_start_delay = of(1, 0)),
        "WorkflowStartDelay is not supported."
    );
    assert_eq!(
        start(&|it| it.namespace = "other".to_owned()),
        "Operation namespace did not match request's namespace."
    );
    type Update = proto::UpdateWorkflowExecutionRequest;
    let update = |change: &dyn Fn(&mut Update)| {
        let UpdateWithStart { start, update } = both(|_, update| change(update));
        start.unwrap();
        refused(update)
    };
    assert_eq!(
        update(&|it| it.first_execution_run_id = "run".to_owned()),
        "FirstExecutionRunId is not allowed."
    );
    assert_eq!(
        update(&|it| it.workflow_execution = execution("order", "run")),
        "RunId is not allowed."
    );
    assert_eq!(
        update(&|it| it.workflow_execution = execution("another", "")),
        "WorkflowId is not consistent with previous operation(s)."
    );
    let UpdateWithStart { start, update } = both(|start, update| {
        start.cron_schedule = "@daily".to_owned();
        update.workflow_execution = execution("order", "run");
    });
    assert_eq!(refused(start), "CronSchedule is not allowed.");
    assert_eq!(refused(update), "RunId is not allowed.");
}

#[test]
fn operations_are_a_start_and_an_update_in_this_order() {
    let start = || Some(Operation::StartWorkflow(start()));
    let update = || Some(Operation::UpdateWorkflow(update_request(Stage::Accepted)));
    for operations in [
        vec![],
        vec![None, None],
        vec![update(), start()],
        vec![start(), update(), update()],
    ] {
        let request = multi_operation(operations);
        let read = Wire::default().update_with_start_in(request, new_id, Duration::MAX);
        assert_eq!(
            refused(read),
            "Operations have to be exactly [Start, Update]."
        );
    }
}

/// Every request that names an execution.
#[test]
fn a_request_without_an_execution_is_refused_whatever_it_asks() {
    let long = "x".repeat(1_001);
    for (target, text) in [
        (None, "Execution is not set on request."),
        (execution("", ""), "WorkflowId is not set on request."),
        (execution(&long, ""), "WorkflowId length exceeds limit."),
        (execution("order", &long), "Invalid RunId."),
    ] {
        let wire = Wire::default();
        let workflow_execution = || target.clone();
        let signal = proto::SignalWorkflowExecutionRequest {
            workflow_execution: workflow_execution(),
            ..Default::default()
        };
        let cancel = proto::RequestCancelWorkflowExecutionRequest {
            workflow_execution: workflow_execution(),
            ..Default::default()
        };
        let terminate = proto::TerminateWorkflowExecutionRequest {
            workflow_execution: workflow_execution(),
            ..Default::default()
        };
        let reset = proto::ResetWorkflowExecutionRequest {
            workflow_execution: workflow_execution(),
            request_id: "r".to_owned(),
            ..Default::default()
        };
        let delete = proto::DeleteWorkflowExecutionRequest {
            workflow_execution: workflow_execution(),
            ..Default::default()
        };
        let query = proto::QueryWorkflowRequest {
            execution: workflow_execution(),
            ..Default::default()
        };
        let update = proto::UpdateWorkflowExecutionRequest {
            workflow_execution: workflow_execution(),
            ..Default::default()
        };
        let poll = proto::PollWorkflowExecutionUpdateRequest {
            update_ref: Some(update::UpdateRef {
                workflow_execution: workflow_execution(),
                update_id: "u".to_owned(),
            }),
            ..Default::default()
        };
        assert_eq!(refused(wire.signal_in(signal, new_id)), text);
        assert_eq!(refused(cancel_in(cancel, new_id)), text);
        assert_eq!(refused(wire.terminate_in(terminate)), text);
        assert_eq!(refused(reset_in(reset)), text);
        assert_eq!(refused(delete_in(delete)), text);
        assert_eq!(refused(wire.query_in(query, Duration::MAX)), text);
        assert_eq!(refused(wire.update_in(update, new_id, Duration::MAX)), text);
        assert_eq!(refused(poll_update_in(poll)), text);
    }
}

#[test]
fn a_signal_is_read_and_needs_a_name() {
    let wire = Wire::default();
    let request = proto::SignalWorkflowExecutionRequest {
        workflow_execution: execution("order", "run"),
        signal_name: "add".to_owned(),
        input: payloads("3"),
        ..Default::default()
    };
    let read = wire.signal_in(request.clone(), new_id).unwrap();
    assert_eq!(read.execution.run_id.unwrap().as_str(), "run");
    assert_eq!(read.signal.name.as_str(), "add");
    assert_eq!(read.signal.input, [json("3")]);
    assert_eq!(read.signal.request_id.as_str(), "new");

    let nameless = proto::SignalWorkflowExecutionRequest {
        signal_name: String::new(),
        ..request
    };
    assert_eq!(
        refused(wire.signal_in(nameless, new_id)),
        "SignalName is not set on request."
    );
}

#[test]
fn a_cancel_is_read_with_its_reason_and_the_chain_that_it_is_for() {
    let request = proto::RequestCancelWorkflowExecutionRequest {
        workflow_execution: execution("order", ""),
        first_execution_run_id: "first".to_owned(),
        request_id: "r".to_owned(),
        reason: "no longer needed".to_owned(),
        ..Default::default()
    };
    let read = cancel_in(request, new_id).unwrap();
    let first = read.execution.first_execution_run_id.unwrap();
    assert_eq!(first.as_str(), "first");
    assert_eq!(read.request_id.as_str(), "r");
    assert_eq!(read.reason, "no longer needed");
}

/// The CLI sends the older choice, SDKs the newer one.
#[test]
#[expect(deprecated, reason = "the CLI sends the older choice")]
fn a_reset_applies_again_what_it_is_not_told_to_leave_out() {
    let signal = i32::from(ResetReapplyExcludeType::Signal);
    let update = i32::from(ResetReapplyExcludeType::Update);
    for (older, newer, signals, updates) in [
        (ResetReapplyType::Unspecified, vec![], false, false),
        (ResetReapplyType::AllEligible, vec![], false, false),
        (ResetReapplyType::Signal, vec![], false, true),
        (ResetReapplyType::None, vec![], true, true),
        (ResetReapplyType::Unspecified, vec![signal], true, false),
        (ResetReapplyType::AllEligible, vec![update], false, true),
    ] {
        let request = proto::ResetWorkflowExecutionRequest {
            workflow_execution: execution("order", "run"),
            reason: "a bug".to_owned(),
            workflow_task_finish_event_id: 7,
            request_id: "r".to_owned(),
            reset_reapply_type: older.into(),
            reset_reapply_exclude_types: newer,
            ..Default::default()
        };
        let read = reset_in(request).unwrap();
        assert_eq!(read.workflow_task_finish_event_id, EventId(7));
        assert_eq!(
            (read.exclude_signals, read.exclude_updates),
            (signals, updates)
        );
    }
}

/// As recorded from a service: a reset is not repeated without an id.
#[test]
fn a_reset_needs_a_request_id() {
    let request = proto::ResetWorkflowExecutionRequest::default();
    assert_eq!(
        refused(reset_in(request)),
        "RequestId is not set on request."
    );
}

#[test]
fn a_query_is_read_and_needs_a_name() {
    let wire = Wire::default();
    let query = |query: Option<WorkflowQuery>| {
        let request = proto::QueryWorkflowRequest {
            execution: execution("order", ""),
            query,
            ..Default::default()
        };
        wire.query_in(request, Duration::from_secs(9))
    };
    let read = query(Some(WorkflowQuery {
        query_type: "count".to_owned(),
        query_args: payloads("4"),
        header: None,
    }));
    let read = read.unwrap();
    assert_eq!(read.name.as_str(), "count");
    assert_eq!(read.input, [json("4")]);
    assert_eq!(read.answer_timeout, Duration::from_secs(9));
    assert_eq!(refused(query(None)), "WorkflowQuery is not set on request.");
    assert_eq!(
        refused(query(Some(WorkflowQuery::default()))),
        "QueryType is not set on request."
    );
}

fn update_request(stage: Stage) -> proto::UpdateWorkflowExecutionRequest {
    proto::UpdateWorkflowExecutionRequest {
        workflow_execution: execution("order", ""),
        wait_policy: Some(update::WaitPolicy {
            lifecycle_stage: stage.into(),
        }),
        request: Some(update::Request {
            meta: Some(update::Meta {
                update_id: "u".to_owned(),
                identity: "clerk".to_owned(),
            }),
            input: Some(update::Input {
                header: None,
                name: "add".to_owned(),
                args: payloads("5"),
            }),
            ..Default::default()
        }),
        ..Default::default()
    }
}

#[test]
fn an_update_is_read_with_the_stage_that_is_waited_for() {
    let wire = Wire::default();
    for (stage, wait_for) in [
        (Stage::Unspecified, UpdateStage::Completed),
        (Stage::Accepted, UpdateStage::Accepted),
        (Stage::Completed, UpdateStage::Completed),
    ] {
        let read = wire.update_in(update_request(stage), new_id, Duration::MAX);
        let read = read.unwrap();
        assert_eq!(read.wait_for, wait_for);
        assert_eq!(read.update_id.as_str(), "u");
        assert_eq!(read.identity.as_str(), "clerk");
        assert_eq!(read.input, [json("5")]);
    }
    unsupported(&wire.update_in(update_request(Stage::Admitted), new_id, Duration::MAX));
}

#[test]
fn an_update_is_refused_in_the_words_of_a_service() {
    let wire = Wire::default();
    let with = |change: &dyn Fn(&mut update::Request)| {
        let mut request = update_request(Stage::Accepted);
        change(request.request.as_mut().unwrap());
        wire.update_in(request, new_id, Duration::MAX)
    };
    assert_eq!(
        refused(with(&|it| it.meta = None)),
        "Update meta is not set on request."
    );
    assert_eq!(
        refused(with(&|it| it.input = None)),
        "Update input is not set on request."
    );
    assert_eq!(
        refused(with(&|it| it.input = Some(update::Input::default()))),
        "Update name is not set on request."
    );
    let read = with(&|it| it.meta = Some(update::Meta::default())).unwrap();
    assert_eq!(read.update_id.as_str(), "new");
}

#[test]
fn a_poll_of_an_update_says_what_it_waits_for() {
    let poll = |stage: Option<Stage>, update_id: &str| {
        poll_update_in(proto::PollWorkflowExecutionUpdateRequest {
            update_ref: Some(update::UpdateRef {
                workflow_execution: execution("order", "run"),
                update_id: update_id.to_owned(),
            }),
            wait_policy: stage.map(|stage| update::WaitPolicy {
                lifecycle_stage: stage.into(),
            }),
            ..Default::default()
        })
    };
    for (stage, wait_for) in [
        (None, UpdateStage::Admitted),
        (Some(Stage::Admitted), UpdateStage::Admitted),
        (Some(Stage::Accepted), UpdateStage::Accepted),
        (Some(Stage::Completed), UpdateStage::Completed),
    ] {
        let read = poll(stage, "u").unwrap();
        assert_eq!(read.wait_for, wait_for);
        assert_eq!(read.update_id.as_str(), "u");
    }
    match poll(None, "") {
        Err(EngineError::NotFound { message }) => assert_eq!(message, "update \"\" not found"),
        other => panic!("{other:?}"),
    }
    assert_eq!(
        refused(poll_update_in(
            proto::PollWorkflowExecutionUpdateRequest::default()
        )),
        "UpdateRef is not set on request."
    );
}

#[test]
fn an_activity_ends_by_its_id_as_it_is_told() {
    let wire = Wire::default();
    let failure = Failure::application("declined", "Declined");
    let (activity, outcome) = wire
        .activity_completed_in(proto::RespondActivityTaskCompletedByIdRequest {
            workflow_id: "order".to_owned(),
            activity_id: "5".to_owned(),
            result: payloads("6"),
            ..Default::default()
        })
        .unwrap();
    assert_eq!(activity.activity_id.as_str(), "5");
    assert_eq!(activity.execution.workflow_id.as_str(), "order");
    assert_eq!(
        outcome,
        ActivityOutcome::Completed {
            result: Some(json("6"))
        }
    );

    let (_, outcome) = wire
        .activity_failed_in(proto::RespondActivityTaskFailedByIdRequest {
            workflow_id: "order".to_owned(),
            run_id: "run".to_owned(),
            activity_id: "5".to_owned(),
            failure: Some(wire.failure_out(failure.clone()).unwrap()),
            last_heartbeat_details: payloads("7"),
            ..Default::default()
        })
        .unwrap();
    assert_eq!(
        outcome,
        ActivityOutcome::Failed {
            failure,
            last_heartbeat_details: Some(vec![json("7")])
        }
    );

    let (_, outcome) = wire
        .activity_cancelled_in(proto::RespondActivityTaskCanceledByIdRequest {
            workflow_id: "order".to_owned(),
            activity_id: "5".to_owned(),
            ..Default::default()
        })
        .unwrap();
    assert_eq!(
        outcome,
        ActivityOutcome::Cancelled {
            details: Vec::new()
        }
    );

    let (_, details) = wire
        .activity_heartbeat_in(proto::RecordActivityTaskHeartbeatByIdRequest {
            workflow_id: "order".to_owned(),
            activity_id: "5".to_owned(),
            details: payloads("8"),
            ..Default::default()
        })
        .unwrap();
    assert_eq!(details, [json("8")]);
}

#[test]
fn an_activity_needs_its_id_that_of_its_workflow_and_a_failure_to_fail() {
    let wire = Wire::default();
    let text = |workflow_id: &str, activity_id: &str| {
        refused(
            wire.activity_failed_in(proto::RespondActivityTaskFailedByIdRequest {
                workflow_id: workflow_id.to_owned(),
                activity_id: activity_id.to_owned(),
                ..Default::default()
            }),
        )
    };
    assert_eq!(text("", ""), "ActivityId is not set on request.");
    assert_eq!(text("", "5"), "WorkflowId is not set on request.");
    assert_eq!(text("order", "5"), "Failure is not set on request.");
}

/// A failure of no kind stays one.
#[test]
fn a_failure_of_no_kind_ends_an_activity() {
    let (_, outcome) = Wire::default()
        .activity_failed_in(proto::RespondActivityTaskFailedByIdRequest {
            workflow_id: "order".to_owned(),
            activity_id: "5".to_owned(),
            failure: Some(Default::default()),
            ..Default::default()
        })
        .unwrap();
    let ActivityOutcome::Failed { failure, .. } = outcome else {
        panic!("{outcome:?}");
    };
    assert!(matches!(failure.kind, FailureKind::Unspecified));
}
