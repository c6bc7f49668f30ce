//! An embedded engine with a clock that is moved by hand, our server in front of it, and our client of a Temporal Service.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use steadfast::{
    core::time::Timestamp,
    engine::{
        Engine,
        embedded::{EmbeddedEngine, EmbeddedOptions, ManualClock},
        temporal::{TemporalEngine, TemporalOptions},
    },
};
use steadfast_server::{Address, ServeOptions, Server, serve};
use steadfast_tests::harness::Time;

use crate::engines::{Judged, Open};

/// Whether the engines have a clock that nobody moves.
pub(crate) const REAL_TIME: bool = false;

/// A time that has to pass, and between two heartbeats does so in the time of the worker: a minute would be long.
pub(crate) const MINUTE: Duration = Duration::from_secs(2);

/// How long an activity is silent in vain.
pub(crate) const SILENCE: Duration = MINUTE;

pub(crate) const ENGINES: [Open; 1] = [|| Box::pin(judged())];

/// For how long nothing happens when everything is on its way no more: it has to pass a network.
const QUIET: Duration = Duration::from_millis(30);

async fn judged() -> Option<Judged> {
    let served = Served::new().await;
    Some(Judged {
        name: "our own server",
        engine: Arc::clone(&served.client) as Arc<dyn Engine>,
        time: Box::new(served),
    })
}

/// An engine that is served, and whoever speaks to it.
pub(crate) struct Served {
    pub(crate) engine: Arc<EmbeddedEngine>,
    pub(crate) client: Arc<TemporalEngine>,
    pub(crate) clock: ManualClock,
    _server: Server,
}

impl Served {
    pub(crate) async fn new() -> Self {
        let clock = ManualClock::at(Timestamp::from_unix_nanos(1_795_000_000_000_000_000));
        let options = EmbeddedOptions::in_memory().clock(clock.clone());
        let engine = EmbeddedEngine::open(options).unwrap();
        let anywhere = ServeOptions::default().listen(([127, 0, 0, 1], 0).into());
        let server = serve(Arc::clone(&engine) as Arc<dyn Engine>, anywhere)
            .await
            .unwrap();
        let Address::Tcp(address) = server.address() else {
            unreachable!("it listens at a port");
        };
        let options = TemporalOptions::new(address.to_string());
        let client = TemporalEngine::connect(options).await.unwrap();
        Self {
            engine,
            client,
            clock,
            _server: server,
        }
    }
}

impl Time for Served {
    fn pass(&self, duration: Duration) -> BoxFuture<'_, ()> {
        self.clock.advance(duration);
        Box::pin(std::future::ready(()))
    }

    fn rest(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            loop {
                let transitions = self.engine.idle().await.unwrap();
                tokio::time::sleep(QUIET).await;
                if self.engine.idle().await.unwrap() == transitions {
                    return;
                }
            }
        })
    }
}
