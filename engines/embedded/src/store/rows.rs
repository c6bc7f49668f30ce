//! What transitions write, as data; the writer thread applies it.

use std::{borrow::Cow, collections::HashSet, sync::Arc};

use rusqlite::params;
use steadfast_core::{
    event::{EventKind, ExecutionStatus},
    ids::{Identity, RequestId, RunId, ScheduleId, TaskQueue, WorkflowExecution, WorkflowType},
    payload::PayloadMap,
    time::Timestamp,
};
use steadfast_engine::{
    SearchAttributeType,
    spelling::{enums::SEARCH_ATTRIBUTE_TYPES, statuses::status_number},
};

use super::{
    codec::{checksum, encode_named, encode_value},
    db::{Db, Statements},
    purge::delete_history,
};
use crate::{
    attributes::IndexEntry,
    execution::{ActivityRow, StoredSuspect, Suspect, TaskRow},
    schedules::Record,
};

/// One change of the file.
#[derive(Debug)]
pub(crate) enum Row {
    Insert(Box<InsertRun>),
    /// Events of a run, encoded, from one id to another.
    History {
        key: i64,
        first: u64,
        last: u64,
        events: Vec<u8>,
    },
    Wakeup {
        key: i64,
        wakeup: Option<i64>,
    },
    Close {
        key: i64,
        status: ExecutionStatus,
        close_time: Timestamp,
        history_length: u64,
        history_bytes: u64,
    },
    Attributes {
        key: i64,
        memo: PayloadMap,
        search_attributes: PayloadMap,
        index: Vec<IndexEntry>,
    },
    AddAttribute {
        name: String,
        kind: SearchAttributeType,
    },
    /// A search attribute of which nothing is found any more.
    RemoveAttribute {
        name: String,
        kind: SearchAttributeType,
    },
    Buffer {
        key: i64,
        seq: usize,
        time: Timestamp,
        event: EventKind,
    },
    Unbuffer {
        key: i64,
    },
    Activity {
        key: i64,
        row: ActivityRow,
    },
    Task {
        key: i64,
        row: TaskRow,
    },
    ResetTo {
        key: i64,
        run_id: RunId,
    },
    Delete {
        key: i64,
    },
    PutJob {
        id: i64,
        job: Vec<u8>,
    },
    DeleteJob {
        id: i64,
    },
    PauseQueue(TaskQueue),
    ResumeQueue(TaskQueue),
    /// A schedule as it is from now on, if it is, and as it was before.
    Schedule {
        id: ScheduleId,
        record: Option<Arc<Record>>,
        before: Option<Arc<Record>>,
    },
    /// What is known of a type that processes died of; nothing any more.
    Suspect(Suspect, Option<StoredSuspect>),
}

/// A new run.
#[derive(Debug)]
pub(crate) struct InsertRun {
    pub(crate) key: i64,
    pub(crate) id: WorkflowExecution,
    pub(crate) workflow_type: WorkflowType,
    pub(crate) task_queue: TaskQueue,
    pub(crate) start_time: Timestamp,
    /// When its first task is to be, if that is not its start.
    pub(crate) execution_time: Option<Timestamp>,
    pub(crate) wakeup: Option<i64>,
    pub(crate) first_run_id: RunId,
    pub(crate) request_id: Option<RequestId>,
    pub(crate) parent: Option<WorkflowExecution>,
    pub(crate) root: Option<WorkflowExecution>,
    pub(crate) memo: PayloadMap,
    pub(crate) search_attributes: PayloadMap,
    pub(crate) index: Vec<IndexEntry>,
}

impl Row {
    /// About how many bytes of values the row has.
    pub(super) fn bytes(&self) -> usize {
        let map = |map: &PayloadMap| -> usize {
            map.values().map(|value| value.data.as_slice().len()).sum()
        };
        match self {
            Self::Insert(run) => map(&run.memo) + map(&run.search_attributes),
            Self::Attributes {
                memo,
                search_attributes,
                ..
            } => map(memo) + map(search_attributes),
            Self::History { events, .. } => events.len(),
            Self::PutJob { job, .. } => job.len(),
            _ => 0,
        }
    }

    /// Whether the row ends a run or takes it away, so that there will be more room.
    pub(super) fn makes_room(&self) -> bool {
        matches!(self, Self::Delete { .. } | Self::Close { .. })
    }

    /// Whether rows are about nothing but runs that they end or take away.
    pub(crate) fn only_make_room(rows: &[Self]) -> bool {
        let ending: HashSet<_> = rows
            .iter()
            .filter(|row| row.makes_room())
            .map(Self::key)
            .collect();
        rows.iter().all(|row| ending.contains(&row.key()))
    }

    /// The run that the row is about.
    pub(crate) fn key(&self) -> Option<i64> {
        match self {
            Self::Insert(run) => Some(run.key),
            Self::History { key, .. }
            | Self::Wakeup { key, .. }
            | Self::Close { key, .. }
            | Self::Attributes { key, .. }
            | Self::Buffer { key, .. }
            | Self::Unbuffer { key }
            | Self::Activity { key, .. }
            | Self::Task { key, .. }
            | Self::ResetTo { key, .. }
            | Self::Delete { key } => Some(*key),
            Self::PutJob { .. }
            | Self::DeleteJob { .. }
            | Self::PauseQueue(_)
            | Self::ResumeQueue(_)
            | Self::Schedule { .. }
            | Self::Suspect(..)
            | Self::AddAttribute { .. }
            | Self::RemoveAttribute { .. } => None,
        }
    }

    pub(super) fn write(&self, statements: &mut Statements<'_>) -> rusqlite::Result<()> {
        match self {
            Self::Insert(run) => run.write(statements),
            Self::History {
                key, first, events, ..
            } => {
                let events = statements.db.seal(events)?;
                statements.execute("INSERT INTO history (key, first_event, events, checksum) VALUES (?1, ?2, ?3, ?4)",
                    params![
                        key,
                        as_integer(*first),
                        events,
                        checksum(*key, [&first.to_le_bytes()[..], &events])
                    ],
                )
            }
            Self::Wakeup { key, wakeup } => statements.execute(
                "UPDATE execution SET wakeup = ?2 WHERE key = ?1",
                params![key, wakeup],
            ),
            Self::Close {
                key,
                status,
                close_time,
                history_length,
                history_bytes,
            } => statements.execute(
                "UPDATE execution SET status = ?2, close_time = ?3, wakeup = NULL, \
                     history_length = ?4, history_bytes = ?5 WHERE key = ?1",
                params![
                    key,
                    status_number(*status),
                    close_time.unix_nanos(),
                    as_integer(*history_length),
                    as_integer(*history_bytes)
                ],
            ),
            Self::Attributes {
                key,
                memo,
                search_attributes,
                index,
            } => {
                statements.execute(
                    "UPDATE execution SET memo = ?2, search_attributes = ?3 WHERE key = ?1",
                    params![
                        key,
                        sealed(statements.db, memo)?,
                        map_blob(search_attributes)
                    ],
                )?;
                statements.execute("DELETE FROM search_attribute WHERE key = ?1", params![key])?;
                insert_index(statements, *key, index)
            }
            Self::AddAttribute { name, kind } => statements.execute(
                "INSERT OR REPLACE INTO attribute (name, type) VALUES (?1, ?2)",
                params![name, SEARCH_ATTRIBUTE_TYPES.number(*kind)],
            ),
            Self::RemoveAttribute { name, .. } => {
                statements.execute("DELETE FROM attribute WHERE name = ?1", params![name])?;
                statements.execute(
                    "DELETE FROM search_attribute WHERE name = ?1",
                    params![name],
                )
            }
            Self::Buffer {
                key,
                seq,
                time,
                event,
            } => statements.execute(
                "INSERT INTO buffered (key, seq, time, event) VALUES (?1, ?2, ?3, ?4)",
                params![
                    key,
                    i64::try_from(*seq).unwrap_or(i64::MAX),
                    time.unix_nanos(),
                    statements.db.seal(&encode_value(event))?
                ],
            ),
            Self::Unbuffer { key } => {
                statements.execute("DELETE FROM buffered WHERE key = ?1", params![key])
            }
            Self::Activity { key, row } => write_activity(statements, *key, row),
            Self::Task { key, row } => write_task(statements, *key, row),
            Self::ResetTo { key, run_id } => statements.execute(
                "UPDATE execution SET reset_run_id = ?2 WHERE key = ?1",
                params![key, run_id.as_str()],
            ),
            Self::Delete { key } => {
                delete_history(statements, *key)?;
                for statement in [
                    "DELETE FROM buffered WHERE key = ?1",
                    "DELETE FROM activity WHERE key = ?1",
                    "DELETE FROM task WHERE key = ?1",
                    "DELETE FROM search_attribute WHERE key = ?1",
                    "DELETE FROM execution WHERE key = ?1",
                ] {
                    statements.execute(statement, params![key])?;
                }
                Ok(())
            }
            Self::PutJob { id, job } => statements.execute(
                "INSERT INTO job (id, job) VALUES (?1, ?2)",
                params![id, statements.db.seal(job)?],
            ),
            Self::DeleteJob { id } => {
                statements.execute("DELETE FROM job WHERE id = ?1", params![id])
            }
            Self::Schedule {
                id,
                record: Some(record),
                ..
            } => statements.execute(
                "INSERT OR REPLACE INTO schedule (id, record) VALUES (?1, ?2)",
                params![id.as_str(), statements.db.seal(&encode_named(&**record))?],
            ),
            Self::Schedule {
                id, record: None, ..
            } => statements.execute("DELETE FROM schedule WHERE id = ?1", params![id.as_str()]),
            Self::PauseQueue(queue) => statements.execute(
                "INSERT OR IGNORE INTO paused_queue (name) VALUES (?1)",
                params![queue.as_str()],
            ),
            Self::ResumeQueue(queue) => statements.execute(
                "DELETE FROM paused_queue WHERE name = ?1",
                params![queue.as_str()],
            ),
            Self::Suspect(suspect, Some(stored)) => statements.execute(
                "INSERT OR REPLACE INTO suspect (is_workflow, name, deaths, is_running, not_before) \
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                params![
                    matches!(suspect, Suspect::Workflow(_)),
                    suspect.name(),
                    stored.deaths,
                    stored.is_running,
                    stored.not_before.unix_nanos()
                ],
            ),
            Self::Suspect(suspect, None) => statements.execute(
                "DELETE FROM suspect WHERE is_workflow = ?1 AND name = ?2",
                params![matches!(suspect, Suspect::Workflow(_)), suspect.name()],
            ),
        }
    }
}

impl InsertRun {
    fn write(&self, statements: &mut Statements<'_>) -> rusqlite::Result<()> {
        statements.execute("INSERT INTO execution (key, workflow_id, run_id, workflow_type, task_queue, status, \
             start_time, wakeup, first_run_id, request_id, parent_workflow_id, parent_run_id, memo, \
             search_attributes, checksum, execution_time, root_workflow_id, root_run_id) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)",
            params![
                self.key,
                self.id.workflow_id.as_str(),
                self.id.run_id.as_str(),
                self.workflow_type.as_str(),
                self.task_queue.as_str(),
                status_number(ExecutionStatus::Running),
                self.start_time.unix_nanos(),
                self.wakeup,
                self.first_run_id.as_str(),
                self.request_id.as_ref().map(RequestId::as_str),
                self.parent
                    .as_ref()
                    .map(|parent| parent.workflow_id.as_str()),
                self.parent.as_ref().map(|parent| parent.run_id.as_str()),
                sealed(statements.db, &self.memo)?,
                map_blob(&self.search_attributes),
                names_checksum(
                    self.key,
                    [
                        self.id.workflow_id.as_str(),
                        self.id.run_id.as_str(),
                        self.workflow_type.as_str(),
                        self.task_queue.as_str(),
                        self.first_run_id.as_str(),
                    ]
                ),
                self.execution_time.map(Timestamp::unix_nanos),
                self.root.as_ref().map(|root| root.workflow_id.as_str()),
                self.root.as_ref().map(|root| root.run_id.as_str()),
            ],
        )?;
        insert_index(statements, self.key, &self.index)
    }
}

/// The checksum of the workflow id, the run id, the type, the task queue and the first run id.
pub(super) fn names_checksum(key: i64, names: [&str; 5]) -> u32 {
    checksum(key, names.map(str::as_bytes))
}

fn write_activity(
    statements: &mut Statements<'_>,
    key: i64,
    row: &ActivityRow,
) -> rusqlite::Result<()> {
    match row {
        ActivityRow::Put {
            scheduled,
            attempt,
            started,
            handed_over,
            next_attempt,
            last_failure,
            heartbeat,
        } => statements.execute(
            "INSERT OR REPLACE INTO activity (key, scheduled, attempt, started, worker, \
                 started_time, next_attempt, last_failure, heartbeat) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            params![
                key,
                as_integer(*scheduled),
                attempt,
                started,
                handed_over.as_ref().map(|(worker, _)| worker.as_str()),
                handed_over.as_ref().map(|(_, time)| time.unix_nanos()),
                next_attempt.map(Timestamp::unix_nanos),
                last_failure
                    .as_ref()
                    .map(|failure| statements
                        .db
                        .seal(&encode_value(failure))
                        .map(Cow::into_owned))
                    .transpose()?,
                (!heartbeat.is_empty())
                    .then(|| statements
                        .db
                        .seal(&encode_value(heartbeat))
                        .map(Cow::into_owned))
                    .transpose()?,
            ],
        ),
        ActivityRow::Delete { scheduled } => statements.execute(
            "DELETE FROM activity WHERE key = ?1 AND scheduled = ?2",
            params![key, as_integer(*scheduled)],
        ),
    }
}

fn write_task(statements: &mut Statements<'_>, key: i64, row: &TaskRow) -> rusqlite::Result<()> {
    match row {
        TaskRow::Put(task) => statements.execute(
            "INSERT OR REPLACE INTO task (key, attempt, deaths, worker, not_before) \
             VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                key,
                task.attempt,
                task.deaths,
                task.worker.as_ref().map(Identity::as_str),
                task.not_before.map(Timestamp::unix_nanos),
            ],
        ),
        TaskRow::Delete => statements.execute("DELETE FROM task WHERE key = ?1", params![key]),
    }
}

fn insert_index(
    statements: &mut Statements<'_>,
    key: i64,
    index: &[IndexEntry],
) -> rusqlite::Result<()> {
    for (name, value) in index {
        statements.execute(
            "INSERT OR IGNORE INTO search_attribute (name, value, key) VALUES (?1, ?2, ?3)",
            params![name, value, key],
        )?;
    }
    Ok(())
}

fn sealed(db: &Db, map: &PayloadMap) -> rusqlite::Result<Option<Vec<u8>>> {
    map_blob(map)
        .map(|blob| db.seal(&blob).map(Cow::into_owned))
        .transpose()
}

fn map_blob(map: &PayloadMap) -> Option<Vec<u8>> {
    (!map.is_empty()).then(|| encode_value(map))
}

pub(super) fn as_integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
