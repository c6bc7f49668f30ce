//! The process ends at every commit of a mixed load, and the outcome is the same.
//!
//! The workers decide by the history alone, as workflow code does, and the client repeats its
//! requests with the same request ids until they are acknowledged.

use std::{path::Path, time::Duration};

use steadfast_core::{
    event::{EventKind, HistoryEvent},
    failure::Failure,
    ids::RequestId,
    task::ActivityOutcome,
    time::Timestamp,
};
use steadfast_embedded::{CrashPoint, Durability, EmbeddedEngine, EmbeddedOptions, ManualClock};
use steadfast_engine::{
    CancelWorkflowRequest, Engine, EngineError, PollActivityTaskRequest, SignalWorkflowRequest,
};

use crate::harness::{
    Crash, Lived as _, World, block_on, completion, current, identity, next_task, queue, signal,
    start_request,
};

/// What the parent does, read off its history.
fn parent(events: &[HistoryEvent]) -> &'static str {
    let has = |name: &str| events.iter().any(|event| event.kind.name() == name);
    if !has("ActivityTaskScheduled") {
        "schedule a; timer t 30s; child c; marker first"
    } else if !has("ActivityTaskCompleted") || !has("ChildWorkflowExecutionCompleted") {
        ""
    } else if !has("RequestCancelExternalWorkflowExecutionInitiated") {
        "cancel-other other because; signal-other other hello"
    } else if has("WorkflowExecutionSignaled")
        && has("TimerFired")
        && has("ExternalWorkflowExecutionCancelRequested")
        && has("ExternalWorkflowExecutionSignaled")
        && has("WorkflowExecutionCancelRequested")
    {
        "complete \"done\""
    } else {
        ""
    }
}

fn other(events: &[HistoryEvent]) -> &'static str {
    let has = |name: &str| events.iter().any(|event| event.kind.name() == name);
    if has("WorkflowExecutionCancelRequested") && has("WorkflowExecutionSignaled") {
        "cancelled"
    } else {
        ""
    }
}

fn child(events: &[HistoryEvent]) -> &'static str {
    // The first run continues as new, the second one ends.
    let start = events.first().map(|event| &event.kind);
    match start {
        Some(EventKind::WorkflowExecutionStarted(start))
            if start.continued_execution_run_id.is_none() =>
        {
            "continue c"
        }
        _ => "complete \"child\"",
    }
}

/// Does one thing that can be done; says whether there was one.
async fn work(world: &World) -> Result<bool, EngineError> {
    for (id, logic) in [
        ("p", parent as fn(&[HistoryEvent]) -> &'static str),
        ("other", other),
        ("c", child),
    ] {
        // A worker that is new each time is sent the whole history.
        let worker = identity(&format!("worker-{}", world.clock.now().unix_nanos()));
        if let Some(task) = next_task(&world.engine, id, worker).await? {
            crate::harness::check_task(&task);
            assert_eq!(task.events[0].event_id.0, 1);
            let commands = world.commands(logic(&task.events));
            match world
                .engine
                .complete_workflow_task(task.token, completion(commands))
                .await
            {
                Ok(_) | Err(EngineError::WorkflowTaskRefused { .. }) => {}
                Err(error) => return Err(error),
            }
            world.clock.advance(Duration::from_millis(1));
            return Ok(true);
        }
    }
    let poll = world.engine.poll_activity_task(PollActivityTaskRequest {
        task_queue: queue("a"),
        worker: identity("worker"),
        max_tasks_per_second: None,
        remote: false,
    });
    let lease = tokio::select! {
        biased;
        lease = poll => Some(lease?),
        settled = world.engine.settled() => { settled?; None }
    };
    let Some(lease) = lease else { return Ok(false) };
    let outcome = if lease.task.attempt == 1 {
        let failure = Failure::application("once", "Boom");
        ActivityOutcome::Failed {
            failure,
            last_heartbeat_details: None,
        }
    } else {
        ActivityOutcome::Completed { result: None }
    };
    world
        .engine
        .complete_activity_task(lease.task.token, outcome)
        .await?;
    Ok(true)
}

/// What the client wants, in order; each can be asked again.
async fn ask(world: &World, step: usize) -> Result<bool, EngineError> {
    let request_id = RequestId::new(format!("request-{step}")).unwrap();
    match step {
        0 => drop(
            world
                .engine
                .start_workflow(start_request("p", "request-0"))
                .await?,
        ),
        1 => drop(
            world
                .engine
                .start_workflow(start_request("other", "request-1"))
                .await?,
        ),
        2 => {
            let signal = signal("s", request_id);
            let request = SignalWorkflowRequest {
                execution: current("p"),
                signal,
            };
            world.engine.signal_workflow(request).await?;
        }
        3 => {
            let request = CancelWorkflowRequest {
                execution: current("p"),
                reason: "please".to_owned(),
                identity: identity("client"),
                request_id,
            };
            world.engine.request_cancel_workflow(request).await?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// What must not depend on when the process ends: the events but those of workflow tasks.
async fn outcome(world: &World) -> Result<String, EngineError> {
    let mut lines = Vec::new();
    for id in ["p", "other", "c"] {
        let events = world.events(id, None).await?;
        let mut names: Vec<&str> = events
            .iter()
            .map(|event| event.kind.name())
            .filter(|name| !name.starts_with("WorkflowTask"))
            .collect();
        names.sort_unstable();
        lines.push(format!("{id}: {}", names.join(" ")));
    }
    Ok(lines.join("\n"))
}

async fn run_to_the_end(world: &World, asked: &mut usize) -> Result<String, EngineError> {
    loop {
        if ask(world, *asked).await? {
            *asked += 1;
            continue;
        }
        if work(world).await? {
            continue;
        }
        let status = world.engine.describe_workflow(current("p")).await?.status;
        if status != steadfast_core::event::ExecutionStatus::Running {
            return outcome(world).await;
        }
        world
            .clock
            .advance_to_next_timer()
            .expect("something is still to come");
    }
}

fn run(path: &Path, durability: Durability, crash_at: Option<(u64, CrashPoint)>) -> (String, u64) {
    let clock = ManualClock::at(Timestamp::from_unix_nanos(1_795_000_000_000_000_000));
    let crash = Crash::at(crash_at);
    let mut asked = 0;
    loop {
        let options = EmbeddedOptions::file(path)
            .durability(durability)
            .clock(clock.clone());
        let world = World::new(
            EmbeddedEngine::open(crash.of(options)).unwrap(),
            clock.clone(),
        );
        let end = block_on(run_to_the_end(&world, &mut asked));
        world.close();
        match end {
            Ok(outcome) => return (outcome, crash.commits()),
            Err(EngineError::Stopped { .. }) if crash.has_happened() => {}
            Err(error) => panic!("{error}"),
        }
    }
}

fn crash_at_every_commit(durability: Durability) {
    let folder = tempfile::tempdir().unwrap();
    let (expected, commits) = run(&folder.path().join("whole.db"), durability, None);
    assert!(
        expected.starts_with("p: ActivityTaskCompleted ActivityTaskScheduled ActivityTaskStarted"),
        "{expected}"
    );
    assert!(commits > 15, "{commits}");
    for commit in 1..=commits {
        for point in [CrashPoint::BeforeCommit, CrashPoint::AfterCommit] {
            let path = folder.path().join(format!("{commit}-{point:?}.db"));
            let (seen, _) = run(&path, durability, Some((commit, point)));
            assert_eq!(seen, expected, "crash at commit {commit}, {point:?}");
        }
    }
}

/// E2, E10.
#[test]
fn a_crash_at_any_commit_changes_no_outcome() {
    crash_at_every_commit(Durability::Full);
}

/// E2, E10: also when whoever answers a workflow task commits it.
#[test]
fn a_crash_at_any_commit_of_anybody_changes_no_outcome() {
    crash_at_every_commit(Durability::Relaxed);
}
