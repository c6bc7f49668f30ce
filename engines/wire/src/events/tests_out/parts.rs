//! What events are made of.

use std::time::Duration;

use proptest::{
    collection::{btree_map, vec},
    option,
    prelude::*,
    sample::select,
};
use steadfast_core::{
    event::{ContinueAsNewInitiator, WorkflowTaskFailedCause},
    failure::{Failure, TimeoutType},
    ids::{EventId, Identity, InvalidId, Namespace, RequestId, RunId, WorkflowExecution},
    options::{ParentClosePolicy, WorkflowIdReusePolicy},
    payload::{Bytes, Payload, PayloadMap},
    retry::{RetryPolicy, RetryState},
    time::Timestamp,
};

use crate::{failure::tests::failures, values::Wire};

/// What events are made of.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    pub(crate) name: String,
    pub(crate) number: u32,
    pub(crate) size: u64,
    pub(crate) flag: bool,
    pub(crate) ids: [EventId; 3],
    pub(crate) time: Timestamp,
    pub(crate) wait: Duration,
    pub(crate) limits: [Option<Duration>; 4],
    pub(crate) identity: Option<Identity>,
    pub(crate) request_id: Option<RequestId>,
    pub(crate) run_id: Option<RunId>,
    pub(crate) namespace: Option<Namespace>,
    pub(crate) execution: WorkflowExecution,
    pub(crate) other: Option<WorkflowExecution>,
    pub(crate) payloads: Vec<Payload>,
    pub(crate) single: Option<Payload>,
    pub(crate) map: PayloadMap,
    pub(crate) failure: Failure,
    pub(crate) maybe_failure: Option<Failure>,
    pub(crate) policy: Option<RetryPolicy>,
    pub(crate) retry_state: RetryState,
    pub(crate) timeout_type: TimeoutType,
    pub(crate) task_cause: WorkflowTaskFailedCause,
    pub(crate) initiator: Option<ContinueAsNewInitiator>,
    pub(crate) close_policy: ParentClosePolicy,
    pub(crate) reuse_policy: WorkflowIdReusePolicy,
}

/// An id or a name of any type.
pub(crate) fn id<T>(text: &str) -> T
where
    for<'a> T: TryFrom<&'a str, Error = InvalidId>,
{
    T::try_from(text).expect("it is short and not empty")
}

fn payload() -> impl Strategy<Value = Payload> {
    let encoding = select(vec!["", Payload::JSON, Payload::BINARY, "json/protobuf"]);
    let metadata = btree_map(
        "[a-d]{1,3}",
        vec(any::<u8>(), 0..4).prop_map(Bytes::from),
        0..3,
    );
    (encoding, vec(any::<u8>(), 0..9), metadata).prop_map(|(encoding, data, metadata)| Payload {
        encoding: encoding.into(),
        data: data.into(),
        metadata,
    })
}

fn run() -> impl Strategy<Value = WorkflowExecution> {
    ("[a-z]{1,3}", "[a-z]{1,3}").prop_map(|(workflow_id, run_id)| WorkflowExecution {
        workflow_id: id(&workflow_id),
        run_id: id(&run_id),
    })
}

fn failure() -> impl Strategy<Value = Failure> {
    failures().prop_map(|failure| {
        let failure = Wire::default().failure_in(Some(failure));
        failure.expect("it is one")
    })
}

/// No limit is not a limit of zero.
fn limit() -> impl Strategy<Value = Option<Duration>> {
    option::of((1_u64..9_000_000_000_000).prop_map(Duration::from_nanos))
}

fn policy() -> impl Strategy<Value = RetryPolicy> {
    let types = vec("[a-z]{1,3}", 0..3);
    (any::<u32>(), 0_u32..9, limit(), 0_u32..9, types).prop_map(
        |(interval, coefficient, maximum_interval, maximum_attempts, non_retryable_error_types)| {
            RetryPolicy {
                // Zeros and worse too: what a history says is a fact.
                initial_interval: Duration::from_nanos(interval.into()),
                backoff_coefficient: f64::from(coefficient) / 4.0,
                maximum_interval,
                maximum_attempts,
                non_retryable_error_types,
            }
        },
    )
}

pub(crate) fn parts() -> impl Strategy<Value = Parts> {
    let named = "[a-z]{1,3}";
    let numbers = (
        named,
        1_u32..0x7fff_ffff,
        0_u64..0x7fff_ffff_ffff_ffff,
        any::<bool>(),
        [0_u64..99, 0..99, 0..99],
        -9_000_000_000_000_000_000_i64..9_000_000_000_000_000_000,
        any::<u64>(),
        [limit(), limit(), limit(), limit()],
    );
    let who = (
        option::of(named),
        option::of(named),
        option::of(named),
        option::of(named),
        run(),
        option::of(run()),
    );
    let values = (
        vec(payload(), 0..3),
        option::of(payload()),
        btree_map(named, payload(), 0..3),
        failure(),
        option::of(failure()),
        option::of(policy()),
    );
    let choices = (
        select(vec![
            RetryState::InProgress,
            RetryState::NonRetryableFailure,
            RetryState::Timeout,
            RetryState::MaximumAttemptsReached,
            RetryState::RetryPolicyNotSet,
            RetryState::InternalServerError,
            RetryState::CancelRequested,
        ]),
        select(vec![
            TimeoutType::StartToClose,
            TimeoutType::ScheduleToStart,
            TimeoutType::ScheduleToClose,
            TimeoutType::Heartbeat,
        ]),
        select(vec![
            WorkflowTaskFailedCause::ResetWorkflow,
            WorkflowTaskFailedCause::BadCloseAttributes,
            WorkflowTaskFailedCause::NonDeterministicError,
            WorkflowTaskFailedCause::PayloadsTooLarge,
            WorkflowTaskFailedCause::Unspecified,
        ]),
        option::of(select(vec![
            ContinueAsNewInitiator::Workflow,
            ContinueAsNewInitiator::Retry,
            ContinueAsNewInitiator::CronSchedule,
        ])),
        select(vec![
            ParentClosePolicy::Terminate,
            ParentClosePolicy::Abandon,
            ParentClosePolicy::RequestCancel,
        ]),
        select(vec![
            WorkflowIdReusePolicy::AllowDuplicate,
            WorkflowIdReusePolicy::AllowDuplicateFailedOnly,
            WorkflowIdReusePolicy::RejectDuplicate,
        ]),
    );
    (numbers, who, values, choices).prop_map(|(numbers, who, values, choices)| {
        let (name, number, size, flag, ids, time, wait, limits) = numbers;
        let (identity, request_id, run_id, namespace, execution, other) = who;
        let (payloads, single, map, failure, maybe_failure, policy) = values;
        let (retry_state, timeout_type, task_cause, initiator, close_policy, reuse_policy) =
            choices;
        Parts {
            name,
            number,
            size,
            flag,
            ids: ids.map(EventId),
            time: Timestamp::from_unix_nanos(time),
            wait: Duration::from_nanos(wait),
            limits,
            identity: identity.map(|text| id(&text)),
            request_id: request_id.map(|text| id(&text)),
            run_id: run_id.map(|text| id(&text)),
            namespace: namespace.map(|text| id(&text)),
            execution,
            other,
            payloads,
            single,
            map,
            failure,
            maybe_failure,
            policy,
            retry_state,
            timeout_type,
            task_cause,
            initiator,
            close_policy,
            reuse_policy,
        }
    })
}
