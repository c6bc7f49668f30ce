//! Says what a run waits for, for people.

use std::fmt::Write as _;

use super::{Machine, Operation, Run};
use crate::{scope::ScopeId, text::OneLine};

impl Run {
    /// What has not ended, one line each, in the order in which it was started.
    #[must_use]
    pub fn waits_for(&self) -> Vec<String> {
        self.operations.values().map(Operation::describe).collect()
    }
}

impl Run {
    /// The scopes, with what is open in each, as a list in Markdown. A request to cancel a scope goes to what is in it,
    /// and on to the scopes below it.
    #[must_use]
    pub fn scopes_in_words(&self) -> String {
        let mut text = String::new();
        let mut scopes = self.scopes.walk().into_iter().peekable();
        while let Some((depth, id)) = scopes.next() {
            let indent = "  ".repeat(depth);
            let name = match (id, depth) {
                (ScopeId::ROOT, _) => "the workflow's own scope",
                (_, 0) => "a disconnected scope",
                _ => "a scope",
            };
            let _ = write!(text, "{indent}- {name}");
            if let Some(reason) = self.scopes.reason(id) {
                let _ = write!(text, ", cancelled: {}", OneLine(reason));
            }
            let members = self.scopes.members(id);
            let open = members
                .into_iter()
                .filter_map(|operation| self.operations.get(&operation));
            let open: Vec<String> = open.map(Operation::describe).collect();
            let has_scopes = scopes.peek().is_some_and(|(below, _)| *below > depth);
            if open.is_empty() && !has_scopes {
                text.push_str("; nothing is open in it");
            }
            text.push('\n');
            for operation in open {
                let _ = writeln!(text, "{indent}  - {operation}");
            }
        }
        text
    }
}

impl Operation {
    fn describe(&self) -> String {
        let event = match self.event_id {
            id if id.is_some() => format!(" (event {id})"),
            _ => String::new(),
        };
        let what = match &self.machine {
            Machine::Activity(_, info) => {
                format!("activity `{}` `{}`", info.activity_type, info.activity_id)
            }
            Machine::LocalActivity(_, info, _) => {
                format!(
                    "local activity `{}` `{}`",
                    info.activity_type, info.activity_id
                )
            }
            Machine::Timer(_, timer_id) => format!("timer `{timer_id}`"),
            Machine::Child(_, info) => {
                format!(
                    "child workflow `{}` `{}`",
                    info.workflow_type, info.workflow_id
                )
            }
            Machine::External(_) => "the delivery of a signal or a cancellation".to_owned(),
            Machine::Internal => "a condition, a scope or a task of its own".to_owned(),
        };
        format!("waits for {what}{event}")
    }
}
