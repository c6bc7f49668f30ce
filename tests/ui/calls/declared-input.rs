use steadfast::prelude::*;

pub struct Billing;

#[activity_definitions]
impl Billing {
    #[activity]
    pub fn charge(card: String, amount: u32) -> u64;
}

pub async fn pay(ctx: &WorkflowContext<Trip>, options: ActivityOptions) -> WorkflowResult<u64> {
    Ok(ctx.start_activity(Billing::charge, "4242".to_owned(), options).await?)
}

#[workflow]
#[derive(Default)]
pub struct Trip;

#[workflow_methods]
impl Trip {
    #[run]
    pub async fn run() {}
}

fn main() {}
