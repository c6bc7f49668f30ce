//! What there is on the disk of a file, and blocks of it that belong to the file before anything is written to them.
//!
//! Whoever has the blocks can write to them when the disk is full, whatever others do. Nobody has any where the system
//! does not give them: on other systems than Linux, on file systems without `fallocate`, and on those that do not write in
//! place, where what is written again needs others.

use std::{fs::File, io};

use super::PAGE;

/// How much there is on the disk of a file, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    pub(super) all: u64,
    pub(super) free: u64,
}

/// Blocks that are kept for what ends and deletes runs, in bytes. A commit that deletes writes a hundred pages to the log at
/// most, and one that ends a run a dozen, of which the database keeps one or two.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    pub(super) log: u64,
    pub(super) database: u64,
}

/// Whether files have the blocks that they are to have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Blocks {
    Taken,
    DiskFull,
    /// The system does not give any.
    NotGiven,
}

impl Room {
    #[cfg(unix)]
    pub(super) fn of(file: &File) -> Option<Self> {
        let disk = rustix::fs::fstatvfs(file).ok()?;
        let bytes = |blocks: u64| blocks.saturating_mul(disk.f_frsize);
        Some(Self {
            all: bytes(disk.f_blocks),
            // For this user.
            free: bytes(disk.f_bavail),
        })
    }

    #[cfg(not(unix))]
    pub(super) fn of(_: &File) -> Option<Self> {
        None
    }

    /// What is kept on a disk of this size.
    pub(super) fn kept(self) -> Kept {
        const KIB: u64 = 1024;
        Kept {
            log: (self.all / 16).clamp(96 * KIB, 4 * KIB * KIB),
            database: (self.all / 64).clamp(32 * KIB, KIB * KIB),
        }
    }
}

/// Gives a file all its blocks up to an end, which may be behind the end of what is written.
#[cfg(target_os = "linux")]
pub(super) fn take(file: &File, end: u64) -> Blocks {
    use rustix::{
        fs::{FallocateFlags, fallocate, fstatfs},
        io::Errno,
    };
    /// Btrfs, ZFS, bcachefs, F2FS and NILFS2.
    const ELSEWHERE: [u64; 5] = [0x9123_683e, 0x2fc1_2fc1, 0xca45_1a4e, 0xf2f5_2010, 0x3434];
    let writes_elsewhere = fstatfs(file).is_ok_and(|system| {
        u64::try_from(system.f_type).is_ok_and(|kind| ELSEWHERE.contains(&kind))
    });
    if writes_elsewhere {
        return Blocks::NotGiven;
    }
    loop {
        return match fallocate(file, FallocateFlags::KEEP_SIZE, 0, end.max(1)) {
            Ok(()) => Blocks::Taken,
            Err(Errno::INTR) => continue,
            Err(Errno::NOSPC | Errno::DQUOT) => Blocks::DiskFull,
            Err(_) => Blocks::NotGiven,
        };
    }
}

/// [`take`], or as many of the last ones as there are.
pub(super) fn take_most(file: &File, end: u64, last: u64) -> Blocks {
    let (all, mut taken) = (take(file, end), end.saturating_sub(last));
    let mut step = last / 2;
    while all == Blocks::DiskFull && step >= PAGE {
        if take(file, taken + step) == Blocks::Taken {
            taken += step;
        }
        step /= 2;
    }
    all
}

/// How many bytes the blocks of a file have.
#[cfg(target_os = "linux")]
pub(super) fn taken(file: &File) -> io::Result<u64> {
    use std::os::unix::fs::MetadataExt as _;
    Ok(file.metadata()?.blocks().saturating_mul(512))
}

/// Gives back the blocks behind the end of what is written to a file.
#[cfg(target_os = "linux")]
pub(super) fn give_back_behind_end(file: &File) -> io::Result<()> {
    use rustix::fs::{FallocateFlags, fallocate};
    let end = file.metadata()?.len();
    // Some file systems do it for the one, some for the other.
    let hole = FallocateFlags::KEEP_SIZE | FallocateFlags::PUNCH_HOLE;
    let _ = fallocate(file, hole, end, i64::MAX.unsigned_abs() - end);
    file.set_len(end)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn take(_: &File, _: u64) -> Blocks {
    Blocks::NotGiven
}

#[cfg(not(target_os = "linux"))]
pub(super) fn taken(_: &File) -> io::Result<u64> {
    Ok(0)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn give_back_behind_end(_: &File) -> io::Result<()> {
    Ok(())
}
