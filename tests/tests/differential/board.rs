//! Which activities are held now, in whatever process they run, and how each is let go.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

/// What the labels of gates begin with.
pub(crate) const GATE: char = 'g';

type Key = (String, String);
type LetGo = Box<dyn FnOnce() + Send>;

/// The held activities, by workflow id and label.
#[derive(Default)]
pub(crate) struct Board(Mutex<BTreeMap<Key, LetGo>>);

impl Board {
    fn held(&self) -> std::sync::MutexGuard<'_, BTreeMap<Key, LetGo>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn hold(
        &self,
        workflow_id: &str,
        label: &str,
        let_go: impl FnOnce() + Send + 'static,
    ) {
        let key = (workflow_id.to_owned(), label.to_owned());
        self.held().insert(key, Box::new(let_go));
    }

    /// It has ended by itself.
    pub(crate) fn ended(&self, workflow_id: &str, label: &str) {
        let key = (workflow_id.to_owned(), label.to_owned());
        self.held().remove(&key);
    }

    pub(crate) fn is_held(&self, workflow_id: &str, label: &str) -> bool {
        let key = (workflow_id.to_owned(), label.to_owned());
        self.held().contains_key(&key)
    }

    /// Whether a gate of a workflow keeps its workflow task open.
    pub(crate) fn is_gated(&self, workflow_id: &str) -> bool {
        self.held()
            .keys()
            .any(|(id, label)| id == workflow_id && label.starts_with(GATE))
    }

    /// Lets an activity of a workflow or of one of its children go, if it is held.
    pub(crate) fn release(&self, workflow_id: &str, label: &str) {
        let mut held = self.held();
        let key = held.keys().find(|(id, other)| {
            other == label
                && id
                    .strip_prefix(workflow_id)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        });
        if let Some(key) = key.cloned()
            && let Some(let_go) = held.remove(&key)
        {
            let_go();
        }
    }

    /// Lets every gate of a workflow go.
    pub(crate) fn open(&self, workflow_id: &str) {
        let mut held = self.held();
        let gates: Vec<Key> = held
            .keys()
            .filter(|(id, label)| id == workflow_id && label.starts_with(GATE))
            .cloned()
            .collect();
        for gate in gates {
            if let Some(let_go) = held.remove(&gate) {
                let_go();
            }
        }
    }

    pub(crate) fn release_all(&self) {
        let all = std::mem::take(&mut *self.held());
        for let_go in all.into_values() {
            let_go();
        }
    }
}
