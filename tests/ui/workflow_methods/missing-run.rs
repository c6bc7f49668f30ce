use steadfast::prelude::*;

#[workflow]
#[derive(Default)]
pub struct Trip {
    rate: u32,
}

#[workflow_methods]
impl Trip {
    #[signal]
    pub fn poke(&mut self) {
        self.rate += 1;
    }
}

fn main() {}
