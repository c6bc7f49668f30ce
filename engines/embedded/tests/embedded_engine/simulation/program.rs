//! What the simulated workflows do: functions of their histories, so that any worker can go on.

use std::time::Duration;

use steadfast_core::{
    command::{Command, ScheduleActivityTask, StartChildWorkflowExecution},
    event::{EventKind, HistoryEvent, WorkflowExecutionStarted},
    ids::{ActivityId, ActivityType, TimerId, WorkflowId, WorkflowType},
    options::{ActivityTimeouts, ParentClosePolicy, WorkflowIdReusePolicy, WorkflowTimeouts},
    payload::PayloadMap,
    retry::RetryPolicy,
};

use crate::harness::queue;

/// The queue of everything.
pub(super) const QUEUE: &str = "all";

/// The signal after which a workflow waits for nothing more.
pub(super) const GO: &str = "go";

fn number(workflow_id: &str) -> Option<usize> {
    workflow_id.strip_prefix('w')?.parse().ok()
}

/// Whether the first workflow task of a workflow kills its process, the first times.
pub(super) fn task_kills(workflow_id: &str) -> bool {
    number(workflow_id).is_some_and(|number| number % 67 == 5)
}

/// Whether an activity of a workflow kills its process, the first times.
pub(super) fn activity_kills(workflow_id: &str, activity_id: &str) -> bool {
    number(workflow_id).is_some_and(|number| number % 67 == 40) && activity_id == "0"
}

/// What there is to do once, in order.
#[derive(Clone, Copy)]
enum Step {
    Activities(usize),
    Timers(usize),
    Child(ParentClosePolicy),
    Signal,
}

/// The number in a workflow id decides what the workflow does.
fn steps(start: &WorkflowExecutionStarted) -> &'static [Step] {
    if start.parent.is_some() {
        return &[Step::Timers(1), Step::Activities(1)];
    }
    let number = number(start.workflow_id.as_str()).expect("simulated workflows have numbers");
    match number % 6 {
        0 => &[
            Step::Activities(1),
            Step::Activities(1),
            Step::Activities(1),
        ],
        1 => &[Step::Activities(4), Step::Timers(2)],
        2 => &[Step::Timers(3), Step::Signal],
        3 => &[
            Step::Child(ParentClosePolicy::RequestCancel),
            Step::Activities(1),
        ],
        4 => &[Step::Signal, Step::Activities(2)],
        _ => &[Step::Child(ParentClosePolicy::Terminate), Step::Timers(1)],
    }
}

/// The next commands, read off the whole history.
pub(super) fn decide(events: &[HistoryEvent]) -> Vec<Command> {
    let Some(EventKind::WorkflowExecutionStarted(start)) = events.first().map(|event| &event.kind)
    else {
        return Vec::new();
    };
    let count =
        |test: fn(&EventKind) -> bool| events.iter().filter(|event| test(&event.kind)).count();
    if count(|kind| matches!(kind, EventKind::WorkflowExecutionCancelRequested { .. })) > 0 {
        return vec![Command::CancelWorkflowExecution { details: vec![] }];
    }
    let scheduled = count(|kind| matches!(kind, EventKind::ActivityTaskScheduled { .. }));
    let acted = count(|kind| {
        matches!(
            kind,
            EventKind::ActivityTaskCompleted { .. }
                | EventKind::ActivityTaskFailed { .. }
                | EventKind::ActivityTaskTimedOut { .. }
        )
    });
    let started = count(|kind| matches!(kind, EventKind::TimerStarted { .. }));
    let fired = count(|kind| matches!(kind, EventKind::TimerFired { .. }));
    let children =
        count(|kind| matches!(kind, EventKind::StartChildWorkflowExecutionInitiated { .. }));
    let ended = count(|kind| {
        matches!(
            kind,
            EventKind::ChildWorkflowExecutionCompleted { .. }
                | EventKind::ChildWorkflowExecutionCanceled { .. }
                | EventKind::ChildWorkflowExecutionTerminated { .. }
                | EventKind::ChildWorkflowExecutionFailed { .. }
                | EventKind::StartChildWorkflowExecutionFailed { .. }
        )
    });
    let told = count(
        |kind| matches!(kind, EventKind::WorkflowExecutionSignaled { signal_name, .. } if signal_name.as_str() == GO),
    );
    let (mut activities, mut timers, mut families) = (0, 0, 0);
    for step in steps(start) {
        match *step {
            Step::Activities(number) => {
                activities += number;
                if scheduled < activities {
                    return (activities - number..activities).map(activity).collect();
                }
                if acted < activities {
                    return Vec::new();
                }
            }
            Step::Timers(number) => {
                timers += number;
                if started < timers {
                    return (timers - number..timers).map(timer).collect();
                }
                if fired < timers {
                    return Vec::new();
                }
            }
            Step::Child(policy) => {
                families += 1;
                if children < families {
                    return vec![child(start.workflow_id.as_str(), policy)];
                }
                if ended < families {
                    return Vec::new();
                }
            }
            Step::Signal => {
                if told == 0 {
                    return Vec::new();
                }
            }
        }
    }
    vec![Command::CompleteWorkflowExecution { result: None }]
}

fn activity(number: usize) -> Command {
    Command::ScheduleActivityTask(Box::new(ScheduleActivityTask {
        activity_id: ActivityId::new(number.to_string()).unwrap(),
        activity_type: ActivityType::new("Act").unwrap(),
        task_queue: queue(QUEUE),
        input: Vec::new(),
        header: PayloadMap::new(),
        timeouts: ActivityTimeouts {
            start_to_close_timeout: Some(Duration::from_secs(30)),
            heartbeat_timeout: number.is_multiple_of(3).then_some(Duration::from_secs(10)),
            ..ActivityTimeouts::default()
        },
        retry_policy: match number % 3 {
            0 => None,
            1 => Some(RetryPolicy::once()),
            _ => Some(RetryPolicy {
                maximum_attempts: 3,
                ..RetryPolicy::default()
            }),
        },
        user_metadata: None,
        priority: None,
    }))
}

fn timer(number: usize) -> Command {
    Command::StartTimer {
        timer_id: TimerId::new(number.to_string()).unwrap(),
        start_to_fire_timeout: Duration::from_millis(700 * (number as u64 + 1)),
        user_metadata: None,
    }
}

fn child(parent: &str, parent_close_policy: ParentClosePolicy) -> Command {
    Command::StartChildWorkflowExecution(Box::new(StartChildWorkflowExecution {
        workflow_id: WorkflowId::new(format!("{parent}-child")).unwrap(),
        workflow_type: WorkflowType::new("Child").unwrap(),
        task_queue: queue(QUEUE),
        input: Vec::new(),
        header: PayloadMap::new(),
        timeouts: WorkflowTimeouts::default(),
        parent_close_policy,
        workflow_id_reuse_policy: WorkflowIdReusePolicy::default(),
        retry_policy: None,
        memo: PayloadMap::new(),
        search_attributes: PayloadMap::new(),
        user_metadata: None,
        priority: None,
        cron_schedule: None,
    }))
}
