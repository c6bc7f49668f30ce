//! The parts of an expansion that make a `Result` of the SDK's kind out of what a method returned.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::{GenericArgument, PathArguments, Type, spanned::Spanned};

use crate::{
    expand::{Scope, returned},
    signature::{Output, Success},
    types::{bare, last_segment},
};

/// Makes a `Result` of the SDK's kind out of what a method returned: statements that end in it.
pub(crate) fn into_result(
    scope: &Scope<'_>,
    output: &Output,
    convert: Convert,
    value: &TokenStream,
) -> TokenStream {
    match &output.ty {
        Some(ty) if output.is_fallible() => {
            // An error that cannot be converted is reported where the return type is written.
            let returned = format_ident!("__x_output", span = ty.span());
            let result = convert.result(scope, output, ty, &returned);
            quote_spanned! {ty.span()=>
                let #returned = #value;
                #result
            }
        }
        _ => quote!(::core::result::Result::Ok(#value)),
    }
}

/// A function that does the same to what an `async` method gave.
pub(crate) fn result_function(scope: &Scope<'_>, output: &Output, convert: Convert) -> TokenStream {
    match &output.ty {
        Some(ty) if output.is_fallible() => {
            let returned = format_ident!("__x_output", span = ty.span());
            let result = convert.result(scope, output, ty, &returned);
            quote_spanned!(ty.span()=> |#returned| #result)
        }
        _ => quote!(::core::result::Result::Ok),
    }
}

/// Whether the error of a result may be one of the user's that has kinds.
fn may_be_typed(output: &Output) -> bool {
    const NAMES: [&str; 8] = [
        "ActivityError",
        "ActivityExecutionError",
        "ApplicationFailure",
        "Box",
        "Cancelled",
        "Infallible",
        "String",
        "WorkflowError",
    ];
    let ty = match output.success() {
        Success::Unknown(_) => return true,
        Success::Inner(_) => output.ty.as_ref(),
        Success::Unit | Success::Plain(_) | Success::Hidden(_) => None,
    };
    let Some(PathArguments::AngleBracketed(arguments)) =
        ty.and_then(last_segment).map(|last| &last.arguments)
    else {
        return false;
    };
    match arguments.args.iter().nth(1) {
        Some(GenericArgument::Type(error)) => last_segment(error).is_none_or(|last| {
            !is_of_others(error) && !NAMES.iter().any(|name| last.ident == name)
        }),
        _ => false,
    }
}

/// `anyhow::Error` and its like, which have no kinds.
fn is_of_others(error: &Type) -> bool {
    const CRATES: [&str; 5] = ["anyhow", "eyre", "fmt", "io", "std"];
    matches!(bare(error), Type::Path(path) if path.path.segments.first().is_some_and(|first| {
        CRATES.iter().any(|name| first.ident == name)
    }))
}

/// What an error becomes on its way out.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Convert {
    Activity,
    Workflow,
}

impl Convert {
    fn result(self, scope: &Scope<'_>, written: &Output, ty: &Type, output: &Ident) -> TokenStream {
        let private = scope.private_at(ty.span());
        let convert = match self {
            Self::Workflow => {
                quote_spanned!(ty.span()=> IntoWorkflowError::into_workflow_error)
            }
            Self::Activity => {
                quote_spanned!(ty.span()=> IntoActivityError::into_activity_error)
            }
        };
        let into_result = match written.success() {
            Success::Unknown(_) => {
                let returned = returned(scope, ty);
                quote_spanned!(ty.span()=> <#returned>::into_result)
            }
            _ => quote_spanned!(ty.span()=> #private::Fallible::into_result),
        };
        if !may_be_typed(written) {
            return quote_spanned! {ty.span()=>
                #into_result(#output).map_err(#private::#convert)
            };
        }
        // The compiler finds out whether the error has kinds.
        let method = match self {
            Self::Workflow => Ident::new("into_workflow_error", ty.span()),
            Self::Activity => Ident::new("into_activity_error", ty.span()),
        };
        quote_spanned! {ty.span()=>
            #into_result(#output).map_err(|__x_error| {
                #[allow(unused_imports)]
                use #private::AnyError as _;
                #private::Typed(__x_error).#method()
            })
        }
    }
}
