//! The path of one workflow, with the process ending in between.

use steadfast_core::time::Timestamp;
use steadfast_embedded::{EmbeddedEngine, EmbeddedOptions, ManualClock};

use crate::harness::{World, block_on, run};

#[test]
fn a_workflow_with_an_activity_runs_to_its_end() {
    run(r#"
        start w
        task w: schedule a
        act a
        done a "ok"
        task w: complete "done"
        events w: 1 Started · 2-4 WT · 5 ActScheduled(a) · 6 ActStarted(sched=5) · 7 ActCompleted(sched=5, "ok") · 8-10 WT · 11 Completed("done")
        status w Completed
    "#);
}

/// E2: after each step the engine is closed and opened again.
#[test]
fn a_workflow_goes_on_after_each_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.db");
    let clock = ManualClock::at(Timestamp::from_unix_nanos(1_795_000_000_000_000_000));
    let open = || EmbeddedEngine::open(EmbeddedOptions::file(&path).clock(clock.clone())).unwrap();
    let steps = [
        "start w",
        "task w: schedule a",
        "signal w hello",
        "act a\n done a \"ok\"",
        "task w: timer t 60s",
        "advance 60s",
        "task w: complete \"done\"",
    ];
    for step in steps {
        let mut world = World::new(open(), clock.clone());
        block_on(world.run(step));
    }
    let mut world = World::new(open(), clock.clone());
    block_on(world.run(
        r#"
        events w: 1 Started · 2-4 WT · 5 ActScheduled(a) · 6 Signaled(hello) · 7 WTScheduled · 8 ActStarted(sched=5) · 9 ActCompleted(sched=5, "ok") · 10 WTStarted · 11 WTCompleted · 12 TimerStarted(t) · 13 TimerFired(t) · 14-16 WT · 17 Completed("done")
        "#,
    ));
}
