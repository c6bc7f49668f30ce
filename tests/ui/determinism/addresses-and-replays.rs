use std::{collections::hash_map::RandomState, net::ToSocketAddrs};

use steadfast::prelude::*;

static mut COUNT: u32 = 0;

#[workflow]
#[derive(Default)]
struct Trip;

#[workflow_methods]
impl Trip {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        let name = String::new();
        let text = format!("{:p}", &name);
        let address = &name as *const String;
        let hasher = RandomState::new();
        let addresses = "localhost:80".to_socket_addrs()?.count();
        unsafe { COUNT += 1 };
        if ctx.is_replaying() {
            ctx.sleep(std::time::Duration::ZERO).await?;
        }
        drop((text, address, hasher, addresses));
        Ok(())
    }
}

fn main() {}
