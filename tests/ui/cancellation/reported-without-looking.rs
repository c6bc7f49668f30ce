#![deny(warnings)]

use steadfast::prelude::*;

pub struct Bookings;

#[activities]
impl Bookings {
    #[activity]
    pub async fn charge(amount: u32) -> Result<(), ActivityError> {
        if amount == 0 {
            return Err(ActivityError::cancelled());
        }
        Ok(())
    }

    #[activity]
    pub async fn refund(ctx: ActivityContext) -> Result<(), ActivityError> {
        ctx.record_heartbeat(Vec::new());
        Err(ActivityError::cancelled())
    }
}

fn main() {}
