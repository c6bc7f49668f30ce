//! Part M: reset.

#[doc(hidden)]
#[macro_export]
macro_rules! __scenarios_of_resets {
    ($then:path, $judge:path) => { $then! { $judge,
    /// Scenario 187, T1, T2.
    s187_reset_to_the_first_task: r#"
        start w
        task w: schedule 1
        act 1
        done 1 "step1"
        task w:
        reset w 4 rsn
        task w: schedule 1
        signal w finish
        act 1
        done 1 "step1"
        task w: complete
        events w run=1: 1 Started · 2-4 WT · 5 ActScheduled(1) · 6 ActStarted(sched=5) · 7 ActCompleted(sched=5, "step1") · 8-10 WT · 11 Terminated(reason=rsn, identity=history-resetter)
        events w run=2: 1 Started · 2 WTScheduled · 3 WTStarted · 4 WTFailed(RESET_WORKFLOW, resetWorkflow "rsn", identity=history-service, baseRunId,newRunId set) · 5-7 WT · 8 ActScheduled(1) · 9 Signaled(finish) · 10 WTScheduled · 11 ActStarted(sched=8) · 12 ActCompleted(sched=8, "step1") · 13 WTStarted · 14 WTCompleted · 15 Completed
    "#
    /// Scenario 188: a closed base keeps its status, signals after the point are applied again.
    s188_reset_a_completed_workflow: r#"
        start w
        signal w sig
        task w: schedule 1
        act 1
        done 1 "step1"
        task w:
        signal w sig
        task w:
        signal w finish
        task w: complete
        reset w 11 again
        task w: complete
        status w Completed
        events w run=1: 1 Started · 2 WTScheduled · 3 Signaled(sig) · 4 WTStarted · 5 WTCompleted · 6 ActScheduled(1) · 7 ActStarted(sched=6) · 8 ActCompleted(sched=6, "step1") · 9-11 WT · 12 Signaled(sig) · 13-15 WT · 16 Signaled(finish) · 17-19 WT · 20 Completed
        events w run=2: 1 Started · 2 WTScheduled · 3 Signaled(sig) · 4 WTStarted · 5 WTCompleted · 6 ActScheduled(1) · 7 ActStarted(sched=6) · 8 ActCompleted(sched=6, "step1") · 9 WTScheduled · 10 WTStarted · 11 WTFailed(RESET_WORKFLOW, resetWorkflow "again", identity=history-service, baseRunId,newRunId set) · 12 Signaled(sig) · 13 Signaled(finish) · 14-16 WT · 17 Completed
    "#
    /// As a Temporal Service has it: the first event is that of the base.
    a_run_that_was_reset_has_the_words_for_people_of_its_base: r#"
        start w summary=order details=books
        task w: timer 1 60s summary=pause
        reset w 4 again
        task w: timer 1 60s summary=wait
        events w run=2: 1 Started summary="order" details="books" · 2 WTScheduled · 3 WTStarted · 4 WTFailed(RESET_WORKFLOW, resetWorkflow "again", identity=history-service, baseRunId,newRunId set) · 5-7 WT · 8 TimerStarted(1) summary="wait"
    "#
    signals_are_not_applied_again_when_excluded: r#"
        start w
        task w:
        signal w sig
        reset w 4 again signals=no
        events w run=2: 1 Started · 2 WTScheduled · 3 WTStarted · 4 WTFailed(RESET_WORKFLOW, resetWorkflow "again", identity=history-service, baseRunId,newRunId set) · 5 WTScheduled
    "#
    /// Scenario 190, ground rule 14: a cancel after the point is not applied again.
    s190_reset_to_before_the_cancel: r#"
        start w
        task w: timer 1 60s
        cancel w oops by=py-client
        task w: cancel-timer 1; cancelled
        reset w 4 rsn
        status w Running
        task w: complete
        events w run=1: 1 Started · 2-4 WT · 5 TimerStarted(1) · 6 CancelRequested(cause=oops, identity=py-client) · 7-9 WT · 10 TimerCanceled(1) · 11 Canceled
        events w run=2: 1 Started · 2 WTScheduled · 3 WTStarted · 4 WTFailed(RESET_WORKFLOW, resetWorkflow "rsn", identity=history-service, baseRunId,newRunId set) · 5-7 WT · 8 Completed
    "#
    /// Scenario 191: a cancel before the point is part of the copy.
    s191_reset_to_after_the_cancel: r#"
        start w
        task w: timer 1 60s
        cancel w oops by=py-client
        task w: cancel-timer 1; cancelled
        reset w 9 rsn
        cancel w again
        task w: cancelled
        events w run=2: 1 Started · 2-4 WT · 5 TimerStarted(1) · 6 CancelRequested(cause=oops, identity=py-client) · 7 WTScheduled · 8 WTStarted · 9 WTFailed(RESET_WORKFLOW, resetWorkflow "rsn", identity=history-service, baseRunId,newRunId set) · 10-12 WT · 13 Canceled
    "#
    /// Scenario 193.
    s193_reset_a_task_that_never_started: r#"
        start w
        signal w s
        reset w 3 rsn
        events w run=1: 1 Started · 2 WTScheduled · 3 Signaled(s) · 4 Terminated(reason=rsn, identity=history-resetter)
        events w run=2: 1 Started · 2 WTScheduled · 3 WTStarted · 4 WTFailed(RESET_WORKFLOW, resetWorkflow "rsn", identity=history-service, baseRunId,newRunId set) · 5 Signaled(s) · 6 WTScheduled
    "#
    /// Scenario 194.
    s194_reset_while_a_task_is_out: r#"
        start w
        take w
        signal w buffered
        reset w 3 in flight
        answer w: complete => Workflow task not found.
        events w run=1: 1 Started · 2 WTScheduled · 3 WTStarted · 4 WTFailed(FORCE_CLOSE_COMMAND, identity=history-service) · 5 Signaled(buffered) · 6 Terminated(reason=in flight, identity=history-resetter)
        events w run=2: 1 Started · 2 WTScheduled · 3 WTStarted · 4 WTFailed(RESET_WORKFLOW, resetWorkflow "in flight", identity=history-service, baseRunId,newRunId set) · 5 Signaled(buffered) · 6 WTScheduled
    "#
    /// Scenario 196: the signals of the runs that continued the base come along.
    s196_reset_across_a_continue_as_new: r#"
        start w
        signal w s-run1-before
        task w: timer t 60s
        signal w s-run1-after
        task w: continue w
        run w
        signal w s-run2
        reset w 5 to before CAN run=1
        events w run=1: 1 Started · 2 WTScheduled · 3 Signaled(s-run1-before) · 4 WTStarted · 5 WTCompleted · 6 TimerStarted(t) · 7 Signaled(s-run1-after) · 8-10 WT · 11 ContinuedAsNew
        events w run=2: 1 Started · 2 WTScheduled · 3 Signaled(s-run2) · 4 Terminated(reason=to before CAN, identity=history-resetter)
        events w run=3: 1 Started · 2 WTScheduled · 3 Signaled(s-run1-before) · 4 WTStarted · 5 WTFailed(RESET_WORKFLOW, resetWorkflow "to before CAN", identity=history-service, baseRunId,newRunId set) · 6 Signaled(s-run1-after) · 7 Signaled(s-run2) · 8 WTScheduled
    "#
    /// Scenario 197, T2.
    s197_a_started_activity_is_dispatched_again: r#"
        start w
        task w: schedule a
        act a
        beat a "lost" -> no
        signal w s
        task w:
        reset w 9 act
        done a => workflow execution already completed
        notice a NotFound
        act a attempt=1 details=
        events w run=2: 1 Started · 2-4 WT · 5 ActScheduled(a) · 6 Signaled(s) · 7 WTScheduled · 8 WTStarted · 9 WTFailed(RESET_WORKFLOW, resetWorkflow "act", identity=history-service, baseRunId,newRunId set) · 10 WTScheduled
    "#
    /// There is no task to begin again with, not even the one that waits.
    a_run_that_no_worker_has_had_is_not_reset: r#"
        start w
        reset w 1 rsn => event
        reset w 2 rsn => event
        reset w 3 rsn => event
        reset w 4 rsn => event
        take w
        reset w 3 rsn
        events w run=1: 1 Started · 2 WTScheduled · 3 WTStarted · 4 WTFailed(FORCE_CLOSE_COMMAND, identity=history-service) · 5 Terminated(reason=rsn, identity=history-resetter)
        events w run=2: 1 Started · 2 WTScheduled · 3 WTStarted · 4 WTFailed(RESET_WORKFLOW, resetWorkflow "rsn", identity=history-service, baseRunId,newRunId set) · 5 WTScheduled
    "#
    /// Scenario 199: cancelled before the point, dispatched again, and told at once.
    s199_a_cancelled_activity_is_dispatched_again: r#"
        start w
        task w: schedule a
        act a
        signal w s1
        task w: cancel-act 5
        signal w s2
        task w:
        reset w 14 rsn
        act a
        notice a CancelRequested
        beat a -> yes
        cancelled a "bye"
        events w run=2: 1 Started · 2-4 WT · 5 ActScheduled(a) · 6 Signaled(s1) · 7-9 WT · 10 ActCancelRequested(sched=5) · 11 Signaled(s2) · 12 WTScheduled · 13 WTStarted · 14 WTFailed(RESET_WORKFLOW, resetWorkflow "rsn", identity=history-service, baseRunId,newRunId set) · 15 WTScheduled · 16 ActStarted(sched=5) · 17 ActCanceled(sched=5, started=16, latestCancelRequested=10, details="bye")
    "#
    /// Scenario 200: a timer keeps its due time.
    s200_a_pending_timer_keeps_its_time: r#"
        start w
        task w: timer t 6s
        signal w s
        task w:
        advance 2s
        reset w 9 rsn
        task w:
        advance 3s
        quiet w
        advance 1s
        task w: complete
        events w run=2: 1 Started · 2-4 WT · 5 TimerStarted(t) · 6 Signaled(s) · 7 WTScheduled · 8 WTStarted · 9 WTFailed(RESET_WORKFLOW, resetWorkflow "rsn", identity=history-service, baseRunId,newRunId set) · 10-12 WT · 13 TimerFired(t) · 14-16 WT · 17 Completed
    "#
    /// Scenario 202: no parent close policy, and the child reports to the new run.
    s202_a_running_child_reconnects: r#"
        start w
        task w: child c
        task w:
        reset w 9 child
        task w:
        task c: complete
        task w: complete
        events w run=1: 1 Started · 2-4 WT · 5 ChildInitiated(TERMINATE) · 6 ChildStarted(init=5) · 7-9 WT · 10 Terminated(reason=child, identity=history-resetter)
        events w run=2: 1 Started · 2-4 WT · 5 ChildInitiated(TERMINATE) · 6 ChildStarted(init=5) · 7 WTScheduled · 8 WTStarted · 9 WTFailed(RESET_WORKFLOW, resetWorkflow "child", identity=history-service, baseRunId,newRunId set) · 10-12 WT · 13 ChildCompleted(init=5) · 14-16 WT · 17 Completed
        events c: 1 Started · 2-4 WT · 5 Completed
    "#
    /// Scenario 203.
    s203_the_child_of_the_base_keeps_its_id: r#"
        start w
        task w: child c
        task w:
        reset w 4 rsn
        task w: child c
        take w
        events w run=2: 1 Started · 2 WTScheduled · 3 WTStarted · 4 WTFailed(RESET_WORKFLOW, resetWorkflow "rsn", identity=history-service, baseRunId,newRunId set) · 5-7 WT · 8 ChildInitiated(TERMINATE) · 9 ChildStartFailed(WORKFLOW_ALREADY_EXISTS) · 10 WTScheduled · 11 WTStarted
        status c Running
    "#
    /// Scenario 205.
    s205_reset_twice_from_the_same_base: r#"
        start w
        task w: timer t 60s
        reset w 4 one
        task w: timer t2 60s
        reset w 4 two run=1
        events w run=1: 1 Started · 2-4 WT · 5 TimerStarted(t) · 6 Terminated(reason=one, identity=history-resetter)
        events w run=2: 1 Started · 2 WTScheduled · 3 WTStarted · 4 WTFailed(RESET_WORKFLOW, resetWorkflow "one", identity=history-service, baseRunId,newRunId set) · 5-7 WT · 8 TimerStarted(t2) · 9 Terminated(reason=two, identity=history-resetter)
        events w run=3: 1 Started · 2 WTScheduled · 3 WTStarted · 4 WTFailed(RESET_WORKFLOW, resetWorkflow "two", identity=history-service, baseRunId,newRunId set) · 5 WTScheduled
    "#
    /// T1: other points are refused and the valid ones named.
    only_workflow_tasks_are_points_to_reset_to: r#"
        start w
        task w: timer t 60s
        signal w s
        task w: complete
        reset w 5 x => event 5 is not a point to reset to; the valid ones start or end a workflow task: 3, 4, 8, 9
        reset w 99 x => event 99 is not a point
        reset nobody 4 x => workflow not found for ID: nobody
    "#
    } };
}
