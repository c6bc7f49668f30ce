//! Ends workflow code that would not end by itself, by unwinding it at its next call into the SDK (D11).
//!
//! There are two kinds: code that goes round in one turn without ever coming to rest, and code on a
//! thread that was given up because it kept the thread for too long. It is unwound as a panic is, without
//! the panic hook; the executor catches it. Code that catches the unwinding itself, on a thread that was given up, sleeps for
//! ever at its next call: it keeps the thread, and no processor. Code that calls nothing of the SDK cannot be ended.

use std::{
    cell::{Cell, RefCell},
    panic::resume_unwind,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use steadfast_core::run::Runaway;

use super::cell::RunCell;

thread_local! {
    /// Becomes true when this thread is given up.
    static GIVEN_UP: RefCell<Option<Arc<AtomicBool>>> = const { RefCell::new(None) };
    /// Whether code on this thread was unwound, and the executor has not caught that.
    static UNWINDS: Cell<bool> = const { Cell::new(false) };
}

/// What is unwound with.
#[derive(Clone, Debug)]
pub(crate) enum Unwound {
    /// The code never rests.
    Runaway(Runaway),
    /// The thread was given up, and whoever waits for the code has been told.
    GivenUp,
}

/// Code on this thread is ended once the flag is set.
pub(crate) fn end_this_thread_when(given_up: Arc<AtomicBool>) {
    GIVEN_UP.set(Some(given_up));
}

/// Whether this thread was given up.
pub(crate) fn is_given_up() -> bool {
    GIVEN_UP.with_borrow(|flag| {
        flag.as_ref()
            .is_some_and(|flag| flag.load(Ordering::Relaxed))
    })
}

/// Called wherever workflow code calls into the SDK.
pub(crate) fn check(cell: &RunCell) {
    let why = if is_given_up() {
        Unwound::GivenUp
    } else if let Some(runaway) = cell.runaway() {
        Unwound::Runaway(runaway)
    } else {
        return;
    };
    // Destructors run while it unwinds, and call into the SDK too. What is dropped with its run goes on.
    if thread::panicking() || cell.is_evicting() {
        return;
    }
    while UNWINDS.get() && matches!(why, Unwound::GivenUp) {
        thread::park();
    }
    UNWINDS.set(true);
    resume_unwind(Box::new(why));
}

/// The executor has caught it.
pub(crate) fn caught() {
    UNWINDS.set(false);
}
