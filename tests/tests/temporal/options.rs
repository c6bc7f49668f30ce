//! What goes with a request: a codec, a memo, search attributes, limits.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{TryStreamExt as _, future::join_all};
use steadfast::{
    codec::{CodecError, PayloadCodec},
    convert::to_payload,
    core::payload::Payload,
    engine::{ListFilter, temporal::TemporalEngine},
    prelude::*,
    worker::WorkerOptions,
};
use tokio::process::Command;

use crate::{
    service::{DELAY, fresh_engine, fresh_namespace, variable},
    shop::{Order, QUEUE, Shop, item, worker},
};

/// Hides what it is given from whoever does not know how.
#[derive(Debug)]
struct Mask;

impl PayloadCodec for Mask {
    fn encode(&self, payload: Payload) -> Result<Payload, CodecError> {
        Ok(Payload {
            encoding: "binary/masked".into(),
            data: masked(&payload).into(),
            ..Payload::default()
        })
    }

    fn decode(&self, payload: Payload) -> Result<Payload, CodecError> {
        Ok(match payload.encoding.as_ref() {
            "binary/masked" => Payload::json(masked(&payload)),
            _ => payload,
        })
    }
}

fn masked(payload: &Payload) -> Vec<u8> {
    payload
        .data
        .as_slice()
        .iter()
        .map(|byte| byte ^ 0x55)
        .collect()
}

#[tokio::test]
async fn a_codec_hides_payloads_from_the_service() {
    let (Some(address), Some(cli)) = (
        variable("STEADFAST_TEMPORAL_ADDRESS"),
        variable("STEADFAST_TEMPORAL_CLI"),
    ) else {
        return;
    };
    let options = fresh_namespace(&address).await;
    let without = Client::new(TemporalEngine::connect(options.clone()).await.unwrap());
    let options = options.codec(Arc::new(Mask));
    let client = Client::new(TemporalEngine::connect(options).await.unwrap());
    let prices = worker(&client)
        .run_until(async {
            let options = WorkflowStartOptions::new(QUEUE, "order")
                .static_summary("secret-summary")
                .memo("note", &"secret-memo")
                .unwrap();
            let order = client
                .start_workflow(Order::run, item("secret-bell"), options)
                .await
                .unwrap();
            // Its first task is done.
            assert_eq!(order.count().await.unwrap(), 1);
            assert_eq!(order.add(item("secret-ball")).await.unwrap(), 2);
            assert_eq!(order.count().await.unwrap(), 2);
            let described = order.describe().await.unwrap();
            assert_eq!(described.memo["note"], to_payload("secret-memo").unwrap());
            let summary = described.user_metadata.unwrap().summary;
            assert_eq!(summary, Some(to_payload("secret-summary").unwrap()));
            order.close().await.unwrap();
            order.result().await.unwrap()
        })
        .await
        .unwrap();
    assert_eq!((prices["secret-bell"], prices["secret-ball"]), (10, 10));
    let shown = Command::new(cli)
        .args(["workflow", "show", "-o", "json", "--workflow-id", "order"])
        .args([
            "--address",
            &address,
            "--namespace",
            client.engine().namespace().as_str(),
        ])
        .output()
        .await
        .unwrap();
    let json = String::from_utf8(shown.stdout).unwrap();
    assert!(
        json.contains("ActivityTaskScheduled") || json.contains("ACTIVITY_TASK_SCHEDULED"),
        "{json}"
    );
    assert!(!json.contains("secret"), "{json}");
    let hidden = without.workflow::<Order>("order").unwrap();
    let hidden = hidden.describe().await.unwrap();
    assert_eq!(hidden.memo["note"].encoding, "binary/masked");
    let summary = hidden.user_metadata.unwrap().summary.unwrap();
    assert_eq!(summary.encoding, "binary/masked");
}

#[tokio::test]
async fn executions_are_found_by_typed_search_attributes() {
    let (Some(address), Some(cli)) = (
        variable("STEADFAST_TEMPORAL_ADDRESS"),
        variable("STEADFAST_TEMPORAL_CLI"),
    ) else {
        return;
    };
    let client = Client::new(fresh_engine(&address).await);
    let added = Command::new(cli)
        .args([
            "operator",
            "search-attribute",
            "create",
            "--name",
            "City",
            "--type",
            "Keyword",
        ])
        .args(["--name", "Rank", "--type", "Int"])
        .args([
            "--address",
            &address,
            "--namespace",
            client.engine().namespace().as_str(),
        ])
        .output()
        .await
        .unwrap();
    assert!(added.status.success(), "{added:?}");
    tokio::time::sleep(2 * DELAY).await;
    for (id, city, rank) in [("rome", "Rome", 1), ("oslo", "Oslo", 2)] {
        let options = WorkflowStartOptions::new(QUEUE, id)
            .search_attribute("City", &city)
            .unwrap()
            .search_attribute("Rank", &rank)
            .unwrap();
        client
            .start_workflow(Order::run, item("bell"), options)
            .await
            .unwrap();
    }
    tokio::time::sleep(2 * DELAY).await;
    for (name, value) in [("City", to_payload("Oslo")), ("Rank", to_payload(&2))] {
        let filter = ListFilter {
            search_attributes: [(name.to_owned(), value.unwrap())].into(),
            ..ListFilter::default()
        };
        assert_eq!(client.count_workflows(filter.clone()).await.unwrap(), 1);
        let found: Vec<_> = client.list_workflows(filter).try_collect().await.unwrap();
        assert_eq!(found[0].execution.workflow_id.as_str(), "oslo");
        let rank: u32 =
            steadfast::convert::from_payload(found[0].search_attributes.get("Rank")).unwrap();
        assert_eq!(rank, 2);
    }
}

#[tokio::test]
async fn the_service_hands_out_no_more_than_the_queue_allows() {
    let Some(address) = variable("STEADFAST_TEMPORAL_ADDRESS") else {
        return;
    };
    let client = Client::new(fresh_engine(&address).await);
    let options = WorkerOptions {
        max_task_queue_activities_per_second: Some(2.0),
        ..WorkerOptions::default()
    };
    let worker = Worker::builder(&client, QUEUE)
        .register_workflow::<Order>()
        .register_activities(Shop)
        .options(options)
        .build()
        .unwrap();
    worker
        .run_until(async {
            let run = async |number: usize| {
                let options = WorkflowStartOptions::new(QUEUE, format!("order-{number}"));
                let order = client
                    .start_workflow(Order::run, item("bell"), options)
                    .await
                    .unwrap();
                order.close().await.unwrap();
                order.result().await.unwrap();
            };
            let started = Instant::now();
            join_all((0..10).map(run)).await;
            // Two at once, and then two a second.
            assert!(
                started.elapsed() > Duration::from_secs(3),
                "{:?}",
                started.elapsed()
            );
        })
        .await
        .unwrap();
}
