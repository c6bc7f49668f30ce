//! Reading the file. Every function runs on the writer thread, between commits.

use std::collections::BTreeSet;

use rusqlite::{
    CachedStatement, OptionalExtension as _, Row, params, params_from_iter, types::Value,
};
use steadfast_core::{
    event::{EventKind, ExecutionStatus, HistoryEvent},
    ids::{
        ActivityType, Identity, RequestId, RunId, ScheduleId, TaskQueue, WorkflowExecution,
        WorkflowId, WorkflowType,
    },
    payload::PayloadMap,
    time::Timestamp,
};
use steadfast_engine::{
    EngineError,
    spelling::{enums::SEARCH_ATTRIBUTE_TYPES, statuses::status_of_number},
};

use super::{
    codec::{checksum, decode_events, decode_value, verify},
    db::Db,
    rows::{as_integer, names_checksum},
    storage_error,
};
use crate::{
    attributes::Registry,
    execution::{StoredActivity, StoredState, StoredSuspect, StoredTask, Suspect},
    schedules::Record,
};

/// What the row of a run tells.
#[derive(Clone, Debug)]
pub(crate) struct RunInfo {
    pub(crate) key: i64,
    pub(crate) id: WorkflowExecution,
    pub(crate) workflow_type: WorkflowType,
    pub(crate) task_queue: TaskQueue,
    pub(crate) status: ExecutionStatus,
    pub(crate) start_time: Timestamp,
    /// When its first task was or is to be, if that is not its start.
    pub(crate) execution_time: Option<Timestamp>,
    pub(crate) close_time: Option<Timestamp>,
    pub(crate) wakeup: Option<i64>,
    pub(crate) first_run_id: RunId,
    pub(crate) request_id: Option<RequestId>,
    pub(crate) reset_run_id: Option<RunId>,
    pub(crate) parent: Option<WorkflowExecution>,
    pub(crate) root: Option<WorkflowExecution>,
    pub(crate) history_length: u64,
    pub(crate) history_bytes: u64,
    pub(crate) memo: PayloadMap,
    pub(crate) search_attributes: PayloadMap,
}

/// An execution that a row names, if it names one.
fn execution(
    ids: (Option<String>, Option<String>),
) -> Result<Option<WorkflowExecution>, EngineError> {
    let (Some(workflow_id), Some(run_id)) = ids else {
        return Ok(None);
    };
    Ok(Some(WorkflowExecution {
        workflow_id: WorkflowId::new(workflow_id).map_err(|_| damaged("id"))?,
        run_id: RunId::new(run_id).map_err(|_| damaged("id"))?,
    }))
}

/// All there is of a run.
#[derive(Debug)]
pub(crate) struct LoadedRun {
    pub(crate) info: RunInfo,
    pub(crate) events: Vec<HistoryEvent>,
    pub(crate) bytes: u64,
    pub(crate) state: StoredState,
}

const RUN_COLUMNS: &str = "e.key, e.workflow_id, e.run_id, e.workflow_type, e.task_queue, e.status, \
    e.start_time, e.close_time, e.wakeup, e.first_run_id, e.request_id, e.reset_run_id, \
    e.parent_workflow_id, e.parent_run_id, e.history_length, e.history_bytes, e.memo, \
    e.search_attributes, e.checksum, e.execution_time, e.root_workflow_id, e.root_run_id";

#[expect(clippy::needless_pass_by_value, reason = "it is given to `map_err`")]
fn failed(error: rusqlite::Error) -> EngineError {
    storage_error("the file could not be read", &error)
}

fn damaged(what: &str) -> EngineError {
    EngineError::Storage {
        message: format!(
            "a row of the file has no valid {what}; the file is damaged, restore it from a backup"
        ),
    }
}

fn run_info(db: &Db, row: &Row<'_>) -> rusqlite::Result<Result<RunInfo, EngineError>> {
    let text = |index: usize| {
        row.get_ref(index)?
            .as_str()
            .map_err(rusqlite::Error::from)
            .map(str::to_owned)
    };
    let optional = |index: usize| row.get::<_, Option<String>>(index);
    let time = |index: usize| -> rusqlite::Result<_> {
        let nanos: Option<i64> = row.get(index)?;
        Ok(nanos.map(Timestamp::from_unix_nanos))
    };
    let workflow_id = text(1)?;
    let run_id = text(2)?;
    let workflow_type = text(3)?;
    let task_queue = text(4)?;
    let status: i64 = row.get(5)?;
    let first_run_id = text(9)?;
    let request_id = optional(10)?;
    let reset_run_id = optional(11)?;
    let parent = (optional(12)?, optional(13)?);
    let length: Option<i64> = row.get(14)?;
    let bytes: Option<i64> = row.get(15)?;
    let memo: Option<Vec<u8>> = row.get(16)?;
    let search_attributes: Option<Vec<u8>> = row.get(17)?;
    let key = row.get(0)?;
    let start_time = Timestamp::from_unix_nanos(row.get(6)?);
    let close_time = time(7)?;
    let wakeup = row.get(8)?;
    let stored_checksum = row.get(18)?;
    let execution_time = time(19)?;
    let root = (optional(20)?, optional(21)?);
    let info = move || {
        let id = |_| damaged("id");
        let names = [
            &*workflow_id,
            &*run_id,
            &*workflow_type,
            &*task_queue,
            &*first_run_id,
        ];
        verify(stored_checksum, names_checksum(key, names))?;
        Ok(RunInfo {
            key,
            id: WorkflowExecution {
                workflow_id: WorkflowId::new(workflow_id).map_err(id)?,
                run_id: RunId::new(run_id).map_err(id)?,
            },
            workflow_type: WorkflowType::new(workflow_type).map_err(id)?,
            task_queue: TaskQueue::new(task_queue).map_err(id)?,
            status: status_of_number(status).ok_or_else(|| damaged("status"))?,
            start_time,
            execution_time,
            close_time,
            wakeup,
            first_run_id: RunId::new(first_run_id).map_err(id)?,
            request_id: request_id.map(RequestId::new).transpose().map_err(id)?,
            reset_run_id: reset_run_id.map(RunId::new).transpose().map_err(id)?,
            parent: execution(parent)?,
            root: execution(root)?,
            history_length: length
                .and_then(|length| u64::try_from(length).ok())
                .unwrap_or(0),
            history_bytes: bytes
                .and_then(|bytes| u64::try_from(bytes).ok())
                .unwrap_or(0),
            memo: unsealed(db, memo)?.unwrap_or_default(),
            search_attributes: search_attributes
                .map_or_else(|| Ok(PayloadMap::new()), |blob| decode_value(&blob))?,
        })
    };
    Ok(info())
}

/// A run by its id, or the current run of a workflow id.
pub(crate) fn find_run(
    connection: &Db,
    workflow_id: &WorkflowId,
    run_id: Option<&RunId>,
) -> Result<Option<RunInfo>, EngineError> {
    let found = match run_id {
        Some(run_id) => connection
            .prepare_cached(&format!(
                "SELECT {RUN_COLUMNS} FROM execution e WHERE e.run_id = ?1 AND e.workflow_id = ?2"
            ))
            .and_then(|mut statement| {
                statement
                    .query_row(params![run_id.as_str(), workflow_id.as_str()], |row| run_info(connection, row))
                    .optional()
            }),
        None => connection
            .prepare_cached(&format!(
                "SELECT {RUN_COLUMNS} FROM execution e WHERE e.workflow_id = ?1 ORDER BY e.key DESC \
                 LIMIT 1"
            ))
            .and_then(|mut statement| {
                statement.query_row(params![workflow_id.as_str()], |row| run_info(connection, row)).optional()
            }),
    };
    let found = found.map_err(failed)?.transpose()?;
    // An index that is damaged leads to another row.
    if found
        .as_ref()
        .is_some_and(|run| run.id.workflow_id != *workflow_id)
    {
        return Err(damaged("id"));
    }
    Ok(found)
}

/// The run of a workflow id that a request made.
pub(crate) fn find_request(
    connection: &Db,
    workflow_id: &WorkflowId,
    request_id: &RequestId,
) -> Result<Option<RunId>, EngineError> {
    let run_id: Option<String> = connection
        .prepare_cached("SELECT run_id FROM execution WHERE workflow_id = ?1 AND request_id = ?2")
        .and_then(|mut statement| {
            statement
                .query_row(params![workflow_id.as_str(), request_id.as_str()], |row| {
                    row.get(0)
                })
                .optional()
        })
        .map_err(failed)?;
    run_id
        .map(RunId::new)
        .transpose()
        .map_err(|_| damaged("id"))
}

/// All there is of a run.
pub(crate) fn load_run(connection: &Db, key: i64) -> Result<Option<LoadedRun>, EngineError> {
    let info = connection
        .prepare_cached(&format!(
            "SELECT {RUN_COLUMNS} FROM execution e WHERE e.key = ?1"
        ))
        .and_then(|mut statement| {
            statement
                .query_row(params![key], |row| run_info(connection, row))
                .optional()
        })
        .map_err(failed)?
        .transpose()?;
    let Some(info) = info else { return Ok(None) };
    let (events, bytes) = read_events(connection, key, 1, usize::MAX)?;
    // A row that is missing is damage too.
    if (1..).zip(&events).any(|(id, event)| event.event_id.0 != id) {
        return Err(damaged("events"));
    }
    Ok(Some(LoadedRun {
        info,
        events,
        bytes,
        state: StoredState {
            buffered: read_buffered(connection, key)?,
            activities: read_activities(connection, key)?,
            task: read_task(connection, key)?,
        },
    }))
}

/// Events from an id on, at most so many, and how many bytes they have.
pub(crate) fn read_events(
    connection: &Db,
    key: i64,
    from: u64,
    limit: usize,
) -> Result<(Vec<HistoryEvent>, u64), EngineError> {
    // The batch that contains `from` starts at it or before it.
    let mut statement = connection
        .prepare_cached(
            "SELECT first_event, events, checksum FROM history WHERE key = ?1 AND first_event >= coalesce((SELECT \
             max(first_event) FROM history WHERE key = ?1 AND first_event <= ?2), 0) ORDER BY \
             first_event",
        )
        .map_err(failed)?;
    let mut rows = statement
        .query(params![key, as_integer(from)])
        .map_err(failed)?;
    let mut events = Vec::new();
    let mut bytes = 0;
    while let Some(row) = rows.next().map_err(failed)? {
        let first: i64 = row.get(0).map_err(failed)?;
        let blob = row.get_ref(1).map_err(failed)?;
        let blob = blob.as_blob().map_err(|_| damaged("events"))?;
        let found = checksum(key, [&first.to_le_bytes()[..], blob]);
        verify(row.get(2).map_err(failed)?, found)?;
        bytes += blob.len() as u64;
        decode_events(&connection.unseal(blob)?, &mut events)?;
        if bytes == blob.len() as u64 {
            events.retain(|event| event.event_id.0 >= from);
        }
        if events.len() >= limit {
            events.truncate(limit);
            break;
        }
    }
    Ok((events, bytes))
}

fn read_buffered(connection: &Db, key: i64) -> Result<Vec<(Timestamp, EventKind)>, EngineError> {
    let mut statement = connection
        .prepare_cached("SELECT time, event FROM buffered WHERE key = ?1 ORDER BY seq")
        .map_err(failed)?;
    let mut rows = statement.query(params![key]).map_err(failed)?;
    let mut buffered = Vec::new();
    while let Some(row) = rows.next().map_err(failed)? {
        let time = Timestamp::from_unix_nanos(row.get(0).map_err(failed)?);
        let blob: Vec<u8> = row.get(1).map_err(failed)?;
        buffered.push((time, decode_value(&connection.unseal(&blob)?)?));
    }
    Ok(buffered)
}

fn read_activities(connection: &Db, key: i64) -> Result<Vec<StoredActivity>, EngineError> {
    let mut statement = connection
        .prepare_cached(
            "SELECT scheduled, attempt, started, next_attempt, last_failure, heartbeat, worker, \
                 started_time FROM activity WHERE key = ?1",
        )
        .map_err(failed)?;
    let mut rows = statement.query(params![key]).map_err(failed)?;
    let mut activities = Vec::new();
    while let Some(row) = rows.next().map_err(failed)? {
        let scheduled: i64 = row.get(0).map_err(failed)?;
        let next_attempt: Option<i64> = row.get(3).map_err(failed)?;
        let last_failure: Option<Vec<u8>> = row.get(4).map_err(failed)?;
        let heartbeat: Option<Vec<u8>> = row.get(5).map_err(failed)?;
        let worker: Option<String> = row.get(6).map_err(failed)?;
        let started_time: Option<i64> = row.get(7).map_err(failed)?;
        let handed_over = worker
            .zip(started_time)
            .map(|(worker, time)| {
                let worker = Identity::new(worker).map_err(|_| damaged("identity"))?;
                Ok((worker, Timestamp::from_unix_nanos(time)))
            })
            .transpose()?;
        activities.push(StoredActivity {
            scheduled: u64::try_from(scheduled).map_err(|_| damaged("event id"))?,
            attempt: row.get(1).map_err(failed)?,
            started: row.get(2).map_err(failed)?,
            handed_over,
            next_attempt: next_attempt.map(Timestamp::from_unix_nanos),
            last_failure: unsealed(connection, last_failure)?,
            heartbeat: unsealed(connection, heartbeat)?.unwrap_or_default(),
        });
    }
    Ok(activities)
}

fn read_task(connection: &Db, key: i64) -> Result<Option<StoredTask>, EngineError> {
    let mut statement = connection
        .prepare_cached("SELECT attempt, deaths, worker, not_before FROM task WHERE key = ?1")
        .map_err(failed)?;
    let mut rows = statement.query(params![key]).map_err(failed)?;
    let Some(row) = rows.next().map_err(failed)? else {
        return Ok(None);
    };
    let worker: Option<String> = row.get(2).map_err(failed)?;
    let not_before: Option<i64> = row.get(3).map_err(failed)?;
    Ok(Some(StoredTask {
        attempt: row.get(0).map_err(failed)?,
        deaths: row.get(1).map_err(failed)?,
        worker: worker
            .map(Identity::new)
            .transpose()
            .map_err(|_| damaged("identity"))?,
        not_before: not_before.map(Timestamp::from_unix_nanos),
    }))
}

/// A value that may be absent.
fn unsealed<T: serde::de::DeserializeOwned>(
    db: &Db,
    blob: Option<Vec<u8>>,
) -> Result<Option<T>, EngineError> {
    blob.map(|blob| decode_value(&db.unseal(&blob)?))
        .transpose()
}

/// The open runs that have to be looked at by themselves, the earliest first.
pub(crate) fn due_runs(connection: &Db) -> Result<Vec<(i64, i64)>, EngineError> {
    let mut statement = connection
        .prepare("SELECT wakeup, key FROM execution WHERE wakeup IS NOT NULL ORDER BY wakeup")
        .map_err(failed)?;
    let rows = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .map_err(failed)?;
    rows.collect::<Result<_, _>>().map_err(failed)
}

/// The highest keys of runs and of jobs.
pub(crate) fn highest_key(connection: &Db) -> Result<(i64, i64), EngineError> {
    let (key, job) = connection
        .query_row(
            "SELECT max(coalesce((SELECT max(key) FROM execution), 0), coalesce((SELECT max(key) FROM deleted), 0)), \
             coalesce((SELECT max(id) FROM job), 0)",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .map_err(failed)?;
    // There is no way to count so far.
    if key > i64::MAX / 2 || job > i64::MAX / 2 {
        return Err(damaged("key"));
    }
    Ok((key, job))
}

/// The queues of which nothing is handed out.
pub(crate) fn paused_queues(connection: &Db) -> Result<BTreeSet<TaskQueue>, EngineError> {
    let mut statement = connection
        .prepare("SELECT name FROM paused_queue")
        .map_err(failed)?;
    let names = statement
        .query_map([], |row| row.get::<_, String>(0))
        .and_then(Iterator::collect::<rusqlite::Result<Vec<_>>>)
        .map_err(failed)?;
    names
        .into_iter()
        .map(|name| TaskQueue::new(name).map_err(|_| damaged("task queue")))
        .collect()
}

/// The types that processes died of, perhaps.
pub(crate) fn stored_suspects(
    connection: &Db,
) -> Result<Vec<(Suspect, StoredSuspect)>, EngineError> {
    let mut statement = connection
        .prepare("SELECT is_workflow, name, deaths, is_running, not_before FROM suspect")
        .map_err(failed)?;
    let rows = statement
        .query_map([], |row| {
            let stored = StoredSuspect {
                deaths: row.get(2)?,
                is_running: row.get(3)?,
                not_before: Timestamp::from_unix_nanos(row.get(4)?),
            };
            Ok((row.get::<_, bool>(0)?, row.get::<_, String>(1)?, stored))
        })
        .and_then(Iterator::collect::<rusqlite::Result<Vec<_>>>)
        .map_err(failed)?;
    rows.into_iter()
        .map(|(is_workflow, name, stored)| {
            let suspect = if is_workflow {
                WorkflowType::new(name).map(Suspect::Workflow)
            } else {
                ActivityType::new(name).map(Suspect::Activity)
            };
            Ok((suspect.map_err(|_| damaged("type"))?, stored))
        })
        .collect()
}

/// What runs still have to tell others, encoded.
pub(crate) fn stored_jobs(connection: &Db) -> Result<Vec<(i64, Vec<u8>)>, EngineError> {
    let mut statement = connection
        .prepare("SELECT id, job FROM job ORDER BY id")
        .map_err(failed)?;
    let mut rows = statement.query([]).map_err(failed)?;
    let mut jobs = Vec::new();
    while let Some(row) = rows.next().map_err(failed)? {
        let sealed: Vec<u8> = row.get(1).map_err(failed)?;
        let job = connection.unseal(&sealed)?.into_owned();
        jobs.push((row.get(0).map_err(failed)?, job));
    }
    Ok(jobs)
}

/// The schedules.
pub(crate) fn stored_schedules(connection: &Db) -> Result<Vec<(ScheduleId, Record)>, EngineError> {
    let mut statement = connection
        .prepare("SELECT id, record FROM schedule ORDER BY id")
        .map_err(failed)?;
    let mut rows = statement.query([]).map_err(failed)?;
    let mut schedules = Vec::new();
    while let Some(row) = rows.next().map_err(failed)? {
        let id: String = row.get(0).map_err(failed)?;
        let id = ScheduleId::new(id).map_err(|error| EngineError::Storage {
            message: format!("a schedule cannot be read ({error}); restore the file from a backup"),
        })?;
        let sealed: Vec<u8> = row.get(1).map_err(failed)?;
        let record = decode_value(&connection.unseal(&sealed)?)?;
        schedules.push((id, record));
    }
    Ok(schedules)
}

/// Runs that closed before a time, the earliest first, and when the next one after them closed.
pub(crate) fn expired_runs(
    connection: &Db,
    closed_before: Timestamp,
    limit: usize,
) -> Result<(Vec<i64>, Option<Timestamp>), EngineError> {
    let mut statement = connection
        .prepare_cached(
            "SELECT key FROM execution WHERE close_time IS NOT NULL AND close_time <= ?1 ORDER BY \
             close_time LIMIT ?2",
        )
        .map_err(failed)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let keys = statement
        .query_map(params![closed_before.unix_nanos(), limit], |row| row.get(0))
        .and_then(Iterator::collect)
        .map_err(failed)?;
    let next = connection
        .query_row(
            "SELECT min(close_time) FROM execution WHERE close_time IS NOT NULL AND close_time > ?1",
            params![closed_before.unix_nanos()],
            |row| row.get::<_, Option<i64>>(0),
        )
        .map_err(failed)?;
    Ok((keys, next.map(Timestamp::from_unix_nanos)))
}

/// Keys count from 1.
///
/// # Errors
///
/// When there is one that is lower: it is damaged.
pub(crate) fn check_lowest_key(connection: &Db) -> Result<(), EngineError> {
    let lowest: Option<i64> = connection
        .prepare_cached("SELECT min(key) FROM execution")
        .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
        .map_err(failed)?;
    if lowest.is_some_and(|lowest| lowest < 1) {
        return Err(damaged("key"));
    }
    Ok(())
}

/// The highest key there is, or the highest below another one. A key that is far away from the others is more
/// likely damaged than true, so its row has to confirm it.
pub(crate) fn highest_key_below(
    connection: &Db,
    before: Option<i64>,
) -> Result<Option<i64>, EngineError> {
    let highest = before.map_or(i64::MAX, |before| before.saturating_sub(1));
    let info = connection
        .prepare_cached(&format!(
            "SELECT {RUN_COLUMNS} FROM execution e WHERE e.key <= ?1 ORDER BY e.key DESC LIMIT 1"
        ))
        .and_then(|mut statement| {
            statement
                .query_row(params![highest], |row| run_info(connection, row))
                .optional()
        })
        .map_err(failed)?
        .transpose()?;
    Ok(info.map(|info| info.key))
}

/// The keys of a slice, from the first to the second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyRange {
    pub(crate) from: i64,
    pub(crate) to: i64,
}

/// Which runs of a slice are meant.
#[derive(Debug)]
pub(crate) struct Selection {
    /// A condition of `execution e`, if there is one. `?1` and `?2` are the slice's keys.
    pub(crate) condition: Option<String>,
    /// The values from [`FIRST_VALUE`](Self::FIRST_VALUE) on.
    pub(crate) values: Vec<Value>,
    /// How many tests of a run the condition is made of.
    pub(crate) tests: usize,
}

impl Selection {
    /// The number of the first value.
    pub(crate) const FIRST_VALUE: usize = 3;

    fn rows(&self) -> String {
        let and = self
            .condition
            .as_ref()
            .map_or_else(String::new, |condition| format!(" AND {condition}"));
        format!("FROM execution e WHERE e.key >= ?1 AND e.key <= ?2{and}")
    }

    fn bound(&self, keys: KeyRange) -> impl rusqlite::Params {
        let keys = [keys.from, keys.to].map(Value::from).into_iter();
        params_from_iter(keys.chain(self.values.iter().cloned()))
    }
}

/// A statement that asks for more than this is not kept: it is large, and takes the place of others.
const KEPT_TESTS: usize = 8;

/// Asks for something of the runs of a slice that are meant.
fn ask<T>(
    connection: &Db,
    selection: &Selection,
    statement: &str,
    answer: impl FnOnce(&mut CachedStatement<'_>) -> rusqlite::Result<T>,
) -> Result<T, EngineError> {
    let mut statement = connection.prepare_cached(statement).map_err(failed)?;
    let answer = answer(&mut statement).map_err(failed);
    if selection.tests > KEPT_TESTS {
        statement.discard();
    }
    answer
}

/// The runs of a slice that are meant, the latest first.
pub(crate) fn list_runs(
    connection: &Db,
    selection: &Selection,
    keys: KeyRange,
    limit: usize,
) -> Result<Vec<RunInfo>, EngineError> {
    let list = format!(
        "SELECT {RUN_COLUMNS} {} ORDER BY e.key DESC LIMIT {limit}",
        selection.rows()
    );
    let runs = ask(connection, selection, &list, |statement| {
        statement
            .query_map(selection.bound(keys), |row| run_info(connection, row))?
            .collect::<rusqlite::Result<Vec<_>>>()
    })?;
    runs.into_iter().collect()
}

/// How many runs of a slice are meant.
pub(crate) fn count_runs(
    connection: &Db,
    selection: &Selection,
    keys: KeyRange,
) -> Result<u64, EngineError> {
    let count = format!("SELECT count(*) {}", selection.rows());
    let count: i64 = ask(connection, selection, &count, |statement| {
        statement.query_row(selection.bound(keys), |row| row.get(0))
    })?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// How many runs of a slice are meant, by their status.
pub(crate) fn count_runs_by_status(
    connection: &Db,
    selection: &Selection,
    keys: KeyRange,
) -> Result<Vec<(ExecutionStatus, u64)>, EngineError> {
    let count = format!(
        "SELECT e.status, count(*) {} GROUP BY e.status",
        selection.rows()
    );
    let counts = ask(connection, selection, &count, |statement| {
        statement
            .query_map(selection.bound(keys), |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<Vec<(i64, i64)>>>()
    })?;
    counts
        .into_iter()
        .map(|(status, count)| {
            let status = status_of_number(status).ok_or_else(|| damaged("status"))?;
            Ok((status, u64::try_from(count).unwrap_or(0)))
        })
        .collect()
}

/// The search attributes that there are.
pub(crate) fn search_attributes(connection: &Db) -> Result<Registry, EngineError> {
    let mut statement = connection
        .prepare("SELECT name, type FROM attribute")
        .map_err(failed)?;
    statement
        .query_map([], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, i32>(1)?))
        })
        .and_then(Iterator::collect::<rusqlite::Result<Vec<_>>>)
        .map_err(failed)?
        .into_iter()
        .map(|(name, kind)| {
            let kind = SEARCH_ATTRIBUTE_TYPES.of_number(kind);
            Ok((name, kind.ok_or_else(|| damaged("search attribute"))?))
        })
        .collect()
}
