//! What is in the file, and what a crash or a failing disk leaves.

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use futures_util::{FutureExt as _, future::join_all};
use steadfast_core::{
    ids::{Namespace, RequestId},
    payload::Payload,
    time::Timestamp,
};
use steadfast_embedded::{CrashAction, Durability, EmbeddedEngine, EmbeddedOptions, ManualClock};
use steadfast_engine::{
    Engine, EngineError, SignalWorkflowRequest,
    codec::{CodecError, PayloadCodec},
    conformance::notation::render,
};

use crate::harness::{Lived as _, World, block_on, current, signal, start_request};

fn clock() -> ManualClock {
    ManualClock::at(Timestamp::from_unix_nanos(1_795_000_000_000_000_000))
}

fn open(path: &Path, clock: &ManualClock) -> World {
    let options = EmbeddedOptions::file(path).clock(clock.clone());
    World::new(EmbeddedEngine::open(options).unwrap(), clock.clone())
}

#[test]
fn a_second_engine_is_refused_until_the_first_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.db");
    let first = EmbeddedEngine::open(path.clone()).unwrap();
    let refused = EmbeddedEngine::open(path.clone()).unwrap_err().to_string();
    assert!(
        refused.contains("orders.db` is open in another engine"),
        "{refused}"
    );
    drop(first);
    drop(EmbeddedEngine::open(path).unwrap());
}

#[test]
fn files_of_others_and_of_the_future_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |name: &str| {
        EmbeddedEngine::open(folder.path().join(name))
            .unwrap_err()
            .to_string()
    };
    std::fs::write(
        folder.path().join("text"),
        "this is no database, but long enough to look like one",
    )
    .unwrap();
    assert!(
        refused("text").contains("is not a steadfast file"),
        "{}",
        refused("text")
    );

    let other = rusqlite::Connection::open(folder.path().join("other")).unwrap();
    other
        .execute_batch("CREATE TABLE users (name TEXT)")
        .unwrap();
    drop(other);
    assert!(
        refused("other").contains("another application"),
        "{}",
        refused("other")
    );

    drop(EmbeddedEngine::open(folder.path().join("future")).unwrap());
    let future = rusqlite::Connection::open(folder.path().join("future")).unwrap();
    future.pragma_update(None, "user_version", 99).unwrap();
    drop(future);
    assert!(
        refused("future").contains("has version 99"),
        "{}",
        refused("future")
    );

    assert!(refused("no/such/folder.db").contains("cannot be opened for writing"));
}

/// Whoever may write to everything may write to this file too, but not to those of the kernel.
#[cfg(target_os = "linux")]
/// `?namespace=other` showed the runs of the file as if they were that one's.
#[test]
fn a_file_has_one_namespace() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.db");
    let open = |name: Option<&str>| {
        let options = EmbeddedOptions::file(&path);
        EmbeddedEngine::open(match name {
            Some(name) => options.namespace(Namespace::new(name).unwrap()),
            None => options,
        })
    };
    drop(open(Some("shop")).unwrap());
    let refused = open(Some("other")).unwrap_err().to_string();
    assert!(
        refused.contains("namespace `shop` and not of `other`"),
        "{refused}"
    );
    for name in [None, Some("shop")] {
        assert_eq!(open(name).unwrap().namespace().as_str(), "shop");
    }
}

#[test]
fn a_file_that_cannot_be_written_is_refused_and_left_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.db");
    drop(EmbeddedEngine::open(path.clone()).unwrap());
    let before = std::fs::read(&path).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
    let almighty = std::fs::OpenOptions::new().write(true).open(&path).is_ok();
    let read_only = if almighty {
        Path::new("/sys/devices/system/cpu/online")
    } else {
        path.as_path()
    };
    let refused = EmbeddedEngine::open(read_only).unwrap_err().to_string();
    assert!(
        refused.contains("cannot be opened for writing"),
        "{refused}"
    );
    assert!(refused.contains("check that"), "{refused}");
    assert!(std::fs::read(&path).unwrap() == before);
    // It works as soon as it may be written to.
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    drop(EmbeddedEngine::open(path).unwrap());
}

#[cfg(unix)]
#[test]
fn the_file_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.db");
    let engine = EmbeddedEngine::open(path).unwrap();
    for name in ["orders.db", "orders.db-wal"] {
        let mode = std::fs::metadata(folder.path().join(name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    drop(engine);
}

#[test]
fn what_is_asked_during_a_commit_is_committed_together() {
    // While the gate is held, the writer stands before its next commit.
    let gate = Arc::new(Mutex::new(()));
    let commits = Arc::new(AtomicU64::new(0));
    let (hook, counter) = (Arc::clone(&gate), Arc::clone(&commits));
    let options = EmbeddedOptions::in_memory().crash_point(move |commit, _| {
        counter.store(commit, Ordering::Relaxed);
        drop(hook.lock().unwrap());
        CrashAction::Continue
    });
    let engine = EmbeddedEngine::open(options).unwrap();
    block_on(async {
        engine
            .start_workflow(start_request("w", "start"))
            .await
            .unwrap();
        let before = commits.load(Ordering::Relaxed);
        let held = gate.lock().unwrap();
        let signals = join_all((0..200).map(|n| {
            engine.signal_workflow(SignalWorkflowRequest {
                execution: current("w"),
                signal: signal("s", RequestId::new(format!("signal-{n}")).unwrap()),
            })
        }));
        futures_util::pin_mut!(signals);
        assert!((&mut signals).now_or_never().is_none());
        drop(held);
        assert!(signals.await.iter().all(Result::is_ok));
        let commits = commits.load(Ordering::Relaxed) - before;
        assert!(commits <= 2, "200 signals took {commits} commits");
    });
}

/// E8: an attempt after which the policy allows no other is never run twice.
#[test]
fn a_last_attempt_that_died_with_the_process_is_not_run_again() {
    let folder = tempfile::tempdir().unwrap();
    let (path, clock) = (folder.path().join("pay.db"), clock());
    let mut world = open(&path, &clock);
    block_on(world.run("start w\n task w: schedule pay attempts=1\n act pay"));
    world.close();
    let mut world = open(&path, &clock);
    block_on(world.run(
        r#"
        idle pay
        task w: complete
        events w: 1 Started · 2-4 WT · 5 ActScheduled(pay) · 6 ActStarted(sched=5) · 7 ActTimedOut(sched=5, timeout,START_TO_CLOSE "the process ended while the activity was running; it may have done its work", MAXIMUM_ATTEMPTS_REACHED) · 8-10 WT · 11 Completed
        "#,
    ));
}

/// E8: an attempt that died with the process counts, so there are never more than the limit.
#[test]
fn attempts_that_died_with_the_process_count() {
    let folder = tempfile::tempdir().unwrap();
    let (path, clock) = (folder.path().join("pay.db"), clock());
    let mut world = open(&path, &clock);
    block_on(world.run("start w\n task w: schedule pay attempts=3\n act pay attempt=1"));
    for attempt in [2, 3] {
        world.close();
        world = open(&path, &clock);
        block_on(world.run(&format!("advance 4s\n act pay attempt={attempt}")));
    }
    world.close();
    let mut world = open(&path, &clock);
    block_on(world.run(
        r#"
        idle pay
        task w: complete
        events w: 1 Started · 2-4 WT · 5 ActScheduled(pay) · 6 ActStarted(sched=5, attempt=3, lastFailure=timeout,START_TO_CLOSE "the process ended while the activity was running; it may have done its work") · 7 ActTimedOut(sched=5, timeout,START_TO_CLOSE "the process ended while the activity was running; it may have done its work" <- timeout,START_TO_CLOSE "the process ended while the activity was running; it may have done its work", MAXIMUM_ATTEMPTS_REACHED) · 8-10 WT · 11 Completed
        "#,
    ));
}

#[test]
fn attempts_failures_and_details_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (path, clock) = (folder.path().join("orders.db"), clock());
    let mut world = open(&path, &clock);
    block_on(world.run(
        "start w
        task w: schedule a
        act a
        beat a \"half\" -> no
        failed a Boom first",
    ));
    world.close();
    let mut world = open(&path, &clock);
    block_on(world.run(
        "idle a
        advance 1s
        act a attempt=2 details=\"half\"
        beat a \"most\" -> no",
    ));
    // It is known to have started, so the next attempt follows, after the wait of the policy.
    world.close();
    let mut world = open(&path, &clock);
    block_on(world.run(
        r#"
        advance 4s
        act a attempt=3 details="most"
        done a "ok"
        task w: complete
        events w: 1 Started · 2-4 WT · 5 ActScheduled(a) · 6 ActStarted(sched=5, attempt=3, lastFailure=timeout,START_TO_CLOSE "the process ended while the activity was running; it may have done its work") · 7 ActCompleted(sched=5, "ok") · 8-10 WT · 11 Completed
        "#,
    ));
}

#[test]
fn what_waited_for_a_task_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (path, clock) = (folder.path().join("orders.db"), clock());
    let mut world = open(&path, &clock);
    block_on(world.run(
        r#"
        start w
        task w: schedule a
        act a
        signal w one
        take w
        signal w two
        done a "ok"
        "#,
    ));
    world.close();
    let mut world = open(&path, &clock);
    block_on(world.run(
        r#"
        task w: complete
        events w: 1 Started · 2-4 WT · 5 ActScheduled(a) · 6 Signaled(one) · 7 WTScheduled · 8 Signaled(two) · 9 ActStarted(sched=5) · 10 ActCompleted(sched=5, "ok") · 11 WTStarted · 12 WTCompleted · 13 Completed
        "#,
    ));
}

/// A failed commit is told to whoever waits for it, leaves no trace, and later requests work.
#[test]
fn a_full_disk_loses_nothing_and_is_recovered_from() {
    let failing = Arc::new(Mutex::new(false));
    let hook = Arc::clone(&failing);
    let clock = clock();
    let folder = tempfile::tempdir().unwrap();
    let options = EmbeddedOptions::file(folder.path().join("orders.db"))
        .clock(clock.clone())
        .crash_point(move |_, _| {
            if *hook.lock().unwrap() {
                CrashAction::Fail
            } else {
                CrashAction::Continue
            }
        });
    let mut world = World::new(EmbeddedEngine::open(options).unwrap(), clock);
    block_on(async {
        world
            .run("start w\n task w: schedule a; timer t 60s\n act a")
            .await;
        *failing.lock().unwrap() = true;
        let refused = world.try_run("signal w lost").await.unwrap_err();
        assert!(matches!(refused, EngineError::Storage { .. }), "{refused}");
        assert!(
            refused
                .to_string()
                .contains("the disk is full; make room and try again"),
            "{refused}"
        );
        assert!(world.try_run("done a").await.is_err());
        assert!(world.try_run("start v").await.is_err());
        *failing.lock().unwrap() = false;
        world
            .run(
                r#"
            events w: 1 Started · 2-4 WT · 5 ActScheduled(a) · 6 TimerStarted(t)
            # The attempt runs on, and its worker tries again.
            done a "ok"
            signal w kept
            task w:
            advance 60s
            task w: complete
            events w: 1 Started · 2-4 WT · 5 ActScheduled(a) · 6 TimerStarted(t) · 7 ActStarted(sched=5) · 8 ActCompleted(sched=5, "ok") · 9 WTScheduled · 10 Signaled(kept) · 11 WTStarted · 12 WTCompleted · 13 TimerFired(t) · 14-16 WT · 17 Completed
            start v
            task v: complete
            "#,
            )
            .await;
    });
}

/// Who committed while a workflow answered tasks alone: whether it was ever the thread of the test.
fn commits_itself(durability: Durability) -> bool {
    let own = std::thread::current().id();
    let seen = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&seen);
    let options = EmbeddedOptions::in_memory()
        .durability(durability)
        .crash_point(move |_, _| {
            if std::thread::current().id() == own {
                counter.fetch_add(1, Ordering::Relaxed);
            }
            CrashAction::Continue
        });
    let clock = clock();
    let options = options.clock(clock.clone());
    let mut world = World::new(EmbeddedEngine::open(options).unwrap(), clock);
    block_on(async {
        for n in 0..50 {
            world
                .run(&format!(
                    "start w{n}\n task w{n}: complete\n status w{n} Completed"
                ))
                .await;
        }
    });
    seen.load(Ordering::Relaxed) > 0
}

/// A commit that does not wait for the disk is made by whoever needs it, if nobody else has anything to
/// write; one that does is left to the writer thread.
#[test]
fn only_a_commit_that_does_not_wait_for_the_disk_is_made_in_place() {
    assert!(commits_itself(Durability::Relaxed));
    assert!(!commits_itself(Durability::Full));
}

/// A codec that panics.
#[derive(Debug)]
struct Faulty;

impl PayloadCodec for Faulty {
    fn encode(&self, payload: Payload) -> Result<Payload, CodecError> {
        let broken = payload
            .data
            .as_slice()
            .windows(4)
            .any(|bytes| bytes == b"boom");
        assert!(!broken, "the codec is broken: encode");
        Ok(payload)
    }

    fn decode(&self, payload: Payload) -> Result<Payload, CodecError> {
        let broken = payload
            .data
            .as_slice()
            .windows(4)
            .any(|bytes| bytes == b"bang");
        assert!(!broken, "the codec is broken: decode");
        Ok(payload)
    }
}

/// A run that is read from the file, and what is read when the file is opened.
#[test]
fn a_panic_of_the_codec_while_something_is_read_ends_the_engine_and_is_called_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let clock = clock();
    let options = || {
        EmbeddedOptions::file(folder.path().join("orders.db"))
            .codec(Arc::new(Faulty))
            .clock(clock.clone())
    };
    let mut world = World::new(EmbeddedEngine::open(options()).unwrap(), clock.clone());
    block_on(world.run("start w\n task w: timer t 60s\n signal w bang\n task w:"));
    world.close();
    let mut world = World::new(EmbeddedEngine::open(options()).unwrap(), clock.clone());
    let ended = block_on(world.try_run("signal w later")).unwrap_err();
    assert!(matches!(ended, EngineError::Stopped { .. }), "{ended}");
    let text = ended.to_string();
    assert!(
        text.contains("the payload codec panicked: `the codec is broken: decode`"),
        "{text}"
    );
}

/// Nobody waits for ever for a commit that panicked, and what was acknowledged before is there.
#[test]
fn a_panic_in_a_commit_ends_the_engine_and_loses_nothing() {
    for durability in [Durability::Full, Durability::Relaxed] {
        let folder = tempfile::tempdir().unwrap();
        let clock = clock();
        let open = || {
            let options = EmbeddedOptions::file(folder.path().join("orders.db"))
                .durability(durability)
                .codec(Arc::new(Faulty))
                .clock(clock.clone());
            World::new(EmbeddedEngine::open(options).unwrap(), clock.clone())
        };
        let mut world = open();
        let ended = block_on(async {
            world.run("start w\n task w: timer t 60s").await;
            world.try_run("signal w boom").await.unwrap_err()
        });
        // It was not the engine, and whoever asks hears so, also later.
        let again = block_on(world.try_run("signal w later")).unwrap_err();
        for error in [ended, again] {
            assert!(matches!(error, EngineError::Stopped { .. }), "{error}");
            let text = error.to_string();
            assert!(
                text.contains("the payload codec panicked: `the codec is broken: encode`"),
                "{text}"
            );
        }
        world.close();
        let mut world = open();
        block_on(world.run("signal w kept\n task w: complete\n status w Completed"));
    }
}

#[test]
fn a_run_that_is_not_in_memory_is_read_when_something_happens() {
    let clock = clock();
    let options = EmbeddedOptions::in_memory()
        .clock(clock.clone())
        .cached_executions(2);
    let mut world = World::new(EmbeddedEngine::open(options).unwrap(), clock);
    block_on(async {
        for n in 0..20 {
            world
                .run(&format!("start w{n}\n task w{n}: timer t {}s", 60 + n))
                .await;
        }
        world.run("signal w3 s\n cancel w4").await;
        for n in 0..20 {
            world.run(&format!("status w{n} Running")).await;
        }
        world.run("advance 60s").await;
        world
            .run("task w0: complete\n quiet w19\n advance 60s")
            .await;
        for n in 1..20 {
            world.run(&format!("task w{n}: complete")).await;
        }
        let events = world.events("w3", None).await.unwrap();
        assert_eq!(
            render(&events),
            "1 Started · 2-4 WT · 5 TimerStarted(t) · 6 Signaled(s) · 7 WTScheduled · 8 TimerFired(t) · \
             9 WTStarted · 10 WTCompleted · 11 Completed"
        );
    });
}

/// E9: a clock that jumps back does not make times decrease, and one that jumps forward fires.
#[test]
fn a_clock_that_jumps_does_no_harm() {
    let clock = clock();
    let options = EmbeddedOptions::in_memory().clock(clock.clone());
    let mut world = World::new(EmbeddedEngine::open(options).unwrap(), clock.clone());
    block_on(world.run("start w\n task w: timer t 60s"));
    clock.set(Timestamp::from_unix_nanos(1_000));
    block_on(world.run("signal w s\n task w:"));
    clock.set(Timestamp::from_unix_nanos(1_895_000_000_000_000_000));
    block_on(world.run(
        "task w: complete
        events w: 1 Started · 2-4 WT · 5 TimerStarted(t) · 6 Signaled(s) · 7-9 WT · 10 TimerFired(t) · 11-13 WT · 14 Completed",
    ));
}

#[test]
fn expired_runs_are_deleted() {
    let clock = clock();
    let options = EmbeddedOptions::in_memory()
        .clock(clock.clone())
        .retention(std::time::Duration::from_secs(3_600));
    let mut world = World::new(EmbeddedEngine::open(options).unwrap(), clock);
    block_on(async {
        world
            .run("start w\n task w: complete\n start v\n advance 7200s")
            .await;
        // The timer thread deletes by itself; it tells that it is done by settling.
        while world
            .engine
            .count_workflows(steadfast_engine::ListFilter::default())
            .await
            .unwrap()
            > 1
        {
            tokio::task::yield_now().await;
        }
        world
            .run("status v Running\n cancel w => workflow not found for ID: w")
            .await;
    });
}

/// Turns every bit, which is enough to see what goes through it.
#[derive(Debug)]
struct Inverted;

impl Inverted {
    const ENCODING: &str = "binary/inverted";

    fn invert(payload: &Payload) -> Payload {
        let bytes: Vec<u8> = payload.data.as_slice().iter().map(|byte| !byte).collect();
        Payload {
            data: bytes.into(),
            ..payload.clone()
        }
    }
}

impl PayloadCodec for Inverted {
    fn encode(&self, payload: Payload) -> Result<Payload, CodecError> {
        let mut encoded = Self::invert(&payload);
        encoded.encoding = Self::ENCODING.into();
        Ok(encoded)
    }

    fn decode(&self, payload: Payload) -> Result<Payload, CodecError> {
        if payload.encoding != Self::ENCODING {
            return Err(CodecError::new("the key is not known"));
        }
        Ok(Self::invert(&payload))
    }
}

/// What users passed around is in the file only as the codec makes it, and not in errors.
#[test]
fn a_codec_keeps_the_file_secret() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.db");
    let clock = clock();
    let open = |codec: bool| {
        let options = EmbeddedOptions::file(&path).clock(clock.clone());
        let options = if codec {
            options.codec(Arc::new(Inverted))
        } else {
            options
        };
        EmbeddedEngine::open(options)
    };
    // From before the codec was introduced.
    let mut world = World::new(open(false).unwrap(), clock.clone());
    block_on(world.run("start old\n task old: timer t 60s"));
    world.engine.shutdown();
    let mut world = World::new(open(true).unwrap(), clock.clone());
    block_on(async {
        let mut request = start_request("w", "w");
        request.input = vec![Payload::json(&br#""secret of the input""#[..])];
        request.memo.insert(
            "note".to_owned(),
            Payload::json(&br#""secret of the memo""#[..]),
        );
        world.engine.start_workflow(request).await.unwrap();
        world
            .run(
                r#"
            task w: schedule a; child c
            task c: complete "secret of the child"
            act a
            beat a "secret of the heartbeat" -> no
            failed a Broken secret-of-the-failure
            signal w secret-signal
            take w
            signal w buffered-secret
            answer w: timer t 60s
            "#,
            )
            .await;
    });
    let described = block_on(world.engine.describe_workflow(current("w"))).unwrap();
    assert_eq!(described.memo.len(), 1);
    world.engine.shutdown();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("secret"), "found in the file");
    }

    let engine = open(false).unwrap();
    let error = block_on(engine.describe_workflow(current("w"))).unwrap_err();
    assert!(
        error.to_string().contains("open it with the same one"),
        "{error}"
    );
    engine.shutdown();
    let mut world = World::new(open(true).unwrap(), clock);
    block_on(
        world.run("signal old still-here\n advance 60s\n task w: complete\n status w Completed"),
    );
}
