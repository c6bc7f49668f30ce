//! What the operating system has against a file, in words, and what to do about it. `SQLite` only says that it could
//! not; what is looked at here tells why.

use std::{fs::File, io, path::Path};

use rusqlite::ErrorCode;

/// Why a file cannot be opened or written, as far as an error tells; its folder is asked for the rest.
pub(super) fn of_system(path: &Path, error: &io::Error) -> Option<String> {
    let text = match error.kind() {
        io::ErrorKind::StorageFull => return Some(of_full_disk(path)),
        io::ErrorKind::QuotaExceeded => {
            "the quota of this user is used up; make room and try again".to_owned()
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            "its file system is mounted read-only; mount it for writing, or use a file elsewhere"
                .to_owned()
        }
        _ => of_number(error)?,
    };
    Some(text)
}

/// Why `SQLite` could not open or write a file, if its folder shows it.
pub(super) fn of_folder(path: &Path, error: &rusqlite::Error) -> Option<String> {
    let code = error.sqlite_error_code()?;
    if !matches!(
        code,
        ErrorCode::CannotOpen
            | ErrorCode::DiskFull
            | ErrorCode::PermissionDenied
            | ErrorCode::ReadOnly
            | ErrorCode::SystemIoFailure
    ) {
        return None;
    }
    // A folder, never the file itself: to close that drops SQLite's locks.
    if let Err(error) = File::open(folder(path)) {
        return of_number(&error);
    }
    let state = state(path)?;
    if state.is_read_only {
        return of_system(path, &io::ErrorKind::ReadOnlyFilesystem.into());
    }
    (state.lacks_inodes || state.is_full).then(|| of_full_disk(path))
}

fn of_full_disk(path: &Path) -> String {
    match state(path) {
        Some(state) if state.lacks_inodes && !state.is_full => {
            "its file system has no inodes left (`df -i`), so no file can be made; delete some and try again"
        }
        _ => "the disk is full; make room and try again",
    }
    .to_owned()
}

/// What is known of a file system.
struct State {
    is_read_only: bool,
    is_full: bool,
    lacks_inodes: bool,
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

#[cfg(unix)]
fn state(path: &Path) -> Option<State> {
    use rustix::fs::StatVfsMountFlags;
    let found = rustix::fs::statvfs(folder(path)).ok()?;
    Some(State {
        is_read_only: found.f_flag.contains(StatVfsMountFlags::RDONLY),
        is_full: found.f_bavail == 0,
        // Some make inodes as they are needed, and say that they have none.
        lacks_inodes: found.f_files > 0 && found.f_favail == 0,
    })
}

#[cfg(not(unix))]
fn state(_: &Path) -> Option<State> {
    None
}

/// What the standard library has no name for.
#[cfg(unix)]
fn of_number(error: &io::Error) -> Option<String> {
    use rustix::io::Errno;
    let text = match Errno::from_io_error(error)? {
        Errno::MFILE => {
            "this process has as many files open as it may; raise its limit (`ulimit -n`), or close some"
        }
        Errno::NFILE => {
            "the system has as many files open as it can; close some, or raise its limit"
        }
        Errno::NOLCK => {
            "the system gives no lock (ENOLCK): its table of locks is full, or the file is on a network file system \
             without locks; put it on a local disk"
        }
        _ => return None,
    };
    Some(text.to_owned())
}

#[cfg(not(unix))]
fn of_number(_: &io::Error) -> Option<String> {
    None
}

#[cfg(all(test, unix))]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn errors_of_the_system_are_named_for_what_they_are() {
        let here = Path::new("orders.db");
        for (errno, text) in [
            (Errno::MFILE, "`ulimit -n`"),
            (Errno::NFILE, "the system has as many files open"),
            (Errno::NOLCK, "ENOLCK"),
            (Errno::ROFS, "mounted read-only"),
            (Errno::NOSPC, "make room"),
            (Errno::DQUOT, "quota"),
        ] {
            let said = of_system(here, &errno.into()).unwrap();
            assert!(said.contains(text), "{said}");
        }
        assert_eq!(of_system(here, &Errno::ACCESS.into()), None);
    }
}
