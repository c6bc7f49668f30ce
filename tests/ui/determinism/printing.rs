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
        println!("started");
        eprintln!("started at {:?}", ctx.now());
        let _ = dbg!(ctx.now());
        print!("");
        Ok(())
    }
}

fn main() {}
