//! What the scenarios stand on: an engine behind a gate, a client, workers that a scenario starts and stops, a
//! workflow whose code is a closure.

use std::{
    collections::BTreeMap,
    panic::Location,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::future::LocalBoxFuture;
use steadfast::{
    client::{ResetOptions, ResetPoint},
    core::{
        event::{EventKind, ExecutionStatus, HistoryEvent},
        ids::{EventId, RunId, WorkflowExecution},
    },
    engine::{
        ExecutionRef, HistoryRequest, HistoryWait, ListFilter, ListWorkflowsRequest,
        WorkflowDescription,
    },
    prelude::*,
    worker::WorkerOptions,
    workflow::{ActivityOptionsBuilder, ChildWorkflowOptionsBuilder},
};
use steadfast_engine::conformance::notation;
use tokio::sync::oneshot;

use crate::{
    engines::{Judged, Time, engines},
    gate::{Gate, Gated},
    stage::{Board, EVERYTHING},
};

pub(crate) use crate::{
    here::{MINUTE, REAL_TIME},
    stage::Stage,
};

/// Where workflows run.
pub(crate) const WORKFLOWS: &str = "workflows";
/// Where those children run whose worker a scenario holds back.
pub(crate) const CHILDREN: &str = "children";
/// Where activities run.
const ACTIVITIES: &str = "activities";
/// Where nothing runs.
pub(crate) const NOBODY: &str = "nobody";

pub(crate) const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// Long enough for a busy machine, and short enough to see what hangs.
const HANGS_AFTER: Duration = Duration::from_secs(if REAL_TIME { 180 } else { 30 });

/// Runs a scenario on every engine, with a worker that keeps runs in memory and with one that replays each
/// run for each task. Both must leave the same history.
pub(crate) async fn judge(scenario: impl AsyncFn(&World)) {
    for open in engines() {
        for cached_runs in [100, 0] {
            let Some(judged) = open().await else {
                continue;
            };
            let name = judged.name;
            let world = World::new(judged, cached_runs);
            if tokio::time::timeout(HANGS_AFTER, scenario(&world))
                .await
                .is_err()
            {
                panic!(
                    "the scenario hangs on the engine `{name}` with {cached_runs} cached runs\n{}\n{:?}",
                    world.histories().await.join("\n"),
                    world.board.said(),
                );
            }
            world.end().await;
        }
    }
}

/// Makes a test of each scenario, and the list of their numbers.
macro_rules! cases {
    ($($number:literal: $name:ident,)+) => {
        pub(crate) const NUMBERS: &[u32] = &[$($number),+];

        mod case {
            $(
                #[tokio::test]
                async fn $name() {
                    crate::harness::judge(super::$name).await;
                }
            )+
        }
    };
}
pub(crate) use cases;

pub(crate) type Ctx = WorkflowContext<Script>;

type Body = Arc<dyn Fn(Ctx) -> LocalBoxFuture<'static, WorkflowResult<String>> + Send + Sync>;

fn bodies() -> &'static Mutex<BTreeMap<String, Body>> {
    static BODIES: OnceLock<Mutex<BTreeMap<String, Body>>> = OnceLock::new();
    BODIES.get_or_init(Mutex::default)
}

/// Names the code of a [`Script`].
pub(crate) fn define(
    body: impl AsyncFn(&mut Ctx) -> WorkflowResult<String> + Send + Sync + 'static,
) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let name = format!("body {}", NEXT.fetch_add(1, Ordering::Relaxed));
    let body = Arc::new(body);
    let body: Body = Arc::new(move |mut ctx| {
        let body = Arc::clone(&body);
        Box::pin(async move { body(&mut ctx).await })
    });
    bodies()
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(name.clone(), body);
    name
}

/// A workflow whose code is a closure, by its name.
#[workflow]
#[derive(Debug, Default)]
pub(crate) struct Script {
    /// How often it was told to proceed.
    pub(crate) proceeds: usize,
    /// The name of its code.
    body: String,
}

#[workflow_methods]
impl Script {
    #[run]
    pub(crate) async fn run(
        ctx: &mut WorkflowContext<Self>,
        body: String,
    ) -> WorkflowResult<String> {
        ctx.state_mut(|state| state.body.clone_from(&body));
        let body = Arc::clone(
            bodies()
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get(&body)
                .expect("it was defined"),
        );
        body(ctx.clone()).await
    }

    /// Lets it go on.
    #[signal]
    pub(crate) fn proceed(&mut self) {
        self.proceeds += 1;
    }

    /// Lets it go on, and says how often that was.
    #[update]
    pub(crate) fn proceed_now(&mut self) -> usize {
        self.proceeds += 1;
        self.proceeds
    }

    /// Waits until it was let go on so often.
    #[update]
    pub(crate) async fn proceeded(
        ctx: &mut WorkflowContext<Self>,
        times: usize,
    ) -> WorkflowResult<usize> {
        ctx.wait_condition(|state| state.proceeds >= times).await?;
        Ok(ctx.state(|state| state.proceeds))
    }

    #[update_validator(proceeded)]
    fn check(&self, times: &usize) -> Result<(), String> {
        match times {
            0 => Err("it was let go on so often before it began".to_owned()),
            _ => Ok(()),
        }
    }

    /// How often it was let go on.
    #[query]
    pub(crate) fn proceeds(&self) -> usize {
        self.proceeds
    }
}

/// Waits for signals whatever was cancelled.
pub(crate) async fn told_to_proceed(ctx: &Ctx, times: usize) -> WorkflowResult<()> {
    ctx.disconnected(async |ctx| ctx.wait_condition(|state| state.proceeds >= times).await)
        .await?;
    Ok(())
}

/// Runs the same code in the next run.
pub(crate) fn continue_as_new(ctx: &Ctx) -> WorkflowResult<String> {
    let body = ctx.state(|state| state.body.clone());
    ctx.continue_as_new(body, ContinueAsNewOptions::default())
}

pub(crate) fn is_first_run(ctx: &Ctx) -> bool {
    ctx.view().continued_run_id().is_none()
}

/// What an activity ended with, as a workflow sees it.
pub(crate) fn saw(result: &Result<String, ActivityExecutionError>) -> String {
    match result {
        Ok(value) => value.clone(),
        Err(error) => format!(
            "{} cancelled={}",
            notation::short(error.failure()).replace('"', "'"),
            error.is_cancelled()
        ),
    }
}

fn task_queue(name: &str) -> TaskQueue {
    TaskQueue::new(name).unwrap()
}

/// An activity with limits of an hour on an attempt and a minute between heartbeats.
pub(crate) fn options() -> ActivityOptionsBuilder {
    ActivityOptions::with_start_to_close_timeout(HOUR)
        .heartbeat_timeout(MINUTE)
        .task_queue(task_queue(ACTIVITIES))
}

/// The same with a cancellation type.
pub(crate) fn cancelled_by(cancellation_type: ActivityCancellationType) -> ActivityOptionsBuilder {
    options().cancellation_type(cancellation_type)
}

/// The same on a queue that no worker polls.
pub(crate) fn nobodys(cancellation_type: ActivityCancellationType) -> ActivityOptionsBuilder {
    cancelled_by(cancellation_type).task_queue(task_queue(NOBODY))
}

/// A child with this id, on the queue whose worker a scenario holds back.
pub(crate) fn child(id: &str) -> ChildWorkflowOptionsBuilder {
    ChildWorkflowOptions::with_workflow_id(workflow_id(id)).task_queue(task_queue(CHILDREN))
}

pub(crate) fn workflow_id(id: &str) -> WorkflowId {
    WorkflowId::new(id).unwrap()
}

/// What a start asks for by default.
pub(crate) fn start_options(id: &str) -> steadfast::client::WorkflowStartOptionsBuilder {
    WorkflowStartOptions::new(WORKFLOWS, id)
}

type Running = (oneshot::Sender<()>, tokio::task::JoinHandle<()>);

/// An engine with everything that a scenario needs.
pub(crate) struct World {
    time: Box<dyn Time>,
    pub(crate) client: Client,
    pub(crate) board: Arc<Board>,
    /// Holds back answers to workflow tasks.
    pub(crate) gate: Gate,
    cached_runs: usize,
    working: Mutex<BTreeMap<&'static str, Running>>,
}

impl World {
    fn new(judged: Judged, cached_runs: usize) -> Self {
        let gate = Gate::new();
        let engine = Arc::new(Gated {
            engine: judged.engine,
            gate: gate.clone(),
        });
        let world = Self {
            time: judged.time,
            client: Client::new(engine).with_identity("client").unwrap(),
            board: Board::new(),
            gate,
            cached_runs,
            working: Mutex::default(),
        };
        for queue in [WORKFLOWS, ACTIVITIES] {
            world.work(queue);
        }
        world
    }

    /// Starts the worker of a queue.
    pub(crate) fn work(&self, queue: &'static str) {
        let options = WorkerOptions {
            max_cached_runs: self.cached_runs,
            workflow_threads: 1,
            graceful_shutdown_timeout: Duration::from_millis(100),
            ..WorkerOptions::default()
        };
        let worker = Worker::builder(&self.client, queue)
            .register_workflow::<Script>()
            .register_activities(Stage(Arc::clone(&self.board)))
            .options(options)
            .build()
            .unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            let _ = worker.run_until(stopped).await.unwrap();
        });
        self.working.lock().unwrap().insert(queue, (stop, task));
    }

    /// Stops the worker of a queue.
    pub(crate) async fn rest(&self, queue: &'static str) {
        let working = self.working.lock().unwrap().remove(queue);
        if let Some((stop, task)) = working {
            drop(stop);
            task.await.unwrap();
        }
    }

    /// Stops the worker that runs activities.
    pub(crate) async fn rest_activities(&self) {
        self.rest(ACTIVITIES).await;
    }

    async fn end(&self) {
        self.board.open(EVERYTHING);
        for queue in [WORKFLOWS, CHILDREN, ACTIVITIES] {
            self.rest(queue).await;
        }
    }

    /// Starts a workflow whose code is a closure.
    pub(crate) async fn start(
        &self,
        id: &str,
        body: impl AsyncFn(&mut Ctx) -> WorkflowResult<String> + Send + Sync + 'static,
    ) -> Flow {
        self.start_with(&define(body), start_options(id)).await
    }

    pub(crate) async fn start_with(
        &self,
        body: &str,
        options: impl Into<WorkflowStartOptions>,
    ) -> Flow {
        let handle = self
            .client
            .start_workflow(Script::run, body.to_owned(), options)
            .await
            .unwrap();
        let run = handle.run_id().unwrap().clone();
        let execution = WorkflowExecution {
            workflow_id: handle.workflow_id().clone(),
            run_id: run,
        };
        Flow {
            client: self.client.clone(),
            handle,
            execution,
        }
    }

    /// The current run of an id.
    pub(crate) async fn find(&self, id: &str) -> Flow {
        let handle = self.client.workflow::<Script>(id).unwrap();
        let execution = handle.describe().await.unwrap().execution;
        Flow {
            client: self.client.clone(),
            handle,
            execution,
        }
    }

    /// Waits until no workflow task of any run with a worker waits or runs, and lets time pass.
    pub(crate) async fn advance(&self, duration: Duration) {
        self.settle().await;
        self.time.pass(duration).await;
    }

    /// Lets time pass, whatever goes on.
    pub(crate) async fn pass(&self, duration: Duration) {
        self.time.pass(duration).await;
    }

    /// Waits until no task is with a worker or on its way to one. Not while an activity is held.
    pub(crate) async fn idle(&self) {
        self.time.rest().await;
    }

    /// Waits until no workflow task of any open run with a worker waits or runs.
    pub(crate) async fn settle(&self) {
        self.time.found().await;
        for described in self.executions().await {
            let worked = self
                .working
                .lock()
                .unwrap()
                .contains_key(described.task_queue.as_str());
            if described.status == ExecutionStatus::Running && worked {
                settled(&self.client, &described.execution).await;
            }
        }
    }

    async fn executions(&self) -> Vec<WorkflowDescription> {
        let request = ListWorkflowsRequest {
            filter: ListFilter::default(),
            page_size: 1_000,
            next_page_token: None,
        };
        self.client
            .engine()
            .list_workflows(request)
            .await
            .unwrap()
            .executions
    }

    async fn histories(&self) -> Vec<String> {
        let mut histories = Vec::new();
        for described in self.executions().await {
            let events = events(&self.client, &described.execution).await;
            let id = described.execution.workflow_id;
            histories.push(format!("{id}: {}", notation::render(&events)));
        }
        histories
    }
}

async fn events(client: &Client, execution: &WorkflowExecution) -> Vec<HistoryEvent> {
    client
        .workflow_run::<Script>(execution.clone())
        .history()
        .await
        .unwrap()
        .events
}

/// Whether a run has no workflow task that waits or runs.
fn is_settled(events: &[HistoryEvent]) -> bool {
    let last = events
        .iter()
        .rev()
        .find(|event| event.kind.name().starts_with("WorkflowTask"));
    last.is_some_and(|event| matches!(event.kind, EventKind::WorkflowTaskCompleted { .. }))
        || events.last().is_some_and(|event| event.kind.is_closing())
}

async fn settled(client: &Client, execution: &WorkflowExecution) {
    loop {
        let events = events(client, execution).await;
        if is_settled(&events) {
            return;
        }
        grown(client, execution, events.len()).await;
    }
}

/// Waits until a run has more events.
async fn grown(client: &Client, execution: &WorkflowExecution, length: usize) {
    let request = HistoryRequest {
        execution: one_run(execution),
        from: EventId(length as u64 + 1),
        page_size: 1,
        wait: HistoryWait::NewEvent,
    };
    client.engine().workflow_history(request).await.unwrap();
}

fn one_run(execution: &WorkflowExecution) -> ExecutionRef {
    ExecutionRef {
        workflow_id: execution.workflow_id.clone(),
        run_id: Some(execution.run_id.clone()),
        first_execution_run_id: None,
    }
}

/// One run, and the handle of the execution that it belongs to.
pub(crate) struct Flow {
    client: Client,
    pub(crate) handle: ScriptHandle,
    pub(crate) execution: WorkflowExecution,
}

impl Flow {
    /// Waits until no workflow task waits or runs.
    pub(crate) async fn settle(&self) {
        settled(&self.client, &self.execution).await;
    }

    /// Waits until the history has an event, by the notation's name, some times.
    pub(crate) async fn reaches(&self, name: &str, times: usize) {
        loop {
            let events = events(&self.client, &self.execution).await;
            let found = events
                .iter()
                .filter(|event| notation::name(&event.kind).starts_with(name));
            if found.count() >= times {
                return;
            }
            grown(&self.client, &self.execution, events.len()).await;
        }
    }

    pub(crate) async fn cancel(&self, reason: &str) {
        self.handle
            .cancel(WorkflowCancelOptions::builder().reason(reason))
            .await
            .unwrap();
    }

    /// Cancels under another name.
    pub(crate) async fn cancel_as(&self, identity: &str, reason: &str) {
        let client = self.client.clone().with_identity(identity).unwrap();
        let handle = client
            .workflow::<Script>(&self.execution.workflow_id)
            .unwrap();
        handle
            .cancel(WorkflowCancelOptions::builder().reason(reason))
            .await
            .unwrap();
    }

    pub(crate) async fn terminate(&self, reason: &str) {
        self.handle
            .terminate(WorkflowTerminateOptions::builder().reason(reason))
            .await
            .unwrap();
    }

    pub(crate) async fn proceed(&self) {
        self.handle.proceed().await.unwrap();
    }

    /// Resets this run and gives the new one.
    pub(crate) async fn reset(&self, event: u64, reason: &str) -> Self {
        let base = self.client.workflow_run::<Script>(self.execution.clone());
        let new = base
            .reset(ResetPoint::event(event), reason, ResetOptions::default())
            .await
            .unwrap();
        self.run(new.run_id().unwrap().clone())
    }

    /// The run that goes on with this one.
    pub(crate) async fn next_run(&self) -> Self {
        loop {
            let events = events(&self.client, &self.execution).await;
            match events.last().map(|event| &event.kind) {
                Some(
                    EventKind::WorkflowExecutionContinuedAsNew {
                        new_execution_run_id,
                        ..
                    }
                    | EventKind::WorkflowExecutionFailed {
                        new_execution_run_id: Some(new_execution_run_id),
                        ..
                    },
                ) => return self.run(new_execution_run_id.clone()),
                _ => grown(&self.client, &self.execution, events.len()).await,
            }
        }
    }

    fn run(&self, run_id: RunId) -> Self {
        let execution = WorkflowExecution {
            workflow_id: self.execution.workflow_id.clone(),
            run_id,
        };
        Self {
            client: self.client.clone(),
            handle: self.client.workflow_run::<Script>(execution.clone()),
            execution,
        }
    }

    pub(crate) async fn describe(&self) -> WorkflowDescription {
        self.client
            .engine()
            .describe_workflow(one_run(&self.execution))
            .await
            .unwrap()
    }

    /// The history in the notation.
    pub(crate) async fn text(&self) -> String {
        notation::render(&events(&self.client, &self.execution).await)
    }

    /// The events without numbers and workflow tasks, for where it depends on time how they fall into tasks.
    pub(crate) async fn facts(&self) -> String {
        let events = events(&self.client, &self.execution).await;
        let names = events
            .iter()
            .map(|event| notation::name(&event.kind))
            .filter(|name| !name.starts_with("WT"));
        names.collect::<Vec<_>>().join(" · ")
    }

    /// Waits for the end, and compares the status, what the client sees of it (the result, or the text of the
    /// error), and the events.
    #[track_caller]
    pub(crate) fn ends(
        &self,
        status: ExecutionStatus,
        seen: &str,
        expected: &str,
    ) -> impl Future<Output = ()> {
        let place = Location::caller();
        async move {
            let ended = self
                .handle
                .result()
                .await
                .unwrap_or_else(|error| error.to_string());
            let found = (self.describe().await.status, ended, self.text().await);
            assert_eq!(
                found,
                (status, seen.to_owned(), expected.to_owned()),
                "at {place}"
            );
        }
    }

    /// Compares the status and the events of this run.
    #[track_caller]
    pub(crate) fn is(&self, status: ExecutionStatus, expected: &str) -> impl Future<Output = ()> {
        let place = Location::caller();
        async move {
            let found = (self.describe().await.status, self.text().await);
            assert_eq!(found, (status, expected.to_owned()), "at {place}");
        }
    }
}
