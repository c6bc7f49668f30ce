use steadfast::prelude::*;

pub struct Bookings;

#[activities]
impl Bookings {
    #[activity]
    pub async fn charge(ctx: ActivityContext) -> Result<(), ActivityError> {
        while !ctx.is_cancelled() {
            std::thread::yield_now();
        }
        Err(ActivityError::cancelled())
    }

    #[activity]
    pub async fn refund(ctx: ActivityContext) -> Result<(), ActivityError> {
        ctx.cancelled().await;
        Err(ActivityError::cancelled())
    }
}

fn main() {}
