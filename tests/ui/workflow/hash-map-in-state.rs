#![deny(warnings)]

use std::collections::{HashMap, HashSet};

use steadfast::prelude::*;

#[workflow]
#[derive(Default)]
pub struct Trip {
    rates: HashMap<String, u32>,
    seen: HashSet<u64>,
    #[allow_nondeterminism(reason = "only ever looked up by its key")]
    prices: HashMap<String, u32>,
    #[allow_nondeterminism]
    names: HashMap<String, u32>,
}

fn main() {}
