//! Writes the expansion of `#[activities]`.

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};
use syn::{ImplItem, Path, spanned::Spanned};

use super::{
    cancellation,
    check::name,
    model::{Activity, Form, Model},
};
use crate::{
    expand::{
        Convert, Definition, Scope, call_hidden, callee, context_argument, function, input_codec,
        input_names, input_pattern, input_type, into_result, output_codec, output_type,
    },
    signature::Receiver,
    types::resolve_generics,
};

/// Expands a block in which the check found nothing wrong.
pub(super) fn expand(model: &Model, owner: &Ident, krate: &Path) -> TokenStream {
    let block = &model.block;
    let generics = resolve_generics(&block.generics, &block.self_ty);
    let scope = Scope::new(krate, owner, &block.self_ty, generics, "BoxFuture");
    let definitions: Vec<(&Activity, Definition<'_>)> = model
        .activities
        .iter()
        .map(|activity| (activity, scope.definition(&activity.method)))
        .collect();
    let is_implemented = model.form == Form::Implemented;
    let methods = methods(model, &definitions);
    let register = is_implemented.then(|| register(&scope, &definitions));
    let items = definitions.iter().map(|(activity, definition)| {
        let declared = definition.declaration(&scope);
        let call = is_implemented.then(|| definition.call(&scope));
        let waits = waits(model, activity, definition);
        let described = description(&scope, activity, definition);
        let own = is_implemented.then(|| implementation(&scope, activity, definition));
        quote!(#declared #call #waits #described #own)
    });
    quote! {
        #methods
        #(#items)*
        #register
    }
}

/// The user's block with a constant and, where it is implemented, a hidden function for each activity.
fn methods(model: &Model, definitions: &[(&Activity, Definition<'_>)]) -> TokenStream {
    let mut block = model.block.clone();
    for (_, definition) in definitions {
        if let ImplItem::Fn(written) = &block.items[definition.method.index] {
            let function =
                (model.form == Form::Implemented).then(|| function(definition.method, written));
            let constant = definition.constant();
            block.items[definition.method.index] = ImplItem::Verbatim(quote!(#constant #function));
        }
    }
    let definitions: Vec<&Definition<'_>> = definitions.iter().map(|(_, it)| it).collect();
    call_hidden(quote!(#block), &definitions)
}

/// A function that `#[workflow_methods]` calls where a workflow waits until the activity has heard of
/// its cancellation: the compiler warns there if it never will.
fn waits(model: &Model, activity: &Activity, definition: &Definition<'_>) -> TokenStream {
    let (cfg, ident) = (&definition.method.attributes.cfg, &definition.ident);
    let hears = match model.block.items.get(activity.method.index) {
        Some(ImplItem::Fn(written)) if model.form == Form::Implemented => {
            cancellation::may_heartbeat(activity, written)
        }
        // Whoever implements it may heartbeat.
        _ => true,
    };
    let name = &activity.method.signature.ident;
    let warning = (!hears).then(|| {
        let page = "waits-without-heartbeat";
        let note = format!(
            "activity `{name}` never heartbeats, so the wait lasts until it ends by itself\nhelp: \
             write `#[activity(auto_heartbeat)]` on it, or choose `TryCancel` or `Abandon`\nread: \
             docs/errors/{page}.md"
        );
        quote!(#[deprecated(note = #note)])
    });
    quote! {
        #(#cfg)*
        impl<W, F> #ident<W, F> {
            #warning
            #[allow(dead_code)]
            pub const fn __x_waits_for_cancellation(self) {}
        }
    }
}

fn register(scope: &Scope<'_>, definitions: &[(&Activity, Definition<'_>)]) -> TokenStream {
    let (private, self_ty) = (&scope.private, scope.self_ty);
    let (head, bounds) = scope.head();
    let additions = definitions.iter().map(|(_, definition)| {
        let (cfg, ty) = (&definition.method.attributes.cfg, &definition.ty);
        quote!(#(#cfg)* registrar.add::<#ty>();)
    });
    quote! {
        #head #private::Activities for #self_ty #bounds {
            fn register(registrar: &mut #private::ActivityRegistrar<'_, Self>) {
                #(#additions)*
            }
        }
    }
}

/// What a caller has to know.
fn description(scope: &Scope<'_>, activity: &Activity, definition: &Definition<'_>) -> TokenStream {
    let signature = &activity.method.signature;
    let cfg = &activity.method.attributes.cfg;
    let (private, ty) = (&scope.private, &definition.ty);
    let (head, bounds) = scope.head();
    let name = name(activity);
    let input = input_type(&signature.inputs);
    let output = output_type(scope, &signature.output);
    let input_codec = input_codec(scope, &signature.inputs);
    let output_codec = output_codec(scope, &signature.output);
    quote! {
        #(#cfg)*
        #head #private::ActivityDefinition for #ty #bounds {
            type Input = #input;
            type Output = #output;

            const ACTIVITY_TYPE: &'static str = #name;

            #input_codec

            #output_codec
        }
    }
}

/// What a worker runs.
fn implementation(
    scope: &Scope<'_>,
    activity: &Activity,
    definition: &Definition<'_>,
) -> TokenStream {
    let signature = &activity.method.signature;
    let cfg = &activity.method.attributes.cfg;
    let (private, self_ty, ty) = (&scope.private, scope.self_ty, &definition.ty);
    let (head, bounds) = scope.head();
    let pattern = input_pattern(&signature.inputs);
    let beats = activity.options.flag("auto_heartbeat");
    let implementer = match signature.receiver {
        Receiver::None | Receiver::Other => quote!(_),
        Receiver::Shared | Receiver::Mutable | Receiver::Arc(_) => {
            quote_spanned!(signature.ident.span()=> implementer)
        }
    };
    let context = if signature.contexts.is_empty() && !beats {
        quote!(_)
    } else {
        quote!(context)
    };
    let body = body(scope, activity);
    let result = scope.result(&signature.output, "ActivityError");
    let body = if beats {
        quote! {
            let beating = ::core::clone::Clone::clone(&context);
            #private::auto_heartbeat(beating, #body)
        }
    } else {
        body
    };
    quote! {
        #(#cfg)*
        #head #private::ActivityImplementation for #ty #bounds {
            type Implementer = #self_ty;

            fn execute(
                #implementer: #private::Arc<Self::Implementer>,
                #context: #private::ActivityContext,
                #pattern: Self::Input,
            ) -> #private::BoxFuture<'static, #result> {
                #body
            }
        }
    }
}

/// The boxed future of the call.
fn body(scope: &Scope<'_>, activity: &Activity) -> TokenStream {
    let signature = &activity.method.signature;
    let receiver = match signature.receiver {
        Receiver::Shared => Some(quote_spanned!(signature.ident.span()=> &implementer)),
        Receiver::Arc(_) => Some(quote_spanned!(signature.ident.span()=> implementer)),
        Receiver::None | Receiver::Mutable | Receiver::Other => None,
    };
    let context = signature
        .context()
        .map(|context| context_argument(context, "context"));
    let arguments: Vec<TokenStream> = receiver.into_iter().chain(context).collect();
    let inputs = input_names(&signature.inputs)
        .into_iter()
        .map(|name| quote!(#name));
    let arguments = arguments.into_iter().chain(inputs);
    let callee = callee(scope, signature);
    let call = quote!(#callee(#(#arguments),*));
    if signature.is_async {
        let result = into_result(
            scope,
            &signature.output,
            Convert::Activity,
            &quote!(#call.await),
        );
        // An error about the future (that it is not `Send`) belongs to the method's name.
        quote_spanned!(signature.ident.span()=> ::std::boxed::Box::pin(async move { #result }))
    } else {
        let result = into_result(scope, &signature.output, Convert::Activity, &call);
        let at = signature
            .output
            .ty
            .as_ref()
            .map_or_else(|| signature.ident.span(), Spanned::span);
        let private = scope.private_at(at);
        quote_spanned!(at=> #private::blocking(move || { #result }))
    }
}
