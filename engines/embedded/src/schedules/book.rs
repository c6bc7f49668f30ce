//! The schedules that there are, in memory, and which of them have something to do.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap},
    ops::Bound::{Excluded, Unbounded},
    sync::Arc,
};

use steadfast_core::{
    ids::{RunId, ScheduleId},
    time::Timestamp,
};
use steadfast_engine::{EngineError, schedule::ScheduleTimes};

use super::record::Record;

/// The schedules of an engine.
#[derive(Debug, Default)]
pub(crate) struct Schedules {
    pub(super) all: BTreeMap<ScheduleId, Entry>,
    /// When which one has to be looked at; entries may be stale.
    due: BinaryHeap<Reverse<(Timestamp, ScheduleId)>>,
    /// Those that have something to do at once.
    pub(super) stirred: BTreeSet<ScheduleId>,
    /// Which of those had its turn last.
    last: Option<ScheduleId>,
    /// The executions whose end a schedule is told of, by their first runs.
    pub(super) watched: HashMap<RunId, ScheduleId>,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) record: Arc<Record>,
    pub(super) times: Arc<ScheduleTimes>,
    /// When it is looked at.
    pub(super) wakeup: Option<Timestamp>,
    /// Until when it does nothing, because what it did last was not written.
    pub(super) held_until: Option<Timestamp>,
}

impl Schedules {
    /// Takes in what the file has.
    pub(crate) fn load(&mut self, stored: Vec<(ScheduleId, Record)>) -> Result<(), EngineError> {
        for (id, record) in stored {
            self.set(&id, Some(Arc::new(record)))?;
            self.stirred.insert(id);
        }
        Ok(())
    }

    /// Takes one that has something to do at once: the one after that which had its turn last, so that none waits for those
    /// that always have something to do.
    pub(super) fn take_stirred(&mut self) -> Option<ScheduleId> {
        let last = self.last.take();
        let next = last.and_then(|last| {
            self.stirred
                .range((Excluded(last), Unbounded))
                .next()
                .cloned()
        });
        let id = match next {
            Some(id) => {
                self.stirred.remove(&id);
                id
            }
            None => self.stirred.pop_first()?,
        };
        self.last = Some(id.clone());
        Some(id)
    }

    /// Puts a record in the place of what is there.
    pub(super) fn set(
        &mut self,
        id: &ScheduleId,
        record: Option<Arc<Record>>,
    ) -> Result<(), EngineError> {
        let Some(record) = record else {
            self.all.remove(id);
            self.stirred.remove(id);
            return Ok(());
        };
        let watched = record.watched().map(|run| (run.clone(), id.clone()));
        self.watched.extend(watched);
        let spec = &record.schedule.spec;
        let before = self.all.get(id);
        let times = match before.filter(|entry| entry.record.schedule.spec == *spec) {
            Some(entry) => Arc::clone(&entry.times),
            None => Arc::new(ScheduleTimes::new(spec)?.of_schedule(id)),
        };
        let entry = Entry {
            record,
            times,
            wakeup: before.and_then(|entry| entry.wakeup),
            held_until: before.and_then(|entry| entry.held_until),
        };
        self.all.insert(id.clone(), entry);
        Ok(())
    }

    /// Puts back what was there before a change that was not written, and leaves it alone until a time.
    pub(crate) fn put_back(
        &mut self,
        id: &ScheduleId,
        before: Option<&Arc<Record>>,
        again: Timestamp,
    ) {
        // Its spec was valid before.
        let _ = self.set(id, before.cloned());
        if let Some(entry) = self.all.get_mut(id) {
            entry.held_until = Some(again);
        }
        self.wake_at(id, again);
    }

    /// Looks at a schedule at a time.
    pub(crate) fn wake_at(&mut self, id: &ScheduleId, time: Timestamp) {
        let Some(entry) = self.all.get_mut(id) else {
            return;
        };
        if entry.wakeup.is_none_or(|wakeup| wakeup != time) {
            entry.wakeup = Some(time);
            self.due.push(Reverse((time, id.clone())));
        }
    }

    /// When one has to be looked at next.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.due.peek().map(|entry| entry.0.0)
    }

    /// Forgets what is no longer due at the front, so that the clock does not stop where nothing happens.
    pub(crate) fn drop_stale(&mut self) {
        while let Some(Reverse((time, id))) = self.due.peek() {
            if self.all.get(id).and_then(|entry| entry.wakeup) == Some(*time) {
                return;
            }
            self.due.pop();
        }
    }

    /// One that is due.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Option<ScheduleId> {
        loop {
            let (time, _) = &self.due.peek()?.0;
            if *time > now {
                return None;
            }
            let Reverse((time, id)) = self.due.pop()?;
            if let Some(entry) = self.all.get_mut(&id)
                && entry.wakeup == Some(time)
            {
                entry.wakeup = None;
                return Some(id);
            }
        }
    }

    pub(crate) fn are_stirred(&self) -> bool {
        !self.stirred.is_empty()
    }

    pub(super) fn record(&self, id: &ScheduleId) -> Option<&Arc<Record>> {
        self.all.get(id).map(|entry| &entry.record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_turn_although_all_always_have_something_to_do() {
        let ids = ["a", "b", "c"].map(|id| ScheduleId::new(id).unwrap());
        let mut schedules = Schedules::default();
        schedules.stirred.extend(ids.clone());
        let mut turns = Vec::new();
        for _ in 0..6 {
            let id = schedules.take_stirred().unwrap();
            schedules.stirred.insert(id.clone());
            turns.push(id);
        }
        assert_eq!(turns, [ids.clone(), ids].concat());
    }
}
