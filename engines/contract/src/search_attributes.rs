//! The attributes that executions are found by.

use std::{collections::BTreeMap, fmt};

/// The search attribute of executions whose workflow task failed five times in a row or more: the category and
/// the cause, as a list of texts. [`ListFilter::reported_problems`](crate::ListFilter::reported_problems) finds them.
pub const REPORTED_PROBLEMS: &str = "TemporalReportedProblems";

/// What values a search attribute has.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[expect(clippy::exhaustive_enums, reason = "these are the types of Temporal")]
pub enum SearchAttributeType {
    /// A text that is found by each of its words.
    Text,
    /// A text that is found as a whole or by its beginning.
    Keyword,
    /// A whole number.
    Int,
    /// A number.
    Double,
    /// A truth value.
    Bool,
    /// A point in time, written in RFC 3339.
    Datetime,
    /// Texts that are found by each of them as a whole.
    KeywordList,
}

/// Writes the name that a payload's metadata has for it, such as `KeywordList`.
impl fmt::Display for SearchAttributeType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// The search attributes that there are, with their types.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SearchAttributes {
    /// Those that users added.
    pub custom: BTreeMap<String, SearchAttributeType>,
    /// Those that every execution may have. They can be neither added nor removed.
    pub system: BTreeMap<String, SearchAttributeType>,
}
