//! Queries, updates, repeated requests, and what a sticky worker is sent.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::{FutureExt as _, future::join};
use steadfast_core::{
    command::Command,
    failure::{Failure, FailureKind},
    ids::{EventId, QueryName, RequestId, UpdateId, UpdateName},
    payload::{Payload, PayloadMap},
    task::{WorkflowTask, WorkflowTaskCompletion},
};
use steadfast_embedded::{CrashAction, EmbeddedEngine, EmbeddedOptions, ManualClock};
use steadfast_engine::{
    Engine, EngineError, PollActivityTaskRequest, PollWorkflowTaskRequest, QueryWorkflowRequest,
    StartedWorkflow, UpdateReply, UpdateStage, UpdateWorkflowRequest,
    conformance::notation::render,
};

use crate::harness::{
    Lived as _, World, block_on, completion, current, identity, queue, signal, start_request,
};

pub(crate) fn query(id: &str) -> QueryWorkflowRequest {
    QueryWorkflowRequest {
        execution: current(id),
        name: QueryName::new("state").unwrap(),
        input: Vec::new(),
        answer_timeout: Duration::from_secs(10),
    }
}

pub(crate) fn update(id: &str, update_id: &str, wait_for: UpdateStage) -> UpdateWorkflowRequest {
    UpdateWorkflowRequest {
        execution: current(id),
        update_id: UpdateId::new(update_id).unwrap(),
        name: UpdateName::new("change").unwrap(),
        input: Vec::new(),
        header: PayloadMap::new(),
        identity: identity("client"),
        wait_for,
        answer_timeout: Duration::from_secs(10),
    }
}

pub(crate) fn accept(update_id: &str) -> Command {
    Command::AcceptUpdate {
        update_id: UpdateId::new(update_id).unwrap(),
        name: UpdateName::new("change").unwrap(),
        input: Vec::new(),
    }
}

pub(crate) fn complete_update(update_id: &str, value: &str) -> Command {
    Command::CompleteUpdate {
        update_id: UpdateId::new(update_id).unwrap(),
        outcome: Ok(Payload::json(value.as_bytes())),
    }
}

fn value(reply: &UpdateReply) -> Option<String> {
    match &reply.outcome {
        Some(Ok(value)) => Some(steadfast_engine::conformance::notation::text(value)),
        Some(Err(failure)) => Some(failure.to_string()),
        None => None,
    }
}

async fn poll(world: &World, id: &str, worker: &str) -> WorkflowTask {
    let request = PollWorkflowTaskRequest {
        task_queue: queue(id),
        worker: identity(worker),
        remote: false,
    };
    let task = world.engine.poll_workflow_task(request).await.unwrap();
    crate::harness::check_task(&task);
    task
}

pub(crate) async fn answer_query(
    world: &World,
    id: &str,
    worker: &str,
    value: &str,
) -> WorkflowTask {
    let task = poll(world, id, worker).await;
    let results: BTreeMap<_, _> = task
        .queries
        .keys()
        .map(|id| (id.clone(), Ok(Payload::json(value.as_bytes()))))
        .collect();
    let answer = WorkflowTaskCompletion {
        query_results: results,
        ..completion(Vec::new())
    };
    world
        .engine
        .complete_workflow_task(task.token.clone(), answer)
        .await
        .unwrap();
    task
}

#[test]
fn a_query_of_an_idle_run_comes_alone_and_adds_no_event() {
    block_on(async {
        let mut world = World::in_memory();
        world.run("start w\n task w: timer t 60s").await;
        let (answer, task) = join(
            world.engine.query_workflow(query("w")),
            answer_query(&world, "w", "worker", "1"),
        )
        .await;
        assert_eq!(answer.unwrap(), Payload::json(&b"1"[..]));
        assert_eq!(task.started_event_id, EventId::NONE);
        assert_eq!(task.events, [], "the worker has the run");
        // Another worker gets the whole history.
        let (_, task) = join(
            world.engine.query_workflow(query("w")),
            answer_query(&world, "w", "other", "1"),
        )
        .await;
        assert_eq!(
            render(&task.events),
            "1 Started · 2-4 WT · 5 TimerStarted(t)"
        );
        world
            .run("events w: 1 Started · 2-4 WT · 5 TimerStarted(t)")
            .await;
    });
}

#[test]
fn a_query_goes_along_with_a_task_that_waits() {
    block_on(async {
        let mut world = World::in_memory();
        world.run("start w").await;
        let (answer, task) = join(
            world.engine.query_workflow(query("w")),
            answer_query(&world, "w", "worker", "1"),
        )
        .await;
        assert_eq!(answer.unwrap(), Payload::json(&b"1"[..]));
        assert_eq!(task.started_event_id, EventId(3));
        world.run("events w: 1 Started · 2-4 WT").await;
    });
}

/// Scenario 35.
#[test]
fn a_closed_run_can_be_queried() {
    block_on(async {
        let mut world = World::in_memory();
        world.run("start w\n task w: complete").await;
        let (answer, task) = join(
            world.engine.query_workflow(query("w")),
            answer_query(&world, "w", "worker", "1"),
        )
        .await;
        assert_eq!(answer.unwrap(), Payload::json(&b"1"[..]));
        assert_eq!(render(&task.events), "1 Started · 2-4 WT · 5 Completed");
    });
}

#[test]
fn a_query_waits_for_the_answer_of_a_task_that_is_out() {
    block_on(async {
        let mut world = World::in_memory();
        world.run("start w\n take w").await;
        let engine = Arc::clone(&world.engine);
        let asked = engine.query_workflow(query("w"));
        let rest = async {
            world.engine.settled().await.unwrap();
            let request = PollWorkflowTaskRequest {
                task_queue: queue("w"),
                worker: identity("worker"),
                remote: false,
            };
            assert!(
                world
                    .engine
                    .poll_workflow_task(request)
                    .now_or_never()
                    .is_none(),
                "E4"
            );
        };
        futures_util::pin_mut!(asked);
        assert!((&mut asked).now_or_never().is_none());
        rest.await;
        world.run("answer w: timer t 60s").await;
        let (answer, task) = join(asked, answer_query(&world, "w", "worker", "2")).await;
        assert_eq!(answer.unwrap(), Payload::json(&b"2"[..]));
        assert_eq!(task.started_event_id, EventId::NONE);
    });
}

#[test]
fn a_failing_query_is_told_to_who_asked() {
    block_on(async {
        let mut world = World::in_memory();
        world.run("start w\n task w:").await;
        let refuse = async {
            let task = poll(&world, "w", "worker").await;
            let failure = Failure::application("no such query", "UnknownQuery");
            let results = task
                .queries
                .keys()
                .map(|id| (id.clone(), Err(failure.clone())))
                .collect();
            let answer = WorkflowTaskCompletion {
                query_results: results,
                ..completion(Vec::new())
            };
            world
                .engine
                .complete_workflow_task(task.token, answer)
                .await
                .unwrap();
        };
        let (answer, ()) = join(world.engine.query_workflow(query("w")), refuse).await;
        assert!(matches!(answer, Err(EngineError::Failed(_))), "{answer:?}");
    });
}

#[test]
fn an_update_is_accepted_and_completed() {
    block_on(async {
        let mut world = World::in_memory();
        world.run("start w\n task w:").await;
        let handle = async {
            let task = poll(&world, "w", "worker").await;
            assert_eq!(task.updates.len(), 1);
            assert_eq!(task.started_event_id, EventId(6));
            let commands = vec![accept("u"), complete_update("u", "7")];
            world
                .engine
                .complete_workflow_task(task.token, completion(commands))
                .await
                .unwrap();
        };
        let sent = world
            .engine
            .update_workflow(update("w", "u", UpdateStage::Completed));
        let (reply, ()) = join(sent, handle).await;
        assert_eq!(value(&reply.unwrap()).as_deref(), Some("7"));
        // E10: the same id gets the same outcome and does nothing.
        let again = world
            .engine
            .update_workflow(update("w", "u", UpdateStage::Completed))
            .await;
        assert_eq!(value(&again.unwrap()).as_deref(), Some("7"));
        world.run("events w: 1 Started · 2-4 WT · 5-7 WT · 8 UpdAccepted(u) · 9 UpdCompleted(u, accepted=8)").await;
    });
}

#[test]
fn an_update_can_be_waited_for_until_it_is_accepted() {
    block_on(async {
        let mut world = World::in_memory();
        world.run("start w\n task w:").await;
        let handle = async {
            let task = poll(&world, "w", "worker").await;
            let commands = vec![accept("u")];
            world
                .engine
                .complete_workflow_task(task.token, completion(commands))
                .await
                .unwrap();
        };
        let sent = world
            .engine
            .update_workflow(update("w", "u", UpdateStage::Accepted));
        let (reply, ()) = join(sent, handle).await;
        assert_eq!(value(&reply.unwrap()), None);
        let wait = world
            .engine
            .update_workflow(update("w", "u", UpdateStage::Completed));
        let finish = async {
            let request_id = RequestId::new("wake").unwrap();
            let wake = steadfast_engine::SignalWorkflowRequest {
                execution: current("w"),
                signal: signal("wake", request_id),
            };
            world.engine.signal_workflow(wake).await.unwrap();
            let task = poll(&world, "w", "worker").await;
            assert_eq!(task.updates, [], "it was accepted before");
            let commands = vec![complete_update("u", "8")];
            world
                .engine
                .complete_workflow_task(task.token, completion(commands))
                .await
                .unwrap();
        };
        let (reply, ()) = join(wait, finish).await;
        assert_eq!(value(&reply.unwrap()).as_deref(), Some("8"));
    });
}

#[test]
fn a_rejected_update_leaves_no_event() {
    block_on(async {
        let mut world = World::in_memory();
        world.run("start w\n task w: timer t 60s").await;
        let reject = async {
            let task = poll(&world, "w", "worker").await;
            let failure = Failure::application("limit reached", "Rejected");
            let update_id = UpdateId::new("u").unwrap();
            let commands = vec![Command::RejectUpdate { update_id, failure }];
            world
                .engine
                .complete_workflow_task(task.token, completion(commands))
                .await
                .unwrap();
        };
        let sent = world
            .engine
            .update_workflow(update("w", "u", UpdateStage::Completed));
        let (reply, ()) = join(sent, reject).await;
        assert_eq!(value(&reply.unwrap()).as_deref(), Some("limit reached"));
        world
            .run("events w: 1 Started · 2-4 WT · 5 TimerStarted(t)")
            .await;
        // The worker saw events that do not exist, so it gets everything again.
        world.run("signal w s").await;
        let task = poll(&world, "w", "worker").await;
        assert_eq!(task.events[0].event_id, EventId(1));
    });
}

#[test]
fn an_update_that_nobody_accepted_goes_on_in_the_next_run() {
    block_on(async {
        let mut world = World::in_memory();
        world.run("start w\n take w").await;
        let engine = Arc::clone(&world.engine);
        let sent = engine.update_workflow(update("w", "u", UpdateStage::Completed));
        futures_util::pin_mut!(sent);
        assert!((&mut sent).now_or_never().is_none());
        world.run("answer w: continue w").await;
        let handle = async {
            let task = poll(&world, "w", "worker").await;
            assert_eq!(task.updates.len(), 1);
            let commands = vec![accept("u"), complete_update("u", "7")];
            world
                .engine
                .complete_workflow_task(task.token, completion(commands))
                .await
                .unwrap();
        };
        let (reply, ()) = join(sent, handle).await;
        assert_eq!(value(&reply.unwrap()).as_deref(), Some("7"));
    });
}

#[test]
fn an_update_of_a_run_that_closes_is_refused() {
    block_on(async {
        let mut world = World::in_memory();
        world.run("start w\n take w").await;
        let engine = Arc::clone(&world.engine);
        let sent = engine.update_workflow(update("w", "u", UpdateStage::Completed));
        futures_util::pin_mut!(sent);
        assert!((&mut sent).now_or_never().is_none());
        world.run("answer w: complete").await;
        let refused = sent.await.unwrap_err().to_string();
        assert_eq!(refused, EngineError::UPDATE_ABORTED);
    });
}

/// M1
#[test]
fn updates_are_given_to_workers_in_the_order_in_which_they_came() {
    block_on(async {
        let mut world = World::in_memory();
        world.run("start w").await;
        let engine = Arc::clone(&world.engine);
        let mut sent: Vec<_> = ["c", "a", "b"]
            .iter()
            .map(|id| engine.update_workflow(update("w", id, UpdateStage::Completed)))
            .collect();
        for sent in &mut sent {
            assert!(sent.now_or_never().is_none());
        }
        let task = poll(&world, "w", "worker").await;
        let ids: Vec<&str> = task.updates.iter().map(|u| u.update_id.as_str()).collect();
        assert_eq!(ids, ["c", "a", "b"]);
    });
}

/// M3
#[test]
fn an_accepted_update_of_a_run_that_closes_has_failed_for_whoever_waits_or_asks_again() {
    block_on(async {
        let mut world = World::in_memory();
        world.run("start w").await;
        let engine = Arc::clone(&world.engine);
        let end = async {
            let task = poll(&world, "w", "worker").await;
            let close = Command::CompleteWorkflowExecution { result: None };
            let commands = vec![accept("u"), accept("v"), complete_update("v", "7"), close];
            engine
                .complete_workflow_task(task.token, completion(commands))
                .await
                .unwrap();
        };
        let (waiting, other, ()) = futures_util::future::join3(
            engine.update_workflow(update("w", "u", UpdateStage::Completed)),
            engine.update_workflow(update("w", "v", UpdateStage::Completed)),
            end,
        )
        .await;
        let failed =
            "Workflow Update failed because the Workflow completed before the Update completed.";
        assert_eq!(value(&waiting.unwrap()).as_deref(), Some(failed));
        assert_eq!(value(&other.unwrap()).as_deref(), Some("7"));
        let again = |id| engine.update_workflow(update("w", id, UpdateStage::Completed));
        let reply = again("u").await.unwrap();
        let failure = reply.outcome.unwrap().unwrap_err();
        let FailureKind::Application { error_type, .. } = &failure.kind else {
            panic!("{failure}");
        };
        assert_eq!(error_type, "AcceptedUpdateCompletedWorkflow");
        assert_eq!(value(&again("v").await.unwrap()).as_deref(), Some("7"));
        let refused = again("x").await.unwrap_err().to_string();
        assert_eq!(refused, EngineError::ALREADY_COMPLETED);
    });
}

#[test]
fn a_sticky_worker_gets_only_what_is_new() {
    block_on(async {
        let mut world = World::in_memory();
        world
            .run("start w\n task w: timer t 60s\n signal w s")
            .await;
        let task = poll(&world, "w", "worker").await;
        assert_eq!(task.previous_started_event_id, EventId(3));
        let ids: Vec<u64> = task.events.iter().map(|event| event.event_id.0).collect();
        assert_eq!(ids, [4, 5, 6, 7, 8]);
        let answer = completion(Vec::new());
        world
            .engine
            .complete_workflow_task(task.token, answer)
            .await
            .unwrap();
        world.run("signal w s").await;
        let task = poll(&world, "w", "other").await;
        assert_eq!(task.events.len(), 12, "another worker gets everything");
        // The answer makes the other worker the sticky one; a failure makes nobody.
        world.run("signal w s").await;
        let failure = steadfast_core::task::WorkflowTaskFailure {
            cause: steadfast_core::event::WorkflowTaskFailedCause::WorkflowWorkerUnhandledFailure,
            failure: Failure::application("x", "y"),
        };
        world
            .engine
            .fail_workflow_task(task.token, failure)
            .await
            .unwrap();
        let task = poll(&world, "w", "worker").await;
        assert_eq!(task.events[0].event_id, EventId(1));
    });
}

/// E10.
#[test]
fn repeated_requests_have_no_second_effect() {
    block_on(async {
        let mut world = World::in_memory();
        let first = world
            .engine
            .start_workflow(start_request("w", "start"))
            .await
            .unwrap();
        let again = world
            .engine
            .start_workflow(start_request("w", "start"))
            .await
            .unwrap();
        assert_eq!(first, again);
        for _ in 0..2 {
            let request = steadfast_engine::SignalWorkflowRequest {
                execution: current("w"),
                signal: signal("s", RequestId::new("signal").unwrap()),
            };
            world.engine.signal_workflow(request).await.unwrap();
        }
        world
            .run("events w: 1 Started · 2 WTScheduled · 3 Signaled(s)")
            .await;
        world.run("task w: complete").await;
        let late = world
            .engine
            .start_workflow(start_request("w", "start"))
            .await
            .unwrap();
        assert_eq!(first, late, "also after the run closed");
        let other = world
            .engine
            .start_workflow(start_request("w", "other"))
            .await
            .unwrap();
        assert_ne!(first.run_id, other.run_id);
    });
}

#[test]
fn signal_with_start_starts_or_signals() {
    block_on(async {
        let mut world = World::in_memory();
        let send = async |request: &str, signal_request: &str| {
            let signal = signal("s", RequestId::new(signal_request).unwrap());
            world
                .engine
                .signal_with_start_workflow(start_request("w", request), signal)
                .await
                .unwrap()
        };
        let StartedWorkflow { run_id, started } = send("a", "1").await;
        assert!(started);
        assert_eq!(
            send("b", "2").await,
            StartedWorkflow {
                run_id: run_id.clone(),
                started: false
            }
        );
        assert_eq!(
            send("b", "2").await,
            StartedWorkflow {
                run_id: run_id.clone(),
                started: false
            }
        );
        assert_eq!(send("a", "1").await.run_id, run_id);
        world
            .run("events w: 1 Started · 2 Signaled(s) · 3 WTScheduled · 4 Signaled(s)")
            .await;
    });
}

/// Scenario 206, where a Temporal Service makes two runs.
#[test]
fn a_repeated_reset_gives_the_same_run() {
    block_on(async {
        let mut world = World::in_memory();
        world.run("start w\n task w: timer t 60s").await;
        let reset = || steadfast_engine::ResetWorkflowRequest {
            execution: current("w"),
            workflow_task_finish_event_id: EventId(4),
            reason: "again".to_owned(),
            identity: identity("client"),
            request_id: RequestId::new("reset").unwrap(),
            exclude_signals: false,
            exclude_updates: false,
        };
        let first = world.engine.reset_workflow(reset()).await.unwrap();
        let again = world.engine.reset_workflow(reset()).await.unwrap();
        assert_eq!(first, again);
    });
}

/// E7.
#[test]
fn a_poll_that_is_dropped_loses_no_task() {
    // While the gate is held, nothing is committed and nothing read.
    let gate = Arc::new(Mutex::new(()));
    let hook = Arc::clone(&gate);
    let clock = ManualClock::default();
    let options = EmbeddedOptions::in_memory()
        .clock(clock.clone())
        .crash_point(move |_, _| {
            drop(hook.lock().unwrap());
            CrashAction::Continue
        });
    let mut world = World::new(EmbeddedEngine::open(options).unwrap(), clock);
    block_on(async {
        let engine = Arc::clone(&world.engine);
        let poll = || {
            engine.poll_workflow_task(PollWorkflowTaskRequest {
                task_queue: queue("w"),
                worker: identity("other"),
                remote: false,
            })
        };
        let waiting = poll();
        futures_util::pin_mut!(waiting);
        assert!((&mut waiting).now_or_never().is_none());
        world
            .run("start w\n task w: timer t 60s\n signal w s")
            .await;
        {
            let held = gate.lock().unwrap();
            let signal = engine.signal_workflow(steadfast_engine::SignalWorkflowRequest {
                execution: current("w"),
                signal: signal("t", RequestId::new("signal").unwrap()),
            });
            futures_util::pin_mut!(signal);
            assert!((&mut signal).now_or_never().is_none());
            // This one has the task and waits for the history that it lacks.
            let reading = poll();
            futures_util::pin_mut!(reading);
            assert!((&mut reading).now_or_never().is_none());
            drop(held);
        }
        world.run("task w: complete").await;
        assert!(waiting.now_or_never().is_none());
        // An attempt under a limit waits until its start is durable.
        world.run("start u\n task u: schedule a attempts=1").await;
        {
            let held = gate.lock().unwrap();
            let lease = engine.poll_activity_task(PollActivityTaskRequest {
                task_queue: queue("a"),
                worker: identity("worker"),
                max_tasks_per_second: None,
                remote: false,
            });
            futures_util::pin_mut!(lease);
            assert!((&mut lease).now_or_never().is_none());
            drop(held);
        }
        world
            .run("act a attempt=1\n done a\n task u: complete")
            .await;
    });
}
