//! Parts C to E: activities and their cancellation, retries, time limits, races.

#[doc(hidden)]
#[macro_export]
macro_rules! __scenarios_of_activities {
    ($then:path, $judge:path) => { $then! { $judge,
    /// Scenario 49, 50.
    s49_a_running_activity_is_cancelled: r#"
        start w
        task w: schedule act
        act act
        cancel w stop by=py-client
        notice act None
        task w: cancel-act 5
        notice act CancelRequested
        beat act -> yes
        cancelled act
        task w: cancelled
        events w: 1 Started · 2-4 WT · 5 ActScheduled(act) · 6 CancelRequested(cause=stop, identity=py-client) · 7-9 WT · 10 ActCancelRequested(sched=5) · 11 ActStarted(sched=5) · 12 ActCanceled(sched=5, started=11, latestCancelRequested=10) · 13-15 WT · 16 Canceled
    "#
    /// Scenario 52, 65: a late completion is recorded.
    s52_an_abandoned_activity_completes_later: r#"
        start w
        task w: schedule act
        act act
        signal w cancel_activity
        task w: timer 1 5s
        done act "done-without-heartbeat"
        task w:
        advance 5s
        task w: complete
        events w: 1 Started · 2-4 WT · 5 ActScheduled(act) · 6 Signaled(cancel_activity) · 7-9 WT · 10 TimerStarted(1) · 11 ActStarted(sched=5) · 12 ActCompleted(sched=5, "done-without-heartbeat") · 13-15 WT · 16 TimerFired(1) · 17-19 WT · 20 Completed
    "#
    /// Scenario 55, O3, ground rule 8.
    s55_an_activity_that_nobody_started_is_cancelled_at_once: r#"
        start w
        task w: schedule act
        cancel w stop by=py-client
        task w: cancel-act 5
        idle act
        task w: cancelled
        events w: 1 Started · 2-4 WT · 5 ActScheduled(act) · 6 CancelRequested(cause=stop, identity=py-client) · 7-9 WT · 10 ActCancelRequested(sched=5) · 11 ActCanceled(sched=5, started=none, latestCancelRequested=10, details="ACTIVITY_ID_NOT_STARTED") · 12-14 WT · 15 Canceled
    "#
    /// Scenario 58, 59: not recorded when the workflow closes in that task.
    s59_cancel_and_close_in_one_task: r#"
        start w
        task w: schedule a
        signal w wake
        task w: cancel-act 5; complete
        idle a
        events w: 1 Started · 2-4 WT · 5 ActScheduled(a) · 6 Signaled(wake) · 7-9 WT · 10 ActCancelRequested(sched=5) · 11 Completed
    "#
    /// Scenario 61: command order, then the ends, then one task.
    s61_three_cancelled_one_started: r#"
        start w
        task w: schedule a; schedule b; schedule c
        act a
        signal w wake
        task w: cancel-act 5; cancel-act 6; cancel-act 7
        task w:
        cancelled a
        task w: complete
        events w: 1 Started · 2-4 WT · 5 ActScheduled(a) · 6 ActScheduled(b) · 7 ActScheduled(c) · 8 Signaled(wake) · 9-11 WT · 12 ActCancelRequested(sched=5) · 13 ActCancelRequested(sched=6) · 14 ActCancelRequested(sched=7) · 15 ActCanceled(sched=6, started=none, latestCancelRequested=13, details="ACTIVITY_ID_NOT_STARTED") · 16 ActCanceled(sched=7, started=none, latestCancelRequested=14, details="ACTIVITY_ID_NOT_STARTED") · 17-19 WT · 20 ActStarted(sched=5) · 21 ActCanceled(sched=5, started=20, latestCancelRequested=12) · 22-24 WT · 25 Completed
    "#
    /// Scenario 62: an activity that does not look completes.
    s62_a_cancelled_activity_may_complete: r#"
        start w
        task w: schedule act
        act act
        cancel w stop by=py-client
        task w: cancel-act 5
        done act "done-without-heartbeat"
        task w: complete
        events w: 1 Started · 2-4 WT · 5 ActScheduled(act) · 6 CancelRequested(cause=stop, identity=py-client) · 7-9 WT · 10 ActCancelRequested(sched=5) · 11 ActStarted(sched=5) · 12 ActCompleted(sched=5, "done-without-heartbeat") · 13-15 WT · 16 Completed
    "#
    /// Scenarios 64, 83 and 86: beats after the cancel keep it alive, silence ends it, with no retry.
    s64_heartbeat_timeout_after_a_cancel: r#"
        start w
        task w: schedule act heartbeat=2s
        act act
        cancel w stop by=py-client
        task w: cancel-act 5
        advance 1s
        beat act "after-cancel" -> yes
        advance 1s
        beat act "again" -> yes
        advance 2s
        notice act TimedOut
        beat act "late" -> yes => invalid activityID or activity already timed out or invoking workflow is completed
        task w: complete
        events w: 1 Started · 2-4 WT · 5 ActScheduled(act) · 6 CancelRequested(cause=stop, identity=py-client) · 7-9 WT · 10 ActCancelRequested(sched=5) · 11 ActStarted(sched=5) · 12 ActTimedOut(sched=5, timeout,HEARTBEAT "activity Heartbeat timeout", CANCEL_REQUESTED) · 13-15 WT · 16 Completed
    "#
    /// Scenarios 67 and 68, ground rule 9.
    s68_a_failure_after_a_cancel_is_not_retried: r#"
        start w
        task w: schedule a
        act a
        cancel w by=raw-canceller
        task w: cancel-act 5
        failed a Boom late failure
        task w: cancelled
        events w: 1 Started · 2-4 WT · 5 ActScheduled(a) · 6 CancelRequested(identity=raw-canceller) · 7-9 WT · 10 ActCancelRequested(sched=5) · 11 ActStarted(sched=5) · 12 ActFailed(sched=5, application,Boom "late failure", CANCEL_REQUESTED) · 13-15 WT · 16 Canceled
    "#
    /// Scenarios 69 and 70: between attempts it counts as not started.
    s70_cancel_during_the_backoff: r#"
        start w
        task w: schedule act
        act act
        failed act Boom first
        cancel w stop by=py-client
        task w: cancel-act 5
        task w: cancelled
        advance 60s
        idle act
        events w: 1 Started · 2-4 WT · 5 ActScheduled(act) · 6 CancelRequested(cause=stop, identity=py-client) · 7-9 WT · 10 ActCancelRequested(sched=5) · 11 ActCanceled(sched=5, started=none, latestCancelRequested=10, details="ACTIVITY_ID_NOT_STARTED") · 12-14 WT · 15 Canceled
    "#
    /// Scenario 71.
    s71_cancel_during_the_second_attempt: r#"
        start w
        task w: schedule a heartbeat=10s
        act a attempt=1
        beat a "half" -> no
        failed a Boom first
        advance 1s
        act a attempt=2 details="half"
        cancel w by=raw-canceller
        task w: cancel-act 5
        cancelled a "stopped at attempt 2"
        task w: cancelled
        events w: 1 Started · 2-4 WT · 5 ActScheduled(a) · 6 CancelRequested(identity=raw-canceller) · 7-9 WT · 10 ActCancelRequested(sched=5) · 11 ActStarted(sched=5, attempt=2, lastFailure=application,Boom "first") · 12 ActCanceled(sched=5, started=11, latestCancelRequested=10, details="stopped at attempt 2") · 13-15 WT · 16 Canceled
    "#
    /// Scenario 73.
    s73_scheduled_and_cancelled_in_one_task: r#"
        start w
        task w: schedule a; cancel-act 5
        idle a
        task w: complete
        events w: 1 Started · 2-4 WT · 5 ActScheduled(a) · 6 ActCancelRequested(sched=5) · 7 ActCanceled(sched=5, started=none, latestCancelRequested=6, details="ACTIVITY_ID_NOT_STARTED") · 8-10 WT · 11 Completed
    "#
    /// Scenario 77: refused, and the activity stays running.
    s77_cancelled_without_a_request: r#"
        start w
        task w: schedule a
        act a
        cancelled a => unable to mark activity as canceled without activity being request canceled first
        done a
        task w: complete
        events w: 1 Started · 2-4 WT · 5 ActScheduled(a) · 6 ActStarted(sched=5) · 7 ActCompleted(sched=5) · 8-10 WT · 11 Completed
    "#
    /// Scenarios 78 and 79, ground rule 11.
    s79_bad_activity_commands: r#"
        start w
        task w: cancel-act 99 => BadRequestCancelActivityAttributes: invalid history builder state for action: add-activitytask-cancel-requested-event, ScheduledEventID: 99
        task w: cancel-act 0 => ScheduledEventId is not set on RequestCancelActivityTaskCommand.
        advance 100ms
        task w: schedule a; schedule a => ScheduleActivityDuplicateId
        advance 200ms
        task w: schedule a close=none => A valid StartToClose or ScheduleToCloseTimeout is not set
        advance 400ms
        task w: schedule a; cancel-act 7; cancel-act 7 => BadRequestCancelActivityAttributes
        terminate w
        events w: 1 Started · 2 WTScheduled · 3 WTStarted · 4 WTFailed(BAD_REQUEST_CANCEL_ACTIVITY_ATTRIBUTES, server "BadRequestCancelActivityAttributes: invalid history builder state for action: add-activitytask-cancel-requested-event, ScheduledEventID: 99") · 5 Terminated(reason=terminated by user via frontend, identity=frontend-service)
    "#
    /// Scenario 80.
    s80_a_completion_waits_while_the_task_cancels: r#"
        start w
        task w: schedule a
        act a
        signal w wake
        take w
        done a "won"
        answer w: cancel-act 5
        task w: complete
        events w: 1 Started · 2-4 WT · 5 ActScheduled(a) · 6 Signaled(wake) · 7-9 WT · 10 ActCancelRequested(sched=5) · 11 ActStarted(sched=5) · 12 ActCompleted(sched=5, "won") · 13-15 WT · 16 Completed
    "#
    /// Scenario 82, A1.
    s82_when_heartbeats_tell_of_a_cancel: r#"
        start w
        task w: schedule a
        act a
        beat a -> no
        cancel w by=raw-canceller
        beat a -> no
        task w: cancel-act 5
        beat a -> yes
        beat a -> yes
        done a "done"
        beat a -> yes => invalid activityID or activity already timed out or invoking workflow is completed
        task w: cancelled
        events w: 1 Started · 2-4 WT · 5 ActScheduled(a) · 6 CancelRequested(identity=raw-canceller) · 7-9 WT · 10 ActCancelRequested(sched=5) · 11 ActStarted(sched=5) · 12 ActCompleted(sched=5, "done") · 13-15 WT · 16 Canceled
    "#
    /// Scenarios 85 and 95, ground rule 10, F7.
    s85_answers_after_the_close: r#"
        start w
        task w: schedule a
        act a
        cancel w by=raw-canceller
        task w: cancelled
        notice a NotFound
        beat a -> yes => workflow execution already completed
        done a => workflow execution already completed
        cancelled a => workflow execution already completed
        failed a Boom x => workflow execution already completed
        events w: 1 Started · 2-4 WT · 5 ActScheduled(a) · 6 CancelRequested(identity=raw-canceller) · 7-9 WT · 10 Canceled
    "#
    /// Scenario 88.
    s88_commands_keep_their_order: r#"
        start w
        task w: schedule 1; schedule 2; timer 1 60s; timer 2 60s
        act 1
        act 2
        cancel w
        task w: cancel-act 5; cancel-act 6; cancel-timer 1; cancel-timer 2; cancelled
        events w: 1 Started · 2-4 WT · 5 ActScheduled(1) · 6 ActScheduled(2) · 7 TimerStarted(1) · 8 TimerStarted(2) · 9 CancelRequested(identity=client) · 10-12 WT · 13 ActCancelRequested(sched=5) · 14 ActCancelRequested(sched=6) · 15 TimerCanceled(1) · 16 TimerCanceled(2) · 17 Canceled
    "#
    /// Scenario 91, A3.
    s91_details_reach_the_next_attempt: r#"
        start w
        task w: schedule act
        act act attempt=1
        beat act "progress-4" -> no
        failed act Retry attempt 1 fails
        idle act
        advance 1s
        act act attempt=2 details="progress-4"
        done act "resumed"
        task w: complete
        events w: 1 Started · 2-4 WT · 5 ActScheduled(act) · 6 ActStarted(sched=5, attempt=2, lastFailure=application,Retry "attempt 1 fails") · 7 ActCompleted(sched=5, "resumed") · 8-10 WT · 11 Completed
    "#
    /// Scenario 94.
    s94_heartbeat_timeout_of_the_last_attempt: r#"
        start w
        task w: schedule act heartbeat=2s attempts=1
        act act
        beat act -> no
        advance 2s
        task w: complete
        events w: 1 Started · 2-4 WT · 5 ActScheduled(act) · 6 ActStarted(sched=5) · 7 ActTimedOut(sched=5, timeout,HEARTBEAT "activity Heartbeat timeout", MAXIMUM_ATTEMPTS_REACHED) · 8-10 WT · 11 Completed
    "#
    a_start_to_close_timeout_is_retried: r#"
        start w
        task w: schedule act close=5s attempts=2
        act act attempt=1
        advance 5s
        notice act TimedOut
        done act "late" => invalid activityID or activity already timed out
        advance 1s
        act act attempt=2
        advance 5s
        task w: complete
        events w: 1 Started · 2-4 WT · 5 ActScheduled(act) · 6 ActStarted(sched=5, attempt=2, lastFailure=timeout,START_TO_CLOSE "activity StartToClose timeout") · 7 ActTimedOut(sched=5, timeout,START_TO_CLOSE "activity StartToClose timeout" <- timeout,START_TO_CLOSE "activity StartToClose timeout", MAXIMUM_ATTEMPTS_REACHED) · 8-10 WT · 11 Completed
    "#
    a_schedule_to_start_timeout_is_not_retried: r#"
        start w
        task w: schedule act start=5s
        advance 5s
        idle act
        task w: complete
        events w: 1 Started · 2-4 WT · 5 ActScheduled(act) · 6 ActTimedOut(sched=5, timeout,SCHEDULE_TO_START "activity ScheduleToStart timeout", TIMEOUT) · 7-9 WT · 10 Completed
    "#
    a_schedule_to_close_timeout_bounds_the_retries: r#"
        start w
        task w: schedule act overall=2s
        act act
        failed act Boom one
        advance 1s
        act act attempt=2
        failed act Boom two
        task w: complete
        events w: 1 Started · 2-4 WT · 5 ActScheduled(act) · 6 ActStarted(sched=5, attempt=2, lastFailure=application,Boom "one") · 7 ActFailed(sched=5, application,Boom "two", TIMEOUT) · 8-10 WT · 11 Completed
    "#
    a_schedule_to_close_timeout_ends_a_running_attempt: r#"
        start w
        task w: schedule act overall=2s
        act act
        advance 2s
        task w: complete
        events w: 1 Started · 2-4 WT · 5 ActScheduled(act) · 6 ActStarted(sched=5) · 7 ActTimedOut(sched=5, timeout,SCHEDULE_TO_CLOSE "activity ScheduleToClose timeout", TIMEOUT) · 8-10 WT · 11 Completed
    "#
    a_non_retryable_type_is_not_retried: r#"
        start w
        task w: schedule act attempts=5
        act act
        failed act Fatal no
        task w: complete
        events w: 1 Started · 2-4 WT · 5 ActScheduled(act) · 6 ActStarted(sched=5) · 7 ActFailed(sched=5, application,Fatal "no", NON_RETRYABLE_FAILURE) · 8-10 WT · 11 Completed
    "#
    /// Scenario 100.
    s100_completion_first_then_cancel: r#"
        start w
        task w: schedule 1
        act 1
        done 1 "won"
        cancel w
        task w: complete "won"
        events w: 1 Started · 2-4 WT · 5 ActScheduled(1) · 6 ActStarted(sched=5) · 7 ActCompleted(sched=5, "won") · 8 WTScheduled · 9 CancelRequested(identity=client) · 10 WTStarted · 11 WTCompleted · 12 Completed("won")
    "#
    /// Scenarios 101 and 103.
    s101_cancel_first_then_completion: r#"
        start w
        task w: schedule 1
        act 1
        cancel w
        done 1 "won"
        task w: complete "won"
        events w: 1 Started · 2-4 WT · 5 ActScheduled(1) · 6 CancelRequested(identity=client) · 7 WTScheduled · 8 ActStarted(sched=5) · 9 ActCompleted(sched=5, "won") · 10 WTStarted · 11 WTCompleted · 12 Completed("won")
    "#
    /// Ground rule 4: closing events of activities go last when what waited is recorded.
    ends_of_activities_go_after_what_else_waited: r#"
        start w
        task w: schedule a; schedule b
        act a
        act b
        signal w wake
        take w
        done a "1"
        signal w meanwhile
        done b "2"
        answer w: marker m
        task w: complete
        events w: 1 Started · 2-4 WT · 5 ActScheduled(a) · 6 ActScheduled(b) · 7 Signaled(wake) · 8-10 WT · 11 MarkerRecorded(m) · 12 ActStarted(sched=5) · 13 Signaled(meanwhile) · 14 ActStarted(sched=6) · 15 ActCompleted(sched=5, "1") · 16 ActCompleted(sched=6, "2") · 17-19 WT · 20 Completed
    "#
    /// E1.
    an_attempt_is_answered_once: r#"
        start w
        task w: schedule a
        act a
        done a "1"
        done a "2" => invalid activityID or activity already timed out
        task w: complete
    "#
    /// Ground rule 7.
    an_activity_scheduled_by_the_closing_task_is_not_run: r#"
        start w
        task w: schedule a; complete
        idle a
        events w: 1 Started · 2-4 WT · 5 ActScheduled(a) · 6 Completed
    "#
    } };
}
