//! Says what is wrong with a `#[workflow_methods]` block.

mod cancellation;
mod method;
mod swallowed;

use syn::Path;

use super::model::{Kind, Marked, Model, WrongMethod};
use crate::{
    block::{self, Wrong},
    determinism,
    diagnostics::{Diagnostics, Page},
    items::Item,
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
pub(super) fn check(
    model: &mut Model,
    krate: Option<&Path>,
    diagnostics: &mut Diagnostics,
) -> bool {
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
    if model.run().is_none() && is_sound && !is_misspelt && !model.block.hides(&["run"]) {
        diagnostics.error(
            &model.block.self_ty,
            "this `#[workflow_methods]` block has no `#[run]` method",
            "add `#[run] async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()>`; if it is \
             in another block, move these methods there: a workflow has one",
        );
    }
    for (index, marked) in model.methods.iter().enumerate() {
        let before = diagnostics.count();
        if let Some(Item::Function(written)) = model.block.items.get(marked.method.index) {
            method::check_method(model, marked, written, diagnostics);
        }
        check_name(marked, &model.methods[..index], diagnostics);
        note_wrong(marked, before, &mut wrong, diagnostics);
    }
    check_init_and_run(model, &mut wrong, diagnostics);
    determinism::check(&mut model.block, krate, diagnostics);
    cancellation::check(&mut model.block, diagnostics);
    swallowed::check(&mut model.block, diagnostics);
    // What is said of a method twice is in its place once.
    wrong.sort_by_key(|wrong: &Wrong| wrong.index);
    wrong.dedup_by_key(|wrong| wrong.index);
    for wrong in wrong {
        block::demote(&mut model.block, &wrong);
        let mut taken = model
            .methods
            .extract_if(.., |marked| marked.method.index == wrong.index);
        if let Some(marked) = taken.next() {
            drop(taken);
            model.wrong.push(WrongMethod {
                marked,
                stand_in: wrong.stand_in,
            });
        }
    }
    is_sound
}

/// Keeps in mind that something was said of a method.
fn note_wrong(marked: &Marked, before: usize, wrong: &mut Vec<Wrong>, diagnostics: &Diagnostics) {
    if let Some(stand_in) = diagnostics.stand_in(before) {
        wrong.push(Wrong {
            index: marked.method.index,
            stand_in,
        });
    }
}

fn check_single(model: &Model, kind: Kind, wrong: &mut Vec<Wrong>, diagnostics: &mut Diagnostics) {
    let mut methods = model.of(kind);
    let Some(first) = methods.next() else {
        return;
    };
    let attribute = kind.attribute();
    let first = &first.method.signature.ident;
    for other in methods {
        let before = diagnostics.count();
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
        note_wrong(other, before, wrong, diagnostics);
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
fn check_init_and_run(model: &Model, wrong: &mut Vec<Wrong>, diagnostics: &mut Diagnostics) {
    let (Some(init), Some(run)) = (model.init(), model.run()) else {
        return;
    };
    if init.method.signature.inputs.is_empty() {
        return;
    }
    if let Some(input) = run.method.signature.inputs.first() {
        let before = diagnostics.count();
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
        note_wrong(run, before, wrong, diagnostics);
    }
}
