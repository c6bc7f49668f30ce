//! A map for keys that nobody chooses against us.

use std::collections::HashMap;

/// A map that needs no hash that withstands whoever chooses its keys: they are our own, names in the program, or few.
pub(crate) type FastMap<K, T> = HashMap<K, T, foldhash::fast::RandomState>;
