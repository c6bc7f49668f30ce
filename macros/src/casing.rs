//! Makes names out of names: the one that goes on the wire and the ones of generated items.
//!
//! Invariants: a generated item that users never name starts with `__x_`; a generated name carries
//! the span of the name that it is made of, so that an editor leads back to it.

use proc_macro2::{Ident, Span};
use quote::{ToTokens, format_ident};
use syn::{PathArguments, Type, ext::IdentExt};

use crate::types::last_segment;

/// How the names of generated items begin.
pub(crate) const GENERATED: &str = "__x_";

/// The name without the `r#` of a raw identifier, as it is written to histories.
pub(crate) fn wire_name(ident: &Ident) -> String {
    ident.unraw().to_string()
}

/// The name under which a method with a mistake is kept, so that it is still looked at.
pub(crate) fn kept_function(method: &Ident) -> Ident {
    format_ident!("{GENERATED}{}", method.unraw(), span = method.span())
}

/// The trait that has the functions of a type as they were written. Types that differ in their arguments
/// only have one each.
pub(crate) fn methods(owner: &Ident, self_ty: &Type) -> Ident {
    // Not where the type is written: nobody is told to write parameters behind it.
    let span = Span::call_site();
    let arguments = match last_segment(self_ty).map(|last| &last.arguments) {
        Some(PathArguments::AngleBracketed(arguments)) => arguments.args.to_token_stream(),
        _ => return format_ident!("MethodsOf{}", owner.unraw(), span = span),
    };
    let number = hash(&arguments.to_string());
    format_ident!("MethodsOf{}_{number}", owner.unraw(), span = span)
}

/// A number for a text: no two are likely to share one.
pub(crate) fn hash(text: &str) -> u32 {
    // FNV-1a.
    text.bytes().fold(0x811c_9dc5, |number, byte| {
        (number ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
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

    use super::{handle, kept_function, waiting, wire_name};

    #[test]
    fn raw_identifiers_lose_their_prefix() {
        let raw = parse_quote!(r#type);
        assert_eq!(wire_name(&raw), "type");
        assert_eq!(kept_function(&raw), "__x_type");
        assert_eq!(waiting(&raw), "__x_waits_type");
    }

    #[test]
    fn a_handle_is_named_after_its_workflow() {
        assert_eq!(handle(&format_ident!("Trip")), "TripHandle");
    }
}
