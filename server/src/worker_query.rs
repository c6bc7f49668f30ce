//! Finds workers: comparisons of what they say of themselves with texts, joined by `AND` and `OR`.
//!
//! `TaskQueue="orders" AND (Status='Running' OR HostName!="old")`; `AND` binds more tightly. Times are not compared.

use std::{iter::Peekable, str::Chars};

use temporalio_protos::temporal::api::{enums::v1::WorkerStatus, worker::v1::WorkerHeartbeat};

/// Which workers are wanted.
#[derive(Debug, PartialEq)]
pub(crate) enum WorkerQuery {
    All(Vec<Self>),
    Any(Vec<Self>),
    Compared {
        name: String,
        equal: bool,
        value: String,
    },
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Sign(&'static str),
}

impl WorkerQuery {
    /// Reads a query; an empty one is for all workers.
    pub(crate) fn read(query: &str) -> Result<Self, String> {
        let mut tokens = tokens(query)?.into_iter().peekable();
        if tokens.peek().is_none() {
            return Ok(Self::All(Vec::new()));
        }
        let read = any(&mut tokens, 0)?;
        match tokens.next() {
            None => Ok(read),
            Some(token) => Err(unexpected(Some(token))),
        }
    }

    /// Whether a worker is wanted.
    pub(crate) fn is_for(&self, worker: &WorkerHeartbeat) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.is_for(worker)),
            Self::Any(parts) => parts.iter().any(|part| part.is_for(worker)),
            Self::Compared { name, equal, value } => {
                let said = said(worker, name).unwrap_or_default();
                (said == *value) == *equal
            }
        }
    }
}

/// What a worker says of itself under a name; `None` when there is no such name.
fn said(worker: &WorkerHeartbeat, name: &str) -> Option<String> {
    let version = worker.deployment_version.clone().unwrap_or_default();
    Some(match name {
        "WorkerInstanceKey" => worker.worker_instance_key.clone(),
        "WorkerIdentity" => worker.worker_identity.clone(),
        "HostName" => worker.host_info.clone().unwrap_or_default().host_name,
        "TaskQueue" => worker.task_queue.clone(),
        "DeploymentName" => version.deployment_name,
        "BuildId" => version.build_id,
        "SdkName" => worker.sdk_name.clone(),
        "SdkVersion" => worker.sdk_version.clone(),
        // The Web UI writes the longer name.
        "Status" | "WorkerStatus" => match worker.status() {
            WorkerStatus::Unspecified => "Unspecified",
            WorkerStatus::Running => "Running",
            WorkerStatus::ShuttingDown => "ShuttingDown",
            WorkerStatus::Shutdown => "Shutdown",
        }
        .to_owned(),
        _ => return None,
    })
}

/// How deep parentheses may be.
const DEEPEST: usize = 20;

type Tokens = Peekable<std::vec::IntoIter<Token>>;

fn any(tokens: &mut Tokens, depth: usize) -> Result<WorkerQuery, String> {
    let mut parts = vec![all(tokens, depth)?];
    while is_word(tokens, "OR") {
        tokens.next();
        parts.push(all(tokens, depth)?);
    }
    Ok(WorkerQuery::Any(parts))
}

fn all(tokens: &mut Tokens, depth: usize) -> Result<WorkerQuery, String> {
    let mut parts = vec![one(tokens, depth)?];
    while is_word(tokens, "AND") {
        tokens.next();
        parts.push(one(tokens, depth)?);
    }
    Ok(WorkerQuery::All(parts))
}

fn one(tokens: &mut Tokens, depth: usize) -> Result<WorkerQuery, String> {
    let name = match tokens.next() {
        Some(Token::Sign("(")) if depth < DEEPEST => {
            let inner = any(tokens, depth + 1)?;
            return match tokens.next() {
                Some(Token::Sign(")")) => Ok(inner),
                token => Err(unexpected(token)),
            };
        }
        Some(Token::Word(name)) => name,
        token => return Err(unexpected(token)),
    };
    if said(&WorkerHeartbeat::default(), &name).is_none() {
        return Err(format!("workers are not found by `{name}`"));
    }
    let equal = match tokens.next() {
        Some(Token::Sign("=")) => true,
        Some(Token::Sign("!=")) => false,
        token => return Err(unexpected(token)),
    };
    match tokens.next() {
        Some(Token::Text(value)) => Ok(WorkerQuery::Compared { name, equal, value }),
        token => Err(unexpected(token)),
    }
}

fn is_word(tokens: &mut Tokens, word: &str) -> bool {
    matches!(tokens.peek(), Some(Token::Word(found)) if found.eq_ignore_ascii_case(word))
}

fn unexpected(token: Option<Token>) -> String {
    match token {
        Some(Token::Word(text) | Token::Text(text)) => format!("`{text}` is not expected there"),
        Some(Token::Sign(sign)) => format!("`{sign}` is not expected there"),
        None => "it ends too early".to_owned(),
    }
}

fn tokens(query: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut chars = query.chars().peekable();
    while let Some(char) = chars.next() {
        tokens.push(match char {
            char if char.is_whitespace() => continue,
            '(' => Token::Sign("("),
            ')' => Token::Sign(")"),
            '=' => Token::Sign("="),
            '!' if chars.next_if_eq(&'=').is_some() => Token::Sign("!="),
            '"' | '\'' => Token::Text(quoted(&mut chars, char)?),
            '`' => Token::Word(quoted(&mut chars, char)?),
            char if char.is_alphanumeric() => {
                let mut word = String::from(char);
                while let Some(next) = chars.next_if(|next| next.is_alphanumeric()) {
                    word.push(next);
                }
                Token::Word(word)
            }
            other => return Err(format!("`{other}` is not expected there")),
        });
    }
    Ok(tokens)
}

fn quoted(chars: &mut Peekable<Chars<'_>>, quote: char) -> Result<String, String> {
    let mut text = String::new();
    for char in chars {
        if char == quote {
            return Ok(text);
        }
        text.push(char);
    }
    Err(format!("there is no second {quote}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worker() -> WorkerHeartbeat {
        WorkerHeartbeat {
            task_queue: "orders".to_owned(),
            sdk_name: "temporal-python".to_owned(),
            status: WorkerStatus::Running.into(),
            ..WorkerHeartbeat::default()
        }
    }

    #[test]
    fn workers_are_found_by_what_they_say() {
        for (query, found) in [
            ("", true),
            (r#"TaskQueue="orders""#, true),
            (r#"`TaskQueue` != 'orders'"#, false),
            (r#"TaskQueue="orders" AND Status="Shutdown""#, false),
            (r#"(TaskQueue="orders") AND `WorkerStatus`="Running""#, true),
            (
                r#"TaskQueue="a" or SdkName='temporal-python' and Status = "Running""#,
                true,
            ),
            (
                r#"(TaskQueue="a" OR TaskQueue="orders") AND HostName!="""#,
                false,
            ),
        ] {
            assert_eq!(
                WorkerQuery::read(query).unwrap().is_for(&worker()),
                found,
                "{query}"
            );
        }
    }

    #[test]
    fn what_is_no_query_is_refused_whatever_it_is() {
        let deep = "(".repeat(10_000);
        for query in [
            "TaskQueue",
            "TaskQueue=",
            "TaskQueue=5",
            "Bogus='a'",
            "TaskQueue='a",
            "a!b",
            "()",
            &deep,
        ] {
            assert!(WorkerQuery::read(query).is_err(), "{query}");
        }
    }
}
