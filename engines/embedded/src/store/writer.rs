//! The writer: takes everything that was queued, writes it in one transaction, and says so.
//!
//! Reads that were queued with or before a batch run after it, so they see it. What takes longer (a
//! count over many runs, a backup, giving free space back) is done a slice at a time between
//! batches, so that nobody who writes waits for more than a slice.

use std::{
    collections::VecDeque,
    fmt,
    time::{Duration, Instant},
};

use steadfast_engine::EngineError;

use super::{
    backup::BackupRequest,
    db::{Db, Statements},
    disk::{Disk, full, is_full},
    rows::Row,
    storage_error,
};
use crate::options::{CrashAction, CrashHook, CrashPoint};

/// How many pages of the file are given back in one slice.
const RECLAIMED_AT_ONCE: u64 = 256;
/// The file is made smaller when more than one in so many of its pages is free.
const FREE_SHARE: i64 = 4;
/// Less than so many free pages (1 MiB) are left for what comes.
const SPARE_PAGES: i64 = 256;

/// For so long after it was looked for the file is taken to be where it was: to look costs a fifth of what a
/// commit costs that does not wait for the disk.
const PLACE_HOLDS: Duration = Duration::from_micros(50);

/// How far a slice of a read has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Slice {
    Done,
    More,
}

/// A question to the file.
pub(crate) struct ReadFn(Box<dyn FnMut(&Db) -> Slice + Send>);

impl ReadFn {
    /// A short one.
    pub(crate) fn new(read: impl FnOnce(&Db) + Send + 'static) -> Self {
        let mut read = Some(read);
        Self::sliced(move |db| {
            if let Some(read) = read.take() {
                read(db);
            }
            Slice::Done
        })
    }

    /// One that is asked again, between batches, until it is done.
    pub(crate) fn sliced(read: impl FnMut(&Db) -> Slice + Send + 'static) -> Self {
        Self(Box::new(read))
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress")
            .field("ordinal", &self.ordinal)
            .finish_non_exhaustive()
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
    /// What there is to do now, perhaps nothing. `None` when there will be no more.
    fn take(&self) -> Option<Batch>;
    /// The rows of the last batch are committed.
    fn committed(&self, rows: Vec<Row>);
    /// The rows of the last batch are not written, not even in part.
    fn failed(&self, rows: Vec<Row>, error: EngineError);
    /// The file is not where it was, so the engine must not go on: nothing of the last batch is acknowledged.
    fn lost(&self, rows: Vec<Row>, error: EngineError);
    /// The engine is dead, as a test wanted.
    fn crashed(&self);
}

/// The file, and what is being done with it.
#[derive(Debug)]
pub(crate) struct Writer {
    db: Db,
    progress: Progress,
}

/// What goes on longer than a batch.
struct Progress {
    crash: Option<CrashHook>,
    /// Counts commits.
    ordinal: u64,
    disk: Disk,
    /// When the file was last looked for.
    seen: Option<Instant>,
    unfinished: VecDeque<ReadFn>,
    backups: VecDeque<BackupRequest>,
    /// Whether deleted runs may have left something.
    purge: bool,
    /// Whether there may be space to give back.
    reclaim: bool,
}

impl Writer {
    pub(crate) fn new(db: Db, crash: Option<CrashHook>) -> Self {
        let disk = Disk::of(&db);
        Self {
            db,
            progress: Progress {
                crash,
                ordinal: 0,
                disk,
                seen: None,
                unfinished: VecDeque::new(),
                backups: VecDeque::new(),
                purge: true,
                reclaim: true,
            },
        }
    }

    pub(crate) fn db(&self) -> &Db {
        &self.db
    }

    /// Whether nothing is left but what will be queued.
    pub(crate) fn is_idle(&self) -> bool {
        let Progress {
            unfinished,
            backups,
            purge,
            reclaim,
            ..
        } = &self.progress;
        unfinished.is_empty() && backups.is_empty() && !purge && !reclaim
    }

    /// Writes one batch, if there is one. `None` when the engine dies, or there will be no more.
    pub(crate) fn write(&mut self, work: &impl WriterWork) -> Option<()> {
        self.progress.batch(&self.db, work)
    }

    /// One batch, and a slice of what takes longer; during a backup, all of it. `None` when the engine
    /// dies, or there will be no more.
    pub(crate) fn turn(&mut self, work: &impl WriterWork) -> Option<()> {
        let Self { db, progress } = self;
        progress.turn(db, work)?;
        if let Some(backup) = progress.backups.pop_front() {
            backup.run(db, || progress.turn(db, work));
        }
        Some(())
    }
}

impl Progress {
    fn turn(&mut self, db: &Db, work: &impl WriterWork) -> Option<()> {
        self.batch(db, work)?;
        if let Some(read) = self.unfinished.pop_front() {
            self.slice(db, read);
        } else if self.purge {
            self.purge = self.disk.purge(db).unwrap_or_else(|error| {
                tracing::warn!(%error, "the rest of a deleted history could not be taken away");
                false
            });
        } else if self.reclaim {
            self.reclaim = reclaim(db, self.disk.pages_at_once(db)).unwrap_or_else(|error| {
                tracing::warn!(%error, "free space of the file could not be given back");
                false
            });
        }
        Some(())
    }

    fn batch(&mut self, db: &Db, work: &impl WriterWork) -> Option<()> {
        let batch = work.take()?;
        let deletes = batch
            .rows
            .iter()
            .any(|row| matches!(row, Row::Delete { .. }));
        self.purge |= deletes;
        self.reclaim |= deletes;
        self.commit(db, work, batch.rows)?;
        for read in batch.reads {
            self.slice(db, read);
        }
        self.backups.extend(batch.backups);
        Some(())
    }

    fn slice(&mut self, db: &Db, mut read: ReadFn) {
        if (read.0)(db) == Slice::More {
            self.unfinished.push_back(read);
        }
    }

    fn check_place(&mut self, db: &Db) -> Result<(), EngineError> {
        let now = Instant::now();
        if self.seen.is_none_or(|seen| now - seen > PLACE_HOLDS) {
            db.check_place()?;
            self.seen = Some(now);
        }
        Ok(())
    }

    /// Writes rows. `None` when the engine dies.
    fn commit(&mut self, db: &Db, work: &impl WriterWork, rows: Vec<Row>) -> Option<()> {
        let at = |ordinal, point| {
            self.crash
                .as_ref()
                .map_or(CrashAction::Continue, |hook| hook(ordinal, point))
        };
        let written = if rows.is_empty() {
            Ok(true)
        } else {
            self.ordinal += 1;
            let ordinal = self.ordinal;
            let mut action = None;
            let mut write = |rows: &[Row]| {
                let action =
                    || *action.get_or_insert_with(|| at(ordinal, CrashPoint::BeforeCommit));
                db.append(|| write(db, rows, action))
            };
            self.disk
                .make_room(db, &rows)
                .and_then(|()| {
                    let written = write(&rows);
                    if written.as_ref().is_err_and(is_full) && rows.iter().any(Row::makes_room) {
                        // What is kept for such a commit is there once the log begins anew.
                        self.disk.found_full(db);
                        return parts(&rows).try_fold(true, |all, part| {
                            self.disk.begin_log_anew_in_time(db);
                            Ok(write(part)? && all)
                        });
                    }
                    written
                })
                .map(|committed| {
                    committed && at(ordinal, CrashPoint::AfterCommit) != CrashAction::Stop
                })
        };
        // After the commit: then nothing is acknowledged that went into a file without a name, or into what somebody
        // else wrote there.
        if let Err(error) = db.check_untouched().and_then(|()| self.check_place(db)) {
            tracing::error!(%error, "the engine stops");
            work.lost(rows, error);
            return None;
        }
        match written {
            Ok(true) => {
                work.committed(rows);
                self.disk.committed(db);
            }
            Ok(false) => {
                work.crashed();
                return None;
            }
            Err(error) => {
                if is_full(&error) {
                    self.disk.found_full(db);
                }
                let error = storage_error("the file could not be written", &error);
                tracing::error!(%error, "a commit failed");
                work.failed(rows, error);
            }
        }
        Some(())
    }
}

/// Makes the file a little smaller if much of it is free; says whether there is more to do.
fn reclaim(db: &Db, pages: u64) -> rusqlite::Result<bool> {
    let number = |pragma: &str| db.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let (free, all) = (number("freelist_count")?, number("page_count")?);
    if free < SPARE_PAGES || free.saturating_mul(FREE_SHARE) < all {
        return Ok(false);
    }
    db.give_back(pages.min(RECLAIMED_AT_ONCE))?;
    Ok(number("freelist_count")? < free)
}

/// What has to be written as a whole: everything, or, when all that is wanted is to delete runs, each for itself.
fn parts(rows: &[Row]) -> impl Iterator<Item = &[Row]> {
    let deletes = rows.iter().all(|row| matches!(row, Row::Delete { .. }));
    rows.chunks(if deletes { 1 } else { rows.len() })
}

/// Says whether the rows are committed; they are not when the engine dies before.
fn write(db: &Db, rows: &[Row], action: impl FnOnce() -> CrashAction) -> rusqlite::Result<bool> {
    let written = db.transaction(|| {
        let mut statements = Statements::new(db);
        rows.iter().try_for_each(|row| row.write(&mut statements))?;
        match action() {
            CrashAction::Continue => Ok(()),
            CrashAction::Fail => Err(Undone::Failed(full())),
            CrashAction::Stop => Err(Undone::Crashed),
        }
    });
    match written {
        Ok(()) => Ok(true),
        Err(Undone::Crashed) => Ok(false),
        Err(Undone::Failed(error)) => Err(error),
    }
}

/// Why a transaction was rolled back.
enum Undone {
    Failed(rusqlite::Error),
    /// As a test wanted.
    Crashed,
}

impl From<rusqlite::Error> for Undone {
    fn from(error: rusqlite::Error) -> Self {
        Self::Failed(error)
    }
}
