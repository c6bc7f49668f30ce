use steadfast::prelude::*;

#[derive(Debug, ActivityFailure)]
enum ShopError {
    #[failure(nam = "Closed")]
    Closed,
    #[failure(name = "Closed", name = "Shut")]
    Shut,
    #[failure(name = "Gone")]
    Gone,
    #[failure(name = "Gone")]
    Away,
}

#[derive(ActivityFailure)]
union Both {
    one: u8,
    two: u8,
}

fn main() {}
