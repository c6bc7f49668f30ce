//! What a macro could take for something else by its name, and the compiler does not.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use steadfast::prelude::*;

/// A `Result` under another name.
pub type Booked<T> = Result<T, ActivityError>;

/// Another, that says what it holds.
pub type Checked = Result<(), String>;

/// Another, of another crate.
pub type Fallible<T = ()> = anyhow::Result<T>;

/// No `Result`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct TestResult {
    passed: bool,
}

/// No `Result` either.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Page<T> {
    items: Vec<T>,
}

/// A context under another name.
pub type Ctx = WorkflowContext<Trip>;

/// A clock of our own.
#[derive(Clone, Copy, Debug)]
pub struct Instant(u64);

impl Instant {
    /// Not the worker's time.
    #[must_use]
    pub fn now() -> Self {
        Self(0)
    }
}

/// Activities.
#[derive(Debug)]
pub struct Bookings;

#[activities]
impl Bookings {
    /// Books.
    #[activity]
    pub async fn book(&self) -> Booked<String> {
        Ok("x".into())
    }

    /// Checks.
    #[activity]
    pub async fn check(&self) -> Checked {
        Ok(())
    }

    /// Cancels.
    #[activity]
    pub async fn cancel(&self) -> Fallible<u32> {
        Ok(1)
    }

    /// Tries.
    #[activity]
    pub async fn try_out(&self) -> TestResult {
        TestResult { passed: true }
    }

    /// Lists.
    #[activity]
    pub fn list(&self) -> Page<u32> {
        Page { items: vec![1] }
    }
}

/// A workflow.
#[workflow]
#[derive(Debug, Default)]
pub struct Trip {
    last: TestResult,
}

#[workflow_methods]
impl Trip {
    /// Runs.
    #[run]
    pub async fn run(ctx: &mut Ctx, limit: Duration) -> WorkflowResult<u32> {
        ctx.sleep(limit).await?;
        sleep(ctx, limit).await?;
        let options = ActivityOptions::start_to_close_timeout(limit);
        let _name: String = ctx
            .start_activity(Bookings::book, (), options.clone())
            .await?;
        ctx.start_activity(Bookings::check, (), options.clone())
            .await?;
        let one: u32 = ctx
            .start_activity(Bookings::cancel, (), options.clone())
            .await?;
        let last: TestResult = ctx
            .start_activity(Bookings::try_out, (), options.clone())
            .await?;
        let page: Page<u32> = ctx.start_activity(Bookings::list, (), options).await?;
        ctx.state_mut(|trip| trip.last = last);
        let count = u32::try_from(page.items.len()).unwrap_or_default();
        Ok(one + count + u32::try_from(Instant::now().0).unwrap_or_default())
    }

    /// The last one.
    #[query]
    pub fn last(&self) -> TestResult {
        self.last.clone()
    }

    /// Changes it.
    #[update]
    pub fn change(&mut self, to: TestResult) -> Page<TestResult> {
        self.last = to.clone();
        Page { items: vec![to] }
    }

    /// Checks that.
    #[update_validator(change)]
    fn may_change(&self, to: &TestResult) -> Checked {
        if to.passed {
            Ok(())
        } else {
            Err("no".to_owned())
        }
    }
}

/// Not that of tokio: it takes the context.
async fn sleep(ctx: &Ctx, limit: Duration) -> WorkflowResult<()> {
    ctx.sleep(limit).await?;
    Ok(())
}

/// What callers see.
///
/// # Errors
///
/// Whatever the client says.
pub async fn uses(handle: TripHandle) -> Result<bool, ClientError> {
    let page: Page<TestResult> = handle.change(TestResult::default()).await?;
    let last: TestResult = handle.last().await?;
    Ok(last.passed && page.items.is_empty())
}
