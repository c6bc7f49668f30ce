//! Describe, list, count and history reads.

use std::{collections::BTreeSet, time::Duration};

use futures_util::{FutureExt as _, future::join};
use steadfast_core::{
    event::ExecutionStatus,
    ids::{EventId, WorkflowId, WorkflowType},
    payload::{MAX_PAYLOAD_BYTES, Payload},
    task::WorkflowTask,
    time::Timestamp,
};
use steadfast_embedded::{EmbeddedEngine, EmbeddedOptions, ManualClock};
use steadfast_engine::{
    Engine, EngineError, ExecutionRef, HistoryPage, HistoryRequest, HistoryWait, ListFilter,
    ListWorkflowsRequest, PendingActivityState, REPORTED_PROBLEMS, conformance::notation::render,
};

use crate::harness::{Lived as _, World, block_on, current, identity, start_request};

fn history(id: &str, from: u64, page_size: usize, wait: HistoryWait) -> HistoryRequest {
    HistoryRequest {
        execution: current(id),
        from: EventId(from),
        page_size,
        wait,
    }
}

#[test]
fn a_description_tells_what_is_pending() {
    block_on(async {
        let mut world = World::in_memory();
        world
            .run(
                r#"
                start w
                task w: schedule a; schedule b; child c
                act a
                beat a "half" -> no
                task w: cancel-act 5
                "#,
            )
            .await;
        let description = world.engine.describe_workflow(current("w")).await.unwrap();
        assert_eq!(description.status, ExecutionStatus::Running);
        assert_eq!(description.history_length, 12);
        assert!(!description.cancel_requested);
        let states: Vec<_> = description
            .pending_activities
            .iter()
            .map(|a| a.state)
            .collect();
        assert_eq!(
            states,
            [
                PendingActivityState::CancelRequested,
                PendingActivityState::Scheduled
            ]
        );
        assert_eq!(description.pending_activities[0].heartbeat_details.len(), 1);
        assert_eq!(description.pending_children.len(), 1);
        let child = world.engine.describe_workflow(current("c")).await.unwrap();
        assert_eq!(
            child.parent.unwrap().workflow_id,
            WorkflowId::new("w").unwrap()
        );
        // Scenario 176: what was pending at the end is still told.
        world.run("terminate w").await;
        let description = world.engine.describe_workflow(current("w")).await.unwrap();
        assert_eq!(description.status, ExecutionStatus::Terminated);
        assert_eq!(description.pending_activities.len(), 2);
        assert!(description.close_time.is_some());
    });
}

/// A list tells where a child stands in its family, and when what was delayed begins, as a description does.
#[test]
fn a_list_tells_roots_and_when_executions_begin() {
    block_on(async {
        let mut world = World::in_memory();
        world
            .run("start w\ntask w: child c\ntask c: child d\nstart late delay=60s")
            .await;
        let request = ListWorkflowsRequest {
            filter: ListFilter::default(),
            page_size: 10,
            next_page_token: None,
        };
        let listed = world.engine.list_workflows(request).await.unwrap();
        let listed = listed.executions;
        for run in &listed {
            let id = ExecutionRef::run(run.execution.clone());
            let described = world.engine.describe_workflow(id).await.unwrap();
            assert_eq!(run.root, described.root);
            assert_eq!(run.execution_time, described.execution_time);
        }
        let of = |id: &str| {
            let run = listed
                .iter()
                .find(|it| it.execution.workflow_id.as_str() == id);
            run.unwrap()
        };
        assert_eq!(of("w").root, None);
        assert_eq!(of("c").root.as_ref(), Some(&of("w").execution));
        assert_eq!(of("d").parent.as_ref(), Some(&of("c").execution));
        assert_eq!(of("d").root.as_ref(), Some(&of("w").execution));
        let late = of("late");
        let delay = late.execution_time.since(late.start_time);
        assert_eq!(delay, Duration::from_secs(60));
        assert_eq!(of("w").execution_time, of("w").start_time);
    });
}

/// Whoever looks at a run that does not go on has to see what it waits for.
#[test]
fn a_description_tells_what_everything_waits_for() {
    block_on(async {
        let mut world = World::in_memory();
        let start = world.clock.now();
        world
            .run(
                r#"
                start w
                task w: schedule a attempts=4; child c; timer t 60s
                act a
                advance 2s
                beat a "half" -> no
                "#,
            )
            .await;
        let description = world.engine.describe_workflow(current("w")).await.unwrap();
        let task = description.pending_workflow_task.unwrap();
        assert_eq!((task.attempt, task.scheduled_time), (1, start));
        assert_eq!((task.started_time, task.next_attempt_time), (None, None));
        assert!(task.last_failure.is_none());
        let timer = &description.pending_timers[0];
        assert_eq!(timer.timer_id.as_str(), "t");
        assert_eq!(timer.fire_time, start.after(Duration::from_secs(60)));
        let child = &description.pending_children[0];
        assert_eq!(child.workflow_type.as_str(), "Child");
        assert!(child.run_id.is_some());
        assert_eq!(child.initiated_event_id, EventId(6));
        let activity = &description.pending_activities[0];
        assert_eq!(activity.maximum_attempts, 4);
        assert_eq!(activity.task_queue.as_ref().unwrap().as_str(), "a");
        assert!(activity.timeouts.start_to_close_timeout.is_some());
        assert_eq!(activity.retry_interval, None);
        assert_eq!(activity.scheduled_time, Some(start));
        assert_eq!(activity.last_started_time, Some(start));
        assert_eq!(activity.last_worker, Some(identity("worker")));
        let beat = Some(start.after(Duration::from_secs(2)));
        assert_eq!(activity.last_heartbeat_time, beat);
        assert_eq!(activity.next_attempt_time, None);
        world.run("failed a Boom it broke").await;
        let description = world.engine.describe_workflow(current("w")).await.unwrap();
        let activity = &description.pending_activities[0];
        assert_eq!(activity.attempt, 2);
        assert_eq!(activity.state, PendingActivityState::Scheduled);
        assert_eq!(
            activity.next_attempt_time,
            Some(start.after(Duration::from_secs(3)))
        );
        let two_seconds_in = start.after(Duration::from_secs(2));
        assert_eq!(activity.retry_interval, Some(Duration::from_secs(1)));
        assert_eq!(activity.last_attempt_complete_time, Some(two_seconds_in));
        assert_eq!(activity.last_failure.as_ref().unwrap().message, "it broke");
        assert_eq!(activity.last_worker, Some(identity("worker")));
        assert_eq!(activity.last_heartbeat_time, beat);
    });
}

/// A Temporal Service reports a workflow whose task failed five times in a row; so does this engine.
#[test]
fn a_workflow_whose_task_keeps_failing_is_described_and_found() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let clock = ManualClock::at(Timestamp::from_unix_nanos(1_795_000_000_000_000_000));
        let options = EmbeddedOptions::file(folder.path().join("a.db")).clock(clock.clone());
        let mut world = World::new(
            EmbeddedEngine::open(options.clone()).unwrap(),
            clock.clone(),
        );
        let found = async |world: &World, filter: ListFilter| {
            let count = world.engine.count_workflows(filter.clone()).await.unwrap();
            let request = ListWorkflowsRequest {
                filter,
                page_size: 10,
                next_page_token: None,
            };
            let page = world.engine.list_workflows(request).await.unwrap();
            let ids: Vec<_> = page
                .executions
                .iter()
                .map(|run| run.execution.workflow_id.to_string())
                .collect();
            assert_eq!(ids.len() as u64, count);
            ids
        };
        let failing = || ListFilter {
            reported_problems: true,
            ..ListFilter::default()
        };
        let category = |text: &str| ListFilter {
            search_attributes: [(REPORTED_PROBLEMS.to_owned(), Payload::json(text.as_bytes()))]
                .into(),
            ..ListFilter::default()
        };
        world.run("start other\n start w").await;
        for _ in 0..4 {
            world.run("fail w boom\n advance 10s").await;
        }
        assert!(found(&world, failing()).await.is_empty());
        world.run("fail w boom\n").await;
        let described = world.engine.describe_workflow(current("w")).await.unwrap();
        let task = described.pending_workflow_task.unwrap();
        assert_eq!(task.attempt, 6);
        assert!(task.next_attempt_time.unwrap() > clock.now());
        assert_eq!(task.last_failure.unwrap().message, "boom");
        let reported = &described.search_attributes[REPORTED_PROBLEMS];
        assert_eq!(
            steadfast_engine::conformance::notation::text(reported),
            r#"["category=WorkflowTaskFailed","cause=WorkflowTaskFailedCauseWorkflowWorkerUnhandledFailure"]"#
        );
        assert_eq!(found(&world, failing()).await, ["w"]);
        let failed = r#""category=WorkflowTaskFailed""#;
        assert_eq!(found(&world, category(failed)).await, ["w"]);
        assert!(
            found(&world, category(r#""category=WorkflowTaskTimedOut""#))
                .await
                .is_empty()
        );
        // A message makes a new first attempt of it, and nothing better.
        world.run("signal w hello").await;
        assert_eq!(found(&world, failing()).await, ["w"]);
        // Nor does a new process know better.
        world.close();
        let mut world = World::new(EmbeddedEngine::open(options).unwrap(), clock.clone());
        assert_eq!(found(&world, failing()).await, ["w"]);
        world.run("task w: timer t 60s").await;
        assert!(found(&world, failing()).await.is_empty());
        let described = world.engine.describe_workflow(current("w")).await.unwrap();
        assert!(described.search_attributes.is_empty());
        assert!(found(&world, category(failed)).await.is_empty());
    });
}

#[test]
fn a_task_that_times_out_again_and_again_is_reported_too() {
    block_on(async {
        let mut world = World::in_memory();
        world.run("start w task=1s").await;
        for _ in 0..5 {
            world.run("take w\n advance 1s\n advance 10s").await;
        }
        let described = world.engine.describe_workflow(current("w")).await.unwrap();
        let reported = &described.search_attributes[REPORTED_PROBLEMS];
        assert_eq!(
            steadfast_engine::conformance::notation::text(reported),
            r#"["category=WorkflowTaskTimedOut","cause=WorkflowTaskTimedOutCauseStartToClose"]"#
        );
        // Scenario: a run that is ended keeps what was wrong with it.
        world.run("terminate w").await;
        let described = world.engine.describe_workflow(current("w")).await.unwrap();
        assert!(described.search_attributes.contains_key(REPORTED_PROBLEMS));
    });
}

#[test]
fn lists_are_filtered_and_paged_latest_first() {
    block_on(async {
        let mut world = World::in_memory();
        for n in 0..25 {
            let mut request = start_request(&format!("w{n:02}"), &format!("start-{n}"));
            if n % 5 == 0 {
                let value = Payload::json(&b"\"gold\""[..]);
                request
                    .search_attributes
                    .insert("tier'; DROP TABLE execution; --".to_owned(), value);
                request.workflow_type = WorkflowType::new("Special").unwrap();
            }
            world.engine.start_workflow(request).await.unwrap();
            world.clock.advance(Duration::from_secs(1));
        }
        world
            .run("task w01: complete\n task w02: fail Boom x")
            .await;
        let list = async |filter: ListFilter, page_size| {
            let mut ids = Vec::new();
            let mut token = None;
            loop {
                let request = ListWorkflowsRequest {
                    filter: filter.clone(),
                    page_size,
                    next_page_token: token,
                };
                let page = world.engine.list_workflows(request).await.unwrap();
                assert!(page.executions.len() <= page_size);
                ids.extend(
                    page.executions
                        .iter()
                        .map(|run| run.execution.workflow_id.as_str().to_owned()),
                );
                token = page.next_page_token;
                if token.is_none() {
                    return ids;
                }
            }
        };
        let all = list(ListFilter::default(), 10).await;
        assert_eq!(all.len(), 25);
        assert!(all.windows(2).all(|pair| pair[0] > pair[1]), "latest first");
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 25);

        let status = |status| ListFilter {
            status: Some(status),
            ..ListFilter::default()
        };
        assert_eq!(list(status(ExecutionStatus::Completed), 10).await, ["w01"]);
        assert_eq!(list(status(ExecutionStatus::Failed), 10).await, ["w02"]);
        let mut special = ListFilter::default();
        special.search_attributes.insert(
            "tier'; DROP TABLE execution; --".to_owned(),
            Payload::json(&b"\"gold\""[..]),
        );
        assert_eq!(
            list(special.clone(), 2).await,
            ["w20", "w15", "w10", "w05", "w00"]
        );
        special.workflow_type = Some(WorkflowType::new("Special").unwrap());
        special.status = Some(ExecutionStatus::Running);
        assert_eq!(
            world.engine.count_workflows(special.clone()).await.unwrap(),
            5
        );
        let described = world
            .engine
            .describe_workflow(current("w10"))
            .await
            .unwrap();
        special.started_since = Some(described.start_time);
        assert_eq!(list(special.clone(), 10).await, ["w20", "w15", "w10"]);
        special.started_before = Some(described.start_time);
        special.started_since = None;
        assert_eq!(list(special, 10).await, ["w05", "w00"]);
        let wrong = ListWorkflowsRequest {
            filter: ListFilter::default(),
            page_size: 1,
            next_page_token: Some(vec![1, 2, 3]),
        };
        assert!(world.engine.list_workflows(wrong).await.is_err());
    });
}

async fn take_task(world: &World) -> WorkflowTask {
    let poll = steadfast_engine::PollWorkflowTaskRequest {
        task_queue: crate::harness::queue("w"),
        worker: identity("worker"),
        remote: false,
    };
    world.engine.poll_workflow_task(poll).await.unwrap()
}

/// What only the engine says is not to be claimed.
#[test]
fn reported_problems_are_the_engines_alone_to_report() {
    use steadfast_core::{command::Command, payload::PayloadMap};
    block_on(async {
        let world = World::in_memory();
        let claim = PayloadMap::from([(REPORTED_PROBLEMS.to_owned(), Payload::json(&b"[]"[..]))]);
        let mut request = start_request("w", "start");
        request.search_attributes.clone_from(&claim);
        let error = world.engine.start_workflow(request).await.unwrap_err();
        assert!(error.to_string().contains("set by the engine"), "{error}");
        let request = start_request("w", "again");
        world.engine.start_workflow(request).await.unwrap();
        let task = take_task(&world).await;
        let commands = vec![Command::UpsertWorkflowSearchAttributes {
            search_attributes: claim,
        }];
        let answer = crate::harness::completion(commands);
        let refused = world
            .engine
            .complete_workflow_task(task.token, answer)
            .await;
        assert!(
            refused
                .unwrap_err()
                .to_string()
                .contains("set by the engine")
        );
    });
}

/// As on a Temporal Service 1.32: what the failed run changed is gone with it.
#[test]
fn a_retry_has_the_memo_and_the_search_attributes_of_the_start() {
    use steadfast_core::{
        command::Command, failure::Failure, payload::PayloadMap, retry::RetryPolicy,
    };
    let with = |name: &str, value: &'static [u8]| {
        PayloadMap::from([(name.to_owned(), Payload::json(value))])
    };
    block_on(async {
        let world = World::in_memory();
        let mut request = start_request("w", "start");
        request.memo = with("note", b"1");
        request.search_attributes = with("tier", b"1");
        request.retry_policy = Some(RetryPolicy::default());
        world.engine.start_workflow(request).await.unwrap();
        let task = take_task(&world).await;
        let commands = vec![
            Command::UpsertWorkflowSearchAttributes {
                search_attributes: with("tier", b"2"),
            },
            Command::ModifyWorkflowProperties {
                upserted_memo: with("note", b"2"),
            },
            Command::FailWorkflowExecution {
                failure: Box::new(Failure::application("once", "Broken")),
            },
        ];
        let answer = crate::harness::completion(commands);
        let answered = world.engine.complete_workflow_task(task.token, answer);
        answered.await.unwrap();
        let retry = world.engine.describe_workflow(current("w")).await.unwrap();
        assert_ne!(retry.execution.run_id, task.execution.run_id);
        assert_eq!(retry.memo, with("note", b"1"));
        assert_eq!(
            retry.search_attributes.get("tier").unwrap().data.as_slice(),
            b"1"
        );
    });
}

/// Keys and policies are kept as values are.
#[test]
fn keys_and_policies_count_as_what_they_have() {
    block_on(async {
        let world = World::in_memory();
        let huge = || "x".repeat(MAX_PAYLOAD_BYTES + 1);
        let requests: [fn(&mut steadfast_engine::StartWorkflowRequest, String); 4] = [
            |request, huge| drop(request.memo.insert(huge, Payload::null())),
            |request, huge| drop(request.search_attributes.insert(huge, Payload::null())),
            |request, huge| drop(request.header.insert(huge, Payload::null())),
            |request, huge| {
                request.retry_policy = Some(steadfast_core::retry::RetryPolicy {
                    non_retryable_error_types: vec![huge],
                    ..steadfast_core::retry::RetryPolicy::default()
                });
            },
        ];
        for (number, change) in requests.into_iter().enumerate() {
            let mut request = start_request("w", "start");
            change(&mut request, huge());
            let error = world.engine.start_workflow(request).await.unwrap_err();
            assert!(
                error.to_string().contains("the limit is 2097152"),
                "{number}"
            );
        }
    });
}

#[test]
fn search_attributes_and_memo_can_be_changed() {
    use steadfast_core::{command::Command, payload::PayloadMap};
    block_on(async {
        let world = World::in_memory();
        let mut request = start_request("w", "start");
        request
            .search_attributes
            .insert("tier".to_owned(), Payload::json(&b"1"[..]));
        request
            .memo
            .insert("note".to_owned(), Payload::json(&b"1"[..]));
        world.engine.start_workflow(request).await.unwrap();
        let task = take_task(&world).await;
        let commands = vec![
            Command::UpsertWorkflowSearchAttributes {
                search_attributes: PayloadMap::from([(
                    "tier".to_owned(),
                    Payload::json(&b"2"[..]),
                )]),
            },
            Command::ModifyWorkflowProperties {
                upserted_memo: PayloadMap::from([("note".to_owned(), Payload::null())]),
            },
        ];
        let answer = crate::harness::completion(commands);
        world
            .engine
            .complete_workflow_task(task.token, answer)
            .await
            .unwrap();
        let mut filter = ListFilter::default();
        filter
            .search_attributes
            .insert("tier".to_owned(), Payload::json(&b"1"[..]));
        assert_eq!(
            world.engine.count_workflows(filter.clone()).await.unwrap(),
            0
        );
        filter
            .search_attributes
            .insert("tier".to_owned(), Payload::json(&b"2"[..]));
        let request = ListWorkflowsRequest {
            filter,
            page_size: 5,
            next_page_token: None,
        };
        let page = world.engine.list_workflows(request).await.unwrap();
        assert!(page.executions[0].memo.is_empty());
    });
}

#[test]
fn a_history_is_read_page_by_page() {
    block_on(async {
        let mut world = World::in_memory();
        world
            .run("start w\n task w: timer a 1s; timer b 2s; timer c 3s\n signal w s")
            .await;
        let mut from = 1;
        let mut events = Vec::new();
        loop {
            let page = world
                .engine
                .workflow_history(history("w", from, 3, HistoryWait::No))
                .await;
            let HistoryPage {
                events: part, next, ..
            } = page.unwrap();
            assert!(part.len() <= 3);
            events.extend(part);
            let Some(next) = next else { break };
            from = next.0;
        }
        assert_eq!(
            render(&events),
            "1 Started · 2-4 WT · 5 TimerStarted(a) · 6 TimerStarted(b) · 7 TimerStarted(c) · 8 Signaled(s) · \
             9 WTScheduled"
        );
    });
}

#[test]
fn a_reader_waits_for_events_and_for_the_end() {
    block_on(async {
        let mut world = World::in_memory();
        world.run("start w").await;
        let engine = std::sync::Arc::clone(&world.engine);
        let end = engine.workflow_history(history("w", 1, 10, HistoryWait::Close));
        futures_util::pin_mut!(end);
        assert!((&mut end).now_or_never().is_none());
        let next = engine.workflow_history(history("w", 3, 10, HistoryWait::NewEvent));
        let (page, ()) = join(next, world.run("signal w s")).await;
        assert_eq!(
            page.unwrap().events[0].kind.name(),
            "WorkflowExecutionSignaled"
        );
        let (page, ()) = join(end, world.run("task w: complete \"x\"")).await;
        let events = page.unwrap().events;
        assert_eq!(events.len(), 1, "only the closing event");
        assert_eq!(events[0].kind.name(), "WorkflowExecutionCompleted");
        // And at once when it is over.
        let page = world
            .engine
            .workflow_history(history("w", 1, 10, HistoryWait::Close))
            .await;
        assert_eq!(page.unwrap().events, events);
        let page = world
            .engine
            .workflow_history(history("w", 99, 10, HistoryWait::NewEvent))
            .await;
        assert_eq!(page.unwrap().events, []);
    });
}

#[test]
fn a_wait_ends_when_the_run_is_deleted() {
    block_on(async {
        let mut world = World::in_memory();
        world.run("start w").await;
        let engine = std::sync::Arc::clone(&world.engine);
        let end = engine.workflow_history(history("w", 1, 10, HistoryWait::Close));
        let (page, ()) = join(end, world.run("delete w")).await;
        assert!(
            matches!(page, Err(EngineError::NotFound { .. })),
            "{page:?}"
        );
    });
}

#[test]
fn a_wait_ends_when_the_engine_stops() {
    block_on(async {
        let mut world = World::in_memory();
        world.run("start w").await;
        let engine = std::sync::Arc::clone(&world.engine);
        let end = engine.workflow_history(history("w", 1, 10, HistoryWait::Close));
        let (page, ()) = join(end, async { world.engine.shutdown() }).await;
        assert!(matches!(page, Err(EngineError::Stopped { .. })), "{page:?}");
    });
}

#[test]
fn large_payloads_are_refused_and_long_histories_end() {
    block_on(async {
        let mut world = World::in_memory();
        let mut request = start_request("w", "start");
        request.input = vec![Payload::binary(vec![0; MAX_PAYLOAD_BYTES + 1])];
        let refused = world.engine.start_workflow(request).await.unwrap_err();
        assert!(
            refused.to_string().contains("the limit is 2097152"),
            "{refused}"
        );

        world.run("start w").await;
        let markers = |count: usize| vec!["marker m"; count].join(";");
        world
            .run(&format!("task w: {}\n signal w s", markers(11_000)))
            .await;
        let task = take_task(&world).await;
        let suggested = matches!(
            task.events.last().unwrap().kind,
            steadfast_core::event::EventKind::WorkflowTaskStarted {
                suggest_continue_as_new: true,
                ..
            }
        );
        assert!(suggested);
        let commands = crate::harness::completion(Vec::new());
        world
            .engine
            .complete_workflow_task(task.token, commands)
            .await
            .unwrap();
        world.run("signal w s").await;
        world.run(&format!("task w: {}", markers(41_000))).await;
        world.run("status w Terminated").await;
    });
}
