//! What is run on each of them, and how it is measured: the same text is compiled into both packages.

use std::{
    future::Future,
    time::{Duration, Instant},
};

const WORKFLOWS: u32 = 200;
const STEPS: u32 = 10;
const IDLE: usize = 41;
/// One round of the many workflows is too short to tell: the median of as many as this takes.
const LONG_ENOUGH: Duration = Duration::from_secs(2);

/// Runs a load through a function that runs one workflow, of an id and so many steps, to its end, and
/// prints a line of the table. The last workflow of them has `long` steps.
pub async fn measure<F, T>(name: &str, long: u32, run: F)
where
    F: Fn(String, u32) -> T,
    T: Future<Output = u32> + Send + 'static,
{
    let (begin, busy) = (Instant::now(), processor_time());
    let mut rounds = Vec::new();
    while rounds.is_empty() || begin.elapsed() < LONG_ENOUGH {
        let start = Instant::now();
        let runs: Vec<_> = (0..WORKFLOWS)
            .map(|number| tokio::spawn(run(format!("many-{}-{number}", rounds.len()), STEPS)))
            .collect();
        for run in runs {
            assert_eq!(run.await.unwrap(), STEPS);
        }
        rounds.push(start.elapsed());
    }
    let steps = WORKFLOWS * STEPS;
    let busy = (processor_time() - busy) / (steps * u32::try_from(rounds.len()).unwrap());
    rounds.sort();
    let elapsed = rounds[rounds.len() / 2];
    let mut idle = Vec::new();
    for number in 0..IDLE {
        let start = Instant::now();
        assert_eq!(run(format!("one-{number}"), 1).await, 1);
        idle.push(start.elapsed());
    }
    idle.sort();
    let start = Instant::now();
    assert_eq!(run("long".to_owned(), long).await, long);
    println!(
        "{name}: {:.0} steps/s, {} µs of processor time each; one step at idle {:.2} ms; {long} one after \
         the other {:.2} s",
        f64::from(steps) / elapsed.as_secs_f64(),
        busy.as_micros(),
        idle[IDLE / 2].as_secs_f64() * 1e3,
        start.elapsed().as_secs_f64(),
    );
}

/// What this process has used of the processor, as Linux tells it, in ticks of 10 ms.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u32 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u32>().ok())
        .sum();
    Duration::from_millis(10) * ticks
}
