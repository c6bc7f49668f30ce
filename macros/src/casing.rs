//! Makes names out of names: the one that goes on the wire and the ones of generated items.
//!
//! Invariants: a generated item that users never name starts with `__x_`; a generated name carries
//! the span of the name that it is made of, so that an editor leads back to it.

use proc_macro2::Ident;
use quote::format_ident;
use syn::ext::IdentExt;

/// How the names of generated items begin.
pub(crate) const GENERATED: &str = "__x_";

/// The name without the `r#` of a raw identifier, as it is written to histories.
pub(crate) fn wire_name(ident: &Ident) -> String {
    ident.unraw().to_string()
}

/// The hidden function that keeps the body of a method whose name became a constant.
pub(crate) fn hidden_function(method: &Ident) -> Ident {
    format_ident!("{GENERATED}{}", method.unraw(), span = method.span())
}

/// The definition type behind a constant. No two methods in a scope share one: `Trip::a_b` and
/// `Trip_a::b` are told apart by the length of an owner that has an underscore.
pub(crate) fn definition(owner: &Ident, method: &Ident) -> Ident {
    let (owner, method) = (owner.unraw(), method.unraw());
    let length = owner.to_string().len();
    if owner.to_string().contains('_') {
        format_ident!("{GENERATED}{length}_{owner}_{method}")
    } else {
        format_ident!("{GENERATED}{owner}_{method}")
    }
}

/// The alias of a definition type with its arguments.
pub(crate) fn definition_alias(definition: &Ident) -> Ident {
    format_ident!("{GENERATED}type{definition}")
}

/// The typed handle of a workflow.
pub(crate) fn handle(workflow: &Ident) -> Ident {
    format_ident!("{}Handle", workflow.unraw())
}

#[cfg(test)]
mod tests {
    use quote::format_ident;
    use syn::parse_quote;

    use super::{definition, handle, hidden_function, wire_name};

    #[test]
    fn raw_identifiers_lose_their_prefix() {
        let raw = parse_quote!(r#type);
        assert_eq!(wire_name(&raw), "type");
        assert_eq!(hidden_function(&raw), "__x_type");
        assert_eq!(definition(&format_ident!("Flow"), &raw), "__x_Flow_type");
    }

    #[test]
    fn definitions_of_two_methods_are_two() {
        let one = definition(&format_ident!("Trip"), &format_ident!("a_b"));
        let other = definition(&format_ident!("Trip_a"), &format_ident!("b"));
        assert_ne!(one, other);
    }

    #[test]
    fn a_handle_is_named_after_its_workflow() {
        assert_eq!(handle(&format_ident!("Trip")), "TripHandle");
    }
}
