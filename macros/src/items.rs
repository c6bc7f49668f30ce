//! An impl block whose functions keep their bodies as tokens, read as far as it can be.
//!
//! Code that is being typed does not parse most of the time, and the compiler has said so before a macro
//! sees it: it reads an item before it expands the item's attributes. So a body is never parsed here, an item
//! of the block that cannot be read takes none of the others with it, and nothing is said of either.
//!
//! Invariant: the tokens of a body are those that the compiler has read, spans of its braces included. What
//! it has said about them it does not say again.

use std::ops::{Deref, DerefMut};

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use quote::{ToTokens, TokenStreamExt, quote};
use syn::{
    Attribute, ImplItem, ImplItemFn, ItemImpl, Signature, Token, Visibility, ext::IdentExt,
    parse::Parser, parse2,
};

/// An impl block: its head, and what is in it.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    /// The block without its items.
    head: ItemImpl,
    pub(crate) items: Vec<Item>,
}

/// What stands in an impl block.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    Function(Box<Function>),
    /// A constant, a type or a call of a macro.
    Other(TokenStream),
    Unreadable(Unreadable),
    /// What generated code puts in the place of a function.
    Generated(TokenStream),
}

/// A function, whatever is in its body.
#[derive(Clone, Debug)]
pub(crate) struct Function {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    defaultness: Option<Token![default]>,
    pub(crate) sig: Signature,
    /// The braces with what is in them; nothing where there is a semicolon.
    pub(crate) body: Option<Group>,
    /// Items that stand before the statements of the body.
    pub(crate) notes: Vec<TokenStream>,
}

/// What does not parse, so that the compiler has said why.
///
/// Where only the arguments are wrong, the compiler goes on with the function, and so does this. Of anything else it
/// keeps nothing: it stops reading there, also when it reads an expansion.
#[derive(Clone, Debug)]
pub(crate) struct Unreadable {
    /// The attributes before it.
    pub(crate) attrs: Vec<Attribute>,
    /// The function's name, if it has got one.
    pub(crate) name: Option<Ident>,
    /// Everything behind the attributes.
    tokens: TokenStream,
}

impl Deref for Block {
    type Target = ItemImpl;

    fn deref(&self) -> &ItemImpl {
        &self.head
    }
}

impl DerefMut for Block {
    fn deref_mut(&mut self) -> &mut ItemImpl {
        &mut self.head
    }
}

impl Block {
    /// Reads a block; nothing if its head cannot be read, or if this is something else.
    pub(crate) fn read(item: &TokenStream) -> Option<Self> {
        let mut tokens: Vec<TokenTree> = item.clone().into_iter().collect();
        let body = match tokens.pop() {
            Some(TokenTree::Group(body)) if body.delimiter() == Delimiter::Brace => body,
            _ => return None,
        };
        let mut empty = Group::new(Delimiter::Brace, TokenStream::new());
        empty.set_span(body.span());
        tokens.push(empty.into());
        let head = parse2::<ItemImpl>(tokens.into_iter().collect()).ok()?;
        let items = split(body.stream()).into_iter().map(Item::read).collect();
        Some(Self { head, items })
    }

    /// Whether two functions have the name, whatever the configuration. The compiler reports that where both are in one
    /// block.
    pub(crate) fn repeats(&self, name: &Ident) -> bool {
        let same = self.items.iter().filter(|item| match item {
            Item::Function(function) => {
                let mut attributes = function.attrs.iter();
                function.sig.ident == *name && !attributes.any(|it| it.path().is_ident("cfg"))
            }
            Item::Other(_) | Item::Unreadable(_) | Item::Generated(_) => false,
        });
        same.count() > 1
    }

    /// Whether an item that cannot be read is marked with one of these attributes.
    pub(crate) fn hides(&self, attributes: &[&str]) -> bool {
        self.items.iter().any(|item| match item {
            Item::Unreadable(unreadable) => unreadable.is_marked(attributes),
            Item::Function(_) | Item::Other(_) | Item::Generated(_) => false,
        })
    }
}

impl ToTokens for Block {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let mut head = self.head.clone();
        let items = &self.items;
        head.items = vec![ImplItem::Verbatim(quote!(#(#items)*))];
        head.to_tokens(tokens);
    }
}

impl Item {
    fn read(tokens: Vec<TokenTree>) -> Self {
        if !is_function(&tokens) {
            let tokens: TokenStream = tokens.into_iter().collect();
            return if is_inner_attribute(&tokens) || parse2::<ImplItem>(tokens.clone()).is_ok() {
                Self::Other(tokens)
            } else {
                Self::Unreadable(Unreadable::read(tokens))
            };
        }
        let mut signature = tokens.clone();
        let body = match signature.pop() {
            Some(TokenTree::Group(body)) if is_body(&body) => Some(body),
            Some(TokenTree::Punct(end)) if end.as_char() == ';' => None,
            _ => return Self::Unreadable(Unreadable::read(tokens.into_iter().collect())),
        };
        signature.push(Group::new(Delimiter::Brace, TokenStream::new()).into());
        match parse2::<ImplItemFn>(signature.into_iter().collect()) {
            Ok(function) => Self::Function(Box::new(Function {
                attrs: function.attrs,
                vis: function.vis,
                defaultness: function.modifiers.defaultness,
                sig: function.sig,
                body,
                notes: Vec::new(),
            })),
            Err(_) => Self::Unreadable(Unreadable::read(tokens.into_iter().collect())),
        }
    }
}

impl ToTokens for Item {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Self::Function(function) => function.to_tokens(tokens),
            Self::Other(written) | Self::Generated(written) => tokens.extend(written.clone()),
            Self::Unreadable(unreadable) => unreadable.to_tokens(tokens),
        }
    }
}

impl Function {
    /// What is between the braces.
    pub(crate) fn statements(&self) -> TokenStream {
        self.body.as_ref().map_or_else(TokenStream::new, inside)
    }

    /// The body with the notes in it.
    pub(crate) fn body(&self) -> TokenStream {
        let Some(body) = &self.body else {
            return quote!(;);
        };
        if self.notes.is_empty() {
            return body.to_token_stream();
        }
        let (attributes, statements) = inner_attributes(inside(body));
        let notes = &self.notes;
        let mut noted = Group::new(Delimiter::Brace, quote!(#attributes #(#notes)* #statements));
        noted.set_span(body.span());
        noted.to_token_stream()
    }
}

impl ToTokens for Function {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Self {
            attrs,
            vis,
            defaultness,
            sig,
            ..
        } = self;
        let body = self.body();
        tokens.extend(quote!(#(#attrs)* #vis #defaultness #sig #body));
    }
}

impl Unreadable {
    fn read(tokens: TokenStream) -> Self {
        let read = Parser::parse2(
            |input: syn::parse::ParseStream<'_>| {
                let attrs = input.call(Attribute::parse_outer).unwrap_or_default();
                Ok((attrs, input.parse::<TokenStream>()?))
            },
            tokens,
        );
        let (attrs, mut tokens): (Vec<Attribute>, TokenStream) = read.unwrap_or_default();
        let mut words = tokens.clone().into_iter();
        words.find(|word| is_word(word, "fn"));
        let name = match words.next() {
            Some(TokenTree::Ident(name)) => Some(name),
            _ => None,
        };
        if !has_wrong_arguments(&tokens) {
            tokens = TokenStream::new();
        }
        Self {
            attrs,
            name,
            tokens,
        }
    }
}

impl Unreadable {
    /// Takes our attributes off it, and its name: that is for what stands in for it.
    pub(crate) fn demote(&mut self, attributes: &[&str], name: impl FnOnce(&Ident) -> Ident) {
        if !self.is_marked(attributes) {
            return;
        }
        self.attrs.retain(|attribute| {
            let last = attribute.path().segments.last();
            !last.is_some_and(|last| attributes.iter().any(|name| last.ident == name))
        });
        let Some(own) = &self.name else { return };
        let kept = name(own);
        let mut after_keyword = false;
        let tokens = self.tokens.clone().into_iter().map(|token| {
            let is_name =
                after_keyword && matches!(&token, TokenTree::Ident(ident) if ident == own);
            after_keyword = is_word(&token, "fn");
            if is_name {
                TokenTree::Ident(kept.clone())
            } else {
                token
            }
        });
        self.tokens = tokens.collect();
    }

    /// Whether one of these attributes stands before it.
    pub(crate) fn is_marked(&self, attributes: &[&str]) -> bool {
        self.attrs.iter().any(|attribute| {
            let last = attribute.path().segments.last();
            last.is_some_and(|last| attributes.iter().any(|name| last.ident == name))
        })
    }
}

impl ToTokens for Unreadable {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        if self.tokens.is_empty() {
            return;
        }
        tokens.append_all(&self.attrs);
        tokens.extend(self.tokens.clone());
    }
}

/// The items of a block. Where one of them is not finished, the next one begins all the same.
fn split(tokens: TokenStream) -> Vec<Vec<TokenTree>> {
    let mut items = Vec::new();
    let mut item: Vec<TokenTree> = Vec::new();
    let mut depth = 0_usize;
    for token in tokens {
        let in_function = is_function(&item);
        if in_function && begins_another(&item, &token) {
            items.push(std::mem::take(&mut item));
            depth = 0;
        }
        let mut ends = is_mark(&token, ';');
        match &token {
            TokenTree::Punct(punct) => match punct.as_char() {
                '<' => depth += 1,
                '>' if !item.last().is_some_and(|before| is_mark(before, '-')) => {
                    depth = depth.saturating_sub(1);
                }
                _ => {}
            },
            TokenTree::Group(group) if in_function => ends |= depth == 0 && is_body(group),
            TokenTree::Group(group) => {
                let after_mark = |mark| item.iter().rev().take(2).any(|it| is_mark(it, mark));
                let is_inner = group.delimiter() == Delimiter::Bracket && after_mark('!');
                let is_call = after_mark('!') && group.delimiter() == Delimiter::Brace;
                ends |= is_call || (is_inner && item.len() == 2);
            }
            TokenTree::Ident(_) | TokenTree::Literal(_) => {}
        }
        item.push(token);
        if ends {
            items.push(std::mem::take(&mut item));
            depth = 0;
        }
    }
    if !item.is_empty() {
        items.push(item);
    }
    items
}

/// Whether an item begins with this token in the middle of a function's signature.
fn begins_another(signature: &[TokenTree], token: &TokenTree) -> bool {
    let after_name = matches!(
        signature.last(),
        Some(TokenTree::Ident(last)) if !["unsafe", "dyn", "impl", "mut", "const"].iter().any(|word| last == word)
    ) || matches!(signature.last(), Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis);
    match token {
        TokenTree::Punct(mark) => mark.as_char() == '#',
        TokenTree::Ident(word) if word == "pub" || word == "async" => true,
        TokenTree::Ident(word) => word == "fn" && after_name,
        TokenTree::Group(_) | TokenTree::Literal(_) => false,
    }
}

/// Whether the tokens of an item have come to its `fn`.
fn is_function(item: &[TokenTree]) -> bool {
    let mut tokens = item.iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Punct(hash) if hash.as_char() == '#' => {
                tokens.next_if(|next| matches!(next, TokenTree::Group(_)));
            }
            TokenTree::Ident(word) if word == "fn" => return true,
            TokenTree::Ident(word) => {
                let word = word.unraw().to_string();
                let words = [
                    "pub", "crate", "default", "const", "async", "unsafe", "extern",
                ];
                if !words.contains(&word.as_str()) {
                    return false;
                }
            }
            TokenTree::Group(group) => {
                // `pub(crate)`, and what `macro_rules!` leaves of a visibility.
                let delimiter = group.delimiter();
                if delimiter != Delimiter::Parenthesis && delimiter != Delimiter::None {
                    return false;
                }
            }
            TokenTree::Literal(_) => {}
            TokenTree::Punct(_) => return false,
        }
    }
    false
}

/// Whether a group is a function's body, or the invisible one that `macro_rules!` leaves around it.
fn is_body(group: &Group) -> bool {
    match group.delimiter() {
        Delimiter::Brace => true,
        Delimiter::None => {
            let mut inside = group.stream().into_iter();
            matches!(
                (inside.next(), inside.next()),
                (Some(TokenTree::Group(only)), None) if is_body(&only)
            )
        }
        Delimiter::Parenthesis | Delimiter::Bracket => false,
    }
}

fn inside(body: &Group) -> TokenStream {
    match (body.delimiter(), body.stream().into_iter().next()) {
        (Delimiter::None, Some(TokenTree::Group(only))) => inside(&only),
        _ => body.stream(),
    }
}

/// Whether a function can be read but for its arguments.
fn has_wrong_arguments(tokens: &TokenStream) -> bool {
    let mut is_first = true;
    let tokens = tokens.clone().into_iter().map(|token| match token {
        TokenTree::Group(group) if is_first && group.delimiter() == Delimiter::Parenthesis => {
            is_first = false;
            Group::new(Delimiter::Parenthesis, TokenStream::new()).into()
        }
        TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
            Group::new(Delimiter::Brace, TokenStream::new()).into()
        }
        other => other,
    });
    parse2::<ImplItemFn>(tokens.collect()).is_ok()
}

/// Divides what is in a body into `#![..]` and the rest.
fn inner_attributes(tokens: TokenStream) -> (TokenStream, TokenStream) {
    let read = |input: syn::parse::ParseStream<'_>| {
        let attributes = input.call(Attribute::parse_inner).unwrap_or_default();
        Ok((quote!(#(#attributes)*), input.parse::<TokenStream>()?))
    };
    read.parse2(tokens.clone())
        .unwrap_or_else(|_| (TokenStream::new(), tokens))
}

fn is_inner_attribute(tokens: &TokenStream) -> bool {
    let mut tokens = tokens.clone().into_iter();
    matches!((tokens.next(), tokens.next()), (Some(hash), Some(mark))
        if is_mark(&hash, '#') && is_mark(&mark, '!'))
}

fn is_word(token: &TokenTree, word: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident == word)
}

fn is_mark(token: &TokenTree, mark: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == mark)
}
