//! What one run does to another: children, cancellations and signals, parent close policies.
//!
//! A job runs in the step that caused it when its target is in memory, and is then committed with
//! it. Otherwise it is parked for the timer thread, which reads the target first. What the history
//! of an open run does not tell again after a crash is stored until it is done.

use steadfast_core::{
    event::{ExternalFailedCause, ParentExecution, WorkflowExecutionStarted},
    ids::{EventId, RunId, WorkflowId},
    options::{ParentClosePolicy, Priority, WorkflowIdReusePolicy},
    time::Timestamp,
};
use steadfast_engine::Signal;

use super::{
    execution::{engine_identity, first_backoff, new_run_id, started_by_cron},
    job::{Job, ParkedJob},
    state::Core,
    store::{Row, RunInfo, encode_value},
};

/// The reason of a termination by parent close policy, as on a Temporal Service.
const BY_PARENT_CLOSE_POLICY: &str = "by parent close policy";

/// The execution that a job is about.
#[derive(Debug)]
pub(crate) enum Target {
    /// In memory.
    Loaded(i64),
    /// Closed, and not in memory.
    Closed(Box<RunInfo>),
    Missing,
}

impl Job {
    /// The execution to find first; `None` when the job has become pointless.
    pub(crate) fn target(&self, core: &Core) -> Option<(WorkflowId, Option<RunId>)> {
        let open = |key: &i64| core.executions.get(key).filter(|run| run.is_open());
        match self {
            Self::StartChild { parent, initiated } => {
                let child = open(parent)?.children.get(initiated)?;
                child
                    .run_id
                    .is_none()
                    .then(|| (child.workflow_id.clone(), None))
            }
            Self::CancelExternal { sender, initiated } => {
                let cancel = open(sender)?.cancels.get(initiated)?;
                Some((cancel.workflow_id.clone(), cancel.run_id.clone()))
            }
            Self::SignalExternal { sender, initiated } => {
                let signal = open(sender)?.signals.get(initiated)?;
                Some((signal.workflow_id.clone(), signal.run_id.clone()))
            }
            Self::ClosePolicy { child, .. } => Some((child.workflow_id.clone(), None)),
            // The current run: a parent that was reset goes on in another one.
            Self::ChildEnded { parent, .. } => Some((parent.execution.workflow_id.clone(), None)),
        }
    }
}

impl Core {
    /// Runs every job whose target is in memory and parks the others.
    pub(crate) fn run_jobs(&mut self, now: Timestamp) {
        while let Some(job) = self.jobs.pop_front() {
            let Some((workflow_id, run_id)) = job.target(self) else {
                continue;
            };
            match self.find(&workflow_id, run_id.as_ref()) {
                Some(key) => self.run_job(job, &Target::Loaded(key), now),
                None => {
                    let stored = job.must_be_stored().then(|| {
                        self.next_job += 1;
                        self.rows.push(Row::PutJob {
                            id: self.next_job,
                            job: encode_value(&job),
                        });
                        self.next_job
                    });
                    self.parked.push_back(ParkedJob { job, stored });
                }
            }
        }
    }

    pub(crate) fn run_job(&mut self, job: Job, target: &Target, now: Timestamp) {
        match job {
            Job::StartChild { parent, initiated } => {
                self.start_child(parent, initiated, target, now);
            }
            Job::CancelExternal { sender, initiated } => {
                let result = self.cancel_external(sender, initiated, target, now);
                if let Some(run) = self.executions.get_mut(&sender) {
                    run.external_cancel_done(initiated, result, now);
                    self.finish(sender, now);
                }
            }
            Job::SignalExternal { sender, initiated } => {
                let result = self.signal_external(sender, initiated, target, now);
                if let Some(run) = self.executions.get_mut(&sender) {
                    run.external_signal_done(initiated, result, now);
                    self.finish(sender, now);
                }
            }
            Job::ClosePolicy {
                parent,
                child,
                policy,
            } => {
                let Target::Loaded(key) = *target else { return };
                let Some(run) = self.executions.get_mut(&key) else {
                    return;
                };
                if !run.is_open() || !run.belongs_to(&child.run_id) {
                    return;
                }
                match policy {
                    ParentClosePolicy::Terminate => run.terminate(
                        BY_PARENT_CLOSE_POLICY.to_owned(),
                        Vec::new(),
                        engine_identity(),
                        now,
                    ),
                    ParentClosePolicy::RequestCancel => run.request_cancel(
                        String::new(),
                        Some(engine_identity()),
                        EventId::NONE,
                        Some(parent),
                        None,
                        now,
                    ),
                    ParentClosePolicy::Abandon => {}
                }
                self.finish(key, now);
            }
            Job::ChildEnded { parent, child, end } => {
                let Target::Loaded(key) = *target else { return };
                if let Some(run) = self.executions.get_mut(&key)
                    && run.is_open()
                {
                    let initiated = parent.initiated_event_id.0;
                    run.child_ended(initiated, &child.workflow_id, &child.run_id, end, now);
                    self.finish(key, now);
                }
            }
        }
    }

    fn start_child(&mut self, parent_key: i64, initiated: u64, target: &Target, now: Timestamp) {
        let Some(parent) = self.executions.get(&parent_key) else {
            return;
        };
        let Some(command) = parent
            .children
            .get(&initiated)
            .and_then(|child| child.command.as_deref())
        else {
            return;
        };
        let policy = command.workflow_id_reuse_policy;
        let (taken, existing) = match target {
            Target::Missing => (false, None),
            Target::Closed(info) => (!may_reuse(policy, info.status), None),
            Target::Loaded(key) => match self.executions.get(key) {
                Some(run) if run.is_open() => (true, Some(run)),
                Some(run) => (!may_reuse(policy, run.status), None),
                None => (false, None),
            },
        };
        // A parent that was reset finds the child that its base started.
        let own = existing
            .filter(|run| {
                run.start.parent.as_ref().is_some_and(|its| {
                    its.execution.workflow_id == parent.id.workflow_id
                        && its.initiated_event_id == EventId(initiated)
                        && its.execution.run_id == parent.start.original_execution_run_id
                })
            })
            .map(|run| run.start.first_execution_run_id.clone());
        let started = match own {
            Some(run_id) => Some(run_id),
            None if taken => None,
            None => {
                let run_id = new_run_id();
                let root = parent
                    .start
                    .root
                    .clone()
                    .unwrap_or_else(|| parent.id.clone());
                let expiration = command
                    .timeouts
                    .execution_timeout
                    .map(|limit| now.after(limit));
                let start = WorkflowExecutionStarted {
                    workflow_id: command.workflow_id.clone(),
                    workflow_type: command.workflow_type.clone(),
                    task_queue: command.task_queue.clone(),
                    input: command.input.clone(),
                    header: command.header.clone(),
                    timeouts: command.timeouts.clone(),
                    identity: None,
                    original_execution_run_id: run_id.clone(),
                    first_execution_run_id: run_id.clone(),
                    continued_execution_run_id: None,
                    initiator: started_by_cron(command.cron_schedule.as_deref()),
                    continued_failure: None,
                    last_completion_result: None,
                    parent: Some(ParentExecution {
                        execution: parent.id.clone(),
                        initiated_event_id: EventId(initiated),
                    }),
                    root: Some(root),
                    retry_policy: command.retry_policy.clone(),
                    attempt: 1,
                    execution_expiration_time: expiration,
                    first_workflow_task_backoff: first_backoff(
                        command.cron_schedule.as_deref(),
                        std::time::Duration::ZERO,
                        now,
                    ),
                    memo: command.memo.clone(),
                    search_attributes: command.search_attributes.clone(),
                    user_metadata: command.user_metadata.clone(),
                    priority: Priority::inherited(
                        command.priority.as_deref(),
                        parent.start.priority.as_deref(),
                    ),
                    cron_schedule: command.cron_schedule.clone(),
                };
                self.create(run_id.clone(), Box::new(start), None, now, |_| {});
                Some(run_id)
            }
        };
        if let Some(parent) = self.executions.get_mut(&parent_key) {
            match started {
                Some(run_id) => parent.child_started(initiated, run_id, now),
                None => parent.child_start_failed(
                    initiated,
                    ExternalFailedCause::WorkflowAlreadyExists,
                    now,
                ),
            }
        }
        self.finish(parent_key, now);
    }

    fn cancel_external(
        &mut self,
        sender_key: i64,
        initiated: u64,
        target: &Target,
        now: Timestamp,
    ) -> Result<(), ExternalFailedCause> {
        let not_found = Err(ExternalFailedCause::ExternalWorkflowExecutionNotFound);
        let Some(sender) = self.executions.get(&sender_key) else {
            return not_found;
        };
        let Some(cancel) = sender.cancels.get(&initiated).cloned() else {
            return not_found;
        };
        let sender_id = sender.id.clone();
        let its_child = sender
            .children
            .values()
            .any(|child| child.workflow_id == cancel.workflow_id);
        match target {
            Target::Missing => not_found,
            Target::Closed(info) => {
                let parent = info.parent.as_ref().map(|parent| &parent.workflow_id);
                if cancel.child_workflow_only && parent != Some(&sender_id.workflow_id) {
                    return not_found;
                }
                Ok(())
            }
            Target::Loaded(key) if *key == sender_key => not_found,
            Target::Loaded(key) => {
                let Some(run) = self.executions.get_mut(key) else {
                    return not_found;
                };
                let parent = run
                    .start
                    .parent
                    .as_ref()
                    .map(|parent| &parent.execution.workflow_id);
                if cancel.child_workflow_only
                    && (parent != Some(&sender_id.workflow_id) || (run.is_open() && !its_child))
                {
                    return not_found;
                }
                if run.is_open() {
                    run.request_cancel(
                        cancel.reason,
                        Some(engine_identity()),
                        EventId(initiated),
                        Some(sender_id),
                        None,
                        now,
                    );
                    self.finish(*key, now);
                }
                Ok(())
            }
        }
    }

    fn signal_external(
        &mut self,
        sender_key: i64,
        initiated: u64,
        target: &Target,
        now: Timestamp,
    ) -> Result<(), ExternalFailedCause> {
        let not_found = Err(ExternalFailedCause::ExternalWorkflowExecutionNotFound);
        let Some(sender) = self.executions.get(&sender_key) else {
            return not_found;
        };
        let Some(signal) = sender.signals.get(&initiated).cloned() else {
            return not_found;
        };
        let sender_id = sender.id.clone();
        let Target::Loaded(key) = target else {
            return not_found;
        };
        let Some(run) = self.executions.get_mut(key).filter(|run| run.is_open()) else {
            return not_found;
        };
        let parent = run
            .start
            .parent
            .as_ref()
            .map(|parent| &parent.execution.workflow_id);
        let wrong_parent = signal.child_workflow_only && parent != Some(&sender_id.workflow_id);
        if *key == sender_key || wrong_parent {
            return not_found;
        }
        let request_id =
            steadfast_core::ids::RequestId::new(format!("{}/{initiated}", sender_id.run_id));
        let Ok(request_id) = request_id else {
            return not_found;
        };
        let signal = Signal {
            name: signal.signal_name,
            input: signal.input,
            header: signal.header,
            identity: engine_identity(),
            request_id,
        };
        run.signal(signal, Some(sender_id), now);
        self.finish(*key, now);
        Ok(())
    }
}

/// Whether the policy lets a workflow id be used again after a run that ended so.
pub(crate) fn may_reuse(
    policy: WorkflowIdReusePolicy,
    status: steadfast_core::event::ExecutionStatus,
) -> bool {
    use steadfast_core::event::ExecutionStatus;
    match policy {
        WorkflowIdReusePolicy::AllowDuplicate => true,
        WorkflowIdReusePolicy::AllowDuplicateFailedOnly => matches!(
            status,
            ExecutionStatus::Failed
                | ExecutionStatus::Cancelled
                | ExecutionStatus::Terminated
                | ExecutionStatus::TimedOut
        ),
        WorkflowIdReusePolicy::RejectDuplicate => false,
    }
}
