//! Updates that start their workflow. They have no numbers: each was tried on a Temporal Service by itself.

#[doc(hidden)]
#[macro_export]
macro_rules! __scenarios_of_updates {
    ($then:path, $judge:path) => { $then! { $judge,
    the_first_task_of_a_workflow_brings_the_update_that_started_it: r#"
        update-with-start w u
        task w: accept u; complete-update u 7
        updated w u 7
        events w: 1 Started · 2-4 WT · 5 UpdAccepted(u) · 6 UpdCompleted(u, accepted=5)
    "#
    an_update_with_start_joins_an_open_run: r#"
        start w
        task w:
        update-with-start w u => workflow execution already started
        quiet w
        update-with-start w u conflict=use
        task w: accept u; complete-update u 7
        updated w u 7
        events w: 1 Started · 2-4 WT · 5-7 WT · 8 UpdAccepted(u) · 9 UpdCompleted(u, accepted=8)
    "#
    an_update_with_start_replaces_an_open_run: r#"
        start w
        update-with-start w u conflict=terminate
        run w
        task w: accept u; complete-update u 7
        updated w u 7
        status w Terminated run=1
        events w run=2: 1 Started · 2-4 WT · 5 UpdAccepted(u) · 6 UpdCompleted(u, accepted=5)
    "#
    /// E10: by the update's id, whatever the policy.
    an_update_that_an_open_run_has_is_the_same: r#"
        update-with-start w u
        task w: accept u
        update-with-start w u stage=accepted
        updated w u
        update-with-start w u
        signal w go
        task w: complete-update u 7
        updated w u 7
        update-with-start w u conflict=terminate
        updated w u 7
        quiet w
        events w: 1 Started · 2-4 WT · 5 UpdAccepted(u) · 6 Signaled(go) · 7-9 WT · 10 UpdCompleted(u, accepted=5)
    "#
    /// E10: by the start's id, while its run is open.
    a_start_that_is_repeated_brings_another_update: r#"
        update-with-start w u request=first-start
        task w: accept u; complete-update u 7
        updated w u 7
        update-with-start w v request=first-start
        task w: accept v; complete-update v 8
        updated w v 8
        events w: 1 Started · 2-4 WT · 5 UpdAccepted(u) · 6 UpdCompleted(u, accepted=5) · 7-9 WT · 10 UpdAccepted(v) · 11 UpdCompleted(v, accepted=10)
    "#
    an_outcome_outlives_its_run: r#"
        update-with-start w u
        task w: accept u; complete-update u 7; complete
        updated w u 7
        run w
        update-with-start w u reuse=reject
        updated w u 7
        update-with-start w v reuse=reject => workflow execution already started
        update-with-start w v
        task w: accept v; complete-update v 8
        updated w v 8
        events w run=1: 1 Started · 2-4 WT · 5 UpdAccepted(u) · 6 UpdCompleted(u, accepted=5) · 7 Completed
    "#
    /// M3. As on a service: what was accepted and has no outcome starts another run.
    an_accepted_update_does_not_keep_a_closed_run: r#"
        update-with-start w u
        run w
        task w: accept u; complete
        updated w u Workflow Update failed because the Workflow completed before the Update completed.
        update-with-start w u
        run w
        task w: accept u; complete-update u 7
        updated w u 7
        status w Completed run=1
        status w Running
    "#
    a_rejected_update_leaves_the_workflow_started: r#"
        update-with-start w u
        task w: reject u no
        updated w u no
        events w: 1 Started · 2-4 WT
        update-with-start w u conflict=use
        task w: accept u; complete-update u 7
        updated w u 7
        events w: 1 Started · 2-4 WT · 5-7 WT · 8 UpdAccepted(u) · 9 UpdCompleted(u, accepted=8)
    "#
    an_update_with_start_is_not_lost_with_a_failing_task: r#"
        update-with-start w u
        fail w boom
        task w: accept u; complete-update u 7
        updated w u 7
    "#
    /// As on a service: what the open run did not look at is for another run.
    a_run_that_closes_first_is_followed_by_another: r#"
        start w
        update-with-start w u conflict=use
        terminate w enough
        moved w u
        run w
        task w: accept u; complete-update u 7
        updated w u 7
        status w Terminated run=1
    "#
    a_started_run_that_closes_first_is_not: r#"
        update-with-start w u
        terminate w enough
        updated w u => workflow update was aborted by closing workflow
        status w Terminated
    "#
    what_cannot_be_together_starts_nothing: r#"
        update-with-start w u delay=3s => WorkflowStartDelay is not supported.
        status w Running => workflow not found for ID: w
    "#
    } };
}
