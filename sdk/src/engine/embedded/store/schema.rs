//! The tables, and the way from every older version of them to the current one.

use rusqlite::Connection;

use super::storage_error;
use crate::engine::EngineError;

/// Says that an `SQLite` file is ours: `stdf`.
const APPLICATION_ID: i32 = 0x7374_6466;

/// One script per version, each from the version before. A script that was released never changes.
const MIGRATIONS: &[&str] = &[include_str!("v1.sql")];

/// Creates or migrates the tables; refuses files of others and of the future.
pub(super) fn prepare(connection: &Connection, name: &str) -> Result<(), EngineError> {
    let failed =
        |error: rusqlite::Error| storage_error(&format!("{name} cannot be prepared"), &error);
    let number =
        |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
    let application = number("application_id").map_err(failed)?;
    let version = number("user_version").map_err(failed)?;
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(failed)?;
    let is_new = application == 0 && version == 0 && tables == 0;
    if !is_new && application != APPLICATION_ID {
        return Err(EngineError::Storage {
            message: format!(
                "{name} is an SQLite database of another application and is left alone; use another file"
            ),
        });
    }
    let current = MIGRATIONS.len();
    let from = usize::try_from(version).unwrap_or(usize::MAX);
    let Some(scripts) = MIGRATIONS.get(from..) else {
        return Err(EngineError::Storage {
            message: format!(
                "{name} has version {version} and this program knows versions up to {current}; upgrade \
                 the program, an older one cannot read newer files"
            ),
        });
    };
    for (index, script) in scripts.iter().enumerate() {
        let reached = from + index + 1;
        connection
            .execute_batch(&format!(
                "BEGIN IMMEDIATE; {script}; PRAGMA application_id = {APPLICATION_ID}; \
                 PRAGMA user_version = {reached}; COMMIT"
            ))
            .map_err(failed)?;
    }
    Ok(())
}
