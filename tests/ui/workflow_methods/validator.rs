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
        let _ = ctx;
        Ok(())
    }

    #[update]
    pub fn set_rate(&mut self, rate: u32) {
        self.rate = rate;
    }

    #[update]
    pub fn pause(&mut self) {}

    #[update_validator(set_limit)]
    fn unknown(&self, rate: &u32) -> Result<(), String> {
        let _ = rate;
        Ok(())
    }

    #[update_validator]
    fn unnamed(&self) -> Result<(), String> {
        Ok(())
    }

    #[update_validator("pause")]
    fn quoted(&self) -> Result<(), String> {
        Ok(())
    }

    #[update_validator(pause)]
    async fn check_pause(&mut self) -> bool {
        true
    }

    #[update_validator(set_rate)]
    fn check_rate(&self, rate: u32) -> Result<(), String> {
        let _ = rate;
        Ok(())
    }
}

fn main() {}
