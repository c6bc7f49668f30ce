//! Workers of other processes: their sticky queues, their questions, and what they do when this process ends.

use std::time::Duration;

use futures_util::{FutureExt as _, future::join};
use steadfast_core::{
    command::Command,
    ids::{EventId, UpdateId},
    payload::Payload,
    task::{ActivityOutcome, ActivityTask, StickyQueue, WorkflowTask, WorkflowTaskCompletion},
};
use steadfast_engine::{
    Engine as _, EngineError, PollActivityTaskRequest, PollWorkflowTaskRequest, UpdateStage,
    conformance::notation::render,
};

use crate::{
    harness::{Lived as _, World, block_on, check_task, completion, current, identity, queue},
    messages::{query, update},
};

/// The queue of the runs that the worker has in memory, and how long a task waits there.
const STICKY: &str = "sticky";
const LIMIT: Duration = Duration::from_secs(5);

fn request(name: &str) -> PollWorkflowTaskRequest {
    PollWorkflowTaskRequest {
        task_queue: queue(name),
        worker: identity("elsewhere"),
        remote: true,
    }
}

/// What is in a queue now.
fn polled(world: &World, name: &str) -> Option<WorkflowTask> {
    let task = world
        .engine
        .poll_workflow_task(request(name))
        .now_or_never();
    task.map(|task| {
        let task = task.unwrap();
        check_task(&task);
        task
    })
}

async fn taken(world: &World, name: &str) -> WorkflowTask {
    let task = world
        .engine
        .poll_workflow_task(request(name))
        .await
        .unwrap();
    check_task(&task);
    task
}

/// Answers a task; the worker has the run in memory then.
async fn answered(world: &World, task: WorkflowTask, commands: Vec<Command>) {
    let answer = WorkflowTaskCompletion {
        sticky: Some(StickyQueue {
            task_queue: queue(STICKY),
            schedule_to_start_timeout: LIMIT,
        }),
        ..completion(commands)
    };
    let answered = world.engine.complete_workflow_task(task.token, answer);
    answered.await.unwrap();
    world.engine.settled().await.unwrap();
}

/// A run that a worker elsewhere has in memory, which looked for its tasks just now.
async fn kept_run() -> World {
    let mut world = World::in_memory();
    world.run("start w").await;
    let task = taken(&world, "w").await;
    answered(&world, task, Vec::new()).await;
    assert!(polled(&world, STICKY).is_none());
    world
}

/// The activity of a run, taken by a worker elsewhere.
async fn started(world: &World, name: &str) -> ActivityTask {
    let lease = world.engine.poll_activity_task(PollActivityTaskRequest {
        task_queue: queue(name),
        worker: identity("elsewhere"),
        max_tasks_per_second: None,
        remote: true,
    });
    lease.await.unwrap().task
}

#[test]
fn a_task_comes_to_the_sticky_queue_with_what_is_new() {
    block_on(async {
        let mut world = kept_run().await;
        world.run("signal w go").await;
        assert!(polled(&world, "w").is_none(), "it waits for its worker");
        let task = polled(&world, STICKY).unwrap();
        assert_eq!(
            render(&task.events),
            "4 WTCompleted · 5 Signaled(go) · 6 WTScheduled · 7 WTStarted"
        );
        answered(&world, task, Vec::new()).await;
        let shown = world.events("w", None).await.unwrap();
        let json = format!("{:?}", shown[5].kind);
        assert!(json.contains(r#"task_queue: "sticky""#), "{json}");
        assert!(json.contains(r#"normal_queue: Some("w")"#), "{json}");
    });
}

/// As a Temporal Service records it.
#[test]
fn a_worker_that_does_not_come_for_its_task_loses_it_to_everybody() {
    block_on(async {
        let mut world = kept_run().await;
        world.run("signal w go\n advance 4s").await;
        assert!(polled(&world, "w").is_none());
        world.run("advance 1s").await;
        assert!(polled(&world, STICKY).is_none());
        let task = taken(&world, "w").await;
        assert_eq!(task.attempt, 1, "it is no fault of the task");
        assert_eq!(
            render(&task.events),
            "1 Started · 2-4 WT · 5 Signaled(go) · 6 WTScheduled · 7 WTTimedOut(SCHEDULE_TO_START) · 8 WTScheduled · 9 WTStarted"
        );
    });
}

#[test]
fn nobody_waits_for_a_worker_that_has_not_polled_for_ten_seconds() {
    block_on(async {
        let mut world = kept_run().await;
        world.run("advance 10s\n signal w go").await;
        let task = taken(&world, "w").await;
        assert_eq!(
            render(&task.events),
            "1 Started · 2-4 WT · 5 Signaled(go) · 6 WTScheduled · 7 WTStarted"
        );
    });
}

#[test]
fn a_worker_that_shuts_down_leaves_its_tasks_to_everybody() {
    block_on(async {
        let mut world = kept_run().await;
        world.run("signal w go").await;
        let ended = world.engine.end_polls(queue(STICKY), identity("elsewhere"));
        ended.await.unwrap();
        let task = taken(&world, "w").await;
        assert_eq!(task.events[0].event_id, EventId(1));
    });
}

#[test]
fn a_sticky_queue_can_be_reset() {
    block_on(async {
        let mut world = kept_run().await;
        world.run("signal w go").await;
        world.engine.reset_sticky_queue(current("w")).await.unwrap();
        assert!(polled(&world, STICKY).is_none());
        let task = taken(&world, "w").await;
        assert_eq!(task.events[0].event_id, EventId(1));
    });
}

/// E7.
#[test]
fn a_sticky_poll_that_is_dropped_loses_no_task() {
    block_on(async {
        let mut world = kept_run().await;
        for _ in 0..3 {
            assert!(polled(&world, STICKY).is_none());
        }
        world.run("signal w go").await;
        assert!(polled(&world, STICKY).is_some());
    });
}

/// Temporal's message of a task has room for one question that is the task's own.
#[test]
fn a_worker_elsewhere_is_asked_one_question_at_a_time() {
    block_on(async {
        let world = kept_run().await;
        let answers = async {
            for (from, value) in [(STICKY, "1"), (STICKY, "2"), ("w", "3")] {
                if from == "w" {
                    let ended = world.engine.end_polls(queue(STICKY), identity("elsewhere"));
                    ended.await.unwrap();
                }
                let task = taken(&world, from).await;
                assert_eq!(task.started_event_id, EventId::NONE);
                assert_eq!(task.queries.len(), 1);
                assert_eq!(task.events.is_empty(), from == STICKY);
                let id = task.queries.into_keys().next().unwrap();
                let answer = WorkflowTaskCompletion {
                    query_results: [(id, Ok(Payload::json(value.as_bytes())))].into(),
                    ..completion(Vec::new())
                };
                world
                    .engine
                    .complete_workflow_task(task.token, answer)
                    .await
                    .unwrap();
            }
        };
        let ask = || world.engine.query_workflow(query("w"));
        let asked = futures_util::future::join3(ask(), ask(), ask());
        let (asked, ()) = join(asked, answers).await;
        for (answer, value) in [(asked.0, "1"), (asked.1, "2"), (asked.2, "3")] {
            assert_eq!(answer.unwrap(), Payload::json(value.as_bytes()));
        }
    });
}

/// What a worker elsewhere has seen of a task stays true.
#[test]
fn an_update_that_a_worker_elsewhere_rejects_leaves_its_task() {
    block_on(async {
        let mut world = kept_run().await;
        let rejects = async {
            let task = taken(&world, STICKY).await;
            let failure = steadfast_core::failure::Failure::application("no", "Rejected");
            let update_id = UpdateId::new("u").unwrap();
            answered(
                &world,
                task,
                vec![Command::RejectUpdate { update_id, failure }],
            )
            .await;
        };
        let (reply, ()) = join(
            world
                .engine
                .update_workflow(update("w", "u", UpdateStage::Completed)),
            rejects,
        )
        .await;
        assert!(reply.unwrap().outcome.unwrap().is_err());
        world.run("events w: 1 Started · 2-4 WT · 5-7 WT").await;
    });
}

/// Its process goes on when this one ends; an old workflow task is nobody's any more.
#[test]
fn attempts_of_workers_elsewhere_outlive_a_restart() {
    block_on(async {
        let mut world = World::in_memory();
        world.run("start w").await;
        let task = taken(&world, "w").await;
        let commands = world.commands("schedule a");
        answered(&world, task, commands).await;
        let activity = started(&world, "a").await;
        world.run("signal w go").await;
        let old = taken(&world, "w").await;
        world.engine.restart().await.unwrap();
        let late = world
            .engine
            .complete_workflow_task(old.token, completion(Vec::new()));
        let refused = late.await.unwrap_err();
        assert!(
            matches!(&refused, EngineError::NotFound { message } if message == EngineError::TASK_NOT_FOUND),
            "{refused}"
        );
        let done = ActivityOutcome::Completed { result: None };
        world
            .engine
            .record_heartbeat(activity.token.clone(), Vec::new())
            .await
            .unwrap();
        world
            .engine
            .complete_activity_task(activity.token, done)
            .await
            .unwrap();
        let task = taken(&world, "w").await;
        assert_eq!(
            render(&task.events),
            "1 Started · 2-4 WT · 5 ActScheduled(a) · 6 Signaled(go) · 7 WTScheduled · 8 ActStarted(sched=5) · \
             9 ActCompleted(sched=5) · 10 WTStarted"
        );
    });
}

/// It is not what this process died of, however often that happens.
#[test]
fn nobody_blames_a_worker_elsewhere_for_the_end_of_this_process() {
    block_on(async {
        let mut world = World::in_memory();
        world.run("start w").await;
        let task = taken(&world, "w").await;
        let commands = world.commands("schedule a");
        answered(&world, task, commands).await;
        let first = started(&world, "a").await;
        world.run("signal w go").await;
        for _ in 0..4 {
            // As if it had crashed.
            world.engine.restart().await.unwrap();
            let task = taken(&world, "w").await;
            assert_eq!(task.attempt, 1);
        }
        let done = ActivityOutcome::Completed { result: None };
        let completed = world.engine.complete_activity_task(first.token, done);
        completed.await.unwrap();
    });
}
