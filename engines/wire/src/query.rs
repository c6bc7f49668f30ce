//! The query language in which executions are found.

use steadfast_core::{event::ExecutionStatus, payload::Payload, time::Timestamp};
use steadfast_engine::{EngineError, ListFilter, REPORTED_PROBLEMS};

use crate::values::Wired;

/// A filter in Temporal's query language.
///
/// # Errors
///
/// When a search attribute is looked for whose value is no text, number or truth value.
pub fn query(filter: &ListFilter) -> Wired<String> {
    let mut conditions = Vec::new();
    if let Some(status) = filter.status {
        let name = match status {
            ExecutionStatus::Cancelled => "Canceled".to_owned(),
            status => status.to_string(),
        };
        conditions.push(format!("ExecutionStatus = '{name}'"));
    }
    if let Some(workflow_type) = &filter.workflow_type {
        conditions.push(format!("WorkflowType = {}", quoted(workflow_type.as_str())));
    }
    if let Some(workflow_id) = &filter.workflow_id {
        conditions.push(format!("WorkflowId = {}", quoted(workflow_id.as_str())));
    }
    if filter.reported_problems {
        conditions.push(format!("{REPORTED_PROBLEMS} IS NOT NULL"));
    }
    let time = |name: &str, operator: &str, time: Timestamp| format!("{name} {operator} '{time}'");
    if let Some(since) = filter.started_since {
        conditions.push(time("StartTime", ">=", since));
    }
    if let Some(before) = filter.started_before {
        conditions.push(time("StartTime", "<", before));
    }
    for (name, value) in &filter.search_attributes {
        conditions.push(format!("`{}` = {}", name.replace('`', ""), literal(value)?));
    }
    Ok(conditions.join(" AND "))
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

fn literal(value: &Payload) -> Wired<String> {
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

#[cfg(test)]
mod tests {
    use steadfast_core::ids::{WorkflowId, WorkflowType};

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
                ("Rank", Payload::json(&b"7"[..])),
            ]
            .map(|(name, value)| (name.to_owned(), value))
            .into(),
            ..ListFilter::default()
        };
        assert_eq!(
            query(&filter).unwrap(),
            "ExecutionStatus = 'Canceled' AND WorkflowType = 'Order' AND WorkflowId = 'a\\' OR \\'a\\' = \\'a' AND \
             StartTime >= '1970-01-01T00:00:00Z' AND `City` = 'Rome' AND `Rank` = 7"
        );
    }
}
