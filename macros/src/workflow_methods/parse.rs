//! Reads a `#[workflow_methods]` block into its model. It refuses nothing but what is no
//! impl block, and an attribute that nobody knows.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::{Attribute, Meta, parse2};

use super::model::{Kind, Marked, Model, Target};
use crate::{
    block, diagnostics::Diagnostics, items::Item, options::Options, signature::Method,
    types::bind_owner,
};

/// Reads the block and takes our attributes off it.
pub(super) fn parse(
    arguments: TokenStream,
    item: &TokenStream,
    diagnostics: &mut Diagnostics,
) -> Option<Model> {
    let mut block = block::parse("workflow_methods", item, diagnostics)?;
    block::check_spelling(&mut block, &Kind::ATTRIBUTES, diagnostics);
    let self_ty = block.self_ty.clone();
    bind_owner(&mut block.generics, &quote!('static));
    let mut methods = Vec::new();
    let mut plain = Vec::new();
    for (index, item) in block.items.iter_mut().enumerate() {
        let Item::Function(function) = item else {
            continue;
        };
        let mut ours = block::take(&mut function.attrs, &Kind::ATTRIBUTES);
        if let Some((attribute, otherwise)) = block::take_conditional(function, &Kind::ATTRIBUTES) {
            ours.push(attribute);
            plain.push(Item::Function(Box::new(otherwise)));
        }
        let mut ours = ours.into_iter();
        let Some(attribute) = ours.next() else {
            continue;
        };
        let Some(kind) = Kind::of_attribute(attribute.path()) else {
            continue;
        };
        let (options, target) = match kind {
            Kind::Validator => (Options::default(), target(&attribute)),
            _ => (Options::of_attribute(&attribute), Target::None),
        };
        methods.push(Marked {
            kind,
            attribute: attribute.path().clone(),
            options,
            target,
            method: Method::parse(index, function, &self_ty),
            repeated: ours.map(|attribute| attribute.path().clone()).collect(),
        });
    }
    block.items.extend(plain);
    Some(Model {
        block,
        options: Options::parse(arguments),
        methods,
        wrong: Vec::new(),
    })
}

fn target(attribute: &Attribute) -> Target {
    match &attribute.meta {
        Meta::List(list) if !list.tokens.is_empty() => parse2::<Ident>(list.tokens.clone())
            .map_or_else(|_| Target::Unreadable(list.tokens.clone()), Target::Update),
        Meta::Path(_) | Meta::List(_) => Target::None,
        Meta::NameValue(pair) => Target::Unreadable(quote::ToTokens::to_token_stream(&pair.value)),
    }
}
