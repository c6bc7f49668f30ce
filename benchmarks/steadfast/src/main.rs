//! The load on steadfast.

#[path = "../../common/load.rs"]
mod load;

use std::time::Duration;

use steadfast::{
    engine::embedded::{Durability, EmbeddedEngine, EmbeddedOptions},
    prelude::*,
};

struct Steps;

#[activities]
impl Steps {
    #[activity]
    async fn step(number: u32) -> Result<u32, ActivityError> {
        Ok(number + 1)
    }
}

#[workflow]
#[derive(Default)]
struct Sequence;

#[workflow_methods]
impl Sequence {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, steps: u32) -> WorkflowResult<u32> {
        let options = ActivityOptions::start_to_close_timeout(Duration::from_secs(60));
        let mut number = 0;
        for _ in 0..steps {
            number = ctx
                .start_activity(Steps::step, number, options.clone())
                .await?;
        }
        Ok(number)
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    for durability in [Durability::Relaxed, Durability::Full] {
        let folder = tempfile::tempdir().unwrap();
        let options = EmbeddedOptions::file(folder.path().join("bench.db")).durability(durability);
        let client = Client::new(EmbeddedEngine::open(options).unwrap());
        let worker = Worker::builder(&client, "bench")
            .register_workflow::<Sequence>()
            .register_activities(Steps)
            .build()
            .unwrap();
        let name = format!("steadfast {durability:?}");
        let measured = load::measure(&name, 2_000, |id, steps| {
            let client = client.clone();
            async move {
                let options = WorkflowStartOptions::new("bench", id);
                let run = client
                    .start_workflow(Sequence::run, steps, options)
                    .await
                    .unwrap();
                run.result().await.unwrap()
            }
        });
        worker.run_until(measured).await.unwrap();
    }
}
