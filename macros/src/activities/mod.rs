//! `#[activities]` and `#[activity_definitions]`: turn the methods of an impl block into activity
//! definitions.

mod cancellation;
mod check;
mod expand;
mod model;
mod parse;

use proc_macro2::TokenStream;
use quote::ToTokens;

use self::model::Form;
use crate::{block, diagnostics::Diagnostics, expand::no_dependency, facade};

/// Expands `#[activities]`.
pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand_form(Form::Implemented, arguments, item)
}

/// Expands `#[activity_definitions]`.
pub(crate) fn declare(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand_form(Form::Declared, arguments, item)
}

/// An activity with a mistake becomes a plain method and the rest is expanded; with a mistake that
/// concerns the whole block, it comes back without our attributes.
fn expand_form(form: Form, arguments: TokenStream, item: TokenStream) -> TokenStream {
    let mut diagnostics = Diagnostics::default();
    let Some(mut model) = parse::parse(form, arguments, &item, &mut diagnostics) else {
        let mut tokens = diagnostics.into_items();
        tokens.extend(block::without_markers(item, &["activity"]));
        return tokens;
    };
    let is_sound = check::check(&mut model, &mut diagnostics);
    let krate = model.options.krate().or_else(facade::find);
    if krate.is_none() {
        no_dependency(&model.block.self_ty, form.attribute(), &mut diagnostics);
    }
    let expansion = match (&krate, block::owner(&model.block)) {
        (Some(krate), Some(owner)) if is_sound => expand::expand(&model, owner, krate),
        _ => model.block.to_token_stream(),
    };
    let mut tokens = diagnostics.into_items();
    tokens.extend(expansion);
    tokens
}

#[cfg(test)]
mod tests;
