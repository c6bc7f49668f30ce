//! Copies the file while the engine works.
//!
//! The copy is made by the connection that writes, a slice of pages between two commits, so what is
//! committed meanwhile is in the copy too and nobody waits for long. It is made beside its final
//! name and gets that when it is whole and on the disk: what has the final name is a backup.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use rusqlite::backup::{Backup, StepResult};
use steadfast_engine::EngineError;
use tokio::sync::oneshot;

use super::{
    connect,
    db::Db,
    diagnosis,
    possession::{self, private},
    storage_error,
};

/// How many pages are copied between two batches: 1 MiB.
const COPIED_AT_ONCE: i32 = 256;

/// A wish for a copy.
#[derive(Debug)]
pub(crate) struct BackupRequest {
    to: PathBuf,
    done: oneshot::Sender<Result<(), EngineError>>,
}

impl BackupRequest {
    pub(crate) fn new(to: PathBuf) -> (Self, oneshot::Receiver<Result<(), EngineError>>) {
        let (done, receiver) = oneshot::channel();
        (Self { to, done }, receiver)
    }

    /// Makes the copy; between slices the writer takes its turns, and `None` of one ends it.
    pub(super) fn run(self, db: &Db, mut turn: impl FnMut() -> Option<()>) {
        let Self { to, done } = self;
        let result = make(db, &to, &mut turn, || done.is_closed());
        // Whoever asked may have gone.
        let _ = done.send(result);
    }
}

fn make(
    db: &Db,
    to: &Path,
    turn: &mut impl FnMut() -> Option<()>,
    given_up: impl Fn() -> bool,
) -> Result<(), EngineError> {
    let failed = |error: io::Error| failed(to, &error);
    // Absolute, so that SQLite takes it for nothing but the name of a file.
    let to = std::path::absolute(to).map_err(failed)?;
    if fs::symlink_metadata(&to).is_ok() {
        return Err(failed(io::ErrorKind::AlreadyExists.into()));
    }
    let partial = beside(&to).ok_or_else(|| failed(io::ErrorKind::InvalidInput.into()))?;
    // Under a name that nobody else has, so nothing of anybody is in the way and removed.
    private().create_new(true).open(&partial).map_err(failed)?;
    let result = match copy(db, &partial, turn, given_up) {
        Ok(true) => name(&partial, &to).map_err(failed),
        // The engine ends, or nobody waits any more.
        Ok(false) => Err(EngineError::Unavailable {
            message: "the engine ended before the backup was made".to_owned(),
        }),
        Err(error) => Err(error),
    };
    // It may have its other name already. SQLite leaves its journal where it could not finish.
    let _ = fs::remove_file(&partial);
    let _ = fs::remove_file(possession::beside(&partial, possession::JOURNAL));
    result
}

fn beside(to: &Path) -> Option<PathBuf> {
    let mut name = to.file_name()?.to_owned();
    name.push(format!(".{}.partial", uuid::Uuid::now_v7()));
    Some(to.with_file_name(name))
}

fn failed(to: &Path, error: &io::Error) -> EngineError {
    let why = diagnosis::of_system(to, error).unwrap_or_else(|| {
        format!(
            "{error}; name a new file in a folder that this user may write to, with room for the whole database"
        )
    });
    EngineError::Storage {
        message: format!("the backup `{}` could not be made: {why}", to.display()),
    }
}

/// Says whether the copy is whole.
fn copy(
    db: &Db,
    partial: &Path,
    turn: &mut impl FnMut() -> Option<()>,
    given_up: impl Fn() -> bool,
) -> Result<bool, EngineError> {
    let sqlite = |error: rusqlite::Error| {
        storage_error(
            &format!("the backup `{}` could not be made", partial.display()),
            &error,
        )
    };
    let mut target = connect(partial).map_err(sqlite)?;
    {
        let backup = Backup::new(db, &mut target).map_err(sqlite)?;
        while backup.step(COPIED_AT_ONCE).map_err(sqlite)? != StepResult::Done {
            if given_up() || turn().is_none() {
                return Ok(false);
            }
        }
    }
    target.close().map_err(|(_, error)| sqlite(error))?;
    Ok(true)
}

/// Gives the copy its name, durably, unless somebody else has taken it meanwhile.
fn name(partial: &Path, to: &Path) -> io::Result<()> {
    fs::File::open(partial)?.sync_all()?;
    match fs::hard_link(partial, to) {
        Ok(()) => fs::remove_file(partial)?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(error),
        // Not every file system has links.
        Err(_) if fs::symlink_metadata(to).is_err() => fs::rename(partial, to)?,
        Err(error) => return Err(error),
    }
    #[cfg(unix)]
    if let Some(folder) = to.parent() {
        fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}
