//! What kills its process again and again is held back, with growing waits, and said; what does not kill it is not.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use steadfast_core::{
    task::{ActivityOutcome, ActivityTask, WorkflowTask},
    time::Timestamp,
};
use steadfast_embedded::{CrashAction, CrashPoint, EmbeddedEngine, EmbeddedOptions, ManualClock};
use steadfast_engine::{
    Engine, ListFilter, PollActivityTaskRequest, PollWorkflowTaskRequest,
    conformance::notation::render,
};

use crate::harness::{Lived as _, World, block_on, completion, identity, queue, start_request};

const PROCESS_ENDED: &str = r#"WTFailed(WORKFLOW_WORKER_UNHANDLED_FAILURE, application,ProcessEnded "the process ended while a worker had this workflow task, perhaps because of it: a stack overflow, an abort, a kill; each time that happens again, the wait before the next attempt is longer")"#;

/// An engine of which one process after the other dies.
struct Machine(World);

impl Machine {
    fn new() -> Self {
        Self(World::in_memory())
    }

    /// What happens in one process, until it dies.
    fn process(&mut self, script: &str) {
        block_on(async {
            self.0.run(script).await;
            self.0.engine.restart().await.unwrap();
        });
    }

    fn has_reported_problems(&self) -> bool {
        let filter = ListFilter {
            reported_problems: true,
            ..ListFilter::default()
        };
        block_on(self.0.engine.count_workflows(filter)).unwrap() == 1
    }

    /// The wait before the next thing happens by itself.
    fn wait(&self) -> Duration {
        let due = self.0.clock.next_timer().unwrap();
        due.since(self.0.clock.now())
    }

    /// Checks that what died for the `n`th time waits as the default policy has it, and up to as long again, and lets
    /// that time pass, in which its type gets its turn too.
    fn passes_the_wait_after(&mut self, n: u32) {
        let least = Duration::from_secs(1)
            .saturating_mul(1 << (n - 1).min(10))
            .min(Duration::from_secs(100));
        let wait = self.wait();
        assert!(wait >= least && wait <= least * 2, "{n}: {wait:?}");
        // It is the same wait, however often a process dies meanwhile of something else.
        self.process("");
        assert_eq!(self.wait(), wait);
        self.0.clock.advance(least * 2);
    }
}

/// A process that aborts in an activity would otherwise be started, and die, at full speed for ever.
#[test]
fn an_activity_that_kills_its_process_counts_its_attempts_and_waits() {
    let mut machine = Machine::new();
    machine.process("start w\n task w: schedule a close=3600s\n act a attempt=1");
    // Nothing was written of the first start, which would cost each activity a commit. From here on each is.
    machine.process("act a attempt=1");
    for attempt in 2..14 {
        machine.passes_the_wait_after(attempt - 1);
        machine.process(&format!("act a attempt={attempt}"));
    }
    machine.passes_the_wait_after(13);
    machine.process(
        r#"
        act a attempt=14
        done a "at last"
        task w: complete
        events w: 1 Started · 2-4 WT · 5 ActScheduled(a) · 6 ActStarted(sched=5, attempt=14, lastFailure=timeout,START_TO_CLOSE "the process ended while the activity was running; it may have done its work") · 7 ActCompleted(sched=5, "at last") · 8-10 WT · 11 Completed
        "#,
    );
}

/// The policy of the activity decides, as of every failure.
#[test]
fn an_attempt_that_died_with_its_process_is_one_that_timed_out() {
    for (options, state) in [
        ("attempts=9 overall=3s", "TIMEOUT"),
        ("attempts=2", "MAXIMUM_ATTEMPTS_REACHED"),
    ] {
        let mut machine = Machine::new();
        machine.process(&format!("start w\n task w: schedule a {options}\n act a"));
        machine.process("advance 2s\n act a attempt=2");
        block_on(machine.0.run("task w: complete"));
        let events = render(&block_on(machine.0.events("w", None)).unwrap());
        assert!(events.contains(&format!("{state})")), "{events}");
    }
}

/// A stack overflow in workflow code, or a local activity that aborts.
#[test]
fn a_workflow_task_that_kills_its_process_is_held_back_and_the_history_says_so() {
    let mut machine = Machine::new();
    machine.process("start w\n take w");
    machine.process("take w\n events w: 1 Started · 2 WTScheduled · 3 WTStarted");
    for n in 1..12 {
        // Operators find it as they find every task that keeps failing, whatever process counts.
        assert_eq!(machine.has_reported_problems(), n >= 5, "{n}");
        machine.passes_the_wait_after(n);
        machine.process("take w");
    }
    machine.passes_the_wait_after(12);
    machine.process(&format!(
        "task w: timer t 1s
        events w: 1 Started · 2 WTScheduled · 3 WTStarted · 4 {PROCESS_ENDED} · 5 WTScheduled(attempt=13) · 6 WTStarted · 7 WTCompleted · 8 TimerStarted(t)"
    ));
    // It was answered, so it starts anew.
    machine.process("advance 1s\n take w");
    machine.passes_the_wait_after(1);
    machine.process("task w: complete\n status w Completed");
}

/// A clock that was wrong and is set back.
#[test]
fn a_clock_that_is_set_back_holds_no_task_back_for_longer() {
    let mut machine = Machine::new();
    machine.process("start w\n take w");
    machine.process("take w");
    for n in 1..4 {
        machine.passes_the_wait_after(n);
        machine.process("take w");
    }
    let now = machine.0.clock.now();
    let hour = Duration::from_secs(3600).as_nanos();
    let before = now.unix_nanos() - i64::try_from(hour).unwrap();
    machine.0.clock.set(Timestamp::from_unix_nanos(before));
    machine.process("");
    assert!(
        machine.wait() <= Duration::from_secs(16),
        "{:?}",
        machine.wait()
    );
}

/// What comes meanwhile waits too, or each signal would kill the next process.
#[test]
fn what_arrives_does_not_bring_a_held_back_task_forward() {
    let mut machine = Machine::new();
    machine.process("start w\n take w");
    // In the very process that dies, and between two.
    machine.process("take w\n signal w one");
    machine.process("signal w two");
    machine.passes_the_wait_after(1);
    machine.process(&format!(
        "take w\n signal w three\n events w: 1 Started · 2 WTScheduled · 3 WTStarted · 4 {PROCESS_ENDED} · 5 Signaled(one) · 6 WTScheduled · 7 Signaled(two) · 8 WTStarted"
    ));
    machine.passes_the_wait_after(2);
    machine.process("task w: complete\n status w Completed");
}

/// A run that is closed, or that a worker fails, was not what a process died of.
#[test]
fn a_task_that_ends_in_another_way_is_not_blamed() {
    let mut machine = Machine::new();
    machine.process("start w\n start v\n take w\n take v");
    machine.process("take w\n fail w boom\n take v\n terminate v enough\n status v Terminated");
    machine.process("task w: timer t 5s");
    machine.process("advance 5s\n task w: complete\n events w: 1 Started · 2 WTScheduled · 3 WTStarted · 4 WTFailed(WORKFLOW_WORKER_UNHANDLED_FAILURE, application,Panic \"boom\") · 5 WTScheduled(attempt=2) · 6 WTStarted · 7 WTCompleted · 8 TimerStarted(t) · 9 TimerFired(t) · 10-12 WT · 13 Completed");
}

/// Commits fail while `failing`, and are counted.
fn watched(
    options: EmbeddedOptions,
    failing: &Arc<AtomicBool>,
    commits: &Arc<AtomicU64>,
) -> EmbeddedOptions {
    let (failing, commits) = (Arc::clone(failing), Arc::clone(commits));
    options.crash_point(move |_, point| {
        if failing.load(Ordering::SeqCst) {
            return CrashAction::Fail;
        }
        if point == CrashPoint::AfterCommit {
            commits.fetch_add(1, Ordering::SeqCst);
        }
        CrashAction::Continue
    })
}

/// A commit that fails has runs read again from the file, which then says that a worker has the task; but this process is alive.
#[test]
fn a_failed_commit_is_not_the_death_of_a_process() {
    let clock = ManualClock::at(Timestamp::from_unix_nanos(1_795_000_000_000_000_000));
    let (failing, commits) = (Arc::default(), Arc::default());
    let options = EmbeddedOptions::in_memory().clock(clock.clone());
    let engine = EmbeddedEngine::open(watched(options, &failing, &commits)).unwrap();
    let mut machine = Machine(World::new(engine, clock));
    machine.process("start w\n task w: schedule a\n act a\n signal w one\n take w");
    let world = &mut machine.0;
    block_on(async {
        world.run("act a attempt=1\n take w").await;
        failing.store(true, Ordering::SeqCst);
        assert!(world.try_run("signal w lost").await.is_err());
        failing.store(false, Ordering::SeqCst);
        world
            .run(
                r#"
                advance 1s
                task w:
                done a "ok"
                task w: complete
                events w: 1 Started · 2-4 WT · 5 ActScheduled(a) · 6 Signaled(one) · 7-9 WT · 10 ActStarted(sched=5) · 11 ActCompleted(sched=5, "ok") · 12-14 WT · 15 Completed
                "#,
            )
            .await;
    });
}

/// And what is read again then is as suspect as before.
#[test]
fn a_failed_commit_acquits_nobody() {
    let clock = ManualClock::at(Timestamp::from_unix_nanos(1_795_000_000_000_000_000));
    let (failing, commits) = (Arc::default(), Arc::default());
    let options = EmbeddedOptions::in_memory().clock(clock.clone());
    let engine = EmbeddedEngine::open(watched(options, &failing, &commits)).unwrap();
    let mut machine = Machine(World::new(engine, clock));
    machine.process("start w\n task w: schedule a\n act a\n signal w one\n take w");
    failing.store(true, Ordering::SeqCst);
    assert!(block_on(machine.0.try_run("signal w lost")).is_err());
    failing.store(false, Ordering::SeqCst);
    machine.process("advance 1s\n act a\n take w");
    let events = render(&block_on(machine.0.events("w", None)).unwrap());
    assert!(events.contains(PROCESS_ENDED), "{events}");
    block_on(machine.0.run("advance 2s\n act a attempt=2"));
}

async fn poll(world: &World, id: &str) -> Option<WorkflowTask> {
    let request = PollWorkflowTaskRequest {
        task_queue: queue(id),
        worker: identity("worker"),
        remote: false,
    };
    let poll = world.engine.poll_workflow_task(request);
    // A start that has to be durable first takes a moment.
    tokio::time::timeout(Duration::from_millis(20), poll)
        .await
        .ok()
        .map(Result::unwrap)
}

/// What is with a worker when another task kills the process is blamed as well, but gets through: it is not tried
/// again in the same moment.
#[test]
fn what_did_not_kill_the_process_gets_through() {
    let mut machine = Machine::new();
    let innocent = ["a", "b", "c", "d", "e"];
    let all = [&["pill"], &innocent[..]].concat();
    let each = |verb: &str| -> String { all.iter().map(|id| format!("{verb} {id}\n")).collect() };
    machine.process(&(each("start") + &each("take")));
    machine.process(&each("take"));
    let mut left = innocent.to_vec();
    for _ in 0..5 {
        let world = &machine.0;
        // Until it dies again, before anybody who has a task at that time has answered.
        while !left.is_empty() {
            assert!(world.clock.advance_to_next_timer().is_some());
            let (pill, ready) = block_on(async {
                let mut ready = Vec::new();
                for id in &left {
                    ready.extend(poll(world, id).await.map(|task| (*id, task)));
                }
                (poll(world, "pill").await.is_some(), ready)
            });
            if pill {
                break;
            }
            for (id, task) in ready {
                let answer = completion(Vec::new());
                block_on(world.engine.complete_workflow_task(task.token, answer)).unwrap();
                left.retain(|other| *other != id);
            }
        }
        machine.process("");
    }
    assert!(left.is_empty(), "{left:?}");
}

async fn poll_attempt(world: &World) -> Option<ActivityTask> {
    let request = PollActivityTaskRequest {
        task_queue: queue("q"),
        worker: identity("worker"),
        max_tasks_per_second: None,
        remote: false,
    };
    let poll = world.engine.poll_activity_task(request);
    let lease = tokio::time::timeout(Duration::from_millis(20), poll).await;
    lease.ok().map(|lease| lease.unwrap().task)
}

fn done(task: ActivityTask) -> (steadfast_core::task::TaskToken, ActivityOutcome) {
    (task.token, ActivityOutcome::Completed { result: None })
}

const LONG: Duration = Duration::from_secs(600);
/// So often something dies in that time at most when it waits 1, 2, 4 seconds and so on, up to 100, after two deaths
/// that are not counted.
const DEATHS: usize = 14;

/// A supervisor starts the process again at once, and all that it has is not to die of what it died of before.
struct Fleet {
    machine: Machine,
    began: Timestamp,
    deaths: usize,
}

impl Fleet {
    fn new() -> Self {
        let machine = Machine::new();
        let began = machine.0.clock.now();
        Self {
            machine,
            began,
            deaths: 0,
        }
    }

    fn passed(&self) -> Duration {
        self.machine.0.clock.now().since(self.began)
    }

    fn dies(&mut self) {
        self.deaths += 1;
        assert!(
            self.deaths <= DEATHS,
            "{} deaths in {:?}",
            self.deaths,
            self.passed()
        );
        self.machine.process("");
    }

    /// As many attempts as a worker takes at once.
    fn poll(&self) -> Vec<ActivityTask> {
        let mut tasks = Vec::new();
        while tasks.len() < 100
            && let Some(task) = block_on(poll_attempt(&self.machine.0))
        {
            tasks.push(task);
        }
        tasks
    }

    /// Until something happens by itself, but no longer.
    fn waits(&self, longest: Duration) {
        self.machine
            .0
            .clock
            .advance(self.machine.wait().min(longest));
    }
}

/// Each of the many is held back by itself; all of them together would kill a process twice a second for ever, and what
/// takes a second would never be done.
#[test]
fn what_did_not_kill_the_process_gets_its_turn_among_many_that_do() {
    const WORK: Duration = Duration::from_secs(1);
    let mut fleet = Fleet::new();
    let kills: Vec<_> = (0..300)
        .map(|n| format!("schedule k{n} type=Kill queue=q close=3600s"))
        .collect();
    block_on(fleet.machine.0.run(&format!(
        "start w\n task w: {}\n start v\n task v: schedule a type=Work queue=q",
        kills.join("; ")
    )));
    let mut done_after = None;
    let mut at_work = None;
    while fleet.passed() < LONG {
        let tasks = fleet.poll();
        let is_killed = tasks
            .iter()
            .any(|task| task.activity_type.as_str() == "Kill");
        let work = tasks
            .into_iter()
            .find(|task| task.activity_type.as_str() == "Work");
        if let Some(work) = work {
            at_work = Some((work, fleet.passed() + WORK));
        }
        if is_killed {
            at_work = None;
            fleet.dies();
            continue;
        }
        match at_work.take() {
            Some((work, due)) if due <= fleet.passed() => {
                let (token, outcome) = done(work);
                block_on(
                    fleet
                        .machine
                        .0
                        .engine
                        .complete_activity_task(token, outcome),
                )
                .unwrap();
                done_after = Some(fleet.passed());
            }
            Some((work, due)) => {
                fleet.waits(due - fleet.passed());
                at_work = Some((work, due));
            }
            None => fleet.waits(LONG),
        }
    }
    let done_after = done_after.expect("it never was done");
    assert!(done_after < Duration::from_secs(60), "{done_after:?}");
}

/// What may be tried once is lost with its process, and the workflow asks for another one.
#[test]
fn a_loop_of_activities_that_each_kill_their_process_is_held_back() {
    for options in ["attempts=1", "overall=1s"] {
        let mut fleet = Fleet::new();
        block_on(fleet.machine.0.run("start w"));
        let mut asked = 0;
        while fleet.passed() < LONG {
            let task = block_on(poll(&fleet.machine.0, "w"));
            if let Some(task) = task {
                asked += 1;
                let schedule = format!("schedule a{asked} type=Kill queue=q {options}");
                let commands = fleet.machine.0.commands(&schedule);
                let answer = completion(commands);
                block_on(
                    fleet
                        .machine
                        .0
                        .engine
                        .complete_workflow_task(task.token, answer),
                )
                .unwrap();
            }
            if fleet.poll().is_empty() {
                fleet.waits(LONG);
            } else {
                fleet.dies();
            }
        }
        assert!(fleet.deaths > 7, "{options}: {}", fleet.deaths);
    }
}

/// A client that orders again and again what kills the process that takes the order.
#[test]
fn workflows_of_one_type_that_each_kill_their_process_are_held_back() {
    let mut fleet = Fleet::new();
    let mut ordered = 0;
    while fleet.passed() < LONG {
        let id = format!("order-{ordered}");
        let mut order = start_request(&id, &id);
        order.task_queue = queue("q");
        block_on(fleet.machine.0.engine.start_workflow(order)).unwrap();
        ordered += 1;
        while block_on(poll(&fleet.machine.0, "q")).is_none() && fleet.passed() < LONG {
            fleet.waits(LONG);
        }
        fleet.dies();
    }
}

/// Somebody kills a healthy process: it goes on as it was. When he does so again within moments, what was running
/// waits a second or two, and all the rest passes with the first that is done, or is seen to run.
#[test]
fn a_process_that_is_killed_while_it_works_in_peace_is_not_held_back_for_long() {
    for first_is_done in [true, false] {
        let mut fleet = Fleet::new();
        let work: Vec<_> = (0..100)
            .map(|n| format!("schedule a{n} type=Work queue=q close=3600s"))
            .collect();
        let script = format!("start w\n task w: {}", work.join("; "));
        block_on(fleet.machine.0.run(&script));
        assert_eq!(fleet.poll().len(), 100);
        fleet.dies();
        assert_eq!(fleet.poll().len(), 100);
        fleet.dies();
        assert_eq!(fleet.poll().len(), 0);
        fleet.machine.0.clock.advance(Duration::from_secs(2));
        let mut started = fleet.poll();
        assert_eq!(started.len(), 1);
        if first_is_done {
            let (token, outcome) = done(started.remove(0));
            block_on(
                fleet
                    .machine
                    .0
                    .engine
                    .complete_activity_task(token, outcome),
            )
            .unwrap();
        } else {
            fleet.machine.0.clock.advance(Duration::from_secs(10));
        }
        assert!(fleet.poll().len() >= 99);
    }
}

/// The first death is not counted because to count it would cost each task a commit of its own, and no process that
/// ended in peace leaves suspects.
#[test]
fn only_what_a_crash_left_costs_a_commit_more() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.db");
    let clock = ManualClock::at(Timestamp::from_unix_nanos(1_795_000_000_000_000_000));
    let (failing, commits) = (Arc::default(), Arc::default());
    let open = || {
        let options = EmbeddedOptions::file(&path).clock(clock.clone());
        let engine = EmbeddedEngine::open(watched(options, &failing, &commits)).unwrap();
        World::new(engine, clock.clone())
    };
    let count = |world: &mut World, script: &str| {
        block_on(world.engine.settled()).unwrap();
        let before = commits.load(Ordering::SeqCst);
        block_on(world.run(script));
        commits.load(Ordering::SeqCst) - before
    };
    let mut world = open();
    block_on(world.run("start w"));
    assert_eq!(count(&mut world, "take w"), 0);
    block_on(world.run("answer w: schedule a"));
    assert_eq!(count(&mut world, "act a"), 0);
    block_on(world.run("signal w one"));
    world.close();
    // In peace.
    let mut world = open();
    assert_eq!(count(&mut world, "status w Running\n act a\n take w"), 0);
    block_on(world.engine.restart()).unwrap();
    // After a crash.
    assert_eq!(count(&mut world, "act a"), 1);
    assert_eq!(count(&mut world, "take w"), 1);
    block_on(world.run("answer w: timer t 1s\n advance 1s"));
    assert_eq!(count(&mut world, "take w"), 0);
}

/// A client that starts what kills its process, or signals it, does so again as soon as it lives again; and before
/// anything of it is durable it would be dead again.
#[test]
fn what_a_client_asks_for_after_a_crash_is_durable_before_a_process_can_die_of_it() {
    let mut machine = Machine::new();
    machine.process("start old\n task old:");
    let events = |machine: &Machine, id| {
        let events = block_on(machine.0.events(id, None)).unwrap();
        render(&events)
    };
    // A crash is a driven engine's `lose_process`; here it is enough that the start is there to be counted.
    machine.process("start new\n take new\n signal old s\n take old");
    for id in ["new", "old"] {
        assert!(events(&machine, id).contains("WTFailed"), "{id}");
    }
    // After a while of peace new ones are as they always are.
    machine.process("advance 10s\n start later type=Another\n take later");
    assert!(!events(&machine, "later").contains("WTFailed"));
}

/// What dies with the process of others is not held back in step with what kills it.
#[test]
fn two_types_that_died_together_do_not_go_on_dying_together() {
    const WORK: Duration = Duration::from_millis(500);
    for options in ["attempts=1", "close=3600s"] {
        let mut fleet = Fleet::new();
        block_on(fleet.machine.0.run("start w\n start v type=Other"));
        let mut asked = 0;
        let mut is_done = false;
        let mut at_work = None;
        while !is_done {
            assert!(
                fleet.passed() < Duration::from_secs(60),
                "{options}: it never was done"
            );
            let asks = |queue| block_on(poll(&fleet.machine.0, queue));
            while let Some(task) = asks("w").or_else(|| asks("v")) {
                asked += 1;
                let kills = task.execution.workflow_id.as_str() == "w";
                let (name, options) = if kills {
                    ("Kill", "attempts=1")
                } else {
                    ("Work", options)
                };
                let schedule = format!("schedule a{asked} type={name} queue=q {options}");
                let answer = completion(fleet.machine.0.commands(&schedule));
                let engine = &fleet.machine.0.engine;
                block_on(engine.complete_workflow_task(task.token, answer)).unwrap();
            }
            let mut is_killed = false;
            for task in fleet.poll() {
                if task.activity_type.as_str() == "Work" {
                    at_work = Some((task, fleet.passed() + WORK));
                } else {
                    is_killed = true;
                }
            }
            if is_killed {
                at_work = None;
                fleet.dies();
                continue;
            }
            match at_work.take() {
                Some((work, due)) if due <= fleet.passed() => {
                    let (token, outcome) = done(work);
                    let engine = &fleet.machine.0.engine;
                    block_on(engine.complete_activity_task(token, outcome)).unwrap();
                    is_done = true;
                }
                Some((work, due)) => {
                    fleet.waits(due - fleet.passed());
                    at_work = Some((work, due));
                }
                None => fleet.waits(LONG),
            }
        }
    }
}
