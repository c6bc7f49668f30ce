//! Takes away the histories of deleted runs, a part in each commit: what deletes has to fit into the log of a full disk, and
//! nobody who writes waits for it.

use rusqlite::{OptionalExtension as _, params};

use super::{
    PAGE,
    db::{Db, Statements},
};

/// A row is in a page of its own at worst.
const MOST_ROWS: u64 = 256;
const LEAST_ROWS: u64 = 4;
/// The part of the pages that the log keeps which are for rows; the rest is for indices and what else a commit writes.
const SHARE_FOR_ROWS: u64 = 4;

/// Deletes the history of a run, if it is long its first part. The rest is done by [`purge`].
pub(super) fn delete_history(statements: &mut Statements<'_>, key: i64) -> rusqlite::Result<()> {
    if delete_part(statements, key)? {
        return Ok(());
    }
    statements.execute(
        "INSERT OR IGNORE INTO deleted (key) VALUES (?1)",
        params![key],
    )
}

/// Deletes a part of what deleted runs have left, if there is something. Says whether there may be more.
pub(super) fn purge(db: &Db) -> rusqlite::Result<bool> {
    let key: Option<i64> = db
        .prepare_cached("SELECT key FROM deleted LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    let Some(key) = key else {
        return Ok(false);
    };
    db.append(|| {
        db.transaction(|| {
            let mut statements = Statements::new(db);
            if delete_part(&mut statements, key)? {
                statements.execute("DELETE FROM deleted WHERE key = ?1", params![key])?;
            }
            Ok(())
        })
    })?;
    Ok(true)
}

/// Says whether nothing is left.
fn delete_part(statements: &mut Statements<'_>, key: i64) -> rusqlite::Result<bool> {
    let rows = statements.db.room().map_or(MOST_ROWS, |room| {
        (room.kept().log / PAGE / SHARE_FOR_ROWS).clamp(LEAST_ROWS, MOST_ROWS)
    });
    statements.execute(
        "DELETE FROM history WHERE id IN (SELECT id FROM history WHERE key = ?1 LIMIT ?2)",
        params![key, i64::try_from(rows).unwrap_or(i64::MAX)],
    )?;
    Ok(statements.db.changes() < rows)
}
