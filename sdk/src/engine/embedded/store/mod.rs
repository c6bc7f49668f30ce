//! The file: one `SQLite` database that one engine owns for as long as it is open.
//!
//! A history is kept as the encoded events of each commit, in order; everything else that is
//! stored can be found faster but not better than from there, except what [`rows::Row`] names. No
//! text of a user becomes part of a statement: values are bound.
//!
//! Invariants:
//!
//! * The connection is used by one [`Writer`], which one thread at a time has.
//! * What a row says is true as soon as, and only if, its transaction is committed.

mod backup;
mod codec;
mod db;
mod read;
mod rows;
mod schema;
mod writer;

use std::path::Path;

use rusqlite::{Connection, ErrorCode, OpenFlags, config::DbConfig};

pub(crate) use self::{
    backup::BackupRequest,
    codec::{decode_value, encode_event, encode_value},
    db::Db,
    read::{
        KeyRange, LoadedRun, RunInfo, count_runs, due_runs, expired_runs, find_request, find_run,
        highest_key, list_runs, load_run, lowest_key, paused_queues, read_events, stored_jobs,
    },
    rows::{InsertRun, Row},
    writer::{Batch, ReadFn, Slice, Writer, WriterWork},
};
use super::options::{Durability, Location};
use crate::engine::EngineError;

/// Opens the database and takes possession of it.
pub(crate) fn open(location: &Location, durability: Durability) -> Result<Connection, EngineError> {
    let connection = match location {
        Location::Memory => Connection::open_in_memory()
            .map_err(|error| storage_error("memory could not be opened as a database", &error))?,
        Location::File(path) => open_file(path)?,
    };
    let name = match location {
        Location::Memory => "the in-memory store".to_owned(),
        Location::File(path) => format!("`{}`", path.display()),
    };
    configure(&connection, durability)
        .and_then(|()| take_possession(&connection))
        .map_err(|error| open_error(&name, &error))?;
    schema::prepare(&connection, &name)?;
    Ok(connection)
}

fn open_file(path: &Path) -> Result<Connection, EngineError> {
    let name = format!("`{}`", path.display());
    create_private(path).map_err(|error| EngineError::Storage {
        message: format!(
            "the file {name} cannot be opened for writing: {error}; check that its folder exists and \
             that this user may write to it"
        ),
    })?;
    // Without the URI flag a file name is only ever a file name.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(path, flags).map_err(|error| open_error(&name, &error))
}

/// Creates the file for its owner only: histories contain what users passed around.
fn create_private(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.read(true).write(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

fn configure(connection: &Connection, durability: Durability) -> rusqlite::Result<()> {
    connection.busy_timeout(std::time::Duration::ZERO)?;
    // No plan depends on the values it is asked with. Otherwise SQLite plans a kept statement again
    // whenever it is asked with others.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // Of a new file only, and before anything is written: free space can be given back in slices.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    // Exclusive before WAL: then the index of the WAL is in this process and nobody else gets in.
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    let synchronous = match durability {
        Durability::Full => "FULL",
        Durability::Relaxed => "NORMAL",
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.pragma_update(None, "foreign_keys", "OFF")?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "cache_size", -16_384)?;
    connection.pragma_update_and_check(None, "wal_autocheckpoint", 4_000, |_| Ok(()))?;
    connection.pragma_update_and_check(None, "journal_size_limit", 64 * 1024 * 1024, |_| Ok(()))
}

/// Takes the lock that is held until the connection is closed.
fn take_possession(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch("BEGIN IMMEDIATE; COMMIT")
}

fn open_error(name: &str, error: &rusqlite::Error) -> EngineError {
    let message = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => format!(
            "{name} is open in another engine, in this process or another one; close that one first, or \
             use another file"
        ),
        Some(ErrorCode::NotADatabase) => format!(
            "{name} is not a steadfast file: it is not an SQLite database; use another file name"
        ),
        Some(ErrorCode::DatabaseCorrupt) => {
            format!("{name} is damaged ({error}); restore it from a backup")
        }
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => format!(
            "{name} cannot be opened for writing ({error}); check the permissions of the file and of \
             its folder"
        ),
        _ => format!("{name} cannot be opened: {error}"),
    };
    EngineError::Storage { message }
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
            "the disk reported an error; nothing that was acknowledged is lost, check the disk and try \
             again"
        }
        _ => "nothing that was acknowledged is lost; try again",
    };
    EngineError::Storage {
        message: format!("{what}: {error}; {advice}"),
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
