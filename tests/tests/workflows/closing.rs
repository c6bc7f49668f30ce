//! How what a URL opened is closed, and opened again.

use std::{path::Path, sync::Arc, time::Duration};

use steadfast::{
    codec::{CodecError, PayloadCodec},
    core::{ids::TaskQueue, payload::Payload},
    engine::{
        EngineError, ListFilter,
        embedded::{EmbeddedEngine, EmbeddedOptions},
    },
    prelude::*,
};

#[workflow]
#[derive(Default)]
struct Greeting;

#[workflow_methods]
impl Greeting {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, _name: String) -> WorkflowResult<String> {
        let options = ActivityOptions::start_to_close_timeout(Duration::from_secs(10));
        let greeting = ctx
            .start_activity(Greeter::greet, "you".to_owned(), options)
            .await?;
        Ok(greeting)
    }
}

struct Greeter;

#[activities]
impl Greeter {
    #[activity]
    async fn greet(&self, _ctx: ActivityContext, name: String) -> Result<String, ActivityError> {
        Ok(format!("hello {name}"))
    }
}

async fn greet(client: &Client, id: &str) {
    let worker = Worker::builder(client, "greetings")
        .register_workflow::<Greeting>()
        .register_activities(Greeter)
        .build()
        .unwrap();
    worker
        .run_until(async {
            let options = WorkflowStartOptions::new("greetings", id);
            let greeting = client
                .start_workflow(Greeting::run, "you".to_owned(), options)
                .await
                .unwrap();
            assert_eq!(greeting.result().await.unwrap(), "hello you");
        })
        .await
        .unwrap();
}

fn names(folder: &Path) -> Vec<String> {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_url_opened_is_closed_and_can_be_opened_again_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("orders.db").display());
    for round in 0..40 {
        let client = Client::connect(&url).await.unwrap();
        greet(&client, &format!("greeting-{round}")).await;
        if round % 2 == 0 {
            client.close().await.unwrap();
            let stopped = client.check_health().await.unwrap_err();
            assert!(
                matches!(stopped, ClientError::Engine(EngineError::Stopped { .. })),
                "{stopped}"
            );
            // Twice is no harm.
            client.close().await.unwrap();
        }
        drop(client);
        assert_eq!(names(folder.path()), ["orders.db"]);
    }
    let client = Client::connect(&url).await.unwrap();
    assert_eq!(
        client.count_workflows(ListFilter::default()).await.unwrap(),
        40
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_that_close_both_find_the_file_closed() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("orders.db").display());
    for _ in 0..20 {
        let client = Client::connect(&url).await.unwrap();
        let opens = async |client: Client| {
            client.close().await.unwrap();
            EmbeddedEngine::open(folder.path().join("orders.db"))
                .map(drop)
                .map_err(|error| error.to_string())
        };
        let (first, second) = tokio::join!(opens(client.clone()), opens(client));
        // Only the other one of the two may have it.
        assert!(first.is_ok() || second.is_ok(), "{first:?}, {second:?}");
        assert_eq!(names(folder.path()), ["orders.db"]);
    }
}

#[tokio::test]
async fn an_engine_that_was_opened_before_its_client_is_not_closed_with_it() {
    let engine = EmbeddedEngine::in_memory().unwrap();
    let client = Client::new(engine);
    client.close().await.unwrap();
    client.check_health().await.unwrap();
}

#[tokio::test]
async fn what_only_the_embedded_engine_offers_is_reached_from_a_url() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!(
        "sqlite://{}?durability=relaxed&namespace=shop",
        folder.path().join("orders.db").display()
    );
    let client = Client::connect(&url)
        .await
        .unwrap()
        .with_identity("me")
        .unwrap();
    let embedded = client.embedded().unwrap();
    let queue = TaskQueue::new("greetings").unwrap();
    embedded.pause_task_queue(&queue).await.unwrap();
    assert_eq!(
        embedded.paused_task_queues().unwrap(),
        std::slice::from_ref(&queue)
    );
    embedded.resume_task_queue(&queue).await.unwrap();
    embedded
        .backup(folder.path().join("copy.db"))
        .await
        .unwrap();
    assert_eq!(client.engine().namespace().as_str(), "shop");
    assert_eq!(
        embedded.durability(),
        steadfast::engine::embedded::Durability::Relaxed
    );
    client.close().await.unwrap();
}

/// A codec of the user that cannot stand a word.
#[derive(Debug)]
struct Touchy;

impl PayloadCodec for Touchy {
    fn encode(&self, payload: Payload) -> Result<Payload, CodecError> {
        let bytes = payload.data.as_slice();
        assert!(
            !bytes.windows(4).any(|word| word == b"boom"),
            "not that word"
        );
        Ok(payload)
    }

    fn decode(&self, payload: Payload) -> Result<Payload, CodecError> {
        Ok(payload)
    }
}

/// It panics on a thread of the engine, which stops. Everybody hears whose panic that was.
#[tokio::test(flavor = "multi_thread")]
async fn a_codec_that_panics_is_named_by_whoever_asks_and_by_the_worker() {
    let folder = tempfile::tempdir().unwrap();
    let options = EmbeddedOptions::file(folder.path().join("orders.db")).codec(Arc::new(Touchy));
    let client = Client::new(EmbeddedEngine::open(options).unwrap());
    let worker = Worker::builder(&client, "greetings")
        .register_workflow::<Greeting>()
        .register_activities(Greeter)
        .build()
        .unwrap();
    let working = tokio::spawn(async move { worker.run().await });
    let options = WorkflowStartOptions::new("greetings", "first");
    let asked = client.start_workflow(Greeting::run, "boom".to_owned(), options);
    let asked = asked.await.map(drop).unwrap_err();
    let health = client.check_health().await.unwrap_err();
    let worked = tokio::time::timeout(Duration::from_secs(20), working);
    let worked = worked.await.unwrap().unwrap().unwrap_err();
    for text in [asked.to_string(), health.to_string(), worked.to_string()] {
        assert!(
            text.contains("the payload codec panicked: `not that word`"),
            "{text}"
        );
    }
}
