//! `#[derive(ActivityFailure)]`: makes each variant of an error an application failure of its own type, and reads it
//! back.
//!
//! A variant's fields are the failure's details, so that any language can read them: the only field is one detail,
//! several without names are one each, and those with names are an object.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{Attribute, Data, DeriveInput, Fields, Path, parse2, spanned::Spanned};

use crate::{
    casing::wire_name,
    diagnostics::Diagnostics,
    expand::no_dependency,
    facade,
    options::{Accepted, Options},
};

const VARIANT: Accepted = Accepted {
    attribute: "failure",
    keys: &["name", "non_retryable", "nothing_happened"],
    hint: "the options are `name`, `non_retryable` and `nothing_happened`",
};

/// One kind of failure: a variant, or a whole struct.
struct Kind<'a> {
    path: TokenStream,
    name: String,
    options: Options,
    fields: &'a Fields,
}

/// Expands the derive.
pub(crate) fn expand(item: TokenStream) -> TokenStream {
    let mut diagnostics = Diagnostics::default();
    // What does not parse the compiler has reported.
    let Ok(item) = parse2::<DeriveInput>(item) else {
        return TokenStream::new();
    };
    let kinds = kinds(&item, &mut diagnostics);
    for (index, kind) in kinds.iter().enumerate() {
        kind.options.check(&VARIANT, &mut diagnostics);
        if kinds[..index].iter().any(|other| other.name == kind.name) {
            diagnostics.error(
                &kind.path,
                &format!("the type `{}` is taken by another variant", kind.name),
                "give one of them another one: `#[failure(name = \"..\")]`",
            );
        }
    }
    let krate = facade::find();
    if krate.is_none() {
        no_dependency(&item.ident, "failure", &mut diagnostics);
    }
    match krate {
        Some(krate) if diagnostics.is_empty() => implementation(&item, &kinds, &krate),
        _ => diagnostics.into_items(),
    }
}

fn kinds<'a>(item: &'a DeriveInput, diagnostics: &mut Diagnostics) -> Vec<Kind<'a>> {
    let options = |attributes: &[Attribute]| {
        attributes
            .iter()
            .find(|attribute| attribute.path().is_ident("failure"))
            .map(Options::of_attribute)
            .unwrap_or_default()
    };
    let kind = |path: TokenStream, own: String, attributes: &[Attribute], fields: &'a Fields| {
        let options = options(attributes);
        let name = options.string("name").map_or(own, |name| name.value());
        Kind {
            path,
            name,
            options,
            fields,
        }
    };
    match &item.data {
        Data::Enum(data) => data
            .variants
            .iter()
            .map(|variant| {
                let ident = &variant.ident;
                kind(
                    quote_spanned!(ident.span()=> Self::#ident),
                    wire_name(ident),
                    &variant.attrs,
                    &variant.fields,
                )
            })
            .collect(),
        Data::Struct(data) => vec![kind(
            quote_spanned!(item.ident.span()=> Self),
            wire_name(&item.ident),
            &item.attrs,
            &data.fields,
        )],
        Data::Union(data) => {
            diagnostics.error(
                &data.union_token,
                "`ActivityFailure` cannot be derived for a union",
                "write an enum with a variant for each failure",
            );
            Vec::new()
        }
    }
}

fn implementation(item: &DeriveInput, kinds: &[Kind<'_>], krate: &Path) -> TokenStream {
    let private = quote!(#krate::__private);
    let ident = &item.ident;
    let (parameters, arguments, bounds) = item.generics.split_for_impl();
    let types = kinds.iter().map(|kind| &kind.name);
    let makes = kinds.iter().map(|kind| make(kind, &private));
    let reads = kinds.iter().map(|kind| read(kind, &private));
    quote! {
        impl #parameters #krate::error::ActivityFailure for #ident #arguments #bounds {
            const TYPES: &'static [&'static str] = &[#(#types),*];

            fn to_application_failure(&self) -> #private::ApplicationFailure {
                let __x_message = ::std::string::ToString::to_string(self);
                match self {
                    #(#makes)*
                    #[allow(unreachable_patterns)]
                    _ => ::core::unreachable!(),
                }
            }

            fn from_application_failure(
                __x_failure: &#private::ApplicationFailure,
            ) -> ::core::option::Option<Self> {
                match __x_failure.error_type() {
                    #(#reads)*
                    _ => ::core::option::Option::None,
                }
            }
        }

        impl #parameters ::core::convert::From<#ident #arguments> for #private::ApplicationFailure #bounds {
            fn from(__x_error: #ident #arguments) -> Self {
                #krate::error::ActivityFailure::to_application_failure(&__x_error)
            }
        }
    }
}

/// The arm that makes a failure of a variant.
fn make(kind: &Kind<'_>, private: &TokenStream) -> TokenStream {
    let Kind {
        path,
        name,
        options,
        fields,
    } = kind;
    let non_retryable = options.flag("non_retryable");
    let variables: Vec<_> = (0..fields.len())
        .map(|index| format_ident!("__x_{index}"))
        .collect();
    let (pattern, details) = match fields {
        Fields::Unit => (TokenStream::new(), quote!(::std::vec::Vec::new())),
        Fields::Unnamed(fields) => {
            let details = variables.iter().zip(&fields.unnamed).map(
                |(variable, field)| quote_spanned!(field.ty.span()=> #private::detail(#variable)),
            );
            (
                quote!((#(#variables),*)),
                quote!(::std::vec![#(#details),*]),
            )
        }
        Fields::Named(fields) => {
            let names: Vec<_> = fields
                .named
                .iter()
                .filter_map(|field| field.ident.as_ref())
                .collect();
            let texts = names.iter().map(|name| wire_name(name));
            let values = variables.iter().zip(&fields.named).map(
                |(variable, field)| quote_spanned!(field.ty.span()=> #private::field(#variable)),
            );
            (
                quote!({ #(#names: #variables),* }),
                quote!(::std::vec![#private::fields([#((#texts, #values)),*])]),
            )
        }
    };
    let nothing = options
        .flag("nothing_happened")
        .then(|| quote!(.nothing_happened()));
    quote! {
        #path #pattern => {
            #private::typed_failure(__x_message, #name, #non_retryable, #details) #nothing
        }
    }
}

/// The arm that reads a failure of a variant.
fn read(kind: &Kind<'_>, private: &TokenStream) -> TokenStream {
    let Kind {
        path, name, fields, ..
    } = kind;
    let made = match fields {
        Fields::Unit => path.to_token_stream(),
        Fields::Unnamed(fields) => {
            let values = fields.unnamed.iter().enumerate().map(|(index, field)| {
                quote_spanned!(field.ty.span()=> __x_failure.details(#index).ok()?)
            });
            quote!(#path(#(#values),*))
        }
        Fields::Named(fields) => {
            let values = fields.named.iter().map(|field| {
                let name = &field.ident;
                let text = name.as_ref().map(wire_name);
                quote_spanned!(field.ty.span()=> #name: #private::read_field(__x_failure, #text)?)
            });
            quote!(#path { #(#values),* })
        }
    };
    quote!(#name => ::core::option::Option::Some(#made),)
}
