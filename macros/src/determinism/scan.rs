//! Walks the tokens of a function and compares paths, macros and loops with the rules.

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use syn::ext::IdentExt;

use super::{
    escape::{Escape, is_hash},
    names::Names,
    rules::{self, Cause, Certainty},
};
use crate::diagnostics::Diagnostics;

/// Something that a replay would do otherwise.
#[derive(Debug)]
pub(super) struct Finding {
    /// What is underlined.
    pub(super) tokens: TokenStream,
    /// As it is written.
    pub(super) name: String,
    pub(super) cause: Cause,
    pub(super) certainty: Certainty,
}

/// The walk through one function.
pub(super) struct Scanner<'a> {
    names: &'a Names,
    diagnostics: &'a mut Diagnostics,
    findings: Vec<Finding>,
}

/// A path as it is written, and where in its tokens it ends.
struct Written {
    segments: Vec<String>,
    tokens: TokenStream,
    end: usize,
}

impl<'a> Scanner<'a> {
    /// Finds everything in a function that no escape lets through; says what is wrong with these.
    pub(super) fn scan(
        names: &'a Names,
        function: TokenStream,
        diagnostics: &'a mut Diagnostics,
    ) -> Vec<Finding> {
        let mut scanner = Self {
            names,
            diagnostics,
            findings: Vec::new(),
        };
        scanner.walk(&function.into_iter().collect::<Vec<_>>());
        scanner.findings
    }

    fn walk(&mut self, tokens: &[TokenTree]) {
        let mut index = 0;
        while index < tokens.len() {
            index = self.step(tokens, index);
        }
    }

    fn inside(&mut self, group: &Group) {
        self.walk(&group.stream().into_iter().collect::<Vec<_>>());
    }

    /// Looks at one token; gives the index of the next one to look at.
    fn step(&mut self, tokens: &[TokenTree], index: usize) -> usize {
        match &tokens[index] {
            TokenTree::Group(group) => {
                self.inside(group);
                index + 1
            }
            token if is_hash(token) => self.attribute(tokens, index),
            TokenTree::Ident(ident) => self.ident(ident, tokens, index),
            TokenTree::Literal(literal) => {
                if literal.to_string().contains(":p}") {
                    let name = "{:p}";
                    self.find(
                        TokenTree::from(literal.clone()).into(),
                        name,
                        Cause::Address,
                    );
                }
                index + 1
            }
            TokenTree::Punct(_) => index + 1,
        }
    }

    /// Passes by an attribute, and by what an escape stands on.
    fn attribute(&mut self, tokens: &[TokenTree], index: usize) -> usize {
        let Some(TokenTree::Group(brackets)) = tokens.get(index + 1) else {
            return index + 1;
        };
        let after = index + 2;
        let Some(escape) = Escape::of_brackets(brackets) else {
            return after;
        };
        escape.check(self.diagnostics);
        let end = end_of_statement(tokens, after);
        let before = self.findings.len();
        self.walk(&tokens[after..end]);
        if self.findings.len() == before {
            escape.refuse_unused(self.diagnostics);
        }
        self.findings.truncate(before);
        end
    }

    fn ident(&mut self, ident: &Ident, tokens: &[TokenTree], index: usize) -> usize {
        let previous = index.checked_sub(1).map(|before| &tokens[before]);
        if is_punct(previous, '\'') {
            return index + 1;
        }
        let is_range = index > 1 && is_punct(tokens.get(index - 2), '.');
        if is_punct(previous, '.') && !is_range {
            return self.method(ident, tokens, index);
        }
        match ident.to_string().as_str() {
            "use" => return end_of_statement(tokens, index),
            "static" => {
                let is_item = matches!(tokens.get(index + 1), Some(TokenTree::Ident(_)));
                if is_item {
                    self.find(
                        TokenTree::from(ident.clone()).into(),
                        "static",
                        Cause::Global,
                    );
                }
                return index + 1;
            }
            "in" => {
                self.loop_over(tokens, index + 1);
                return index + 1;
            }
            // What is declared here is not called here.
            "fn" => return index + 2,
            "as" if is_punct(tokens.get(index + 1), '*') => {
                self.find(
                    TokenTree::from(ident.clone()).into(),
                    "as *",
                    Cause::Address,
                );
                return index + 1;
            }
            "if" | "while" | "match" => {
                self.condition(&tokens[index + 1..]);
                return index + 1;
            }
            "let" | "mut" | "ref" | "as" | "impl" | "dyn" | "where" | "async" | "await"
            | "move" | "return" | "else" | "for" | "loop" | "break" | "continue" | "pub"
            | "unsafe" | "const" | "struct" | "enum" | "trait" => {
                return index + 1;
            }
            _ => {}
        }
        let path = written_path(tokens, index);
        self.path(&path, tokens)
    }

    /// Looks at a path; gives the index of the next token to look at.
    fn path(&mut self, path: &Written, tokens: &[TokenTree]) -> usize {
        let name = path.segments.join("::");
        if path.segments.len() == 1 && self.names.declares(&name) {
            return path.end;
        }
        let resolved = self.names.resolve(&path.segments);
        let next = tokens.get(path.end);
        let is_macro =
            is_punct(next, '!') && matches!(tokens.get(path.end + 1), Some(TokenTree::Group(_)));
        if is_macro && rules::is_text(&resolved) {
            return path.end + 2;
        }
        if is_macro {
            if let Some(cause) = rules::macro_(&resolved) {
                self.find(path.tokens.clone(), &format!("{name}!"), cause);
                // Said once: a static inside of it is the same mistake.
                return path.end + 1 + usize::from(cause == Cause::Global);
            }
            return path.end;
        }
        let arguments = match next {
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis => {
                Some(group)
            }
            _ => None,
        };
        if path.segments.len() == 1 && is_static(&name) && is_assigned(&tokens[path.end..]) {
            self.find(path.tokens.clone(), &name, Cause::Global);
        } else if let Some((cause, certainty)) = rules::path(&resolved, arguments.is_some()) {
            // A function that is given the context is one of the user's.
            let takes_context = arguments.is_some_and(mentions_context);
            let is_used_so =
                path.segments.len() > 1 || rules::is_used_so(&name, arguments, &tokens[path.end..]);
            if certainty != Certainty::Guess || (!takes_context && is_used_so) {
                self.findings.push(Finding {
                    tokens: path.tokens.clone(),
                    name,
                    cause,
                    certainty,
                });
            }
        } else if is_command(path, tokens) {
            self.find(path.tokens.clone(), &name, Cause::Process);
        }
        path.end
    }

    fn method(&mut self, method: &Ident, tokens: &[TokenTree], index: usize) -> usize {
        let name = method.to_string();
        let after = index + 1;
        if rules::is_recorded(&name) {
            let receiver = index.checked_sub(2).map(|before| &tokens[before]);
            if let (Some(TokenTree::Ident(context)), Some(TokenTree::Group(arguments))) =
                (receiver, tokens.get(after))
                && let Some(used) = asks(arguments, &context.to_string())
            {
                let text = used.to_string();
                self.find(TokenTree::from(used).into(), &text, Cause::Recorded);
            }
            return after + 1;
        }
        if rules::is_naming(&name)
            && let Some(TokenTree::Group(arguments)) = tokens.get(after)
        {
            let arguments: Vec<TokenTree> = arguments.stream().into_iter().collect();
            let first = arguments
                .iter()
                .position(|token| is_punct(Some(token), ','));
            self.walk(&arguments[first.unwrap_or(arguments.len())..]);
            return after + 1;
        }
        let arguments = match tokens.get(after) {
            Some(TokenTree::Group(arguments)) => Some(arguments),
            _ => None,
        };
        if let Some(cause) = rules::method(&name)
            && arguments.is_some_and(|group| group.stream().is_empty())
        {
            let certainty = if name == "to_socket_addrs" || mentions_std_type(tokens, index) {
                Certainty::Certain
            } else {
                Certainty::Guess
            };
            let is_made = matches!(
                index.checked_sub(2).map(|before| &tokens[before]),
                Some(TokenTree::Ident(receiver)) if self.names.is_made(&receiver.to_string())
            );
            // The name of its type was looked at where it was made.
            if certainty == Certainty::Certain || !is_made {
                self.findings.push(Finding {
                    tokens: TokenTree::from(method.clone()).into(),
                    name,
                    cause,
                    certainty,
                });
            }
            return after;
        }
        if name == "addr" && calls_before(tokens, index, &["as_ptr", "as_mut_ptr"]) {
            self.find(
                TokenTree::from(method.clone()).into(),
                "addr",
                Cause::Address,
            );
            return after;
        }
        let Some(TokenTree::Ident(receiver)) = index.checked_sub(2).map(|before| &tokens[before])
        else {
            return after;
        };
        let is_field = index > 2 && is_punct(tokens.get(index - 3), '.');
        let name_of_receiver = receiver.to_string();
        if !is_field
            && rules::is_iteration(&name)
            && self.names.is_unordered(&name_of_receiver)
            && !later_without_order(&tokens[after..])
            && !makes_order(tokens, index)
        {
            self.find(
                TokenTree::from(method.clone()).into(),
                &format!("{name_of_receiver}.{name}"),
                Cause::MapOrder,
            );
        } else if is_static(&name_of_receiver) && rules::is_method_of_static(&name) {
            self.find(
                TokenTree::from(receiver.clone()).into(),
                &name_of_receiver,
                Cause::Global,
            );
            // Said once: an ordering in its arguments is the same mistake.
            return after + usize::from(arguments.is_some());
        }
        after
    }

    /// `for _ in &map`, after the `in`.
    fn loop_over(&mut self, tokens: &[TokenTree], index: usize) {
        let mut rest = tokens[index..].iter().skip_while(|token| {
            is_punct(Some(token), '&') || matches!(token, TokenTree::Ident(i) if i == "mut")
        });
        if let Some(TokenTree::Ident(name)) = rest.next()
            && let Some(TokenTree::Group(body)) = rest.next()
            && body.delimiter() == Delimiter::Brace
            && self.names.is_unordered(&name.to_string())
        {
            let text = name.to_string();
            self.find(TokenTree::from(name.clone()).into(), &text, Cause::MapOrder);
        }
    }

    /// `if ctx.is_replaying() { .. }`, whose body asks for something.
    fn condition(&mut self, tokens: &[TokenTree]) {
        let is_body = |token: &TokenTree| matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
        let Some(end) = tokens.iter().position(is_body) else {
            return;
        };
        let asks = tokens[..end].iter().find_map(|token| match token {
            TokenTree::Ident(word) if word == "is_replaying" => Some(word.clone()),
            _ => None,
        });
        let TokenTree::Group(body) = &tokens[end] else {
            return;
        };
        if let Some(asks) = asks
            && mention(body, "await").is_some()
        {
            self.find(TokenTree::from(asks).into(), "is_replaying", Cause::Replay);
        }
    }

    fn find(&mut self, tokens: TokenStream, name: &str, cause: Cause) {
        self.findings.push(Finding {
            tokens,
            name: name.to_owned(),
            cause,
            certainty: Certainty::Certain,
        });
    }
}

/// Reads `a::b::<T>::c` from an identifier on.
fn written_path(tokens: &[TokenTree], start: usize) -> Written {
    let mut segments = Vec::new();
    let mut last = start;
    let mut index = start;
    while let Some(TokenTree::Ident(ident)) = tokens.get(index) {
        segments.push(ident.unraw().to_string());
        last = index;
        index += 1;
        if !is_colons(tokens, index) {
            break;
        }
        let mut next = index + 2;
        if is_punct(tokens.get(next), '<') {
            next = after_generics(tokens, next);
            if !is_colons(tokens, next) {
                index = next;
                break;
            }
            next += 2;
        }
        index = next;
    }
    Written {
        segments,
        tokens: tokens[start..=last].iter().cloned().collect(),
        end: index,
    }
}

fn is_colons(tokens: &[TokenTree], index: usize) -> bool {
    is_punct(tokens.get(index), ':') && is_punct(tokens.get(index + 1), ':')
}

/// Where the generics that begin with a `<` end.
fn after_generics(tokens: &[TokenTree], start: usize) -> usize {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().skip(start) {
        let is_arrow = index > 0 && is_punct(tokens.get(index - 1), '-');
        if is_punct(Some(token), '<') {
            depth += 1;
        } else if is_punct(Some(token), '>') && !is_arrow {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                return index + 1;
            }
        }
    }
    tokens.len()
}

/// Where the statement, block or item that begins here ends.
fn end_of_statement(tokens: &[TokenTree], start: usize) -> usize {
    let ends_with_block = match tokens[start..]
        .iter()
        .find(|token| !matches!(token, TokenTree::Group(_)) && !is_hash(token))
    {
        Some(TokenTree::Ident(first)) => !(first == "let" || first == "use" || first == "static"),
        _ => false,
    };
    let mut index = start;
    while index < tokens.len() {
        let token = &tokens[index];
        index += 1;
        if is_punct(Some(token), ';') {
            return index;
        }
        let is_block =
            matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace);
        let goes_on = match tokens.get(index) {
            Some(TokenTree::Ident(next)) => next == "else",
            Some(TokenTree::Punct(next)) => matches!(next.as_char(), '.' | '?' | ';'),
            Some(TokenTree::Group(_) | TokenTree::Literal(_)) | None => false,
        };
        if is_block && ends_with_block && !goes_on {
            return index;
        }
    }
    index
}

/// `Command::new("..")` of the standard library, told by what is done with it.
fn is_command(path: &Written, tokens: &[TokenTree]) -> bool {
    let is_new = matches!(
        path.segments.as_slice(),
        [.., ty, new] if ty == "Command" && new == "new"
    );
    is_new
        && tokens[path.end..]
            .iter()
            .take_while(|token| !is_punct(Some(token), ';'))
            .any(|token| {
                matches!(token, TokenTree::Ident(method)
                    if method == "output" || method == "status" || method == "spawn")
            })
}

/// The first mention of a word in a group.
fn mention(group: &Group, word: &str) -> Option<Ident> {
    group.stream().into_iter().find_map(|token| match token {
        TokenTree::Ident(ident) if ident == word => Some(ident),
        TokenTree::Group(group) => mention(&group, word),
        TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => None,
    })
}

/// Where something is asked of a context, but for the state, which a replay has as well.
fn asks(group: &Group, context: &str) -> Option<Ident> {
    let tokens: Vec<TokenTree> = group.stream().into_iter().collect();
    tokens.iter().enumerate().find_map(|(index, token)| match token {
        TokenTree::Ident(ident) if ident == context => {
            let looks = matches!(tokens.get(index + 2), Some(TokenTree::Ident(method)) if method == "state");
            (!looks).then(|| ident.clone())
        }
        TokenTree::Group(group) => asks(group, context),
        TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => None,
    })
}

fn mentions_context(arguments: &Group) -> bool {
    ["ctx", "context", "cx"]
        .iter()
        .any(|name| mention(arguments, name).is_some())
}

/// Whether a static is assigned to: `COUNT = 5`, `COUNT += 1`.
fn is_assigned(rest: &[TokenTree]) -> bool {
    match rest {
        [TokenTree::Punct(first), next, ..] if first.as_char() == '=' => {
            !is_punct(Some(next), '=') && !is_punct(Some(next), '>')
        }
        [TokenTree::Punct(first), TokenTree::Punct(next), ..] => {
            "+-*/%|&^".contains(first.as_char()) && next.as_char() == '='
        }
        _ => false,
    }
}

/// Where the statement begins that a token belongs to.
fn start_of_statement(tokens: &[TokenTree], index: usize) -> usize {
    let before = tokens[..index].iter().rposition(|token| {
        is_punct(Some(token), ';')
            || matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
    });
    before.map_or(0, |before| before + 1)
}

/// Whether the expression before a method names a type of the standard library that the method is one of, or the
/// time of a workflow, which is one.
fn mentions_std_type(tokens: &[TokenTree], index: usize) -> bool {
    let words = ["Instant", "Path", "PathBuf", "SystemTime"];
    let expression = &tokens[start_of_statement(tokens, index)..index];
    let names_type = expression
        .iter()
        .any(|token| matches!(token, TokenTree::Ident(word) if words.iter().any(|it| word == it)));
    names_type
        || matches!(
            expression,
            [.., TokenTree::Ident(context), TokenTree::Punct(_), TokenTree::Ident(now), TokenTree::Group(_), TokenTree::Punct(_)]
                if now == "now" && (context == "ctx" || context == "context")
        )
}

/// Whether one of these methods is called right before: `value.as_ptr().addr()`.
fn calls_before(tokens: &[TokenTree], index: usize, methods: &[&str]) -> bool {
    matches!(
        &tokens[..index],
        [.., TokenTree::Ident(method), TokenTree::Group(_), TokenTree::Punct(_)]
            if methods.iter().any(|name| method == name)
    )
}

/// Whether the statement puts what it goes through into an order: it says that it makes a type which has one, or what
/// it makes is sorted first of all.
fn makes_order(tokens: &[TokenTree], index: usize) -> bool {
    let statement = &tokens[start_of_statement(tokens, index)..];
    let [TokenTree::Ident(keyword), rest @ ..] = statement else {
        return false;
    };
    if keyword != "let" {
        return false;
    }
    let declared = rest
        .iter()
        .take_while(|token| !is_punct(Some(token), '='))
        .filter_map(|token| match token {
            TokenTree::Ident(word) if word != "mut" => Some(word.to_string()),
            _ => None,
        });
    let declared: Vec<String> = declared.collect();
    if declared
        .iter()
        .skip(1)
        .any(|word| word != "Vec" && rules::is_orderless(word))
    {
        return true;
    }
    let Some(name) = declared.first() else {
        return false;
    };
    let end = statement
        .iter()
        .position(|token| is_punct(Some(token), ';'));
    let after = &statement[end.unwrap_or(statement.len())..];
    let used = after.iter().position(|token| match token {
        TokenTree::Ident(word) => word == name,
        TokenTree::Group(group) => mention(group, name).is_some(),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    });
    used.is_some_and(|used| {
        matches!(
            &after[used + 1..],
            [TokenTree::Punct(dot), TokenTree::Ident(method), ..]
                if dot.as_char() == '.' && method.to_string().starts_with("sort")
        )
    })
}

/// Whether the rest of the expression does not depend on the order.
fn later_without_order(rest: &[TokenTree]) -> bool {
    rest.iter()
        .take_while(|token| !is_punct(Some(token), ';'))
        .any(|token| matches!(token, TokenTree::Ident(name) if rules::is_orderless(&name.to_string())))
}

/// Whether a name is written as those of statics are.
fn is_static(name: &str) -> bool {
    name.len() > 1
        && name.starts_with(|first: char| first.is_ascii_uppercase())
        && !name.contains(|c: char| c.is_ascii_lowercase())
}

fn is_punct(token: Option<&TokenTree>, mark: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == mark)
}
