//! Says what is wrong with a `#[workflow_methods]` block.

mod cancellation;
mod method;

use syn::ImplItem;

use super::model::{Kind, Marked, Model};
use crate::{
    block, determinism,
    diagnostics::{Diagnostics, Page},
    options::Accepted,
};

const BLOCK: Accepted = Accepted {
    attribute: "workflow_methods",
    keys: &["crate", "handle"],
    hint: "the options are `crate` and `handle`; the workflow's name goes on its struct, as in \
           `#[workflow(name = \"..\")]`",
};

/// Checks the whole block, and takes what has a mistake out of the model. Whether the rest can be
/// expanded.
pub(super) fn check(model: &mut Model, diagnostics: &mut Diagnostics) -> bool {
    // A misspelt attribute was reported already; what it would mark is not missing.
    let is_misspelt = !diagnostics.is_empty();
    model.options.check(&BLOCK, diagnostics);
    let before = diagnostics.count();
    block::check(&model.block, "workflow_methods", diagnostics);
    block::take_block_attributes(&mut model.block);
    let is_sound = diagnostics.count() == before;
    let mut wrong = Vec::new();
    check_single(model, Kind::Run, &mut wrong, diagnostics);
    check_single(model, Kind::Init, &mut wrong, diagnostics);
    if model.run().is_none() && is_sound && !is_misspelt {
        diagnostics.error(
            &model.block.self_ty,
            "this `#[workflow_methods]` block has no `#[run]` method",
            "add `#[run] async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()>`",
        );
    }
    for (index, marked) in model.methods.iter().enumerate() {
        let before = diagnostics.count();
        if let Some(ImplItem::Fn(written)) = model.block.items.get(marked.method.index) {
            method::check_method(model, marked, written, diagnostics);
        }
        check_name(marked, &model.methods[..index], diagnostics);
        if diagnostics.count() > before {
            wrong.push(marked.method.index);
        }
    }
    check_init_and_run(model, &mut wrong, diagnostics);
    determinism::check(&model.block, diagnostics);
    cancellation::check(&mut model.block, diagnostics);
    let runs = model.of(Kind::Run).count();
    let inits = model.of(Kind::Init).count();
    for index in &wrong {
        block::demote(&mut model.block, *index);
    }
    model
        .methods
        .retain(|marked| !wrong.contains(&marked.method.index));
    // Without its run or init method a workflow is another one.
    is_sound
        && runs > 0
        && model.of(Kind::Run).count() > 0
        && (inits == 0 || model.of(Kind::Init).count() > 0)
}

fn check_single(model: &Model, kind: Kind, wrong: &mut Vec<usize>, diagnostics: &mut Diagnostics) {
    let mut methods = model.of(kind);
    let Some(first) = methods.next() else {
        return;
    };
    let attribute = kind.attribute();
    let first = &first.method.signature.ident;
    for other in methods {
        let ident = &other.method.signature.ident;
        let (problem, help) = if kind == Kind::Run {
            (
                "a workflow has exactly one `#[run]` method",
                format!("remove `#[run]` from `{ident}`, or make it a `#[signal]`"),
            )
        } else {
            (
                "a workflow has at most one `#[init]` method",
                format!("remove `#[{attribute}]` from `{ident}`"),
            )
        };
        diagnostics.error(
            &other.attribute,
            &format!("{problem}, but `{first}` is already marked"),
            &help,
        );
        wrong.push(other.method.index);
    }
}

fn check_name(marked: &Marked, earlier: &[Marked], diagnostics: &mut Diagnostics) {
    if !marked.kind.is_handler() {
        return;
    }
    let own = marked.name();
    let Some(other) = earlier
        .iter()
        .find(|other| other.kind == marked.kind && other.name() == own)
    else {
        return;
    };
    let kind = marked.kind.attribute();
    let problem = format!(
        "the name `{own}` is taken by {kind} `{}`",
        other.method.signature.ident
    );
    const HELP: &str = "give one of them another `name`";
    match marked.options.string("name") {
        Some(name) => diagnostics.error(&name, &problem, HELP),
        None => diagnostics.error(&marked.method.signature.ident, &problem, HELP),
    }
}

/// The input goes to one of the two.
fn check_init_and_run(model: &Model, wrong: &mut Vec<usize>, diagnostics: &mut Diagnostics) {
    let (Some(init), Some(run)) = (model.init(), model.run()) else {
        return;
    };
    if init.method.signature.inputs.is_empty() {
        return;
    }
    if let Some(input) = run.method.signature.inputs.first() {
        let init = &init.method.signature.ident;
        diagnostics.error_with_page(
            &input.name,
            &format!(
                "the input goes to `#[init]` method `{init}`, so {} gets none",
                run.label()
            ),
            "keep what is needed in the state, or take the input here only",
            Page("init-and-run"),
        );
        wrong.push(run.method.index);
    }
}
