//! The boundary between steadfast and whatever keeps histories and hands out tasks.
//!
//! An [`Engine`] is used by clients and workers and knows neither; it never runs user code. Its contract, E1 to E10,
//! is told at the trait. Two exist: `embedded`, which is in this process, and `temporal`, which is a Temporal Service;
//! each has a feature of its own. Whoever writes another one needs only the package `steadfast-engine`, of which
//! everything here comes.

#[cfg(feature = "embedded")]
#[doc(inline)]
pub use steadfast_embedded as embedded;
#[doc(inline)]
pub use steadfast_engine::{
    ActivityLease, ActivityNotice, ActivityRef, CancelWorkflowRequest, CompletionReply, Engine,
    EngineError, EngineFuture, ExecutionRef, HistoryPage, HistoryRequest, HistoryWait, ListFilter,
    ListWorkflowsRequest, PendingActivity, PendingActivityState, PendingChild, PendingTimer,
    PendingWorkflowTask, PollActivityTaskRequest, PollUpdateRequest, PollWorkflowTaskRequest,
    Poller, QueryWorkflowRequest, REPORTED_PROBLEMS, ResetWorkflowRequest, SearchAttributeType,
    SearchAttributes, Signal, SignalWorkflowRequest, StartWorkflowRequest, StartedWorkflow,
    TaskQueueDescription, TerminateWorkflowRequest, UntakenTasks, UpdateReply, UpdateStage,
    UpdateWithStartReply, UpdateWorkflowRequest, WorkflowCount, WorkflowDescription, WorkflowGroup,
    WorkflowPage, schedule,
};
#[cfg(feature = "temporal")]
#[doc(inline)]
pub use steadfast_temporal as temporal;
