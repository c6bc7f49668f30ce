use steadfast::prelude::select;

pub async fn wait() -> Option<u32> {
    None
}

pub async fn run() {
    select! {
        Some(value) = wait() => {}
        else => {}
        else => {}
    }
}

fn main() {}
