//! Writes the expansion of `#[activities]`.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Path, spanned::Spanned};

use super::{
    cancellation,
    check::name,
    model::{Activity, Form, Model},
};
use crate::{
    block, casing,
    expand::{
        Definition, Scope, context_argument, input_codec, input_names, input_pattern, input_type,
        methods_trait, output_codec, output_type, questions,
    },
    items::{Function, Item},
    result::{Convert, into_result, result_function},
    signature::{Method, Mode, Receiver, Signature},
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
        .map(|activity| {
            let method = &activity.method;
            let definition = match model.form {
                Form::Implemented => scope.definition(method),
                Form::Declared => scope.declared(method),
            };
            (activity, definition)
        })
        .collect();
    let is_implemented = model.form == Form::Implemented;
    let methods = methods(&scope, model, &definitions);
    let register = is_implemented.then(|| register(&scope, &definitions));
    let items = definitions.iter().map(|(activity, definition)| {
        let scope = scope.with_bounds([&definition.method.signature]);
        let described = description(&scope, activity, definition);
        let own = is_implemented.then(|| implementation(&scope, activity, definition));
        quote!(#described #own)
    });
    let questions = questions(
        &scope,
        model.activities.iter().map(|it| &it.method.signature),
    );
    quote! {
        #questions
        #methods
        #(#items)*
        #register
    }
}

/// The user's block with a constant for each activity, and the trait of the functions that are implemented.
fn methods(
    scope: &Scope<'_>,
    model: &Model,
    definitions: &[(&Activity, Definition<'_>)],
) -> TokenStream {
    let mut block = model.block.clone();
    let mut functions: Vec<(&Method, &Function)> = Vec::new();
    let mut values: Vec<(&Signature, TokenStream)> = Vec::new();
    for (activity, definition) in definitions {
        let index = definition.method.index;
        if let Item::Function(written) = &model.block.items[index] {
            let value = match model.form {
                Form::Implemented => {
                    functions.push((definition.method, written.as_ref()));
                    definition.function(scope)
                }
                Form::Declared => quote!(::core::marker::PhantomData),
            };
            let constant = definition.constant(scope, "Activity", &value);
            let waits = waits(model.form, activity, written);
            let signature = &definition.method.signature;
            if model.block.repeats(&signature.ident) {
                block.items[index] = Item::Generated(quote!(#constant #waits));
            } else {
                values.push((signature, quote!(#constant #waits)));
                block.items[index] = Item::Generated(TokenStream::new());
            }
        }
    }
    block::demote_unreadable(&mut block, &["activity"]);
    let values = scope.values(&model.block.attrs, &values);
    let functions = methods_trait(scope, &functions);
    quote!(#block #values #functions)
}

/// A constant that `#[workflow_methods]` uses where a workflow waits until the activity has heard of
/// its cancellation: the compiler warns there if it never will.
fn waits(form: Form, activity: &Activity, written: &Function) -> TokenStream {
    let Method {
        vis,
        signature,
        attributes,
        ..
    } = &activity.method;
    let (cfg, name) = (&attributes.cfg, &signature.ident);
    // Whoever implements a declared one may heartbeat.
    let hears = form == Form::Declared || cancellation::may_heartbeat(activity, written);
    let warning = (!hears).then(|| {
        let page = "waits-without-heartbeat";
        let note = format!(
            "activity `{name}` never heartbeats, so the wait lasts until it ends by itself\nhelp: \
             write `#[activity(auto_heartbeat)]` on it, or choose `TryCancel` or `Abandon`\nread: \
             docs/errors/{page}.md"
        );
        quote!(#[deprecated(note = #note)])
    });
    let constant = casing::waiting(name);
    quote! {
        #(#cfg)*
        #warning
        #[doc(hidden)]
        #vis const #constant: () = ();
    }
}

fn register(scope: &Scope<'_>, definitions: &[(&Activity, Definition<'_>)]) -> TokenStream {
    let private = &scope.private;
    let additions = definitions.iter().map(|(_, definition)| {
        let Method {
            signature,
            attributes,
            ..
        } = definition.method;
        let (cfg, name) = (&attributes.cfg, &signature.ident);
        // What is wrong with the method's types belongs to it.
        let method = quote_spanned!(name.span()=> Self::#name);
        let allowed = attributes.allow_deprecated();
        quote!(#(#cfg)* #allowed __x_registrar.add(#method);)
    });
    let items = quote! {
        fn register(__x_registrar: &mut #private::ActivityRegistrar<'_, Self>) {
            #(#additions)*
        }
    };
    let signatures = definitions.iter().map(|(_, it)| &it.method.signature);
    scope
        .with_bounds(signatures)
        .implementation("Activities", &items)
}

/// What a caller has to know.
fn description(scope: &Scope<'_>, activity: &Activity, definition: &Definition<'_>) -> TokenStream {
    let signature = &activity.method.signature;
    let cfg = &activity.method.attributes.cfg;
    let (private, self_ty, key) = (&scope.private, scope.self_ty, &definition.key);
    let (head, bounds) = scope.head();
    let name = name(activity);
    let input = input_type(&signature.inputs);
    let output = output_type(scope, &signature.output);
    let input_codec = input_codec(scope, &signature.inputs);
    let output_codec = output_codec(scope, &signature.output);
    quote! {
        #(#cfg)*
        #head #private::ActivityMethod<#key> for #self_ty #bounds {
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
    let (private, self_ty, key) = (&scope.private, scope.self_ty, &definition.key);
    let (head, bounds) = scope.head();
    let pattern = input_pattern(&signature.inputs);
    let beats = activity.options.flag("auto_heartbeat");
    let (implementer, context) = bindings(signature, lends(signature), beats || lends(signature));
    let body = body(scope, activity);
    let result = scope.result(&signature.output, "ActivityError");
    let returned = scope.boxed(&signature.output, "BoxFuture", "'static", &result);
    let body = if beats {
        quote! {
            let __x_beating = ::core::clone::Clone::clone(&__x_ctx);
            #private::auto_heartbeat(__x_beating, #body)
        }
    } else {
        body
    };
    let parameters = quote! {
        #implementer: #private::Arc<Self>,
        #context: #private::ActivityContext,
        #pattern: Self::Input,
    };
    let output = &signature.output;
    let execute = Scope::function(output, "execute", &parameters, &returned, &body);
    let allowed = activity.method.attributes.allow_deprecated();
    quote! {
        #(#cfg)*
        #allowed
        #head #private::ActivityFunction<#key> for #self_ty #bounds {
            #execute
        }
    }
}

/// The boxed future of the call.
fn body(scope: &Scope<'_>, activity: &Activity) -> TokenStream {
    let signature = &activity.method.signature;
    if signature.is_async {
        async_body(scope, signature)
    } else {
        blocking_body(scope, signature)
    }
}

/// It is called through its constant, which boxes the future.
fn async_body(scope: &Scope<'_>, signature: &Signature) -> TokenStream {
    let private = &scope.private;
    let context = signature.context();
    let lends = lends(signature);
    // Who lends has to copy what the method takes as its own; both are cheap to.
    let own = |taken: TokenStream| {
        if lends {
            quote!(::core::clone::Clone::clone(#taken))
        } else {
            taken
        }
    };
    let receiver = match signature.receiver {
        Receiver::Shared => Some(quote!(__x_by)),
        Receiver::Arc(_) => Some(own(quote!(__x_by))),
        Receiver::None | Receiver::Mutable | Receiver::Other => None,
    };
    let passed = context.map(|context| {
        let variable = quote_spanned!(context.ty.span()=> __x_ctx);
        match context.mode {
            Mode::Value => own(variable),
            Mode::Shared | Mode::Mutable => variable,
        }
    });
    let inputs = input_names(&signature.inputs)
        .into_iter()
        .map(ToTokens::into_token_stream);
    let arguments = receiver.into_iter().chain(passed).chain(inputs);
    let function = &signature.ident;
    let call = quote!(Self::#function(#(#arguments),*));
    let result = result_function(scope, &signature.output, Convert::Activity);
    if lends {
        let (implementer, context) = bindings(signature, false, false);
        quote! {
            #private::finish_with(
                __x_by,
                __x_ctx,
                move |#implementer, #context| #call,
                #result,
            )
        }
    } else {
        quote!(#private::finish(#call, #result))
    }
}

/// Whether the future borrows what the activity is called with.
fn lends(signature: &Signature) -> bool {
    let borrows_context = signature
        .context()
        .is_some_and(|context| context.mode != Mode::Value);
    signature.is_async && (matches!(signature.receiver, Receiver::Shared) || borrows_context)
}

/// How the implementer and the context are bound: to nothing if the call does not take them, unless
/// something else does.
fn bindings(
    signature: &Signature,
    keep_implementer: bool,
    keep_context: bool,
) -> (TokenStream, TokenStream) {
    let takes_implementer = matches!(signature.receiver, Receiver::Shared | Receiver::Arc(_));
    let implementer = if takes_implementer || keep_implementer {
        quote!(__x_by)
    } else {
        quote!(_)
    };
    let context = if signature.context().is_some() || keep_context {
        quote!(__x_ctx)
    } else {
        quote!(_)
    };
    (implementer, context)
}

fn blocking_body(scope: &Scope<'_>, signature: &Signature) -> TokenStream {
    let receiver = match signature.receiver {
        Receiver::Shared => Some(quote!(&__x_by)),
        Receiver::Arc(_) => Some(quote!(__x_by)),
        Receiver::None | Receiver::Mutable | Receiver::Other => None,
    };
    let context = signature
        .context()
        .map(|context| context_argument(context, "__x_ctx"));
    let inputs = input_names(&signature.inputs)
        .into_iter()
        .map(ToTokens::into_token_stream);
    let arguments = receiver.into_iter().chain(context).chain(inputs);
    let function = scope.path(&signature.ident);
    let call = quote!(#function(#(#arguments),*));
    let result = into_result(scope, &signature.output, Convert::Activity, &call);
    let at = signature
        .output
        .ty
        .as_ref()
        .map_or_else(|| signature.ident.span(), Spanned::span);
    let private = scope.private_at(at);
    quote_spanned!(at=> #private::blocking(move || { #result }))
}
