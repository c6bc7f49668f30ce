//! Fetches the history of a run that is not in memory.

use steadfast_core::{event::HistoryEvent, ids::EventId, task::WorkflowTask};

use crate::engine::{Engine, EngineError, ExecutionRef, HistoryRequest, HistoryWait};

/// How many events are fetched at a time.
const PAGE: usize = 10_000;

/// The whole history of a task's run: what the engine has recorded, and then the events that the task
/// itself brought, some of which may not be recorded before the answer.
pub(super) async fn whole_history(
    engine: &dyn Engine,
    task: &WorkflowTask,
    brought: Vec<HistoryEvent>,
) -> Result<Vec<HistoryEvent>, EngineError> {
    let first = brought.first().map(|event| event.event_id);
    let mut events = Vec::new();
    let mut next = Some(EventId(1));
    while let Some(from) = next {
        let request = HistoryRequest {
            execution: ExecutionRef::run(task.execution.clone()),
            from,
            page_size: PAGE,
            wait: HistoryWait::No,
        };
        let page = engine.workflow_history(request).await?;
        events.extend(page.events);
        next = page
            .next
            .filter(|next| first.is_none_or(|first| *next < first));
    }
    match first {
        Some(first) => {
            events.retain(|event| event.event_id < first);
            events.extend(brought);
        }
        // A query is about everything that is recorded.
        None if task.started_event_id.is_some() => {
            events.retain(|event| event.event_id <= task.started_event_id);
        }
        None => {}
    }
    Ok(events)
}
