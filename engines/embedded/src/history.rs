//! Reading histories, and waiting for what they will contain.
//!
//! What is shown is durable, with one exception: the `WorkflowTaskStarted` of a task that is with
//! a worker, which is written with the answer.

use std::{ops::RangeInclusive, sync::Arc};

use steadfast_core::{
    event::HistoryEvent,
    ids::{EventId, WorkflowExecution},
};
use steadfast_engine::{EngineError, HistoryPage, HistoryRequest, HistoryWait};

use super::{
    execution::{Execution, Task, TaskKind},
    shared::{Found, Shared, run_not_found},
    state::Core,
    store::read_events,
    watch::Watch,
};

impl Core {
    #[expect(
        clippy::iter_over_hash_type,
        reason = "all are woken, in whatever order"
    )]
    pub(crate) fn wake_watches(&self) {
        for watch in self.watches.values() {
            watch.wake_all();
        }
    }

    fn watch(&mut self, key: i64) -> Arc<Watch> {
        Arc::clone(self.watches.entry(key).or_default())
    }

    fn unwatch(&mut self, key: i64) {
        // The map's own and the caller's are left.
        if self
            .watches
            .get(&key)
            .is_some_and(|watch| Arc::strong_count(watch) <= 2)
        {
            self.watches.remove(&key);
        }
    }
}

/// Ends the watch of one who waited.
struct Watching<'a> {
    shared: &'a Shared,
    key: i64,
    watch: Arc<Watch>,
}

impl Drop for Watching<'_> {
    fn drop(&mut self) {
        self.shared.lock().unwatch(self.key);
    }
}

/// What is known of a run before its events are read.
struct Subject {
    key: i64,
    id: WorkflowExecution,
    open: bool,
    committed: u64,
    started: Option<HistoryEvent>,
}

impl Subject {
    fn of(run: &Execution) -> Self {
        let started = match &run.task {
            Task::Started(task) if matches!(task.kind, TaskKind::Normal { .. }) => {
                Some(task.started_event())
            }
            Task::Started(_) | Task::Scheduled(_) | Task::Idle => None,
        };
        Self {
            key: run.key,
            id: run.id.clone(),
            // A run is closed for others when its closing event is durable.
            open: run.is_open() || run.committed < run.last_event_id(),
            committed: run.committed,
            started,
        }
    }
}

impl Shared {
    pub(crate) async fn history(
        &self,
        request: HistoryRequest,
    ) -> Result<HistoryPage, EngineError> {
        let target = &request.execution;
        let (subject, watching) = self
            .with_run(target, false, |core, found, _| match found {
                Found::Loaded(key) => {
                    let run = core
                        .executions
                        .get(&key)
                        .ok_or_else(|| run_not_found(target))?;
                    let subject = Subject::of(run);
                    Ok((
                        subject,
                        Watching {
                            shared: self,
                            key,
                            watch: core.watch(key),
                        },
                    ))
                }
                Found::Closed(info) => {
                    let subject = Subject {
                        key: info.key,
                        id: info.id.clone(),
                        open: false,
                        committed: info.history_length,
                        started: None,
                    };
                    let watch = core.watch(info.key);
                    Ok((
                        subject,
                        Watching {
                            shared: self,
                            key: info.key,
                            watch,
                        },
                    ))
                }
                Found::Missing => Err(run_not_found(target)),
            })
            .await?;
        match request.wait {
            HistoryWait::No => self.page(subject, &request).await,
            HistoryWait::NewEvent => self.wait_for_event(subject, &watching, &request).await,
            HistoryWait::Close => self.wait_for_close(subject, &watching).await,
        }
    }

    async fn wait_for_event(
        &self,
        mut subject: Subject,
        watching: &Watching<'_>,
        request: &HistoryRequest,
    ) -> Result<HistoryPage, EngineError> {
        loop {
            let changed = watching.watch.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            watching.watch.check_exists(&subject.id)?;
            let now = {
                let (core, _) = self.enter()?;
                core.executions.get(&subject.key).map(Subject::of)
            };
            if let Some(now) = now {
                subject = now;
            } else if subject.open {
                // It is no longer in memory: its rows tell.
                let id = subject.id.clone();
                let page = self.page(subject, request).await?;
                if !page.events.is_empty() || watching.watch.closed.get().is_some() {
                    return Ok(page);
                }
                subject = Subject {
                    key: watching.key,
                    id,
                    open: true,
                    committed: 0,
                    started: None,
                };
                changed.await;
                continue;
            }
            if !subject.open || subject.committed >= request.from.0.max(1) {
                return self.page(subject, request).await;
            }
            changed.await;
        }
    }

    async fn wait_for_close(
        &self,
        subject: Subject,
        watching: &Watching<'_>,
    ) -> Result<HistoryPage, EngineError> {
        let execution = subject.id.clone();
        if !subject.open {
            let (events, _) = self
                .read(move |connection| read_events(connection, subject.key, subject.committed, 1))
                .await?;
            return Ok(HistoryPage {
                execution,
                events,
                next: None,
            });
        }
        loop {
            let ended = watching.watch.ended.notified();
            tokio::pin!(ended);
            ended.as_mut().enable();
            if let Some(event) = watching.watch.closed.get() {
                return Ok(HistoryPage {
                    execution,
                    events: vec![event.clone()],
                    next: None,
                });
            }
            watching.watch.check_exists(&execution)?;
            drop(self.enter()?);
            ended.await;
        }
    }

    async fn page(
        &self,
        subject: Subject,
        request: &HistoryRequest,
    ) -> Result<HistoryPage, EngineError> {
        let from = request.from.0.max(1);
        let size = request.page_size.max(1);
        let key = subject.key;
        let (mut events, _) = self
            .read(move |connection| read_events(connection, key, from, size.saturating_add(1)))
            .await?;
        if let Some(started) = subject.started
            && events.last().map_or(from, |last| last.event_id.0 + 1) == started.event_id.0
        {
            events.push(started);
        }
        let next = events.get(size).map(|event| event.event_id);
        events.truncate(size);
        Ok(HistoryPage {
            execution: subject.id,
            events,
            next,
        })
    }

    /// Some events of a run, all durable or about to be.
    pub(crate) async fn read_range(
        &self,
        key: i64,
        range: RangeInclusive<u64>,
    ) -> Result<Vec<HistoryEvent>, EngineError> {
        let (first, last) = range.into_inner();
        let limit = usize::try_from(last + 1 - first).unwrap_or(usize::MAX);
        let (mut events, _) = self
            .read(move |connection| read_events(connection, key, first, limit))
            .await?;
        events.retain(|event| event.event_id <= EventId(last));
        Ok(events)
    }
}
