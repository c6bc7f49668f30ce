//! What a server answers, asked with the clients of Temporal's messages.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    future::poll_fn, os::unix::fs::PermissionsExt as _, pin::Pin, sync::Arc, time::Duration,
};

use prost::Message as _;
use prost_wkt_types::Any;
use steadfast_embedded::EmbeddedEngine;
use steadfast_server::{BadKey, Call, Denied, ServeError, ServeOptions, bind, serve};
use temporalio_protos::{
    grpc::health::v1::{
        HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
    },
    temporal::api::{
        common::v1::{Payload, SearchAttributes, WorkflowExecution},
        enums::v1::{
            EventType, HistoryEventFilterType, UpdateWorkflowExecutionLifecycleStage as Stage,
            WorkflowExecutionStatus,
        },
        errordetails::v1 as details,
        history::v1::history_event::Attributes,
        query::v1::WorkflowQuery,
        update::v1 as update,
        workflowservice::v1 as proto,
    },
};
use tonic::{
    Code, Status,
    body::Body,
    codegen::{Body as _, Service as _},
    transport::{Channel, Endpoint},
};

mod asking;

use asking::{Client, namespace, serving, start};

fn execution(id: &str) -> Option<WorkflowExecution> {
    Some(WorkflowExecution {
        workflow_id: id.to_owned(),
        run_id: String::new(),
    })
}

fn history(id: &str) -> proto::GetWorkflowExecutionHistoryRequest {
    proto::GetWorkflowExecutionHistoryRequest {
        namespace: namespace(),
        execution: execution(id),
        ..proto::GetWorkflowExecutionHistoryRequest::default()
    }
}

fn signal(id: &str) -> proto::SignalWorkflowExecutionRequest {
    proto::SignalWorkflowExecutionRequest {
        namespace: namespace(),
        workflow_execution: execution(id),
        signal_name: "go".to_owned(),
        ..proto::SignalWorkflowExecutionRequest::default()
    }
}

fn terminate(id: &str) -> proto::TerminateWorkflowExecutionRequest {
    proto::TerminateWorkflowExecutionRequest {
        namespace: namespace(),
        workflow_execution: execution(id),
        ..proto::TerminateWorkflowExecutionRequest::default()
    }
}

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, prost::Message)]
struct Details {
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

fn detail<T: prost::Message + prost::Name + Default>(status: &Status) -> T {
    let details = Details::decode(status.details()).unwrap().details;
    let detail = details
        .into_iter()
        .find(|detail| detail.type_url == format!("type.googleapis.com/{}", T::full_name()));
    T::decode(detail.unwrap().value.as_slice()).unwrap()
}

fn types(
    history: Option<temporalio_protos::temporal::api::history::v1::History>,
) -> Vec<EventType> {
    let events = history.unwrap().events.into_iter();
    events.map(|event| event.event_type()).collect()
}

#[tokio::test]
async fn an_execution_is_started_described_listed_and_read() {
    let (_server, mut client) = serving(ServeOptions::default()).await;
    let started = client.start_workflow_execution(start("a")).await.unwrap();
    let run_id = started.into_inner().run_id;
    client.signal_workflow_execution(signal("a")).await.unwrap();

    let request = proto::DescribeWorkflowExecutionRequest {
        namespace: namespace(),
        execution: execution("a"),
    };
    let described = client.describe_workflow_execution(request).await.unwrap();
    let info = described.into_inner().workflow_execution_info.unwrap();
    assert_eq!(info.execution.unwrap().run_id, run_id);
    assert_eq!(info.history_length, 3);

    let request = proto::ListWorkflowExecutionsRequest {
        namespace: namespace(),
        ..proto::ListWorkflowExecutionsRequest::default()
    };
    let listed = client.list_workflow_executions(request).await.unwrap();
    assert_eq!(listed.into_inner().executions.len(), 1);

    let forwards = [
        EventType::WorkflowExecutionStarted,
        EventType::WorkflowTaskScheduled,
        EventType::WorkflowExecutionSignaled,
    ];
    let read = client.get_workflow_execution_history(history("a")).await;
    assert_eq!(types(read.unwrap().into_inner().history), forwards);

    // Backwards, a page of two and one of one.
    let mut token = Vec::new();
    let mut backwards = Vec::new();
    loop {
        let request = proto::GetWorkflowExecutionHistoryReverseRequest {
            namespace: namespace(),
            execution: execution("a"),
            maximum_page_size: 2,
            next_page_token: token,
        };
        let page = client.get_workflow_execution_history_reverse(request).await;
        let page = page.unwrap().into_inner();
        backwards.push(types(page.history));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    let mut expected = forwards.to_vec();
    expected.reverse();
    assert_eq!(backwards, [expected[..2].to_vec(), expected[2..].to_vec()]);
}

/// The Web UI's page of a namespace breaks where this is not said.
#[tokio::test]
async fn a_namespace_says_how_long_executions_are_kept_even_if_for_ever() {
    let (_server, mut client) = serving(ServeOptions::default()).await;
    let request = proto::DescribeNamespaceRequest {
        namespace: namespace(),
        ..proto::DescribeNamespaceRequest::default()
    };
    let described = client.describe_namespace(request).await.unwrap();
    let config = described.into_inner().config.unwrap();
    let kept = config.workflow_execution_retention_ttl.unwrap();
    assert_eq!(kept.seconds, 36_500 * 86_400);
}

/// Clients read a value by the type in its metadata, which whoever set it may have left out.
#[tokio::test]
async fn search_attributes_are_told_with_their_types() {
    let (_server, mut client) = serving(ServeOptions::default()).await;
    let mut request = start("a");
    let value = Payload {
        metadata: [("encoding".to_owned(), b"json/plain".to_vec())].into(),
        data: b"7".to_vec(),
        ..Payload::default()
    };
    request.search_attributes = Some(SearchAttributes {
        indexed_fields: [("Amount".to_owned(), value)].into(),
    });
    client.start_workflow_execution(request).await.unwrap();
    let kind = |told: Option<SearchAttributes>| {
        let mut values = told.unwrap().indexed_fields;
        let mut value = values.remove("Amount").unwrap();
        String::from_utf8(value.metadata.remove("type").unwrap()).unwrap()
    };

    let request = proto::DescribeWorkflowExecutionRequest {
        namespace: namespace(),
        execution: execution("a"),
    };
    let described = client.describe_workflow_execution(request).await.unwrap();
    let info = described.into_inner().workflow_execution_info.unwrap();
    assert_eq!(kind(info.search_attributes), "Int");

    let request = proto::ListWorkflowExecutionsRequest {
        namespace: namespace(),
        ..proto::ListWorkflowExecutionsRequest::default()
    };
    let listed = client.list_workflow_executions(request).await.unwrap();
    let info = listed.into_inner().executions.remove(0);
    assert_eq!(kind(info.search_attributes), "Int");

    let read = client.get_workflow_execution_history(history("a")).await;
    let event = read.unwrap().into_inner().history.unwrap().events.remove(0);
    let Some(Attributes::WorkflowExecutionStartedEventAttributes(started)) = event.attributes
    else {
        panic!("a history begins with the start");
    };
    assert_eq!(kind(started.search_attributes), "Int");
}

/// The Web UI asks every workflow that it shows for what it can be told, and does not wait long for an answer.
#[tokio::test]
async fn a_workflow_that_waits_for_its_first_task_is_not_ready_for_queries() {
    let (_server, mut client) = serving(ServeOptions::default()).await;
    let mut request = start("a");
    request.workflow_start_delay = Some(prost_wkt_types::Duration {
        seconds: 3_600,
        nanos: 0,
    });
    client.start_workflow_execution(request).await.unwrap();
    let query = proto::QueryWorkflowRequest {
        namespace: namespace(),
        execution: execution("a"),
        query: Some(WorkflowQuery {
            query_type: "count".to_owned(),
            ..WorkflowQuery::default()
        }),
        ..proto::QueryWorkflowRequest::default()
    };
    let refused = client.query_workflow(query).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    let _: details::WorkflowNotReadyFailure = detail(&refused);
}

#[tokio::test]
async fn whoever_waits_for_events_is_told_and_whoever_waits_in_vain_asks_again() {
    let options = ServeOptions::default().long_poll(Duration::from_millis(50));
    let (_server, mut client) = serving(options).await;
    client.start_workflow_execution(start("a")).await.unwrap();
    let mut request = history("a");
    request.wait_new_event = true;
    let page = client.get_workflow_execution_history(request.clone()).await;
    request.next_page_token = page.unwrap().into_inner().next_page_token;
    let page = client.get_workflow_execution_history(request.clone()).await;
    let page = page.unwrap().into_inner();
    assert!(page.history.unwrap().events.is_empty());
    assert_eq!(page.next_page_token, request.next_page_token);

    client.signal_workflow_execution(signal("a")).await.unwrap();
    let page = client.get_workflow_execution_history(request.clone()).await;
    let page = page.unwrap().into_inner();
    assert_eq!(types(page.history), [EventType::WorkflowExecutionSignaled]);
    request.next_page_token = page.next_page_token;

    client
        .terminate_workflow_execution(terminate("a"))
        .await
        .unwrap();
    let page = client.get_workflow_execution_history(request).await;
    let page = page.unwrap().into_inner();
    assert_eq!(
        types(page.history),
        [EventType::WorkflowExecutionTerminated]
    );
    assert!(page.next_page_token.is_empty());
}

#[tokio::test]
async fn the_closing_event_alone_is_waited_for() {
    let (_server, mut client) = serving(ServeOptions::default()).await;
    client.start_workflow_execution(start("a")).await.unwrap();
    let mut request = history("a");
    request.wait_new_event = true;
    request.history_event_filter_type = HistoryEventFilterType::CloseEvent.into();
    let mut other = client.clone();
    let waiting = client.get_workflow_execution_history(request);
    let closing = other.terminate_workflow_execution(terminate("a"));
    let (page, closed) = tokio::join!(waiting, closing);
    closed.unwrap();
    let page = page.unwrap().into_inner();
    assert_eq!(
        types(page.history),
        [EventType::WorkflowExecutionTerminated]
    );
}

#[tokio::test]
async fn what_is_refused_is_refused_with_the_details_of_a_service() {
    let (_server, mut client) = serving(ServeOptions::default()).await;
    let run_id = client.start_workflow_execution(start("a")).await.unwrap();
    let again = client
        .start_workflow_execution(start("a"))
        .await
        .unwrap_err();
    assert_eq!(again.code(), Code::AlreadyExists);
    let known: details::WorkflowExecutionAlreadyStartedFailure = detail(&again);
    assert_eq!(known.run_id, run_id.into_inner().run_id);

    let mut elsewhere = start("b");
    elsewhere.namespace = "other".to_owned();
    let refused = client
        .start_workflow_execution(elsewhere)
        .await
        .unwrap_err();
    assert_eq!(refused.message(), "Namespace other is not found.");
    let unknown: details::NamespaceNotFoundFailure = detail(&refused);
    assert_eq!(unknown.namespace, "other");

    let missing = client.signal_workflow_execution(signal("none")).await;
    let missing = missing.unwrap_err();
    assert_eq!(missing.code(), Code::NotFound);
    let _: details::NotFoundFailure = detail(&missing);

    let mut nameless = start("");
    nameless.workflow_id.clear();
    let nameless = client.start_workflow_execution(nameless).await.unwrap_err();
    assert_eq!(nameless.message(), "WorkflowId is not set on request.");

    let offered = client
        .start_batch_operation(proto::StartBatchOperationRequest::default())
        .await;
    let offered = offered.unwrap_err();
    assert_eq!(offered.code(), Code::Unimplemented);
    assert!(
        offered
            .message()
            .starts_with("StartBatchOperation is not offered"),
        "{offered}"
    );
}

/// The same request sent again, as clients do whose connection broke, has no second effect (E10).
#[tokio::test]
async fn a_request_that_is_repeated_has_no_second_effect() {
    let (_server, mut client) = serving(ServeOptions::default()).await;
    let mut request = start("a");
    request.request_id = "same".to_owned();
    let first = client
        .start_workflow_execution(request.clone())
        .await
        .unwrap();
    let second = client.start_workflow_execution(request).await.unwrap();
    assert_eq!(first.into_inner().run_id, second.into_inner().run_id);
}

fn update_of(id: &str) -> proto::UpdateWorkflowExecutionRequest {
    proto::UpdateWorkflowExecutionRequest {
        namespace: namespace(),
        workflow_execution: execution(id),
        request: Some(update::Request {
            meta: Some(update::Meta {
                update_id: "u".to_owned(),
                ..update::Meta::default()
            }),
            input: Some(update::Input {
                name: "add".to_owned(),
                ..update::Input::default()
            }),
            ..update::Request::default()
        }),
        ..proto::UpdateWorkflowExecutionRequest::default()
    }
}

fn both(
    start: proto::StartWorkflowExecutionRequest,
    update: proto::UpdateWorkflowExecutionRequest,
) -> proto::ExecuteMultiOperationRequest {
    use proto::execute_multi_operation_request::{Operation, operation::Operation as One};
    let operations = [One::StartWorkflow(start), One::UpdateWorkflow(update)];
    proto::ExecuteMultiOperationRequest {
        namespace: namespace(),
        operations: operations
            .map(|operation| Operation {
                operation: Some(operation),
            })
            .into(),
        ..proto::ExecuteMultiOperationRequest::default()
    }
}

/// What became of the start and of the update, by their codes.
fn of_operations(status: &Status) -> Vec<(Code, String)> {
    assert_eq!(status.message(), "Update-with-Start could not be executed.");
    let failure: details::MultiOperationExecutionFailure = detail(status);
    let statuses = failure.statuses.into_iter();
    statuses
        .map(|status| {
            let code = Code::from(status.code);
            let aborted =
                "type.googleapis.com/temporal.api.failure.v1.MultiOperationExecutionAborted";
            let is_aborted = status.details.iter().any(|it| it.type_url == aborted);
            assert_eq!(is_aborted, code == Code::Aborted, "{status:?}");
            (code, status.message)
        })
        .collect()
}

/// The answers are those of Temporal Server 1.32.
#[tokio::test]
async fn a_start_and_an_update_that_nobody_takes_are_asked_for_again() {
    use proto::execute_multi_operation_response::response::Response;
    let options = ServeOptions::default().long_poll(Duration::from_millis(50));
    let (_server, mut client) = serving(options).await;
    let mut request = start("a");
    request.request_id = "same".to_owned();
    let request = both(request, update_of("a"));
    let mut runs = Vec::new();
    for is_new in [true, false] {
        let reply = client.execute_multi_operation(request.clone()).await;
        let responses = reply.unwrap().into_inner().responses;
        let [
            Some(Response::StartWorkflow(start)),
            Some(Response::UpdateWorkflow(update)),
        ] = [0, 1].map(|index: usize| responses[index].response.clone())
        else {
            panic!("{responses:?}");
        };
        assert_eq!(start.started, is_new);
        assert_eq!(start.status(), WorkflowExecutionStatus::Running);
        assert_eq!(update.stage(), Stage::Admitted);
        assert_eq!(update.outcome, None);
        let reference = update.update_ref.unwrap();
        assert_eq!(reference.update_id, "u");
        assert_eq!(reference.workflow_execution.unwrap().run_id, start.run_id);
        runs.push(start.run_id);
    }
    assert_eq!(runs[0], runs[1], "E10");

    let refused = client
        .execute_multi_operation(both(start("a"), {
            let mut other = update_of("a");
            let meta = other.request.as_mut().and_then(|it| it.meta.as_mut());
            meta.unwrap().update_id = "another".to_owned();
            other
        }))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::AlreadyExists);
    let [(start_code, _), (update_code, aborted)] = &of_operations(&refused)[..] else {
        panic!("{refused:?}");
    };
    assert_eq!(*start_code, Code::AlreadyExists);
    assert_eq!(*update_code, Code::Aborted);
    assert_eq!(aborted, "Operation was aborted.");

    let refused = client
        .execute_multi_operation(both(start("b"), update_of("a")))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let text = "WorkflowId is not consistent with previous operation(s).";
    assert_eq!(
        of_operations(&refused),
        [
            (Code::Aborted, "Operation was aborted.".to_owned()),
            (Code::InvalidArgument, text.to_owned()),
        ]
    );
    let nothing = client.get_workflow_execution_history(history("b")).await;
    assert_eq!(nothing.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn a_start_whose_run_closes_before_it_has_the_update_is_told_so() {
    let (_server, client) = serving(ServeOptions::default()).await;
    let (mut sender, mut closer) = (client.clone(), client);
    let sent = sender.execute_multi_operation(both(start("a"), update_of("a")));
    let close = async {
        while closer
            .terminate_workflow_execution(terminate("a"))
            .await
            .is_err()
        {
            tokio::task::yield_now().await;
        }
    };
    let (refused, ()) = tokio::join!(sent, close);
    let refused = refused.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    let text = "workflow update was aborted by closing workflow";
    assert_eq!(
        of_operations(&refused),
        [(Code::Ok, String::new()), (Code::NotFound, text.to_owned())]
    );
}

#[tokio::test]
async fn an_update_that_nobody_takes_is_admitted_and_asked_for_again() {
    let options = ServeOptions::default().long_poll(Duration::from_millis(50));
    let (_server, mut client) = serving(options).await;
    client.start_workflow_execution(start("a")).await.unwrap();
    let request = update_of("a");
    let reply = client.update_workflow_execution(request).await.unwrap();
    let reply = reply.into_inner();
    assert_eq!(reply.update_ref.unwrap().update_id, "u");
    assert!(reply.outcome.is_none());
    let known = proto::PollWorkflowExecutionUpdateRequest {
        namespace: namespace(),
        update_ref: Some(update::UpdateRef {
            workflow_execution: execution("a"),
            update_id: "u".to_owned(),
        }),
        ..proto::PollWorkflowExecutionUpdateRequest::default()
    };
    let known = client.poll_workflow_execution_update(known).await.unwrap();
    assert_eq!(known.into_inner().stage(), Stage::Admitted);
    let poll = proto::PollWorkflowExecutionUpdateRequest {
        namespace: namespace(),
        update_ref: Some(update::UpdateRef {
            workflow_execution: execution("a"),
            update_id: "another".to_owned(),
        }),
        ..proto::PollWorkflowExecutionUpdateRequest::default()
    };
    let unknown = client
        .poll_workflow_execution_update(poll)
        .await
        .unwrap_err();
    assert_eq!(unknown.message(), "update \"another\" not found");
}

#[tokio::test]
async fn a_server_that_is_read_only_shows_and_changes_nothing() {
    let (_server, mut client) = serving(ServeOptions::default().read_only()).await;
    let refused = client
        .start_workflow_execution(start("a"))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let system = client
        .get_system_info(proto::GetSystemInfoRequest::default())
        .await;
    assert!(!system.unwrap().into_inner().server_version.is_empty());
}

#[tokio::test]
async fn a_key_is_asked_for_and_health_is_told_without() {
    let options = ServeOptions::default().api_key("a key of some length");
    let (server, mut client) = serving(options).await;
    let refused = client
        .start_workflow_execution(start("a"))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    let mut request = tonic::Request::new(start("a"));
    let key = "Bearer a key of some length".parse().unwrap();
    request.metadata_mut().insert("authorization", key);
    client.start_workflow_execution(request).await.unwrap();

    let health = HealthClient::connect(format!("http://{}", server.address())).await;
    let health = health.unwrap().check(HealthCheckRequest::default()).await;
    assert_eq!(
        health.unwrap().into_inner().status(),
        ServingStatus::Serving
    );
}

#[tokio::test]
async fn an_authorizer_sees_the_method_and_decides() {
    let only_looks = |call: Call<'_>| {
        if call.changes {
            return Err(Denied {
                reason: format!("not you: {}", call.method),
            });
        }
        Ok(())
    };
    let (_server, mut client) = serving(ServeOptions::default().authorizer(only_looks)).await;
    let refused = client
        .start_workflow_execution(start("a"))
        .await
        .unwrap_err();
    assert_eq!(
        refused.message(),
        "not you: temporal.api.workflowservice.v1.WorkflowService/StartWorkflowExecution"
    );
}

#[tokio::test]
async fn a_request_that_is_too_large_is_refused_and_the_next_one_is_answered() {
    let options = ServeOptions::default().max_message_bytes(64 * 1024);
    let (_server, mut client) = serving(options).await;
    let mut large = start("a");
    large.input.as_mut().unwrap().payloads[0].data = vec![0; 128 * 1024];
    let refused = client.start_workflow_execution(large).await.unwrap_err();
    assert_eq!(refused.code(), Code::OutOfRange);
    client.start_workflow_execution(start("a")).await.unwrap();
}

/// Whether the answer with a history comes compressed to who takes that.
async fn is_compressed(channel: &mut Channel, id: &str) -> bool {
    let message = history(id).encode_to_vec();
    let mut framed = vec![0];
    framed.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    framed.extend(message);
    let path =
        "/temporal.api.workflowservice.v1.WorkflowService/GetWorkflowExecutionHistory".to_owned();
    let request = http::Request::post(path)
        .header("content-type", "application/grpc")
        .header("grpc-accept-encoding", "gzip")
        .body(Body::new(String::from_utf8(framed).unwrap()));
    poll_fn(|context| channel.poll_ready(context))
        .await
        .unwrap();
    let mut answer = channel.call(request.unwrap()).await.unwrap().into_body();
    let frame = poll_fn(|context| Pin::new(&mut answer).poll_frame(context)).await;
    frame.unwrap().unwrap().into_data().unwrap()[0] == 1
}

/// Clients of several languages take compressed answers, and few answers are worth it.
#[tokio::test]
async fn only_a_large_answer_is_compressed() {
    let (server, mut client) = serving(ServeOptions::default()).await;
    let address = format!("http://{}", server.address());
    let mut channel = Endpoint::new(address).unwrap().connect().await.unwrap();
    for (id, bytes, expected) in [("small", 1, false), ("large", 100_000, true)] {
        let mut request = start(id);
        request.input.as_mut().unwrap().payloads[0].data = vec![b'1'; bytes];
        client.start_workflow_execution(request).await.unwrap();
        assert_eq!(is_compressed(&mut channel, id).await, expected, "{id}");
    }
}

#[tokio::test]
async fn nobody_else_can_open_a_socket_which_goes_with_its_server() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("steadfast.sock");
    let options = || ServeOptions::default().listen_at_socket(&path);
    let engine = EmbeddedEngine::in_memory().unwrap();
    let server = serve(Arc::clone(&engine) as _, options()).await.unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let mut client = Client::connect(format!("unix:{}", path.display()))
        .await
        .unwrap();
    client.start_workflow_execution(start("a")).await.unwrap();

    let second = serve(Arc::clone(&engine) as _, options())
        .await
        .unwrap_err();
    assert!(
        second
            .to_string()
            .contains("somebody listens there already"),
        "{second}"
    );
    drop(client);
    server.stop().await.unwrap();
    assert!(!path.exists());

    std::fs::write(&path, "a file of somebody").unwrap();
    let file = serve(engine, options()).await.unwrap_err();
    assert!(file.to_string().contains("which is no socket"), "{file}");
    assert!(path.exists());
}

#[tokio::test]
async fn an_address_that_others_can_reach_needs_somebody_who_says_who_may_call() {
    let engine = EmbeddedEngine::in_memory().unwrap();
    let open = ServeOptions::default().listen(([0, 0, 0, 0], 0).into());
    let refused = serve(Arc::clone(&engine) as _, open.clone())
        .await
        .unwrap_err();
    assert!(matches!(refused, ServeError::Open { .. }), "{refused}");
    for key in [" ", "fifteen letters", "               ."] {
        let short = serve(Arc::clone(&engine) as _, open.clone().api_key(key)).await;
        assert!(
            matches!(short.unwrap_err(), ServeError::Key(BadKey::Short)),
            "{key}"
        );
    }
    let unsendable = serve(engine, open.api_key("sixteen letters é")).await;
    assert!(matches!(
        unsendable.unwrap_err(),
        ServeError::Key(BadKey::Unsendable)
    ));
}

#[tokio::test]
async fn what_is_no_certificate_is_told_before_anything_listens() {
    const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let options = ServeOptions::default().listen(([127, 0, 0, 1], 0).into());
    let cases = [
        (
            options.clone().tls("no PEM", "no PEM"),
            "no certificate of the server in PEM",
        ),
        (options.clone().tls(CERTIFICATE, "no PEM"), "private key"),
        (
            options
                .tls(CERTIFICATE, "no PEM")
                .client_authorities("no PEM"),
            "no certificate of the authorities of clients in PEM",
        ),
    ];
    for (options, expected) in cases {
        let refused = bind(options).await.unwrap_err();
        assert!(matches!(refused, ServeError::Tls(_)), "{refused}");
        assert!(refused.to_string().contains(expected), "{refused}");
    }
}

#[tokio::test]
async fn a_server_that_stops_lets_long_polls_go() {
    let (server, mut client) = serving(ServeOptions::default()).await;
    client.start_workflow_execution(start("a")).await.unwrap();
    let mut request = history("a");
    request.wait_new_event = true;
    let page = client.get_workflow_execution_history(request.clone()).await;
    request.next_page_token = page.unwrap().into_inner().next_page_token;
    let waiting = tokio::spawn(async move { client.get_workflow_execution_history(request).await });
    tokio::task::yield_now().await;
    server.stop().await.unwrap();
    assert_eq!(
        waiting.await.unwrap().unwrap_err().code(),
        Code::Unavailable
    );
}

#[tokio::test]
async fn whoever_watches_health_is_told_that_the_server_stops() {
    let (server, _client) = serving(ServeOptions::default()).await;
    let health = HealthClient::connect(format!("http://{}", server.address())).await;
    let watched = health.unwrap().watch(HealthCheckRequest::default()).await;
    let mut watched = watched.unwrap().into_inner();
    let first = watched.message().await.unwrap().unwrap();
    assert_eq!(first.status(), ServingStatus::Serving);
    let (stopped, last) = tokio::join!(server.stop(), watched.message());
    stopped.unwrap();
    assert_eq!(last.unwrap().unwrap().status(), ServingStatus::NotServing);
    assert!(watched.message().await.unwrap().is_none());
}
