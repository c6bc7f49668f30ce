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
mod memory;
mod parse;
mod refused;
mod sql;
#[cfg(test)]
mod tests;
mod token;

use rusqlite::types::Value;
use steadfast_core::{event::ExecutionStatus, ids::ScheduleId};
use steadfast_engine::{
    EngineError, ListFilter, SearchAttributeType, spelling::statuses::status_number,
};

use self::{check::Attribute, refused::Refused};
use crate::{
    attributes::{Registry, SystemAttribute, type_shown},
    schedules::Record,
    store::Selection,
};

/// Which executions are meant.
#[derive(Debug)]
pub(crate) struct Query {
    pub(crate) selection: Selection,
    /// Whether to count by status.
    pub(crate) groups: bool,
}

/// What a schedule is found by besides its search attributes.
const OF_SCHEDULES: [(&str, SearchAttributeType); 2] = [
    ("ScheduleId", SearchAttributeType::Keyword),
    ("TemporalSchedulePaused", SearchAttributeType::Bool),
];

/// Makes of a query about schedules what tells whether it holds of one.
///
/// # Errors
///
/// When it is not valid; the text is that of a Temporal Service.
pub(crate) fn schedule_matcher<'q>(
    query: &str,
    attributes: &'q Registry,
) -> Result<impl Fn(&ScheduleId, &Record) -> bool + use<'q>, EngineError> {
    let type_of = |name: &str| {
        let own = OF_SCHEDULES.iter().find(|own| own.0 == name);
        own.map_or_else(|| attributes.type_of(name), |own| Some(own.1))
    };
    let checked = parse::parse(query)
        .and_then(|parsed| check::check(parsed, &type_of))
        .map_err(Refused::into_error)?;
    Ok(move |id: &ScheduleId, record: &Record| {
        let values = |attribute: &Attribute| -> Vec<Value> {
            let name = match attribute {
                Attribute::Single(name) | Attribute::Set(name) => name.as_str(),
                Attribute::System(SystemAttribute::StartTime | SystemAttribute::ExecutionTime) => {
                    return vec![record.info.create_time.unix_nanos().into()];
                }
                // On a service a schedule is an execution that is open.
                Attribute::System(SystemAttribute::ExecutionStatus) => {
                    return vec![status_number(ExecutionStatus::Running).into()];
                }
                Attribute::System(_) => return Vec::new(),
            };
            match name {
                "ScheduleId" => vec![id.as_str().to_owned().into()],
                "TemporalSchedulePaused" => {
                    vec![i64::from(record.schedule.state.paused).into()]
                }
                name => {
                    let (_, index) = attributes.index(&record.search_attributes);
                    let found = index.into_iter().filter(|(found, _)| found == name);
                    found.map(|(_, value)| value).collect()
                }
            }
        };
        let condition = checked.condition.as_ref();
        condition.is_none_or(|meaning| memory::holds(meaning, &values))
    })
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
