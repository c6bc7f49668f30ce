//! The parts of an expansion that activities and workflow methods share: the definition type, the
//! constant that shows it, the function behind it, and the encoding of inputs and outputs.
//!
//! Invariants: everything of the SDK is named through `__private`; a definition type carries the
//! owner and the signature as type arguments, so that the compiler sees through it which private
//! types it shows, and it takes generic owners without repeating their parameters.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{Generics, ImplItemFn, Path, Type, spanned::Spanned};

use crate::{
    casing,
    diagnostics::Diagnostics,
    signature::{Context, Input, Method, Mode, Output, Receiver, Signature, Success},
};

/// What every part of the expansion of one impl block needs.
#[derive(Debug)]
pub(crate) struct Scope<'a> {
    /// The path to `__private`.
    pub(crate) private: TokenStream,
    /// The name of the type that the block belongs to.
    pub(crate) owner: &'a Ident,
    pub(crate) self_ty: &'a Type,
    pub(crate) generics: Generics,
    /// The boxed future that an `async` method gives: `BoxFuture` or `LocalBoxFuture`.
    pub(crate) future: Ident,
}

/// A definition type as it is named in the expansion.
#[derive(Debug)]
pub(crate) struct Definition<'a> {
    pub(crate) method: &'a Method,
    pub(crate) ident: Ident,
    /// The type with its arguments: the name of an alias where there is one.
    pub(crate) ty: TokenStream,
    /// The type with its arguments, written out.
    full: TokenStream,
    pointer: TokenStream,
    output: TokenStream,
}

impl<'a> Scope<'a> {
    pub(crate) fn new(
        krate: &Path,
        owner: &'a Ident,
        self_ty: &'a Type,
        generics: Generics,
        future: &str,
    ) -> Self {
        let private = quote!(#krate::__private);
        Self {
            private,
            owner,
            self_ty,
            generics,
            future: format_ident!("{future}"),
        }
    }

    /// The path to `__private` for an expression whose errors belong to `span`: the span of a path
    /// begins with its first token.
    pub(crate) fn private_at(&self, span: Span) -> TokenStream {
        let respan = |mut token: TokenTree| {
            token.set_span(span);
            token
        };
        self.private.clone().into_iter().map(respan).collect()
    }

    /// The result of a definition's function, which is `error` when it fails.
    pub(crate) fn result(&self, output: &Output, error: &str) -> TokenStream {
        let at = output
            .ty
            .as_ref()
            .map_or_else(Span::call_site, Spanned::span);
        let private = self.private_at(at);
        let error = Ident::new(error, at);
        quote_spanned!(at=> ::core::result::Result<Self::Output, #private::#error>)
    }

    /// Names the definition type of a method.
    pub(crate) fn definition<'m>(&self, method: &'m Method) -> Definition<'m> {
        let signature = &method.signature;
        let ident = casing::definition(self.owner, &signature.ident);
        let self_ty = self.self_ty;
        let borrows = borrows(signature);
        let arguments = argument_types(self, signature);
        let value = signature
            .output
            .ty
            .as_ref()
            .map_or_else(|| quote!(()), |ty| quote!(#ty));
        let output = if signature.is_async {
            let (private, future) = (&self.private, &self.future);
            let lifetime = if borrows { quote!('x) } else { quote!('static) };
            quote!(#private::#future<#lifetime, #value>)
        } else {
            value
        };
        let lifetimes = borrows.then(|| quote!(for<'x>));
        let pointer = quote!(#lifetimes fn(#(#arguments),*) -> #output);
        let full = quote!(#ident<#self_ty, #pointer>);
        let ty = if self.generics.params.is_empty() {
            casing::definition_alias(&ident).into_token_stream()
        } else {
            full.clone()
        };
        Definition {
            method,
            ident,
            ty,
            full,
            pointer,
            output,
        }
    }

    /// An impl block's head up to the trait: `impl<T: Bound>`, and its where clause.
    pub(crate) fn head(&self) -> (TokenStream, TokenStream) {
        let (parameters, _, bounds) = self.generics.split_for_impl();
        (quote!(impl #parameters), bounds.to_token_stream())
    }
}

impl Definition<'_> {
    /// The constant of the method's own name.
    pub(crate) fn constant(&self) -> TokenStream {
        let Method {
            vis,
            signature,
            attributes,
            ..
        } = self.method;
        let (cfg, public) = (&attributes.cfg, &attributes.public);
        // Written out, because documentation shows it.
        let (name, ident, ty) = (&signature.ident, &self.ident, &self.full);
        // The item belongs to the method's name: that is where a missing documentation is reported.
        let constant = quote_spanned! {name.span()=>
            #vis const #name: #ty = #ident(::core::marker::PhantomData);
        };
        // A worker or a client far away may be the only one who uses it.
        quote! {
            #(#cfg)*
            #(#public)*
            #[allow(dead_code, non_upper_case_globals, clippy::type_complexity, clippy::use_self)]
            #constant
        }
    }

    /// The definition type.
    pub(crate) fn declaration(&self, scope: &Scope<'_>) -> TokenStream {
        let cfg = &self.method.attributes.cfg;
        let Self {
            ident, ty, full, ..
        } = self;
        // The signature is spelled once, which is shorter to read and quicker to compile.
        let alias = scope.generics.params.is_empty().then(|| {
            quote! {
                #(#cfg)*
                #[allow(non_camel_case_types, clippy::type_complexity)]
                type #ty = #full;
            }
        });
        // What is said about the type points at the method.
        let declaration = quote_spanned! {self.method.signature.ident.span()=>
            pub struct #ident<W, F>(::core::marker::PhantomData<fn() -> (W, F)>);
        };
        quote! {
            #(#cfg)*
            #[doc(hidden)]
            #[allow(
                missing_debug_implementations,
                non_camel_case_types,
                unnameable_types,
                unreachable_pub
            )]
            #declaration

            #(#cfg)*
            impl<W, F> ::core::clone::Clone for #ident<W, F> {
                fn clone(&self) -> Self {
                    *self
                }
            }

            #(#cfg)*
            impl<W, F> ::core::marker::Copy for #ident<W, F> {}

            #alias
        }
    }

    /// What makes the definition a function: it derefs to a pointer to the method.
    pub(crate) fn call(&self, scope: &Scope<'_>) -> TokenStream {
        let cfg = &self.method.attributes.cfg;
        let signature = &self.method.signature;
        let Self {
            ty,
            pointer,
            output,
            ..
        } = self;
        let (head, bounds) = scope.head();
        let callee = callee(scope, signature);
        let wrapper = signature.is_async.then(|| {
            let lifetimes = borrows(signature).then(|| quote!(<'x>));
            let types = argument_types(scope, signature);
            let names = argument_names(signature);
            let (self_ty, function) = (scope.self_ty, casing::hidden_function(&signature.ident));
            let call = quote!(<#self_ty>::#function(#(#names),*));
            // An error about the future (that it is not `Send`) belongs to the method's name.
            let call = quote_spanned!(signature.ident.span()=> ::std::boxed::Box::pin(#call));
            quote! {
                #(#cfg)*
                #head #ty #bounds {
                    fn __x_call #lifetimes(#(#names: #types),*) -> #output {
                        #call
                    }
                }
            }
        });
        quote! {
            #wrapper

            #(#cfg)*
            #head ::core::ops::Deref for #ty #bounds {
                type Target = #pointer;

                fn deref(&self) -> &Self::Target {
                    &(#callee as Self::Target)
                }
            }
        }
    }
}

/// What a definition calls: the user's function, or what boxes the future of an `async` one.
pub(crate) fn callee(scope: &Scope<'_>, signature: &Signature) -> TokenStream {
    if signature.is_async {
        return quote!(Self::__x_call);
    }
    let (self_ty, function) = (scope.self_ty, casing::hidden_function(&signature.ident));
    quote!(<#self_ty>::#function)
}

/// The user's function under its hidden name.
pub(crate) fn function(method: &Method, written: &ImplItemFn) -> TokenStream {
    let mut function = written.clone();
    function.sig.ident = casing::hidden_function(&written.sig.ident);
    function.attrs = method.attributes.cfg.clone();
    function
        .attrs
        .extend(method.attributes.function.iter().cloned());
    let function = without_imposed_lints(&function);
    quote! {
        #[doc(hidden)]
        #[allow(unreachable_pub)]
        #function
    }
}

/// Makes `self.name(..)` in the block call the method that became a constant of that name.
pub(crate) fn call_hidden(block: TokenStream, definitions: &[&Definition<'_>]) -> TokenStream {
    let names: Vec<&Ident> = definitions
        .iter()
        .map(|definition| &definition.method.signature)
        .filter(|signature| !matches!(signature.receiver, Receiver::None))
        .map(|signature| &signature.ident)
        .collect();
    call_hidden_in(&block, &names).unwrap_or(block)
}

/// The tokens with the calls replaced; nothing if there are none.
fn call_hidden_in(tokens: &TokenStream, names: &[&Ident]) -> Option<TokenStream> {
    let mut tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
    let mut is_changed = false;
    for index in 0..tokens.len() {
        if let TokenTree::Group(group) = &tokens[index]
            && let Some(inside) = call_hidden_in(&group.stream(), names)
        {
            let mut changed = Group::new(group.delimiter(), inside);
            changed.set_span(group.span());
            tokens[index] = changed.into();
            is_changed = true;
        }
        let hidden = match &tokens[..=index] {
            [
                ..,
                TokenTree::Ident(this),
                TokenTree::Punct(dot),
                TokenTree::Ident(name),
            ] if this == "self" && dot.as_char() == '.' && names.contains(&name) => {
                casing::hidden_function(name)
            }
            _ => continue,
        };
        let is_call = matches!(
            tokens.get(index + 1),
            Some(TokenTree::Group(arguments)) if arguments.delimiter() == Delimiter::Parenthesis
        );
        if is_call {
            tokens[index] = hidden.into();
            is_changed = true;
        }
    }
    is_changed.then(|| tokens.into_iter().collect())
}

/// Silences the lints against forms that our attributes ask for; what the user writes comes later
/// and wins.
pub(crate) fn without_imposed_lints(function: &ImplItemFn) -> TokenStream {
    quote! {
        #[allow(
            clippy::must_use_candidate,
            clippy::needless_pass_by_ref_mut,
            clippy::needless_pass_by_value,
            clippy::trivially_copy_pass_by_ref,
            clippy::unused_async,
            clippy::unused_self
        )]
        #function
    }
}

/// The type of all inputs together: `()`, one type, or a tuple.
pub(crate) fn input_type(inputs: &[Input]) -> TokenStream {
    let types: Vec<&Type> = inputs.iter().map(|input| &input.ty).collect();
    tuple(&types)
}

/// The pattern that takes the inputs apart into [`input_names`].
pub(crate) fn input_pattern(inputs: &[Input]) -> TokenStream {
    let names = input_names(inputs);
    tuple(&names)
}

/// The names that generated code gives to the inputs.
pub(crate) fn input_names(inputs: &[Input]) -> Vec<Ident> {
    (0..inputs.len())
        .map(|index| format_ident!("input_{index}"))
        .collect()
}

/// `arguments`: how the inputs are encoded, one payload each.
pub(crate) fn input_codec(scope: &Scope<'_>, inputs: &[Input]) -> TokenStream {
    let private = &scope.private;
    let body = match inputs {
        [] => quote!(#private::Arguments::none()),
        [Input { ty, .. }] => {
            quote_spanned!(ty.span()=> <#ty as #private::Input>::arguments())
        }
        several => {
            let codecs: Vec<TokenStream> = several
                .iter()
                .map(|Input { ty, .. }| {
                    quote_spanned!(ty.span()=> <#ty as #private::Input>::codec())
                })
                .collect();
            let positions = 0..codecs.len();
            let fields = positions.clone().map(syn::Index::from);
            quote! {
                #private::Arguments::new(
                    |input| ::core::result::Result::Ok(
                        ::core::convert::From::from([#(#codecs.encode(&input.#fields)?),*]),
                    ),
                    |payloads| ::core::result::Result::Ok(
                        (#(#codecs.decode_at(payloads, #positions)?),*),
                    ),
                )
            }
        }
    };
    quote! {
        fn arguments() -> #private::Arguments<Self::Input> {
            #body
        }
    }
}

/// The type of a success.
pub(crate) fn output_type(scope: &Scope<'_>, output: &Output) -> TokenStream {
    match output.success() {
        Success::Unit => quote!(()),
        Success::Plain(ty) | Success::Inner(ty) => quote!(#ty),
        Success::Hidden(ty) => {
            let private = scope.private_at(ty.span());
            quote_spanned!(ty.span()=> <#ty as #private::Fallible>::Output)
        }
    }
}

/// `output_codec`: how a success is encoded.
pub(crate) fn output_codec(scope: &Scope<'_>, output: &Output) -> TokenStream {
    let ty = output_type(scope, output);
    // Whatever is wrong with the type is said once, where it is written.
    let at = output
        .ty
        .as_ref()
        .map_or_else(Span::call_site, Spanned::span);
    let private = scope.private_at(at);
    let codec = quote_spanned!(ty.span()=> <#ty as #private::Output>::codec());
    quote_spanned! {at=>
        fn output_codec() -> #private::Codec<Self::Output> {
            #codec
        }
    }
}

/// Makes a `Result` of the SDK's kind out of what a method returned: statements that end in it.
pub(crate) fn into_result(
    scope: &Scope<'_>,
    output: &Output,
    convert: Convert,
    value: &TokenStream,
) -> TokenStream {
    match &output.ty {
        Some(ty) if output.is_fallible() => {
            let private = scope.private_at(ty.span());
            // An error that cannot be converted is reported where the return type is written.
            let output = format_ident!("output", span = ty.span());
            let convert = match convert {
                Convert::Workflow => quote!(IntoWorkflowError::into_workflow_error),
                Convert::Activity => quote!(IntoActivityError::into_activity_error),
            };
            quote_spanned! {ty.span()=>
                let #output = #value;
                #private::Fallible::into_result(#output).map_err(|error| #private::#convert(error))
            }
        }
        _ => quote!(::core::result::Result::Ok(#value)),
    }
}

/// What an error becomes on its way out.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Convert {
    Activity,
    Workflow,
}

/// Passes a context that the generated code has in a variable.
pub(crate) fn context_argument(context: &Context, variable: &str) -> TokenStream {
    let variable = format_ident!("{variable}");
    let span = context.ty.span();
    match context.mode {
        Mode::Value => quote_spanned!(span=> #variable),
        Mode::Shared => quote_spanned!(span=> &#variable),
        Mode::Mutable => quote_spanned!(span=> &mut #variable),
    }
}

/// Says that the user's package does not depend on the SDK.
pub(crate) fn no_dependency(at: &dyn ToTokens, attribute: &str, diagnostics: &mut Diagnostics) {
    diagnostics.error(
        at,
        "this package does not depend on `steadfast`",
        &format!("run `cargo add steadfast`, or say where it is: `#[{attribute}(crate = path)]`"),
    );
}

/// `()`, the only one, or `(a, b)`.
pub(crate) fn tuple<T: ToTokens>(parts: &[T]) -> TokenStream {
    match parts {
        [] => quote!(()),
        [only] => quote!(#only),
        several => quote!((#(#several),*)),
    }
}

fn argument_types(scope: &Scope<'_>, signature: &Signature) -> Vec<TokenStream> {
    let self_ty = scope.self_ty;
    let receiver = match &signature.receiver {
        Receiver::Shared => Some(quote!(&'x #self_ty)),
        Receiver::Mutable => Some(quote!(&'x mut #self_ty)),
        Receiver::Arc(ty) => Some(quote!(#ty)),
        Receiver::None | Receiver::Other => None,
    };
    let context = signature
        .context()
        .map(|Context { mode, ty, .. }| match mode {
            Mode::Value => quote!(#ty),
            Mode::Shared => quote!(&'x #ty),
            Mode::Mutable => quote!(&'x mut #ty),
        });
    let inputs = signature
        .inputs
        .iter()
        .map(|input| input.ty.to_token_stream());
    receiver.into_iter().chain(context).chain(inputs).collect()
}

fn argument_names(signature: &Signature) -> Vec<Ident> {
    let receiver = match &signature.receiver {
        Receiver::Shared | Receiver::Mutable | Receiver::Arc(_) => Some(format_ident!("this")),
        Receiver::None | Receiver::Other => None,
    };
    let context = signature.context().map(|_| format_ident!("context"));
    receiver
        .into_iter()
        .chain(context)
        .chain(input_names(&signature.inputs))
        .collect()
}

fn borrows(signature: &Signature) -> bool {
    matches!(signature.receiver, Receiver::Shared | Receiver::Mutable)
        || signature
            .context()
            .is_some_and(|context| context.mode != Mode::Value)
}
