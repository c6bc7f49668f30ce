//! Encodes a shared value as the value itself, for `#[serde(with = "crate::shared")]`.
//!
//! `serde` does so by itself with its feature `rc`. But features are a program's, not a crate's: it would
//! make `Rc` and `Arc` values of a history in the code of whoever depends on this crate.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(crate) fn serialize<T: Serialize, S: Serializer>(
    value: &Arc<T>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    T::serialize(value, serializer)
}

pub(crate) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Arc<T>, D::Error> {
    T::deserialize(deserializer).map(Arc::new)
}
