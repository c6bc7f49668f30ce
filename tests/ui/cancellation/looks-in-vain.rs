use steadfast::prelude::*;

pub struct Bookings;

#[activities]
impl Bookings {
    #[activity]
    pub fn charge(ctx: ActivityContext) -> Result<(), ActivityError> {
        for _ in 0..1000 {
            if ctx.is_cancelled() {
                return Err(ActivityError::cancelled());
            }
        }
        Ok(())
    }
}

fn main() {}
