use std::collections::BTreeSet;

use expect_test::expect_file;
use proc_macro2::TokenStream;
use quote::quote;

use super::expand;
use crate::diagnostics::pretty;

#[test]
fn branches_with_conditions_and_refutable_patterns() {
    let expanded = expand(quote! {
        Some(mut value) = first(), if wanted => value,
        Point { x, y: Some(_) } = &mut second => { x }
        reason = ctx.cancelled(), if waits => return reason,
        else => 0,
    });
    let tokens = quote!(async fn select() { #expanded });
    expect_file!["../../snapshots/select.rs"].assert_eq(&pretty(tokens));
}

#[track_caller]
fn errors(branches: TokenStream) -> Vec<String> {
    let text = expand(branches).to_string();
    // What stands in for a part repeats what was said of it, and the compiler does not.
    let mut said = BTreeSet::new();
    text.split("compile_error !")
        .skip(1)
        .map(|error| {
            let error = error.trim_start_matches([' ', '{', '(', '"']);
            error.split("\\n").next().unwrap_or_default().to_owned()
        })
        .filter(|error| said.insert(error.clone()))
        .collect()
}

#[test]
fn every_branch_is_looked_at() {
    let errors = errors(quote! {
        else => {}
        wait() => {}
        first = wait(),
        second = wait() => 5 + ,
        third = wait() =>
    });
    assert_eq!(
        errors,
        [
            "`else` must be the last branch of `select!`",
            "a branch of `select!` needs a pattern for the future's output",
            "a branch of `select!` needs `=>` and a handler after its future",
            "expected an expression",
            "a branch of `select!` needs a handler after `=>`",
        ]
    );
}

#[test]
fn comparisons_and_ranges_are_no_assignments() {
    assert_eq!(errors(quote!(a == b => {})).len(), 1);
    assert_eq!(
        errors(quote!(0..=5 = wait() => {} _ = wait() => {})),
        [""; 0]
    );
    assert_eq!(errors(quote!(value=&mut future => {})), [""; 0]);
    assert_eq!(errors(quote!(biased; value = future => {})), [""; 0]);
}
