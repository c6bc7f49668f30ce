//! Workers: they poll a task queue and run the workflows and activities that are registered.

mod activity_tasks;
mod answers;
mod local_activities;
mod mailbox;
mod options;
mod owed;
mod polls;
mod registry;
mod run_cache;
mod seen;
mod settings;
mod shutdown;
mod threads;
mod watchdog;
mod whole_history;
mod workflow_tasks;
mod workflow_thread;

use std::{
    fmt,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use steadfast_core::{
    ids::{InvalidId, ScheduleId, TaskQueue},
    payload::Payload,
    text::Escaped,
};
use thiserror::Error;

pub(crate) use self::local_activities::LocalActivities;
#[cfg(feature = "embedded")]
pub(crate) use self::local_activities::{LocalEnd, LocalHandle};
pub use self::options::WorkerOptions;
pub(crate) use self::{activity_tasks::ActivityTasks, registry::Registry, shutdown::Shutdown};
use self::{
    answers::Answers, settings::ThreadSettings, threads::Threads, workflow_tasks::WorkflowTasks,
};
use crate::{
    activity::{ActivityContext, ActivityError},
    client::{Client, ClientError, ScheduleOptions},
    definition::{Activities, ActivityDefinition, IntoActivities, WorkflowImplementation},
    engine::EngineError,
    untyped::DynamicWorkflow,
};

/// How long a worker that ends waits for threads that have nothing left to do. One that is in workflow code for
/// longer is left.
const THREADS_END: Duration = Duration::from_millis(100);

/// Why a worker could not be built or cannot go on.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WorkerError {
    /// The name of the task queue is not valid.
    #[error(transparent)]
    TaskQueue(#[from] InvalidId),
    /// A name is registered more than once.
    #[error(
        "{} registered more than once; give one of them another `name`",
        Escaped(names)
    )]
    Duplicate {
        /// The names.
        names: String,
    },
    /// Nothing is registered.
    #[error("nothing is registered; call `register_workflow` or `register_activities`")]
    Empty,
    /// An option makes no sense.
    #[error("the worker's option `{option}` makes no sense: {problem}")]
    InvalidOption {
        /// Which.
        option: &'static str,
        /// Why, and what to do.
        problem: String,
    },
    /// The worker runs already.
    #[error("the worker runs already")]
    Running,
    /// The worker ran and has ended.
    #[error("the worker has ended, and runs once; build another one")]
    Ended,
    /// The operating system gave no thread or signal handler.
    #[error("the operating system refused a thread or a signal handler")]
    System(#[from] std::io::Error),
    /// Workflow code keeps too many threads: it blocks, or goes round without a wait.
    #[error(
        "workflow code keeps more than {count} threads that were given up; the log names the workflows: \
         move what blocks into activities, and see to it that every loop waits for something"
    )]
    ThreadsKept {
        /// How many may be kept.
        count: usize,
    },
    /// The engine is gone.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A schedule that the worker declares could not be created or updated.
    #[error("the schedule `{schedule_id}` could not be declared")]
    Schedule {
        /// Which.
        schedule_id: ScheduleId,
        /// Why.
        source: Box<ClientError>,
    },
}

/// Builds a [`Worker`].
#[must_use]
pub struct WorkerBuilder {
    client: Client,
    task_queue: Result<TaskQueue, InvalidId>,
    registry: Registry,
    options: WorkerOptions,
    schedules: Vec<(Result<ScheduleId, InvalidId>, ScheduleOptions)>,
}

impl fmt::Debug for WorkerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerBuilder")
            .field("task_queue", &self.task_queue)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl WorkerBuilder {
    /// Adds a workflow.
    pub fn register_workflow<W: WorkflowImplementation>(mut self) -> Self {
        self.registry.add_workflow::<W>();
        self
    }

    /// Adds every activity of a type: of its value, or of an `Arc` of it.
    pub fn register_activities<A: Activities>(
        mut self,
        implementer: impl IntoActivities<A>,
    ) -> Self {
        self.registry.add_activities(implementer.into_activities());
        self
    }

    /// Runs workflows of every type that is not registered otherwise.
    pub fn register_dynamic_workflow<D: DynamicWorkflow>(mut self) -> Self {
        self.registry.set_dynamic_workflow::<D>();
        self
    }

    /// Runs activities of every type that is not registered otherwise. Which one is asked for is in
    /// `ctx.info().activity_type`.
    pub fn register_dynamic_activity<F, T>(mut self, function: F) -> Self
    where
        F: Fn(ActivityContext, Vec<Payload>) -> T + Send + Sync + 'static,
        T: Future<Output = Result<Payload, ActivityError>> + Send + 'static,
    {
        self.registry.set_dynamic_activity(function);
        self
    }

    /// Puts a function in the place of an activity, for tests: after `register_activities` it
    /// replaces that one activity, without it nothing else is needed.
    pub fn mock_activity<A, F, T>(mut self, _activity: A, mock: F) -> Self
    where
        A: ActivityDefinition,
        F: Fn(ActivityContext, A::Input) -> T + Send + Sync + 'static,
        T: Future<Output = Result<A::Output, ActivityError>> + Send + 'static,
    {
        self.registry.mock_activity::<A, F, T>(mock);
        self
    }

    /// Declares a schedule: before the worker takes its first task, the schedule is created, or updated if its times, its action, its
    /// policies or what is shown with it are others than these. So a service owns its schedules in its code, and any number of workers that start at
    /// once make one of each. Whether it is paused, its notes and how many actions remain are left as they are; a schedule that is no
    /// longer declared stays until somebody deletes it.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use steadfast::{client::ScheduleOptions, prelude::*};
    /// # fn example(client: &Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let sweep = WorkflowStartOptions::new("upkeep", "sweep");
    /// let worker = Worker::builder(client, "upkeep")
    ///     .schedule("sweep", ScheduleOptions::by_name("Sweep", vec![], sweep).every(Duration::from_secs(3_600)));
    /// # Ok(())
    /// # }
    /// ```
    pub fn schedule(mut self, schedule_id: impl AsRef<str>, options: ScheduleOptions) -> Self {
        let schedule_id = ScheduleId::new(schedule_id);
        self.schedules.push((schedule_id, options));
        self
    }

    /// Chooses how much the worker does at a time, and how it ends.
    pub fn options(mut self, options: WorkerOptions) -> Self {
        self.options = options;
        self
    }

    /// Builds the worker; it does nothing until it is run.
    ///
    /// # Errors
    ///
    /// When a name is not valid or registered twice, nothing is registered, or an option makes no sense.
    pub fn build(self) -> Result<Worker, WorkerError> {
        let Self {
            client,
            task_queue,
            registry,
            options,
            schedules,
        } = self;
        let task_queue = task_queue?;
        let mut declared = Vec::new();
        for (schedule_id, options) in schedules {
            declared.push((schedule_id?, options));
        }
        options.check()?;
        if !registry.duplicates().is_empty() {
            return Err(WorkerError::Duplicate {
                names: registry.duplicates().join(", "),
            });
        }
        if !registry.has_workflows() && !registry.has_activities() {
            return Err(WorkerError::Empty);
        }
        Ok(Worker {
            inner: Arc::new(Inner {
                client,
                task_queue,
                registry: Arc::new(registry),
                options,
                schedules: declared,
                shutdown: Shutdown::new(),
                life: Mutex::new(Life::New),
            }),
        })
    }
}

/// Runs the workflows and activities of one task queue.
#[derive(Clone)]
pub struct Worker {
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    task_queue: TaskQueue,
    registry: Arc<Registry>,
    options: WorkerOptions,
    schedules: Vec<(ScheduleId, ScheduleOptions)>,
    shutdown: Shutdown,
    life: Mutex<Life>,
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker")
            .field("task_queue", &self.inner.task_queue)
            .finish_non_exhaustive()
    }
}

/// Stops a worker from elsewhere.
#[derive(Clone, Debug)]
pub struct ShutdownHandle(Shutdown);

impl ShutdownHandle {
    /// Asks the worker to take no new tasks and to end once those that run have ended.
    pub fn shutdown(&self) {
        self.0.stop();
    }
}

impl Worker {
    /// The queue that it polls, and whether for workflow tasks and for activity tasks.
    #[cfg(feature = "embedded")]
    pub(crate) fn polls(&self) -> (&TaskQueue, bool, bool) {
        let registry = &self.inner.registry;
        let kinds = (registry.has_workflows(), registry.has_activities());
        (&self.inner.task_queue, kinds.0, kinds.1)
    }

    /// Starts a worker for a task queue.
    pub fn builder(client: &Client, task_queue: impl AsRef<str>) -> WorkerBuilder {
        WorkerBuilder {
            client: client.clone(),
            task_queue: TaskQueue::new(task_queue),
            registry: Registry::default(),
            options: WorkerOptions::default(),
            schedules: Vec::new(),
        }
    }

    /// Stops the worker from elsewhere.
    #[must_use]
    pub fn shutdown_handle(&self) -> ShutdownHandle {
        ShutdownHandle(self.inner.shutdown.clone())
    }

    /// Runs until SIGINT, SIGTERM or a [`ShutdownHandle`] asks for an end, and then until running
    /// tasks have ended, but no longer than
    /// [`graceful_shutdown_timeout`](WorkerOptions::graceful_shutdown_timeout). A second signal ends
    /// the process at once, with the status that a shell gives it (130 for SIGINT, 143 for SIGTERM), also
    /// when this has returned and the process hangs in what it left: nothing acknowledged is lost by that.
    ///
    /// # Errors
    ///
    /// When the worker runs already, the engine is gone, or workflow code keeps more than 64 threads
    /// that were given up (see [`WorkerOptions::deadlock_timeout`]).
    pub async fn run(&self) -> Result<(), WorkerError> {
        let mut signals = Signals::listen()?;
        let asked = tokio::sync::Notify::new();
        let stop = async {
            tokio::select! {
                _ = signals.next() => end_at_the_next_signal(),
                () = self.inner.shutdown.is_stopping() => {}
            }
            asked.notify_one();
            // From here on a signal is the second one.
            std::process::exit(signals.next().await)
        };
        let stop = std::pin::pin!(stop);
        let until = async { asked.notified().await };
        tokio::select! {
            biased;
            ended = self.run_until(until) => ended,
            _ = stop => Ok(()),
        }
    }

    /// Runs until a future has ended, and gives what that gave.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run) does; then the future is dropped unfinished.
    pub async fn run_until<T>(&self, until: impl Future<Output = T>) -> Result<T, WorkerError> {
        let inner = &self.inner;
        let _running = Running::begin(&inner.life)?;
        for (schedule_id, options) in &inner.schedules {
            let declared = inner.client.declare_schedule(schedule_id, options).await;
            declared.map_err(|error| WorkerError::Schedule {
                schedule_id: schedule_id.clone(),
                source: Box::new(error),
            })?;
        }
        let answers = Answers::start();
        let (fatal, mut broken) = tokio::sync::mpsc::unbounded_channel();
        let threads = Threads::start(ThreadSettings {
            engine: Arc::clone(inner.client.engine()),
            task_queue: inner.task_queue.clone(),
            options: inner.options.clone(),
            local: LocalActivities {
                engine: Arc::clone(inner.client.engine()),
                shutdown: inner.shutdown.clone(),
                registry: Arc::clone(&inner.registry),
                slots: WorkerOptions::slots(inner.options.max_concurrent_local_activities),
                runtime: tokio::runtime::Handle::current(),
                propagation: inner.client.propagation().clone(),
            },
            fatal,
        })?;
        let workflows = Arc::new(WorkflowTasks {
            engine: Arc::clone(inner.client.engine()),
            task_queue: inner.task_queue.clone(),
            identity: inner.client.identity().clone(),
            slots: WorkerOptions::slots(inner.options.max_concurrent_workflow_tasks),
            shutdown: inner.shutdown.clone(),
            threads,
            answers: answers.clone(),
        });
        let activities = Arc::new(ActivityTasks {
            engine: Arc::clone(inner.client.engine()),
            registry: Arc::clone(&inner.registry),
            task_queue: inner.task_queue.clone(),
            identity: inner.client.identity().clone(),
            slots: WorkerOptions::slots(inner.options.max_concurrent_activities),
            max_tasks_per_second: inner.options.max_task_queue_activities_per_second,
            shutdown: inner.shutdown.clone(),
            propagation: inner.client.propagation().clone(),
        });
        let mut polls = tokio::task::JoinSet::new();
        for _ in 0..inner.client.engine().concurrent_polls() {
            if inner.registry.has_workflows() {
                polls.spawn(Arc::clone(&workflows).poll_all());
            }
            if inner.registry.has_activities() {
                polls.spawn(Arc::clone(&activities).poll_all(answers.clone()));
            }
        }
        let mut until = std::pin::pin!(until);
        let result = loop {
            tokio::select! {
                biased;
                value = &mut until => break Ok(value),
                Some(error) = broken.recv() => break Err(error),
                Some(ended) = polls.join_next() => match ended {
                    // A poll that ended because of a shutdown waits for `until` like all others.
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => break Err(WorkerError::from(error)),
                    Err(panic) => break Err(WorkerError::System(std::io::Error::other(panic))),
                },
            }
        };
        self.stop(&mut polls, &workflows, &activities, &answers)
            .await;
        drop((workflows, activities, answers));
        // Each thread has its end of this, and lets go of the engine before.
        let threads = async { while broken.recv().await.is_some() {} };
        let _ = tokio::time::timeout(THREADS_END, threads).await;
        result
    }

    /// Takes no new tasks and waits for those that run.
    async fn stop(
        &self,
        polls: &mut tokio::task::JoinSet<Result<(), EngineError>>,
        workflows: &Arc<WorkflowTasks>,
        activities: &Arc<ActivityTasks>,
        answers: &Answers,
    ) {
        let Inner {
            client,
            task_queue,
            shutdown,
            options,
            ..
        } = &*self.inner;
        let (engine, identity) = (client.engine(), client.identity());
        // Meanwhile the polls go on: what still comes is worked on at once.
        let closed = engine.close_polls(task_queue.clone(), identity.clone());
        if let Err(error) = closed.await {
            tracing::warn!(%error, "the polls could not be closed");
        }
        shutdown.stop();
        while polls.join_next().await.is_some() {}
        let ended = engine.end_polls(task_queue.clone(), identity.clone());
        match ended.await {
            Ok(untaken) => {
                for task in untaken.workflow_tasks {
                    workflows.take_untaken(task).await;
                }
                for lease in untaken.activity_tasks {
                    activities.take_untaken(lease, answers).await;
                }
            }
            Err(error) => tracing::warn!(%error, "the polls could not be ended"),
        }
        let grace = options.graceful_shutdown_timeout;
        let last = (grace / 10).min(Duration::from_secs(1));
        if tokio::time::timeout(grace - last, shutdown.all_ended())
            .await
            .is_ok()
        {
            return;
        }
        shutdown.end_grace();
        if tokio::time::timeout(last, shutdown.all_ended())
            .await
            .is_err()
        {
            tracing::warn!(
                "tasks are still running although they were told to stop; they are left"
            );
        }
    }
}

/// Where the only run of a worker stands.
#[derive(Clone, Copy, Debug)]
enum Life {
    New,
    Running,
    Ended,
}

/// The run of a worker, which ends when this is dropped, however that comes about.
struct Running<'a>(&'a Mutex<Life>);

impl<'a> Running<'a> {
    fn begin(life: &'a Mutex<Life>) -> Result<Self, WorkerError> {
        let mut now = life.lock().unwrap_or_else(PoisonError::into_inner);
        match *now {
            Life::New => *now = Life::Running,
            Life::Running => return Err(WorkerError::Running),
            Life::Ended => return Err(WorkerError::Ended),
        }
        Ok(Self(life))
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Life::Ended;
    }
}

/// Ends the process at the second signal also when the worker has ended meanwhile, and the runtime waits for an activity that
/// blocks one of its threads.
fn end_at_the_next_signal() {
    let wait = || -> Result<std::convert::Infallible, WorkerError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let _entered = runtime.enter();
        let mut signals = Signals::listen()?;
        std::process::exit(runtime.block_on(signals.next()))
    };
    let named = std::thread::Builder::new().name("steadfast-signals".to_owned());
    let started = named.spawn(move || {
        let Err(error) = wait();
        tracing::warn!(%error, "a second signal will not end the process");
    });
    if let Err(error) = started {
        tracing::warn!(%error, "a second signal may not end the process");
    }
}

/// SIGINT and SIGTERM.
struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    fn listen() -> Result<Self, WorkerError> {
        Ok(Self {
            #[cfg(unix)]
            terminate: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?,
        })
    }

    /// Waits for one, and gives the status with which a process ends because of it.
    async fn next(&mut self) -> i32 {
        let interrupt = async {
            if tokio::signal::ctrl_c().await.is_err() {
                // The operating system does not tell of it.
                std::future::pending::<()>().await;
            }
            130
        };
        #[cfg(unix)]
        tokio::select! {
            status = interrupt => status,
            _ = self.terminate.recv() => 143,
        }
        #[cfg(not(unix))]
        interrupt.await
    }
}
