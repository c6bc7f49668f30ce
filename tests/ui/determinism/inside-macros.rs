use steadfast::prelude::*;

#[workflow]
#[derive(Default)]
pub struct Trip {
    rate: u32,
}

#[workflow_methods]
impl Trip {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        select! {
            _ = tokio::time::sleep(std::time::Duration::from_secs(1)) => {}
            _ = ctx.cancelled() => {
                tokio::spawn(async {});
            }
        }
        let _ = format!("{:?}", std::time::Instant::now());
        assert!(std::env::var("RATE").is_ok());
        let _ = vec![std::process::id()];
        Ok(())
    }
}

fn main() {}
