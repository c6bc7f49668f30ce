//! Finding executions: which, and how many.

use std::collections::BTreeMap;

use steadfast_core::{
    event::ExecutionStatus,
    ids::{WorkflowId, WorkflowType},
    payload::Payload,
    time::Timestamp,
};

use super::{
    description::WorkflowDescription, error::EngineError, search_attributes::REPORTED_PROBLEMS,
    spelling::statuses::status_name,
};

/// Which executions to list. Every condition must hold; an absent one always does.
///
/// A text is one too: a query in Temporal's language, which both engines take.
///
/// ```
/// # use steadfast_engine::ListFilter;
/// let filter = ListFilter::from("WorkflowType = 'Order' AND StartTime > '2026-11-20T00:00:00Z'");
/// assert!(filter.query.is_some());
/// ```
#[derive(Clone, Debug, Default)]
pub struct ListFilter {
    /// The status.
    pub status: Option<ExecutionStatus>,
    /// The type.
    pub workflow_type: Option<WorkflowType>,
    /// The workflow id.
    pub workflow_id: Option<WorkflowId>,
    /// Started at this time or later.
    pub started_since: Option<Timestamp>,
    /// Started before this time.
    pub started_before: Option<Timestamp>,
    /// Search attributes with these values; of a list of texts, one of its texts is enough.
    pub search_attributes: BTreeMap<String, Payload>,
    /// Only those whose workflow task fails again and again: five times in a row or more.
    pub reported_problems: bool,
    /// A condition in Temporal's query language, such as `Tier IN ('gold', 'silver') AND CloseTime IS NULL`.
    /// `GROUP BY` can end it only if it is the only condition here.
    pub query: Option<String>,
}

impl From<&str> for ListFilter {
    fn from(query: &str) -> Self {
        query.to_owned().into()
    }
}

impl From<String> for ListFilter {
    fn from(query: String) -> Self {
        Self {
            query: Some(query),
            ..Self::default()
        }
    }
}

impl ListFilter {
    /// All conditions as one in Temporal's query language; empty if there is none.
    ///
    /// # Errors
    ///
    /// When a search attribute is looked for whose value is no text, number or truth value.
    pub fn to_query(&self) -> Result<String, EngineError> {
        let mut conditions = Vec::new();
        if let Some(status) = self.status {
            conditions.push(format!("ExecutionStatus = '{}'", status_name(status)));
        }
        if let Some(workflow_type) = &self.workflow_type {
            conditions.push(format!("WorkflowType = {}", quoted(workflow_type.as_str())));
        }
        if let Some(workflow_id) = &self.workflow_id {
            conditions.push(format!("WorkflowId = {}", quoted(workflow_id.as_str())));
        }
        if self.reported_problems {
            conditions.push(format!("{REPORTED_PROBLEMS} IS NOT NULL"));
        }
        let time =
            |name: &str, operator: &str, time: Timestamp| format!("{name} {operator} '{time}'");
        if let Some(since) = self.started_since {
            conditions.push(time("StartTime", ">=", since));
        }
        if let Some(before) = self.started_before {
            conditions.push(time("StartTime", "<", before));
        }
        for (name, value) in &self.search_attributes {
            conditions.push(format!(
                "`{}` = {}",
                name.replace('`', "``"),
                literal(value)?
            ));
        }
        if let Some(query) = self.query.as_deref().filter(|query| !is_blank(query)) {
            conditions.push(if conditions.is_empty() {
                query.to_owned()
            } else {
                format!("({query})")
            });
        }
        Ok(conditions.join(" AND "))
    }
}

fn is_blank(query: &str) -> bool {
    query.trim().is_empty()
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

fn literal(value: &Payload) -> Result<String, EngineError> {
    let json: Option<serde_json::Value> = serde_json::from_slice(value.data.as_slice()).ok();
    match json {
        Some(serde_json::Value::String(text)) => Ok(quoted(&text)),
        Some(json @ (serde_json::Value::Number(_) | serde_json::Value::Bool(_))) => {
            Ok(json.to_string())
        }
        _ => Err(EngineError::invalid(
            "executions are found by search attributes that are texts, numbers or truth values",
        )),
    }
}

/// Asks for one page of a list.
#[derive(Clone, Debug)]
pub struct ListWorkflowsRequest {
    /// Which executions.
    pub filter: ListFilter,
    /// How many at most.
    pub page_size: usize,
    /// Where the previous page ended.
    pub next_page_token: Option<Vec<u8>>,
}

/// One page of a list.
#[derive(Clone, Debug)]
pub struct WorkflowPage {
    /// The executions, without their pending activities and children.
    pub executions: Vec<WorkflowDescription>,
    /// Where the next page starts; absent on the last one.
    pub next_page_token: Option<Vec<u8>>,
}

/// How many executions there are, and of which kinds.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct WorkflowCount {
    /// All of them.
    pub count: u64,
    /// Those with the same value of what the query groups by; none if it does not group.
    pub groups: Vec<WorkflowGroup>,
}

/// The executions with one value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct WorkflowGroup {
    /// The value, as JSON: `"Running"`.
    pub value: Payload,
    /// How many there are.
    pub count: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_a_query_that_cannot_be_broken_out_of() {
        let filter = ListFilter {
            status: Some(ExecutionStatus::Cancelled),
            workflow_type: Some(WorkflowType::new("Order").unwrap()),
            workflow_id: Some(WorkflowId::new("a' OR 'a' = 'a").unwrap()),
            started_since: Some(Timestamp::EPOCH),
            search_attributes: [
                ("City", Payload::json(&b"\"Rome\""[..])),
                ("Rank` = 1 OR `Rank", Payload::json(&b"7"[..])),
            ]
            .map(|(name, value)| (name.to_owned(), value))
            .into(),
            query: Some("Tier = 1 OR Tier = 2".to_owned()),
            ..ListFilter::default()
        };
        assert_eq!(
            filter.to_query().unwrap(),
            "ExecutionStatus = 'Canceled' AND WorkflowType = 'Order' AND WorkflowId = 'a\\' OR \\'a\\' = \\'a' AND \
             StartTime >= '1970-01-01T00:00:00Z' AND `City` = 'Rome' AND `Rank`` = 1 OR ``Rank` = 7 AND \
             (Tier = 1 OR Tier = 2)"
        );
    }

    /// What is wrong with a text is told at its place in that text, and only alone can it be grouped.
    #[test]
    fn a_text_that_is_the_only_condition_is_passed_on_as_it_is() {
        let query = |text: &str| ListFilter::from(text).to_query().unwrap();
        assert_eq!(
            query("GROUP BY ExecutionStatus"),
            "GROUP BY ExecutionStatus"
        );
        assert_eq!(query(" \n"), "");
        let blank = ListFilter {
            reported_problems: true,
            ..ListFilter::from(" ")
        };
        assert_eq!(
            blank.to_query().unwrap(),
            "TemporalReportedProblems IS NOT NULL"
        );
    }
}
