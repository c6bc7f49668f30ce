//! What an engine does beside its work: backups, giving space back, lists over many runs.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::{
    FutureExt as _,
    future::try_join_all,
    stream::{self, StreamExt as _},
};
use steadfast_core::{
    command::Command,
    event::EventKind,
    ids::{EventId, RequestId, WorkflowType},
    payload::{MAX_PAYLOAD_BYTES, Payload},
    time::Timestamp,
};
use steadfast_embedded::{
    CrashAction, CrashPoint, EmbeddedEngine, EmbeddedOptions, EngineStats, ManualClock,
};
use steadfast_engine::{
    Engine as _, EngineError, HistoryRequest, HistoryWait, ListFilter, ListWorkflowsRequest,
    PollWorkflowTaskRequest, SignalWorkflowRequest, TerminateWorkflowRequest,
};

use crate::harness::{
    Lived as _, World, block_on, completion, current, identity, queue, signal, start_request,
};

fn clock() -> ManualClock {
    ManualClock::at(Timestamp::from_unix_nanos(1_795_000_000_000_000_000))
}

fn open(path: &Path, clock: &ManualClock) -> World {
    let options = EmbeddedOptions::file(path).clock(clock.clone());
    World::new(EmbeddedEngine::open(options).unwrap(), clock.clone())
}

/// E2: a copy of a busy engine holds what was acknowledged before it was asked for, whole.
#[test]
fn a_backup_is_made_while_the_engine_works() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (folder.path().join("a.db"), folder.path().join("copy.db"));
    let clock = clock();
    let mut world = open(&path, &clock);
    block_on(async {
        for n in 0..300 {
            let mut request = start_request(&format!("before-{n}"), &format!("before-{n}"));
            request.input = vec![Payload::binary(vec![7; 10_000])];
            world.engine.start_workflow(request).await.unwrap();
        }
        world
            .run("start w\n task w: timer t 60s\n signal w one")
            .await;
        let backup = world.engine.backup(&copy);
        let work = async {
            let mut during = 0;
            while !copy.exists() {
                let request =
                    start_request(&format!("during-{during}"), &format!("during-{during}"));
                world.engine.start_workflow(request).await.unwrap();
                during += 1;
            }
            during
        };
        let (made, during) = tokio::join!(backup, work);
        made.unwrap();
        assert!(during > 1, "the engine did not work meanwhile");
    });
    world.engine.shutdown();

    let mut world = open(&copy, &clock);
    block_on(async {
        let all = world
            .engine
            .count_workflows(ListFilter::default())
            .await
            .unwrap();
        assert!(all >= 301, "{all}");
        world
            .run("task w: complete\n status w Completed\n signal before-299 hello")
            .await;
    });
}

#[test]
fn a_backup_overwrites_nothing_and_leaves_nothing_half_done() {
    let folder = tempfile::tempdir().unwrap();
    let clock = clock();
    let mut world = open(&folder.path().join("a.db"), &clock);
    block_on(async {
        world.run("start w").await;
        let taken = folder.path().join("taken.db");
        std::fs::write(&taken, "mine").unwrap();
        let error = world.engine.backup(&taken).await.unwrap_err();
        assert!(error.to_string().contains("name a new file"), "{error}");
        assert_eq!(std::fs::read_to_string(&taken).unwrap(), "mine");
        let nowhere = folder.path().join("no such folder").join("b.db");
        let error = world.engine.backup(&nowhere).await.unwrap_err();
        assert!(matches!(error, EngineError::Storage { .. }), "{error}");
        // The engine goes on.
        world.run("task w: complete\n status w Completed").await;
    });
    let left: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("partial"))
        .collect();
    assert_eq!(left, [""; 0]);
}

#[cfg(unix)]
#[test]
fn a_backup_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.db");
    let world = open(&folder.path().join("a.db"), &clock());
    block_on(world.engine.backup(&copy)).unwrap();
    let mode = std::fs::metadata(&copy).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

/// The file gives back what retention freed.
#[test]
fn the_file_becomes_smaller_when_runs_expire() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let clock = clock();
    let options = EmbeddedOptions::file(&path)
        .clock(clock.clone())
        .retention(Duration::from_secs(3_600));
    let mut world = World::new(EmbeddedEngine::open(options).unwrap(), clock.clone());
    block_on(async {
        for n in 0..400 {
            let mut request = start_request(&format!("w{n}"), &format!("w{n}"));
            request.input = vec![Payload::binary(vec![7; 20_000])];
            world.engine.start_workflow(request).await.unwrap();
            world.run(&format!("terminate w{n} done")).await;
        }
        world.run("start open").await;
        let full = folder_size(folder.path());
        assert!(full > 8_000_000, "{full}");
        clock.advance(Duration::from_secs(7_200));
        while world
            .engine
            .count_workflows(ListFilter::default())
            .await
            .unwrap()
            > 1
        {
            tokio::task::yield_now().await;
        }
    });
    // Ending does what was still to be done.
    world.engine.shutdown();
    block_on(async {
        let mut world = open(&path, &clock);
        // Between two questions a slice is given back.
        for _ in 0..20 {
            world.run("status open Running").await;
            world
                .engine
                .count_workflows(ListFilter::default())
                .await
                .unwrap();
        }
        world.engine.shutdown();
    });
    let after = folder_size(folder.path());
    assert!(after < 3_000_000, "{after}");
}

fn folder_size(folder: &Path) -> u64 {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .sum()
}

/// A list and a count over more runs than are looked through at once.
#[test]
fn lists_and_counts_go_through_many_runs() {
    const RUNS: usize = 25_000;
    block_on(async {
        let world = World::in_memory();
        let starts = (0..RUNS).map(|n| {
            let mut request = start_request(&format!("w{n}"), &format!("w{n}"));
            if n % 9_000 == 1 {
                request.workflow_type = WorkflowType::new("Rare").unwrap();
            }
            if n % 20_000 == 5 {
                let value = Payload::json(&b"\"gold\""[..]);
                request.search_attributes.insert("tier".to_owned(), value);
            }
            async { world.engine.start_workflow(request).await.map(drop) }
        });
        // Many in one commit, in any order.
        stream::iter(starts)
            .buffer_unordered(1_000)
            .for_each(async |started| started.unwrap())
            .await;
        let rare = ListFilter {
            workflow_type: Some(WorkflowType::new("Rare").unwrap()),
            ..ListFilter::default()
        };
        let mut gold = ListFilter::default();
        gold.search_attributes
            .insert("tier".to_owned(), Payload::json(&b"\"gold\""[..]));
        for (filter, expected) in [
            (ListFilter::default(), RUNS),
            (rare.clone(), 3),
            (gold.clone(), 2),
        ] {
            let count = world.engine.count_workflows(filter).await.unwrap();
            assert_eq!(count, expected as u64);
        }
        for (filter, page_size, pages, expected) in [
            (rare, 2, 2, vec!["w1", "w18001", "w9001"]),
            (gold, 9, 1, vec!["w20005", "w5"]),
        ] {
            let found = ids(&world, filter, page_size).await;
            assert_eq!(found.len(), pages);
            assert_eq!(sorted(&found), expected);
        }
        let pages = ids(&world, ListFilter::default(), 1_000).await;
        assert_eq!(pages.len(), RUNS / 1_000);
        let expected = (0..RUNS).map(|n| format!("w{n}")).collect();
        assert_eq!(sorted(&pages), sorted(&[expected]));
    });
}

/// The workflow ids of every page.
async fn ids(world: &World, filter: ListFilter, page_size: usize) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut next_page_token = None;
    loop {
        let request = ListWorkflowsRequest {
            filter: filter.clone(),
            page_size,
            next_page_token,
        };
        let page = world.engine.list_workflows(request).await.unwrap();
        let ids = page.executions.into_iter();
        pages.push(
            ids.map(|run| run.execution.workflow_id.as_str().to_owned())
                .collect(),
        );
        next_page_token = page.next_page_token;
        if next_page_token.is_none() {
            return pages;
        }
    }
}

fn sorted(pages: &[Vec<String>]) -> Vec<String> {
    let mut ids = pages.concat();
    ids.sort();
    ids
}

/// Nothing is handed out of a paused queue, also after a restart, and nothing is lost by that.
#[test]
fn a_queue_can_be_paused_and_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let clock = clock();
    let mut world = open(&path, &clock);
    block_on(async {
        world.engine.pause_task_queue(&queue("w")).await.unwrap();
        world
            .run("start w\n signal w one\n start v\n task v: complete")
            .await;
        assert!(
            world
                .engine
                .poll_workflow_task(poll("w"))
                .now_or_never()
                .is_none()
        );
    });
    world.engine.shutdown();
    let mut world = open(&path, &clock);
    block_on(async {
        assert_eq!(world.engine.paused_task_queues().unwrap(), [queue("w")]);
        let engine = Arc::clone(&world.engine);
        let waiting = engine.poll_workflow_task(poll("w"));
        tokio::pin!(waiting);
        assert!((&mut waiting).now_or_never().is_none());
        world.engine.resume_task_queue(&queue("w")).await.unwrap();
        // The poll that waits gets what waited.
        let task = waiting.await.unwrap();
        assert_eq!(task.events.len(), 4);
        drop(task);
        assert_eq!(world.engine.paused_task_queues().unwrap(), []);
        world.run("status w Running").await;
    });
}

fn poll(name: &str) -> PollWorkflowTaskRequest {
    PollWorkflowTaskRequest {
        task_queue: queue(name),
        worker: identity("worker"),
        remote: false,
    }
}

/// Whatever is within the limits is kept and goes on after a restart: arguments of 64 KiB, a result of
/// 2 MiB, and a history that is nearly as long as one may be.
#[test]
fn large_values_and_long_histories_go_on_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let clock = clock();
    let mut world = open(&path, &clock);
    block_on(async {
        let mut request = start_request("large", "large");
        request.input = vec![Payload::binary(vec![1; 64 * 1024])];
        world.engine.start_workflow(request).await.unwrap();
        world.run("start long").await;
        for _ in 0..5 {
            let markers = vec!["marker m"; 10_000].join(";");
            world
                .run(&format!("task long: {markers}\n signal long s"))
                .await;
        }
    });
    world.engine.shutdown();
    let mut world = open(&path, &clock);
    block_on(async {
        let task = world.engine.poll_workflow_task(poll("long")).await.unwrap();
        assert!(task.events.len() > 50_000, "{}", task.events.len());
        drop(task);
        let task = world
            .engine
            .poll_workflow_task(poll("large"))
            .await
            .unwrap();
        let result = Some(Payload::binary(vec![2; MAX_PAYLOAD_BYTES - 100]));
        let commands = completion(vec![Command::CompleteWorkflowExecution {
            result: result.clone(),
        }]);
        world
            .engine
            .complete_workflow_task(task.token, commands)
            .await
            .unwrap();
        world.engine.restart().await.unwrap();
        world
            // What a process had twice without an answer is held back.
            .run(
                "advance 2s\n task long: complete\n status long Completed\n status large Completed",
            )
            .await;
        let end = world
            .engine
            .workflow_history(HistoryRequest {
                execution: current("large"),
                from: EventId(1),
                page_size: 1,
                wait: HistoryWait::Close,
            })
            .await
            .unwrap();
        assert!(matches!(
            &end.events[0].kind,
            EventKind::WorkflowExecutionCompleted { result: kept, .. } if *kept == result
        ));
    });
}

/// Whoever watches an engine sees that workers are missing before anybody complains.
#[test]
fn what_waits_for_workers_is_counted_with_its_age() {
    let folder = tempfile::tempdir().unwrap();
    let clock = clock();
    let mut world = open(&folder.path().join("a.db"), &clock);
    block_on(async {
        world
            .run("start w\n start x\n advance 3s\n task w: schedule a; timer t 60s\n advance 2s")
            .await;
        let stats = world.engine.stats().unwrap();
        let of = |stats: &EngineStats, queue: &str| {
            let found = stats
                .task_queues
                .iter()
                .find(|stats| stats.task_queue.as_str() == queue);
            let found = found.unwrap();
            let all = [found.workflow_tasks, found.activity_tasks];
            all.map(|backlog| (backlog.tasks, backlog.age.as_secs()))
        };
        assert_eq!(of(&stats, "w"), [(0, 0), (0, 0)]);
        assert_eq!(of(&stats, "x"), [(1, 5), (0, 0)]);
        assert_eq!(of(&stats, "a"), [(0, 0), (1, 2)]);
        assert_eq!(stats.runs_in_memory, 2);
        let log = std::fs::metadata(folder.path().join("a.db-wal")).unwrap();
        assert_eq!(stats.log_bytes, log.len());
        // What became pointless does not wait, although it stands in a queue.
        world.run("terminate w\n terminate x").await;
        let stats = world.engine.stats().unwrap();
        assert_eq!(of(&stats, "x"), [(0, 0), (0, 0)]);
        assert_eq!(of(&stats, "a"), [(0, 0), (0, 0)]);
        assert_eq!(stats.runs_in_memory, 0);
        // What timed out is counted, each once.
        world
            .run("start y run=100s task=1s\n take y\n advance 1s\n task y: schedule b attempts=1\n act b\n advance 60s\n advance 100s")
            .await;
        let stats = world.engine.stats().unwrap();
        assert_eq!(stats.workflow_tasks_timed_out, 1);
        assert_eq!(stats.activities_timed_out, 1);
        assert_eq!(stats.workflows_timed_out, 1);
    });
}

/// However many of them there were.
#[test]
fn runs_that_ended_do_not_wait_for_workers() {
    const RUNS: usize = 5_000;
    let engine = EmbeddedEngine::in_memory().unwrap();
    block_on(async {
        let waiting = || engine.stats().unwrap().task_queues[0].workflow_tasks.tasks;
        let starts = (0..RUNS).map(|run| {
            let mut request = start_request(&format!("w{run}"), &format!("start {run}"));
            request.task_queue = queue("q");
            engine.start_workflow(request)
        });
        try_join_all(starts).await.unwrap();
        assert_eq!(waiting(), RUNS);
        let ends = (0..RUNS).map(|run| {
            engine.terminate_workflow(TerminateWorkflowRequest {
                execution: current(&format!("w{run}")),
                reason: String::new(),
                details: Vec::new(),
                identity: identity("client"),
            })
        });
        try_join_all(ends).await.unwrap();
        let described = engine.describe_task_queue(queue("q")).await.unwrap();
        assert_eq!(described.workflow_tasks, Some(0));
        assert_eq!(waiting(), 0);
    });
}

/// E2: a long history goes in several commits, also when the process dies after the first of them, which is the one that
/// counts; and what is started then has nothing of it.
#[test]
fn a_deleted_long_history_is_taken_away_in_parts_also_after_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let dies = Arc::new(AtomicBool::new(false));
    let died = Arc::clone(&dies);
    let options = EmbeddedOptions::file(&path).crash_point(move |_, point| {
        if point == CrashPoint::AfterCommit && died.load(Ordering::Relaxed) {
            CrashAction::Stop
        } else {
            CrashAction::Continue
        }
    });
    let engine = EmbeddedEngine::open(options).unwrap();
    block_on(async {
        engine
            .start_workflow(start_request("w", "w"))
            .await
            .unwrap();
        for n in 0..700 {
            let request = SignalWorkflowRequest {
                execution: current("w"),
                signal: signal("s", RequestId::new(n.to_string()).unwrap()),
            };
            engine.signal_workflow(request).await.unwrap();
        }
        dies.store(true, Ordering::Relaxed);
        engine.delete_workflow(current("w")).await.unwrap_err();
    });
    engine.shutdown();
    let rows = |table: &str| -> i64 {
        let file = rusqlite::Connection::open(&path).unwrap();
        let count = format!("SELECT count(*) FROM {table}");
        file.query_row(&count, [], |row| row.get(0)).unwrap()
    };
    assert!(rows("history") > 100);
    assert_eq!((rows("execution"), rows("deleted")), (0, 1));
    let engine = EmbeddedEngine::open(&*path).unwrap();
    block_on(async {
        engine
            .start_workflow(start_request("x", "x"))
            .await
            .unwrap();
        let described = engine.describe_workflow(current("x")).await.unwrap();
        assert_eq!(described.history_length, 2);
        // A part is taken away after each commit and each question.
        for _ in 0..10 {
            engine.settled().await.unwrap();
        }
    });
    engine.shutdown();
    assert_eq!(
        (rows("execution"), rows("deleted"), rows("history")),
        (1, 0, 1)
    );
}
