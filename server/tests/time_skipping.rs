//! Time that is skipped, asked with the clients of Temporal's messages (issue 15, point 6).

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use prost_wkt_types::{Duration as ProtoDuration, Timestamp};
use steadfast_embedded::{EmbeddedEngine, EmbeddedOptions, ManualClock};
use steadfast_server::{ServeOptions, Server, serve};
use temporalio_protos::temporal::api::{
    common::v1::WorkflowExecution,
    enums::v1::{EventType, HistoryEventFilterType},
    testservice::v1::{
        LockTimeSkippingRequest, SleepRequest, SleepUntilRequest, UnlockTimeSkippingRequest,
        test_service_client::TestServiceClient,
    },
    workflowservice::v1 as proto,
};
use tonic::{Code, transport::Channel};

mod asking;

use asking::{Client, namespace, serving, start};

const DAY: i64 = 86_400;

fn days(days: i64) -> Option<ProtoDuration> {
    Some(ProtoDuration {
        seconds: days * DAY,
        nanos: 0,
    })
}

async fn skipping() -> (Server, Client, TestServiceClient<Channel>) {
    let clock = ManualClock::default();
    let options = EmbeddedOptions::in_memory().clock(clock.clone());
    let engine = EmbeddedEngine::connect(options).await.unwrap();
    let options = ServeOptions::default()
        .listen(([127, 0, 0, 1], 0).into())
        .time_skipping(clock, true);
    let server = serve(engine, options).await.unwrap();
    let address = format!("http://{}", server.address());
    let client = Client::connect(address.clone()).await.unwrap();
    let time = TestServiceClient::connect(address).await.unwrap();
    (server, client, time)
}

async fn now(time: &mut TestServiceClient<Channel>) -> i64 {
    let now = time.get_current_time(()).await.unwrap().into_inner();
    now.time.unwrap().seconds
}

/// Waits for the end of a run and says which it is.
async fn end(client: &mut Client, id: &str) -> EventType {
    let wanted = proto::GetWorkflowExecutionHistoryRequest {
        namespace: namespace(),
        execution: Some(WorkflowExecution {
            workflow_id: id.to_owned(),
            run_id: String::new(),
        }),
        wait_new_event: true,
        history_event_filter_type: HistoryEventFilterType::CloseEvent.into(),
        ..Default::default()
    };
    let history = client.get_workflow_execution_history(wanted).await;
    let events = history.unwrap().into_inner().history.unwrap().events;
    events.last().unwrap().event_type()
}

#[tokio::test]
async fn an_unlocked_clock_goes_to_what_is_due_next() {
    let (_server, mut client, mut time) = skipping().await;
    let mut request = start("a");
    request.workflow_run_timeout = days(3);
    client.start_workflow_execution(request).await.unwrap();
    assert!(now(&mut time).await < DAY);
    time.unlock_time_skipping(UnlockTimeSkippingRequest {})
        .await
        .unwrap();
    assert_eq!(
        end(&mut client, "a").await,
        EventType::WorkflowExecutionTimedOut
    );
    let after = now(&mut time).await;
    assert!((3 * DAY..4 * DAY).contains(&after), "{after}");
}

#[tokio::test]
async fn a_lock_holds_the_clock_at_its_pace() {
    let (_server, _client, mut time) = skipping().await;
    time.lock_time_skipping(LockTimeSkippingRequest {})
        .await
        .unwrap();
    // One lock of the two is left.
    time.unlock_time_skipping(UnlockTimeSkippingRequest {})
        .await
        .unwrap();
    let mut other = time.clone();
    let sleeps = other.sleep(SleepRequest { duration: days(1) });
    let a_moment = Duration::from_millis(300);
    assert!(tokio::time::timeout(a_moment, sleeps).await.is_err());
    assert!(now(&mut time).await < DAY);
}

#[tokio::test]
async fn whoever_sleeps_is_slept_for() {
    let (_server, _client, mut time) = skipping().await;
    time.unlock_time_skipping_with_sleep(SleepRequest { duration: days(2) })
        .await
        .unwrap();
    let after = now(&mut time).await;
    assert!((2 * DAY..3 * DAY).contains(&after), "{after}");
    // It is locked again.
    time.unlock_time_skipping(UnlockTimeSkippingRequest {})
        .await
        .unwrap();
    let until = Timestamp {
        seconds: 5 * DAY,
        nanos: 0,
    };
    time.sleep_until(SleepUntilRequest {
        timestamp: Some(until),
    })
    .await
    .unwrap();
    assert!(now(&mut time).await >= 5 * DAY);
    let unbalanced = time
        .unlock_time_skipping(UnlockTimeSkippingRequest {})
        .await;
    assert_eq!(unbalanced.unwrap_err().code(), Code::FailedPrecondition);
}

/// While somebody wakes up, the clock does not go on to what is due next.
#[tokio::test]
async fn nobody_is_overslept() {
    let (_server, mut client, mut time) = skipping().await;
    for number in 1..=50 {
        let mut request = start(&format!("w{number}"));
        request.workflow_run_timeout = days(1_000);
        client.start_workflow_execution(request).await.unwrap();
        let before = now(&mut time).await;
        time.unlock_time_skipping_with_sleep(SleepRequest { duration: days(2) })
            .await
            .unwrap();
        let after = now(&mut time).await;
        assert!(after < before + 3 * DAY, "{number}: {before} {after}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_skip_time_says_so() {
    let (server, _client) = serving(ServeOptions::default()).await;
    let mut time = TestServiceClient::connect(format!("http://{}", server.address()))
        .await
        .unwrap();
    let refused = time.get_current_time(()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unimplemented);
    assert!(refused.message().contains("--time-skipping"), "{refused}");
}

#[test]
#[expect(clippy::print_stdout, reason = "whoever runs the tests has to know")]
fn the_test_environment_of_python_skips_time_with_our_binary() {
    let Ok(python) = std::env::var("STEADFAST_PYTHON") else {
        println!("skipped: the variable STEADFAST_PYTHON is not set");
        return;
    };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/time_skipping.py");
    let ran = std::process::Command::new(python)
        .args([script, env!("CARGO_BIN_EXE_steadfast")])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    let errors = String::from_utf8_lossy(&ran.stderr);
    assert!(said.ends_with("all is well\n"), "{said}\n{errors}");
}
