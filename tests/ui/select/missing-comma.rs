use steadfast::prelude::select;

pub async fn wait() -> Option<u32> {
    None
}

pub async fn run() {
    let _ = select! {
        _ = wait() => 1
        _ = wait() => 2,
    };
}

fn main() {}
