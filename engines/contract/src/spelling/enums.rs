//! The enums of a history with their numbers and names in Temporal's protobuf.

use steadfast_core::{
    event::{ContinueAsNewInitiator, ExternalFailedCause, WorkflowTaskFailedCause},
    failure::{ApplicationErrorCategory, NexusHandlerRetryBehavior, TimeoutType},
    options::{ParentClosePolicy, WorkflowIdConflictPolicy, WorkflowIdReusePolicy},
    retry::RetryState,
};

use crate::{schedule::ScheduleOverlapPolicy, search_attributes::SearchAttributeType};

/// The values of an enum with their numbers and names.
#[derive(Debug)]
pub struct Names<T: 'static> {
    /// What each name starts with.
    pub(crate) prefix: &'static str,
    /// Number, name without the prefix, and value. Of several names for one value the first is
    /// written.
    pub(crate) values: &'static [(i64, &'static str, T)],
    /// What stands for the values that are not listed, if they are to be accepted.
    pub(crate) other: Option<T>,
}

impl<T: Copy + PartialEq> Names<T> {
    /// The name of a value; `None` when Temporal has none.
    pub(crate) fn name(&self, value: T) -> Option<String> {
        let (_, name, _) = self.values.iter().find(|entry| entry.2 == value)?;
        Some(format!("{}{name}", self.prefix))
    }

    /// The value of a number; `None` when it is not set, or not known.
    pub fn of_number(&self, number: i32) -> Option<T> {
        let number = i64::from(number);
        let found = self.values.iter().find(|entry| entry.0 == number);
        found
            .map(|entry| entry.2)
            .or_else(|| self.other.filter(|_| number != 0))
    }

    /// The value of a name in any spelling.
    pub fn of_name(&self, name: &str) -> Option<T> {
        let found = self.values.iter().find(|entry| same_name(entry.1, name));
        found.map(|entry| entry.2)
    }

    /// The number of a value; 0 when Temporal has none.
    pub fn number(&self, value: T) -> i32 {
        let found = self.values.iter().find(|entry| entry.2 == value);
        found.map_or(0, |entry| i32::try_from(entry.0).unwrap_or(0))
    }
}

/// Whether two spellings are of one name: case and underscores do not matter.
pub(crate) fn same_name(left: &str, right: &str) -> bool {
    letters(left).eq(letters(right))
}

fn letters(name: &str) -> impl Iterator<Item = u8> {
    name.bytes()
        .filter(|byte| *byte != b'_')
        .map(|byte| byte.to_ascii_lowercase())
}

/// `RetryState`.
pub static RETRY_STATES: Names<RetryState> = Names {
    prefix: "RETRY_STATE_",
    values: &[
        (1, "IN_PROGRESS", RetryState::InProgress),
        (2, "NON_RETRYABLE_FAILURE", RetryState::NonRetryableFailure),
        (3, "TIMEOUT", RetryState::Timeout),
        (
            4,
            "MAXIMUM_ATTEMPTS_REACHED",
            RetryState::MaximumAttemptsReached,
        ),
        (5, "RETRY_POLICY_NOT_SET", RetryState::RetryPolicyNotSet),
        (6, "INTERNAL_SERVER_ERROR", RetryState::InternalServerError),
        (7, "CANCEL_REQUESTED", RetryState::CancelRequested),
    ],
    other: None,
};

/// `ApplicationErrorCategory`.
pub static ERROR_CATEGORIES: Names<ApplicationErrorCategory> = Names {
    prefix: "APPLICATION_ERROR_CATEGORY_",
    values: &[(1, "BENIGN", ApplicationErrorCategory::Benign)],
    other: Some(ApplicationErrorCategory::Unspecified),
};

/// `NexusHandlerErrorRetryBehavior`.
pub static NEXUS_RETRY_BEHAVIORS: Names<NexusHandlerRetryBehavior> = Names {
    prefix: "NEXUS_HANDLER_ERROR_RETRY_BEHAVIOR_",
    values: &[
        (1, "RETRYABLE", NexusHandlerRetryBehavior::Retryable),
        (2, "NON_RETRYABLE", NexusHandlerRetryBehavior::NonRetryable),
    ],
    other: Some(NexusHandlerRetryBehavior::Unspecified),
};

/// `TimeoutType`.
pub static TIMEOUT_TYPES: Names<TimeoutType> = Names {
    prefix: "TIMEOUT_TYPE_",
    values: &[
        (1, "START_TO_CLOSE", TimeoutType::StartToClose),
        (2, "SCHEDULE_TO_START", TimeoutType::ScheduleToStart),
        (3, "SCHEDULE_TO_CLOSE", TimeoutType::ScheduleToClose),
        (4, "HEARTBEAT", TimeoutType::Heartbeat),
    ],
    other: None,
};

/// `ContinueAsNewInitiator`.
pub static INITIATORS: Names<ContinueAsNewInitiator> = Names {
    prefix: "CONTINUE_AS_NEW_INITIATOR_",
    values: &[
        (1, "WORKFLOW", ContinueAsNewInitiator::Workflow),
        (2, "RETRY", ContinueAsNewInitiator::Retry),
        (3, "CRON_SCHEDULE", ContinueAsNewInitiator::CronSchedule),
    ],
    other: None,
};

/// `ParentClosePolicy`.
pub static PARENT_CLOSE_POLICIES: Names<ParentClosePolicy> = Names {
    prefix: "PARENT_CLOSE_POLICY_",
    values: &[
        (1, "TERMINATE", ParentClosePolicy::Terminate),
        (2, "ABANDON", ParentClosePolicy::Abandon),
        (3, "REQUEST_CANCEL", ParentClosePolicy::RequestCancel),
    ],
    other: None,
};

/// `WorkflowIdReusePolicy`, with its deprecated value.
pub static REUSE_POLICIES: Names<WorkflowIdReusePolicy> = Names {
    prefix: "WORKFLOW_ID_REUSE_POLICY_",
    values: &[
        (1, "ALLOW_DUPLICATE", WorkflowIdReusePolicy::AllowDuplicate),
        (
            2,
            "ALLOW_DUPLICATE_FAILED_ONLY",
            WorkflowIdReusePolicy::AllowDuplicateFailedOnly,
        ),
        (
            3,
            "REJECT_DUPLICATE",
            WorkflowIdReusePolicy::RejectDuplicate,
        ),
        // Deprecated: its other half has become a conflict policy.
        (
            4,
            "TERMINATE_IF_RUNNING",
            WorkflowIdReusePolicy::AllowDuplicate,
        ),
    ],
    other: None,
};

/// `StartChildWorkflowExecutionFailedCause`.
pub static START_CHILD_FAILED_CAUSES: Names<ExternalFailedCause> = Names {
    prefix: "START_CHILD_WORKFLOW_EXECUTION_FAILED_CAUSE_",
    values: &[
        (
            1,
            "WORKFLOW_ALREADY_EXISTS",
            ExternalFailedCause::WorkflowAlreadyExists,
        ),
        (
            2,
            "NAMESPACE_NOT_FOUND",
            ExternalFailedCause::NamespaceNotFound,
        ),
    ],
    other: Some(ExternalFailedCause::Unspecified),
};

/// `CancelExternalWorkflowExecutionFailedCause`.
pub static CANCEL_FAILED_CAUSES: Names<ExternalFailedCause> = Names {
    prefix: "CANCEL_EXTERNAL_WORKFLOW_EXECUTION_FAILED_CAUSE_",
    values: &[
        (
            1,
            "EXTERNAL_WORKFLOW_EXECUTION_NOT_FOUND",
            ExternalFailedCause::ExternalWorkflowExecutionNotFound,
        ),
        (
            2,
            "NAMESPACE_NOT_FOUND",
            ExternalFailedCause::NamespaceNotFound,
        ),
    ],
    other: Some(ExternalFailedCause::Unspecified),
};

/// `SignalExternalWorkflowExecutionFailedCause`.
pub static SIGNAL_FAILED_CAUSES: Names<ExternalFailedCause> = Names {
    prefix: "SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_FAILED_CAUSE_",
    values: &[
        (
            1,
            "EXTERNAL_WORKFLOW_EXECUTION_NOT_FOUND",
            ExternalFailedCause::ExternalWorkflowExecutionNotFound,
        ),
        (
            2,
            "NAMESPACE_NOT_FOUND",
            ExternalFailedCause::NamespaceNotFound,
        ),
        (
            3,
            "SIGNAL_COUNT_LIMIT_EXCEEDED",
            ExternalFailedCause::SignalCountLimitExceeded,
        ),
    ],
    other: Some(ExternalFailedCause::Unspecified),
};

/// `WorkflowTaskFailedCause`. The causes that say which closing command was wrong are one value here.
pub static TASK_FAILED_CAUSES: Names<WorkflowTaskFailedCause> = Names {
    prefix: "WORKFLOW_TASK_FAILED_CAUSE_",
    values: &[
        (
            1,
            "UNHANDLED_COMMAND",
            WorkflowTaskFailedCause::UnhandledCommand,
        ),
        (
            2,
            "BAD_SCHEDULE_ACTIVITY_ATTRIBUTES",
            WorkflowTaskFailedCause::BadScheduleActivityAttributes,
        ),
        (
            3,
            "BAD_REQUEST_CANCEL_ACTIVITY_ATTRIBUTES",
            WorkflowTaskFailedCause::BadRequestCancelActivityAttributes,
        ),
        (
            4,
            "BAD_START_TIMER_ATTRIBUTES",
            WorkflowTaskFailedCause::BadStartTimerAttributes,
        ),
        (
            5,
            "BAD_CANCEL_TIMER_ATTRIBUTES",
            WorkflowTaskFailedCause::BadCancelTimerAttributes,
        ),
        (
            6,
            "BAD_RECORD_MARKER_ATTRIBUTES",
            WorkflowTaskFailedCause::BadRecordMarkerAttributes,
        ),
        (
            7,
            "BAD_COMPLETE_WORKFLOW_EXECUTION_ATTRIBUTES",
            WorkflowTaskFailedCause::BadCloseAttributes,
        ),
        (
            8,
            "BAD_FAIL_WORKFLOW_EXECUTION_ATTRIBUTES",
            WorkflowTaskFailedCause::BadCloseAttributes,
        ),
        (
            9,
            "BAD_CANCEL_WORKFLOW_EXECUTION_ATTRIBUTES",
            WorkflowTaskFailedCause::BadCloseAttributes,
        ),
        (
            10,
            "BAD_REQUEST_CANCEL_EXTERNAL_WORKFLOW_EXECUTION_ATTRIBUTES",
            WorkflowTaskFailedCause::BadRequestCancelExternalWorkflowExecutionAttributes,
        ),
        (
            11,
            "BAD_CONTINUE_AS_NEW_ATTRIBUTES",
            WorkflowTaskFailedCause::BadCloseAttributes,
        ),
        (
            12,
            "START_TIMER_DUPLICATE_ID",
            WorkflowTaskFailedCause::StartTimerDuplicateId,
        ),
        (
            14,
            "WORKFLOW_WORKER_UNHANDLED_FAILURE",
            WorkflowTaskFailedCause::WorkflowWorkerUnhandledFailure,
        ),
        (
            15,
            "BAD_SIGNAL_WORKFLOW_EXECUTION_ATTRIBUTES",
            WorkflowTaskFailedCause::BadSignalWorkflowExecutionAttributes,
        ),
        (
            16,
            "BAD_START_CHILD_EXECUTION_ATTRIBUTES",
            WorkflowTaskFailedCause::BadStartChildExecutionAttributes,
        ),
        (
            17,
            "FORCE_CLOSE_COMMAND",
            WorkflowTaskFailedCause::ForceCloseCommand,
        ),
        (20, "RESET_WORKFLOW", WorkflowTaskFailedCause::ResetWorkflow),
        (
            22,
            "SCHEDULE_ACTIVITY_DUPLICATE_ID",
            WorkflowTaskFailedCause::ScheduleActivityDuplicateId,
        ),
        (
            23,
            "BAD_SEARCH_ATTRIBUTES",
            WorkflowTaskFailedCause::BadSearchAttributes,
        ),
        (
            24,
            "NON_DETERMINISTIC_ERROR",
            WorkflowTaskFailedCause::NonDeterministicError,
        ),
        (
            30,
            "BAD_UPDATE_WORKFLOW_EXECUTION_MESSAGE",
            WorkflowTaskFailedCause::BadUpdateWorkflowExecutionMessage,
        ),
        (
            37,
            "PAYLOADS_TOO_LARGE",
            WorkflowTaskFailedCause::PayloadsTooLarge,
        ),
    ],
    other: Some(WorkflowTaskFailedCause::Unspecified),
};

/// `WorkflowIdConflictPolicy`.
pub static CONFLICT_POLICIES: Names<WorkflowIdConflictPolicy> = Names {
    prefix: "WORKFLOW_ID_CONFLICT_POLICY_",
    values: &[
        (1, "FAIL", WorkflowIdConflictPolicy::Fail),
        (2, "USE_EXISTING", WorkflowIdConflictPolicy::UseExisting),
        (
            3,
            "TERMINATE_EXISTING",
            WorkflowIdConflictPolicy::TerminateExisting,
        ),
    ],
    other: None,
};

/// `ScheduleOverlapPolicy`.
pub static OVERLAP_POLICIES: Names<ScheduleOverlapPolicy> = Names {
    prefix: "SCHEDULE_OVERLAP_POLICY_",
    values: &[
        (1, "SKIP", ScheduleOverlapPolicy::Skip),
        (2, "BUFFER_ONE", ScheduleOverlapPolicy::BufferOne),
        (3, "BUFFER_ALL", ScheduleOverlapPolicy::BufferAll),
        (4, "CANCEL_OTHER", ScheduleOverlapPolicy::CancelOther),
        (5, "TERMINATE_OTHER", ScheduleOverlapPolicy::TerminateOther),
        (6, "ALLOW_ALL", ScheduleOverlapPolicy::AllowAll),
    ],
    other: None,
};

/// `IndexedValueType`.
pub static SEARCH_ATTRIBUTE_TYPES: Names<SearchAttributeType> = Names {
    prefix: "INDEXED_VALUE_TYPE_",
    values: &[
        (1, "TEXT", SearchAttributeType::Text),
        (2, "KEYWORD", SearchAttributeType::Keyword),
        (3, "INT", SearchAttributeType::Int),
        (4, "DOUBLE", SearchAttributeType::Double),
        (5, "BOOL", SearchAttributeType::Bool),
        (6, "DATETIME", SearchAttributeType::Datetime),
        (7, "KEYWORD_LIST", SearchAttributeType::KeywordList),
    ],
    other: None,
};
