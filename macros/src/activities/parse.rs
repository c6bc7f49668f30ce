//! Reads an `#[activities]` block into its model. It refuses nothing but what is no impl
//! block, and an attribute that nobody knows.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ImplItem;

use super::model::{Activity, Model};
use crate::{
    block, diagnostics::Diagnostics, options::Options, signature::Method, types::bind_owner,
};

/// Reads the block and takes our attributes off it.
pub(super) fn parse(
    arguments: TokenStream,
    item: &TokenStream,
    diagnostics: &mut Diagnostics,
) -> Option<Model> {
    let mut block = block::parse("activities", item, diagnostics)?;
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
    })
}
