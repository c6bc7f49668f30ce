use steadfast::prelude::select;

pub async fn wait() -> Option<u32> {
    None
}

pub async fn run() {
    select! {
        first = wait() =>,
        second = wait() => drop(second) third = wait() => {}
        else
    }
}

fn main() {}
