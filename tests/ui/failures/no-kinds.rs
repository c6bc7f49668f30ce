use steadfast::prelude::*;

#[derive(Debug)]
struct Plain;

fn closed(error: &ActivityExecutionError) -> bool {
    error.downcast::<Plain>().is_some()
}

fn main() {}
