//! The runs that a workflow thread keeps in memory, the least recently used leaving first.

use std::collections::{BTreeMap, HashMap};

use steadfast_core::ids::RunId;

/// A bounded table of runs. Runs that are in use are not counted and never leave.
pub(crate) struct RunCache<T> {
    in_use: HashMap<RunId, T>,
    runs: HashMap<RunId, (u64, T)>,
    by_use: BTreeMap<u64, RunId>,
    clock: u64,
    capacity: usize,
}

impl<T> RunCache<T> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            in_use: HashMap::new(),
            runs: HashMap::new(),
            by_use: BTreeMap::new(),
            clock: 0,
            capacity,
        }
    }

    /// Takes a run out.
    pub(crate) fn take(&mut self, run_id: &RunId) -> Option<T> {
        // Mostly there is none in use.
        if !self.in_use.is_empty()
            && let Some(run) = self.in_use.remove(run_id)
        {
            return Some(run);
        }
        let (used, run) = self.runs.remove(run_id)?;
        self.by_use.remove(&used);
        Some(run)
    }

    /// Puts a run in that must stay until it is taken out again.
    pub(crate) fn put_in_use(&mut self, run_id: RunId, run: T) {
        self.in_use.insert(run_id, run);
    }

    /// Puts a run in, and gives the one that has to leave.
    pub(crate) fn put(&mut self, run_id: RunId, run: T) -> Option<T> {
        self.clock += 1;
        self.by_use.insert(self.clock, run_id.clone());
        if let Some((used, _)) = self.runs.insert(run_id, (self.clock, run)) {
            self.by_use.remove(&used);
        }
        if self.runs.len() <= self.capacity {
            return None;
        }
        let (_, oldest) = self.by_use.pop_first()?;
        self.runs.remove(&oldest).map(|(_, run)| run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_run_leaves() {
        let id = |name: &str| RunId::new(name).unwrap();
        let mut cache = RunCache::new(2);
        assert_eq!(cache.put(id("a"), 1), None);
        assert_eq!(cache.put(id("b"), 2), None);
        let a = cache.take(&id("a")).unwrap();
        assert_eq!(cache.put(id("a"), a), None);
        assert_eq!(cache.put(id("c"), 3), Some(2));
        assert_eq!(cache.take(&id("a")), Some(1));
    }

    #[test]
    fn a_run_that_is_in_use_stays() {
        let id = |name: &str| RunId::new(name).unwrap();
        let mut cache = RunCache::new(0);
        cache.put_in_use(id("a"), 1);
        assert_eq!(cache.put(id("b"), 2), Some(2));
        assert_eq!(cache.take(&id("a")), Some(1));
        assert_eq!(cache.take(&id("a")), None);
    }
}
