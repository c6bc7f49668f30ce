//! Carries one execution through one schedule, one step at a time and always in the same order.
//!
//! It is a worker without threads: it takes a task when there is one, lets activities go on when
//! there is none, and moves the clock when nothing else is left.

use std::{collections::HashMap, sync::Arc, task::Poll, time::Duration};

use futures_util::{FutureExt as _, future::BoxFuture, future::poll_fn};
use steadfast_core::{
    event::ExecutionStatus,
    ids::{Identity, RunId, TaskQueue, WorkflowId},
    run::Run,
    task::{WorkflowTask, WorkflowTaskCompletion},
};
use tokio::sync::Semaphore;

use super::gate::{Gate, GatedEngine};
use crate::{
    activity::LocalWorkflow,
    engine::{
        Engine, EngineError, EngineFuture, ExecutionRef, PollActivityTaskRequest,
        PollWorkflowTaskRequest, SignalWorkflowRequest,
        embedded::{EmbeddedEngine, ManualClock},
    },
    tracing_context::Propagation,
    worker::{ActivityTasks, LocalActivities, LocalEnd, LocalHandle, Registry, Shutdown},
    workflow::instance::WorkflowInstance,
};

/// How often an execution may take a step; more means that it never ends.
const MAX_STEPS: usize = 10_000;
/// How long an activity that waits for something real is waited for before time is skipped.
const REAL_WAIT: Duration = Duration::from_millis(20);

/// Carries one execution through one schedule.
pub(super) struct Driver {
    pub(super) engine: Arc<EmbeddedEngine>,
    pub(super) clock: ManualClock,
    pub(super) gate: Arc<Gate>,
    pub(super) registry: Arc<Registry>,
    pub(super) task_queue: TaskQueue,
    pub(super) workflow_id: WorkflowId,
    /// Signals to send, each when nothing else is left to do.
    pub(super) signals: Vec<crate::engine::Signal>,
    pub(super) worker: Identity,
}

/// Why an execution did not come to its end.
#[derive(Debug)]
pub(super) enum DriveError {
    /// The workflow's code fails at a workflow task.
    Code(String),
    /// Nothing can carry the execution on.
    Stuck,
    /// It goes on and on.
    Endless,
    /// The engine failed.
    Engine(EngineError),
}

impl From<EngineError> for DriveError {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

impl std::fmt::Display for DriveError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(message) => write!(f, "a workflow task fails: {message}"),
            Self::Stuck => f.write_str("the workflow waits for something that never comes"),
            Self::Endless => write!(f, "the workflow has not ended after {MAX_STEPS} steps"),
            Self::Engine(error) => write!(f, "the engine failed: {error}"),
        }
    }
}

#[derive(Default)]
struct Memory {
    runs: HashMap<RunId, Box<dyn WorkflowInstance>>,
    activities: Vec<BoxFuture<'static, ()>>,
}

impl Driver {
    /// Lets the execution and everything that it started come to an end.
    pub(super) async fn drive(mut self) -> Result<(), DriveError> {
        let tasks = Arc::new(ActivityTasks {
            engine: Arc::new(GatedEngine {
                gate: Arc::clone(&self.gate),
            }) as Arc<dyn Engine>,
            registry: Arc::clone(&self.registry),
            task_queue: self.task_queue.clone(),
            identity: self.worker.clone(),
            max_tasks_per_second: None,
            slots: Arc::new(Semaphore::new(1)),
            shutdown: Shutdown::new(),
            propagation: Propagation::default(),
        });
        let mut memory = Memory::default();
        self.signals.reverse();
        for _ in 0..MAX_STEPS {
            self.engine.settled().await?;
            if self.gate.take_crash() {
                memory = Memory::default();
                self.engine.restart().await?;
                continue;
            }
            if self.step(&tasks, &mut memory).await? {
                continue;
            }
            if let Some(signal) = self.signals.pop() {
                let execution = ExecutionRef::current(self.workflow_id.clone());
                match self
                    .engine
                    .signal_workflow(SignalWorkflowRequest { execution, signal })
                    .await
                {
                    // It has ended without waiting for the signal.
                    Ok(()) | Err(EngineError::NotFound { .. }) => continue,
                    Err(error) => return Err(error.into()),
                }
            }
            if self.has_ended().await? && memory.activities.is_empty() {
                return Ok(());
            }
            if !memory.activities.is_empty() && wait_for_any(&mut memory.activities).await {
                continue;
            }
            if self.clock.advance_to_next_timer().is_none() {
                // What still runs has lost its workflow and does not look.
                return if self.has_ended().await? {
                    Ok(())
                } else {
                    Err(DriveError::Stuck)
                };
            }
        }
        Err(DriveError::Endless)
    }

    /// Does one thing, if there is one to do.
    async fn step(
        &self,
        tasks: &Arc<ActivityTasks>,
        memory: &mut Memory,
    ) -> Result<bool, DriveError> {
        let (workflow_task, activity_task) = self.engine.ready(&self.task_queue)?;
        if workflow_task {
            if self.gate.pass("before a workflow task").await? {
                return Ok(true);
            }
            let request = PollWorkflowTaskRequest {
                task_queue: self.task_queue.clone(),
                worker: self.worker.clone(),
                remote: false,
            };
            if let Some(task) = self.taken(self.engine.poll_workflow_task(request)).await? {
                self.run_workflow_task(task?, memory).await?;
                return Ok(true);
            }
        }
        if activity_task {
            if self
                .gate
                .pass("before an activity is given to a worker")
                .await?
            {
                return Ok(true);
            }
            let request = PollActivityTaskRequest {
                task_queue: self.task_queue.clone(),
                worker: self.worker.clone(),
                max_tasks_per_second: None,
                remote: false,
            };
            let lease = self.taken(self.engine.poll_activity_task(request)).await?;
            if let Some(lease) = lease {
                let tasks = Arc::clone(tasks);
                let lease = lease?;
                memory
                    .activities
                    .push(Box::pin(async move { tasks.run(lease).await }));
                return Ok(true);
            }
        }
        Ok(poll_all(&mut memory.activities).await)
    }

    /// What a poll takes, if there is something: it may have to wait for the store a few times, but
    /// not for something to arrive.
    async fn taken<T>(
        &self,
        mut poll: EngineFuture<'_, T>,
    ) -> Result<Option<Result<T, EngineError>>, EngineError> {
        const WAITS: usize = 4;
        for _ in 0..WAITS {
            if let Some(taken) = (&mut poll).now_or_never() {
                return Ok(Some(taken));
            }
            self.engine.settled().await?;
        }
        Ok(None)
    }

    async fn run_workflow_task(
        &self,
        mut task: WorkflowTask,
        memory: &mut Memory,
    ) -> Result<(), DriveError> {
        let run_id = task.execution.run_id.clone();
        let mut instance = match memory.runs.remove(&run_id) {
            Some(instance) => instance,
            None => {
                let new = self
                    .registry
                    .workflow(&task.workflow_type)
                    .map_err(DriveError::Code)?;
                let run = Run::new(task.execution.clone(), task.workflow_type.clone());
                new(run.with_payload_limit(self.engine.payload_limit()))
            }
        };
        if let Err(error) = instance.handle_task(
            std::mem::take(&mut task.events),
            std::mem::take(&mut task.updates),
        ) {
            return Err(DriveError::Code(error.to_string()));
        }
        self.run_local_activities(&task, instance.as_mut()).await?;
        if self
            .gate
            .pass("a workflow task is done, before its commands are recorded")
            .await?
        {
            return Ok(());
        }
        let completion = WorkflowTaskCompletion {
            commands: instance.take_commands(),
            ..WorkflowTaskCompletion::default()
        };
        match self
            .engine
            .complete_workflow_task(task.token, completion)
            .await
        {
            Ok(_) => {
                if !instance.is_closed() {
                    memory.runs.insert(run_id, instance);
                }
                Ok(())
            }
            // Something arrived meanwhile, or the run was closed: the task comes again.
            Err(EngineError::WorkflowTaskRefused { .. } | EngineError::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn run_local_activities(
        &self,
        task: &WorkflowTask,
        instance: &mut dyn WorkflowInstance,
    ) -> Result<(), DriveError> {
        let activities = LocalActivities {
            engine: Arc::clone(&self.engine) as Arc<dyn Engine>,
            registry: Arc::clone(&self.registry),
            slots: Arc::new(Semaphore::new(1)),
            runtime: tokio::runtime::Handle::current(),
            propagation: Propagation::default(),
            shutdown: Shutdown::new(),
        };
        while let Some((operation, local)) = instance.poll_local_activity() {
            let workflow = LocalWorkflow {
                namespace: self.engine.namespace().clone(),
                execution: task.execution.clone(),
                workflow_type: task.workflow_type.clone(),
                task_queue: self.task_queue.clone(),
            };
            let (_handle, asked) = LocalHandle::new();
            let never = std::future::pending();
            match activities.run(local, workflow, asked, never).await {
                LocalEnd::Run(outcome) => instance
                    .handle_local_activity(operation, outcome)
                    .map_err(|error| DriveError::Code(error.to_string()))?,
                LocalEnd::FailTask(failure) => return Err(DriveError::Code(failure.to_string())),
                // Nobody stops it.
                LocalEnd::GivenUp => {}
            }
        }
        Ok(())
    }

    async fn has_ended(&self) -> Result<bool, EngineError> {
        let execution = ExecutionRef::current(self.workflow_id.clone());
        let description = self.engine.describe_workflow(execution).await?;
        Ok(description.status != ExecutionStatus::Running)
    }
}

/// Lets every activity go on; `true` when one has ended.
async fn poll_all(activities: &mut Vec<BoxFuture<'static, ()>>) -> bool {
    let mut ended = false;
    // Heartbeats are sent by tasks of the runtime, which take their turns in between.
    for _ in 0..3 {
        poll_fn(|context| {
            activities.retain_mut(|activity| {
                let ready = activity.as_mut().poll(context).is_ready();
                ended |= ready;
                !ready
            });
            Poll::Ready(())
        })
        .await;
        tokio::task::yield_now().await;
    }
    ended
}

/// Waits a moment for an activity that waits for something real; `true` when one has ended.
async fn wait_for_any(activities: &mut Vec<BoxFuture<'static, ()>>) -> bool {
    let any = poll_fn(|context| {
        let before = activities.len();
        activities.retain_mut(|activity| activity.as_mut().poll(context).is_pending());
        if activities.len() < before {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    });
    tokio::time::timeout(REAL_WAIT, any).await.is_ok()
}
