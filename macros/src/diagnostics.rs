//! Collects what is wrong with the user's code, so that one build shows every mistake of a stage.
//!
//! It does not decide what a mistake is; the `check` modules do.
//!
//! Invariants: every error points at a token of the user, and its text is two lines, what is wrong
//! and `help: ` with what to type; where the reason needs more, a third line names a page of the
//! book of errors.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::Error;

/// The errors of one expansion, in the order in which they were found.
#[derive(Debug, Default)]
#[must_use = "errors that nobody looks at are never shown"]
pub(crate) struct Diagnostics {
    errors: Option<Error>,
}

/// A page of the book of errors, `docs/errors/<name>.md`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page(pub(crate) &'static str);

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

    /// Records an error whose reason needs a page.
    pub(crate) fn error_with_page(
        &mut self,
        tokens: &dyn ToTokens,
        problem: &str,
        help: &str,
        page: Page,
    ) {
        let text = text_with_page(problem, help, page);
        self.push(Error::new_spanned(tokens.to_token_stream(), text));
    }

    /// Records an error at a single token, whose reason needs a page.
    pub(crate) fn error_at_with_page(&mut self, span: Span, problem: &str, help: &str, page: Page) {
        self.push(Error::new(span, text_with_page(problem, help, page)));
    }

    /// Records an error of the parser with a hint of ours.
    pub(crate) fn syntax(&mut self, error: &Error, help: &str) {
        self.push(Error::new(error.span(), text(&error.to_string(), help)));
    }

    /// Whether nothing is wrong so far.
    pub(crate) fn is_empty(&self) -> bool {
        self.errors.is_none()
    }

    /// How many errors there are so far.
    pub(crate) fn count(&self) -> usize {
        self.errors
            .as_ref()
            .map_or(0, |errors| errors.into_iter().count())
    }

    /// The first error behind so many others, as what stands in the place of a value: whoever uses that is told
    /// nothing more, and the compiler says the same thing at the same place only once. [`error_type`] makes a type of it.
    pub(crate) fn stand_in(&self, after: usize) -> Option<TokenStream> {
        let errors = self.errors.as_ref()?;
        errors
            .into_iter()
            .nth(after)
            .map(|error| error.to_compile_error())
    }

    /// The last error, as [`stand_in`](Self::stand_in) gives it.
    pub(crate) fn last_stand_in(&self) -> TokenStream {
        let last = self.count().saturating_sub(1);
        self.stand_in(last).unwrap_or_default()
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

/// What stands in the place of a type. A macro that fails there is `()` to the compiler, and the length of an array is not.
pub(crate) fn error_type(stand_in: &TokenStream) -> TokenStream {
    quote!([(); #stand_in])
}

/// The one of `names` that somebody who wrote `written` probably meant.
pub(crate) fn nearest<'a>(written: &str, names: &[&'a str]) -> Option<&'a str> {
    names
        .iter()
        .map(|name| (distance(written, name), *name))
        .filter(|(distance, name)| *distance <= if name.len() > 4 { 2 } else { 1 })
        .min()
        .map(|(_, name)| name)
}

/// How many letters have to be added, removed, replaced, or swapped with their neighbour.
fn distance(from: &str, to: &str) -> usize {
    let (from, to) = (from.as_bytes(), to.as_bytes());
    let mut rows = vec![(0..=to.len()).collect::<Vec<usize>>()];
    for (i, a) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in to.iter().enumerate() {
            let replaced = rows[i][j] + usize::from(a != b);
            let mut least = replaced.min(rows[i][j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == to[j - 1] && from[i - 1] == *b {
                least = least.min(rows[i - 1][j - 1] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[from.len()][to.len()]
}

/// A name with `a` or `an` before it.
pub(crate) fn article(name: &str) -> String {
    let article = if name.starts_with(['A', 'a', 'I', 'i', 'u']) {
        "an"
    } else {
        "a"
    };
    format!("{article} `{name}`")
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

fn text_with_page(problem: &str, help: &str, Page(page): Page) -> String {
    format!("{problem}\nhelp: {help}\nread: docs/errors/{page}.md")
}

/// An item that causes a warning, for what may well be meant but seldom is. A stable macro cannot warn
/// by itself, but the compiler warns of the use of what is deprecated; of a macro it says the name alone.
pub(crate) fn warning(span: Span, problem: &str, help: &str, page: Page) -> TokenStream {
    let text = text_with_page(problem, help, page);
    quote_spanned! {span=>
        const _: () = {
            #[deprecated(note = #text)]
            macro_rules! steadfast_warning {
                () => {
                    ()
                };
            }
            steadfast_warning!()
        };
    }
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

    use super::{Diagnostics, list, nearest};

    #[test]
    fn the_nearest_name_is_one_that_can_be_a_slip() {
        const NAMES: [&str; 4] = ["init", "run", "signal", "update_validator"];
        assert_eq!(nearest("singal", &NAMES), Some("signal"));
        assert_eq!(nearest("rum", &NAMES), Some("run"));
        assert_eq!(
            nearest("update_validater", &NAMES),
            Some("update_validator")
        );
        for known in ["inline", "test", "doc", "cfg", "must_use", "rustfmt"] {
            assert_eq!(nearest(known, &NAMES), None);
        }
    }

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
