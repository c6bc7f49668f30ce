use steadfast::prelude::select;

pub async fn wait() -> Option<u32> {
    None
}

pub async fn first() -> u32 {
    select! {
        Some(value) = wait() => value,
        else => 0,
        Some(value) = wait() => value + 1,
    }
}

fn main() {}
