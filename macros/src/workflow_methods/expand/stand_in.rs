//! The definition of a workflow that has a mistake: it is never run, and keeps the compiler from reporting
//! the mistake again wherever the workflow is used.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::{super::model::Model, handle::handle_type};
use crate::{casing, diagnostics::error_type, expand::Scope, items::Item};

/// Everything that a worker and a client ask of a workflow.
pub(super) fn workflow(scope: &Scope<'_>, model: &Model, handle: &Ident) -> TokenStream {
    let private = &scope.private;
    let handle = handle_type(scope, handle);
    let ty = model.stand_in().map_or_else(|| quote!(()), error_type);
    let items = quote! {
        type Input = #ty;
        type Output = #ty;

        const WORKFLOW_TYPE: &'static str = "";

        fn arguments() -> #private::Arguments<Self::Input> {
            ::core::unreachable!()
        }

        fn output_codec() -> #private::Codec<Self::Output> {
            ::core::unreachable!()
        }
    };
    let definition = scope.implementation("WorkflowDefinition", &items);
    // Whatever the compiler accepts and this macro cannot read must not be built.
    let items = quote! {
        fn init(
            _: &#private::WorkflowContextView,
            _: Self::Input,
        ) -> ::core::result::Result<
            (Self, ::core::option::Option<Self::Input>),
            #private::WorkflowError,
        > {
            const {
                ::core::panic!("`#[workflow_methods]` cannot read a method of this block")
            }
        }

        fn run(
            _: #private::WorkflowContext<Self>,
            _: ::core::option::Option<Self::Input>,
        ) -> #private::LocalBoxFuture<
            'static,
            ::core::result::Result<Self::Output, #private::WorkflowError>,
        > {
            ::core::unreachable!()
        }

        fn handlers() -> #private::HandlerSet<Self> {
            ::core::unreachable!()
        }
    };
    let implementation = scope.implementation("WorkflowImplementation", &items);
    let handle = scope.implementation("HasHandle", &quote!(type Handle = #handle;));
    let run = unreadable_run(scope, model);
    quote!(#definition #implementation #handle #run)
}

/// The value of a run method that cannot be read; one that can has a value that stands in for it.
fn unreadable_run(scope: &Scope<'_>, model: &Model) -> Option<TokenStream> {
    let name = model.block.items.iter().find_map(|item| match item {
        Item::Unreadable(unreadable) if unreadable.is_marked(&["run"]) => unreadable.name.clone(),
        _ => None,
    })?;
    let (private, self_ty) = (&scope.private, scope.self_ty);
    let (head, bounds) = scope.head();
    let number = casing::hash(&casing::wire_name(&name));
    let kind = format_ident!("Run");
    Some(quote! {
        #head #self_ty #bounds {
            #[allow(dead_code, non_upper_case_globals)]
            pub const #name: #private::Method<#self_ty, #private::#kind, #number, fn()> =
                #private::method(|| ());
        }
    })
}
