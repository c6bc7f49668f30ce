//! `#[workflow_methods]`: turns the methods of an impl block into a workflow's definition.

mod check;
mod expand;
mod fallback;
mod model;
mod parse;

use proc_macro2::TokenStream;
use quote::ToTokens;

use crate::{block, diagnostics::Diagnostics, expand::no_dependency, facade};

/// Expands the attribute; on a mistake, the errors and the block without our attributes.
pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let model = match parse::parse(arguments, &item) {
        Ok(model) => model,
        Err(diagnostics) => {
            let mut tokens = diagnostics.into_items();
            tokens.extend(item);
            return tokens;
        }
    };
    let mut diagnostics = Diagnostics::default();
    check::check(&model, &mut diagnostics);
    if diagnostics.is_empty()
        && let Some(owner) = block::owner(&model.block)
        && let Some(run) = model.run()
    {
        match model.options.krate().or_else(facade::find) {
            Some(krate) => return expand::expand(&model, owner, run, &krate),
            None => no_dependency(&model.block.self_ty, "workflow_methods", &mut diagnostics),
        }
    }
    let mut tokens = diagnostics.into_items();
    if let Some(krate) = model.options.krate().or_else(facade::find) {
        tokens.extend(fallback::expand(&model.block, &krate));
    }
    tokens.extend(model.block.to_token_stream());
    tokens
}

#[cfg(test)]
mod tests;
