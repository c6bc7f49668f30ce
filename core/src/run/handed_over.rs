//! What comes for a run after its code has asked for another run, and is handed over to that one (M2).
//!
//! A run whose code has ended may have to wait before it closes (F6, G1). The input of the next run is fixed by then: a
//! handler of this run could only change a state that nobody reads. So signals travel in the header of the next run,
//! as they came, and are the first that it hears. A request to cancel of which the run function was not told, because it
//! came that late or in the task in which the code went on for something else, travels as well.

use std::collections::BTreeMap;

use crate::{
    activation::SignalJob,
    event::{ContinueAsNewInitiator, WorkflowExecutionStarted},
    ids::{Identity, SignalName},
    limit::{self, PayloadLimit, ROOM_FOR_CANCEL},
    machine::Reason,
    payload::{Payload, PayloadMap},
};

/// What the names of the header begin with. For a signal a number follows, of six digits, and what it is of the signal.
const PREFIX: &str = "_steadfast-handed-over.";
/// What the name ends with that has the reason of a request to cancel.
const CANCEL: &str = "cancel";
const NAME: &str = "name";
const IDENTITY: &str = "identity";
const INPUT: &str = "input.";
const HEADER: &str = "header.";

/// What is handed over to the next run.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    header: PayloadMap,
    signals: usize,
    /// What the next run is given, in bytes; 0 while nothing was added.
    bytes: usize,
}

impl Outbox {
    /// Adds a signal to what the next run is given anyhow, or gives it back when that is too much.
    pub(super) fn add_signal<'a>(
        &mut self,
        signal: SignalJob,
        input: impl Iterator<Item = &'a Payload>,
        header: impl Iterator<Item = (&'a String, &'a Payload)>,
        limit: &PayloadLimit,
    ) -> Option<SignalJob> {
        let entries = entries(self.signals, &signal);
        let before = match self.bytes {
            0 => {
                let input: usize = input.map(|value| limit.measure(value)).sum();
                ROOM_FOR_CANCEL + input + limit.measure_entries(header)
            }
            bytes => bytes,
        };
        let bytes = before.saturating_add(limit.measure_entries(entries.iter()));
        if bytes > limit.bytes() {
            return Some(signal);
        }
        self.bytes = bytes;
        self.signals += 1;
        self.header.extend(entries);
        None
    }

    /// Adds the request to cancel.
    pub(super) fn add_cancel(&mut self, reason: &str) {
        let reason = Payload::binary(limit::short(reason).as_bytes());
        self.header.insert(format!("{PREFIX}{CANCEL}"), reason);
    }

    /// The header of the next run.
    pub(super) fn into_header(self) -> PayloadMap {
        self.header
    }
}

/// What is written of a signal.
fn entries(number: usize, signal: &SignalJob) -> PayloadMap {
    let texts = [
        Some((NAME, signal.name.as_str())),
        signal.identity.as_ref().map(|who| (IDENTITY, who.as_str())),
    ];
    let texts = texts.into_iter().flatten();
    let texts = texts.map(|(part, text)| (part.to_owned(), Payload::binary(text.as_bytes())));
    let input = signal.input.iter().enumerate();
    let input = input.map(|(index, value)| (format!("{INPUT}{index:06}"), value.clone()));
    let header = signal.header.iter();
    let header = header.map(|(name, value)| (format!("{HEADER}{name}"), value.clone()));
    let parts = texts.chain(input).chain(header);
    parts
        .map(|(part, value)| (format!("{PREFIX}{number:06}.{part}"), value))
        .collect()
}

/// What a run was handed over.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    pub(super) signals: Vec<SignalJob>,
    pub(super) cancel: Option<Reason>,
}

impl Inbox {
    /// Takes it out of the header that the run was started with. Only a run that continues another one was handed
    /// over anything: a retry is given the header of the run that failed, and everybody can start a run with one.
    ///
    /// # Errors
    ///
    /// The name in the header that makes no sense.
    pub(super) fn take(started: &mut WorkflowExecutionStarted) -> Result<Self, String> {
        let continues = continues(started);
        let header = &mut started.header;
        let names = header.range(PREFIX.to_owned()..).map(|(name, _)| name);
        let names = names.take_while(|name| name.starts_with(PREFIX));
        let names: Vec<String> = names.cloned().collect();
        let given: Vec<_> = names
            .into_iter()
            .filter_map(|name| header.remove_entry(&name))
            .collect();
        if !continues {
            return Ok(Self::default());
        }
        let mut cancel = None;
        let mut signals: BTreeMap<u64, PartialSignal> = BTreeMap::new();
        for (name, value) in given {
            let rest = name.strip_prefix(PREFIX).unwrap_or_default();
            if rest == CANCEL {
                cancel = Some(Reason::from(text(&value)));
                continue;
            }
            let number = rest
                .split_once('.')
                .and_then(|(number, part)| Some((number.parse().ok()?, part)));
            let added = number
                .and_then(|(number, part)| signals.entry(number).or_default().add(part, value));
            if added.is_none() {
                return Err(name);
            }
        }
        let signals = signals.into_iter().map(|(number, signal)| {
            let complete = signal.complete();
            complete.ok_or_else(|| format!("{PREFIX}{number:06}.{NAME}"))
        });
        Ok(Self {
            signals: signals.collect::<Result<_, _>>()?,
            cancel,
        })
    }
}

impl WorkflowExecutionStarted {
    /// Why the run was cancelled before it started: the request came for the run before, which asked for this one
    /// and never heard of it.
    #[must_use]
    pub fn handed_over_cancel(&self) -> Option<String> {
        let reason = self.header.get(&format!("{PREFIX}{CANCEL}"));
        reason.filter(|_| continues(self)).map(text)
    }
}

fn continues(started: &WorkflowExecutionStarted) -> bool {
    started.initiator == Some(ContinueAsNewInitiator::Workflow)
}

/// A signal whose parts are being collected.
#[derive(Default)]
struct PartialSignal {
    name: Option<SignalName>,
    identity: Option<Identity>,
    input: Vec<Payload>,
    header: PayloadMap,
}

impl PartialSignal {
    fn add(&mut self, part: &str, value: Payload) -> Option<()> {
        if part == NAME {
            self.name = Some(SignalName::new(text(&value)).ok()?);
        } else if part == IDENTITY {
            self.identity = Some(Identity::new(text(&value)).ok()?);
        } else if part.starts_with(INPUT) {
            // The names come in order.
            self.input.push(value);
        } else {
            let name = part.strip_prefix(HEADER)?;
            self.header.insert(name.to_owned(), value);
        }
        Some(())
    }

    fn complete(self) -> Option<SignalJob> {
        Some(SignalJob {
            name: self.name?,
            input: self.input,
            header: self.header,
            identity: self.identity,
        })
    }
}

fn text(payload: &Payload) -> String {
    String::from_utf8_lossy(payload.data.as_slice()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::builder::{HistoryBuilder, id};

    fn signal(name: &str, values: &[&str]) -> SignalJob {
        let value = |text: &&str| Payload::json(text.as_bytes());
        SignalJob {
            name: id(name),
            input: values.iter().map(value).collect(),
            header: PayloadMap::from([("context".to_owned(), Payload::json(&b"1"[..]))]),
            identity: Some(id("somebody")),
        }
    }

    fn started(
        header: PayloadMap,
        initiator: Option<ContinueAsNewInitiator>,
    ) -> WorkflowExecutionStarted {
        let builder = HistoryBuilder::new("order");
        let first = builder.events().first().map(|event| event.kind.clone());
        let Some(crate::event::EventKind::WorkflowExecutionStarted(started)) = first else {
            panic!("a history begins with its start");
        };
        WorkflowExecutionStarted {
            header,
            initiator,
            ..*started
        }
    }

    fn outbox(limit: &PayloadLimit) -> (Outbox, Option<SignalJob>) {
        let mut outbox = Outbox::default();
        let values: Vec<String> = (0..12).map(|number| number.to_string()).collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let mut refused = None;
        for signal in [signal("first", &values), signal("second", &[])] {
            refused =
                refused.or_else(|| outbox.add_signal(signal, [].iter(), [].into_iter(), limit));
        }
        (outbox, refused)
    }

    #[test]
    fn what_is_handed_over_arrives_in_its_order() {
        let (mut outbox, refused) = outbox(&PayloadLimit::default());
        assert!(refused.is_none());
        outbox.add_cancel("enough");
        let mut header = outbox.into_header();
        header.insert("own".to_owned(), Payload::null());
        let mut started = started(header, Some(ContinueAsNewInitiator::Workflow));
        assert_eq!(started.handed_over_cancel().as_deref(), Some("enough"));
        let inbox = Inbox::take(&mut started).unwrap();
        assert_eq!(inbox.cancel.as_deref(), Some("enough"));
        let names: Vec<&str> = inbox
            .signals
            .iter()
            .map(|signal| signal.name.as_str())
            .collect();
        assert_eq!(names, ["first", "second"]);
        let first = &inbox.signals[0];
        assert_eq!(first.input.len(), 12);
        assert_eq!(first.input[10].data.as_slice(), b"10");
        assert_eq!(first.header["context"].data.as_slice(), b"1");
        assert_eq!(first.identity, Some(id("somebody")));
        assert!(started.header.keys().eq(["own"]), "{:?}", started.header);
    }

    #[test]
    fn what_does_not_fit_is_given_back() {
        let (_, refused) = outbox(&PayloadLimit::new(ROOM_FOR_CANCEL + 1_250));
        assert_eq!(refused.map(|signal| signal.name), Some(id("second")));
    }

    #[test]
    fn nobody_but_a_run_that_continued_hands_anything_over() {
        for initiator in [None, Some(ContinueAsNewInitiator::Retry)] {
            let (mut outbox, _) = outbox(&PayloadLimit::default());
            outbox.add_cancel("enough");
            let mut started = started(outbox.into_header(), initiator);
            assert_eq!(started.handed_over_cancel(), None);
            let inbox = Inbox::take(&mut started).unwrap();
            assert!(inbox.signals.is_empty() && inbox.cancel.is_none());
            assert!(started.header.is_empty());
        }
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for name in ["1", "x.name", "000001.colour", "000001.identity"] {
            let name = format!("{PREFIX}{name}");
            let header = PayloadMap::from([(name.clone(), Payload::json(&b"1"[..]))]);
            let mut started = started(header, Some(ContinueAsNewInitiator::Workflow));
            let error = Inbox::take(&mut started).unwrap_err();
            assert!(error.starts_with(PREFIX), "{name}: {error}");
        }
    }
}
