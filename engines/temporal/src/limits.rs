//! What is too large for a service is found here and said once: a service that is sent it anyway
//! terminates the workflow.

use std::sync::Arc;

use prost::Message;
use steadfast_core::{
    failure::Failure,
    limit::{PAYLOADS_TOO_LARGE, PayloadLimit},
    payload::{MAX_PAYLOAD_BYTES, Payload},
};
use steadfast_engine::codec::PayloadCodec;
use temporalio_protos::temporal::api::{
    namespace::v1::{NamespaceInfo, namespace_info::Limits as NamespaceLimits},
    workflowservice::v1::RespondWorkflowTaskCompletedRequest,
};

/// What a payload takes in a message besides its bytes.
const PAYLOAD_OVERHEAD: usize = 64;
/// What a message may have besides its values: names, ids, tokens. Workflow code is told before of what is
/// larger than a value may be, so that here only the sum is to be looked at, and what a codec made larger.
const MESSAGE_OVERHEAD: usize = 32 * 1024;

/// The largest search attribute, and all of them together: what a service takes that was told nothing. It says
/// nothing of them, and terminates a workflow that asks for more.
const SEARCH_ATTRIBUTE_BYTES: usize = 2 * 1024;
const SEARCH_ATTRIBUTES_BYTES: usize = 40 * 1024;

/// The largest values that a namespace takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Of one input, result or failure.
    value_bytes: usize,
    /// Of a memo.
    memo_bytes: usize,
}

impl Limits {
    /// Those that a service says, else those of a service that was told nothing.
    pub(super) fn of(namespace: Option<NamespaceInfo>) -> Self {
        let limits = namespace.and_then(|namespace| namespace.limits);
        let of = |said: fn(&NamespaceLimits) -> i64| {
            let said = limits.as_ref().map(said);
            let said = said.and_then(|bytes| usize::try_from(bytes).ok());
            said.filter(|bytes| *bytes > 0).unwrap_or(MAX_PAYLOAD_BYTES)
        };
        Self {
            value_bytes: of(|limits| limits.blob_size_limit_error),
            memo_bytes: of(|limits| limits.memo_size_limit_error),
        }
    }

    /// How large values may be before they go through the codec, if there is one.
    pub(super) fn of_values(self, codec: Option<Arc<dyn PayloadCodec>>) -> PayloadLimit {
        PayloadLimit::measured_by(self.value_bytes, move |payload: &Payload| {
            let encoded = codec.as_ref().map(|codec| codec.encode(payload.clone()));
            let size = match encoded {
                Some(Ok(encoded)) => encoded.size(),
                Some(Err(_)) | None => payload.size(),
            };
            size + PAYLOAD_OVERHEAD
        })
        .with_memo(self.memo_bytes)
        .with_search_attributes(SEARCH_ATTRIBUTE_BYTES, SEARCH_ATTRIBUTES_BYTES)
    }

    /// Says of a message with a value that it is too large.
    pub(super) fn check(self, what: &str, value: &impl Message) -> Result<(), String> {
        let (bytes, limit) = (value.encoded_len(), self.value_bytes);
        if bytes <= limit + MESSAGE_OVERHEAD {
            return Ok(());
        }
        Err(format!(
            "{what} has {bytes} bytes, and this Temporal Service takes at most {limit}; keep large values elsewhere \
             and pass a reference"
        ))
    }

    /// Says of the first thing too large that a workflow task asks for that it is.
    pub(super) fn check_answer(
        self,
        answer: &RespondWorkflowTaskCompletedRequest,
    ) -> Result<(), String> {
        for command in &answer.commands {
            let name = command.command_type().as_str_name();
            let name = name.strip_prefix("COMMAND_TYPE_").unwrap_or(name);
            self.check(&format!("the command `{name}`"), command)?;
        }
        let mut messages = answer.messages.iter();
        messages.try_for_each(|message| self.check("the outcome of an update", message))
    }
}

/// The failure that stands for what is too large.
pub(super) fn too_large(message: String) -> Failure {
    Failure::application(message, PAYLOADS_TOO_LARGE)
}
