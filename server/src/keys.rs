//! API keys.

use std::fmt;

use thiserror::Error;

/// How many bytes a key has at least: random ones of that length are not guessed.
const SHORTEST: usize = 16;

/// The keys of which a caller must bring one; none at all if nobody has to.
#[derive(Clone, Default)]
pub(crate) struct ApiKeys(Vec<String>);

impl fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} keys", self.0.len())
    }
}

impl ApiKeys {
    pub(crate) fn add(&mut self, key: String) {
        self.0.push(key);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Refuses keys that nobody should have, or nobody can send.
    pub(crate) fn check(&self) -> Result<(), BadKey> {
        self.0.iter().try_for_each(|key| check_key(key))
    }

    pub(crate) fn has(&self, key: &[u8]) -> bool {
        // All are compared, so that the time tells nothing of them.
        let mut any = false;
        for own in &self.0 {
            any |= is_same(own.as_bytes(), key);
        }
        any
    }
}

/// Why a text is no API key.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum BadKey {
    /// It is so short that somebody could guess it.
    #[error(
        "an API key has less than {SHORTEST} bytes and could be guessed: give one of at least {SHORTEST}, `openssl rand -hex 16` makes one"
    )]
    Short,
    /// It cannot be sent.
    #[error(
        "an API key has characters that cannot be sent in a header: take visible ASCII characters"
    )]
    Unsendable,
}

/// Says whether a text can be an API key.
///
/// # Errors
///
/// [`BadKey::Short`] if it has less than 16 bytes, [`BadKey::Unsendable`] if it has others than those of visible ASCII
/// characters and spaces: clients cannot send it.
pub fn check_key(key: &str) -> Result<(), BadKey> {
    if key.trim().len() < SHORTEST {
        return Err(BadKey::Short);
    }
    if !key.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Err(BadKey::Unsendable);
    }
    Ok(())
}

/// Compares in a time that depends on the length alone.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let pairs = one.iter().zip(other);
    let difference = pairs.fold(0, |difference, (one, other)| difference | (one ^ other));
    std::hint::black_box(difference) == 0
}
