//! What an engine refuses, in the words and with the details that a Temporal Service gives: SDKs choose their error by them.

use prost::{Message as _, Name};
use prost_wkt_types::Any;
use steadfast_engine::EngineError;
use steadfast_wire::Wire;
use temporalio_protos::temporal::api::{
    errordetails::v1::{self as details, multi_operation_execution_failure::OperationStatus},
    failure::v1::MultiOperationExecutionAborted,
};
use tonic::{Code, Status};

/// `google.rpc.Status`, which carries the details of an error.
#[derive(Clone, PartialEq, prost::Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

/// A status with a detail.
pub(crate) fn with_detail<T: prost::Message + Name>(
    code: Code,
    message: impl Into<String>,
    detail: &T,
) -> Status {
    let message = message.into();
    let status = RpcStatus {
        code: code.into(),
        message: message.clone(),
        details: vec![any(detail)],
    };
    Status::with_details(code, message, status.encode_to_vec().into())
}

fn any<T: prost::Message + Name>(message: &T) -> Any {
    Any {
        type_url: format!("type.googleapis.com/{}", T::full_name()),
        value: message.encode_to_vec(),
    }
}

/// Of operations that are done together, one that was not done because of another.
pub(crate) fn operation_aborted() -> Status {
    with_detail(
        Code::Aborted,
        "Operation was aborted.",
        &MultiOperationExecutionAborted {},
    )
}

/// Not all of the operations that were to be done together were: what became of each, and first of that which failed.
pub(crate) fn update_with_start_failed(failed: &Status, operations: [&Status; 2]) -> Status {
    let statuses = operations.map(|status| {
        // A status with details carries itself in them.
        let written = RpcStatus::decode(status.details()).unwrap_or_default();
        OperationStatus {
            code: status.code().into(),
            message: status.message().to_owned(),
            details: written.details,
        }
    });
    with_detail(
        failed.code(),
        "Update-with-Start could not be executed.",
        &details::MultiOperationExecutionFailure {
            statuses: statuses.into(),
        },
    )
}

/// There is only one namespace.
pub(crate) fn namespace_not_found(namespace: &str) -> Status {
    with_detail(
        Code::NotFound,
        format!("Namespace {namespace} is not found."),
        &details::NamespaceNotFoundFailure {
            namespace: namespace.to_owned(),
        },
    )
}

/// There is no such thing.
pub(crate) fn not_found(message: impl Into<String>) -> Status {
    with_detail(
        Code::NotFound,
        message,
        &details::NotFoundFailure::default(),
    )
}

/// There is no workflow task yet, so nobody can answer a query.
pub(crate) fn workflow_not_ready() -> Status {
    with_detail(
        Code::FailedPrecondition,
        "Workflow task is not scheduled yet.",
        &details::WorkflowNotReadyFailure::default(),
    )
}

/// What a request is refused for.
#[expect(clippy::needless_pass_by_value, reason = "it maps an error")]
pub(crate) fn status_of(error: EngineError) -> Status {
    let message = error.to_string();
    match &error {
        EngineError::NotFound { .. } => not_found(message),
        EngineError::AlreadyStarted { run_id } => with_detail(
            Code::AlreadyExists,
            message,
            &details::WorkflowExecutionAlreadyStartedFailure {
                start_request_id: String::new(),
                run_id: run_id.as_str().to_owned(),
                ..Default::default()
            },
        ),
        // A service keeps a schedule as an execution.
        EngineError::ScheduleExists { .. } => with_detail(
            Code::AlreadyExists,
            message,
            &details::WorkflowExecutionAlreadyStartedFailure::default(),
        ),
        EngineError::ScheduleChanged => Status::failed_precondition(message),
        EngineError::InvalidArgument { .. } => Status::invalid_argument(message),
        // A worker looks for the cause at the beginning.
        EngineError::WorkflowTaskRefused { cause, message } => {
            let cause = format!("{cause:?}");
            Status::invalid_argument(match message.starts_with(&cause) {
                true => message.clone(),
                false => format!("{cause}: {message}"),
            })
        }
        EngineError::Failed(failure) => {
            let failure = Wire::default().failure_out(failure.as_ref().clone()).ok();
            with_detail(
                Code::InvalidArgument,
                message,
                &details::QueryFailedFailure { failure },
            )
        }
        EngineError::ResourceExhausted { .. } => Status::resource_exhausted(message),
        EngineError::Unsupported { .. } => Status::unimplemented(message),
        EngineError::Unanswered { .. } => Status::failed_precondition(message),
        EngineError::DeadlineExceeded => Status::deadline_exceeded(message),
        EngineError::Stopped { .. } | EngineError::Unavailable { .. } => {
            Status::unavailable(message)
        }
        _ => Status::internal(message),
    }
}
