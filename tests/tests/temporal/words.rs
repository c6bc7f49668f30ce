//! Words for people: what our workflows say of what they do is the same on a Temporal Service and on the embedded engine, and
//! Temporal's tools show it.

use std::time::Duration;

use steadfast::{
    convert::from_payload,
    core::{
        event::HistoryEvent,
        ids::{WorkflowExecution, WorkflowId},
        payload::{Payload, UserMetadata},
    },
    prelude::*,
};

use crate::{cli::Cli, places::Place, python, service::variable};

const QUEUE: &str = "words";

#[derive(Debug)]
struct Kitchen;

#[activities]
impl Kitchen {
    #[activity]
    fn boil() -> u32 {
        100
    }
}

#[workflow]
#[derive(Debug, Default)]
struct Cup;

#[workflow_methods]
impl Cup {
    #[run]
    async fn run(_: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        Ok(())
    }
}

/// Makes tea, says so, and makes it once more.
#[workflow]
#[derive(Debug, Default)]
struct Tea;

#[workflow_methods]
impl Tea {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, cups: u32) -> WorkflowResult<()> {
        let moment = |summary: &str| TimerOptions::new(Duration::from_millis(1)).summary(summary);
        let boil = ActivityOptions::with_start_to_close_timeout(Duration::from_secs(10));
        let nearby = LocalActivityOptions::with_start_to_close_timeout(Duration::from_secs(10));
        ctx.set_current_details("the **water** boils");
        ctx.start_activity(Kitchen::boil, (), boil.summary("water"))
            .await?;
        ctx.start_local_activity(Kitchen::boil, (), nearby.summary("more water"))
            .await?;
        ctx.timer(moment("the tea draws")).await?;
        ctx.wait_condition_timeout(moment("nobody comes"), |_| false)
            .await?;
        let cup = ChildWorkflowOptions::with_workflow_id(WorkflowId::new("cup")?)
            .static_summary("a cup")
            .static_details("with *milk*");
        let drunk: WorkflowResult<()> = ctx
            .with_timeout(moment("it gets cold"), async |ctx| {
                ctx.start_child_workflow(Cup::run, (), cup).await?;
                let hour = ctx.sleep(Duration::from_secs(3_600)).await;
                hour.map_err(WorkflowError::from)
            })
            .await;
        assert!(drunk.is_err(), "its time is over");
        if cups > 1 {
            return ctx.continue_as_new(cups - 1, ContinueAsNewOptions::default());
        }
        ctx.sleep(Duration::from_secs(3_600)).await?;
        Ok(())
    }
}

fn text(payload: Option<&Payload>) -> Option<String> {
    payload.map(|payload| from_payload(Some(payload)).unwrap())
}

fn said(words: Option<&UserMetadata>) -> (Option<String>, Option<String>) {
    words.map_or((None, None), |words| {
        (text(words.summary.as_ref()), text(words.details.as_ref()))
    })
}

/// Of each event that can have words its name and its words, on a line.
fn lines(events: &[HistoryEvent]) -> Vec<String> {
    let lines = events.iter().filter_map(|event| {
        let name = event.kind.name();
        let can = ["WorkflowExecutionStarted", "TimerStarted", "MarkerRecorded"].contains(&name)
            || name.ends_with("Scheduled") && name != "WorkflowTaskScheduled"
            || name.ends_with("Initiated");
        let (summary, details) = said(event.kind.user_metadata());
        let words: Vec<String> = [summary, details].into_iter().flatten().collect();
        can.then(|| {
            format!("{name} {}", words.join(" / "))
                .trim_end()
                .to_owned()
        })
    });
    lines.collect()
}

const MADE: [&str; 6] = [
    "ActivityTaskScheduled water",
    "MarkerRecorded more water",
    "TimerStarted the tea draws",
    "TimerStarted nobody comes",
    "TimerStarted it gets cold",
    "StartChildWorkflowExecutionInitiated a cup / with *milk*",
];

#[tokio::test]
async fn what_workflows_say_is_kept_and_shown_alike_everywhere() {
    let Some(address) = variable("STEADFAST_TEMPORAL_ADDRESS") else {
        return;
    };
    for place in Place::all(&address).await {
        let worker = Worker::builder(&place.client, QUEUE)
            .register_workflow::<Tea>()
            .register_workflow::<Cup>()
            .register_activities(Kitchen)
            .build()
            .unwrap();
        worker.run_until(drink(&place)).await.unwrap();
    }
}

async fn drink(place: &Place) {
    let client = &place.client;
    let options = WorkflowStartOptions::new(QUEUE, "tea")
        .static_summary("tea for two")
        .static_details("- hot\n- *strong*");
    let tea = client.start_workflow(Tea::run, 2, options).await.unwrap();
    let described = tea.describe().await.unwrap();
    let first = client.workflow_run::<Tea>(WorkflowExecution {
        run_id: described.first_execution_run_id,
        ..described.execution
    });
    let latest = client.workflow::<Tea>("tea").unwrap();
    let second = loop {
        let described = latest.describe().await.unwrap();
        // It sleeps once the child has been waited for.
        let continues = described.execution.run_id != described.first_execution_run_id;
        if continues && lines(&latest.history().await.unwrap().events).len() > MADE.len() + 1 {
            break described;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };

    let mut expected: Vec<String> = MADE.map(str::to_owned).into();
    expected.insert(
        0,
        "WorkflowExecutionStarted tea for two / - hot\n- *strong*".to_owned(),
    );
    let events = first.history().await.unwrap().events;
    assert_eq!(lines(&events)[..7], expected);
    // A run that continues another has no words of its own.
    assert_eq!(said(second.user_metadata.as_deref()), (None, None));
    expected[0] = "WorkflowExecutionStarted".to_owned();
    let events = latest.history().await.unwrap().events;
    assert_eq!(lines(&events)[..7], expected);
    let cup = client.workflow::<Cup>("cup").unwrap();
    let events = cup.history().await.unwrap().events;
    assert_eq!(
        lines(&events),
        ["WorkflowExecutionStarted a cup / with *milk*"]
    );
    let described = first.describe().await.unwrap();
    let words = said(described.user_metadata.as_deref());
    assert_eq!(words.0.as_deref(), Some("tea for two"));

    let Some(cli) = Cli::of(client, &place.address) else {
        return;
    };
    let run_id = described.execution.run_id.as_str();
    let of_first = ["--workflow-id", "tea", "--run-id", run_id];
    let shown = cli
        .run(&[&["workflow", "describe"][..], &of_first].concat())
        .await;
    for words in ["StaticSummary", "tea for two", "StaticDetails", "*strong*"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let shown = cli
        .run(&[&["workflow", "show", "--detailed"][..], &of_first].concat())
        .await;
    for words in [
        "userMetadata.summary: tea for two",
        "userMetadata.summary: water",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let shown = cli
        .run(&["workflow", "metadata", "--workflow-id", "tea"])
        .await;
    assert!(shown.contains("the **water** boils"), "{shown}");
}

/// What another SDK says is read as it was said.
#[tokio::test]
async fn what_a_python_workflow_says_is_read() {
    let Some(address) = variable("STEADFAST_TEMPORAL_ADDRESS") else {
        return;
    };
    let place = Place::service(&address).await;
    if python::beside(&place, "words.py", async |_| {})
        .await
        .is_none()
    {
        return;
    }
    let words = place.client.workflow::<Tea>("words").unwrap();
    assert_eq!(
        lines(&words.history().await.unwrap().events),
        [
            "WorkflowExecutionStarted many words / - in\n- lines",
            "TimerStarted a moment",
            "ActivityTaskScheduled a shout",
            "MarkerRecorded a whisper",
            "StartChildWorkflowExecutionInitiated a child / of *words*",
        ]
    );
    let described = words.describe().await.unwrap();
    assert_eq!(
        said(described.user_metadata.as_deref()),
        (
            Some("many words".to_owned()),
            Some("- in\n- lines".to_owned())
        )
    );
}
