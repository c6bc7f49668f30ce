use expect_test::expect_file;
use proc_macro2::TokenStream;
use quote::quote;

use super::expand;
use crate::diagnostics::pretty;

fn expanded(item: TokenStream) -> TokenStream {
    expand(quote!(crate = ::steadfast), item)
}

#[test]
fn a_workflow_with_a_run_method_only() {
    let tokens = expanded(quote! {
        impl Greeting {
            /// Greets.
            #[run]
            pub async fn run(ctx: &mut WorkflowContext<Self>, name: String) -> WorkflowResult<String> {
                Ok(name)
            }
        }
    });
    expect_file!["../../snapshots/run.rs"].assert_eq(&pretty(tokens));
}

#[test]
fn handlers_become_definitions_and_methods_of_the_handle() {
    let tokens = expanded(quote! {
        impl Trip {
            #[init]
            fn new(view: &WorkflowContextView, rate: u32) -> Result<Self, String> {
                Ok(Self { rate })
            }

            #[run]
            async fn run() {}

            /// Approves.
            #[signal(name = "approve-trip")]
            pub fn approve(&mut self, ctx: &mut SyncWorkflowContext<Self>, by: String) {}

            #[signal]
            pub async fn cancel(ctx: &mut WorkflowContext<Self>) -> Result<(), Error> {}

            #[query]
            pub fn approved_by(&self) -> Option<String> {
                None
            }

            #[update]
            pub async fn change(ctx: &mut WorkflowContext<Self>, to: Place, at: Time) -> MyResult {
                Ok(())
            }

            #[update_validator(change)]
            fn check(&self, view: &WorkflowContextView, to: &Place, at: &Time) -> Result<(), String> {
                Ok(())
            }
        }
    });
    expect_file!["../../snapshots/handlers.rs"].assert_eq(&pretty(tokens));
}

#[test]
fn a_generic_workflow_repeats_its_bounds() {
    let tokens = expanded(quote! {
        impl<T: Item> Batch<T> where Self: Sized {
            #[run]
            pub async fn run(ctx: &mut WorkflowContext<Self>, item: T) -> T::Output {
                item.run()
            }
        }
    });
    expect_file!["../../snapshots/generic_workflow.rs"].assert_eq(&pretty(tokens));
}
