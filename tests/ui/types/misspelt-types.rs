use steadfast::prelude::*;

pub struct Bookings;

#[activities]
impl Bookings {
    #[activity]
    pub async fn book(&self, trip: Vec<Tripp>) -> Result<u32, Bokking> {
        drop(trip);
        Ok(5)
    }
}

#[workflow]
#[derive(Default)]
pub struct Trip;

#[workflow_methods]
impl Trip {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, to: Option<Plaec>) -> WorkflowResult<Itenerary> {
        ctx.cancelled().await;
        drop(to);
        panic!()
    }
}

fn main() {}
