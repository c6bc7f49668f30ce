//! Reads histories.
//!
//! The service counts pages by tokens and an engine by event ids: where a page ended is remembered
//! for a while, and what has been forgotten is read from the start again.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use steadfast_core::{
    event::HistoryEvent,
    ids::{EventId, RunId},
};
use steadfast_engine::{EngineError, HistoryPage, HistoryRequest, HistoryWait};
use steadfast_wire::{EventReader, values::execution_out};
use temporalio_protos::temporal::api::{
    enums::v1::HistoryEventFilterType,
    workflowservice::v1::{
        GetWorkflowExecutionHistoryRequest, GetWorkflowExecutionHistoryResponse,
    },
};
use tonic::{Code, Status};

use super::{
    Connection,
    client::send,
    service::{POLL_TIMEOUT, Patience, Waiting},
    status::error_of,
};

/// How many ends of pages are remembered.
const REMEMBERED: usize = 256;

/// Ends of pages, the latest last.
#[derive(Debug, Default)]
pub(super) struct Bookmarks(Mutex<VecDeque<(Place, Vec<u8>)>>);

/// Where the next page starts, for requests that wait and for those that do not.
#[derive(Debug, Eq, PartialEq)]
struct Place {
    run_id: RunId,
    next: EventId,
    waits: bool,
}

impl Bookmarks {
    fn put(&self, place: Place, token: Vec<u8>) {
        let mut marks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if marks.len() == REMEMBERED {
            marks.pop_front();
        }
        marks.push_back((place, token));
    }

    fn find(&self, place: &Place) -> Option<Vec<u8>> {
        let marks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = marks.iter().rev().find(|(known, _)| known == place);
        found.map(|(_, token)| token.clone())
    }
}

impl Connection {
    pub(super) async fn workflow_history(
        &self,
        request: HistoryRequest,
    ) -> Result<HistoryPage, EngineError> {
        let execution = match (
            &request.execution.run_id,
            &request.execution.first_execution_run_id,
        ) {
            (Some(run_id), None) => steadfast_core::ids::WorkflowExecution {
                workflow_id: request.execution.workflow_id.clone(),
                run_id: run_id.clone(),
            },
            _ => self.describe_workflow(request.execution).await?.execution,
        };
        let waits = request.wait != HistoryWait::No;
        let mut place = Place {
            run_id: execution.run_id.clone(),
            next: request.from,
            waits,
        };
        let mut token = match request.wait {
            HistoryWait::Close => None,
            _ => self.bookmarks.find(&place),
        }
        .unwrap_or_default();
        let mut reader = EventReader::new(&self.wire).keeping();
        let mut events: Vec<HistoryEvent> = Vec::new();
        let page_size = request.page_size.max(1);
        loop {
            let page = self
                .page(GetWorkflowExecutionHistoryRequest {
                    namespace: self.namespace(),
                    execution: execution_out(&execution.workflow_id, Some(&execution.run_id)),
                    maximum_page_size: i32::try_from(page_size).unwrap_or(i32::MAX),
                    next_page_token: token,
                    wait_new_event: waits,
                    history_event_filter_type: match request.wait {
                        HistoryWait::Close => HistoryEventFilterType::CloseEvent,
                        HistoryWait::No | HistoryWait::NewEvent => HistoryEventFilterType::AllEvent,
                    }
                    .into(),
                    skip_archival: waits,
                })
                .await?;
            token = page.next_page_token;
            let mut read = reader.read(page.history)?;
            if request.wait == HistoryWait::Close {
                if let Some(event) = read.pop().filter(|event| event.kind.is_closing()) {
                    return Ok(HistoryPage {
                        execution,
                        events: vec![event],
                        next: None,
                    });
                }
            } else {
                events.extend(
                    read.into_iter()
                        .filter(|event| event.event_id >= request.from),
                );
            }
            let full = events.len() >= page_size || (waits && !events.is_empty());
            if token.is_empty() || full {
                break;
            }
        }
        let next = events
            .last()
            .map_or(request.from, |last| last.event_id.next());
        let next = (!token.is_empty()).then_some(next);
        if let Some(next) = next {
            place.next = next;
            self.bookmarks.put(place, token);
        }
        Ok(HistoryPage {
            execution,
            events,
            next,
        })
    }

    async fn page(
        &self,
        request: GetWorkflowExecutionHistoryRequest,
    ) -> Result<GetWorkflowExecutionHistoryResponse, EngineError> {
        let error = |status: Status| error_of(&status);
        if !request.wait_new_event {
            return send!(self, get_workflow_execution_history, request).map_err(error);
        }
        let mut waiting = Waiting::default();
        loop {
            let asked =
                self.service.hold(
                    POLL_TIMEOUT,
                    request.clone(),
                    |mut stub, request| async move {
                        stub.get_workflow_execution_history(request).await
                    },
                );
            match asked.await {
                Ok(page) => return Ok(page),
                Err(status) if status.code() == Code::DeadlineExceeded => {}
                Err(status) => waiting.after(status).await.map_err(error)?,
            }
        }
    }
}
