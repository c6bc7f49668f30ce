//! Shows text of unknown origin to people, on one line.
//!
//! Ids, reasons and messages come from callers and foreign histories. What is printed of them can
//! neither start a new line nor steer a terminal.

use std::{
    any::Any,
    fmt::{self, Write},
};

/// The longest text that is shown whole, in characters.
const MAX_SHOWN: usize = 200;

/// A text of any length on one line: control characters, and those that turn the direction of what follows, are
/// escaped.
///
/// ```
/// use steadfast_core::text::Escaped;
///
/// assert_eq!(Escaped("one\ntwo").to_string(), r"one\ntwo");
/// ```
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "it is the text that it shows")]
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .chars()
            .try_for_each(|character| write_escaped(f, character))
    }
}

/// What a panic said, as `catch_unwind` gives it; `(no message)` when that is no text.
#[must_use]
pub fn panic_message(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "(no message)".to_owned())
}

/// A text of as many lines as its author made of it, of which none steers a terminal.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lines<'a>(pub(crate) &'a str);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|character| match character {
            '\n' | '\t' => f.write_char(character),
            other => write_escaped(f, other),
        })
    }
}

/// A text on one line: control characters are escaped, and what is too long is cut with `…`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OneLine<'a>(pub(crate) &'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (shown, character) in self.0.chars().enumerate() {
            if shown == MAX_SHOWN {
                return f.write_char('…');
            }
            write_escaped(f, character)?;
        }
        Ok(())
    }
}

fn write_escaped(f: &mut fmt::Formatter<'_>, character: char) -> fmt::Result {
    match character {
        '\n' | '\r' | '\t' => write!(f, "{}", character.escape_default()),
        // Line and paragraph separators, and marks that turn the direction of what follows.
        '\u{2028}'
        | '\u{2029}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{061c}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}' => {
            write!(f, "{}", character.escape_unicode())
        }
        _ if character.is_control() => write!(f, "{}", character.escape_unicode()),
        _ => f.write_char(character),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_leave_its_line_or_steer_a_terminal() {
        let text = OneLine("a\r\n2\t\u{1b}[2Jb\u{85}c\u{2028}d\u{202e}e").to_string();
        assert_eq!(text, "a\\r\\n2\\t\\u{1b}[2Jb\\u{85}c\\u{2028}d\\u{202e}e");
    }

    #[test]
    fn a_long_text_is_cut() {
        assert_eq!(
            OneLine(&"é".repeat(201)).to_string(),
            format!("{}…", "é".repeat(200))
        );
        assert_eq!(OneLine(&"é".repeat(200)).to_string(), "é".repeat(200));
    }
}
