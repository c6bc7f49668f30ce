//! The load on `duroxide`, which chooses its durability itself: NORMAL.

use std::{sync::Arc, time::{Duration, Instant}};

use duroxide::{
    ActivityContext, Client, OrchestrationContext, OrchestrationRegistry, OrchestrationStatus,
    providers::sqlite::SqliteProvider,
    runtime::{Runtime, registry::ActivityRegistry},
};

use crate::{STEPS, WORKFLOWS};

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
    let start = Instant::now();
    let runs: Vec<_> = (0..WORKFLOWS)
        .map(|number| {
            let client = Arc::clone(&client);
            tokio::spawn(async move {
                let id = format!("run-{number}");
                client
                    .start_orchestration(&id, "sequence", STEPS.to_string())
                    .await
                    .unwrap();
                client
                    .wait_for_orchestration(&id, Duration::from_secs(300))
                    .await
                    .unwrap()
            })
        })
        .collect();
    for run in runs {
        match run.await.unwrap() {
            OrchestrationStatus::Completed { output, .. } => {
                assert_eq!(output, STEPS.to_string());
            }
            other => panic!("{other:?}"),
        }
    }
    let rate = WORKFLOWS as f64 * f64::from(STEPS) / start.elapsed().as_secs_f64();
    println!("duroxide NORMAL: {rate:.0} activities/s");
    runtime.shutdown(None).await;
}
