//! Little programs about a schedule, made from a seed: a model says what has been started, skipped, missed and buffered after each step,
//! and so must the engine, also when its process ends at any commit.
//!
//! `STEADFAST_SCHEDULE_PROGRAMS` and `STEADFAST_SCHEDULE_SEED` make it more of them, and others.

use std::{collections::BTreeSet, env, path::Path, time::Duration};

use steadfast_core::{
    command::Command,
    failure::Failure,
    ids::{RequestId, ScheduleId, WorkflowExecution},
    time::Timestamp,
};
use steadfast_embedded::{CrashPoint, EmbeddedEngine, EmbeddedOptions, ManualClock};
use steadfast_engine::{
    Engine, EngineError, ExecutionRef, ListFilter, ListWorkflowsRequest, SignalWorkflowRequest,
    TerminateWorkflowRequest,
    schedule::{
        BackfillRequest, CreateScheduleRequest, IntervalSpec, PatchScheduleRequest, Schedule,
        ScheduleAction, ScheduleOverlapPolicy as Overlap, SchedulePatch, ScheduleSpec,
        TriggerImmediatelyRequest, UpdateScheduleRequest,
    },
};

use crate::{
    dice::Dice,
    harness::{Crash, block_on, completion, current, identity, next_task, signal, start_request},
};

/// 2026-11-18T11:06:40Z, in seconds.
const BEGIN: i64 = 1_795_000_000;

const POLICIES: [Overlap; 6] = [
    Overlap::Skip,
    Overlap::BufferOne,
    Overlap::BufferAll,
    Overlap::CancelOther,
    Overlap::TerminateOther,
    Overlap::AllowAll,
];

#[derive(Clone, Debug)]
enum Step {
    /// Time passes, and the clock stops where something happens.
    Advance(i64),
    /// The clock jumps, perhaps back.
    Jump(i64),
    Trigger(Option<Overlap>),
    Backfill(i64, i64, Option<Overlap>),
    Pause(bool),
    Update(Policies),
    /// One of the open executions ends.
    End(usize, How),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum How {
    Completed,
    Failed,
    Terminated,
}

#[derive(Clone, Copy, Debug)]
struct Policies {
    interval: i64,
    overlap: Overlap,
    catchup: i64,
    pause_on_failure: bool,
    remaining: Option<u64>,
    paused: bool,
}

impl Policies {
    fn random(dice: &mut Dice) -> Self {
        Self {
            interval: dice.pick(&[60, 90, 3_600]).unwrap(),
            overlap: dice.pick(&POLICIES).unwrap(),
            catchup: dice.pick(&[10, 600, 31_536_000]).unwrap(),
            pause_on_failure: dice.one_in(2),
            remaining: dice.one_in(3).then(|| dice.below(6) as u64),
            paused: dice.one_in(8),
        }
    }

    fn schedule(&self) -> Schedule {
        let spec = ScheduleSpec {
            intervals: vec![IntervalSpec {
                interval: Duration::from_secs(self.interval.unsigned_abs()),
                phase: Duration::ZERO,
            }],
            ..ScheduleSpec::default()
        };
        let start = start_request("w", "unused");
        let mut schedule = Schedule::new(spec, ScheduleAction::StartWorkflow(Box::new(start)));
        schedule.policies.overlap = self.overlap;
        schedule.policies.catchup_window = Duration::from_secs(self.catchup.unsigned_abs());
        schedule.policies.pause_on_failure = self.pause_on_failure;
        schedule.state.paused = self.paused;
        schedule.state.limited_actions = self.remaining.is_some();
        schedule.state.remaining_actions = self.remaining.unwrap_or(0);
        schedule
    }
}

fn program(seed: u64, jumps_only: bool) -> (Policies, Vec<Step>) {
    let mut dice = Dice::new(seed);
    let policies = Policies::random(&mut dice);
    let overlap = |dice: &mut Dice| dice.one_in(2).then(|| dice.pick(&POLICIES).unwrap());
    let steps = (0..14)
        .map(|_| match dice.below(14) {
            0..=2 if !jumps_only => Step::Advance(dice.pick(&[30, 60, 200, 3_700]).unwrap()),
            0..=3 => Step::Jump(dice.pick(&[-500, 59, 61, 500, 7_300]).unwrap()),
            4 | 5 => Step::Trigger(overlap(&mut dice)),
            6 => {
                let from = BEGIN - i64::try_from(dice.below(1_000)).unwrap();
                let length = i64::try_from(dice.below(500)).unwrap();
                Step::Backfill(from, from + length, overlap(&mut dice))
            }
            7 => Step::Pause(dice.one_in(2)),
            8 => Step::Update(Policies::random(&mut dice)),
            _ => {
                let how = [How::Completed, How::Completed, How::Failed, How::Terminated];
                Step::End(dice.below(10), dice.pick(&how).unwrap())
            }
        })
        .collect();
    (policies, steps)
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Waiting {
    nominal: i64,
    overlap: Option<Overlap>,
    manual: bool,
}

/// What there is of the schedule, told by its documentation.
#[derive(Debug)]
struct Model {
    now: i64,
    seen: i64,
    updated: i64,
    is: Policies,
    waiting: Vec<Waiting>,
    minded: BTreeSet<String>,
    open: BTreeSet<String>,
    used: BTreeSet<String>,
    taken: u64,
    missed: u64,
    skipped: u64,
}

impl Model {
    fn new(is: Policies) -> Self {
        Self {
            now: BEGIN,
            seen: BEGIN,
            updated: i64::MIN,
            is,
            waiting: Vec::new(),
            minded: BTreeSet::new(),
            open: BTreeSet::new(),
            used: BTreeSet::new(),
            taken: 0,
            missed: 0,
            skipped: 0,
        }
    }

    fn is_active(&self) -> bool {
        !self.is.paused && self.is.remaining != Some(0)
    }

    fn next(&self, after: i64) -> i64 {
        (after.div_euclid(self.is.interval) + 1) * self.is.interval
    }

    fn wait(&mut self, nominal: i64, overlap: Option<Overlap>, manual: bool) {
        self.waiting.push(Waiting {
            nominal,
            overlap,
            manual,
        });
    }

    fn take_up(&mut self) {
        if !self.is_active() {
            return;
        }
        while self.next(self.seen) <= self.now {
            self.seen = self.next(self.seen);
            if self.seen < self.updated {
            } else if self.now - self.seen > self.is.catchup {
                self.missed += 1;
            } else {
                self.wait(self.seen, None, false);
            }
        }
    }

    /// What the schedule is changes: times that came are taken up, or passed over if it took none.
    fn pass(&mut self) {
        self.take_up();
        if !self.is_active() {
            self.seen = self.seen.max(self.now);
        }
    }

    /// Everything that happens at this time.
    fn settle(&mut self) {
        self.take_up();
        loop {
            let mut terminated = false;
            let mut start = Vec::new();
            let mut next: Option<Waiting> = None;
            let is_running = !self.minded.is_empty();
            for one in std::mem::take(&mut self.waiting) {
                let policy = one.overlap.unwrap_or(self.is.overlap);
                if policy == Overlap::AllowAll {
                    start.push((one, false));
                    continue;
                }
                if !is_running && next.is_none() {
                    next = Some(one);
                    continue;
                }
                let replaces = matches!(policy, Overlap::CancelOther | Overlap::TerminateOther);
                if replaces && !is_running {
                    next = Some(one);
                } else if replaces
                    || policy == Overlap::BufferAll
                    || (policy == Overlap::BufferOne && self.waiting.is_empty())
                {
                    terminated |= policy == Overlap::TerminateOther;
                    self.waiting.push(one);
                } else {
                    self.skipped += 1;
                }
            }
            start.extend(next.map(|one| (one, true)));
            let started = !start.is_empty();
            for (one, minded) in start {
                self.start(&one, minded);
            }
            if started {
                continue;
            }
            if !terminated {
                return;
            }
            for id in self.minded.clone() {
                self.ended(&id, How::Terminated);
            }
        }
    }

    fn start(&mut self, one: &Waiting, minded: bool) {
        if !one.manual && !self.is_active() {
            return;
        }
        let id = format!("w-{}", at(one.nominal));
        let is_free = if one.manual {
            !self.open.contains(&id)
        } else {
            !self.used.contains(&id)
        };
        if !is_free {
            return;
        }
        if !one.manual
            && let Some(remaining) = &mut self.is.remaining
        {
            *remaining -= 1;
        }
        self.taken += 1;
        self.used.insert(id.clone());
        self.open.insert(id.clone());
        if minded {
            self.minded.insert(id);
        }
    }

    fn ended(&mut self, id: &str, how: How) {
        self.open.remove(id);
        if self.minded.remove(id) && how == How::Failed && self.is.pause_on_failure {
            self.is.paused = true;
        }
    }

    /// The execution that a step is about.
    fn pick(&self, number: usize) -> Option<String> {
        let count = self.open.len();
        self.open.iter().nth(number % count.max(1)).cloned()
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Advance(seconds) => {
                let end = self.now + seconds;
                while self.is_active() && self.next(self.seen.max(self.now)) <= end {
                    self.now = self.next(self.seen.max(self.now));
                    self.settle();
                }
                self.now = end;
            }
            Step::Jump(seconds) => self.now += seconds,
            Step::Trigger(overlap) => {
                self.take_up();
                self.wait(self.now, *overlap, true);
            }
            Step::Backfill(from, to, overlap) => {
                self.take_up();
                let mut time = self.next(from - 1);
                while time <= *to {
                    self.wait(time, *overlap, true);
                    time = self.next(time);
                }
            }
            Step::Pause(paused) => {
                self.pass();
                self.is.paused = *paused;
            }
            Step::Update(policies) => {
                self.pass();
                self.is = *policies;
                self.updated = self.now;
            }
            Step::End(number, how) => {
                if let Some(id) = self.pick(*number) {
                    self.ended(&id, *how);
                }
            }
        }
        self.settle();
    }

    fn told(&self) -> String {
        format!(
            "open {:?}, minded {:?}, {} taken, {} missed, {} skipped, {} wait, paused {}, remaining {:?}",
            self.open,
            self.minded,
            self.taken,
            self.missed,
            self.skipped,
            self.waiting.len(),
            self.is.paused,
            self.is.remaining,
        )
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_nanos(seconds * 1_000_000_000)
}

fn id() -> ScheduleId {
    ScheduleId::new("s").unwrap()
}

fn request(number: usize) -> RequestId {
    RequestId::new(format!("request-{number}")).unwrap()
}

/// Answers all tasks: with nothing, or as the execution is to end.
async fn work(
    engine: &EmbeddedEngine,
    ends: Option<(&WorkflowExecution, How)>,
) -> Result<(), EngineError> {
    while let Some(task) = next_task(engine, "w", identity("worker")).await? {
        let commands = match ends {
            Some((id, how)) if task.execution == *id => vec![match how {
                How::Failed => Command::FailWorkflowExecution {
                    failure: Box::new(Failure::application("no", "No")),
                },
                How::Completed | How::Terminated => {
                    Command::CompleteWorkflowExecution { result: None }
                }
            }],
            _ => Vec::new(),
        };
        let answered = engine.complete_workflow_task(task.token, completion(commands));
        match answered.await {
            Ok(_) | Err(EngineError::WorkflowTaskRefused { .. } | EngineError::NotFound { .. }) => {
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Does a step; it can be done again if the process ended before it was over.
async fn perform(
    engine: &EmbeddedEngine,
    number: usize,
    step: &Step,
    ends: Option<&WorkflowExecution>,
) -> Result<(), EngineError> {
    let patch = |patch| PatchScheduleRequest {
        schedule_id: id(),
        patch,
        identity: identity("client"),
        request_id: request(number),
    };
    match step {
        Step::Advance(_) | Step::Jump(_) => {}
        Step::Trigger(overlap) => {
            let trigger_immediately = Some(TriggerImmediatelyRequest {
                overlap: *overlap,
                scheduled_time: None,
            });
            let trigger = SchedulePatch {
                trigger_immediately,
                ..SchedulePatch::default()
            };
            engine.patch_schedule(patch(trigger)).await?;
        }
        Step::Backfill(from, to, overlap) => {
            let backfill = SchedulePatch {
                backfill_requests: vec![BackfillRequest {
                    start_time: at(*from),
                    end_time: at(*to),
                    overlap: *overlap,
                }],
                ..SchedulePatch::default()
            };
            engine.patch_schedule(patch(backfill)).await?;
        }
        Step::Pause(paused) => {
            let words = Some("because".to_owned());
            let pause = match paused {
                true => SchedulePatch {
                    pause: words,
                    ..SchedulePatch::default()
                },
                false => SchedulePatch {
                    unpause: words,
                    ..SchedulePatch::default()
                },
            };
            engine.patch_schedule(patch(pause)).await?;
        }
        Step::Update(policies) => {
            let update = UpdateScheduleRequest {
                schedule_id: id(),
                schedule: policies.schedule(),
                conflict_token: None,
                identity: identity("client"),
                request_id: request(number),
                search_attributes: None,
                memo: None,
            };
            engine.update_schedule(update).await?;
        }
        Step::End(_, how) => {
            let Some(workflow) = ends else { return Ok(()) };
            let ended = if *how == How::Terminated {
                let terminate = TerminateWorkflowRequest {
                    execution: ExecutionRef::run(workflow.clone()),
                    reason: "enough".to_owned(),
                    details: Vec::new(),
                    identity: identity("client"),
                };
                engine.terminate_workflow(terminate).await
            } else {
                let wake = SignalWorkflowRequest {
                    execution: ExecutionRef::run(workflow.clone()),
                    signal: signal("end", request(number)),
                };
                engine.signal_workflow(wake).await
            };
            match ended {
                // It had ended before the process did.
                Ok(()) | Err(EngineError::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
            work(engine, Some((workflow, *how))).await?;
        }
    }
    engine.settled().await?;
    work(engine, None).await
}

async fn told(engine: &EmbeddedEngine) -> Result<String, EngineError> {
    let open = engine
        .list_workflows(ListWorkflowsRequest {
            filter: ListFilter::from("TemporalScheduledById = 's' AND ExecutionStatus = 'Running'"),
            page_size: 1_000,
            next_page_token: None,
        })
        .await?;
    let ids = open.executions.iter();
    let open: BTreeSet<String> = ids
        .map(|run| run.execution.workflow_id.to_string())
        .collect();
    let described = engine.describe_schedule(id()).await?;
    let (info, state) = (described.info, described.schedule.state);
    let minded = info.running_workflows.iter();
    let minded: BTreeSet<String> = minded.map(|run| run.workflow_id.to_string()).collect();
    assert_eq!(info.buffer_dropped, 0);
    Ok(format!(
        "open {open:?}, minded {minded:?}, {} taken, {} missed, {} skipped, {} wait, paused {}, remaining {:?}",
        info.action_count,
        info.missed_catchup_window,
        info.overlap_skipped,
        info.buffer_size,
        state.paused,
        state.limited_actions.then_some(state.remaining_actions),
    ))
}

/// Has the engine do a program, whose process ends at a commit; gives how many commits there were.
fn run(path: Option<&Path>, seed: u64, crash_at: Option<(u64, CrashPoint)>) -> u64 {
    let (policies, steps) = program(seed, path.is_some());
    let clock = ManualClock::at(at(BEGIN));
    let crash = Crash::at(crash_at);
    let mut model = Model::new(policies);
    model.settle();
    let mut expected = model.told();
    // What is to be done, and whether time has passed for it already.
    let mut number = 0;
    let mut ends: Option<WorkflowExecution> = None;
    let mut is_new = true;
    loop {
        let options = match path {
            Some(path) => EmbeddedOptions::file(path),
            None => EmbeddedOptions::in_memory(),
        };
        let options = crash.of(options.clock(clock.clone()));
        let engine = EmbeddedEngine::open(options).unwrap();
        let done: Result<(), EngineError> = block_on(async {
            loop {
                if number == 0 {
                    let create = CreateScheduleRequest {
                        schedule_id: id(),
                        schedule: policies.schedule(),
                        initial_patch: None,
                        identity: identity("client"),
                        request_id: request(0),
                        memo: Default::default(),
                        search_attributes: Default::default(),
                    };
                    engine.create_schedule(create).await?;
                    engine.settled().await?;
                    work(&engine, None).await?;
                } else {
                    let step = &steps[number - 1];
                    if is_new {
                        ends = None;
                        if let Step::End(which, _) = step
                            && let Some(id) = model.pick(*which)
                        {
                            ends = Some(engine.describe_workflow(current(&id)).await?.execution);
                        }
                        is_new = false;
                        model.step(step);
                        expected = model.told();
                        match step {
                            Step::Advance(seconds) => {
                                clock.advance(Duration::from_secs(seconds.unsigned_abs()));
                            }
                            Step::Jump(_) => clock.set(at(model.now)),
                            _ => {}
                        }
                    }
                    perform(&engine, number, step, ends.as_ref()).await?;
                }
                let told = told(&engine).await?;
                assert_eq!(
                    told,
                    expected,
                    "seed {seed}, crash at {crash_at:?}, after step {number}: {policies:?} {:#?}",
                    &steps[..number]
                );
                number += 1;
                is_new = true;
                if number > steps.len() {
                    return Ok(());
                }
            }
        });
        engine.shutdown();
        match done {
            Ok(()) => return crash.commits(),
            Err(EngineError::Stopped { .. }) if crash.has_happened() => {}
            Err(error) => panic!("{error}"),
        }
    }
}

fn number(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |value| value.parse().unwrap())
}

/// E2: what a schedule starts, skips, misses and keeps waiting.
#[test]
fn what_a_schedule_does_is_what_a_model_says() {
    let first = number("STEADFAST_SCHEDULE_SEED", 1);
    for seed in first..first + number("STEADFAST_SCHEDULE_PROGRAMS", 150) {
        run(None, seed, None);
    }
}

/// E2, E10: an action is taken once, whenever the process ends.
#[test]
fn a_crash_at_any_commit_takes_no_action_twice_and_loses_none() {
    let folder = tempfile::tempdir().unwrap();
    let first = number("STEADFAST_SCHEDULE_SEED", 1);
    for seed in first..first + number("STEADFAST_SCHEDULE_PROGRAMS", 150) / 50 {
        let commits = run(Some(&folder.path().join(format!("{seed}.db"))), seed, None);
        for commit in 1..=commits {
            for point in [CrashPoint::BeforeCommit, CrashPoint::AfterCommit] {
                let path = folder.path().join(format!("{seed}-{commit}-{point:?}.db"));
                run(Some(&path), seed, Some((commit, point)));
            }
        }
    }
}
