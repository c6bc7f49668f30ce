//! What a task token contains. Workers only carry it back and forth.

use steadfast_core::{payload::Bytes, task::TaskToken};

/// Names one attempt at one task of one run.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Token {
    /// A workflow task. Serials are never used twice, also not by another opening of the file.
    Workflow { key: i64, serial: u64 },
    /// A task that only brings queries.
    Query { key: i64, serial: u64 },
    /// An attempt at an activity.
    Activity {
        key: i64,
        scheduled: u64,
        attempt: u32,
    },
}

impl Token {
    pub(crate) fn encode(self) -> TaskToken {
        let (kind, key, second, attempt) = match self {
            Self::Workflow { key, serial } => (b'w', key, serial, None),
            Self::Query { key, serial } => (b'q', key, serial, None),
            Self::Activity {
                key,
                scheduled,
                attempt,
            } => (b'a', key, scheduled, Some(attempt)),
        };
        let mut bytes = [0; 21];
        bytes[0] = kind;
        bytes[1..9].copy_from_slice(&key.to_le_bytes());
        bytes[9..17].copy_from_slice(&second.to_le_bytes());
        let length = match attempt {
            Some(attempt) => {
                bytes[17..].copy_from_slice(&attempt.to_le_bytes());
                21
            }
            None => 17,
        };
        TaskToken(Bytes::from(&bytes[..length]))
    }

    /// `None` when the bytes are not a token of this engine.
    pub(crate) fn decode(token: &TaskToken) -> Option<Self> {
        let (kind, rest) = token.0.as_slice().split_first()?;
        let (key, rest) = rest.split_first_chunk::<8>()?;
        let (second, rest) = rest.split_first_chunk::<8>()?;
        let key = i64::from_le_bytes(*key);
        let second = u64::from_le_bytes(*second);
        match (kind, rest) {
            (b'w', []) => Some(Self::Workflow {
                key,
                serial: second,
            }),
            (b'q', []) => Some(Self::Query {
                key,
                serial: second,
            }),
            (b'a', rest) => {
                let attempt = u32::from_le_bytes(rest.try_into().ok()?);
                Some(Self::Activity {
                    key,
                    scheduled: second,
                    attempt,
                })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_back_and_foreign_bytes_are_not() {
        for token in [
            Token::Workflow {
                key: 7,
                serial: u64::MAX,
            },
            Token::Query { key: -1, serial: 0 },
            Token::Activity {
                key: i64::MAX,
                scheduled: 5,
                attempt: 3,
            },
        ] {
            assert_eq!(Token::decode(&token.encode()), Some(token));
        }
        for bytes in [&b""[..], b"w", b"x1234567812345678", b"w12345678123456789"] {
            assert_eq!(Token::decode(&TaskToken(Bytes::from(bytes))), None);
        }
    }
}
