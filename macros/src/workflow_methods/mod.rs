//! `#[workflow_methods]`: turns the methods of an impl block into a workflow's definition.

mod check;
mod expand;
mod fallback;
mod model;
mod parse;
mod rewrite;

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens;

use self::model::{Kind, Model};
use crate::{block, determinism, diagnostics::Diagnostics, expand::no_dependency, facade};

/// Expands the attribute. A method with a mistake becomes a plain one and the rest is expanded; with
/// a mistake that concerns the whole block, it comes back without our attributes.
pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let mut diagnostics = Diagnostics::default();
    let Some(mut model) = parse::parse(arguments, &item, &mut diagnostics) else {
        let mut tokens = diagnostics.into_items();
        let item = determinism::strip(item);
        tokens.extend(block::without_markers(item, &Kind::ATTRIBUTES));
        return tokens;
    };
    let krate = model.options.krate().or_else(facade::find);
    let is_sound = check::check(&mut model, krate.as_ref(), &mut diagnostics);
    determinism::strip_block(&mut model.block);
    if let Some(owner) = block::owner(&model.block).cloned() {
        let values = model
            .methods
            .iter()
            .filter(|marked| marked.kind.is_handler());
        let values: Vec<Ident> = values.map(|it| it.method.signature.ident.clone()).collect();
        rewrite::rewrite(
            &mut model.block,
            &owner,
            &values,
            krate.as_ref(),
            &mut diagnostics,
        );
    }
    if krate.is_none() {
        no_dependency(&model.block.self_ty, "workflow_methods", &mut diagnostics);
    }
    let expansion = match (&krate, block::owner(&model.block)) {
        (Some(krate), Some(owner)) if is_sound && model.has_run() => {
            expand::expand(&model, owner, krate)
        }
        (Some(krate), Some(_)) if needs_definition(&model) => {
            let mut tokens = fallback::expand(&model.block, krate);
            tokens.extend(model.block.to_token_stream());
            tokens
        }
        _ => model.block.to_token_stream(),
    };
    let mut tokens = diagnostics.into_items();
    tokens.extend(expansion);
    tokens
}

/// Whether a block that defines no workflow names the context of one. Without a run method it may be the
/// second block of a workflow, whose definition is elsewhere.
fn needs_definition(model: &Model) -> bool {
    fn names_context(tokens: TokenStream) -> bool {
        tokens.into_iter().any(|token| match token {
            TokenTree::Ident(word) => word == "WorkflowContext" || word == "SyncWorkflowContext",
            TokenTree::Group(group) => names_context(group.stream()),
            TokenTree::Punct(_) | TokenTree::Literal(_) => false,
        })
    }
    model.has_run() || names_context(model.block.to_token_stream())
}

#[cfg(test)]
mod tests;
