//! What is left to do to another run.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use steadfast_core::{event::ParentExecution, ids::WorkflowExecution, options::ParentClosePolicy};

use super::execution::{ChildEnd, Execution};

#[derive(Debug, Deserialize, Serialize)]
pub(crate) enum Job {
    StartChild {
        parent: i64,
        initiated: u64,
    },
    CancelExternal {
        sender: i64,
        initiated: u64,
    },
    SignalExternal {
        sender: i64,
        initiated: u64,
    },
    /// The parent closed. The child is named by its first run.
    ClosePolicy {
        parent: WorkflowExecution,
        child: WorkflowExecution,
        policy: ParentClosePolicy,
    },
    /// The child, named by its first run, is over.
    ChildEnded {
        parent: ParentExecution,
        child: WorkflowExecution,
        end: ChildEnd,
    },
}

/// A job that waits for its target to be read.
#[derive(Debug)]
pub(crate) struct ParkedJob {
    pub(crate) job: Job,
    /// Its row in the store.
    pub(crate) stored: Option<i64>,
}

impl Job {
    /// What the end of a run means for its children and its parent.
    pub(crate) fn after_close(run: &Execution, jobs: &mut VecDeque<Self>) {
        for child in run.children.values() {
            if let Some(run_id) = &child.run_id
                && child.policy != ParentClosePolicy::Abandon
            {
                jobs.push_back(Self::ClosePolicy {
                    parent: run.id.clone(),
                    child: WorkflowExecution {
                        workflow_id: child.workflow_id.clone(),
                        run_id: run_id.clone(),
                    },
                    policy: child.policy,
                });
            }
        }
        if let Some(parent) = &run.start.parent
            && let Some(event) = &run.closing_event
            && let Some(end) = ChildEnd::from_closing(&event.kind)
        {
            jobs.push_back(Self::ChildEnded {
                parent: parent.clone(),
                child: WorkflowExecution {
                    workflow_id: run.id.workflow_id.clone(),
                    run_id: run.start.first_execution_run_id.clone(),
                },
                end,
            });
        }
    }

    /// Whether a crash would lose the job: no open run's history tells it.
    pub(crate) fn must_be_stored(&self) -> bool {
        matches!(self, Self::ClosePolicy { .. } | Self::ChildEnded { .. })
    }
}
