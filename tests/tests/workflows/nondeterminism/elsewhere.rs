//! What the macro cannot see: code of another module.

use std::{
    collections::HashMap,
    hash::BuildHasher as _,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime},
};

pub(super) fn clock() -> u128 {
    super::since_epoch(SystemTime::now())
}

pub(super) trait Clock {
    fn nanos(&self) -> u128;
}

pub(super) struct Wall;

impl Clock for Wall {
    fn nanos(&self) -> u128 {
        clock()
    }
}

pub(super) async fn sleep() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

pub(super) fn count() -> u128 {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    COUNT.fetch_add(1, Ordering::Relaxed).into()
}

pub(super) fn random() -> u128 {
    std::hash::RandomState::new().hash_one(5).into()
}

pub(super) fn rates() -> HashMap<u32, u128> {
    (0..8).map(|rate| (rate, rate.into())).collect()
}

/// A mailbox that every run of the process shares.
pub(super) struct Shared(AtomicU64);

pub(super) static SHARED: Shared = Shared(AtomicU64::new(0));

impl Shared {
    pub(super) fn send(&self, number: u64) {
        self.0.fetch_add(number, Ordering::Relaxed);
    }

    pub(super) fn received(&self) -> u128 {
        self.0.load(Ordering::Relaxed).into()
    }
}
