//! The load on the peers.

mod orchestrations;

use std::{str::FromStr, sync::Arc, time::Instant};

use durare::{DurableContext, DurableEngine, Result, SqliteProvider, WorkflowOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

const WORKFLOWS: usize = 200;
const STEPS: u32 = 10;

#[durare::step]
async fn step(ctx: &DurableContext, number: u32) -> Result<u32> {
    Ok(number + 1)
}

#[durare::workflow]
async fn sequence(ctx: DurableContext, steps: u32) -> Result<u32> {
    let mut number = 0;
    for _ in 0..steps {
        number = step(&ctx, number).await?;
    }
    Ok(number)
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<()> {
    for (name, synchronous) in [
        ("NORMAL", SqliteSynchronous::Normal),
        ("FULL", SqliteSynchronous::Full),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("bench.db").display());
        // As the package itself connects, but for the durability.
        let options = SqliteConnectOptions::from_str(&url)
            .unwrap()
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(synchronous)
            .busy_timeout(std::time::Duration::from_secs(5));
        let pool = SqlitePoolOptions::new()
            .max_connections(5)
            .connect_with(options)
            .await
            .unwrap();
        let engine = DurableEngine::builder(Arc::new(SqliteProvider::from_pool(pool)))
            .build()
            .await?;
        let engine = Arc::new(engine);
        let start = Instant::now();
        let runs: Vec<_> = (0..WORKFLOWS)
            .map(|number| {
                let engine = Arc::clone(&engine);
                tokio::spawn(async move {
                    let options = WorkflowOptions::with_id(format!("run-{number}"));
                    let handle = engine.start_with(Sequence, STEPS, options).await.unwrap();
                    handle.await.unwrap()
                })
            })
            .collect();
        for run in runs {
            assert_eq!(run.await.unwrap(), STEPS);
        }
        let rate = WORKFLOWS as f64 * f64::from(STEPS) / start.elapsed().as_secs_f64();
        println!("durare {name}: {rate:.0} steps/s");
    }
    orchestrations::measure().await;
    Ok(())
}
