//! Writes the expansion of `#[workflow_methods]`.

mod handle;
mod stand_in;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{Path, spanned::Spanned};

use self::handle::{handle, handle_type};
use super::model::{Kind, Marked, Model};
use crate::{
    block, casing,
    expand::{
        Definition, Scope, input_codec, input_names, input_pattern, input_type, methods_trait,
        output_codec, output_type, questions, without_imposed_lints,
    },
    items::{Function, Item},
    result::{Convert, into_result, result_function},
    signature::{Method, Mode, Signature},
    types::resolve_generics,
};

/// Expands what the check left of a block. Without its run method, or with a mistake in what decides of the
/// workflow's input, it gets a definition that is never run, so that nothing else is reported.
pub(super) fn expand(model: &Model, owner: &Ident, krate: &Path) -> TokenStream {
    let block = &model.block;
    let generics = resolve_generics(&block.generics, &block.self_ty);
    let scope = Scope::new(krate, owner, &block.self_ty, generics, "LocalBoxFuture");
    let definitions: Vec<(&Marked, Definition<'_>)> = model
        .methods
        .iter()
        .filter(|marked| marked.kind.is_handler() || marked.kind == Kind::Run)
        .map(|marked| (marked, scope.definition(&marked.method)))
        .collect();
    let methods = methods(&scope, model, &definitions);
    let items: TokenStream = definitions
        .iter()
        .map(|(marked, definition)| {
            let scope = scope.with_bounds([&definition.method.signature]);
            match marked.kind {
                Kind::Signal => signal(&scope, marked, definition),
                Kind::Query => query(&scope, marked, definition),
                Kind::Update => update(&scope, marked, model.validator(marked), definition),
                Kind::Run | Kind::Init | Kind::Validator => TokenStream::new(),
            }
        })
        .collect();
    let handle_name = model
        .options
        .handle()
        .unwrap_or_else(|| casing::handle(owner));
    let signatures = definitions.iter().map(|(_, it)| &it.method.signature);
    let scope = scope.with_bounds(signatures);
    let workflow = match model.run().filter(|_| model.is_whole()) {
        Some(run) => workflow(&scope, model, run, &handle_name, &definitions),
        None => stand_in::workflow(&scope, model, &handle_name),
    };
    let handle = handle(&scope, &handle_name, model, &definitions);
    let questions = questions(&scope, model.methods.iter().map(|it| &it.method.signature));
    quote! {
        #questions
        #methods
        #items
        #workflow
        #handle
    }
}

/// The user's block with a constant for the run method and each handler, and the trait of their functions.
fn methods(
    scope: &Scope<'_>,
    model: &Model,
    definitions: &[(&Marked, Definition<'_>)],
) -> TokenStream {
    let mut block = model.block.clone();
    let mut functions: Vec<(&Method, &Function)> = Vec::new();
    let mut values: Vec<(&Signature, TokenStream)> = Vec::new();
    for (marked, definition) in definitions {
        let index = definition.method.index;
        if let Item::Function(written) = &model.block.items[index] {
            functions.push((definition.method, written.as_ref()));
            let function = definition.function(scope);
            let constant = definition.constant(scope, marked.kind.name(), &function);
            let signature = &definition.method.signature;
            if model.block.repeats(&signature.ident) {
                block.items[index] = Item::Generated(constant);
            } else {
                values.push((signature, constant));
                block.items[index] = Item::Generated(TokenStream::new());
            }
        }
    }
    for marked in model.of(Kind::Init).chain(model.of(Kind::Validator)) {
        let index = marked.method.index;
        if let Item::Function(written) = &model.block.items[index] {
            block.items[index] = Item::Generated(without_imposed_lints(written));
        }
    }
    block::demote_unreadable(&mut block, &Kind::ATTRIBUTES);
    let values = scope.values(&model.block.attrs, &values);
    let functions = methods_trait(scope, &functions);
    quote!(#block #values #functions)
}

fn workflow(
    scope: &Scope<'_>,
    model: &Model,
    run: &Marked,
    handle: &Ident,
    definitions: &[(&Marked, Definition<'_>)],
) -> TokenStream {
    let (private, self_ty) = (&scope.private, scope.self_ty);
    let signature = &run.method.signature;
    let taken = model
        .init()
        .map_or(&[][..], |init| &init.method.signature.inputs);
    let inputs = if taken.is_empty() {
        &signature.inputs
    } else {
        taken
    };
    let input = input_type(inputs);
    let output = output_type(scope, &signature.output);
    let handle = handle_type(scope, handle);
    let input_codec = input_codec(scope, inputs);
    let output_codec = output_codec(scope, &signature.output);
    let init = init(scope, model.init());
    let workflow_type =
        quote_spanned!(self_ty.span()=> <#self_ty as #private::WorkflowName>::WORKFLOW_TYPE);
    let (input_parameter, take_input) = if !taken.is_empty() {
        (quote!(_), None)
    } else {
        let pattern = input_pattern(inputs);
        let take = quote! {
            let #pattern = __x_input.expect("the input is left to `#[run]` when `#[init]` takes none");
        };
        (quote!(__x_input), Some(take))
    };
    let body = async_body(scope, signature);
    let result = scope.result(&signature.output, "WorkflowError");
    let returned = scope.boxed(&signature.output, "LocalBoxFuture", "'static", &result);
    let context = async_context(signature);
    let parameters = quote! {
        #context: #private::WorkflowContext<Self>,
        #input_parameter: ::core::option::Option<Self::Input>,
    };
    let body = quote!(#take_input #body);
    let run = Scope::function(&signature.output, "run", &parameters, &returned, &body);
    let handlers = handlers(scope, definitions);
    let items = quote! {
        type Input = #input;
        type Output = #output;

        const WORKFLOW_TYPE: &'static str = #workflow_type;

        #input_codec

        #output_codec
    };
    let definition = scope.implementation("WorkflowDefinition", &items);
    let items = quote! {
        #init

        #run

        fn handlers() -> #private::HandlerSet<Self> {
            #handlers
        }
    };
    let implementation = scope.implementation("WorkflowImplementation", &items);
    let handle = scope.implementation("HasHandle", &quote!(type Handle = #handle;));
    quote!(#definition #implementation #handle)
}

/// The set of the handlers that are there.
fn handlers(scope: &Scope<'_>, definitions: &[(&Marked, Definition<'_>)]) -> TokenStream {
    let private = &scope.private;
    let mut set = quote!(#private::HandlerSet::new());
    for (marked, definition) in definitions {
        let Method {
            signature,
            attributes,
            ..
        } = definition.method;
        let (cfg, name) = (&attributes.cfg, &signature.ident);
        let add = match marked.kind {
            Kind::Signal => quote!(signal),
            Kind::Query => quote!(query),
            Kind::Update => quote!(update),
            Kind::Run | Kind::Init | Kind::Validator => continue,
        };
        // What is wrong with the method's types belongs to it.
        let method = quote_spanned!(name.span()=> Self::#name);
        let allowed = attributes.allow_deprecated();
        set = if cfg.is_empty() && allowed.is_none() {
            quote!(#set.#add(#method))
        } else {
            quote! {{
                let __x_set = #set;
                #(#cfg)*
                #allowed
                let __x_set = __x_set.#add(#method);
                __x_set
            }}
        };
    }
    set
}

fn init(scope: &Scope<'_>, init: Option<&Marked>) -> TokenStream {
    let (private, self_ty) = (&scope.private, scope.self_ty);
    let (view, pattern, state, rest) = match init {
        None => {
            let state = quote_spanned!(self_ty.span()=> <#self_ty as #private::InitialState>::initial_state());
            (
                quote!(_),
                quote!(__x_input),
                state,
                quote!(::core::option::Option::Some(__x_input)),
            )
        }
        Some(marked) => {
            let signature = &marked.method.signature;
            let view = signature.context().map(|context| {
                let span = context.ty.span();
                quote_spanned!(span=> __x_view)
            });
            let names = input_names(&signature.inputs);
            let function = &signature.ident;
            let arguments = view
                .iter()
                .cloned()
                .chain(names.iter().map(ToTokens::to_token_stream));
            // A state of another type is reported where the return type is written.
            let at = signature
                .output
                .ty
                .as_ref()
                .map_or_else(|| function.span(), Spanned::span);
            let call = quote_spanned!(at=> <#self_ty>::#function(#(#arguments),*));
            let result = into_result(scope, &signature.output, Convert::Workflow, &call);
            let state = if signature.output.is_fallible() {
                quote_spanned!(at=> {
                    let __x_made = { #result }?;
                    __x_made
                })
            } else {
                call
            };
            let view = if view.is_some() {
                quote!(__x_view)
            } else {
                quote!(_)
            };
            if names.is_empty() {
                (
                    view,
                    quote!(__x_input),
                    state,
                    quote!(::core::option::Option::Some(__x_input)),
                )
            } else {
                let pattern = input_pattern(&signature.inputs);
                (view, pattern, state, quote!(::core::option::Option::None))
            }
        }
    };
    let variable = Ident::new("__x_state", Span::call_site());
    let state_of_type = quote_spanned!(state.span()=> let #variable: Self = #state;);
    quote! {
        fn init(
            #view: &#private::WorkflowContextView,
            #pattern: Self::Input,
        ) -> ::core::result::Result<
            (Self, ::core::option::Option<Self::Input>),
            #private::WorkflowError,
        > {
            #state_of_type
            ::core::result::Result::Ok((__x_state, #rest))
        }
    }
}

fn signal(scope: &Scope<'_>, marked: &Marked, definition: &Definition<'_>) -> TokenStream {
    let common = handler_head(scope, marked);
    let handle = handle_function(scope, &marked.method.signature, &quote!(()));
    implementation(scope, Kind::Signal, definition, &quote!(#common #handle))
}

fn update(
    scope: &Scope<'_>,
    marked: &Marked,
    validator: Option<&Marked>,
    definition: &Definition<'_>,
) -> TokenStream {
    let signature = &marked.method.signature;
    let output = output_type(scope, &signature.output);
    let common = handler_head(scope, marked);
    let codec = output_codec(scope, &signature.output);
    let validate = validator.map(|validator| validate(scope, validator));
    let handle = handle_function(scope, signature, &quote!(Self::Output));
    let body = quote!(type Output = #output; #common #codec #validate #handle);
    implementation(scope, Kind::Update, definition, &body)
}

fn query(scope: &Scope<'_>, marked: &Marked, definition: &Definition<'_>) -> TokenStream {
    let private = &scope.private;
    let signature = &marked.method.signature;
    let output = output_type(scope, &signature.output);
    let common = handler_head(scope, marked);
    let codec = output_codec(scope, &signature.output);
    let pattern = input_pattern(&signature.inputs);
    let view = signature
        .context()
        .map(|context| quote_spanned!(context.ty.span()=> __x_view));
    let parameter = if view.is_some() {
        quote!(__x_view)
    } else {
        quote!(_)
    };
    let inputs = input_names(&signature.inputs)
        .into_iter()
        .map(ToTokens::into_token_stream);
    let arguments = view.into_iter().chain(inputs);
    let function = scope.path(&signature.ident);
    let call = quote!(#function(__x_state #(, #arguments)*));
    let result = into_result(scope, &signature.output, Convert::Workflow, &call);
    let returned = scope.result(&signature.output, "WorkflowError");
    let parameters = quote! {
        __x_state: &Self,
        #parameter: &#private::WorkflowContextView,
        #pattern: Self::Input,
    };
    let handle = Scope::function(&signature.output, "handle", &parameters, &returned, &result);
    let body = quote! {
        type Output = #output;
        #common
        #codec

        #handle
    };
    implementation(scope, Kind::Query, definition, &body)
}

fn implementation(
    scope: &Scope<'_>,
    kind: Kind,
    definition: &Definition<'_>,
    body: &TokenStream,
) -> TokenStream {
    let (cfg, key) = (&definition.method.attributes.cfg, &definition.key);
    let (private, self_ty) = (&scope.private, scope.self_ty);
    let (head, bounds) = scope.head();
    let method = format_ident!("{}Method", kind.name());
    let allowed = definition.method.attributes.allow_deprecated();
    quote! {
        #(#cfg)*
        #allowed
        #head #private::#method<#key> for #self_ty #bounds {
            #body
        }
    }
}

/// What the definitions of all handlers begin with.
fn handler_head(scope: &Scope<'_>, marked: &Marked) -> TokenStream {
    let name = marked.name();
    let input = input_type(&marked.method.signature.inputs);
    let codec = input_codec(scope, &marked.method.signature.inputs);
    let description = Some(marked.description())
        .filter(|text| !text.is_empty())
        .map(|text| quote!(const DESCRIPTION: &'static str = #text;));
    quote! {
        type Input = #input;

        const NAME: &'static str = #name;
        #description

        #codec
    }
}

/// `handle` of a signal or an update.
fn handle_function(scope: &Scope<'_>, signature: &Signature, output: &TokenStream) -> TokenStream {
    let private = &scope.private;
    let pattern = input_pattern(&signature.inputs);
    let (state, context, body) = if signature.is_async {
        let body = async_body(scope, signature);
        let context = async_context(signature);
        let own = signature
            .context()
            .map(|_| quote!(let __x_ctx = #private::own_context(__x_ctx);));
        (
            quote!(_),
            context,
            quote!(#own #private::Handled::Later(#body)),
        )
    } else {
        let context = signature
            .context()
            .map(|context| quote_spanned!(context.ty.span()=> __x_ctx));
        let parameter = if context.is_some() {
            quote!(__x_ctx)
        } else {
            quote!(_)
        };
        let inputs = input_names(&signature.inputs)
            .into_iter()
            .map(ToTokens::into_token_stream);
        let arguments = context.into_iter().chain(inputs);
        let function = scope.path(&signature.ident);
        let call = quote!(#function(__x_state #(, #arguments)*));
        let result = into_result(scope, &signature.output, Convert::Workflow, &call);
        let result = if signature.output.is_fallible() {
            quote!({ #result })
        } else {
            result
        };
        let body = quote!(#private::Handled::Now(#result));
        (quote!(__x_state), parameter, body)
    };
    let at = signature.output.span();
    let private_there = scope.private_at(at);
    let returned = quote_spanned!(at=> #private_there::Handled<#output>);
    let parameters = quote! {
        #state: &mut Self,
        #context: &mut #private::SyncWorkflowContext<Self>,
        #pattern: Self::Input,
    };
    Scope::function(&signature.output, "handle", &parameters, &returned, &body)
}

/// The boxed future of an `async` method. It is called through its constant, which boxes the future.
fn async_body(scope: &Scope<'_>, signature: &Signature) -> TokenStream {
    let private = &scope.private;
    let function = &signature.ident;
    let context = signature
        .context()
        .map(|context| quote_spanned!(context.ty.span()=> __x_ctx));
    let inputs = input_names(&signature.inputs)
        .into_iter()
        .map(ToTokens::into_token_stream);
    let arguments = context.into_iter().chain(inputs);
    let call = quote!(Self::#function(#(#arguments),*));
    let result = result_function(scope, &signature.output, Convert::Workflow);
    if borrows_context(signature) {
        quote!(#private::finish_with_context(__x_ctx, move |__x_ctx| #call, #result))
    } else {
        quote!(#private::finish_local(#call, #result))
    }
}

fn borrows_context(signature: &Signature) -> bool {
    signature
        .context()
        .is_some_and(|context| context.mode != Mode::Value)
}

/// How an `async` method's context is bound before the call.
fn async_context(signature: &Signature) -> TokenStream {
    if signature.context().is_some() {
        quote!(__x_ctx)
    } else {
        quote!(_)
    }
}

fn validate(scope: &Scope<'_>, validator: &Marked) -> TokenStream {
    let private = &scope.private;
    let signature = &validator.method.signature;
    let cfg = &validator.method.attributes.cfg;
    let function = &signature.ident;
    let view = signature
        .context()
        .map(|context| quote_spanned!(context.ty.span()=> __x_view));
    let parameter = if view.is_some() {
        quote!(__x_view)
    } else {
        quote!(_)
    };
    let inputs = match signature.inputs.as_slice() {
        [] => Vec::new(),
        [only] => vec![quote_spanned!(only.ty.span()=> __x_input)],
        several => several
            .iter()
            .enumerate()
            .map(|(index, input)| {
                let field = syn::Index::from(index);
                quote_spanned!(input.ty.span()=> &__x_input.#field)
            })
            .collect(),
    };
    let input = if inputs.is_empty() {
        quote!(_)
    } else {
        quote!(__x_input)
    };
    let arguments = view.into_iter().chain(inputs);
    let call = quote!(Self::#function(__x_state #(, #arguments)*));
    let result = into_result(scope, &signature.output, Convert::Workflow, &call);
    quote! {
        #(#cfg)*
        fn validate(
            __x_state: &Self,
            #parameter: &#private::WorkflowContextView,
            #input: &Self::Input,
        ) -> ::core::result::Result<(), #private::WorkflowError> {
            #result
        }
    }
}
