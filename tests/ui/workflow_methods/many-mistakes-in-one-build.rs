use steadfast::prelude::*;

#[workflow]
#[derive(Default)]
pub struct Trip {
    rate: u32,
}

#[workflow_methods]
impl Trip {
    #[run]
    pub fn run(_: &mut WorkflowContext<Self>, _: &str) -> WorkflowResult<()> {
        Ok(())
    }

    #[signal(nmae = "x")]
    pub fn poke(&mut self) -> u32 {
        std::thread::sleep(std::time::Duration::from_secs(1));
        self.rate
    }

    #[query]
    pub async fn status(&mut self) -> &u32 {
        &self.rate
    }

    #[update_validator(set_limit)]
    fn check(&self) {}

    pub fn helper() -> std::time::SystemTime {
        std::time::SystemTime::now()
    }
}

fn main() {}
