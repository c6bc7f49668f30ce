//! Says where the outcome of an operation goes unseen, and a cancellation with it (rule D8).
//!
//! It looks at the tokens of one function. What may be meant is a warning, in the function itself; what can only
//! go wrong is an error.

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};

use crate::{
    diagnostics::{Diagnostics, Page, warning},
    items::{Block, Item},
    operations::{is_wait, tells_of_cancellation},
};

/// Methods of a result that make something of an error without looking at it.
const SWALLOWERS: [&str; 4] = ["ok", "unwrap_or", "unwrap_or_default", "unwrap_or_else"];

/// Methods that lend the state.
const STATE: [&str; 2] = ["state", "state_mut"];

const PAGE: Page = Page("swallowed-cancellation");

/// Checks every function of the block.
pub(super) fn check(block: &mut Block, diagnostics: &mut Diagnostics) {
    for item in &mut block.items {
        let Item::Function(function) = item else {
            continue;
        };
        let mut walk = Walk {
            owners: Vec::new(),
            notes: Vec::new(),
            diagnostics,
        };
        let tokens: Vec<TokenTree> = function.statements().into_iter().collect();
        walk.owners_of_activities(&tokens);
        walk.walk(&tokens);
        function.notes.extend(walk.notes);
    }
}

struct Walk<'a> {
    /// Types whose methods are passed as activities.
    owners: Vec<String>,
    /// What causes the compiler's warnings.
    notes: Vec<TokenStream>,
    diagnostics: &'a mut Diagnostics,
}

impl Walk<'_> {
    fn walk(&mut self, tokens: &[TokenTree]) {
        for (index, token) in tokens.iter().enumerate() {
            let rest = &tokens[index + 1..];
            match token {
                TokenTree::Group(group) => self.walk(&inside(group)),
                TokenTree::Ident(word) if word == "let" => self.ignored(rest),
                TokenTree::Ident(word) if word == "select" => {
                    if let [TokenTree::Punct(mark), TokenTree::Group(branches), ..] = rest
                        && mark.as_char() == '!'
                    {
                        self.branches(branches);
                    }
                }
                TokenTree::Ident(word) if is_method(tokens, index) => {
                    if word == "await" {
                        self.awaited(tokens, index);
                    }
                    if STATE.iter().any(|method| word == method) {
                        self.nested_state(word, rest);
                    }
                }
                TokenTree::Ident(word) => self.called(word, rest),
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }

    fn warn(&mut self, at: &Ident, problem: &str, help: &str) {
        self.notes.push(warning(at.span(), problem, help, PAGE));
    }

    /// `let _ = ctx.sleep(..).await;` and `let _ = ctx.start_activity(..);`
    fn ignored(&mut self, rest: &[TokenTree]) {
        let [
            TokenTree::Ident(underscore),
            TokenTree::Punct(equals),
            value @ ..,
        ] = rest
        else {
            return;
        };
        if underscore != "_" || equals.as_char() != '=' {
            return;
        }
        let end = value.iter().position(|token| is_mark(token, ';'));
        let value = &value[..end.unwrap_or(value.len())];
        let Some(operation) = operation(value) else {
            return;
        };
        match value.last() {
            Some(TokenTree::Ident(last)) if last == "await" => self.warn(
                &operation,
                &format!("`let _` takes a cancellation of `{operation}` for its end, and the code goes on"),
                "write `.await?`, or look at the error: `if let Err(error) = .. { .. }`",
            ),
            Some(TokenTree::Group(_)) => self.warn(
                &operation,
                &format!("`let _` drops what `{operation}` starts, at once: nothing of it is recorded"),
                "await it, or keep it going beside this code with `ctx.spawn(async |ctx| ..).detach()`",
            ),
            _ => {}
        }
    }

    /// `ctx.sleep(..).await.ok()`: at the `await`.
    fn awaited(&mut self, tokens: &[TokenTree], index: usize) {
        let [
            TokenTree::Punct(dot),
            TokenTree::Ident(method),
            TokenTree::Group(_),
            ..,
        ] = &tokens[index + 1..]
        else {
            return;
        };
        if dot.as_char() != '.' || !SWALLOWERS.iter().any(|name| method == name) {
            return;
        }
        let begin = tokens[..index].iter().rposition(|token| {
            is_mark(token, ';') || is_mark(token, '=') || is_mark(token, ',') || is_block(token)
        });
        if let Some(operation) = operation(&tokens[begin.map_or(0, |begin| begin + 1)..index]) {
            self.warn(
                method,
                &format!("`{method}` takes a cancellation of `{operation}` for any other end of it"),
                "write `?`, or look first: `Err(error) if error.is_cancelled() => return Err(error.into())`",
            );
        }
    }

    /// `_ = ctx.sleep(..) => ..` in a `select!` that has no branch for a cancellation.
    fn branches(&mut self, branches: &Group) {
        let tokens = inside(branches);
        let hears = tokens.iter().enumerate().any(|(index, token)| {
            matches!(token, TokenTree::Ident(word) if word == "cancelled")
                && is_method(&tokens, index)
        });
        if hears {
            return;
        }
        for (index, token) in tokens.iter().enumerate() {
            let begins = index == 0
                || is_mark(&tokens[index - 1], ',')
                || matches!(&tokens[index - 1], TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
            let [TokenTree::Punct(equals), future @ ..] = &tokens[index + 1..] else {
                continue;
            };
            if !begins
                || !matches!(token, TokenTree::Ident(word) if word == "_")
                || equals.as_char() != '='
            {
                continue;
            }
            let end = future
                .iter()
                .position(|token| is_mark(token, '=') || is_mark(token, ','));
            let future = &future[..end.unwrap_or(future.len())];
            if let Some(operation) = operation(future)
                && is_wait(&operation)
            {
                self.warn(
                    &operation,
                    &format!("this branch would take a cancellation for the end of `{operation}`"),
                    "write `ended = .. => { ended?; .. }`, or add a branch `reason = ctx.cancelled() => ..`",
                );
            }
        }
    }

    /// `ctx.state_mut(|state| ctx.state(..))`: the state is lent once.
    fn nested_state(&mut self, outer: &Ident, rest: &[TokenTree]) {
        let Some(TokenTree::Group(arguments)) = rest.first() else {
            return;
        };
        let wanted: &[&str] = if outer == "state_mut" {
            &STATE
        } else {
            &STATE[1..]
        };
        if let Some(inner) = method(arguments, wanted) {
            self.diagnostics.error_with_page(
                &inner,
                &format!("`{inner}` inside of `{outer}`, which has lent the state already"),
                "use the closure's own argument, or call one after the other",
                Page("nested-state"),
            );
        }
    }

    /// Remembers `Bookings` of `ctx.start_activity(Bookings::book, ..)`.
    fn owners_of_activities(&mut self, tokens: &[TokenTree]) {
        for (index, token) in tokens.iter().enumerate() {
            match token {
                TokenTree::Group(group) => self.owners_of_activities(&inside(group)),
                TokenTree::Ident(word)
                    if word == "start_activity" || word == "start_local_activity" =>
                {
                    if let Some(TokenTree::Group(arguments)) = tokens.get(index + 1)
                        && let [TokenTree::Ident(owner), TokenTree::Punct(_), ..] =
                            &inside(arguments)[..]
                    {
                        self.owners.push(owner.to_string());
                    }
                }
                TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }

    /// `Bookings::book(&bookings, trip).await`, which runs in the workflow.
    fn called(&mut self, owner: &Ident, rest: &[TokenTree]) {
        let [
            TokenTree::Punct(first),
            TokenTree::Punct(second),
            TokenTree::Ident(method),
            TokenTree::Group(arguments),
            TokenTree::Punct(dot),
            TokenTree::Ident(awaited),
            ..,
        ] = rest
        else {
            return;
        };
        let is_call = first.as_char() == ':'
            && second.as_char() == ':'
            && arguments.delimiter() == Delimiter::Parenthesis
            && dot.as_char() == '.'
            && awaited == "await";
        let is_given_its_owner = matches!(
            &inside(arguments)[..],
            [TokenTree::Punct(borrow), TokenTree::Ident(value), ..]
                if borrow.as_char() == '&' && value == owner
        );
        let is_owner = self.owners.iter().any(|name| owner == name);
        if is_call && (is_owner || is_given_its_owner) {
            self.notes.push(warning(
                method.span(),
                &format!("`{owner}::{method}`, if it is an activity, runs inside of the workflow here, and again in every replay"),
                &format!("write `ctx.start_activity({owner}::{method}, input, options).await?`"),
                Page("called-activity"),
            ));
        }
    }
}

/// The operation that an expression starts, if that is all that it does: `ctx.sleep(..)`.
fn operation(expression: &[TokenTree]) -> Option<Ident> {
    let mut index = expression.len();
    while index > 1 {
        index -= 1;
        let TokenTree::Ident(word) = &expression[index] else {
            continue;
        };
        if is_method(expression, index) && tells_of_cancellation(word) {
            return Some(word.clone());
        }
    }
    None
}

/// The first call of one of these methods in a group.
fn method(group: &Group, names: &[&str]) -> Option<Ident> {
    let tokens = inside(group);
    tokens
        .iter()
        .enumerate()
        .find_map(|(index, token)| match token {
            TokenTree::Ident(word)
                if is_method(&tokens, index) && names.iter().any(|name| word == name) =>
            {
                matches!(tokens.get(index + 1), Some(TokenTree::Group(_))).then(|| word.clone())
            }
            TokenTree::Group(group) => method(group, names),
            TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => None,
        })
}

fn is_method(tokens: &[TokenTree], index: usize) -> bool {
    index > 0 && is_mark(&tokens[index - 1], '.')
}

fn inside(group: &Group) -> Vec<TokenTree> {
    group.stream().into_iter().collect()
}

fn is_block(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
}

fn is_mark(token: &TokenTree, mark: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == mark)
}
