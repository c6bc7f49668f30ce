//! What replaying one event costs, at every length of history.
//!
//! The goal is at most 1.5 µs an event at every length. Divan reports items per second; an item is
//! an event. Building and cloning the history is not measured.

use std::{collections::BTreeMap, time::Duration};

use divan::{Bencher, counter::ItemsCount};
use steadfast_core::{
    activation::{Job, OperationId, Resolution},
    event::HistoryEvent,
    history::{
        History,
        builder::{HistoryBuilder, id, schedule_activity},
    },
    ids::{ActivityType, EventId},
    options::{ActivityCancellationType, ActivityTimeouts},
    payload::{Payload, PayloadMap},
    run::{ActivityRequest, Run},
    scope::ScopeId,
};

/// From a new run to the longest history that there can be.
const LENGTHS: [usize; 6] = [10, 100, 600, 6_000, 30_000, 51_200];

fn main() {
    divan::main();
}

fn result() -> Option<Payload> {
    Some(Payload::json(
        &b"{\"charged\":4200,\"currency\":\"EUR\"}"[..],
    ))
}

/// Activities one after the other: six events each.
fn sequential_history(length: usize) -> History {
    let mut builder = HistoryBuilder::new("order");
    builder.task();
    let mut number = 0;
    while builder.events().len() + 6 < length {
        number += 1;
        let scheduled = builder.record(schedule_activity(&number.to_string(), "charge"));
        let scheduled = scheduled.unwrap_or(EventId::NONE);
        builder.activity_started(scheduled);
        builder.activity_completed(scheduled, result());
        builder.task();
    }
    // The code goes on, so the last answered task has the next activity.
    builder.record(schedule_activity(&(number + 1).to_string(), "charge"));
    while builder.events().len() < length {
        builder.signaled("nudge", Vec::new());
    }
    builder.build()
}

/// A thousand activities at once, again and again.
fn fan_out_history(length: usize, width: usize) -> History {
    let mut builder = HistoryBuilder::new("order");
    let mut number = 0;
    builder.task();
    loop {
        let scheduled: Vec<EventId> = (0..width)
            .filter_map(|_| {
                number += 1;
                builder.record(schedule_activity(&number.to_string(), "charge"))
            })
            .collect();
        if builder.events().len() >= length {
            return builder.build();
        }
        for scheduled in scheduled {
            builder.activity_started(scheduled);
            builder.activity_completed(scheduled, result());
        }
        builder.task();
    }
}

/// Workflow code that keeps a number of activities running: when all have ended, it starts as many.
struct Code {
    width: usize,
    open: BTreeMap<OperationId, ()>,
    activity_type: ActivityType,
}

impl Code {
    fn start(&mut self, run: &mut Run) {
        for _ in 0..self.width {
            let request = ActivityRequest {
                activity_id: None,
                activity_type: self.activity_type.clone(),
                task_queue: None,
                input: Vec::new(),
                header: PayloadMap::new(),
                timeouts: ActivityTimeouts {
                    start_to_close_timeout: Some(Duration::from_secs(60)),
                    ..ActivityTimeouts::default()
                },
                retry_policy: None,
                cancellation_type: ActivityCancellationType::TryCancel,
                user_metadata: None,
            };
            let operation = run.schedule_activity(ScopeId::ROOT, request);
            self.open.insert(operation, ());
        }
    }
}

fn replay(history: &History, events: Vec<HistoryEvent>, width: usize) -> Run {
    let mut run = Run::new(history.execution.clone(), id("order"));
    let mut code = Code {
        width,
        open: BTreeMap::new(),
        activity_type: id("charge"),
    };
    run.handle_task(events, Vec::new())
        .expect("the history is valid");
    while let Some(job) = run.poll_job().expect("the code fits the history") {
        if matches!(job, Job::StartWorkflow) {
            code.start(&mut run);
        }
        while let Some((operation, resolution)) = run.poll_resolution() {
            assert!(
                matches!(resolution, Resolution::Completed(_)),
                "every activity completes"
            );
            code.open.remove(&operation);
            if code.open.is_empty() {
                code.start(&mut run);
            }
        }
    }
    run
}

fn measure(bencher: Bencher<'_, '_>, history: &History, width: usize) {
    bencher
        .counter(ItemsCount::new(history.events.len()))
        .with_inputs(|| history.events.clone())
        .bench_local_values(|events| replay(history, events, width));
}

#[divan::bench(args = LENGTHS)]
fn sequential_activities(bencher: Bencher<'_, '_>, length: usize) {
    measure(bencher, &sequential_history(length), 1);
}

#[divan::bench(args = [6_000, 30_000, 51_200])]
fn fan_out_of_1000(bencher: Bencher<'_, '_>, length: usize) {
    measure(bencher, &fan_out_history(length, 1_000), 1_000);
}
