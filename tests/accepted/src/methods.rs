//! Methods that are values, and are called like methods as well.

use steadfast::prelude::*;

/// Activities.
#[derive(Debug)]
pub struct Shop {
    rate: u64,
}

#[activities]
impl Shop {
    /// Charges.
    #[activity]
    pub async fn charge(&self, cents: u64) -> Result<u64, ActivityError> {
        Ok(cents * self.rate() * Self::fee(self))
    }

    /// What a cent costs.
    #[activity]
    pub fn rate(&self) -> u64 {
        self.rate
    }

    /// What it costs on top.
    #[activity]
    pub fn fee(&self) -> u64 {
        1
    }
}

/// A workflow.
#[workflow]
#[derive(Debug, Default)]
pub struct Trip {
    done: u32,
}

#[workflow_methods]
impl Trip {
    /// Runs.
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<bool> {
        ctx.wait_condition(|trip| trip.is_done() || trip.done > 5)
            .await?;
        ctx.wait_condition(Self::is_done).await?;
        ctx.wait_condition(Trip::is_done).await?;
        ctx.state_mut(|trip| {
            trip.finish();
            trip.done += 1;
        });
        Ok(ctx.state(Self::is_done))
    }

    /// Whether it is done.
    #[query]
    pub fn is_done(&self) -> bool {
        self.done > 2
    }

    /// Does it.
    #[signal]
    pub fn finish(&mut self) {
        self.done += 1;
        if !self.is_done() {
            self.done += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_activity_is_a_method() {
        let shop = Shop { rate: 3 };
        assert_eq!(shop.rate(), 3);
        assert_eq!(shop.charge(2).await.unwrap(), 6);
        assert_eq!(Shop::charge(&shop, 2).await.unwrap(), 6);
    }

    #[test]
    fn a_handler_is_a_method() {
        let mut trip = Trip::default();
        trip.finish();
        assert!(!trip.is_done());
        trip.finish();
        assert!(trip.is_done());
        assert!(Trip::is_done(&trip));
    }
}
