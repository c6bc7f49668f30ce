//! What a transition of a run leaves for the store, and the limits of histories.

use std::sync::Arc;

use steadfast_core::{event::HistoryEvent, payload::PayloadMap, time::Timestamp};

use super::{
    attributes::{IndexEntry, Registry},
    execution::{Execution, MAX_EVENTS, MAX_HISTORY_BYTES, QueuedEvents, engine_identity},
    store::{Row, encode_event},
};

/// The room that a row of events begins with: enough for what usually happens to a run between two
/// commits.
const ROW_BYTES: usize = 1_024;
/// How many emptied rows are kept, and how large.
const SPARE_ROWS: usize = 256;
const LARGEST_SPARE_ROW: usize = 4 * ROW_BYTES;
/// A row of events that is longer than this does not grow.
const LONG_ROW: usize = 64 * 1024;

/// Queues what the store has to know about a run, for the batch with a number. Its events go into a spare row if there
/// is one.
pub(crate) fn save(
    run: &mut Execution,
    batch: u64,
    attributes: &mut Arc<Registry>,
    rows: &mut Vec<Row>,
    spare_rows: &mut Vec<Vec<u8>>,
) {
    let key = run.key;
    if std::mem::take(&mut run.drop_buffered_rows) {
        rows.push(Row::Unbuffer { key });
    }
    for (seq, (time, event)) in run.buffered.iter().enumerate().skip(run.buffered_saved) {
        rows.push(Row::Buffer {
            key,
            seq,
            time: *time,
            event: event.clone(),
        });
    }
    run.buffered_saved = run.buffered.len();
    if run.unsaved > 0 {
        save_events(run, batch, rows, spare_rows);
    }
    if !run.activity_rows.is_empty() {
        let activities = run.activity_rows.drain(..);
        rows.extend(activities.map(|row| Row::Activity { key, row }));
    }
    if let Some(row) = run.suspicion.row.take() {
        rows.push(Row::Task { key, row });
    }
    if std::mem::take(&mut run.attributes_changed) {
        let search_attributes = run.shown_attributes().into_owned();
        let index = index_attributes(attributes, &search_attributes, rows);
        rows.push(Row::Attributes {
            key,
            memo: run.memo.clone(),
            search_attributes,
            index,
        });
    }
    if run.status != run.stored_status {
        run.stored_status = run.status;
        run.stored_wakeup = None;
        rows.push(Row::Close {
            key,
            status: run.status,
            close_time: run.close_time.unwrap_or(run.last_event_time),
            history_length: run.last_event_id(),
            history_bytes: run.history_bytes,
        });
    }
    let wakeup = run.wakeup();
    if wakeup != run.stored_wakeup {
        run.stored_wakeup = wakeup;
        rows.push(Row::Wakeup { key, wakeup });
    }
}

/// What a run is found by. Attributes that are not there yet are added.
pub(crate) fn index_attributes(
    attributes: &mut Arc<Registry>,
    values: &PayloadMap,
    rows: &mut Vec<Row>,
) -> Vec<IndexEntry> {
    let (added, index) = attributes.index(values);
    for (name, kind) in added {
        Arc::make_mut(attributes).add(&name, kind);
        rows.push(Row::AddAttribute { name, kind });
    }
    index
}

/// Queues the events that are not queued: in the row of those before them, if that is in the same batch.
fn save_events(
    run: &mut Execution,
    batch: u64,
    rows: &mut Vec<Row>,
    spare_rows: &mut Vec<Vec<u8>>,
) {
    let last = run.last_event_id();
    let first = last + 1 - run.unsaved as u64;
    let unsaved = &run.tail[run.tail.len() - run.unsaved..];
    run.unsaved = 0;
    let before = run
        .queued_events
        .filter(|queued| queued.batch == batch)
        .and_then(|queued| rows.get_mut(queued.row));
    if let Some(Row::History {
        key,
        last: last_before,
        events,
        ..
    }) = before
        && *key == run.key
        && *last_before + 1 == first
        && events.len() < LONG_ROW
    {
        *last_before = last;
        run.history_bytes += encode_events(unsaved, events);
    } else {
        let mut events = spare_rows
            .pop()
            .unwrap_or_else(|| Vec::with_capacity(ROW_BYTES));
        run.history_bytes += encode_events(unsaved, &mut events);
        run.queued_events = Some(QueuedEvents {
            batch,
            row: rows.len(),
        });
        rows.push(Row::History {
            key: run.key,
            first,
            last,
            events,
        });
    }
}

/// Keeps a row of events that was written for others. Otherwise what one thread allocates another one frees, which is
/// slow.
pub(crate) fn recycle(mut events: Vec<u8>, spare_rows: &mut Vec<Vec<u8>>) {
    if events.capacity() <= LARGEST_SPARE_ROW && spare_rows.len() < SPARE_ROWS {
        events.clear();
        spare_rows.push(events);
    }
}

/// Appends events and says how many bytes they are.
fn encode_events(events: &[HistoryEvent], bytes: &mut Vec<u8>) -> u64 {
    let before = bytes.len();
    for event in events {
        encode_event(event, bytes);
    }
    (bytes.len() - before) as u64
}

/// Ends a run whose history is too long, as a Temporal Service does.
pub(crate) fn enforce_limits(run: &mut Execution, now: Timestamp) {
    if !run.is_open() {
        return;
    }
    if !run.warned && run.suggests_continue_as_new() {
        run.warned = true;
        tracing::warn!(
            workflow_id = ?run.id.workflow_id,
            run_id = %run.id.run_id,
            events = run.last_event_id(),
            bytes = run.history_bytes,
            "the history is getting long; the workflow should continue as new"
        );
    }
    let reason = if run.last_event_id() > MAX_EVENTS {
        format!(
            "Workflow history count exceeds limit. ({MAX_EVENTS} events; continue as new before)"
        )
    } else if run.history_bytes > MAX_HISTORY_BYTES {
        format!(
            "Workflow history size exceeds limit. ({MAX_HISTORY_BYTES} bytes; continue as new before)"
        )
    } else {
        return;
    };
    tracing::error!(workflow_id = ?run.id.workflow_id, run_id = %run.id.run_id, reason, "terminated");
    run.terminate(reason, Vec::new(), engine_identity(), now);
}

#[cfg(test)]
mod tests {
    use steadfast_engine::Engine as _;

    use super::*;
    use crate::{EmbeddedEngine, EmbeddedOptions, fixture};

    /// The events of a run that are queued, one range a row.
    fn queued(rows: &[Row]) -> Vec<(u64, u64)> {
        rows.iter()
            .filter_map(|row| match row {
                Row::History { first, last, .. } => Some((*first, *last)),
                _ => None,
            })
            .collect()
    }

    /// What happens to a run between two commits is one row, and read again as what it was.
    #[tokio::test]
    async fn the_events_of_one_commit_are_one_row() {
        let engine = EmbeddedEngine::open(EmbeddedOptions::in_memory()).unwrap();
        engine.start_workflow(fixture::start()).await.unwrap();
        let shared = &engine.shared;
        for (first, last) in [(3, 4), (5, 6)] {
            {
                let (mut core, now) = shared.enter().unwrap();
                for event in first..=last {
                    let run = core.executions.get_mut(&1).unwrap();
                    run.signal(fixture::signal(&event.to_string()), None, now);
                    core.finish(1, now);
                }
                assert_eq!(queued(&core.rows), [(first, last)]);
            }
            engine.settled().await.unwrap();
        }
        let events = shared.read_range(1, 1..=6).await.unwrap();
        let ids: Vec<u64> = events.iter().map(|event| event.event_id.0).collect();
        assert_eq!(ids, [1, 2, 3, 4, 5, 6]);
    }
}
