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
        let _ = std::thread::spawn(|| {});
        let _ = std::thread::current().id();
        std::thread::scope(|_| drop(ctx));
        Ok(())
    }
}

fn main() {}
