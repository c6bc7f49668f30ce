//! The file as the operating system sees it: whose it is, and whether it is still where it was.
//!
//! `SQLite`'s own locks keep other programs out. On Unix they belong to the process and not to a descriptor:
//! when any code of the process closes the file, be it a second engine that is refused or
//! `std::fs::copy`, they are gone. So an engine holds a lock (`flock`) on a descriptor of its own besides, which
//! nobody else can close, on the database and on its log. It follows the file through links and new names.
//! No lock keeps a program out that writes into the file without asking; that is found by how the files [were left](super::stamp).
//!
//! Invariants:
//!
//! * What this process has open is never opened a second time to find that out.
//! * The descriptors here are closed after `SQLite`'s: closing one drops `SQLite`'s locks.
//! * Once somebody else has written to the files nothing is written to them any more.

use std::{
    cell::{Cell, OnceCell},
    collections::BTreeSet,
    fs::{self, File, Metadata, OpenOptions, TryLockError},
    io::{self, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use steadfast_engine::EngineError;

use super::{
    blocks::{self, Blocks, Room},
    diagnosis,
    header::{HEADER_BYTES, Origin, origin},
    stamp::{Left, Telling},
};

/// What is one file for the operating system, whatever its names: device and number.
type Identity = (u64, u64);

/// What engines of this process have open.
static OPEN: Mutex<BTreeSet<Identity>> = Mutex::new(BTreeSet::new());

/// A file that belongs to one engine until this is dropped.
#[derive(Debug)]
pub(super) struct Possession {
    database: Held,
    /// The log, once there is one.
    log: Option<Held>,
    /// Whether there was one before of which something was in use.
    found_a_log: bool,
    /// How many frames of the log are in use, as far as is known.
    frames: Cell<u64>,
    end: Cell<End>,
    /// Why nothing may be written any more.
    overwritten: OnceCell<EngineError>,
}

/// What an engine that ends in peace does with its log.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum End {
    #[default]
    Unknown,
    LogIsDeleted,
    /// On a full disk: others would take its blocks.
    LogIsKept,
}

/// A file with a lock on it, and its name without links.
#[derive(Debug)]
struct Held {
    path: PathBuf,
    file: File,
    identity: Identity,
    /// How it was left, for a file that has been opened.
    left: Option<Left>,
}

impl Possession {
    /// Takes a file, which is created when there is none; `None` when another engine has it.
    pub(super) fn take(path: &Path) -> Result<Option<Self>, EngineError> {
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(metadata) = fs::metadata(path)
            && cfg!(unix)
            && open.contains(&identity(&metadata))
        {
            return Ok(None);
        }
        refuse_what_is_no_file(path)?;
        if refuse_orphans(path)? {
            return Ok(None);
        }
        let file = private()
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(|error| unopened(path, &error))?;
        let Some(database) = Held::new(path, file)? else {
            return Ok(None);
        };
        if links(&database.file).map_err(|error| unopened(path, &error))? > 1 {
            return Err(EngineError::Storage {
                message: format!(
                    "`{}` has several names (hard links), and its log is kept beside one of them: under \
                     another one what was acknowledged last would be missing; remove the other names, \
                     or make a copy instead of a link",
                    path.display()
                ),
            });
        }
        let log_path = log_of(&database.path);
        // Of a process that did not end in peace; or of one whose database was moved while it had it open.
        let mut found_a_log = false;
        let log = match private().open(&log_path) {
            Ok(log) => match Held::new(&log_path, log)? {
                Some(log) => {
                    found_a_log = log.is_log_in_use(path)?;
                    Some(log)
                }
                None => return Ok(None),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(unopened(&log_path, &error)),
        };
        open.insert(database.identity);
        Ok(Some(Self {
            database,
            log,
            found_a_log,
            frames: Cell::new(0),
            end: Cell::default(),
            overwritten: OnceCell::new(),
        }))
    }

    /// Whether the process that had the file before did not end in peace.
    pub(super) fn follows_a_crash(&self) -> bool {
        self.found_a_log
    }

    /// The name for `SQLite`: absolute, so that it is never anything but the name of a file.
    pub(super) fn path(&self) -> &Path {
        &self.database.path
    }

    /// Whose the database is, as far as its first bytes tell. Nothing is changed by that.
    pub(super) fn origin(&self) -> io::Result<Origin> {
        let mut header = Vec::with_capacity(HEADER_BYTES);
        let mut file = &self.database.file;
        file.seek(SeekFrom::Start(0))?;
        file.take(u64::try_from(HEADER_BYTES).unwrap_or(u64::MAX))
            .read_to_end(&mut header)?;
        Ok(origin(&header))
    }

    /// Takes the log that `SQLite` made or went on with. From now on both files have to be as they are left; one page of
    /// the database tells its states apart.
    pub(super) fn take_log(&mut self, page_of_mark: u64) -> Result<(), EngineError> {
        let path = log_of(&self.database.path);
        let found = fs::metadata(&path).map_err(|error| unopened(&path, &error))?;
        if self
            .log
            .as_ref()
            .is_none_or(|log| log.identity != identity(&found))
        {
            let log = private()
                .open(&path)
                .map_err(|error| unopened(&path, &error))?;
            self.log = Held::new(&path, log)?;
        }
        self.database.watch(Telling::page(page_of_mark))?;
        if let Some(log) = &mut self.log {
            log.watch(Telling::OF_LOG)?;
        }
        self.check()
    }

    /// The name of the log.
    pub(super) fn log_path(&self) -> Option<&Path> {
        Some(&self.log.as_ref()?.path)
    }

    /// How much room there is, where the operating system tells.
    pub(super) fn room(&self) -> Option<Room> {
        Room::of(&self.database.file)
    }

    /// Does what gives blocks to the log, then, if it has all of them, to the database.
    pub(super) fn take_blocks(
        &self,
        log: impl FnOnce(&File) -> Blocks,
        database: impl FnOnce(&File) -> Blocks,
    ) -> Blocks {
        let of_log = self
            .log
            .as_ref()
            .map(|held| held.unwritten(|| Ok(log(&held.file))));
        match of_log.unwrap_or(Ok(Blocks::Taken)) {
            Ok(Blocks::Taken) => {
                let of_database = self
                    .database
                    .unwritten(|| Ok(database(&self.database.file)));
                of_database.unwrap_or(Blocks::NotGiven)
            }
            other => other.unwrap_or(Blocks::NotGiven),
        }
    }

    /// Gives back the blocks of the log behind an end, which is behind what is in use.
    pub(super) fn cut_log(&self, end: u64) -> io::Result<()> {
        let Some(log) = &self.log else { return Ok(()) };
        log.unwritten(|| {
            log.file.set_len(end)?;
            blocks::give_back_behind_end(&log.file)
        })
    }

    /// Has the log give as many blocks to the database as that lacks up to an end, if so many are not in use.
    pub(super) fn lend_blocks(&self, in_use: u64, end: u64) -> io::Result<()> {
        let Some(log) = &self.log else { return Ok(()) };
        let lacking = end.saturating_sub(self.database.file.metadata()?.len());
        let left = blocks::taken(&log.file)?.saturating_sub(lacking);
        if left > in_use {
            self.cut_log(left)?;
            self.database
                .unwritten(|| Ok(blocks::take(&self.database.file, end)))?;
        }
        Ok(())
    }

    /// Makes a log of the blocks that an earlier process kept behind the end of the database: on a full disk not even an empty
    /// one could be made otherwise.
    pub(super) fn make_log(&mut self) -> Result<(), EngineError> {
        let path = log_of(&self.database.path);
        let made = || {
            let found = self.database.file.metadata()?;
            let behind_end = blocks::taken(&self.database.file)?.saturating_sub(found.len());
            if self.log.is_some() || behind_end < LEAST_TO_MOVE {
                return Ok(None);
            }
            blocks::give_back_behind_end(&self.database.file)?;
            let log = private().create_new(true).open(&path)?;
            if let Some(room) = self.room() {
                blocks::take_most(&log, room.kept().log, room.kept().log);
            }
            // As SQLite does it.
            log.set_permissions(found.permissions())?;
            Ok(Some(log))
        };
        if let Some(log) = made().map_err(|error| unopened(&path, &error))? {
            self.log = Held::new(&path, log)?;
        }
        Ok(())
    }

    /// It will be closed in peace. Says what is to be done with the log, which is in the database as a whole.
    pub(super) fn end(&self, end: End) {
        self.end.set(end);
    }

    /// Keeps blocks behind the end of the database for whoever opens it next, and has to make a log.
    fn keep_blocks(&mut self) {
        if fs::symlink_metadata(log_of(&self.database.path)).is_ok() {
            return;
        }
        // Its own are free when it is closed.
        self.log = None;
        if let (Some(room), Ok(found)) = (self.room(), self.database.file.metadata()) {
            let kept = room.kept().log + room.kept().database;
            blocks::take_most(&self.database.file, found.len() + kept, kept);
        }
    }

    /// Keeps the log as a file of which nothing is in use.
    fn keep_log(&self) {
        if let Some(Err(error)) = self.log.as_ref().map(Held::clear_header) {
            tracing::warn!(%error, "the log is still there");
        }
    }

    /// Whether both files are still where they were.
    ///
    /// # Errors
    ///
    /// When one is not: what is written now would be found by nobody.
    pub(super) fn check(&self) -> Result<(), EngineError> {
        self.database.check()?;
        self.log.as_ref().map_or(Ok(()), Held::check)
    }

    /// Whether both files are as they were left. Has to be asked before anything is written, which hides what others
    /// wrote.
    ///
    /// # Errors
    ///
    /// When somebody else has written to one, from then on each time.
    pub(super) fn check_untouched(&self) -> Result<(), EngineError> {
        self.refuse_if_overwritten(&self.database, Held::is_as_left)?;
        self.log.as_ref().map_or(Ok(()), |log| {
            self.refuse_if_overwritten(log, Held::is_as_left)
        })
    }

    /// Takes note that the log was written to, and has so many frames now.
    ///
    /// # Errors
    ///
    /// When somebody else has written to one of the files meanwhile, as far as that shows, or before.
    pub(super) fn appended(&self, frames: u64) -> Result<(), EngineError> {
        self.refuse_if_overwritten(&self.database, Held::is_as_left)?;
        let Some(log) = &self.log else { return Ok(()) };
        let before = self.frames.replace(frames);
        self.refuse_if_overwritten(log, |log| {
            let begins_as_before = log.note()?;
            // With fewer frames it was begun anew.
            let goes_on = before > 0 && frames >= before;
            let size = log.left.as_ref().map_or(u64::MAX, Left::size);
            Ok(size >= bytes_of(frames) && (begins_as_before || !goes_on))
        })
    }

    /// Takes note that the database was written to, and the log emptied or begun anew.
    pub(super) fn rewritten(&self) {
        self.frames.set(0);
        for held in [Some(&self.database), self.log.as_ref()] {
            if let Some(Err(error)) = held.map(Held::note) {
                tracing::warn!(%error, "it is not known how the file was left");
            }
        }
    }

    /// Gives the log another name when it does not belong to the database any more, because one of them was replaced by
    /// another: `SQLite` would put what is in the log into the database.
    pub(super) fn set_log_aside(&self) -> io::Result<Option<PathBuf>> {
        let Some(log) = self.log.as_ref().filter(|log| log.check().is_ok()) else {
            return Ok(None);
        };
        // Beside an empty database nothing is opened as long as there is a log.
        if self.database.is_empty()? || !(self.database.is_another()? || log.is_another()?) {
            return Ok(None);
        }
        let aside = beside(&log.path, &format!(".{}.set-aside", uuid::Uuid::now_v7()));
        fs::rename(&log.path, &aside)?;
        Ok(Some(aside))
    }

    fn refuse_if_overwritten(
        &self,
        held: &Held,
        is_ours: impl FnOnce(&Held) -> io::Result<bool>,
    ) -> Result<(), EngineError> {
        if let Some(error) = self.overwritten.get() {
            return Err(error.clone());
        }
        // What cannot be asked is not taken for an attack.
        if is_ours(held).unwrap_or(true) {
            return Ok(());
        }
        let error = self.overwritten.get_or_init(|| EngineError::Stopped {
            message: format!(
                "the engine stopped because somebody else wrote into `{}` while it was open (it was overwritten in \
                 place, cut short or touched), and what is acknowledged now could be lost; see that the right file is \
                 in its place, and open it again; stop the process before files are replaced",
                held.path.display()
            ),
        });
        Err(error.clone())
    }
}

/// How long a log with so many frames is at least.
pub(super) fn bytes_of(frames: u64) -> u64 {
    const HEADER: u64 = 32;
    const FRAME: u64 = 24 + super::PAGE;
    if frames == 0 {
        return 0;
    }
    frames.saturating_mul(FRAME).saturating_add(HEADER)
}

/// Refuses what is no file where the database or its log is to be: a device, a folder, a link of the log to elsewhere.
fn refuse_what_is_no_file(path: &Path) -> Result<(), EngineError> {
    let refused = |path: &Path, what: &str| {
        Err(EngineError::Storage {
            message: format!("`{}` {what}", path.display()),
        })
    };
    if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return refused(
            path,
            "is not a file; write the path of one, as in `orders.db`",
        );
    }
    let log = log_of(&fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()));
    if fs::symlink_metadata(&log).is_ok_and(|found| !found.is_file()) {
        return refused(
            &log,
            "has to be a file beside its database, and is a link or something else; move it away",
        );
    }
    Ok(())
}

/// Refuses to make a database beside a log that belongs to one that is gone: `SQLite` would delete the log, and with it
/// what was acknowledged last. Says whether an engine has the log, whose database was moved under it: that is its
/// engine's to tell of, and nothing is to be made there meanwhile.
fn refuse_orphans(path: &Path) -> Result<bool, EngineError> {
    if fs::metadata(path).is_ok_and(|database| database.len() > 0) {
        return Ok(false);
    }
    // The log is kept beside the file itself, whatever name it is opened by.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    for suffix in [LOG, JOURNAL] {
        let orphan = beside(&path, suffix);
        let is_in_use = |log: File| matches!(log.try_lock(), Err(TryLockError::WouldBlock));
        if cfg!(unix) && File::open(&orphan).is_ok_and(is_in_use) {
            return Ok(true);
        }
        if fs::metadata(&orphan).is_ok_and(|log| log.len() > 0) {
            return Err(EngineError::Storage {
                message: format!(
                    "`{}` is not there or empty, but `{}` is, the log of a database that was moved, deleted or emptied \
                     after its process had died: it may have what was acknowledged last; put the database back beside \
                     it, or, if it is not wanted, move the log away",
                    path.display(),
                    orphan.display()
                ),
            });
        }
    }
    Ok(false)
}

impl Drop for Possession {
    fn drop(&mut self) {
        match self.end.get() {
            End::Unknown => {}
            End::LogIsDeleted => self.keep_blocks(),
            End::LogIsKept => self.keep_log(),
        }
        OPEN.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.database.identity);
    }
}

impl Held {
    fn new(path: &Path, file: File) -> Result<Option<Self>, EngineError> {
        if cfg!(unix) {
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => {
                    let why = diagnosis::of_system(path, &error).unwrap_or_else(|| {
                        format!("{error}; put it on a local disk, whose file system knows locks")
                    });
                    return Err(EngineError::Storage {
                        message: format!("`{}` cannot be locked: {why}", path.display()),
                    });
                }
            }
        }
        let located = || {
            let path = path.canonicalize()?;
            Ok((path, identity(&file.metadata()?)))
        };
        let (path, identity) = located().map_err(|error| unopened(path, &error))?;
        let held = Self {
            path,
            file,
            identity,
            left: None,
        };
        held.check()?;
        Ok(Some(held))
    }

    /// From now on it has to be as its engine left it.
    fn watch(&mut self, telling: Telling) -> Result<(), EngineError> {
        let left = Left::new(&self.file, telling).map_err(|error| unopened(&self.path, &error))?;
        self.left = Some(left);
        Ok(())
    }

    fn is_as_left(&self) -> io::Result<bool> {
        self.left
            .as_ref()
            .map_or(Ok(true), |left| left.holds(&self.file))
    }

    /// Refuses a file that somebody else gave the name of the log: `SQLite` would delete it. Says whether something may be in
    /// use: not of a log that was kept for its blocks, or whose beginning has not reached the disk.
    fn is_log_in_use(&self, database: &Path) -> Result<bool, EngineError> {
        const MAGIC: [[u8; 4]; 2] = [[0x37, 0x7f, 0x06, 0x82], [0x37, 0x7f, 0x06, 0x83]];
        let mut beginning = Vec::with_capacity(4);
        (&self.file)
            .take(4)
            .read_to_end(&mut beginning)
            .map_err(|error| unopened(&self.path, &error))?;
        if beginning.iter().all(|byte| *byte == 0) {
            return Ok(false);
        }
        if MAGIC.iter().any(|magic| *magic == *beginning) {
            return Ok(true);
        }
        Err(EngineError::Storage {
            message: format!(
                "`{}` has the name of the log of `{}` and is none; move it away, or use another name for the database",
                self.path.display(),
                database.display()
            ),
        })
    }

    /// Makes a log one of which nothing is in use.
    #[cfg(unix)]
    fn clear_header(&self) -> io::Result<()> {
        use std::os::unix::fs::FileExt as _;
        self.file.write_all_at(&[0; 32], 0)
    }

    /// Elsewhere no log is kept.
    #[cfg(not(unix))]
    fn clear_header(&self) -> io::Result<()> {
        Ok(())
    }

    /// Does something to the file that changes nothing of what is written in it, and takes note of the time.
    fn unwritten<T>(&self, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        if !self.is_as_left()? {
            return Err(io::ErrorKind::ResourceBusy.into());
        }
        let done = act();
        if let Some(left) = &self.left {
            left.note_stamp(&self.file)?;
        }
        done
    }

    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.file.metadata()?.len() == 0)
    }

    /// Whether what is there now is something else than what was left.
    fn is_another(&self) -> io::Result<bool> {
        self.left
            .as_ref()
            .map_or(Ok(false), |left| left.is_another(&self.file))
    }

    /// Takes note of how it is left. Says whether its telling part is as it was.
    fn note(&self) -> io::Result<bool> {
        self.left
            .as_ref()
            .map_or(Ok(true), |left| left.note(&self.file))
    }

    fn check(&self) -> Result<(), EngineError> {
        let what = match fs::metadata(&self.path) {
            Ok(metadata) if identity(&metadata) == self.identity => return Ok(()),
            Ok(_) => "another file was put in its place".to_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                "it was moved or deleted".to_owned()
            }
            Err(error) => format!("it cannot be found any more: {error}"),
        };
        Err(EngineError::Stopped {
            message: format!(
                "the engine stopped because `{}` is no longer where it was ({what}), and nothing that is \
                 written now would be found again; put the file back, or the right one into its place, \
                 and open it again",
                self.path.display()
            ),
        })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Closing is not enough while a process that is just being started has the descriptor too.
        if let Err(error) = self.file.unlock() {
            tracing::warn!(%error, "a lock is released only when its descriptor is closed");
        }
    }
}

/// For its owner only: histories contain what users passed around.
pub(super) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// A file system rounds up what a file takes; what was kept is more than that.
const LEAST_TO_MOVE: u64 = 64 * 1024;

/// What the log's name has more than the database's.
const LOG: &str = "-wal";
/// What the name of a journal has more, which `SQLite` keeps where it writes without a log.
pub(super) const JOURNAL: &str = "-journal";

fn log_of(path: &Path) -> PathBuf {
    beside(path, LOG)
}

/// The name of a file that `SQLite` keeps beside a database.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(unix)]
fn identity(metadata: &Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt as _;
    (metadata.dev(), metadata.ino())
}

#[cfg(unix)]
fn links(file: &File) -> io::Result<u64> {
    use std::os::unix::fs::MetadataExt as _;
    Ok(file.metadata()?.nlink())
}

/// Elsewhere `SQLite`'s own locks belong to a descriptor, and hold.
#[cfg(not(unix))]
fn identity(_: &Metadata) -> Identity {
    (0, 0)
}

#[cfg(not(unix))]
fn links(_: &File) -> io::Result<u64> {
    Ok(1)
}

fn unopened(path: &Path, error: &io::Error) -> EngineError {
    let why = diagnosis::of_system(path, error).unwrap_or_else(|| {
        format!("{error}; check that its folder exists and that this user may write to it")
    });
    EngineError::Storage {
        message: format!(
            "the file `{}` cannot be opened for writing: {why}",
            path.display()
        ),
    }
}
