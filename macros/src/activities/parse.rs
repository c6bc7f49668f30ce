//! Reads an `#[activities]` block into its model. It refuses nothing but what is no impl block.

use proc_macro2::TokenStream;
use syn::ImplItem;

use super::model::{Activity, Model};
use crate::{block, diagnostics::Diagnostics, options::Options, signature::Method};

/// Reads the block and takes our attributes off it.
pub(super) fn parse(arguments: TokenStream, item: &TokenStream) -> Result<Model, Diagnostics> {
    let mut block = block::parse("activities", item)?;
    let self_ty = block.self_ty.clone();
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
    Ok(Model {
        block,
        options: Options::parse(arguments),
        activities,
    })
}
