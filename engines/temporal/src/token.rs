//! What an answer to a task has to bring along.
//!
//! The tokens are whole: the engine remembers no open task, so none can be forgotten.

use steadfast_core::{payload::Bytes, task::TaskToken};
use steadfast_engine::EngineError;
use temporalio_protos::temporal::api::protocol::v1::Message;

/// What the answer to a workflow task needs.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct WorkflowToken {
    /// The service's token.
    #[prost(bytes = "vec", tag = "1")]
    pub(super) token: Vec<u8>,
    /// Who polled.
    #[prost(string, tag = "2")]
    pub(super) identity: String,
    /// The queue of tasks for runs that the worker has in memory.
    #[prost(string, tag = "3")]
    pub(super) sticky_queue: String,
    /// The queue that it was made for.
    #[prost(string, tag = "4")]
    pub(super) task_queue: String,
    /// The task is a question only.
    #[prost(bool, tag = "5")]
    pub(super) query_only: bool,
    /// The attempt, counted from 1.
    #[prost(uint32, tag = "6")]
    pub(super) attempt: u32,
    /// The updates that ask to be accepted.
    #[prost(message, repeated, tag = "7")]
    pub(super) requests: Vec<Message>,
}

/// What the answer to an activity task needs.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ActivityToken {
    /// The service's token.
    #[prost(bytes = "vec", tag = "1")]
    pub(super) token: Vec<u8>,
    /// Who polled.
    #[prost(string, tag = "2")]
    pub(super) identity: String,
}

pub(super) fn seal(token: &impl prost::Message) -> TaskToken {
    TaskToken(Bytes::from(token.encode_to_vec()))
}

pub(super) fn open<T: prost::Message + Default>(token: &TaskToken) -> Result<T, EngineError> {
    T::decode(token.0.as_slice())
        .map_err(|_| EngineError::invalid("this is not a task token of a Temporal Service"))
}
