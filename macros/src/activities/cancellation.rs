//! Whether an activity can hear of its cancellation: what its body does with its context.
//!
//! It looks at tokens, so it sees into macros and not into other functions: a context that is
//! handed on may be used there for anything.

use proc_macro2::{Ident, TokenStream, TokenTree};

use super::model::Activity;
use crate::{
    diagnostics::{Diagnostics, Page, warning},
    items::Function,
};

/// Says which cancellations are looked for in vain (rule A6).
pub(super) fn check(
    activity: &Activity,
    written: &Function,
    label: &str,
    diagnostics: &mut Diagnostics,
) {
    let uses = Uses::of(activity, written);
    if let Some(looks) = &uses.looks
        && !uses.may_heartbeat(activity)
    {
        let context = activity.method.signature.context();
        let context = context.and_then(|context| context.name.as_ref());
        diagnostics.error_with_page(
            looks,
            &format!("{label} looks for a cancellation but never heartbeats, so it cannot see one"),
            &format!(
                "write `#[activity(auto_heartbeat)]`, or call `{}.record_heartbeat(..)` while it \
                 works",
                context.map_or_else(|| "ctx".to_owned(), ToString::to_string)
            ),
            Page("cancellation-without-heartbeat"),
        );
    }
}

/// Warns of a cancellation that is reported without being looked for (A4).
pub(super) fn warn(activity: &Activity, written: &mut Function) {
    let uses = Uses::of(activity, written);
    if let Some(reports) = &uses.reports
        && uses.looks.is_none()
        && !uses.escapes
    {
        let name = &activity.method.signature.ident;
        let warning = warning(
            reports.span(),
            &format!(
                "`#[activity]` function `{name}` ends as cancelled, but never looks whether it was"
            ),
            "return another error, or look with `ctx.is_cancelled()` or `ctx.cancelled().await`",
            Page("cancelled-without-looking"),
        );
        // Inside of the function, so that an attribute on it reaches the warning.
        written.notes.push(warning);
    }
}

/// Whether the activity heartbeats, as far as one can see; if not, it never hears of a cancellation.
pub(super) fn may_heartbeat(activity: &Activity, written: &Function) -> bool {
    Uses::of(activity, written).may_heartbeat(activity)
}

/// How a body uses its context, as far as its tokens show. Macros are looked into as well.
#[derive(Debug, Default)]
struct Uses {
    /// The first `is_cancelled` or `cancelled` that is called on it.
    looks: Option<Ident>,
    /// It is called to heartbeat.
    heartbeats: bool,
    /// It is passed on, cloned or moved; whoever gets it may heartbeat.
    escapes: bool,
    /// The first `cancelled` of `ActivityError::cancelled()`.
    reports: Option<Ident>,
}

impl Uses {
    fn of(activity: &Activity, written: &Function) -> Self {
        let mut uses = Self::default();
        let context = activity.method.signature.context();
        let name = context.and_then(|context| context.name.as_ref());
        uses.scan(written.statements(), name);
        uses
    }

    fn may_heartbeat(&self, activity: &Activity) -> bool {
        activity.options.flag("auto_heartbeat") || self.heartbeats || self.escapes
    }

    fn scan(&mut self, tokens: TokenStream, context: Option<&Ident>) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        for (index, token) in tokens.iter().enumerate() {
            match token {
                TokenTree::Group(group) => self.scan(group.stream(), context),
                // It goes on elsewhere, and whoever ends it there may heartbeat.
                TokenTree::Ident(ident) if ident == "complete_async" => self.escapes = true,
                TokenTree::Ident(ident) if ident == "cancelled" => {
                    if follows_error(&tokens[..index]) {
                        self.reports.get_or_insert_with(|| ident.clone());
                    }
                }
                TokenTree::Ident(ident) if Some(ident) == context => {
                    // `self.ctx` is something else.
                    let is_field = index > 0 && is_dot(&tokens[index - 1]);
                    if !is_field {
                        self.see(&tokens[index + 1..]);
                    }
                }
                TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }

    /// Looks at what follows the context's name.
    fn see(&mut self, rest: &[TokenTree]) {
        match rest {
            [dot, TokenTree::Ident(method), ..] if is_dot(dot) => {
                match method.to_string().as_str() {
                    "is_cancelled" | "cancelled" => {
                        self.looks.get_or_insert_with(|| method.clone());
                    }
                    "heartbeat" | "record_heartbeat" => self.heartbeats = true,
                    "clone" => self.escapes = true,
                    _ => {}
                }
            }
            _ => self.escapes = true,
        }
    }
}

fn is_dot(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == '.')
}

/// Whether `ActivityError::` stands at the end.
fn follows_error(tokens: &[TokenTree]) -> bool {
    matches!(
        tokens,
        [.., TokenTree::Ident(error), TokenTree::Punct(_), TokenTree::Punct(_)]
            if error == "ActivityError"
    )
}
