//! What errors keep on their way: F4, and what retry policies can name.

use std::{
    error::Error,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use anyhow::Context as _;
use steadfast::{
    convert::to_payload,
    core::{
        failure::{Failure, FailureKind, TimeoutType},
        retry::RetryState,
    },
    prelude::*,
};
use steadfast_engine::conformance::notation::short;
use tokio::test;

use crate::harness::{HOUR, MINUTE, SECOND, World, define, scenario_without_worker};

/// An error of a user, with what led to it.
#[derive(Debug)]
struct Charging(ApplicationFailure);

impl fmt::Display for Charging {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("while charging")
    }
}

impl Error for Charging {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

fn stolen() -> ApplicationFailure {
    let failure = ApplicationFailure::non_retryable("the card was stolen", "Stolen");
    failure.with_details(&"card 7").unwrap()
}

/// The ways in which user code wraps an error.
const WAYS: [&str; 4] = ["anyhow", "twice", "boxed", "source"];

fn wrapped(way: &str, failure: ApplicationFailure) -> anyhow::Error {
    match way {
        "anyhow" => anyhow::Error::from(failure).context("while charging"),
        "twice" => anyhow::Error::from(failure)
            .context("the card")
            .context("while charging"),
        "boxed" => {
            let boxed: Box<dyn Error + Send + Sync> = Box::new(Charging(failure));
            anyhow::Error::from_boxed(boxed)
        }
        _ => Charging(failure).into(),
    }
}

/// Activities that fail.
#[derive(Default)]
struct Failing {
    attempts: AtomicU32,
}

#[activities]
impl Failing {
    #[activity]
    async fn refuse(&self, way: String) -> Result<String, ActivityError> {
        self.attempts.fetch_add(1, Ordering::SeqCst);
        Err(wrapped(&way, stolen()).into())
    }

    #[activity]
    async fn fail_once(&self, way: String) -> Result<String, ActivityError> {
        if self.attempts.fetch_add(1, Ordering::SeqCst) > 0 {
            return Ok("second".to_owned());
        }
        let failure = ApplicationFailure::new("too many requests", "RateLimit");
        Err(wrapped(&way, failure.with_next_retry_delay(HOUR)).into())
    }

    #[activity]
    async fn never_end(&self) -> Result<String, ActivityError> {
        self.attempts.fetch_add(1, Ordering::SeqCst);
        std::future::pending().await
    }

    #[activity]
    async fn count(&self, number: u32) -> Result<String, ActivityError> {
        self.attempts.fetch_add(1, Ordering::SeqCst);
        Ok(number.to_string())
    }
}

/// Three attempts, a second apart, with the name of an error type that is not tried again.
fn thrice(name: &str) -> ActivityOptions {
    let policy = RetryPolicy {
        initial_interval: SECOND,
        backoff_coefficient: 1.0,
        maximum_attempts: 3,
        non_retryable_error_types: vec![name.to_owned()],
        ..RetryPolicy::default()
    };
    ActivityOptions::with_start_to_close_timeout(MINUTE)
        .heartbeat_timeout(MINUTE)
        .retry_policy(policy)
        .build()
}

async fn with(test: impl AsyncFn(&World, &Failing)) {
    scenario_without_worker(async |world| {
        let failing = Arc::new(Failing::default());
        world.work_with(
            world
                .worker()
                .register_activities::<Failing>(Arc::clone(&failing)),
        );
        test(world, &failing).await;
    })
    .await;
}

/// Moves the clock by a second again and again for as long as something waits.
async fn while_time_passes<T>(world: &World, future: impl Future<Output = T>) -> T {
    let passes = async {
        loop {
            tokio::time::sleep(Duration::from_millis(1)).await;
            world.clock.advance(SECOND);
        }
    };
    tokio::select! {
        value = future => value,
        () = passes => unreachable!("time passes for ever"),
    }
}

fn retry_state(failure: &Failure) -> RetryState {
    match &failure.kind {
        FailureKind::Activity(info) => info.retry_state,
        kind => panic!("not an activity's failure: {kind:?}"),
    }
}

// F4
#[test]
async fn an_activity_that_says_it_is_useless_to_try_again_says_so_through_any_context() {
    with(async |world, failing| {
        for (number, way) in (1_u32..).zip(WAYS) {
            let flow = world
                .start(async move |ctx| {
                    let options = thrice("Other");
                    let refused = ctx.start_activity(Failing::refuse, way.to_owned(), options);
                    let error = refused.await.unwrap_err();
                    assert_eq!(
                        retry_state(error.failure()),
                        RetryState::NonRetryableFailure
                    );
                    let failure = error.application_failure().unwrap();
                    assert_eq!(failure.message(), "while charging");
                    assert_eq!(failure.error_type(), "Stolen");
                    assert_eq!(failure.details::<String>(0).unwrap(), "card 7");
                    Ok(error.failure().to_string())
                })
                .await;
            let said = while_time_passes(world, flow.result()).await;
            assert!(said.ends_with("the card was stolen"), "{way}: {said}");
            assert_eq!(failing.attempts.load(Ordering::SeqCst), number, "{way}");
        }
    })
    .await;
}

// F4
#[test]
async fn the_wait_that_a_failure_asks_for_is_kept_through_any_context() {
    for way in WAYS {
        with(async |world, failing| {
            let flow = world
                .start(async move |ctx| {
                    let options = thrice("Other");
                    Ok(ctx
                        .start_activity(Failing::fail_once, way.to_owned(), options)
                        .await?)
                })
                .await;
            loop {
                let pending = flow.handle.describe().await.unwrap().pending_activities;
                if pending.first().is_some_and(|it| it.last_failure.is_some()) {
                    break;
                }
                tokio::task::yield_now().await;
            }
            world.advance(HOUR - SECOND).await;
            assert_eq!(failing.attempts.load(Ordering::SeqCst), 1, "{way}");
            world.clock.advance(SECOND);
            assert_eq!(flow.result().await, "second", "{way}");
        })
        .await;
    }
}

// F4
#[test]
async fn a_workflow_that_adds_context_fails_with_what_decides() {
    with(async |world, _| {
        for way in WAYS {
            let flow = world
                .start(async move |_| Err(wrapped(way, stolen()).into()))
                .await;
            let failure = flow.failure().await;
            assert_eq!(failure.message, "while charging");
            let FailureKind::Application {
                error_type,
                non_retryable,
                details,
                ..
            } = &failure.kind
            else {
                panic!("{failure:?}");
            };
            assert_eq!(error_type, "Stolen");
            assert!(non_retryable);
            assert_eq!(details, &[to_payload(&"card 7").unwrap()]);
        }
    })
    .await;
}

// F4: an activity that is not worth another attempt says nothing about its workflow.
#[test]
async fn context_around_an_activitys_error_keeps_its_type_and_not_whether_to_try_again() {
    with(async |world, _| {
        let flow = world
            .start(async |ctx| {
                let options = thrice("Other");
                let refused = ctx.start_activity(Failing::refuse, "source".to_owned(), options);
                Ok(refused.await.context("while paying")?)
            })
            .await;
        let failure = while_time_passes(world, flow.failure()).await;
        let FailureKind::Application {
            error_type,
            non_retryable,
            ..
        } = &failure.kind
        else {
            panic!("{failure:?}");
        };
        assert_eq!((error_type.as_str(), *non_retryable), ("Stolen", false));
        assert_eq!(
            short(&failure),
            "application,Stolen \"while paying\" <- activity,NON_RETRYABLE_FAILURE \"activity failed\" <- \
             application,Stolen \"while charging\" <- application,Stolen \"the card was stolen\""
        );
    })
    .await;
}

#[test]
async fn a_policy_can_name_the_time_limits_that_are_not_tried_again() {
    for (name, attempts, limit) in [
        ("TemporalTimeout:Heartbeat", 1, TimeoutType::Heartbeat),
        ("TemporalTimeout:StartToClose", 3, TimeoutType::Heartbeat),
    ] {
        with(async |world, failing| {
            let flow = world
                .start(async move |ctx| {
                    let mut options = ActivityOptions::with_start_to_close_timeout(HOUR)
                        .heartbeat_timeout(MINUTE);
                    options = options.retry_policy(RetryPolicy {
                        maximum_attempts: 3,
                        non_retryable_error_types: vec![name.to_owned()],
                        ..RetryPolicy::default()
                    });
                    let error = ctx
                        .start_activity(Failing::never_end, (), options)
                        .await
                        .unwrap_err();
                    assert_eq!(error.timeout_type(), Some(limit));
                    Ok(String::new())
                })
                .await;
            // Every attempt has begun before its time passes.
            for attempt in 1..=attempts {
                while failing.attempts.load(Ordering::SeqCst) < attempt {
                    tokio::task::yield_now().await;
                    if attempt > 1 {
                        world.clock.advance(SECOND);
                    }
                }
                world.clock.advance(MINUTE);
            }
            flow.result().await;
            assert_eq!(failing.attempts.load(Ordering::SeqCst), attempts, "{name}");
        })
        .await;
    }
}

// A worker with other code may be able to read it.
#[test]
async fn an_argument_that_cannot_be_read_is_tried_again_by_the_policy() {
    with(async |world, failing| {
        let flow = world
            .start(async |ctx| {
                let input = vec![to_payload(&"not a number").unwrap()];
                let count = ctx.start_activity_by_name::<String>("count", input, thrice("Other"));
                let error = count.await.unwrap_err();
                assert_eq!(
                    retry_state(error.failure()),
                    RetryState::MaximumAttemptsReached
                );
                Ok(error.to_string())
            })
            .await;
        let said = while_time_passes(world, flow.result()).await;
        assert!(
            said.starts_with("activity failed (`count`): cannot decode a payload as `u32`: "),
            "{said}"
        );
        assert_eq!(failing.attempts.load(Ordering::SeqCst), 0);
    })
    .await;
}

#[test]
async fn the_text_of_an_error_says_what_led_to_it_and_says_it_once() {
    with(async |world, _| {
        let child = define(async |_| Err(stolen().into()));
        let flow = world
            .start(async move |ctx| {
                let options = thrice("Other");
                let refused = ctx.start_activity(Failing::refuse, "source".to_owned(), options);
                let activity = anyhow::Error::from(refused.await.unwrap_err());
                let options = ChildWorkflowOptions::default();
                let child =
                    ctx.start_child_workflow(crate::harness::Script::run, child.clone(), options);
                let child = anyhow::Error::from(child.await.unwrap_err());
                Ok(format!("{activity}\n{activity:#}\n{child}\n{child:#}"))
            })
            .await;
        let said = while_time_passes(world, flow.result()).await;
        let useless = "not tried again, because the failure is not retryable";
        let unset = "not tried again, because it has no retry policy";
        let activity = "activity failed (`refuse`): while charging: the card was stolen";
        let child = "child workflow failed (`Script`): the card was stolen";
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines[0], activity);
        assert_eq!(lines[1], format!("{activity}: {useless}"));
        assert_eq!(lines[2], child);
        assert_eq!(lines[3], format!("{child}: {unset}"));
    })
    .await;
}

/// An error with kinds.
#[derive(ActivityFailure, Clone, Debug, PartialEq)]
enum ShopError {
    #[failure(non_retryable)]
    NoSuchCard {
        last_digits: String,
        tries: u32,
    },
    SoldOut(u32, String),
    #[failure(name = "ShopClosed")]
    Closed,
}

impl fmt::Display for ShopError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the shop says {self:?}")
    }
}

impl Error for ShopError {}

impl ShopError {
    fn all() -> [(Self, &'static str, u32); 3] {
        let lost = Self::NoSuchCard {
            last_digits: "0042".to_owned(),
            tries: 3,
        };
        [
            // Its own word, and no second attempt.
            (lost, "NoSuchCard", 1),
            // The policy names it.
            (Self::SoldOut(3, "rooms".to_owned()), "SoldOut", 1),
            (Self::Closed, "ShopClosed", 3),
        ]
    }
}

/// A shop that fails in one of its ways, and in what number of attempts.
struct Shop {
    error: ShopError,
    attempts: AtomicU32,
}

#[activities]
impl Shop {
    #[activity]
    async fn buy(&self, what: String) -> Result<String, ShopError> {
        self.attempts.fetch_add(1, Ordering::SeqCst);
        if what.is_empty() {
            return Ok(what);
        }
        Err(self.error.clone())
    }
}

#[test]
async fn an_error_with_kinds_is_read_back_in_the_workflow_and_at_the_client() {
    for (error, error_type, attempts) in ShopError::all() {
        scenario_without_worker(async |world| {
            let shop = Arc::new(Shop {
                error: error.clone(),
                attempts: AtomicU32::new(0),
            });
            world.work_with(world.worker().register_activities(Arc::clone(&shop)));
            let expected = error.clone();
            let flow = world
                .start(async move |ctx| {
                    let bought =
                        ctx.start_activity(Shop::buy, "rooms".to_owned(), thrice("SoldOut"));
                    let failed = bought.await.unwrap_err();
                    let failure = failed.application_failure().unwrap();
                    assert_eq!(failure.error_type(), error_type);
                    assert_eq!(failure.message(), expected.to_string());
                    let read = failed.downcast::<ShopError>();
                    assert_eq!(read.as_ref(), Some(&expected));
                    // The workflow goes on with its own error, or lets the activity's out.
                    match read {
                        Some(ShopError::Closed) => Err(failed.into()),
                        Some(read) => Err(ApplicationFailure::from(read).into()),
                        None => Ok("read nothing".to_owned()),
                    }
                })
                .await;
            let ended = while_time_passes(world, flow.handle.result()).await;
            let failed = ended.unwrap_err();
            assert_eq!(failed.downcast::<ShopError>(), Some(error.clone()));
            assert_eq!(shop.attempts.load(Ordering::SeqCst), attempts);
        })
        .await;
    }
}

#[test]
async fn a_failure_of_another_language_is_read_by_its_type_and_details() {
    let failure = ApplicationFailure::new("no", "NoSuchCard")
        .with_details(&serde_json::json!({ "last_digits": "0042", "tries": 3, "more": true }))
        .unwrap();
    let read = ShopError::from_application_failure(&failure);
    assert_eq!(read, Some(ShopError::all()[0].0.clone()));
    for (error_type, details) in [
        ("SoldOut", serde_json::json!("no number")),
        ("NoSuchCard", serde_json::json!({ "tries": 3 })),
        ("Unknown", serde_json::json!(null)),
    ] {
        let failure = ApplicationFailure::new("no", error_type)
            .with_details(&details)
            .unwrap();
        assert_eq!(
            ShopError::from_application_failure(&failure),
            None,
            "{error_type}"
        );
    }
}
