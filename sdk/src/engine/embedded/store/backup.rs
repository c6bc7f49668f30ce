//! Copies the file while the engine works.
//!
//! The copy is made by the connection that writes, a slice of pages between two commits, so what is
//! committed meanwhile is in the copy too and nobody waits for long. It is made beside its final
//! name and renamed when it is whole and on the disk: what has the final name is a backup.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use rusqlite::{
    Connection,
    backup::{Backup, StepResult},
};
use tokio::sync::oneshot;

use super::{create_private, db::Db, storage_error};
use crate::engine::EngineError;

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
        let partial = beside(&to);
        let copied = if to.exists() {
            Err(failed(&to, &io::Error::from(io::ErrorKind::AlreadyExists)))
        } else {
            copy(db, &partial, &mut turn, || done.is_closed())
        };
        let result = match copied {
            Ok(true) => rename(&partial, &to).map_err(|error| failed(&to, &error)),
            // The engine ends, or nobody waits any more.
            Ok(false) => Err(EngineError::Unavailable {
                message: "the engine ended before the backup was made".to_owned(),
            }),
            Err(error) => Err(error),
        };
        if result.is_err() {
            // It may not exist.
            let _ = fs::remove_file(&partial);
        }
        // Whoever asked may have gone.
        let _ = done.send(result);
    }
}

fn beside(to: &Path) -> PathBuf {
    let mut name = to.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    to.with_file_name(name)
}

fn failed(to: &Path, error: &io::Error) -> EngineError {
    EngineError::Storage {
        message: format!(
            "the backup `{}` could not be made: {error}; name a new file in a folder that this user may \
             write to, with room for the whole database",
            to.display()
        ),
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
    // Of an attempt that did not end.
    let _ = fs::remove_file(partial);
    create_private(partial).map_err(|error| failed(partial, &error))?;
    let mut target = Connection::open(partial).map_err(sqlite)?;
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

/// Gives the copy its name, durably.
fn rename(partial: &Path, to: &Path) -> io::Result<()> {
    fs::File::open(partial)?.sync_all()?;
    fs::rename(partial, to)?;
    #[cfg(unix)]
    if let Some(folder) = to.parent() {
        let folder = if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder
        };
        fs::File::open(folder)?.sync_all()?;
    }
    Ok(())
}
