//! Reading histories, forwards and backwards, and waiting for what comes.

use std::sync::Arc;

use prost::Message as _;
use steadfast_core::{
    event::HistoryEvent,
    ids::{EventId, RunId},
};
use steadfast_engine::{ExecutionRef, HistoryPage, HistoryRequest, HistoryWait};
use steadfast_wire::{requests, values::event_id};
use temporalio_protos::temporal::api::{
    enums::v1::HistoryEventFilterType,
    history::v1::{self as proto_history, History},
    workflowservice::v1 as proto,
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

/// How many bytes the events of a page have that a worker gets, but for the first one.
const PAGE_BYTES: usize = 2 * 1024 * 1024;

/// Where a reader goes on: which run, and the next event.
struct Token {
    run_id: RunId,
    next: EventId,
    /// Whether the reader has the workflow task of the run, whose start is not recorded yet.
    has_task: bool,
}

impl Token {
    fn write(&self) -> Vec<u8> {
        let mut bytes = self.next.0.to_be_bytes().to_vec();
        bytes.push(u8::from(self.has_task));
        bytes.extend_from_slice(self.run_id.as_str().as_bytes());
        bytes
    }

    fn read(bytes: &[u8]) -> Result<Option<Self>, Status> {
        if bytes.is_empty() {
            return Ok(None);
        }
        let wrong = || Status::invalid_argument("Invalid NextPageToken.");
        let (next, rest) = bytes.split_first_chunk().ok_or_else(wrong)?;
        let (has_task, run_id) = rest.split_first().ok_or_else(wrong)?;
        let run_id = std::str::from_utf8(run_id).map_err(|_| wrong())?;
        Ok(Some(Self {
            run_id: RunId::new(run_id).map_err(|_| wrong())?,
            next: EventId(u64::from_be_bytes(*next)),
            has_task: *has_task == 1,
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
    let has_task = token.as_ref().is_some_and(|token| token.has_task);
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
        execution: execution.clone(),
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
                let token = run_id.map(|run_id| Token {
                    run_id,
                    next: from,
                    has_task,
                });
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
    if has_task {
        return rest_of_task(&api, execution, from, page).await;
    }
    let next = next_token(&page, wait);
    answer(&api, page.events, next).await
}

/// A page of the history of a task that a worker has, after the one that came with the task.
async fn rest_of_task(
    api: &Api,
    execution: ExecutionRef,
    from: EventId,
    page: HistoryPage,
) -> Reply<proto::GetWorkflowExecutionHistoryResponse> {
    let run_id = page.execution.run_id;
    let is_last = page.next.is_none();
    let mut events = page.events;
    if is_last {
        let next = events.last().map_or(from, |event| event.event_id.next());
        let open = api.engine.open_task_events(execution).await;
        let open = open.map_err(status_of)?;
        // That of another task, if this one has been answered meanwhile.
        if open.first().is_some_and(|event| event.event_id == next) {
            events.extend(open);
        }
    }
    let mut history = history(api, events).await?;
    let mut token = cut_for_worker(run_id.clone(), &mut history.events);
    if let (true, Some(next)) = (token.is_empty(), page.next) {
        let token_of_rest = Token {
            run_id,
            next,
            has_task: true,
        };
        token = token_of_rest.write();
    }
    Ok(proto::GetWorkflowExecutionHistoryResponse {
        history: Some(history),
        next_page_token: token,
        ..proto::GetWorkflowExecutionHistoryResponse::default()
    })
}

/// Keeps as many events as a message should have, and says where a worker finds the rest.
pub(super) fn cut_for_worker(
    run_id: RunId,
    events: &mut Vec<proto_history::HistoryEvent>,
) -> Vec<u8> {
    let mut bytes = 0;
    let whole = events.iter().position(|event| {
        bytes += event.encoded_len();
        bytes > PAGE_BYTES
    });
    let count = whole.unwrap_or(events.len()).clamp(1, PAGE);
    let Some(next) = events.get(count) else {
        return Vec::new();
    };
    let token = Token {
        run_id,
        next: event_id(next.event_id),
        has_task: true,
    };
    events.truncate(count);
    token.write()
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
        has_task: false,
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
        has_task: false,
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
    let mut history = api.wire.history_out(events, &api.home).map_err(status_of)?;
    name_types(
        api,
        history.events.iter_mut().filter_map(of_event).collect(),
    )
    .await?;
    Ok(history)
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
