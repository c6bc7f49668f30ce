use steadfast::prelude::*;
use std::collections::{HashMap, HashSet};

#[workflow]
#[derive(Default)]
pub struct Trip {
    rate: u32,
}

#[workflow_methods]
impl Trip {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        let mut rates: HashMap<String, u32> = HashMap::new();
        let seen = HashSet::from([1, 2, 3]);
        for rate in &rates {
            drop(rate);
        }
        for name in rates.keys() {
            drop(name);
        }
        let doubled: Vec<u32> = seen.iter().map(|rate| rate * 2).collect();
        rates.retain(|_, rate| *rate > 5);
        drop((doubled, ctx));
        Ok(())
    }

    #[signal]
    pub fn prices(&mut self, prices: HashMap<String, u32>) {
        for (_, price) in prices {
            self.rate += price;
        }
    }
}

fn main() {}
