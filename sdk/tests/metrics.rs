//! The metrics that a measured engine records.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};
use steadfast::{engine::embedded::EmbeddedEngine, metrics::measured, prelude::*};

/// How often each series was recorded.
#[derive(Clone, Debug, Default)]
struct Ledger(Arc<Mutex<BTreeMap<String, u64>>>, Gauges);

/// What each gauge shows.
#[derive(Clone, Debug, Default)]
struct Gauges(Arc<Mutex<BTreeMap<String, f64>>>);

struct Series {
    ledger: Ledger,
    gauges: Gauges,
    name: String,
}

impl Series {
    fn add(&self, times: u64) {
        *self
            .ledger
            .0
            .lock()
            .unwrap()
            .entry(self.name.clone())
            .or_default() += times;
    }
}

impl CounterFn for Series {
    fn increment(&self, value: u64) {
        self.add(value);
    }
    fn absolute(&self, _: u64) {}
}

impl HistogramFn for Series {
    fn record(&self, seconds: f64) {
        assert!((0.0..60.0).contains(&seconds), "{} {seconds}", self.name);
        self.add(1);
    }
}

impl GaugeFn for Series {
    fn increment(&self, value: f64) {
        let mut gauges = self.gauges.0.lock().unwrap();
        *gauges.entry(self.name.clone()).or_default() += value;
    }
    fn decrement(&self, value: f64) {
        GaugeFn::increment(self, -value);
    }
    fn set(&self, value: f64) {
        let mut gauges = self.gauges.0.lock().unwrap();
        gauges.insert(self.name.clone(), value);
    }
}

impl Gauges {
    /// Waits until a gauge has a value.
    async fn reaches(&self, name: &str, wanted: impl Fn(f64) -> bool) {
        let is_there = || {
            self.0
                .lock()
                .unwrap()
                .get(name)
                .copied()
                .is_some_and(&wanted)
        };
        let reached = async {
            while !is_there() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let reached = tokio::time::timeout(Duration::from_secs(10), reached).await;
        assert!(reached.is_ok(), "{name} of {self:#?}");
    }
}

impl Ledger {
    fn series(&self, key: &Key) -> Arc<Series> {
        let labels: Vec<String> = key
            .labels()
            .map(|label| format!("{}={}", label.key(), label.value()))
            .collect();
        Arc::new(Series {
            ledger: self.clone(),
            gauges: self.1.clone(),
            name: format!("{}{{{}}}", key.name(), labels.join(",")),
        })
    }

    fn of(&self, name: &str) -> u64 {
        self.0
            .lock()
            .unwrap()
            .get(name)
            .copied()
            .unwrap_or_default()
    }
}

impl Recorder for Ledger {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.series(key))
    }
    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.series(key))
    }
    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.series(key))
    }
}

struct Acts;

#[activities]
impl Acts {
    #[activity]
    async fn flaky(ctx: ActivityContext) -> Result<(), ActivityError> {
        if ctx.info().attempt == 1 {
            return Err("not yet".into());
        }
        Ok(())
    }
}

#[workflow]
#[derive(Default)]
struct Flow;

#[workflow_methods]
impl Flow {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        let once = LocalActivityOptions::with_start_to_close_timeout(Duration::from_secs(60))
            .retry_policy(RetryPolicy::once())
            .build();
        let lost = ctx.start_local_activity(Acts::flaky, (), once).await;
        assert!(lost.is_err());
        let options = ActivityOptions::start_to_close_timeout(Duration::from_secs(60));
        Ok(ctx.start_activity(Acts::flaky, (), options).await?)
    }
}

/// Ends when it is told to.
#[workflow]
#[derive(Default)]
struct Wait {
    told: bool,
}

#[workflow_methods]
impl Wait {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        Ok(ctx.wait_condition(|state| state.told).await?)
    }

    #[signal]
    fn go(&mut self) {
        self.told = true;
    }

    #[query]
    fn told(&self) -> bool {
        self.told
    }
}

const CACHED: &str = "temporal_sticky_cache_size{task_queue=kept}";

#[tokio::test]
async fn what_passes_between_a_worker_and_its_engine_is_measured() -> anyhow::Result<()> {
    let ledger = Ledger::default();
    metrics::set_global_recorder(ledger.clone()).unwrap();
    let client = Client::new(measured(EmbeddedEngine::in_memory()?));
    // Nobody serves it yet.
    let gauges = ledger.1.clone();
    let options = WorkflowStartOptions::new("idle", "waits");
    client.start_workflow(Flow::run, (), options).await?;
    let backlog = "{task_queue=idle,task_type=Workflow}";
    let is_one = |value: f64| (value - 1.0).abs() < 0.1;
    gauges
        .reaches(&format!("approximate_backlog_count{backlog}"), is_one)
        .await;
    gauges
        .reaches(
            &format!("approximate_backlog_age_seconds{backlog}"),
            |age| age > 0.0,
        )
        .await;
    gauges.reaches("steadfast_runs_in_memory{}", is_one).await;
    gauges
        .reaches("steadfast_log_bytes{}", |bytes| bytes == 0.0)
        .await;
    let worker = Worker::builder(&client, "q")
        .register_workflow::<Flow>()
        .register_activities(Acts)
        .build()?;
    worker
        .run_until(async {
            let flow = client
                .start_workflow(Flow::run, (), WorkflowStartOptions::new("q", "secret-id"))
                .await?;
            flow.result().await?;
            let free = |used: f64| used == 0.0;
            for worker_type in ["WorkflowWorker", "ActivityWorker"] {
                let slots = format!(
                    "temporal_worker_task_slots_used{{task_queue=q,worker_type={worker_type}}}"
                );
                gauges.reaches(&slots, free).await;
            }
            let unknown = client.workflow::<Flow>("nobody")?;
            assert!(unknown.describe().await.is_err());
            client.check_health().await
        })
        .await??;
    for (series, times) in [
        ("temporal_request{operation=StartWorkflowExecution}", 2),
        (
            "temporal_request_latency{operation=StartWorkflowExecution}",
            2,
        ),
        (
            "temporal_request_failure{operation=DescribeWorkflowExecution,status=NOT_FOUND}",
            1,
        ),
        ("temporal_workflow_task_queue_poll_succeed{task_queue=q}", 2),
        (
            "temporal_workflow_task_execution_latency{task_queue=q,workflow_type=Flow}",
            2,
        ),
        (
            "temporal_workflow_completed{task_queue=q,workflow_type=Flow}",
            1,
        ),
        (
            "temporal_activity_schedule_to_start_latency{task_queue=q,activity_type=flaky}",
            2,
        ),
        (
            "temporal_activity_execution_latency{task_queue=q,activity_type=flaky}",
            2,
        ),
        (
            "temporal_local_activity_execution_failed{task_queue=q,workflow_type=Flow}",
            1,
        ),
        (
            "temporal_activity_execution_failed{task_queue=q,activity_type=flaky}",
            1,
        ),
    ] {
        assert_eq!(
            ledger.of(series),
            times,
            "{series} of {:#?}",
            ledger.0.lock().unwrap()
        );
    }
    let recorded = format!("{ledger:?}");
    assert!(!recorded.contains("secret"), "ids of users are no labels");
    the_runs_that_a_worker_has_in_memory_are_counted(&gauges).await
}

/// Part of the test above: a process has one recorder.
async fn the_runs_that_a_worker_has_in_memory_are_counted(gauges: &Gauges) -> anyhow::Result<()> {
    // Only those of engines that are measured.
    let unmeasured = Client::new(EmbeddedEngine::in_memory()?);
    let client = Client::new(measured(EmbeddedEngine::in_memory()?));
    let is = |wanted: f64| move |runs: f64| (runs - wanted).abs() < 0.1;
    for (client, counted) in [(&client, 1.0), (&unmeasured, 0.0)] {
        let worker = Worker::builder(client, "kept")
            .register_workflow::<Wait>()
            .build()?;
        worker
            .run_until(async {
                let started = |id| {
                    let options = WorkflowStartOptions::new("kept", id);
                    client.start_workflow(Wait::run, (), options)
                };
                let ends = started("ends").await?;
                let answer = ends.query(Wait::told, ()).await?;
                assert!(!answer);
                gauges.reaches(CACHED, is(counted)).await;
                ends.signal(Wait::go, ()).await?;
                ends.result().await?;
                gauges.reaches(CACHED, is(0.0)).await;
                let stays = started("stays").await?;
                stays.query(Wait::told, ()).await?;
                gauges.reaches(CACHED, is(counted)).await;
                Ok::<_, ClientError>(())
            })
            .await??;
        // With the worker its runs are gone.
        gauges.reaches(CACHED, is(0.0)).await;
    }
    Ok(())
}

/// What only one engine offers is reached through whatever wraps it.
#[test]
fn a_measured_engine_is_still_the_engine_that_it_is() {
    let client = Client::new(measured(measured(EmbeddedEngine::in_memory().unwrap())));
    let embedded: &EmbeddedEngine = client.embedded().unwrap();
    assert_eq!(embedded.paused_task_queues().unwrap(), []);
}
