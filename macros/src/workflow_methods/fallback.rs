//! What a block with mistakes expands to beside its errors: a definition that is never run, so that
//! `WorkflowContext<Self>` is not reported as another mistake.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Path;

use crate::items::Block;

/// An empty definition; nothing where it would need bounds that only a right block has.
pub(super) fn expand(block: &Block, krate: &Path) -> TokenStream {
    if block.trait_.is_some() || !block.generics.params.is_empty() {
        return TokenStream::new();
    }
    let self_ty = &block.self_ty;
    let private = quote!(#krate::__private);
    quote! {
        impl #private::WorkflowDefinition for #self_ty {
            const WORKFLOW_TYPE: &'static str = "";
            type Input = ();
            type Output = ();
            fn arguments() -> #private::Arguments<()> {
                ::core::unreachable!()
            }
            fn output_codec() -> #private::Codec<()> {
                ::core::unreachable!()
            }
        }
        impl #private::WorkflowImplementation for #self_ty {
            fn init(
                _: &#private::WorkflowContextView,
                _: (),
            ) -> ::core::result::Result<(Self, ::core::option::Option<()>), #private::WorkflowError> {
                ::core::unreachable!()
            }
            fn run(
                _: #private::WorkflowContext<Self>,
                _: ::core::option::Option<()>,
            ) -> #private::LocalBoxFuture<'static, ::core::result::Result<(), #private::WorkflowError>> {
                ::core::unreachable!()
            }
            fn handlers() -> #private::HandlerSet<Self> {
                ::core::unreachable!()
            }
        }
        impl #private::HasHandle for #self_ty {
            type Handle = #private::WorkflowHandle<Self>;
        }
    }
}
