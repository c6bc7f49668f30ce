//! Updates that start their workflow, and updates that are asked about by their id, where scripts cannot tell it: crashes,
//! and what stays in memory.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use futures_util::FutureExt as _;
use steadfast_core::{ids::UpdateId, time::Timestamp};
use steadfast_embedded::{
    CrashAction, CrashPoint, Durability, EmbeddedEngine, EmbeddedOptions, ManualClock,
};
use steadfast_engine::{
    Engine, EngineError, PollUpdateRequest, PollWorkflowTaskRequest, UpdateReply, UpdateStage,
};

use crate::{
    harness::{
        Crash, Lived as _, World, block_on, completion, current, identity, queue, start_request,
    },
    messages::update,
};

pub(crate) fn poll_update(id: &str, update_id: &str, wait_for: UpdateStage) -> PollUpdateRequest {
    PollUpdateRequest {
        execution: current(id),
        update_id: UpdateId::new(update_id).unwrap(),
        wait_for,
    }
}

/// Takes the task of a workflow and answers it: what it brings is accepted and completed. Notes how much that is.
async fn work(world: &World, id: &str, tasks: &mut Vec<usize>) -> Result<(), EngineError> {
    let poll = world.engine.poll_workflow_task(PollWorkflowTaskRequest {
        task_queue: queue(id),
        worker: identity("worker"),
        remote: false,
    });
    let task = poll.await?;
    tasks.push(task.updates.len());
    let brought = task.updates.iter().map(|update| &update.update_id);
    let commands: Vec<String> = brought
        .map(|id| format!("accept {id}; complete-update {id} 7"))
        .collect();
    let answer = completion(world.commands(&commands.join("; ")));
    world
        .engine
        .complete_workflow_task(task.token, answer)
        .await?;
    Ok(())
}

/// Starts with an update, again and again with the same ids, until it is told the outcome, while a worker answers tasks.
/// Gives what the tasks brought, one for each.
async fn until_told(world: &World, tasks: &mut Vec<usize>) -> Result<UpdateReply, EngineError> {
    let sent = world.engine.update_with_start_workflow(
        start_request("w", "start"),
        update("w", "u", UpdateStage::Completed),
    );
    futures_util::pin_mut!(sent);
    loop {
        tokio::select! {
            biased;
            answer = &mut sent => return Ok(answer?.update),
            worked = work(world, "w", tasks) => worked?,
        }
    }
}

fn until_told_with_a_crash(
    path: &Path,
    durability: Durability,
    crash_at: Option<(u64, CrashPoint)>,
) -> (Vec<usize>, u64) {
    let clock = ManualClock::at(Timestamp::from_unix_nanos(1_795_000_000_000_000_000));
    let crash = Crash::at(crash_at);
    let mut tasks = Vec::new();
    loop {
        let options = EmbeddedOptions::file(path)
            .durability(durability)
            .clock(clock.clone());
        let mut world = World::new(
            EmbeddedEngine::open(crash.of(options)).unwrap(),
            clock.clone(),
        );
        let told = block_on(async {
            let reply = until_told(&world, &mut tasks).await?;
            assert_eq!(reply.stage, UpdateStage::Completed);
            let events = world.events("w", None).await?;
            let text = steadfast_engine::conformance::notation::render(&events);
            assert!(
                text.starts_with("1 Started · 2 WTScheduled")
                    || text.starts_with("1 Started · 2-4 WT"),
                "{text}"
            );
            for once in ["Started ", "UpdAccepted(u)", "UpdCompleted(u"] {
                assert_eq!(text.matches(once).count(), 1, "{once} in {text}");
            }
            world.run("update-with-start w u\n updated w u 7").await;
            assert_eq!(world.events("w", None).await?, events, "it was known");
            Ok::<_, EngineError>(())
        });
        world.close();
        match told {
            Ok(()) => return (tasks, crash.commits()),
            Err(EngineError::Stopped { .. }) if crash.has_happened() => {}
            Err(error) => panic!("{error}"),
        }
    }
}

fn crash_at_every_commit(durability: Durability) {
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole.db");
    let (tasks, commits) = until_told_with_a_crash(&whole, durability, None);
    assert_eq!(tasks, [1], "the first task brings the update");
    // How much goes into one commit depends on how fast the worker is.
    for commit in 1..=commits.max(2) {
        for point in [CrashPoint::BeforeCommit, CrashPoint::AfterCommit] {
            let path = folder.path().join(format!("{commit}-{point:?}.db"));
            let (tasks, _) = until_told_with_a_crash(&path, durability, Some((commit, point)));
            // Of a run that was started and left without the update a worker may see a task before the request is repeated.
            let brought: usize = tasks.iter().sum();
            assert!((1..=2).contains(&brought), "{commit}, {point:?}: {tasks:?}");
        }
    }
}

/// E2, E10: whoever got no answer repeats the request, and gets the same run and one update.
#[test]
fn a_crash_at_any_commit_of_an_update_with_start_changes_no_outcome() {
    crash_at_every_commit(Durability::Full);
    crash_at_every_commit(Durability::Relaxed);
}

/// Nothing of it is there while the start is not written: a commit that fails starts nothing and brings nothing.
#[test]
fn an_update_with_start_is_one_commit() {
    block_on(async {
        let clock = ManualClock::at(Timestamp::from_unix_nanos(1_795_000_000_000_000_000));
        let fails = Arc::new(AtomicBool::new(true));
        let failing = Arc::clone(&fails);
        let options = EmbeddedOptions::in_memory()
            .clock(clock.clone())
            .crash_point(move |_, point| {
                match point == CrashPoint::BeforeCommit && failing.load(Ordering::Relaxed) {
                    true => CrashAction::Fail,
                    false => CrashAction::Continue,
                }
            });
        let mut world = World::new(EmbeddedEngine::open(options).unwrap(), clock);
        let sent = world.engine.update_with_start_workflow(
            start_request("w", "start"),
            update("w", "u", UpdateStage::Completed),
        );
        assert!(matches!(sent.await, Err(EngineError::Storage { .. })));
        fails.store(false, Ordering::Relaxed);
        world
            .run("quiet w\n status w Running => workflow not found for ID: w")
            .await;
        world
            .run("update-with-start w u\n task w: accept u; complete-update u 7\n updated w u 7")
            .await;
    });
}

#[test]
fn an_update_is_asked_about_by_its_id_at_each_stage() {
    block_on(async {
        let mut world = World::in_memory();
        let engine = Arc::clone(&world.engine);
        world.run("start w\n task w:").await;
        let now = |id| engine.poll_update(poll_update("w", id, UpdateStage::Admitted));
        let unknown = now("u").await.unwrap_err().to_string();
        assert_eq!(unknown, "update \"u\" not found");
        world.run("update w u").await;
        assert_eq!(now("u").await.unwrap().stage, UpdateStage::Admitted);
        let accepted = engine.poll_update(poll_update("w", "u", UpdateStage::Accepted));
        let completed = engine.poll_update(poll_update("w", "u", UpdateStage::Completed));
        futures_util::pin_mut!(accepted, completed);
        assert!((&mut accepted).now_or_never().is_none());
        assert!((&mut completed).now_or_never().is_none());
        world.run("task w: accept u").await;
        assert_eq!(accepted.await.unwrap().stage, UpdateStage::Accepted);
        assert_eq!(now("u").await.unwrap().stage, UpdateStage::Accepted);
        assert!((&mut completed).now_or_never().is_none());
        world
            .run("signal w go\n task w: complete-update u 7\n updated w u 7")
            .await;
        assert_eq!(completed.await.unwrap().stage, UpdateStage::Completed);
        let reply = now("u").await.unwrap();
        assert_eq!(reply.stage, UpdateStage::Completed);
        assert!(reply.outcome.unwrap().is_ok());
        let at_once = engine.update_workflow(update("w", "v", UpdateStage::Admitted));
        assert_eq!(at_once.await.unwrap().stage, UpdateStage::Admitted);
        assert_eq!(now("v").await.unwrap().stage, UpdateStage::Admitted);
    });
}

/// Whoever follows an update waits for it: it is not withdrawn although its sender went.
#[test]
fn an_update_that_somebody_follows_is_not_withdrawn() {
    block_on(async {
        let mut world = World::in_memory();
        let engine = Arc::clone(&world.engine);
        world.run("start w\n task w:\n update w u").await;
        let followed = engine.poll_update(poll_update("w", "u", UpdateStage::Completed));
        futures_util::pin_mut!(followed);
        assert!((&mut followed).now_or_never().is_none());
        world
            .run("advance 11s\n updated w u => no worker polls the task queue")
            .await;
        world.run("task w: accept u; complete-update u 7").await;
        assert!(followed.await.unwrap().outcome.unwrap().is_ok());
    });
}

#[test]
fn closed_runs_that_were_asked_about_do_not_stay_in_memory() {
    block_on(async {
        let mut world = World::in_memory();
        world
            .run("update-with-start w u\n task w: accept u; complete-update u 7; complete\n updated w u 7")
            .await;
        for _ in 0..3 {
            let engine = &world.engine;
            let poll = poll_update("w", "u", UpdateStage::Completed);
            engine.poll_update(poll).await.unwrap();
            let again = update("w", "u", UpdateStage::Completed);
            engine.update_workflow(again).await.unwrap();
            let unknown = update("w", "x", UpdateStage::Completed);
            engine.update_workflow(unknown).await.unwrap_err();
            world.run("update-with-start w u\n updated w u 7").await;
            world.engine.settled().await.unwrap();
            assert_eq!(world.engine.stats().unwrap().runs_in_memory, 0);
        }
        // What another start found closed.
        world.run("update-with-start w v").await;
        assert_eq!(world.engine.stats().unwrap().runs_in_memory, 1);
    });
}
