//! What the tests here stand on: an in-memory engine with a clock that stands still, a worker, a
//! workflow whose code is a closure, activities that a test holds and lets go.
//!
//! [`scenario`] runs a test twice: with a worker that keeps every run in memory, and with one that
//! keeps none and so replays every run for every task. Both must leave the same histories.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::{TryStreamExt as _, future::LocalBoxFuture};
use steadfast::{
    client::WorkflowExecutionError,
    core::{
        event::{EventKind, ExecutionStatus, HistoryEvent},
        failure::Failure,
        ids::{EventId, WorkflowExecution},
        time::Timestamp,
    },
    engine::{
        ExecutionRef, HistoryRequest, HistoryWait, ListFilter,
        embedded::{EmbeddedEngine, EmbeddedOptions, ManualClock},
    },
    prelude::*,
    worker::{WorkerBuilder, WorkerOptions},
};
use tokio::sync::{oneshot, watch};

use crate::notation;

pub(crate) const QUEUE: &str = "tests";
pub(crate) const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// Long enough for a busy machine, and short enough to see what hangs.
const HANGS_AFTER: Duration = Duration::from_secs(30);

pub(crate) type Ctx = WorkflowContext<Script>;

/// The name of the running code.
pub(crate) fn own_body(ctx: &Ctx) -> String {
    ctx.state(|state| state.body.clone())
}

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
    redefine(&name, body);
    name
}

/// Changes code that was named before, as a deployment does.
pub(crate) fn redefine(
    name: &str,
    body: impl AsyncFn(&mut Ctx) -> WorkflowResult<String> + Send + Sync + 'static,
) {
    let body = Arc::new(body);
    let body: Body = Arc::new(move |mut ctx| {
        let body = Arc::clone(&body);
        Box::pin(async move { body(&mut ctx).await })
    });
    bodies()
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(name.to_owned(), body);
}

/// A workflow whose code is a closure, by its name.
#[workflow]
#[derive(Debug, Default)]
pub(crate) struct Script {
    /// What it was told.
    pub(crate) heard: Vec<String>,
    /// The name of its code, for the next run.
    pub(crate) body: String,
    /// What a test has it keep.
    pub(crate) scope: Option<steadfast::workflow::Scope>,
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

    /// Tells it something.
    #[signal]
    pub(crate) fn say(&mut self, what: String) {
        self.heard.push(what);
    }

    /// Cancels the scope that it keeps.
    #[signal]
    pub(crate) fn cancel_scope(&mut self, reason: String) {
        if let Some(scope) = &self.scope {
            scope.cancel(reason);
        }
    }

    /// What it was told.
    #[query]
    pub(crate) fn heard(&self) -> Vec<String> {
        self.heard.clone()
    }
}

/// What activities said, and which of them may go on.
#[derive(Debug)]
pub(crate) struct Board {
    said: watch::Sender<Vec<String>>,
    open: watch::Sender<Vec<String>>,
}

impl Board {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            said: watch::channel(Vec::new()).0,
            open: watch::channel(Vec::new()).0,
        })
    }

    pub(crate) fn say(&self, what: impl Into<String>) {
        self.said.send_modify(|said| said.push(what.into()));
    }

    pub(crate) fn said(&self) -> Vec<String> {
        self.said.borrow().clone()
    }

    /// Waits until something was said.
    pub(crate) async fn heard(&self, what: &str) {
        let mut said = self.said.subscribe();
        said.wait_for(|said| said.iter().any(|said| said == what))
            .await
            .unwrap();
    }

    /// Lets an activity go on.
    pub(crate) fn open(&self, name: &str) {
        self.open.send_modify(|open| open.push(name.to_owned()));
    }

    async fn opened(&self, name: &str) {
        let mut open = self.open.subscribe();
        open.wait_for(|open| open.iter().any(|open| open == name || open == EVERYTHING))
            .await
            .unwrap();
    }
}

/// Lets every activity go on.
const EVERYTHING: &str = "*";

/// Activities that a test holds and lets go.
#[derive(Clone, Debug)]
pub(crate) struct Stage(pub(crate) Arc<Board>);

#[activities]
impl Stage {
    /// Ends at once.
    #[activity]
    pub(crate) async fn quick(&self, name: String) -> Result<String, ActivityError> {
        self.0.say(&name);
        Ok(name)
    }

    /// Runs until it is let go, or cancelled.
    #[activity]
    pub(crate) async fn hold(
        &self,
        ctx: ActivityContext,
        name: String,
    ) -> Result<String, ActivityError> {
        ctx.heartbeat(&name)?;
        self.0.say(format!("{name} started"));
        tokio::select! {
            () = self.0.opened(&name) => Ok(format!("{name} done")),
            cause = ctx.cancelled() => {
                self.0.say(format!("{name} heard: {cause}"));
                Err(ActivityError::cancelled())
            }
        }
    }

    /// Runs until it is let go, whatever happens.
    #[activity]
    pub(crate) async fn ignore(&self, name: String) -> Result<String, ActivityError> {
        self.0.say(format!("{name} started"));
        self.0.opened(&name).await;
        Ok(format!("{name} done"))
    }

    /// Fails when it is let go or hears of its cancellation.
    #[activity]
    pub(crate) async fn fail(
        &self,
        ctx: ActivityContext,
        name: String,
    ) -> Result<String, ActivityError> {
        ctx.heartbeat(&name)?;
        let attempt = ctx.info().attempt;
        self.0.say(format!("{name} started {attempt}"));
        tokio::select! {
            () = self.0.opened(&name) => {}
            _ = ctx.cancelled() => {}
        }
        Err(ApplicationFailure::new(format!("{name} failed"), "Broken").into())
    }

    /// Fails once, and then runs until it is let go, whatever happens.
    #[activity]
    pub(crate) async fn fail_then_ignore(
        &self,
        ctx: ActivityContext,
        name: String,
    ) -> Result<String, ActivityError> {
        let attempt = ctx.info().attempt;
        self.0.say(format!("{name} started {attempt}"));
        if attempt == 1 {
            return Err(ApplicationFailure::new(format!("{name} failed"), "Broken").into());
        }
        self.0.opened(&format!("{name} again")).await;
        Ok(format!("{name} done"))
    }
}

/// A limit of an hour on each attempt.
pub(crate) fn options() -> ActivityOptions {
    ActivityOptions::start_to_close_timeout(HOUR)
}

/// A limit of an hour, and a cancellation type.
pub(crate) fn cancelled_by(cancellation_type: ActivityCancellationType) -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(HOUR)
        .heartbeat_timeout(MINUTE)
        .cancellation_type(cancellation_type)
        .build()
}

/// Options that put the activity on a queue without workers.
pub(crate) fn nobodys(cancellation_type: ActivityCancellationType) -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(HOUR)
        .cancellation_type(cancellation_type)
        .task_queue(TaskQueue::new("nobody").unwrap())
        .build()
}

/// An engine, its clock, a client and perhaps a worker.
pub(crate) struct World {
    pub(crate) clock: ManualClock,
    pub(crate) engine: Arc<EmbeddedEngine>,
    pub(crate) client: Client,
    pub(crate) board: Arc<Board>,
    options: WorkerOptions,
    working: Mutex<Option<(oneshot::Sender<()>, tokio::task::JoinHandle<()>)>>,
    started: AtomicU64,
}

impl World {
    pub(crate) fn new(options: WorkerOptions) -> Self {
        let clock = ManualClock::at(Timestamp::from_unix_nanos(1_795_000_000_000_000_000));
        let engine =
            EmbeddedEngine::open(EmbeddedOptions::in_memory().clock(clock.clone())).unwrap();
        Self {
            clock,
            engine: Arc::clone(&engine),
            client: Client::new(Arc::clone(&engine) as _)
                .with_identity("tester")
                .unwrap(),
            board: Board::new(),
            options,
            working: Mutex::default(),
            started: AtomicU64::new(0),
        }
    }

    /// A worker with what every test needs.
    pub(crate) fn worker(&self) -> WorkerBuilder {
        Worker::builder(&self.client, QUEUE)
            .register_workflow::<Script>()
            .register_activities(Stage(Arc::clone(&self.board)))
            .options(self.options.clone())
    }

    /// Starts the usual worker.
    pub(crate) fn work(&self) {
        self.work_with(self.worker());
    }

    /// Starts a worker that knows more.
    pub(crate) fn work_with(&self, worker: WorkerBuilder) {
        let worker = worker.build().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            let _ = worker.run_until(stopped).await.unwrap();
        });
        *self.working.lock().unwrap() = Some((stop, task));
    }

    /// Stops the worker.
    pub(crate) async fn rest(&self) {
        let working = self.working.lock().unwrap().take();
        if let Some((stop, task)) = working {
            drop(stop);
            task.await.unwrap();
        }
    }

    /// Starts a workflow whose code is a closure; ids are `w1`, `w2`, ..
    pub(crate) async fn start(
        &self,
        body: impl AsyncFn(&mut Ctx) -> WorkflowResult<String> + Send + Sync + 'static,
    ) -> Flow {
        self.start_named(&define(body)).await
    }

    /// Starts a workflow whose code was defined before.
    pub(crate) async fn start_named(&self, body: &str) -> Flow {
        let number = self.started.fetch_add(1, Ordering::Relaxed) + 1;
        self.start_with(body, WorkflowStartOptions::new(QUEUE, format!("w{number}")))
            .await
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
        self.flow(handle)
    }

    /// The current run of an id.
    pub(crate) fn find(&self, id: &str) -> Flow {
        self.flow(self.client.workflow::<Script>(id).unwrap())
    }

    fn flow(&self, handle: ScriptHandle) -> Flow {
        Flow {
            handle,
            client: self.client.clone(),
        }
    }

    /// Waits until no workflow task of any open run waits or runs, and then moves the clock.
    pub(crate) async fn advance(&self, duration: Duration) {
        self.settle().await;
        self.clock.advance(duration);
    }

    /// Waits until no workflow task of any open run waits or runs.
    pub(crate) async fn settle(&self) {
        for execution in self.executions(Some(ExecutionStatus::Running)).await {
            settled(&self.client, execution).await;
        }
    }

    pub(crate) async fn executions(
        &self,
        status: Option<ExecutionStatus>,
    ) -> Vec<WorkflowExecution> {
        let filter = ListFilter {
            status,
            ..ListFilter::default()
        };
        let list: Vec<_> = self
            .client
            .list_workflows(filter)
            .try_collect()
            .await
            .unwrap();
        list.into_iter()
            .rev()
            .map(|description| description.execution)
            .collect()
    }

    /// Every history, oldest first.
    async fn histories(&self) -> Vec<String> {
        let executions = self.executions(None).await;
        let mut histories = Vec::new();
        for execution in &executions {
            let id = execution.workflow_id.clone();
            let events = events(&self.client, execution.clone()).await;
            let mut text = format!("{id}: {}", notation::without_tasks(&events));
            for WorkflowExecution {
                workflow_id,
                run_id,
            } in &executions
            {
                text = text.replace(run_id.as_str(), &format!("(run of {workflow_id})"));
            }
            histories.push(text);
        }
        histories.sort();
        histories
    }
}

async fn events(client: &Client, execution: WorkflowExecution) -> Vec<HistoryEvent> {
    let run = client.workflow_run::<Script>(execution);
    run.history().await.unwrap().events
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

async fn settled(client: &Client, execution: WorkflowExecution) {
    loop {
        let events = events(client, execution.clone()).await;
        if is_settled(&events) {
            return;
        }
        grown(client, execution.clone(), events.len()).await;
    }
}

/// Waits until a run has more events.
async fn grown(client: &Client, execution: WorkflowExecution, length: usize) {
    let WorkflowExecution {
        workflow_id,
        run_id,
    } = execution;
    let request = HistoryRequest {
        execution: ExecutionRef {
            workflow_id,
            run_id: Some(run_id),
            first_execution_run_id: None,
        },
        from: EventId(length as u64 + 1),
        page_size: 1,
        wait: HistoryWait::NewEvent,
    };
    client.engine().workflow_history(request).await.unwrap();
}

/// One execution.
pub(crate) struct Flow {
    pub(crate) handle: ScriptHandle,
    client: Client,
}

impl Flow {
    pub(crate) async fn execution(&self) -> WorkflowExecution {
        self.handle.describe().await.unwrap().execution
    }

    /// Waits until no workflow task waits or runs.
    pub(crate) async fn settle(&self) {
        settled(&self.client, self.execution().await).await;
    }

    /// Waits until the history has an event, by the notation's name, some times.
    pub(crate) async fn reaches(&self, event: &str, times: usize) {
        let execution = self.execution().await;
        loop {
            let events = events(&self.client, execution.clone()).await;
            let count = events
                .iter()
                .filter(|event_| notation::name(&event_.kind).starts_with(event))
                .count();
            if count >= times {
                return;
            }
            grown(&self.client, execution.clone(), events.len()).await;
        }
    }

    pub(crate) async fn cancel(&self, reason: &str) {
        self.handle
            .cancel(WorkflowCancelOptions::builder().reason(reason))
            .await
            .unwrap();
    }

    pub(crate) async fn say(&self, what: &str) {
        self.handle.say(what.to_owned()).await.unwrap();
    }

    /// The result of an execution that completes.
    pub(crate) async fn result(&self) -> String {
        self.handle.result().await.unwrap()
    }

    /// The reason of an execution that ends as cancelled.
    pub(crate) async fn cancelled(&self) -> String {
        match self.handle.result().await {
            Err(ClientError::Workflow(WorkflowExecutionError::Cancelled { reason })) => reason,
            other => panic!("not cancelled: {other:?}"),
        }
    }

    /// The failure of an execution that fails.
    pub(crate) async fn failure(&self) -> Arc<Failure> {
        match self.handle.result().await {
            Err(ClientError::Workflow(WorkflowExecutionError::Failed(failure))) => failure,
            other => panic!("not failed: {other:?}"),
        }
    }

    pub(crate) async fn status(&self) -> ExecutionStatus {
        self.handle.describe().await.unwrap().status
    }

    pub(crate) async fn events(&self) -> Vec<HistoryEvent> {
        self.handle.history().await.unwrap().events
    }

    /// Compares the whole history with one in the notation of the recorded scenarios.
    #[track_caller]
    pub(crate) fn has(&self, expected: &str) -> impl Future<Output = ()> {
        let place = std::panic::Location::caller();
        async move {
            let history = notation::render(&self.events().await);
            assert_eq!(history, expected, "at {place}");
        }
    }
}

/// Every run stays in memory.
pub(crate) fn many() -> WorkerOptions {
    WorkerOptions {
        workflow_threads: 1,
        graceful_shutdown_timeout: Duration::from_millis(200),
        ..WorkerOptions::default()
    }
}

/// No run stays in memory: each task replays its whole history.
pub(crate) fn none() -> WorkerOptions {
    WorkerOptions {
        max_cached_runs: 0,
        ..many()
    }
}

/// Runs a test with a worker that keeps every run in memory and again with one that keeps none, and
/// compares the histories of both.
pub(crate) async fn scenario(test: impl AsyncFn(&World)) {
    compare(async |world: &World| {
        world.work();
        test(world).await;
    })
    .await;
}

/// The same, with no worker until the test starts one.
pub(crate) async fn scenario_without_worker(test: impl AsyncFn(&World)) {
    compare(test).await;
}

async fn compare(test: impl AsyncFn(&World)) {
    // How events fall into workflow tasks may differ where executions meet; what happened may not.
    let kept = once(many(), &test).await;
    let replayed = once(none(), &test).await;
    assert_eq!(
        kept, replayed,
        "a worker that replays leaves another history"
    );
}

/// Runs a test with one worker and gives the histories.
pub(crate) async fn once(options: WorkerOptions, test: &impl AsyncFn(&World)) -> Vec<String> {
    let world = World::new(options);
    if tokio::time::timeout(HANGS_AFTER, test(&world))
        .await
        .is_err()
    {
        let histories = world.histories().await;
        panic!(
            "the test hangs\n{}\n{:?}",
            histories.join("\n"),
            world.board.said()
        );
    }
    let histories = world.histories().await;
    world.board.open(EVERYTHING);
    world.rest().await;
    histories
}
