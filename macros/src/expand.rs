//! The parts of an expansion that activities and workflow methods share: the constant that a method
//! becomes, the function behind it, and the encoding of inputs and outputs.
//!
//! Invariants: everything of the SDK is named through `__private`; no type is generated for a method,
//! but for each an implementation of a trait for the method's owner.

use proc_macro2::{Ident, Literal, Span, TokenStream, TokenTree};
use quote::{ToTokens, TokenStreamExt, format_ident, quote, quote_spanned};
use syn::{Attribute, Generics, Lifetime, Meta, Path, Type, spanned::Spanned};

use crate::{
    casing,
    diagnostics::Diagnostics,
    items::Function,
    signature::{Context, Input, Method, Mode, Output, Receiver, Signature, Success},
    types::last_segment,
};

/// What every part of the expansion of one impl block needs.
#[derive(Clone, Debug)]
pub(crate) struct Scope<'a> {
    pub(crate) private: Private,
    /// The name of the type that the block belongs to.
    pub(crate) owner: &'a Ident,
    pub(crate) self_ty: &'a Type,
    pub(crate) generics: Generics,
    /// The boxed future that an `async` method gives: `BoxFuture` or `LocalBoxFuture`.
    pub(crate) future: Ident,
    /// The trait that has the user's functions.
    pub(crate) methods: Ident,
}

/// A method that becomes a value.
#[derive(Debug)]
pub(crate) struct Definition<'a> {
    pub(crate) method: &'a Method,
    /// What tells it from the other methods of its owner, as arguments of a trait: a number and the
    /// type of the function.
    pub(crate) key: TokenStream,
}

/// The path to `__private`.
///
/// It is in the expansion more often than anything else, and a token that is appended costs nothing
/// in comparison with a stream, for which the compiler is asked each time.
#[derive(Clone, Debug)]
pub(crate) struct Private(Vec<TokenTree>);

impl Private {
    fn of(krate: &Path) -> Self {
        Self(quote!(#krate::__private).into_iter().collect())
    }

    fn at(&self, span: Span) -> Self {
        let mut path = self.clone();
        for token in &mut path.0 {
            token.set_span(span);
        }
        path
    }
}

impl ToTokens for Private {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        tokens.append_all(&self.0);
    }
}

impl<'a> Scope<'a> {
    pub(crate) fn new(
        krate: &Path,
        owner: &'a Ident,
        self_ty: &'a Type,
        generics: Generics,
        future: &str,
    ) -> Self {
        Self {
            private: Private::of(krate),
            owner,
            self_ty,
            generics,
            future: format_ident!("{future}"),
            methods: casing::methods(owner, self_ty),
        }
    }

    /// The path to one of the user's functions, from within an implementation for its owner.
    pub(crate) fn path(&self, function: &Ident) -> TokenStream {
        let name = &self.methods;
        let (_, arguments, _) = self.generics.split_for_impl();
        quote!(<Self as #name #arguments>::#function)
    }

    /// The path to `__private` for an expression whose errors belong to `span`: the span of a path
    /// begins with its first token.
    pub(crate) fn private_at(&self, span: Span) -> Private {
        self.private.at(span)
    }

    /// The result of a definition's function, which is `error` when it fails.
    pub(crate) fn result(&self, output: &Output, error: &str) -> TokenStream {
        let at = output.span();
        let private = self.private_at(at);
        let error = Ident::new(error, at);
        quote_spanned!(at=> ::core::result::Result<Self::Output, #private::#error>)
    }

    /// A function of a trait. What is wrong with what it returns is said once, where the user wrote
    /// that, so the function as a whole belongs there.
    pub(crate) fn function(
        output: &Output,
        name: &str,
        parameters: &TokenStream,
        returned: &TokenStream,
        body: &TokenStream,
    ) -> TokenStream {
        let at = output.span();
        let name = Ident::new(name, at);
        quote_spanned! {at=>
            fn #name(#parameters) -> #returned {
                #body
            }
        }
    }

    /// The boxed future of what a method returns, as it is written in a signature.
    pub(crate) fn boxed(
        &self,
        output: &Output,
        future: &str,
        lifetime: &str,
        result: &TokenStream,
    ) -> TokenStream {
        let at = output.span();
        let private = self.private_at(at);
        let (future, lifetime) = (Ident::new(future, at), Lifetime::new(lifetime, at));
        quote_spanned!(at=> #private::#future<#lifetime, #result>)
    }

    /// The definition of a method.
    pub(crate) fn definition<'m>(&self, method: &'m Method) -> Definition<'m> {
        let number = number(&method.signature.ident);
        let pointer = self.pointer(&method.signature);
        Definition {
            method,
            key: quote!(#number, #pointer),
        }
    }

    /// The definition of a method that has no function here.
    pub(crate) fn declared<'m>(&self, method: &'m Method) -> Definition<'m> {
        let number = number(&method.signature.ident);
        let pointer = self.pointer(&method.signature);
        Definition {
            method,
            key: quote!(#number, ::core::marker::PhantomData<#pointer>),
        }
    }

    /// The type of the function that calls a method: an `async` one is boxed.
    fn pointer(&self, signature: &Signature) -> TokenStream {
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
        quote!(#lifetimes fn(#(#arguments),*) -> #output)
    }

    /// An impl block's head up to the trait: `impl<T: Bound>`, and its where clause.
    pub(crate) fn head(&self) -> (TokenStream, TokenStream) {
        let (parameters, _, bounds) = self.generics.split_for_impl();
        (quote!(impl #parameters), bounds.to_token_stream())
    }

    /// The scope of one method: with what its own `where` clause asks for.
    pub(crate) fn with_bounds<'s>(
        &self,
        signatures: impl IntoIterator<Item = &'s Signature>,
    ) -> Self
    where
        Self: Clone,
    {
        let mut scope = self.clone();
        for signature in signatures {
            if !signature.bounds.is_empty() {
                let clause = scope.generics.make_where_clause();
                clause.predicates.extend(signature.bounds.iter().cloned());
            }
        }
        scope
    }

    /// The values of the methods, in a block of their own with the attributes of the user's; those of a method with
    /// conditions have another.
    pub(crate) fn values(
        &self,
        attributes: &[Attribute],
        values: &[(&Signature, TokenStream)],
    ) -> TokenStream {
        // What the user lets lints say there is for the values, too.
        let attributes = attributes
            .iter()
            .filter_map(|attribute| match &attribute.meta {
                Meta::List(list) if attribute.path().is_ident("expect") => {
                    let lints = &list.tokens;
                    Some(quote!(#[allow(#lints)]))
                }
                Meta::NameValue(_) => None,
                Meta::List(_) | Meta::Path(_) => Some(quote!(#attribute)),
            });
        let attributes: Vec<TokenStream> = attributes.collect();
        let block = |head: &TokenStream, bounds: &TokenStream, values: &[&TokenStream]| {
            let self_ty = self.self_ty;
            // A worker or a client far away may be the only one who uses them.
            quote! {
                #(#attributes)*
                #[allow(dead_code, non_upper_case_globals, clippy::type_complexity, clippy::use_self)]
                #head #self_ty #bounds { #(#values)* }
            }
        };
        let (free, bound): (Vec<_>, Vec<_>) = values
            .iter()
            .partition(|(signature, _)| signature.bounds.is_empty());
        let (head, bounds) = self.head();
        let free: Vec<&TokenStream> = free.iter().map(|(_, value)| value).collect();
        let mut tokens = block(&head, &bounds, &free);
        for (signature, value) in bound {
            let (head, bounds) = self.with_bounds([*signature]).head();
            tokens.extend(block(&head, &bounds, &[value]));
        }
        tokens
    }

    /// Implements a trait where the user wrote the type: the compiler shows that, and not the
    /// attribute, when it lists who implements the trait.
    pub(crate) fn implementation(&self, name: &str, items: &TokenStream) -> TokenStream {
        let at = self.self_ty.span();
        let (parameters, _, bounds) = self.generics.split_for_impl();
        let (private, self_ty) = (self.private_at(at), self.self_ty);
        let name = Ident::new(name, at);
        // Where the type is written, but not of the user's hand: nobody is told to write parameters behind it.
        let keyword = Ident::new("impl", Span::call_site().located_at(at));
        quote_spanned!(at=> #keyword #parameters #private::#name for #self_ty #bounds { #items })
    }
}

impl Definition<'_> {
    /// The constant of the method's own name.
    pub(crate) fn constant(
        &self,
        scope: &Scope<'_>,
        kind: &str,
        function: &TokenStream,
    ) -> TokenStream {
        let Method {
            vis,
            signature,
            attributes,
            ..
        } = self.method;
        let (cfg, public) = (&attributes.cfg, &attributes.public);
        let (name, key) = (&signature.ident, &self.key);
        let (private, self_ty) = (&scope.private, scope.self_ty);
        let kind = format_ident!("{kind}");
        // The item belongs to the method's name: that is where a missing documentation is reported.
        let constant = quote_spanned! {name.span()=>
            #vis const #name:
                #private::Method<#self_ty, #private::#kind, #key> = #private::method(#function);
        };
        quote! {
            #(#cfg)*
            #(#public)*
            #constant
        }
    }

    /// What the constant calls: the user's function, or what boxes the future of an `async` one.
    pub(crate) fn function(&self, scope: &Scope<'_>) -> TokenStream {
        let signature = &self.method.signature;
        let function = scope.path(&signature.ident);
        if !signature.is_async {
            return function;
        }
        let names = argument_names(signature);
        // An error about the future (that it is not `Send`) belongs to the method's name.
        let call = quote_spanned! {signature.ident.span()=>
            ::std::boxed::Box::pin(#function(#(#names),*))
        };
        quote!(|#(#names),*| #call)
    }
}

/// Tells the methods of a type apart, like their names do.
fn number(method: &Ident) -> Literal {
    // Names that share one seldom share a signature.
    let number = casing::hash(&casing::wire_name(method));
    Literal::u32_unsuffixed(number)
}

/// Brings the traits into scope that answer where a type has no answer of its own, if the compiler is asked about one.
pub(crate) fn questions<'s>(
    scope: &Scope<'_>,
    signatures: impl IntoIterator<Item = &'s Signature>,
) -> Option<TokenStream> {
    let private = &scope.private;
    let is_asked = signatures
        .into_iter()
        .any(|signature| signature.output.is_asked());
    is_asked.then(|| {
        quote! {
            #[allow(unused_imports)]
            use #private::{AnyError as _, NoResult as _};
        }
    })
}

/// A trait with the user's functions under their own names, beside the constants of these names.
///
/// A path such as `Trip::approve` finds what the type itself has, which is the constant; a call of a method,
/// such as `trip.approve(by)`, finds only what has a receiver, which is the function. So both mean what they
/// seem to, wherever the trait is in scope: in the module of the block and in its tests.
pub(crate) fn methods_trait(scope: &Scope<'_>, methods: &[(&Method, &Function)]) -> TokenStream {
    if methods.is_empty() {
        return TokenStream::new();
    }
    let declarations = methods.iter().map(|(method, written)| {
        let Method {
            signature,
            attributes,
            ..
        } = method;
        let (cfg, name, asyncness) = (&attributes.cfg, &signature.ident, &written.sig.asyncness);
        let receiver = written.sig.receiver().map(ToTokens::to_token_stream);
        // The names are the user's, for signature help.
        let context = signature.context().map(|context| {
            let name = context.name.clone();
            name.unwrap_or_else(|| format_ident!("context"))
        });
        let names = context
            .into_iter()
            .chain(signature.inputs.iter().map(|input| input.name.clone()));
        let typed = names
            .zip(typed_arguments(signature, None))
            .map(|(name, ty)| quote!(#name: #ty));
        let arguments = receiver.into_iter().chain(typed);
        let returned = signature.output.ty.as_ref().map(|ty| quote!(-> #ty));
        let bounds = &written.sig.generics.where_clause;
        let lints = &attributes.lints;
        quote!(#(#cfg)* #(#lints)* #asyncness fn #name(#(#arguments),*) #returned #bounds;)
    });
    let functions = methods.iter().map(|(method, written)| {
        let attributes = &method.attributes;
        let (cfg, own, signature) = (&attributes.cfg, &attributes.function, &written.sig);
        let (lints, body) = (&attributes.lints, written.body());
        quote!(#(#cfg)* #(#lints)* #(#own)* #signature #body)
    });
    let (name, self_ty) = (&scope.methods, scope.self_ty);
    let (parameters, arguments, bounds) = scope.generics.split_for_impl();
    quote! {
        #[doc(hidden)]
        #[allow(
            async_fn_in_trait,
            dead_code,
            non_camel_case_types,
            private_bounds,
            private_interfaces,
            unnameable_types,
            unreachable_pub,
            clippy::all
        )]
        pub trait #name #parameters #bounds {
            #(#declarations)*
        }

        #[allow(private_bounds, private_interfaces)]
        impl #parameters #name #arguments for #self_ty #bounds {
            #(#functions)*
        }
    }
}

/// Silences the lints against forms that our attributes ask for, those that the method can run into;
/// what the user writes comes later and wins.
pub(crate) fn without_imposed_lints(function: &Function) -> TokenStream {
    let signature = &function.sig;
    let form = if signature.asyncness.is_some() {
        quote!(clippy::unused_async)
    } else {
        quote!(clippy::must_use_candidate)
    };
    let passing = (!signature.inputs.is_empty()).then(|| {
        quote! {
            clippy::needless_pass_by_ref_mut,
            clippy::needless_pass_by_value,
            clippy::trivially_copy_pass_by_ref,
        }
    });
    let receiver = signature.receiver().map(|_| quote!(clippy::unused_self,));
    quote! {
        #[allow(unreachable_pub, #form, #passing #receiver)]
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
        .map(|index| format_ident!("__x_{index}"))
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
                    |__x_input| ::core::result::Result::Ok(
                        ::core::convert::From::from([#(#codecs.encode(&__x_input.#fields)?),*]),
                    ),
                    |__x_payloads| ::core::result::Result::Ok(
                        (#(#codecs.decode_at(__x_payloads, #positions)?),*),
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
        Success::Unknown(ty) => {
            let returned = returned(scope, ty);
            quote_spanned!(ty.span()=> <#returned>::Output)
        }
    }
}

/// What a method returned, as a `Result` or not: `<Order as Returned<..>` without its closing bracket.
pub(crate) fn returned(scope: &Scope<'_>, ty: &Type) -> TokenStream {
    let private = scope.private_at(ty.span());
    quote_spanned!(ty.span()=> #ty as #private::Returned<{ #private::Probe::<#ty>::IS_RESULT }>)
}

/// The type of a success as documentation shows it: the user's own word for it.
pub(crate) fn shown_output_type(scope: &Scope<'_>, output: &Output) -> TokenStream {
    match output.success() {
        Success::Unknown(ty) if is_plain_name(ty) => quote!(#ty),
        _ => output_type(scope, output),
    }
}

/// `output_codec`: how a success is encoded.
pub(crate) fn output_codec(scope: &Scope<'_>, output: &Output) -> TokenStream {
    let ty = output_type(scope, output);
    // Whatever is wrong with the type is said once, where it is written.
    let at = output.span();
    let private = scope.private_at(at);
    let codec = match output.success() {
        Success::Unknown(ty) => {
            quote_spanned!(ty.span()=> <Self::Output as #private::Output>::codec())
        }
        _ => quote_spanned!(ty.span()=> <#ty as #private::Output>::codec()),
    };
    quote_spanned! {at=>
        fn output_codec() -> #private::Codec<Self::Output> {
            #codec
        }
    }
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
    let lifetime = Lifetime::new("'x", Span::call_site());
    receiver
        .into_iter()
        .chain(typed_arguments(signature, Some(&lifetime)))
        .collect()
}

/// The types of the arguments behind the receiver.
fn typed_arguments(signature: &Signature, lifetime: Option<&Lifetime>) -> Vec<TokenStream> {
    let context = signature
        .context()
        .map(|Context { mode, ty, .. }| match mode {
            Mode::Value => quote!(#ty),
            Mode::Shared => quote!(&#lifetime #ty),
            Mode::Mutable => quote!(&#lifetime mut #ty),
        });
    let inputs = signature
        .inputs
        .iter()
        .map(|input| input.ty.to_token_stream());
    context.into_iter().chain(inputs).collect()
}

fn argument_names(signature: &Signature) -> Vec<Ident> {
    let receiver = match &signature.receiver {
        Receiver::Shared | Receiver::Mutable | Receiver::Arc(_) => Some(format_ident!("__x_this")),
        Receiver::None | Receiver::Other => None,
    };
    let context = signature.context().map(|_| format_ident!("__x_ctx"));
    receiver
        .into_iter()
        .chain(context)
        .chain(input_names(&signature.inputs))
        .collect()
}

/// A name that does not look like that of a `Result`.
fn is_plain_name(ty: &Type) -> bool {
    last_segment(ty)
        .is_some_and(|last| last.arguments.is_none() && !last.ident.to_string().contains("Res"))
}

fn borrows(signature: &Signature) -> bool {
    matches!(signature.receiver, Receiver::Shared | Receiver::Mutable)
        || signature
            .context()
            .is_some_and(|context| context.mode != Mode::Value)
}
