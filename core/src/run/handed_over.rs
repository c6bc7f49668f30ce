//! What comes for a run after its code has asked for another run, and is handed over to that one (M2).
//!
//! A run whose code has ended may have to wait before it closes (F6, G1). The input of the next run is fixed by then: a
//! handler of this run could only change a state that nobody reads. So signals travel in the header of the next run,
//! as they came, and are the first that it hears. A request to cancel that no code of this run has heard of, because it
//! came that late or in the task in which the code went on for something else, travels as well.

use std::collections::BTreeMap;

use crate::{
    activation::SignalJob,
    command::ContinueAsNewWorkflowExecution,
    event::WorkflowExecutionStarted,
    ids::{Identity, SignalName},
    limit::{self, PayloadLimit},
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

/// How much of the next run's room is kept for the reason of a request to cancel.
const CANCEL_BYTES: usize = 2_048;

/// What is handed over to the next run.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    header: PayloadMap,
    signals: usize,
    /// What the next run is given, in bytes; 0 while nothing was added.
    bytes: usize,
}

impl Outbox {
    /// Adds a signal, or gives it back when the next run is given too much by it.
    pub(super) fn add_signal(
        &mut self,
        signal: SignalJob,
        next: &ContinueAsNewWorkflowExecution,
        room: &PayloadLimit,
    ) -> Result<(), Box<SignalJob>> {
        let start = format!("{PREFIX}{:06}.", self.signals);
        let texts = [
            Some((NAME, signal.name.as_str())),
            signal.identity.as_ref().map(|who| (IDENTITY, who.as_str())),
        ];
        let texts = texts.into_iter().flatten();
        let texts = texts.map(|(part, text)| (part.to_owned(), text_payload(text)));
        let input = signal.input.iter().enumerate();
        let input = input.map(|(index, value)| (format!("{INPUT}{index:06}"), value.clone()));
        let header = signal.header.iter();
        let header = header.map(|(name, value)| (format!("{HEADER}{name}"), value.clone()));
        let entries: PayloadMap = texts
            .chain(input)
            .chain(header)
            .map(|(part, value)| (format!("{start}{part}"), value))
            .collect();

        let before = match self.bytes {
            0 => {
                let input = next.input.iter().map(Payload::size).sum::<usize>();
                CANCEL_BYTES + input + limit::size(&next.header)
            }
            bytes => bytes,
        };
        let bytes = before.saturating_add(limit::size(&entries));
        if !room.fits_unmeasured(bytes) {
            return Err(Box::new(signal));
        }
        self.bytes = bytes;
        self.signals += 1;
        self.header.extend(entries);
        Ok(())
    }

    /// Adds the request to cancel.
    pub(super) fn add_cancel(&mut self, reason: &str) {
        let reason = text_payload(&limit::short(reason));
        self.header.insert(format!("{PREFIX}{CANCEL}"), reason);
    }

    /// The header of the next run.
    pub(super) fn into_header(self) -> PayloadMap {
        self.header
    }
}

/// What a run was handed over.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    pub(super) signals: Vec<SignalJob>,
    pub(super) cancel: Option<Reason>,
}

impl Inbox {
    /// Takes it out of the header that the run was started with.
    ///
    /// # Errors
    ///
    /// The name in the header that makes no sense.
    pub(super) fn take(header: &mut PayloadMap) -> Result<Self, String> {
        let names: Vec<String> = header
            .range(PREFIX.to_owned()..)
            .map(|(name, _)| name)
            .take_while(|name| name.starts_with(PREFIX))
            .cloned()
            .collect();
        let mut cancel = None;
        let mut signals: BTreeMap<u64, PartialSignal> = BTreeMap::new();
        for name in names {
            let Some(value) = header.remove(&name) else {
                continue;
            };
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
        reason.map(text)
    }
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

fn text_payload(text: &str) -> Payload {
    Payload::binary(text.as_bytes())
}

fn text(payload: &Payload) -> String {
    String::from_utf8_lossy(payload.data.as_slice()).into_owned()
}
