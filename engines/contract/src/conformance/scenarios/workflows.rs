//! Parts A, B and L: cancelling workflows, timers, termination. The numbers are those of the
//! recorded scenarios.

#[doc(hidden)]
#[macro_export]
macro_rules! __scenarios_of_workflows {
    ($then:path, $judge:path) => { $then! { $judge,
    /// Scenario 1, R1.
    s01_cancel_while_sleeping: r#"
        start w
        task w: timer 1 3600s
        cancel w because-reraise by=py-client
        task w: cancel-timer 1; cancelled
        events w: 1 Started · 2-4 WT · 5 TimerStarted(1) · 6 CancelRequested(cause=because-reraise, identity=py-client) · 7-9 WT · 10 TimerCanceled(1) · 11 Canceled
        status w Cancelled
    "#
    /// Scenario 2, F1.
    s02_cancellation_swallowed: r#"
        start w
        task w: timer 1 3600s
        cancel w because-swallow by=py-client
        task w: cancel-timer 1; complete "swallowed"
        events w: 1 Started · 2-4 WT · 5 TimerStarted(1) · 6 CancelRequested(cause=because-swallow, identity=py-client) · 7-9 WT · 10 TimerCanceled(1) · 11 Completed("swallowed")
        status w Completed
    "#
    /// Scenario 5.
    s05_new_work_after_catching: r#"
        start w
        task w: timer 1 3600s
        cancel w because-timer-after by=py-client
        task w: cancel-timer 1; timer 2 200ms
        advance 200ms
        task w: cancelled
        events w: 1 Started · 2-4 WT · 5 TimerStarted(1) · 6 CancelRequested(cause=because-timer-after, identity=py-client) · 7-9 WT · 10 TimerCanceled(1) · 11 TimerStarted(2) · 12 TimerFired(2) · 13-15 WT · 16 Canceled
    "#
    /// Scenario 7 with our counting: a failed task counts also when the worker has the run.
    s07_a_failing_task_is_tried_again: r#"
        start w
        task w: timer 1 3600s
        cancel w by=py-client
        fail w boom
        fail w boom
        quiet w
        advance 100ms
        task w: cancel-timer 1; cancelled
        events w: 1 Started · 2-4 WT · 5 TimerStarted(1) · 6 CancelRequested(identity=py-client) · 7 WTScheduled · 8 WTStarted · 9 WTFailed(WORKFLOW_WORKER_UNHANDLED_FAILURE, application,Panic "boom") · 10 WTScheduled(attempt=3) · 11 WTStarted · 12 WTCompleted · 13 TimerCanceled(1) · 14 Canceled
    "#
    /// Scenario 8, R3.
    s08_cancel_before_the_first_task: r#"
        start w
        cancel w by=py-client
        task w: cancelled
        events w: 1 Started · 2 WTScheduled · 3 CancelRequested(identity=py-client) · 4 WTStarted · 5 WTCompleted · 6 Canceled
    "#
    /// Scenario 11, ground rule 1, E6.
    s11_only_the_first_request_is_recorded: r#"
        start w
        cancel w first by=id-1
        cancel w second by=id-2
        task w: cancelled "details-from-workflow"
        events w: 1 Started · 2 WTScheduled · 3 CancelRequested(cause=first, identity=id-1) · 4 WTStarted · 5 WTCompleted · 6 Canceled("details-from-workflow")
    "#
    /// Scenario 13.
    s13_a_second_reason_during_cleanup_is_dropped: r#"
        start w
        task w: timer 1 3600s
        cancel w first by=py-client
        task w: cancel-timer 1
        cancel w second
        signal w proceed
        task w: complete "ignored-then-proceeded"
        events w: 1 Started · 2-4 WT · 5 TimerStarted(1) · 6 CancelRequested(cause=first, identity=py-client) · 7-9 WT · 10 TimerCanceled(1) · 11 Signaled(proceed) · 12-14 WT · 15 Completed("ignored-then-proceeded")
    "#
    /// Scenario 14, E4, ground rule 4: buffered, and invisible until the answer.
    s14_cancel_while_a_task_is_out: r#"
        start w
        take w
        cancel w mid-task by=raw-canceller
        events w: 1 Started · 2 WTScheduled · 3 WTStarted
        answer w: timer t1 60s
        task w: cancel-timer t1; cancelled
        events w: 1 Started · 2-4 WT · 5 TimerStarted(t1) · 6 CancelRequested(cause=mid-task, identity=raw-canceller) · 7-9 WT · 10 TimerCanceled(t1) · 11 Canceled
    "#
    /// Scenario 15, ground rule 5.
    s15_a_closing_answer_is_refused_when_a_cancel_waits: r#"
        start w
        take w
        cancel w in-flight by=raw-canceller
        answer w: complete "too early" => UnhandledCommand
        task w: cancelled
        events w: 1 Started · 2 WTScheduled · 3 WTStarted · 4 WTFailed(UNHANDLED_COMMAND, server "UnhandledCommand") · 5 CancelRequested(cause=in-flight, identity=raw-canceller) · 6-8 WT · 9 Canceled
    "#
    /// Scenario 16.
    s16_a_cancel_is_not_lost_by_continuing_as_new: r#"
        start w
        take w
        cancel w in-flight by=raw-canceller
        answer w: continue w => UnhandledCommand
        task w: continue w
        run w
        task w: complete
        events w run=1: 1 Started · 2 WTScheduled · 3 WTStarted · 4 WTFailed(UNHANDLED_COMMAND, server "UnhandledCommand") · 5 CancelRequested(cause=in-flight, identity=raw-canceller) · 6-8 WT · 9 ContinuedAsNew
        events w run=2: 1 Started · 2-4 WT · 5 Completed
    "#
    /// Scenario 17, R2.
    s17_cancelling_a_closed_workflow_does_nothing: r#"
        start w
        task w: complete
        cancel w
        cancel w run=1
        events w: 1 Started · 2-4 WT · 5 Completed
        cancel x => workflow not found for ID: x
    "#
    /// Scenario 19. The service waits a second between the runs of a chain, so its second run has
    /// no task yet; here the task is first.
    s19_the_first_run_id_guards_the_chain: r#"
        start w
        task w: continue w
        run w
        cancel w random first=nobody => workflow execution not found
        cancel w closed run=1
        cancel w via-first-run-id first=1 run=1 by=raw-canceller
        task w: cancelled
        events w run=1: 1 Started · 2-4 WT · 5 ContinuedAsNew
        events w run=2: 1 Started · 2 WTScheduled · 3 CancelRequested(cause=via-first-run-id, identity=raw-canceller) · 4 WTStarted · 5 WTCompleted · 6 Canceled
    "#
    /// Scenario 20, ground rule 6.
    s20_a_cancel_does_not_travel_to_the_next_run: r#"
        start w
        task w: timer 1 60s
        cancel w before-can by=py-client
        task w: cancel-timer 1; continue w
        run w
        task w: timer 1 60s
        cancel w second by=py-client
        task w: cancel-timer 1; cancelled
        events w run=2: 1 Started · 2-4 WT · 5 TimerStarted(1) · 6 CancelRequested(cause=second, identity=py-client) · 7-9 WT · 10 TimerCanceled(1) · 11 Canceled
    "#
    /// Scenario 22.
    s22_signal_and_cancel_before_one_task: r#"
        start w
        signal w proceed
        cancel w by=py-client
        task w: complete "ignored-then-proceeded"
        events w: 1 Started · 2 WTScheduled · 3 Signaled(proceed) · 4 CancelRequested(identity=py-client) · 5 WTStarted · 6 WTCompleted · 7 Completed("ignored-then-proceeded")
    "#
    /// Scenario 23, ground rule 3.
    s23_cancel_during_the_start_delay: r#"
        start w delay=6s
        quiet w
        advance 2s
        cancel w during-delay by=py-client
        task w: cancelled
        events w: 1 Started · 2 CancelRequested(cause=during-delay, identity=py-client) · 3-5 WT · 6 Canceled
    "#
    the_first_task_comes_after_the_start_delay: r#"
        start w delay=6s
        advance 5s
        quiet w
        advance 1s
        task w: complete
        events w: 1 Started · 2-4 WT · 5 Completed
    "#
    /// Scenario 25.
    s25_cancel_during_the_backoff_of_a_workflow_retry: r#"
        start w retry=3
        task w: fail Boom x
        run w
        quiet w
        cancel w in-backoff by=raw-canceller
        task w: cancelled
        events w run=1: 1 Started · 2-4 WT · 5 Failed(application,Boom "x", IN_PROGRESS)
        events w run=2: 1 Started · 2 CancelRequested(cause=in-backoff, identity=raw-canceller) · 3-5 WT · 6 Canceled
    "#
    /// Scenario 26: cancelled is never retried, failed after a cancel is.
    s26_workflow_retry_and_cancel: r#"
        start w retry=3
        task w: timer 1 60s
        cancel w by=py-client
        task w: cancel-timer 1; fail CleanupError cleanup broke
        run w
        advance 1s
        task w: timer 1 60s
        events w run=1: 1 Started · 2-4 WT · 5 TimerStarted(1) · 6 CancelRequested(identity=py-client) · 7-9 WT · 10 TimerCanceled(1) · 11 Failed(application,CleanupError "cleanup broke", IN_PROGRESS)
        events w run=2: 1 Started · 2-4 WT · 5 TimerStarted(1)
        start v retry=3
        task v: timer 1 60s
        cancel v by=py-client
        task v: cancel-timer 1; cancelled
        status v Cancelled
    "#
    a_workflow_is_retried_until_its_attempts_are_used_up: r#"
        start w retry=2
        task w: fail Boom one
        advance 1s
        run w
        task w: fail Boom two
        events w run=2: 1 Started · 2-4 WT · 5 Failed(application,Boom "two", MAXIMUM_ATTEMPTS_REACHED)
        status w Failed
    "#
    /// Scenario 29: the late answer of the first worker is refused (E1).
    s29_a_task_times_out: r#"
        start w task=2s
        cancel w x by=raw-canceller
        take w
        advance 2s
        late w: cancelled => Workflow task not found.
        task w: cancelled
        events w: 1 Started · 2 WTScheduled · 3 CancelRequested(cause=x, identity=raw-canceller) · 4 WTStarted · 5 WTTimedOut(START_TO_CLOSE) · 6 WTScheduled(attempt=2) · 7 WTStarted · 8 WTCompleted · 9 Canceled
    "#
    /// Scenario 31: events between attempts make the next one a first one.
    s31_cancel_between_failing_attempts: r#"
        start w
        fail w boom
        fail w boom
        cancel w between-attempts by=raw-canceller
        advance 100ms
        task w: cancelled
        events w: 1 Started · 2 WTScheduled · 3 WTStarted · 4 WTFailed(WORKFLOW_WORKER_UNHANDLED_FAILURE, application,Panic "boom") · 5 CancelRequested(cause=between-attempts, identity=raw-canceller) · 6-8 WT · 9 Canceled
    "#
    /// Scenario 32: nothing is visible until the attempt is answered.
    s32_cancel_while_a_later_attempt_is_out: r#"
        start w
        fail w boom
        take w
        cancel w during-attempt-2 by=raw-canceller
        events w: 1 Started · 2 WTScheduled · 3 WTStarted · 4 WTFailed(WORKFLOW_WORKER_UNHANDLED_FAILURE, application,Panic "boom")
        answer w: timer t 50s
        task w: cancel-timer t; cancelled
        events w: 1 Started · 2 WTScheduled · 3 WTStarted · 4 WTFailed(WORKFLOW_WORKER_UNHANDLED_FAILURE, application,Panic "boom") · 5 WTScheduled(attempt=2) · 6 WTStarted · 7 WTCompleted · 8 TimerStarted(t) · 9 CancelRequested(cause=during-attempt-2, identity=raw-canceller) · 10-12 WT · 13 TimerCanceled(t) · 14 Canceled
    "#
    /// Scenario 35, R2: everything but a cancel is refused after the close.
    s35_requests_to_a_closed_workflow: r#"
        start w
        task w: timer 1 60s
        cancel w by=py-client
        task w: cancel-timer 1; cancelled
        signal w late => workflow execution already completed
        terminate w late => workflow execution already completed
        cancel w late
        events w: 1 Started · 2-4 WT · 5 TimerStarted(1) · 6 CancelRequested(identity=py-client) · 7-9 WT · 10 TimerCanceled(1) · 11 Canceled
    "#
    /// Scenario 39: Go sends both commands.
    s39_a_timer_started_and_cancelled_in_one_task: r#"
        start w
        task w: timer 1 60s; cancel-timer 1; complete
        events w: 1 Started · 2-4 WT · 5 TimerStarted(1) · 6 TimerCanceled(1) · 7 Completed
    "#
    /// Scenario 40.
    s40_a_timer_cancelled_later: r#"
        start w
        task w: timer 1 60s
        signal w proceed
        task w: cancel-timer 1; complete "timer-cancelled-next-task"
        events w: 1 Started · 2-4 WT · 5 TimerStarted(1) · 6 Signaled(proceed) · 7-9 WT · 10 TimerCanceled(1) · 11 Completed("timer-cancelled-next-task")
    "#
    /// Scenario 41: the buffered `TimerFired` is removed and does not keep the run open.
    s41_a_timer_that_fired_meanwhile_is_cancelled: r#"
        start w
        task w: timer t1 2s
        signal w wake
        take w
        advance 3s
        answer w: cancel-timer t1; complete
        events w: 1 Started · 2-4 WT · 5 TimerStarted(t1) · 6 Signaled(wake) · 7-9 WT · 10 TimerCanceled(t1) · 11 Completed
    "#
    /// Scenario 42, ground rule 11.
    s42_bad_timer_commands: r#"
        start w
        task w: cancel-timer nobody => BadCancelTimerAttributes: invalid history builder state for action: add-timer-canceled-event, TimerID: nobody
        task w: timer t 60s; timer t 60s => StartTimerDuplicateId
        advance 100ms
        task w: timer t 60s; cancel-timer t; cancel-timer t => BadCancelTimerAttributes
        advance 200ms
        task w: complete
        events w: 1 Started · 2 WTScheduled · 3 WTStarted · 4 WTFailed(BAD_CANCEL_TIMER_ATTRIBUTES, server "BadCancelTimerAttributes: invalid history builder state for action: add-timer-canceled-event, TimerID: nobody") · 5 WTScheduled(attempt=4) · 6 WTStarted · 7 WTCompleted · 8 Completed
    "#
    timers_fire_in_the_order_in_which_they_are_due: r#"
        start w
        task w: timer slow 60s; timer fast 1s; timer also-fast 1s
        advance 60s
        task w: complete
        events w: 1 Started · 2-4 WT · 5 TimerStarted(slow) · 6 TimerStarted(fast) · 7 TimerStarted(also-fast) · 8 TimerFired(fast) · 9 TimerFired(also-fast) · 10 WTScheduled · 11 TimerFired(slow) · 12 WTStarted · 13 WTCompleted · 14 Completed
    "#
    /// Scenario 46, ground rule 6.
    s46_a_timer_of_a_terminated_workflow_is_silent: r#"
        start w
        task w: timer t 5s
        terminate w x
        advance 10s
        events w: 1 Started · 2-4 WT · 5 TimerStarted(t) · 6 Terminated(reason=x, identity=frontend-service)
    "#
    /// Scenario 136.
    s136_the_run_timeout: r#"
        start w run=2s
        task w: timer t 100s
        advance 2s
        events w: 1 Started · 2-4 WT · 5 TimerStarted(t) · 6 TimedOut
        status w TimedOut
        advance 200s
        events w: 1 Started · 2-4 WT · 5 TimerStarted(t) · 6 TimedOut
    "#
    the_execution_timeout_spans_the_runs: r#"
        start w execution=10s
        task w: timer t 3s
        advance 3s
        task w: continue w
        run w
        task w: timer t 100s
        advance 6s
        status w Running
        advance 1s
        status w TimedOut
    "#
    /// Scenario 176.
    s176_terminate_with_defaults: r#"
        start w
        task w: timer t 60s; schedule a
        terminate w
        quiet w
        idle a
        events w: 1 Started · 2-4 WT · 5 TimerStarted(t) · 6 ActScheduled(a) · 7 Terminated(reason=terminated by user via frontend, identity=frontend-service)
    "#
    /// Scenario 178, ground rule 13.
    s178_terminate_while_a_task_is_out: r#"
        start w
        take w
        terminate w mid-task
        answer w: complete => Workflow task not found.
        events w: 1 Started · 2 WTScheduled · 3 WTStarted · 4 WTFailed(FORCE_CLOSE_COMMAND, identity=history-service) · 5 Terminated(reason=mid-task, identity=frontend-service)
    "#
    terminate_while_a_later_attempt_is_out: r#"
        start w
        fail w boom
        take w
        signal w waits
        terminate w now
        events w: 1 Started · 2 WTScheduled · 3 WTStarted · 4 WTFailed(WORKFLOW_WORKER_UNHANDLED_FAILURE, application,Panic "boom") · 5 Signaled(waits) · 6 Terminated(reason=now, identity=frontend-service)
    "#
    /// Scenario 179, R2.
    s179_terminate_closed_and_unknown: r#"
        start w
        terminate w once
        terminate w twice => workflow execution already completed
        terminate x gone => workflow not found for ID: x
        terminate w gone run=01234567-89ab-cdef-0123-456789abcdef => workflow execution not found for workflow ID "w" and run ID "01234567-89ab-cdef-0123-456789abcdef"
        terminate w gone run=nobody => Invalid RunId.
    "#
    /// Scenario 181.
    s181_terminate_by_the_first_run_id: r#"
        start w
        task w: continue w
        run w
        terminate w old run=1 => workflow execution already completed
        terminate w wrong first=nobody => workflow execution not found
        terminate w chain first=1
        events w run=2: 1 Started · 2 WTScheduled · 3 Terminated(reason=chain, identity=frontend-service)
    "#
    /// Scenario 182.
    s182_terminate_during_the_backoff_of_a_retry: r#"
        start w retry=3
        task w: fail Boom x
        run w
        terminate w in-backoff
        events w run=2: 1 Started · 2 Terminated(reason=in-backoff, identity=frontend-service)
    "#
    /// Scenario 184.
    s184_delete_a_running_workflow: r#"
        start w
        delete w
        status w Running => workflow not found for ID: w
        quiet w
        start w
        task w: complete
        delete w
        cancel w => workflow not found for ID: w
    "#
    a_forced_task_follows_at_once: r#"
        start w
        take w
        force w: marker local
        task w: complete
        events w: 1 Started · 2-4 WT · 5 MarkerRecorded(local) · 6-8 WT · 9 Completed
    "#
    nothing_may_follow_a_closing_command: r#"
        start w
        task w: complete; timer t 1s => `CompleteWorkflowExecution` must be the last command
    "#
    reuse_and_conflict_of_workflow_ids: r#"
        start w
        start w => workflow execution already started
        task w: complete
        start w reuse=reject => workflow execution already started
        start w
        status w Running
    "#
    } };
}
