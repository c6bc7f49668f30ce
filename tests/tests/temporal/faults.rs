//! Faults: what happens to a worker that goes on running while its service, its wire or a fellow worker does not.

use std::{process::Stdio, time::Duration};

use futures_util::future::join_all;
use steadfast::{
    core::{
        ids::Identity,
        task::{ActivityOutcome, TaskToken, WorkflowTaskCompletion},
    },
    engine::{EngineError, PollActivityTaskRequest, PollWorkflowTaskRequest},
    prelude::*,
};
use tempfile::TempDir;
use tokio::{process::Command, time::sleep};

use crate::{
    ledger::{self, Ledger, Steps},
    logs,
    server::{Proxy, Server, Wire, free_port},
    service::{fresh_engine, variable},
    shop::{Order, OrderHandle, QUEUE, item},
};

const WORKFLOWS: usize = 40;

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

/// What a fault happens to: workflows, and a ledger of what they run.
struct Load {
    client: Client,
    ledger: Ledger,
    task_queue: &'static str,
    _folder: TempDir,
}

impl Load {
    fn new(client: Client, task_queue: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            client,
            ledger: Ledger::at(folder.path().join("ledger")),
            task_queue,
            _folder: folder,
        }
    }

    /// Starts workflows, lets something happen to them, and waits until each has completed. No step ran again after it
    /// was accepted. Gives how many steps ran that were not.
    async fn survives(&self, fault: impl AsyncFnOnce()) -> usize {
        let starts = (0..WORKFLOWS).map(async |number| {
            let options = WorkflowStartOptions::new(self.task_queue, format!("steps-{number}"));
            self.client.start_workflow(Steps::run, (), options).await
        });
        let workflows = join_all(starts).await;
        let ends = workflows.into_iter().map(async |workflow| {
            let workflow = workflow.unwrap();
            // A client's request is made again for a while; after that it is for the client to decide.
            while let Err(error) = workflow.result().await {
                assert!(!error.is_cancelled() && !error.is_not_found(), "{error}");
                sleep(Duration::from_millis(100)).await;
            }
            workflow.history().await.unwrap()
        });
        let (histories, ()) = tokio::join!(join_all(ends), fault());
        let again = histories.iter().map(|history| self.ledger.check(history));
        again.sum()
    }

    /// The same with a worker in this process, which goes on running.
    async fn survives_here(&self, fault: impl AsyncFnOnce()) -> usize {
        let worker = ledger::worker(&self.client, &self.ledger, self.task_queue);
        worker.run_until(self.survives(fault)).await.unwrap()
    }
}

#[tokio::test]
async fn a_service_is_killed_and_started_again_under_load() {
    let logs = logs::collect();
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
    let mut server = Some(server);
    let load = Load::new(client, "killed-service");
    load.survives_here(async || {
        for _ in 0..2 {
            sleep(Duration::from_millis(500)).await;
            server.take().unwrap().kill().await;
            sleep(Duration::from_secs(1)).await;
            server = Server::start(port, &file);
        }
    })
    .await;
    for said in [
        "polling the Temporal Service failed; it is tried again task_queue=\"killed-service\"",
        "the Temporal Service answers again task_queue=\"killed-service\"",
    ] {
        // Once for either kind of task each time, and perhaps once more while connections settle.
        let often = logs.count(said) > 12;
        assert!(logs.contain(said) && !often, "{said}: {logs:?}");
    }
}

async fn with_proxy(task_queue: &'static str, scenario: impl AsyncFnOnce(&Load, &Proxy)) {
    let Some(address) = variable("STEADFAST_TEMPORAL_ADDRESS") else {
        return;
    };
    let proxy = Proxy::to(&address).await;
    let client = Client::new(fresh_engine(&address).await);
    let namespace = client.engine().namespace();
    let through = Client::connect(&format!("temporal://{}/{namespace}", proxy.address)).await;
    scenario(&Load::new(through.unwrap(), task_queue), &proxy).await;
}

#[tokio::test]
async fn the_connection_is_cut_again_and_again() {
    with_proxy("cut-wire", async |load, proxy| {
        load.survives_here(async || {
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
    with_proxy("slow-service", async |load, proxy| {
        proxy.becomes(Wire::Slow(Duration::from_millis(100)));
        let again = load.survives_here(async || {}).await;
        assert_eq!(again, 0, "slow is not lost");
    })
    .await;
}

/// Not a test: the worker that is killed.
#[tokio::test]
async fn worker_process() {
    let (Ok(url), Ok(path)) = (
        std::env::var("STEADFAST_TEST_WORKER"),
        std::env::var("STEADFAST_TEST_LEDGER"),
    ) else {
        return;
    };
    let client = Client::connect(&url).await.unwrap();
    let ledger = Ledger::at(path.into());
    let worker = ledger::worker(&client, &ledger, KILLED_WORKER);
    worker.run().await.unwrap();
}

const KILLED_WORKER: &str = "killed-worker";

/// A worker is killed again and again, with runs in memory and activities under way; another goes on.
#[tokio::test]
async fn a_worker_with_runs_in_memory_is_killed() {
    let Some(address) = variable("STEADFAST_TEMPORAL_ADDRESS") else {
        return;
    };
    let client = Client::new(fresh_engine(&address).await);
    let url = format!("temporal://{address}/{}", client.engine().namespace());
    let load = Load::new(client, KILLED_WORKER);
    let process = || {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "faults::worker_process"])
            .env("STEADFAST_TEST_WORKER", &url)
            .env("STEADFAST_TEST_LEDGER", load.ledger.path())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap()
    };
    let mut last = None;
    let again = load.survives(async || {
        for _ in 0..3 {
            let mut killed = process();
            let ran = load.ledger.lines();
            while load.ledger.lines() < ran + 10 {
                sleep(Duration::from_millis(5)).await;
            }
            killed.kill().await.unwrap();
        }
        last = Some(process());
    });
    assert!(again.await > 0, "activities were under way");
}

/// What will not pass ends a worker, in the words of the service.
#[tokio::test]
async fn a_poll_that_is_refused_ends_the_worker() {
    let Some(address) = variable("STEADFAST_TEMPORAL_ADDRESS") else {
        return;
    };
    let client = Client::new(fresh_engine(&address).await);
    let load = Load::new(client, "/_sys/reserved");
    let worker = ledger::worker(&load.client, &load.ledger, load.task_queue);
    let ended = tokio::time::timeout(Duration::from_secs(30), worker.run()).await;
    assert_eq!(
        ended.unwrap().unwrap_err().to_string(),
        "task queue name cannot start with reserved prefix /_sys/"
    );
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
            remote: false,
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
        user_metadata: None,
        priority: None,
    };
    let completion = WorkflowTaskCompletion {
        commands: vec![steadfast::core::command::Command::ScheduleActivityTask(
            Box::new(activity),
        )],
        ..WorkflowTaskCompletion::default()
    };
    let answer = || engine.complete_workflow_task(task.token.clone(), completion.clone());
    answer().await.unwrap();
    assert!(matches!(answer().await, Err(EngineError::NotFound { .. })));

    let lease = engine
        .poll_activity_task(PollActivityTaskRequest {
            task_queue,
            worker: identity,
            max_tasks_per_second: None,
            remote: false,
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
