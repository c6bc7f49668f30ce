use steadfast::prelude::select;

pub async fn wait() -> Option<u32> {
    None
}

pub async fn run() {
    let _: u32 = select! {
        _ = wait() => 1,
        Some(_) = wait() => "two",
    };
}

fn main() {}
