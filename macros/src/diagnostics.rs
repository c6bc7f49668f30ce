//! Collects what is wrong with the user's code, so that one build shows every mistake of a stage.
//!
//! It does not decide what a mistake is; the `check` modules do.
//!
//! Invariants: every error points at a token of the user, and its text is two lines, what is wrong
//! and `help: ` with what to type.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::Error;

/// The errors of one expansion, in the order in which they were found.
#[derive(Debug, Default)]
#[must_use = "errors that nobody looks at are never shown"]
pub(crate) struct Diagnostics {
    errors: Option<Error>,
}

impl Diagnostics {
    /// Records an error that underlines `tokens`.
    pub(crate) fn error(&mut self, tokens: &dyn ToTokens, problem: &str, help: &str) {
        let text = text(problem, help);
        self.push(Error::new_spanned(tokens.to_token_stream(), text));
    }

    /// Records an error at a single token.
    pub(crate) fn error_at(&mut self, span: Span, problem: &str, help: &str) {
        self.push(Error::new(span, text(problem, help)));
    }

    /// Records an error of the parser with a hint of ours.
    pub(crate) fn syntax(&mut self, error: &Error, help: &str) {
        self.push(Error::new(error.span(), text(&error.to_string(), help)));
    }

    /// Whether nothing is wrong so far.
    pub(crate) fn is_empty(&self) -> bool {
        self.errors.is_none()
    }

    /// Turns the errors into `compile_error!` items.
    pub(crate) fn into_items(self) -> TokenStream {
        self.errors
            .map_or_else(TokenStream::new, |errors| errors.to_compile_error())
    }

    fn push(&mut self, error: Error) {
        match &mut self.errors {
            None => self.errors = Some(error),
            Some(errors) => errors.combine(error),
        }
    }
}

/// Writes names as a person does: `a`, `b` and `c`.
pub(crate) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.as_slice() {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

fn text(problem: &str, help: &str) -> String {
    format!("{problem}\nhelp: {help}")
}

/// An expansion as a person would write it.
#[cfg(test)]
pub(crate) fn pretty(tokens: TokenStream) -> String {
    let text = tokens.to_string();
    match syn::parse2(tokens) {
        Ok(file) => prettyplease::unparse(&file),
        Err(error) => panic!("{error} in {text}"),
    }
}

#[cfg(test)]
mod tests {
    use proc_macro2::Span;

    use super::{Diagnostics, list};

    #[test]
    fn names_are_listed_as_a_person_does() {
        assert_eq!(list([]), "");
        assert_eq!(list(["a"]), "`a`");
        assert_eq!(list(["a", "b", "c"]), "`a`, `b` and `c`");
    }

    #[test]
    fn every_error_of_a_stage_is_kept() {
        let mut diagnostics = Diagnostics::default();
        assert!(diagnostics.is_empty());
        diagnostics.error_at(Span::call_site(), "one", "two");
        diagnostics.error_at(Span::call_site(), "three", "four");
        assert!(!diagnostics.is_empty());
        let items = diagnostics.into_items().to_string();
        assert!(items.contains("\"one\\nhelp: two\""), "{items}");
        assert!(items.contains("\"three\\nhelp: four\""), "{items}");
    }
}
