//! The test kit: time skipping, a clock that the test moves, and the replayer.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, SystemTime};

use steadfast::{
    prelude::*,
    testing::{ReplayError, Replayer, TestEnvironment, assert_history},
};

const DAY: Duration = Duration::from_secs(86_400);

#[workflow]
#[derive(Default)]
struct Reminder {
    stopped: bool,
}

#[workflow_methods]
impl Reminder {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, days: u32) -> WorkflowResult<u64> {
        let started = ctx.now();
        for _ in 0..days {
            if ctx
                .wait_condition_timeout(DAY, |state| state.stopped)
                .await?
            {
                break;
            }
        }
        Ok(ctx
            .now()
            .duration_since(started)
            .unwrap_or_default()
            .as_secs())
    }

    #[signal]
    fn stop(&mut self) {
        self.stopped = true;
    }

    #[query]
    fn is_stopped(&self) -> bool {
        self.stopped
    }
}

/// A test that asks a workflow which no worker serves ends at once and says why; it used to hang.
#[tokio::test]
async fn the_wait_for_an_answer_that_nobody_gives_takes_no_time() -> anyhow::Result<()> {
    let env = TestEnvironment::start()?;
    let worker = env.worker("q").register_workflow::<Reminder>().build()?;
    let client = env.client().clone().with_answer_timeout(DAY);
    let answers = async {
        let mut answers = Vec::new();
        for queue in ["q", "nobody"] {
            let options = WorkflowStartOptions::new(queue, queue);
            let reminder = client.start_workflow(Reminder::run, 30, options).await?;
            answers.push(reminder.is_stopped().await);
            let hasty = reminder.with_answer_timeout(Duration::from_secs(60));
            answers.push(hasty.query(Reminder::is_stopped, ()).await);
        }
        anyhow::Ok(answers)
    };
    let answers = env.run_skipping_time(&worker, answers).await??;
    let texts: Vec<_> = answers
        .into_iter()
        .map(|answer| answer.map_or_else(|error| error.to_string(), |answer| answer.to_string()))
        .collect();
    let unanswered = |wait: &str| {
        format!(
            "the query `is_stopped` was not answered within {wait}: no worker polls the task queue `nobody`; start one \
             with this workflow registered"
        )
    };
    let wanted = [
        "false".to_owned(),
        "false".to_owned(),
        unanswered("86400s"),
        unanswered("60s"),
    ];
    assert_eq!(texts, wanted);
    Ok(())
}

#[tokio::test]
async fn a_sleep_of_thirty_days_takes_no_time() -> anyhow::Result<()> {
    let env = TestEnvironment::start()?;
    let worker = env.worker("q").register_workflow::<Reminder>().build()?;
    let wall = SystemTime::now();
    let seconds = env
        .run_skipping_time(&worker, async {
            let options = WorkflowStartOptions::new("q", "reminder");
            env.client()
                .start_workflow(Reminder::run, 30, options)
                .await?
                .result()
                .await
        })
        .await??;
    assert_eq!(seconds, 30 * 86_400);
    assert!(wall.elapsed()? < DAY);
    Ok(())
}

#[tokio::test]
async fn the_clock_stops_at_every_timer_on_its_way() -> anyhow::Result<()> {
    let env = TestEnvironment::start()?;
    let worker = env.worker("q").register_workflow::<Reminder>().build()?;
    let seconds = env
        .run(&worker, async {
            let options = WorkflowStartOptions::new("q", "reminder");
            let reminder = env
                .client()
                .start_workflow(Reminder::run, 30, options)
                .await?;
            env.advance(DAY * 5 + DAY / 2).await?;
            reminder.stop().await?;
            reminder.result().await
        })
        .await??;
    assert_eq!(seconds, 86_400 * 11 / 2);
    Ok(())
}

mod changed {
    use super::*;

    #[workflow(name = "Reminder")]
    #[derive(Default)]
    pub(super) struct Changed;

    #[workflow_methods]
    impl Changed {
        #[run]
        pub(super) async fn run(
            ctx: &mut WorkflowContext<Self>,
            _days: u32,
        ) -> WorkflowResult<u64> {
            ctx.wait_condition(|_| false).await?;
            Ok(0)
        }
    }
}

#[tokio::test]
async fn the_replayer_explains_what_does_not_fit() -> anyhow::Result<()> {
    let env = TestEnvironment::start()?;
    let worker = env.worker("q").register_workflow::<Reminder>().build()?;
    let history = env
        .run_skipping_time(&worker, async {
            let options = WorkflowStartOptions::new("q", "reminder");
            let reminder = env
                .client()
                .start_workflow(Reminder::run, 2, options)
                .await?;
            reminder.result().await?;
            reminder.history().await
        })
        .await??;
    Replayer::new()
        .register_workflow::<Reminder>()
        .replay(&history)?;
    let error = Replayer::new()
        .register_workflow::<changed::Changed>()
        .replay(&history)
        .expect_err("the code has changed");
    let ReplayError::Failed {
        message,
        nondeterminism,
    } = error
    else {
        panic!("{error}");
    };
    assert!(nondeterminism);
    assert!(
        message.starts_with("[X1100] workflow `Reminder`"),
        "{message}"
    );
    assert!(
        message.contains("recorded:  StartTimer  timer_id `1`"),
        "{message}"
    );
    assert!(message.contains("now:       nothing"), "{message}");
    Ok(())
}

struct Mail;

#[activities]
impl Mail {
    #[activity]
    async fn send(_to: String) -> Result<bool, ActivityError> {
        Err(ActivityError::non_retryable("no mail leaves a test"))
    }
}

#[workflow]
#[derive(Default)]
struct Newsletter;

#[workflow_methods]
impl Newsletter {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, to: String) -> WorkflowResult<bool> {
        let options = ActivityOptions::start_to_close_timeout(DAY);
        Ok(ctx.start_activity(Mail::send, to, options).await?)
    }
}

#[tokio::test]
async fn a_mock_takes_the_place_of_an_activity() -> anyhow::Result<()> {
    let env = TestEnvironment::start()?;
    let worker = env
        .worker("q")
        .register_workflow::<Newsletter>()
        .register_activities(Mail)
        .mock_activity(Mail::send, |_, to: String| async move {
            Ok(to == "ada@example.org")
        })
        .build()?;
    let sent = env
        .run(&worker, async {
            let options = WorkflowStartOptions::new("q", "newsletter");
            let to = "ada@example.org".to_owned();
            let newsletter = env.client().start_workflow(Newsletter::run, to, options);
            newsletter.await?.result().await
        })
        .await??;
    assert!(sent);
    Ok(())
}

/// What a failing assertion says before the table.
fn complaint<T>(assertion: impl FnOnce() -> T + std::panic::UnwindSafe) -> String {
    let panic = std::panic::catch_unwind(assertion).err().unwrap();
    let text = panic.downcast_ref::<String>().unwrap();
    text.lines().next().unwrap().to_owned()
}

#[tokio::test]
async fn a_history_is_asserted_event_by_event() -> anyhow::Result<()> {
    let env = TestEnvironment::start()?;
    let worker = env.worker("q").register_workflow::<Reminder>().build()?;
    let history = env
        .run_skipping_time(&worker, async {
            let options = WorkflowStartOptions::new("q", "reminder");
            let reminder = env
                .client()
                .start_workflow(Reminder::run, 2, options)
                .await?;
            reminder.result().await?;
            reminder.history().await
        })
        .await??;
    assert_history(&history)
        .has_in_order([
            "TimerStarted timer 1",
            "TimerFired timer 1",
            "TimerStarted timer 2",
        ])
        .has_times(2, "TimerFired")
        .has_none("WorkflowExecutionSignaled")
        .ends_with("WorkflowExecutionCompleted");
    let place = "in the history of reminder, run ";
    for (said, expected) in [
        (
            complaint(|| {
                assert_history(&history).has_in_order(["TimerFired", "TimerStarted timer 1"])
            }),
            "there is no `TimerStarted timer 1` after `TimerFired` ",
        ),
        (
            complaint(|| assert_history(&history).has_times(1, "TimerFired")),
            "`TimerFired` is there 2 times instead of 1 ",
        ),
        (
            complaint(|| assert_history(&history).has_none("TimerFired timer 2")),
            "`TimerFired timer 2` should not be ",
        ),
    ] {
        assert!(said.starts_with(&format!("{expected}{place}")), "{said}");
    }
    let said = complaint(|| assert_history(&history).ends_with("TimerFired"));
    assert!(
        said.starts_with("`TimerFired` is not the last event of the "),
        "{said}"
    );
    Ok(())
}
