//! Finding executions.

use std::collections::BTreeMap;

use steadfast_core::{
    event::ExecutionStatus,
    ids::{WorkflowId, WorkflowType},
    payload::Payload,
    time::Timestamp,
};

use super::WorkflowDescription;

/// Which executions to list. Every condition must hold; an absent one always does.
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
}

/// Asks for one page of a list, latest start first.
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
