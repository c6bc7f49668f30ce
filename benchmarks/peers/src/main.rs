//! The load on the peers.

#[path = "../../common/load.rs"]
mod load;
mod orchestrations;

use std::{str::FromStr, sync::Arc};

use durare::{DurableContext, DurableEngine, Result, SqliteProvider, WorkflowOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

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
        load::measure(&format!("durare {name}"), 2_000, |id, steps| {
            let engine = Arc::clone(&engine);
            async move {
                let options = WorkflowOptions::with_id(id);
                let handle = engine.start_with(Sequence, steps, options).await.unwrap();
                handle.await.unwrap()
            }
        })
        .await;
    }
    orchestrations::measure().await;
    Ok(())
}
