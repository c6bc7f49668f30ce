//! What a URL says of an embedded engine: `memory:`, or `sqlite://`, the path of a file, and options.
//!
//! The path is taken as it is, up to a `?`: nothing in it is decoded, and `SQLite` never sees a URI.

use std::{collections::BTreeSet, time::Duration};

use steadfast_core::ids::Namespace;
use steadfast_engine::EngineError;

use super::options::{Durability, EmbeddedOptions, Location};

/// What may follow the `?`.
const OPTIONS: &str =
    "`durability=full` or `relaxed`, `retention=7d`, `namespace=name` and `wait_for_lock=30s`";

impl EmbeddedOptions {
    /// Reads a URL: `memory:`, or `sqlite://` and a path, as in `sqlite://orders.db` and `sqlite:///var/lib/orders.db`.
    ///
    /// Options may follow: `sqlite://orders.db?durability=relaxed&retention=7d&namespace=shop&wait_for_lock=30s`.
    /// Times are a number with `ms`, `s`, `m`, `h` or `d`. The path is taken as it is, without any escapes; for
    /// one with a `?` use [`file`](Self::file).
    ///
    /// # Errors
    ///
    /// When the URL is not valid or has an option that is not known; the text says what to write.
    pub fn from_url(url: &str) -> Result<Self, EngineError> {
        let (address, options) = match url.split_once('?') {
            Some((address, options)) => (address, Some(options)),
            None => (url, None),
        };
        let (scheme, rest) = address.split_once(':').unwrap_or((address, ""));
        let rest = rest.strip_prefix("//").unwrap_or(rest);
        let mut read = match (scheme, rest) {
            ("memory", "") => Self::in_memory(),
            ("memory", _) => {
                return Err(EngineError::invalid(
                    "an engine in memory has no name: write `memory:`, or `sqlite://orders.db` for a file",
                ));
            }
            ("sqlite", "") => {
                return Err(EngineError::invalid(
                    "the path of the file is missing, as in `sqlite://orders.db`",
                ));
            }
            ("sqlite", ":memory:") => {
                return Err(EngineError::invalid(
                    "for an engine in memory write `memory:`, and for a file `sqlite://orders.db`",
                ));
            }
            ("sqlite", path) => Self::file(path),
            _ => {
                return Err(EngineError::invalid(
                    "write `memory:` or `sqlite://path/to/file.db`",
                ));
            }
        };
        let mut seen = BTreeSet::new();
        for option in options.into_iter().flat_map(|options| options.split('&')) {
            let name = option.split('=').next().unwrap_or_default();
            if !seen.insert(name) {
                return Err(EngineError::invalid(format!(
                    "the option `{name}` is there twice; write it once"
                )));
            }
            read = read.set(option)?;
        }
        Ok(read)
    }

    fn set(self, option: &str) -> Result<Self, EngineError> {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let wrong = |expected: &str| {
            EngineError::invalid(format!(
                "`{value}` is no value for the option `{name}`: write {expected}"
            ))
        };
        let time = || {
            duration(value)
                .ok_or_else(|| wrong("a time such as `500ms`, `30s`, `5m`, `12h` or `7d`"))
        };
        if self.location == Location::Memory && matches!(name, "durability" | "wait_for_lock") {
            return Err(EngineError::invalid(format!(
                "the option `{name}` is about a file, and an engine in memory has none; write `memory:` without it"
            )));
        }
        match name {
            "durability" => match value {
                "full" => Ok(self.durability(Durability::Full)),
                "relaxed" => Ok(self.durability(Durability::Relaxed)),
                _ => Err(wrong("`full` or `relaxed`")),
            },
            "retention" => Ok(self.retention(time()?)),
            "namespace" => Namespace::new(value)
                .map(|namespace| self.namespace(namespace))
                .map_err(|error| EngineError::invalid(format!("{error}; write `namespace=name`"))),
            "wait_for_lock" => Ok(self.wait_for_lock(time()?)),
            _ => Err(EngineError::invalid(format!(
                "`{name}` is not known as an option; write {OPTIONS}, with `&` between them"
            ))),
        }
    }
}

/// A whole number with its unit.
fn duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let seconds = match unit {
        "ms" => return Some(Duration::from_millis(number)),
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return None,
    };
    number.checked_mul(seconds).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_of_a_url_holds() {
        let read = EmbeddedOptions::from_url(
            "sqlite://a%20b.db?durability=relaxed&retention=7d&namespace=shop&wait_for_lock=1500ms",
        )
        .unwrap();
        assert_eq!(read.location, Location::File("a%20b.db".into()));
        assert_eq!(read.durability, Durability::Relaxed);
        assert_eq!(read.retention, Some(Duration::from_secs(7 * 86_400)));
        assert_eq!(read.namespace.unwrap().as_str(), "shop");
        assert_eq!(read.wait_for_lock, Duration::from_millis(1_500));
        let plain = EmbeddedOptions::from_url("sqlite:///var/lib/orders.db").unwrap();
        assert_eq!(plain.location, Location::File("/var/lib/orders.db".into()));
        assert_eq!(plain.durability, Durability::Full);
        for url in [
            "memory:",
            "memory://",
            "memory:?retention=12h&namespace=shop",
        ] {
            let read = EmbeddedOptions::from_url(url).unwrap();
            assert_eq!(read.location, Location::Memory, "{url}");
        }
    }

    #[test]
    fn a_url_that_says_something_else_is_refused_with_what_to_write() {
        for (url, says) in [
            ("sqlite:", "as in `sqlite://orders.db`"),
            ("sqlite://", "as in `sqlite://orders.db`"),
            ("sqlite://?durability=full", "as in `sqlite://orders.db`"),
            ("sqlite::memory:", "write `memory:`"),
            ("sqlite://:memory:", "write `memory:`"),
            ("memory:orders", "write `memory:`"),
            ("memory://orders", "write `memory:`"),
            ("memory:?durability=full", "write `memory:` without it"),
            ("sqlite://a.db?", "write `durability="),
            ("sqlite://a.db?mode=ro", "write `durability="),
            (
                "sqlite://a.db?durability=full&durability=relaxed",
                "write it once",
            ),
            ("sqlite://a.db?durability=", "write `full` or `relaxed`"),
            ("sqlite://a.db?durability=none", "write `full` or `relaxed`"),
            ("sqlite://a.db?retention=7", "write a time such as"),
            ("sqlite://a.db?retention=d", "write a time such as"),
            ("sqlite://a.db?retention=-1d", "write a time such as"),
            ("sqlite://a.db?retention=7w", "write a time such as"),
            (
                "sqlite://a.db?retention=99999999999999999999d",
                "write a time such as",
            ),
            (
                "sqlite://a.db?retention=999999999999999999d",
                "write a time such as",
            ),
            ("sqlite://a.db?namespace=", "write `namespace=name`"),
        ] {
            let refused = EmbeddedOptions::from_url(url).unwrap_err().to_string();
            assert!(refused.contains(says), "{url}: {refused}");
        }
    }
}
