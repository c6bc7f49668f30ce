//! Finds the name under which the user's package knows `steadfast`.
//!
//! It reads manifests and nothing else: no lock file, no network, no TOML library.
//!
//! Invariants: a manifest that cannot be read or understood is never an error, the crate is then
//! looked for as `::steadfast`; a manifest is read again when it has changed, because an editor
//! keeps this library loaded for hours.

mod manifest;

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::SystemTime,
};

use proc_macro2::{Ident, Span};
use syn::{PathArguments, PathSegment, token::PathSep};

use self::manifest::{Entry, entries};

/// The package that the generated code needs.
const PACKAGE: &str = "steadfast";

/// What a manifest says about the package.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Found {
    /// It is a dependency, and code calls it by this name.
    As(String),
    /// It is nowhere among the dependencies.
    Nowhere,
}

/// Manifests that were looked at, with the time of their last change.
static SEEN: Mutex<BTreeMap<PathBuf, (Option<SystemTime>, Found)>> = Mutex::new(BTreeMap::new());

/// The path of the crate, or `None` when the user's package does not depend on it.
pub(crate) fn find() -> Option<syn::Path> {
    let Some(folder) = env::var_os("CARGO_MANIFEST_DIR") else {
        return Some(absolute(PACKAGE));
    };
    match look_up(&Path::new(&folder).join("Cargo.toml")) {
        Found::As(name) => Some(absolute(&name)),
        Found::Nowhere => None,
    }
}

fn look_up(manifest: &Path) -> Found {
    let changed = fs::metadata(manifest)
        .and_then(|metadata| metadata.modified())
        .ok();
    let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((then, found)) = seen.get(manifest)
        && *then == changed
    {
        return found.clone();
    }
    let found = match fs::read_to_string(manifest) {
        Ok(text) => search(&text, || workspace_manifest(manifest, &text)),
        Err(_) => Found::As(PACKAGE.to_owned()),
    };
    seen.insert(manifest.to_owned(), (changed, found.clone()));
    found
}

/// Searches one manifest; the workspace's is read only if an inherited dependency needs it.
fn search(manifest: &str, workspace: impl Fn() -> Option<String>) -> Found {
    let own = entries(manifest);
    if text_at(&own, &["package", "name"]) == Some(PACKAGE) {
        return Found::As(PACKAGE.to_owned());
    }
    let mut shared: Option<Vec<Entry>> = None;
    for name in dependency_names(&own) {
        let package = match package_of(&own, &name) {
            Package::Named(package) => package,
            Package::Inherited => {
                let shared = shared.get_or_insert_with(|| {
                    workspace().map_or_else(Vec::new, |text| entries(&text))
                });
                text_at(shared, &["workspace", "dependencies", &name, "package"])
                    .map_or_else(|| name.clone(), str::to_owned)
            }
        };
        if package == PACKAGE {
            return Found::As(name.replace('-', "_"));
        }
    }
    Found::Nowhere
}

enum Package {
    Named(String),
    Inherited,
}

/// The package behind a dependency's key.
fn package_of(entries: &[Entry], name: &str) -> Package {
    let mut inherited = false;
    for entry in entries {
        if let Some((dependency, rest)) = dependency(&entry.path)
            && dependency == name
        {
            match rest {
                [key] if key == "package" => return Package::Named(entry.value.clone()),
                [key] if key == "workspace" && entry.value == "true" => inherited = true,
                _ => {}
            }
        }
    }
    if inherited {
        Package::Inherited
    } else {
        Package::Named(name.to_owned())
    }
}

/// The keys of all dependencies in the order of the manifest.
fn dependency_names(entries: &[Entry]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for entry in entries {
        if let Some((name, _)) = dependency(&entry.path)
            && !names.iter().any(|known| known == name)
        {
            names.push(name.to_owned());
        }
    }
    names
}

/// Splits the path of an entry that belongs to a dependency into its key and what follows.
fn dependency(path: &[String]) -> Option<(&str, &[String])> {
    let rest = match path {
        [target, _, rest @ ..] if target == "target" => rest,
        rest => rest,
    };
    match rest {
        [table, name, rest @ ..]
            if matches!(
                table.as_str(),
                "dependencies"
                    | "dev-dependencies"
                    | "dev_dependencies"
                    | "build-dependencies"
                    | "build_dependencies"
            ) =>
        {
            Some((name, rest))
        }
        _ => None,
    }
}

/// The text of the manifest at the root of the workspace, which is the package's own or above it.
fn workspace_manifest(manifest: &Path, text: &str) -> Option<String> {
    let own = entries(text);
    let folder = manifest.parent()?;
    if let Some(root) = text_at(&own, &["package", "workspace"]) {
        return fs::read_to_string(folder.join(root).join("Cargo.toml")).ok();
    }
    folder.ancestors().find_map(|folder| {
        let text = fs::read_to_string(folder.join("Cargo.toml")).ok()?;
        let is_root = entries(&text)
            .iter()
            .any(|entry| entry.path.first().is_some_and(|table| table == "workspace"));
        is_root.then_some(text)
    })
}

fn text_at<'a>(entries: &'a [Entry], path: &[&str]) -> Option<&'a str> {
    entries
        .iter()
        .find(|entry| entry.path == path)
        .map(|entry| entry.value.as_str())
}

fn absolute(name: &str) -> syn::Path {
    let segment = PathSegment {
        ident: Ident::new(name, Span::call_site()),
        arguments: PathArguments::None,
    };
    syn::Path {
        leading_colon: Some(PathSep::default()),
        segments: [segment].into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Found, search};

    fn found(manifest: &str) -> Option<String> {
        found_in(manifest, "")
    }

    fn found_in(manifest: &str, workspace: &str) -> Option<String> {
        match search(manifest, || Some(workspace.to_owned())) {
            Found::As(name) => Some(name),
            Found::Nowhere => None,
        }
    }

    #[track_caller]
    fn assert_found(manifest: &str, name: &str) {
        assert_eq!(found(manifest).as_deref(), Some(name), "in\n{manifest}");
    }

    #[test]
    fn a_plain_dependency_keeps_its_name() {
        assert_found("[dependencies]\nsteadfast = \"0.1\"\n", "steadfast");
        assert_found("[dependencies]\r\nsteadfast = \"0.1\"\r\n", "steadfast");
        assert_found("dependencies.steadfast = \"0.1\"", "steadfast");
        assert_found(
            "dependencies = { serde = \"1\", steadfast = \"0.1\" }",
            "steadfast",
        );
        assert_found("[dependencies]\n\"steadfast\"='0.1'", "steadfast");
        assert_found("[dependencies.steadfast]\npath = \"../sdk\"", "steadfast");
        assert_found("[dependencies.steadfast]\n", "steadfast");
    }

    #[test]
    fn a_renamed_dependency_is_found_under_its_new_name() {
        let inline = "[dependencies]\ntemporalio_sdk = { path = \"a\", package = \"steadfast\" }";
        assert_found(inline, "temporalio_sdk");
        assert_found(
            "[dependencies.my-sdk]\nversion = \"1\"\npackage = 'steadfast'",
            "my_sdk",
        );
        assert_found(
            "[dependencies]\nsdk.package = \"steadfast\" # why\nsdk.version = \"1\"",
            "sdk",
        );
    }

    #[test]
    fn every_table_of_dependencies_counts() {
        assert_found("[dev-dependencies]\nsteadfast = \"0.1\"", "steadfast");
        assert_found("[build-dependencies]\nsteadfast = \"0.1\"", "steadfast");
        let target = "[target.'cfg(all(unix, not(target_os = \"macos\")))'.dependencies]
            sdk = { package = \"steadfast\", version = \"0.1\" }";
        assert_found(target, "sdk");
        let target = "[ target . \"cfg(unix)\" . dependencies . steadfast ]\nversion = \"1\"";
        assert_found(target, "steadfast");
    }

    #[test]
    fn inheritance_is_resolved_at_the_root() {
        let root = "[workspace]\nmembers = [\"a\"]
            [workspace.dependencies]
            sdk = { package = \"steadfast\", version = \"0.1\" }
            steadfast = { package = \"other\", version = \"1\" }";
        let member = "[dependencies]\nsdk.workspace = true";
        assert_eq!(found_in(member, root).as_deref(), Some("sdk"));
        let member = "[dependencies]\nsdk = { workspace = true, features = [\"a\"] }";
        assert_eq!(found_in(member, root).as_deref(), Some("sdk"));
        let member = "[dependencies]\nsteadfast = { workspace = true }";
        assert_eq!(found_in(member, root), None);
        assert_eq!(
            found_in(member, "[workspace.dependencies]").as_deref(),
            Some("steadfast")
        );
    }

    #[test]
    fn lookalikes_are_not_dependencies() {
        for manifest in [
            "",
            "[package]\nname = \"steadfast-tests\"\n[dependencies]\nserde = \"1\"",
            "[package.metadata.dependencies]\nsteadfast = \"1\"",
            "[workspace.dependencies]\nsteadfast = \"1\"",
            "[dependencies]\n# steadfast = \"1\"",
            "[dependencies]\nsteadfast-macros = \"1\"",
            "[dependencies]\nsteadfast = { package = \"hijack\", version = \"1\" }",
            "[package]\ndescription = \"\"\"\n[dependencies]\nsteadfast = \"1\"\n\"\"\"",
            "[package]\ndescription = '''\n[dependencies]\nsteadfast = \"1\"'''",
            "[features]\nall = [\n  \"steadfast\", # [dependencies]\n]",
        ] {
            assert_eq!(found(manifest), None, "in\n{manifest}");
        }
    }

    #[test]
    fn arrays_and_comments_in_between_do_no_harm() {
        let manifest = "[package]\nname = \"a\" # [dependencies]
            keywords = [ # one, two
                \"x]\", 'y\"',
                { a = \"}\" },
            ]
            description = \"a \\\"quoted\\\" # word\"
            [dependencies]
            tokio = { version = \"1\", features = [
                \"macros\",
            ], default-features = false }
            sdk = { package = \"steadfast\" }";
        assert_found(manifest, "sdk");
    }

    #[test]
    fn the_package_itself_is_found_by_its_own_name() {
        assert_found(
            "[package]\nname = \"steadfast\"\n[dependencies]\nserde = \"1\"",
            "steadfast",
        );
    }

    #[test]
    fn garbage_ends() {
        for manifest in [
            "[",
            "[[",
            "a = {",
            "a = [",
            "= = =",
            "a = { = }",
            "\"",
            "a = \"\"\"",
            "{}{}",
        ] {
            assert_eq!(found(manifest), None, "in {manifest}");
        }
    }
}
