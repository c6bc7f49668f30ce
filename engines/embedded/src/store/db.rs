//! A connection with the codec that what users passed around goes through on its way into the file and
//! out of it.

use std::{
    borrow::Cow,
    cell::Cell,
    error::Error,
    fmt,
    fs::File,
    io,
    ops::Deref,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use rusqlite::{CachedStatement, Connection, Params, config::DbConfig, hooks::Wal};
use steadfast_core::{payload::Payload, text::panic_message};
use steadfast_engine::{EngineError, codec::PayloadCodec};

use super::{
    PAGE,
    blocks::{self, Blocks, Room},
    codec::{decode_value, encode_value},
    possession::{End, Possession, bytes_of},
    stamp,
};

/// How many prepared statements are kept. Only lists with unusual queries lead to more.
const KEPT_STATEMENTS: usize = 64;

/// The log is begun anew when it has so many frames of a page each: 16 MiB.
const FRAMES_OF_A_LOG: u64 = 4_000;

/// The first byte of what a codec encoded. `MessagePack` never uses it.
const SEALED: u8 = 0xc1;

pub(crate) struct Db {
    connection: Connection,
    /// Dropped after the connection; there is none in memory.
    possession: Option<Possession>,
    /// How many frames of the log are in use.
    frames: Arc<AtomicU64>,
    /// Whether the database was written to from its log since somebody asked.
    rewritten: Cell<bool>,
    codec: Option<Arc<dyn PayloadCodec>>,
}

impl Db {
    pub(super) fn new(
        mut connection: Connection,
        possession: Option<Possession>,
        codec: Option<Arc<dyn PayloadCodec>>,
    ) -> rusqlite::Result<Self> {
        connection.set_prepared_statement_cache_capacity(KEPT_STATEMENTS);
        let found: i64 =
            connection.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| row.get(1))?;
        let frames = Arc::new(AtomicU64::new(u64::try_from(found).unwrap_or(0)));
        let seen = Arc::clone(&frames);
        connection.wal_hook(Some(move |_: &mut Wal, frames| {
            seen.store(u64::try_from(frames).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        }))?;
        Ok(Self {
            connection,
            possession,
            frames,
            rewritten: Cell::new(false),
            codec,
        })
    }

    /// Whether the process that had the file before did not end in peace.
    pub(crate) fn follows_a_crash(&self) -> bool {
        let possession = self.possession.as_ref();
        possession.is_some_and(Possession::follows_a_crash)
    }

    /// Whether the file is still where it was; costs two questions to the operating system.
    ///
    /// # Errors
    ///
    /// When it is not.
    pub(super) fn check_place(&self) -> Result<(), EngineError> {
        self.possession.as_ref().map_or(Ok(()), Possession::check)
    }

    /// How much room there is on the disk; nothing in memory, or where nobody tells.
    pub(super) fn room(&self) -> Option<Room> {
        self.possession.as_ref()?.room()
    }

    /// The name of the log, if there is one.
    pub(crate) fn log(&self) -> Option<PathBuf> {
        Some(self.possession.as_ref()?.log_path()?.to_owned())
    }

    /// Whether nobody else has written to the file.
    ///
    /// # Errors
    ///
    /// When somebody has, from then on each time.
    pub(super) fn check_untouched(&self) -> Result<(), EngineError> {
        self.possession
            .as_ref()
            .map_or(Ok(()), Possession::check_untouched)
    }

    /// Runs what adds to the log, unless somebody else has written to the file; then, and when somebody does so
    /// meanwhile, [`check_untouched`](Self::check_untouched) says why not. Begins the log anew when it is long.
    pub(super) fn append<T>(
        &self,
        write: impl FnOnce() -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let Some(possession) = &self.possession else {
            return write();
        };
        possession.check_untouched().map_err(|_| untouchable())?;
        let written = write();
        let frames = self.frames.load(Ordering::Relaxed);
        if possession.appended(frames).is_ok() && frames >= FRAMES_OF_A_LOG {
            // What was written is written, and the next one tries again.
            let _ = self.checkpoint("PASSIVE");
        }
        written
    }

    /// Runs what is committed as a whole or not at all.
    pub(super) fn transaction<E: From<rusqlite::Error>>(
        &self,
        act: impl FnOnce() -> Result<(), E>,
    ) -> Result<(), E> {
        let run = |statement: &str| self.prepare_cached(statement)?.execute([]).map(drop);
        run("BEGIN IMMEDIATE")?;
        let done = act().and_then(|()| run("COMMIT").map_err(E::from));
        // SQLite has rolled back by itself after some errors; then this one fails.
        if done.is_err() && !self.is_autocommit() {
            run("ROLLBACK")?;
        }
        done
    }

    /// Puts everything that is in the log into the database, and gives the blocks of the log back.
    pub(super) fn empty_log(&self) -> rusqlite::Result<()> {
        self.checkpoint("TRUNCATE")
    }

    /// Puts everything that is in the log into the database, and begins the log anew, which keeps its blocks.
    pub(super) fn begin_log_anew(&self) -> rusqlite::Result<()> {
        self.checkpoint("PASSIVE")?;
        self.append(|| stamp::mark(self))
    }

    fn checkpoint(&self, mode: &str) -> rusqlite::Result<()> {
        self.check_untouched().map_err(|_| untouchable())?;
        // When there is no room for it the database is as it was but for what is in the log.
        let _ = stamp::mark(self);
        let done = self
            .prepare_cached(&format!("PRAGMA wal_checkpoint({mode})"))?
            .query_row([], |_| Ok(()));
        if done.is_ok() {
            self.frames.store(0, Ordering::Relaxed);
        }
        self.rewritten.set(true);
        if let Some(possession) = &self.possession {
            possession.rewritten();
        }
        done
    }

    /// Whether the database was written to from its log since somebody asked: then it has no blocks behind its end.
    pub(super) fn was_rewritten(&self) -> bool {
        self.rewritten.take()
    }

    /// Gives both files the blocks for so many bytes more than they have in use, as far as the system gives any.
    pub(super) fn take_blocks(&self, log: u64, database: u64) -> rusqlite::Result<Blocks> {
        self.blocks(log, database, |file, end, _| blocks::take(file, end))
    }

    /// [`take_blocks`](Self::take_blocks), or as many of them as there are.
    pub(super) fn take_most_blocks(&self, log: u64, database: u64) -> rusqlite::Result<Blocks> {
        self.blocks(log, database, blocks::take_most)
    }

    fn blocks(
        &self,
        log: u64,
        database: u64,
        take: impl Fn(&File, u64, u64) -> Blocks,
    ) -> rusqlite::Result<Blocks> {
        let Some(possession) = &self.possession else {
            return Ok(Blocks::NotGiven);
        };
        let pages = self.number("page_count")?;
        let used = pages.saturating_sub(self.number("freelist_count")?);
        let used = used.saturating_mul(PAGE).saturating_add(database);
        let of_log = self.log_in_use().saturating_add(log);
        let of_database = used.max(pages.saturating_mul(PAGE));
        Ok(possession.take_blocks(
            |file| take(file, of_log, log),
            |file| take(file, of_database, database),
        ))
    }

    /// How many bytes of the log are in use.
    pub(super) fn log_in_use(&self) -> u64 {
        bytes_of(self.frames.load(Ordering::Relaxed))
    }

    /// Gives back the blocks of the log behind so many bytes that are not in use.
    pub(super) fn cut_log(&self, kept: u64) -> io::Result<()> {
        let end = self.log_in_use().saturating_add(kept);
        self.possession
            .as_ref()
            .map_or(Ok(()), |possession| possession.cut_log(end))
    }

    /// Has the log give the blocks to the database that this lacks for what is in the log.
    pub(super) fn lend_blocks(&self) -> rusqlite::Result<io::Result<()>> {
        let end = self.number("page_count")?.saturating_mul(PAGE);
        // To put it into the database takes a page more.
        let in_use = self.log_in_use().saturating_add(2 * PAGE);
        Ok(self
            .possession
            .as_ref()
            .map_or(Ok(()), |possession| possession.lend_blocks(in_use, end)))
    }

    /// How many pages of the database are free.
    pub(super) fn free_pages(&self) -> rusqlite::Result<u64> {
        self.number("freelist_count")
    }

    fn number(&self, pragma: &str) -> rusqlite::Result<u64> {
        let number: i64 = self.pragma_query_value(None, pragma, |row| row.get(0))?;
        Ok(u64::try_from(number).unwrap_or(0))
    }

    /// Makes the file smaller by so many free pages, or as many as there are.
    pub(super) fn give_back(&self, pages: u64) -> rusqlite::Result<()> {
        self.append(|| {
            self.prepare_cached(&format!("PRAGMA incremental_vacuum({pages})"))?
                .query([])
                .and_then(|mut rows| {
                    while rows.next()?.is_some() {}
                    Ok(())
                })
        })
    }

    /// Puts what was acknowledged into the file that was moved and lets go of it. Nothing is deleted then:
    /// what has the names of the file and of its log may be somebody else's.
    fn abandon(&self) -> rusqlite::Result<()> {
        self.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        self.empty_log()
    }

    /// Whether the log can be deleted, or has to stay because others would take its blocks.
    fn end_of_log(&self) -> End {
        let is_scarce = self.room().is_some_and(|room| {
            // What the file system says to be free need not be for everybody.
            let kept = room.kept();
            let next = kept.log + kept.database;
            self.take_blocks(kept.log, next) == Ok(Blocks::DiskFull)
        });
        if !is_scarce {
            return End::LogIsDeleted;
        }
        let kept = self
            .checkpoint("PASSIVE")
            .and_then(|()| self.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true));
        kept.map_or(End::Unknown, |_| End::LogIsKept)
    }

    /// Lets go of a file that somebody else wrote to, without a change, and keeps its log from what is there now.
    fn leave(&self, possession: &Possession) -> Result<(), Box<dyn Error>> {
        self.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        if let Some(aside) = possession.set_log_aside()? {
            tracing::warn!(
                log = %aside.display(),
                "the file or its log was overwritten while it was open; they do not belong together any more, so the \
                 log has another name now"
            );
        }
        Ok(())
    }

    /// What is stored of encoded values.
    pub(crate) fn seal<'b>(&self, bytes: &'b [u8]) -> rusqlite::Result<Cow<'b, [u8]>> {
        let Some(codec) = &self.codec else {
            return Ok(bytes.into());
        };
        let sealed = guarded(|| codec.encode(Payload::binary(bytes)))
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
        let mut stored = vec![SEALED];
        stored.append(&mut encode_value(&sealed));
        Ok(stored.into())
    }

    /// The encoded values of which something is stored.
    pub(crate) fn unseal<'b>(&self, stored: &'b [u8]) -> Result<Cow<'b, [u8]>, EngineError> {
        let Some((&SEALED, sealed)) = stored.split_first() else {
            return Ok(stored.into());
        };
        let Some(codec) = &self.codec else {
            return Err(EngineError::Storage {
                message: "the file was written with a payload codec; open it with the same one"
                    .to_owned(),
            });
        };
        let sealed = decode_value(sealed)?;
        let payload = guarded(|| codec.decode(sealed)).map_err(|error| EngineError::Storage {
            message: format!("a row of the file cannot be read: {error}"),
        })?;
        Ok(payload.data.as_slice().to_vec().into())
    }
}

/// What a panic is on its way up that was not the engine's but the user's codec's, and what it said.
pub(crate) struct CodecPanicked(pub(crate) String);

/// Calls the user's codec.
fn guarded<T>(call: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(call))
        .unwrap_or_else(|panic| resume_unwind(Box::new(CodecPanicked(panic_message(&*panic)))))
}

impl Deref for Db {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        &self.connection
    }
}

/// Runs statements one after the other. The last one is at hand, because most rows are written by the one before:
/// finding a kept statement costs as much as a tenth of what it does.
pub(super) struct Statements<'db> {
    pub(super) db: &'db Db,
    last: Option<(&'static str, CachedStatement<'db>)>,
}

impl<'db> Statements<'db> {
    pub(super) fn new(db: &'db Db) -> Self {
        Self { db, last: None }
    }

    pub(super) fn execute(
        &mut self,
        sql: &'static str,
        values: impl Params,
    ) -> rusqlite::Result<()> {
        let statement = match &mut self.last {
            Some((last, statement)) if *last == sql => statement,
            last => &mut last.insert((sql, self.db.prepare_cached(sql)?)).1,
        };
        statement.execute(values).map(drop)
    }
}

/// Why nothing is written: somebody else wrote to the file.
fn untouchable() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR), None)
}

impl Drop for Db {
    fn drop(&mut self) {
        if let Some(possession) = &self.possession
            && self.check_untouched().is_err()
        {
            if let Err(error) = self.leave(possession) {
                tracing::warn!(%error, "the log of a file that was overwritten is still beside it; move it away");
            }
        } else if self.check_place().is_err() {
            if let Err(error) = self.abandon() {
                tracing::warn!(%error, "what was acknowledged last is not in the file that was moved");
            }
        } else if let Some(possession) = &self.possession {
            possession.end(self.end_of_log());
        }
    }
}

impl fmt::Debug for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Db")
    }
}
