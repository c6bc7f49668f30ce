use steadfast::prelude::select;

pub async fn wait() -> Option<u32> {
    None
}

pub async fn either() -> u32 {
    select! {
        value = wait() => value.unwrap_or(1),
        else => 2,
    }
}

fn main() {}
