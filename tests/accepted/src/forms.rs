//! Forms of methods that one could think wrong.

use std::{fmt, sync::Arc, time::Duration};

use steadfast::prelude::*;

/// An error of one's own.
#[derive(Debug)]
pub struct OwnError;

impl fmt::Display for OwnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("own")
    }
}

impl std::error::Error for OwnError {}

/// An alias that hides what it holds.
pub type OwnResult<T = u32> = Result<T, OwnError>;

/// Activities of every form.
#[derive(Debug, Default)]
pub struct Forms;

#[activities]
impl Forms {
    /// No context, no error, no output.
    #[activity]
    pub async fn nothing() {}

    /// No error.
    #[activity]
    pub async fn infallible(left: u32, right: u32) -> u32 {
        left + right
    }

    /// An alias.
    #[activity]
    pub async fn alias(&self, number: u32) -> OwnResult {
        if number == 0 {
            Err(OwnError)
        } else {
            Ok(number)
        }
    }

    /// An alias with an argument.
    #[activity]
    pub fn blocking(self: Arc<Self>, number: u32) -> OwnResult<Option<u32>> {
        Ok(Some(number).filter(|number| *number > 0))
    }

    /// Other errors.
    #[activity]
    pub async fn anyhow(_: ActivityContext) -> anyhow::Result<String> {
        Ok(String::new())
    }

    /// A context by reference, and a text as an error.
    #[activity]
    pub async fn text(ctx: &ActivityContext) -> Result<u32, String> {
        Ok(ctx.info().attempt)
    }

    /// Not an activity.
    #[must_use]
    pub fn helper(self) -> u32 {
        5
    }
}

/// A workflow whose run function returns no result, and whose init may fail.
#[workflow(name = "forms")]
#[derive(Debug)]
pub struct Flow {
    sum: u32,
}

#[workflow_methods]
impl Flow {
    #[init]
    fn new(_: &WorkflowContextView, first: u32, second: u32) -> OwnResult<Self> {
        match first.checked_add(second) {
            Some(sum) => Ok(Self { sum }),
            None => Err(OwnError),
        }
    }

    /// The context by value, and a plain output.
    #[run]
    pub async fn run(ctx: WorkflowContext<Self>) -> u32 {
        let options = || ActivityOptions::start_to_close_timeout(Duration::from_secs(5));
        let sum = ctx.state(|state| state.sum);
        if ctx
            .start_activity(Forms::nothing, (), options())
            .await
            .is_err()
        {
            return 0;
        }
        let added = ctx
            .start_activity(Forms::infallible, (sum, 1), options())
            .await;
        let same = ctx
            .start_activity(Forms::alias, added.unwrap_or(0), options())
            .await;
        let maybe = ctx
            .start_activity(Forms::blocking, same.unwrap_or(0), options())
            .await;
        maybe.ok().flatten().unwrap_or(0)
    }

    /// A result of nothing.
    #[signal]
    pub fn refuse(&mut self, sum: u32) -> OwnResult<()> {
        self.sum = sum;
        Ok(())
    }

    /// Nothing changes.
    #[signal]
    pub fn look(&self) {}

    /// No context.
    #[signal]
    pub async fn later() {}

    /// An update may only look.
    #[update]
    pub fn sum(&self) -> u32 {
        self.sum
    }

    /// A private type as an error.
    #[update_validator(sum)]
    fn check_sum(&self) -> Result<(), OwnError> {
        if self.sum > 100 {
            Err(OwnError)
        } else {
            Ok(())
        }
    }

    /// A helper, called by its path and by the method syntax.
    fn double(&self) -> u32 {
        debug_assert!(self.sum() == self.sum, "{}", self.sum());
        Self::sum(self) * 2
    }

    /// Calls the helper.
    #[query]
    pub fn doubled(&self) -> u32 {
        self.double()
    }
}

#[cfg(test)]
#[tokio::test]
async fn every_form_runs() {
    let environment = steadfast::testing::TestEnvironment::start().expect("it starts");
    let client = environment.client();
    let worker = environment
        .worker("forms")
        .register_workflow::<Flow>()
        .register_activities(Forms)
        .build()
        .expect("names are unique");
    let result = worker
        .run_until(async {
            let options = WorkflowStartOptions::new("forms", "forms");
            let flow = client.start_workflow(Flow::run, (1, 2), options).await?;
            flow.result().await
        })
        .await;
    assert_eq!(
        result.expect("the worker runs").expect("the workflow ends"),
        4
    );
}
