//! Faults: what happens to a worker that goes on running while its service, its wire or a fellow worker does not.

use std::{process::Stdio, time::Duration};

use futures_util::future::join_all;
use steadfast::{
    core::{
        event::EventKind,
        ids::Identity,
        task::{ActivityOutcome, TaskToken, WorkflowTaskCompletion},
    },
    engine::{
        EngineError, PollActivityTaskRequest, PollWorkflowTaskRequest, temporal::TemporalEngine,
    },
    prelude::*,
};
use tokio::{process::Command, time::sleep};

use crate::{
    server::{Proxy, Server, Wire, free_port},
    service::{fresh_engine, fresh_namespace, variable},
    shop::{Order, OrderHandle, QUEUE, item, worker},
};

const ORDERS: usize = 40;

async fn start(client: &Client, id: &str) -> OrderHandle {
    client
        .start_workflow(
            Order::run,
            item("bell"),
            WorkflowStartOptions::new(QUEUE, id),
        )
        .await
        .unwrap()
}

/// Starts orders, lets something happen to them, and waits until each was priced, exactly once by its history.
async fn survive(client: &Client, fault: impl AsyncFnOnce()) {
    let orders: Vec<String> = (0..ORDERS)
        .map(|number| format!("order-{number}"))
        .collect();
    let orders = join_all(orders.iter().map(|id| start(client, id))).await;
    let closing = join_all(orders.iter().map(|order| async {
        // A client's request is made again for ten seconds; after that it is for the client to decide.
        while order.close().await.is_err() {
            sleep(Duration::from_millis(100)).await;
        }
        loop {
            match order.result().await {
                Ok(prices) => break assert_eq!(prices["bell"], 10),
                Err(error) if error.is_cancelled() || error.is_not_found() => panic!("{error}"),
                Err(_) => sleep(Duration::from_millis(100)).await,
            }
        }
        let history = order.history().await.unwrap();
        let completed = |event: &&steadfast::core::event::HistoryEvent| {
            matches!(event.kind, EventKind::ActivityTaskCompleted { .. })
        };
        assert_eq!(
            history.events.iter().filter(completed).count(),
            1,
            "{history}"
        );
    }));
    tokio::join!(closing, fault());
}

#[tokio::test]
async fn a_service_is_killed_and_started_again_under_load() {
    let folder = tempfile::tempdir().unwrap();
    let (port, file) = (free_port().await, folder.path().join("service.db"));
    let Some(server) = Server::start(port, &file) else {
        return;
    };
    let url = format!("temporal://127.0.0.1:{port}/default");
    let client = loop {
        match Client::connect(&url).await {
            Ok(client) => break client,
            Err(_) => sleep(Duration::from_millis(200)).await,
        }
    };
    let mut next = None;
    worker(&client)
        .run_until(survive(&client, async || {
            sleep(Duration::from_millis(300)).await;
            server.kill().await;
            sleep(Duration::from_secs(1)).await;
            next = Server::start(port, &file);
        }))
        .await
        .unwrap();
}

async fn with_proxy(scenario: impl AsyncFnOnce(&Client, &Proxy)) {
    let Some(address) = variable("STEADFAST_TEMPORAL_ADDRESS") else {
        return;
    };
    let proxy = Proxy::to(&address).await;
    let options = fresh_namespace(&address).await;
    let namespace = TemporalEngine::connect(options).await.unwrap();
    let namespace = steadfast::engine::Engine::namespace(&*namespace).clone();
    let client = Client::connect(&format!("temporal://{}/{namespace}", proxy.address))
        .await
        .unwrap();
    worker(&client)
        .run_until(scenario(&client, &proxy))
        .await
        .unwrap();
}

#[tokio::test]
async fn the_connection_is_cut_again_and_again() {
    with_proxy(async |client, proxy| {
        survive(client, async || {
            for _ in 0..5 {
                sleep(Duration::from_millis(150)).await;
                proxy.becomes(Wire::Cut);
                sleep(Duration::from_millis(300)).await;
                proxy.becomes(Wire::Whole);
            }
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn the_service_is_slow() {
    with_proxy(async |client, proxy| {
        proxy.becomes(Wire::Slow(Duration::from_millis(200)));
        survive(client, async || {}).await;
    })
    .await;
}

/// Not a test: the worker that is killed.
#[tokio::test]
async fn worker_process() {
    let Ok(url) = std::env::var("STEADFAST_TEST_WORKER") else {
        return;
    };
    let client = Client::connect(&url).await.unwrap();
    worker(&client).run().await.unwrap();
}

#[tokio::test]
async fn a_worker_with_the_run_in_memory_is_killed() {
    let Some(address) = variable("STEADFAST_TEMPORAL_ADDRESS") else {
        return;
    };
    let client = Client::new(fresh_engine(&address).await);
    let url = format!("temporal://{address}/{}", client.engine().namespace());
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "faults::worker_process"])
        .env("STEADFAST_TEST_WORKER", url)
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let order = start(&client, "order").await;
    // It has the run, and the service keeps the next tasks for it.
    assert_eq!(order.count().await.unwrap(), 1);
    process.kill().await.unwrap();
    let prices = worker(&client)
        .run_until(async {
            order.close().await.unwrap();
            order.result().await.unwrap()
        })
        .await
        .unwrap();
    assert_eq!(prices["bell"], 10);
}

/// E1.
#[tokio::test]
async fn a_token_is_good_for_one_answer() {
    let Some(address) = variable("STEADFAST_TEMPORAL_ADDRESS") else {
        return;
    };
    let client = Client::new(fresh_engine(&address).await);
    let engine = client.engine();
    let order = start(&client, "order").await;
    let (task_queue, identity) = (TaskQueue::new(QUEUE).unwrap(), Identity::new("me").unwrap());
    let task = engine
        .poll_workflow_task(PollWorkflowTaskRequest {
            task_queue: task_queue.clone(),
            worker: identity.clone(),
        })
        .await
        .unwrap();
    let activity = steadfast::core::command::ScheduleActivityTask {
        activity_id: ActivityId::new("a").unwrap(),
        activity_type: steadfast::core::ids::ActivityType::new("price").unwrap(),
        task_queue: task_queue.clone(),
        input: Vec::new(),
        header: std::collections::BTreeMap::new(),
        timeouts: steadfast::core::options::ActivityTimeouts {
            start_to_close_timeout: Some(Duration::from_secs(60)),
            ..Default::default()
        },
        retry_policy: None,
    };
    let completion = WorkflowTaskCompletion {
        commands: vec![steadfast::core::command::Command::ScheduleActivityTask(
            Box::new(activity),
        )],
        query_results: std::collections::BTreeMap::new(),
        force_new_workflow_task: false,
    };
    let answer = || engine.complete_workflow_task(task.token.clone(), completion.clone());
    answer().await.unwrap();
    assert!(matches!(answer().await, Err(EngineError::NotFound { .. })));

    let lease = engine
        .poll_activity_task(PollActivityTaskRequest {
            task_queue,
            worker: identity,
            max_tasks_per_second: None,
        })
        .await
        .unwrap();
    let done = || ActivityOutcome::Completed { result: None };
    let token = lease.task.token;
    engine
        .complete_activity_task(token.clone(), done())
        .await
        .unwrap();
    let again = engine.complete_activity_task(token.clone(), done()).await;
    assert!(matches!(again, Err(EngineError::NotFound { .. })));
    let beat = engine.record_heartbeat(token, Vec::new()).await;
    assert!(matches!(beat, Err(EngineError::NotFound { .. })));

    let foreign = TaskToken(steadfast::core::payload::Bytes::from(vec![0xff; 8]));
    let refused = engine.complete_activity_task(foreign, done()).await;
    assert!(matches!(refused, Err(EngineError::InvalidArgument { .. })));
    order
        .terminate(WorkflowTerminateOptions::default())
        .await
        .unwrap();
}
