use expect_test::expect_file;
use proc_macro2::TokenStream;
use quote::quote;

use super::expand;
use crate::diagnostics::pretty;

fn expanded(item: TokenStream) -> TokenStream {
    expand(quote!(crate = ::steadfast), item)
}

#[test]
fn an_async_activity_becomes_a_constant_and_a_definition() {
    let tokens = expanded(quote! {
        impl Bookings {
            /// Books a room.
            #[activity(name = "book-hotel")]
            #[tracing::instrument]
            pub async fn book_hotel(
                &self,
                ctx: ActivityContext,
                trip: Trip,
                nights: u32,
            ) -> Result<Booking, ActivityError> {
                self.api.book(ctx, trip, nights).await
            }

            fn helper() {}
        }
    });
    expect_file!["../../snapshots/activity.rs"].assert_eq(&pretty(tokens));
}

#[test]
fn a_plain_function_runs_on_the_blocking_pool_and_can_heartbeat_by_itself() {
    let tokens = expanded(quote! {
        impl<T: Send + Sync + 'static> Tickets<T> {
            #[activity(auto_heartbeat)]
            #[cfg(unix)]
            fn render(self: Arc<Self>, booking: Booking) -> Vec<u8> {
                self.paint(booking)
            }
        }
    });
    expect_file!["../../snapshots/blocking_activity.rs"].assert_eq(&pretty(tokens));
}

#[test]
fn a_mistake_gives_the_item_back_without_our_attributes() {
    let tokens = expanded(quote! {
        impl Bookings {
            #[activity(retries = 3)]
            #[inline]
            pub async fn book_hotel(&mut self, trip: &str) {}
        }
    });
    expect_file!["../../snapshots/wrong_activity.rs"].assert_eq(&pretty(tokens));
}

#[test]
fn a_context_that_is_handed_on_may_heartbeat_elsewhere() {
    for body in [
        quote!(while !ctx.is_cancelled() {
            ctx.record_heartbeat(vec![]);
        }),
        quote!(while !ctx.is_cancelled() {
            ctx.heartbeat(());
        }),
        quote!(while !ctx.is_cancelled() {
            work(&ctx);
        }),
        quote!(let other = ctx.clone(); while !ctx.is_cancelled() {}),
        quote!(tokio::select! { _ = ctx.cancelled() => {} _ = work(&ctx) => {} }),
        quote!(self.ctx.is_cancelled()),
    ] {
        let tokens = expanded(quote! {
            impl Bookings {
                #[activity]
                fn charge(&self, ctx: ActivityContext) { #body }
            }
        });
        assert!(!tokens.to_string().contains("compile_error"), "{body}");
    }
}

#[test]
fn looking_for_a_cancellation_inside_a_macro_is_seen() {
    let tokens = expanded(quote! {
        impl Bookings {
            #[activity]
            async fn charge(&self, ctx: ActivityContext) {
                tokio::select! { _ = ctx.cancelled() => {} _ = self.work() => {} }
            }
        }
    });
    assert!(tokens.to_string().contains("never heartbeats"));
}
