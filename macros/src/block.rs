//! Reads and checks the impl block that `#[workflow_methods]` and `#[activities]` stand on.
//!
//! What is inside the block is for each of the two to say.

use proc_macro2::{Ident, TokenStream};
use syn::{Attribute, GenericParam, ImplItem, Item, ItemImpl, Type, parse_quote, parse2};

use crate::{
    casing::GENERATED,
    diagnostics::{Diagnostics, nearest},
    misplaced::name_of,
    types::{bare, last_segment, show},
};

/// The attributes that a block can have one of.
const BLOCKS: [&str; 3] = ["activities", "activity_definitions", "workflow_methods"];

/// Reads the block; on anything else the error that says so.
pub(crate) fn parse(
    attribute: &str,
    item: &TokenStream,
    diagnostics: &mut Diagnostics,
) -> Option<ItemImpl> {
    match parse2::<Item>(item.clone()) {
        Ok(Item::Impl(block)) => return Some(block),
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
    None
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
        let help = match bare(&block.self_ty) {
            Type::Reference(reference) => {
                format!("write `impl {} {{ .. }}`", show(&reference.elem))
            }
            _ => "write `impl Name { .. }`".to_owned(),
        };
        diagnostics.error(
            &block.self_ty,
            &format!("`#[{attribute}]` needs a type with a name"),
            &help,
        );
    }
    for other in &block.attrs {
        let other = other.path();
        if let Some(last) = other.segments.last()
            && BLOCKS.iter().any(|name| last.ident == name)
        {
            diagnostics.error(
                other,
                &format!("this block is already marked `#[{attribute}]`"),
                "keep one of them; a workflow and its activities are two types with a block each",
            );
        }
    }
    for item in &block.items {
        if let ImplItem::Fn(function) = item
            && function.sig.ident.to_string().starts_with(GENERATED)
        {
            diagnostics.error(
                &function.sig.ident,
                &format!("names that begin with `{GENERATED}` are those of generated functions"),
                "choose another name",
            );
        }
    }
}

/// Takes the attributes off that an attribute of the block must not meet again.
pub(crate) fn take_block_attributes(block: &mut ItemImpl) {
    block.attrs.retain(|attribute| {
        let last = attribute.path().segments.last();
        !last.is_some_and(|last| BLOCKS.iter().any(|name| last.ident == name))
    });
}

/// Says which attribute of ours was probably meant by one that nobody knows, and takes it off.
pub(crate) fn check_spelling(block: &mut ItemImpl, names: &[&str], diagnostics: &mut Diagnostics) {
    for item in &mut block.items {
        let ImplItem::Fn(function) = item else {
            continue;
        };
        let slips = function.attrs.extract_if(.., |attribute| {
            attribute.path().get_ident().is_some_and(|ident| {
                !names.iter().any(|name| ident == name) && meant(ident, names).is_some()
            })
        });
        for slip in slips {
            if let Some(ident) = slip.path().get_ident()
                && let Some(name) = meant(ident, names)
            {
                diagnostics.error(
                    ident,
                    &format!("there is no attribute `#[{ident}]`"),
                    &format!("write `#[{name}]`"),
                );
            }
        }
    }
}

/// The attribute that is meant by another word for it, or by a slip of the pen.
fn meant<'a>(written: &Ident, names: &[&'a str]) -> Option<&'a str> {
    const OTHER_WORDS: [(&str, &str); 8] = [
        ("activity_defn", "activity"),
        ("query_handler", "query"),
        ("query_method", "query"),
        ("signal_handler", "signal"),
        ("signal_method", "signal"),
        ("update_handler", "update"),
        ("validator", "update_validator"),
        ("workflow_run", "run"),
    ];
    let written = written.to_string();
    let word = OTHER_WORDS.iter().find(|(word, _)| *word == written);
    match word {
        Some((_, name)) => names.iter().copied().find(|known| known == name),
        None => nearest(&written, names),
    }
}

/// The name of the type that the block belongs to.
pub(crate) fn owner(block: &ItemImpl) -> Option<&Ident> {
    last_segment(&block.self_ty).map(|last| &last.ident)
}

/// Leaves a method with a mistake as a plain one, which nobody may call.
pub(crate) fn demote(block: &mut ItemImpl, index: usize) {
    if let Some(ImplItem::Fn(function)) = block.items.get_mut(index) {
        function.attrs.push(parse_quote!(#[allow(dead_code)]));
    }
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
