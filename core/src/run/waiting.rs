//! Says what a run waits for, for people.

use super::{Machine, Operation, Run};

impl Run {
    /// What has not ended, one line each, in the order in which it was started.
    #[must_use]
    pub fn waits_for(&self) -> Vec<String> {
        self.operations.values().map(Operation::describe).collect()
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
            Machine::LocalActivity(_, info) => {
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
