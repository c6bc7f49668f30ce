//! Workers: what operators do to their activities, and several of them beside each other.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::future::join_all;
use steadfast::{prelude::*, testing::assert_history};
use tokio::{sync::oneshot, time::sleep};

use crate::{
    cli::Cli,
    ledger::{self, Ledger, Steps},
    service::{fresh_engine, variable},
};

/// An activity that says what it heard.
#[derive(Clone, Debug, Default)]
struct Listener(Arc<Mutex<Vec<String>>>);

#[activities]
impl Listener {
    #[activity(auto_heartbeat)]
    async fn listen(&self, ctx: ActivityContext) -> Result<(), ActivityError> {
        self.say("started".to_owned());
        self.say(ctx.cancelled().await.to_string());
        Err(ActivityError::cancelled())
    }
}

impl Listener {
    fn say(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }

    fn said(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// Waits until so many lines were said.
    async fn heard(&self, lines: usize) {
        let heard = async {
            while self.said().len() < lines {
                sleep(Duration::from_millis(20)).await;
            }
        };
        if tokio::time::timeout(Duration::from_secs(60), heard)
            .await
            .is_err()
        {
            panic!("{:?}", self.said());
        }
    }
}

/// Listens until it is cancelled.
#[workflow]
#[derive(Debug, Default)]
struct Listening;

#[workflow_methods]
impl Listening {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        let options = ActivityOptions::with_start_to_close_timeout(Duration::from_secs(60))
            .heartbeat_timeout(Duration::from_secs(5))
            .activity_id(ActivityId::new("listen")?)
            .cancellation_type(ActivityCancellationType::WaitCancellationCompleted);
        Ok(ctx.start_activity(Listener::listen, (), options).await?)
    }
}

/// A1. `temporal activity pause`, `unpause` and `reset` reach an activity in the answer to its heartbeat.
#[tokio::test]
async fn an_activity_is_paused_and_reset_by_the_command_line() {
    let Some(address) = variable("STEADFAST_TEMPORAL_ADDRESS") else {
        return;
    };
    let client = Client::new(fresh_engine(&address).await);
    let Some(cli) = Cli::of(&client, &address) else {
        return;
    };
    let listener = Listener::default();
    let worker = Worker::builder(&client, "listening")
        .register_workflow::<Listening>()
        .register_activities(listener.clone())
        .build()
        .unwrap();
    let history = worker
        .run_until(async {
            let options = WorkflowStartOptions::new("listening", "listening");
            let workflow = client.start_workflow(Listening::run, (), options).await;
            let workflow = workflow.unwrap();
            let operate = async |what: &str| {
                let activity = ["--workflow-id", "listening", "--activity-id", "listen"];
                cli.run(&[["activity", what].as_slice(), &activity].concat())
                    .await
            };
            listener.heard(1).await;
            operate("reset").await;
            listener.heard(3).await;
            operate("pause").await;
            listener.heard(4).await;
            operate("unpause").await;
            listener.heard(5).await;
            workflow
                .cancel(WorkflowCancelOptions::default())
                .await
                .unwrap();
            assert!(workflow.result().await.unwrap_err().is_cancelled());
            workflow.history().await.unwrap()
        })
        .await
        .unwrap();
    assert_eq!(
        listener.said(),
        [
            "started",
            "reset",
            "started",
            "paused",
            "started",
            "cancelled by the workflow",
        ]
    );
    assert_history(&history)
        .has_times(1, "ActivityTaskCanceled")
        .ends_with("WorkflowExecutionCanceled");
}

/// E7. Workers of one process and one name share their polls; the end of one is not the end of the other's.
#[tokio::test]
async fn of_two_workers_with_one_name_one_stops_and_nothing_is_lost() {
    let Some(address) = variable("STEADFAST_TEMPORAL_ADDRESS") else {
        return;
    };
    let client = Client::new(fresh_engine(&address).await);
    let folder = tempfile::tempdir().unwrap();
    let ledger = Ledger::at(folder.path().join("ledger"));
    let worker = || ledger::worker(&client, &ledger, "shared");
    let all_done = async {
        let workflows = (0..60).map(async |number| {
            let options = WorkflowStartOptions::new("shared", format!("steps-{number}"));
            let steps = client
                .start_workflow(Steps::run, (), options)
                .await
                .unwrap();
            steps.result().await.unwrap();
            steps.history().await.unwrap()
        });
        join_all(workflows).await
    };
    let (stop, stopped) = oneshot::channel::<()>();
    let first = worker();
    let stops = async {
        let stopping = async {
            while ledger.lines() < 40 {
                sleep(Duration::from_millis(5)).await;
            }
            stop.send(()).unwrap();
        };
        let ended = first.run_until(async { stopped.await.unwrap() });
        let (ended, ()) = tokio::join!(ended, stopping);
        ended.unwrap();
    };
    let second = worker();
    let lasts = second.run_until(all_done);
    let (histories, ()) = tokio::join!(lasts, stops);
    let again: usize = histories
        .unwrap()
        .iter()
        .map(|history| ledger.check(history))
        .sum();
    assert_eq!(again, 0, "a worker that stops in peace costs no attempt");
}

/// E7. Nothing of a worker that has stopped goes on asking for tasks, which nobody would work on.
#[tokio::test]
async fn a_worker_that_has_stopped_takes_nothing_any_more() {
    let Some(address) = variable("STEADFAST_TEMPORAL_ADDRESS") else {
        return;
    };
    let client = Client::new(fresh_engine(&address).await);
    let folder = tempfile::tempdir().unwrap();
    let ledger = Ledger::at(folder.path().join("ledger"));
    for number in 0..4 {
        let worker = ledger::worker(&client, &ledger, "stopped");
        worker.run_until(async {}).await.unwrap();
        let worker = ledger::worker(&client, &ledger, "stopped");
        let history = worker.run_until(async {
            let options = WorkflowStartOptions::new("stopped", format!("steps-{number}"));
            let steps = client
                .start_workflow(Steps::run, (), options)
                .await
                .unwrap();
            steps.result().await.unwrap();
            steps.history().await.unwrap()
        });
        let history = history.await.unwrap();
        assert_history(&history).has_none("WorkflowTaskTimedOut");
        assert_eq!(ledger.check(&history), 0);
    }
}
