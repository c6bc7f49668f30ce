//! The parts of an expansion that make a `Result` of the SDK's kind out of what a method returned.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::{Type, spanned::Spanned};

use crate::{
    expand::{Scope, returned},
    signature::{Output, Success},
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
            let returned = format_ident!("__x_out", span = ty.span());
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
            let returned = format_ident!("__x_out", span = ty.span());
            let result = convert.result(scope, output, ty, &returned);
            quote_spanned!(ty.span()=> |#returned| #result)
        }
        _ => quote!(::core::result::Result::Ok),
    }
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
        if !written.may_be_typed() {
            return quote_spanned! {ty.span()=>
                #into_result(#output).map_err(#private::#convert)
            };
        }
        // The compiler finds out whether the error has kinds.
        quote_spanned! {ty.span()=>
            #into_result(#output)
                .map_err(|__x_error| #private::Typed(__x_error).known())
                .map_err(#private::#convert)
        }
    }
}
