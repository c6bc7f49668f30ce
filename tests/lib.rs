//! What tests of the workspace stand on that need a package of their own; the tests are in `tests/`.

pub mod harness;
