use steadfast::prelude::*;
use std::net::UdpSocket;
use std::process::Command;

#[workflow]
#[derive(Default)]
pub struct Trip {
    rate: u32,
}

#[workflow_methods]
impl Trip {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        let _ = std::net::TcpStream::connect("127.0.0.1:1");
        let _ = UdpSocket::bind("127.0.0.1:0");
        let _ = std::process::Command::new("true").status();
        let _ = Command::new("true").spawn();
        let _ = std::process::id();
        drop(ctx);
        Ok(())
    }
}

fn main() {}
