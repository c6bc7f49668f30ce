//! Parts F to H: children, parent close policies, and other executions.

#[doc(hidden)]
#[macro_export]
macro_rules! __scenarios_of_runs {
    ($then:path, $judge:path) => { $then! { $judge,
    /// As a Temporal Service records them: what they are said of has them, a child as much as the event that asked for it,
    /// and a run that continues or retries another has none.
    words_for_people_are_kept_with_what_they_are_said_of: r#"
        start w summary=order details=books retry=2
        task w: timer 1 60s summary=pause; schedule 1 summary=pay; marker m summary=noted; child c summary=pack details=box
        act 1
        done 1 "paid"
        task c: complete
        task w: fail Broken once
        advance 1s
        run w
        task w: continue w
        run w
        task w: complete
        events c: 1 Started summary="pack" details="box" · 2-4 WT · 5 Completed
        events w run=1: 1 Started summary="order" details="books" · 2-4 WT · 5 TimerStarted(1) summary="pause" · 6 ActScheduled(1) summary="pay" · 7 MarkerRecorded(m) summary="noted" · 8 ChildInitiated(TERMINATE) summary="pack" details="box" · 9 ChildStarted(init=8) · 10 WTScheduled · 11 ActStarted(sched=6) · 12 ActCompleted(sched=6, "paid") · 13 ChildCompleted(init=8) · 14 WTStarted · 15 WTCompleted · 16 Failed(application,Broken "once", IN_PROGRESS)
        events w run=2: 1 Started · 2-4 WT · 5 ContinuedAsNew
        events w run=3: 1 Started · 2-4 WT · 5 Completed
    "#
    /// Scenarios 107 and 121.
    s107_a_child_is_cancelled_and_waited_for: r#"
        start parent
        task parent: child child
        task child: timer 1 60s
        task parent:
        cancel parent stop-parent by=py-client
        task parent: cancel-other child child
        task child: cancel-timer 1; timer 2 2s
        task parent:
        advance 2s
        task child: cancelled
        task parent: cancelled
        events parent: 1 Started · 2-4 WT · 5 ChildInitiated(TERMINATE) · 6 ChildStarted(init=5) · 7-9 WT · 10 CancelRequested(cause=stop-parent, identity=py-client) · 11-13 WT · 14 ExtCancelInitiated(childWorkflowOnly) · 15 ExtCancelRequested(init=14) · 16-18 WT · 19 ChildCanceled(init=5) · 20-22 WT · 23 Canceled
        events child: 1 Started · 2-4 WT · 5 TimerStarted(1) · 6 CancelRequested(identity=history-service, externalInitiatedEventId=14, externalWorkflowExecution=parent) · 7-9 WT · 10 TimerCanceled(1) · 11 TimerStarted(2) · 12 TimerFired(2) · 13-15 WT · 16 Canceled
    "#
    /// Scenario 110, ground rule 7: the request is not carried out when the parent closes with it.
    s110_a_cancel_initiated_by_the_closing_task_is_dropped: r#"
        start parent
        task parent: child child policy=abandon
        task child: timer 1 60s
        task parent:
        cancel parent stop-parent by=py-client
        task parent: cancel-other child child; cancelled
        quiet child
        events parent: 1 Started · 2-4 WT · 5 ChildInitiated(ABANDON) · 6 ChildStarted(init=5) · 7-9 WT · 10 CancelRequested(cause=stop-parent, identity=py-client) · 11-13 WT · 14 ExtCancelInitiated(childWorkflowOnly) · 15 Canceled
        events child: 1 Started · 2-4 WT · 5 TimerStarted(1)
        status child Running
    "#
    /// Scenario 114, ground rule 11.
    s114_a_child_is_not_started_and_cancelled_in_one_task: r#"
        start parent
        task parent: child child; cancel-other child child => Start and RequestCancel for child workflow is not allowed in same workflow task.
    "#
    /// Scenario 115: the policy ends the child that was not waited for.
    s115_the_parent_closes_first: r#"
        start parent task=2s
        task parent: child child
        task child: timer 1 60s
        take parent
        advance 2s
        cancel parent parent-cancel by=py-client
        task parent: cancel-other child child; cancelled
        events parent: 1 Started · 2-4 WT · 5 ChildInitiated(TERMINATE) · 6 ChildStarted(init=5) · 7 WTScheduled · 8 WTStarted · 9 WTTimedOut(START_TO_CLOSE) · 10 CancelRequested(cause=parent-cancel, identity=py-client) · 11-13 WT · 14 ExtCancelInitiated(childWorkflowOnly) · 15 Canceled
        events child: 1 Started · 2-4 WT · 5 TimerStarted(1) · 6 Terminated(reason=by parent close policy, identity=history-service)
    "#
    /// Scenario 116.
    s116_a_child_ignores_its_cancel: r#"
        start parent
        task parent: child child
        task child: timer 1 60s
        task parent:
        cancel parent stop by=py-client
        task parent: cancel-other child child
        task parent:
        task child: cancel-timer 1; complete "child-ignored-cancel"
        task parent: complete
        events parent: 1 Started · 2-4 WT · 5 ChildInitiated(TERMINATE) · 6 ChildStarted(init=5) · 7-9 WT · 10 CancelRequested(cause=stop, identity=py-client) · 11-13 WT · 14 ExtCancelInitiated(childWorkflowOnly) · 15 ExtCancelRequested(init=14) · 16-18 WT · 19 ChildCompleted(init=5) · 20-22 WT · 23 Completed
    "#
    /// Scenario 118.
    s118_a_child_is_cancelled_by_somebody_else: r#"
        start parent
        task parent: child child
        task child: timer 1 60s
        task parent:
        cancel child outsider by=py-client
        task child: cancel-timer 1; cancelled
        task parent: complete
        events parent: 1 Started · 2-4 WT · 5 ChildInitiated(TERMINATE) · 6 ChildStarted(init=5) · 7-9 WT · 10 ChildCanceled(init=5) · 11-13 WT · 14 Completed
    "#
    /// Scenario 119.
    s119_a_child_is_terminated_by_somebody_else: r#"
        start parent
        task parent: child child
        task parent:
        terminate child outsider by=py-client
        task parent: complete
        events parent: 1 Started · 2-4 WT · 5 ChildInitiated(TERMINATE) · 6 ChildStarted(init=5) · 7-9 WT · 10 ChildTerminated(init=5) · 11-13 WT · 14 Completed
    "#
    a_child_that_fails_is_reported_after_its_retries: r#"
        start parent
        task parent: child child retry=2
        task parent:
        task child: fail Boom one
        quiet parent
        advance 1s
        task child: fail Boom two
        task parent: complete
        events parent: 1 Started · 2-4 WT · 5 ChildInitiated(TERMINATE) · 6 ChildStarted(init=5) · 7-9 WT · 10 ChildFailed(init=5, application,Boom "two", MAXIMUM_ATTEMPTS_REACHED) · 11-13 WT · 14 Completed
    "#
    /// Scenario 122.
    s122_child_only_against_a_stranger: r#"
        start w
        start target
        task w: cancel-other target child
        task w: complete
        events w: 1 Started · 2-4 WT · 5 ExtCancelInitiated(childWorkflowOnly) · 6 ExtCancelFailed(init=5, EXTERNAL_WORKFLOW_EXECUTION_NOT_FOUND) · 7-9 WT · 10 Completed
        events target: 1 Started · 2 WTScheduled
    "#
    /// Scenarios 123 and 124: a request without a run id reaches the current run.
    s124_a_child_that_continued_as_new_is_cancelled: r#"
        start parent
        task parent: child child
        task child: continue child
        task child: timer 1 60s
        task parent:
        cancel parent p by=py-client
        task parent: cancel-other child child
        task parent:
        task child: cancel-timer 1; cancelled
        task parent: cancelled
        events parent: 1 Started · 2-4 WT · 5 ChildInitiated(TERMINATE) · 6 ChildStarted(init=5) · 7-9 WT · 10 CancelRequested(cause=p, identity=py-client) · 11-13 WT · 14 ExtCancelInitiated(childWorkflowOnly) · 15 ExtCancelRequested(init=14) · 16-18 WT · 19 ChildCanceled(init=5) · 20-22 WT · 23 Canceled
        events child: 1 Started · 2-4 WT · 5 TimerStarted(1) · 6 CancelRequested(identity=history-service, externalInitiatedEventId=14, externalWorkflowExecution=parent) · 7-9 WT · 10 TimerCanceled(1) · 11 Canceled
    "#
    /// Scenario 125: the parent sees nothing of the reset, and the end of the new run.
    s125_a_running_child_is_reset: r#"
        start parent
        task parent: child child
        run child
        task child: timer t 60s
        task parent:
        reset child 4 reset child
        task child: complete
        task parent: complete
        events parent: 1 Started · 2-4 WT · 5 ChildInitiated(TERMINATE) · 6 ChildStarted(init=5) · 7-9 WT · 10 ChildCompleted(init=5) · 11-13 WT · 14 Completed
        events child run=1: 1 Started · 2-4 WT · 5 TimerStarted(t) · 6 Terminated(reason=reset child, identity=history-resetter)
        events child run=2: 1 Started · 2 WTScheduled · 3 WTStarted · 4 WTFailed(RESET_WORKFLOW, resetWorkflow "reset child", identity=history-service, baseRunId,newRunId set) · 5-7 WT · 8 Completed
    "#
    /// Scenario 127, ground rule 12: terminate, after every kind of close.
    s127_the_children_are_terminated: r#"
        start a
        task a: child ca
        terminate a parent-down
        events ca: 1 Started · 2 WTScheduled · 3 Terminated(reason=by parent close policy, identity=history-service)
        start b
        task b: child cb
        task b: complete
        status cb Terminated
        start c
        task c: child cc
        task c: fail P parent failed
        status cc Terminated
        start d
        task d: child cd
        task d: cancelled
        status cd Terminated
        start e
        task e: child ce
        task e: continue e
        status ce Terminated
        events a: 1 Started · 2-4 WT · 5 ChildInitiated(TERMINATE) · 6 ChildStarted(init=5) · 7 WTScheduled · 8 Terminated(reason=parent-down, identity=frontend-service)
    "#
    /// Scenarios 128 and 133.
    s128_the_cancellation_of_children_is_requested: r#"
        start a
        task a: child ca policy=cancel
        task a:
        terminate a x
        events ca: 1 Started · 2 WTScheduled · 3 CancelRequested(identity=history-service, externalWorkflowExecution=a)
        events a: 1 Started · 2-4 WT · 5 ChildInitiated(REQUEST_CANCEL) · 6 ChildStarted(init=5) · 7-9 WT · 10 Terminated(reason=x, identity=frontend-service)
        start b
        task b: child cb policy=cancel
        task cb: timer 1 60s
        task b: complete
        task cb: cancel-timer 1; cancelled
        events cb: 1 Started · 2-4 WT · 5 TimerStarted(1) · 6 CancelRequested(identity=history-service, externalWorkflowExecution=b) · 7-9 WT · 10 TimerCanceled(1) · 11 Canceled
    "#
    /// Scenarios 130 and 131: an abandoned child keeps its id.
    s130_policies_and_continue_as_new: r#"
        start p
        task p: child t; child c policy=cancel; child a policy=abandon
        task p: continue p
        events t: 1 Started · 2 WTScheduled · 3 Terminated(reason=by parent close policy, identity=history-service)
        events c: 1 Started · 2 WTScheduled · 3 CancelRequested(identity=history-service, externalWorkflowExecution=p)
        events a: 1 Started · 2 WTScheduled
        task p: child a; child t
        task p: complete
        events p: 1 Started · 2-4 WT · 5 ChildInitiated(TERMINATE) · 6 ChildInitiated(TERMINATE) · 7 ChildStartFailed(WORKFLOW_ALREADY_EXISTS) · 8 WTScheduled · 9 ChildStarted(init=6) · 10 WTStarted · 11 WTCompleted · 12 Completed
    "#
    /// Scenario 132, ground rule 7.
    s132_a_child_initiated_by_the_closing_task_is_not_started: r#"
        start p
        task p: child c policy=abandon; complete
        status c Running => workflow not found for ID: c
    "#
    /// Scenario 134.
    s134_generations: r#"
        start root
        task root: child child
        task child: child grandchild policy=cancel
        task root:
        task child:
        terminate root root
        events child: 1 Started · 2-4 WT · 5 ChildInitiated(REQUEST_CANCEL) · 6 ChildStarted(init=5) · 7-9 WT · 10 Terminated(reason=by parent close policy, identity=history-service)
        events grandchild: 1 Started · 2 WTScheduled · 3 CancelRequested(identity=history-service, externalWorkflowExecution=child)
    "#
    /// Scenario 137.
    s137_cancel_another_execution: r#"
        start target
        task target: timer 1 60s
        start w
        task w: cancel-other target told-to
        task w: complete
        task target: cancel-timer 1; cancelled
        events w: 1 Started · 2-4 WT · 5 ExtCancelInitiated(reason=told-to) · 6 ExtCancelRequested(init=5) · 7-9 WT · 10 Completed
        events target: 1 Started · 2-4 WT · 5 TimerStarted(1) · 6 CancelRequested(cause=told-to, identity=history-service, externalInitiatedEventId=5, externalWorkflowExecution=w) · 7-9 WT · 10 TimerCanceled(1) · 11 Canceled
    "#
    /// Scenario 138.
    s138_cancel_an_unknown_execution: r#"
        start w
        task w: cancel-other nobody x
        task w: complete
        events w: 1 Started · 2-4 WT · 5 ExtCancelInitiated(reason=x) · 6 ExtCancelFailed(init=5, EXTERNAL_WORKFLOW_EXECUTION_NOT_FOUND) · 7-9 WT · 10 Completed
    "#
    /// Scenario 139.
    s139_cancel_a_closed_execution: r#"
        start target
        task target: complete
        start w
        task w: cancel-other target x
        task w: complete
        events w: 1 Started · 2-4 WT · 5 ExtCancelInitiated(reason=x) · 6 ExtCancelRequested(init=5) · 7-9 WT · 10 Completed
        events target: 1 Started · 2-4 WT · 5 Completed
    "#
    /// Scenario 140.
    s140_cancel_oneself: r#"
        start w
        task w: cancel-other w x
        task w: complete
        events w: 1 Started · 2-4 WT · 5 ExtCancelInitiated(reason=x) · 6 ExtCancelFailed(init=5, EXTERNAL_WORKFLOW_EXECUTION_NOT_FOUND) · 7-9 WT · 10 Completed
    "#
    /// Scenario 142, ground rule 7.
    s142_what_the_closing_task_asks_of_others_is_dropped: r#"
        start target
        start w
        task w: cancel-other target bye; signal-other target hello; complete
        events w: 1 Started · 2-4 WT · 5 ExtCancelInitiated(reason=bye) · 6 ExtSignalInitiated · 7 Completed
        events target: 1 Started · 2 WTScheduled
    "#
    signals_between_executions: r#"
        start target
        start w
        task w: signal-other target hello; signal-other nobody hello
        task w: complete
        events w: 1 Started · 2-4 WT · 5 ExtSignalInitiated · 6 ExtSignalInitiated · 7 ExtSignaled(init=5) · 8 WTScheduled · 9 ExtSignalFailed(init=6, EXTERNAL_WORKFLOW_EXECUTION_NOT_FOUND) · 10 WTStarted · 11 WTCompleted · 12 Completed
        events target: 1 Started · 2 WTScheduled · 3 Signaled(hello)
    "#
    } };
}
