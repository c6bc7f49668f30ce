//! The tables, and the way from every older version of them to the current one.

use rusqlite::{Connection, params};
use steadfast_core::{ids::Namespace, payload::PayloadMap};
use steadfast_engine::{EngineError, spelling::enums::SEARCH_ATTRIBUTE_TYPES};

use super::{
    Store, codec::decode_value, db::Db, header::APPLICATION_ID, open_error, storage_error,
};
use crate::attributes::Registry;

/// The way to a version from the one before.
struct Migration {
    script: &'static str,
    /// What a script cannot do, after it.
    fill: Option<fn(&Connection) -> rusqlite::Result<()>>,
}

/// One per version. A script that was released never changes.
const MIGRATIONS: &[Migration] = &[
    Migration {
        script: include_str!("v1.sql"),
        fill: None,
    },
    Migration {
        script: include_str!("v2.sql"),
        fill: None,
    },
    Migration {
        script: include_str!("v3.sql"),
        fill: None,
    },
    Migration {
        script: include_str!("v4.sql"),
        fill: Some(index_attributes),
    },
    Migration {
        script: include_str!("v5.sql"),
        fill: None,
    },
    Migration {
        script: include_str!("v6.sql"),
        fill: None,
    },
];

pub(super) fn of_another_application(store: &Store<'_>) -> EngineError {
    EngineError::Storage {
        message: format!(
            "{store} is an SQLite database of another application and is left alone; use another file"
        ),
    }
}

/// The version of a file, 0 for a new one; refuses files of others and of the future, and changes nothing.
pub(super) fn check(connection: &Connection, store: &Store<'_>) -> Result<usize, EngineError> {
    let failed = |error: rusqlite::Error| open_error(store, &error);
    let number =
        |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0));
    let application = number("application_id").map_err(failed)?;
    let version = number("user_version").map_err(failed)?;
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(failed)?;
    let is_new = application == 0 && version == 0 && tables == 0;
    if !is_new && application != APPLICATION_ID {
        return Err(of_another_application(store));
    }
    let current = MIGRATIONS.len();
    let from = usize::try_from(version).unwrap_or(usize::MAX);
    if from > current {
        return Err(EngineError::Storage {
            message: format!(
                "{store} has version {version} and this program knows versions up to {current}; upgrade \
                 the program, an older one cannot read newer files"
            ),
        });
    }
    Ok(from)
}

/// Creates or migrates the tables of a file with a version.
pub(super) fn migrate(
    connection: &Connection,
    store: &Store<'_>,
    from: usize,
) -> Result<(), EngineError> {
    let failed =
        |error: rusqlite::Error| storage_error(&format!("{store} cannot be prepared"), &error);
    for (index, migration) in MIGRATIONS.iter().enumerate().skip(from) {
        let reached = index + 1;
        let script = migration.script;
        let migrated = connection
            .execute_batch(&format!("BEGIN IMMEDIATE; {script}"))
            .and_then(|()| migration.fill.map_or(Ok(()), |fill| fill(connection)))
            .and_then(|()| {
                connection.execute_batch(&format!(
                    "PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {reached}; COMMIT"
                ))
            });
        if let Err(error) = migrated {
            // SQLite has rolled back by itself after some errors.
            if !connection.is_autocommit() {
                connection.execute_batch("ROLLBACK").map_err(failed)?;
            }
            return Err(failed(error));
        }
    }
    Ok(())
}

/// Takes the search attributes from the rows of the runs: their types by their first values, and what they are found by.
fn index_attributes(connection: &Connection) -> rusqlite::Result<()> {
    let mut registry = Registry::default();
    let mut insert = connection
        .prepare("INSERT OR IGNORE INTO search_attribute (name, value, key) VALUES (?1, ?2, ?3)")?;
    let mut add = connection.prepare("INSERT INTO attribute (name, type) VALUES (?1, ?2)")?;
    let mut read = connection.prepare(
        "SELECT key, search_attributes FROM execution WHERE search_attributes IS NOT NULL ORDER BY key",
    )?;
    let mut rows = read.query([])?;
    while let Some(row) = rows.next()? {
        let key: i64 = row.get(0)?;
        let blob: Vec<u8> = row.get(1)?;
        // A row that is damaged is an error when it is read for itself, and not here.
        let Ok(values) = decode_value::<PayloadMap>(&blob) else {
            continue;
        };
        let (added, index) = registry.index(&values);
        for (name, kind) in added {
            registry.add(&name, kind);
            add.execute(params![name, SEARCH_ATTRIBUTE_TYPES.number(kind)])?;
        }
        for (name, value) in index {
            insert.execute(params![name, value, key])?;
        }
    }
    Ok(())
}

/// The namespace of the runs of a file, which is from now on the wanted one if it had none.
pub(crate) fn namespace(db: &Db, wanted: Option<Namespace>) -> Result<Namespace, EngineError> {
    let failed = |error| storage_error("the namespace of the file could not be read", &error);
    let stored: Option<String> = db
        .query_row("SELECT namespace FROM file", [], |row| row.get(0))
        .map_err(failed)?;
    let Some(stored) = stored else {
        let namespace = match wanted {
            Some(namespace) => namespace,
            None => Namespace::new("default").expect("not empty and not long"),
        };
        db.append(|| db.execute("UPDATE file SET namespace = ?1", [namespace.as_str()]))
            .map_err(failed)?;
        return Ok(namespace);
    };
    match wanted {
        Some(wanted) if wanted.as_str() != stored => Err(EngineError::Storage {
            message: format!(
                "the file has the runs of the namespace `{stored}` and not of `{wanted}`; open it with that one or \
                 with none, or use another file: a file has one namespace"
            ),
        }),
        Some(wanted) => Ok(wanted),
        None => Namespace::new(stored).map_err(|error| EngineError::Storage {
            message: format!("the file is damaged ({error}); restore it from a backup"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use steadfast_core::payload::Payload;
    use steadfast_engine::Engine as _;

    use super::*;
    use crate::{EmbeddedEngine, fixture, store::encode_value};

    /// A file of an older version goes on as it is, with what is new beside it.
    #[test]
    fn a_file_of_each_older_version_is_brought_to_the_current_one() {
        let current = MIGRATIONS.len();
        for version in 0..=current {
            let connection = Connection::open_in_memory().unwrap();
            for migration in &MIGRATIONS[..version] {
                connection.execute_batch(migration.script).unwrap();
            }
            if version > 0 {
                connection
                    .execute_batch(&format!(
                        "PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {version}; \
                         INSERT INTO job (id, job) VALUES (7, x'00')"
                    ))
                    .unwrap();
            }
            assert_eq!(check(&connection, &Store::Memory).unwrap(), version);
            migrate(&connection, &Store::Memory, version).unwrap();
            assert_eq!(check(&connection, &Store::Memory).unwrap(), current);
            let jobs: i64 = connection
                .query_row("SELECT count(*) FROM job", [], |row| row.get(0))
                .unwrap();
            assert_eq!(jobs, i64::from(version > 0));
            connection
                .execute_batch("SELECT * FROM task; SELECT * FROM deleted; SELECT * FROM schedule")
                .unwrap();
        }
    }

    /// A file as the version before left it is opened, and its runs are found by queries.
    #[test]
    fn the_runs_of_an_older_file_are_found_by_queries() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let engine = EmbeddedEngine::open(&*path).unwrap();
        let mut start = fixture::start();
        for (name, json) in [("tier", "\"gold\""), ("rank", "7")] {
            let value = Payload::json(json.as_bytes());
            start.search_attributes.insert(name.to_owned(), value);
        }
        runtime.block_on(engine.start_workflow(start)).unwrap();
        engine.shutdown();
        let older = Connection::open(&path).unwrap();
        older
            .execute_batch(
                "DROP TABLE schedule; DROP TABLE deleted; DROP TABLE attribute; DROP TABLE search_attribute; \
                 ALTER TABLE execution DROP COLUMN execution_time; \
                 ALTER TABLE execution DROP COLUMN root_workflow_id; \
                 ALTER TABLE execution DROP COLUMN root_run_id; \
                 CREATE TABLE search_attribute (name TEXT NOT NULL, value BLOB NOT NULL, key INTEGER NOT NULL, \
                 PRIMARY KEY (name, value, key)) WITHOUT ROWID; \
                 INSERT INTO search_attribute VALUES ('tier', x'22676f6c6422', 1), ('rank', x'37', 1); \
                 PRAGMA user_version = 3",
            )
            .unwrap();
        drop(older);
        let engine = EmbeddedEngine::open(&*path).unwrap();
        for (query, count) in [
            ("tier STARTS_WITH 'go' AND rank BETWEEN 6 AND 8", 1),
            ("RootWorkflowId = 'w' AND ParentWorkflowId IS NULL", 1),
            ("tier != 'gold'", 0),
        ] {
            let counted = runtime.block_on(engine.count_workflows(query.into()));
            assert_eq!(counted.unwrap(), count, "{query}");
        }
    }

    /// Issue 14: what was found before by the JSON of its values is found by what they are, and a child knows its root.
    #[test]
    fn a_file_without_types_of_search_attributes_gets_them_from_the_values() {
        let connection = Connection::open_in_memory().unwrap();
        for migration in &MIGRATIONS[..2] {
            connection.execute_batch(migration.script).unwrap();
        }
        connection
            .execute_batch(&format!(
                "PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 2"
            ))
            .unwrap();
        let mut typed = Payload::json(&br#""2026-11-20T15:08:35Z""#[..]);
        typed
            .metadata
            .insert("type".to_owned(), b"Datetime"[..].into());
        let runs = [
            (
                1,
                None,
                vec![("tier", Payload::json(&b"\"gold\""[..])), ("when", typed)],
            ),
            (
                2,
                Some("r1"),
                vec![("tags", Payload::json(&br#"["a","b"]"#[..]))],
            ),
            // Another type than before, as older versions took it.
            (3, Some("r2"), vec![("tier", Payload::json(&b"7"[..]))]),
        ];
        for (key, parent, attributes) in runs {
            let attributes: PayloadMap = attributes
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect();
            connection
                .execute(
                    "INSERT INTO execution (key, workflow_id, run_id, workflow_type, task_queue, status, start_time, \
                     first_run_id, parent_workflow_id, parent_run_id, search_attributes, checksum) \
                     VALUES (?1, 'w' || ?1, 'r' || ?1, 't', 'q', 1, 5, 'r', ?2, ?2, ?3, 0)",
                    params![key, parent, encode_value(&attributes)],
                )
                .unwrap();
        }
        migrate(&connection, &Store::Memory, 2).unwrap();
        let rows = |sql: &str| -> Vec<String> {
            let mut statement = connection.prepare(sql).unwrap();
            let rows = statement.query_map([], |row| row.get(0)).unwrap();
            rows.map(Result::unwrap).collect()
        };
        assert_eq!(
            rows("SELECT name || ' ' || type FROM attribute"),
            ["tags 7", "tier 2", "when 6"]
        );
        assert_eq!(
            rows(
                "SELECT key || ' ' || name || ' ' || typeof(value) || ' ' || value FROM search_attribute ORDER BY key"
            ),
            [
                "1 tier text gold",
                "1 when integer 1795187315000000000",
                "2 tags text a",
                "2 tags text b"
            ]
        );
        assert_eq!(
            rows("SELECT key || ' ' || coalesce(root_run_id, '-') FROM execution"),
            ["1 -", "2 r1", "3 r1"]
        );
    }
}
