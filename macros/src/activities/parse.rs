//! Reads an `#[activities]` block into its model. It refuses nothing but what is no impl
//! block, and an attribute that nobody knows.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::quote;
use syn::{ImplItem, ImplItemFn, parse2};

use super::model::{Activity, Form, Model};
use crate::{
    block, diagnostics::Diagnostics, options::Options, signature::Method, types::bind_owner,
};

/// Reads the block and takes our attributes off it.
pub(super) fn parse(
    form: Form,
    arguments: TokenStream,
    item: &TokenStream,
    diagnostics: &mut Diagnostics,
) -> Option<Model> {
    let mut block = block::parse(form.attribute(), item, diagnostics)?;
    if form == Form::Declared {
        block.items.iter_mut().for_each(give_body);
    }
    block::check_spelling(&mut block, &["activity"], diagnostics);
    let self_ty = block.self_ty.clone();
    let bounds = quote!(::core::marker::Send + ::core::marker::Sync + 'static);
    bind_owner(&mut block.generics, &bounds);
    let mut activities = Vec::new();
    for (index, item) in block.items.iter_mut().enumerate() {
        let ImplItem::Fn(function) = item else {
            continue;
        };
        let mut ours = block::take(&mut function.attrs, &["activity"]).into_iter();
        if let Some(attribute) = ours.next() {
            activities.push(Activity {
                method: Method::parse(index, function, &self_ty),
                options: Options::of_attribute(&attribute),
                repeated: ours.collect(),
            });
        }
    }
    Some(Model {
        block,
        options: Options::parse(arguments),
        activities,
        form,
    })
}

/// Makes a method of `fn charge(card: Card) -> Receipt;`, whose body is nobody's.
fn give_body(item: &mut ImplItem) {
    let ImplItem::Verbatim(tokens) = item else {
        return;
    };
    let mut declared: Vec<TokenTree> = tokens.clone().into_iter().collect();
    if !matches!(declared.pop(), Some(TokenTree::Punct(end)) if end.as_char() == ';') {
        return;
    }
    declared.push(Group::new(Delimiter::Brace, quote!(::core::unimplemented!())).into());
    if let Ok(function) = parse2::<ImplItemFn>(declared.into_iter().collect()) {
        *item = ImplItem::Fn(function);
    }
}
