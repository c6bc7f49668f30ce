//! How large values may be, and what becomes of one that is too large (F8).
//!
//! A value is checked where code makes it, so that the code is told at once. What is too large never
//! reaches history, so a replay has to know the same limit as the first execution.

use std::{fmt, sync::Arc};

use thiserror::Error;

use crate::{
    command::Command,
    failure::{Failure, FailureKind},
    payload::{MAX_PAYLOAD_BYTES, Payload},
};

/// The type of the failure that stands for a value that is too large, as retry policies refer to it.
pub const PAYLOADS_TOO_LARGE: &str = "PayloadsTooLarge";

/// How much of each text and value a failure keeps that is too large as a whole.
const KEPT_BYTES: usize = 1024;
/// How many causes it keeps.
const KEPT_CAUSES: usize = 20;
/// What each failure of a chain counts for besides its texts and values.
const FAILURE_BYTES: usize = 64;

/// Says how large a payload is where it is kept.
type Measure = Arc<dyn Fn(&Payload) -> usize + Send + Sync>;

/// The largest value that an engine takes: an input, a result, a failure, everything that one request
/// or one command carries together. By default [`MAX_PAYLOAD_BYTES`], as on a Temporal Service.
#[derive(Clone)]
pub struct PayloadLimit {
    bytes: usize,
    measure: Option<Measure>,
}

impl Default for PayloadLimit {
    fn default() -> Self {
        Self::new(MAX_PAYLOAD_BYTES)
    }
}

impl fmt::Debug for PayloadLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PayloadLimit({} bytes)", self.bytes)
    }
}

/// Says that a value is too large.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error(
    "{what}: {bytes} bytes of payload, and the limit is {limit}; keep large values elsewhere and pass a reference"
)]
pub struct TooLarge {
    what: String,
    bytes: usize,
    limit: usize,
}

impl TooLarge {
    /// What histories record of it. A retry policy may try again: another attempt may make less.
    #[must_use]
    pub fn to_failure(&self) -> Failure {
        Failure::application(self.to_string(), PAYLOADS_TOO_LARGE)
    }
}

impl PayloadLimit {
    /// A limit in bytes.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        let measure = None;
        Self { bytes, measure }
    }

    /// A limit on payloads that are changed before they are kept: compressed, say. What is at most half of the limit
    /// is taken to fit without being measured.
    #[must_use]
    pub fn measured_by(
        bytes: usize,
        measure: impl Fn(&Payload) -> usize + Send + Sync + 'static,
    ) -> Self {
        let measure: Option<Measure> = Some(Arc::new(measure));
        Self { bytes, measure }
    }

    /// Checks values that go together.
    ///
    /// # Errors
    ///
    /// When they are too large. `what` names them.
    #[expect(clippy::needless_pass_by_value, reason = "iterators are given away")]
    pub fn check<'a>(
        &self,
        what: impl fmt::Display,
        payloads: impl Iterator<Item = &'a Payload> + Clone,
    ) -> Result<(), TooLarge> {
        self.check_all(what, &payloads, 0)
    }

    /// Checks what a command carries.
    ///
    /// # Errors
    ///
    /// When that is too large.
    pub fn check_command(&self, command: &Command) -> Result<(), TooLarge> {
        let texts = command.failure().map_or(0, texts);
        let details = command.failure().into_iter().flat_map(Failure::payloads);
        let payloads = command.payloads().chain(details);
        self.check_all(command, &payloads, texts)
    }

    /// Makes a failure fit. One that is too large keeps what decides of it (its type, whether and when to
    /// try again, whether it is a cancellation) and the beginning of its texts, and its last cause says
    /// what was left out.
    #[must_use]
    pub fn fit(&self, what: impl fmt::Display, mut failure: Failure) -> Failure {
        let checked = self.check_all(what, &failure.payloads(), texts(&failure));
        if let Err(too_large) = checked {
            shorten(&mut failure, &too_large.to_failure());
        }
        failure
    }

    fn check_all<'a>(
        &self,
        what: impl fmt::Display,
        payloads: &(impl Iterator<Item = &'a Payload> + Clone),
        texts: usize,
    ) -> Result<(), TooLarge> {
        let sum = |size: &dyn Fn(&Payload) -> usize| {
            let sizes = payloads.clone().map(size);
            sizes.fold(texts, usize::saturating_add)
        };
        let mut bytes = sum(&Payload::size);
        if let Some(measure) = &self.measure
            && bytes > self.bytes / 2
        {
            bytes = sum(&**measure);
        }
        if bytes <= self.bytes {
            return Ok(());
        }
        Err(TooLarge {
            what: what.to_string(),
            bytes,
            limit: self.bytes,
        })
    }
}

fn texts(failure: &Failure) -> usize {
    failure
        .chain()
        .map(|failure| FAILURE_BYTES + failure.message.len() + failure.stack_trace.len())
        .fold(0, usize::saturating_add)
}

/// Keeps of a failure what decides, and the beginning of what it says.
fn shorten(failure: &mut Failure, left_out: &Failure) {
    let mut next = failure;
    for _ in 1..KEPT_CAUSES {
        shorten_one(next);
        next = match next.cause {
            Some(ref mut cause) => cause,
            None => break,
        };
    }
    shorten_one(next);
    next.cause = Some(Box::new(left_out.clone()));
}

fn shorten_one(failure: &mut Failure) {
    for text in [&mut failure.message, &mut failure.stack_trace] {
        if text.len() > KEPT_BYTES {
            text.truncate(boundary(text));
            text.push_str(" [..]");
        }
    }
    if let FailureKind::Application { error_type, .. } = &mut failure.kind {
        error_type.truncate(boundary(error_type));
    }
    let Some(details) = failure.details_mut() else {
        return;
    };
    // A null in its place keeps the others where they are looked for.
    for payload in details.iter_mut() {
        if payload.size() > KEPT_BYTES {
            *payload = Payload::null();
        }
    }
    details.truncate(KEPT_CAUSES);
}

/// Where to cut a text, between two characters.
fn boundary(text: &str) -> usize {
    let mut places = (0..=KEPT_BYTES).rev();
    places
        .find(|&place| text.is_char_boundary(place))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::failure::ApplicationErrorCategory;

    fn bytes(count: usize) -> Payload {
        Payload::binary(vec![7; count])
    }

    #[test]
    fn values_that_go_together_count_together() {
        let limit = PayloadLimit::new(1000);
        let check = |values: &[Payload]| limit.check("them", values.iter());
        let overhead = bytes(0).size();
        assert_eq!(check(&[bytes(1000 - overhead)]), Ok(()));
        assert!(check(&[bytes(1001 - overhead)]).is_err());
        assert!(check(&[bytes(500), bytes(500)]).is_err());
        let error = check(&[bytes(2000 - overhead)]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "them: 2000 bytes of payload, and the limit is 1000; keep large values elsewhere and pass a reference"
        );
    }

    #[test]
    fn what_is_kept_counts_and_not_what_it_is_made_of() {
        let limit = PayloadLimit::measured_by(1000, |payload| payload.size() / 10);
        assert_eq!(limit.check("it", std::iter::once(&bytes(5000))), Ok(()));
        assert!(limit.check("it", std::iter::once(&bytes(50_000))).is_err());
    }

    /// F8: nothing is silently cut, and what decides stays (F4).
    #[test]
    fn f8_a_failure_that_is_too_large_keeps_what_decides() {
        let limit = PayloadLimit::new(10_000);
        let lost = Failure::new(
            "l".repeat(20_000),
            FailureKind::Application {
                error_type: "Lost".to_owned(),
                non_retryable: true,
                details: vec![bytes(20_000), bytes(3)],
                next_retry_delay: Some(Duration::from_secs(7)),
                category: ApplicationErrorCategory::Benign,
            },
        );
        let failure = Failure::application("with context", "Context").with_cause(lost.clone());
        let fitted = limit.fit("the failure", failure);
        let chain: Vec<_> = fitted.chain().collect();
        let [context, kept, said] = chain[..] else {
            panic!("{fitted}");
        };
        assert_eq!(context.message, "with context");
        let mut expected = lost.kind;
        if let FailureKind::Application { details, .. } = &mut expected {
            details[0] = Payload::null();
        }
        assert_eq!(kept.kind, expected);
        assert!(kept.message.starts_with("lll") && kept.message.ends_with(" [..]"));
        assert!(matches!(
            &said.kind,
            FailureKind::Application { error_type, .. } if error_type == PAYLOADS_TOO_LARGE
        ));
        assert!(said.message.starts_with("the failure: 40"), "{said}");
        assert_eq!(limit.fit("it", fitted.clone()), fitted);
    }

    #[test]
    fn f8_a_chain_without_end_is_cut_and_a_cancellation_stays_one() {
        let limit = PayloadLimit::new(10_000);
        let root = Failure::cancelled("stop");
        let long = (0..1000).fold(root.clone(), |cause, _| {
            Failure::application("x".repeat(100), "Context").with_cause(cause)
        });
        let fitted = limit.fit("it", long);
        assert_eq!(fitted.chain().count(), KEPT_CAUSES + 1);
        let mut large = root;
        *large.details_mut().unwrap() = vec![bytes(20_000)];
        assert!(limit.fit("it", large).is_cancelled());
    }

    /// A failure that fits is as it was, whatever it carries.
    #[test]
    fn a_failure_that_fits_is_not_touched() {
        let failure = Failure::application("m".repeat(5000), "Lost");
        assert_eq!(PayloadLimit::default().fit("it", failure.clone()), failure);
    }
}
