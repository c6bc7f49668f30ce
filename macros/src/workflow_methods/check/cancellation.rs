//! Warns where a cancellation will not go as the code seems to expect.
//!
//! It looks at the tokens of one function: whether a scope is cancelled is only known at run time,
//! so what is said here is a warning unless it can never be right.

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use quote::quote_spanned;

use crate::{
    casing,
    diagnostics::{Diagnostics, Page, warning},
    items::{Block, Item},
    operations::{is_wait, needs_open_scope},
};

/// Methods whose body runs in a scope of its own.
const SCOPES: [&str; 5] = [
    "disconnected",
    "in_scope",
    "on_cancel",
    "compensate",
    "compensate_with",
];

/// Checks every function of the block. Adds a check of the compiler's to those that wait for an
/// activity that may never hear of its cancellation.
pub(super) fn check(block: &mut Block, diagnostics: &mut Diagnostics) {
    for item in &mut block.items {
        let Item::Function(function) = item else {
            continue;
        };
        let tokens: Vec<TokenTree> = function.statements().into_iter().collect();
        let mut walk = Walk {
            accepts: calls(&tokens, &["cancelled", "cancel", "cancel_with_reason"]),
            waiting: Vec::new(),
            sagas: Vec::new(),
            items: Vec::new(),
            diagnostics,
        };
        walk.walk(&tokens);
        // Inside of the function, so that an attribute on it reaches them.
        function.notes.extend(walk.items);
    }
}

struct Walk<'a> {
    /// The function waits for a cancellation, which accepts it (D4, D5), or causes one itself.
    accepts: bool,
    /// Variables that hold options with `WaitCancellationCompleted`.
    waiting: Vec<String>,
    /// What the bodies of sagas call the saga.
    sagas: Vec<String>,
    /// What causes the compiler's warnings.
    items: Vec<TokenStream>,
    diagnostics: &'a mut Diagnostics,
}

impl Walk<'_> {
    fn walk(&mut self, tokens: &[TokenTree]) {
        for (index, token) in tokens.iter().enumerate() {
            match token {
                TokenTree::Group(group) => {
                    self.walk(&group.stream().into_iter().collect::<Vec<_>>());
                }
                TokenTree::Ident(ident) if ident == "let" => self.variable(&tokens[index + 1..]),
                TokenTree::Ident(ident) if ident == "if" => self.condition(&tokens[index + 1..]),
                TokenTree::Ident(ident)
                    if ident == "saga"
                        || (ident == "nested" && self.is_of_saga(&tokens[..index])) =>
                {
                    self.sagas.extend(parameter(&tokens[index + 1..]));
                }
                TokenTree::Ident(ident) if ident == "step" || ident == "child_workflow" => {
                    if self.is_of_saga(&tokens[..index]) {
                        self.step(ident, &tokens[index + 1..]);
                    }
                }
                TokenTree::Ident(ident) if ident == "start_activity" => {
                    if let Some(TokenTree::Group(arguments)) = tokens.get(index + 1) {
                        self.start(arguments);
                    }
                }
                TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }

    /// Whether what precedes the name of a method is the parameter of a saga's body.
    fn is_of_saga(&self, before: &[TokenTree]) -> bool {
        matches!(
            before,
            [.., TokenTree::Ident(receiver), TokenTree::Punct(dot)]
                if dot.as_char() == '.' && self.sagas.iter().any(|saga| receiver == saga)
        )
    }

    /// `saga.step(..).await`: a step starts when it is told how it is undone.
    fn step(&mut self, step: &Ident, rest: &[TokenTree]) {
        if let [
            TokenTree::Group(_),
            TokenTree::Punct(dot),
            TokenTree::Ident(next),
            ..,
        ] = rest
            && dot.as_char() == '.'
            && next == "await"
        {
            self.diagnostics.error_with_page(
                step,
                "this step of a saga does not say how it is undone",
                "add `.compensate_with(activity, input, options)`, or `.without_compensation()`",
                Page("step-without-compensation"),
            );
        }
    }

    fn variable(&mut self, rest: &[TokenTree]) {
        let name = rest.iter().find_map(|token| match token {
            TokenTree::Ident(ident) if ident != "mut" => Some(ident.to_string()),
            _ => None,
        });
        let value = until_semicolon(rest);
        let starts = mentions(value, &["start_activity", "async"]);
        let Some(name) = name else { return };
        self.waiting.retain(|waiting| *waiting != name);
        if mentions(value, &["WaitCancellationCompleted"]) && !starts {
            self.waiting.push(name);
        }
    }

    /// `start_activity(Bookings::charge, input, options)`.
    fn start(&mut self, arguments: &Group) {
        let arguments: Vec<TokenTree> = arguments.stream().into_iter().collect();
        let comma = arguments.iter().position(is_comma);
        let (activity, rest) = arguments.split_at(comma.unwrap_or(arguments.len()));
        let options = rest
            .iter()
            .rposition(is_comma)
            .map_or(rest, |last| &rest[last..]);
        let waits = mentions(rest, &["WaitCancellationCompleted"])
            || self.waiting.iter().any(|name| mentions(options, &[name]));
        if waits && let Some((owner, activity)) = method_of_a_type(activity) {
            let owner: TokenStream = owner.iter().cloned().collect();
            let constant = casing::waiting(activity);
            self.items.push(quote_spanned! {activity.span()=>
                const _: () = #owner #constant;
            });
        }
    }

    /// `if error.is_cancelled() { .. }` and `if let Err(..) = ctx.sleep(..).await { .. }`.
    fn condition(&mut self, rest: &[TokenTree]) {
        if self.accepts {
            return;
        }
        let end = rest.iter().position(is_block).unwrap_or(rest.len());
        let (condition, body) = rest.split_at(end);
        let says_cancelled = mentions(condition, &["is_cancelled"])
            && !condition.iter().any(|token| is_mark(token, '!'));
        let failed_wait = matches!(
            condition,
            [TokenTree::Ident(let_), TokenTree::Ident(err), ..] if let_ == "let" && err == "Err"
        ) && condition
            .iter()
            .any(|token| matches!(token, TokenTree::Ident(name) if is_wait(name)));
        if let Some(TokenTree::Group(body)) = body.first()
            && (says_cancelled || failed_wait)
            && let Some(operation) = operation(body)
        {
            self.items.push(warning(
                operation.span(),
                &format!("`{operation}` is not started in a scope that is cancelled"),
                "write `ctx.disconnected(async |ctx| ..).await` around the cleanup, or accept the \
                 request with `ctx.cancelled().await`",
                Page("cleanup-in-cancelled-scope"),
            ));
        }
    }
}

/// The first operation that is started in a block, and in no scope of its own.
fn operation(body: &Group) -> Option<Ident> {
    let tokens: Vec<TokenTree> = body.stream().into_iter().collect();
    let mut index = 0;
    while let Some(token) = tokens.get(index) {
        index += 1;
        match token {
            TokenTree::Group(group) => {
                if let Some(found) = operation(group) {
                    return Some(found);
                }
            }
            TokenTree::Ident(ident) if SCOPES.iter().any(|scope| ident == scope) => index += 1,
            TokenTree::Ident(ident) => {
                let is_method = index > 1 && is_mark(&tokens[index - 2], '.');
                if is_method && needs_open_scope(ident) {
                    return Some(ident.clone());
                }
            }
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
    None
}

/// The name of the parameter of the closure that a method is called with.
fn parameter(arguments: &[TokenTree]) -> Option<String> {
    let Some(TokenTree::Group(arguments)) = arguments.first() else {
        return None;
    };
    let mut tokens = arguments.stream().into_iter();
    tokens.find(|token| is_mark(token, '|'))?;
    match tokens.next()? {
        TokenTree::Ident(name) => Some(name.to_string()),
        TokenTree::Group(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => None,
    }
}

/// `Bookings::` and `charge` of `Bookings::charge`; nothing for what is in a variable, in a constant
/// or of a type parameter, which says nothing out here.
fn method_of_a_type(activity: &[TokenTree]) -> Option<(&[TokenTree], &Ident)> {
    let [
        owner @ ..,
        TokenTree::Ident(ty),
        TokenTree::Punct(_),
        TokenTree::Punct(_),
        TokenTree::Ident(method),
    ] = activity
    else {
        return None;
    };
    let (ty, name) = (ty.to_string(), method.to_string());
    let is_type = ty.starts_with(char::is_uppercase) && ty.chars().count() > 1 && ty != "Self";
    let is_constant = !name.contains(char::is_lowercase);
    (is_type && !is_constant && !owner.iter().any(|token| is_mark(token, '<')))
        .then(|| (&activity[..activity.len() - 1], method))
}

fn mentions(tokens: &[TokenTree], names: &[&str]) -> bool {
    tokens.iter().any(|token| match token {
        TokenTree::Ident(ident) => names.iter().any(|name| ident == name),
        TokenTree::Group(group) => mentions(&group.stream().into_iter().collect::<Vec<_>>(), names),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}

/// Whether a method of one of these names is called.
fn calls(tokens: &[TokenTree], names: &[&str]) -> bool {
    tokens.iter().enumerate().any(|(index, token)| match token {
        TokenTree::Ident(ident) => {
            let is_method = index > 0 && is_mark(&tokens[index - 1], '.');
            is_method && names.iter().any(|name| ident == name)
        }
        TokenTree::Group(group) => calls(&group.stream().into_iter().collect::<Vec<_>>(), names),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}

fn until_semicolon(tokens: &[TokenTree]) -> &[TokenTree] {
    let end = tokens.iter().position(|token| is_mark(token, ';'));
    &tokens[..end.unwrap_or(tokens.len())]
}

fn is_block(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
}

fn is_comma(token: &TokenTree) -> bool {
    is_mark(token, ',')
}

fn is_mark(token: &TokenTree, mark: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == mark)
}
