//! Bytes as text, as protobuf's JSON writes and reads them.

use base64::{
    Engine as _,
    alphabet::{STANDARD, URL_SAFE},
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

/// With or without padding, and whatever stands in the bits that are not used.
const TOLERANT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_allow_trailing_bits(true)
    .with_decode_padding_mode(DecodePaddingMode::Indifferent);
const PLAIN: GeneralPurpose = GeneralPurpose::new(&STANDARD, TOLERANT);
const SAFE: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, TOLERANT);

/// Writes bytes in the standard alphabet, padded.
pub(super) fn encode(bytes: &[u8]) -> String {
    PLAIN.encode(bytes)
}

/// Reads the standard or the URL-safe alphabet, padded or not, as protobuf's JSON decoders do.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let alphabet = if text.contains(['-', '_']) {
        SAFE
    } else {
        PLAIN
    };
    alphabet.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_rfc_4648_read_and_write() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(encode(bytes.as_bytes()), text);
            assert_eq!(decode(text).as_deref(), Some(bytes.as_bytes()));
            let bare = text.trim_end_matches('=');
            assert_eq!(decode(bare).as_deref(), Some(bytes.as_bytes()));
        }
    }

    #[test]
    fn every_byte_survives() {
        let bytes: Vec<u8> = (0..=255).collect();
        assert_eq!(decode(&encode(&bytes)), Some(bytes));
    }

    #[test]
    fn both_alphabets_are_read_and_nothing_else() {
        assert_eq!(decode("-_-_"), decode("+/+/"));
        for text in ["A", "AAAAA", "AB C", "é", "A=A"] {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
