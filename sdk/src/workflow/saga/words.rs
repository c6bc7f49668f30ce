//! What a saga would undo, in words, for people who look at a running workflow.

use super::ledger::{Entry, Ledger, Policy};
use crate::{definition::WorkflowDefinition, workflow::cell::InWords};

/// What a saga says of itself while it is open, and while it is undone.
impl<W: WorkflowDefinition> InWords for Ledger<W> {
    fn in_words(&self) -> String {
        let mut lines = Lines::default();
        let (compensating, left) = (self.compensating(), self.being_undone());
        if !compensating.is_empty() || !left.is_empty() {
            lines.add(0, "a saga is being undone:");
        }
        for step in compensating {
            lines.add(1, format!("`{step}`: is being undone now"));
        }
        // The innermost comes first.
        for entries in left.iter().rev() {
            lines.entries(1, &entries.borrow());
        }
        let entries = self.entries();
        if !entries.is_empty() {
            lines.add(0, format!("a saga would undo, {}", order(self.policy())));
            lines.entries(1, &entries);
        }
        lines.0
    }
}

fn order(policy: Policy) -> &'static str {
    match policy.parallel {
        true => "side by side:",
        false => "in this order:",
    }
}

/// A list in Markdown, without the texts of users running over its lines.
#[derive(Default)]
struct Lines(String);

impl Lines {
    fn add(&mut self, depth: usize, text: impl AsRef<str>) {
        let text = text.as_ref().replace(['\n', '\r'], " ");
        self.0
            .push_str(&format!("{}- {text}\n", "  ".repeat(depth)));
    }

    /// Entries in the order in which they are undone.
    fn entries<W: WorkflowDefinition>(&mut self, depth: usize, entries: &[Entry<W>]) {
        for entry in entries.iter().rev() {
            match entry {
                Entry::Step(name, step) => {
                    if let Some(words) = step.in_words() {
                        self.add(depth, format!("`{name}`: {words}"));
                    }
                }
                Entry::Done(name, _) => {
                    self.add(depth, format!("`{name}`: workflow code undoes it"));
                }
                Entry::Nested {
                    policy, entries, ..
                } => {
                    self.add(depth, format!("what a saga in it did, {}", order(*policy)));
                    self.entries(depth + 1, entries);
                }
                Entry::Undoing(_) => self.add(depth, "what began to be undone before"),
                Entry::Undone(report) => {
                    for step in report.failed() {
                        self.add(depth, format!("`{}`: could not be undone", step.step()));
                    }
                }
            }
        }
    }
}
