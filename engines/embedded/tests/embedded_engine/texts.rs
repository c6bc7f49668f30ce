//! What those hear who asked for something that cannot be, and what is recorded in the words of a Temporal
//! Service.

use std::{
    sync::{Arc, Mutex},
    task::{Context, Wake, Waker},
};

use futures_util::FutureExt as _;
use steadfast_core::{
    command::Command,
    event::EventKind,
    ids::{EventId, RequestId, RunId, WorkflowId},
    options::WorkflowIdConflictPolicy,
};
use steadfast_engine::{
    ActivityNotice, Engine as _, EngineError, ExecutionRef, HistoryRequest, HistoryWait,
    PollActivityTaskRequest, QueryWorkflowRequest, ResetWorkflowRequest, SignalWorkflowRequest,
    StartWorkflowRequest, TerminateWorkflowRequest,
};
use tokio::sync::watch;

use crate::{
    harness::{Lived as _, World, block_on, current, identity, queue, signal, start_request},
    messages::query,
};

/// As Server 1.32 records it: reason, details with the run that took the place, identity.
#[test]
fn a_run_that_is_replaced_says_by_which() {
    block_on(async {
        let world = World::in_memory();
        let start = |request| StartWorkflowRequest {
            id_conflict_policy: WorkflowIdConflictPolicy::TerminateExisting,
            ..start_request("w", request)
        };
        let first = world.engine.start_workflow(start("one")).await.unwrap();
        let second = world.engine.start_workflow(start("two")).await.unwrap();
        let request = RequestId::new("signal").unwrap();
        let third = world
            .engine
            .signal_with_start_workflow(start("three"), signal("s", request))
            .await
            .unwrap();
        for (replaced, by) in [(&first, &second), (&second, &third)] {
            let page = HistoryRequest {
                execution: run("w", replaced.run_id.as_str()),
                from: EventId(1),
                page_size: 10,
                wait: HistoryWait::Close,
            };
            let page = world.engine.workflow_history(page).await.unwrap();
            let EventKind::WorkflowExecutionTerminated {
                reason,
                details,
                identity,
            } = &page.events[0].kind
            else {
                panic!("{page:?}")
            };
            assert_eq!(reason, "TerminateIfRunning WorkflowIdReusePolicy");
            let text = format!("\"terminated by new runID: {}\"", by.run_id);
            assert_eq!(
                steadfast_engine::conformance::notation::text(&details[0]),
                text
            );
            assert_eq!(identity.as_ref().unwrap().as_str(), "history-service");
        }
    });
}

fn run(workflow_id: &str, run_id: &str) -> ExecutionRef {
    ExecutionRef {
        run_id: Some(RunId::new(run_id).unwrap()),
        ..current(workflow_id)
    }
}

/// A Temporal Service refuses what is no UUID, for every request, and does not look for it.
#[test]
fn a_malformed_run_id_is_an_invalid_argument() {
    block_on(async {
        let mut world = World::in_memory();
        world.run("start w").await;
        let engine = &world.engine;
        let nonsense = || run("w", "nonsense");
        let request_id = || RequestId::new("request").unwrap();
        let refused = [
            engine.describe_workflow(nonsense()).await.err(),
            engine
                .signal_workflow(SignalWorkflowRequest {
                    execution: nonsense(),
                    signal: signal("s", request_id()),
                })
                .await
                .err(),
            engine
                .terminate_workflow(TerminateWorkflowRequest {
                    execution: nonsense(),
                    reason: String::new(),
                    details: Vec::new(),
                    identity: identity("client"),
                })
                .await
                .err(),
            engine
                .query_workflow(QueryWorkflowRequest {
                    execution: nonsense(),
                    ..query("w")
                })
                .await
                .err(),
            engine
                .reset_workflow(ResetWorkflowRequest {
                    execution: nonsense(),
                    workflow_task_finish_event_id: EventId(3),
                    reason: String::new(),
                    identity: identity("client"),
                    request_id: request_id(),
                    exclude_signals: false,
                    exclude_updates: false,
                })
                .await
                .err(),
            engine.delete_workflow(nonsense()).await.err(),
        ];
        for error in refused {
            let Some(EngineError::InvalidArgument { message }) = &error else {
                panic!("{error:?}")
            };
            assert!(message.starts_with("Invalid RunId."), "{message}");
        }
        let unknown = run("w", "01234567-89ab-cdef-0123-456789abcdef");
        let error = engine.describe_workflow(unknown).await.unwrap_err();
        assert!(matches!(error, EngineError::NotFound { .. }), "{error:?}");
    });
}

/// Reads what there is whenever there is something new, at once.
struct Listener {
    notices: watch::Receiver<ActivityNotice>,
    heard: Mutex<Vec<ActivityNotice>>,
}

impl Wake for Listener {
    fn wake(self: Arc<Self>) {
        self.heard.lock().unwrap().push(*self.notices.borrow());
    }
}

/// Which of both it heard was a race between the engine and the activity.
#[test]
fn an_activity_that_one_task_cancels_and_whose_run_it_closes_hears_of_the_end() {
    block_on(async {
        let mut world = World::in_memory();
        world.run("start w\n task w: schedule a").await;
        let request = PollActivityTaskRequest {
            task_queue: queue("a"),
            worker: identity("worker"),
            max_tasks_per_second: None,
            remote: false,
        };
        let lease = world.engine.poll_activity_task(request).await.unwrap();
        let notices = lease.notices.unwrap();
        let listener = Arc::new(Listener {
            notices: notices.clone(),
            heard: Mutex::default(),
        });
        let mut changing = notices.clone();
        let mut changed = Box::pin(changing.changed());
        let waker = Waker::from(Arc::clone(&listener));
        assert!(
            changed
                .poll_unpin(&mut Context::from_waker(&waker))
                .is_pending()
        );
        world.run("signal w go\n take w").await;
        let cancel = Command::RequestCancelActivityTask {
            scheduled_event_id: EventId(5),
        };
        let complete = Command::CompleteWorkflowExecution { result: None };
        world.answer_with("w", vec![cancel, complete]).await;
        assert_eq!(*listener.heard.lock().unwrap(), [ActivityNotice::NotFound]);
    });
}

/// Ids come from callers: a text with one of them stays on its line and does not steer a terminal.
#[test]
fn control_characters_in_texts_are_escaped() {
    block_on(async {
        let world = World::in_memory();
        let id = WorkflowId::new("a\n\u{1b}[2Jb\u{202e}").unwrap();
        let error = world
            .engine
            .describe_workflow(ExecutionRef::current(id))
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "workflow not found for ID: a\\n\\u{1b}[2Jb\\u{202e}"
        );
    });
}
