//! The load on steadfast.

use std::time::{Duration, Instant};

use steadfast::{
    engine::embedded::{Durability, EmbeddedEngine, EmbeddedOptions},
    prelude::*,
};

const WORKFLOWS: usize = 200;
const STEPS: u32 = 10;

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
        let rate = worker
            .run_until(async {
                let start = Instant::now();
                let runs: Vec<_> = (0..WORKFLOWS)
                    .map(|number| {
                        let client = client.clone();
                        tokio::spawn(async move {
                            let options = WorkflowStartOptions::new("bench", number.to_string());
                            let run = client
                                .start_workflow(Sequence::run, STEPS, options)
                                .await
                                .unwrap();
                            run.result().await.unwrap()
                        })
                    })
                    .collect();
                for run in runs {
                    assert_eq!(run.await.unwrap(), STEPS);
                }
                WORKFLOWS as f64 * f64::from(STEPS) / start.elapsed().as_secs_f64()
            })
            .await
            .unwrap();
        println!("steadfast {durability:?}: {rate:.0} activities/s");
    }
}
