//! Answers to an attribute that stands where it cannot work.
//!
//! `#[signal]` and its like are read and removed by the attribute of the impl block around them.
//! When one is expanded by the compiler, there is no such block.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};

use crate::diagnostics::Diagnostics;

/// Says where the attribute belongs, and gives the item back.
pub(crate) fn expand(attribute: &str, block: &str, item: TokenStream) -> TokenStream {
    let mut diagnostics = Diagnostics::default();
    let article = if block.starts_with('a') { "an" } else { "a" };
    let problem =
        format!("`#[{attribute}]` only works on a method inside {article} `#[{block}]` impl block");
    let help = format!(
        "put `#[{block}]` on the impl block that contains the method; what a macro writes inside of a block \
         is not seen, so let it write the whole block"
    );
    diagnostics.error_at(name_of(&item), &problem, &help);
    let mut tokens = diagnostics.into_items();
    tokens.extend(item);
    tokens
}

/// The span of an item's name, or of what comes closest to one.
pub(crate) fn name_of(item: &TokenStream) -> Span {
    const KEYWORDS: [&str; 9] = [
        "fn", "struct", "enum", "union", "trait", "mod", "const", "static", "type",
    ];
    let mut name = None;
    let mut after_keyword = false;
    for token in item.clone() {
        if let TokenTree::Ident(ident) = &token {
            if KEYWORDS.iter().any(|keyword| ident == keyword) {
                // `const fn name`: the last keyword counts.
                after_keyword = true;
                continue;
            }
            if after_keyword {
                return ident.span();
            }
        }
        if name.is_none() && is_name(&token) {
            name = Some(token.span());
        }
        after_keyword = false;
    }
    name.or_else(|| item.clone().into_iter().next().map(|token| token.span()))
        .unwrap_or_else(Span::call_site)
}

fn is_name(token: &TokenTree) -> bool {
    let qualifies = |ident: &Ident| ident != "pub" && ident != "async" && ident != "unsafe";
    matches!(token, TokenTree::Ident(ident) if qualifies(ident))
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::expand;

    #[test]
    fn the_item_comes_back_with_a_hint() {
        let text = expand(
            "signal",
            "workflow_methods",
            quote!(
                pub const fn poke() {}
            ),
        )
        .to_string();
        assert!(text.contains("only works on a method inside a `#[workflow_methods]` impl block"));
        assert!(text.ends_with("pub const fn poke () { }"), "{text}");
    }
}
