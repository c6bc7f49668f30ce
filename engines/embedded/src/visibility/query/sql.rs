//! Makes a condition of SQL of what a query means. Values are bound; no text of a user becomes part of it.
//!
//! Executions are looked through in slices of keys. What looks for a value of an attribute goes to the index of values,
//! and there to the keys of the slice only; everything else is asked of each row of the slice (hence the signs before
//! columns, which keep `SQLite` from reading an index of them whole for each slice).

use rusqlite::types::Value;

use super::check::{Attribute, Comparison, Is, Meaning};
use crate::{attributes::SystemAttribute, store::Selection};

pub(super) fn selection(meaning: Option<&Meaning>) -> Selection {
    let mut values = Vec::new();
    let condition = meaning.map(|meaning| condition(meaning, &mut values));
    Selection {
        condition,
        values,
        tests: meaning.map_or(0, tests),
    }
}

fn condition(meaning: &Meaning, values: &mut Vec<Value>) -> String {
    match meaning {
        Meaning::All(parts) => joined(parts, "AND", values),
        Meaning::Any(parts) => joined(parts, "OR", values),
        Meaning::Is(Attribute::System(system), is) => of_column(*system, is, values),
        Meaning::Is(Attribute::Single(name), is) => of_value(name, is, values),
        Meaning::Is(Attribute::Set(name), is) => of_set(name, is, values),
    }
}

fn tests(meaning: &Meaning) -> usize {
    match meaning {
        Meaning::All(parts) | Meaning::Any(parts) => parts.iter().map(tests).sum(),
        Meaning::Is(..) => 1,
    }
}

/// Halves against halves: so what `SQLite` goes through is not as deep as there are parts.
fn joined(parts: &[Meaning], operator: &str, values: &mut Vec<Value>) -> String {
    match parts {
        [only] => condition(only, values),
        parts => {
            let (left, right) = parts.split_at(parts.len() / 2);
            let left = joined(left, operator, values);
            let right = joined(right, operator, values);
            format!("({left} {operator} {right})")
        }
    }
}

/// Binds a value.
fn bound(value: &Value, values: &mut Vec<Value>) -> String {
    values.push(value.clone());
    format!("?{}", Selection::FIRST_VALUE + values.len() - 1)
}

fn text(name: &str) -> Value {
    name.to_owned().into()
}

fn of_column(system: SystemAttribute, is: &Is, values: &mut Vec<Value>) -> String {
    let column = match system {
        SystemAttribute::WorkflowId => "e.workflow_id",
        SystemAttribute::RunId => "e.run_id",
        SystemAttribute::WorkflowType => "e.workflow_type",
        SystemAttribute::TaskQueue => "e.task_queue",
        SystemAttribute::ExecutionStatus => "e.status",
        SystemAttribute::StartTime => "e.start_time",
        SystemAttribute::ExecutionTime => "coalesce(e.execution_time, e.start_time)",
        SystemAttribute::CloseTime => "e.close_time",
        SystemAttribute::ExecutionDuration => {
            "(e.close_time - coalesce(e.execution_time, e.start_time))"
        }
        SystemAttribute::HistoryLength => "e.history_length",
        SystemAttribute::HistorySizeBytes => "e.history_bytes",
        SystemAttribute::ParentWorkflowId => "e.parent_workflow_id",
        SystemAttribute::ParentRunId => "e.parent_run_id",
        SystemAttribute::RootWorkflowId => "coalesce(e.root_workflow_id, e.workflow_id)",
        SystemAttribute::RootRunId => "coalesce(e.root_run_id, e.run_id)",
    };
    if let Is::Compared(Comparison::Equal, value) = is {
        return format!("{column} = {}", bound(value, values));
    }
    test(&format!("+{column}"), is, values)
}

/// Tests one thing.
fn test(what: &str, is: &Is, values: &mut Vec<Value>) -> String {
    let not = |negated: bool| if negated { " NOT" } else { "" };
    match is {
        Is::Compared(comparison, value) => {
            let operator = match comparison {
                Comparison::Equal => "=",
                Comparison::NotEqual => "<>",
                Comparison::Less => "<",
                Comparison::LessOrEqual => "<=",
                Comparison::Greater => ">",
                Comparison::GreaterOrEqual => ">=",
            };
            format!("{what} {operator} {}", bound(value, values))
        }
        Is::In {
            negated,
            values: among,
        } => {
            let among: Vec<String> = among.iter().map(|value| bound(value, values)).collect();
            format!("{what}{} IN ({})", not(*negated), among.join(", "))
        }
        Is::Between { negated, low, high } => {
            let (low, high) = (bound(low, values), bound(high, values));
            format!("{what}{} BETWEEN {low} AND {high}", not(*negated))
        }
        Is::StartingWith { negated, prefix } => {
            let operator = if *negated { "<>" } else { "=" };
            format!("instr({what}, {}) {operator} 1", bound(prefix, values))
        }
        Is::Null { negated } => format!("{what} IS{} NULL", not(*negated)),
    }
}

/// A test of an attribute with one value at most: it holds for a value that is there.
fn of_value(name: &str, is: &Is, values: &mut Vec<Value>) -> String {
    match is {
        Is::Null { negated } => {
            let name = bound(&text(name), values);
            let not = if *negated { "" } else { "NOT " };
            format!(
                "{not}EXISTS (SELECT 1 FROM search_attribute a WHERE a.key = e.key AND a.name = {name})"
            )
        }
        Is::Compared(Comparison::Equal, _) | Is::In { negated: false, .. } => {
            format!("e.key IN ({})", keys_with(name, is, values))
        }
        is => {
            let name = bound(&text(name), values);
            let test = test("a.value", is, values);
            format!(
                "EXISTS (SELECT 1 FROM search_attribute a WHERE a.key = e.key AND a.name = {name} AND {test})"
            )
        }
    }
}

/// A test of an attribute with several values: it holds if one of them is looked for, and its negation if none is.
fn of_set(name: &str, is: &Is, values: &mut Vec<Value>) -> String {
    match is {
        Is::Compared(Comparison::NotEqual, value) => {
            let is = Is::Compared(Comparison::Equal, value.clone());
            format!("e.key NOT IN ({})", keys_with(name, &is, values))
        }
        Is::In {
            negated: true,
            values: among,
        } => {
            let is = Is::In {
                negated: false,
                values: among.clone(),
            };
            format!("e.key NOT IN ({})", keys_with(name, &is, values))
        }
        is => of_value(name, is, values),
    }
}

/// The runs of the slice that have a value.
fn keys_with(name: &str, is: &Is, values: &mut Vec<Value>) -> String {
    let name = bound(&text(name), values);
    let test = test("a.value", is, values);
    format!(
        "SELECT a.key FROM search_attribute a WHERE a.name = {name} AND {test} AND a.key >= ?1 AND a.key <= ?2"
    )
}
