//! Says what is wrong with an `#[activities]` block.

use syn::{Expr, ImplItem, ImplItemFn, Stmt};

use super::{
    cancellation,
    model::{Activity, Form, Model},
};
use crate::{
    block,
    casing::wire_name,
    diagnostics::{Diagnostics, Page, article},
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
    if model.activities.is_empty() && is_sound && !is_misspelt {
        diagnostics.error(
            &model.block.self_ty,
            &format!("this `#[{attribute}]` block has no activity"),
            "put `#[activity]` on its methods",
        );
    }
    let mut wrong = Vec::new();
    for (index, activity) in model.activities.iter().enumerate() {
        let before = diagnostics.count();
        if let Some(ImplItem::Fn(written)) = model.block.items.get(activity.method.index) {
            match model.form {
                Form::Implemented => check_activity(activity, written, diagnostics),
                Form::Declared => check_declared(activity, written, diagnostics),
            }
        }
        check_name(activity, &model.activities[..index], diagnostics);
        if diagnostics.count() > before {
            wrong.push(activity.method.index);
        }
    }
    let implemented = model
        .activities
        .iter()
        .filter(|_| model.form == Form::Implemented);
    for activity in implemented {
        if let Some(ImplItem::Fn(written)) = model.block.items.get_mut(activity.method.index) {
            cancellation::warn(activity, written);
        }
    }
    for index in &wrong {
        block::demote(&mut model.block, *index);
    }
    model
        .activities
        .retain(|activity| !wrong.contains(&activity.method.index));
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

fn check_activity(activity: &Activity, written: &ImplItemFn, diagnostics: &mut Diagnostics) {
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
        if context.kind != ContextKind::Activity {
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
fn check_declared(activity: &Activity, written: &ImplItemFn, diagnostics: &mut Diagnostics) {
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
    let only = match written.block.stmts.as_slice() {
        [Stmt::Macro(only)] => Some(&only.mac),
        [Stmt::Expr(Expr::Macro(only), _)] => Some(&only.mac),
        _ => None,
    };
    let last = only.and_then(|only| only.path.segments.last());
    if last.is_none_or(|last| last.ident != "unimplemented") {
        diagnostics.error(
            &signature.ident,
            &format!("{label} has a body, which nobody would run"),
            "write `;` in its place, or `#[activities]` on the block to implement it here",
        );
    }
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
