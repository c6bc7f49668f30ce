//! Says what is wrong with an `#[activities]` block.

use proc_macro2::TokenTree;

use super::{
    cancellation,
    model::{Activity, Form, Model},
};
use crate::{
    block::{self, Wrong},
    casing::wire_name,
    diagnostics::{Diagnostics, Page, article},
    items::{Function, Item},
    options::Accepted,
    signature::{self, ContextKind, Mode, Receiver, receiver_span},
};

const ACTIVITY: Accepted = Accepted {
    attribute: "activity",
    keys: &["name", "auto_heartbeat"],
    hint: "the options are `name` and `auto_heartbeat`; timeouts and retry policy are chosen by \
           the caller in `ActivityOptions`",
};

/// Checks the whole block, and takes what has a mistake out of the model. Whether the rest can be
/// expanded.
pub(super) fn check(model: &mut Model, diagnostics: &mut Diagnostics) -> bool {
    // A misspelt attribute was reported already; what it would mark is not missing.
    let is_misspelt = !diagnostics.is_empty();
    let attribute = model.form.attribute();
    let block = Accepted {
        attribute,
        keys: &["crate"],
        hint: "the only option is `crate`; a name goes on the method, as in \
               `#[activity(name = \"..\")]`",
    };
    model.options.check(&block, diagnostics);
    let before = diagnostics.count();
    block::check(&model.block, attribute, diagnostics);
    block::take_block_attributes(&mut model.block);
    let is_sound = diagnostics.count() == before;
    if model.activities.is_empty() && is_sound && !is_misspelt && !model.block.hides(&["activity"])
    {
        diagnostics.error(
            &model.block.self_ty,
            &format!("this `#[{attribute}]` block has no activity"),
            "put `#[activity]` on its methods",
        );
    }
    let mut wrong = Vec::new();
    for (index, activity) in model.activities.iter().enumerate() {
        let before = diagnostics.count();
        if let Some(Item::Function(written)) = model.block.items.get(activity.method.index) {
            match model.form {
                Form::Implemented => check_activity(activity, written, diagnostics),
                Form::Declared => check_declared(activity, written, diagnostics),
            }
        }
        check_name(activity, &model.activities[..index], diagnostics);
        if let Some(stand_in) = diagnostics.stand_in(before) {
            wrong.push(Wrong {
                index: activity.method.index,
                stand_in,
            });
        }
    }
    let implemented = model
        .activities
        .iter()
        .filter(|_| model.form == Form::Implemented);
    for activity in implemented {
        if let Some(Item::Function(written)) = model.block.items.get_mut(activity.method.index) {
            cancellation::warn(activity, written);
        }
    }
    for wrong in &wrong {
        block::demote(&mut model.block, wrong);
    }
    model
        .activities
        .retain(|activity| !wrong.iter().any(|it| it.index == activity.method.index));
    is_sound
}

/// The name that goes on the wire.
pub(super) fn name(activity: &Activity) -> String {
    activity.options.string("name").map_or_else(
        || wire_name(&activity.method.signature.ident),
        |name| name.value(),
    )
}

fn check_name(activity: &Activity, earlier: &[Activity], diagnostics: &mut Diagnostics) {
    let own = name(activity);
    let Some(other) = earlier.iter().find(|other| name(other) == own) else {
        return;
    };
    let problem = format!(
        "the name `{own}` is taken by activity `{}`",
        other.method.signature.ident
    );
    const HELP: &str = "give one of them another `name`";
    match activity.options.string("name") {
        Some(name) => diagnostics.error(&name, &problem, HELP),
        None => diagnostics.error(&activity.method.signature.ident, &problem, HELP),
    }
}

fn check_activity(activity: &Activity, written: &Function, diagnostics: &mut Diagnostics) {
    activity.options.check(&ACTIVITY, diagnostics);
    let signature = &activity.method.signature;
    let label = format!("`#[activity]` function `{}`", signature.ident);
    for repeated in &activity.repeated {
        diagnostics.error(
            repeated.path(),
            &format!("{label} is marked twice"),
            "remove one `#[activity]`",
        );
    }
    signature::check(signature, &written.sig, &label, false, diagnostics);
    check_receiver(&signature.receiver, &written.sig, &label, diagnostics);
    if let Some(context) = signature.context() {
        let argument = &written.sig.inputs[context.position];
        if context.kind != ContextKind::Activity && context.kind != ContextKind::Alias {
            diagnostics.error(
                argument,
                &format!("{label} cannot take {}", article(context.kind.name())),
                "take an `ActivityContext`, or move the method to the workflow",
            );
        } else if context.mode == Mode::Mutable {
            diagnostics.error(
                argument,
                &format!("{label} must not take its context by `&mut`"),
                "write `ctx: ActivityContext`",
            );
        }
    }
    cancellation::check(activity, written, &label, diagnostics);
}

/// What is only declared has a name, inputs and an output.
fn check_declared(activity: &Activity, written: &Function, diagnostics: &mut Diagnostics) {
    let accepted = Accepted {
        keys: &["name"],
        hint: "the only option is `name`; how it runs is for its implementation to say",
        ..ACTIVITY
    };
    activity.options.check(&accepted, diagnostics);
    let signature = &activity.method.signature;
    let label = format!("declared `#[activity]` `{}`", signature.ident);
    signature::check(signature, &written.sig, &label, false, diagnostics);
    if let Some(span) = receiver_span(&written.sig) {
        diagnostics.error_at(
            span,
            &format!("{label} must not take `self`"),
            "remove it; the implementation is elsewhere",
        );
    }
    if let Some(context) = signature.context() {
        diagnostics.error(
            &written.sig.inputs[context.position],
            &format!("{label} must not take a context"),
            "remove it; write what a caller passes",
        );
    }
    let has_body = written.body.is_some() && !is_unimplemented(written);
    if has_body {
        diagnostics.error(
            &signature.ident,
            &format!("{label} has a body, which nobody would run"),
            "write `;` in its place, or `#[activities]` on the block to implement it here",
        );
    }
}

/// Whether a body is `unimplemented!()` and nothing else.
fn is_unimplemented(written: &Function) -> bool {
    let mut words = written.statements().into_iter();
    let mut last = None;
    let is_macro = loop {
        match words.next() {
            Some(TokenTree::Ident(word)) => last = Some(word),
            Some(TokenTree::Punct(mark)) if mark.as_char() == ':' => {}
            Some(TokenTree::Punct(mark)) => break mark.as_char() == '!',
            _ => break false,
        }
    };
    let is_call = matches!(words.next(), Some(TokenTree::Group(_)));
    let is_last = match words.next() {
        Some(TokenTree::Punct(end)) => end.as_char() == ';' && words.next().is_none(),
        Some(_) => false,
        None => true,
    };
    is_macro && is_call && is_last && last.is_some_and(|last| last == "unimplemented")
}

fn check_receiver(
    receiver: &Receiver,
    written: &syn::Signature,
    label: &str,
    diagnostics: &mut Diagnostics,
) {
    let Some(span) = receiver_span(written) else {
        return;
    };
    match receiver {
        Receiver::Mutable => diagnostics.error_at_with_page(
            span,
            &format!("{label} must not take `&mut self`"),
            "write `&self`; many activities run at once, so changing state needs a lock or an \
             atomic",
            Page("activity-receiver"),
        ),
        Receiver::Other => diagnostics.error_at(
            span,
            &format!("{label} cannot take `self` like this"),
            "write `&self`, `self: Arc<Self>` or no receiver at all",
        ),
        Receiver::None | Receiver::Shared | Receiver::Arc(_) => {}
    }
}
