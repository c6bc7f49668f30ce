use steadfast::prelude::*;
use std::cell::Cell;
use std::sync::{Mutex, atomic::AtomicU32};

static RATES: Mutex<Vec<u32>> = Mutex::new(Vec::new());

#[workflow]
#[derive(Default)]
pub struct Trip {
    rate: u32,
}

#[workflow_methods]
impl Trip {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        thread_local! {
            static RATE: Cell<u32> = const { Cell::new(0) };
        }
        RATES.lock().map(|mut rates| rates.push(5)).ok();
        drop((&COUNT, ctx));
        Ok(())
    }
}

fn main() {}
