//! What there is to see: executions in every state that the Web UI shows.

use std::time::Duration;

use steadfast::{
    client::{ResetOptions, ResetPoint, WorkflowStartOptionsBuilder},
    prelude::*,
};
use tokio::time::sleep;

use crate::cli::Cli;

const QUEUE: &str = "orders";
/// What those have to do that wait.
const LONG: Duration = Duration::from_secs(3_600);
/// After what time a run is too late.
const MOMENT: Duration = Duration::from_secs(1);

#[derive(Clone, Debug)]
struct Shop;

#[activities]
impl Shop {
    /// Takes the money, which some do not have.
    #[activity]
    async fn charge(what: String) -> Result<String, ActivityError> {
        if what == "broken" {
            let declined = ApplicationFailure::non_retryable("no such card", "CardDeclined");
            return Err(declined.with_details(&what)?.into());
        }
        Ok(format!("receipt for {what}"))
    }

    /// Gives it back.
    #[activity]
    async fn refund(_what: String) -> Result<(), ActivityError> {
        Ok(())
    }

    /// Says how far it is, and goes on until it is told to stop.
    #[activity(auto_heartbeat)]
    async fn pack(ctx: ActivityContext, _what: String) -> Result<(), ActivityError> {
        let _ = ctx.heartbeat(&"half of it")?;
        ctx.cancelled().await;
        Err(ActivityError::cancelled())
    }

    /// Nobody ever answers.
    #[activity]
    async fn call(_what: String) -> Result<(), ActivityError> {
        Err("nobody answers".into())
    }
}

fn options() -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(LONG)
        .heartbeat_timeout(Duration::from_secs(6))
        .cancellation_type(ActivityCancellationType::WaitCancellationCompleted)
        .build()
}

fn rarely() -> RetryPolicy {
    RetryPolicy {
        initial_interval: LONG,
        maximum_interval: Some(LONG),
        maximum_attempts: 5,
        ..RetryPolicy::default()
    }
}

/// Charges, packs and ships, and gives the money back if it is cancelled before.
#[workflow]
#[derive(Debug, Default)]
struct Order {
    notes: Vec<String>,
    shipped: bool,
}

#[workflow_methods]
impl Order {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, what: String) -> WorkflowResult<String> {
        ctx.upsert_memo("what", &what)?;
        ctx.saga(async |saga| {
            let receipt = saga
                .step(Shop::charge, what.clone(), options())
                .compensate_with(Shop::refund, what.clone(), options())
                .await?;
            if what == "large" {
                let retried =
                    ActivityOptions::with_start_to_close_timeout(LONG).retry_policy(rarely());
                let _call = ctx.start_activity(Shop::call, what.clone(), retried);
                let _reminder = ctx.timer(LONG);
                ctx.scope(async |ctx| {
                    let id = WorkflowId::new(format!("{}-parcel", ctx.workflow_id()))?;
                    let options_of_it = ChildWorkflowOptions::with_workflow_id(id);
                    let parcel = ctx.start_child_workflow(Parcel::run, true, options_of_it);
                    let packed = ctx
                        .start_activity(Shop::pack, what.clone(), options())
                        .await;
                    // Were it not waited for, it might be terminated with its parent before it is cancelled.
                    parcel.await?;
                    packed?;
                    WorkflowResult::Ok(())
                })
                .await?;
            }
            ctx.wait_condition(|order| order.shipped).await?;
            WorkflowResult::Ok(receipt)
        })
        .await
    }

    /// Says that the order has left the house.
    #[signal]
    fn ship(&mut self) {
        self.shipped = true;
    }

    /// What was noted.
    #[query]
    fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }

    /// Notes something, and says how many notes there are.
    #[update]
    fn note(&mut self, text: String) -> usize {
        self.notes.push(text);
        self.notes.len()
    }
}

/// Has a label, which is a parcel without one.
#[workflow]
#[derive(Debug, Default)]
struct Parcel;

#[workflow_methods]
impl Parcel {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, with_label: bool) -> WorkflowResult<()> {
        if with_label {
            let id = WorkflowId::new(format!("{}-label", ctx.workflow_id()))?;
            let options = ChildWorkflowOptions::with_workflow_id(id);
            ctx.start_child_workflow(Self::run, false, options).await?;
        }
        ctx.sleep(LONG).await?;
        Ok(())
    }
}

/// Continues as new twice.
#[workflow]
#[derive(Debug, Default)]
struct Inventory;

#[workflow_methods]
impl Inventory {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, shelf: u32) -> WorkflowResult<u32> {
        if shelf < 3 {
            return ctx.continue_as_new(shelf + 1, ContinueAsNewOptions::default());
        }
        Ok(shelf)
    }
}

/// Has a mistake in its code.
#[workflow]
#[derive(Debug, Default)]
struct Broken;

#[workflow_methods]
impl Broken {
    #[run]
    async fn run(_ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        panic!("a mistake")
    }
}

pub(crate) fn worker(client: &Client) -> Worker {
    Worker::builder(client, QUEUE)
        .register_workflow::<Order>()
        .register_workflow::<Parcel>()
        .register_workflow::<Inventory>()
        .register_workflow::<Broken>()
        .register_activities(Shop)
        .build()
        .unwrap()
}

/// The orders that the walk acts on, each in the way that its name says.
const FOR_THE_WALK: [&str; 5] = ["cancel", "terminate", "signal", "update", "reset"];

/// The search attributes that there are, with their types.
const ATTRIBUTES: [(&str, &str); 7] = [
    ("Customer", "Keyword"),
    ("Amount", "Int"),
    ("Express", "Bool"),
    ("Weight", "Double"),
    ("Due", "Datetime"),
    ("Tags", "KeywordList"),
    ("Remark", "Text"),
];

/// Leaves executions of every kind, with a worker at work.
pub(crate) async fn play(client: &Client, cli: &Cli) {
    let mut create: Vec<&str> = "operator search-attribute create".split(' ').collect();
    for (name, kind) in ATTRIBUTES {
        create.extend(["--name", name, "--type", kind]);
    }
    cli.run(&create).await;
    let order = async |what: &str, options: WorkflowStartOptionsBuilder| {
        let started = client.start_workflow(Order::run, what.to_owned(), options);
        started.await.unwrap()
    };
    let named = |id: &str| WorkflowStartOptions::new(QUEUE, id);

    for id in FOR_THE_WALK {
        order("small", named(id)).await;
    }
    order("small", named("delayed").start_delay(LONG)).await;
    order("small", WorkflowStartOptions::new("nobody", "unattended")).await;
    client
        .start_workflow(Broken::run, (), named("stuck"))
        .await
        .unwrap();

    let completed = order("small", shown(named("completed"))).await;
    completed.ship().await.unwrap();
    completed.result().await.unwrap();
    let failed = order("broken", named("failed")).await;
    failed.result().await.unwrap_err();
    order("broken", named("retried").retry_policy(rarely())).await;
    let timed_out = order("small", named("timed-out").run_timeout(MOMENT)).await;
    timed_out.result().await.unwrap_err();
    let continued = client.start_workflow(Inventory::run, 1, named("continued"));
    continued.await.unwrap().result().await.unwrap();
    let reset = order("small", named("was-reset")).await;
    reset.ship().await.unwrap();
    reset.result().await.unwrap();
    let point = ResetPoint::FirstWorkflowTask;
    reset
        .reset(point, "once more", ResetOptions::default())
        .await
        .unwrap();

    let running = order("large", shown(named("running"))).await;
    let cancelled = order("large", named("cancelled")).await;
    let terminated = order("large", named("terminated")).await;
    for order in [&running, &cancelled, &terminated] {
        until_it_packs(order).await;
    }
    running.note("ring twice".to_owned()).await.unwrap();
    running.ship().await.unwrap();
    let reason = WorkflowCancelOptions::builder().reason("not wanted any more");
    cancelled.cancel(reason).await.unwrap();
    cancelled.result().await.unwrap_err();
    let reason = WorkflowTerminateOptions::builder().reason("lost");
    terminated.terminate(reason).await.unwrap();
}

/// Has memo and search attributes of every type.
fn shown(options: WorkflowStartOptionsBuilder) -> WorkflowStartOptionsBuilder {
    let options = options
        .memo("colour", &"blue")
        .and_then(|it| it.search_attribute("Customer", &"acme"))
        .and_then(|it| it.search_attribute("Amount", &7))
        .and_then(|it| it.search_attribute("Express", &true))
        .and_then(|it| it.search_attribute("Weight", &1.5))
        .and_then(|it| it.search_attribute("Due", &"2026-12-24T18:00:00Z"))
        .and_then(|it| it.search_attribute("Tags", &["new", "gift"]))
        .and_then(|it| it.search_attribute("Remark", &"with a ribbon"));
    options.unwrap()
}

/// Waits until the activity has said how far it is, and its sibling has failed once.
async fn until_it_packs(order: &OrderHandle) {
    loop {
        let activities = order.describe().await.unwrap().pending_activities;
        let waits = activities.iter().any(|it| it.last_failure.is_some());
        if waits && activities.iter().any(|it| !it.heartbeat_details.is_empty()) {
            return;
        }
        sleep(Duration::from_millis(20)).await;
    }
}
