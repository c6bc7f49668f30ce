//! Runs the fuzz targets with their corpus and with changes of it that a seed decides.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fs, path::Path};

#[path = "kill/dice.rs"]
mod dice;
#[path = "../../fuzz/targets.rs"]
mod targets;

use dice::Dice;

/// An index below a length.
fn below(dice: &mut Dice, length: usize) -> usize {
    usize::try_from(dice.below(length.max(1) as u64)).unwrap()
}

/// The files of a folder, by their names.
fn corpus(folder: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(folder);
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    files.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// Cuts, repeats and changes.
fn change(bytes: &mut Vec<u8>, other: &[u8], dice: &mut Dice) {
    for _ in 0..=below(dice, 4) {
        let at = below(dice, bytes.len());
        match below(dice, 5) {
            0 => bytes.truncate(at),
            1 => {
                let piece = other[below(dice, other.len())..].iter().take(40).copied();
                bytes.splice(at..at, piece.collect::<Vec<_>>());
            }
            2 => {
                let end = (at + below(dice, 60)).min(bytes.len());
                bytes.drain(at..end);
            }
            3 => {
                // A number becomes another.
                if let Some(digit) = bytes[at..].iter().position(u8::is_ascii_digit) {
                    bytes[at + digit] = b'0' + u8::try_from(below(dice, 10)).unwrap();
                }
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = u8::try_from(below(dice, 256)).unwrap();
                }
            }
        }
        if bytes.is_empty() {
            return;
        }
    }
}

/// Gives a target its corpus, and so many changes of each.
fn run(target: fn(&[u8]), corpus: &[Vec<u8>], changes: usize, seed: u64) {
    let mut dice = Dice::new(seed);
    for bytes in corpus {
        target(bytes);
        for _ in 0..changes {
            let mut bytes = bytes.clone();
            let other = &corpus[below(&mut dice, corpus.len())];
            change(&mut bytes, other, &mut dice);
            target(&bytes);
        }
    }
}

#[test]
fn histories() {
    let corpus = corpus("engines/contract/tests/histories");
    assert!(corpus.len() > 100);
    run(targets::history, &corpus, 8, 1);
}

#[test]
fn failures() {
    let corpus = corpus("fuzz/corpus/failure");
    assert!(corpus.len() > 10);
    run(targets::failure, &corpus, 200, 3);
}

/// What surrounds a failure or a payload is read, so it is them that are refused or not.
#[test]
fn the_histories_around_them_are_good() {
    let text = targets::ended(r#""input":{"payloads":[]}"#, r#""failure":{"message":"m"}"#);
    steadfast::history_json::from_json(&text).unwrap();
}

#[test]
fn payloads() {
    let corpus = corpus("fuzz/corpus/payload");
    assert!(corpus.len() > 5);
    run(targets::payload, &corpus, 200, 4);
}

#[test]
fn urls() {
    let corpus = corpus("fuzz/corpus/url");
    assert!(corpus.len() > 10);
    run(targets::url, &corpus, 200, 5);
}

#[test]
fn queries() {
    let corpus = corpus("fuzz/corpus/query");
    assert!(corpus.len() > 10);
    run(targets::query, &corpus, 100, 6);
}

#[test]
fn rows() {
    let corpus = corpus("fuzz/corpus/rows");
    assert!(corpus.len() > 10);
    run(targets::rows, &corpus, 4, 2);
}
