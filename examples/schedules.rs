//! A service that owns its schedule in its code: the report of each working day at nine, in Rome.
//!
//! The clock is moved by hand, so that nine days pass at once; in earnest it is the system's.
//!
//! Run it with `cargo run --example schedules`.

#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::time::Duration;

use steadfast::{
    client::ScheduleOptions, engine::schedule::ScheduleOverlapPolicy, prelude::*,
    testing::TestEnvironment,
};

struct Post;

#[activities]
impl Post {
    #[activity]
    async fn send(&self, id: WorkflowId, number: u32, city: String) -> Result<(), ActivityError> {
        println!("{id}: report {number} of {city}");
        Ok(())
    }
}

#[workflow]
#[derive(Default)]
struct Report;

#[workflow_methods]
impl Report {
    /// Counts the reports: each run is told what the one before it came to.
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, city: String) -> WorkflowResult<u32> {
        let last: Option<u32> = ctx.view().last_completion_result()?;
        let number = last.unwrap_or(0) + 1;
        let options = ActivityOptions::start_to_close_timeout(Duration::from_secs(10));
        ctx.start_activity(Post::send, (ctx.workflow_id(), number, city), options)
            .await?;
        Ok(number)
    }
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let env = TestEnvironment::start()?; // 2026-01-01, a Thursday
    let start = WorkflowStartOptions::new("reports", "report");
    let reports = ScheduleOptions::new(Report::run, "Rome".to_owned(), start)?
        .cron("0 9 * * mon-fri")
        .time_zone("Europe/Rome")
        .overlap(ScheduleOverlapPolicy::BufferOne)
        .catchup_window(DAY);
    // Any number of workers declare it, and it is there once.
    let worker = env
        .worker("reports")
        .register_workflow::<Report>()
        .register_activities(Post)
        .schedule("reports-of-rome", reports)
        .build()?;
    let life = async {
        env.advance(5 * DAY).await?;
        let schedule = env.client().schedule("reports-of-rome")?;
        schedule.pause("the printer is broken").await?;
        env.advance(2 * DAY).await?;
        // Somebody needs one all the same.
        schedule.trigger().await?;
        env.advance(Duration::from_secs(60)).await?;
        schedule.unpause("it works again").await?;
        env.advance(2 * DAY).await?;
        let described = schedule.describe().await?;
        println!(
            "{} reports so far, the next one at {}",
            described.info.action_count, described.info.future_action_times[0]
        );
        anyhow::Ok(())
    };
    env.run(&worker, life).await?
}
