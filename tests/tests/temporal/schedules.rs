//! Schedules: what a Temporal Service says to each request, our own server says too.
//!
//! `STEADFAST_TEMPORAL_SCHEDULES` is the address of a service that takes the actions of schedules, which takes workers of its
//! own in each namespace.

use std::{
    fmt::{Debug, Write as _},
    sync::Arc,
    time::Duration,
};

use steadfast::{
    core::{
        ids::{Identity, RequestId, ScheduleId, WorkflowId},
        options::{WorkflowIdConflictPolicy, WorkflowIdReusePolicy, WorkflowTimeouts},
        payload::{Payload, PayloadMap, UserMetadata},
        retry::RetryPolicy,
        time::Timestamp,
    },
    engine::{
        Engine, EngineError, StartWorkflowRequest,
        schedule::{
            BackfillRequest, CalendarSpec, ConflictToken, CreateScheduleRequest,
            DeleteScheduleRequest, IntervalSpec, ListScheduleMatchingTimesRequest,
            PatchScheduleRequest, Range, Schedule, ScheduleAction, ScheduleDescription,
            ScheduleOverlapPolicy, SchedulePatch, SchedulePolicies, ScheduleSpec, ScheduleState,
            StructuredCalendarSpec, TriggerImmediatelyRequest, UpdateScheduleRequest,
        },
        temporal::{TemporalEngine, TemporalOptions},
    },
};
use tokio::{process::Command, time::sleep};

use crate::{commands::compare, places::Place, service::variable};

const HOUR: Duration = Duration::from_secs(3_600);
/// 2030-01-01T00:00:00Z.
const NEW_YEAR: Timestamp = Timestamp::from_unix_nanos(1_893_456_000_000_000_000);

/// What differs, and why.
const EXPECTED: &[(&str, &str)] = &[
    ("patch nobody: ", DELETED),
    ("times of nobody: ", DELETED),
    ("delete nobody: ", DELETED),
];
const DELETED: &str = "a service still knows what was deleted, as an execution that is closed";

/// A schedule with an id of its own, and what was said so far.
struct Told<'a> {
    engine: &'a dyn Engine,
    id: ScheduleId,
    requests: u32,
    said: Vec<String>,
}

fn action() -> StartWorkflowRequest {
    StartWorkflowRequest {
        // A service remembers those of earlier runs.
        workflow_id: WorkflowId::new(format!("report-{}", std::process::id())).unwrap(),
        workflow_type: "Report".try_into().unwrap(),
        task_queue: "reports".try_into().unwrap(),
        input: vec![
            Payload::json(br#"{"of":"sales"}"#.as_slice()),
            Payload::json(b"1".as_slice()),
        ],
        header: PayloadMap::new(),
        timeouts: WorkflowTimeouts::default(),
        identity: identity(),
        request_id: RequestId::new("schedule").unwrap(),
        id_reuse_policy: WorkflowIdReusePolicy::default(),
        id_conflict_policy: WorkflowIdConflictPolicy::default(),
        retry_policy: None,
        cron_schedule: None,
        start_delay: Duration::ZERO,
        memo: PayloadMap::new(),
        search_attributes: PayloadMap::new(),
        user_metadata: None,
        priority: None,
        unmodelled: None,
    }
}

/// Not before a new year, so that nothing happens by itself.
fn every_hour() -> Schedule {
    let spec = ScheduleSpec {
        start_time: Some(NEW_YEAR),
        intervals: vec![IntervalSpec {
            interval: HOUR,
            phase: Duration::from_secs(120),
        }],
        ..ScheduleSpec::default()
    };
    Schedule::new(spec, ScheduleAction::StartWorkflow(Box::new(action())))
}

/// All that a schedule can be told.
fn everything() -> Schedule {
    let mut start = action();
    start.header = PayloadMap::from([("trace".to_owned(), Payload::json(b"7".as_slice()))]);
    start.memo = PayloadMap::from([("for".to_owned(), Payload::json(br#""boss""#.as_slice()))]);
    start.timeouts.execution_timeout = Some(HOUR);
    start.timeouts.run_timeout = Some(HOUR / 2);
    start.timeouts.task_timeout = Some(Duration::from_secs(7));
    start.retry_policy = Some(RetryPolicy {
        maximum_attempts: 3,
        ..RetryPolicy::default()
    });
    start.user_metadata = Some(Box::new(UserMetadata {
        summary: Some(Payload::json(br#""a report""#.as_slice())),
        details: Some(Payload::json(br#""of *all*""#.as_slice())),
    }));
    let spec = ScheduleSpec {
        structured_calendars: vec![StructuredCalendarSpec {
            second: vec![Range::single(30)],
            minute: vec![Range {
                start: 10,
                end: 50,
                step: 20,
            }],
            hour: vec![Range::all(1, 3)],
            day_of_month: vec![Range::all(1, 31)],
            month: vec![Range::all(1, 12)],
            year: vec![Range::single(2031)],
            day_of_week: vec![Range::all(0, 6)],
            comment: "nights".to_owned(),
        }],
        calendars: vec![CalendarSpec {
            hour: "9-17/4".to_owned(),
            day_of_week: "Mon,Wed".to_owned(),
            ..CalendarSpec::default()
        }],
        cron_strings: vec!["CRON_TZ=Europe/Rome 30 2 * mar,oct SUN # the nights".to_owned()],
        intervals: vec![IntervalSpec {
            interval: 31 * HOUR,
            phase: HOUR,
        }],
        exclude_structured_calendars: vec![StructuredCalendarSpec {
            second: vec![Range::all(0, 59)],
            minute: vec![Range::all(0, 59)],
            hour: vec![Range::all(0, 23)],
            day_of_month: vec![Range::single(24)],
            month: vec![Range::single(12)],
            day_of_week: vec![Range::all(0, 6)],
            ..StructuredCalendarSpec::default()
        }],
        start_time: Some(NEW_YEAR),
        end_time: Some(NEW_YEAR.after(10_000 * 24 * HOUR)),
        ..ScheduleSpec::default()
    };
    Schedule {
        spec,
        action: ScheduleAction::StartWorkflow(Box::new(start)),
        policies: SchedulePolicies {
            overlap: ScheduleOverlapPolicy::BufferAll,
            catchup_window: 3 * HOUR,
            pause_on_failure: true,
            keep_original_workflow_id: false,
        },
        state: ScheduleState {
            notes: "of the boss".to_owned(),
            paused: true,
            limited_actions: true,
            remaining_actions: 3,
        },
    }
}

/// A spec that a service refuses, or takes in another form.
fn spec(change: impl FnOnce(&mut ScheduleSpec)) -> Schedule {
    let mut schedule = every_hour();
    schedule.spec = ScheduleSpec::default();
    change(&mut schedule.spec);
    schedule
}

fn cron(text: &str) -> Schedule {
    spec(|spec| spec.cron_strings = vec![text.to_owned()])
}

impl Told<'_> {
    fn request(&mut self) -> RequestId {
        self.requests += 1;
        RequestId::new(format!("{}-{}", self.id, self.requests)).unwrap()
    }

    fn say(&mut self, what: &str, answer: &Result<impl Debug, EngineError>) {
        self.said.push(match answer {
            Ok(answer) => format!("{what}: {answer:#?}"),
            Err(error) => format!("{what}: refused: {error}"),
        });
    }

    async fn create(&mut self, schedule: Schedule) -> Result<ConflictToken, EngineError> {
        let request = CreateScheduleRequest {
            schedule_id: self.id.clone(),
            schedule,
            initial_patch: None,
            identity: identity(),
            request_id: self.request(),
            memo: PayloadMap::from([("a".to_owned(), Payload::json(b"1".as_slice()))]),
            search_attributes: PayloadMap::new(),
        };
        self.engine.create_schedule(request).await
    }

    /// Creates one, if it is taken says what it was taken as, and deletes it again.
    async fn try_out(&mut self, what: &str, schedule: Schedule) {
        match self.create(schedule).await {
            Err(error) => self.say(what, &Err::<(), _>(error)),
            Ok(_) => {
                let described = self.describe().await;
                self.say(what, &described.map(|described| described.schedule.spec));
                self.delete().await.unwrap();
            }
        }
    }

    async fn update(
        &mut self,
        schedule: Schedule,
        token: Option<ConflictToken>,
    ) -> Result<(), EngineError> {
        let request = UpdateScheduleRequest {
            schedule_id: self.id.clone(),
            schedule,
            conflict_token: token,
            identity: identity(),
            request_id: self.request(),
            search_attributes: None,
            memo: None,
        };
        self.engine.update_schedule(request).await
    }

    async fn patch(&mut self, patch: SchedulePatch) -> Result<(), EngineError> {
        let request = PatchScheduleRequest {
            schedule_id: self.id.clone(),
            patch,
            identity: identity(),
            request_id: self.request(),
        };
        self.engine.patch_schedule(request).await
    }

    async fn delete(&self) -> Result<(), EngineError> {
        let request = DeleteScheduleRequest {
            schedule_id: self.id.clone(),
            identity: identity(),
        };
        self.engine.delete_schedule(request).await
    }

    async fn times(&self, from: Timestamp, to: Timestamp) -> Result<Vec<Timestamp>, EngineError> {
        let request = ListScheduleMatchingTimesRequest {
            schedule_id: self.id.clone(),
            start_time: from,
            end_time: to,
        };
        self.engine.list_schedule_matching_times(request).await
    }

    async fn describe(&self) -> Result<ScheduleDescription, EngineError> {
        self.engine.describe_schedule(self.id.clone()).await
    }

    /// The description once it is as it should be, without what differs from run to run: a service does what is asked later.
    async fn described(
        &mut self,
        what: &str,
        is_done: impl Fn(&ScheduleDescription) -> bool,
    ) -> ScheduleDescription {
        let mut described = self.describe().await.unwrap();
        for _ in 0..100 {
            if is_done(&described) {
                break;
            }
            sleep(Duration::from_millis(100)).await;
            described = self.describe().await.unwrap();
        }
        let mut told = described.clone();
        told.conflict_token = ConflictToken::default();
        // The schedule says who asks; nobody is told who said so first.
        let ScheduleAction::StartWorkflow(start) = &mut told.schedule.action else {
            panic!("there is no other action");
        };
        start.identity = identity();
        let info = &mut told.info;
        info.create_time = Timestamp::EPOCH;
        info.update_time = info.update_time.map(|_| Timestamp::EPOCH);
        info.state_size_bytes = 0;
        if !told.schedule.spec.jitter.is_zero() {
            info.future_action_times.clear();
        }
        for execution in &mut info.running_workflows {
            execution.run_id = "run".try_into().unwrap();
        }
        for action in &mut info.recent_actions {
            action.actual_time = Timestamp::EPOCH;
            if let Some(execution) = &mut action.start_workflow_result {
                execution.run_id = "run".try_into().unwrap();
            }
        }
        self.say(what, &Ok(told));
        described
    }
}

fn identity() -> Identity {
    Identity::new("an operator").unwrap()
}

/// Everything that is asked, and what is said to it.
async fn refusals(told: &mut Told<'_>) {
    for text in [
        "nonsense",
        "* * 32 * *",
        "* * * * 8",
        "*/7 9-17 ? * mon-fri",
        "0 12 * * MON-FRI",
        "@every 90m/5m",
        "@every 5m # often",
        "@daily",
        "@weekly",
        "CRON_TZ=Nowhere/Land 0 0 * * *",
        "TZ=Asia/Tokyo 5/15 * 1-31/2 JAN *",
        "1 2 3 4 5 2030",
        "1 2 3 4 5 6 2030",
        "@every 0s",
        "@never",
        "0 0 * * 7",
    ] {
        told.try_out(&format!("cron {text}"), cron(text)).await;
    }
    for (what, interval, phase) in [("too small", 0, 0), ("phase", 5, 5), ("right", 5, 4)] {
        let interval = IntervalSpec {
            interval: Duration::from_secs(interval),
            phase: Duration::from_secs(phase),
        };
        let interval = spec(|spec| spec.intervals = vec![interval]);
        told.try_out(&format!("an interval: {what}"), interval)
            .await;
    }
    let calendar = CalendarSpec {
        hour: "25".to_owned(),
        ..CalendarSpec::default()
    };
    told.try_out("a calendar", spec(|spec| spec.calendars = vec![calendar]))
        .await;
    let calendar = StructuredCalendarSpec {
        hour: vec![Range::single(25)],
        ..StructuredCalendarSpec::default()
    };
    let calendar = spec(|spec| spec.structured_calendars = vec![calendar]);
    told.try_out("a structured calendar", calendar).await;
    let nowhere = spec(|spec| spec.time_zone_name = "Nowhere/Land".to_owned());
    told.try_out("a time zone", nowhere).await;

    let nobody = told.describe().await;
    told.say("describe nobody", &nobody);
    let nobody = told.patch(SchedulePatch::default()).await;
    told.say("patch nobody", &nobody);
    let nobody = told.times(NEW_YEAR, NEW_YEAR).await;
    told.say("times of nobody", &nobody);
    let nobody = told.delete().await;
    told.say("delete nobody", &nobody);
}

/// What becomes of a schedule.
async fn life(told: &mut Told<'_>) {
    let created = told.create(everything()).await;
    told.say("create", &created.map(drop));
    told.described("all that can be told", |_| true).await;
    let again = told.create(every_hour()).await;
    told.say("create again", &again.map(drop));
    let times = told.times(NEW_YEAR, NEW_YEAR.after(90 * 24 * HOUR)).await;
    told.say("times", &times);

    let token = told.describe().await.unwrap().conflict_token;
    let updated = told.update(every_hour(), Some(token.clone())).await;
    told.say("update", &updated);
    told.described("updated", |it| {
        it.schedule.state == ScheduleState::default()
    })
    .await;
    let updated = told.update(everything(), Some(token)).await;
    told.say("update with what was known before", &updated);
    let mut put_off = every_hour();
    put_off.spec.jitter = Duration::from_secs(90);
    let updated = told.update(put_off, None).await;
    told.say("put off by chance", &updated);
    // By another chance each: a service throws in the id of its namespace.
    told.described("put off by chance", |it| !it.schedule.spec.jitter.is_zero())
        .await;
    let updated = told.update(every_hour(), None).await;
    told.say("update", &updated);
    told.described("updated", |it| it.schedule.spec.jitter.is_zero())
        .await;
    let times = told.times(NEW_YEAR, NEW_YEAR.after(3 * HOUR)).await;
    told.say("times", &times);

    let words = |words: &str| Some(words.to_owned());
    let paused = told
        .patch(SchedulePatch {
            pause: words("closed"),
            ..SchedulePatch::default()
        })
        .await;
    told.say("pause", &paused);
    told.described("paused", |it| it.schedule.state.paused)
        .await;
    let unpaused = told
        .patch(SchedulePatch {
            unpause: words("open again"),
            ..SchedulePatch::default()
        })
        .await;
    told.say("unpause", &unpaused);
    told.described("unpaused", |it| !it.schedule.state.paused)
        .await;

    let trigger = |overlap| SchedulePatch {
        trigger_immediately: Some(TriggerImmediatelyRequest {
            overlap,
            scheduled_time: Some(NEW_YEAR),
        }),
        ..SchedulePatch::default()
    };
    let triggered = told.patch(trigger(None)).await;
    told.say("trigger", &triggered);
    told.described("triggered", |it| it.info.action_count == 1)
        .await;
    let triggered = told.patch(trigger(None)).await;
    told.say("trigger while it runs", &triggered);
    told.described("skipped", |it| it.info.overlap_skipped == 1)
        .await;
    let triggered = told
        .patch(trigger(Some(ScheduleOverlapPolicy::BufferOne)))
        .await;
    told.say("trigger another one", &triggered);
    told.described("buffered", |it| it.info.buffer_size == 1)
        .await;

    let backfilled = told
        .patch(SchedulePatch {
            backfill_requests: vec![BackfillRequest {
                start_time: NEW_YEAR,
                end_time: NEW_YEAR.after(3 * HOUR),
                overlap: Some(ScheduleOverlapPolicy::AllowAll),
            }],
            ..SchedulePatch::default()
        })
        .await;
    told.say("backfill", &backfilled);
    told.described("backfilled", |it| it.info.action_count == 4)
        .await;

    let deleted = told.delete().await;
    told.say("delete", &deleted);
    let deleted = told.describe().await;
    told.say("describe what is deleted", &deleted);
}

#[tokio::test]
async fn schedules_are_told_the_same_on_a_service_and_on_our_own_server() {
    let Some(address) = variable("STEADFAST_TEMPORAL_SCHEDULES") else {
        return;
    };
    let service = Place::first_of(&address).await;
    let [own, other] = [Place::own().await, Place::own().await];
    let served = TemporalOptions::new(&other.address);
    let served = TemporalEngine::connect(served).await.unwrap();
    let embedded = Arc::clone(own.client.engine());
    let id = format!("s-{}", std::process::id());
    let mut said = Vec::new();
    for engine in [&**service.client.engine(), &*embedded, &*served] {
        let mut told = Told {
            engine,
            id: ScheduleId::new(&id).unwrap(),
            requests: 0,
            said: Vec::new(),
        };
        refusals(&mut told).await;
        life(&mut told).await;
        said.push(told.said);
    }
    let mut differences = String::new();
    for (place, ours) in [("embedded", &said[1]), ("served", &said[2])] {
        for (theirs, ours) in said[0].iter().zip(ours) {
            let expected = EXPECTED.iter().any(|(what, _)| theirs.starts_with(what));
            if (theirs != ours) != expected {
                let _ = writeln!(differences, "--- a service\n{theirs}\n--- {place}\n{ours}");
            }
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

/// What operators type about schedules. A wait is for what a service does later.
const COMMANDS: &str = r#"
schedule create -s s1-PID --interval 1h -t commands --type Quick -w sched -i "a" --overlap-policy Skip --notes n
schedule create -s s1-PID --interval 1h -t commands --type Quick -w sched
schedule create -s s2-PID --cron 0~12~*~*~* -t commands --type Quick -w sched2 --paused
schedule create -s s3-PID --calendar {"dayOfWeek":"Fri","hour":"3","minute":"11"} -t commands --type Wait -w sched3 --time-zone Asia/Tokyo --jitter 2m --pause-on-failure --remaining-actions 3 --catchup-window 1d --schedule-memo a=1
schedule create -s s4-PID --cron nonsense -t commands --type Quick -w sched4
schedule create -s s4-PID --interval 1h/2h -t commands --type Quick -w sched4
schedule create -s s4-PID --interval 1h --time-zone Nowhere/Land -t commands --type Quick -w sched4
wait
schedule list
schedule list -o json
schedule list -q TemporalSchedulePaused=true
schedule list -q Bogus=1
schedule describe -s s2-PID
schedule describe -s s3-PID
schedule describe -s s3-PID -o json
schedule describe -s nobody
schedule trigger -s s1-PID
wait
workflow list -q TemporalScheduledById='s1-PID'
schedule toggle -s s1-PID --pause --reason p
wait
schedule describe -s s1-PID
schedule toggle -s s1-PID --unpause --reason q
schedule trigger -s nobody
schedule backfill -s s1-PID --start-time 2026-01-01T00:00:00Z --end-time 2026-01-01T02:00:00Z --overlap-policy AllowAll
wait
workflow count -q TemporalScheduledById='s1-PID'
schedule update -s s1-PID --interval 2h -t commands --type Quick -w sched -i "b"
wait
schedule describe -s s1-PID
schedule update -s nobody --interval 2h -t commands --type Quick -w sched
schedule delete -s s2-PID
schedule delete -s nobody
wait
schedule list
schedule delete -s s1-PID
schedule delete -s s3-PID
"#;

/// What differs in the answers to commands, and why.
const COMMANDS_DIFFER: &[(&str, &str)] = &[
    ("schedule list", ORDER),
    ("schedule list -o json", ORDER),
    ("schedule describe -s nobody", NOBODY),
    ("schedule trigger -s nobody", NOBODY),
    (
        "schedule update -s nobody --interval 2h -t commands --type Quick -w sched",
        NOBODY,
    ),
    ("schedule delete -s nobody", NOBODY),
];
const ORDER: &str = "they are listed by their ids, and not the latest first";
const NOBODY: &str = "a service tells of the execution that a schedule would be";

#[tokio::test]
async fn commands_about_schedules_say_the_same_on_a_service_and_on_our_own_server() {
    let Some(address) = variable("STEADFAST_TEMPORAL_SCHEDULES") else {
        return;
    };
    let places = [Place::first_of(&address).await, Place::own().await];
    // A service remembers what earlier runs started.
    let commands = COMMANDS.replace("PID", &std::process::id().to_string());
    compare(places, &commands, COMMANDS_DIFFER).await;
}

#[tokio::test]
async fn python_is_told_the_same_of_schedules_by_a_service_and_by_our_own_server() {
    let Some(address) = variable("STEADFAST_TEMPORAL_SCHEDULES") else {
        return;
    };
    let Some(python) = variable("STEADFAST_PYTHON") else {
        return;
    };
    let script = format!("{}/tests/temporal/schedules.py", env!("CARGO_MANIFEST_DIR"));
    let name = format!("python-{}", std::process::id());
    let mut said = Vec::new();
    for place in [Place::first_of(&address).await, Place::own().await] {
        let namespace = place.client.engine().namespace().to_string();
        let output = Command::new(&python)
            .args([&script, &place.address, &namespace, &name])
            .output()
            .await
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{}: {} {errors}",
            place.address,
            output.status
        );
        said.push(String::from_utf8(output.stdout).unwrap());
    }
    assert!(said[0].lines().count() > 30, "{}", said[0]);
    for (theirs, ours) in said[0].lines().zip(said[1].lines()) {
        assert_eq!(theirs, ours);
    }
}
