//! The file: one `SQLite` database that one engine owns for as long as it is open.
//!
//! A history is kept as the encoded events of each commit, in order; everything else that is
//! stored can be found faster but not better than from there, except what [`rows::Row`] names. No
//! text of a user becomes part of a statement: values are bound.
//!
//! Invariants:
//!
//! * The file belongs to one engine, and what is acknowledged is in the file that has its name; see [`possession`].
//! * The connection is used by one [`Writer`], which one thread at a time has.
//! * What a row says is true as soon as, and only if, its transaction is committed.

mod backup;
mod blocks;
mod codec;
mod db;
mod diagnosis;
mod disk;
mod header;
mod possession;
mod purge;
mod read;
mod rows;
mod schema;
mod stamp;
mod writer;

use std::{
    fmt,
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use rusqlite::{Connection, ErrorCode, OpenFlags, config::DbConfig};
use steadfast_engine::{EngineError, codec::PayloadCodec};

pub(crate) use self::{
    backup::BackupRequest,
    codec::{decode_value, encode_event, encode_named, encode_value},
    db::{CodecPanicked, Db},
    read::{
        KeyRange, LoadedRun, RunInfo, Selection, check_lowest_key, count_runs,
        count_runs_by_status, due_runs, expired_runs, find_request, find_run, highest_key,
        highest_key_below, list_runs, load_run, paused_queues, read_events, search_attributes,
        stored_jobs, stored_schedules, stored_suspects,
    },
    rows::{InsertRun, Row},
    schema::namespace,
    writer::{Batch, ReadFn, Slice, Writer, WriterWork},
};
use self::{header::Origin, possession::Possession};
use super::options::{Durability, Location};

/// Takes the lock that an exclusive connection then keeps, and opens the log if there is to be one.
const LOCK: &str = "BEGIN IMMEDIATE; COMMIT";
/// How long a process that waits for a file sleeps between two looks.
const BETWEEN_LOOKS: Duration = Duration::from_millis(25);
/// `SQLite`'s page, in bytes.
const PAGE: u64 = 4096;

/// Opens the database and takes possession of it, waiting at most so long for whoever else has it.
pub(crate) fn open(
    location: &Location,
    durability: Durability,
    codec: Option<Arc<dyn PayloadCodec>>,
    wait: Duration,
) -> Result<Db, EngineError> {
    let path = match location {
        Location::Memory => {
            let connection = Connection::open_in_memory().map_err(|error| {
                storage_error("memory could not be opened as a database", &error)
            })?;
            take_possession(&connection, true)
                .map_err(|error| storage_error("memory could not be prepared", &error))?;
            set_up(&connection, &Store::Memory, durability)?;
            return Db::new(connection, None, codec)
                .map_err(|error| open_error(&Store::Memory, &error));
        }
        Location::File(path) => path,
    };
    check_name(path)?;
    let store = Store::File(path);
    let since = Instant::now();
    loop {
        match open_file(path, durability) {
            Ok((connection, possession)) => {
                return Db::new(connection, Some(possession), codec)
                    .map_err(|error| open_error(&store, &error));
            }
            Err(Refusal::Busy) if since.elapsed() < wait => thread::sleep(BETWEEN_LOOKS),
            Err(Refusal::Busy) => {
                return Err(EngineError::Storage {
                    message: format!(
                        "{store} is open in another engine, in this process or another one, or in another \
                         program; close that one first, wait for it with `wait_for_lock`, or use another \
                         file"
                    ),
                });
            }
            Err(Refusal::Other(error)) => return Err(error),
        }
    }
}

/// Where a database is, as people are told.
enum Store<'a> {
    Memory,
    File(&'a Path),
}

impl fmt::Display for Store<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("the in-memory store"),
            Self::File(path) => write!(f, "`{}`", path.display()),
        }
    }
}

/// Why a file was not opened.
enum Refusal {
    /// Somebody else has it open.
    Busy,
    Other(EngineError),
}

impl From<EngineError> for Refusal {
    fn from(error: EngineError) -> Self {
        Self::Other(error)
    }
}

/// What `SQLite` would take for something else than a file is more likely a mistake than a name.
fn check_name(path: &Path) -> Result<(), EngineError> {
    let wrong = |text: &str| {
        Err(EngineError::Storage {
            message: format!("`{}` names no file: {text}", path.display()),
        })
    };
    if path.as_os_str() == ":memory:" {
        return wrong("for an engine in memory write `EmbeddedOptions::in_memory()`, or `memory:`");
    }
    if path.file_name().is_none() {
        return wrong("write the path of a file, as in `orders.db`");
    }
    Ok(())
}

fn open_file(path: &Path, durability: Durability) -> Result<(Connection, Possession), Refusal> {
    let store = Store::File(path);
    let busy_or = |error: rusqlite::Error| match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Refusal::Busy,
        _ => Refusal::Other(open_error(&store, &error)),
    };
    // Declared first, so that it is dropped last.
    let mut possession = Possession::take(path)?.ok_or(Refusal::Busy)?;
    let is_empty = match possession.origin() {
        Ok(Origin::Empty) => true,
        Ok(Origin::OursOrNew) => false,
        Ok(Origin::AnotherApplication) => return Err(schema::of_another_application(&store).into()),
        Ok(Origin::NoDatabase) => return Err(no_database(&store).into()),
        Err(error) => {
            return Err(Refusal::Other(EngineError::Storage {
                message: format!("{store} cannot be read: {error}"),
            }));
        }
    };
    if !is_empty {
        possession.make_log()?;
    }
    let connection = connect(possession.path()).map_err(busy_or)?;
    take_possession(&connection, is_empty).map_err(busy_or)?;
    set_up(&connection, &store, durability)?;
    let page_of_mark =
        stamp::page_of_mark(&connection).map_err(|error| open_error(&store, &error))?;
    possession.take_log(page_of_mark)?;
    Ok((connection, possession))
}

/// Opens a file: without the URI flag a file name is only ever a file name.
fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    // Only Linux tells a `flock` from SQLite's locks of the same file; elsewhere it keeps both out by itself.
    if cfg!(unix) && !cfg!(any(target_os = "linux", target_os = "android")) {
        return Connection::open_with_flags_and_vfs(path, flags, "unix-none");
    }
    Connection::open_with_flags(path, flags)
}

/// Takes the lock that is held until the connection is closed, and changes nothing of what there is.
fn take_possession(connection: &Connection, is_empty: bool) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::ZERO)?;
    // Before anything is read: then the index of the log is in this process and not in a file of its own, and
    // nobody else gets in.
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    // Until it is known whose it is.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    if is_empty {
        // Before anything is written: then free space can be given back in slices.
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    }
    connection.execute_batch(LOCK)
}

fn set_up(
    connection: &Connection,
    store: &Store<'_>,
    durability: Durability,
) -> Result<(), EngineError> {
    let version = schema::check(connection, store)?;
    let failed = |error: rusqlite::Error| open_error(store, &error);
    configure(connection, durability).map_err(failed)?;
    schema::migrate(connection, store, version)?;
    // After the tables, so that the file itself says whose it is, and not only its log.
    connection
        .pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))
        .and_then(|()| connection.execute_batch(LOCK))
        .map_err(failed)?;
    // As long as the disk is full nothing else is written either.
    let _ = stamp::mark(connection);
    Ok(())
}

fn configure(connection: &Connection, durability: Durability) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    // No plan depends on the values it is asked with. Otherwise SQLite plans a kept statement again
    // whenever it is asked with others.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    let synchronous = match durability {
        Durability::Full => "FULL",
        Durability::Relaxed => "NORMAL",
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.pragma_update(None, "foreign_keys", "OFF")?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "cache_size", -16_384)?;
    // The log is emptied by `Db`, which has to know when the database changes.
    connection.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))?;
    connection.pragma_update_and_check(None, "journal_size_limit", 64 * 1024 * 1024, |_| Ok(()))
}

fn no_database(store: &Store<'_>) -> EngineError {
    EngineError::Storage {
        message: format!(
            "{store} is not a steadfast file: it is not an SQLite database; use another file name"
        ),
    }
}

fn open_error(store: &Store<'_>, error: &rusqlite::Error) -> EngineError {
    if let Store::File(path) = store
        && let Some(why) = diagnosis::of_folder(path, error)
    {
        return EngineError::Storage {
            message: format!("{store} cannot be opened for writing: {why}"),
        };
    }
    let said = Said(error);
    let message = match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => return no_database(store),
        Some(ErrorCode::DatabaseCorrupt) => {
            format!("{store} is damaged ({said}); restore it from a backup")
        }
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => format!(
            "{store} cannot be opened for writing ({said}); check the permissions of the file and of \
             its folder"
        ),
        Some(ErrorCode::DiskFull) => {
            format!("{store} cannot be opened: the disk is full; make room and try again")
        }
        _ => format!("{store} cannot be opened: {said}"),
    };
    EngineError::Storage { message }
}

/// What `SQLite` says happened, without the statement in which it did.
struct Said<'a>(&'a rusqlite::Error);

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            rusqlite::Error::SqliteFailure(error, _)
            | rusqlite::Error::SqlInputError { error, .. } => {
                f.write_str(rusqlite::ffi::code_to_str(error.extended_code))
            }
            // A column can be a whole expression.
            error if is_foreign(error) => f.write_str("a value is not what it should be"),
            error => error.fmt(f),
        }
    }
}

/// Why nothing is written while what makes room has its turn.
pub(crate) fn disk_is_full() -> EngineError {
    storage_error("the file could not be written", &disk::full())
}

/// An error of the store, with what to do about it.
pub(crate) fn storage_error(what: &str, error: &rusqlite::Error) -> EngineError {
    let advice = match error.sqlite_error_code() {
        // Values and tables that this engine would not have written.
        _ if is_foreign(error) => "the file is damaged; restore it from a backup",
        Some(ErrorCode::DiskFull) => "the disk is full; make room and try again",
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            "the file is damaged; restore it from a backup"
        }
        Some(ErrorCode::ReadOnly) => "the file is read-only; make it writable and try again",
        Some(ErrorCode::SystemIoFailure) => {
            "the disk reported an error; nothing that was acknowledged is lost, check the disk and what a file may have \
             (`ulimit -f`), and try again"
        }
        _ => "nothing that was acknowledged is lost; try again",
    };
    EngineError::Storage {
        message: format!("{what}: {}; {advice}", Said(error)),
    }
}

fn is_foreign(error: &rusqlite::Error) -> bool {
    matches!(
        error,
        rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::SqlInputError { .. }
            | rusqlite::Error::Utf8Error(..)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever reads the text has no use for our statements, and a column can be one.
    #[test]
    fn texts_say_what_happened_without_the_statement() {
        let connection = Connection::open_in_memory().unwrap();
        let errors = [
            connection.prepare("SELECT what FROM nowhere").unwrap_err(),
            connection.prepare("SELEC nothing").unwrap_err(),
            connection
                .execute("INSERT INTO nowhere VALUES (1)", [])
                .unwrap_err(),
            connection
                .query_row("SELECT coalesce('text', (SELECT 1))", [], |row| {
                    row.get::<_, i64>(0)
                })
                .unwrap_err(),
        ];
        for error in errors {
            for text in [
                storage_error("the file could not be read", &error).to_string(),
                open_error(&Store::Memory, &error).to_string(),
            ] {
                for word in ["SELEC", "INSERT", "nowhere", "coalesce"] {
                    assert!(!text.contains(word), "{text}");
                }
            }
        }
    }
}
