//! What the macros accept: the twins of `ui/`, for rules that could be too strict, in crates and
//! modules that are strict themselves. That it compiles is most of the test; the rest is run.

#![forbid(unsafe_code)]
#![deny(
    warnings,
    clippy::pedantic,
    future_incompatible,
    missing_docs,
    nonstandard_style,
    rust_2018_idioms,
    rustdoc::all,
    unreachable_pub,
    unused
)]
pub mod by_type;
pub mod carried;
pub mod conditional;
pub mod deterministic;
pub mod forms;
pub mod from_macros;
pub mod generic;
pub mod in_functions;
pub mod inference;
pub mod methods;
pub mod names;
pub mod no_prelude;
pub mod visible;
