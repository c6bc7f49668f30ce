//! What every workflow says of itself when Temporal's tools ask.

use serde_json::Value;
use steadfast::{convert::from_payload, prelude::*};
use tokio::test;

use crate::harness::{HOUR, QUEUE, scenario_without_worker};

/// Waits in a scope, and beside it in a disconnected one.
#[workflow]
#[derive(Debug, Default)]
struct Shipment;

#[workflow_methods]
impl Shipment {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        ctx.set_current_details("**packs**");
        let packed = ctx.scope(async |ctx| {
            if let Err(cancelled) = ctx.sleep(HOUR).await {
                drop(cancelled);
            }
            ctx.set_current_details(format!("{}, then sends", ctx.current_details()));
            // Goes on although it is cancelled.
            ctx.disconnected(async |ctx| ctx.sleep(2 * HOUR).await)
                .await
        });
        packed.await?;
        Ok(())
    }

    /// The money is there.
    ///
    /// - from a *card*
    /// - or in `cash`
    #[signal]
    fn paid(&mut self) {}

    #[doc = "Where it is."]
    #[doc(hidden)]
    #[query]
    fn place(&self) -> u32 {
        0
    }

    #[update]
    fn redirect(&mut self, to: u32) -> u32 {
        to
    }
}

#[test]
async fn a_workflow_tells_its_handlers_and_its_scopes() {
    scenario_without_worker(async |world| {
        world.work_with(world.worker().register_workflow::<Shipment>());
        let options = WorkflowStartOptions::new(QUEUE, "shipment");
        let shipment = world
            .client
            .start_workflow(Shipment::run, (), options)
            .await
            .unwrap();
        let ask = async |name: &str| -> Value {
            let answer = shipment.query_by_name(name, Vec::new()).await.unwrap();
            from_payload(Some(&answer)).unwrap()
        };
        let names = |kind: &Value| -> Vec<String> {
            let handlers = kind.as_array().unwrap().iter();
            handlers
                .map(|handler| handler["name"].as_str().unwrap().to_owned())
                .collect()
        };
        let metadata = ask("__temporal_workflow_metadata").await;
        assert_eq!(metadata["currentDetails"], "**packs**");
        let definition = &metadata["definition"];
        assert_eq!(definition["type"], "Shipment");
        assert_eq!(names(&definition["signalDefinitions"]), ["paid"]);
        assert_eq!(
            definition["signalDefinitions"][0]["description"],
            "The money is there.\n\n- from a *card*\n- or in `cash`"
        );
        let place = &definition["queryDefinitions"][0];
        assert_eq!(place["description"], "Where it is.");
        assert_eq!(definition["updateDefinitions"][0].get("description"), None);
        assert_eq!(names(&definition["updateDefinitions"]), ["redirect"]);
        assert_eq!(
            names(&definition["queryDefinitions"]),
            ["place", "__stack_trace", "__steadfast_scopes"]
        );

        // An event has its number once the next task confirms it.
        let scopes = async || {
            let text = ask("__steadfast_scopes").await;
            let lines = text.as_str().unwrap().lines();
            let lines = lines.map(|line| line.split(" (event").next().unwrap_or(line).to_owned());
            lines.collect::<Vec<String>>()
        };
        assert_eq!(
            scopes().await,
            [
                "- the workflow's own scope",
                "  - a scope",
                "    - waits for timer `1`"
            ]
        );
        let options = WorkflowCancelOptions::builder().reason("enough");
        shipment.cancel(options).await.unwrap();
        assert_eq!(
            scopes().await,
            [
                "- the workflow's own scope, cancelled: enough",
                "  - a scope, cancelled: enough; nothing is open in it",
                "- a disconnected scope",
                "  - waits for timer `2`"
            ]
        );
        let metadata = ask("__temporal_workflow_metadata").await;
        assert_eq!(metadata["currentDetails"], "**packs**, then sends");
    })
    .await;
}
