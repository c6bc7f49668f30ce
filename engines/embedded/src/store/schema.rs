//! The tables, and the way from every older version of them to the current one.

use rusqlite::Connection;
use steadfast_core::ids::Namespace;
use steadfast_engine::EngineError;

use super::{Store, db::Db, open_error, storage_error};

/// Says that an `SQLite` file is ours: `stdf`.
const APPLICATION_ID: i32 = 0x7374_6466;

/// One script per version, each from the version before. A script that was released never changes.
const MIGRATIONS: &[&str] = &[
    include_str!("v1.sql"),
    include_str!("v2.sql"),
    include_str!("v3.sql"),
];

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

pub(super) fn of_another_application(store: &Store<'_>) -> EngineError {
    EngineError::Storage {
        message: format!(
            "{store} is an SQLite database of another application and is left alone; use another file"
        ),
    }
}

/// The version of a file, 0 for a new one; refuses files of others and of the future, and changes nothing.
pub(super) fn check(connection: &Connection, store: &Store<'_>) -> Result<usize, EngineError> {
    let failed = |error: rusqlite::Error| open_error(store, &error);
    let number =
        |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
    let application = number("application_id").map_err(failed)?;
    let version = number("user_version").map_err(failed)?;
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(failed)?;
    let is_new = application == 0 && version == 0 && tables == 0;
    if !is_new && application != APPLICATION_ID {
        return Err(of_another_application(store));
    }
    let current = MIGRATIONS.len();
    let from = usize::try_from(version).unwrap_or(usize::MAX);
    if from > current {
        return Err(EngineError::Storage {
            message: format!(
                "{store} has version {version} and this program knows versions up to {current}; upgrade \
                 the program, an older one cannot read newer files"
            ),
        });
    }
    Ok(from)
}

/// Creates or migrates the tables of a file with a version.
pub(super) fn migrate(
    connection: &Connection,
    store: &Store<'_>,
    from: usize,
) -> Result<(), EngineError> {
    let failed =
        |error: rusqlite::Error| storage_error(&format!("{store} cannot be prepared"), &error);
    for (index, script) in MIGRATIONS.iter().enumerate().skip(from) {
        let reached = index + 1;
        connection
            .execute_batch(&format!(
                "BEGIN IMMEDIATE; {script}; PRAGMA application_id = {APPLICATION_ID}; \
                 PRAGMA user_version = {reached}; COMMIT"
            ))
            .map_err(failed)?;
    }
    Ok(())
}

/// The page that tells states of the database apart.
pub(super) fn page_of_mark(connection: &Connection) -> rusqlite::Result<u64> {
    let page: i64 = connection.query_row(
        "SELECT rootpage FROM sqlite_schema WHERE name = 'file'",
        [],
        |row| row.get(0),
    )?;
    Ok(u64::try_from(page).unwrap_or(1))
}

/// The namespace of the runs of a file, which is from now on the wanted one if it had none.
pub(super) fn namespace(db: &Db, wanted: Option<Namespace>) -> Result<Namespace, EngineError> {
    let failed = |error| storage_error("the namespace of the file could not be read", &error);
    let stored: Option<String> = db
        .query_row("SELECT namespace FROM file", [], |row| row.get(0))
        .map_err(failed)?;
    let Some(stored) = stored else {
        let namespace = match wanted {
            Some(namespace) => namespace,
            None => Namespace::new("default").expect("not empty and not long"),
        };
        db.append(|| db.execute("UPDATE file SET namespace = ?1", [namespace.as_str()]))
            .map_err(failed)?;
        return Ok(namespace);
    };
    match wanted {
        Some(wanted) if wanted.as_str() != stored => Err(EngineError::Storage {
            message: format!(
                "the file has the runs of the namespace `{stored}` and not of `{wanted}`; open it with that one or \
                 with none, or use another file: a file has one namespace"
            ),
        }),
        Some(wanted) => Ok(wanted),
        None => Namespace::new(stored).map_err(|error| EngineError::Storage {
            message: format!("the file is damaged ({error}); restore it from a backup"),
        }),
    }
}

/// Sees to it that the database is another one when it is next written from its log.
pub(super) fn mark(connection: &Connection) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE file SET mark = mark + 1")?
        .execute([])
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of an older version goes on as it is, with what is new beside it.
    #[test]
    fn a_file_of_each_older_version_is_brought_to_the_current_one() {
        let current = MIGRATIONS.len();
        for version in 0..=current {
            let connection = Connection::open_in_memory().unwrap();
            for script in &MIGRATIONS[..version] {
                connection.execute_batch(script).unwrap();
            }
            if version > 0 {
                connection
                    .execute_batch(&format!(
                        "PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {version}; \
                         INSERT INTO job (id, job) VALUES (7, x'00')"
                    ))
                    .unwrap();
            }
            assert_eq!(check(&connection, &Store::Memory).unwrap(), version);
            migrate(&connection, &Store::Memory, version).unwrap();
            assert_eq!(check(&connection, &Store::Memory).unwrap(), current);
            let jobs: i64 = connection
                .query_row("SELECT count(*) FROM job", [], |row| row.get(0))
                .unwrap();
            assert_eq!(jobs, i64::from(version > 0));
            connection.execute_batch("SELECT * FROM task").unwrap();
        }
    }
}
