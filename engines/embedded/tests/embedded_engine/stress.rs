//! Many workflows, several workers on several threads, few runs in memory: nothing is lost, nothing
//! runs twice, and every history is in order.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use steadfast_core::{
    command::{Command, ScheduleActivityTask, StartChildWorkflowExecution},
    event::{EventKind, ExecutionStatus, HistoryEvent},
    ids::{ActivityId, ActivityType, EventId, RequestId, RunId, TimerId, WorkflowId, WorkflowType},
    options::{ActivityTimeouts, ParentClosePolicy, WorkflowIdReusePolicy, WorkflowTimeouts},
    payload::PayloadMap,
    retry::RetryPolicy,
    task::ActivityOutcome,
};
use steadfast_embedded::{EmbeddedEngine, EmbeddedOptions};
use steadfast_engine::{
    Engine, HistoryRequest, HistoryWait, PollActivityTaskRequest, PollWorkflowTaskRequest,
    SignalWorkflowRequest,
};

use crate::harness::{
    check_order, check_task, completion, current, identity, queue, signal, start_request,
};

const WORKFLOWS: usize = 40;
const ACTIVITIES: usize = 12;

fn activity(n: usize) -> Command {
    Command::ScheduleActivityTask(Box::new(ScheduleActivityTask {
        activity_id: ActivityId::new(n.to_string()).unwrap(),
        activity_type: ActivityType::new("Act").unwrap(),
        task_queue: queue("all"),
        input: Vec::new(),
        header: PayloadMap::new(),
        timeouts: ActivityTimeouts {
            start_to_close_timeout: Some(Duration::from_secs(60)),
            ..ActivityTimeouts::default()
        },
        // Half of them are recorded as started before a worker has them.
        retry_policy: n.is_multiple_of(2).then(RetryPolicy::once),
        user_metadata: None,
        priority: None,
    }))
}

fn child(parent: &str) -> Command {
    Command::StartChildWorkflowExecution(Box::new(StartChildWorkflowExecution {
        workflow_id: WorkflowId::new(format!("{parent}-child")).unwrap(),
        workflow_type: WorkflowType::new("Child").unwrap(),
        task_queue: queue("all"),
        input: Vec::new(),
        header: PayloadMap::new(),
        timeouts: WorkflowTimeouts::default(),
        parent_close_policy: ParentClosePolicy::Terminate,
        workflow_id_reuse_policy: WorkflowIdReusePolicy::default(),
        retry_policy: None,
        memo: PayloadMap::new(),
        search_attributes: PayloadMap::new(),
        user_metadata: None,
        priority: None,
        cron_schedule: None,
    }))
}

/// What the workflow does next, read off its whole history.
fn decide(events: &[HistoryEvent]) -> Vec<Command> {
    let count = |name: &str| {
        events
            .iter()
            .filter(|event| event.kind.name() == name)
            .count()
    };
    let Some(EventKind::WorkflowExecutionStarted(start)) = events.first().map(|event| &event.kind)
    else {
        return Vec::new();
    };
    if start.parent.is_some() {
        return vec![Command::CompleteWorkflowExecution { result: None }];
    }
    if count("ActivityTaskScheduled") == 0 {
        return (0..ACTIVITIES).map(activity).collect();
    }
    if count("ActivityTaskCompleted") == ACTIVITIES && count("TimerStarted") == 0 {
        let timer_id = TimerId::new("t").unwrap();
        let start_to_fire_timeout = Duration::from_millis(20);
        return vec![
            Command::StartTimer {
                timer_id,
                start_to_fire_timeout,
                user_metadata: None,
            },
            child(start.workflow_id.as_str()),
        ];
    }
    if count("TimerFired") == 1
        && count("ChildWorkflowExecutionCompleted") == 1
        && count("WorkflowExecutionSignaled") == 1
    {
        return vec![Command::CompleteWorkflowExecution { result: None }];
    }
    Vec::new()
}

/// A worker that keeps the histories of its runs, as a run cache does.
async fn work(engine: Arc<EmbeddedEngine>, name: String) {
    let mut histories: HashMap<RunId, Vec<HistoryEvent>> = HashMap::new();
    loop {
        let request = PollWorkflowTaskRequest {
            task_queue: queue("all"),
            worker: identity(&name),
            remote: false,
        };
        let Ok(task) = engine.poll_workflow_task(request).await else {
            return;
        };
        check_task(&task);
        let history = histories.entry(task.execution.run_id.clone()).or_default();
        history.truncate(usize::try_from(task.events[0].event_id.0 - 1).unwrap());
        assert_eq!(
            history.len() as u64 + 1,
            task.events[0].event_id.0,
            "nothing is missing"
        );
        history.extend(task.events);
        check_order(history);
        let commands = decide(history);
        // It is refused when something arrived meanwhile, and then tried again.
        let _ = engine
            .complete_workflow_task(task.token, completion(commands))
            .await;
    }
}

async fn act(engine: Arc<EmbeddedEngine>, ran: Arc<Mutex<HashMap<String, usize>>>) {
    loop {
        let request = PollActivityTaskRequest {
            task_queue: queue("all"),
            worker: identity("activities"),
            max_tasks_per_second: None,
            remote: false,
        };
        let Ok(lease) = engine.poll_activity_task(request).await else {
            return;
        };
        let name = format!("{}/{}", lease.task.execution, lease.task.activity_id);
        *ran.lock().unwrap().entry(name).or_default() += 1;
        let outcome = ActivityOutcome::Completed { result: None };
        engine
            .complete_activity_task(lease.task.token, outcome)
            .await
            .unwrap();
    }
}

#[test]
fn many_workflows_on_many_threads_all_end_in_order() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_time()
        .build()
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let options = EmbeddedOptions::file(folder.path().join("stress.db")).cached_executions(5);
    let engine = EmbeddedEngine::open(options).unwrap();
    let ran = Arc::new(Mutex::new(HashMap::new()));
    let all = async {
        for n in 0..3 {
            tokio::spawn(work(Arc::clone(&engine), format!("worker-{n}")));
            tokio::spawn(act(Arc::clone(&engine), Arc::clone(&ran)));
        }
        let mut waits = Vec::new();
        for n in 0..WORKFLOWS {
            let engine = Arc::clone(&engine);
            waits.push(tokio::spawn(async move {
                let id = format!("w{n}");
                let mut request = start_request(&id, &format!("start-{n}"));
                request.task_queue = queue("all");
                engine.start_workflow(request).await.unwrap();
                let request_id = RequestId::new(format!("signal-{n}")).unwrap();
                let signal = signal("s", request_id);
                let request = SignalWorkflowRequest {
                    execution: current(&id),
                    signal,
                };
                engine.signal_workflow(request).await.unwrap();
                let history = |wait| HistoryRequest {
                    execution: current(&id),
                    from: EventId(1),
                    page_size: 10_000,
                    wait,
                };
                engine
                    .workflow_history(history(HistoryWait::Close))
                    .await
                    .unwrap();
                let events = engine
                    .workflow_history(history(HistoryWait::No))
                    .await
                    .unwrap()
                    .events;
                check_order(&events);
                let status = engine.describe_workflow(current(&id)).await.unwrap().status;
                assert_eq!(status, ExecutionStatus::Completed);
            }));
        }
        for wait in waits {
            wait.await.unwrap();
        }
    };
    runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(60), all)
            .await
            .unwrap();
    });
    let ran = ran.lock().unwrap();
    assert_eq!(ran.len(), WORKFLOWS * ACTIVITIES);
    assert!(
        ran.values().all(|times| *times == 1),
        "an activity ran twice"
    );
    engine.shutdown();
}
