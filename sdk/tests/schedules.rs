//! Schedules through a client and a worker, on an engine whose clock the test moves.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, UNIX_EPOCH},
};

use futures_util::TryStreamExt as _;
use steadfast::{
    client::ScheduleOptions,
    engine::{EngineError, ListFilter, schedule::ScheduleOverlapPolicy},
    error::ApplicationFailure,
    prelude::*,
    testing::TestEnvironment,
    worker::WorkerError,
};

const HOUR: Duration = Duration::from_secs(3_600);

/// Fails if it is told to.
#[workflow]
#[derive(Default)]
struct Report;

#[workflow_methods]
impl Report {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, city: String) -> WorkflowResult<String> {
        ctx.timer(Duration::from_secs(60)).await?;
        if city == "Atlantis" {
            return Err(ApplicationFailure::new("no such city", "NoSuchCity").into());
        }
        let last: Option<String> = ctx.view().last_completion_result()?;
        Ok(format!("{}{city} ", last.unwrap_or_default()))
    }
}

fn reports(city: &str) -> ScheduleOptions {
    let start = WorkflowStartOptions::new("reports", "report");
    ScheduleOptions::new(Report::run, city.to_owned(), start).unwrap()
}

fn worker(env: &TestEnvironment) -> Result<Worker, WorkerError> {
    env.worker("reports").register_workflow::<Report>().build()
}

async fn ids(client: &Client) -> anyhow::Result<Vec<String>> {
    let found = client.list_workflows(ListFilter::default());
    let mut ids: Vec<String> = found
        .map_ok(|run| run.execution.workflow_id.to_string())
        .try_collect()
        .await?;
    ids.sort();
    Ok(ids)
}

#[tokio::test]
async fn a_schedule_starts_its_workflow_at_its_times() -> anyhow::Result<()> {
    let env = TestEnvironment::start()?;
    let client = env.client();
    let options = reports("Rome").cron("15 * * * *").memo("for", &"Ada")?;
    let schedule = client.create_schedule("rome", options).await?;
    env.run(&worker(&env)?, env.advance(2 * HOUR)).await??;
    assert_eq!(
        ids(client).await?,
        ["report-2026-01-01T00:15:00Z", "report-2026-01-01T01:15:00Z"]
    );
    // Each is told what the one before it came to.
    let second = client.workflow::<Report>("report-2026-01-01T01:15:00Z")?;
    assert_eq!(second.result().await?, "Rome Rome ");
    let described = schedule.describe().await?;
    assert_eq!(described.info.action_count, 2);
    assert!(described.info.running_workflows.is_empty());
    let next = described.info.future_action_times[0].to_string();
    assert_eq!(next, "2026-01-01T02:15:00Z");
    let twice = client.create_schedule("rome", reports("Oslo")).await;
    assert!(
        matches!(
            twice,
            Err(ClientError::Engine(EngineError::ScheduleExists { .. }))
        ),
        "{twice:?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_schedule_is_changed_by_what_is_asked_of_its_handle() -> anyhow::Result<()> {
    let env = TestEnvironment::start()?;
    let client = env.client();
    let schedule = client
        .create_schedule("rome", reports("Rome").every(HOUR))
        .await?;
    schedule.pause("no paper").await?;
    let paused: Vec<_> = client
        .list_schedules("TemporalSchedulePaused = true AND ScheduleId STARTS_WITH 'ro'")
        .try_collect()
        .await?;
    assert_eq!(paused[0].notes, "no paper");
    assert_eq!(client.count_schedules("ScheduleId = 'oslo'").await?, 0);
    env.run(&worker(&env)?, env.advance(2 * HOUR)).await??;
    assert!(ids(client).await?.is_empty());
    // Somebody asks for it all the same.
    schedule.trigger().await?;
    let begin = env.client().engine().now();
    env.run(&worker(&env)?, env.advance(Duration::from_secs(90)))
        .await??;
    assert_eq!(ids(client).await?, [format!("report-{begin}")]);
    schedule
        .update(|schedule| schedule.spec.cron_strings = vec!["30 2 * * *".to_owned()])
        .await?;
    schedule.unpause("there is paper").await?;
    env.run(&worker(&env)?, env.advance(HOUR)).await??;
    let described = schedule.describe().await?;
    assert_eq!(described.info.action_count, 3);
    assert_eq!(described.schedule.state.notes, "there is paper");
    schedule.delete().await?;
    let gone = schedule.describe().await;
    assert!(matches!(
        gone,
        Err(ClientError::Engine(EngineError::NotFound { .. }))
    ));
    Ok(())
}

#[tokio::test]
async fn a_failure_pauses_a_schedule_that_is_to_pause_on_failure() -> anyhow::Result<()> {
    let env = TestEnvironment::start()?;
    let options = reports("Atlantis").every(HOUR).pause_on_failure();
    let schedule = env.client().create_schedule("atlantis", options).await?;
    env.run(&worker(&env)?, env.advance(3 * HOUR)).await??;
    let described = schedule.describe().await?;
    assert_eq!(described.info.action_count, 1);
    assert_eq!(
        described.schedule.state.notes,
        "paused due to workflow failure: report-2026-01-01T01:00:00Z: no such city"
    );
    Ok(())
}

#[tokio::test]
async fn a_backfill_takes_the_actions_of_times_that_passed() -> anyhow::Result<()> {
    let env = TestEnvironment::start()?;
    let client = env.client();
    let schedule = client
        .create_schedule("rome", reports("Rome").every(HOUR).paused())
        .await?;
    let yesterday = UNIX_EPOCH + Duration::from_secs(1_767_139_200);
    schedule
        .backfill(
            yesterday + 22 * HOUR..=yesterday + 23 * HOUR,
            Some(ScheduleOverlapPolicy::BufferAll),
        )
        .await?;
    env.run(&worker(&env)?, env.advance(Duration::from_secs(150)))
        .await??;
    assert_eq!(
        ids(client).await?,
        ["report-2025-12-31T22:00:00Z", "report-2025-12-31T23:00:00Z"]
    );
    Ok(())
}

#[tokio::test]
async fn workers_declare_schedules_that_are_there_once() -> anyhow::Result<()> {
    let env = TestEnvironment::start()?;
    let build = |city: &str| {
        env.worker("reports")
            .register_workflow::<Report>()
            .schedule("rome", reports(city).every(HOUR).notes("from the code"))
            .build()
    };
    let (one, two) = (build("Rome")?, build("Rome")?);
    let seen = Mutex::new(Vec::new());
    let look = async || {
        env.idle().await.unwrap();
        let described = env.client().schedule("rome").unwrap().describe().await;
        let described = described.unwrap();
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.push((described.info.update_time, described.schedule.state.notes));
    };
    // Two at once, and one that starts later, make one schedule and leave it as it is.
    let (first, second) = tokio::join!(one.run_until(look()), two.run_until(look()));
    first?;
    second?;
    build("Rome")?.run_until(look()).await?;
    {
        let seen = seen.lock().unwrap();
        assert!(
            seen.iter()
                .all(|seen| *seen == (None, "from the code".to_owned())),
            "{seen:?}"
        );
    }
    assert_eq!(env.client().count_schedules("").await?, 1);
    // What somebody paused stays so when the code says something else.
    let schedule = env.client().schedule("rome")?;
    schedule.pause("by hand").await?;
    build("Oslo")?.run_until(look()).await?;
    let described = schedule.describe().await?;
    assert!(described.schedule.state.paused);
    assert!(described.info.update_time.is_some());
    let start = described.schedule.action.start_workflow().unwrap();
    assert_eq!(start.input[0].data.as_slice(), b"\"Oslo\"");
    Ok(())
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let env = TestEnvironment::start().unwrap();
    for (options, message) in [
        (
            reports("Rome").cron("61 * * * *"),
            "Minute is not in range [0-59]",
        ),
        (
            reports("Rome").cron("* * *"),
            "CronString does not have 5-7 fields",
        ),
        (
            reports("Rome").cron("@every soon"),
            "invalid duration `soon` after @every; write numbers with the units s, m, h or d, such as `90m`",
        ),
        (
            reports("Rome").cron("@daily").time_zone("Europe/Atlantis"),
            "unknown time zone Europe/Atlantis",
        ),
        (
            reports("Rome")
                .cron("TZ=Europe/Rome @daily")
                .cron("@hourly"),
            "conflicting timezone names",
        ),
    ] {
        let refused = env.client().create_schedule("x", options).await;
        let refused = refused.unwrap_err().to_string();
        assert_eq!(refused, format!("Invalid schedule spec: {message}"));
    }
}

/// The threads of the engine act by the system's clock; nobody moves it.
#[tokio::test]
async fn a_schedule_acts_by_the_clock_of_the_system() -> anyhow::Result<()> {
    let client = Client::connect("memory:").await?;
    let start = WorkflowStartOptions::new("nobody", "tick");
    let options = ScheduleOptions::by_name("Tick", Vec::new(), start)
        .every(Duration::from_secs(1))
        .overlap(ScheduleOverlapPolicy::AllowAll);
    let schedule = client.create_schedule("tick", options).await?;
    let late = std::time::Instant::now() + 20 * Duration::from_secs(1);
    loop {
        let info = schedule.describe().await?.info;
        if info.action_count >= 2 {
            for action in info.recent_actions {
                assert!(action.actual_time >= action.schedule_time);
            }
            break;
        }
        assert!(std::time::Instant::now() < late, "nothing happened");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    client.close().await?;
    Ok(())
}
