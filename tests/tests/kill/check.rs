//! Holds what is in the file against the ledger, the journal and the model.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
    path::Path,
};

use futures_util::TryStreamExt as _;
use steadfast::{
    core::{
        event::{EventKind, ExecutionStatus, WorkflowTaskFailedCause},
        failure::FailureKind,
        history::History,
        ids::{EventId, WorkflowExecution},
        time::Timestamp,
    },
    engine::{ListFilter, embedded::EmbeddedEngine},
    prelude::*,
    testing::Replayer,
};

use crate::{
    child::outcome,
    load::Load,
    order::{Kind, Order},
    papers::{Deed, Doer, Papers, Record},
};

/// How much was checked.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) workflows: u64,
    pub(crate) runs: u64,
    pub(crate) events: u64,
    pub(crate) acknowledgements: u64,
    /// Attempts that died with a process.
    pub(crate) cut_short: u64,
    /// Activities with one attempt that died with a process.
    pub(crate) lost: u64,
    /// Workflow tasks that two processes in a row died with.
    pub(crate) lost_tasks: u64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.workflows += other.workflows;
        self.runs += other.runs;
        self.events += other.events;
        self.acknowledgements += other.acknowledgements;
        self.cut_short += other.cut_short;
        self.lost += other.lost;
        self.lost_tasks += other.lost_tasks;
    }
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn check(folder: &Path, seed: u64) -> (Tally, Vec<String>) {
    let engine = EmbeddedEngine::open(Papers::database(folder)).unwrap();
    let client = Client::new(engine);
    let mut check = Check {
        runs: BTreeMap::new(),
        journal: Papers::journal(folder),
        tally: Tally::default(),
        faults: Vec::new(),
    };
    let listed: Vec<_> = client
        .list_workflows(ListFilter::default())
        .try_collect()
        .await
        .unwrap();
    for description in listed {
        let execution = description.execution.clone();
        let handle = client.workflow_run::<Load>(execution.clone());
        let history = handle.history().await.unwrap();
        check.run(&history, description.status);
        let id = execution.workflow_id.to_string();
        check.runs.entry(id).or_default().push(history);
    }
    for histories in check.runs.values_mut() {
        // The latest start came first.
        histories.reverse();
    }
    check.journal_is_in_history();
    check.children();
    let mut outcomes = BTreeMap::new();
    for id in check.runs.keys() {
        let handle = client.workflow::<Load>(id).unwrap();
        outcomes.insert(id.clone(), outcome(handle.result().await).unwrap());
    }
    check.ledger(&Papers::ledger(folder), &outcomes, seed);
    check.model(&outcomes, seed);
    check.tally.workflows = check.runs.len() as u64;
    (check.tally, check.faults)
}

/// What is still open, for the message of a failure.
#[tokio::main(flavor = "current_thread")]
pub(crate) async fn open_runs(folder: &Path) -> String {
    let engine = EmbeddedEngine::open(Papers::database(folder)).unwrap();
    let client = Client::new(engine);
    let filter = ListFilter {
        status: Some(ExecutionStatus::Running),
        ..ListFilter::default()
    };
    let listed: Vec<_> = client.list_workflows(filter).try_collect().await.unwrap();
    let mut text = format!("{} runs are open\n", listed.len());
    for description in listed.into_iter().take(3) {
        let children = description.pending_children.into_iter();
        let children = children.filter_map(|child| {
            Some(WorkflowExecution {
                workflow_id: child.workflow_id,
                run_id: child.run_id?,
            })
        });
        for execution in [description.execution].into_iter().chain(children) {
            let handle = client.workflow_run::<Load>(execution);
            text.push_str(&handle.history().await.unwrap().to_string());
        }
    }
    text
}

/// Whether others ended it, with whatever it was doing.
fn was_terminated(history: &History) -> bool {
    history
        .events
        .last()
        .is_some_and(|event| event.kind.name() == "WorkflowExecutionTerminated")
}

/// How the activities of a run ended: id, terminal event, attempt, in the order of their ends.
struct End {
    activity: String,
    name: String,
    /// `None` when it was never started.
    attempt: Option<u32>,
}

struct Check {
    /// The histories of an id, first run first.
    runs: BTreeMap<String, Vec<History>>,
    journal: BTreeMap<Doer, Vec<Deed>>,
    tally: Tally,
    faults: Vec<String>,
}

fn named<'a>(history: &'a History, name: &'a str) -> impl Iterator<Item = &'a EventKind> + use<'a> {
    let kinds = history.events.iter().map(|event| &event.kind);
    kinds.filter(move |kind| kind.name() == name)
}

fn attempt_of(history: &History, started: EventId) -> Option<u32> {
    history.events.iter().find_map(|event| match event.kind {
        EventKind::ActivityTaskStarted { attempt, .. } if event.event_id == started => {
            Some(attempt)
        }
        _ => None,
    })
}

fn ends(history: &History) -> Vec<End> {
    let activity = |scheduled: EventId| {
        history.events.iter().find_map(|event| match &event.kind {
            EventKind::ActivityTaskScheduled { activity, .. } if event.event_id == scheduled => {
                Some(activity.activity_id.to_string())
            }
            _ => None,
        })
    };
    let mut ends = Vec::new();
    for event in &history.events {
        let (EventKind::ActivityTaskCompleted {
            scheduled_event_id,
            started_event_id,
            ..
        }
        | EventKind::ActivityTaskFailed {
            scheduled_event_id,
            started_event_id,
            ..
        }
        | EventKind::ActivityTaskTimedOut {
            scheduled_event_id,
            started_event_id,
            ..
        }
        | EventKind::ActivityTaskCanceled {
            scheduled_event_id,
            started_event_id,
            ..
        }) = &event.kind
        else {
            continue;
        };
        ends.push(End {
            activity: activity(*scheduled_event_id).unwrap_or_default(),
            name: event.kind.name().to_owned(),
            attempt: attempt_of(history, *started_event_id),
        });
    }
    ends
}

impl Check {
    fn fault(&mut self, what: impl Display, history: &History) {
        self.faults.push(format!("{what}\n{history}"));
    }

    /// What holds for every run by itself.
    fn run(&mut self, history: &History, status: ExecutionStatus) {
        self.tally.runs += 1;
        self.tally.events += history.events.len() as u64;
        let mut last = Timestamp::EPOCH;
        let count = history.events.len();
        for (index, event) in history.events.iter().enumerate() {
            if event.event_id != EventId(index as u64 + 1) {
                self.fault(
                    format!("E3: event {} is number {index}", event.event_id),
                    history,
                );
            }
            if event.event_time < last {
                self.fault(
                    format!("E9: the time goes back at {}", event.event_id),
                    history,
                );
            }
            last = event.event_time;
            if event.kind.is_closing() != (index + 1 == count) {
                self.fault(
                    format!("E3: a closing event at {}, or none at the end", index + 1),
                    history,
                );
            }
            if let EventKind::WorkflowTaskFailed { cause, failure, .. } = &event.kind {
                // It was with a worker when two processes in a row were killed.
                let process_ended = failure.as_ref().is_some_and(|failure| {
                    matches!(&failure.kind, FailureKind::Application { error_type, .. } if error_type == "ProcessEnded")
                });
                self.tally.lost_tasks += u64::from(process_ended);
                if !process_ended
                    && !matches!(
                        cause,
                        WorkflowTaskFailedCause::UnhandledCommand
                        | WorkflowTaskFailedCause::ResetWorkflow
                        // It was with a worker when somebody terminated the run.
                        | WorkflowTaskFailedCause::ForceCloseCommand
                    )
                {
                    self.fault(format!("a workflow task failed: {cause:?}"), history);
                }
            }
        }
        let closing = history
            .events
            .last()
            .and_then(|event| ExecutionStatus::after(&event.kind));
        if closing != Some(status) {
            self.fault(format!("it is listed as {status}"), history);
        }
        if let Err(error) = Replayer::new().register_workflow::<Load>().replay(history) {
            self.fault(format!("it does not replay: {error}"), history);
        }
        self.timers(history);
        self.activities(history);
    }

    fn timers(&mut self, history: &History) {
        for event in &history.events {
            let EventKind::TimerStarted {
                start_to_fire_timeout,
                ..
            } = &event.kind
            else {
                continue;
            };
            let started = event.event_id;
            let mut fired = Vec::new();
            let mut cancelled = 0;
            for later in &history.events {
                match &later.kind {
                    EventKind::TimerFired {
                        started_event_id, ..
                    } if *started_event_id == started => {
                        fired.push(later.event_time);
                    }
                    EventKind::TimerCanceled {
                        started_event_id, ..
                    } if *started_event_id == started => {
                        cancelled += 1;
                    }
                    _ => {}
                }
            }
            if fired.len() + cancelled != 1 && !was_terminated(history) {
                let text = format!(
                    "timer {started}: fired {}, cancelled {cancelled}",
                    fired.len()
                );
                self.fault(text, history);
            }
            if fired
                .iter()
                .any(|time| *time < event.event_time.after(*start_to_fire_timeout))
            {
                self.fault(format!("timer {started} fired too early"), history);
            }
        }
    }

    fn activities(&mut self, history: &History) {
        let run = history.execution.run_id.to_string();
        for event in &history.events {
            let EventKind::ActivityTaskScheduled { activity, .. } = &event.kind else {
                continue;
            };
            let scheduled = event.event_id;
            let id = activity.activity_id.to_string();
            let deeds = self
                .journal
                .get(&(run.clone(), id.clone()))
                .cloned()
                .unwrap_or_default();
            let begun: Vec<(u32, u32)> = deeds
                .iter()
                .filter(|deed| !deed.ended)
                .map(|deed| (deed.attempt, deed.process))
                .collect();
            // An attempt that died with its process may have been dispatched again as the same
            // one, where that breaks no limit.
            let in_order = |one: &(u32, u32), next: &(u32, u32)| {
                one.0 < next.0 || (one.0 == next.0 && one.1 != next.1)
            };
            if !begun.is_sorted_by(in_order) {
                self.fault(
                    format!("E8: {id} began (attempt, process) {begun:?}"),
                    history,
                );
            }
            if deeds
                .iter()
                .any(|deed| deed.time < event.event_time.unix_nanos())
            {
                self.fault(format!("E8: {id} began before it was scheduled"), history);
            }
            let once = activity
                .retry_policy
                .as_ref()
                .is_some_and(|policy| policy.maximum_attempts == 1);
            if once && begun.len() > 1 {
                self.fault(
                    format!("{id} may run once and ran {} times", begun.len()),
                    history,
                );
            }
            let ends: Vec<_> = history
                .events
                .iter()
                .filter(|end| match &end.kind {
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
                    } => *scheduled_event_id == scheduled,
                    _ => false,
                })
                .collect();
            // One whose workflow did not wait for it has no end.
            let unended = id == "hold" || was_terminated(history);
            if ends.len() > 1 || (ends.is_empty() && !unended) {
                self.fault(format!("E1: {id} ended {} times", ends.len()), history);
            }
            let Some(end) = ends.first() else { continue };
            let time = end.event_time.unix_nanos();
            match &end.kind {
                EventKind::ActivityTaskCompleted {
                    started_event_id, ..
                } => {
                    let attempt = attempt_of(history, *started_event_id);
                    let last = deeds.last();
                    if !last.is_some_and(|deed| deed.ended && Some(deed.attempt) == attempt) {
                        self.fault(
                            format!("E8: {id} completed at attempt {attempt:?} and did {deeds:?}"),
                            history,
                        );
                    }
                    if deeds.iter().any(|deed| deed.time > time) {
                        self.fault(format!("E8: {id} ran after its completion"), history);
                    }
                    // The attempts before either failed by plan or died.
                    self.tally.cut_short += begun.len().saturating_sub(1) as u64;
                }
                EventKind::ActivityTaskTimedOut { .. } if once => self.tally.lost += 1,
                // It was cancelled while it was with nobody, or died while its cancellation was
                // requested.
                EventKind::ActivityTaskTimedOut { .. } | EventKind::ActivityTaskCanceled { .. } => {
                }
                other => self.fault(format!("{id} ended as {}", other.name()), history),
            }
        }
    }

    /// E8: nothing ran that was not scheduled.
    fn journal_is_in_history(&mut self) {
        let scheduled: BTreeSet<Doer> = self
            .runs
            .values()
            .flatten()
            .flat_map(|history| {
                let run = history.execution.run_id.to_string();
                history
                    .events
                    .iter()
                    .filter_map(move |event| match &event.kind {
                        EventKind::ActivityTaskScheduled { activity, .. } => {
                            Some((run.clone(), activity.activity_id.to_string()))
                        }
                        _ => None,
                    })
            })
            .collect();
        for doer in self.journal.keys() {
            if !scheduled.contains(doer) {
                self.faults
                    .push(format!("E8: {doer:?} ran and is in no history"));
            }
        }
    }

    /// What a parent says of a child is so.
    fn children(&mut self) {
        let mut faults = Vec::new();
        let closing = |execution: &WorkflowExecution| {
            let histories = self.runs.get(execution.workflow_id.as_str())?;
            let history = histories
                .iter()
                .find(|history| history.execution.run_id == execution.run_id)?;
            Some(history.events.last()?.kind.name().to_owned())
        };
        for history in self.runs.values().flatten() {
            let mut started = 0;
            let mut ended = 0;
            for event in &history.events {
                let name = event.kind.name();
                let (EventKind::ChildWorkflowExecutionStarted { execution, .. }
                | EventKind::ChildWorkflowExecutionCompleted { execution, .. }
                | EventKind::ChildWorkflowExecutionCanceled { execution, .. }
                | EventKind::ChildWorkflowExecutionFailed { execution, .. }) = &event.kind
                else {
                    continue;
                };
                let end = closing(execution).unwrap_or_default();
                if name == "ChildWorkflowExecutionStarted" {
                    started += 1;
                    if end.is_empty() {
                        faults.push(format!("{execution:?} is not there\n{history}"));
                    }
                } else {
                    ended += 1;
                    if name.strip_prefix("Child") != Some(&end) {
                        faults.push(format!("{execution:?} ended as {end}\n{history}"));
                    }
                }
            }
            if started != ended {
                faults.push(format!(
                    "{started} children started and {ended} ended\n{history}"
                ));
            }
        }
        self.faults.append(&mut faults);
    }

    /// Nothing that was acknowledged is lost, and nothing is there twice.
    fn ledger(&mut self, ledger: &[Record], outcomes: &BTreeMap<String, String>, seed: u64) {
        let mut faults = Vec::new();
        let mut asked = BTreeSet::new();
        let mut results = BTreeSet::new();
        for record in ledger {
            let (Record::Asked { id }
            | Record::Started { id, .. }
            | Record::Signalling { id, .. }
            | Record::Signalled { id, .. }
            | Record::Cancelling { id }
            | Record::Cancelled { id }
            | Record::Updating { id, .. }
            | Record::Updated { id, .. }
            | Record::Terminating { id }
            | Record::Terminated { id }
            | Record::Resetting { id }
            | Record::Reset { id, .. }
            | Record::Result { id, .. }) = record;
            let histories = self.runs.get(id).map_or(&[][..], Vec::as_slice);
            let signals = |value: &str| -> usize {
                let expected = steadfast::convert::to_payload(value).unwrap();
                histories
                    .iter()
                    .flat_map(|history| named(history, "WorkflowExecutionSignaled"))
                    .filter(|kind| matches!(kind, EventKind::WorkflowExecutionSignaled { input, .. } if *input == [expected.clone()]))
                    .count()
            };
            let cancels = || -> usize {
                let reason = Order::of(seed, id).unwrap().reason();
                histories
                    .iter()
                    .flat_map(|history| named(history, "WorkflowExecutionCancelRequested"))
                    .filter(|kind| matches!(kind, EventKind::WorkflowExecutionCancelRequested { cause, .. } if *cause == reason))
                    .count()
            };
            let updates = |value: &str| -> usize {
                let update_id = format!("update {value}");
                histories
                    .iter()
                    .flat_map(|history| named(history, "WorkflowExecutionUpdateAccepted"))
                    .filter(|kind| matches!(kind, EventKind::WorkflowExecutionUpdateAccepted { update_id: id, .. } if id.as_str() == update_id))
                    .count()
            };
            let terminations = || -> usize {
                let expected = Order::of(seed, id).unwrap().reason();
                histories
                    .iter()
                    .flat_map(|history| named(history, "WorkflowExecutionTerminated"))
                    .filter(|kind| matches!(kind, EventKind::WorkflowExecutionTerminated { reason, .. } if *reason == expected))
                    .count()
            };
            let acknowledged = !matches!(
                record,
                Record::Asked { .. }
                    | Record::Signalling { .. }
                    | Record::Updating { .. }
                    | Record::Cancelling { .. }
                    | Record::Terminating { .. }
                    | Record::Resetting { .. }
            );
            self.tally.acknowledgements += u64::from(acknowledged);
            let holds = match record {
                Record::Asked { id } => asked.insert(id),
                Record::Started { run, .. } => histories
                    .first()
                    .is_some_and(|history| history.execution.run_id.as_str() == run),
                Record::Signalled { value, .. } | Record::Signalling { value, .. } => {
                    signals(value) == 1
                }
                Record::Cancelled { .. } | Record::Cancelling { .. } => cancels() == 1,
                Record::Updated { value, .. } | Record::Updating { value, .. } => {
                    updates(value) == 1
                }
                Record::Terminated { .. } | Record::Terminating { .. } => terminations() == 1,
                Record::Resetting { .. } => histories.len() == 2,
                Record::Reset { run, .. } => histories
                    .get(1)
                    .is_some_and(|history| history.execution.run_id.as_str() == run),
                Record::Result { outcome, .. } => {
                    results.insert(id);
                    outcomes.get(id) == Some(outcome)
                }
            };
            if !holds {
                let shown: String = histories.iter().map(ToString::to_string).collect();
                faults.push(format!("E2, E10: {record:?} does not hold\n{shown}"));
            }
        }
        if asked != results {
            faults.push(format!(
                "{} were asked for, {} ended",
                asked.len(),
                results.len()
            ));
        }
        self.faults.append(&mut faults);
        for (id, histories) in &self.runs {
            let known = Order::of(seed, id).is_none_or(|order| asked.contains(&order.id));
            let first = histories.iter().filter(|history| {
                matches!(history.events.first().map(|event| &event.kind),
                    Some(EventKind::WorkflowExecutionStarted(start))
                        if start.continued_execution_run_id.is_none()
                            && start.original_execution_run_id == history.execution.run_id)
            });
            if !known || first.count() != 1 {
                self.faults.push(format!(
                    "E5, E10: {id} was started more than once, or by nobody"
                ));
            }
        }
    }

    /// Every workflow did what its kind does.
    fn model(&mut self, outcomes: &BTreeMap<String, String>, seed: u64) {
        let mut faults = Vec::new();
        for (id, histories) in &self.runs {
            let Some(order) = Order::of(seed, id) else {
                continue;
            };
            let Some(history) = histories.last() else {
                continue;
            };
            let ends = ends(history);
            let attempts = |histories: &[History]| -> Vec<String> {
                let ends = histories.iter().flat_map(self::ends);
                ends.filter_map(|end| end.attempt)
                    .map(|attempt| attempt.to_string())
                    .collect()
            };
            let size = order.plan.size;
            let expected = match order.plan.kind {
                Kind::Steps => format!("completed {}", attempts(histories).join(",")),
                Kind::Timers => {
                    let fired = named(history, "TimerFired").count() as u64;
                    if fired != 2 * size {
                        faults.push(format!("{fired} timers fired\n{history}"));
                    }
                    format!("completed {} timers", 2 * size)
                }
                Kind::Signals | Kind::Reset => format!("completed {}", order.signals.join(",")),
                Kind::Updates => format!("completed {}", order.updates.join(",")),
                Kind::Terminated => format!("terminated {}", order.reason()),
                Kind::Family => {
                    let children = ["1", "2"].map(|number| {
                        let child = self.runs.get(&format!("{id}.{number}"));
                        attempts(child.map_or(&[][..], Vec::as_slice)).join(",")
                    });
                    format!("completed {}", children.join(" "))
                }
                Kind::Hold | Kind::Clan => {
                    let cleanups = ends.iter().filter(|end| {
                        end.activity == "cleanup" && end.name == "ActivityTaskCompleted"
                    });
                    if cleanups.count() != 1 {
                        faults.push(format!("it did not clean up once\n{history}"));
                    }
                    format!("cancelled {}", order.reason())
                }
                Kind::Saga => "completed booked".to_owned(),
                Kind::FailedSaga => "failed no room".to_owned(),
                // A step that died while its cancellation was requested timed out, and that is the
                // error that the run ends with (F4, O6).
                Kind::CancelledSaga
                    if ends.iter().any(|end| {
                        end.activity.starts_with("do-") && end.name == "ActivityTaskTimedOut"
                    }) =>
                {
                    "failed activity timed out".to_owned()
                }
                Kind::CancelledSaga => format!("cancelled {}", order.reason()),
                Kind::Continued => {
                    if histories.len() as u64 != size + 1 {
                        faults.push(format!("{} runs\n{history}", histories.len()));
                    }
                    format!("completed {size} runs")
                }
                Kind::Once => {
                    let ends = ends.iter().map(|end| {
                        if end.name == "ActivityTaskCompleted" {
                            "done"
                        } else {
                            "lost"
                        }
                    });
                    format!("completed {}", ends.collect::<Vec<_>>().join(","))
                }
            };
            let seen = outcomes.get(id);
            if seen != Some(&expected) {
                faults.push(format!("{seen:?} instead of `{expected}`\n{history}"));
            }
            if matches!(
                order.plan.kind,
                Kind::Saga | Kind::FailedSaga | Kind::CancelledSaga
            ) && let Some(fault) = saga_fault(&order, &ends)
            {
                faults.push(format!("{fault}\n{history}"));
            }
        }
        self.faults.append(&mut faults);
    }
}

/// G1, G2: a saga does everything, or undoes once, last step first, what it may have done.
fn saga_fault(order: &Order, ends: &[End]) -> Option<String> {
    let steps = |prefix: &str, chosen: &dyn Fn(&End) -> bool| -> Vec<u64> {
        let chosen = ends.iter().filter(|end| chosen(end));
        chosen
            .filter_map(|end| end.activity.strip_prefix(prefix)?.parse().ok())
            .collect()
    };
    let completed = |end: &End| end.name == "ActivityTaskCompleted";
    let done = steps("do-", &completed);
    // One that never started is not due; of one that started and did not complete nobody knows.
    let attempted = steps("do-", &|end| end.attempt.is_some());
    let undone = steps("undo-", &completed);
    let whole: Vec<u64> = (1..=order.plan.size).collect();
    let fine = match order.plan.kind {
        Kind::Saga => done == whole && undone.is_empty(),
        Kind::FailedSaga => done == whole && undone.iter().rev().eq(&done),
        _ => {
            undone.is_sorted_by(|one, next| one > next)
                && done.iter().all(|step| undone.contains(step))
                && attempted.iter().all(|step| undone.contains(step))
        }
    };
    (!fine).then(|| format!("G1, G2: did {done:?}, may have done {attempted:?}, undid {undone:?}"))
}
