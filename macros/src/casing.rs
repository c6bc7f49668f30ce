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

/// The hidden constant that is used where a workflow waits until an activity has heard of its
/// cancellation.
pub(crate) fn waiting(activity: &Ident) -> Ident {
    format_ident!(
        "{GENERATED}waits_{}",
        activity.unraw(),
        span = activity.span()
    )
}

/// The typed handle of a workflow.
pub(crate) fn handle(workflow: &Ident) -> Ident {
    format_ident!("{}Handle", workflow.unraw())
}

#[cfg(test)]
mod tests {
    use quote::format_ident;
    use syn::parse_quote;

    use super::{handle, hidden_function, waiting, wire_name};

    #[test]
    fn raw_identifiers_lose_their_prefix() {
        let raw = parse_quote!(r#type);
        assert_eq!(wire_name(&raw), "type");
        assert_eq!(hidden_function(&raw), "__x_type");
        assert_eq!(waiting(&raw), "__x_waits_type");
    }

    #[test]
    fn a_handle_is_named_after_its_workflow() {
        assert_eq!(handle(&format_ident!("Trip")), "TripHandle");
    }
}
