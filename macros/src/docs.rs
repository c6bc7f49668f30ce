//! The text of a method's documentation, for whoever asks a running workflow what it can be told.

use syn::{Attribute, Expr, ExprLit, Lit, Meta};

/// What the documentation says, as rustdoc reads it: without the indentation that its lines share, Markdown and all. What
/// only the compiler can find, such as `#[doc = include_str!(..)]`, is left out.
pub(crate) fn text(attributes: &[Attribute]) -> String {
    let written: Vec<String> = attributes.iter().filter_map(written).collect();
    let lines: Vec<&str> = written.iter().flat_map(|text| text.split('\n')).collect();
    let indentation = lines
        .iter()
        .filter(|line| !line.trim().is_empty())
        .map(|line| line.len() - line.trim_start().len())
        .min()
        .unwrap_or(0);
    let lines = lines
        .iter()
        .map(|line| line.get(indentation..).unwrap_or_default());
    let text: Vec<&str> = lines.map(str::trim_end).collect();
    text.join("\n").trim_matches('\n').to_owned()
}

fn written(attribute: &Attribute) -> Option<String> {
    match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(ExprLit {
                lit: Lit::Str(text),
                ..
            }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use syn::{ItemFn, parse_quote};

    use super::*;

    #[test]
    fn documentation_is_text_without_its_indentation() {
        let method: ItemFn = parse_quote! {
            /// Pays.
            ///
            /// - at once, with
            ///   `card`
            #[must_use]
            #[doc = " - or *later*"]
            #[doc(hidden)]
            #[doc = include_str!("more.md")]
            #[doc = " Ä:\n     code\n"]
            fn pay() {}
        };
        let expected = "Pays.\n\n- at once, with\n  `card`\n- or *later*\nÄ:\n    code";
        assert_eq!(text(&method.attrs), expected);
    }

    #[test]
    fn what_has_no_documentation_has_no_text() {
        let methods: [ItemFn; 2] = [
            parse_quote!(
                fn pay() {}
            ),
            parse_quote!(
                ///
                #[doc = "   "]
                fn pay() {}
            ),
        ];
        for method in methods {
            assert_eq!(text(&method.attrs), "");
        }
    }
}
