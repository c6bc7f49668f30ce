use steadfast::prelude::*;

pub struct Trip {
    rate: u32,
}

impl Trip {
    #[signal]
    pub fn set_rate(&mut self, rate: u32) {
        self.rate = rate;
    }
}

fn main() {}
