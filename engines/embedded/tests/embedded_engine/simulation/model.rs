//! What must be true of an engine, whatever happens: the acknowledged, held against the histories.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use steadfast_core::{
    event::{EventKind, HistoryEvent},
    ids::{EventId, RunId},
    time::Timestamp,
};

use crate::harness::check_order;

/// What was acknowledged.
#[derive(Debug, Default)]
pub(super) struct Model {
    /// Workflow ids, and the runs that they were told.
    pub(super) started: BTreeMap<String, RunId>,
    /// Signals by workflow id and request id.
    pub(super) signalled: BTreeSet<(String, String)>,
    pub(super) cancelled: BTreeSet<String>,
    pub(super) terminated: BTreeSet<String>,
    /// Activities whose outcome was taken for good: run and scheduling event.
    pub(super) acted: BTreeMap<(RunId, String), u32>,
    /// Signals that were refused.
    pub(super) refused: BTreeSet<(String, String)>,
    /// How often each attempt was handed to a worker.
    handed_out: BTreeMap<(RunId, String, u32), u32>,
    /// When what kills its process has done so: run and activity, which is empty for workflow code.
    killed: BTreeMap<(RunId, String), Vec<Timestamp>>,
}

/// So often does what kills its process do so.
const KILLS: usize = 5;

impl Model {
    /// Notes that an attempt was handed to a worker.
    pub(super) fn handed_out(&mut self, run: &RunId, activity: &str, attempt: u32, limited: bool) {
        if let Some(done) = self.acted.get(&(run.clone(), activity.to_owned())) {
            panic!(
                "E8: attempt {attempt} of activity {activity} of {run} was handed out although attempt {done} was acknowledged"
            );
        }
        let key = (run.clone(), activity.to_owned(), attempt);
        let times = self.handed_out.entry(key).or_default();
        *times += 1;
        // Only the first death of a process is not counted.
        assert!(
            *times <= if limited { 1 } else { 2 },
            "E8: attempt {attempt} of activity {activity} of {run} was handed out {times} times"
        );
    }

    /// Whether what was handed out now kills its process, and not before it may.
    pub(super) fn kills(&mut self, run: &RunId, activity: &str, now: Timestamp) -> bool {
        let key = (run.clone(), activity.to_owned());
        let times = self.killed.entry(key).or_default();
        if times.len() > KILLS {
            return false;
        }
        if let Some(last) = times.last() {
            // The first death is not counted, the second one is followed by a wait of a second at least.
            let counted = u32::try_from(times.len() - 1).unwrap();
            let least = match counted {
                0 => Duration::ZERO,
                _ => Duration::from_secs(1) * 2_u32.pow(counted - 1),
            };
            let waited = now.since(*last);
            assert!(
                waited >= least,
                "{run} {activity} kills its process again after {waited:?}"
            );
        }
        let kills = times.len() < KILLS;
        times.push(now);
        kills
    }

    /// Holds the runs of a workflow id, the first one first, against what was acknowledged.
    pub(super) fn check(&self, id: &str, runs: &[Vec<HistoryEvent>]) {
        for events in runs {
            check_order(events);
            assert!(
                events.last().unwrap().kind.is_closing(),
                "{id} did not close"
            );
            check_causes(id, events);
        }
        let all = || runs.iter().flatten();
        for (_, request) in self.signalled.iter().filter(|(of, _)| of == id) {
            for (number, events) in runs.iter().enumerate() {
                let times = events
                    .iter()
                    .filter(|event| is_signal(event, request))
                    .count();
                assert!(
                    times <= 1,
                    "E10: signal {request} is {times} times in run {number} of {id}"
                );
            }
            assert!(
                all().any(|event| is_signal(event, request)),
                "E2: signal {request} of {id} is lost"
            );
        }
        for (_, request) in self.refused.iter().filter(|(of, _)| of == id) {
            assert!(
                !all().any(|event| is_signal(event, request)),
                "signal {request} of {id} was refused and is there"
            );
        }
        if self.cancelled.contains(id) {
            // Or the run had closed before, which the caller was told in the same way (R2).
            let requests = runs.iter().map(|events| {
                events
                    .iter()
                    .filter(|event| {
                        matches!(
                            event.kind,
                            EventKind::WorkflowExecutionCancelRequested { .. }
                        )
                    })
                    .count()
            });
            assert!(
                requests.max().unwrap() <= 1,
                "E6: {id} was asked twice to cancel"
            );
        }
        if self.terminated.contains(id) {
            assert!(
                all().any(|event| matches!(
                    event.kind,
                    EventKind::WorkflowExecutionTerminated { .. }
                )),
                "E2: the end of {id} is lost"
            );
        }
    }
}

fn is_signal(event: &HistoryEvent, request: &str) -> bool {
    matches!(
        &event.kind,
        EventKind::WorkflowExecutionSignaled { request_id: Some(id), .. } if id.as_str() == request
    )
}

/// E9: nothing answers what was not asked, nothing answers twice, and no timer fires early.
fn check_causes(id: &str, events: &[HistoryEvent]) {
    let mut asked: BTreeMap<EventId, &HistoryEvent> = BTreeMap::new();
    for event in events {
        let answers = match &event.kind {
            EventKind::ActivityTaskScheduled { .. }
            | EventKind::TimerStarted { .. }
            | EventKind::StartChildWorkflowExecutionInitiated { .. } => {
                asked.insert(event.event_id, event);
                continue;
            }
            EventKind::ActivityTaskCompleted {
                scheduled_event_id, ..
            }
            | EventKind::ActivityTaskFailed {
                scheduled_event_id, ..
            }
            | EventKind::ActivityTaskTimedOut {
                scheduled_event_id, ..
            }
            | EventKind::ActivityTaskCanceled {
                scheduled_event_id, ..
            } => *scheduled_event_id,
            EventKind::TimerFired {
                started_event_id, ..
            }
            | EventKind::TimerCanceled {
                started_event_id, ..
            } => *started_event_id,
            EventKind::StartChildWorkflowExecutionFailed {
                initiated_event_id, ..
            }
            | EventKind::ChildWorkflowExecutionCompleted {
                initiated_event_id, ..
            }
            | EventKind::ChildWorkflowExecutionFailed {
                initiated_event_id, ..
            }
            | EventKind::ChildWorkflowExecutionCanceled {
                initiated_event_id, ..
            }
            | EventKind::ChildWorkflowExecutionTimedOut {
                initiated_event_id, ..
            }
            | EventKind::ChildWorkflowExecutionTerminated {
                initiated_event_id, ..
            } => *initiated_event_id,
            _ => continue,
        };
        let cause = asked.remove(&answers).unwrap_or_else(|| {
            panic!(
                "{id}: event {} answers {answers}, which waits for nothing",
                event.event_id
            )
        });
        if let (
            EventKind::TimerStarted {
                start_to_fire_timeout,
                ..
            },
            EventKind::TimerFired { .. },
        ) = (&cause.kind, &event.kind)
        {
            let due = cause.event_time.after(*start_to_fire_timeout);
            assert!(
                event.event_time >= due,
                "{id}: timer of {answers} fired early"
            );
        }
    }
    // A run that completed by itself waited for all of it.
    if matches!(
        events.last().unwrap().kind,
        EventKind::WorkflowExecutionCompleted { .. }
    ) {
        assert!(
            asked.is_empty(),
            "{id} completed while {:?} waited",
            asked.keys()
        );
    }
}
