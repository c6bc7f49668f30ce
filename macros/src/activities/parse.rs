//! Reads an `#[activities]` block into its model. It refuses nothing but what is no impl
//! block, and an attribute that nobody knows.

use proc_macro2::TokenStream;
use quote::quote;

use super::model::{Activity, Form, Model};
use crate::{
    block, diagnostics::Diagnostics, items::Item, options::Options, signature::Method,
    types::bind_owner,
};

/// Reads the block and takes our attributes off it.
pub(super) fn parse(
    form: Form,
    arguments: TokenStream,
    item: &TokenStream,
    diagnostics: &mut Diagnostics,
) -> Option<Model> {
    let mut block = block::parse(form.attribute(), item, diagnostics)?;
    block::check_spelling(&mut block, &["activity"], diagnostics);
    let self_ty = block.self_ty.clone();
    let bounds = quote!(::core::marker::Send + ::core::marker::Sync + 'static);
    bind_owner(&mut block.generics, &bounds);
    let mut activities = Vec::new();
    let mut plain = Vec::new();
    for (index, item) in block.items.iter_mut().enumerate() {
        let Item::Function(function) = item else {
            continue;
        };
        let mut ours = block::take(&mut function.attrs, &["activity"]);
        if let Some((attribute, otherwise)) = block::take_conditional(function, &["activity"]) {
            ours.push(attribute);
            plain.push(Item::Function(Box::new(otherwise)));
        }
        let mut ours = ours.into_iter();
        if let Some(attribute) = ours.next() {
            activities.push(Activity {
                method: Method::parse(index, function, &self_ty),
                options: Options::of_attribute(&attribute),
                repeated: ours.collect(),
            });
        }
    }
    block.items.extend(plain);
    Some(Model {
        block,
        options: Options::parse(arguments),
        activities,
        form,
    })
}
