//! The workflows and activities that the tests run.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};
use steadfast::prelude::*;

/// What is ordered.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Item {
    pub(crate) name: String,
    pub(crate) count: u32,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Shop;

#[activities]
impl Shop {
    #[activity]
    pub(crate) async fn price(item: Item) -> Result<u32, ActivityError> {
        if item.name == "broken" {
            return Err(
                ApplicationFailure::non_retryable("nobody sells that", "OutOfStock")
                    .with_details(&item)?
                    .into(),
            );
        }
        Ok(item.count * 10)
    }

    #[activity(auto_heartbeat)]
    pub(crate) async fn pack(
        &self,
        ctx: ActivityContext,
        item: Item,
    ) -> Result<String, ActivityError> {
        let _ = item;
        ctx.cancelled().await;
        Err(ActivityError::cancelled())
    }
}

pub(crate) fn options() -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(Duration::from_secs(60))
        .heartbeat_timeout(Duration::from_secs(2))
        .build()
}

/// Prices its items, and ends when it is told to.
#[workflow]
#[derive(Debug, Default)]
pub(crate) struct Order {
    items: Vec<Item>,
    closed: bool,
}

#[workflow_methods]
impl Order {
    #[run]
    pub(crate) async fn run(
        ctx: &mut WorkflowContext<Self>,
        first: Item,
    ) -> WorkflowResult<BTreeMap<String, u32>> {
        ctx.state_mut(|state| state.items.push(first));
        ctx.wait_condition(|state| state.closed).await?;
        let mut prices = BTreeMap::new();
        for item in ctx.state(|state| state.items.clone()) {
            let price = ctx
                .start_activity(Shop::price, item.clone(), options())
                .await?;
            prices.insert(item.name, price);
        }
        Ok(prices)
    }

    /// Ends it.
    #[signal]
    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    /// How many items there are.
    #[query]
    pub(crate) fn count(&self) -> usize {
        self.items.len()
    }

    /// Adds an item.
    #[update]
    pub(crate) fn add(&mut self, item: Item) -> usize {
        self.items.push(item);
        self.items.len()
    }

    #[update_validator(add)]
    fn check(&self, item: &Item) -> Result<(), String> {
        if item.count == 0 {
            return Err("none is not an order".to_owned());
        }
        Ok(())
    }
}

/// Packs until it is cancelled.
#[workflow]
#[derive(Debug, Default)]
pub(crate) struct Packing;

#[workflow_methods]
impl Packing {
    #[run]
    pub(crate) async fn run(ctx: &mut WorkflowContext<Self>, item: Item) -> WorkflowResult<String> {
        Ok(ctx.start_activity(Shop::pack, item, options()).await?)
    }
}

/// What the Python worker does.
pub(crate) struct Python;

#[activity_definitions]
impl Python {
    #[activity(name = "shout")]
    pub(crate) fn shout(text: String) -> String;
}

/// A child of the Python worker's.
#[workflow(name = "Echo")]
#[derive(Debug, Default)]
pub(crate) struct Echo;

#[workflow_methods]
impl Echo {
    #[run]
    pub(crate) async fn run(_ctx: &mut WorkflowContext<Self>, item: Item) -> WorkflowResult<Item> {
        Ok(item)
    }
}

/// Has the Python worker run an activity and a child, one that succeeds and one that fails.
#[workflow]
#[derive(Debug, Default)]
pub(crate) struct Abroad;

#[workflow_methods]
impl Abroad {
    #[run]
    pub(crate) async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<Vec<String>> {
        let queue = TaskQueue::new(PYTHON_QUEUE)?;
        let there = || {
            ActivityOptions::with_start_to_close_timeout(Duration::from_secs(30))
                .task_queue(queue.clone())
                .build()
        };
        let shouted = ctx
            .start_activity(Python::shout, "hello".to_owned(), there())
            .await?;
        let refused = ctx
            .start_activity(Python::shout, "quietly".to_owned(), there())
            .await
            .unwrap_err();
        let refusal = refused.application_failure().unwrap();
        let child = |id: &str| {
            let id = WorkflowId::new(format!("{}-{id}", ctx.view().workflow_id())).unwrap();
            ChildWorkflowOptions::with_workflow_id(id)
                .task_queue(queue.clone())
                .build()
        };
        let echoed = ctx
            .start_child_workflow(Echo::run, item("bell"), child("echo"))
            .await?;
        let failed = ctx
            .start_child_workflow(Echo::run, item("broken"), child("broken"))
            .await
            .unwrap_err();
        let failure = failed.application_failure().unwrap();
        Ok(vec![
            shouted,
            format!(
                "{} {} {:?}",
                refusal.error_type(),
                refusal.message(),
                refusal.details::<u32>(0)?
            ),
            echoed.name,
            format!("{} {}", failure.error_type(), failure.message()),
        ])
    }
}

pub(crate) const PYTHON_QUEUE: &str = "python";
pub(crate) const QUEUE: &str = "shop";

pub(crate) fn worker(client: &Client) -> Worker {
    Worker::builder(client, QUEUE)
        .register_workflow::<Order>()
        .register_workflow::<Packing>()
        .register_workflow::<Abroad>()
        .register_activities(Shop)
        .build()
        .unwrap()
}

pub(crate) fn item(name: &str) -> Item {
    Item {
        name: name.to_owned(),
        count: 1,
    }
}
