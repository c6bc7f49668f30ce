//! Finds what would make a replay of workflow code go another way, and says what to use instead.
//!
//! It sees the tokens of the functions of one impl block, macro arguments included, and knows names
//! and nothing else: what is hidden behind a function elsewhere is for the executor and for clippy
//! to find. Calls on a context are never looked at, nor what is passed to start an activity.
//!
//! Invariants: whatever it refuses can be let through by `#[allow_nondeterminism(reason = "..")]`
//! on the statement, the method or the struct's field, and by nothing else; these attributes never
//! reach the compiler.

mod escape;
mod names;
mod rules;
mod scan;

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{Attribute, GenericArgument, ItemStruct, PathArguments, Type};

pub(crate) use self::escape::{ATTRIBUTE, strip};
use self::{
    escape::Escape,
    names::Names,
    scan::{Finding, Scanner},
};
use crate::{
    diagnostics::{Diagnostics, Page, warning},
    items::{Block, Item},
    types::{last_segment, show},
};

/// Where the whole story is told.
pub(crate) const PAGE: Page = Page("nondeterminism");

/// Says what is not deterministic in the functions of a block.
pub(crate) fn check(block: &Block, diagnostics: &mut Diagnostics) {
    for item in &block.items {
        if let Item::Function(function) = item {
            let tokens = function.to_token_stream();
            let names = Names::of(&tokens);
            for finding in Scanner::scan(&names, tokens, diagnostics) {
                report(&finding, diagnostics);
            }
        }
    }
}

/// Whether an attribute lets something through; it is no attribute for the compiler.
pub(crate) fn is_escape(attribute: &Attribute) -> bool {
    Escape::of_attribute(attribute).is_some()
}

/// Takes every use of the attribute out of the functions of a block.
pub(crate) fn strip_block(block: &mut Block) {
    for item in &mut block.items {
        match item {
            Item::Function(function) => {
                function.attrs.retain(|attribute| !is_escape(attribute));
                if let Some(body) = &mut function.body
                    && escape::occurs(&body.stream())
                {
                    *body = escape::strip_group(body);
                }
            }
            Item::Other(tokens) => *tokens = strip(tokens.clone()),
            Item::Unreadable(_) | Item::Generated(_) => {}
        }
    }
}

/// Warns of the fields of a workflow's state that have no order of their own: the block that goes
/// through them does not know their type.
pub(crate) fn check_state(state: &ItemStruct, diagnostics: &mut Diagnostics) -> TokenStream {
    let mut warnings = TokenStream::new();
    for field in &state.fields {
        let escape = field.attrs.iter().find_map(Escape::of_attribute);
        if let Some(escape) = escape {
            escape.check(diagnostics);
            continue;
        }
        if let Some(last) = last_segment(&field.ty)
            && is_unordered(&field.ty)
        {
            let name = field.ident.as_ref().map(|name| format!(" `{name}`"));
            warnings.extend(warning(
                last.ident.span(),
                &format!(
                    "the field{} has an order that is another one in every replay",
                    name.unwrap_or_default()
                ),
                &format!(
                    "write `{}`, or, if nothing goes through it, \
                     `#[{ATTRIBUTE}(reason = \"..\")]` on the field",
                    ordered(&field.ty)
                ),
                PAGE,
            ));
        }
    }
    warnings
}

fn report(finding: &Finding, diagnostics: &mut Diagnostics) {
    let Finding {
        tokens,
        name,
        cause,
    } = finding;
    diagnostics.error_with_page(
        tokens,
        &format!("`{name}` {}", cause.problem()),
        cause.help(),
        PAGE,
    );
}

/// Whether a type is a hash map or set with the standard library's hasher.
fn is_unordered(ty: &Type) -> bool {
    let Some(last) = last_segment(ty) else {
        return false;
    };
    let arguments = match &last.arguments {
        PathArguments::AngleBracketed(arguments) => arguments
            .args
            .iter()
            .filter(|argument| matches!(argument, GenericArgument::Type(_)))
            .count(),
        PathArguments::None | PathArguments::Parenthesized(_) => 0,
    };
    (last.ident == "HashMap" && arguments == 2) || (last.ident == "HashSet" && arguments == 1)
}

/// The type with an order in the place of one without.
fn ordered(ty: &Type) -> String {
    let Some(last) = last_segment(ty) else {
        return String::new();
    };
    show(&last.to_token_stream()).replacen("Hash", "BTree", 1)
}

#[cfg(test)]
mod tests;
