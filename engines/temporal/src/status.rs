//! What the service refuses, in the words of an engine.

use prost::{Message as _, Name as _};
use prost_wkt_types::Any;
use steadfast_core::{event::WorkflowTaskFailedCause, failure::Failure, ids::RunId};
use steadfast_engine::{EngineError, spelling::enums::TASK_FAILED_CAUSES};
use steadfast_wire::Wire;
use temporalio_protos::temporal::api::{
    errordetails::v1::{
        MultiOperationExecutionFailure, QueryFailedFailure, WorkflowExecutionAlreadyStartedFailure,
    },
    failure::v1::MultiOperationExecutionAborted,
};
use tonic::{Code, Status};

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, prost::Message)]
struct Details {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
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

/// The status of the operation that failed, of several that were to be done together. The others were aborted, or done.
pub(super) fn of_operation(status: &Status) -> Status {
    let failure: Option<MultiOperationExecutionFailure> = detail(status);
    let statuses = failure.map(|failure| failure.statuses).unwrap_or_default();
    let failed = statuses.into_iter().find(|status| {
        let is_aborted = |detail: &Any| {
            let aborted = MultiOperationExecutionAborted::full_name();
            detail.type_url.ends_with(&aborted)
        };
        status.code != i32::from(Code::Ok) && !status.details.iter().any(is_aborted)
    });
    let Some(failed) = failed else {
        return status.clone();
    };
    let details = Details {
        code: failed.code,
        message: failed.message.clone(),
        details: failed.details,
    };
    Status::with_details(
        Code::from(failed.code),
        failed.message,
        details.encode_to_vec().into(),
    )
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

#[cfg(test)]
mod tests {
    use temporalio_protos::temporal::api::errordetails::v1::multi_operation_execution_failure::OperationStatus;

    use super::*;

    fn operation<T: prost::Message + prost::Name>(
        code: Code,
        message: &str,
        detail: &T,
    ) -> OperationStatus {
        OperationStatus {
            code: code.into(),
            message: message.to_owned(),
            details: vec![any(detail)],
        }
    }

    fn any<T: prost::Message + prost::Name>(message: &T) -> Any {
        Any {
            type_url: format!("type.googleapis.com/{}", T::full_name()),
            value: message.encode_to_vec(),
        }
    }

    fn together(statuses: Vec<OperationStatus>) -> Status {
        let details = Details {
            code: Code::Aborted.into(),
            message: "could not be executed".to_owned(),
            details: vec![any(&MultiOperationExecutionFailure { statuses })],
        };
        let details = details.encode_to_vec();
        Status::with_details(Code::Aborted, "could not be executed", details.into())
    }

    #[test]
    fn of_several_operations_that_which_failed_is_told() {
        let aborted = || {
            let detail = MultiOperationExecutionAborted {};
            operation(Code::Aborted, "Operation was aborted.", &detail)
        };
        let detail = WorkflowExecutionAlreadyStartedFailure {
            run_id: "run".to_owned(),
            ..Default::default()
        };
        let started = operation(Code::AlreadyExists, "is running", &detail);
        for statuses in [vec![started.clone(), aborted()], vec![aborted(), started]] {
            let failed = of_operation(&together(statuses));
            let EngineError::AlreadyStarted { run_id } = error_of(&failed) else {
                panic!("{failed}");
            };
            assert_eq!(run_id.as_str(), "run");
        }
        let done = OperationStatus::default();
        let detail = QueryFailedFailure::default();
        let gone = operation(Code::NotFound, "gone", &detail);
        let failed = of_operation(&together(vec![done, gone]));
        assert_eq!((failed.code(), failed.message()), (Code::NotFound, "gone"));
    }

    #[test]
    fn a_status_without_operations_stays_what_it_is() {
        let status = Status::unavailable("not there");
        let same = of_operation(&status);
        assert_eq!(
            (same.code(), same.message()),
            (Code::Unavailable, "not there")
        );
        let same = of_operation(&together(Vec::new()));
        assert_eq!(same.code(), Code::Aborted);
    }
}
