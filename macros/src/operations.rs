//! What the code of a workflow asks of its context and waits for, by name: one table for all that looks at tokens.

use proc_macro2::Ident;

/// What makes a future that is awaited, raced or kept.
const FUTURES: [&str; 6] = [
    "sleep",
    "start_activity",
    "start_child_workflow",
    "start_local_activity",
    "timer",
    "wait_condition",
];

/// Waits that end with nothing but a cancellation of their scope, beside what they wait for.
const WAITS: [&str; 3] = ["sleep", "timer", "wait_condition"];

/// Whether a method makes a future that is awaited, raced or kept.
pub(crate) fn is_future(method: &Ident) -> bool {
    is_one_of(method, &FUTURES)
}

/// Whether a cancelled scope does not start it (rule D3).
pub(crate) fn needs_open_scope(method: &Ident) -> bool {
    is_future(method) || method == "wait_condition_timeout"
}

/// Whether its result tells of a cancellation (rule D8).
pub(crate) fn tells_of_cancellation(method: &Ident) -> bool {
    needs_open_scope(method) || is_one_of(method, &["start_activity_by_name", "with_timeout"])
}

/// Whether a branch of `select!` takes it as it is, without `.await`.
pub(crate) fn is_branch(method: &Ident) -> bool {
    needs_open_scope(method)
        || is_one_of(
            method,
            &["all_handlers_finished", "cancelled", "with_timeout"],
        )
}

/// Whether it ends with nothing but a cancellation of its scope, beside what it waits for.
pub(crate) fn is_wait(method: &Ident) -> bool {
    is_one_of(method, &WAITS)
}

fn is_one_of(method: &Ident, names: &[&str]) -> bool {
    names.iter().any(|name| method == name)
}
