//! Writes the expansion of `select!`.
//!
//! Invariants: all conditions are evaluated before any future, and the future of a branch whose
//! condition is false is not even created; futures are polled in the written order; all of them
//! are dropped before a handler runs; the generated variables are hygienic, so a user's code
//! neither sees nor hides them.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{
    FieldPat, Pat, PatWild, Token,
    spanned::Spanned,
    visit_mut::{self, VisitMut},
};

use super::parse::{Branch, Select, always_matches, is_binding};

/// The names of one branch in the expansion.
struct Names {
    enabled: Ident,
    future: Ident,
    variant: Ident,
    parameter: Ident,
}

/// Expands branches that could be read.
pub(super) fn expand(select: &Select) -> TokenStream {
    let names: Vec<Names> = (0..select.branches.len()).map(Names::new).collect();
    let branches: Vec<(&Branch, &Names)> = select.branches.iter().zip(&names).collect();
    let mixed = Span::mixed_site();
    let variants = names.iter().map(|Names { variant, .. }| variant);
    let parameters: Vec<&Ident> = names
        .iter()
        .map(|Names { parameter, .. }| parameter)
        .collect();
    let conditions = branches.iter().map(|(branch, Names { enabled, .. })| {
        let condition = match &branch.condition {
            Some(condition) => quote!(#condition),
            None => quote!(true),
        };
        quote_spanned!(mixed=> let mut #enabled: bool = #condition;)
    });
    let futures = branches.iter().map(|(branch, names)| create(branch, names));
    // What is said about a future that is none points at it.
    let spans: Vec<Span> = branches
        .iter()
        .map(|(branch, _)| branch.future.span())
        .collect();
    let bindings: Vec<&Ident> = names.iter().map(|Names { future, .. }| future).collect();
    let pins = bindings.iter().zip(&spans).map(|(future, span)| {
        let future = Ident::new(&future.to_string(), mixed.located_at(*span));
        quote_spanned!(future.span()=> let mut #future = ::core::pin::pin!(#future);)
    });
    let polls = branches.iter().map(|(branch, names)| poll(branch, names));
    let arms = branches.iter().map(|(branch, Names { variant, .. })| {
        let (pattern, handler) = (&branch.pattern, &branch.handler);
        quote!(__x_Output::#variant(#pattern) => #handler,)
    });
    let otherwise = match &select.otherwise {
        Some(handler) => handler.to_token_stream(),
        None => quote! {
            ::core::panic!("every branch of `select!` is disabled and there is no `else` branch")
        },
    };
    // A pattern that may not match was tried before the output was handed on.
    let rest = branches
        .iter()
        .any(|(branch, _)| !always_matches(&branch.pattern))
        .then(|| quote!(_ => ::core::unreachable!("the pattern of this branch has matched"),));
    quote_spanned! {mixed=> {
        #[allow(non_camel_case_types)]
        enum __x_Output<#(#parameters),*> {
            #(#variants(#parameters),)*
            Disabled,
        }
        #(#conditions)*
        let __x_output = match (#(#futures,)*) {
            (#(#bindings,)*) => {
                #(#pins)*
                ::core::future::poll_fn(|__x_context| {
                    let mut __x_is_pending = false;
                    #(#polls)*
                    if __x_is_pending {
                        ::core::task::Poll::Pending
                    } else {
                        ::core::task::Poll::Ready(__x_Output::Disabled)
                    }
                })
                .await
            }
        };
        #[allow(unreachable_patterns)]
        match __x_output {
            #(#arms)*
            __x_Output::Disabled => #otherwise,
            #rest
        }
    }}
}

/// The future of a branch; of one with a condition, if the condition is true.
fn create(branch: &Branch, Names { enabled, .. }: &Names) -> TokenStream {
    let future = &branch.future;
    let future = quote!(::core::future::IntoFuture::into_future(#future));
    if branch.condition.is_none() {
        return future;
    }
    quote_spanned! {Span::mixed_site()=>
        if #enabled {
            ::core::option::Option::Some(#future)
        } else {
            ::core::option::Option::None
        }
    }
}

fn poll(branch: &Branch, names: &Names) -> TokenStream {
    let Names {
        enabled,
        future,
        variant,
        ..
    } = names;
    let mixed = Span::mixed_site();
    let give = quote_spanned! {mixed=>
        return ::core::task::Poll::Ready(__x_Output::#variant(__x_output));
    };
    let pattern = without_bindings(&branch.pattern);
    let accept = if always_matches(&branch.pattern) {
        give
    } else {
        quote_spanned! {mixed=>
            #[allow(unreachable_patterns)]
            match __x_output {
                #pattern => { #give }
                _ => {}
            }
        }
    };
    let located = mixed.located_at(branch.future.span());
    let future = Ident::new(&future.to_string(), located);
    let poll = |pinned: TokenStream| {
        let poll = quote_spanned!(located=> ::core::future::Future::poll(#pinned, __x_context));
        quote_spanned! {mixed=>
            match #poll {
                ::core::task::Poll::Ready(__x_output) => {
                    #enabled = false;
                    #accept
                }
                ::core::task::Poll::Pending => __x_is_pending = true,
            }
        }
    };
    let poll = if branch.condition.is_none() {
        poll(quote_spanned!(located=> #future.as_mut()))
    } else {
        let poll = poll(quote_spanned!(located=> __x_future));
        quote_spanned! {mixed=>
            if let ::core::option::Option::Some(__x_future) = #future.as_mut().as_pin_mut() {
                #poll
            }
        }
    };
    quote_spanned! {mixed=>
        if #enabled {
            #poll
        }
    }
}

/// The pattern with `_` in the place of every binding: it can be tried without moving anything.
fn without_bindings(pattern: &Pat) -> Pat {
    struct Remover;

    impl VisitMut for Remover {
        fn visit_pat_mut(&mut self, pattern: &mut Pat) {
            if let Pat::Ident(ident) = pattern {
                if let Some((_, inner)) = &ident.subpat {
                    *pattern = (**inner).clone();
                    self.visit_pat_mut(pattern);
                } else if is_binding(&ident.ident) {
                    *pattern = Pat::Wild(PatWild {
                        attrs: Vec::new(),
                        underscore_token: <Token![_]>::default(),
                    });
                }
                return;
            }
            visit_mut::visit_pat_mut(self, pattern);
        }

        fn visit_field_pat_mut(&mut self, field: &mut FieldPat) {
            // `Point { x }` becomes `Point { x: _ }`.
            field.colon_token.get_or_insert_with(Default::default);
            visit_mut::visit_field_pat_mut(self, field);
        }
    }

    let mut pattern = pattern.clone();
    Remover.visit_pat_mut(&mut pattern);
    pattern
}

impl Names {
    fn new(index: usize) -> Self {
        let mixed = Span::mixed_site();
        Self {
            enabled: format_ident!("__x_enabled_{index}", span = mixed),
            future: format_ident!("__x_future_{index}", span = mixed),
            variant: format_ident!("Branch{index}", span = mixed),
            parameter: format_ident!("T{index}", span = mixed),
        }
    }
}
