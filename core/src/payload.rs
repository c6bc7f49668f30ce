//! Values as they are recorded: bytes and a word about their encoding.
//!
//! This module does not encode or decode; the SDK's converter does.

use std::{borrow::Cow, collections::BTreeMap, fmt, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The largest payload in bytes that an engine accepts, as on a Temporal Service.
pub const MAX_PAYLOAD_BYTES: usize = 2 * 1024 * 1024;

/// Bytes that are cheap to clone.
#[derive(Clone, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Bytes(Option<Arc<[u8]>>);

impl Bytes {
    /// The bytes themselves.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }

    /// How many bytes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        if bytes.is_empty() {
            Self(None)
        } else {
            Self(Some(Arc::from(bytes)))
        }
    }
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        if bytes.is_empty() {
            Self(None)
        } else {
            Self(Some(Arc::from(bytes)))
        }
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.len())
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.as_slice())
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Bytes;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes::from(bytes))
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Bytes, A::Error> {
                let mut bytes = Vec::new();
                while let Some(byte) = seq.next_element()? {
                    bytes.push(byte);
                }
                Ok(Bytes::from(bytes))
            }
        }
        deserializer.deserialize_bytes(Visitor)
    }
}

/// One recorded value. `Debug` shows its encoding and size, never its content.
#[derive(Clone, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Payload {
    /// How `data` is encoded; the metadata entry `encoding` on the wire.
    pub encoding: Cow<'static, str>,
    /// The encoded value.
    pub data: Bytes,
    /// Metadata entries other than `encoding`.
    pub metadata: BTreeMap<String, Bytes>,
}

impl Payload {
    /// The encoding of JSON text.
    pub const JSON: &'static str = "json/plain";
    /// The encoding of raw bytes.
    pub const BINARY: &'static str = "binary/plain";
    /// The encoding of no value.
    pub const NULL: &'static str = "binary/null";

    /// A payload of JSON text.
    #[must_use]
    pub fn json(text: impl Into<Bytes>) -> Self {
        Self {
            encoding: Cow::Borrowed(Self::JSON),
            data: text.into(),
            ..Self::default()
        }
    }

    /// A payload of raw bytes.
    #[must_use]
    pub fn binary(bytes: impl Into<Bytes>) -> Self {
        Self {
            encoding: Cow::Borrowed(Self::BINARY),
            data: bytes.into(),
            ..Self::default()
        }
    }

    /// The payload that stands for no value.
    #[must_use]
    pub fn null() -> Self {
        Self {
            encoding: Cow::Borrowed(Self::NULL),
            ..Self::default()
        }
    }

    /// The size that counts against [`MAX_PAYLOAD_BYTES`]: data and metadata.
    #[must_use]
    pub fn size(&self) -> usize {
        self.metadata
            .iter()
            .map(|(key, value)| key.len() + value.len())
            .fold(self.encoding.len() + self.data.len(), usize::saturating_add)
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({}, {} bytes)", self.encoding, self.data.len())
    }
}

/// The name of the header that carries the context of a trace, as Temporal's SDKs spell it.
pub const TRACE_HEADER: &str = "_tracer-data";

/// Words for people about an execution, an activity, a timer or another thing that a workflow asked for. Tools show them; nothing
/// else depends on them, and a replay does not compare them.
///
/// Each is a JSON text by convention, so that a user interface can show it.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct UserMetadata {
    /// One line of plain text.
    pub summary: Option<Payload>,
    /// Any number of lines, which may be Markdown.
    pub details: Option<Payload>,
}

impl UserMetadata {
    /// What is there of the two, on the heap, since it is seldom there; `None` without any.
    #[must_use]
    pub fn of(summary: Option<Payload>, details: Option<Payload>) -> Option<Box<Self>> {
        let is_there = summary.is_some() || details.is_some();
        is_there.then(|| Box::new(Self { summary, details }))
    }

    /// The values.
    pub fn payloads(&self) -> impl Iterator<Item = &Payload> + Clone {
        self.summary.iter().chain(&self.details)
    }
}

/// Named values, such as a memo, search attributes or a header.
pub type PayloadMap = BTreeMap<String, Payload>;

/// Takes over new values of a memo or of search attributes; a null payload removes one.
pub fn merge(values: &mut PayloadMap, changes: &PayloadMap) {
    for (name, value) in changes {
        if value.encoding == Payload::NULL {
            values.remove(name);
        } else {
            values.insert(name.clone(), value.clone());
        }
    }
}
