use steadfast::prelude::*;

pub struct Bookings;

#[activities]
impl Bookings {
    #[activity]
    pub async fn charge(ctx: &'static ActivityContext) {
        let _ = ctx.is_cancelled();
    }
}

fn main() {}
