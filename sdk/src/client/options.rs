//! What clients choose when they start, signal, cancel and terminate executions.

use std::time::Duration;

use serde::Serialize;
use steadfast_core::{
    options::{WorkflowIdConflictPolicy, WorkflowIdReusePolicy, WorkflowTimeouts},
    payload::{Payload, PayloadMap},
    retry::RetryPolicy,
};

use crate::convert::{self, ConvertError};

/// How an execution is to be started.
///
/// A time limit of zero is none, and none is longer than 100 years, as on a Temporal Service.
#[derive(Clone, Debug)]
pub struct WorkflowStartOptions {
    pub(crate) task_queue: String,
    pub(crate) workflow_id: String,
    pub(crate) timeouts: WorkflowTimeouts,
    pub(crate) id_reuse_policy: WorkflowIdReusePolicy,
    pub(crate) id_conflict_policy: WorkflowIdConflictPolicy,
    pub(crate) retry_policy: Option<RetryPolicy>,
    pub(crate) start_delay: Duration,
    pub(crate) cron_schedule: Option<String>,
    pub(crate) memo: PayloadMap,
    pub(crate) search_attributes: PayloadMap,
    pub(crate) request_id: Option<String>,
    pub(crate) static_summary: Option<String>,
    pub(crate) static_details: Option<String>,
}

/// Builds [`WorkflowStartOptions`].
#[derive(Clone, Debug)]
#[must_use]
pub struct WorkflowStartOptionsBuilder(WorkflowStartOptions);

impl WorkflowStartOptions {
    /// Starts options with what every execution needs: the queue that its workers poll, and an id.
    #[expect(clippy::new_ret_no_self, reason = "the spelling of Temporal's own SDK")]
    pub fn new(
        task_queue: impl Into<String>,
        workflow_id: impl Into<String>,
    ) -> WorkflowStartOptionsBuilder {
        WorkflowStartOptionsBuilder(Self {
            task_queue: task_queue.into(),
            workflow_id: workflow_id.into(),
            timeouts: WorkflowTimeouts::default(),
            id_reuse_policy: WorkflowIdReusePolicy::default(),
            id_conflict_policy: WorkflowIdConflictPolicy::default(),
            retry_policy: None,
            start_delay: Duration::ZERO,
            cron_schedule: None,
            memo: PayloadMap::new(),
            search_attributes: PayloadMap::new(),
            request_id: None,
            static_summary: None,
            static_details: None,
        })
    }
}

impl From<WorkflowStartOptionsBuilder> for WorkflowStartOptions {
    fn from(builder: WorkflowStartOptionsBuilder) -> Self {
        builder.build()
    }
}

impl WorkflowStartOptionsBuilder {
    /// Limits the execution with all its runs.
    pub fn execution_timeout(mut self, timeout: Duration) -> Self {
        self.0.timeouts.execution_timeout = Some(timeout);
        self
    }

    /// Limits each run.
    pub fn run_timeout(mut self, timeout: Duration) -> Self {
        self.0.timeouts.run_timeout = Some(timeout);
        self
    }

    /// Limits the time that a worker may take for one workflow task; 10 seconds by default, 120 at most.
    pub fn task_timeout(mut self, timeout: Duration) -> Self {
        self.0.timeouts.task_timeout = Some(timeout);
        self
    }

    /// Chooses whether the id may have been used before; by default it may.
    pub fn id_reuse_policy(mut self, policy: WorkflowIdReusePolicy) -> Self {
        self.0.id_reuse_policy = policy;
        self
    }

    /// Chooses what happens while an execution with the id is open; by default the start fails.
    pub fn id_conflict_policy(mut self, policy: WorkflowIdConflictPolicy) -> Self {
        self.0.id_conflict_policy = policy;
        self
    }

    /// Says when the workflow is run again after a failure; by default it is not. A policy that makes no sense is refused
    /// when the workflow is started.
    pub fn retry_policy(mut self, policy: RetryPolicy) -> Self {
        self.0.retry_policy = Some(policy);
        self
    }

    /// Runs the workflow again and again, by a schedule as cron has them: `0 9 * * mon-fri`, `@daily`, `@every 90m`, with
    /// `CRON_TZ=Europe/Rome` before it if it is not in UTC. The first run waits for the first time, and each one that completes, fails or times
    /// out is followed by the next one; times that pass meanwhile are left out. Cancelling or terminating it ends that, also while it
    /// waits. Each run is told the [last result](crate::workflow::WorkflowContextView::last_completion_result) and the
    /// [last failure](crate::workflow::WorkflowContextView::last_failure).
    ///
    /// [Schedules](crate::guide::schedules) can do more: they are paused, changed and described without touching what runs.
    pub fn cron_schedule(mut self, schedule: impl Into<String>) -> Self {
        self.0.cron_schedule = Some(schedule.into());
        self
    }

    /// Delays the first workflow task.
    pub fn start_delay(mut self, delay: Duration) -> Self {
        self.0.start_delay = delay;
        self
    }

    /// Adds a value that is shown with the execution.
    ///
    /// # Errors
    ///
    /// When the value cannot be serialized.
    pub fn memo<T: Serialize>(
        mut self,
        key: impl Into<String>,
        value: &T,
    ) -> Result<Self, ConvertError> {
        self.0.memo.insert(key.into(), convert::to_payload(value)?);
        Ok(self)
    }

    /// Adds a value that the execution is found by.
    ///
    /// # Errors
    ///
    /// When the value cannot be serialized.
    pub fn search_attribute<T: Serialize>(
        mut self,
        key: impl Into<String>,
        value: &T,
    ) -> Result<Self, ConvertError> {
        self.0
            .search_attributes
            .insert(key.into(), convert::to_payload(value)?);
        Ok(self)
    }

    /// Adds an encoded search attribute.
    pub fn search_attribute_payload(mut self, key: impl Into<String>, value: Payload) -> Self {
        self.0.search_attributes.insert(key.into(), value);
        self
    }

    /// Says in a line what the execution is for. Tools show it, and a [description](crate::engine::WorkflowDescription) has it,
    /// of this run: one that continues or retries it has none.
    ///
    /// ```
    /// # use steadfast::prelude::*;
    /// let options = WorkflowStartOptions::new("orders", "order-42")
    ///     .static_summary("Two books for Ada")
    ///     .static_details("Paid by **card**, to be sent to\n\n- Rome\n- Oslo");
    /// ```
    pub fn static_summary(mut self, summary: impl Into<String>) -> Self {
        self.0.static_summary = Some(summary.into());
        self
    }

    /// Says more of the execution, in Markdown and in any number of lines. What a workflow has to say later, while it runs, are its
    /// [current details](crate::workflow::WorkflowContext::set_current_details).
    pub fn static_details(mut self, details: impl Into<String>) -> Self {
        self.0.static_details = Some(details.into());
        self
    }

    /// Names the request, so that repeating it starts nothing a second time.
    pub fn request_id(mut self, id: impl Into<String>) -> Self {
        self.0.request_id = Some(id.into());
        self
    }

    /// The options.
    #[must_use]
    pub fn build(self) -> WorkflowStartOptions {
        self.0
    }
}

macro_rules! reason_options {
    ($($(#[doc = $doc:literal])+ $name:ident, $builder:ident;)+) => {$(
        $(#[doc = $doc])+
        #[derive(Clone, Debug, Default)]
        pub struct $name {
            pub(crate) reason: String,
            pub(crate) first_execution_run_id: Option<String>,
        }

        #[doc = concat!("Builds [`", stringify!($name), "`].")]
        #[derive(Clone, Debug, Default)]
        #[must_use]
        pub struct $builder($name);

        impl $name {
            /// Starts options; every one of them has a default.
            pub fn builder() -> $builder {
                $builder::default()
            }
        }

        impl From<$builder> for $name {
            fn from(builder: $builder) -> Self {
                builder.build()
            }
        }

        impl $builder {
            /// Says why. The reason is recorded and travels to whoever is concerned.
            pub fn reason(mut self, reason: impl Into<String>) -> Self {
                self.0.reason = reason.into();
                self
            }

            /// Acts only if the execution still belongs to the chain that started with this run.
            pub fn first_execution_run_id(mut self, run_id: impl Into<String>) -> Self {
                self.0.first_execution_run_id = Some(run_id.into());
                self
            }

            /// The options.
            #[must_use]
            pub fn build(self) -> $name {
                self.0
            }
        }
    )+};
}

reason_options! {
    /// How an execution is to be cancelled.
    WorkflowCancelOptions, WorkflowCancelOptionsBuilder;
    /// How an execution is to be terminated.
    WorkflowTerminateOptions, WorkflowTerminateOptionsBuilder;
}
