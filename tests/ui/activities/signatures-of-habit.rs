use std::{borrow::Cow, future::Future};

use steadfast::{__private::BoxFuture, prelude::*};

pub struct Bookings;

#[activities]
impl Bookings {
    #[activity]
    fn book(&self, trip: String) -> BoxFuture<'static, Result<String, ActivityError>> {
        Box::pin(async move { Ok(trip) })
    }

    #[activity]
    fn change(&self) -> impl Future<Output = u32> + Send {
        async { 5 }
    }

    #[activity]
    async fn find(&self, name: Cow<'_, str>) -> u32 {
        name.len() as u32
    }

    #[activity]
    async fn price<'a>(&'a self, trip: String) -> String {
        trip
    }

    #[activity]
    async fn pay(&self, card: String, #[cfg(feature = "tips")] tip: u32) -> String {
        card
    }
}

fn main() {}
