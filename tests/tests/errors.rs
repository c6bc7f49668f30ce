//! The book of errors: each page shows a mistake of `ui/book`, and what the compiler says about it.
//! That the examples fail and work is tested with the documentation of `steadfast`.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("this package is a folder of the repository")
        .to_owned()
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The names of the files of a folder that have an extension, without it.
fn names(folder: &str, extension: &str) -> BTreeSet<String> {
    fs::read_dir(root().join(folder))
        .expect("the folder is there")
        .filter_map(|entry| {
            let path = entry.expect("the folder can be read").path();
            let is_one = path.extension().is_some_and(|end| end == extension);
            let name = path.file_stem()?.to_string_lossy().into_owned();
            (is_one && name != "README").then_some(name)
        })
        .collect()
}

fn pages() -> BTreeSet<String> {
    names("docs/errors", "md")
}

/// What stands in the first block of a kind.
fn block<'a>(page: &'a str, kind: &str) -> &'a str {
    let start = format!("```{kind}\n");
    let (_, rest) = page.split_once(&start).expect("the page has the block");
    rest.split_once("```").expect("the block ends").0
}

/// The pages that the messages of every mistake name.
fn named() -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for folder in fs::read_dir(root().join("tests/ui")).expect("the folder is there") {
        let folder = folder.expect("the folder can be read").path();
        for file in fs::read_dir(folder).expect("ui has folders only") {
            let path = file.expect("the folder can be read").path();
            if path.extension().is_some_and(|end| end == "stderr") {
                let text = fs::read_to_string(path).expect("texts are UTF-8");
                named.extend(
                    text.split("read: docs/errors/")
                        .skip(1)
                        .filter_map(|rest| rest.split_once(".md").map(|(name, _)| name.to_owned())),
                );
            }
        }
    }
    named
}

#[test]
fn every_page_shows_its_mistake_and_what_the_compiler_says() {
    for name in pages() {
        let page = read(format!("docs/errors/{name}.md"));
        let mistake = read(format!("tests/ui/book/{name}.rs"));
        let shown = block(&page, "rust,compile_fail");
        assert_eq!(format!("{shown}\nfn main() {{}}\n"), mistake, "{name}");
        let said = read(format!("tests/ui/book/{name}.stderr"));
        assert_eq!(block(&page, "text"), said, "{name}");
        let reference = format!("read: docs/errors/{name}.md");
        assert!(said.contains(&reference), "{name} does not name its page");
    }
}

#[test]
fn every_page_that_a_message_names_is_there_and_no_other() {
    assert_eq!(named(), pages());
    assert_eq!(names("tests/ui/book", "rs"), pages());
}

#[test]
fn the_contents_list_every_page() {
    let contents = read("docs/errors/README.md");
    for name in pages() {
        let page = read(format!("docs/errors/{name}.md"));
        let title = page.lines().next().and_then(|line| line.strip_prefix("# "));
        let title = title.expect("a page begins with its title");
        let entry = format!("- [{title}]({name}.md)\n");
        assert!(contents.contains(&entry), "the contents need {entry}");
    }
}

/// The examples of every page are compiled with the documentation.
#[test]
fn every_page_is_compiled() {
    let documentation = read("sdk/src/lib.rs");
    for name in pages() {
        let included = format!("../../docs/errors/{name}.md");
        assert!(documentation.contains(&included), "{name} is not compiled");
    }
}
