//! Proves that a workflow survives being cancelled, and its worker crashing, anywhere.
//!
//! An execution passes points: before and after each workflow task, when an activity is given to a
//! worker, at every heartbeat, before every outcome is recorded. The explorer runs the workflow once
//! undisturbed and counts them. Then it runs it again for each: once with a cancellation there, once
//! with a crash of the worker, and with both. After each run it asks the invariant.

mod driver;
mod gate;
mod schedule;

use std::{fmt, sync::Arc};

use steadfast_core::{
    history::History,
    ids::{Identity, RequestId, SignalName, TaskQueue, WorkflowId, WorkflowType},
    options::{WorkflowIdConflictPolicy, WorkflowIdReusePolicy, WorkflowTimeouts},
    payload::{Payload, PayloadMap},
};

pub use self::schedule::{InvalidSchedule, PointNumber, Schedule};
use self::{driver::Driver, gate::Gate};
use super::environment::START;
use crate::{
    client::{Client, ClientError, WorkflowHandle},
    definition::{
        Activities, RunDefinition, SignalDefinition, WorkflowDefinition, WorkflowImplementation,
    },
    engine::{
        Engine as _, ExecutionRef, Signal, StartWorkflowRequest,
        embedded::{EmbeddedEngine, EmbeddedOptions, ManualClock},
    },
    worker::Registry,
};

type Register<S> = Box<dyn Fn(&Arc<S>, &mut Registry)>;
type Check<S, W> = Box<dyn Fn(&S, &Outcome<W>) -> Result<(), String>>;

/// Starts to explore a workflow with an input.
///
/// ```
/// # use steadfast::{prelude::*, testing::explore};
/// # #[workflow] #[derive(Default)] struct Nap;
/// # #[workflow_methods] impl Nap {
/// # #[run] async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
/// # Ok(ctx.sleep(std::time::Duration::from_secs(60)).await?) } }
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let report = explore(Nap::run, (), || ())
///     .check(|_, outcome| match &outcome.result {
///         Err(error) if !error.is_cancelled() => Err(error.to_string()),
///         _ => Ok(()),
///     })
///     .run()
///     .await;
/// report.assert_ok();
/// # }
/// ```
///
/// `world` makes what the activities work on, anew for each schedule.
///
/// # Panics
///
/// When the input cannot be encoded.
#[expect(
    clippy::needless_pass_by_value,
    reason = "arguments are given away, as in a call"
)]
pub fn explore<R: RunDefinition<Workflow: WorkflowImplementation>, S: 'static>(
    run: R,
    input: <R::Workflow as WorkflowDefinition>::Input,
    world: impl Fn() -> S + 'static,
) -> Explorer<R, S> {
    let payloads = <R::Workflow as WorkflowDefinition>::arguments()
        .encode(&input)
        .expect("the input is encodable");
    let register: Register<S> = Box::new(|_, registry| registry.add_workflow::<R::Workflow>());
    Explorer {
        _run: run,
        input: payloads,
        world: Box::new(world),
        register: vec![register],
        signals: Vec::new(),
        check: None,
        max_schedules: 2_000,
    }
}

/// Explores a workflow; see [`explore`].
#[must_use = "nothing is explored until `run` is awaited"]
pub struct Explorer<R: RunDefinition, S> {
    _run: R,
    input: Vec<Payload>,
    world: Box<dyn Fn() -> S>,
    register: Vec<Register<S>>,
    signals: Vec<Signal>,
    check: Option<Check<S, R::Workflow>>,
    max_schedules: usize,
}

impl<R: RunDefinition, S> fmt::Debug for Explorer<R, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Explorer")
    }
}

/// How an execution ended.
pub struct Outcome<W: WorkflowDefinition> {
    /// What was done to it.
    pub schedule: Schedule,
    /// Its result.
    pub result: Result<W::Output, ClientError>,
    /// Its history.
    pub history: History,
}

impl<W: WorkflowDefinition> fmt::Debug for Outcome<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outcome")
            .field("schedule", &self.schedule)
            .field("result", &self.result.as_ref().map(|_| "…"))
            .field("history", &self.history)
            .finish()
    }
}

impl<R: RunDefinition, S: Send + Sync + 'static> Explorer<R, S> {
    /// Adds another workflow, such as a child.
    pub fn workflow<W: WorkflowImplementation>(mut self) -> Self {
        self.register
            .push(Box::new(|_, registry| registry.add_workflow::<W>()));
        self
    }

    /// Adds activities, made for the world of each schedule.
    pub fn activities<A: Activities>(mut self, make: impl Fn(&Arc<S>) -> A + 'static) -> Self {
        self.register.push(Box::new(move |world, registry| {
            registry.add_activities(Arc::new(make(world)));
        }));
        self
    }

    /// Sends a signal once nothing else is left to do. Several are sent one after the other.
    ///
    /// # Panics
    ///
    /// When the signal's input cannot be encoded.
    pub fn signal<G: SignalDefinition<Workflow = R::Workflow>>(
        mut self,
        _signal: G,
        input: &G::Input,
    ) -> Self {
        let number = self.signals.len();
        self.signals.push(Signal {
            name: SignalName::new(G::NAME).expect("the macro refuses empty names"),
            input: G::arguments()
                .encode(input)
                .expect("the input is encodable"),
            header: PayloadMap::new(),
            identity: identity(),
            request_id: RequestId::new(format!("signal-{number}")).expect("not empty, not long"),
        });
        self
    }

    /// Sets the invariant: what must hold of the world and the outcome, whatever was done.
    pub fn check(
        mut self,
        invariant: impl Fn(&S, &Outcome<R::Workflow>) -> Result<(), String> + 'static,
    ) -> Self {
        self.check = Some(Box::new(invariant));
        self
    }

    /// Limits how many schedules are tried; 2,000 by default. Those that do less come first.
    pub fn max_schedules(mut self, limit: usize) -> Self {
        self.max_schedules = limit;
        self
    }

    /// Runs one schedule: a failing one, again.
    pub async fn run_schedule(&self, schedule: Schedule) -> Report {
        let tried = self.attempt(schedule).await;
        Report {
            schedules: 1,
            points: tried.points.len(),
            failures: tried.failure.into_iter().collect(),
        }
    }

    /// Tries every schedule.
    pub async fn run(&self) -> Report {
        let undisturbed = self.attempt(Schedule::default()).await;
        let points = undisturbed.points.len();
        let mut report = Report {
            schedules: 1,
            points,
            failures: undisturbed.failure.into_iter().collect(),
        };
        // The rest would fail in the same way and hide why.
        if !report.failures.is_empty() {
            return report;
        }
        let mut after_cancel = Vec::new();
        for point in 0..points {
            let cancel = Schedule {
                cancel: Some(point),
                crash: None,
            };
            let crash = Schedule {
                cancel: None,
                crash: Some(point),
            };
            for schedule in [cancel, crash] {
                if report.schedules >= self.max_schedules {
                    return report;
                }
                let tried = self.attempt(schedule).await;
                report.schedules += 1;
                if schedule.cancel.is_some() {
                    after_cancel.push((point, tried.points.len()));
                }
                report.failures.extend(tried.failure);
            }
        }
        // A cancellation changes the way: its own points, after it, are crashed at too.
        for (cancel, points) in after_cancel {
            for crash in cancel..points {
                if report.schedules >= self.max_schedules {
                    return report;
                }
                let schedule = Schedule {
                    cancel: Some(cancel),
                    crash: Some(crash),
                };
                report.schedules += 1;
                report.failures.extend(self.attempt(schedule).await.failure);
            }
        }
        report
    }

    async fn attempt(&self, schedule: Schedule) -> Tried {
        let world = Arc::new((self.world)());
        let mut registry = Registry::default();
        for register in &self.register {
            register(&world, &mut registry);
        }
        let (points, judged) = self.execute(schedule, &world, registry).await;
        let failure = judged.err().map(|(reason, history)| Failed {
            schedule,
            at: [schedule.cancel, schedule.crash]
                .into_iter()
                .flatten()
                .map(|point| points.get(point).cloned().unwrap_or_default())
                .collect(),
            reason,
            history,
        });
        Tried { points, failure }
    }

    async fn execute(
        &self,
        schedule: Schedule,
        world: &Arc<S>,
        registry: Registry,
    ) -> (Vec<String>, Result<(), (String, Option<History>)>) {
        let clock = ManualClock::at(START);
        let options = EmbeddedOptions::in_memory().clock(clock.clone());
        let engine = match EmbeddedEngine::open(options) {
            Ok(engine) => engine,
            Err(error) => return (Vec::new(), Err((error.to_string(), None))),
        };
        let workflow_id = WorkflowId::new("explored").expect("not empty, not long");
        let task_queue = TaskQueue::new("explored").expect("not empty, not long");
        let request = self.start_request(workflow_id.clone(), task_queue.clone());
        if let Err(error) = engine.start_workflow(request).await {
            return (Vec::new(), Err((error.to_string(), None)));
        }
        let gate = Arc::new(Gate::new(
            Arc::clone(&engine),
            workflow_id.clone(),
            schedule,
        ));
        let driver = Driver {
            engine: Arc::clone(&engine),
            clock,
            gate: Arc::clone(&gate),
            registry: Arc::new(registry),
            task_queue,
            workflow_id: workflow_id.clone(),
            signals: self.signals.clone(),
            worker: identity(),
        };
        let driven = driver.drive().await;
        let client = Client::new(engine);
        let handle: WorkflowHandle<R::Workflow> =
            WorkflowHandle::new(client, ExecutionRef::current(workflow_id));
        let judged = match (driven, handle.history().await) {
            (Err(error), history) => Err((error.to_string(), history.ok())),
            (Ok(()), Err(error)) => Err((error.to_string(), None)),
            (Ok(()), Ok(history)) => {
                let result = handle.result().await;
                let outcome = Outcome {
                    schedule,
                    result,
                    history,
                };
                match &self.check {
                    None => Ok(()),
                    Some(check) => {
                        check(world, &outcome).map_err(|reason| (reason, Some(outcome.history)))
                    }
                }
            }
        };
        (gate.points(), judged)
    }

    fn start_request(
        &self,
        workflow_id: WorkflowId,
        task_queue: TaskQueue,
    ) -> StartWorkflowRequest {
        StartWorkflowRequest {
            workflow_id,
            workflow_type: WorkflowType::new(<R::Workflow as WorkflowDefinition>::WORKFLOW_TYPE)
                .expect("the macro refuses empty and overlong names"),
            task_queue,
            input: self.input.clone(),
            header: PayloadMap::new(),
            timeouts: WorkflowTimeouts::default(),
            identity: identity(),
            request_id: RequestId::new("start").expect("not empty, not long"),
            id_reuse_policy: WorkflowIdReusePolicy::default(),
            id_conflict_policy: WorkflowIdConflictPolicy::default(),
            retry_policy: None,
            start_delay: std::time::Duration::ZERO,
            cron_schedule: None,
            memo: PayloadMap::new(),
            search_attributes: PayloadMap::new(),
            user_metadata: None,
            priority: None,
            unmodelled: None,
        }
    }
}

fn identity() -> Identity {
    Identity::new("explorer").expect("not empty and not long")
}

struct Tried {
    points: Vec<String>,
    failure: Option<Failed>,
}

/// A schedule under which the invariant does not hold.
#[derive(Clone, Debug)]
pub struct Failed {
    /// What was done.
    pub schedule: Schedule,
    /// What the execution was about to do where it was done.
    pub at: Vec<String>,
    /// What the invariant says.
    pub reason: String,
    /// The execution's history, if it came to be one.
    pub history: Option<History>,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "schedule `{}` fails: {}", self.schedule, self.reason)?;
        for at in &self.at {
            writeln!(f, "  at: {at}")?;
        }
        writeln!(
            f,
            "  run it again with `.run_schedule(\"{}\".parse()?)`",
            self.schedule
        )?;
        match &self.history {
            Some(history) => write!(f, "{history}"),
            None => Ok(()),
        }
    }
}

/// What exploring found.
#[derive(Clone, Debug)]
pub struct Report {
    /// How many schedules were tried.
    pub schedules: usize,
    /// How many points the undisturbed execution passes.
    pub points: usize,
    /// The schedules that failed.
    pub failures: Vec<Failed>,
}

impl Report {
    /// The failing schedule that does the least.
    #[must_use]
    pub fn smallest_failure(&self) -> Option<&Failed> {
        self.failures
            .iter()
            .min_by_key(|failed| failed.schedule.weight())
    }

    /// Says nothing when every schedule held.
    ///
    /// # Panics
    ///
    /// With the smallest failing schedule, when there is one.
    pub fn assert_ok(&self) {
        assert!(self.failures.is_empty(), "{self}");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "explored {} schedules over {} points: {} failed",
            self.schedules,
            self.points,
            self.failures.len()
        )?;
        match self.smallest_failure() {
            Some(failed) => write!(f, "{failed}"),
            None => Ok(()),
        }
    }
}
