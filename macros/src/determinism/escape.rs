//! `#[allow_nondeterminism(reason = "..")]`: lets one statement, one method or one field through.
//!
//! The attribute is searched for in tokens, so that it works inside `select!` too.

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use syn::{Attribute, Expr, ExprLit, Lit, Meta, MetaNameValue, parse2};

use crate::diagnostics::Diagnostics;

/// The attribute's name, by which every escape in a code base is found.
pub(crate) const ATTRIBUTE: &str = "allow_nondeterminism";

/// One use of the attribute.
#[derive(Debug)]
pub(super) struct Escape {
    name: Ident,
    arguments: Option<TokenStream>,
}

impl Escape {
    /// The attribute between the brackets of `#[..]`, if it is this one.
    pub(super) fn of_brackets(brackets: &Group) -> Option<Self> {
        let tokens: Vec<TokenTree> = brackets.stream().into_iter().collect();
        match tokens.as_slice() {
            [.., TokenTree::Ident(name)] if name == ATTRIBUTE => Some(Self {
                name: name.clone(),
                arguments: None,
            }),
            [.., TokenTree::Ident(name), TokenTree::Group(arguments)] if name == ATTRIBUTE => {
                Some(Self {
                    name: name.clone(),
                    arguments: Some(arguments.stream()),
                })
            }
            _ => None,
        }
    }

    /// An attribute that was read, if it is this one.
    pub(super) fn of_attribute(attribute: &Attribute) -> Option<Self> {
        let last = attribute.path().segments.last()?;
        (last.ident == ATTRIBUTE).then(|| Self {
            name: last.ident.clone(),
            arguments: match &attribute.meta {
                Meta::List(list) => Some(list.tokens.clone()),
                Meta::Path(_) | Meta::NameValue(_) => None,
            },
        })
    }

    /// Says that the reason is missing.
    pub(super) fn check(&self, diagnostics: &mut Diagnostics) {
        let reason = self
            .arguments
            .as_ref()
            .and_then(|arguments| parse2::<MetaNameValue>(arguments.clone()).ok())
            .filter(|pair| pair.path.is_ident("reason"))
            .and_then(|pair| match pair.value {
                Expr::Lit(ExprLit {
                    lit: Lit::Str(text),
                    ..
                }) => Some(text.value()),
                _ => None,
            });
        if reason.is_none_or(|reason| reason.trim().is_empty()) {
            diagnostics.error(
                &self.name,
                &format!("`#[{ATTRIBUTE}]` needs a reason"),
                &format!(
                    "write `#[{ATTRIBUTE}(reason = \"..\")]`, and say why a replay does the same"
                ),
            );
        }
    }

    /// Says that nothing was let through.
    pub(super) fn refuse_unused(&self, diagnostics: &mut Diagnostics) {
        diagnostics.error(
            &self.name,
            &format!("`#[{ATTRIBUTE}]` lets nothing through here"),
            "remove it, or put it on the statement or method that an error is about",
        );
    }
}

/// Whether the attribute occurs anywhere.
pub(super) fn occurs(tokens: &TokenStream) -> bool {
    tokens.clone().into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == ATTRIBUTE,
        TokenTree::Group(group) => occurs(&group.stream()),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}

/// Takes every use of the attribute out.
pub(crate) fn strip(tokens: TokenStream) -> TokenStream {
    if !occurs(&tokens) {
        return tokens;
    }
    let mut stripped = TokenStream::new();
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        if is_hash(&token)
            && let Some(TokenTree::Group(group)) = tokens.peek()
            && group.delimiter() == Delimiter::Bracket
            && Escape::of_brackets(group).is_some()
        {
            tokens.next();
            continue;
        }
        let token = match token {
            TokenTree::Group(group) if occurs(&group.stream()) => {
                TokenTree::Group(strip_group(&group))
            }
            other => other,
        };
        stripped.extend([token]);
    }
    stripped
}

/// Takes every use of the attribute out of what is in a group.
pub(super) fn strip_group(group: &Group) -> Group {
    let mut inside = Group::new(group.delimiter(), strip(group.stream()));
    inside.set_span(group.span());
    inside
}

pub(super) fn is_hash(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == '#')
}
