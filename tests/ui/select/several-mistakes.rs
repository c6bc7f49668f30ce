use steadfast::prelude::select;

pub async fn wait() -> Option<u32> {
    None
}

pub async fn run() {
    select! {
        wait() => {}
        first = wait(),
        else {}
        second = wait() =>
    }
}

fn main() {}
