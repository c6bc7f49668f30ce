//! Writes the typed handle: a wrapper of the untyped one with a method for every handler.

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::Visibility;

use super::super::model::{Kind, Marked, Model, WrongMethod};
use crate::{
    diagnostics::error_type,
    expand::{Definition, Scope, shown_output_type, tuple},
    signature::Input,
};

/// Methods that every handle has; a handler of such a name is called through `signal`, `query` or
/// `update` and does not hide them.
const METHODS_OF_HANDLES: [&str; 20] = [
    "cancel",
    "clone",
    "delete",
    "deref",
    "describe",
    "fmt",
    "history",
    "query",
    "reset",
    "reset_points",
    "result",
    "run_id",
    "signal",
    "start_update",
    "terminate",
    "update",
    "update_handle",
    "update_with_id",
    "with_answer_timeout",
    "workflow_id",
];

/// The typed handle's type with its arguments: `TripHandle`, or `TripHandle<T>` of `Trip<T>`.
pub(super) fn handle_type(scope: &Scope<'_>, ident: &Ident) -> TokenStream {
    let self_ty = scope.self_ty;
    let (_, arguments, _) = scope.generics.split_for_impl();
    let arguments = generic_arguments(&arguments.to_token_stream(), self_ty);
    quote!(#ident #arguments)
}

/// Adds one argument to `<A, B>` or to nothing.
fn generic_arguments(arguments: &TokenStream, last: &dyn ToTokens) -> TokenStream {
    let mut tokens: Vec<TokenTree> = arguments.clone().into_iter().collect();
    if tokens.is_empty() {
        return quote!(<#last>);
    }
    tokens.pop();
    quote!(#(#tokens)*, #last>)
}

/// The typed handle: a wrapper of the untyped one with a method for every handler.
///
/// The workflow is a type argument of the wrapper with a default, because the macro cannot know
/// how visible the workflow's struct is: this way the compiler finds out where it matters.
pub(super) fn handle(
    scope: &Scope<'_>,
    ident: &Ident,
    model: &Model,
    definitions: &[(&Marked, Definition<'_>)],
) -> TokenStream {
    let (private, self_ty) = (&scope.private, scope.self_ty);
    let ty = handle_type(scope, ident);
    let (head, bounds) = scope.head();
    let parameters = scope.generics.params.iter();
    let phantoms: Vec<&Ident> = scope
        .generics
        .type_params()
        .map(|parameter| &parameter.ident)
        .collect();
    let phantom = (!scope.generics.params.is_empty())
        .then(|| quote!(, ::core::marker::PhantomData<fn() -> (#(#phantoms,)*)>));
    let phantom_value = phantom
        .is_some()
        .then(|| quote!(, ::core::marker::PhantomData));
    let is_public = model
        .run()
        .is_some_and(|run| matches!(run.method.vis, Visibility::Public(_)));
    let hidden = (!is_public).then(|| quote!(#[doc(hidden)]));
    let name = ident.to_string();
    let doc = format!(
        "Refers to an execution of the workflow `{}`, with a method for each of its signals, \
         queries and updates.\n\nIt derefs to the handle that all workflows share. A handler whose \
         name that handle uses itself, such as `cancel`, has no method here: pass it to `signal`, \
         `query` or `update`.",
        scope.owner,
    );
    let methods = definitions
        .iter()
        .filter_map(|(marked, _)| handle_method(scope, marked));
    let stand_ins = model.wrong.iter().filter_map(stand_in);
    // Another type of this name is reported next to the workflow's.
    quote_spanned! {scope.owner.span()=>
        #[doc = #doc]
        #hidden
        #[allow(non_camel_case_types, private_interfaces, unnameable_types, unreachable_pub)]
        pub struct #ident<#(#parameters,)* __x_W: #private::WorkflowDefinition = #self_ty>(
            #private::WorkflowHandle<__x_W>
            #phantom
        ) #bounds;

        #[allow(
            dead_code,
            non_snake_case,
            clippy::missing_errors_doc,
            clippy::must_use_candidate,
            clippy::too_many_arguments
        )]
        #head #ty #bounds {
            #(#methods)*
            #(#stand_ins)*
        }

        #head ::core::clone::Clone for #ty #bounds {
            fn clone(&self) -> Self {
                Self(::core::clone::Clone::clone(&self.0) #phantom_value)
            }
        }

        #head ::core::fmt::Debug for #ty #bounds {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.debug_tuple(#name).field(&self.0).finish()
            }
        }

        #head ::core::ops::Deref for #ty #bounds {
            type Target = #private::WorkflowHandle<#self_ty>;

            fn deref(&self) -> &Self::Target {
                &self.0
            }
        }

        #head ::core::convert::From<#private::WorkflowHandle<#self_ty>> for #ty #bounds {
            fn from(handle: #private::WorkflowHandle<#self_ty>) -> Self {
                Self(handle #phantom_value)
            }
        }
    }
}

fn handle_method(scope: &Scope<'_>, marked: &Marked) -> Option<TokenStream> {
    let self_ty = scope.self_ty;
    let signature = &marked.method.signature;
    let name = &signature.ident;
    if is_taken(name) {
        return None;
    }
    let (verb, doc, output) = match marked.kind {
        Kind::Signal => ("signal", "Sends the signal", quote!(())),
        Kind::Query => (
            "query",
            "Asks the query",
            shown_output_type(scope, &signature.output),
        ),
        Kind::Update => (
            "update",
            "Runs the update",
            shown_output_type(scope, &signature.output),
        ),
        Kind::Run | Kind::Init | Kind::Validator => return None,
    };
    let vis = &marked.method.vis;
    let (cfg, public) = (
        &marked.method.attributes.cfg,
        &marked.method.attributes.public,
    );
    let doc = (!public
        .iter()
        .any(|attribute| attribute.path().is_ident("doc")))
    .then(|| {
        let doc = format!("{doc} `{}`.", marked.name());
        quote!(#[doc = #doc])
    });
    let names: Vec<Ident> = signature.inputs.iter().map(argument).collect();
    let types = signature.inputs.iter().map(|input| &input.ty);
    let input = tuple(&names);
    let at = signature.output.span();
    let (private, verb) = (scope.private_at(at), Ident::new(verb, at));
    let result = quote_spanned!(at=> ::core::result::Result<#output, #private::ClientError>);
    let returned = scope.boxed(&signature.output, "BoxFuture", "'_", &result);
    let method = quote_spanned! {at=>
        #vis fn #name(&self, #(#names: #types),*) -> #returned {
            self.0.#verb(<#self_ty>::#name, #input)
        }
    };
    let allowed = marked.method.attributes.allow_deprecated();
    Some(quote! {
        #(#cfg)*
        #doc
        #(#public)*
        #allowed
        #method
    })
}

/// A method for a handler with a mistake, which takes and gives anything.
fn stand_in(wrong: &WrongMethod) -> Option<TokenStream> {
    let signature = &wrong.marked.method.signature;
    let name = &signature.ident;
    if !wrong.marked.kind.is_handler() || is_taken(name) {
        return None;
    }
    let stand_in = &wrong.stand_in;
    let ty = error_type(stand_in);
    let vis = &wrong.marked.method.vis;
    let inputs = signature.inputs.iter().map(|_| quote!(_: #ty));
    let cfg = &wrong.marked.method.attributes.cfg;
    Some(quote! {
        #(#cfg)*
        #[doc(hidden)]
        #vis fn #name(&self, #(#inputs),*) -> #ty {
            #stand_in
        }
    })
}

fn is_taken(name: &Ident) -> bool {
    METHODS_OF_HANDLES.iter().any(|taken| name == taken)
}

/// The name of an argument: the handler's, which may not use it, while the handle's method does.
fn argument(input: &Input) -> Ident {
    let name = input.name.to_string();
    let used = name.trim_start_matches('_');
    if used == name || !used.starts_with(|first: char| first.is_alphabetic()) {
        return input.name.clone();
    }
    format_ident!("{used}", span = input.name.span())
}
