//! How much one request may carry. What is too large is refused where it comes in, and changes nothing.

use steadfast_core::{
    limit::{PayloadLimit, TooLarge},
    payload::{MAX_PAYLOAD_BYTES, Payload, PayloadMap},
    task::ActivityOutcome,
};
use steadfast_engine::{
    EngineError, QueryWorkflowRequest, Signal, StartWorkflowRequest, TerminateWorkflowRequest,
    UpdateWorkflowRequest,
};

/// The most that a request may carry in all, as on a Temporal Service, whose messages have 4 MiB at most.
const MAX_REQUEST_BYTES: usize = 2 * MAX_PAYLOAD_BYTES;

pub(crate) fn check_start(
    request: &StartWorkflowRequest,
    signal: Option<&Signal>,
) -> Result<(), EngineError> {
    let mut sum = Sum::default();
    sum.list("the arguments", &request.input)?;
    sum.map("the header", &request.header)?;
    sum.map("the memo", &request.memo)?;
    sum.map("the search attributes", &request.search_attributes)?;
    if let Some(words) = &request.user_metadata {
        sum.list("the summary", words.summary.as_slice())?;
        sum.list("the details", words.details.as_slice())?;
    }
    if let Some(policy) = &request.retry_policy {
        sum.texts(
            "the retry policy's error types",
            &policy.non_retryable_error_types,
        )?;
    }
    if let Some(signal) = signal {
        sum.signal(signal)?;
    }
    sum.check()
}

/// Checks what is shown with something that is no execution, and what it is found by.
pub(crate) fn check_shown(
    memo: Option<&PayloadMap>,
    search_attributes: Option<&PayloadMap>,
) -> Result<(), EngineError> {
    let mut sum = Sum::default();
    if let Some(memo) = memo {
        sum.map("the memo", memo)?;
    }
    if let Some(attributes) = search_attributes {
        sum.map("the search attributes", attributes)?;
    }
    sum.check()
}

pub(crate) fn check_signal(signal: &Signal) -> Result<(), EngineError> {
    let mut sum = Sum::default();
    sum.signal(signal)?;
    sum.check()
}

pub(crate) fn check_query(request: &QueryWorkflowRequest) -> Result<(), EngineError> {
    Sum::default().list("the query's arguments", &request.input)
}

pub(crate) fn check_update(request: &UpdateWorkflowRequest) -> Result<(), EngineError> {
    let mut sum = Sum::default();
    sum.list("the update's arguments", &request.input)?;
    sum.map("the update's header", &request.header)?;
    sum.check()
}

pub(crate) fn check_termination(request: &TerminateWorkflowRequest) -> Result<(), EngineError> {
    check_text("the reason", &request.reason)?;
    Sum::default().list("the details", &request.details)
}

/// Checks a text that goes into a history.
pub(crate) fn check_text(what: &str, text: &str) -> Result<(), EngineError> {
    check_bytes(what, text.len())
}

fn check_bytes(what: &str, bytes: usize) -> Result<(), EngineError> {
    if bytes <= MAX_PAYLOAD_BYTES {
        return Ok(());
    }
    Err(EngineError::invalid(format!(
        "{what}: {bytes} bytes, and the limit is {MAX_PAYLOAD_BYTES}"
    )))
}

/// Checks what an activity ended with. A failure that is too large is made to fit instead: the attempt has
/// failed all the same.
pub(crate) fn check_outcome(outcome: ActivityOutcome) -> Result<ActivityOutcome, EngineError> {
    let mut sum = Sum::default();
    Ok(match outcome {
        ActivityOutcome::Completed { result } => {
            sum.list("the activity's result", result.as_slice())?;
            ActivityOutcome::Completed { result }
        }
        ActivityOutcome::Cancelled { details } => {
            sum.list("the details", &details)?;
            ActivityOutcome::Cancelled { details }
        }
        ActivityOutcome::Failed {
            failure,
            last_heartbeat_details,
        } => {
            let details = last_heartbeat_details.as_deref().unwrap_or_default();
            let fits = sum.list("the heartbeat's details", details).is_ok();
            ActivityOutcome::Failed {
                failure: sum.limit.fit("the activity's failure", failure),
                // The failure counts more than a heartbeat that should have been refused.
                last_heartbeat_details: last_heartbeat_details.filter(|_| fits),
            }
        }
    })
}

/// Checks what a heartbeat says.
pub(crate) fn check_details(details: &[Payload]) -> Result<(), EngineError> {
    Sum::default().list("the heartbeat's details", details)
}

#[expect(clippy::needless_pass_by_value, reason = "it maps an error")]
fn refused(error: TooLarge) -> EngineError {
    EngineError::invalid(error.to_string())
}

/// Adds up what a request carries.
#[derive(Default)]
struct Sum {
    limit: PayloadLimit,
    bytes: usize,
}

impl Sum {
    fn signal(&mut self, signal: &Signal) -> Result<(), EngineError> {
        self.list("the signal's arguments", &signal.input)?;
        self.map("the signal's header", &signal.header)
    }

    fn list(&mut self, what: &str, values: &[Payload]) -> Result<(), EngineError> {
        self.bytes += values.iter().map(Payload::size).sum::<usize>();
        self.limit.check(what, values.iter()).map_err(refused)
    }

    fn map(&mut self, what: &str, values: &PayloadMap) -> Result<(), EngineError> {
        let sizes = values.iter().map(|(key, value)| key.len() + value.size());
        self.bytes += sizes.sum::<usize>();
        self.limit.check_map(what, values).map_err(refused)
    }

    fn texts(&mut self, what: &str, texts: &[String]) -> Result<(), EngineError> {
        let bytes: usize = texts.iter().map(String::len).sum();
        self.bytes += bytes;
        check_bytes(what, bytes)
    }

    fn check(self) -> Result<(), EngineError> {
        if self.bytes <= MAX_REQUEST_BYTES {
            return Ok(());
        }
        Err(EngineError::invalid(format!(
            "the request has {} bytes of payload in all, and the limit is {MAX_REQUEST_BYTES}; keep large values \
             elsewhere and pass a reference",
            self.bytes
        )))
    }
}
