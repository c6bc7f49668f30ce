//! The vocabulary and the deterministic replay machine of the steadfast workflow SDK.
//!
//! This package is for the packages of steadfast itself; users depend on `steadfast`. It is
//! sans-IO: it holds no future, clock, thread, socket, encoding or user type. Time, randomness and
//! ids come in as arguments, and what it wants done comes out as data.

pub mod activation;
pub mod ascending;
pub mod command;
pub mod error;
pub mod event;
pub mod failure;
pub mod history;
pub mod ids;
pub mod limit;
pub mod machine;
pub mod mark;
pub mod options;
pub mod payload;
pub mod random;
pub mod retry;
mod retry_state;
pub mod run;
pub mod scope;
mod shared;
pub mod task;
pub mod text;
pub mod time;
pub mod unmodelled;
