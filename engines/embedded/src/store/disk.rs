//! Keeps a small disk from being filled for good.
//!
//! What is committed is in the log first and needs its room in the database too when the log is emptied. A log
//! that takes all that is left can never be emptied, and then nothing can be written any more, not even what would make
//! room. So the log is emptied before it takes a share of what is free, and the last of a disk is kept
//! for deleting and ending runs. Other programs can still fill the disk; then it takes their room to go on.

use super::{PAGE, db::Db, possession::Room, rows::Row};

/// The part of a disk that is kept for what makes room, and its bounds.
const RESERVED_SHARE: u64 = 16;
const LEAST_RESERVED: u64 = 64 * 1024;
const MOST_RESERVED: u64 = 512 * 1024;
/// What is written besides a row's values: pages of tables and indices.
const BYTES_OF_A_ROW: u64 = 16 * 1024;
/// So much is written at most before somebody looks again, and a share of what is free.
const LONGEST_WITHOUT_LOOKING: u64 = 4 * 1024 * 1024;
const SHARE_WITHOUT_LOOKING: u64 = 8;

/// What is known of the disk.
#[derive(Debug, Default)]
pub(super) struct Disk {
    /// So many bytes may be written before somebody has to look at the disk.
    allowance: u64,
}

impl Disk {
    /// Sees to it that rows can be written, and what is in the log already put into the database.
    ///
    /// # Errors
    ///
    /// When only what makes room may be written.
    pub(super) fn make_room(&mut self, db: &Db, rows: &[Row]) -> rusqlite::Result<()> {
        let bytes = rows.iter().fold(0_u64, |sum, row| {
            let values = u64::try_from(row.bytes()).unwrap_or(u64::MAX);
            sum.saturating_add(values).saturating_add(BYTES_OF_A_ROW)
        });
        if let Some(left) = self.allowance.checked_sub(bytes) {
            self.allowance = left;
            return Ok(());
        }
        let Some(mut room) = db.room() else {
            self.allowance = LONGEST_WITHOUT_LOOKING;
            return Ok(());
        };
        if room.log > 0 && room.log.saturating_add(bytes).saturating_mul(2) > room.free {
            db.empty_log()?;
            room = db.room().unwrap_or(room);
        }
        let free = room.free.saturating_sub(reserved(room));
        self.allowance = (free / SHARE_WITHOUT_LOOKING).min(LONGEST_WITHOUT_LOOKING);
        if free >= bytes.saturating_mul(2) || rows.iter().any(Row::makes_room) {
            return Ok(());
        }
        loop {
            // What is free within the database need not be free on the disk, but the log needs its room there.
            let within: i64 = db.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
            let within = u64::try_from(within).unwrap_or(0).saturating_mul(PAGE);
            let free = room.free.saturating_sub(reserved(room));
            if free >= bytes.saturating_add(bytes.saturating_sub(within)) {
                return Ok(());
            }
            if within < bytes {
                return Err(full());
            }
            let before = room.free;
            db.give_back((before / PAGE / 4).max(1))?;
            db.empty_log()?;
            room = db.room().unwrap_or(room);
            if room.free <= before {
                return Err(full());
            }
        }
    }

    /// After a commit that failed: what it left in the log is cleared away.
    pub(super) fn commit_failed(&mut self, db: &Db, error: &rusqlite::Error) {
        self.allowance = 0;
        if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull)
            && let Err(error) = db.empty_log()
        {
            tracing::warn!(%error, "the log could not be emptied");
        }
    }

    /// How many pages can be moved about without filling the disk.
    pub(super) fn pages_at_once(&mut self, db: &Db) -> u64 {
        let Some(room) = db.room() else {
            return u64::MAX;
        };
        let pages = room.free / PAGE / 4;
        if room.free < MOST_RESERVED.saturating_mul(4) {
            // Then what was given back so far is free on the disk too.
            self.allowance = 0;
            if let Err(error) = db.empty_log() {
                tracing::warn!(%error, "the log could not be emptied");
            }
        }
        pages.max(1)
    }
}

fn reserved(room: Room) -> u64 {
    (room.all / RESERVED_SHARE).clamp(LEAST_RESERVED, MOST_RESERVED)
}

/// What `SQLite` says when it finds the disk full.
pub(super) fn full() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL), None)
}
