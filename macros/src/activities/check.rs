//! Says what is wrong with an `#[activities]` block.

use syn::{ImplItem, ImplItemFn};

use super::{
    cancellation,
    model::{Activity, Model},
};
use crate::{
    block,
    casing::wire_name,
    diagnostics::{Diagnostics, article},
    options::Accepted,
    signature::{self, ContextKind, Mode, Receiver, receiver_span},
};

const BLOCK: Accepted = Accepted {
    attribute: "activities",
    keys: &["crate"],
    hint: "the only option is `crate`; a name goes on the method, as in \
           `#[activity(name = \"..\")]`",
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
    model.options.check(&BLOCK, diagnostics);
    let before = diagnostics.count();
    block::check(&model.block, "activities", diagnostics);
    block::take_block_attributes(&mut model.block);
    let is_sound = diagnostics.count() == before;
    if model.activities.is_empty() && is_sound && !is_misspelt {
        diagnostics.error(
            &model.block.self_ty,
            "this `#[activities]` block has no activity",
            "put `#[activity]` on its methods",
        );
    }
    let mut wrong = Vec::new();
    for (index, activity) in model.activities.iter().enumerate() {
        let before = diagnostics.count();
        if let Some(ImplItem::Fn(written)) = model.block.items.get(activity.method.index) {
            check_activity(activity, written, diagnostics);
        }
        check_name(activity, &model.activities[..index], diagnostics);
        if diagnostics.count() > before {
            wrong.push(activity.method.index);
        }
    }
    for activity in &model.activities {
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
        Receiver::Mutable => diagnostics.error_at(
            span,
            &format!("{label} must not take `&mut self`"),
            "write `&self`; many activities run at once, so changing state needs a lock or an \
             atomic",
        ),
        Receiver::Other => diagnostics.error_at(
            span,
            &format!("{label} cannot take `self` like this"),
            "write `&self`, `self: Arc<Self>` or no receiver at all",
        ),
        Receiver::None | Receiver::Shared | Receiver::Arc(_) => {}
    }
}
