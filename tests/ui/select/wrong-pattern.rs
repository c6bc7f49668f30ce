use steadfast::prelude::select;

pub async fn wait() -> Option<u32> {
    None
}

pub async fn run() {
    select! {
        Ok(value) = wait() => {}
        _ = wait() => {}
    }
}

fn main() {}
