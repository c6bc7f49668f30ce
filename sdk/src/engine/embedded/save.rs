//! What a transition of a run leaves for the store, and the limits of histories.

use steadfast_core::time::Timestamp;

use super::{
    execution::{Execution, MAX_EVENTS, MAX_HISTORY_BYTES, engine_identity},
    store::{Row, encode_event},
};

/// Queues what the store has to know about a run.
pub(crate) fn save(run: &mut Execution, rows: &mut Vec<Row>) {
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
        let unsaved = run.tail.len() - run.unsaved;
        let mut events = Vec::with_capacity(128 * run.unsaved);
        for event in run.tail.iter().skip(unsaved) {
            encode_event(event, &mut events);
        }
        run.history_bytes += events.len() as u64;
        let last = run.last_event_id();
        let first = last + 1 - run.unsaved as u64;
        run.unsaved = 0;
        rows.push(Row::History {
            key,
            first,
            last,
            events,
        });
    }
    rows.extend(
        run.activity_rows
            .drain(..)
            .map(|row| Row::Activity { key, row }),
    );
    if std::mem::take(&mut run.attributes_changed) {
        rows.push(Row::Attributes {
            key,
            memo: run.memo.clone(),
            search_attributes: run.search_attributes.clone(),
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
