//! How large values may be, and what becomes of one that is too large (F8).
//!
//! A value is checked where code makes it, so that the code is told at once. What is too large never
//! reaches history, so a replay has to know the same limit as the first execution.

use std::{fmt, sync::Arc};

use thiserror::Error;

use crate::{
    command::{Command, ContinueAsNewWorkflowExecution},
    failure::{Failure, FailureKind},
    payload::{MAX_PAYLOAD_BYTES, Payload, PayloadMap},
    text::OneLine,
};

/// The type of the failure that stands for a value that is too large, as retry policies refer to it.
pub const PAYLOADS_TOO_LARGE: &str = "PayloadsTooLarge";

/// How much room there always is in the next run for a request to cancel that is handed over, with the reason.
pub(crate) const ROOM_FOR_CANCEL: usize = 4_096;

/// How much of each text and value a failure keeps that is too large as a whole.
const KEPT_BYTES: usize = 1024;
/// How many causes it keeps.
const KEPT_CAUSES: usize = 20;
/// What each failure of a chain counts for besides its texts and values: ids, names, flags.
const FAILURE_BYTES: usize = 512;
/// What a key counts for besides its text.
const ENTRY_BYTES: usize = 16;

/// Says how large a payload is where it is kept.
type Measure = Arc<dyn Fn(&Payload) -> usize + Send + Sync>;

/// The largest value that an engine takes: an input, a result, a failure. By default [`MAX_PAYLOAD_BYTES`], as on a
/// Temporal Service, also for a memo and for search attributes.
#[derive(Clone)]
pub struct PayloadLimit {
    bytes: usize,
    measure: Option<Measure>,
    /// Of a memo.
    memo: usize,
    /// Of one search attribute.
    search_attribute: usize,
    /// Of all search attributes together.
    search_attributes: usize,
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
    /// A limit in bytes, of whatever kind the values are.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self {
            bytes,
            measure: None,
            memo: bytes,
            search_attribute: bytes,
            search_attributes: bytes,
        }
    }

    /// A limit on payloads that are changed before they are kept: compressed, say. What is at most half of the limit
    /// is taken to fit without being measured.
    #[must_use]
    pub fn measured_by(
        bytes: usize,
        measure: impl Fn(&Payload) -> usize + Send + Sync + 'static,
    ) -> Self {
        Self {
            measure: Some(Arc::new(measure)),
            ..Self::new(bytes)
        }
    }

    /// The same limit, with another one for a memo.
    #[must_use]
    pub fn with_memo(self, memo: usize) -> Self {
        Self { memo, ..self }
    }

    /// The same limit, with others for one search attribute and for all of them together.
    #[must_use]
    pub fn with_search_attributes(self, search_attribute: usize, search_attributes: usize) -> Self {
        Self {
            search_attribute,
            search_attributes,
            ..self
        }
    }

    /// The same limit with room for so many bytes more that go with the value.
    #[must_use]
    pub fn with_room_for(mut self, bytes: usize) -> Self {
        self.bytes = self.bytes.saturating_sub(bytes);
        self
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

    /// Gives a value back that fits.
    ///
    /// # Errors
    ///
    /// When it is too large. `what` names it.
    pub fn take(&self, what: impl fmt::Display, value: Payload) -> Result<Payload, TooLarge> {
        self.check(what, std::iter::once(&value))?;
        Ok(value)
    }

    /// Checks a memo, all of it.
    ///
    /// # Errors
    ///
    /// When it is too large.
    pub fn check_memo(&self, memo: &PayloadMap) -> Result<(), TooLarge> {
        let limit = Self {
            bytes: self.memo,
            measure: self.measure.clone(),
            ..*self
        };
        limit.check_map("the memo", memo)
    }

    /// Checks values with their keys.
    ///
    /// # Errors
    ///
    /// When they are too large. `what` names them.
    pub fn check_map(&self, what: impl fmt::Display, map: &PayloadMap) -> Result<(), TooLarge> {
        self.check_all(what, &map.values(), keys(map))
    }

    /// Checks search attributes, all of them. They are kept as they are.
    ///
    /// # Errors
    ///
    /// When one of them, or all together, are too large.
    pub fn check_search_attributes(&self, attributes: &PayloadMap) -> Result<(), TooLarge> {
        let one = Self::new(self.search_attribute);
        for (key, value) in attributes {
            let what = format_args!("the search attribute `{}`", OneLine(key));
            one.check_all(what, &std::iter::once(value), 0)?;
        }
        let all = Self::new(self.search_attributes);
        all.check_map("the search attributes", attributes)
    }

    /// Checks what a command carries.
    ///
    /// # Errors
    ///
    /// When that is too large.
    pub fn check_command(&self, command: &Command) -> Result<(), TooLarge> {
        let texts = command.failure().map_or(0, texts) + command.texts();
        let details = command.failure().into_iter().flat_map(Failure::payloads);
        let payloads = command.payloads().chain(details);
        self.check_all(command, &payloads, texts)?;
        match command {
            Command::StartChildWorkflowExecution(child) => {
                self.check_shown(Some(&child.memo), Some(&child.search_attributes))
            }
            Command::ContinueAsNewWorkflowExecution(next) => {
                self.check_shown(next.memo.as_ref(), next.search_attributes.as_ref())
            }
            _ => Ok(()),
        }
    }

    /// Takes the words for people out of a command that is too large with them: they are not worth what they go with.
    pub(crate) fn fit_user_metadata(&self, command: &mut Command) {
        if command.user_metadata().is_some() && self.check_command(command).is_err() {
            command.set_user_metadata(None);
        }
    }

    /// Checks what the next run is given.
    ///
    /// # Errors
    ///
    /// When that is too large.
    pub fn check_next_run(&self, next: &ContinueAsNewWorkflowExecution) -> Result<(), TooLarge> {
        let input = next.input.iter().chain(next.header.values());
        // There is always room for a request to cancel that comes for the run before (M2).
        let limit = self.clone().with_room_for(ROOM_FOR_CANCEL);
        limit.check("the next run's input", input)?;
        self.check_shown(next.memo.as_ref(), next.search_attributes.as_ref())
    }

    /// Checks what another run is shown with and found by.
    fn check_shown(
        &self,
        memo: Option<&PayloadMap>,
        attributes: Option<&PayloadMap>,
    ) -> Result<(), TooLarge> {
        memo.map_or(Ok(()), |memo| self.check_memo(memo))?;
        attributes.map_or(Ok(()), |attributes| {
            self.check_search_attributes(attributes)
        })
    }

    /// Makes a failure fit. One that is too large keeps what decides of it (its type, whether and when to
    /// try again, whether it is a cancellation) and the beginning of its texts, and its last cause says
    /// what was left out.
    #[must_use]
    pub fn fit(&self, what: impl fmt::Display, failure: Failure) -> Failure {
        let fits = |failure: &Failure| self.check_all(&what, &failure.payloads(), texts(failure));
        let Err(too_large) = fits(&failure) else {
            return failure;
        };
        let said = too_large.to_failure();
        let mut kept = Kept::default();
        loop {
            let mut shorter = failure.clone();
            kept.shorten(&mut shorter, &said);
            if kept.is_least() || fits(&shorter).is_ok() {
                return shorter;
            }
            kept = kept.less();
        }
    }

    /// How many bytes fit.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How large a payload is where it is kept.
    pub(crate) fn measure(&self, payload: &Payload) -> usize {
        match &self.measure {
            Some(measure) => measure(payload),
            None => payload.size(),
        }
    }

    /// How large values are with their keys.
    pub(crate) fn measure_entries<'a>(
        &self,
        entries: impl Iterator<Item = (&'a String, &'a Payload)>,
    ) -> usize {
        let sizes = entries.map(|(key, value)| key.len() + ENTRY_BYTES + self.measure(value));
        sizes.fold(0, usize::saturating_add)
    }

    fn check_all<'a>(
        &self,
        what: impl fmt::Display,
        payloads: &(impl Iterator<Item = &'a Payload> + Clone),
        texts: usize,
    ) -> Result<(), TooLarge> {
        let sizes = payloads.clone().map(Payload::size);
        let mut bytes = sizes.fold(texts, usize::saturating_add);
        if self.measure.is_some() && bytes > self.bytes / 2 {
            let sizes = payloads.clone().map(|payload| self.measure(payload));
            bytes = sizes.fold(texts, usize::saturating_add);
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

fn keys(map: &PayloadMap) -> usize {
    map.keys().map(|key| key.len() + ENTRY_BYTES).sum()
}

/// What the texts of a failure and its causes have in bytes, as JSON may have to write them.
fn texts(failure: &Failure) -> usize {
    let sizes = failure.chain().map(|failure| {
        let error_type = match &failure.kind {
            FailureKind::Application { error_type, .. } => error_type.as_str(),
            _ => "",
        };
        let texts = [
            failure.message.as_str(),
            &failure.stack_trace,
            &failure.source,
            error_type,
        ];
        FAILURE_BYTES + texts.map(escaped).iter().sum::<usize>()
    });
    sizes.fold(0, usize::saturating_add)
}

fn escaped(text: &str) -> usize {
    let size = |byte: u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' => 2,
        0..0x20 => 6,
        _ => 1,
    };
    text.bytes().map(size).sum()
}

/// A text for people that goes into a command beside its values, such as the reason of a cancellation: its
/// beginning if it is too long for that.
pub(crate) fn short(text: &str) -> String {
    let mut text = text.to_owned();
    cut(&mut text, KEPT_BYTES);
    text
}

/// How much is kept of a failure that is too large as a whole.
struct Kept {
    /// Of each text and value.
    bytes: usize,
    /// How many causes, and how many values of each.
    causes: usize,
}

impl Default for Kept {
    fn default() -> Self {
        Self {
            bytes: KEPT_BYTES,
            causes: KEPT_CAUSES,
        }
    }
}

impl Kept {
    fn is_least(&self) -> bool {
        self.bytes <= 16
    }

    fn less(&self) -> Self {
        Self {
            bytes: self.bytes / 4,
            causes: self.causes.div_ceil(2),
        }
    }

    /// Keeps of a failure what decides, and the beginning of what it says.
    fn shorten(&self, failure: &mut Failure, left_out: &Failure) {
        let mut next = failure;
        for _ in 1..self.causes {
            self.shorten_one(next);
            next = match next.cause {
                Some(ref mut cause) => cause,
                None => break,
            };
        }
        self.shorten_one(next);
        next.cause = Some(Box::new(left_out.clone()));
    }

    fn shorten_one(&self, failure: &mut Failure) {
        for text in [&mut failure.message, &mut failure.stack_trace] {
            cut(text, self.bytes);
        }
        if let FailureKind::Application { error_type, .. } = &mut failure.kind {
            error_type.truncate(boundary(error_type, KEPT_BYTES));
        }
        let Some(details) = failure.details_mut() else {
            return;
        };
        // A null in its place keeps the others where they are looked for. Marks are small, and decide.
        let mut index = 0;
        details.retain_mut(|payload| {
            index += 1;
            let large = payload.size() > self.bytes;
            let mark = !payload.metadata.is_empty() && payload.size() <= KEPT_BYTES;
            if large && !mark {
                *payload = Payload::null();
            }
            mark || index <= self.causes
        });
    }
}

fn cut(text: &mut String, bytes: usize) {
    if text.len() > bytes {
        text.truncate(boundary(text, bytes));
        text.push_str(" [..]");
    }
}

/// Where to cut a text, between two characters.
fn boundary(text: &str, bytes: usize) -> usize {
    let mut places = (0..=bytes).rev();
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
        assert!(said.message.starts_with("the failure: 41"), "{said}");
        assert_eq!(limit.fit("it", fitted.clone()), fitted);
    }

    #[test]
    fn f8_a_chain_without_end_is_cut_and_a_cancellation_stays_one() {
        let limit = PayloadLimit::new(50_000);
        let root = Failure::cancelled("stop");
        let long = (0..1000).fold(root.clone(), |cause, _| {
            Failure::application("x".repeat(100), "Context").with_cause(cause)
        });
        let fitted = limit.fit("it", long);
        assert_eq!(fitted.chain().count(), KEPT_CAUSES + 1);
        let mut large = root;
        *large.details_mut().unwrap() = vec![bytes(60_000)];
        assert!(limit.fit("it", large).is_cancelled());
    }

    /// A failure that fits is as it was, whatever it carries.
    #[test]
    fn a_failure_that_fits_is_not_touched() {
        let failure = Failure::application("m".repeat(5000), "Lost");
        assert_eq!(PayloadLimit::default().fit("it", failure.clone()), failure);
    }

    /// However small the limit, and whatever the failure: it fits, or as little is left of it as can be.
    #[test]
    fn f8_a_failure_fits_a_small_limit() {
        let long = (0..100).fold(Failure::cancelled("stop"), |cause, _| {
            Failure::application("\n".repeat(5000), "Context").with_cause(cause)
        });
        let limit = PayloadLimit::new(6000);
        let fitted = limit.fit("it", long);
        assert!(texts(&fitted) <= 6000, "{}", texts(&fitted));
    }

    /// G5: a mark that says that nothing happened decides, wherever it stands.
    #[test]
    fn f8_marks_stay() {
        let mut mark = Payload::null();
        mark.metadata
            .insert("mark".to_owned(), b"true".as_slice().into());
        let mut details = vec![bytes(1000); 100];
        details.push(mark.clone());
        let mut failure = Failure::application("lost", "Lost");
        *failure.details_mut().unwrap() = details;
        let mut fitted = PayloadLimit::new(40_000).fit("it", failure);
        assert_eq!(fitted.details_mut().unwrap().last(), Some(&mark));
    }

    #[test]
    fn a_memo_counts_with_its_keys_and_search_attributes_one_by_one() {
        let limit = PayloadLimit::new(10_000)
            .with_memo(1000)
            .with_search_attributes(100, 300);
        let map = |key: &str, size| PayloadMap::from([(key.to_owned(), bytes(size))]);
        assert!(limit.check_memo(&map("short", 900)).is_ok());
        assert!(limit.check_memo(&map(&"k".repeat(100), 900)).is_err());
        assert!(limit.check_search_attributes(&map("one", 80)).is_ok());
        assert!(limit.check_search_attributes(&map("one", 120)).is_err());
        let many = (0..4).map(|number| (number.to_string(), bytes(80)));
        assert!(limit.check_search_attributes(&many.collect()).is_err());
    }
}
