//! What may happen to payloads between this process and whatever keeps them: encryption, compression.
//!
//! This module turns no values into payloads; that is the task of whoever has values.

use std::fmt;

use steadfast_core::payload::Payload;
use thiserror::Error;

/// Turns payloads into what is kept of them, and back.
///
/// Every payload goes through it on its way out of this process and on its way in, but for search
/// attributes, which an engine has to be able to read. Failures keep their messages readable; their
/// details go through it. Workers, clients and tools of one namespace need the same codec.
///
/// A codec is called from wherever a payload leaves or arrives, so it should compute and not wait.
///
/// # Examples
///
/// ```
/// use steadfast::{codec::{CodecError, PayloadCodec}, core::payload::Payload};
///
/// /// Keeps secrets from those who only glance.
/// #[derive(Debug)]
/// struct Rot13;
///
/// const ENCODING: &str = "binary/rot13";
///
/// fn turn(payload: &Payload) -> Vec<u8> {
///     let turn = |byte: u8| match byte {
///         b'a'..=b'z' => (byte - b'a' + 13) % 26 + b'a',
///         other => other,
///     };
///     payload.data.as_slice().iter().copied().map(turn).collect()
/// }
///
/// impl PayloadCodec for Rot13 {
///     fn encode(&self, payload: Payload) -> Result<Payload, CodecError> {
///         let mut encoded = Payload { encoding: ENCODING.into(), ..payload.clone() };
///         encoded.metadata.insert("was".to_owned(), payload.encoding.as_bytes().into());
///         encoded.data = turn(&payload).into();
///         Ok(encoded)
///     }
///
///     fn decode(&self, payload: Payload) -> Result<Payload, CodecError> {
///         if payload.encoding != ENCODING {
///             return Ok(payload);
///         }
///         let mut decoded = payload.clone();
///         let was = decoded.metadata.remove("was").unwrap_or_default();
///         decoded.encoding = String::from_utf8_lossy(was.as_slice()).into_owned().into();
///         decoded.data = turn(&payload).into();
///         Ok(decoded)
///     }
/// }
///
/// let codec = Rot13;
/// let secret = Payload::json(b"\"hello\"".as_slice());
/// let kept = codec.encode(secret.clone())?;
/// assert_eq!(kept.data.as_slice(), b"\"uryyb\"");
/// assert_eq!(codec.decode(kept)?, secret);
/// # Ok::<(), CodecError>(())
/// ```
pub trait PayloadCodec: fmt::Debug + Send + Sync + 'static {
    /// Makes of a payload what is kept of it.
    ///
    /// # Errors
    ///
    /// When that is not possible, such as without a key.
    fn encode(&self, payload: Payload) -> Result<Payload, CodecError>;

    /// Makes the payload from what was kept of it. What this codec did not encode is returned as it
    /// is, so that a codec can be introduced while executions are open.
    ///
    /// # Errors
    ///
    /// When what was kept is damaged, or made with a key that is not known.
    fn decode(&self, payload: Payload) -> Result<Payload, CodecError>;
}

/// Says why a codec could not encode or decode a payload.
#[derive(Clone, Debug, Error)]
#[error("the payload codec refused: {message}")]
pub struct CodecError {
    message: String,
}

impl CodecError {
    /// An error with a text for people; it must not contain the payload.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
        }
    }
}
