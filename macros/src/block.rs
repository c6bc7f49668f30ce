//! Reads and checks the impl block that `#[workflow_methods]` and `#[activities]` stand on.
//!
//! What is inside the block is for each of the two to say.

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use quote::quote;
use syn::{
    Attribute, GenericParam, Meta, Token, Type, parse::Parser, parse_quote, parse_quote_spanned,
    punctuated::Punctuated, spanned::Spanned,
};

use crate::{
    casing::{GENERATED, kept_function},
    diagnostics::{Diagnostics, error_type, nearest},
    items::{Block, Function, Item},
    misplaced::name_of,
    types::{bare, last_segment, show},
};

/// The attributes that a block can have one of.
const BLOCKS: [&str; 3] = ["activities", "activity_definitions", "workflow_methods"];

/// The tokens of a block that cannot be read, without the attributes that only work inside of one that can.
pub(crate) fn without_markers(item: TokenStream, names: &[&str]) -> TokenStream {
    let mut tokens: Vec<TokenTree> = item.into_iter().collect();
    if let Some(TokenTree::Group(body)) = tokens.pop_if(|last| matches!(last, TokenTree::Group(_)))
    {
        let mut rest = body.stream().into_iter().peekable();
        let mut kept = TokenStream::new();
        while let Some(token) = rest.next() {
            let is_hash = matches!(&token, TokenTree::Punct(hash) if hash.as_char() == '#');
            let is_marker = rest.peek().is_some_and(|next| match next {
                TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket => {
                    let word = group.stream().into_iter().next();
                    matches!(word, Some(TokenTree::Ident(word)) if names.iter().any(|name| word == name))
                }
                _ => false,
            });
            if is_hash && is_marker {
                rest.next();
            } else {
                kept.extend([token]);
            }
        }
        let mut stripped = Group::new(body.delimiter(), kept);
        stripped.set_span(body.span());
        tokens.push(stripped.into());
    }
    tokens.into_iter().collect()
}

/// Reads the block; on anything else the error that says so. Of a block whose head does not parse the
/// compiler has said so.
pub(crate) fn parse(
    attribute: &str,
    item: &TokenStream,
    diagnostics: &mut Diagnostics,
) -> Option<Block> {
    if let Some(block) = Block::read(item) {
        return Some(block);
    }
    let help = match keyword(item).as_str() {
        "impl" => return None,
        "struct" | "enum" if attribute == "workflow_methods" => {
            "put `#[workflow]` here, and this one on the impl block of the type"
        }
        "fn" => "move the function into `impl Name { .. }` and put this on the impl",
        _ => "put it on `impl Name { .. }`",
    };
    let problem = format!("`#[{attribute}]` only works on an impl block");
    diagnostics.error_at(name_of(item), &problem, help);
    None
}

/// The word that says what an item is.
fn keyword(item: &TokenStream) -> String {
    const KEYWORDS: [&str; 11] = [
        "const", "enum", "fn", "impl", "macro", "mod", "static", "struct", "trait", "type", "union",
    ];
    let words = item.clone().into_iter().filter_map(|token| match token {
        TokenTree::Ident(word) => Some(word.to_string()),
        TokenTree::Group(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => None,
    });
    let mut keywords = words.filter(|word| KEYWORDS.contains(&word.as_str()));
    let first = keywords.next().unwrap_or_default();
    // `const fn`.
    match keywords.next() {
        Some(next) if first == "const" && next == "fn" => next,
        _ => first,
    }
}

/// Says what is wrong with the head of the block.
pub(crate) fn check(block: &Block, attribute: &str, diagnostics: &mut Diagnostics) {
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
        if let Item::Function(function) = item
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
pub(crate) fn take_block_attributes(block: &mut Block) {
    block.attrs.retain(|attribute| {
        let last = attribute.path().segments.last();
        !last.is_some_and(|last| BLOCKS.iter().any(|name| last.ident == name))
    });
}

/// Says which attribute of ours was probably meant by one that nobody knows, and takes it off.
pub(crate) fn check_spelling(block: &mut Block, names: &[&str], diagnostics: &mut Diagnostics) {
    for item in &mut block.items {
        let Item::Function(function) = item else {
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
pub(crate) fn owner(block: &Block) -> Option<&Ident> {
    last_segment(&block.self_ty).map(|last| &last.ident)
}

/// A method with a mistake, of which enough was said.
#[derive(Debug)]
pub(crate) struct Wrong {
    /// Where it stands among the items of its block.
    pub(crate) index: usize,
    /// What stands in the place of its value and of its types.
    pub(crate) stand_in: TokenStream,
}

/// Takes our attributes off what cannot be read.
pub(crate) fn demote_unreadable(block: &mut Block, names: &[&str]) {
    for item in &mut block.items {
        if let Item::Unreadable(unreadable) = item {
            unreadable.demote(names, kept_function);
        }
    }
}

/// Leaves a method with a mistake in the block under another name, so that it is still looked at, and puts
/// what stands in for its value in its place.
pub(crate) fn demote(block: &mut Block, wrong: &Wrong) {
    let stand_in = &wrong.stand_in;
    let ty = error_type(stand_in);
    if let Some(item) = block.items.get_mut(wrong.index)
        && let Item::Function(function) = item
    {
        let mut kept = function.clone();
        kept.sig.ident = kept_function(&function.sig.ident);
        kept.attrs
            .retain(|attribute| !attribute.path().is_ident("doc"));
        kept.body
            .get_or_insert_with(|| Group::new(Delimiter::Brace, quote!(::core::unimplemented!())));
        let (vis, name) = (&function.vis, &function.sig.ident);
        let cfg = function
            .attrs
            .iter()
            .filter(|attribute| attribute.path().is_ident("cfg"));
        *item = Item::Generated(quote! {
            #(#cfg)*
            #[allow(dead_code, missing_docs, non_upper_case_globals)]
            #vis const #name: #ty = #stand_in;
            #[doc(hidden)]
            #[allow(dead_code, unused, clippy::all)]
            #kept
        });
    }
}

/// Takes `#[cfg_attr(condition, signal)]` off a function, which becomes one that is there under the condition. Where the
/// condition does not hold it is a plain one: that is given as another function.
pub(crate) fn take_conditional(
    function: &mut Function,
    names: &[&str],
) -> Option<(Attribute, Function)> {
    let (index, condition, mut metas) =
        function
            .attrs
            .iter()
            .enumerate()
            .find_map(|(index, attribute)| {
                let Meta::List(list) = &attribute.meta else {
                    return None;
                };
                if !list.path.is_ident("cfg_attr") {
                    return None;
                }
                let metas = Punctuated::<Meta, Token![,]>::parse_terminated;
                let metas = metas.parse2(list.tokens.clone()).ok()?;
                let mut metas: Vec<Meta> = metas.into_iter().collect();
                let condition = (!metas.is_empty()).then(|| metas.remove(0))?;
                let is_ours = |meta: &Meta| names.iter().any(|name| meta.path().is_ident(name));
                metas
                    .iter()
                    .any(is_ours)
                    .then_some((index, condition, metas))
            })?;
    let is_ours = |meta: &Meta| names.iter().any(|name| meta.path().is_ident(name));
    let ours = metas.remove(metas.iter().position(is_ours)?);
    let at = function.attrs.remove(index).span();
    let mut plain = function.clone();
    plain
        .attrs
        .push(parse_quote_spanned!(at=> #[cfg(not(#condition))]));
    function
        .attrs
        .push(parse_quote_spanned!(at=> #[cfg(#condition)]));
    for other in metas {
        function.attrs.push(parse_quote!(#[#other]));
    }
    Some((parse_quote!(#[#ours]), plain))
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
