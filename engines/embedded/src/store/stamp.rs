//! How a file was left, to tell what others write into it from what its engine writes.
//!
//! A lock keeps engines and `SQLite` out, but not `cp`, `truncate` or `dd`, which write into a file without asking. That
//! shows in its size, in a part of it that is never the same again, and in the time of its last change, where that can
//! be relied on. Its other times do not count: `chmod`, a link and whoever only reads change nothing that was acknowledged.

use std::{cell::Cell, fs::File, io, time::SystemTime};

use rusqlite::Connection;

use super::PAGE;

/// A part of a file that is never the same again once it was written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Telling {
    at: u64,
    bytes: usize,
}

impl Telling {
    /// The header of a log, another one each time it is begun anew, and what comes first in it.
    pub(super) const OF_LOG: Self = Self { at: 0, bytes: 100 };

    /// A page of a database; the first one is 1.
    pub(super) fn page(number: u64) -> Self {
        Self {
            at: number.saturating_sub(1).saturating_mul(PAGE),
            bytes: LONGEST,
        }
    }
}

/// A page.
const LONGEST: usize = 4096;

/// How a file was left.
#[derive(Debug)]
pub(super) struct Left {
    /// Whether the time of its last change is the kernel's, and not that of a server, which sets it when it likes.
    has_times: bool,
    telling: Telling,
    stamp: Cell<Stamp>,
    told: Cell<u32>,
}

/// What a look at a file tells that does not read it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Stamp {
    size: u64,
    modified: Option<SystemTime>,
}

impl Left {
    pub(super) fn new(file: &File, telling: Telling) -> io::Result<Self> {
        let has_times = has_times(file);
        Ok(Self {
            has_times,
            telling,
            stamp: Cell::new(Stamp::of(file, has_times)?),
            told: Cell::new(telling.of(file)?),
        })
    }

    /// Whether nobody has written to the file since.
    pub(super) fn holds(&self, file: &File) -> io::Result<bool> {
        Ok(Stamp::of(file, self.has_times)? == self.stamp.get())
    }

    /// Whether what is there now is something else.
    pub(super) fn is_another(&self, file: &File) -> io::Result<bool> {
        Ok(self.telling.of(file)? != self.told.get())
    }

    /// Takes note that the file is left as it is now. Says whether its telling part is as it was.
    pub(super) fn note(&self, file: &File) -> io::Result<bool> {
        self.stamp.set(Stamp::of(file, self.has_times)?);
        let told = self.telling.of(file)?;
        Ok(self.told.replace(told) == told)
    }

    /// Takes note of its size and time only.
    pub(super) fn note_stamp(&self, file: &File) -> io::Result<()> {
        self.stamp.set(Stamp::of(file, self.has_times)?);
        Ok(())
    }

    pub(super) fn size(&self) -> u64 {
        self.stamp.get().size
    }
}

impl Stamp {
    fn of(file: &File, has_times: bool) -> io::Result<Self> {
        let metadata = file.metadata()?;
        let modified = has_times.then(|| metadata.modified()).transpose()?;
        Ok(Self {
            size: metadata.len(),
            modified,
        })
    }
}

impl Telling {
    /// A checksum of what is there.
    #[cfg(unix)]
    fn of(self, file: &File) -> io::Result<u32> {
        use std::os::unix::fs::FileExt as _;
        let mut buffer = [0; LONGEST];
        let mut sum = crc32fast::Hasher::new();
        let mut read = 0;
        while read < self.bytes {
            let at = self.at.saturating_add(read as u64);
            let rest = buffer.get_mut(..self.bytes - read).unwrap_or_default();
            match file.read_at(rest, at) {
                Ok(0) => break,
                Ok(more) => {
                    sum.update(rest.get(..more).unwrap_or_default());
                    read += more;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(sum.finalize())
    }

    /// Elsewhere nobody but `SQLite` may read what it has locked.
    #[cfg(not(unix))]
    fn of(self, _: &File) -> io::Result<u32> {
        Ok(0)
    }
}

#[cfg(target_os = "linux")]
fn has_times(file: &File) -> bool {
    /// ext2 to ext4, XFS, Btrfs, F2FS, ZFS, bcachefs and tmpfs.
    const LOCAL: [u64; 7] = [
        0xef53,
        0x5846_5342,
        0x9123_683e,
        0xf2f5_2010,
        0x2fc1_2fc1,
        0xca45_1a4e,
        0x0102_1994,
    ];
    rustix::fs::fstatfs(file)
        .is_ok_and(|system| u64::try_from(system.f_type).is_ok_and(|kind| LOCAL.contains(&kind)))
}

#[cfg(not(target_os = "linux"))]
fn has_times(_: &File) -> bool {
    false
}

/// The page that tells states of the database apart.
pub(super) fn page_of_mark(connection: &Connection) -> rusqlite::Result<u64> {
    let page: i64 = connection.query_row(
        "SELECT rootpage FROM sqlite_schema WHERE name = 'file'",
        [],
        |row| row.get(0),
    )?;
    Ok(u64::try_from(page).unwrap_or(1))
}

/// Sees to it that the database is another one when it is next written from its log.
pub(super) fn mark(connection: &Connection) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE file SET mark = mark + 1")?
        .execute([])
        .map(drop)
}
