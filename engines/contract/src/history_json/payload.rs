//! Payloads in JSON: the data and the metadata as base64.

use std::{borrow::Cow, collections::BTreeMap};

use serde_json::{Map, Value};
use steadfast_core::payload::{Bytes, Payload, PayloadMap, UserMetadata};

use super::{
    base64,
    error::{Problem, Read},
    fields::{Fields, text},
};

/// The metadata entry that [`Payload::encoding`] is made of.
const ENCODING: &str = "encoding";

impl Fields<'_> {
    /// The payloads of a field, in order.
    pub(super) fn payloads(&self, name: &str) -> Read<Vec<Payload>> {
        self.read(name, payloads)
    }

    /// The first payload of a field that could have several, which are then kept with the event.
    pub(super) fn single_payload(&self, name: &str) -> Read<Option<Payload>> {
        Ok(self.payloads(name)?.into_iter().next())
    }

    /// A payload that may be left out.
    pub(super) fn optional_payload(&self, name: &str) -> Read<Option<Payload>> {
        self.read(name, |value| value.map(payload).transpose())
    }

    /// Named lists of payloads.
    pub(super) fn payload_lists(&self, name: &str) -> Read<BTreeMap<String, Vec<Payload>>> {
        self.entries(name, |value| payloads(Some(value)))
    }

    /// Named payloads in a message of one field, such as a memo; `None` when it is absent.
    pub(super) fn optional_payload_map(
        &self,
        name: &str,
        entries: &str,
    ) -> Read<Option<PayloadMap>> {
        self.optional_message(name, |fields| fields.entries(entries, payload))
    }

    /// Named payloads in a message of one field, such as a memo.
    pub(super) fn payload_map(&self, name: &str, entries: &str) -> Read<PayloadMap> {
        Ok(self
            .optional_payload_map(name, entries)?
            .unwrap_or_default())
    }

    /// Words for people about an event.
    pub(super) fn user_metadata(&self, name: &str) -> Read<Option<Box<UserMetadata>>> {
        let words = self.optional_message(name, |fields| {
            Ok(UserMetadata::of(
                fields.optional_payload("summary")?,
                fields.optional_payload("details")?,
            ))
        })?;
        Ok(words.flatten())
    }
}

fn payloads(value: Option<&Value>) -> Read<Vec<Payload>> {
    match value {
        Some(Value::Array(_)) => Err(Problem::text(
            "an object with `payloads`",
            "an array; was the history downloaded with decoded payloads?",
        )),
        _ => match Fields::of(value)? {
            Some(fields) => fields.list("payloads", payload),
            None => Ok(Vec::new()),
        },
    }
}

fn payload(value: &Value) -> Read<Payload> {
    let Some(fields) = Fields::of(Some(value)).ok().flatten() else {
        return Err(Problem::value(
            "a payload, an object with `metadata` and `data`",
            Some(value),
        ));
    };
    let mut metadata: BTreeMap<String, Bytes> =
        fields.entries("metadata", |value| bytes(Some(value)))?;
    let encoding = metadata.remove(ENCODING).unwrap_or_default();
    let encoding = match std::str::from_utf8(encoding.as_slice()) {
        Ok(encoding) => known_encoding(encoding),
        Err(_) => {
            let problem = Problem::text("an encoding's name", "bytes that are not UTF-8");
            return Err(problem.within(ENCODING).within("metadata"));
        }
    };
    Ok(Payload {
        encoding,
        data: fields.read("data", bytes)?,
        metadata,
    })
}

/// The name of an encoding, without an allocation for those of most payloads.
fn known_encoding(encoding: &str) -> Cow<'static, str> {
    match encoding {
        Payload::JSON => Cow::Borrowed(Payload::JSON),
        Payload::BINARY => Cow::Borrowed(Payload::BINARY),
        Payload::NULL => Cow::Borrowed(Payload::NULL),
        _ => Cow::Owned(encoding.to_owned()),
    }
}

fn bytes(value: Option<&Value>) -> Read<Bytes> {
    let bytes = text(value).ok().and_then(base64::decode);
    bytes
        .map(Bytes::from)
        .ok_or_else(|| Problem::value("base64", value))
}

/// Writes payloads.
pub(super) fn write_list(payloads: &[Payload]) -> Value {
    let payloads = payloads.iter().map(write).collect();
    let message = Map::from_iter([("payloads".to_owned(), Value::Array(payloads))]);
    Value::Object(message)
}

/// Writes named payloads as a message of one field; without payloads the message is empty.
pub(super) fn write_map(entries: &str, payloads: &PayloadMap) -> Value {
    let mut message = Map::new();
    if !payloads.is_empty() {
        let payloads = payloads.iter();
        let payloads = payloads.map(|(key, payload)| (key.clone(), write(payload)));
        message.insert(entries.to_owned(), Value::Object(payloads.collect()));
    }
    Value::Object(message)
}

/// Writes words for people about an event.
pub(super) fn write_user_metadata(words: &UserMetadata) -> Value {
    let mut message = Map::new();
    for (name, payload) in [("summary", &words.summary), ("details", &words.details)] {
        message.extend(payload.as_ref().map(|it| (name.to_owned(), write(it))));
    }
    Value::Object(message)
}

/// Writes a payload.
pub(super) fn write(payload: &Payload) -> Value {
    let encode = |bytes: &[u8]| Value::String(base64::encode(bytes));
    let metadata = payload.metadata.iter();
    let mut metadata: Map<String, Value> = metadata
        .map(|(key, value)| (key.clone(), encode(value.as_slice())))
        .collect();
    if !payload.encoding.is_empty() {
        metadata.insert(ENCODING.to_owned(), encode(payload.encoding.as_bytes()));
    }
    let mut message = Map::new();
    if !metadata.is_empty() {
        message.insert("metadata".to_owned(), Value::Object(metadata));
    }
    if !payload.data.is_empty() {
        message.insert("data".to_owned(), encode(payload.data.as_slice()));
    }
    Value::Object(message)
}
