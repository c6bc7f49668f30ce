use std::marker::PhantomData;

use steadfast::prelude::*;

#[workflow]
pub struct Trip<T>(PhantomData<T>);

#[workflow_methods]
impl<T> Trip<T> {
    #[run]
    pub async fn run() {}
}

fn main() {}
