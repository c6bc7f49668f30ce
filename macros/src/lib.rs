//! The attribute macros of `steadfast` and its `select!`.
//!
//! Depend on `steadfast` and use these from there: it re-exports them with their documentation, and
//! what they generate names its hidden module.
//!
//! Invariants: an expansion is an implementation of a definition trait and nothing clever; on a
//! mistake the user's item comes back unchanged together with every error that was found.

mod activities;
mod block;
mod casing;
mod determinism;
mod diagnostics;
mod docs;
mod expand;
mod facade;
mod failure;
mod items;
mod misplaced;
mod operations;
mod options;
mod result;
mod select;
mod signature;
#[cfg(test)]
mod tests;
mod types;
mod workflow;
mod workflow_methods;

use proc_macro::TokenStream;

/// Marks a struct as a workflow.
#[proc_macro_attribute]
pub fn workflow(arguments: TokenStream, item: TokenStream) -> TokenStream {
    workflow::expand(arguments.into(), item.into()).into()
}

/// Turns the methods of an impl block into a workflow's run function and handlers.
#[proc_macro_attribute]
pub fn workflow_methods(arguments: TokenStream, item: TokenStream) -> TokenStream {
    workflow_methods::expand(arguments.into(), item.into()).into()
}

/// Turns the methods of an impl block into activities.
#[proc_macro_attribute]
pub fn activities(arguments: TokenStream, item: TokenStream) -> TokenStream {
    activities::expand(arguments.into(), item.into()).into()
}

/// Declares activities that are implemented elsewhere.
#[proc_macro_attribute]
pub fn activity_definitions(arguments: TokenStream, item: TokenStream) -> TokenStream {
    activities::declare(arguments.into(), item.into()).into()
}

/// Waits for the first of several futures, polling them in the written order.
#[proc_macro]
pub fn select(branches: TokenStream) -> TokenStream {
    select::expand(branches.into()).into()
}

/// Makes each variant of an error an application failure of its own type, and reads it back.
#[proc_macro_derive(ActivityFailure, attributes(failure))]
pub fn activity_failure(item: TokenStream) -> TokenStream {
    failure::expand(item.into()).into()
}

/// Lets a statement or a method of a `#[workflow_methods]` block, or a field of a `#[workflow]`
/// struct, through the search for what a replay would do otherwise.
#[proc_macro_attribute]
pub fn allow_nondeterminism(_: TokenStream, item: TokenStream) -> TokenStream {
    misplaced::expand(determinism::ATTRIBUTE, "workflow_methods", item.into()).into()
}

/// Marks an activity inside `#[activities]`.
#[proc_macro_attribute]
pub fn activity(_: TokenStream, item: TokenStream) -> TokenStream {
    misplaced::expand("activity", "activities", item.into()).into()
}

/// Marks the function that creates a workflow's state, inside `#[workflow_methods]`.
#[proc_macro_attribute]
pub fn init(_: TokenStream, item: TokenStream) -> TokenStream {
    misplaced::expand("init", "workflow_methods", item.into()).into()
}

/// Marks a workflow's main function inside `#[workflow_methods]`.
#[proc_macro_attribute]
pub fn run(_: TokenStream, item: TokenStream) -> TokenStream {
    misplaced::expand("run", "workflow_methods", item.into()).into()
}

/// Marks a signal handler inside `#[workflow_methods]`.
#[proc_macro_attribute]
pub fn signal(_: TokenStream, item: TokenStream) -> TokenStream {
    misplaced::expand("signal", "workflow_methods", item.into()).into()
}

/// Marks a query handler inside `#[workflow_methods]`.
#[proc_macro_attribute]
pub fn query(_: TokenStream, item: TokenStream) -> TokenStream {
    misplaced::expand("query", "workflow_methods", item.into()).into()
}

/// Marks an update handler inside `#[workflow_methods]`.
#[proc_macro_attribute]
pub fn update(_: TokenStream, item: TokenStream) -> TokenStream {
    misplaced::expand("update", "workflow_methods", item.into()).into()
}

/// Marks the function that accepts or refuses an update, inside `#[workflow_methods]`.
#[proc_macro_attribute]
pub fn update_validator(_: TokenStream, item: TokenStream) -> TokenStream {
    misplaced::expand("update_validator", "workflow_methods", item.into()).into()
}
