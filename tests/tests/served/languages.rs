//! A Rust worker in the process that serves a file, and workers of Temporal's Python and TypeScript SDKs on that file: each
//! runs the activities and the children of the others, and what reaches one workflow goes on through all three.

use std::{process::Stdio, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use steadfast::{
    core::event::{EventKind, ExecutionStatus},
    engine::{Engine, PendingActivityState, embedded::EmbeddedEngine},
    prelude::*,
    workflow::ChildWorkflow,
};
use steadfast_server::{ServeOptions, serve};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

/// The task queues, one a language.
const LANGUAGES: [&str; 3] = ["rust", "python", "typescript"];

/// What the other languages' workers have too, under the same names.
#[derive(Debug)]
struct Work;

#[activities]
impl Work {
    #[activity(name = "greet")]
    async fn greet(number: i64) -> Result<String, ActivityError> {
        Ok(format!("rust {number}"))
    }

    /// Holds until it is cancelled.
    #[activity(name = "hold", auto_heartbeat)]
    async fn hold(&self, ctx: ActivityContext) -> Result<(), ActivityError> {
        ctx.cancelled().await;
        Err(ActivityError::cancelled())
    }
}

#[derive(Debug, Deserialize, Serialize)]
struct Plan {
    /// The languages of the children, one below the other.
    rest: Vec<String>,
    number: i64,
    /// Whether the lowest one holds until it is cancelled.
    holds: bool,
}

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Seen {
    said: Vec<String>,
    total: i64,
    below: Option<Box<Self>>,
}

/// One of a chain of workflows in several languages.
#[workflow(name = "Link")]
#[derive(Debug, Default)]
struct Link {
    inbox: Vec<i64>,
    total: i64,
    finished: bool,
}

fn elsewhere(language: &str) -> Result<ActivityOptions, WorkflowError> {
    let options = ActivityOptions::with_start_to_close_timeout(Duration::from_secs(30))
        .heartbeat_timeout(Duration::from_secs(5))
        .cancellation_type(ActivityCancellationType::WaitCancellationCompleted)
        .task_queue(TaskQueue::new(language)?);
    Ok(options.build())
}

#[workflow_methods]
impl Link {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, plan: Plan) -> WorkflowResult<Seen> {
        ctx.on_cancel(async |ctx| -> WorkflowResult<()> {
            let options = elsewhere("python")?;
            ctx.start_activity(Work::greet, -1, options).await?;
            Ok(())
        });
        let mut said = Vec::new();
        for language in LANGUAGES {
            let options = elsewhere(language)?;
            said.push(
                ctx.start_activity(Work::greet, plan.number, options)
                    .await?,
            );
        }
        let mut below: Option<ChildWorkflow<Self>> = None;
        if let Some((first, rest)) = plan.rest.split_first() {
            let id = WorkflowId::new(format!("{}-{first}", ctx.view().workflow_id()))?;
            let options = ChildWorkflowOptions::with_workflow_id(id)
                .task_queue(TaskQueue::new(first)?)
                .build();
            let plan = Plan {
                rest: rest.to_vec(),
                number: plan.number + 1,
                holds: plan.holds,
            };
            below = Some(ctx.start_child_workflow(Self::run, plan, options));
        } else if plan.holds {
            let options = elsewhere("python")?;
            ctx.start_activity(Work::hold, (), options).await?;
        }
        if plan.holds {
            let below = below.ok_or_else(|| ApplicationFailure::new("nothing held it", "Held"))?;
            return Ok(below.await?);
        }
        loop {
            ctx.wait_condition(|state| state.finished || !state.inbox.is_empty())
                .await?;
            for number in ctx.state_mut(|state| std::mem::take(&mut state.inbox)) {
                ctx.state_mut(|state| state.total += number);
                if let Some(below) = &below {
                    below.signal(Self::add, number).await?;
                }
            }
            if ctx.state(|state| state.finished && state.inbox.is_empty()) {
                break;
            }
        }
        let below = match below {
            Some(below) => {
                below.signal(Self::finish, ()).await?;
                Some(Box::new(below.await?))
            }
            None => None,
        };
        let total = ctx.state(|state| state.total);
        Ok(Seen { said, total, below })
    }

    #[signal]
    fn add(&mut self, number: i64) {
        self.inbox.push(number);
    }

    #[signal]
    fn finish(&mut self) {
        self.finished = true;
    }

    /// Has the next language say something, and adds the number here only.
    #[update(name = "add_now")]
    async fn add_now(ctx: &mut WorkflowContext<Self>, number: i64) -> WorkflowResult<String> {
        let options = elsewhere("python")?;
        let said = ctx.start_activity(Work::greet, number, options).await?;
        let total = ctx.state_mut(|state| {
            state.total += number;
            state.total
        });
        Ok(format!("{said}, {total}"))
    }

    #[query]
    fn total(&self) -> i64 {
        self.total
    }
}

/// A worker and a client of another language, told line by line which workflow to update.
struct Other {
    _process: Child,
    asks: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Other {
    async fn start(program: &str, script: &str, address: &str) -> Self {
        let script = format!("{}/tests/served/{script}", env!("CARGO_MANIFEST_DIR"));
        let mut process = Command::new(program)
            .args([&script, address])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap()).lines();
        let asks = process.stdin.take().unwrap();
        let mut other = Self {
            _process: process,
            asks,
            answers,
        };
        assert_eq!(other.hears().await, "ready");
        other
    }

    async fn hears(&mut self) -> String {
        let line = tokio::time::timeout(Duration::from_secs(60), self.answers.next_line());
        line.await.unwrap().unwrap().unwrap()
    }

    async fn updates(&mut self, id: &str, number: i64) -> String {
        let ask = format!("{id} {number}\n");
        self.asks.write_all(ask.as_bytes()).await.unwrap();
        self.hears().await
    }
}

/// The languages from one on, all three.
fn from(language: usize) -> [&'static str; 3] {
    [0, 1, 2].map(|step| LANGUAGES[(language + step) % 3])
}

async fn start(client: &Client, id: &str, languages: [&str; 3], holds: bool) -> LinkHandle {
    let plan = Plan {
        rest: languages[1..].iter().map(ToString::to_string).collect(),
        number: 1,
        holds,
    };
    let options = WorkflowStartOptions::new(languages[0], id);
    client
        .start_workflow(Link::run, plan, options)
        .await
        .unwrap()
}

/// The handles of a chain, from its top, when all of them run.
async fn chain(client: &Client, id: &str, languages: [&str; 3]) -> [LinkHandle; 3] {
    let [_, second, third] = languages;
    let ids = [
        id.to_owned(),
        format!("{id}-{second}"),
        format!("{id}-{second}-{third}"),
    ];
    let handles = ids.map(|id| client.workflow::<Link>(id).unwrap());
    for handle in &handles {
        while handle.describe().await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    handles
}

async fn messages(client: &Client, python: &mut Other, typescript: &mut Other) {
    for (index, language) in LANGUAGES.into_iter().enumerate() {
        let languages = from(index);
        let id = format!("messages-{language}");
        let top = start(client, &id, languages, false).await;
        let handles = chain(client, &id, languages).await;
        top.add(5).await.unwrap();
        for handle in &handles {
            while handle.total().await.unwrap() != 5 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        for (handle, language) in handles.iter().zip(languages) {
            let next = match language {
                "python" => "typescript",
                "typescript" => "rust",
                _ => "python",
            };
            let id = handle.workflow_id().to_string();
            assert_eq!(handle.add_now(10).await.unwrap(), format!("{next} 10, 15"));
            assert_eq!(python.updates(&id, 20).await, format!("{next} 20, 35"));
            assert_eq!(typescript.updates(&id, 30).await, format!("{next} 30, 65"));
        }
        top.finish().await.unwrap();
        let seen = |number: i64, below| Seen {
            said: LANGUAGES.map(|one| format!("{one} {number}")).into(),
            total: 65,
            below,
        };
        let lowest = Some(Box::new(seen(3, None)));
        let expected = seen(1, Some(Box::new(seen(2, lowest))));
        assert_eq!(top.result().await.unwrap(), expected, "{language}");
    }
}

/// A cancellation goes down through the languages, and up again after each has cleaned up.
async fn cancellation(client: &Client) {
    for (index, language) in LANGUAGES.into_iter().enumerate() {
        let languages = from(index);
        let id = format!("cancelled-{language}");
        let top = start(client, &id, languages, true).await;
        let handles = chain(client, &id, languages).await;
        loop {
            let described = handles[2].describe().await.unwrap();
            let mut open = described.pending_activities.iter();
            if open.any(|one| {
                one.activity_type.as_str() == "hold" && one.state == PendingActivityState::Started
            }) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        top.cancel(WorkflowCancelOptions::default()).await.unwrap();
        assert!(top.result().await.unwrap_err().is_cancelled(), "{language}");
        for (depth, handle) in handles.iter().enumerate() {
            let described = handle.describe().await.unwrap();
            assert_eq!(
                described.status,
                ExecutionStatus::Cancelled,
                "{languages:?} {depth}"
            );
            let history = handle.history().await.unwrap();
            let count = |wanted: fn(&EventKind) -> bool| {
                let events = history.events.iter();
                events.filter(|event| wanted(&event.kind)).count()
            };
            let completed = count(|kind| matches!(kind, EventKind::ActivityTaskCompleted { .. }));
            let cancelled = count(|kind| matches!(kind, EventKind::ActivityTaskCanceled { .. }));
            assert_eq!(
                (completed, cancelled),
                (4, usize::from(depth == 2)),
                "{languages:?} {depth}"
            );
        }
    }
}

#[tokio::test]
#[expect(clippy::print_stdout, reason = "whoever runs the tests has to know")]
async fn languages_work_on_one_file() {
    let Ok(python) = std::env::var("STEADFAST_PYTHON") else {
        println!("skipped: the variable STEADFAST_PYTHON is not set");
        return;
    };
    if std::env::var_os("STEADFAST_NODE_MODULES").is_none() {
        println!("skipped: the variable STEADFAST_NODE_MODULES is not set");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let engine = EmbeddedEngine::open(folder.path().join("languages.db")).unwrap();
    let engine = engine as Arc<dyn Engine>;
    let anywhere = ServeOptions::default().listen(([127, 0, 0, 1], 0).into());
    let server = serve(Arc::clone(&engine), anywhere).await.unwrap();
    let address = server.address().to_string();
    let client = Client::new(engine);
    let worker = Worker::builder(&client, LANGUAGES[0])
        .register_workflow::<Link>()
        .register_activities(Work)
        .build()
        .unwrap();
    let test = async {
        let mut python = Other::start(&python, "languages.py", &address).await;
        let mut typescript = Other::start("node", "typescript/languages.js", &address).await;
        messages(&client, &mut python, &mut typescript).await;
        cancellation(&client).await;
    };
    worker.run_until(test).await.unwrap();
    server.stop().await.unwrap();
}
