//! Holds the tests of the workspace that need a package of their own; see `tests/`.
