//! JSON text that can be read again as what it was.
//!
//! `serde_json` writes a number that is not finite as null, and text nested so deep that it refuses to read it.
//! Both are found while the text is written: depth is counted, and only where a null was written is the
//! value looked through for such a number.

use std::{cell::Cell, fmt, io};

use serde::{Serialize, ser};
use serde_json::ser::{Formatter, Serializer};

/// The deepest that `serde_json` reads.
pub(super) const MAX_DEPTH: usize = 127;

pub(super) enum Refused {
    Json(serde_json::Error),
    NotFinite,
    TooDeep,
}

pub(super) fn to_json<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, Refused> {
    let seen = Seen::default();
    let mut text = Vec::with_capacity(128);
    let mut serializer = Serializer::with_formatter(&mut text, Watch(&seen));
    value.serialize(&mut serializer).map_err(Refused::Json)?;
    if seen.deepest.get() > MAX_DEPTH {
        return Err(Refused::TooDeep);
    }
    // What the value itself refuses it has refused above.
    if seen.null.get() && matches!(value.serialize(FindNumber), Err(Found(true))) {
        return Err(Refused::NotFinite);
    }
    Ok(text)
}

#[derive(Default)]
struct Seen {
    depth: Cell<usize>,
    deepest: Cell<usize>,
    null: Cell<bool>,
}

impl Seen {
    fn enter(&self) {
        let depth = self.depth.get() + 1;
        self.depth.set(depth);
        self.deepest.set(self.deepest.get().max(depth));
    }

    fn leave(&self) {
        self.depth.set(self.depth.get() - 1);
    }
}

/// Writes compact text, as `serde_json` does by default, and notes what it sees.
struct Watch<'a>(&'a Seen);

impl Formatter for Watch<'_> {
    fn write_null<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.null.set(true);
        writer.write_all(b"null")
    }

    fn begin_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.enter();
        writer.write_all(b"[")
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.leave();
        writer.write_all(b"]")
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.enter();
        writer.write_all(b"{")
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.leave();
        writer.write_all(b"}")
    }
}

/// Looks for a number that is not finite, and writes nothing.
#[derive(Clone, Copy)]
struct FindNumber;

/// Why the search ended early: with such a number, or with what the value says itself.
#[derive(Debug)]
struct Found(bool);

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("found")
    }
}

impl std::error::Error for Found {}

impl ser::Error for Found {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self(false)
    }
}

type Search = Result<(), Found>;

fn finite(finite: bool) -> Search {
    if finite { Ok(()) } else { Err(Found(true)) }
}

macro_rules! harmless {
    ($($method:ident($($type:ty),*);)+) => {$(
        fn $method(self, $(_: $type),*) -> Search {
            Ok(())
        }
    )+};
}

macro_rules! compound {
    ($($method:ident($($type:ty),*);)+) => {$(
        fn $method(self, $(_: $type),*) -> Result<Self, Found> {
            Ok(self)
        }
    )+};
}

impl ser::Serializer for FindNumber {
    type Ok = ();
    type Error = Found;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    fn serialize_f32(self, number: f32) -> Search {
        finite(number.is_finite())
    }

    fn serialize_f64(self, number: f64) -> Search {
        finite(number.is_finite())
    }

    harmless! {
        serialize_bool(bool);
        serialize_i8(i8);
        serialize_i16(i16);
        serialize_i32(i32);
        serialize_i64(i64);
        serialize_i128(i128);
        serialize_u8(u8);
        serialize_u16(u16);
        serialize_u32(u32);
        serialize_u64(u64);
        serialize_u128(u128);
        serialize_char(char);
        serialize_str(&str);
        serialize_bytes(&[u8]);
        serialize_none();
        serialize_unit();
        serialize_unit_struct(&'static str);
        serialize_unit_variant(&'static str, u32, &'static str);
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Search {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Search {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Search {
        value.serialize(self)
    }

    compound! {
        serialize_seq(Option<usize>);
        serialize_tuple(usize);
        serialize_tuple_struct(&'static str, usize);
        serialize_tuple_variant(&'static str, u32, &'static str, usize);
        serialize_map(Option<usize>);
        serialize_struct(&'static str, usize);
        serialize_struct_variant(&'static str, u32, &'static str, usize);
    }
}

macro_rules! parts {
    ($($kind:ident::$method:ident($($name:ident: $type:ty),*);)+) => {$(
        impl ser::$kind for FindNumber {
            type Ok = ();
            type Error = Found;

            fn $method<T: Serialize + ?Sized>(&mut self, $($name: $type,)* value: &T) -> Search {
                value.serialize(*self)
            }

            fn end(self) -> Search {
                Ok(())
            }
        }
    )+};
}

parts! {
    SerializeSeq::serialize_element();
    SerializeTuple::serialize_element();
    SerializeTupleStruct::serialize_field();
    SerializeTupleVariant::serialize_field();
    SerializeStruct::serialize_field(_key: &'static str);
    SerializeStructVariant::serialize_field(_key: &'static str);
}

impl ser::SerializeMap for FindNumber {
    type Ok = ();
    type Error = Found;

    // A key that is not finite is refused when the text is written.
    fn serialize_key<T: Serialize + ?Sized>(&mut self, _: &T) -> Search {
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Search {
        value.serialize(*self)
    }

    fn end(self) -> Search {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;
    use crate::convert::{ConvertError, from_payload, to_payload};

    #[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
    enum Shape {
        Nothing,
        Line(f64),
        Pair(f32, Option<f64>),
        Named {
            width: f64,
            tags: BTreeMap<String, Option<f64>>,
        },
    }

    fn named(width: f64, tag: Option<f64>) -> Shape {
        let tags = BTreeMap::from([("tag".to_owned(), tag)]);
        Shape::Named { width, tags }
    }

    /// A number that is not finite would come back as null, or not at all.
    #[test]
    fn a_number_that_is_not_finite_is_refused_wherever_it_stands() {
        for wrong in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            #[expect(clippy::cast_possible_truncation, reason = "it stays what it is")]
            let shapes = [
                Shape::Line(wrong),
                Shape::Pair(wrong as f32, None),
                Shape::Pair(1.0, Some(wrong)),
                named(wrong, None),
                named(1.0, Some(wrong)),
            ];
            for shape in shapes {
                let boxed = vec![(1, Some(Box::new(shape)))];
                let refused = to_payload(&boxed).unwrap_err();
                assert!(
                    matches!(refused, ConvertError::NotFinite { .. }),
                    "{boxed:?}"
                );
            }
            assert!(to_payload(&wrong).is_err());
        }
    }

    #[test]
    fn what_is_null_for_another_reason_is_written() {
        let shapes = vec![
            None,
            Some(Shape::Nothing),
            Some(Shape::Pair(1.5, None)),
            Some(named(f64::MAX, None)),
        ];
        let payload = to_payload(&shapes).unwrap();
        let back: Vec<Option<Shape>> = from_payload(Some(&payload)).unwrap();
        assert_eq!(back, shapes);
        assert!(to_payload(&((), Option::<f64>::None)).is_ok());
    }

    /// As deep as it can be read, and no deeper.
    #[test]
    fn what_is_nested_too_deep_to_be_read_is_refused() {
        let nested = |depth: usize| {
            let inner = serde_json::Value::Array(Vec::new());
            (1..depth).fold(inner, |inner, level| {
                if level % 2 == 0 {
                    serde_json::Value::Array(vec![inner])
                } else {
                    serde_json::json!({ "inner": inner })
                }
            })
        };
        let payload = to_payload(&nested(MAX_DEPTH)).unwrap();
        let back: serde_json::Value = from_payload(Some(&payload)).unwrap();
        assert_eq!(back, nested(MAX_DEPTH));
        let error = to_payload(&nested(MAX_DEPTH + 1)).unwrap_err();
        assert!(matches!(error, ConvertError::TooDeep { .. }), "{error}");
        let text = serde_json::to_vec(&nested(MAX_DEPTH + 1)).unwrap();
        assert!(serde_json::from_slice::<serde_json::Value>(&text).is_err());
    }

    /// Payloads are compared with what was recorded before.
    #[test]
    fn the_text_is_what_serde_json_writes() {
        let value = (1.0, "a\"b\n", [Some(1), None], named(0.1, Some(-0.0)), ());
        let payload = to_payload(&value).unwrap();
        assert_eq!(payload.data.as_slice(), serde_json::to_vec(&value).unwrap());
    }
}
