//! Turns Rust values into payloads and back.
//!
//! Values are JSON text, as the SDKs of other languages write and read it by default; `()` and a
//! missing payload are null. This module does not encrypt or compress: that is a
//! [codec](crate::codec)'s task.

mod json;

use serde::{Serialize, de::DeserializeOwned};
use steadfast_core::{
    failure::Failure,
    limit::TooLarge,
    payload::{Payload, UserMetadata},
};
use thiserror::Error;

use self::json::{MAX_DEPTH, Refused, to_json};

/// Says why a value could not be turned into a payload or back.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConvertError {
    /// The value cannot be expressed as JSON.
    #[error("cannot encode a value of type `{ty}`")]
    Encode {
        /// The Rust type.
        ty: &'static str,
        /// What the serializer says.
        source: serde_json::Error,
    },
    /// The payload is not a value of the expected type.
    #[error("cannot decode a payload as `{ty}`")]
    Decode {
        /// The Rust type.
        ty: &'static str,
        /// What the deserializer says.
        source: serde_json::Error,
    },
    /// The payload has an encoding that this converter does not know.
    #[error("cannot decode a payload of encoding `{encoding}` as `{ty}`; expected `json/plain`")]
    UnknownEncoding {
        /// The Rust type.
        ty: &'static str,
        /// The payload's encoding.
        encoding: String,
    },
    /// The value has a number that JSON cannot express; it would be read as null.
    #[error(
        "cannot encode a value of type `{ty}`: a number in it is not finite (NaN or infinite); \
         use an `Option`, or an enum that says what it means"
    )]
    NotFinite {
        /// The Rust type.
        ty: &'static str,
    },
    /// The value is nested so deep that it could not be read again.
    #[error(
        "cannot encode a value of type `{ty}`: it is nested deeper than {MAX_DEPTH} levels, and could not be read again"
    )]
    TooDeep {
        /// The Rust type.
        ty: &'static str,
    },
    /// The value of a side effect could not be recorded; what was recorded says why, and a replay gets the same.
    #[error("cannot record the value of a side effect: {0}")]
    SideEffect(Box<Failure>),
    /// The value is larger than the engine takes.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
}

/// A type whose values can be arguments.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an input of a workflow, an activity or a handler",
    label = "this type cannot be recorded in a history",
    note = "if the type is yours, derive `serde::Serialize` and `serde::Deserialize` for it and for the types in it",
    note = "if it is of another crate, see whether that has a feature `serde`, or put what matters into a type of your own",
    note = "if it is a context under another name, write its own: `ActivityContext`, `WorkflowContext<Self>`"
)]
pub trait Input: Sized + 'static {
    /// Encodes and decodes one of several arguments.
    fn codec() -> Codec<Self>;

    /// Encodes and decodes the only argument.
    fn arguments() -> Arguments<Self>;
}
#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + 'static> Input for T {
    fn codec() -> Codec<Self> {
        Codec {
            encode: to_payload,
            decode: from_payload,
        }
    }

    fn arguments() -> Arguments<Self> {
        Arguments::new(
            |value| Ok(vec![to_payload(value)?]),
            |payloads| from_payload(payloads.first()),
        )
    }
}

/// A type whose values can be results.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an output of a workflow, an activity or a handler",
    label = "this type cannot be recorded in a history",
    note = "if the type is yours, derive `serde::Serialize` and `serde::Deserialize` for it and for the types in it",
    note = "if it is of another crate, see whether that has a feature `serde`, or put what matters into a type of your own"
)]
pub trait Output: Sized + 'static {
    /// Encodes and decodes results.
    fn codec() -> Codec<Self>;
}
#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + 'static> Output for T {
    fn codec() -> Codec<Self> {
        Codec {
            encode: to_payload,
            decode: from_payload,
        }
    }
}

/// Encodes and decodes values of one type.
///
/// It is made by [`Input`] or [`Output`], the only places that ask for the type's serialization, so
/// that a type without it is reported once, where the user wrote it.
#[derive(Debug)]
pub struct Codec<T> {
    encode: fn(&T) -> Result<Payload, ConvertError>,
    decode: fn(Option<&Payload>) -> Result<T, ConvertError>,
}

impl<T> Codec<T> {
    /// Encodes a value.
    ///
    /// # Errors
    ///
    /// When the value cannot be serialized.
    pub fn encode(&self, value: &T) -> Result<Payload, ConvertError> {
        (self.encode)(value)
    }

    /// Decodes a value; a missing payload is null.
    ///
    /// # Errors
    ///
    /// When the payload is not of the expected type.
    pub fn decode(&self, payload: Option<&Payload>) -> Result<T, ConvertError> {
        (self.decode)(payload)
    }

    /// Decodes one of several values; a missing payload is null.
    ///
    /// # Errors
    ///
    /// When the payload is not of the expected type.
    pub fn decode_at(&self, payloads: &[Payload], index: usize) -> Result<T, ConvertError> {
        self.decode(payloads.get(index))
    }
}

impl Codec<Payload> {
    /// Leaves payloads as they are.
    pub(crate) fn of_payloads() -> Self {
        Self {
            encode: |payload| Ok(payload.clone()),
            decode: |payload| Ok(payload.cloned().unwrap_or_else(Payload::null)),
        }
    }
}

/// Encodes and decodes all arguments of a function: `()`, one type, or a tuple of several.
#[derive(Debug)]
pub struct Arguments<T> {
    encode: fn(&T) -> Result<Vec<Payload>, ConvertError>,
    decode: fn(&[Payload]) -> Result<T, ConvertError>,
}

impl<T> Arguments<T> {
    /// Takes what turns the arguments into payloads and back.
    #[must_use]
    pub fn new(
        encode: fn(&T) -> Result<Vec<Payload>, ConvertError>,
        decode: fn(&[Payload]) -> Result<T, ConvertError>,
    ) -> Self {
        Self { encode, decode }
    }

    /// Encodes the arguments, one payload each.
    ///
    /// # Errors
    ///
    /// When an argument cannot be serialized.
    pub fn encode(&self, arguments: &T) -> Result<Vec<Payload>, ConvertError> {
        (self.encode)(arguments)
    }

    /// Decodes the arguments; a missing payload is null.
    ///
    /// # Errors
    ///
    /// When a payload is not of the expected type.
    pub fn decode(&self, payloads: &[Payload]) -> Result<T, ConvertError> {
        (self.decode)(payloads)
    }
}

impl Arguments<()> {
    /// No arguments, whatever was sent.
    #[must_use]
    pub fn none() -> Self {
        Self::new(|()| Ok(Vec::new()), |_| Ok(()))
    }
}

/// Encodes one value.
///
/// # Errors
///
/// When the value cannot be expressed as JSON and read again: a map whose keys are not texts, a number that is not
/// finite, more than 127 levels of nesting.
pub fn to_payload<T: Serialize + ?Sized>(value: &T) -> Result<Payload, ConvertError> {
    let ty = std::any::type_name::<T>();
    let text = to_json(value).map_err(|refused| match refused {
        Refused::Json(source) => ConvertError::Encode { ty, source },
        Refused::NotFinite => ConvertError::NotFinite { ty },
        Refused::TooDeep => ConvertError::TooDeep { ty },
    })?;
    Ok(if text == b"null" {
        Payload::null()
    } else {
        Payload::json(text)
    })
}

/// Words for people, as Temporal's user interfaces read them: JSON texts.
pub(crate) fn user_metadata(
    summary: Option<&str>,
    details: Option<&str>,
) -> Option<Box<UserMetadata>> {
    let json = |text: &str| Payload::json(serde_json::Value::from(text).to_string().into_bytes());
    UserMetadata::of(summary.map(json), details.map(json))
}

/// Decodes one value; a missing payload is null.
///
/// # Errors
///
/// When the payload is not JSON text, or not a value of the expected type.
pub fn from_payload<T: DeserializeOwned>(payload: Option<&Payload>) -> Result<T, ConvertError> {
    let ty = std::any::type_name::<T>();
    let text = match payload {
        None => b"null",
        Some(payload) => match payload.encoding.as_ref() {
            Payload::NULL => b"null".as_slice(),
            Payload::JSON => payload.data.as_slice(),
            encoding => {
                return Err(ConvertError::UnknownEncoding {
                    ty,
                    encoding: encoding.to_owned(),
                });
            }
        },
    };
    serde_json::from_slice(text).map_err(|source| ConvertError::Decode { ty, source })
}
