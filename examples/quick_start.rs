//! The quick start of the README: an order is charged, and refunded if it is cancelled before it
//! ships.
//!
//! Run it with `cargo run --example quick_start`.

#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::time::Duration;
use steadfast::prelude::*;

struct Shop;

#[activities]
impl Shop {
    /// Payment providers take a key: asked twice under the same one, they charge once.
    #[activity]
    async fn charge(&self, _key: String, order: String) -> Result<String, ActivityError> {
        Ok(format!("receipt for {order}"))
    }

    /// Refunds what was charged under the key, if anything was.
    #[activity]
    async fn refund(&self, key: String) -> anyhow::Result<()> {
        println!("refunded {key}");
        Ok(())
    }
}

#[workflow]
#[derive(Default)]
struct Order {
    shipped: bool,
}

#[workflow_methods]
impl Order {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, order: String) -> WorkflowResult<String> {
        let options = || ActivityOptions::start_to_close_timeout(Duration::from_secs(10));
        // A key that is known before: whatever becomes of the charge, it can be undone.
        let key = ctx.uuid4();
        // What was done is undone if the order is cancelled before it ships.
        ctx.saga(async |saga| {
            let receipt = saga
                .step(Shop::charge, (key.clone(), order), options())
                .compensate_with(Shop::refund, key, options())
                .await?;
            ctx.wait_condition(|state| state.shipped).await?;
            WorkflowResult::Ok(receipt)
        })
        .await
    }

    /// Says that the order has left the house.
    #[signal]
    fn ship(&mut self) {
        self.shipped = true;
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let client = steadfast_examples::client("memory:").await?; // or "sqlite://orders.db"
    let worker = Worker::builder(&client, "orders")
        .register_workflow::<Order>()
        .register_activities(Shop)
        .build()?;
    worker
        .run_until(async {
            let options = WorkflowStartOptions::new("orders", "order-42");
            let order = client
                .start_workflow(Order::run, "a bicycle".to_owned(), options)
                .await?;
            order.ship().await?;
            println!("{}", order.result().await?);
            anyhow::Ok(())
        })
        .await?
}
