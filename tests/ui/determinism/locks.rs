use steadfast::prelude::*;
use std::sync::atomic::{AtomicU32, Ordering};

static RATE: AtomicU32 = AtomicU32::new(0);

#[workflow]
#[derive(Default)]
pub struct Trip {
    rate: u32,
}

#[workflow_methods]
impl Trip {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        let _ = std::sync::Mutex::new(5);
        let _ = tokio::sync::RwLock::new(5);
        let _ = std::sync::atomic::AtomicU32::new(5);
        let _ = RATE.fetch_add(1, Ordering::SeqCst);
        drop(ctx);
        Ok(())
    }
}

fn main() {}
