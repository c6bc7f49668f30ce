//! A worker that serves its own file: look at what it does with Temporal's command line or Web UI.
//!
//! `cargo run -p steadfast-server --example worker`, and in another terminal `temporal workflow list`.

#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::{sync::Arc, time::Duration};

use steadfast::prelude::*;
use steadfast_server::{ServeOptions, serve};

/// Waits until somebody says that the order is paid.
#[workflow]
#[derive(Default)]
struct Order {
    items: Vec<String>,
    paid: bool,
}

#[workflow_methods]
impl Order {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, item: String) -> WorkflowResult<String> {
        ctx.state_mut(|order| order.items.insert(0, item));
        ctx.wait_condition(|order| order.paid).await?;
        ctx.sleep(Duration::from_secs(1)).await?;
        Ok(ctx.state(|order| format!("sent: {}", order.items.join(", "))))
    }

    /// The money is there.
    #[signal]
    fn pay(&mut self) {
        self.paid = true;
    }

    /// One more thing; says how many there are.
    #[update]
    fn add(&mut self, item: String) -> usize {
        self.items.push(item);
        self.items.len()
    }

    #[update_validator(add)]
    fn check_add(&self, _item: &str) -> Result<(), String> {
        if self.paid {
            return Err("it is paid and packed".to_owned());
        }
        Ok(())
    }

    /// Where it stands.
    #[query]
    fn status(&self) -> String {
        let paid = if self.paid { "paid" } else { "not paid" };
        format!("{} things, {paid}", self.items.len())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = Client::connect("sqlite://orders.db").await?;
    let worker = Worker::builder(&client, "orders")
        .register_workflow::<Order>()
        .build()?;
    let server = serve(Arc::clone(client.engine()), ServeOptions::default()).await?;
    println!("the orders are at {}; try:", server.address());
    println!(
        "  temporal workflow start --type Order --task-queue orders --workflow-id bell --input '\"bell\"'"
    );
    println!("  temporal workflow describe --workflow-id bell");
    println!("  temporal workflow signal --workflow-id bell --name pay");
    // Until SIGTERM, or Ctrl-C.
    worker.run().await?;
    server.stop().await?;
    client.close().await?;
    Ok(())
}
