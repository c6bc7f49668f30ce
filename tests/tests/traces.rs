//! The spans of a client, a workflow and its activities are one trace, as OpenTelemetry sees it.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use opentelemetry::{propagation::TextMapPropagator as _, trace::TracerProvider as _};
use opentelemetry_sdk::{
    propagation::TraceContextPropagator,
    trace::{InMemorySpanExporter, SdkTracerProvider, SpanData},
};
use steadfast::{prelude::*, tracing_context::TracePropagator};
use tracing::Instrument as _;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::layer::SubscriberExt as _;

/// As the documentation of the module shows it.
#[derive(Debug)]
struct OpenTelemetry;

impl TracePropagator for OpenTelemetry {
    fn inject(&self, span: &tracing::Span) -> BTreeMap<String, String> {
        let mut carrier = HashMap::new();
        TraceContextPropagator::new().inject_context(&span.context(), &mut carrier);
        carrier.into_iter().collect()
    }

    fn extract(&self, carrier: &BTreeMap<String, String>, span: &tracing::Span) {
        let carrier: HashMap<String, String> = carrier.clone().into_iter().collect();
        let parent = TraceContextPropagator::new().extract(&carrier);
        let _ = span.set_parent(parent);
    }
}

struct Steps;

#[activities]
impl Steps {
    #[activity]
    async fn step(number: u32) -> Result<u32, ActivityError> {
        Ok(number + 1)
    }
}

/// One activity of each kind, and as many again in a child and in the next run.
#[workflow]
#[derive(Default)]
struct Traced;

#[workflow_methods]
impl Traced {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, generations: u32) -> WorkflowResult<u32> {
        let limit = Duration::from_secs(60);
        let options = ActivityOptions::start_to_close_timeout(limit);
        ctx.start_activity(Steps::step, 0, options).await?;
        let options = LocalActivityOptions::start_to_close_timeout(limit);
        ctx.start_local_activity(Steps::step, 0, options).await?;
        if generations == 0 {
            return Ok(0);
        }
        ctx.start_child_workflow(Self::run, 0, ChildWorkflowOptions::default())
            .await?;
        ctx.continue_as_new(0, ContinueAsNewOptions::default())
    }
}

fn named<'a>(spans: &'a [SpanData], name: &str) -> Vec<&'a SpanData> {
    spans.iter().filter(|span| span.name == name).collect()
}

#[test]
fn a_client_its_workflows_and_their_activities_are_one_trace() {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder()
        .with_simple_exporter(exporter.clone())
        .build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    // For all threads, those of workflows too; this is the only test of its process.
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer)).unwrap();

    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let client = Client::connect("memory:").await.unwrap();
        let client = client.with_trace_propagator(OpenTelemetry);
        let worker = Worker::builder(&client, "traced")
            .register_workflow::<Traced>()
            .register_activities(Steps)
            .build()
            .unwrap();
        let order = tracing::info_span!("order");
        let flow = async {
            let options = WorkflowStartOptions::new("traced", "w");
            let run = client
                .start_workflow(Traced::run, 1, options)
                .await
                .unwrap();
            run.result().await.unwrap();
        };
        worker.run_until(flow.instrument(order)).await.unwrap();
    });
    provider.force_flush().unwrap();

    let spans = exporter.get_finished_spans().unwrap();
    let order = named(&spans, "order");
    let [order] = order[..] else {
        panic!("{spans:?}")
    };
    let start = named(&spans, "start_workflow");
    let [start] = start[..] else {
        panic!("{spans:?}")
    };
    assert_eq!(start.parent_span_id, order.span_context.span_id());
    // The first run, its child, and the run that follows.
    for (name, least) in [("workflow", 4), ("activity", 3), ("local_activity", 3)] {
        let these = named(&spans, name);
        assert!(these.len() >= least, "{name}: {}", these.len());
        for span in these {
            assert_eq!(span.parent_span_id, start.span_context.span_id(), "{name}");
            assert_eq!(
                span.span_context.trace_id(),
                order.span_context.trace_id(),
                "{name}"
            );
        }
    }
}
