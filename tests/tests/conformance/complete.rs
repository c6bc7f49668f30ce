//! Every scenario is judged somewhere, or it is said why not.

use std::{collections::BTreeMap, fs, path::Path};

use crate::{activities, children, executions, in_flight, races, resets, scopes, workflows};

const LIST: &str = include_str!("../../conformance/scenarios.md");

/// Where the tests are that a scenario may be judged by instead.
const ELSEWHERE: [&str; 3] = [
    "engines/contract/src/conformance/scenarios",
    "engines/embedded/tests/embedded_engine",
    "sdk/src/activity",
];

/// The lines of a list, below its heading.
fn lines(heading: &str) -> impl Iterator<Item = &'static str> {
    let heading = format!("## {heading}");
    LIST.lines()
        .skip_while(move |line| *line != heading)
        .skip(1)
        .take_while(|line| !line.starts_with("## "))
        .filter_map(|line| line.strip_prefix("- "))
}

#[test]
fn every_scenario_is_in_exactly_one_list() {
    let mut places: BTreeMap<u32, Vec<&str>> = BTreeMap::new();
    for line in lines("Scenarios") {
        let (_, numbers) = line.split_once(": ").unwrap();
        for number in numbers.split(", ") {
            let twice = places.insert(number.parse().unwrap(), Vec::new());
            assert!(twice.is_none(), "{number} is listed twice");
        }
    }
    assert_eq!(places.len(), 132, "as many were run on a real service");

    let cases = [
        activities::NUMBERS,
        children::NUMBERS,
        executions::NUMBERS,
        in_flight::NUMBERS,
        races::NUMBERS,
        resets::NUMBERS,
        scopes::NUMBERS,
        workflows::NUMBERS,
    ];
    let mut judged: Vec<(u32, &str)> = cases
        .concat()
        .into_iter()
        .map(|number| (number, "a Rust workflow"))
        .collect();
    for heading in ["At the boundary of the engine", "Not run"] {
        for line in lines(heading) {
            let number = line.split([' ', ':']).next().unwrap().parse().unwrap();
            judged.push((number, heading));
        }
    }
    for (number, place) in judged {
        places
            .get_mut(&number)
            .unwrap_or_else(|| panic!("{number} is no scenario"))
            .push(place);
    }
    places.retain(|_, places| places.len() != 1);
    assert_eq!(places, BTreeMap::new(), "not in exactly one list");
}

#[test]
fn every_test_that_is_named_exists_and_every_reason_is_given() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut sources = String::new();
    for folder in ELSEWHERE {
        for file in fs::read_dir(root.join(folder)).unwrap() {
            let file = file.unwrap().path();
            if file.is_file() {
                sources.push_str(&fs::read_to_string(file).unwrap());
            }
        }
    }
    for line in lines("At the boundary of the engine") {
        let name = line.split('`').nth(1).unwrap();
        let is_test = [format!("{name}: r#\""), format!("fn {name}()")];
        assert!(
            is_test.iter().any(|form| sources.contains(form)),
            "there is no test `{name}`"
        );
    }
    for line in lines("At the boundary of the engine").chain(lines("Not run")) {
        let (_, reason) = line.split_once(": ").unwrap();
        assert!(reason.len() > 10, "{line}");
    }
}
