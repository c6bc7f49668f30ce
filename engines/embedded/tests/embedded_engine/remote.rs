//! Workers of other processes: their sticky queues, their questions, and what they do when this process ends.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::{FutureExt as _, future::join};
use steadfast_core::{
    command::Command,
    failure::Failure,
    ids::{EventId, UpdateId},
    payload::Payload,
    task::{ActivityOutcome, ActivityTask, StickyQueue, WorkflowTask, WorkflowTaskCompletion},
};
use steadfast_embedded::{CrashAction, EmbeddedOptions};
use steadfast_engine::{
    CompletionReply, Engine as _, EngineError, PollActivityTaskRequest, PollWorkflowTaskRequest,
    UpdateStage, conformance::notation::render,
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
            answered(&world, task, vec![reject("u")]).await;
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

fn reject(id: &str) -> Command {
    Command::RejectUpdate {
        update_id: UpdateId::new(id).unwrap(),
        failure: Failure::application("no", "Rejected"),
    }
}

/// As on a Temporal Service, whose workers say that they can.
#[test]
fn a_rejected_update_leaves_nothing_if_its_worker_goes_back() {
    block_on(async {
        let mut world = kept_run().await;
        let asked = world
            .engine
            .update_workflow(update("w", "u", UpdateStage::Completed));
        let answers = async {
            let task = taken(&world, STICKY).await;
            assert_eq!(
                render(&task.events),
                "4 WTCompleted · 5 WTScheduled · 6 WTStarted"
            );
            let answer = WorkflowTaskCompletion {
                sticky: Some(StickyQueue {
                    task_queue: queue(STICKY),
                    schedule_to_start_timeout: LIMIT,
                }),
                goes_back: true,
                ..completion(vec![reject("u")])
            };
            let reply = world.engine.complete_workflow_task(task.token, answer);
            reply.await.unwrap()
        };
        let (told, reply) = join(asked, answers).await;
        assert!(told.unwrap().outcome.unwrap().is_err());
        assert_eq!(reply.reset_history_event_id, Some(EventId(3)));
        world.run("events w: 1 Started · 2-4 WT").await;
        // The worker still has the run in memory, as it was before.
        world.run("signal w go").await;
        let task = taken(&world, STICKY).await;
        assert_eq!(
            render(&task.events),
            "4 WTCompleted · 5 Signaled(go) · 6 WTScheduled · 7 WTStarted"
        );
    });
}

/// Answers the task of a run with two activities of which the worker would run both at once.
async fn eager(world: &World) -> CompletionReply {
    let task = taken(world, "w").await;
    let commands = world.commands("schedule a; schedule b");
    let eager_activities = commands.iter().map(|command| match command {
        Command::ScheduleActivityTask(activity) => activity.activity_id.clone(),
        other => panic!("{other:?}"),
    });
    let answer = WorkflowTaskCompletion {
        eager_activities: eager_activities.collect(),
        ..completion(commands)
    };
    let reply = world.engine.complete_workflow_task(task.token, answer);
    reply.await.unwrap()
}

fn nobody_gets(world: &World, name: &str) {
    let polled = world.engine.poll_activity_task(PollActivityTaskRequest {
        task_queue: queue(name),
        worker: identity("elsewhere"),
        max_tasks_per_second: None,
        remote: true,
    });
    assert!(polled.now_or_never().is_none(), "{name}");
}

#[test]
fn an_activity_that_its_worker_would_run_at_once_comes_with_the_reply_and_to_nobody_else() {
    block_on(async {
        let mut world = World::in_memory();
        world.run("start w").await;
        let reply = eager(&world).await;
        assert_eq!(reply.activity_tasks.len(), 2);
        nobody_gets(&world, "a");
        nobody_gets(&world, "b");
        let done = ActivityOutcome::Completed { result: None };
        let [a, b] = <[_; 2]>::try_from(reply.activity_tasks)
            .unwrap()
            .map(|lease| lease.task);
        assert_eq!((a.attempt, b.attempt), (1, 1));
        // It goes on when this process ends.
        world.engine.restart().await.unwrap();
        for task in [a, b] {
            let completed = world
                .engine
                .complete_activity_task(task.token, done.clone());
            completed.await.unwrap();
        }
        let task = taken(&world, "w").await;
        assert_eq!(
            render(&task.events),
            "1 Started · 2-4 WT · 5 ActScheduled(a) · 6 ActScheduled(b) · 7 ActStarted(sched=5) · 8 ActCompleted(sched=5) · \
             9 WTScheduled · 10 ActStarted(sched=6) · 11 ActCompleted(sched=6) · 12 WTStarted"
        );
    });
}

#[test]
fn a_queue_that_is_paused_gives_no_activity_with_a_reply() {
    block_on(async {
        let mut world = World::in_memory();
        world.run("start w").await;
        world.engine.pause_task_queue(&queue("a")).await.unwrap();
        let reply = eager(&world).await;
        let given = reply
            .activity_tasks
            .iter()
            .map(|lease| lease.task.activity_id.as_str());
        assert_eq!(given.collect::<Vec<_>>(), ["b"]);
        world.engine.resume_task_queue(&queue("a")).await.unwrap();
        assert_eq!(started(&world, "a").await.attempt, 1);
    });
}

/// The worker that asked may be gone before it hears (E7).
#[test]
fn activities_of_a_reply_that_nobody_waits_for_are_given_back() {
    block_on(async {
        let disk = Arc::new(Mutex::new(()));
        let hook = Arc::clone(&disk);
        let mut world = World::with(EmbeddedOptions::in_memory().crash_point(move |_, _| {
            drop(hook.lock().unwrap());
            CrashAction::Continue
        }));
        world.run("start w").await;
        let task = taken(&world, "w").await;
        let answer = WorkflowTaskCompletion {
            eager_activities: vec!["a".try_into().unwrap()],
            ..completion(world.commands("schedule a"))
        };
        let slow = disk.lock().unwrap();
        let reply = world.engine.complete_workflow_task(task.token, answer);
        assert!(reply.now_or_never().is_none());
        drop(slow);
        assert_eq!(started(&world, "a").await.attempt, 1);
    });
}
