//! What programs about one schedule do not reach: limits, failing disks, lists, tokens and what the file shows.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use steadfast_core::{
    ids::{RequestId, ScheduleId},
    payload::{Payload, PayloadMap},
    time::Timestamp,
};
use steadfast_embedded::{CrashAction, CrashPoint, EmbeddedEngine, EmbeddedOptions, ManualClock};
use steadfast_engine::{
    Engine as _, EngineError, ListFilter,
    codec::{CodecError, PayloadCodec},
    schedule::{
        ConflictToken, CreateScheduleRequest, DeleteScheduleRequest, IntervalSpec,
        ListSchedulesRequest, PatchScheduleRequest, Schedule, ScheduleAction,
        ScheduleOverlapPolicy, SchedulePatch, ScheduleSpec, UpdateScheduleRequest,
    },
};

use crate::harness::{block_on, current, identity, start_request};

const BEGIN: Timestamp = Timestamp::from_unix_nanos(1_795_000_000_000_000_000);

fn id(text: &str) -> ScheduleId {
    ScheduleId::new(text).unwrap()
}

fn request_id(text: &str) -> RequestId {
    RequestId::new(text).unwrap()
}

fn every(seconds: u64) -> Schedule {
    let spec = ScheduleSpec {
        intervals: vec![IntervalSpec {
            interval: Duration::from_secs(seconds),
            phase: Duration::ZERO,
        }],
        ..ScheduleSpec::default()
    };
    let mut start = start_request("w", "unused");
    start.input = vec![Payload::json(&b"\"a secret\""[..])];
    Schedule::new(spec, ScheduleAction::StartWorkflow(Box::new(start)))
}

fn create(name: &str, schedule: Schedule) -> CreateScheduleRequest {
    CreateScheduleRequest {
        schedule_id: id(name),
        schedule,
        initial_patch: None,
        identity: identity("client"),
        request_id: request_id(&format!("create {name}")),
        memo: PayloadMap::new(),
        search_attributes: PayloadMap::new(),
    }
}

fn pause(name: &str, request: &str) -> PatchScheduleRequest {
    PatchScheduleRequest {
        schedule_id: id(name),
        patch: SchedulePatch {
            pause: Some("because".to_owned()),
            ..SchedulePatch::default()
        },
        identity: identity("client"),
        request_id: request_id(request),
    }
}

fn in_memory() -> (Arc<EmbeddedEngine>, ManualClock) {
    let clock = ManualClock::at(BEGIN);
    let options = EmbeddedOptions::in_memory().clock(clock.clone());
    (EmbeddedEngine::open(options).unwrap(), clock)
}

/// A hundred thousand times while nobody was there: one execution, no more in the buffer than can be, and nobody waits
/// long for anything else.
#[test]
fn what_was_due_very_often_is_taken_up_in_parts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let clock = ManualClock::at(BEGIN);
    let open = || EmbeddedEngine::open(EmbeddedOptions::file(&path).clock(clock.clone())).unwrap();
    let engine = open();
    block_on(async {
        engine
            .create_schedule(create("skip", every(1)))
            .await
            .unwrap();
        let mut all = every(1);
        all.policies.overlap = ScheduleOverlapPolicy::BufferAll;
        all.policies.catchup_window = Duration::from_secs(50_000);
        engine.create_schedule(create("all", all)).await.unwrap();
    });
    engine.shutdown();
    clock.set(BEGIN.after(Duration::from_secs(100_000)));
    let engine = open();
    block_on(async {
        engine.settled().await.unwrap();
        let skip = engine.describe_schedule(id("skip")).await.unwrap().info;
        assert_eq!(skip.action_count, 1);
        // What had no room in the buffer is counted, and what had overlapped.
        assert_eq!(skip.overlap_skipped + skip.buffer_dropped, 99_999);
        let all = engine.describe_schedule(id("all")).await.unwrap().info;
        // Both start their first execution by the same workflow type and id, at other times.
        assert_eq!((all.action_count, all.buffer_size), (1, 1_000));
        assert_eq!(all.missed_catchup_window, 49_999);
        assert_eq!(all.buffer_dropped, 100_000 - 49_999 - 1_001);
    });
}

/// E2: nothing of what failed has happened, and it happens later.
#[test]
fn a_commit_that_fails_takes_no_action() {
    let clock = ManualClock::at(BEGIN);
    let full = Arc::new(AtomicBool::new(false));
    let is_full = Arc::clone(&full);
    let options = EmbeddedOptions::in_memory()
        .clock(clock.clone())
        .crash_point(move |_, point| {
            let fails = point == CrashPoint::BeforeCommit && is_full.load(Ordering::Relaxed);
            if fails {
                CrashAction::Fail
            } else {
                CrashAction::Continue
            }
        });
    let engine = EmbeddedEngine::open(options).unwrap();
    block_on(async {
        engine
            .create_schedule(create("s", every(60)))
            .await
            .unwrap();
        full.store(true, Ordering::Relaxed);
        let refused = engine.create_schedule(create("t", every(60))).await;
        assert!(refused.is_err());
        let refused = engine.patch_schedule(pause("s", "pause")).await;
        assert!(refused.is_err());
        clock.advance(Duration::from_secs(60));
        engine.settled().await.unwrap();
        full.store(false, Ordering::Relaxed);
        let described = engine.describe_schedule(id("s")).await.unwrap();
        assert!(!described.schedule.state.paused);
        let unknown = engine.describe_schedule(id("t")).await;
        assert!(matches!(unknown, Err(EngineError::NotFound { .. })));
        // It tries again after a second, by its clock.
        clock.advance(Duration::from_secs(5));
        engine.settled().await.unwrap();
        let info = engine.describe_schedule(id("s")).await.unwrap().info;
        assert_eq!((info.action_count, info.running_workflows.len()), (1, 1));
        assert_eq!(
            engine.count_workflows(ListFilter::default()).await.unwrap(),
            1
        );
        // The same request does now what it did not do before.
        engine.patch_schedule(pause("s", "pause")).await.unwrap();
        let described = engine.describe_schedule(id("s")).await.unwrap();
        assert!(described.schedule.state.paused);
    });
}

/// E10.
#[test]
fn a_request_that_is_repeated_has_no_second_effect() {
    let (engine, _) = in_memory();
    block_on(async {
        let token = engine
            .create_schedule(create("s", every(60)))
            .await
            .unwrap();
        assert_eq!(
            engine
                .create_schedule(create("s", every(60)))
                .await
                .unwrap(),
            token
        );
        let mut other = create("s", every(60));
        other.request_id = request_id("another");
        let refused = engine.create_schedule(other).await;
        assert!(matches!(refused, Err(EngineError::ScheduleExists { .. })));
        let trigger = PatchScheduleRequest {
            patch: SchedulePatch {
                trigger_immediately: Some(Default::default()),
                ..SchedulePatch::default()
            },
            ..pause("s", "trigger")
        };
        engine.patch_schedule(trigger.clone()).await.unwrap();
        engine.patch_schedule(trigger).await.unwrap();
        engine.settled().await.unwrap();
        let info = engine.describe_schedule(id("s")).await.unwrap().info;
        assert_eq!(info.action_count + info.overlap_skipped, 1);
    });
}

#[test]
fn an_update_of_what_was_changed_since_is_refused() {
    let (engine, clock) = in_memory();
    block_on(async {
        let mut limited = every(60);
        limited.state.limited_actions = true;
        limited.state.remaining_actions = 5;
        let token = engine.create_schedule(create("s", limited)).await.unwrap();
        let update = |number: u32, token: Option<ConflictToken>| UpdateScheduleRequest {
            schedule_id: id("s"),
            schedule: every(90),
            conflict_token: token,
            identity: identity("client"),
            request_id: request_id(&format!("update {number}")),
            search_attributes: None,
            memo: None,
        };
        let described = engine.describe_schedule(id("s")).await.unwrap();
        assert_eq!(described.conflict_token, token);
        // An action that counts is a change.
        clock.advance(Duration::from_secs(60));
        engine.settled().await.unwrap();
        let refused = engine.update_schedule(update(1, Some(token))).await;
        assert!(
            matches!(refused, Err(EngineError::ScheduleChanged)),
            "{refused:?}"
        );
        let described = engine.describe_schedule(id("s")).await.unwrap();
        let token = described.conflict_token;
        engine
            .update_schedule(update(2, Some(token.clone())))
            .await
            .unwrap();
        let refused = engine.update_schedule(update(3, Some(token))).await;
        assert!(matches!(refused, Err(EngineError::ScheduleChanged)));
        engine.update_schedule(update(4, None)).await.unwrap();
        let described = engine.describe_schedule(id("s")).await.unwrap();
        assert_eq!(described.schedule.spec.intervals[0].interval.as_secs(), 90);
        assert!(!described.schedule.state.limited_actions);
        assert_eq!(described.info.action_count, 1);
    });
}

#[test]
fn schedules_are_listed_in_pages_and_found_by_what_is_said_of_them() {
    let (engine, _) = in_memory();
    block_on(async {
        for number in 0..25 {
            let mut request = create(&format!("s{number:02}"), every(60));
            request.schedule.state.paused = number % 5 == 0;
            let value = Payload::json(number.to_string().into_bytes());
            request.search_attributes.insert("Rank".to_owned(), value);
            if number > 20 {
                let tags = Payload::json(&br#"["late", "odd"]"#[..]);
                request.search_attributes.insert("Tags".to_owned(), tags);
            }
            engine.create_schedule(request).await.unwrap();
        }
        let mut found = Vec::new();
        let mut next_page_token = None;
        loop {
            let request = ListSchedulesRequest {
                query: String::new(),
                page_size: 10,
                next_page_token,
            };
            let page = engine.list_schedules(request).await.unwrap();
            found.extend(
                page.schedules
                    .into_iter()
                    .map(|entry| entry.schedule_id.to_string()),
            );
            next_page_token = page.next_page_token;
            if next_page_token.is_none() {
                break;
            }
        }
        let all: Vec<String> = (0..25).map(|number| format!("s{number:02}")).collect();
        assert_eq!(found, all);
        engine
            .add_search_attributes(
                [
                    (
                        "Rank".to_owned(),
                        steadfast_engine::SearchAttributeType::Int,
                    ),
                    (
                        "Tags".to_owned(),
                        steadfast_engine::SearchAttributeType::KeywordList,
                    ),
                ]
                .into(),
            )
            .await
            .unwrap();
        for (query, count) in [
            ("", 25),
            ("TemporalSchedulePaused = true", 5),
            ("NOT TemporalSchedulePaused = true AND Rank < 3", 2),
            ("Rank BETWEEN 3 AND 6 OR ScheduleId = 's24'", 5),
            ("ScheduleId STARTS_WITH 's2'", 5),
            ("Tags = 'odd'", 4),
            ("Tags IS NULL AND Rank >= 20", 1),
            ("Rank IN (1, 2, 99)", 2),
        ] {
            let counted = engine.count_schedules(query.to_owned()).await.unwrap();
            assert_eq!(counted.count, count, "{query}");
        }
        let refused = engine.count_schedules("Nothing = 1".to_owned()).await;
        assert_eq!(
            refused.unwrap_err().to_string(),
            "invalid query: invalid search attribute: Nothing"
        );
        // They are found by nothing that executions are found by, and are none.
        assert_eq!(
            engine.count_workflows(ListFilter::default()).await.unwrap(),
            0
        );
    });
}

/// A run that is deleted while it is open has ended, as far as its schedule is concerned.
#[test]
fn an_execution_that_is_deleted_holds_nothing_up() {
    let (engine, clock) = in_memory();
    block_on(async {
        let mut schedule = every(60);
        schedule.policies.overlap = ScheduleOverlapPolicy::BufferOne;
        schedule.policies.keep_original_workflow_id = true;
        engine.create_schedule(create("s", schedule)).await.unwrap();
        clock.advance(Duration::from_secs(120));
        engine.settled().await.unwrap();
        engine.delete_workflow(current("w")).await.unwrap();
        engine.settled().await.unwrap();
        let info = engine.describe_schedule(id("s")).await.unwrap().info;
        assert_eq!(
            (
                info.action_count,
                info.running_workflows.len(),
                info.buffer_size
            ),
            (2, 1, 0)
        );
        let delete = DeleteScheduleRequest {
            schedule_id: id("s"),
            identity: identity("client"),
        };
        engine.delete_schedule(delete.clone()).await.unwrap();
        assert!(matches!(
            engine.delete_schedule(delete).await,
            Err(EngineError::NotFound { .. })
        ));
        // What it started goes on, and another one of the same id knows nothing of it.
        engine
            .create_schedule(create("s", every(600)))
            .await
            .unwrap();
        let info = engine.describe_schedule(id("s")).await.unwrap().info;
        assert_eq!((info.action_count, info.running_workflows.len()), (0, 0));
        engine.describe_workflow(current("w")).await.unwrap();
    });
}

#[test]
fn what_is_too_large_is_refused() {
    let (engine, _) = in_memory();
    block_on(async {
        let large = || Payload::binary(vec![0; 2 * 1024 * 1024 + 1]);
        let mut input = create("s", every(60));
        if let ScheduleAction::StartWorkflow(start) = &mut input.schedule.action {
            start.input = vec![large()];
        }
        let mut memo = create("s", every(60));
        memo.memo.insert("m".to_owned(), large());
        for request in [input, memo] {
            let refused = engine.create_schedule(request).await.unwrap_err();
            assert!(
                refused.to_string().contains("the limit is 2097152"),
                "{refused}"
            );
        }
        engine
            .create_schedule(create("s", every(60)))
            .await
            .unwrap();
        let mut words = pause("s", "pause");
        words.patch.pause = Some("x".repeat(2 * 1024 * 1024 + 1));
        let refused = engine.patch_schedule(words).await.unwrap_err();
        assert!(refused.to_string().contains("the notes"), "{refused}");
    });
}

/// Turns bytes, as a codec that hides them.
#[derive(Debug)]
struct Hidden;

impl PayloadCodec for Hidden {
    fn encode(&self, mut payload: Payload) -> Result<Payload, CodecError> {
        let turned: Vec<u8> = payload.data.as_slice().iter().map(|byte| !byte).collect();
        payload.data = turned.into();
        Ok(payload)
    }

    fn decode(&self, payload: Payload) -> Result<Payload, CodecError> {
        self.encode(payload)
    }
}

#[test]
fn what_a_schedule_gives_its_executions_goes_through_the_codec() {
    let folder = tempfile::tempdir().unwrap();
    let has_secret = |codec: bool| {
        let path = folder.path().join(format!("{codec}.db"));
        let mut options = EmbeddedOptions::file(&path);
        if codec {
            options = options.codec(Arc::new(Hidden));
        }
        let engine = EmbeddedEngine::open(options).unwrap();
        block_on(engine.create_schedule(create("s", every(3_600)))).unwrap();
        engine.shutdown();
        let bytes = std::fs::read(&path).unwrap();
        bytes.windows(8).any(|window| window == b"a secret")
    };
    assert!(has_secret(false));
    assert!(!has_secret(true));
}
