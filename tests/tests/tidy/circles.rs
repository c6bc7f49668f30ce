//! Which files of a package import each other in a circle.
//!
//! A file imports another one if it names what the other one defines; what a third one passes on counts for the one that
//! defines it. A file may name what the modules define that it is inside of: those are one thing with it. What a module
//! only passes on of its own files it does not import, and tests do not count.

use std::collections::{BTreeMap, BTreeSet};

use crate::tokens::{Token, closing, tokens};

/// The path of a module from the root of its package.
type Module = Vec<String>;

/// A name that a file brings into its scope.
struct Use {
    path: Vec<String>,
    name: String,
    is_public: bool,
}

struct File {
    path: String,
    uses: Vec<Use>,
    /// What it names besides: the paths, and every word.
    paths: Vec<Vec<String>>,
    words: BTreeSet<String>,
}

/// The files of a package.
pub(crate) struct Package(BTreeMap<Module, File>);

impl Package {
    /// Reads the files of a folder of sources, by their paths from there.
    pub(crate) fn read<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut read = BTreeMap::new();
        let mut tests = Vec::new();
        for (path, text) in files {
            let mut module: Module = path
                .trim_end_matches(".rs")
                .split('/')
                .map(str::to_owned)
                .collect();
            module.pop_if(|last| last == "mod");
            if module == ["lib"] {
                module.clear();
            }
            let (tokens, test_modules) = without_tests(&tokens(text));
            for test in test_modules {
                tests.push([module.clone(), vec![test]].concat());
            }
            read.insert(module, File::of(path, &tokens));
        }
        read.retain(|module, _| !tests.iter().any(|test| module.starts_with(test)));
        Self(read)
    }

    /// The circles, each by the paths of its files.
    pub(crate) fn circles(&self) -> Vec<Vec<&str>> {
        let imports: BTreeMap<&Module, BTreeSet<Module>> = self
            .0
            .iter()
            .map(|(module, file)| (module, self.imports(module, file)))
            .collect();
        let reached: BTreeMap<&Module, BTreeSet<&Module>> = imports
            .keys()
            .map(|module| (*module, reached_from(module, &imports)))
            .collect();
        let mut circles = BTreeSet::new();
        for (module, others) in &reached {
            let circle: BTreeSet<&Module> = others
                .iter()
                .filter(|other| reached[**other].contains(*module))
                .copied()
                .collect();
            if !circle.is_empty() {
                circles.insert(circle);
            }
        }
        let path = |module: &Module| self.0[module].path.as_str();
        circles
            .into_iter()
            .map(|circle| circle.into_iter().map(path).collect())
            .collect()
    }

    /// The files that one imports.
    fn imports(&self, module: &Module, file: &File) -> BTreeSet<Module> {
        let used = file.uses.iter().filter_map(|item| {
            let path = self.rooted(module, &item.path)?;
            let is_passed_on = item.is_public && path.starts_with(module);
            (!is_passed_on || file.words.contains(&item.name)).then_some(path)
        });
        let named = file
            .paths
            .iter()
            .filter_map(|path| self.rooted(module, path));
        used.chain(named)
            .filter_map(|path| self.definer(&path, 0))
            .filter(|other| !module.starts_with(other))
            .collect()
    }

    /// A path from the root of the package; `None` if it leads out of it.
    fn rooted(&self, module: &Module, path: &[String]) -> Option<Vec<String>> {
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => Some(rest.to_vec()),
            "self" => Some([module, rest].concat()),
            "super" => {
                let up = path.iter().take_while(|word| *word == "super").count();
                let above = module.get(..module.len().checked_sub(up)?)?;
                Some([above, &path[up..]].concat())
            }
            child => {
                let child = [module.as_slice(), &[child.to_owned()]].concat();
                self.0
                    .contains_key(&child)
                    .then(|| [child.as_slice(), rest].concat())
            }
        }
    }

    /// The file that defines what a path from the root names.
    fn definer(&self, path: &[String], depth: usize) -> Option<Module> {
        let mut module = Module::new();
        for (index, word) in path.iter().enumerate() {
            module.push(word.clone());
            if self.0.contains_key(&module) {
                continue;
            }
            module.pop();
            let mut uses = self.0.get(&module)?.uses.iter();
            let passed_on = uses.find(|item| item.name == *word && depth < 8);
            if let Some(item) = passed_on {
                let further = self.rooted(&module, &item.path)?;
                return self.definer(&[&further, &path[index + 1..]].concat(), depth + 1);
            }
            break;
        }
        Some(module)
    }
}

/// Every module that one imports, or that what it imports does.
fn reached_from<'a>(
    module: &Module,
    imports: &'a BTreeMap<&Module, BTreeSet<Module>>,
) -> BTreeSet<&'a Module> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&Module> = imports[module].iter().collect();
    while let Some(other) = next.pop() {
        if reached.insert(other) {
            next.extend(&imports[other]);
        }
    }
    reached
}

impl File {
    fn of(path: &str, tokens: &[Token]) -> Self {
        let mut file = Self {
            path: path.to_owned(),
            uses: Vec::new(),
            paths: Vec::new(),
            words: BTreeSet::new(),
        };
        let mut index = 0;
        while index < tokens.len() {
            let follows = tokens.get(index + 1);
            // Not the `use<..>` of a type.
            if tokens[index].is("use") && !follows.is_some_and(|token| token.is_sign('<')) {
                let before = index.checked_sub(1).map(|before| &tokens[before]);
                let is_public = before.is_some_and(|token| token.is("pub") || token.is_sign(')'));
                let end = tokens[index..].iter().position(|token| token.is_sign(';'));
                let end = index + end.expect("a use ends");
                file.add_uses(&tokens[index + 1..end], &[], is_public);
                index = end;
            } else if tokens[index].word().is_some() {
                let mut words = Vec::new();
                while let Some(word) = tokens.get(index).and_then(Token::word) {
                    words.push(word.to_owned());
                    file.words.insert(word.to_owned());
                    index += 1;
                    if tokens.get(index) != Some(&Token::Path) {
                        break;
                    }
                    index += 1;
                }
                if words.len() > 1 {
                    file.paths.push(words);
                }
                continue;
            }
            index += 1;
        }
        file
    }

    /// Adds what a tree of names brings in: `a::{b, c as d}`.
    fn add_uses(&mut self, tree: &[Token], prefix: &[String], is_public: bool) {
        let mut path = prefix.to_vec();
        let mut name = None;
        let mut index = 0;
        while index < tree.len() {
            match &tree[index] {
                Token::Sign('{') => {
                    let end = closing(tree, index);
                    let mut from = index + 1;
                    for at in index + 1..=end {
                        let is_inside =
                            closing(tree, index) > at && depth_between(&tree[index + 1..at]) > 0;
                        if !is_inside && (tree[at].is_sign(',') || at == end) {
                            if from < at {
                                self.add_uses(&tree[from..at], &path, is_public);
                            }
                            from = at + 1;
                        }
                    }
                    return;
                }
                Token::Word(word) if word == "as" => {
                    name = tree.get(index + 1).and_then(Token::word).map(str::to_owned);
                    break;
                }
                Token::Word(word) if word == "self" && !path.is_empty() => {}
                Token::Word(word) => path.push(word.clone()),
                Token::Path | Token::Sign(_) => {}
            }
            index += 1;
        }
        if let Some(name) = name.or_else(|| path.last().cloned()) {
            self.uses.push(Use {
                path,
                name,
                is_public,
            });
        }
    }
}

/// How many brackets are open after some tokens.
fn depth_between(tokens: &[Token]) -> usize {
    let count = |sign: char| tokens.iter().filter(|token| token.is_sign(sign)).count();
    count('{') - count('}')
}

/// The tokens without the modules that only tests have, and the names of those that have files of their own.
fn without_tests(tokens: &[Token]) -> (Vec<Token>, Vec<String>) {
    let mut kept = Vec::new();
    let mut files = Vec::new();
    let mut index = 0;
    while index < tokens.len() {
        if tokens[index].is_sign('#') && tokens.get(index + 1).is_some_and(|t| t.is_sign('[')) {
            let end = closing(tokens, index + 1);
            let attribute = &tokens[index + 1..end];
            let is_test = attribute.get(1).is_some_and(|token| token.is("cfg"))
                && attribute.iter().any(|token| token.is("test"))
                && !attribute.iter().any(|token| token.is("not"));
            if is_test && tokens.get(end + 1).is_some_and(|token| token.is("mod")) {
                if tokens.get(end + 3).is_some_and(|token| token.is_sign('{')) {
                    index = closing(tokens, end + 3) + 1;
                } else {
                    let name = tokens.get(end + 2).and_then(Token::word);
                    files.extend(name.map(str::to_owned));
                    index = end + 4;
                }
                continue;
            }
        }
        kept.push(tokens[index].clone());
        index += 1;
    }
    (kept, files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circles<'a>(files: &'a [(&'a str, &'a str)]) -> Vec<Vec<String>> {
        let package = Package::read(files.iter().copied());
        let owned = |circle: Vec<&str>| circle.into_iter().map(str::to_owned).collect();
        package.circles().into_iter().map(owned).collect()
    }

    #[test]
    fn a_circle_is_found_through_what_others_pass_on() {
        let files = [
            ("lib.rs", "mod a; mod b;"),
            ("a/mod.rs", "mod one; pub(crate) use self::one::One;"),
            ("a/one.rs", "use crate::b; struct One(b::Other);"),
            (
                "b.rs",
                "use crate::{a::{One, One as Two}}; struct Other(One);",
            ),
        ];
        assert_eq!(circles(&files), [["a/one.rs", "b.rs"]]);
    }

    #[test]
    fn what_is_named_without_a_use_counts_and_what_is_only_told_does_not() {
        let a = "// crate::b::B\nconst TEXT: &str = r#\"crate::b::B \"quoted\"\"#;";
        let b = "fn b() { crate::a::a() }";
        assert_eq!(
            circles(&[("lib.rs", ""), ("a.rs", a), ("b.rs", b)]).len(),
            0
        );
        let a = "fn a(_: char) { a(':'); crate::b::b() }";
        assert_eq!(
            circles(&[("lib.rs", ""), ("a.rs", a), ("b.rs", b)]),
            [["a.rs", "b.rs"]]
        );
    }

    #[test]
    fn a_file_may_name_the_modules_that_it_is_inside_of() {
        let files = [
            ("lib.rs", "mod a; struct Root; fn f() { a::go() }"),
            (
                "a/mod.rs",
                "mod part; use self::part::Part; struct Whole(Part);",
            ),
            (
                "a/part.rs",
                "use super::Whole; use crate::Root; struct Part;",
            ),
        ];
        assert_eq!(circles(&files).len(), 0);
    }

    #[test]
    fn tests_may_name_what_they_like() {
        let a = "#[cfg(test)] mod tests; #[cfg(all(test, unix))] mod more { use crate::b::B; } struct A;";
        let files = [
            ("lib.rs", ""),
            ("a.rs", a),
            ("a/tests.rs", "use crate::b::B;"),
            ("b.rs", "use crate::a::A; struct B(A);"),
        ];
        assert_eq!(circles(&files).len(), 0);
    }
}
