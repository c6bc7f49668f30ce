//! Looks at the threads for workflow code: one that the code keeps, or that is dead, is replaced.

use std::sync::{Arc, atomic::Ordering};

use tokio::task::AbortHandle;

use super::{WorkerError, mailbox::WorkflowThread, seen::News, settings::ThreadSettings};

/// How many threads workflow code may keep before the worker stops replacing them.
const MAX_ABANDONED: usize = 64;

/// Replaces threads that are lost.
pub(super) struct Watchdog {
    threads: Arc<[WorkflowThread]>,
    settings: Arc<ThreadSettings>,
    news: Arc<News>,
}

impl Watchdog {
    pub(super) fn start(
        threads: Arc<[WorkflowThread]>,
        settings: Arc<ThreadSettings>,
        news: Arc<News>,
    ) -> AbortHandle {
        let watchdog = Self {
            threads,
            settings,
            news,
        };
        tokio::spawn(watchdog.watch()).abort_handle()
    }

    /// Never ends. Costs nothing while no workflow code runs, and two looks in the time that code may take
    /// while some does.
    async fn watch(self) {
        let limit = self.settings.options.deadlock_timeout;
        loop {
            // To be woken whenever code begins to run would slow that code down.
            let code_has_run = async {
                self.news.busy.notified().await;
                tokio::time::sleep(limit / 2).await;
            };
            tokio::select! {
                () = code_has_run => {}
                () = self.news.died.notified() => {}
            }
            for number in 0..self.threads.len() {
                let seen = self.threads[number].seen();
                if let Some(loss) = seen.give_up(limit) {
                    self.replace(number);
                    seen.fail_all(loss, limit);
                } else if seen.is_busy() {
                    self.news.busy.notify_one();
                }
            }
        }
    }

    fn replace(&self, number: usize) {
        let error = if self.news.kept.load(Ordering::Acquire) > MAX_ABANDONED {
            WorkerError::ThreadsKept {
                count: MAX_ABANDONED,
            }
        } else {
            match self.threads[number].start_again(&self.settings, &self.news) {
                Ok(()) => return,
                Err(error) => WorkerError::System(error),
            }
        };
        tracing::error!(%error, "the worker stops");
        // The worker may have ended for another reason.
        let _ = self.settings.fatal.send(error);
    }
}

#[cfg(all(test, feature = "embedded"))]
mod tests {
    use steadfast_core::{
        event::EventKind,
        ids::{Identity, TaskQueue},
    };
    use tokio::sync::Semaphore;

    use super::*;
    use crate::{
        client::{Client, WorkflowStartOptions},
        engine::{
            Engine as _, ExecutionRef, HistoryRequest, HistoryWait, PollWorkflowTaskRequest,
            embedded::EmbeddedEngine,
        },
        tracing_context::Propagation,
        worker::{
            Shutdown, WorkerOptions, answers::Answers, local_activities::LocalActivities,
            owed::OwedTask, registry::Registry, threads::Threads,
        },
    };

    fn queue() -> TaskQueue {
        TaskQueue::new("q").expect("it is not empty")
    }

    fn settings(engine: &Arc<EmbeddedEngine>) -> ThreadSettings {
        ThreadSettings {
            engine: Arc::clone(engine) as _,
            task_queue: queue(),
            options: WorkerOptions {
                workflow_threads: 1,
                ..WorkerOptions::default()
            },
            local: LocalActivities {
                engine: Arc::clone(engine) as _,
                shutdown: Shutdown::new(),
                registry: Arc::new(Registry::default()),
                slots: Arc::new(Semaphore::new(1)),
                runtime: tokio::runtime::Handle::current(),
                propagation: Propagation::default(),
            },
            fatal: tokio::sync::mpsc::unbounded_channel().0,
        }
    }

    /// The task that the thread died of fails at once, so that it comes again, and another thread reads the
    /// mailbox.
    #[tokio::test]
    async fn a_thread_that_dies_is_replaced() {
        let engine = EmbeddedEngine::in_memory().unwrap();
        let client = Client::new(Arc::clone(&engine) as _);
        let options = WorkflowStartOptions::new("q", "w");
        let started = client.start_workflow_by_name("Flow", Vec::new(), options);
        let workflow_id = started.await.unwrap().workflow_id().clone();
        let poll = PollWorkflowTaskRequest {
            task_queue: queue(),
            worker: Identity::new("test").unwrap(),
            remote: false,
        };
        let task = engine.poll_workflow_task(poll).await.unwrap();
        let slots = Arc::new(Semaphore::new(1));
        let occupied = (
            Arc::clone(&slots).try_acquire_owned().unwrap(),
            Shutdown::new().track(),
        );
        let threads = Threads::start(settings(&engine)).unwrap();
        let answers = Answers::start();
        let owed = Arc::new(OwedTask::new(
            task,
            occupied,
            Arc::clone(&engine) as _,
            answers,
        ));

        let dying = threads.first().seen();
        dying.begins(&owed);
        dying.dies();
        // Until the failed task is answered for.
        let _slot = slots.acquire().await.unwrap();
        assert!(dying.is_abandoned());
        assert!(!Arc::ptr_eq(&threads.first().seen(), &dying));
        let history = HistoryRequest {
            execution: ExecutionRef::current(workflow_id),
            from: steadfast_core::ids::EventId(1),
            page_size: 10,
            wait: HistoryWait::No,
        };
        let events = engine.workflow_history(history).await.unwrap().events;
        let failed = events.iter().any(|event| {
            matches!(&event.kind, EventKind::WorkflowTaskFailed { failure, .. }
                if format!("{failure:?}").contains("its thread panicked"))
        });
        assert!(failed, "{events:?}");
    }

    /// Or they would stay when whoever ran the worker lost interest.
    #[tokio::test]
    async fn threads_end_with_their_worker() {
        let engine = EmbeddedEngine::in_memory().unwrap();
        let others = Arc::strong_count(&engine);
        let threads = Threads::start(settings(&engine)).unwrap();
        assert!(Arc::strong_count(&engine) > others);
        drop(threads);
        while Arc::strong_count(&engine) > others {
            tokio::task::yield_now().await;
        }
    }
}
