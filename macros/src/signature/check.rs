//! Says what no attribute allows in a signature: qualifiers, generics, patterns, and borrowed or
//! opaque types.

use proc_macro2::Span;
use syn::{FnArg, Pat, ReceiverKind, ReturnType, Safety, Type, TypeReference, spanned::Spanned};

use super::Signature;
use crate::{
    diagnostics::{Diagnostics, Page},
    types::{bare, find, show},
};

/// Checks a signature.
///
/// `label` names the method in the user's words: "`#[query]` handler `status`".
pub(crate) fn check(
    signature: &Signature,
    written: &syn::Signature,
    label: &str,
    inputs_are_borrowed: bool,
    diagnostics: &mut Diagnostics,
) {
    check_qualifiers(written, label, diagnostics);
    if !written.generics.params.is_empty() {
        diagnostics.error_with_page(
            &written.generics.params,
            &format!("{label} must not be generic"),
            "write concrete types; there is one name and one encoding for all callers",
            Page("generic-methods"),
        );
    }
    for (position, argument) in written.inputs.iter().enumerate() {
        let FnArg::Typed(argument) = argument else {
            continue;
        };
        check_pattern(&argument.pat, label, diagnostics);
        if signature
            .contexts
            .iter()
            .any(|context| context.position == position)
        {
            continue;
        }
        check_input(&argument.ty, label, inputs_are_borrowed, diagnostics);
    }
    check_contexts(signature, written, label, diagnostics);
    if let ReturnType::Type(_, ty) = &written.output {
        if let Some(opaque) = find(ty, |ty| matches!(ty, Type::ImplTrait(_))) {
            diagnostics.error(
                &opaque,
                &format!("{label} must name the type that it returns"),
                "write the concrete type; what is returned is stored, so it needs a name",
            );
        } else if let Some(Type::Reference(borrowed)) = find(ty, is_reference) {
            diagnostics.error_with_page(
                &borrowed,
                &format!("{label} must return an owned value"),
                &owned(&borrowed),
                Page("owned-inputs"),
            );
        }
    }
}

fn check_qualifiers(written: &syn::Signature, label: &str, diagnostics: &mut Diagnostics) {
    if let Some(token) = &written.constness {
        diagnostics.error(
            token,
            &format!("{label} must not be `const`"),
            "remove `const`",
        );
    }
    if let Safety::Unsafe(token) = &written.safety {
        diagnostics.error(
            token,
            &format!("{label} must not be `unsafe`"),
            "remove `unsafe`; a caller far away cannot promise anything",
        );
    }
    if let Some(abi) = &written.abi {
        diagnostics.error(
            abi,
            &format!("{label} must not be `extern`"),
            "remove `extern`",
        );
    }
    if let Some(variadic) = &written.variadic {
        diagnostics.error(
            variadic,
            &format!("{label} must not be variadic"),
            "write one argument for each input",
        );
    }
}

fn check_pattern(pattern: &Pat, label: &str, diagnostics: &mut Diagnostics) {
    let is_name = match pattern {
        Pat::Ident(ident) => ident.by_ref.is_none() && ident.subpat.is_none(),
        Pat::Wild(_) => true,
        _ => false,
    };
    if !is_name {
        diagnostics.error(
            pattern,
            &format!("every argument of {label} must be a plain name"),
            "name the argument and take it apart with `let` in the body",
        );
    }
}

fn check_input(ty: &Type, label: &str, is_borrowed: bool, diagnostics: &mut Diagnostics) {
    if let Some(opaque) = find(ty, |ty| matches!(ty, Type::ImplTrait(_))) {
        diagnostics.error(
            &opaque,
            &format!("{label} must name the types that it takes"),
            "write a concrete type; an input is decoded into it",
        );
        return;
    }
    let inside = match bare(ty) {
        Type::Reference(reference) if is_borrowed => {
            if let Some(mutability) = &reference.mutability {
                diagnostics.error(
                    mutability,
                    &format!("{label} must not change its inputs"),
                    "write `&` instead of `&mut`",
                );
            }
            return;
        }
        _ if is_borrowed => {
            diagnostics.error(
                ty,
                &format!("{label} must take its inputs by reference"),
                &format!(
                    "write `&{}`; the update's handler gets the value itself",
                    show(ty)
                ),
            );
            return;
        }
        inside => inside,
    };
    if let Some(Type::Reference(borrowed)) = find(inside, is_reference) {
        diagnostics.error_with_page(
            &borrowed,
            &format!("{label} must own its inputs"),
            &owned(&borrowed),
            Page("owned-inputs"),
        );
    }
}

fn check_contexts(
    signature: &Signature,
    written: &syn::Signature,
    label: &str,
    diagnostics: &mut Diagnostics,
) {
    for (index, context) in signature.contexts.iter().enumerate() {
        let argument = &written.inputs[context.position];
        let name = context.kind.name();
        if index > 0 {
            diagnostics.error(
                argument,
                &format!("{label} takes one context, and this is another"),
                "remove this argument",
            );
        } else if context.inputs_before > 0 {
            diagnostics.error(
                argument,
                &format!("the context of {label} must come before its inputs"),
                &format!("move the `{name}` to the front"),
            );
        }
    }
}

/// The span of a receiver's smallest part that has to change: `mut`, or the whole of it.
pub(crate) fn receiver_span(written: &syn::Signature) -> Option<Span> {
    written.receiver().map(|receiver| match &receiver.kind {
        ReceiverKind::Reference(_, _, Some(mutability)) => mutability.span(),
        _ => receiver.self_token.span(),
    })
}

fn owned(borrowed: &TypeReference) -> String {
    match bare(&borrowed.elem) {
        Type::Path(path) if path.path.is_ident("str") => "write `String`".to_owned(),
        Type::Slice(slice) => format!("write `Vec<{}>`", show(&slice.elem)),
        other => format!("write `{}`", show(other)),
    }
}

fn is_reference(ty: &Type) -> bool {
    matches!(ty, Type::Reference(_))
}
