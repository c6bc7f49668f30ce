//! The client half: starting, messages, termination, deletion.

use std::sync::atomic::Ordering;

use steadfast_core::{
    event::WorkflowExecutionStarted,
    failure::Failure,
    ids::{ActivityId, EventId, Identity, RunId},
    options::WorkflowIdConflictPolicy,
    payload::Payload,
    task::{ActivityOutcome, HeartbeatReply, Query, Update},
    time::Timestamp,
};
use steadfast_engine::{
    ActivityRef, CancelWorkflowRequest, EngineError, EngineFuture, ExecutionRef,
    QueryWorkflowRequest, Signal, SignalWorkflowRequest, StartWorkflowRequest, StartedWorkflow,
    TerminateWorkflowRequest, UpdateReply, UpdateWorkflowRequest,
};
use tokio::sync::oneshot;

use super::{
    execution::{
        Execution, NOT_YOURS, Wait, claims_problems, first_backoff, new_run_id, settle_start,
        started_by_cron,
    },
    jobs::may_reuse,
    limits::{
        check_details, check_outcome, check_query, check_signal, check_start, check_termination,
        check_text, check_update,
    },
    shared::{Found, Shared, run_not_found},
    state::Core,
    store::{Row, disk_is_full},
    ticket::Ticket,
    worker::heartbeat_reply,
};

/// What the termination of a run says in whose place another one starts, as on a Temporal Service.
const REPLACED_REASON: &str = "TerminateIfRunning WorkflowIdReusePolicy";

/// On a full disk what is written together with what ends or deletes a run may be refused, and both with it; then that is
/// asked for again, so often at most.
const ATTEMPTS: u32 = 100;

/// A request that makes room and has the next turn, until this is dropped.
struct Turn<'a>(&'a Shared);

impl<'a> Turn<'a> {
    fn new(shared: &'a Shared) -> Self {
        shared.asked_again.fetch_add(1, Ordering::Relaxed);
        Self(shared)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.asked_again.fetch_sub(1, Ordering::Relaxed);
    }
}

/// An execution to start.
#[derive(Debug)]
pub(crate) struct Start {
    pub(crate) request: StartWorkflowRequest,
    /// What it hears first.
    pub(crate) signal: Option<Signal>,
    pub(crate) last: Last,
}

/// What became of an execution that this one follows without being of its chain.
#[derive(Debug, Default)]
pub(crate) struct Last {
    pub(crate) completion_result: Option<Payload>,
    pub(crate) failure: Option<Failure>,
}

impl Shared {
    pub(crate) async fn start(
        &self,
        mut request: StartWorkflowRequest,
        signal: Option<Signal>,
    ) -> Result<StartedWorkflow, EngineError> {
        self.prepare_start(&mut request, signal.as_ref())?;
        let target = ExecutionRef::current(request.workflow_id.clone());
        let (started, ticket) = self
            .with_run(&target, false, |core, found, now| {
                core.check_attributes(&request)?;
                let started = core.start(request, signal, found, now)?;
                Ok((started, core.ticket()))
            })
            .await?;
        ticket.await?;
        Ok(started)
    }

    /// Refuses a start that is refused whatever there is, and fills in what it leaves to the engine.
    pub(super) fn prepare_start(
        &self,
        request: &mut StartWorkflowRequest,
        signal: Option<&Signal>,
    ) -> Result<(), EngineError> {
        self.give_way()?;
        settle_start(request)?;
        check_start(request, signal)?;
        if claims_problems(&request.search_attributes) {
            return Err(EngineError::invalid(NOT_YOURS));
        }
        Ok(())
    }

    pub(crate) async fn signal(&self, request: SignalWorkflowRequest) -> Result<(), EngineError> {
        self.give_way()?;
        check_signal(&request.signal)?;
        self.change_open(&request.execution, |run, now| {
            run.signal(request.signal, None, now);
            Ok(())
        })
        .await
    }

    pub(crate) async fn request_cancel(
        &self,
        request: CancelWorkflowRequest,
    ) -> Result<(), EngineError> {
        check_text("the reason", &request.reason)?;
        let target = &request.execution;
        let ticket = self
            .with_run(target, false, |core, found, now| {
                let key = match found {
                    Found::Loaded(key) => key,
                    // Asking a closed run is not an error (rule R2).
                    Found::Closed(_) => return Ok(None),
                    Found::Missing => return Err(run_not_found(target)),
                };
                let run = core
                    .executions
                    .get_mut(&key)
                    .ok_or_else(|| run_not_found(target))?;
                if run.is_open() {
                    run.request_cancel(
                        request.reason,
                        Some(request.identity),
                        EventId::NONE,
                        None,
                        Some(request.request_id),
                        now,
                    );
                    core.finish(key, now);
                }
                Ok(Some(core.ticket()))
            })
            .await?;
        match ticket {
            Some(ticket) => ticket.await,
            None => Ok(()),
        }
    }

    pub(crate) async fn terminate(
        &self,
        request: TerminateWorkflowRequest,
    ) -> Result<(), EngineError> {
        check_termination(&request)?;
        let TerminateWorkflowRequest {
            execution,
            reason,
            details,
            identity,
        } = request;
        let reason = if reason.is_empty() {
            TerminateWorkflowRequest::DEFAULT_REASON.to_owned()
        } else {
            reason
        };
        let queue = || -> EngineFuture<'_, Ticket> {
            Box::pin(self.queue_change(&execution, |run, now| {
                run.terminate(reason.clone(), details.clone(), identity.clone(), now);
                Ok(())
            }))
        };
        self.until_written(queue).await
    }

    pub(crate) async fn complete_activity(
        &self,
        activity: ActivityRef,
        outcome: ActivityOutcome,
    ) -> Result<(), EngineError> {
        let outcome = check_outcome(outcome)?;
        self.change_open(&activity.execution, |run, now| {
            let scheduled = pending_activity(run, &activity.activity_id)?;
            run.end_activity(scheduled, outcome, now)
        })
        .await
    }

    pub(crate) async fn record_activity_heartbeat(
        &self,
        activity: ActivityRef,
        details: Vec<Payload>,
    ) -> Result<HeartbeatReply, EngineError> {
        check_details(&details)?;
        let mut cancel_requested = false;
        self.change_open(&activity.execution, |run, now| {
            let scheduled = pending_activity(run, &activity.activity_id)?;
            let attempt = run.activities[&scheduled].attempt;
            cancel_requested = run.heartbeat(scheduled, attempt, details, now)?;
            Ok(())
        })
        .await?;
        Ok(heartbeat_reply(cancel_requested))
    }

    pub(crate) async fn query(
        &self,
        request: QueryWorkflowRequest,
    ) -> Result<Payload, EngineError> {
        check_query(&request)?;
        let target = &request.execution;
        let (reply, answer) = oneshot::channel();
        self.with_run(target, true, |core, found, now| {
            let Found::Loaded(key) = found else {
                return Err(run_not_found(target));
            };
            let id = format!("query-{}", core.serial());
            let run = core
                .executions
                .get_mut(&key)
                .ok_or_else(|| run_not_found(target))?;
            run.query(
                id,
                Query {
                    name: request.name,
                    input: request.input,
                },
                Wait::new(request.answer_timeout, now),
                reply,
            );
            core.finish(key, now);
            Ok(())
        })
        .await?;
        answer
            .await
            .unwrap_or_else(|_| Err(self.dropped("the query", "ask again")))
    }

    pub(crate) async fn update(
        &self,
        request: UpdateWorkflowRequest,
    ) -> Result<UpdateReply, EngineError> {
        self.give_way()?;
        check_update(&request)?;
        let (reply, answer) = oneshot::channel();
        let target = &request.execution.clone();
        // What a closed run knows of the same update is told too (M3).
        self.with_run(target, true, |core, found, now| {
            let Found::Loaded(key) = found else {
                return Err(run_not_found(target));
            };
            if let Some(run) = core.executions.get_mut(&key) {
                let waiter = (request.wait_for, Wait::new(request.answer_timeout, now));
                run.update(update_of(request), waiter, reply, now);
                core.finish(key, now);
            }
            Ok(())
        })
        .await?;
        answer.await.unwrap_or_else(|_| Err(self.update_dropped()))
    }

    pub(super) fn update_dropped(&self) -> EngineError {
        self.dropped("the update", "send it again with the same id")
    }

    /// What somebody hears whose request went with the state of its run.
    fn dropped(&self, what: &str, advice: &str) -> EngineError {
        if self.enter().is_err() {
            return EngineError::Stopped {
                message: format!("{what} was not answered before the engine stopped; {advice}"),
            };
        }
        EngineError::Unavailable {
            message: format!(
                "{what} was not answered because the run was deleted or could not be written; {advice}"
            ),
        }
    }

    pub(crate) async fn delete(&self, target: ExecutionRef) -> Result<(), EngineError> {
        self.until_written(|| Box::pin(self.queue_deletion(&target)))
            .await
    }

    /// Asks for what makes room until it does not fail because of others, to whom nothing is given meanwhile.
    async fn until_written<'a>(
        &'a self,
        queue: impl Fn() -> EngineFuture<'a, Ticket>,
    ) -> Result<(), EngineError> {
        let (mut result, mut with_others) = queue().await?.outcome().await;
        let _turn = with_others.then(|| Turn::new(self));
        for _ in 1..ATTEMPTS {
            if !with_others {
                break;
            }
            (result, with_others) = queue().await?.outcome().await;
        }
        result
    }

    /// Refuses what others want while something that makes room was refused because of them.
    pub(super) fn give_way(&self) -> Result<(), EngineError> {
        match self.asked_again.load(Ordering::Relaxed) {
            0 => Ok(()),
            _ => Err(disk_is_full()),
        }
    }

    async fn queue_deletion(&self, target: &ExecutionRef) -> Result<Ticket, EngineError> {
        self.with_run(target, false, |core, found, now| {
            let key = match found {
                Found::Closed(info) => info.key,
                Found::Missing => return Err(run_not_found(target)),
                Found::Loaded(key) => {
                    if let Some(run) = core.executions.get_mut(&key)
                        && run.is_open()
                    {
                        let identity = Identity::new("frontend-service")
                            .map_err(|error| EngineError::invalid(error.to_string()))?;
                        run.terminate(
                            "Delete workflow execution".to_owned(),
                            Vec::new(),
                            identity,
                            now,
                        );
                        core.finish(key, now);
                    }
                    core.forget(key);
                    key
                }
            };
            core.rows.push(Row::Delete { key });
            Ok(core.ticket())
        })
        .await
    }

    /// Changes an open run and waits until the change is durable.
    async fn change_open(
        &self,
        target: &ExecutionRef,
        change: impl FnOnce(&mut Execution, Timestamp) -> Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        self.queue_change(target, change).await?.await
    }

    async fn queue_change(
        &self,
        target: &ExecutionRef,
        change: impl FnOnce(&mut Execution, Timestamp) -> Result<(), EngineError>,
    ) -> Result<Ticket, EngineError> {
        self.with_run(target, false, |core, found, now| {
            let key = open_key(core, &found, target)?;
            let run = core
                .executions
                .get_mut(&key)
                .ok_or_else(|| run_not_found(target))?;
            change(run, now)?;
            core.finish(key, now);
            Ok(core.ticket())
        })
        .await
    }
}

/// What a worker gets of a request.
pub(super) fn update_of(request: UpdateWorkflowRequest) -> Update {
    Update {
        update_id: request.update_id,
        name: request.name,
        input: request.input,
        header: request.header,
        identity: Some(request.identity),
    }
}

fn pending_activity(run: &Execution, activity_id: &ActivityId) -> Result<u64, EngineError> {
    run.activity_by_id(activity_id).ok_or_else(|| {
        EngineError::not_found(format!(
            "cannot find pending activity with ActivityID {activity_id}, most likely the activity \
             already completed or timed out",
        ))
    })
}

fn open_key(core: &Core, found: &Found, target: &ExecutionRef) -> Result<i64, EngineError> {
    match found {
        Found::Loaded(key) if core.executions.get(key).is_some_and(Execution::is_open) => Ok(*key),
        Found::Loaded(_) | Found::Closed(_) => {
            Err(EngineError::not_found(EngineError::ALREADY_COMPLETED))
        }
        Found::Missing => Err(run_not_found(target)),
    }
}

impl Core {
    /// Refuses a start whose search attributes are not what they should be.
    pub(super) fn check_attributes(
        &self,
        request: &StartWorkflowRequest,
    ) -> Result<(), EngineError> {
        let checked = self.attributes.check(&request.search_attributes);
        checked.map_err(|error| EngineError::invalid(error.to_string()))
    }

    pub(super) fn start(
        &mut self,
        request: StartWorkflowRequest,
        signal: Option<Signal>,
        found: Found,
        now: Timestamp,
    ) -> Result<StartedWorkflow, EngineError> {
        let start = Start {
            request,
            signal,
            last: Last::default(),
        };
        self.start_if_free(start, found, now)
    }

    /// Starts an execution if the policies of the request allow it beside what was found of its id.
    pub(super) fn start_if_free(
        &mut self,
        start: Start,
        found: Found,
        now: Timestamp,
    ) -> Result<StartedWorkflow, EngineError> {
        let Start { request, .. } = &start;
        let (status, run_id, request_id, open) = match found {
            Found::Missing => return Ok(self.start_run(new_run_id(), start, now)),
            Found::Closed(info) => (info.status, info.id.run_id, info.request_id, None),
            Found::Loaded(key) => {
                let Some(run) = self.executions.get(&key) else {
                    return Ok(self.start_run(new_run_id(), start, now));
                };
                let open = run.is_open().then_some(key);
                (
                    run.status,
                    run.id.run_id.clone(),
                    run.request_id.clone(),
                    open,
                )
            }
        };
        if request_id.as_ref() == Some(&request.request_id) {
            return Ok(StartedWorkflow {
                run_id,
                started: true,
            });
        }
        let Some(key) = open else {
            return if may_reuse(request.id_reuse_policy, status) {
                Ok(self.start_run(new_run_id(), start, now))
            } else {
                Err(EngineError::AlreadyStarted { run_id })
            };
        };
        let Some(run) = self.executions.get_mut(&key) else {
            return Err(EngineError::AlreadyStarted { run_id });
        };
        let terminate = request.id_conflict_policy == WorkflowIdConflictPolicy::TerminateExisting
            && start
                .signal
                .as_ref()
                .is_none_or(|signal| !run.has_signal(&signal.request_id));
        if terminate {
            let run_id = new_run_id();
            let details = format!(r#""terminated by new runID: {run_id}""#);
            run.terminate(
                REPLACED_REASON.to_owned(),
                vec![Payload::json(details.into_bytes())],
                super::execution::engine_identity(),
                now,
            );
            self.finish(key, now);
            return Ok(self.start_run(run_id, start, now));
        }
        match start.signal {
            Some(signal) => {
                run.signal(signal, None, now);
                self.finish(key, now);
                Ok(StartedWorkflow {
                    run_id,
                    started: false,
                })
            }
            None if start.request.id_conflict_policy == WorkflowIdConflictPolicy::UseExisting => {
                Ok(StartedWorkflow {
                    run_id,
                    started: false,
                })
            }
            None => Err(EngineError::AlreadyStarted { run_id }),
        }
    }

    fn start_run(&mut self, run_id: RunId, start: Start, now: Timestamp) -> StartedWorkflow {
        let Start {
            request,
            signal,
            last,
        } = start;
        let expiration = request
            .timeouts
            .execution_timeout
            .map(|limit| now.after(limit));
        let start = WorkflowExecutionStarted {
            workflow_id: request.workflow_id,
            workflow_type: request.workflow_type,
            task_queue: request.task_queue,
            input: request.input,
            header: request.header,
            timeouts: request.timeouts,
            identity: Some(request.identity),
            original_execution_run_id: run_id.clone(),
            first_execution_run_id: run_id.clone(),
            continued_execution_run_id: None,
            initiator: started_by_cron(request.cron_schedule.as_deref()),
            continued_failure: last.failure,
            last_completion_result: last.completion_result,
            parent: None,
            root: None,
            retry_policy: request.retry_policy,
            attempt: 1,
            execution_expiration_time: expiration,
            first_workflow_task_backoff: first_backoff(
                request.cron_schedule.as_deref(),
                request.start_delay,
                now,
            ),
            memo: request.memo,
            search_attributes: request.search_attributes,
            user_metadata: request.user_metadata,
            priority: request.priority,
            cron_schedule: request.cron_schedule,
        };
        let request_id = Some(request.request_id);
        self.create(run_id.clone(), Box::new(start), request_id, now, |run| {
            if let Some(said) = request.unmodelled {
                run.keep_unmodelled(0, said);
            }
            if let Some(signal) = signal {
                // With a start delay the task waits, although there is a signal.
                run.signal_at_start(signal, now);
            }
        });
        StartedWorkflow {
            run_id,
            started: true,
        }
    }
}
