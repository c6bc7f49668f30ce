//! `select!`: waits for the first of several futures, in the order in which they are written.

mod expand;
mod parse;

use proc_macro2::TokenStream;
use quote::quote;

/// Expands the macro; with mistakes, the errors as well.
pub(crate) fn expand(branches: TokenStream) -> TokenStream {
    let (select, diagnostics) = parse::parse(branches);
    let errors = (!diagnostics.is_empty()).then(|| diagnostics.last_stand_in());
    let expansion = match &errors {
        Some(error) if select.branches.is_empty() => error.clone(),
        _ => expand::expand(&select),
    };
    if errors.is_none() {
        return expansion;
    }
    let errors = diagnostics.into_items();
    quote!({ #errors #expansion })
}

#[cfg(test)]
mod tests;
