//! Whose a file is, as far as its first bytes tell.

/// Says that an `SQLite` file is ours: `stdf`.
pub(super) const APPLICATION_ID: i32 = 0x7374_6466;

/// How many bytes at the beginning of a file say whose it is.
pub(super) const HEADER_BYTES: usize = 100;

/// Whose a file is, as far as its first bytes tell.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Origin {
    Empty,
    /// Ours, or nobody's yet, as far as can be seen without looking into its log.
    OursOrNew,
    AnotherApplication,
    NoDatabase,
}

/// Reads `SQLite`'s file header.
pub(super) fn origin(header: &[u8]) -> Origin {
    const MAGIC: &[u8] = b"SQLite format 3\0";
    let number = |at: usize| {
        let bytes = header.get(at..at + 4)?.try_into().ok()?;
        Some(i32::from_be_bytes(bytes))
    };
    if header.is_empty() {
        return Origin::Empty;
    }
    // A process that ended while it made a file may have left zeros and a journal.
    if header.starts_with(&[0; MAGIC.len()]) {
        return Origin::OursOrNew;
    }
    if !header.starts_with(MAGIC) || header.len() < HEADER_BYTES {
        return Origin::NoDatabase;
    }
    let (schema_cookie, version, application) = (number(40), number(60), number(68));
    // Without a cookie there has never been a table, at least not outside of the log.
    let is_new = [schema_cookie, version, application] == [Some(0); 3];
    if is_new || application == Some(APPLICATION_ID) {
        Origin::OursOrNew
    } else {
        Origin::AnotherApplication
    }
}
