//! What the scenarios stand on beside the harness of all tests: an engine behind a gate, and queues with workers that a
//! scenario starts and stops.

use std::{ops::Deref, sync::Arc, time::Duration};

use steadfast::{
    prelude::*,
    worker::WorkerOptions,
    workflow::{ActivityOptionsBuilder, ChildWorkflowOptionsBuilder},
};
use steadfast_engine::conformance::notation;
use steadfast_tests::harness;

use crate::{
    engines::{Judged, engines},
    gate::{Gate, Gated},
};

pub(crate) use steadfast_tests::harness::{
    Ctx, Flow, HOUR, SECOND, Script, ScriptHandle, Stage, define, saw,
};

pub(crate) use crate::here::{MINUTE, REAL_TIME};

/// Where workflows run.
pub(crate) const WORKFLOWS: &str = "workflows";
/// Where those children run whose worker a scenario holds back.
pub(crate) const CHILDREN: &str = "children";
/// Where activities run.
const ACTIVITIES: &str = "activities";
/// Where nothing runs.
pub(crate) const NOBODY: &str = "nobody";

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
                    world.histories(notation::render).await.join("\n"),
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

/// Waits for signals whatever was cancelled.
pub(crate) async fn told_to_proceed(ctx: &Ctx, times: usize) -> WorkflowResult<()> {
    ctx.disconnected(async |ctx| ctx.wait_condition(|state| state.proceeds >= times).await)
        .await?;
    Ok(())
}

/// Runs the same code in the next run.
pub(crate) fn continue_as_new(ctx: &Ctx) -> WorkflowResult<String> {
    ctx.continue_as_new(harness::own_body(ctx), ContinueAsNewOptions::default())
}

pub(crate) fn is_first_run(ctx: &Ctx) -> bool {
    ctx.view().continued_run_id().is_none()
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

/// An engine behind a gate, with everything that a scenario needs.
pub(crate) struct World {
    world: harness::World,
    /// Holds back answers to workflow tasks.
    pub(crate) gate: Gate,
}

impl Deref for World {
    type Target = harness::World;

    fn deref(&self) -> &harness::World {
        &self.world
    }
}

impl World {
    fn new(judged: Judged, cached_runs: usize) -> Self {
        let gate = Gate::new();
        let engine = Arc::new(Gated {
            engine: judged.engine,
            gate: gate.clone(),
        });
        let client = Client::new(engine).with_identity("client").unwrap();
        let options = WorkerOptions {
            max_cached_runs: cached_runs,
            workflow_threads: 1,
            graceful_shutdown_timeout: Duration::from_millis(100),
            ..WorkerOptions::default()
        };
        let world = harness::World::new(client, judged.time, options);
        for queue in [WORKFLOWS, ACTIVITIES] {
            world.work(queue);
        }
        Self { world, gate }
    }

    /// Stops the worker that runs activities.
    pub(crate) async fn rest_activities(&self) {
        self.rest(ACTIVITIES).await;
    }

    /// Starts a workflow whose code is a closure.
    pub(crate) async fn start(
        &self,
        id: &str,
        body: impl AsyncFn(&mut Ctx) -> WorkflowResult<String> + Send + Sync + 'static,
    ) -> Flow {
        self.start_with(&define(body), start_options(id)).await
    }

    /// Starts a workflow, and gives its first run.
    pub(crate) async fn start_with(
        &self,
        body: &str,
        options: impl Into<WorkflowStartOptions>,
    ) -> Flow {
        self.world.start_with(body, options).await.one_run().await
    }

    /// The current run of an id.
    pub(crate) async fn find(&self, id: &str) -> Flow {
        self.world.find(id).one_run().await
    }

    /// Waits until no workflow task of any run with a worker waits or runs, and lets time pass.
    pub(crate) async fn advance(&self, duration: Duration) {
        self.settle().await;
        self.pass(duration).await;
    }

    /// Waits until no workflow task of any open run with a worker waits or runs.
    pub(crate) async fn settle(&self) {
        self.settle_those(|described| self.is_working(described.task_queue.as_str()))
            .await;
    }
}
