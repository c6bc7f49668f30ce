//! Checks what the macros say about wrong code: every `ui/<macro>/<mistake>.rs` must fail to
//! compile with the text of the `.stderr` next to it.
//!
//! `TRYBUILD=overwrite cargo test -p steadfast-tests --test ui` writes the texts anew; read them
//! before committing.

#[test]
fn mistakes_are_explained() {
    trybuild::TestCases::new().compile_fail("ui/*/*.rs");
}
