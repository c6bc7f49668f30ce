//! What the service refuses, in the words of an engine.

use prost::Message as _;
use prost_wkt_types::Any;
use steadfast_core::{event::WorkflowTaskFailedCause, failure::Failure, ids::RunId};
use steadfast_engine::{EngineError, spelling::enums::TASK_FAILED_CAUSES};
use steadfast_wire::Wire;
use temporalio_protos::temporal::api::errordetails::v1::{
    QueryFailedFailure, WorkflowExecutionAlreadyStartedFailure,
};
use tonic::{Code, Status};

/// `google.rpc.Status`, of which only the details are looked at.
#[derive(Clone, PartialEq, prost::Message)]
struct Details {
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

/// A detail of a type, if the service gave one.
fn detail<T: prost::Message + Default + prost::Name>(status: &Status) -> Option<T> {
    let details = Details::decode(status.details()).ok()?;
    let detail = details
        .details
        .into_iter()
        .find(|detail| detail.type_url.ends_with(&T::full_name()))?;
    T::decode(detail.value.as_slice()).ok()
}

/// The error of a request.
pub(super) fn error_of(status: &Status) -> EngineError {
    let message = status.message().to_owned();
    match status.code() {
        Code::NotFound => EngineError::NotFound { message },
        Code::AlreadyExists => already_started(status),
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => {
            EngineError::InvalidArgument { message }
        }
        Code::PermissionDenied | Code::Unauthenticated => EngineError::InvalidArgument {
            message: format!("the Temporal Service does not allow it: {message}"),
        },
        Code::ResourceExhausted => EngineError::ResourceExhausted { message },
        Code::Unimplemented => EngineError::Unsupported {
            message: format!("this Temporal Service does not offer it: {message}"),
        },
        Code::DeadlineExceeded => EngineError::DeadlineExceeded,
        Code::Unavailable | Code::Cancelled => EngineError::Unavailable {
            message: format!("the Temporal Service is not available: {message}"),
        },
        code => EngineError::Unavailable {
            message: format!("the Temporal Service failed ({code:?}): {message}"),
        },
    }
}

fn already_started(status: &Status) -> EngineError {
    let detail: Option<WorkflowExecutionAlreadyStartedFailure> = detail(status);
    match detail.and_then(|detail| RunId::new(detail.run_id).ok()) {
        Some(run_id) => EngineError::AlreadyStarted { run_id },
        None => EngineError::InvalidArgument {
            message: status.message().to_owned(),
        },
    }
}

/// The error of a query.
pub(super) fn query_error(wire: &Wire, status: &Status) -> EngineError {
    let detail: Option<QueryFailedFailure> = detail(status);
    let Some(detail) = detail else {
        return error_of(status);
    };
    let failure = wire.optional_failure_in(detail.failure).ok().flatten();
    EngineError::Failed(Box::new(
        failure.unwrap_or_else(|| Failure::application(status.message(), "QueryFailed")),
    ))
}

/// The error of an answer to a workflow task. The service has recorded a failure of the task when it
/// refuses the commands, and begins its text with the cause.
pub(super) fn answer_error(status: &Status) -> EngineError {
    if status.code() != Code::InvalidArgument {
        return error_of(status);
    }
    let message = status.message().to_owned();
    let cause = cause_of(&message).unwrap_or(WorkflowTaskFailedCause::Unspecified);
    EngineError::WorkflowTaskRefused { cause, message }
}

/// The cause with which a text begins that refuses commands.
pub(super) fn cause_of(message: &str) -> Option<WorkflowTaskFailedCause> {
    let name = message.split([':', ' ']).next().unwrap_or_default();
    TASK_FAILED_CAUSES.of_name(name)
}
