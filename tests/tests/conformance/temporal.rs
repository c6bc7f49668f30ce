//! A Temporal Service, with a namespace for each scenario, in real time.
//!
//! The variable `STEADFAST_TEMPORAL_ADDRESS` says where it is.

use std::time::Duration;

use futures_util::future::BoxFuture;
use steadfast_tests::harness::Time;
use tokio::time::sleep;

use crate::{
    engines::{Judged, Open},
    service::{DELAY, fresh_engine, variable},
};

/// Whether the engines have a clock that nobody moves.
pub(crate) const REAL_TIME: bool = true;

/// A time that has to pass: a minute would be long.
pub(crate) const MINUTE: Duration = Duration::from_secs(4);

/// How long an activity is silent in vain.
pub(crate) const SILENCE: Duration = MINUTE;

pub(crate) const ENGINES: [Open; 1] = [|| Box::pin(judged())];

/// What takes longer is judged where the clock can be moved.
const LONGEST: Duration = Duration::from_secs(30);

async fn judged() -> Option<Judged> {
    let address = variable("STEADFAST_TEMPORAL_ADDRESS")?;
    Some(Judged {
        name: "a Temporal Service",
        engine: fresh_engine(&address).await,
        time: Box::new(RealTime),
    })
}

struct RealTime;

impl Time for RealTime {
    fn pass(&self, duration: Duration) -> BoxFuture<'_, ()> {
        Box::pin(sleep(duration.min(LONGEST)))
    }

    fn rest(&self) -> BoxFuture<'_, ()> {
        Box::pin(sleep(DELAY))
    }

    fn found(&self) -> BoxFuture<'_, ()> {
        Box::pin(sleep(DELAY))
    }
}
