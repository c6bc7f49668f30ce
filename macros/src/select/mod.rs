//! `select!`: waits for the first of several futures, in the order in which they are written.

mod expand;
mod parse;

use proc_macro2::TokenStream;

/// Expands the macro; on a mistake, the errors.
pub(crate) fn expand(branches: TokenStream) -> TokenStream {
    match parse::parse(branches) {
        Ok(select) => expand::expand(&select),
        Err(diagnostics) => expand::errors(diagnostics),
    }
}

#[cfg(test)]
mod tests;
