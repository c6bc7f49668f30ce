use steadfast::prelude::*;

pub struct NoError;

#[workflow]
#[derive(Default)]
pub struct Trip;

#[workflow_methods]
impl Trip {
    #[run]
    pub async fn run() -> Result<(), NoError> {
        Err(NoError)
    }
}

fn main() {}
