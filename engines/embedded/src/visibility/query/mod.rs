//! Temporal's query language for executions.
//!
//! A query is [read](parse), its names and values are [looked at](check), and it becomes [SQL](sql) with bound values.
//! What is found, taken and refused, and with which words, is what a server of version 1.32 finds, takes and refuses. What
//! differs:
//!
//! * Plain names may be words that mean something in SQL and not here. Comments and functions are malformed.
//! * `StateTransitionCount` and what else is not counted here is no search attribute.
//! * A status has no order; a server compares its number with its name.
//! * What the database of a development server does and others do not: its `STARTS_WITH` does not tell `R` from `r`, no
//!   custom time is equal to another, and words that are joined, as in `brown-fox`, are looked for one after the other.

mod check;
mod duration;
mod parse;
mod refused;
mod sql;
#[cfg(test)]
mod tests;
mod token;

use steadfast_engine::{EngineError, ListFilter};

use self::refused::Refused;
use crate::{
    attributes::{Registry, type_shown},
    store::Selection,
};

/// Which executions are meant.
#[derive(Debug)]
pub(crate) struct Query {
    pub(crate) selection: Selection,
    /// Whether to count by status.
    pub(crate) groups: bool,
}

/// Makes a query of a filter.
///
/// # Errors
///
/// When it is not valid; the text is that of a Temporal Service.
pub(crate) fn query(filter: &ListFilter, attributes: &Registry) -> Result<Query, EngineError> {
    let type_of = |name: &str| {
        // A filter that names an attribute may come before the first execution that has it.
        attributes.type_of(name).or_else(|| {
            let value = filter.search_attributes.get(name)?;
            type_shown(value)
        })
    };
    let checked = parse::parse(&filter.to_query()?)
        .and_then(|parsed| check::check(parsed, &type_of))
        .map_err(Refused::into_error)?;
    Ok(Query {
        selection: sql::selection(checked.condition.as_ref()),
        groups: checked.groups,
    })
}
