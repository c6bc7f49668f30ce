//! Zeros, nonsense and excess among times: what a Temporal Service does with each, or a refusal that says what to write.

#[doc(hidden)]
#[macro_export]
macro_rules! __scenarios_of_times {
    ($then:path, $judge:path) => { $then! { $judge,
    /// A limit of zero is none, as on a service.
    an_activity_with_limits_of_zero_has_none_of_them: r#"
        start w
        task w: schedule a close=5s overall=0s start=0s heartbeat=0s
        advance 100s
        act a
        advance 4s
        done a
        status w Running
        task w: complete
        events w: 1 Started · 2-4 WT · 5 ActScheduled(a) · 6 ActStarted(sched=5) · 7 ActCompleted(sched=5) · 8-10 WT · 11 Completed
    "#
    /// So there is no limit at all, and at least one is needed.
    an_activity_whose_only_limits_are_zero_is_refused: r#"
        start w
        task w: schedule a close=0s overall=0s => A valid StartToClose or ScheduleToCloseTimeout is not set
        status w Running
    "#
    a_run_with_limits_of_zero_has_none_of_them: r#"
        start w run=0s execution=0s task=0s delay=0s
        take w
        advance 9s
        answer w: timer t 1s
        advance 100s
        task w: complete
        status w Completed
    "#
    /// A service gives a workflow task 120 seconds at most.
    a_workflow_task_has_two_minutes_at_most: r#"
        start w task=1000000s
        take w
        advance 119s
        events w: 1 Started · 2 WTScheduled · 3 WTStarted
        advance 1s
        events w: 1 Started · 2 WTScheduled · 3 WTStarted · 4 WTTimedOut(START_TO_CLOSE)
    "#
    /// It would fire at once on a service too; nothing waits for a clock that stands still.
    a_timer_of_no_time_fires_at_once: r#"
        start w
        task w: timer t 0s
        task w: complete
        events w: 1 Started · 2-4 WT · 5 TimerStarted(t) · 6 TimerFired(t) · 7-9 WT · 10 Completed
    "#
    /// Of more than the end of time nothing overflows.
    limits_beyond_the_end_of_time_are_no_limits: r#"
        start w run=18446744073709551615s execution=18446744073709551615s
        task w: timer t 18446744073709551615s; schedule a close=18446744073709551615s start=18446744073709551615s heartbeat=18446744073709551615s initial=1000000000s
        act a
        advance 1000s
        failed a Boom first
        advance 100000000s
        status w Running
        quiet w
    "#
    /// 1,945 attempts in 3 seconds were made with an interval of zero, which stands for the default of a second.
    an_activity_is_never_tried_again_without_a_wait: r#"
        start w
        task w: schedule a initial=0s
        act a
        failed a Boom first
        idle a
        advance 999ms
        idle a
        advance 1ms
        act a attempt=2
        failed a Boom second
        advance 1999ms
        idle a
        advance 1ms
        act a attempt=3
    "#
    a_coefficient_and_a_maximum_of_zero_are_the_defaults: r#"
        start w
        task w: schedule a coefficient=0 maximum=0s
        act a
        failed a Boom first
        advance 1s
        act a attempt=2
        failed a Boom second
        advance 1999ms
        idle a
        advance 1ms
        act a attempt=3
    "#
    policies_that_make_no_sense_are_refused_for_activities: r#"
        start w
        task w: schedule a coefficient=0.5 => BackoffCoefficient cannot be less than 1 on retry policy: `backoff_coefficient` is 0.5; write 1.0
        advance 20s
        task w: schedule a coefficient=-1 => BackoffCoefficient cannot be less than 1
        advance 20s
        task w: schedule a coefficient=NaN => BackoffCoefficient is not a number on retry policy; write 1.0
        advance 20s
        task w: schedule a initial=10s maximum=1s => MaximumInterval cannot be less than InitialInterval on retry policy: `maximum_interval` is 1s
        advance 20s
        task w: schedule a attempts=1 coefficient=0.5
        act a
        failed a Boom only
        task w: complete
        status w Completed
    "#
    policies_that_make_no_sense_are_refused_for_children_and_runs: r#"
        start w retry=0 coefficient=0.5 => BackoffCoefficient cannot be less than 1
        start w retry=0 coefficient=NaN => BackoffCoefficient is not a number
        start w retry=0 initial=10s maximum=1s => MaximumInterval cannot be less than InitialInterval
        start w
        task w: child c coefficient=0.5 => BadStartChildExecutionAttributes: invalid WorkflowRetryPolicy on StartChildWorkflowExecutionCommand: BackoffCoefficient
        advance 20s
        task w: child c coefficient=NaN => BackoffCoefficient is not a number
        status w Running
    "#
    a_run_is_never_run_again_without_a_wait: r#"
        start w retry=0 initial=0s
        task w: fail Boom first
        run w
        quiet w
        advance 999ms
        quiet w
        advance 1ms
        task w: complete
        status w Completed
    "#
    a_child_is_never_run_again_without_a_wait: r#"
        start w
        task w: child c initial=0s
        task c: fail Boom first
        quiet c
        advance 1s
        task c: complete
        task w: complete
    "#
    /// The clock does not have to move for what is overdue: its run is as old as the one that was reset.
    a_timer_that_is_overdue_after_a_reset_fires_at_once: r#"
        start w
        task w: timer t 60s
        signal w wake
        task w:
        advance 50s
        signal w wake
        task w: cancel-timer t
        advance 50s
        reset w 9 again
        task w:
        events w: 1 Started · 2-4 WT · 5 TimerStarted(t) · 6 Signaled(wake) · 7 WTScheduled · 8 WTStarted · 9 WTFailed(RESET_WORKFLOW, resetWorkflow "again", identity=history-service, baseRunId,newRunId set) · 10 Signaled(wake) · 11 WTScheduled · 12 TimerFired(t) · 13 WTStarted · 14 WTCompleted
    "#
    /// A wait that the failure itself asks for is one, too.
    a_failure_that_asks_for_no_wait_gets_that_of_the_policy: r#"
        start w
        task w: schedule a
        act a
        failed a Boom delay=0s
        idle a
        advance 1s
        act a attempt=2
    "#
    } };
}
