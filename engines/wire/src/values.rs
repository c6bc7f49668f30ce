//! The values that every message of the service has: payloads, ids, times.
//!
//! What comes in may be anything: nothing here panics, and what cannot be understood is an error that
//! names it.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use prost::Message as _;
use prost_wkt_types::{Duration as ProtoDuration, Timestamp as ProtoTimestamp};
use steadfast_core::{
    ids::{EventId, InvalidId, RunId, WorkflowExecution, WorkflowId},
    options::{ActivityTimeouts, Priority},
    payload::{Bytes, Payload, PayloadMap, UserMetadata},
    retry::RetryPolicy,
    time::Timestamp,
};
use steadfast_engine::{
    EngineError,
    codec::{CodecError, PayloadCodec},
};
use temporalio_protos::temporal::api::{
    common::v1 as common, enums::v1::TaskQueueKind, sdk::v1 as sdk, taskqueue::v1::TaskQueue,
};

/// What a conversion gives.
pub type Wired<T> = Result<T, EngineError>;

const ENCODING: &str = "encoding";
/// The encoding of a value that stands for several: their message `Payloads`.
const PAYLOADS: &str = "steadfast/payloads";
const NANOS_PER_SECOND: i64 = 1_000_000_000;
/// The longest duration of protobuf.
const MAX_SECONDS: u64 = 315_576_000_000;

/// Takes payloads through the codec, if there is one.
#[derive(Clone, Debug, Default)]
pub struct Wire {
    /// Encodes what goes out, and decodes what comes in.
    pub codec: Option<Arc<dyn PayloadCodec>>,
    /// Whether the messages of failures go through it too.
    pub encode_failures: bool,
    /// Whether what a run has in another form stays as it came: some payloads where it has one, and the encoded
    /// attributes of failures. So does a service, which gives everybody what others said.
    pub verbatim: bool,
}

#[expect(clippy::needless_pass_by_value, reason = "it maps an error")]
fn refused(error: CodecError) -> EngineError {
    EngineError::invalid(error.to_string())
}

impl Wire {
    pub(crate) fn payload_out(&self, payload: Payload) -> Wired<common::Payload> {
        let payload = match &self.codec {
            // No value has nothing to hide, and the service has to see it where it removes one.
            Some(codec) if payload.encoding != Payload::NULL => {
                codec.encode(payload).map_err(refused)?
            }
            _ => payload,
        };
        Ok(plain_out(payload))
    }

    pub(crate) fn payload_in(&self, payload: common::Payload) -> Wired<Payload> {
        let payload = plain_in(payload);
        Ok(match &self.codec {
            Some(codec) => codec.decode(payload).map_err(refused)?,
            None => payload,
        })
    }

    /// No payloads are no message, as the official SDKs write it.
    pub fn payloads_out(&self, payloads: Vec<Payload>) -> Wired<Option<common::Payloads>> {
        if payloads.is_empty() {
            return Ok(None);
        }
        let payloads = payloads
            .into_iter()
            .map(|payload| self.payload_out(payload));
        Ok(Some(common::Payloads {
            payloads: payloads.collect::<Wired<_>>()?,
        }))
    }

    /// Takes payloads through the codec; no message are no payloads.
    pub fn payloads_in(&self, payloads: Option<common::Payloads>) -> Wired<Vec<Payload>> {
        let payloads = payloads.map(|payloads| payloads.payloads);
        payloads
            .unwrap_or_default()
            .into_iter()
            .map(|payload| self.payload_in(payload))
            .collect()
    }

    /// A value as the only one of some payloads, unless it stands for some.
    pub fn single_out(&self, payload: Option<Payload>) -> Wired<Option<common::Payloads>> {
        match payload {
            Some(payload) if payload.encoding == PAYLOADS => {
                let payloads = common::Payloads::decode(payload.data.as_slice());
                payloads
                    .map(Some)
                    .map_err(|_| lacks("payloads that can be read"))
            }
            payload => self.payloads_out(payload.into_iter().collect()),
        }
    }

    /// The first of some payloads: a result is one value. If they are kept as they came, one that stands for all.
    pub fn single_in(&self, payloads: Option<common::Payloads>) -> Wired<Option<Payload>> {
        let payloads = payloads.map(|payloads| payloads.payloads);
        if self.verbatim
            && let Some(payloads) = payloads.as_ref().filter(|payloads| payloads.len() > 1)
        {
            let message = common::Payloads {
                payloads: payloads.clone(),
            };
            return Ok(Some(Payload {
                encoding: Cow::Borrowed(PAYLOADS),
                data: Bytes::from(message.encode_to_vec()),
                metadata: BTreeMap::new(),
            }));
        }
        let first = payloads.and_then(|payloads| payloads.into_iter().next());
        first.map(|payload| self.payload_in(payload)).transpose()
    }

    pub(crate) fn map_out(&self, map: PayloadMap) -> Wired<HashMap<String, common::Payload>> {
        map.into_iter()
            .map(|(key, payload)| Ok((key, self.payload_out(payload)?)))
            .collect()
    }

    pub(crate) fn map_in(&self, map: HashMap<String, common::Payload>) -> Wired<PayloadMap> {
        let mut sorted = PayloadMap::new();
        #[expect(clippy::iter_over_hash_type, reason = "the result is sorted")]
        for (key, payload) in map {
            sorted.insert(key, self.payload_in(payload)?);
        }
        Ok(sorted)
    }

    /// A header; an empty one is no message.
    pub fn header_out(&self, header: PayloadMap) -> Wired<Option<common::Header>> {
        if header.is_empty() {
            return Ok(None);
        }
        let fields = self.map_out(header)?;
        Ok(Some(common::Header { fields }))
    }

    /// A header; no message is an empty one.
    pub fn header_in(&self, header: Option<common::Header>) -> Wired<PayloadMap> {
        self.map_in(header.map(|header| header.fields).unwrap_or_default())
    }

    /// A memo; an empty one is no message.
    pub fn memo_out(&self, memo: PayloadMap) -> Wired<Option<common::Memo>> {
        if memo.is_empty() {
            return Ok(None);
        }
        let fields = self.map_out(memo)?;
        Ok(Some(common::Memo { fields }))
    }

    /// A memo; no message is an empty one.
    pub fn memo_in(&self, memo: Option<common::Memo>) -> Wired<PayloadMap> {
        self.map_in(memo.map(|memo| memo.fields).unwrap_or_default())
    }

    /// Words for people.
    pub fn user_metadata_out(
        &self,
        words: Option<UserMetadata>,
    ) -> Wired<Option<sdk::UserMetadata>> {
        let Some(words) = words else { return Ok(None) };
        let out = |payload: Option<Payload>| payload.map(|it| self.payload_out(it)).transpose();
        Ok(Some(sdk::UserMetadata {
            summary: out(words.summary)?,
            details: out(words.details)?,
        }))
    }

    /// Words for people; a message with none of them is none.
    pub fn user_metadata_in(
        &self,
        words: Option<sdk::UserMetadata>,
    ) -> Wired<Option<Box<UserMetadata>>> {
        let words = words.unwrap_or_default();
        let read = |payload: Option<common::Payload>| payload.map(|it| self.payload_in(it));
        Ok(UserMetadata::of(
            read(words.summary).transpose()?,
            read(words.details).transpose()?,
        ))
    }
}

/// Search attributes do not go through the codec: the service has to read them.
pub fn search_attributes_out(map: PayloadMap) -> Option<common::SearchAttributes> {
    if map.is_empty() {
        return None;
    }
    let attributes = map.into_iter();
    Some(common::SearchAttributes {
        indexed_fields: attributes
            .map(|(key, payload)| (key, plain_out(payload)))
            .collect(),
    })
}

/// Search attributes, which did not go through the codec.
pub fn search_attributes_in(attributes: Option<common::SearchAttributes>) -> PayloadMap {
    let fields = attributes.map(|attributes| attributes.indexed_fields);
    fields
        .unwrap_or_default()
        .into_iter()
        .map(|(key, payload)| (key, plain_in(payload)))
        .collect()
}

/// The value of a search attribute, which does not go through the codec.
pub fn search_attribute_out(payload: Payload) -> common::Payload {
    plain_out(payload)
}

pub(crate) fn plain_out(payload: Payload) -> common::Payload {
    let mut metadata: HashMap<String, Vec<u8>> = payload
        .metadata
        .into_iter()
        .map(|(key, value)| (key, value.as_slice().to_vec()))
        .collect();
    if !payload.encoding.is_empty() {
        let encoding = payload.encoding.into_owned().into_bytes();
        metadata.insert(ENCODING.to_owned(), encoding);
    }
    common::Payload {
        metadata,
        data: payload.data.as_slice().to_vec(),
        ..common::Payload::default()
    }
}

/// A value that did not go through the codec.
pub fn plain_in(payload: common::Payload) -> Payload {
    let mut metadata = payload.metadata;
    let encoding = match metadata.remove(ENCODING).map(String::from_utf8) {
        None => Cow::Borrowed(""),
        Some(Ok(text)) if text == Payload::JSON => Cow::Borrowed(Payload::JSON),
        Some(Ok(text)) => Cow::Owned(text),
        Some(Err(error)) => Cow::Owned(String::from_utf8_lossy(error.as_bytes()).into_owned()),
    };
    Payload {
        encoding,
        data: Bytes::from(payload.data),
        metadata: metadata
            .into_iter()
            .map(|(key, value)| (key, Bytes::from(value)))
            .collect(),
    }
}

/// A cron schedule; an empty one is none.
pub fn cron_schedule(text: &str) -> Option<Box<str>> {
    (!text.is_empty()).then(|| text.into())
}

/// A priority; one that says nothing is none.
pub fn priority_in(priority: Option<common::Priority>) -> Option<Box<Priority>> {
    let priority = priority?;
    let said = Priority {
        priority_key: priority.priority_key,
        fairness_key: priority.fairness_key,
        fairness_weight: priority.fairness_weight,
    };
    said.said()
}

/// A priority, if there is one.
pub fn priority_out(priority: Option<Box<Priority>>) -> Option<common::Priority> {
    let priority = *priority?;
    Some(common::Priority {
        priority_key: priority.priority_key,
        fairness_key: priority.fairness_key,
        fairness_weight: priority.fairness_weight,
    })
}

/// What a message of the service lacks.
pub fn lacks(what: &str) -> EngineError {
    EngineError::Unsupported {
        message: format!("a message of the service has no {what}, which this version needs"),
    }
}

/// An id that must be there.
pub fn id<T>(text: &str) -> Wired<T>
where
    for<'a> T: TryFrom<&'a str, Error = InvalidId>,
{
    T::try_from(text).map_err(|error| lacks(&error.to_string()))
}

/// An id that may be left out.
pub fn optional_id<T>(text: &str) -> Wired<Option<T>>
where
    for<'a> T: TryFrom<&'a str, Error = InvalidId>,
{
    if text.is_empty() {
        return Ok(None);
    }
    id(text).map(Some)
}

/// The text of an id; an id that is left out is an empty text.
pub fn text(id: Option<impl AsRef<str>>) -> String {
    id.map(|id| id.as_ref().to_owned()).unwrap_or_default()
}

/// An event id; what is none is 0, which is no event.
pub fn event_id(id: i64) -> EventId {
    EventId(u64::try_from(id).unwrap_or(0))
}

/// An event id as a number of the protocol.
pub fn event_id_out(id: EventId) -> i64 {
    i64::try_from(id.0).unwrap_or(i64::MAX)
}

/// A number of things; a negative one is none.
pub fn count(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

/// A number of things as a number of the protocol.
pub fn count_out(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// An attempt is counted from 1, and 0 on the wire means that nobody said.
pub fn attempt(attempt: i32) -> u32 {
    u32::try_from(attempt).unwrap_or(1).max(1)
}

/// An attempt, or a number of them, as a number of the protocol.
pub fn attempt_out(attempt: u32) -> i32 {
    i32::try_from(attempt).unwrap_or(i32::MAX)
}

/// An execution that must be there.
pub fn execution_in(execution: Option<common::WorkflowExecution>) -> Wired<WorkflowExecution> {
    optional_execution(execution)?.ok_or_else(|| lacks("workflow execution"))
}

/// An execution that may be left out.
pub fn optional_execution(
    execution: Option<common::WorkflowExecution>,
) -> Wired<Option<WorkflowExecution>> {
    let Some(execution) = execution.filter(|execution| !execution.workflow_id.is_empty()) else {
        return Ok(None);
    };
    Ok(Some(WorkflowExecution {
        workflow_id: id(&execution.workflow_id)?,
        run_id: id(&execution.run_id)?,
    }))
}

/// An execution of which the run may be left open.
pub(crate) fn target(
    execution: Option<common::WorkflowExecution>,
) -> Wired<(WorkflowId, Option<RunId>)> {
    let execution = execution.unwrap_or_default();
    Ok((id(&execution.workflow_id)?, optional_id(&execution.run_id)?))
}

/// An execution of which the run may be left open.
pub fn execution_out(
    workflow_id: &WorkflowId,
    run_id: Option<&RunId>,
) -> Option<common::WorkflowExecution> {
    Some(common::WorkflowExecution {
        workflow_id: workflow_id.as_str().to_owned(),
        run_id: text(run_id),
    })
}

/// The message of a workflow type.
pub fn workflow_type(name: impl AsRef<str>) -> Option<common::WorkflowType> {
    Some(common::WorkflowType {
        name: name.as_ref().to_owned(),
    })
}

/// The name in the message of a workflow type.
pub fn type_name(workflow_type: Option<common::WorkflowType>) -> String {
    workflow_type.unwrap_or_default().name
}

/// The task queue that workers of everybody poll.
pub fn normal_queue(name: impl AsRef<str>) -> Option<TaskQueue> {
    Some(TaskQueue {
        name: name.as_ref().to_owned(),
        kind: TaskQueueKind::Normal.into(),
        ..TaskQueue::default()
    })
}

/// The queue of the tasks for runs that one worker has in memory.
pub fn sticky_queue(name: &str, normal: &str) -> Option<TaskQueue> {
    Some(TaskQueue {
        name: name.to_owned(),
        kind: TaskQueueKind::Sticky.into(),
        normal_name: normal.to_owned(),
    })
}

pub(crate) fn queue_name<T>(queue: Option<TaskQueue>) -> Wired<T>
where
    for<'a> T: TryFrom<&'a str, Error = InvalidId>,
{
    id(&queue.unwrap_or_default().name)
}

/// A duration; what is longer than the longest of protobuf is that.
pub fn duration_out(duration: Duration) -> ProtoDuration {
    let seconds = duration.as_secs().min(MAX_SECONDS);
    ProtoDuration {
        seconds: i64::try_from(seconds).unwrap_or(i64::MAX),
        nanos: i32::try_from(duration.subsec_nanos()).unwrap_or(0),
    }
}

pub(crate) fn duration_in(duration: Option<ProtoDuration>) -> Duration {
    let duration = duration.unwrap_or_default();
    let seconds = u64::try_from(duration.seconds).unwrap_or(0);
    let nanos = u32::try_from(duration.nanos).unwrap_or(0).min(999_999_999);
    Duration::new(seconds, nanos)
}

/// A limit; zero means that there is none.
pub(crate) fn timeout_in(duration: Option<ProtoDuration>) -> Option<Duration> {
    Some(duration_in(duration)).filter(|duration| !duration.is_zero())
}

/// A limit, if there is one.
pub fn timeout_out(timeout: Option<Duration>) -> Option<ProtoDuration> {
    timeout.map(duration_out)
}

/// The time limits of an activity.
pub fn activity_timeouts(
    schedule_to_close: Option<ProtoDuration>,
    schedule_to_start: Option<ProtoDuration>,
    start_to_close: Option<ProtoDuration>,
    heartbeat: Option<ProtoDuration>,
) -> ActivityTimeouts {
    ActivityTimeouts {
        schedule_to_close_timeout: timeout_in(schedule_to_close),
        schedule_to_start_timeout: timeout_in(schedule_to_start),
        start_to_close_timeout: timeout_in(start_to_close),
        heartbeat_timeout: timeout_in(heartbeat),
    }
}

/// A time that may be left out.
pub fn optional_time(time: Option<ProtoTimestamp>) -> Option<Timestamp> {
    let time = time?;
    let nanos = time.seconds.saturating_mul(NANOS_PER_SECOND);
    Some(Timestamp::from_unix_nanos(
        nanos.saturating_add(i64::from(time.nanos)),
    ))
}

/// A time; one that is left out is the start of 1970.
pub fn time_in(time: Option<ProtoTimestamp>) -> Timestamp {
    optional_time(time).unwrap_or(Timestamp::EPOCH)
}

/// A time.
pub fn time_out(time: Timestamp) -> ProtoTimestamp {
    let nanos = time.unix_nanos();
    ProtoTimestamp {
        seconds: nanos.div_euclid(NANOS_PER_SECOND),
        nanos: i32::try_from(nanos.rem_euclid(NANOS_PER_SECOND)).unwrap_or(0),
    }
}

/// Refuses what the service would refuse, with a text that says what to write, and what it would wait for ever for.
pub fn retry_policy_out(policy: Option<RetryPolicy>) -> Wired<Option<common::RetryPolicy>> {
    let Some(policy) = policy else {
        return Ok(None);
    };
    let policy = policy
        .validated()
        .map_err(|why| EngineError::invalid(why.to_string()))?;
    Ok(Some(recorded_policy_out(policy)))
}

/// A policy that is a fact already, whatever it says.
pub(crate) fn recorded_policy_out(policy: RetryPolicy) -> common::RetryPolicy {
    common::RetryPolicy {
        initial_interval: Some(duration_out(policy.initial_interval)),
        backoff_coefficient: policy.backoff_coefficient,
        maximum_interval: timeout_out(policy.maximum_interval),
        maximum_attempts: attempt_out(policy.maximum_attempts),
        non_retryable_error_types: policy.non_retryable_error_types,
    }
}

/// A retry policy, if there is one.
pub fn retry_policy_in(policy: Option<common::RetryPolicy>) -> Option<RetryPolicy> {
    let policy = policy?;
    Some(RetryPolicy {
        initial_interval: duration_in(policy.initial_interval),
        backoff_coefficient: policy.backoff_coefficient,
        maximum_interval: timeout_in(policy.maximum_interval),
        maximum_attempts: u32::try_from(policy.maximum_attempts).unwrap_or(0),
        non_retryable_error_types: policy.non_retryable_error_types,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A service would wait for ever with such a policy, and refuse the others later and with less to say.
    #[test]
    fn a_retry_policy_that_makes_no_sense_is_not_sent() {
        for coefficient in [f64::NAN, 0.5] {
            let policy = RetryPolicy {
                backoff_coefficient: coefficient,
                ..RetryPolicy::default()
            };
            let refused = retry_policy_out(Some(policy)).unwrap_err();
            assert!(
                refused.to_string().contains("BackoffCoefficient"),
                "{refused}"
            );
        }
        let zeros = RetryPolicy {
            initial_interval: Duration::ZERO,
            backoff_coefficient: 0.0,
            ..RetryPolicy::default()
        };
        let sent = retry_policy_out(Some(zeros)).unwrap().unwrap();
        assert_eq!(
            sent,
            retry_policy_out(Some(RetryPolicy::default()))
                .unwrap()
                .unwrap()
        );
    }
}
