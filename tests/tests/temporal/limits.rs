//! What is too large for a service is said where it was made (F8), and never sent: a service terminates the
//! workflow for it.

use std::{sync::Arc, time::Duration};

use steadfast::{
    codec::{CodecError, PayloadCodec},
    core::{
        event::{EventKind, ExecutionStatus, WorkflowTaskFailedCause},
        payload::Payload,
    },
    engine::{Engine as _, temporal::TemporalEngine},
    prelude::*,
    workflow::join_all,
};
use tokio::time::sleep;

use crate::{
    service::{fresh_engine, fresh_namespace, variable},
    too_large,
};

async fn with_worker(judge: impl AsyncFnOnce(&Client)) {
    let Some(address) = variable("STEADFAST_TEMPORAL_ADDRESS") else {
        return;
    };
    let client = Client::new(fresh_engine(&address).await);
    let worker = too_large::worker(&client, 100);
    worker.run_until(judge(&client)).await.unwrap();
}

#[tokio::test]
async fn f8_code_is_told_of_what_is_too_large() {
    with_worker(too_large::judge_code).await;
}

#[tokio::test]
async fn f8_clients_are_told_of_what_is_too_large() {
    with_worker(too_large::judge_clients).await;
}

#[derive(Debug)]
struct Scales;

#[activities]
impl Scales {
    #[activity]
    async fn weigh(parcel: String) -> Result<usize, ActivityError> {
        Ok(parcel.len())
    }
}

/// Has parcels of so many bytes weighed, all at once.
#[workflow]
#[derive(Debug, Default)]
struct Weighs;

#[workflow_methods]
impl Weighs {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, parcels: Vec<usize>) -> WorkflowResult<usize> {
        let weighed = parcels.into_iter().map(|bytes| {
            let limit = ActivityOptions::start_to_close_timeout(Duration::from_secs(30));
            ctx.start_activity(Scales::weigh, "x".repeat(bytes), limit)
        });
        let weights = join_all(weighed).await;
        weights
            .into_iter()
            .try_fold(0, |sum, weight| Ok(sum + weight?))
    }
}

async fn weigh(client: &Client, parcels: Vec<usize>) -> WeighsHandle {
    let options = WorkflowStartOptions::new(too_large::QUEUE, format!("{parcels:?}"));
    client
        .start_workflow(Weighs::run, parcels, options)
        .await
        .unwrap()
}

fn worker(client: &Client) -> Worker {
    Worker::builder(client, too_large::QUEUE)
        .register_workflow::<Weighs>()
        .register_activities(Scales)
        .build()
        .unwrap()
}

/// Each of them fits, and all of them are more than a service takes in one message. Code cannot know what else it
/// asks for in the same task, so the task fails, and waits for better code.
#[tokio::test]
async fn a_workflow_task_that_asks_for_too_much_in_all_fails_and_the_workflow_stays() {
    let Some(address) = variable("STEADFAST_TEMPORAL_ADDRESS") else {
        return;
    };
    let client = Client::new(fresh_engine(&address).await);
    let judge = async {
        let weighs = weigh(&client, vec![1_900_000; 3]).await;
        let failure = loop {
            let history = weighs.history().await.unwrap();
            let failed = history
                .events
                .into_iter()
                .find_map(|event| match event.kind {
                    EventKind::WorkflowTaskFailed { cause, failure, .. } => {
                        assert_eq!(cause, WorkflowTaskFailedCause::PayloadsTooLarge);
                        failure
                    }
                    _ => None,
                });
            match failed {
                Some(failure) => break failure.message,
                None => sleep(Duration::from_millis(50)).await,
            }
        };
        assert!(failure.contains("larger than max"), "{failure}");
        let described = weighs.describe().await.unwrap();
        assert_eq!(described.status, ExecutionStatus::Running);
        weighs
            .terminate(WorkflowTerminateOptions::default())
            .await
            .unwrap();
        // As large as a value may be.
        let weighs = weigh(&client, vec![(2 << 20) - 1024]).await;
        assert_eq!(weighs.result().await.unwrap(), (2 << 20) - 1024);
    };
    worker(&client).run_until(judge).await.unwrap();
}

/// A service terminates a workflow that asks for more than 2 KiB in one search attribute (its default, of which it says
/// nothing); code is told before.
#[tokio::test]
async fn a_search_attribute_that_a_service_does_not_take_is_told() {
    let Some(address) = variable("STEADFAST_TEMPORAL_ADDRESS") else {
        return;
    };
    let engine = fresh_engine(&address).await;
    let limit = engine.payload_limit();
    let attribute = |bytes| [("Note".to_owned(), Payload::json(vec![b'x'; bytes]))].into();
    assert!(limit.check_search_attributes(&attribute(3_000)).is_err());
    assert!(limit.check_search_attributes(&attribute(1_500)).is_ok());
    assert!(limit.check_memo(&attribute(3_000)).is_ok());
}

/// Writes how often a byte comes.
#[derive(Debug)]
struct RunLengths;

const ENCODING: &str = "binary/run-lengths";

impl PayloadCodec for RunLengths {
    fn encode(&self, payload: Payload) -> Result<Payload, CodecError> {
        let mut data = Vec::new();
        for run in payload.data.as_slice().chunk_by(|one, other| one == other) {
            data.extend(u32::try_from(run.len()).unwrap().to_le_bytes());
            data.push(run[0]);
        }
        Ok(Payload {
            encoding: ENCODING.into(),
            data: data.into(),
            metadata: [("was".to_owned(), payload.encoding.as_bytes().into())].into(),
        })
    }

    fn decode(&self, payload: Payload) -> Result<Payload, CodecError> {
        if payload.encoding != ENCODING {
            return Ok(payload);
        }
        let mut data = Vec::new();
        for run in payload.data.as_slice().chunks_exact(5) {
            let length = u32::from_le_bytes(run[..4].try_into().unwrap());
            data.extend(std::iter::repeat_n(run[4], length as usize));
        }
        let was = payload.metadata["was"].as_slice().to_vec();
        Ok(Payload {
            encoding: String::from_utf8(was).unwrap().into(),
            data: data.into(),
            ..Payload::default()
        })
    }
}

/// What counts is what is kept: a codec that compresses makes room.
#[tokio::test]
async fn a_value_that_a_codec_makes_small_is_not_too_large() {
    let Some(address) = variable("STEADFAST_TEMPORAL_ADDRESS") else {
        return;
    };
    let options = fresh_namespace(&address).await.codec(Arc::new(RunLengths));
    let client = Client::new(TemporalEngine::connect(options).await.unwrap());
    let judge = async {
        let weighs = weigh(&client, vec![30 << 20]).await;
        assert_eq!(weighs.result().await.unwrap(), 30 << 20);
    };
    worker(&client).run_until(judge).await.unwrap();
}
