//! The words of a query.

use super::refused::Refused;

/// How many bytes a query may have.
const MAX_BYTES: usize = 64 * 1024;

/// Where a query begins in the statement that a Temporal Service makes of it: the places in its errors count from the
/// beginning of that statement, and users compare them.
const BEFORE_CONDITION: usize = "select * from table1 where ".len() + 1;
const BEFORE_CLAUSE: usize = "select * from table1 ".len() + 1;

/// What a query is made of.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Word(Word),
    /// A name, in backquotes or not.
    Name(String),
    Text(String),
    /// A number as it is written, without a sign.
    Number(String),
    Symbol(Symbol),
    /// What is none of those: a letter of no word, or what has no end.
    Stray(String),
    End,
}

/// The words that mean something, in any case.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Word {
    And,
    Asc,
    Between,
    By,
    Desc,
    False,
    Group,
    In,
    Is,
    Like,
    Limit,
    Not,
    Null,
    Or,
    Order,
    StartsWith,
    True,
}

const WORDS: [(&str, Word); 17] = [
    ("and", Word::And),
    ("asc", Word::Asc),
    ("between", Word::Between),
    ("by", Word::By),
    ("desc", Word::Desc),
    ("false", Word::False),
    ("group", Word::Group),
    ("in", Word::In),
    ("is", Word::Is),
    ("like", Word::Like),
    ("limit", Word::Limit),
    ("not", Word::Not),
    ("null", Word::Null),
    ("or", Word::Or),
    ("order", Word::Order),
    ("starts_with", Word::StartsWith),
    ("true", Word::True),
];

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Symbol {
    Open,
    Close,
    Comma,
    Plus,
    Minus,
    Semicolon,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// The longer ones first.
static SYMBOLS: [(&str, Token); 15] = [
    ("!=", Token::Symbol(Symbol::NotEqual)),
    ("<>", Token::Symbol(Symbol::NotEqual)),
    ("<=", Token::Symbol(Symbol::LessOrEqual)),
    (">=", Token::Symbol(Symbol::GreaterOrEqual)),
    ("&&", Token::Word(Word::And)),
    ("||", Token::Word(Word::Or)),
    ("<", Token::Symbol(Symbol::Less)),
    (">", Token::Symbol(Symbol::Greater)),
    ("=", Token::Symbol(Symbol::Equal)),
    ("(", Token::Symbol(Symbol::Open)),
    (")", Token::Symbol(Symbol::Close)),
    (",", Token::Symbol(Symbol::Comma)),
    ("+", Token::Symbol(Symbol::Plus)),
    ("-", Token::Symbol(Symbol::Minus)),
    (";", Token::Symbol(Symbol::Semicolon)),
];

/// Reads a query from left to right, a token at a time.
pub(super) struct Tokens<'q> {
    rest: &'q str,
    length: usize,
    /// What comes next, and where it ends.
    next: (Token, usize),
    before: usize,
}

impl<'q> Tokens<'q> {
    pub(super) fn of(query: &'q str) -> Result<Self, Refused> {
        if query.len() > MAX_BYTES {
            return Err(Refused(format!(
                "the query has {} bytes, and the limit is {MAX_BYTES}; ask for less at once",
                query.len()
            )));
        }
        // As a service does, which counts from there.
        let query = query.trim();
        let mut tokens = Self {
            rest: query,
            length: query.len(),
            next: (Token::End, 0),
            before: BEFORE_CONDITION,
        };
        tokens.take();
        if let Token::Word(Word::Group | Word::Order | Word::Limit) = tokens.next.0 {
            tokens.before = BEFORE_CLAUSE;
        }
        Ok(tokens)
    }

    /// What comes next.
    pub(super) fn peek(&self) -> &Token {
        &self.next.0
    }

    /// Takes what comes next; the end comes again and again.
    pub(super) fn take(&mut self) -> Token {
        let next = self.read();
        let end = self.length - self.rest.len();
        std::mem::replace(&mut self.next, (next, end)).0
    }

    /// Takes what comes next if it is this.
    pub(super) fn takes(&mut self, token: &Token) -> bool {
        let is_this = self.peek() == token;
        if is_this {
            self.take();
        }
        is_this
    }

    pub(super) fn takes_word(&mut self, word: Word) -> bool {
        self.takes(&Token::Word(word))
    }

    pub(super) fn takes_symbol(&mut self, symbol: Symbol) -> bool {
        self.takes(&Token::Symbol(symbol))
    }

    /// Where what comes next ends, as errors say it.
    pub(super) fn position(&self) -> usize {
        self.before + self.next.1
    }

    /// Says that what comes next does not belong there.
    pub(super) fn unexpected(&self) -> Refused {
        let near = match self.peek() {
            Token::Word(word) => WORDS
                .iter()
                .find(|entry| entry.1 == *word)
                .map_or("", |entry| entry.0),
            Token::Name(text) | Token::Text(text) | Token::Number(text) | Token::Stray(text) => {
                text
            }
            Token::Symbol(_) | Token::End => "",
        };
        let near = if near.is_empty() {
            String::new()
        } else {
            format!(" near '{near}'")
        };
        Refused(format!(
            "malformed SQL query: syntax error at position {}{near}",
            self.position()
        ))
    }

    fn read(&mut self) -> Token {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
        for (symbol, token) in &SYMBOLS {
            if let Some(rest) = self.rest.strip_prefix(symbol) {
                self.rest = rest;
                return token.clone();
            }
        }
        let Some(first) = self.rest.chars().next() else {
            return Token::End;
        };
        match first {
            '\'' | '"' => self.read_text(first),
            '`' => self.read_quoted_name(),
            '0'..='9' | '.' => self.read_number(),
            '_' | '@' => self.read_name(),
            letter if letter.is_ascii_alphabetic() => self.read_name(),
            stray => {
                self.skip(stray.len_utf8());
                Token::Stray(stray.to_string())
            }
        }
    }

    fn skip(&mut self, bytes: usize) -> &'q str {
        let (skipped, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.rest = rest;
        skipped
    }

    fn read_name(&mut self) -> Token {
        let is_part =
            |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '@' | '.');
        let length = self.rest.find(|letter| !is_part(letter));
        let name = self.skip(length.unwrap_or(self.rest.len()));
        let word = WORDS
            .iter()
            .find(|entry| entry.0.eq_ignore_ascii_case(name));
        word.map_or_else(
            || Token::Name(name.to_owned()),
            |entry| Token::Word(entry.1),
        )
    }

    /// Two backquotes in a row are one of the name.
    fn read_quoted_name(&mut self) -> Token {
        let mut name = String::new();
        let mut letters = self.rest.char_indices().skip(1).peekable();
        while let Some((at, letter)) = letters.next() {
            if letter != '`' {
                name.push(letter);
            } else if letters.next_if(|(_, next)| *next == '`').is_some() {
                name.push('`');
            } else {
                self.skip(at + 1);
                return if name.is_empty() {
                    Token::Stray(name)
                } else {
                    Token::Name(name)
                };
            }
        }
        self.rest = "";
        Token::Stray(name)
    }

    /// The quote stands for itself after a backslash or another quote; a backslash takes the meaning from what follows it.
    fn read_text(&mut self, quote: char) -> Token {
        let mut text = String::new();
        let mut letters = self.rest.char_indices().skip(1).peekable();
        while let Some((at, letter)) = letters.next() {
            if letter == '\\' {
                let Some((_, escaped)) = letters.next() else {
                    break;
                };
                text.push(match escaped {
                    '0' => '\0',
                    'b' => '\x08',
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    'Z' => '\x1a',
                    escaped => escaped,
                });
            } else if letter != quote {
                text.push(letter);
            } else if letters.next_if(|(_, next)| *next == quote).is_some() {
                text.push(quote);
            } else {
                self.skip(at + 1);
                return Token::Text(text);
            }
        }
        self.rest = "";
        Token::Stray(text)
    }

    fn read_number(&mut self) -> Token {
        let digits = |text: &str| {
            text.find(|letter: char| !letter.is_ascii_digit())
                .unwrap_or(text.len())
        };
        let mut length = digits(self.rest);
        let after = |length: usize| self.rest.get(length..).unwrap_or_default();
        if let Some(fraction) = after(length).strip_prefix('.') {
            length += 1 + digits(fraction);
        }
        if length == 1 && self.rest.starts_with('.') {
            return Token::Stray(self.skip(1).to_owned());
        }
        if let Some(exponent) = after(length).strip_prefix(['e', 'E']) {
            let sign = usize::from(exponent.starts_with(['+', '-']));
            let exponent = digits(exponent.get(sign..).unwrap_or_default());
            if exponent > 0 {
                length += 1 + sign + exponent;
            }
        }
        Token::Number(self.skip(length).to_owned())
    }
}
