//! Says what no attribute allows in a signature: qualifiers, generics, patterns, and borrowed or
//! opaque types.

use proc_macro2::{Span, TokenTree};
use quote::ToTokens;
use syn::{
    FnArg, GenericArgument, Pat, PathArguments, ReceiverKind, ReturnType, Safety, Token, Type,
    TypeParamBound, TypeReference, punctuated::Punctuated, spanned::Spanned,
};

use super::Signature;
use crate::{
    diagnostics::{Diagnostics, Page},
    types::{bare, find, last_segment, show},
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
        let help = if written.generics.type_params().next().is_none()
            && written.generics.const_params().next().is_none()
        {
            "remove the lifetimes: what is borrowed of `self` or of a context needs none, and inputs are owned"
        } else {
            "write concrete types; there is one name and one encoding for all callers"
        };
        diagnostics.error_with_page(
            &written.generics.params,
            &format!("{label} must not be generic"),
            help,
            Page("generic-methods"),
        );
    }
    for (position, argument) in written.inputs.iter().enumerate() {
        let FnArg::Typed(argument) = argument else {
            continue;
        };
        let conditions = ["cfg", "cfg_attr"];
        let mut attributes = argument.attrs.iter();
        if let Some(condition) = attributes.find(|attribute| {
            conditions
                .iter()
                .any(|name| attribute.path().is_ident(name))
        }) {
            diagnostics.error(
                condition,
                &format!("the arguments of {label} must not depend on `#[cfg]`"),
                "write the method twice, each with its arguments and a `#[cfg]` of its own",
            );
        }
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
        if let Some(output) = future_of(ty) {
            let help = match output {
                Some(output) => format!("write `async fn` and `-> {}`", show(&output)),
                None => "write `async fn`, and what the future gives as its return type".to_owned(),
            };
            diagnostics.error(ty, &format!("{label} must not return a future"), &help);
        } else if let Some(opaque) = find(ty, |ty| matches!(ty, Type::ImplTrait(_))) {
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
    if let Some(lifetime) = lifetime(inside) {
        let help = match last_segment(inside) {
            Some(last) if last.ident == "Cow" && mentions(inside, "str") => "write `String`",
            _ => "write a type that owns what it holds, without a lifetime",
        };
        diagnostics.error_with_page(
            &lifetime,
            &format!("{label} must own its inputs"),
            help,
            Page("owned-inputs"),
        );
        return;
    }
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

/// The lifetime of a type that borrows, but for references.
fn lifetime(ty: &Type) -> Option<TokenTree> {
    let path = find(ty, |ty| {
        let last = last_segment(ty);
        last.is_some_and(|last| match &last.arguments {
            PathArguments::AngleBracketed(arguments) => arguments
                .args
                .iter()
                .any(|it| matches!(it, GenericArgument::Lifetime(it) if it.ident != "static")),
            PathArguments::None | PathArguments::Parenthesized(_) => false,
        })
    })?;
    let mut tokens = last_segment(&path)?.arguments.to_token_stream().into_iter();
    tokens.find(|token| matches!(token, TokenTree::Ident(_)))
}

fn mentions(ty: &Type, word: &str) -> bool {
    find(ty, |ty| matches!(ty, Type::Path(_))).is_some()
        && ty
            .to_token_stream()
            .to_string()
            .split(' ')
            .any(|it| it == word)
}

/// What a future in the place of an output gives; the inner `None` is what cannot be told.
fn future_of(ty: &Type) -> Option<Option<Type>> {
    let output_of = |bounds: &Punctuated<TypeParamBound, Token![+]>| {
        bounds.iter().find_map(|bound| match bound {
            TypeParamBound::Trait(bound) => {
                let last = bound.path.segments.last()?;
                (last.ident == "Future").then(|| associated(&last.arguments))
            }
            _ => None,
        })
    };
    match bare(ty) {
        Type::ImplTrait(opaque) => output_of(&opaque.bounds),
        Type::TraitObject(object) => output_of(&object.bounds),
        Type::Path(path) => {
            let last = path.path.segments.last()?;
            let PathArguments::AngleBracketed(arguments) = &last.arguments else {
                return None;
            };
            let inner = arguments.args.iter().find_map(|argument| match argument {
                GenericArgument::Type(inner) => Some(inner),
                _ => None,
            })?;
            match last.ident.to_string().as_str() {
                "BoxFuture" | "LocalBoxFuture" => Some(Some(inner.clone())),
                "Pin" | "Box" => future_of(inner),
                _ => None,
            }
        }
        _ => None,
    }
}

/// The type in `<Output = Type>`.
fn associated(arguments: &PathArguments) -> Option<Type> {
    let PathArguments::AngleBracketed(arguments) = arguments else {
        return None;
    };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::AssocType(output) => Some(output.ty.clone()),
        _ => None,
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
