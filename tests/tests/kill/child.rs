//! The child process, from inside: an engine, a worker, and a client that goes on where the ledger
//! ends.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    env,
    io::Write as _,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use steadfast::{
    client::WorkflowExecutionError,
    core::{
        event::{EventKind, HistoryEvent},
        ids::{EventId, RequestId, RunId, SignalName, WorkflowExecution},
    },
    engine::{
        EngineError, ExecutionRef, HistoryPage, HistoryRequest, HistoryWait, ResetWorkflowRequest,
        Signal, SignalWorkflowRequest,
        embedded::{CrashAction, CrashPoint, Durability, EmbeddedEngine, EmbeddedOptions},
    },
    prelude::*,
    worker::WorkerOptions,
};

use crate::{
    load::{Deeds, Load},
    order::Order,
    papers::{Papers, Record},
};

pub(crate) const NAME: &str = "child::process_of_the_load";
pub(crate) const MODE: &str = "STEADFAST_KILL_CHILD_MODE";
pub(crate) const FOLDER: &str = "STEADFAST_KILL_CHILD_FOLDER";
pub(crate) const SEED: &str = "STEADFAST_KILL_CHILD_SEED";
pub(crate) const STUCK_AT: &str = "STEADFAST_KILL_CHILD_STUCK_AT";

pub(crate) const QUEUE: &str = "load";

/// How many workflows the client has open at a time.
const OPEN_AT_A_TIME: usize = 12;

/// How long a slow commit takes.
const A_WHILE: Duration = Duration::from_millis(300);

/// Not a test: what the others start as a process.
#[test]
fn process_of_the_load() {
    let Ok(mode) = env::var(MODE) else { return };
    let folder = PathBuf::from(env::var_os(FOLDER).unwrap());
    let seed: u64 = env::var(SEED).unwrap().parse().unwrap();
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(work(&folder, seed, &mode));
}

fn say(word: &str) {
    let mut out = std::io::stdout().lock();
    // Its own line, whatever the harness of the tests wrote before.
    let _ = out.write_all(format!("\n{word}\n").as_bytes());
    let _ = out.flush();
}

fn options(folder: &Path, seed: u64) -> EmbeddedOptions {
    // The end of a process takes nothing from the operating system, so nothing may be lost at either.
    let durability = if seed.is_multiple_of(5) {
        Durability::Relaxed
    } else {
        Durability::Full
    };
    let options = EmbeddedOptions::file(Papers::database(folder))
        .durability(durability)
        .cached_executions(if seed.is_multiple_of(3) { 2 } else { 10_000 });
    let Ok(stuck_at) = env::var(STUCK_AT) else {
        return options;
    };
    let words: Vec<&str> = stuck_at.split(' ').collect();
    let number: u64 = words[0].parse().unwrap();
    let forever = words[2] == "forever";
    let here = if words[1] == "true" {
        CrashPoint::AfterCommit
    } else {
        CrashPoint::BeforeCommit
    };
    options.crash_point(move |commit, point| {
        if commit == number && point == here {
            say("stuck");
            thread::sleep(A_WHILE);
            if forever {
                loop {
                    thread::park();
                }
            }
        }
        CrashAction::Continue
    })
}

async fn work(folder: &Path, seed: u64, mode: &str) {
    let (drain, moves) = (mode == "drain", mode == "moves");
    let engine = EmbeddedEngine::open(options(folder, seed)).unwrap();
    say("open");
    let ends = Arc::new(AtomicBool::new(false));
    let careless = {
        let (database, ends) = (Papers::database(folder), Arc::clone(&ends));
        thread::spawn(move || {
            if moves {
                return;
            }
            let work = AssertUnwindSafe(|| handle_carelessly(&database, &ends));
            if catch_unwind(work).is_err() {
                // The parent sees that the process ended by itself, and why.
                std::process::abort();
            }
        })
    };
    let client = Client::new(Arc::clone(&engine) as _);
    let journal = Arc::new(Papers::open_journal(folder));
    let worker = Worker::builder(&client, QUEUE)
        .register_workflow::<Load>()
        .register_activities(Deeds(journal))
        .options(WorkerOptions {
            workflow_threads: 2,
            max_cached_runs: if seed.is_multiple_of(2) { 2 } else { 10_000 },
            graceful_shutdown_timeout: Duration::from_millis(200),
            ..WorkerOptions::default()
        })
        .build()
        .unwrap();
    let office = Arc::new(Office::new(folder, client, seed, drain));
    let mut clerks = tokio::task::JoinSet::new();
    for _ in 0..OPEN_AT_A_TIME {
        clerks.spawn(Arc::clone(&office).work());
    }
    let shutdown = worker.shutdown_handle();
    let working = tokio::spawn(async move {
        match worker.run().await {
            // Its file was moved, or somebody wrote into it.
            Err(error) if moves => {
                let text = error.to_string();
                let is_told = ["is no longer where it was", "somebody else wrote into"]
                    .iter()
                    .any(|told| text.contains(told));
                assert!(is_told, "{text}");
                say("lost");
            }
            ended => ended.unwrap(),
        }
    });
    say("ready");
    let ended = async {
        // Without a drain they end when the engine does.
        while let Some(clerk) = clerks.join_next().await {
            clerk.unwrap();
        }
        shutdown.shutdown();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        result = working => result.unwrap(),
        () = ended => {}
    }
    say("stopped");
    clerks.abort_all();
    ends.store(true, Ordering::Release);
    careless.join().unwrap();
    engine.shutdown();
    say("closed");
}

/// What other code of a process may do with the file that it has open, until the end: each time, SQLite's own locks
/// are gone.
fn handle_carelessly(database: &Path, ends: &AtomicBool) {
    let copy = database.with_extension("copy");
    while !ends.load(Ordering::Acquire) {
        thread::sleep(Duration::from_millis(5));
        std::fs::copy(database, &copy).unwrap();
        let refusal = EmbeddedEngine::open(database).map(drop).unwrap_err();
        let text = refusal.to_string();
        assert!(text.contains("is open in another engine"), "{text}");
    }
}

/// What is known of a workflow from the ledger.
#[derive(Clone, Debug, Default)]
struct Past {
    /// The first run.
    started: Option<String>,
    signalled: BTreeSet<String>,
    updated: BTreeSet<String>,
    cancelled: bool,
    terminated: bool,
    reset: bool,
    result: bool,
}

/// The client.
struct Office {
    client: Client,
    ledger: Papers,
    seed: u64,
    drain: bool,
    /// What is to be gone on with, and the number of the next workflow.
    desk: Mutex<(VecDeque<(Order, Past)>, u64)>,
}

impl Office {
    fn new(folder: &Path, client: Client, seed: u64, drain: bool) -> Self {
        let mut known: BTreeMap<String, Past> = BTreeMap::new();
        for record in Papers::ledger(folder) {
            match record {
                Record::Asked { id } => drop(known.entry(id).or_default()),
                Record::Started { id, run } => known.entry(id).or_default().started = Some(run),
                Record::Signalled { id, value } => {
                    known.entry(id).or_default().signalled.insert(value);
                }
                Record::Updated { id, value } => {
                    known.entry(id).or_default().updated.insert(value);
                }
                Record::Cancelled { id } => known.entry(id).or_default().cancelled = true,
                Record::Terminated { id } => known.entry(id).or_default().terminated = true,
                Record::Reset { id, .. } => known.entry(id).or_default().reset = true,
                Record::Result { id, .. } => known.entry(id).or_default().result = true,
                Record::Signalling { .. }
                | Record::Updating { .. }
                | Record::Cancelling { .. }
                | Record::Terminating { .. }
                | Record::Resetting { .. } => {}
            }
        }
        let next = known.len() as u64 + 1;
        let open = known
            .into_iter()
            .filter(|(_, past)| !past.result)
            .map(|(id, past)| (Order::of(seed, &id).unwrap(), past))
            .collect();
        Self {
            client,
            ledger: Papers::open_ledger(folder),
            seed,
            drain,
            desk: Mutex::new((open, next)),
        }
    }

    fn next(&self) -> Option<(Order, Past)> {
        let mut desk = self.desk.lock().unwrap();
        if let Some(open) = desk.0.pop_front() {
            return Some(open);
        }
        if self.drain {
            return None;
        }
        let order = Order::new(self.seed, desk.1);
        desk.1 += 1;
        // Under the lock, so that the numbers in the ledger have no gap.
        self.ledger.record(&Record::Asked {
            id: order.id.clone(),
        });
        Some((order, Past::default()))
    }

    async fn work(self: Arc<Self>) {
        while let Some((order, past)) = self.next() {
            match self.see_through(&order, past).await {
                Ok(()) => {}
                // The end of a process that was told to end.
                Err(ClientError::Engine(EngineError::Stopped { .. })) => return,
                Err(error) => panic!("{}: {error}", order.id),
            }
        }
    }

    fn acknowledged(&self, record: &Record) {
        self.ledger.record(record);
        say("ack");
    }

    /// Does with a workflow what was not done yet, and waits for its end. What may have been done
    /// is asked for again under the same request id.
    async fn see_through(&self, order: &Order, past: Past) -> Result<(), ClientError> {
        let id = order.id.clone();
        let client = &self.client;
        let run = if let Some(run) = past.started {
            run
        } else {
            let options = WorkflowStartOptions::new(QUEUE, &id).request_id(format!("start {id}"));
            let handle = client
                .start_workflow(Load::run, order.plan.clone(), options)
                .await?;
            let run = handle.run_id().unwrap().to_string();
            self.acknowledged(&Record::Started {
                id: id.clone(),
                run: run.clone(),
            });
            run
        };
        if order.resets && !past.reset {
            self.ledger.record(&Record::Resetting { id: id.clone() });
            let run = self.reset(order, &run).await?.to_string();
            self.acknowledged(&Record::Reset {
                id: id.clone(),
                run,
            });
        }
        let handle = client.workflow::<Load>(&id)?;
        for value in &order.signals {
            if past.signalled.contains(value) {
                continue;
            }
            let (id, value) = (id.clone(), value.clone());
            self.ledger.record(&Record::Signalling {
                id: id.clone(),
                value: value.clone(),
            });
            match self.signal(&id, &value).await {
                Ok(()) => self.acknowledged(&Record::Signalled { id, value }),
                // It was the last one, its acknowledgement was lost, and the workflow has ended.
                Err(EngineError::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        for value in &order.updates {
            if past.updated.contains(value) {
                continue;
            }
            let (id, value) = (id.clone(), value.clone());
            self.ledger.record(&Record::Updating {
                id: id.clone(),
                value: value.clone(),
            });
            let update_id = format!("update {value}");
            match handle
                .update_with_id(Load::tell, value.clone(), update_id)
                .await
            {
                Ok(_) => self.acknowledged(&Record::Updated {
                    id,
                    value: value.clone(),
                }),
                // As for a signal.
                Err(ClientError::Engine(EngineError::NotFound { .. })) => {}
                Err(error) => return Err(error),
            }
            // What was acknowledged is seen.
            let heard = handle.query(Load::heard, ()).await?;
            assert!(heard.contains(&value), "{value} is not in {heard:?}");
        }
        if order.terminates && !past.terminated {
            tokio::time::sleep(order.patience).await;
            self.ledger.record(&Record::Terminating { id: id.clone() });
            let options = WorkflowTerminateOptions::builder().reason(order.reason());
            match handle.terminate(options).await {
                Ok(()) => self.acknowledged(&Record::Terminated { id: id.clone() }),
                // It was terminated, and the acknowledgement was lost.
                Err(ClientError::Engine(EngineError::NotFound { .. })) => {}
                Err(error) => return Err(error),
            }
        }
        if order.cancels && !past.cancelled {
            tokio::time::sleep(order.patience).await;
            self.ledger.record(&Record::Cancelling { id: id.clone() });
            let options = WorkflowCancelOptions::builder().reason(order.reason());
            handle.cancel(options).await?;
            self.acknowledged(&Record::Cancelled { id: id.clone() });
        }
        let outcome = outcome(handle.result().await)?;
        self.acknowledged(&Record::Result { id, outcome });
        Ok(())
    }

    /// Resets a run to its first workflow task, once that is answered.
    async fn reset(&self, order: &Order, run: &str) -> Result<RunId, EngineError> {
        let execution = ExecutionRef::run(WorkflowExecution {
            workflow_id: WorkflowId::new(&order.id).unwrap(),
            run_id: RunId::new(run).unwrap(),
        });
        let engine = self.client.engine();
        let answered = |history: &HistoryPage| {
            let answered = |event: &&HistoryEvent| {
                matches!(event.kind, EventKind::WorkflowTaskCompleted { .. })
            };
            history
                .events
                .iter()
                .find(answered)
                .map(|event| event.event_id)
        };
        let mut from = EventId(1);
        let event_id = loop {
            let request = HistoryRequest {
                execution: execution.clone(),
                from,
                page_size: 100,
                wait: HistoryWait::NewEvent,
            };
            let history = engine.workflow_history(request).await?;
            if let Some(event_id) = answered(&history) {
                break event_id;
            }
            from = history
                .events
                .last()
                .map_or(from, |last| last.event_id.next());
        };
        let request = ResetWorkflowRequest {
            execution,
            workflow_task_finish_event_id: event_id,
            reason: order.reason(),
            identity: self.client.identity().clone(),
            request_id: RequestId::new(format!("reset {}", order.id)).unwrap(),
            exclude_signals: false,
            exclude_updates: false,
        };
        engine.reset_workflow(request).await
    }

    async fn signal(&self, id: &str, value: &str) -> Result<(), EngineError> {
        let signal = Signal {
            name: SignalName::new("say").unwrap(),
            input: vec![steadfast::convert::to_payload(&value).unwrap()],
            header: BTreeMap::new(),
            identity: self.client.identity().clone(),
            request_id: RequestId::new(format!("signal {value}")).unwrap(),
        };
        let execution = ExecutionRef::current(WorkflowId::new(id).unwrap());
        let request = SignalWorkflowRequest { execution, signal };
        self.client.engine().signal_workflow(request).await
    }
}

/// How a workflow ended, on one line.
pub(crate) fn outcome(result: Result<String, ClientError>) -> Result<String, ClientError> {
    match result {
        Ok(value) => Ok(format!("completed {value}")),
        Err(ClientError::Workflow(WorkflowExecutionError::Cancelled { reason })) => {
            Ok(format!("cancelled {reason}"))
        }
        Err(ClientError::Workflow(WorkflowExecutionError::Terminated { reason })) => {
            Ok(format!("terminated {reason}"))
        }
        Err(ClientError::Workflow(WorkflowExecutionError::Failed(failure))) => {
            Ok(format!("failed {}", failure.message.replace('\n', " ")))
        }
        Err(error) => Err(error),
    }
}
