//! Reads what stands between the parentheses of an attribute: `name = ".."`, `crate = path`, flags.
//!
//! It knows no attribute's options by itself; each attribute says which ones it has. Reading never
//! fails: what cannot be read is kept as an entry that the check refuses.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use syn::{
    Attribute, LitStr, Meta, Path,
    ext::IdentExt,
    parse::{ParseStream, Parser},
    parse2,
    token::Eq as EqToken,
};

use crate::diagnostics::{Diagnostics, list};

/// The options of one attribute as they were written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    entries: Vec<Entry>,
    /// Tokens that are no options at all.
    stray: Option<TokenStream>,
    /// The attribute was written as `#[attribute = value]`.
    assigned: Option<TokenStream>,
}

#[derive(Clone, Debug)]
struct Entry {
    key: Ident,
    value: Option<TokenStream>,
}

/// What an attribute accepts; the texts go into its errors.
#[derive(Debug)]
pub(crate) struct Accepted {
    /// The attribute, as in `activity`.
    pub(crate) attribute: &'static str,
    /// The options with a value, then the flags.
    pub(crate) keys: &'static [&'static str],
    /// What is said to those who look for something else.
    pub(crate) hint: &'static str,
}

impl Options {
    /// Reads the arguments of an outer attribute macro.
    pub(crate) fn parse(tokens: TokenStream) -> Self {
        let mut options = Self::default();
        let rest = (|input: ParseStream<'_>| {
            while !input.is_empty() {
                let Ok(key) = input.call(Ident::parse_any) else {
                    break;
                };
                let value = if input.parse::<Option<EqToken>>()?.is_some() {
                    Some(until_comma(input)?)
                } else if !input.is_empty() && !input.peek(syn::Token![,]) {
                    // `name("x")` or `name "x"`: keep the tokens, the check shows the right form.
                    options.stray = Some(until_comma(input)?);
                    None
                } else {
                    None
                };
                options.entries.push(Entry { key, value });
                if input.parse::<Option<syn::Token![,]>>()?.is_none() {
                    break;
                }
            }
            input.parse::<TokenStream>()
        })
        .parse2(tokens);
        if let Ok(rest) = rest
            && !rest.is_empty()
        {
            options.stray = Some(rest);
        }
        options
    }

    /// Reads the options of an attribute on a method.
    pub(crate) fn of_attribute(attribute: &Attribute) -> Self {
        match &attribute.meta {
            Meta::Path(_) => Self::default(),
            Meta::List(list) => Self::parse(list.tokens.clone()),
            Meta::NameValue(pair) => Self {
                assigned: Some(quote::ToTokens::to_token_stream(&pair.value)),
                ..Self::default()
            },
        }
    }

    /// The string of an option, if it is there and is one.
    pub(crate) fn string(&self, key: &str) -> Option<LitStr> {
        self.value(key)
            .and_then(|tokens| parse2(tokens.clone()).ok())
    }

    /// The path given as `crate = path`.
    pub(crate) fn krate(&self) -> Option<Path> {
        self.value("crate")
            .and_then(|tokens| Path::parse_mod_style.parse2(tokens.clone()).ok())
    }

    /// The name given as `handle = Name`.
    pub(crate) fn handle(&self) -> Option<Ident> {
        self.value("handle")
            .and_then(|tokens| parse2(tokens.clone()).ok())
    }

    /// Whether the flag is set.
    pub(crate) fn flag(&self, key: &str) -> bool {
        self.entries.iter().any(|entry| entry.key == key)
    }

    /// Says what is wrong with the options.
    pub(crate) fn check(&self, accepted: &Accepted, diagnostics: &mut Diagnostics) {
        let Accepted {
            attribute,
            keys,
            hint,
        } = accepted;
        if let Some(value) = &self.assigned {
            let help = if keys.contains(&"name") {
                format!("write `#[{attribute}(name = {value})]`")
            } else {
                format!("write `#[{attribute}]`")
            };
            diagnostics.error(value, &format!("`#[{attribute}]` takes no value"), &help);
        }
        if let Some(stray) = &self.stray {
            diagnostics.error(
                stray,
                &format!("`#[{attribute}]` cannot read this"),
                &format!("options look like {}, separated by commas", examples(keys)),
            );
        }
        for (index, entry) in self.entries.iter().enumerate() {
            let key = entry.key.to_string();
            if !keys.contains(&key.as_str()) {
                diagnostics.error(
                    &entry.key,
                    &format!("unknown option `{key}` for `#[{attribute}]`"),
                    hint,
                );
            } else if self.entries[..index]
                .iter()
                .any(|earlier| earlier.key == entry.key)
            {
                diagnostics.error(
                    &entry.key,
                    &format!("option `{key}` is given twice"),
                    "keep one of them",
                );
            } else if self.stray.is_none() {
                entry.check(&key, attribute, diagnostics);
            }
        }
    }

    fn value(&self, key: &str) -> Option<&TokenStream> {
        self.entries
            .iter()
            .find(|entry| entry.key == key)?
            .value
            .as_ref()
    }
}

impl Entry {
    fn check(&self, key: &str, attribute: &str, diagnostics: &mut Diagnostics) {
        match (key, &self.value) {
            ("name", None) => diagnostics.error(
                &self.key,
                "option `name` needs a value",
                &format!("write `#[{attribute}(name = \"..\")]`"),
            ),
            ("name", Some(value)) => match parse2::<LitStr>(value.clone()) {
                Err(_) => diagnostics.error_at(
                    first_span(value).unwrap_or_else(|| self.key.span()),
                    "option `name` must be a string",
                    &format!("write `#[{attribute}(name = \"..\")]`"),
                ),
                Ok(name) if name.value().trim().is_empty() => diagnostics.error(
                    &name,
                    "a name must not be empty",
                    "write the name that histories should show, or remove the option",
                ),
                Ok(name) if is_reserved(&name.value()) => diagnostics.error(
                    &name,
                    &format!("the name `{}` belongs to Temporal", name.value()),
                    "choose a name that does not start with `__temporal` or `__stack_trace`",
                ),
                Ok(_) => {}
            },
            ("handle", value) => {
                let name = value
                    .as_ref()
                    .map(|value| parse2::<Ident>(value.clone()).is_ok());
                if name != Some(true) {
                    diagnostics.error(
                        &self.key,
                        "option `handle` must be a name",
                        &format!("write `#[{attribute}(handle = TripHandle)]`"),
                    );
                }
            }
            ("crate", value) => {
                let path = value
                    .as_ref()
                    .map(|value| Path::parse_mod_style.parse2(value.clone()));
                if !matches!(path, Some(Ok(_))) {
                    diagnostics.error(
                        &self.key,
                        "option `crate` must be a path",
                        "write where the crate is, as in `crate = ::steadfast`",
                    );
                }
            }
            (_, Some(value)) => diagnostics.error(
                value,
                &format!("option `{key}` takes no value"),
                &format!("write `#[{attribute}({key})]`"),
            ),
            (_, None) => {}
        }
    }
}

fn until_comma(input: ParseStream<'_>) -> syn::Result<TokenStream> {
    let mut tokens = TokenStream::new();
    while !input.is_empty() && !input.peek(syn::Token![,]) {
        tokens.extend([input.parse::<TokenTree>()?]);
    }
    Ok(tokens)
}

fn first_span(tokens: &TokenStream) -> Option<Span> {
    tokens.clone().into_iter().next().map(|token| token.span())
}

fn is_reserved(name: &str) -> bool {
    name.starts_with("__temporal")
        || name.starts_with("__stack_trace")
        || name.starts_with("__enhanced_stack_trace")
}

fn examples(keys: &[&str]) -> String {
    let examples: Vec<&str> = keys
        .iter()
        .map(|key| match *key {
            "name" => "name = \"..\"",
            "crate" => "crate = path",
            "handle" => "handle = Name",
            flag => flag,
        })
        .collect();
    list(examples)
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::{Accepted, Options};
    use crate::diagnostics::Diagnostics;

    const ACCEPTED: Accepted = Accepted {
        attribute: "activity",
        keys: &["name", "crate", "auto_heartbeat"],
        hint: "the hint",
    };

    fn errors(options: &Options) -> String {
        let mut diagnostics = Diagnostics::default();
        options.check(&ACCEPTED, &mut diagnostics);
        diagnostics.into_items().to_string()
    }

    #[test]
    fn options_are_read() {
        let options = Options::parse(quote!(name = "a-b", auto_heartbeat, crate = ::a::b,));
        assert_eq!(errors(&options), "");
        assert_eq!(
            options.string("name").map(|name| name.value()).as_deref(),
            Some("a-b")
        );
        assert!(options.flag("auto_heartbeat"));
        assert!(options.krate().is_some());
    }

    #[test]
    fn every_mistake_is_reported() {
        let options = Options::parse(quote!(retries = 3, name = 5, auto_heartbeat = true));
        let errors = errors(&options);
        assert!(
            errors.contains("unknown option `retries` for `#[activity]`"),
            "{errors}"
        );
        assert!(
            errors.contains("option `name` must be a string"),
            "{errors}"
        );
        assert!(
            errors.contains("option `auto_heartbeat` takes no value"),
            "{errors}"
        );
    }

    #[test]
    fn empty_and_repeated_names_are_refused() {
        assert!(errors(&Options::parse(quote!(name = ""))).contains("must not be empty"));
        assert!(errors(&Options::parse(quote!(name = "a", name = "b"))).contains("given twice"));
        assert!(errors(&Options::parse(quote!(name("a")))).contains("cannot read this"));
        assert!(errors(&Options::parse(quote!("a"))).contains("cannot read this"));
    }
}
