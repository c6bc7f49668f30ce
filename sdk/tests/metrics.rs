//! The metrics that a measured engine records.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use metrics::{
    Counter, CounterFn, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};
use steadfast::{engine::embedded::EmbeddedEngine, metrics::measured, prelude::*};

/// How often each series was recorded.
#[derive(Clone, Debug, Default)]
struct Ledger(Arc<Mutex<BTreeMap<String, u64>>>);

struct Series {
    ledger: Ledger,
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

impl Ledger {
    fn series(&self, key: &Key) -> Arc<Series> {
        let labels: Vec<String> = key
            .labels()
            .map(|label| format!("{}={}", label.key(), label.value()))
            .collect();
        Arc::new(Series {
            ledger: self.clone(),
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
    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
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
        let options = ActivityOptions::start_to_close_timeout(std::time::Duration::from_secs(60));
        Ok(ctx.start_activity(Acts::flaky, (), options).await?)
    }
}

#[tokio::test]
async fn what_passes_between_a_worker_and_its_engine_is_measured() -> anyhow::Result<()> {
    let ledger = Ledger::default();
    metrics::set_global_recorder(ledger.clone()).unwrap();
    let client = Client::new(measured(EmbeddedEngine::in_memory()?));
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
            let unknown = client.workflow::<Flow>("nobody")?;
            assert!(unknown.describe().await.is_err());
            client.check_health().await
        })
        .await??;
    for (series, times) in [
        ("temporal_request{operation=StartWorkflowExecution}", 1),
        (
            "temporal_request_latency{operation=StartWorkflowExecution}",
            1,
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
    Ok(())
}
