//! A map for what is numbered as it comes: ids that count, events of a history.
//!
//! It is ordered as a tree is, and is one block of memory, which stays when the map is emptied and
//! is not made anew for the next entry. It does not save room where keys come in any other order.
//!
//! Invariants: the keys ascend; neither end is a gap; at most half of the entries, and a few, are
//! gaps, so that to remove something costs the same on average, wherever it is.

use std::collections::VecDeque;

/// Gaps, and room, that are not worth giving back.
const A_FEW: usize = 16;

/// A map that costs little when each key is greater than those before it.
#[derive(Clone, Debug)]
pub struct AscendingMap<K, V> {
    /// A value that was removed leaves a gap.
    entries: VecDeque<(K, Option<V>)>,
    len: usize,
}

impl<K, V> Default for AscendingMap<K, V> {
    fn default() -> Self {
        Self {
            entries: VecDeque::new(),
            len: 0,
        }
    }
}

impl<K: Copy + Ord, V> AscendingMap<K, V> {
    /// An empty map.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many values there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds a value, and gives back the one that had the key before.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let before = if self.entries.back().is_none_or(|(last, _)| *last < key) {
            self.entries.push_back((key, Some(value)));
            None
        } else {
            match self.place(&key) {
                Ok(index) => self.entries.get_mut(index)?.1.replace(value),
                Err(index) => {
                    self.entries.insert(index, (key, Some(value)));
                    None
                }
            }
        };
        self.len += usize::from(before.is_none());
        before
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<&V> {
        let index = self.place(key).ok()?;
        self.entries.get(index)?.1.as_ref()
    }

    /// The value of a key.
    #[must_use]
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let index = self.place(key).ok()?;
        self.entries.get_mut(index)?.1.as_mut()
    }

    /// Whether there is a value of a key.
    #[must_use]
    pub fn contains_key(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    /// Takes the value of a key out.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let index = self.place(key).ok()?;
        let value = self.entries.get_mut(index)?.1.take()?;
        self.len -= 1;
        self.tidy();
        Some(value)
    }

    /// The value of the least key.
    #[must_use]
    pub fn first(&self) -> Option<&V> {
        self.entries.front()?.1.as_ref()
    }

    /// Takes the value of the least key out.
    pub fn pop_first(&mut self) -> Option<V> {
        let (_, value) = self.entries.pop_front()?;
        self.len -= 1;
        self.tidy();
        value
    }

    /// The keys in their order.
    pub fn keys(&self) -> impl Iterator<Item = K> {
        self.iter().map(|(key, _)| key)
    }

    /// The values in the order of their keys.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (K, &V)> {
        self.entries
            .iter()
            .filter_map(|(key, value)| Some((*key, value.as_ref()?)))
    }

    fn place(&self, key: &K) -> Result<usize, usize> {
        // What came first mostly ends first.
        match self.entries.front() {
            Some((first, _)) if first == key => Ok(0),
            _ => self.entries.binary_search_by_key(key, |(key, _)| *key),
        }
    }

    /// Lets go of gaps at the ends, and of all gaps and of room when there are many.
    fn tidy(&mut self) {
        while let Some((_, None)) = self.entries.front() {
            self.entries.pop_front();
        }
        while let Some((_, None)) = self.entries.back() {
            self.entries.pop_back();
        }
        if self.entries.len() > 2 * self.len + A_FEW {
            self.entries.retain(|(_, value)| value.is_some());
        }
        if self.entries.capacity() > 4 * self.entries.len() + A_FEW {
            self.entries.shrink_to(2 * self.entries.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn check(map: &AscendingMap<u64, u64>) {
        assert!(map.entries.iter().map(|(key, _)| key).is_sorted());
        assert!(map.entries.front().is_none_or(|(_, value)| value.is_some()));
        assert!(map.entries.back().is_none_or(|(_, value)| value.is_some()));
        assert!(map.entries.len() <= 2 * map.len + A_FEW);
        assert!(map.entries.capacity() <= 4 * map.entries.len() + A_FEW);
    }

    proptest! {
        /// The map holds what a tree holds, in whatever order keys come and go.
        #[test]
        fn it_is_a_map(steps in proptest::collection::vec((any::<bool>(), 0..100_u64, 0..4_u8), 0..400)) {
            let mut map = AscendingMap::new();
            let mut model = BTreeMap::new();
            for (step, (ascending, key, what)) in (0_u64..).zip(steps) {
                let key = if ascending { 100 + step } else { key };
                match what {
                    0 | 1 => prop_assert_eq!(map.insert(key, step), model.insert(key, step)),
                    2 => prop_assert_eq!(map.remove(&key), model.remove(&key)),
                    _ => prop_assert_eq!(map.pop_first(), model.pop_first().map(|(_, value)| value)),
                }
                check(&map);
                prop_assert_eq!(map.len(), model.len());
                prop_assert_eq!(map.first(), model.values().next());
                prop_assert!(map.iter().eq(model.iter().map(|(key, value)| (*key, value))));
                prop_assert_eq!(map.get(&key), model.get(&key));
                prop_assert_eq!(map.get_mut(&key), model.get_mut(&key));
            }
        }
    }

    #[test]
    fn what_is_removed_from_the_middle_leaves_few_gaps_and_no_room() {
        let mut map: AscendingMap<u64, u64> =
            (0..10_000).fold(AscendingMap::new(), |mut map, key| {
                map.insert(key, key);
                map
            });
        for key in (1..9_999).rev() {
            map.remove(&key);
            check(&map);
        }
        assert!(map.keys().eq([0, 9_999]));
        assert!(map.entries.capacity() < 100);
    }
}
