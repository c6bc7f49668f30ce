//! The load on `duroxide`, which chooses its durability itself: NORMAL.

use std::{sync::Arc, time::Duration};

use duroxide::{
    ActivityContext, Client, OrchestrationContext, OrchestrationRegistry, OrchestrationStatus,
    providers::sqlite::SqliteProvider,
    runtime::{Runtime, registry::ActivityRegistry},
};

use crate::load;

pub async fn measure() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bench.db");
    std::fs::File::create(&file).unwrap();
    let url = format!("sqlite:{}", file.display());
    let store = Arc::new(SqliteProvider::new(&url, None).await.unwrap());
    let activities = ActivityRegistry::builder()
        .register("step", |_: ActivityContext, number: String| async move {
            let number: u32 = number.parse().map_err(|_| "not a number".to_owned())?;
            Ok((number + 1).to_string())
        })
        .build();
    let sequence = |ctx: OrchestrationContext, steps: String| async move {
        let steps: u32 = steps.parse().map_err(|_| "not a number".to_owned())?;
        let mut number = "0".to_owned();
        for _ in 0..steps {
            number = ctx.schedule_activity("step", number).await?;
        }
        Ok(number)
    };
    let orchestrations = OrchestrationRegistry::builder()
        .register("sequence", sequence)
        .build();
    let runtime = Runtime::start_with_store(store.clone(), activities, orchestrations).await;
    let client = Arc::new(Client::new(store));
    // A tenth of the others: each takes about 0.1 s.
    load::measure("duroxide NORMAL", 200, |id, steps| {
        let client = Arc::clone(&client);
        async move {
            client
                .start_orchestration(&id, "sequence", steps.to_string())
                .await
                .unwrap();
            let ended = client
                .wait_for_orchestration(&id, Duration::from_secs(300))
                .await;
            match ended.unwrap() {
                OrchestrationStatus::Completed { output, .. } => output.parse().unwrap(),
                other => panic!("{other:?}"),
            }
        }
    })
    .await;
    runtime.shutdown(None).await;
}
