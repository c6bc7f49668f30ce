//! Takes over the descriptors of Temporal's messages, which the reflection service shows.

use std::{env, fs, path::Path};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let from = env::var("DEP_TEMPORALIO_PROTOS_DESCRIPTOR_PATH")?;
    let out = env::var("OUT_DIR")?;
    fs::copy(&from, Path::new(&out).join("descriptors.bin"))?;
    println!("cargo::rerun-if-changed={from}");
    Ok(())
}
