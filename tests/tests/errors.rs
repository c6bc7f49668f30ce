//! The book of errors: each page shows a mistake of `ui/book`, and what the compiler says about it, and
//! every case of the catalogue has its page.
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

/// The mistakes of the catalogue outside of the book, by folder and name.
fn catalogue() -> BTreeSet<String> {
    let folders = fs::read_dir(root().join("tests/ui")).expect("the folder is there");
    let folders = folders.filter_map(|entry| {
        let path = entry.expect("the folder can be read").path();
        let name = path.file_name()?.to_string_lossy().into_owned();
        (path.is_dir() && name != "book").then_some(name)
    });
    folders
        .flat_map(|folder| {
            let names = names(&format!("tests/ui/{folder}"), "rs");
            names
                .into_iter()
                .map(move |name| format!("{folder}/{name}"))
        })
        .collect()
}

/// The pages that a message names.
fn named(said: &str) -> BTreeSet<String> {
    said.split("read: docs/errors/")
        .skip(1)
        .filter_map(|rest| rest.split_once(".md").map(|(name, _)| name.to_owned()))
        .collect()
}

/// The cases that a page lists.
fn cases(page: &str) -> BTreeSet<String> {
    let page = read(format!("docs/errors/{page}.md"));
    let (_, listed) = page.split_once("\n## Cases\n\n").unwrap_or_default();
    listed
        .lines()
        .map(|line| {
            let case = line
                .strip_prefix("- [`")
                .and_then(|rest| rest.split_once('`'));
            let (case, _) = case.expect("a line of the cases is a case");
            assert_eq!(
                line,
                format!("- [`{case}`](../../tests/ui/{case}.stderr)"),
                "where it leads"
            );
            case.to_owned()
        })
        .collect()
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
        let named = named(&said);
        assert!(named.is_empty() || named.contains(&name), "{name}");
    }
}

#[test]
fn every_page_that_a_message_names_is_there() {
    for case in catalogue() {
        let named = named(&read(format!("tests/ui/{case}.stderr")));
        assert!(named.is_subset(&pages()), "{case}: {named:?}");
    }
    assert_eq!(names("tests/ui/book", "rs"), pages());
}

#[test]
fn every_mistake_of_the_catalogue_has_one_page() {
    let mut listed = BTreeSet::new();
    for page in pages() {
        for case in cases(&page) {
            assert!(listed.insert(case.clone()), "{case} has another page");
        }
    }
    assert_eq!(listed, catalogue());
}

/// The table says of everything that was tried what becomes of it.
#[test]
fn the_table_of_what_was_tried_names_what_is_there() {
    let table = read("tests/ui/README.md");
    let rows: Vec<Vec<&str>> = table
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| ---"))
        .skip(1)
        .map(|line| line.trim_matches('|').split('|').collect())
        .collect();
    assert!(rows.len() > 70, "{}", rows.len());
    for row in rows {
        let [tried, works, refused] = row.as_slice() else {
            panic!("a row has three columns: {row:?}");
        };
        let quoted = |cell: &str| -> Vec<String> {
            cell.split('`')
                .skip(1)
                .step_by(2)
                .map(str::to_owned)
                .collect()
        };
        let (works, refused) = (quoted(works), quoted(refused));
        assert!(!works.is_empty() || !refused.is_empty(), "{tried}");
        for module in works {
            read(format!("tests/accepted/src/{module}.rs"));
        }
        for case in refused {
            assert!(catalogue().contains(&case), "{tried}: {case}");
        }
    }
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
