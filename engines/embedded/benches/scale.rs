//! How the embedded engine does with a large file: opening, memory, lists, a backup, and cancelling
//! ten thousand executions at once.
//!
//! `cargo bench -p steadfast-embedded --bench scale`, or with other numbers of closed and open executions
//! `cargo bench -p steadfast-embedded --bench scale -- 100000 10000`. Machines differ and are busy: what
//! matters is how the figures grow with the numbers.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::stream::{self, StreamExt as _};
use steadfast_core::{
    command::Command,
    event::ExecutionStatus,
    ids::{Identity, RequestId, TaskQueue, WorkflowId, WorkflowType},
    options::{WorkflowIdConflictPolicy, WorkflowIdReusePolicy, WorkflowTimeouts},
    payload::{Payload, PayloadMap},
    task::WorkflowTaskCompletion,
};
use steadfast_embedded::{Durability, EmbeddedEngine, EmbeddedOptions};
use steadfast_engine::{
    CancelWorkflowRequest, Engine, ExecutionRef, ListFilter, ListWorkflowsRequest,
    PollWorkflowTaskRequest, StartWorkflowRequest,
};

const AT_ONCE: usize = 500;
const CANCELLED: usize = 10_000;

fn main() {
    let numbers: Vec<usize> = std::env::args()
        .filter_map(|arg| arg.parse().ok())
        .collect();
    let closed = numbers.first().copied().unwrap_or(1_000_000);
    let open = numbers.get(1).copied().unwrap_or(100_000);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("scale.db");
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(async {
            fill(&file, closed, open).await;
            measure(&file, folder.path(), open).await;
        });
}

fn engine(file: &Path) -> Arc<EmbeddedEngine> {
    EmbeddedEngine::open(EmbeddedOptions::file(file).durability(Durability::Relaxed)).unwrap()
}

fn name(id: usize) -> String {
    format!("order-{id}")
}

fn queue(name: &str) -> TaskQueue {
    TaskQueue::new(name).unwrap()
}

fn start(id: usize, workflow_type: &str, task_queue: &str) -> StartWorkflowRequest {
    let mut search_attributes = PayloadMap::new();
    if id.is_multiple_of(1_000) {
        let value = Payload::json(&b"\"gold\""[..]);
        search_attributes.insert("tier".to_owned(), value);
    }
    StartWorkflowRequest {
        workflow_id: WorkflowId::new(name(id)).unwrap(),
        workflow_type: WorkflowType::new(workflow_type).unwrap(),
        task_queue: queue(task_queue),
        input: vec![Payload::binary(vec![0; 100])],
        header: PayloadMap::new(),
        timeouts: WorkflowTimeouts::default(),
        identity: Identity::new("bench").unwrap(),
        request_id: RequestId::new(name(id)).unwrap(),
        id_reuse_policy: WorkflowIdReusePolicy::default(),
        id_conflict_policy: WorkflowIdConflictPolicy::default(),
        retry_policy: None,
        start_delay: Duration::ZERO,
        cron_schedule: None,
        memo: PayloadMap::new(),
        search_attributes,
        user_metadata: None,
        priority: None,
        unmodelled: None,
    }
}

/// Answers the next workflow task of a queue.
async fn work(engine: &EmbeddedEngine, task_queue: &str, commands: Vec<Command>) {
    let request = PollWorkflowTaskRequest {
        task_queue: queue(task_queue),
        worker: Identity::new("bench").unwrap(),
        remote: false,
    };
    let task = engine.poll_workflow_task(request).await.unwrap();
    let completion = WorkflowTaskCompletion {
        commands,
        ..WorkflowTaskCompletion::default()
    };
    engine
        .complete_workflow_task(task.token, completion)
        .await
        .unwrap();
}

/// Writes a file with so many closed executions and, after them, so many that wait.
async fn fill(file: &Path, closed: usize, open: usize) {
    let engine = engine(file);
    let began = Instant::now();
    stream::iter(0..closed)
        .for_each_concurrent(AT_ONCE, async |id| {
            engine
                .start_workflow(start(id, "Closed", "closed"))
                .await
                .unwrap();
            let done = vec![Command::CompleteWorkflowExecution { result: None }];
            work(&engine, "closed", done).await;
        })
        .await;
    stream::iter(closed..closed + open)
        .for_each_concurrent(AT_ONCE, async |id| {
            engine
                .start_workflow(start(id, "Open", "open"))
                .await
                .unwrap();
            work(&engine, "open", vec![]).await;
        })
        .await;
    println!(
        "{closed} closed and {open} open executions written in {:?}",
        began.elapsed()
    );
    engine.shutdown();
}

async fn measure(file: &Path, folder: &Path, open: usize) {
    let size = std::fs::metadata(file).unwrap().len();
    println!("the file has {} MiB", size >> 20);

    let before = resident();
    let began = Instant::now();
    let engine = engine(file);
    println!("open: {:?}", began.elapsed());
    engine
        .start_workflow(start(usize::MAX, "First", "first"))
        .await
        .unwrap();
    work(&engine, "first", vec![]).await;
    println!(
        "open, and the first task of a new execution answered: {:?}",
        began.elapsed()
    );
    let opened = resident();
    println!(
        "memory of an open execution that is not cached: {} bytes (all of it: {} KiB)",
        opened.saturating_sub(before) / open as u64,
        opened.saturating_sub(before) >> 10
    );

    let running = ListFilter {
        status: Some(ExecutionStatus::Running),
        ..ListFilter::default()
    };
    let of_type = ListFilter {
        workflow_type: Some(WorkflowType::new("First").unwrap()),
        ..ListFilter::default()
    };
    let mut gold = ListFilter::default();
    gold.search_attributes
        .insert("tier".to_owned(), Payload::json(&b"\"gold\""[..]));
    for (what, filter) in [
        ("all", ListFilter::default()),
        ("running", running),
        ("of a rare type", of_type),
        ("by search attribute", gold),
        (
            "with a value that is another one",
            "tier != 'silver'".into(),
        ),
        (
            "without a value, or late",
            "tier IS NULL AND ExecutionDuration > '1h' OR tier > 'h'".into(),
        ),
    ] {
        let began = Instant::now();
        let count = engine.count_workflows(filter.clone()).await.unwrap();
        let counted = began.elapsed();
        let began = Instant::now();
        let request = ListWorkflowsRequest {
            filter,
            page_size: 100,
            next_page_token: None,
        };
        engine.list_workflows(request).await.unwrap();
        println!(
            "{what}: {count} counted in {counted:?}, a page of 100 in {:?}",
            began.elapsed()
        );
    }

    let first = usize::try_from(engine.count_workflows(ListFilter::default()).await.unwrap())
        .unwrap()
        - 1
        - open;
    let cancelled = CANCELLED.min(open);
    for part in [cancelled / 4, cancelled] {
        let began = Instant::now();
        stream::iter(first + open - part..first + open)
            .for_each_concurrent(AT_ONCE, async |id| {
                let request = CancelWorkflowRequest {
                    execution: ExecutionRef::current(WorkflowId::new(name(id)).unwrap()),
                    reason: "all of you".to_owned(),
                    identity: Identity::new("bench").unwrap(),
                    request_id: RequestId::new(format!("cancel-{part}-{id}")).unwrap(),
                };
                engine.request_cancel_workflow(request).await.unwrap();
            })
            .await;
        let asked = began.elapsed();
        // One that has nothing to do with them is answered meanwhile: their tasks wait.
        let other = Instant::now();
        engine
            .start_workflow(start(usize::MAX - part, "First", "first"))
            .await
            .unwrap();
        work(&engine, "first", vec![]).await;
        println!(
            "{part} executions asked to cancel in {asked:?}, {:?} each; then another one started and answered in {:?}",
            asked / u32::try_from(part).unwrap(),
            other.elapsed()
        );
    }

    let began = Instant::now();
    engine.backup(folder.join("backup.db")).await.unwrap();
    println!("backup: {:?}", began.elapsed());
    engine.shutdown();
}

/// The memory of this process, in bytes; 0 where that is not known.
fn resident() -> u64 {
    std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|text| text.split(' ').nth(1)?.parse::<u64>().ok())
        .map_or(0, |pages| pages * 4096)
}
