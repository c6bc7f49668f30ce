//! Reads the branches of a `select!`.
//!
//! A branch that cannot be read is reported, and the error stands in for it, so that the next one is looked at too.

use proc_macro2::{Ident, Punct, Spacing, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{
    Attribute, Expr, ExprLit, Lit, Pat, Token,
    ext::IdentExt,
    parse::{ParseStream, Parser},
    parse_quote, parse2,
    punctuated::Punctuated,
    token::Brace,
};

use crate::{
    diagnostics::{Diagnostics, Page},
    operations::is_branch,
    types::show,
};

/// A whole `select!`.
#[derive(Debug, Default)]
pub(super) struct Select {
    pub(super) branches: Vec<Branch>,
    /// What is done when every branch is disabled.
    pub(super) otherwise: Option<Expr>,
}

/// `pattern = future, if condition => handler`.
#[derive(Debug)]
pub(super) struct Branch {
    pub(super) pattern: Pat,
    pub(super) future: Expr,
    pub(super) condition: Option<Expr>,
    pub(super) handler: Expr,
}

/// What stands before `=>`.
struct Head {
    pattern: Pat,
    future: Expr,
    condition: Option<Expr>,
}

/// Reads all branches, and says everything that is wrong with them: an error stands in for what cannot be read,
/// so that the rest is still checked and completed.
pub(super) fn parse(tokens: TokenStream) -> (Select, Diagnostics) {
    let mut diagnostics = Diagnostics::default();
    let mut select = Select::default();
    let is_empty = tokens.is_empty();
    let mut else_at = None;
    // The closure itself never fails: it takes every token and reports into `diagnostics`.
    let _ = (|input: ParseStream<'_>| {
        biased(input)?;
        let mut otherwise_at: Option<Span> = None;
        while !input.is_empty() {
            if let Some(at) = otherwise_at.take() {
                diagnostics.error_at(
                    at,
                    "`else` must be the last branch of `select!`",
                    "move it below the other branches",
                );
            }
            if input.peek(Token![else]) {
                let token: Token![else] = input.parse()?;
                otherwise_at = Some(token.span);
                else_at = Some(token.span);
                if let Some(handler) = otherwise(input, &token, &mut diagnostics)? {
                    select.otherwise = Some(handler);
                }
            } else {
                let (head, arrow) = until_arrow(input)?;
                let head = read_heads(head, arrow, &mut diagnostics);
                let handler = match arrow {
                    Some(arrow) => handler(input, arrow, &mut diagnostics)?,
                    None => stand_in(&diagnostics),
                };
                let Head {
                    pattern,
                    future,
                    condition,
                } = head;
                select.branches.push(Branch {
                    pattern,
                    future,
                    condition,
                    handler,
                });
            }
        }
        Ok(())
    })
    .parse2(tokens);
    if diagnostics.is_empty() {
        check_reachable(&select, else_at, &mut diagnostics);
    }
    if is_empty {
        diagnostics.error_at(
            Span::call_site(),
            "`select!` needs at least one branch",
            "write `value = future => { .. }`",
        );
    }
    (select, diagnostics)
}

/// The last error in the place of an expression.
fn stand_in(diagnostics: &Diagnostics) -> Expr {
    Expr::Verbatim(diagnostics.last_stand_in())
}

/// The last error in the place of a future.
fn head_stand_in(diagnostics: &Diagnostics) -> Head {
    Head {
        pattern: parse_quote!(_),
        future: stand_in(diagnostics),
        condition: None,
    }
}

/// Says which branches can never run.
fn check_reachable(select: &Select, else_at: Option<Span>, diagnostics: &mut Diagnostics) {
    for branch in &select.branches {
        if let Some(condition) = &branch.condition
            && matches!(condition, Expr::Lit(ExprLit { lit: Lit::Bool(value), .. }) if !value.value)
        {
            diagnostics.error_with_page(
                condition,
                "this branch of `select!` can never run",
                "remove the branch, or write a condition that can be true",
                Page("unreachable-branches"),
            );
        }
    }
    let waits = select
        .branches
        .iter()
        .find(|branch| branch.condition.is_none() && always_matches(&branch.pattern));
    if let Some(at) = else_at
        && let Some(branch) = waits
    {
        diagnostics.error_at_with_page(
            at,
            "`else` of this `select!` can never run",
            &format!(
                "remove it, or give `{} = ..` a condition: it waits until its future is ready",
                show(&branch.pattern)
            ),
            Page("unreachable-branches"),
        );
    }
}

/// Whether a pattern is one that matches everything, as far as one can see without types.
pub(super) fn always_matches(pattern: &Pat) -> bool {
    match pattern {
        Pat::Wild(_) | Pat::Rest(_) => true,
        Pat::Ident(ident) => is_binding(&ident.ident) && ident.subpat.is_none(),
        Pat::Paren(paren) => always_matches(&paren.pat),
        Pat::Reference(reference) => always_matches(&reference.pat),
        Pat::Type(typed) => always_matches(&typed.pat),
        Pat::Tuple(tuple) => tuple.elems.iter().all(always_matches),
        _ => false,
    }
}

/// A name in lower case is a binding, one in upper case a constant or a variant without fields.
pub(super) fn is_binding(ident: &Ident) -> bool {
    ident
        .to_string()
        .trim_start_matches("r#")
        .starts_with(|first: char| !first.is_uppercase())
}

/// Accepts tokio's `biased;`, which asks for what is always so here.
fn biased(input: ParseStream<'_>) -> syn::Result<()> {
    let ahead = input.fork();
    if ahead
        .call(Ident::parse_any)
        .is_ok_and(|ident| ident == "biased")
        && ahead.peek(Token![;])
    {
        input.call(Ident::parse_any)?;
        input.parse::<Token![;]>()?;
    }
    Ok(())
}

fn otherwise(
    input: ParseStream<'_>,
    token: &Token![else],
    diagnostics: &mut Diagnostics,
) -> syn::Result<Option<Expr>> {
    if let Some(arrow) = input.parse::<Option<Token![=>]>>()? {
        return handler(input, arrow.spans[0], diagnostics).map(Some);
    }
    diagnostics.error(token, "`else` needs a handler", "write `else => { .. }`");
    skip_branch(input)?;
    Ok(None)
}

/// Takes the tokens before the next `=>`, and the arrow.
fn until_arrow(input: ParseStream<'_>) -> syn::Result<(TokenStream, Option<Span>)> {
    let mut head = TokenStream::new();
    while !input.is_empty() {
        if input.peek(Token![=>]) {
            let arrow: Token![=>] = input.parse()?;
            return Ok((head, Some(arrow.spans[0])));
        }
        head.extend([input.parse::<TokenTree>()?]);
    }
    Ok((head, None))
}

/// Reads the tokens before an arrow. More than one head means that arrows are missing; the last
/// one is the arrow's.
fn read_heads(tokens: TokenStream, arrow: Option<Span>, diagnostics: &mut Diagnostics) -> Head {
    let mut tokens = without_attributes(tokens, diagnostics);
    loop {
        if tokens.is_empty() {
            if let Some(arrow) = arrow {
                missing_pattern(arrow, "..", diagnostics);
            }
            return head_stand_in(diagnostics);
        }
        if let Some(token) = leading_else(&tokens) {
            diagnostics.error(&token, "`else` needs a handler", "write `else => { .. }`");
            return head_stand_in(diagnostics);
        }
        let last = tokens.clone().into_iter().last().map(|token| token.span());
        if !has_assignment(&tokens) {
            let future = parse2::<Expr>(tokens.clone());
            match (arrow, future) {
                (Some(_), Ok(future)) => {
                    diagnostics.error(
                        &future,
                        "a branch of `select!` needs a pattern for the future's output",
                        &format!("write `_ = {} => ..`", show(&future)),
                    );
                }
                (Some(_), Err(error)) => unreadable(&error, last, diagnostics),
                (None, _) => missing_arrows(&tokens, diagnostics),
            }
            return head_stand_in(diagnostics);
        }
        let read = (|input: ParseStream<'_>| {
            let pattern = Pat::parse_multi_with_leading_vert(input)?;
            input.parse::<Token![=]>()?;
            let future: Expr = input.parse()?;
            let condition = if input.peek(Token![,]) && input.peek2(Token![if]) {
                input.parse::<Token![,]>()?;
                input.parse::<Token![if]>()?;
                Some(input.parse()?)
            } else {
                None
            };
            let rest: TokenStream = input.parse()?;
            Ok((
                Head {
                    pattern,
                    future,
                    condition,
                },
                rest,
            ))
        })
        .parse2(tokens);
        match read {
            Ok((mut head, rest)) if rest.is_empty() => {
                if let Some(awaited) = awaited(&head.future) {
                    diagnostics.error(
                        &awaited,
                        "this is awaited before `select!` begins, and gives no future",
                        "remove `.await`: `select!` awaits its branches",
                    );
                    head.future = stand_in(diagnostics);
                }
                if arrow.is_some() {
                    return head;
                }
                missing_arrow(&head.future, diagnostics);
                return head;
            }
            Ok((head, rest)) => {
                missing_arrow(&head.future, diagnostics);
                tokens = after_missing_arrow(rest);
            }
            Err(error) => {
                unreadable(&error, last, diagnostics);
                return head_stand_in(diagnostics);
            }
        }
    }
}

/// Says what is wrong with a branch; at its end if that is where something is missing.
fn unreadable(error: &syn::Error, last: Option<Span>, diagnostics: &mut Diagnostics) {
    const HELP: &str = "a branch is `pattern = future => handler`";
    match last {
        Some(last) if error.to_string().starts_with("unexpected end of input") => {
            diagnostics.error_at(last, "this branch of `select!` is not finished", HELP);
        }
        _ => diagnostics.syntax(error, HELP),
    }
}

/// The `await` behind an operation of a context, whose output is no future.
fn awaited(future: &Expr) -> Option<Token![await]> {
    let Expr::Await(awaited) = future else {
        return None;
    };
    match &*awaited.base {
        Expr::MethodCall(call) if is_branch(&call.method) => Some(awaited.await_token),
        _ => None,
    }
}

/// An `else` that stands where a branch before it is not finished.
fn leading_else(tokens: &TokenStream) -> Option<TokenTree> {
    let first = tokens.clone().into_iter().next()?;
    matches!(&first, TokenTree::Ident(ident) if ident == "else").then_some(first)
}

fn missing_pattern(at: Span, future: &str, diagnostics: &mut Diagnostics) {
    diagnostics.error_at(
        at,
        "a branch of `select!` needs a pattern and a future before `=>`",
        &format!("write `_ = {future} => ..`"),
    );
}

fn missing_arrow(at: &dyn ToTokens, diagnostics: &mut Diagnostics) {
    diagnostics.error(
        at,
        "a branch of `select!` needs `=>` and a handler after its future",
        &format!("write `{} => {{ .. }}`", show(at)),
    );
}

/// Says what is missing behind futures that were listed as for another macro.
fn missing_arrows(tokens: &TokenStream, diagnostics: &mut Diagnostics) {
    let futures = Punctuated::<Expr, Token![,]>::parse_terminated.parse2(tokens.clone());
    match futures.ok().and_then(|futures| futures.into_iter().next()) {
        Some(first) => diagnostics.error(
            &first,
            "a branch of `select!` needs `=>` and a handler after its future",
            &format!(
                "write `output = {} => {{ .. }}`, a branch for each future",
                show(&first)
            ),
        ),
        None => missing_arrow(tokens, diagnostics),
    }
}

/// Refuses attributes before a branch, and takes them off.
fn without_attributes(tokens: TokenStream, diagnostics: &mut Diagnostics) -> TokenStream {
    let is_attribute =
        |token: &TokenTree| matches!(token, TokenTree::Punct(hash) if hash.as_char() == '#');
    if !tokens
        .clone()
        .into_iter()
        .next()
        .is_some_and(|first| is_attribute(&first))
    {
        return tokens;
    }
    let read = |input: ParseStream<'_>| {
        let attributes = input.call(Attribute::parse_outer)?;
        Ok((attributes, input.parse::<TokenStream>()?))
    };
    let Ok((attributes, rest)) = read.parse2(tokens.clone()) else {
        return tokens;
    };
    if let Some(first) = attributes.first() {
        let help = match &first.meta {
            syn::Meta::List(list) if list.path.is_ident("cfg") => format!(
                "write `, if cfg!({})` behind its future, or two `select!`",
                show(&list.tokens)
            ),
            _ => "put it on the statement that contains `select!`, or on one in the handler"
                .to_owned(),
        };
        diagnostics.error(first, "a branch of `select!` takes no attributes", &help);
    }
    rest
}

/// Skips to where the next branch probably begins: after a handler's block or a comma.
fn after_missing_arrow(rest: TokenStream) -> TokenStream {
    let mut rest = rest.into_iter().peekable();
    if let Some(TokenTree::Group(_)) = rest.peek() {
        rest.next();
    }
    if let Some(TokenTree::Punct(punct)) = rest.peek()
        && punct.as_char() == ','
    {
        rest.next();
    }
    rest.collect()
}

/// Reads what stands after `=>`. A block needs no comma, anything else does. What is in a block is for the compiler
/// to read.
fn handler(
    input: ParseStream<'_>,
    arrow: Span,
    diagnostics: &mut Diagnostics,
) -> syn::Result<Expr> {
    if input.peek(Brace) {
        let block: TokenTree = input.parse()?;
        input.parse::<Option<Token![,]>>()?;
        return Ok(Expr::Verbatim(block.into()));
    }
    if input.is_empty() || input.peek(Token![,]) {
        let problem = "a branch of `select!` needs a handler after `=>`";
        diagnostics.error_at(arrow, problem, "write `=> { .. }`");
        input.parse::<Option<Token![,]>>()?;
        return Ok(stand_in(diagnostics));
    }
    let ahead = input.fork();
    match ahead.parse::<Expr>() {
        Ok(_) => {
            let handler: Expr = input.parse()?;
            if !input.is_empty() && !input.peek(Token![,]) {
                diagnostics.error(
                    &handler,
                    "a handler that is no block must be followed by a comma",
                    &format!("write `{},`", show(&handler)),
                );
                skip_branch(input)?;
            } else {
                input.parse::<Option<Token![,]>>()?;
            }
            Ok(handler)
        }
        Err(error) => {
            diagnostics.syntax(&error, "a branch is `pattern = future => handler`");
            skip_branch(input)?;
            Ok(stand_in(diagnostics))
        }
    }
}

/// Skips to behind the next comma.
fn skip_branch(input: ParseStream<'_>) -> syn::Result<()> {
    while !input.is_empty() {
        if input.parse::<Option<Token![,]>>()?.is_some() {
            return Ok(());
        }
        input.parse::<TokenTree>()?;
    }
    Ok(())
}

/// Whether there is a `=` that is no part of a longer operator.
fn has_assignment(tokens: &TokenStream) -> bool {
    let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
    tokens.iter().enumerate().any(|(index, token)| {
        let is_joint_to = |punct: &Punct, next: char, others: &str| {
            punct.spacing() == Spacing::Joint && others.contains(next)
        };
        let TokenTree::Punct(equals) = token else {
            return false;
        };
        let follows = match index.checked_sub(1).map(|before| &tokens[before]) {
            Some(TokenTree::Punct(before)) => {
                is_joint_to(before, before.as_char(), "=<>!.+-*/%^&|")
            }
            _ => false,
        };
        let leads = match tokens.get(index + 1) {
            Some(TokenTree::Punct(after)) => is_joint_to(equals, after.as_char(), "=>"),
            _ => false,
        };
        equals.as_char() == '=' && !follows && !leads
    })
}
