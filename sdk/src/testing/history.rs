//! Assertions on a history.

use steadfast_core::{event::HistoryEvent, history::History};

/// Asserts what happened in an execution.
///
/// An expectation is the name of an event, and after it, if that is not enough, a part of the event's
/// details as the table that a [`History`] displays as shows them: `WorkflowExecutionCanceled`, or
/// `ActivityTaskScheduled activity refund`. An assertion that does not hold panics with the table.
///
/// ```
/// # use std::time::Duration;
/// # use steadfast::{prelude::*, testing::{TestEnvironment, assert_history}};
/// # #[workflow]
/// # #[derive(Default)]
/// # struct Order;
/// # #[workflow_methods]
/// # impl Order {
/// #     #[run]
/// #     async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
/// #         Ok(ctx.sleep(Duration::from_secs(86_400)).await?)
/// #     }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> anyhow::Result<()> {
/// let env = TestEnvironment::start()?;
/// let worker = env.worker("orders").register_workflow::<Order>().build()?;
/// let history = env
///     .run_skipping_time(&worker, async {
///         let options = WorkflowStartOptions::new("orders", "order-1");
///         let order = env.client().start_workflow(Order::run, (), options).await?;
///         order.result().await?;
///         order.history().await
///     })
///     .await??;
/// assert_history(&history)
///     .has_in_order(["TimerStarted timer 1", "TimerFired"])
///     .has_none("TimerCanceled")
///     .ends_with("WorkflowExecutionCompleted");
/// # Ok(())
/// # }
/// ```
#[must_use = "say what the history must contain"]
pub fn assert_history(history: &History) -> HistoryAssertions<'_> {
    HistoryAssertions { history }
}

/// Assertions on a history; see [`assert_history`].
#[derive(Clone, Copy, Debug)]
pub struct HistoryAssertions<'a> {
    history: &'a History,
}

impl HistoryAssertions<'_> {
    /// The events are there in this order, perhaps with others in between.
    ///
    /// # Panics
    ///
    /// When one is missing.
    #[track_caller]
    pub fn has_in_order<'e>(self, expected: impl IntoIterator<Item = &'e str>) -> Self {
        let mut events = self.history.events.iter();
        let mut after = "the start".to_owned();
        for expected in expected {
            assert!(
                events.any(|event| matches(event, expected)),
                "there is no `{expected}` after {after} in the {}",
                self.history
            );
            after = format!("`{expected}`");
        }
        self
    }

    /// The event is there so many times.
    ///
    /// # Panics
    ///
    /// When it is there more or fewer times.
    #[track_caller]
    pub fn has_times(self, times: usize, expected: &str) -> Self {
        let found = self.count(expected);
        assert!(
            found == times,
            "`{expected}` is there {found} times instead of {times} in the {}",
            self.history
        );
        self
    }

    /// The event is not there.
    ///
    /// # Panics
    ///
    /// When it is.
    #[track_caller]
    pub fn has_none(self, unwanted: &str) -> Self {
        assert!(
            self.count(unwanted) == 0,
            "`{unwanted}` should not be in the {}",
            self.history
        );
        self
    }

    /// The event is the last one.
    ///
    /// # Panics
    ///
    /// When another is.
    #[track_caller]
    pub fn ends_with(self, expected: &str) -> Self {
        assert!(
            self.history
                .events
                .last()
                .is_some_and(|event| matches(event, expected)),
            "`{expected}` is not the last event of the {}",
            self.history
        );
        self
    }

    fn count(self, expected: &str) -> usize {
        let events = self.history.events.iter();
        events.filter(|event| matches(event, expected)).count()
    }
}

fn matches(event: &HistoryEvent, expected: &str) -> bool {
    let (name, details) = expected.split_once(' ').unwrap_or((expected, ""));
    event.kind.name() == name && event.kind.details().to_string().contains(details.trim())
}
