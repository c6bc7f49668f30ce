//! Reading histories, forwards and backwards, and waiting for what comes.

use std::sync::Arc;

use steadfast_core::{
    event::HistoryEvent,
    ids::{EventId, RunId},
};
use steadfast_engine::{ExecutionRef, HistoryPage, HistoryRequest, HistoryWait};
use steadfast_wire::{Wired, requests};
use temporalio_protos::temporal::api::{
    enums::v1::HistoryEventFilterType, history::v1::History, workflowservice::v1 as proto,
};
use tokio::time::timeout;
use tonic::Status;

use crate::{
    api::Api,
    attribute_types::{name_types, of_event},
    method::Reply,
    refusal::status_of,
};

/// How many events a page has if nobody says, and at most, as on a service.
const PAGE: usize = 1_000;

/// Where a reader goes on: which run, and the next event.
struct Token {
    run_id: RunId,
    next: EventId,
}

impl Token {
    fn write(&self) -> Vec<u8> {
        let mut bytes = self.next.0.to_be_bytes().to_vec();
        bytes.extend_from_slice(self.run_id.as_str().as_bytes());
        bytes
    }

    fn read(bytes: &[u8]) -> Result<Option<Self>, Status> {
        if bytes.is_empty() {
            return Ok(None);
        }
        let wrong = || Status::invalid_argument("Invalid NextPageToken.");
        let (next, run_id) = bytes.split_first_chunk().ok_or_else(wrong)?;
        let run_id = std::str::from_utf8(run_id).map_err(|_| wrong())?;
        Ok(Some(Self {
            run_id: RunId::new(run_id).map_err(|_| wrong())?,
            next: EventId(u64::from_be_bytes(*next)),
        }))
    }
}

pub(super) async fn get(
    api: Arc<Api>,
    request: proto::GetWorkflowExecutionHistoryRequest,
) -> Reply<proto::GetWorkflowExecutionHistoryResponse> {
    api.check_namespace(&request.namespace)?;
    let mut execution = requests::execution_in(request.execution).map_err(status_of)?;
    let token = Token::read(&request.next_page_token)?;
    let only_close =
        request.history_event_filter_type == i32::from(HistoryEventFilterType::CloseEvent);
    let mut from = EventId(1);
    if let Some(token) = token {
        execution.run_id = Some(token.run_id);
        execution.first_execution_run_id = None;
        from = token.next;
    }
    let wait = match (request.wait_new_event, only_close) {
        (true, true) => HistoryWait::Close,
        (true, false) => HistoryWait::NewEvent,
        (false, _) => HistoryWait::No,
    };
    if only_close && !request.wait_new_event {
        let last = last_event(&api, execution).await?;
        return answer(&api, vec![last], Vec::new()).await;
    }
    if wait != HistoryWait::No {
        // The run is settled before anybody waits, so that a continued one is not waited for in its place.
        execution = settled(&api, execution).await?;
    }
    let run_id = execution.run_id.clone();
    let reading = api.engine.workflow_history(HistoryRequest {
        execution,
        from,
        page_size: page_size(request.maximum_page_size),
        wait,
    });
    let page = if wait == HistoryWait::No {
        reading.await
    } else {
        match timeout(api.long_poll, reading).await {
            Ok(page) => page,
            // Nothing came: whoever asks again goes on where it was.
            Err(_) => {
                let token = run_id.map(|run_id| Token { run_id, next: from });
                return answer(
                    &api,
                    Vec::new(),
                    token.map(|token| token.write()).unwrap_or_default(),
                )
                .await;
            }
        }
    };
    let page = page.map_err(status_of)?;
    let next = next_token(&page, wait);
    answer(&api, page.events, next).await
}

/// Where the next page begins; a run that is open has more to come for whoever waits.
fn next_token(page: &HistoryPage, wait: HistoryWait) -> Vec<u8> {
    let last = page.events.last();
    let is_over = last.is_none_or(|event| event.kind.is_closing());
    let next = page.next.or_else(|| {
        let goes_on = wait == HistoryWait::NewEvent && !is_over;
        last.filter(|_| goes_on).map(|event| event.event_id.next())
    });
    let token = next.map(|next| Token {
        run_id: page.execution.run_id.clone(),
        next,
    });
    token.map(|token| token.write()).unwrap_or_default()
}

pub(super) async fn get_reverse(
    api: Arc<Api>,
    request: proto::GetWorkflowExecutionHistoryReverseRequest,
) -> Reply<proto::GetWorkflowExecutionHistoryReverseResponse> {
    api.check_namespace(&request.namespace)?;
    let mut execution = requests::execution_in(request.execution).map_err(status_of)?;
    let last = match Token::read(&request.next_page_token)? {
        Some(token) => {
            execution.run_id = Some(token.run_id);
            token.next.0
        }
        None => {
            let described = api.describe(execution).await?;
            execution = ExecutionRef::run(described.execution);
            described.history_length
        }
    };
    let size = u64::try_from(page_size(request.maximum_page_size)).unwrap_or(u64::MAX);
    let first = last.saturating_sub(size.saturating_sub(1)).max(1);
    let page = api
        .engine
        .workflow_history(HistoryRequest {
            execution,
            from: EventId(first),
            page_size: usize::try_from(last + 1 - first).unwrap_or(PAGE),
            wait: HistoryWait::No,
        })
        .await
        .map_err(status_of)?;
    let token = (first > 1).then(|| Token {
        run_id: page.execution.run_id.clone(),
        next: EventId(first - 1),
    });
    let mut events = page.events;
    events.reverse();
    Ok(proto::GetWorkflowExecutionHistoryReverseResponse {
        history: Some(history(&api, events).await?),
        next_page_token: token.map(|token| token.write()).unwrap_or_default(),
    })
}

fn page_size(asked: i32) -> usize {
    usize::try_from(asked)
        .ok()
        .filter(|size| *size > 0)
        .map_or(PAGE, |size| size.min(PAGE))
}

/// The run that an execution is now.
async fn settled(api: &Api, execution: ExecutionRef) -> Reply<ExecutionRef> {
    if execution.run_id.is_some() && execution.first_execution_run_id.is_none() {
        return Ok(execution);
    }
    Ok(ExecutionRef::run(api.describe(execution).await?.execution))
}

async fn last_event(api: &Api, execution: ExecutionRef) -> Reply<HistoryEvent> {
    let described = api.describe(execution).await?;
    let page = api
        .engine
        .workflow_history(HistoryRequest {
            execution: ExecutionRef::run(described.execution),
            from: EventId(described.history_length),
            page_size: 1,
            wait: HistoryWait::No,
        })
        .await
        .map_err(status_of)?;
    let last = page.events.into_iter().next_back();
    last.ok_or_else(|| Status::internal("the history has no events"))
}

async fn history(api: &Api, events: Vec<HistoryEvent>) -> Reply<History> {
    let events = events
        .into_iter()
        .map(|event| api.wire.event_out(event, &api.home));
    let mut events: Vec<_> = events.collect::<Wired<_>>().map_err(status_of)?;
    name_types(api, events.iter_mut().filter_map(of_event).collect()).await?;
    Ok(History { events })
}

async fn answer(
    api: &Api,
    events: Vec<HistoryEvent>,
    next_page_token: Vec<u8>,
) -> Reply<proto::GetWorkflowExecutionHistoryResponse> {
    Ok(proto::GetWorkflowExecutionHistoryResponse {
        history: Some(history(api, events).await?),
        next_page_token,
        ..proto::GetWorkflowExecutionHistoryResponse::default()
    })
}
