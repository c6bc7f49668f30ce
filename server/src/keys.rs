//! API keys.

use std::fmt;

use crate::options::ServeError;

/// How many bytes a key has at least: random ones of that length are not guessed.
pub(crate) const SHORTEST: usize = 16;

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
    pub(crate) fn check(&self) -> Result<(), ServeError> {
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

/// Says whether a text can be an API key.
///
/// # Errors
///
/// [`ServeError::ShortKey`] if it has less than 16 bytes, [`ServeError::UnsendableKey`] if it has others than those of
/// visible ASCII characters and spaces: clients cannot send it.
pub fn check_key(key: &str) -> Result<(), ServeError> {
    if key.trim().len() < SHORTEST {
        return Err(ServeError::ShortKey);
    }
    if !key.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Err(ServeError::UnsendableKey);
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
