//! What is written otherwise than the compiler wants it, in the bodies of a block, and what it is made into.
//!
//! Habits of other libraries are reported and put right, so that the compiler does not report them in its own words as
//! well. Where nothing but a type is missing that can be only one, it is added. Everything else stays as it is.

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::Path;

use crate::{
    diagnostics::{Diagnostics, Page},
    items::{Block, Item},
    operations::is_future,
};

/// Methods of a context that take a closure which gets the context of a scope, and the position of the closure.
const SCOPES: [(&str, usize); 7] = [
    ("disconnected", 0),
    ("in_scope", 1),
    ("on_cancel", 0),
    ("saga", 0),
    ("scope", 0),
    ("spawn", 0),
    ("with_timeout", 1),
];

/// Methods whose last argument looks at the state.
const LOOKS: [&str; 4] = [
    "state",
    "state_mut",
    "wait_condition",
    "wait_condition_timeout",
];

/// Rewrites every function of a block. `values` are the methods of the block that are values.
pub(super) fn rewrite(
    block: &mut Block,
    owner: &Ident,
    values: &[Ident],
    krate: Option<&Path>,
    diagnostics: &mut Diagnostics,
) {
    for item in &mut block.items {
        let Item::Function(function) = item else {
            continue;
        };
        let mut rewriter = Rewriter {
            owner,
            values,
            krate,
            diagnostics,
        };
        if let Some(body) = &function.body
            && let Some(changed) = rewriter.group(body)
        {
            function.body = Some(changed);
        }
    }
}

struct Rewriter<'a> {
    owner: &'a Ident,
    values: &'a [Ident],
    krate: Option<&'a Path>,
    diagnostics: &'a mut Diagnostics,
}

impl Rewriter<'_> {
    /// The group with what is changed in it; nothing if nothing is.
    fn group(&mut self, group: &Group) -> Option<Group> {
        let mut tokens: Vec<TokenTree> = group.stream().into_iter().collect();
        let mut is_changed = false;
        for index in 0..tokens.len() {
            let TokenTree::Group(inner) = &tokens[index] else {
                continue;
            };
            let inner = inner.clone();
            let changed = self.arguments(&tokens, index, &inner);
            let changed = match changed {
                Some(changed) => Some(self.group(&changed).unwrap_or(changed)),
                None => self.group(&inner),
            };
            if let Some(changed) = changed {
                tokens[index] = changed.into();
                is_changed = true;
            }
        }
        is_changed.then(|| with_tokens(group, tokens.into_iter().collect()))
    }

    /// The arguments of a method of a context, if they are.
    fn arguments(&mut self, tokens: &[TokenTree], index: usize, group: &Group) -> Option<Group> {
        let [.., TokenTree::Punct(dot), TokenTree::Ident(method)] = &tokens[..index] else {
            return None;
        };
        if dot.as_char() != '.' || group.delimiter() != Delimiter::Parenthesis {
            return None;
        }
        let name = method.to_string();
        if LOOKS.contains(&name.as_str()) {
            return self.look(group);
        }
        let (_, position) = SCOPES.iter().find(|(scope, _)| *scope == name)?;
        let arguments = split(group);
        if name == "with_timeout"
            && let [first, _] = &arguments[..]
            && let Some(started) = future(first)
        {
            self.diagnostics.error_with_page(
                started,
                "`with_timeout` takes the time first, and then a closure",
                "write `ctx.with_timeout(limit, async |ctx| ..).await`: what the closure starts is cancelled with the limit",
                Page("closures"),
            );
            let stand_in = self.diagnostics.last_stand_in();
            return Some(with_tokens(group, quote!(#stand_in, #stand_in)));
        }
        let written = arguments.get(*position)?;
        let is_tried = matches!(
            &tokens[index + 1..],
            [TokenTree::Punct(dot), TokenTree::Ident(awaited), TokenTree::Punct(tried), ..]
                if dot.as_char() == '.' && awaited == "await" && tried.as_char() == '?'
        );
        // What a task gives is tried where it is awaited.
        let is_kept = name == "spawn" && !is_annotated(&tokens[..index]);
        // A saga gives a `WorkflowResult`, whatever its body ends with.
        let is_saga = name == "saga";
        let changed = self.closure(method, written, is_tried || is_kept || is_saga)?;
        let mut arguments: Vec<TokenStream> = arguments
            .iter()
            .map(|argument| argument.iter().cloned().collect())
            .collect();
        arguments[*position] = changed;
        Some(with_tokens(group, quote!(#(#arguments),*)))
    }

    /// A closure as it has to be; nothing if it is so already.
    fn closure(
        &mut self,
        method: &Ident,
        written: &[TokenTree],
        is_tried: bool,
    ) -> Option<TokenStream> {
        const HELP: &str =
            "write `async |ctx| { .. }`, or `async move |ctx| { .. }` if it is to own what it uses";
        match written {
            // `async { .. }` and `async move { .. }`
            [TokenTree::Ident(word), TokenTree::Group(body)]
                if word == "async" && body.delimiter() == Delimiter::Brace =>
            {
                self.refuse(method, word, HELP);
                Some(quote!(#word |_| #body))
            }
            [
                TokenTree::Ident(word),
                TokenTree::Ident(owns),
                TokenTree::Group(body),
            ] if word == "async" && owns == "move" => {
                self.refuse(method, word, HELP);
                Some(quote!(#word #owns |_| #body))
            }
            _ => {
                let bars: Vec<usize> = (0..written.len())
                    .filter(|index| is_mark(&written[*index], '|'))
                    .take(2)
                    .collect();
                let [open, close] = bars[..] else { return None };
                let before = &written[..open];
                let is_async = before.iter().any(|token| is_word(token, "async"));
                let parameter: TokenStream = written[open..=close].iter().cloned().collect();
                let body = &written[close + 1..];
                if !is_async {
                    // `|ctx| async { .. }`
                    let [TokenTree::Ident(word), rest @ ..] = body else {
                        return None;
                    };
                    let block = match rest {
                        [TokenTree::Ident(owns), block @ TokenTree::Group(_)] if owns == "move" => {
                            block
                        }
                        [block @ TokenTree::Group(_)] => block,
                        _ => return None,
                    };
                    if word != "async" {
                        return None;
                    }
                    self.refuse(method, word, HELP);
                    return Some(quote!(async move #parameter #block));
                }
                let [TokenTree::Group(block)] = body else {
                    return None;
                };
                if !is_tried || !ends_with_ok(block) {
                    return None;
                }
                let krate = self.krate?;
                let before: TokenStream = before.iter().cloned().collect();
                Some(quote_spanned! {method.span()=>
                    #before #parameter -> #krate::__private::WorkflowResult<_> #block
                })
            }
        }
    }

    fn refuse(&mut self, method: &Ident, at: &Ident, help: &str) {
        self.diagnostics.error_with_page(
            at,
            &format!("`{method}` takes a closure that is `async` itself, which gets the context of its scope"),
            help,
            Page("closures"),
        );
    }

    /// `ctx.wait_condition(Self::is_done)`: the value of the method is no function.
    fn look(&self, group: &Group) -> Option<Group> {
        let arguments = split(group);
        let last = arguments.last()?;
        let [
            TokenTree::Ident(owner),
            TokenTree::Punct(_),
            TokenTree::Punct(_),
            TokenTree::Ident(method),
        ] = &last[..]
        else {
            return None;
        };
        if (owner != "Self" && owner != self.owner) || !self.values.contains(method) {
            return None;
        }
        let mut changed: Vec<TokenStream> = arguments
            .iter()
            .map(|argument| argument.iter().cloned().collect())
            .collect();
        changed.pop();
        changed.push(quote!(|__x_state| __x_state.#method()));
        Some(with_tokens(group, quote!(#(#changed),*)))
    }
}

/// What is between the commas.
fn split(group: &Group) -> Vec<Vec<TokenTree>> {
    let mut arguments = vec![Vec::new()];
    let mut in_parameters = false;
    for token in group.stream() {
        if is_mark(&token, '|') {
            in_parameters = !in_parameters;
        }
        if is_mark(&token, ',') && !in_parameters {
            arguments.push(Vec::new());
        } else if let Some(argument) = arguments.last_mut() {
            argument.push(token);
        }
    }
    if arguments.last().is_some_and(Vec::is_empty) {
        arguments.pop();
    }
    arguments
}

/// The method that makes a future, if the argument is one: `ctx.sleep(..)`.
fn future(argument: &[TokenTree]) -> Option<&Ident> {
    match argument {
        [
            ..,
            TokenTree::Punct(dot),
            TokenTree::Ident(method),
            TokenTree::Group(_),
        ] if dot.as_char() == '.' && is_future(method) => Some(method),
        _ => None,
    }
}

/// Whether a block ends with `Ok(..)`, of which nothing says what its error is.
fn ends_with_ok(block: &Group) -> bool {
    let tokens: Vec<TokenTree> = block.stream().into_iter().collect();
    let before = match &tokens[..] {
        [before @ .., TokenTree::Ident(ok), TokenTree::Group(_)] if ok == "Ok" => before,
        _ => return false,
    };
    match before.last() {
        None => true,
        Some(TokenTree::Group(group)) => group.delimiter() == Delimiter::Brace,
        Some(last) => is_mark(last, ';'),
    }
}

/// Whether the statement says what type it makes: `let task: TaskHandle<..> = ..`.
fn is_annotated(before: &[TokenTree]) -> bool {
    let begin = before.iter().rposition(|token| {
        is_mark(token, ';')
            || matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
    });
    let statement = &before[begin.map_or(0, |begin| begin + 1)..];
    statement.iter().any(|token| is_mark(token, ':'))
}

fn with_tokens(group: &Group, tokens: TokenStream) -> Group {
    let mut changed = Group::new(group.delimiter(), tokens);
    changed.set_span(group.span());
    changed
}

fn is_word(token: &TokenTree, word: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident == word)
}

fn is_mark(token: &TokenTree, mark: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == mark)
}
