//! Keeps a disk from being filled for good, by this engine or by other programs.
//!
//! What is committed is in the log first and needs its room in the database too when the log begins anew. So it is
//! written only once its blocks on the disk belong to both files: whoever fills the disk then, it gets into the database.
//! Both have some blocks more, which only what ends and deletes runs may use, and which are never given back while
//! the disk is full: so that goes on when others have taken the last byte. A process that ends leaves them
//! behind the end of its log or, when it ends in peace, of the database, for the next one.
//!
//! Where the system gives no blocks beforehand, the last of a disk is left free instead. Others can take that.

use std::collections::HashSet;

use rusqlite::ErrorCode;

use super::{
    PAGE,
    blocks::{Blocks, Room},
    db::Db,
    purge::purge,
    rows::Row,
};

/// What is written besides a row's values: pages of tables and indices.
const BYTES_OF_A_ROW: u64 = 16 * 1024;
/// What ends runs may bring so many bytes along.
const LITTLE: u64 = 16 * 1024;
/// What is left free at most where no blocks are given.
const MOST_LEFT_FREE: u64 = 512 * 1024;
/// A page that is moved takes a few pages of the log.
const PAGES_TO_MOVE_ONE: u64 = 8;

/// What is known of the disk.
#[derive(Debug, Default)]
pub(super) struct Disk {
    /// So many bytes may be written before more blocks are needed.
    allowance: u64,
}

impl Disk {
    /// Of a file that was just opened.
    pub(super) fn of(db: &Db) -> Self {
        keep(db);
        Self::default()
    }

    /// Sees to it that rows can be written, and what is in the log already put into the database.
    ///
    /// # Errors
    ///
    /// When only what makes room may be written.
    pub(super) fn make_room(&mut self, db: &Db, rows: &[Row]) -> rusqlite::Result<()> {
        if db.was_rewritten() {
            self.allowance = 0;
        }
        let rows_bytes = BYTES_OF_A_ROW.saturating_mul(rows.len() as u64);
        let all = values(rows.iter()).saturating_add(rows_bytes);
        if let Some(left) = self.allowance.checked_sub(all) {
            self.allowance = left;
            return Ok(());
        }
        self.allowance = 0;
        let more = kept_by_log(db);
        if has_room(db, all.saturating_add(more))? {
            self.allowance = more;
            return Ok(());
        }
        let has_enough = has_room(db, all)?;
        keep_within(db)?;
        if has_enough {
            return Ok(());
        }
        if uses_what_is_kept(rows) {
            self.begin_log_anew_in_time(db);
            return Ok(());
        }
        while self.purge(db)? {}
        db.begin_log_anew()?;
        if has_room(db, all)? {
            return Ok(());
        }
        // What the log has too many is free for the database.
        let _ = db.cut_log(all.saturating_add(kept_by_log(db)));
        while !has_room(db, all)? {
            // What is free within the database is no use for the log.
            let free = db.free_pages()?;
            if free.saturating_mul(PAGE) < all {
                return Err(full());
            }
            db.give_back(pages_at_once(db))?;
            db.begin_log_anew()?;
            if db.free_pages()? >= free {
                return Err(full());
            }
        }
        Ok(())
    }

    /// After a commit that found the disk full: what is in the log is put into the database, so that it begins anew, with all
    /// the blocks that it has.
    pub(super) fn found_full(&mut self, db: &Db) {
        self.allowance = 0;
        let _ = keep_within(db);
        let begun = if db.take_blocks(0, 0) == Ok(Blocks::NotGiven) {
            // What is written again needs other blocks: those of the log.
            db.empty_log()
        } else {
            db.begin_log_anew()
        };
        let begun = begun.or_else(|_| {
            // Another program has taken what the database has to grow by; the log has some to spare.
            let _ = db.lend_blocks()?;
            db.begin_log_anew()
        });
        if let Err(error) = begun {
            tracing::warn!(%error, "the log could not be emptied");
        }
        keep(db);
    }

    /// Takes a part of what deleted runs have left away; says whether there may be more.
    pub(super) fn purge(&mut self, db: &Db) -> rusqlite::Result<bool> {
        if !has_room(db, 0)? {
            self.begin_log_anew_in_time(db);
        }
        purge(db)
    }

    /// Puts what is in the log into the database before the log grows beyond what it has: that is the database's.
    pub(super) fn begin_log_anew_in_time(&mut self, db: &Db) {
        if db
            .room()
            .is_some_and(|room| db.log_in_use() > room.kept().log / 2)
        {
            self.found_full(db);
        }
    }

    /// After a commit: takes the blocks that it used, if there are some.
    pub(super) fn committed(&mut self, db: &Db) {
        if db.was_rewritten() {
            self.allowance = 0;
            keep(db);
        }
    }

    /// How many pages can be moved about without filling the disk.
    pub(super) fn pages_at_once(&mut self, db: &Db) -> u64 {
        if !has_room(db, kept_by_log(db)).unwrap_or(false) {
            // Then what was given back so far is free on the disk too.
            self.found_full(db);
        }
        pages_at_once(db)
    }
}

/// Whether both files have, or now get, the blocks for so many bytes besides those that are kept.
fn has_room(db: &Db, bytes: u64) -> rusqlite::Result<bool> {
    let Some(room) = db.room() else {
        return Ok(true);
    };
    let kept = room.kept();
    let and = |kept: u64| bytes.saturating_add(kept);
    Ok(match db.take_blocks(and(kept.log), and(kept.database))? {
        Blocks::Taken => true,
        Blocks::DiskFull => false,
        Blocks::NotGiven => {
            // The database grows by what is in the log as well.
            let growth = db.log_in_use().saturating_add(bytes.saturating_mul(2));
            room.free >= growth.saturating_add(kept.log.min(MOST_LEFT_FREE))
        }
    })
}

/// Takes the blocks that are kept, as far as there are any.
fn keep(db: &Db) {
    let kept = db.room().map(Room::kept);
    // The disk is looked at again before anything is written.
    let _ = kept.map(|kept| db.take_most_blocks(kept.log, kept.database));
}

/// Makes what the database keeps free pages within it, if it has the blocks: those behind its end are given back each time
/// that it is written from its log, and then others can take them.
fn keep_within(db: &Db) -> rusqlite::Result<()> {
    let Some(kept) = db.room().map(|room| room.kept().database) else {
        return Ok(());
    };
    let lacking = kept.saturating_sub(db.free_pages()?.saturating_mul(PAGE));
    if lacking == 0 || db.take_blocks(0, kept)? != Blocks::Taken {
        return Ok(());
    }
    let grown = db.append(|| {
        db.transaction(|| {
            db.prepare_cached("INSERT INTO job (id, job) VALUES (0, zeroblob(?1))")?
                .execute([i64::try_from(lacking).unwrap_or(0)])?;
            db.prepare_cached("DELETE FROM job WHERE id = 0")?
                .execute([])
                .map(drop)
        })
    });
    // Then it is as it was.
    grown.or_else(|error| if is_full(&error) { Ok(()) } else { Err(error) })
}

/// Whether rows are what the last blocks are kept for: those of a commit that ends or deletes runs and brings little along.
fn uses_what_is_kept(rows: &[Row]) -> bool {
    let deleted: HashSet<i64> = rows
        .iter()
        .filter(|row| matches!(row, Row::Delete { .. }))
        .filter_map(Row::key)
        .collect();
    let stays = |row: &&Row| row.key().is_none_or(|key| !deleted.contains(&key));
    rows.iter().any(Row::makes_room) && values(rows.iter().filter(stays)) <= LITTLE
}

fn values<'a>(rows: impl Iterator<Item = &'a Row>) -> u64 {
    let bytes = rows.map(|row| u64::try_from(row.bytes()).unwrap_or(u64::MAX));
    bytes.fold(0, u64::saturating_add)
}

/// The blocks for so many bytes are kept by the log, and for as many taken at once, if there are as many.
fn kept_by_log(db: &Db) -> u64 {
    db.room().map_or(u64::MAX, |room| room.kept().log)
}

/// How many pages can be moved about within the blocks that the log keeps.
fn pages_at_once(db: &Db) -> u64 {
    db.room().map_or(u64::MAX, |room| {
        (room.kept().log / PAGE / PAGES_TO_MOVE_ONE).max(1)
    })
}

/// What `SQLite` says when it finds the disk full.
pub(super) fn full() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL), None)
}

/// Whether `SQLite` found the disk full.
pub(super) fn is_full(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DiskFull)
}
