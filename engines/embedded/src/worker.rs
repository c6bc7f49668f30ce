//! The worker half: polls, answers and heartbeats.

use steadfast_core::{
    event::{ExecutionStatus, HistoryEvent},
    ids::{EventId, Identity, TaskQueue},
    payload::Payload,
    task::{
        ActivityOutcome, HeartbeatReply, TaskToken, WorkflowTask, WorkflowTaskCompletion,
        WorkflowTaskFailure,
    },
    time::Timestamp,
};
use steadfast_engine::{
    ActivityLease, CompletionReply, EngineError, ExecutionRef, PollActivityTaskRequest,
    PollWorkflowTaskRequest,
};

use super::{
    execution::{Answered, Execution},
    handout::{TakenActivity, TakenTask, activity_run, started_run, task_not_found},
    limits::{check_details, check_outcome},
    shared::{Found, Locked, Shared, run_not_found},
    store::load_run,
    ticket::Ticket,
    token::Token,
};

impl Shared {
    pub(crate) async fn pause(&self, queue: &TaskQueue, paused: bool) -> Result<(), EngineError> {
        let ticket = {
            let (mut core, _) = self.enter()?;
            core.pause(queue, paused);
            core.ticket()
        };
        ticket.await
    }

    pub(crate) async fn poll_workflow_task(
        &self,
        request: PollWorkflowTaskRequest,
    ) -> Result<WorkflowTask, EngineError> {
        loop {
            let taken = {
                let (mut core, now) = self.enter()?;
                match core.take_workflow_task(&request, now) {
                    Some(taken) => {
                        core.run_jobs(now);
                        Ok(taken)
                    }
                    None => {
                        let queue = &request.task_queue;
                        Err(core.workflow_tasks.arrivals(queue, &request.worker))
                    }
                }
            };
            match taken {
                Ok(taken) if taken.missing.is_empty() && taken.ticket.is_none() => {
                    return Ok(taken.task);
                }
                Ok(taken) => {
                    if let Some(task) = Box::pin(self.complete_history(taken)).await? {
                        return Ok(task);
                    }
                }
                Err(arrivals) => arrivals.wait().await,
            }
        }
    }

    /// A worker polls a queue no more. If the queue was for the runs that it has in memory, everybody may have their
    /// tasks.
    pub(crate) fn end_polls(
        &self,
        queue: &TaskQueue,
        worker: &Identity,
    ) -> Result<(), EngineError> {
        let (mut core, now) = self.enter()?;
        core.workflow_tasks.ended_by(queue, worker);
        core.activity_tasks.ended_by(queue, worker);
        if core.workflow_tasks.is_served(queue, now) {
            return Ok(());
        }
        let left: Vec<i64> = core.workflow_tasks.ready(queue).copied().collect();
        for key in left {
            if let Some(run) = core.executions.get_mut(&key)
                && run.sticky_queue().is_some_and(|it| it.task_queue == *queue)
            {
                run.forget_sticky();
                core.finish(key, now);
            }
        }
        Ok(())
    }

    /// Nobody has a run in memory any more, as far as the next task is concerned.
    pub(crate) async fn reset_sticky(&self, execution: ExecutionRef) -> Result<(), EngineError> {
        self.with_run(&execution, false, |core, found, now| {
            match found {
                Found::Loaded(key) => {
                    // Whoever has a task says with the answer where the next one goes.
                    if let Some(run) = core.executions.get_mut(&key)
                        && !run.is_task_started()
                    {
                        run.forget_sticky();
                        core.finish(key, now);
                    }
                    Ok(())
                }
                Found::Closed(_) => Err(EngineError::not_found(EngineError::ALREADY_COMPLETED)),
                Found::Missing => Err(run_not_found(&execution)),
            }
        })
        .await
    }

    /// What is recorded with the answer to the task that a worker has.
    pub(crate) async fn open_task_events(
        &self,
        execution: ExecutionRef,
    ) -> Result<Vec<HistoryEvent>, EngineError> {
        self.with_run(&execution, false, |core, found, _| match found {
            Found::Loaded(key) => {
                let run = core.executions.get(&key);
                Ok(run.map(Execution::open_task_events).unwrap_or_default())
            }
            Found::Closed(_) => Ok(Vec::new()),
            Found::Missing => Err(run_not_found(&execution)),
        })
        .await
    }

    /// Reads what the task's history lacks, and waits until the start of a suspected task is durable. If the poll is dropped
    /// meanwhile, the task goes back. `None` when its history was not written, so that there is no such task.
    async fn complete_history(
        &self,
        taken: TakenTask,
    ) -> Result<Option<WorkflowTask>, EngineError> {
        let mut guard = ReturnTask {
            shared: self,
            key: taken.key,
            serial: Some(taken.serial),
        };
        let mut task = taken.task;
        if let Some(ticket) = taken.ticket {
            ticket.await?;
        }
        if !taken.missing.is_empty() {
            let last = EventId(*taken.missing.end());
            let mut events = self.read_range(taken.key, taken.missing).await?;
            if events.last().map(|event| event.event_id) != Some(last) {
                return Ok(None);
            }
            events.append(&mut task.events);
            task.events = events;
        }
        guard.serial = None;
        Ok(Some(task))
    }

    pub(crate) async fn complete_workflow_task(
        &self,
        token: TaskToken,
        mut completion: WorkflowTaskCompletion,
    ) -> Result<CompletionReply, EngineError> {
        let eager = std::mem::take(&mut completion.eager_activities);
        let (ticket, answered, given, claimed) = {
            let (mut core, now) = self.enter()?;
            match Token::decode(&token) {
                Some(Token::Workflow { key, serial }) => {
                    let eager = core.eager(key, eager);
                    let answered = core.complete_workflow_task(key, serial, completion, now)?;
                    let taken = match eager {
                        Some(eager) => {
                            core.take_eager_activities(key, &eager, &self.namespace, now)
                        }
                        None => Vec::new(),
                    };
                    core.run_jobs(now);
                    let ticket = core.ticket();
                    let claimed = self.claim(&mut core);
                    drop(core);
                    // From here on they are given back if nobody lives to get them.
                    let given = taken.into_iter().map(|taken| self.give(taken));
                    (ticket, answered, given.collect::<Vec<_>>(), claimed)
                }
                Some(Token::Query { key, serial }) => {
                    let mut results = completion.query_results;
                    core.end_query_task(key, serial, now, |id| results.remove(id))?;
                    return Ok(CompletionReply::default());
                }
                Some(Token::Activity { .. }) | None => return Err(task_not_found()),
            }
        };
        if claimed {
            self.write_claimed();
        }
        ticket.await?;
        let answered = answered?;
        Ok(CompletionReply {
            reset_history_event_id: match answered {
                Answered::Vanished { last_started } => Some(last_started),
                Answered::Recorded => None,
            },
            activity_tasks: given.into_iter().map(Given::release).collect(),
        })
    }

    pub(crate) async fn fail_workflow_task(
        &self,
        token: TaskToken,
        failure: WorkflowTaskFailure,
    ) -> Result<(), EngineError> {
        let ticket = {
            let (mut core, now) = self.enter()?;
            match Token::decode(&token) {
                Some(Token::Workflow { key, serial }) => {
                    let run = started_run(&mut core, key, serial)?;
                    run.answer_queries(serial, |_| Some(Err(failure.failure.clone())));
                    run.fail_task(failure.cause, failure.failure, now);
                    core.finish(key, now);
                    core.run_jobs(now);
                    core.ticket()
                }
                Some(Token::Query { key, serial }) => {
                    core.end_query_task(key, serial, now, |_| Some(Err(failure.failure.clone())))?;
                    return Ok(());
                }
                Some(Token::Activity { .. }) | None => return Err(task_not_found()),
            }
        };
        ticket.await
    }

    pub(crate) async fn poll_activity_task(
        &self,
        request: PollActivityTaskRequest,
    ) -> Result<ActivityLease, EngineError> {
        loop {
            let taken = {
                let (mut core, now) = self.enter()?;
                let (queue, worker) = (&request.task_queue, &request.worker);
                core.take_activity_task(&request, &self.namespace, now)
                    .ok_or_else(|| core.activity_tasks.arrivals(queue, worker))
            };
            match taken {
                Ok(mut taken) => match taken.ticket.take() {
                    // Rare, and boxed so that it makes no other poll larger.
                    Some(ticket) => {
                        return Box::pin(self.lease_when_durable(taken, ticket)).await;
                    }
                    None => return Ok(taken.lease),
                },
                Err(arrivals) => arrivals.wait().await,
            }
        }
    }

    async fn lease_when_durable(
        &self,
        taken: TakenActivity,
        ticket: Ticket,
    ) -> Result<ActivityLease, EngineError> {
        let given = self.give(taken);
        ticket.await?;
        Ok(given.release())
    }

    fn give(&self, taken: TakenActivity) -> Given<'_> {
        Given {
            guard: ReturnActivity {
                shared: self,
                key: taken.key,
                scheduled: taken.scheduled,
                attempt: Some(taken.lease.task.attempt),
            },
            lease: taken.lease,
        }
    }

    pub(crate) async fn complete_activity_task(
        &self,
        token: TaskToken,
        outcome: ActivityOutcome,
    ) -> Result<(), EngineError> {
        let outcome = check_outcome(outcome)?;
        let ticket = {
            let (mut core, now) = self.enter_with(&token).await?;
            let (run, key, scheduled, attempt) = activity_run(&mut core, &token)?;
            run.complete_activity(scheduled, attempt, outcome, now)?;
            core.finish(key, now);
            core.run_jobs(now);
            core.ticket()
        };
        ticket.await
    }

    pub(crate) async fn record_heartbeat(
        &self,
        token: TaskToken,
        details: Vec<Payload>,
    ) -> Result<HeartbeatReply, EngineError> {
        check_details(&details)?;
        let (mut core, now) = self.enter_with(&token).await?;
        let (run, key, scheduled, attempt) = activity_run(&mut core, &token)?;
        let cancel_requested = run.heartbeat(scheduled, attempt, details, now)?;
        core.finish(key, now);
        Ok(heartbeat_reply(cancel_requested))
    }

    pub(crate) async fn hand_over_activity_task(
        &self,
        token: TaskToken,
    ) -> Result<(), EngineError> {
        let ticket = {
            let (mut core, now) = self.enter_with(&token).await?;
            let (run, key, scheduled, attempt) = activity_run(&mut core, &token)?;
            run.hand_over_activity(scheduled, attempt)?;
            core.finish(key, now);
            core.ticket()
        };
        ticket.await
    }

    /// The state with the run of an attempt in it, if it is open. The run is nearly always there; but
    /// after a restart somebody may ask for an attempt that was handed over before its run was read.
    async fn enter_with(&self, token: &TaskToken) -> Result<(Locked<'_>, Timestamp), EngineError> {
        if let Some(Token::Activity { key, .. }) = Token::decode(token) {
            {
                let entered = self.enter()?;
                if entered.0.executions.contains_key(&key) {
                    return Ok(entered);
                }
            }
            Box::pin(self.bring_back(key)).await?;
        }
        self.enter()
    }

    /// Brings a run into memory if it is open.
    async fn bring_back(&self, key: i64) -> Result<(), EngineError> {
        if let Some(run) = self.read(move |db| load_run(db, key)).await?
            && run.info.status == ExecutionStatus::Running
        {
            let run = ExecutionRef::run(run.info.id);
            self.with_run(&run, false, |_, _, _| Ok(())).await?;
        }
        Ok(())
    }
}

pub(super) fn heartbeat_reply(cancel_requested: bool) -> HeartbeatReply {
    HeartbeatReply {
        cancel_requested,
        paused: false,
        reset: false,
    }
}

/// Gives a workflow task back that its poll did not live to return (E7).
struct ReturnTask<'a> {
    shared: &'a Shared,
    key: i64,
    serial: Option<u64>,
}

impl Drop for ReturnTask<'_> {
    fn drop(&mut self) {
        let Some(serial) = self.serial else { return };
        let Ok((mut core, now)) = self.shared.enter() else {
            return;
        };
        if let Ok(run) = started_run(&mut core, self.key, serial) {
            run.reassign_queries();
            run.return_task(now);
        } else if let Some(run) = core.executions.get_mut(&self.key)
            && run
                .query_task
                .as_ref()
                .is_some_and(|task| task.serial == serial)
        {
            run.end_query_task();
            run.reassign_queries();
        }
        core.finish(self.key, now);
    }
}

/// An attempt at an activity on its way to a worker.
struct Given<'a> {
    guard: ReturnActivity<'a>,
    lease: ActivityLease,
}

impl Given<'_> {
    fn release(mut self) -> ActivityLease {
        self.guard.attempt = None;
        self.lease
    }
}

/// Gives an attempt at an activity back that its call did not live to return (E7).
struct ReturnActivity<'a> {
    shared: &'a Shared,
    key: i64,
    scheduled: u64,
    attempt: Option<u32>,
}

impl Drop for ReturnActivity<'_> {
    fn drop(&mut self) {
        let Some(attempt) = self.attempt else { return };
        let Ok((mut core, now)) = self.shared.enter() else {
            return;
        };
        if let Some(run) = core.executions.get_mut(&self.key) {
            run.return_activity(self.scheduled, attempt);
            core.finish(self.key, now);
        }
    }
}
