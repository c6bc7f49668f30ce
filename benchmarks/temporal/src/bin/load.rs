//! The load: the same client drives both workers, one after the other, and reads from `/proc` what each
//! of them took. Linux only.

use std::{
    process::Stdio,
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, stream};
use steadfast::{Client, prelude::*};
use tokio::process::{Child, Command};

/// Activities of a workflow.
const ACTIVITIES: u32 = 10;
/// How often each workflow at a time is followed by another.
const ROUNDS: usize = 2;
const IDLE_RUNS: usize = 100;
const CACHED: usize = 2_000;

#[workflow]
#[derive(Default)]
struct Load;

#[workflow_methods]
impl Load {
    #[run]
    pub async fn run(_ctx: &mut WorkflowContext<Self>, activities: u32) -> WorkflowResult<u32> {
        Ok(activities)
    }
}

#[workflow]
#[derive(Default)]
struct Idle;

#[workflow_methods]
impl Idle {
    #[run]
    pub async fn run(_ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        Ok(())
    }
}

struct Worker {
    process: Child,
    name: &'static str,
    client: Client,
}

impl Worker {
    fn start(name: &'static str, url: &str, client: &Client) -> anyhow::Result<Self> {
        let program = std::env::current_exe()?.with_file_name(name);
        let process = Command::new(program)
            .arg(url)
            .stdin(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        Ok(Self {
            process,
            name,
            client: client.clone(),
        })
    }

    fn proc(&self, file: &str) -> anyhow::Result<String> {
        let pid = self.process.id().unwrap_or_default();
        Ok(std::fs::read_to_string(format!("/proc/{pid}/{file}"))?)
    }

    /// Seconds that the processors worked for it: ticks of a hundredth.
    fn cpu(&self) -> anyhow::Result<f64> {
        let stat = self.proc("stat")?;
        let fields: Vec<&str> = stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .collect();
        Ok((fields[11].parse::<f64>()? + fields[12].parse::<f64>()?) / 100.0)
    }

    /// Kilobytes in memory.
    fn memory(&self) -> anyhow::Result<f64> {
        let status = self.proc("status")?;
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .unwrap_or_default();
        Ok(line.split_whitespace().nth(1).unwrap_or("0").parse()?)
    }

    async fn run(&self, id: String, activities: u32) -> anyhow::Result<Duration> {
        let started = Instant::now();
        let options = WorkflowStartOptions::new(self.name, id);
        let handle = self
            .client
            .start_workflow(Load::run, activities, options)
            .await?;
        handle.result().await?;
        Ok(started.elapsed())
    }

    async fn throughput(&self, concurrency: usize) -> anyhow::Result<()> {
        let workflows = concurrency * ROUNDS;
        let (cpu, started) = (self.cpu()?, Instant::now());
        let runs = stream::iter(0..workflows)
            .map(|number| self.run(format!("{}-{concurrency}-{number}", self.name), ACTIVITIES))
            .buffer_unordered(concurrency);
        for run in runs.collect::<Vec<_>>().await {
            run?;
        }
        let seconds = started.elapsed().as_secs_f64();
        let activities = workflows as f64 * f64::from(ACTIVITIES);
        println!(
            "{:<10} at {concurrency:>3}: {:>6.1} workflows/s {:>7.1} activities/s {:>6.0} us of CPU per activity",
            self.name,
            workflows as f64 / seconds,
            activities / seconds,
            (self.cpu()? - cpu) / activities * 1e6,
        );
        Ok(())
    }

    async fn latency(&self) -> anyhow::Result<()> {
        let mut latencies = Vec::new();
        for number in 0..IDLE_RUNS {
            latencies.push(self.run(format!("{}-idle-{number}", self.name), 1).await?);
        }
        latencies.sort();
        println!(
            "{:<10} idle: p50 {:.1} ms, p99 {:.1} ms from start to result",
            self.name,
            latencies[IDLE_RUNS / 2].as_secs_f64() * 1e3,
            latencies[IDLE_RUNS * 99 / 100].as_secs_f64() * 1e3,
        );
        Ok(())
    }

    async fn cached(&self) -> anyhow::Result<()> {
        let before = self.memory()?;
        let starts = stream::iter(0..CACHED)
            .map(|number| async move {
                let options =
                    WorkflowStartOptions::new(self.name, format!("{}-cached-{number}", self.name));
                let handle = self.client.start_workflow(Idle::run, (), options).await?;
                while handle.describe().await?.history_length < 4 {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                handle
                    .terminate(WorkflowTerminateOptions::default())
                    .await
                    .ok();
                anyhow::Ok(())
            })
            .buffer_unordered(50);
        for start in starts.collect::<Vec<_>>().await {
            start?;
        }
        // Terminating tells a worker nothing: the runs stay in its memory.
        println!(
            "{:<10} cached: {:.1} KB per idle workflow",
            self.name,
            (self.memory()? - before) / CACHED as f64,
        );
        Ok(())
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let url = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:7233/default".to_owned());
    let client = Client::connect(&format!("temporal://{url}")).await?;
    for name in ["steadfast", "peer"] {
        let worker = Worker::start(name, &url, &client)?;
        tokio::time::sleep(Duration::from_secs(3)).await;
        worker.run(format!("{name}-first"), 1).await?;
        worker.latency().await?;
        worker.throughput(50).await?;
        worker.throughput(200).await?;
        worker.cached().await?;
    }
    Ok(())
}
