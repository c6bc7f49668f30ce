//! `#[workflow_methods]`: turns the methods of an impl block into a workflow's definition.

mod check;
mod expand;
mod fallback;
mod model;
mod parse;

use proc_macro2::TokenStream;
use quote::ToTokens;

use crate::{block, determinism, diagnostics::Diagnostics, expand::no_dependency, facade};

/// Expands the attribute. A method with a mistake becomes a plain one and the rest is expanded; with
/// a mistake that concerns the whole block, it comes back without our attributes.
pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let mut diagnostics = Diagnostics::default();
    let Some(mut model) = parse::parse(arguments, &item, &mut diagnostics) else {
        let mut tokens = diagnostics.into_items();
        tokens.extend(determinism::strip(item));
        return tokens;
    };
    let is_sound = check::check(&mut model, &mut diagnostics);
    determinism::strip_block(&mut model.block);
    let krate = model.options.krate().or_else(facade::find);
    if krate.is_none() {
        no_dependency(&model.block.self_ty, "workflow_methods", &mut diagnostics);
    }
    let expansion = match (&krate, block::owner(&model.block), model.run()) {
        (Some(krate), Some(owner), Some(run)) if is_sound => {
            expand::expand(&model, owner, run, krate)
        }
        (Some(krate), Some(_), _) => {
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

#[cfg(test)]
mod tests;
