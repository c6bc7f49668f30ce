//! The writer thread: takes everything that was queued, writes it in one transaction, and says so.
//!
//! Reads that were queued with or before a batch run after it, so they see it.

use std::fmt;

use super::{db::Db, rows::Row, storage_error};
use crate::engine::{
    EngineError,
    embedded::options::{CrashAction, CrashHook, CrashPoint},
};

/// A question to the file.
pub(crate) struct ReadFn(Box<dyn FnOnce(&Db<'_>) + Send>);

impl ReadFn {
    pub(crate) fn new(read: impl FnOnce(&Db<'_>) + Send + 'static) -> Self {
        Self(Box::new(read))
    }
}

impl fmt::Debug for ReadFn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReadFn")
    }
}

/// What there is to do for the writer.
pub(crate) trait WriterWork {
    /// Waits for work. `None` ends the thread.
    fn next(&self) -> Option<(Vec<Row>, Vec<ReadFn>)>;
    /// The rows of the last call of `next` are committed.
    fn committed(&self, rows: Vec<Row>);
    /// The rows of the last call of `next` are not written, not even in part.
    fn failed(&self, rows: Vec<Row>, error: EngineError);
    /// The engine is dead, as a test wanted.
    fn crashed(&self);
}

/// Runs until there is no more work.
pub(crate) fn run_writer(work: &impl WriterWork, db: &Db<'_>, crash: Option<&CrashHook>) {
    let mut ordinal = 0;
    while let Some((rows, reads)) = work.next() {
        if rows.is_empty() {
            work.committed(rows);
        } else {
            ordinal += 1;
            let at = |point| crash.map_or(CrashAction::Continue, |hook| hook(ordinal, point));
            match write(db, &rows, || at(CrashPoint::BeforeCommit)) {
                Ok(true) if at(CrashPoint::AfterCommit) == CrashAction::Stop => {
                    return work.crashed();
                }
                Ok(true) => work.committed(rows),
                Ok(false) => return work.crashed(),
                Err(error) => {
                    let error = storage_error("the file could not be written", &error);
                    tracing::error!(%error, "a commit failed");
                    work.failed(rows, error);
                }
            }
        }
        for read in reads {
            (read.0)(db);
        }
    }
}

/// Says whether the rows are committed; they are not when the engine dies before.
fn write(
    db: &Db<'_>,
    rows: &[Row],
    action: impl FnOnce() -> CrashAction,
) -> rusqlite::Result<bool> {
    let run = |statement: &str| db.prepare_cached(statement)?.execute([]).map(drop);
    run("BEGIN IMMEDIATE")?;
    let written = rows.iter().try_for_each(|row| row.write(db));
    let action = if written.is_ok() {
        action()
    } else {
        CrashAction::Continue
    };
    let written = match action {
        CrashAction::Continue => written,
        CrashAction::Fail => Err(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL),
            None,
        )),
        CrashAction::Stop => {
            run("ROLLBACK")?;
            return Ok(false);
        }
    };
    match written.and_then(|()| run("COMMIT")) {
        Ok(()) => Ok(true),
        Err(error) => {
            // SQLite has rolled back by itself after some errors; then this one fails.
            if !db.is_autocommit() {
                run("ROLLBACK")?;
            }
            Err(error)
        }
    }
}
