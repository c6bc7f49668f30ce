//! Rules of the repository that a program can check.

mod circles;
mod tokens;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::circles::Package;

/// What a module of the SDK must not import. Every module is here, so that a new one is thought of.
const FORBIDDEN: [(&str, &[&str]); 15] = [
    // The boundary to whatever keeps histories knows neither side.
    (
        "engine",
        &[
            "activity",
            "client",
            "convert",
            "definition",
            "error",
            "testing",
            "worker",
            "workflow",
        ],
    ),
    (
        "system_time",
        &[
            "activity",
            "client",
            "convert",
            "definition",
            "engine",
            "error",
            "testing",
            "worker",
            "workflow",
        ],
    ),
    (
        "tracing_context",
        &[
            "activity",
            "client",
            "definition",
            "engine",
            "error",
            "testing",
            "worker",
            "workflow",
        ],
    ),
    (
        "convert",
        &[
            "activity",
            "client",
            "definition",
            "engine",
            "error",
            "testing",
            "worker",
            "workflow",
        ],
    ),
    // Measures engines, and whoever uses them does not notice; a worker's runs count themselves.
    (
        "metrics",
        &[
            "activity",
            "client",
            "convert",
            "definition",
            "error",
            "testing",
            "worker",
            "workflow",
        ],
    ),
    (
        "error",
        &[
            "activity",
            "client",
            "definition",
            "engine",
            "testing",
            "worker",
            "workflow",
        ],
    ),
    ("workflow", &["client", "engine", "testing", "worker"]),
    ("activity", &["client", "testing", "worker"]),
    ("client", &["testing", "worker"]),
    ("definition", &["testing", "worker"]),
    ("untyped", &["testing", "worker"]),
    ("worker", &["testing"]),
    ("testing", &[]),
    ("__private", &["testing"]),
    ("lib", &[]),
];

/// The folders of sources whose files must not import in a circle.
const PACKAGES: [&str; 8] = [
    "core/src",
    "engines/contract/src",
    "engines/embedded/src",
    "engines/temporal/src",
    "engines/wire/src",
    "macros/src",
    "sdk/src",
    "server/src",
];

/// Files of more than 800 lines, with the reason why they are one file.
const LONG_FILES: [(&str, &str); 0] = [];

const TEXTS: [&str; 4] = ["rs", "toml", "md", "stderr"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("this package is a folder of the repository")
        .to_owned()
}

/// Every file of the repository with one of the extensions, by its path from the root.
fn files(extensions: &[&str]) -> Vec<(String, String)> {
    let root = root();
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the repository can be read") {
            let path = entry.expect("a file of the repository can be read").path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if path.is_dir() {
                if !name.starts_with("target") && (!name.starts_with('.') || name == ".ci") {
                    folders.push(path);
                }
            } else if path
                .extension()
                .is_some_and(|end| extensions.iter().any(|e| end == *e))
            {
                let text = fs::read_to_string(&path).expect("texts are UTF-8");
                let path = path.strip_prefix(&root).expect("found below the root");
                found.push((path.to_string_lossy().replace('\\', "/"), text));
            }
        }
    }
    found.sort();
    assert!(!found.is_empty());
    found
}

/// The code of a file without its tests and comments.
fn code(text: &str) -> String {
    let text = text
        .split("#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or_default();
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The modules of this crate that a file names, as in `crate::engine::EngineError` and in
/// `use crate::{engine::EngineError, ..}`.
fn named_modules(text: &str) -> Vec<String> {
    let code = code(text);
    let mut modules = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        let ident = |text: &str| -> String {
            text.chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect()
        };
        if let Some(list) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut start = true;
            for (index, c) in list.char_indices() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => start = true,
                    _ if start && depth == 0 && !c.is_whitespace() => {
                        modules.push(ident(&list[index..]));
                        start = false;
                    }
                    _ => {}
                }
            }
        } else {
            modules.push(ident(rest));
        }
    }
    modules.retain(|module| !module.is_empty());
    modules
}

#[test]
fn modules_of_the_sdk_import_in_one_direction() {
    let mut wrong = Vec::new();
    for (path, text) in files(&["rs"]) {
        let Some(path_in_sdk) = path.strip_prefix("sdk/src/") else {
            continue;
        };
        let module = path_in_sdk.split(['/', '.']).next().unwrap_or_default();
        let Some((_, forbidden)) = FORBIDDEN.iter().find(|(name, _)| *name == module) else {
            panic!("say in FORBIDDEN what `{module}` must not import");
        };
        for named in named_modules(&text) {
            if forbidden.contains(&named.as_str()) {
                wrong.push(format!("{path} imports `{named}`"));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "move the type down instead:\n{}",
        wrong.join("\n")
    );
}

/// A file can be read, tested and moved with what it imports: nothing above it.
#[test]
fn no_file_imports_in_a_circle() {
    let mut packages: BTreeMap<&str, Vec<(String, String)>> = BTreeMap::new();
    for (path, text) in files(&["rs"]) {
        let package = PACKAGES.iter().find_map(|package| {
            let path = path.strip_prefix(package)?.strip_prefix('/')?;
            Some((*package, path.to_owned()))
        });
        if let Some((package, path)) = package {
            packages.entry(package).or_default().push((path, text));
        }
    }
    assert_eq!(packages.len(), PACKAGES.len(), "each has files");
    let mut found = Vec::new();
    for (package, files) in &packages {
        let files = files
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()));
        for circle in Package::read(files).circles() {
            found.extend(circle.iter().map(|path| format!("{package}/{path}")));
        }
    }
    assert!(
        found.is_empty(),
        "move what both need below both: {found:?}"
    );
}

#[test]
fn core_knows_no_runtime() {
    for (path, text) in files(&["rs"]) {
        if path.starts_with("core/src/") {
            for unwanted in [
                "tokio",
                "futures",
                "SystemTime",
                "HashMap",
                "HashSet",
                "std::thread",
            ] {
                assert!(!code(&text).contains(unwanted), "{path} names `{unwanted}`");
            }
        }
    }
}

#[test]
fn every_mistake_has_its_text_and_every_text_its_mistake() {
    let names = |extension: &str| -> Vec<String> {
        files(&[extension])
            .into_iter()
            .filter(|(path, _)| path.starts_with("tests/ui/"))
            .map(|(path, _)| path.trim_end_matches(extension).to_owned())
            .collect()
    };
    assert_eq!(names("rs"), names("stderr"));
}

#[test]
fn what_is_said_about_a_mistake_quotes_nobody_elses_source() {
    // Of a wrong argument or type the compiler shows which of our functions asks for another one.
    const ABOUT_TYPES: [&str; 2] = ["tests/ui/calls/", "tests/ui/types/"];
    for (path, text) in files(&["stderr"]) {
        for quote in ["$WORKSPACE", "$RUST", "$CARGO"] {
            let is_ours =
                quote == "$WORKSPACE" && ABOUT_TYPES.iter().any(|at| path.starts_with(at));
            assert!(is_ours || !text.contains(quote), "{path} quotes `{quote}`");
        }
    }
}

#[test]
fn a_user_of_the_embedded_engine_compiles_no_grpc() {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--package",
            "steadfast",
            "--edges",
            "normal,build",
            "--prefix",
            "none",
        ])
        .current_dir(root())
        .output()
        .expect("cargo runs these tests, so it is there");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let tree = String::from_utf8_lossy(&output.stdout);
    let mut crates: Vec<&str> = tree
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    crates.sort_unstable();
    crates.dedup();
    for unwanted in ["tonic", "prost", "h2", "hyper"] {
        assert!(!crates.contains(&unwanted), "`{unwanted}` is compiled");
    }
    assert!(crates.len() <= 80, "{} crates are compiled", crates.len());
}

#[test]
fn a_long_file_has_a_reason() {
    let mut long: Vec<String> = files(&["rs"])
        .into_iter()
        // Tests may be as long as they like: they are read one at a time.
        .filter(|(path, text)| !path.contains("tests/") && text.lines().count() > 800)
        .map(|(path, _)| path)
        .collect();
    long.retain(|path| LONG_FILES.iter().all(|(known, _)| known != path));
    assert!(
        long.is_empty(),
        "look for the seam, or add the reason to LONG_FILES: {long:?}"
    );
    for (path, _) in LONG_FILES {
        assert!(
            root().join(path).exists(),
            "`{path}` is gone from the repository"
        );
    }
}

#[test]
fn nothing_is_left_to_do_and_no_path_is_somebodys_own() {
    // Put together so that this file does not find itself.
    let marks = [
        ["TO", "DO"],
        ["FIX", "ME"],
        ["XX", "X:"],
        ["/ho", "me/"],
        ["/Us", "ers/"],
        ["/wo", "rk/"],
        ["/ro", "ot/"],
    ];
    let mut found = Vec::new();
    for (path, text) in files(&TEXTS) {
        for mark in marks.map(|halves| halves.concat()) {
            if text.contains(&mark) {
                found.push(format!("{path}: `{mark}`"));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_guarantee_names_tests_that_exist() {
    let sources = files(&["rs"]);
    let (_, page) = files(&["md"])
        .into_iter()
        .find(|(path, _)| path == "sdk/docs/guarantees.md")
        .expect("the page is there");
    let mut named = 0;
    let is_row = |line: &&str| {
        line.starts_with("| ") && !line.contains("| ---") && !line.ends_with("| proved by |")
    };
    for row in page.lines().filter(is_row) {
        let proof = row
            .trim_end_matches('|')
            .rsplit('|')
            .next()
            .unwrap_or_default();
        let words: Vec<&str> = proof.split('`').skip(1).step_by(2).collect();
        assert!(!words.is_empty(), "no test proves: {row}");
        for pair in words.chunks(2) {
            let [file, test] = pair else {
                panic!("a file without a test: {row}");
            };
            named += 1;
            let exists = sources.iter().any(|(path, text)| {
                path.ends_with(&format!("/{file}"))
                    && (text.contains(&format!("fn {test}("))
                        || text.contains(&format!("    {test}: r#")))
            });
            assert!(exists, "there is no test `{test}` in a file `{file}`");
        }
    }
    assert!(named > 15);
}
