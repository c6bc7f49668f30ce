//! How a history reads.

use std::time::Duration;

use expect_test::expect;
use steadfast_core::{
    command::{Command, RecordMarker},
    event::{EventKind, ExternalFailedCause, WorkflowTaskFailedCause},
    failure::{Failure, TimeoutType},
    history::builder::{
        HistoryBuilder, cancel_external, id, schedule_activity, signal_external, start_child,
        start_timer,
    },
    payload::{Payload, PayloadMap},
};

fn json(text: &str) -> Payload {
    Payload::json(text.as_bytes())
}

#[test]
fn a_history_is_a_table() {
    let mut history = HistoryBuilder::new("order");
    history.task();
    let mut command = schedule_activity("1", "charge");
    if let Command::ScheduleActivityTask(activity) = &mut command {
        activity.input = vec![json("{\"cents\":4200}"), Payload::null()];
    }
    let charge = history.record(command).unwrap();
    let timer = history
        .record(start_timer("1", Duration::from_secs(60)))
        .unwrap();
    let child = start_child("run-1_1", "ship");
    let child = history
        .record(Command::StartChildWorkflowExecution(Box::new(child)))
        .unwrap();
    history.advance(Duration::from_millis(1_200));
    history.activity_started(charge);
    history.cancel_requested("no longer needed");
    history.child_started(child);
    history.task();
    let cancel = Command::RequestCancelActivityTask {
        scheduled_event_id: charge,
    };
    history.record(cancel).unwrap();
    history
        .record(Command::CancelTimer { timer_id: id("1") })
        .unwrap();
    history.advance(Duration::from_secs(75));
    history.activity_failed(charge, Failure::application("no funds", "Funds"));
    history.timer_fired(timer);
    history.advance(Duration::from_secs(2 * 3_600));
    history.child_completed(child, Some(json("\"shipped\"")));
    history.advance(Duration::from_secs(30 * 86_400));
    history.task_scheduled();
    history.task_started();
    history.task_failed(WorkflowTaskFailedCause::NonDeterministicError);
    history.terminated("stuck");
    expect![[r#"
        history of workflow-1, run run-1
        id        time  event                                 details
         1     +0.000s  WorkflowExecutionStarted              type order  queue main
         2     +0.001s  WorkflowTaskScheduled
         3     +0.002s  WorkflowTaskStarted                   scheduled by 2  by worker
         4     +0.003s  WorkflowTaskCompleted                 scheduled by 2  by worker
         5     +0.004s  ActivityTaskScheduled                 activity charge  id 1  input [{"cents":4200}, null]
         6     +0.005s  TimerStarted                          timer 1  60s
         7     +0.006s  StartChildWorkflowExecutionInitiated  type ship  child run-1_1
         8     +1.207s  ActivityTaskStarted                   scheduled by 5  by worker
         9     +1.208s  WorkflowExecutionCancelRequested      reason no longer needed  by client
        10     +1.209s  ChildWorkflowExecutionStarted         child run-1_1  initiated by 7  run child-run-7
        11     +1.210s  WorkflowTaskScheduled
        12     +1.211s  WorkflowTaskStarted                   scheduled by 11  by worker
        13     +1.212s  WorkflowTaskCompleted                 scheduled by 11  by worker
        14     +1.213s  ActivityTaskCancelRequested           scheduled by 5
        15     +1.214s  TimerCanceled                         timer 1  started by 6
        16  +1m16.215s  ActivityTaskFailed                    scheduled by 5  failure no funds  retry NonRetryableFailure
        17  +1m16.216s  TimerFired                            timer 1  started by 6
        18   +2h01m16s  ChildWorkflowExecutionCompleted       child run-1_1  initiated by 7  result "shipped"
        19  +30d02h01m  WorkflowTaskScheduled
        20  +30d02h01m  WorkflowTaskStarted                   scheduled by 19  by worker
        21  +30d02h01m  WorkflowTaskFailed                    scheduled by 19  cause NonDeterministicError
        22  +30d02h01m  WorkflowExecutionTerminated           reason stuck  by client
    "#]]
    .assert_eq(&history.build().to_string());
}

#[test]
fn a_payload_is_shown_when_it_is_short_text() {
    let mut history = HistoryBuilder::new("order");
    history.signaled("json", vec![json("[1,2]")]);
    history.signaled("pretty", vec![json("{\n  \"a\": 1\n}")]);
    history.signaled("longest", vec![json(&format!("\"{}\"", "é".repeat(58)))]);
    history.signaled("too-long", vec![json(&format!("\"{}\"", "é".repeat(59)))]);
    history.signaled("bytes", vec![Payload::binary(&b"\x00\xff"[..])]);
    history.signaled("null", vec![Payload::null()]);
    history.signaled("not-text", vec![Payload::json(&b"\xff\xfe"[..])]);
    let odd = Payload {
        encoding: "json/\nodd".into(),
        ..json(&"x".repeat(500))
    };
    history.signaled("odd", vec![odd]);
    history.signaled("many", vec![json("1"); 9]);
    expect![[r#"
        history of workflow-1, run run-1
        id     time  event                      details
         1  +0.000s  WorkflowExecutionStarted   type order  queue main
         2  +0.001s  WorkflowExecutionSignaled  signal json  input [[1,2]]  by client
         3  +0.002s  WorkflowExecutionSignaled  signal pretty  input [{\n  "a": 1\n}]  by client
         4  +0.003s  WorkflowExecutionSignaled  signal longest  input ["éééééééééééééééééééééééééééééééééééééééééééééééééééééééééé"]  by client
         5  +0.004s  WorkflowExecutionSignaled  signal too-long  input [(json/plain, 120 bytes)]  by client
         6  +0.005s  WorkflowExecutionSignaled  signal bytes  input [(binary/plain, 2 bytes)]  by client
         7  +0.006s  WorkflowExecutionSignaled  signal null  input [null]  by client
         8  +0.007s  WorkflowExecutionSignaled  signal not-text  input [(json/plain, 2 bytes)]  by client
         9  +0.008s  WorkflowExecutionSignaled  signal odd  input [(json/\nodd, 500 bytes)]  by client
        10  +0.009s  WorkflowExecutionSignaled  signal many  input [1, 1, 1, 1, 1, and 4 more]  by client
    "#]]
    .assert_eq(&history.build().to_string());
}

/// Whatever is in it, an event is one line.
#[test]
fn nobody_can_forge_a_line() {
    let forged = "x\n99  +0.000s  WorkflowExecutionCompleted\r\u{1b}[2J\u{2028}\u{202e}";
    let failure = || Failure::application(forged, forged).with_cause(Failure::cancelled(forged));
    let payload = Payload {
        encoding: forged.to_owned().into(),
        ..json(forged)
    };
    let map = PayloadMap::from([(forged.to_owned(), json(forged))]);
    let mut history = HistoryBuilder::new(forged);
    history.task();
    let activity = history.record(schedule_activity(forged, forged)).unwrap();
    let timer = history.record(start_timer(forged, Duration::MAX)).unwrap();
    history.record(Command::CancelTimer {
        timer_id: id(forged),
    });
    let child = start_child(forged, forged);
    let child = history
        .record(Command::StartChildWorkflowExecution(Box::new(child)))
        .unwrap();
    let signal = signal_external(forged, forged);
    let signal = history
        .record(Command::SignalExternalWorkflowExecution(Box::new(signal)))
        .unwrap();
    let cancel = cancel_external(forged, forged);
    let cancel = history
        .record(Command::RequestCancelExternalWorkflowExecution(Box::new(
            cancel,
        )))
        .unwrap();
    history.record(Command::RecordMarker(Box::new(RecordMarker {
        marker_name: forged.to_owned(),
        details: [(
            forged.to_owned(),
            vec![payload.clone(), Payload::binary(forged.as_bytes())],
        )]
        .into(),
        failure: Some(failure()),
        user_metadata: None,
    })));
    history.record(Command::RecordMarker(Box::new(RecordMarker {
        marker_name: "plain".to_owned(),
        details: [(forged.to_owned(), vec![Payload::binary(forged.as_bytes())])].into(),
        failure: None,
        user_metadata: None,
    })));
    history.record(Command::UpsertWorkflowSearchAttributes {
        search_attributes: map.clone(),
    });
    history.record(Command::ModifyWorkflowProperties { upserted_memo: map });
    history.record(Command::AcceptUpdate {
        update_id: id(forged),
        name: id(forged),
        input: vec![payload.clone()],
    });
    history.record(Command::CompleteUpdate {
        update_id: id(forged),
        outcome: Err(failure()),
    });
    history.update_admitted(forged, forged);
    history.signaled(forged, vec![payload.clone()]);
    history.cancel_requested(forged);
    history.activity_started(activity);
    history.activity_completed(activity, Some(payload.clone()));
    history.activity_failed(activity, failure());
    history.activity_timed_out(activity, TimeoutType::Heartbeat);
    history.activity_canceled(activity);
    history.timer_fired(timer);
    history.child_started(child);
    history.child_start_failed(child, ExternalFailedCause::Unspecified);
    history.child_completed(child, Some(payload.clone()));
    history.child_failed(child, failure());
    history.child_canceled(child);
    history.child_timed_out(child);
    history.child_terminated(child);
    history.external_delivered(signal);
    history.external_delivered(cancel);
    history.external_failed(signal, ExternalFailedCause::Unspecified);
    history.external_failed(cancel, ExternalFailedCause::Unspecified);
    history.task_timed_out();
    history.reset(forged);
    history.terminated(forged);
    history.push(EventKind::Unknown {
        event_type: forged.to_owned(),
        may_ignore: true,
    });
    history.record(Command::FailWorkflowExecution {
        failure: Box::new(failure()),
    });
    history.record(Command::CancelWorkflowExecution {
        details: vec![payload],
    });
    let history = history.build();
    let text = history.to_string();
    assert_eq!(text.lines().count(), history.events.len() + 2);
    assert!(
        !text.contains(['\r', '\u{1b}', '\u{2028}', '\u{202e}']),
        "{text}"
    );
}
