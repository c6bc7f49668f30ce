//! What needs no type to be written.

use std::{sync::Arc, time::Duration};

use steadfast::{prelude::*, worker::WorkerBuilder};

/// Activities.
#[derive(Debug)]
pub struct Shop;

#[activities]
impl Shop {
    /// Charges.
    #[activity]
    pub async fn charge(&self, cents: u64) -> Result<u64, ActivityError> {
        Ok(cents)
    }
}

/// A workflow.
#[workflow]
#[derive(Debug, Default)]
pub struct Trip;

#[workflow_methods]
impl Trip {
    /// Runs.
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, limit: Duration) -> WorkflowResult<u64> {
        let options = || ActivityOptions::start_to_close_timeout(limit);
        ctx.saga(async |saga| {
            saga.step(Shop::charge, 5, options())
                .without_compensation()
                .await?;
            Ok(())
        })
        .await?;
        ctx.saga(async |saga| {
            saga.step(Shop::charge, 5, options())
                .without_compensation()
                .await
        })
        .await?;
        ctx.with_timeout(limit, async |ctx| {
            ctx.sleep(limit).await?;
            Ok(())
        })
        .await?;
        ctx.with_timeout(limit, async |ctx| ctx.sleep(limit).await)
            .await?;
        let charged = ctx
            .disconnected(async |ctx| {
                let charged = ctx.start_activity(Shop::charge, 5, options()).await?;
                Ok(charged)
            })
            .await?;
        let task = ctx.spawn(async move |ctx| {
            ctx.sleep(limit).await?;
            Ok(charged)
        });
        let plain = ctx.spawn(async |ctx| ctx.random_u64());
        Ok(task.await? + plain.await % 2)
    }
}

/// Implementers by value and shared.
pub fn register(worker: WorkerBuilder) -> WorkerBuilder {
    let shop = Arc::new(Shop);
    worker
        .register_activities(Arc::clone(&shop))
        .register_activities::<Shop>(shop)
        .register_activities(Shop)
}
