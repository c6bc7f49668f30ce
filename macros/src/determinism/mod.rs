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

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote_spanned};
use syn::{Attribute, GenericArgument, ItemStruct, Path, PathArguments, Type, spanned::Spanned};

pub(crate) use self::escape::{ATTRIBUTE, strip};
use self::{
    escape::Escape,
    names::Names,
    rules::Certainty,
    scan::{Finding, Scanner},
};
use crate::{
    diagnostics::{Diagnostics, Page, warning},
    items::{Block, Item},
    types::{last_segment, show},
};

/// Where the whole story is told.
pub(crate) const PAGE: Page = Page("nondeterminism");

/// Says what is not deterministic in the functions of a block. What is only a guess becomes a warning of the compiler's,
/// in the function, and so does a question that only the compiler can answer.
pub(crate) fn check(block: &mut Block, krate: Option<&Path>, diagnostics: &mut Diagnostics) {
    for item in &mut block.items {
        if let Item::Function(function) = item
            && !function.attrs.iter().any(is_for_tests)
        {
            let tokens = function.to_token_stream();
            let names = Names::of(&tokens);
            for finding in Scanner::scan(&names, tokens, diagnostics) {
                match finding.certainty {
                    Certainty::Certain => report(&finding, diagnostics),
                    Certainty::AskType => match krate {
                        Some(krate) => function.notes.push(question(&finding, krate)),
                        None => report(&finding, diagnostics),
                    },
                    Certainty::Guess => function.notes.push(guess(&finding)),
                }
            }
        }
    }
}

/// `#[cfg(test)]`.
fn is_for_tests(attribute: &Attribute) -> bool {
    let text = attribute.meta.to_token_stream().to_string();
    attribute.path().is_ident("cfg") && text.contains("test") && !text.contains("not")
}

/// What the compiler warns of.
fn guess(finding: &Finding) -> TokenStream {
    let Finding {
        tokens,
        name,
        cause,
        ..
    } = finding;
    let span = tokens.clone().into_iter().next().map(|token| token.span());
    warning(
        span.unwrap_or_else(proc_macro2::Span::call_site),
        &format!(
            "`{name}`, if it is not one of your own, {}",
            cause.problem()
        ),
        &format!(
            "{}; if it is your own, `#[{ATTRIBUTE}(reason = \"..\")]` on the statement",
            cause.help()
        ),
        PAGE,
    )
}

/// An error of the compiler's, if the type in the path is the one that is meant.
fn question(finding: &Finding, krate: &Path) -> TokenStream {
    let Finding {
        tokens,
        name,
        cause,
        ..
    } = finding;
    let Page(page) = PAGE;
    let text = format!(
        "`{name}` {}\nhelp: {}\nread: docs/errors/{page}.md",
        cause.problem(),
        cause.help()
    );
    // `Instant` of `Instant::now`.
    let ty: Vec<TokenTree> = tokens.clone().into_iter().collect();
    let ty: TokenStream = ty
        .iter()
        .take(ty.len().saturating_sub(3))
        .cloned()
        .collect();
    let span = tokens.span();
    quote_spanned! {span=>
        const _: () = ::core::assert!(
            !{
                #[allow(unused_imports)]
                use #krate::__private::NoClock as _;
                #krate::__private::Probe::<#ty>::IS_CLOCK
            },
            #text
        );
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
        ..
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
