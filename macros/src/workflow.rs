//! `#[workflow]`: gives a struct its workflow type.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Item, ItemStruct, parse_quote, parse2};

use crate::{
    casing::wire_name,
    determinism,
    diagnostics::Diagnostics,
    expand::no_dependency,
    facade,
    misplaced::name_of,
    options::{Accepted, Options},
};

const ACCEPTED: Accepted = Accepted {
    attribute: "workflow",
    keys: &["name", "crate"],
    hint: "the options are `name` and `crate`; timeouts are chosen by the caller in \
           `WorkflowStartOptions`",
};

/// Expands the attribute: the struct as it is, and its name.
pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let options = Options::parse(arguments);
    let mut diagnostics = Diagnostics::default();
    options.check(&ACCEPTED, &mut diagnostics);
    let parsed = check(&item, &mut diagnostics);
    let mut tokens = parsed.as_ref().map_or_else(TokenStream::new, |parsed| {
        determinism::check_state(parsed, &mut diagnostics)
    });
    if let Some(parsed) = parsed.filter(|_| diagnostics.is_empty()) {
        match options.krate().or_else(facade::find) {
            Some(krate) => tokens.extend(name(&krate, &options, parsed)),
            None => no_dependency(&parsed.ident, "workflow", &mut diagnostics),
        }
    }
    tokens.extend(diagnostics.into_items());
    tokens.extend(determinism::strip(item));
    tokens
}

fn check(item: &TokenStream, diagnostics: &mut Diagnostics) -> Option<ItemStruct> {
    const STRUCT: &str = "`#[workflow]` only works on a struct";
    match parse2::<Item>(item.clone()) {
        Ok(Item::Struct(parsed)) => {
            if let Some(lifetime) = parsed.generics.lifetimes().next() {
                diagnostics.error(
                    &lifetime.lifetime,
                    &format!("workflow `{}` must not borrow", parsed.ident),
                    "own the data, with `String` or `Vec`; a workflow outlives every caller",
                );
            }
            return Some(parsed);
        }
        Ok(Item::Enum(parsed)) => diagnostics.error(
            &parsed.ident,
            STRUCT,
            &format!(
                "put the enum into a field: `struct {} {{ state: .. }}`",
                parsed.ident
            ),
        ),
        Ok(Item::Impl(parsed)) => diagnostics.error(
            &parsed.self_ty,
            STRUCT,
            "write `#[workflow_methods]` on the impl block and `#[workflow]` on the struct",
        ),
        Ok(Item::Fn(parsed)) => diagnostics.error(
            &parsed.sig.ident,
            STRUCT,
            "write `#[workflow] struct Name;` and put the function into its \
             `#[workflow_methods]` impl block as `#[run]`",
        ),
        Ok(_) => diagnostics.error_at(
            name_of(item),
            STRUCT,
            "put it on the struct that holds the workflow's state",
        ),
        Err(error) => diagnostics.syntax(&error, "`#[workflow]` goes on a struct"),
    }
    None
}

fn name(krate: &syn::Path, options: &Options, parsed: ItemStruct) -> TokenStream {
    let name = options.string("name").map_or_else(
        || wire_name(&parsed.ident).to_token_stream(),
        |name| name.to_token_stream(),
    );
    let ident = parsed.ident;
    let mut generics = parsed.generics;
    if !generics.params.is_empty() {
        let (_, arguments, _) = generics.split_for_impl();
        let bound = parse_quote!(#ident #arguments: 'static);
        generics.make_where_clause().predicates.push(bound);
    }
    let (parameters, arguments, bounds) = generics.split_for_impl();
    quote! {
        impl #parameters #krate::__private::WorkflowName for #ident #arguments #bounds {
            const WORKFLOW_TYPE: &'static str = #name;
        }
    }
}
