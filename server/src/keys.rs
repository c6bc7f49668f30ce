//! API keys.

use std::fmt;

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

    /// Whether a key is so short that somebody could guess it.
    pub(crate) fn has_short_key(&self) -> bool {
        self.0.iter().any(|key| key.trim().len() < SHORTEST)
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

/// Compares in a time that depends on the length alone.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let pairs = one.iter().zip(other);
    let difference = pairs.fold(0, |difference, (one, other)| difference | (one ^ other));
    std::hint::black_box(difference) == 0
}
