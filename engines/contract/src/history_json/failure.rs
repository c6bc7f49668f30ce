//! Failures in JSON: a message, one of several infos that says the kind, and a cause.

use serde_json::Value;
use steadfast_core::failure::{
    ActivityFailureInfo, ChildWorkflowFailureInfo, Failure, FailureKind, NexusOperationFailureInfo,
    TimeoutType,
};

use super::{
    error::{Problem, Read},
    fields::Fields,
    object::Object,
};
use crate::spelling::enums::{ERROR_CATEGORIES, NEXUS_RETRY_BEHAVIORS, TIMEOUT_TYPES};

/// What a chain of causes should be.
const EXPECTED_DEPTH: &str = "at most 100 failures as causes of each other";

impl Fields<'_> {
    pub(super) fn optional_failure(&self, name: &str) -> Read<Option<Failure>> {
        self.optional_message(name, |fields| failure(fields, 1))
    }

    /// A failure that must be there.
    pub(super) fn failure(&self, name: &str) -> Read<Failure> {
        self.optional_failure(name)?
            .ok_or_else(|| Problem::value("a failure", None).within(name))
    }
}

fn failure(fields: Fields<'_>, depth: usize) -> Read<Failure> {
    if depth > Failure::MAX_CAUSES {
        return Err(Problem::text(EXPECTED_DEPTH, "more"));
    }
    let cause = fields.optional_message("cause", |cause| failure(cause, depth + 1))?;
    Ok(Failure {
        message: fields.text("message")?,
        source: fields.text("source")?,
        stack_trace: fields.text("stackTrace")?,
        kind: kind(fields)?,
        cause: cause.map(Box::new),
        encoded_attributes: fields.optional_payload("encodedAttributes")?.map(Box::new),
    })
}

fn kind(fields: Fields<'_>) -> Read<FailureKind> {
    for (info, read) in KINDS {
        if let Some(kind) = fields.optional_message(info, read)? {
            return Ok(kind);
        }
    }
    // So says a service why it refused a workflow task.
    Ok(FailureKind::Unspecified)
}

/// Reads an info.
type ReadKind = fn(Fields<'_>) -> Read<FailureKind>;

/// The infos of a failure.
const KINDS: [(&str, ReadKind); 10] = [
    ("applicationFailureInfo", |info| {
        Ok(FailureKind::Application {
            error_type: info.text("type")?,
            non_retryable: info.flag("nonRetryable")?,
            details: info.payloads("details")?,
            next_retry_delay: info.optional_duration("nextRetryDelay")?,
            category: info
                .choice("category", &ERROR_CATEGORIES)?
                .unwrap_or_default(),
        })
    }),
    ("timeoutFailureInfo", |info| {
        let timeout_type = info.choice("timeoutType", &TIMEOUT_TYPES)?;
        Ok(FailureKind::Timeout {
            timeout_type: timeout_type.unwrap_or(TimeoutType::StartToClose),
            last_heartbeat_details: info.payloads("lastHeartbeatDetails")?,
        })
    }),
    ("canceledFailureInfo", |info| {
        Ok(FailureKind::Cancelled {
            details: info.payloads("details")?,
            identity: info.optional_id("identity")?,
        })
    }),
    ("terminatedFailureInfo", |info| {
        Ok(FailureKind::Terminated {
            identity: info.optional_id("identity")?,
        })
    }),
    ("serverFailureInfo", |info| {
        Ok(FailureKind::Server {
            non_retryable: info.flag("nonRetryable")?,
        })
    }),
    ("resetWorkflowFailureInfo", |info| {
        Ok(FailureKind::Reset {
            last_heartbeat_details: info.payloads("lastHeartbeatDetails")?,
        })
    }),
    ("activityFailureInfo", |info| {
        Ok(FailureKind::Activity(Box::new(ActivityFailureInfo {
            scheduled_event_id: info.event_id("scheduledEventId")?,
            started_event_id: info.event_id("startedEventId")?,
            identity: info.optional_id("identity")?,
            activity_type: info.named("activityType")?,
            activity_id: info.id("activityId")?,
            retry_state: info.retry_state()?,
        })))
    }),
    ("childWorkflowExecutionFailureInfo", |info| {
        let (workflow_id, run_id) = info.message("workflowExecution", |execution| {
            Ok((execution.id("workflowId")?, execution.optional_id("runId")?))
        })?;
        let info = ChildWorkflowFailureInfo {
            workflow_id,
            run_id,
            workflow_type: info.named("workflowType")?,
            initiated_event_id: info.event_id("initiatedEventId")?,
            started_event_id: info.event_id("startedEventId")?,
            retry_state: info.retry_state()?,
            namespace: info.optional_id("namespace")?,
        };
        Ok(FailureKind::ChildWorkflow(Box::new(info)))
    }),
    ("nexusOperationExecutionFailureInfo", |info| {
        let info = NexusOperationFailureInfo {
            scheduled_event_id: info.event_id("scheduledEventId")?,
            endpoint: info.text("endpoint")?,
            service: info.text("service")?,
            operation: info.text("operation")?,
            operation_id: info.text("operationId")?,
            operation_token: info.text("operationToken")?,
        };
        Ok(FailureKind::NexusOperation(Box::new(info)))
    }),
    ("nexusHandlerFailureInfo", |info| {
        let retry_behavior = info.choice("retryBehavior", &NEXUS_RETRY_BEHAVIORS)?;
        Ok(FailureKind::NexusHandler {
            error_type: info.text("type")?,
            retry_behavior: retry_behavior.unwrap_or_default(),
        })
    }),
];

impl Object {
    pub(super) fn failure(self, name: &str, failure: &Failure) -> Read<Self> {
        Ok(self.value(
            name,
            write(failure).map_err(|problem| problem.within(name))?,
        ))
    }

    pub(super) fn optional_failure(self, name: &str, failure: Option<&Failure>) -> Read<Self> {
        match failure {
            Some(failure) => self.failure(name, failure),
            None => Ok(self),
        }
    }
}

fn write(failure: &Failure) -> Read<Value> {
    let chain: Vec<&Failure> = failure.chain().take(Failure::MAX_CAUSES + 1).collect();
    if chain.len() > Failure::MAX_CAUSES {
        return Err(Problem::text(EXPECTED_DEPTH, "more"));
    }
    let mut cause = None;
    for failure in chain.into_iter().rev() {
        let message = Object::new()
            .text("message", &failure.message)
            .text("source", &failure.source)
            .text("stackTrace", &failure.stack_trace)
            .payload("encodedAttributes", failure.encoded_attributes.as_deref());
        let message = write_kind(message, &failure.kind);
        cause = Some(match cause {
            Some(cause) => message.value("cause", cause).done(),
            None => message.done(),
        });
    }
    Ok(cause.unwrap_or_default())
}

fn write_kind(message: Object, kind: &FailureKind) -> Object {
    let (name, info) = match kind {
        FailureKind::Application {
            error_type,
            non_retryable,
            details,
            next_retry_delay,
            category,
        } => {
            let info = Object::new()
                .text("type", error_type)
                .flag("nonRetryable", *non_retryable)
                .payloads("details", details)
                .timeout("nextRetryDelay", *next_retry_delay)
                .choice("category", *category, &ERROR_CATEGORIES);
            ("applicationFailureInfo", info)
        }
        FailureKind::Timeout {
            timeout_type,
            last_heartbeat_details,
        } => {
            let info = Object::new()
                .choice("timeoutType", *timeout_type, &TIMEOUT_TYPES)
                .payloads("lastHeartbeatDetails", last_heartbeat_details);
            ("timeoutFailureInfo", info)
        }
        FailureKind::Cancelled { details, identity } => {
            let info = Object::new()
                .payloads("details", details)
                .optional_id("identity", identity.as_ref());
            ("canceledFailureInfo", info)
        }
        FailureKind::Terminated { identity } => {
            let info = Object::new().optional_id("identity", identity.as_ref());
            ("terminatedFailureInfo", info)
        }
        FailureKind::Server { non_retryable } => {
            let info = Object::new().flag("nonRetryable", *non_retryable);
            ("serverFailureInfo", info)
        }
        FailureKind::Reset {
            last_heartbeat_details,
        } => {
            let info = Object::new().payloads("lastHeartbeatDetails", last_heartbeat_details);
            ("resetWorkflowFailureInfo", info)
        }
        FailureKind::Activity(info) => {
            let info = Object::new()
                .event_id("scheduledEventId", info.scheduled_event_id)
                .event_id("startedEventId", info.started_event_id)
                .optional_id("identity", info.identity.as_ref())
                .named("activityType", &info.activity_type)
                .id("activityId", &info.activity_id)
                .retry_state(info.retry_state);
            ("activityFailureInfo", info)
        }
        FailureKind::ChildWorkflow(info) => {
            let info = Object::new()
                .target("workflowExecution", &info.workflow_id, info.run_id.as_ref())
                .named("workflowType", &info.workflow_type)
                .event_id("initiatedEventId", info.initiated_event_id)
                .event_id("startedEventId", info.started_event_id)
                .retry_state(info.retry_state)
                .optional_id("namespace", info.namespace.as_ref());
            ("childWorkflowExecutionFailureInfo", info)
        }
        FailureKind::NexusOperation(info) => {
            let info = Object::new()
                .event_id("scheduledEventId", info.scheduled_event_id)
                .text("endpoint", &info.endpoint)
                .text("service", &info.service)
                .text("operation", &info.operation)
                .text("operationId", &info.operation_id)
                .text("operationToken", &info.operation_token);
            ("nexusOperationExecutionFailureInfo", info)
        }
        FailureKind::NexusHandler {
            error_type,
            retry_behavior,
        } => {
            let info = Object::new().text("type", error_type).choice(
                "retryBehavior",
                *retry_behavior,
                &NEXUS_RETRY_BEHAVIORS,
            );
            ("nexusHandlerFailureInfo", info)
        }
        FailureKind::Unspecified => return message,
    };
    message.message(name, info)
}
