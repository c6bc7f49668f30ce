//! What an editor needs while the code does not compile yet: whatever the mistake, the expansion is
//! made of items that can be read, and every function of the user is in it with its whole body.

use std::{fs, path::Path};

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{Attribute, File, ImplItem, Item, parse_file, parse2};

use crate::{activities, determinism, workflow, workflow_methods};

/// The files of every mistake whose folder is about an attribute.
fn mistakes() -> Vec<(String, String)> {
    let ui = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/ui");
    let mut files = Vec::new();
    for folder in fs::read_dir(ui).expect("the mistakes are next door") {
        let folder = folder.expect("the folder can be read").path();
        if !folder.is_dir() {
            continue;
        }
        for file in fs::read_dir(folder).expect("ui has folders only") {
            let path = file.expect("the folder can be read").path();
            if path.extension().is_some_and(|end| end == "rs") {
                let text = fs::read_to_string(&path).expect("texts are UTF-8");
                files.push((path.display().to_string(), text));
            }
        }
    }
    files.sort();
    files
}

/// Takes the first attribute of ours off an item, and its arguments.
fn take(attributes: &mut Vec<Attribute>) -> Option<(String, TokenStream)> {
    const OURS: [&str; 4] = [
        "activities",
        "activity_definitions",
        "workflow",
        "workflow_methods",
    ];
    let index = attributes
        .iter()
        .position(|attribute| OURS.iter().any(|name| attribute.path().is_ident(name)))?;
    let attribute = attributes.remove(index);
    let arguments = match &attribute.meta {
        syn::Meta::List(list) => list.tokens.clone(),
        syn::Meta::Path(_) | syn::Meta::NameValue(_) => TokenStream::new(),
    };
    let arguments = if arguments.to_string().contains("crate") {
        arguments
    } else if arguments.is_empty() {
        quote!(crate = ::steadfast)
    } else {
        quote!(crate = ::steadfast, #arguments)
    };
    Some((attribute.path().to_token_stream().to_string(), arguments))
}

fn expand(attribute: &str, arguments: TokenStream, item: TokenStream) -> TokenStream {
    match attribute {
        "activities" => activities::expand(arguments, item),
        "activity_definitions" => activities::declare(arguments, item),
        "workflow" => workflow::expand(arguments, item),
        _ => workflow_methods::expand(arguments, item),
    }
}

/// Everything between braces, in any depth.
fn bodies(tokens: TokenStream, bodies: &mut Vec<String>) {
    for token in tokens {
        if let TokenTree::Group(group) = token {
            bodies.push(group.stream().to_string());
            self::bodies(group.stream(), bodies);
        }
    }
}

#[test]
fn no_mistake_takes_a_function_away_from_the_editor() {
    let mut blocks = 0;
    for (path, text) in mistakes() {
        // What does not parse is for the compiler to report, and its own test below.
        let Ok(file) = parse_file(&text) else {
            assert!(path.contains("unfinished"), "{path}");
            continue;
        };
        for mut item in file.items {
            let attributes = match &mut item {
                Item::Impl(block) => &mut block.attrs,
                Item::Struct(item) => &mut item.attrs,
                Item::Enum(item) => &mut item.attrs,
                Item::Fn(item) => &mut item.attrs,
                Item::Trait(item) => &mut item.attrs,
                _ => continue,
            };
            let Some((attribute, arguments)) = take(attributes) else {
                continue;
            };
            let expansion = expand(&attribute, arguments, item.to_token_stream());
            let read = parse2::<File>(expansion.clone());
            assert!(read.is_ok(), "{path}: {:?} in\n{expansion}", read.err());
            let Item::Impl(block) = &item else { continue };
            let mut found = Vec::new();
            bodies(expansion.clone(), &mut found);
            for item in &block.items {
                let ImplItem::Fn(function) = item else {
                    continue;
                };
                let name = function.sig.ident.to_string();
                assert!(
                    expansion.to_string().contains(&name),
                    "{path}: `{name}` is gone"
                );
                let statements = &function.block.stmts;
                // A declared activity has no body to keep, and these closures are put right.
                if attribute == "activity_definitions" || path.contains("/closures") {
                    continue;
                }
                let body = determinism::strip(quote!(#(#statements)*)).to_string();
                assert!(
                    found.iter().any(|found| found.ends_with(&body)),
                    "{path}: the body of `{name}` is gone from\n{expansion}"
                );
            }
            blocks += 1;
        }
    }
    assert!(blocks > 150, "{blocks}");
}

#[test]
fn code_that_does_not_parse_is_kept_as_it_is_and_nothing_is_said_of_it() {
    let bodies = [
        "ctx.",
        "let x = ; Ok(x)",
        "let x = 5 let y = 6; Ok(x)",
        "match 5 { 1 => } Ok(5)",
        "select! { _ = ctx. => {} } Ok(5)",
        "for x in { } Ok(5)",
    ];
    for body in bodies {
        let block = format!(
            "impl Trip {{
                #[run] async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<u32> {{ {body} }}
                #[signal] fn approve(&mut self, by: String) {{ {body} }}
                fn helper() {{ {body} }}
            }}"
        );
        let block: TokenStream = block.parse().expect("the braces match");
        let expansion = workflow_methods::expand(quote!(crate = ::steadfast), block).to_string();
        let body: TokenStream = body.parse().expect("the braces match");
        assert!(!expansion.contains("compile_error"), "{expansion}");
        assert_eq!(
            expansion.matches(&body.to_string()).count(),
            3,
            "{expansion}"
        );
        assert!(expansion.contains("struct TripHandle"), "{expansion}");
    }
}

#[test]
fn a_method_that_does_not_parse_takes_no_other_with_it() {
    let items = [
        "#[signal] pub fn",
        "#[signal] pub fn other",
        "#[signal] pub fn other(&mut self)",
        "#[signal] pub fn other(&mut self, by) {}",
        "#[signal] pub fn other(&mut self) -> {}",
        "#[query] fn other(&self) -> Vec<u32 { vec![] }",
        "#[signal]",
        "pub",
        "word",
        "let x = 5;",
        "const X: u32 = ;",
    ];
    for item in items {
        // An attribute belongs to whatever stands behind it.
        let places = [("", item), (item, "")];
        let places = &places[..if item == "#[signal]" { 1 } else { 2 }];
        for (before, after) in places {
            let block = format!(
                "impl Trip {{
                    #[run] async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {{ Ok(()) }}
                    {before}
                    #[query] fn rate(&self) -> u32 {{ 5 }}
                    {after}
                }}"
            );
            let block: TokenStream = block.parse().expect("the braces match");
            let expansion =
                workflow_methods::expand(quote!(crate = ::steadfast), block).to_string();
            assert!(!expansion.contains("compile_error"), "{item}: {expansion}");
            // `pub` and a word belong to whatever stands behind them.
            let is_prefix = item == "pub" || item == "word";
            if !(is_prefix && after.is_empty()) {
                assert!(expansion.contains("QueryMethod"), "{item}: {expansion}");
            }
        }
    }
}
