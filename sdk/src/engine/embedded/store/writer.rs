//! The writer thread: takes everything that was queued, writes it in one transaction, and says so.
//!
//! Reads that were queued with or before a batch run after it, so they see it. What takes longer (a
//! count over many runs, a backup, giving free space back) is done a slice at a time between
//! batches, so that nobody who writes waits for more than a slice.

use std::{collections::VecDeque, fmt};

use super::{backup::BackupRequest, db::Db, rows::Row, storage_error};
use crate::engine::{
    EngineError,
    embedded::options::{CrashAction, CrashHook, CrashPoint},
};

/// How many pages of the file are given back in one slice.
const RECLAIMED_AT_ONCE: u32 = 256;
/// The file is made smaller when more than one in so many of its pages is free.
const FREE_SHARE: i64 = 4;
/// Less than so many free pages (1 MiB) are left for what comes.
const SPARE_PAGES: i64 = 256;

/// How far a slice of a read has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Slice {
    Done,
    More,
}

/// A question to the file.
pub(crate) struct ReadFn(Box<dyn FnMut(&Db<'_>) -> Slice + Send>);

impl ReadFn {
    /// A short one.
    pub(crate) fn new(read: impl FnOnce(&Db<'_>) + Send + 'static) -> Self {
        let mut read = Some(read);
        Self::sliced(move |db| {
            if let Some(read) = read.take() {
                read(db);
            }
            Slice::Done
        })
    }

    /// One that is asked again, between batches, until it is done.
    pub(crate) fn sliced(read: impl FnMut(&Db<'_>) -> Slice + Send + 'static) -> Self {
        Self(Box::new(read))
    }
}

impl fmt::Debug for ReadFn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReadFn")
    }
}

/// What there is to do for the writer.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) rows: Vec<Row>,
    pub(crate) reads: Vec<ReadFn>,
    pub(crate) backups: Vec<BackupRequest>,
}

/// Where the writer's work comes from, and who hears of it.
pub(crate) trait WriterWork {
    /// The next work, perhaps none; waits for some if asked to. `None` ends the thread.
    fn next(&self, wait: bool) -> Option<Batch>;
    /// The rows of the last batch are committed.
    fn committed(&self, rows: Vec<Row>);
    /// The rows of the last batch are not written, not even in part.
    fn failed(&self, rows: Vec<Row>, error: EngineError);
    /// The engine is dead, as a test wanted.
    fn crashed(&self);
}

/// Runs until there is no more work.
pub(crate) fn run_writer(work: &impl WriterWork, db: &Db<'_>, crash: Option<&CrashHook>) {
    let mut writer = Writer {
        work,
        db,
        crash,
        ordinal: 0,
        unfinished: VecDeque::new(),
        backups: VecDeque::new(),
        reclaim: true,
    };
    while writer.turn(writer.is_idle()).is_some() {
        if let Some(backup) = writer.backups.pop_front() {
            backup.run(db, || writer.turn(false));
        }
    }
}

/// Does now what the writer thread would do, for an engine without threads.
pub(crate) fn write_what_is_queued(work: &impl WriterWork, db: &Db<'_>) {
    let mut writer = Writer {
        work,
        db,
        crash: None,
        ordinal: 0,
        unfinished: VecDeque::new(),
        backups: VecDeque::new(),
        reclaim: false,
    };
    while writer.turn(false).is_some() && !writer.is_idle() {}
}

struct Writer<'a, 'c, W> {
    work: &'a W,
    db: &'a Db<'c>,
    crash: Option<&'a CrashHook>,
    /// Counts commits.
    ordinal: u64,
    unfinished: VecDeque<ReadFn>,
    backups: VecDeque<BackupRequest>,
    /// Whether there may be space to give back.
    reclaim: bool,
}

impl<W: WriterWork> Writer<'_, '_, W> {
    fn is_idle(&self) -> bool {
        self.unfinished.is_empty() && self.backups.is_empty() && !self.reclaim
    }

    /// One batch, and a slice of what takes longer. `None` ends the thread.
    fn turn(&mut self, wait: bool) -> Option<()> {
        let batch = self.work.next(wait)?;
        self.reclaim |= batch
            .rows
            .iter()
            .any(|row| matches!(row, Row::Delete { .. }));
        self.commit(batch.rows)?;
        for read in batch.reads {
            self.slice(read);
        }
        self.backups.extend(batch.backups);
        if let Some(read) = self.unfinished.pop_front() {
            self.slice(read);
        } else if self.reclaim {
            self.reclaim = reclaim(self.db).unwrap_or_else(|error| {
                tracing::warn!(%error, "free space of the file could not be given back");
                false
            });
        }
        Some(())
    }

    fn slice(&mut self, mut read: ReadFn) {
        if (read.0)(self.db) == Slice::More {
            self.unfinished.push_back(read);
        }
    }

    /// Writes rows. `None` when the engine dies.
    fn commit(&mut self, rows: Vec<Row>) -> Option<()> {
        if rows.is_empty() {
            self.work.committed(rows);
            return Some(());
        }
        self.ordinal += 1;
        let at = |point| {
            self.crash
                .map_or(CrashAction::Continue, |hook| hook(self.ordinal, point))
        };
        match write(self.db, &rows, || at(CrashPoint::BeforeCommit)) {
            Ok(true) if at(CrashPoint::AfterCommit) != CrashAction::Stop => {
                self.work.committed(rows);
            }
            Ok(_) => {
                self.work.crashed();
                return None;
            }
            Err(error) => {
                let error = storage_error("the file could not be written", &error);
                tracing::error!(%error, "a commit failed");
                self.work.failed(rows, error);
            }
        }
        Some(())
    }
}

/// Makes the file a little smaller if much of it is free; says whether there is more to do.
fn reclaim(db: &Db<'_>) -> rusqlite::Result<bool> {
    let number = |pragma: &str| db.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let (free, all) = (number("freelist_count")?, number("page_count")?);
    if free < SPARE_PAGES || free.saturating_mul(FREE_SHARE) < all {
        return Ok(false);
    }
    db.prepare_cached(&format!("PRAGMA incremental_vacuum({RECLAIMED_AT_ONCE})"))?
        .query([])
        .and_then(|mut rows| {
            while rows.next()?.is_some() {}
            Ok(())
        })?;
    Ok(number("freelist_count")? < free)
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
