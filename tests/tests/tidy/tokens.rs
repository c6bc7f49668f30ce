//! As much of Rust's syntax as it takes to see what a file names.

/// A part of a text in Rust. Comments, texts and numbers are none.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Token {
    Word(String),
    /// `::`
    Path,
    Sign(char),
}

impl Token {
    pub(crate) fn is(&self, word: &str) -> bool {
        matches!(self, Self::Word(own) if own == word)
    }

    pub(crate) fn is_sign(&self, sign: char) -> bool {
        *self == Self::Sign(sign)
    }

    pub(crate) fn word(&self) -> Option<&str> {
        match self {
            Self::Word(word) => Some(word),
            _ => None,
        }
    }
}

/// The tokens of a text.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let text: Vec<char> = text.chars().collect();
    let at = |index: usize| text.get(index).copied().unwrap_or('\0');
    let mut tokens = Vec::new();
    let mut index = 0;
    while index < text.len() {
        match at(index) {
            '/' if at(index + 1) == '/' => {
                while index < text.len() && at(index) != '\n' {
                    index += 1;
                }
            }
            '"' => index = after_text(&text, index + 1),
            // A letter in quotes, or the name of a lifetime.
            '\'' if at(index + 1) == '\\' || at(index + 2) == '\'' => {
                index += if at(index + 1) == '\\' { 3 } else { 2 };
                while index < text.len() && at(index) != '\'' {
                    index += 1;
                }
                index += 1;
            }
            'r' if at(index + 1) == '"'
                || (at(index + 1) == '#' && "#\"".contains(at(index + 2))) =>
            {
                index = after_raw_text(&text, index + 1);
            }
            ':' if at(index + 1) == ':' => {
                tokens.push(Token::Path);
                index += 2;
            }
            letter if letter.is_alphabetic() || letter == '_' => {
                let from = index;
                while at(index).is_alphanumeric() || at(index) == '_' {
                    index += 1;
                }
                tokens.push(Token::Word(text[from..index].iter().collect()));
            }
            blank if blank.is_whitespace() || blank.is_numeric() => index += 1,
            sign => {
                tokens.push(Token::Sign(sign));
                index += 1;
            }
        }
    }
    tokens
}

fn after_text(text: &[char], mut index: usize) -> usize {
    while index < text.len() && text[index] != '"' {
        index += if text[index] == '\\' { 2 } else { 1 };
    }
    index + 1
}

fn after_raw_text(text: &[char], mut index: usize) -> usize {
    let from = index;
    while text.get(index) == Some(&'#') {
        index += 1;
    }
    let end: Vec<char> = std::iter::once('"')
        .chain(std::iter::repeat_n('#', index - from))
        .collect();
    index += 1;
    while index < text.len() && !text[index..].starts_with(&end) {
        index += 1;
    }
    index + end.len()
}

/// Where the brackets that open at a token close.
pub(crate) fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().skip(open) {
        match token {
            Token::Sign('(' | '[' | '{') => depth += 1,
            Token::Sign(')' | ']' | '}') => {
                depth -= 1;
                if depth == 0 {
                    return index;
                }
            }
            _ => {}
        }
    }
    tokens.len().saturating_sub(1)
}
