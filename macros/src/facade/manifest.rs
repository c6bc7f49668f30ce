//! Reads as much of TOML as it takes to tell keys from values, and skips the rest.
//!
//! `proc-macro-crate` would do it with eight crates more, which every user compiles before the first workflow (8 CPU seconds
//! in release).
//!
//! Invariant: whatever the text, reading ends and does not fail.

/// One value of a manifest: `[a.b] c.d = "e"` is `e` at `a`, `b`, `c`, `d`.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Entry {
    pub(super) path: Vec<String>,
    pub(super) value: String,
}

/// Flattens a manifest. What it does not understand it skips up to the end of the line.
pub(super) fn entries(text: &str) -> Vec<Entry> {
    let mut reader = Reader {
        rest: text,
        entries: Vec::new(),
    };
    let mut table: Vec<String> = Vec::new();
    loop {
        reader.skip_blank();
        match reader.peek() {
            None => return reader.entries,
            Some('[') => {
                while reader.peek() == Some('[') {
                    reader.advance();
                }
                if let Some(path) = reader.key() {
                    // A table can be empty and still be there: `[workspace]`.
                    reader.entries.push(Entry {
                        path: path.clone(),
                        value: String::new(),
                    });
                    table = path;
                }
            }
            Some(_) => reader.pair(&table),
        }
        reader.skip_line();
    }
}

struct Reader<'a> {
    rest: &'a str,
    entries: Vec<Entry>,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn advance(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let next = chars.next();
        self.rest = chars.as_str();
        next
    }

    fn skip_spaces(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }

    /// Skips white space, line ends and comments.
    fn skip_blank(&mut self) {
        loop {
            self.rest = self.rest.trim_start();
            if self.peek() != Some('#') {
                return;
            }
            self.skip_line();
        }
    }

    fn skip_line(&mut self) {
        self.rest = self.rest.find('\n').map_or("", |end| &self.rest[end..]);
    }

    /// Reads `key = value` below `table`.
    fn pair(&mut self, table: &[String]) {
        let Some(key) = self.key() else {
            return;
        };
        self.skip_spaces();
        if self.peek() != Some('=') {
            return;
        }
        self.advance();
        let mut path = table.to_vec();
        path.extend(key);
        self.value(path);
    }

    /// Reads `a.b."c d"`.
    fn key(&mut self) -> Option<Vec<String>> {
        let mut path = Vec::new();
        loop {
            self.skip_spaces();
            path.push(match self.peek()? {
                '"' | '\'' => self.string(),
                _ => {
                    let end = self
                        .rest
                        .find(|char: char| !(char.is_alphanumeric() || char == '-' || char == '_'))
                        .unwrap_or(self.rest.len());
                    let (word, rest) = self.rest.split_at(end);
                    self.rest = rest;
                    if word.is_empty() {
                        return None;
                    }
                    word.to_owned()
                }
            });
            self.skip_spaces();
            if self.peek() != Some('.') {
                return Some(path);
            }
            self.advance();
        }
    }

    fn value(&mut self, path: Vec<String>) {
        self.skip_spaces();
        match self.peek() {
            Some('"' | '\'') => {
                let value = self.string();
                self.entries.push(Entry { path, value });
            }
            Some('{') => {
                self.advance();
                // An inline table without entries still names its key.
                self.entries.push(Entry {
                    path: path.clone(),
                    value: String::new(),
                });
                loop {
                    self.skip_blank();
                    match self.peek() {
                        Some('}') => {
                            self.advance();
                            return;
                        }
                        Some(',') => {
                            self.advance();
                        }
                        Some(_) => {
                            let before = self.rest.len();
                            self.pair(&path);
                            if self.rest.len() == before {
                                return;
                            }
                        }
                        None => return,
                    }
                }
            }
            Some('[') => {
                self.advance();
                loop {
                    self.skip_blank();
                    match self.peek() {
                        Some(']') => {
                            self.advance();
                            return;
                        }
                        Some(',') => {
                            self.advance();
                        }
                        Some(_) => {
                            let before = self.rest.len();
                            // Nothing about a dependency's name is ever inside an array.
                            self.value(vec!["[]".to_owned()]);
                            if self.rest.len() == before {
                                return;
                            }
                        }
                        None => return,
                    }
                }
            }
            _ => {
                let end = self
                    .rest
                    .find([',', '}', ']', '#', '\n'])
                    .unwrap_or(self.rest.len());
                let (value, rest) = self.rest.split_at(end);
                self.rest = rest;
                self.entries.push(Entry {
                    path,
                    value: value.trim().to_owned(),
                });
            }
        }
    }

    /// Reads any of the four kinds of strings.
    fn string(&mut self) -> String {
        let quote = self.advance().unwrap_or('"');
        let triple: String = [quote; 3].iter().collect();
        let long = self.rest.starts_with(&triple[1..]);
        if long {
            self.rest = &self.rest[2..];
        }
        let mut text = String::new();
        loop {
            if long && self.rest.starts_with(&triple) {
                self.rest = &self.rest[3..];
                return text;
            }
            match self.advance() {
                None => return text,
                Some('\\') if quote == '"' => {
                    text.push('\\');
                    text.extend(self.advance());
                }
                Some(char) if char == quote && !long => return text,
                Some('\n') if !long => return text,
                Some(char) => text.push(char),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::entries;

    #[test]
    fn tables_inline_tables_and_dotted_keys_come_out_the_same() {
        fn flat(text: &str) -> Vec<(String, String)> {
            entries(text)
                .into_iter()
                .filter(|entry| !entry.value.is_empty())
                .map(|entry| (entry.path.join("/"), entry.value))
                .collect()
        }
        let expected = [("a/b/c".to_owned(), "1".to_owned())];
        assert_eq!(flat("[a.b]\nc = 1"), expected);
        assert_eq!(flat("a = { b = { c = 1 } }"), expected);
        assert_eq!(flat("a.'b'.\"c\"=1 # comment"), expected);
    }
}
