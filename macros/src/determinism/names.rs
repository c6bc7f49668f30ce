//! What the names in one function stand for, as far as the function itself tells: its `use`
//! declarations, its own variables and functions, and which of them are hash maps.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use syn::{ItemUse, UseTree, parse2};

/// The names of one function.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// What a `use` declaration calls something, with the path of that.
    imported: BTreeMap<String, Vec<String>>,
    /// Variables, arguments and functions that are declared here.
    declared: BTreeSet<String>,
    /// Those of them that are hash maps or sets.
    unordered: BTreeSet<String>,
    /// Variables that are made by a type's name: `let began = Instant::now()`, `let clock = Clock { .. }`.
    made: BTreeSet<String>,
}

impl Names {
    /// Collects the names of a function with its signature.
    pub(super) fn of(function: &TokenStream) -> Self {
        let mut names = Self::default();
        names.collect(function.clone());
        // A method's own name is none that its body can call.
        if let Some(own) = own_name(function) {
            names.declared.remove(&own);
        }
        names
    }

    /// The path that a written path stands for.
    pub(super) fn resolve(&self, written: &[String]) -> Vec<String> {
        let known = written.first().and_then(|first| self.imported.get(first));
        match known {
            Some(path) => path.iter().chain(&written[1..]).cloned().collect(),
            None => written.to_vec(),
        }
    }

    /// Whether the function declares the name itself.
    pub(super) fn declares(&self, name: &str) -> bool {
        self.declared.contains(name) && !self.imported.contains_key(name)
    }

    /// Whether the name is a hash map or set.
    pub(super) fn is_unordered(&self, name: &str) -> bool {
        self.unordered.contains(name)
    }

    /// Whether the variable is made by naming its type, of which the path tells enough.
    pub(super) fn is_made(&self, name: &str) -> bool {
        self.made.contains(name)
    }

    fn collect(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        for (index, token) in tokens.iter().enumerate() {
            match token {
                TokenTree::Group(group) => {
                    if group.delimiter() == Delimiter::Parenthesis {
                        self.arguments(group.stream());
                    }
                    self.collect(group.stream());
                }
                TokenTree::Ident(ident) => {
                    let rest = &tokens[index + 1..];
                    match ident.to_string().as_str() {
                        "use" => self.import(ident, rest),
                        "let" => self.variable(rest),
                        "fn" => {
                            if let Some(TokenTree::Ident(name)) = rest.first() {
                                self.declared.insert(name.to_string());
                            }
                        }
                        _ => {}
                    }
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }

    fn import(&mut self, keyword: &Ident, rest: &[TokenTree]) {
        let declaration = until(rest, ';');
        let tokens: TokenStream = [TokenTree::Ident(keyword.clone())]
            .into_iter()
            .chain(declaration.iter().cloned())
            .chain([TokenTree::Punct(proc_macro2::Punct::new(
                ';',
                proc_macro2::Spacing::Alone,
            ))])
            .collect();
        if let Ok(declaration) = parse2::<ItemUse>(tokens) {
            self.import_tree(&declaration.tree, &mut Vec::new());
        }
    }

    fn import_tree(&mut self, tree: &UseTree, path: &mut Vec<String>) {
        match tree {
            UseTree::Path(part) => {
                path.push(part.ident.to_string());
                self.import_tree(&part.tree, path);
                path.pop();
            }
            UseTree::Name(name) => self.imported_as(&name.ident, &name.ident, path),
            UseTree::Rename(rename) => self.imported_as(&rename.rename, &rename.ident, path),
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.import_tree(tree, path);
                }
            }
            UseTree::Glob(_) => {}
        }
    }

    fn imported_as(&mut self, name: &Ident, original: &Ident, path: &[String]) {
        let mut path = path.to_vec();
        let name = if original == "self" {
            match path.last() {
                Some(last) if name == "self" => last.clone(),
                _ => name.to_string(),
            }
        } else {
            path.push(original.to_string());
            name.to_string()
        };
        self.imported.insert(name, path);
    }

    /// `let mut name: Type = value;`
    fn variable(&mut self, rest: &[TokenTree]) {
        let rest = match rest {
            [TokenTree::Ident(first), rest @ ..] if first == "mut" => rest,
            rest => rest,
        };
        let [TokenTree::Ident(name), rest @ ..] = rest else {
            return;
        };
        let name = name.to_string();
        let declaration = until(rest, ';');
        let is_unordered = match declaration {
            [TokenTree::Punct(colon), ty @ ..] if colon.as_char() == ':' => {
                self.is_hash_type(until(ty, '='))
            }
            [TokenTree::Punct(equals), value @ ..] if equals.as_char() == '=' => {
                self.makes_hash(value)
            }
            _ => false,
        };
        if is_unordered {
            self.unordered.insert(name.clone());
        }
        if let [TokenTree::Punct(equals), TokenTree::Ident(first), ..] = declaration
            && equals.as_char() == '='
            && first.to_string().starts_with(char::is_uppercase)
        {
            self.made.insert(name.clone());
        }
        self.declared.insert(name);
    }

    /// `name: Type, name: Type`, which other things in parentheses do not look like.
    fn arguments(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        for (index, window) in tokens.windows(2).enumerate() {
            if let [TokenTree::Ident(name), TokenTree::Punct(colon)] = window
                && colon.as_char() == ':'
                && colon.spacing() == proc_macro2::Spacing::Alone
            {
                let name = name.to_string();
                if self.is_hash_type(&tokens[index + 2..]) {
                    self.unordered.insert(name.clone());
                }
                self.declared.insert(name);
            }
        }
    }

    /// Whether a type begins here that is a hash map or set with the standard hasher.
    fn is_hash_type(&self, tokens: &[TokenTree]) -> bool {
        let mut path = Vec::new();
        let mut tokens = tokens.iter().skip_while(|token| match token {
            TokenTree::Punct(punct) => punct.as_char() == '&' || punct.as_char() == ':',
            TokenTree::Ident(ident) => ident == "mut",
            TokenTree::Group(_) | TokenTree::Literal(_) => false,
        });
        for token in tokens.by_ref() {
            match token {
                TokenTree::Ident(ident) => path.push(ident.to_string()),
                TokenTree::Punct(punct) if punct.as_char() == ':' => {}
                _ => break,
            }
        }
        let path = self.resolve(&path);
        // The `<` is taken; what is left are the arguments.
        let arguments = 1 + commas(tokens);
        match path.last().map(String::as_str) {
            Some("HashMap") => arguments <= 2,
            Some("HashSet") => arguments <= 1,
            _ => false,
        }
    }

    /// Whether a value is `HashMap::new()` or the like, or collected into one.
    fn makes_hash(&self, value: &[TokenTree]) -> bool {
        let path: Vec<String> = value
            .iter()
            .map_while(|token| match token {
                TokenTree::Ident(ident) => Some(Some(ident.to_string())),
                TokenTree::Punct(punct) if punct.as_char() == ':' => Some(None),
                _ => None,
            })
            .flatten()
            .collect();
        let path = self.resolve(&path);
        let is_constructed = matches!(
            path.as_slice(),
            [.., ty, _] if ty == "HashMap" || ty == "HashSet"
        ) && !value.iter().any(is_dot);
        let is_collected = value.windows(5).any(|window| {
            matches!(window, [TokenTree::Ident(collect), _, _, _, TokenTree::Ident(ty)]
                if collect == "collect" && (ty == "HashMap" || ty == "HashSet"))
        });
        is_constructed || is_collected
    }
}

/// The name of the function that the tokens are.
fn own_name(function: &TokenStream) -> Option<String> {
    let mut tokens = function.clone().into_iter();
    tokens.find(|token| matches!(token, TokenTree::Ident(ident) if ident == "fn"))?;
    tokens.next().map(|name| name.to_string())
}

/// The tokens before a mark.
fn until(tokens: &[TokenTree], mark: char) -> &[TokenTree] {
    let end = tokens
        .iter()
        .position(|token| matches!(token, TokenTree::Punct(punct) if punct.as_char() == mark));
    &tokens[..end.unwrap_or(tokens.len())]
}

/// How many commas there are before the `>` that closes what is open.
fn commas<'a>(tokens: impl Iterator<Item = &'a TokenTree>) -> usize {
    let mut depth = 1_usize;
    let mut commas = 0;
    for token in tokens {
        if let TokenTree::Punct(punct) = token {
            match punct.as_char() {
                '<' => depth += 1,
                '>' => depth = depth.saturating_sub(1),
                ',' if depth == 1 => commas += 1,
                _ => {}
            }
        }
        if depth == 0 {
            break;
        }
    }
    commas
}

fn is_dot(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == '.')
}
