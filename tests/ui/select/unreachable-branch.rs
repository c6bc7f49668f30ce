use steadfast::prelude::select;

pub async fn wait() -> Option<u32> {
    None
}

pub async fn run() {
    select! {
        value = wait(), if false => {}
        _ = wait() => {}
    }
}

fn main() {}
