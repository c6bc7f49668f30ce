use steadfast::prelude::*;

pub struct Bookings;

#[activities]
impl Bookings {
    #[activity]
    pub async fn charge(ctx: ActivityContext) -> Result<(), ActivityError> {
        ctx.cancelled().await;
        Err(ActivityError::cancelled())
    }
}

fn main() {}
