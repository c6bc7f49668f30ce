//! What is fuzzed: functions that take any bytes and must not panic. `cargo fuzz` calls them, and so
//! does a test of the workspace, with the corpus and with changes of it that a seed decides.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{Arc, OnceLock},
};

use steadfast::{
    convert,
    core::{command::Command, event::EventKind, run::Run},
    engine::{
        Engine as _, EngineError, HistoryRequest, HistoryWait, ListFilter, ListWorkflowsRequest,
        SearchAttributeType,
        embedded::{EmbeddedEngine, EmbeddedOptions},
    },
    history_json,
    prelude::*,
};

/// A history of unknown origin, with its payloads and failures: it is read or refused; what was read
/// can be written and read again as the same; and a run takes it or fails.
pub(crate) fn history(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Ok(history) = history_json::from_json(text) else {
        return;
    };
    // It displays whatever it is.
    assert!(!history.to_string().is_empty());
    if let Ok(text) = history_json::to_json(&history) {
        let again = history_json::from_json(&text).expect("what was written can be read");
        assert_eq!(again, history, "reading what was written gives the same");
    }
    let Some(EventKind::WorkflowExecutionStarted(start)) =
        history.events.first().map(|event| &event.kind)
    else {
        return;
    };
    let mut run = Run::new(history.execution.clone(), start.workflow_type.clone());
    if run.handle_task(history.events.clone(), Vec::new()).is_ok() {
        while let Ok(Some(_)) = run.poll_job() {}
        let _: Vec<Command> = run.take_commands();
    }
}

/// A failure of unknown origin, in Temporal's JSON: as for a history that ends with it.
pub(crate) fn failure(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    history(ended(r#""input":{}"#, &format!(r#""failure":{text}"#)).as_bytes());
}

/// A payload of unknown origin, in Temporal's JSON: as for a history that starts with it, and it becomes
/// a value or is refused.
pub(crate) fn payload(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let text = ended(
        &format!(r#""input":{{"payloads":[{text}]}}"#),
        r#""failure":{}"#,
    );
    history(text.as_bytes());
    let Ok(read) = history_json::from_json(&text) else {
        return;
    };
    if let Some(EventKind::WorkflowExecutionStarted(start)) =
        read.events.first().map(|event| &event.kind)
    {
        for payload in &start.input {
            let _ = convert::from_payload::<()>(Some(payload));
            let _ = convert::from_payload::<String>(Some(payload));
            let _ = convert::from_payload::<Vec<u8>>(Some(payload));
            let _ = convert::from_payload::<BTreeMap<String, Option<f64>>>(Some(payload));
        }
    }
}

/// A history of a workflow that started and failed.
pub(crate) fn ended(input: &str, failure: &str) -> String {
    format!(
        r#"{{"events":[
        {{"eventId":"1","eventTime":"2026-11-20T15:05:10Z","eventType":"WorkflowExecutionStarted",
          "workflowExecutionStartedEventAttributes":{{"workflowId":"w","workflowType":{{"name":"T"}},
          "taskQueue":{{"name":"q"}},"originalExecutionRunId":"r","firstExecutionRunId":"r",{input}}}}},
        {{"eventId":"2","eventTime":"2026-11-20T15:05:10Z","eventType":"WorkflowExecutionFailed",
          "workflowExecutionFailedEventAttributes":{{{failure}}}}}]}}"#
    )
}

/// The URL of an engine: it opens one or says what to write. Files are left alone.
pub(crate) fn url(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if text.starts_with("sqlite") {
        return;
    }
    runtime(async {
        if let Err(error) = steadfast::connect(text).await {
            assert!(error.to_string().contains("write `"), "{error}");
        }
    });
}

/// A query for executions: it is answered, or refused as not valid; what was read as a query is one to `SQLite` too.
pub(crate) fn query(data: &[u8]) {
    static ENGINE: OnceLock<Arc<EmbeddedEngine>> = OnceLock::new();
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let engine = ENGINE.get_or_init(|| {
        let engine = EmbeddedEngine::in_memory().expect("memory opens");
        let types = [
            ("Num", SearchAttributeType::Int),
            ("Kw", SearchAttributeType::Keyword),
            ("Tags", SearchAttributeType::KeywordList),
            ("Txt", SearchAttributeType::Text),
            ("Flag", SearchAttributeType::Bool),
            ("When", SearchAttributeType::Datetime),
        ];
        let types = types.map(|(name, kind)| (name.to_owned(), kind));
        runtime(async {
            engine
                .add_search_attributes(types.into())
                .await
                .expect("they are added");
            let client = Client::new(Arc::clone(&engine) as _);
            let options = WorkflowStartOptions::new("q", "w");
            client
                .start_workflow(Nothing::run, String::new(), options)
                .await
                .expect("a workflow starts");
        });
        engine
    });
    runtime(async {
        match engine.count_workflow_groups(text.into()).await {
            Ok(_) => {}
            Err(EngineError::InvalidArgument { message }) => {
                assert!(message.starts_with("invalid query: "), "{message}");
            }
            Err(error) => panic!("{text}: {error}"),
        }
    });
}

/// The rows of a file: some bytes of a good one are others. It is refused, or what is wrong is said
/// when it is read.
pub(crate) fn rows(data: &[u8]) {
    static GOOD: OnceLock<Vec<u8>> = OnceLock::new();
    let mut file = GOOD.get_or_init(good_file).clone();
    // Four bytes say where, the next what.
    for change in data.chunks_exact(5) {
        let (at, what) = change.split_at(4);
        let at = u32::from_le_bytes(at.try_into().expect("four bytes"));
        let at = usize::try_from(at).expect("32 bits fit") % file.len();
        file[at] = what[0];
    }
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("fuzzed.db");
    fs::write(&path, &file).expect("a temporary file can be written");
    let Ok(engine) = EmbeddedEngine::open(EmbeddedOptions::file(&path)) else {
        return;
    };
    runtime(async {
        let request = ListWorkflowsRequest {
            filter: ListFilter::default(),
            page_size: 100,
            next_page_token: None,
        };
        if let Ok(page) = engine.list_workflows(request).await {
            for run in page.executions {
                let execution = steadfast::engine::ExecutionRef::run(run.execution);
                let request = HistoryRequest {
                    execution: execution.clone(),
                    from: steadfast::core::ids::EventId(1),
                    page_size: 100,
                    wait: HistoryWait::No,
                };
                let _ = engine.workflow_history(request).await;
                let _ = engine.describe_workflow(execution).await;
            }
        }
    });
    engine.shutdown();
}

fn good_file() -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = folder.path().join("good.db");
    fill(&path);
    fs::read(&path).expect("the file was written")
}

fn fill(path: &Path) {
    let engine = EmbeddedEngine::open(EmbeddedOptions::file(path)).expect("a new file opens");
    let client = Client::new(Arc::clone(&engine) as _);
    runtime(async {
        for number in 0..20 {
            let options = WorkflowStartOptions::new("q", format!("w{number}"));
            client
                .start_workflow(Nothing::run, "input".repeat(number), options)
                .await
                .expect("a workflow starts");
        }
    });
    engine.shutdown();
}

/// Something to start.
#[workflow]
#[derive(Default)]
struct Nothing;

#[workflow_methods]
impl Nothing {
    #[run]
    async fn run(_ctx: &mut WorkflowContext<Self>, _input: String) -> WorkflowResult<()> {
        Ok(())
    }
}

fn runtime<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime starts")
        .block_on(future)
}
