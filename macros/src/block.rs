//! Reads and checks the impl block that `#[workflow_methods]` and `#[activities]` stand on.
//!
//! What is inside the block is for each of the two to say.

use proc_macro2::{Ident, TokenStream};
use syn::{Attribute, GenericParam, Item, ItemImpl, parse2, spanned::Spanned};

use crate::{
    diagnostics::Diagnostics,
    misplaced::name_of,
    types::{last_segment, show},
};

/// Reads the block; on anything else the error that says so.
pub(crate) fn parse(attribute: &str, item: &TokenStream) -> Result<ItemImpl, Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    match parse2::<Item>(item.clone()) {
        Ok(Item::Impl(block)) => return Ok(block),
        Ok(other) => {
            let help = match other {
                Item::Struct(_) | Item::Enum(_) if attribute == "workflow_methods" => {
                    "put `#[workflow]` here, and this one on the impl block of the type"
                }
                Item::Fn(_) => "move the function into `impl Name { .. }` and put this on the impl",
                _ => "put it on `impl Name { .. }`",
            };
            let problem = format!("`#[{attribute}]` only works on an impl block");
            diagnostics.error_at(name_of(item), &problem, help);
        }
        Err(error) => {
            let help = format!("`#[{attribute}]` goes on an impl block that the compiler accepts");
            diagnostics.syntax(&error, &help);
        }
    }
    Err(diagnostics)
}

/// Says what is wrong with the head of the block.
pub(crate) fn check(block: &ItemImpl, attribute: &str, diagnostics: &mut Diagnostics) {
    if let Some((path, _)) = &block.trait_ {
        diagnostics.error(
            path,
            &format!("`#[{attribute}]` does not work on the impl of a trait"),
            &format!(
                "move the methods into `impl {} {{ .. }}`",
                show(&block.self_ty)
            ),
        );
    }
    if let Some(token) = &block.unsafety {
        diagnostics.error(
            token,
            "this impl block must not be `unsafe`",
            "remove `unsafe`",
        );
    }
    for parameter in &block.generics.params {
        if let GenericParam::Lifetime(lifetime) = parameter {
            diagnostics.error(
                &lifetime.lifetime,
                &format!("`#[{attribute}]` does not work on a type that borrows"),
                "own the data, with `String`, `Vec` or `Arc`; it outlives every caller",
            );
        }
    }
    if owner(block).is_none() {
        diagnostics.error_at(
            block.self_ty.span(),
            &format!("`#[{attribute}]` needs a type with a name"),
            "write `impl Name { .. }`",
        );
    }
}

/// The name of the type that the block belongs to.
pub(crate) fn owner(block: &ItemImpl) -> Option<&Ident> {
    last_segment(&block.self_ty).map(|last| &last.ident)
}

/// Takes our attributes off a method. A path such as `steadfast::signal` counts as well.
pub(crate) fn take(attributes: &mut Vec<Attribute>, names: &[&str]) -> Vec<Attribute> {
    const CRATES: [&str; 4] = [
        "steadfast",
        "steadfast_macros",
        "temporalio_sdk",
        "temporalio_macros",
    ];
    attributes
        .extract_if(.., |attribute| {
            let segments = &attribute.path().segments;
            let is_ours = segments.len() == 1
                || segments
                    .first()
                    .is_some_and(|first| CRATES.iter().any(|name| first.ident == name));
            is_ours
                && segments
                    .last()
                    .is_some_and(|last| names.iter().any(|name| last.ident == name))
        })
        .collect()
}
