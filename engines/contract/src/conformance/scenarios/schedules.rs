//! Schedules, and the cron schedules of workflows.

#[doc(hidden)]
#[macro_export]
macro_rules! __scenarios_of_schedules {
    ($then:path, $judge:path) => { $then! { $judge,
    a_schedule_takes_its_action_at_its_times: r#"
        schedule s every=60s
        scheduled s taken=0 running=0 next=10
        advance 60s
        scheduled s taken=1 running=1
        task s: complete
        scheduled s taken=1 running=0 recent=1
        advance 60s
        scheduled s taken=2 running=1
        patch s delete
        advance 600s
        scheduled s => schedule not found
        status s Running
    "#
    a_schedule_is_created_once: r#"
        schedule s every=60s
        schedule s every=90s => schedule "s" is already registered
        schedule t cron=61_*_*_*_* => Minute is not in range [0-59]
        scheduled t => schedule not found
    "#
    what_overlaps_is_skipped_unless_the_policy_says_otherwise: r#"
        schedule s every=60s
        advance 180s
        scheduled s taken=1 skipped=2 wait=0
    "#
    one_action_waits_for_the_execution_that_is_open: r#"
        schedule s every=60s overlap=BufferOne
        advance 240s
        scheduled s taken=1 skipped=2 wait=1
        task s: complete
        scheduled s taken=2 wait=0 running=1
    "#
    all_actions_wait_for_the_execution_that_is_open: r#"
        schedule s every=60s overlap=BufferAll
        advance 240s
        scheduled s taken=1 skipped=0 wait=3
        task s: complete
        task s: complete
        scheduled s taken=3 wait=1
    "#
    the_open_execution_is_asked_to_cancel_before_the_next: r#"
        schedule s every=60s overlap=CancelOther
        advance 60s
        run s
        task s:
        advance 60s
        scheduled s taken=1 wait=1 running=1
        events s: 1 Started · 2-4 WT · 5 CancelRequested(cause=cancelled by schedule overlap policy, identity=temporal-scheduler-default-s) · 6 WTScheduled
        task s: cancelled
        scheduled s taken=2 wait=0
        status s Cancelled run=1
        status s Running
    "#
    the_open_execution_is_terminated_before_the_next: r#"
        schedule s every=60s overlap=TerminateOther
        advance 60s
        run s
        advance 60s
        scheduled s taken=2 wait=0 running=1
        status s Terminated run=1
        status s Running
    "#
    a_paused_schedule_takes_no_action_unless_it_is_triggered: r#"
        schedule s every=60s paused=yes
        advance 300s
        scheduled s taken=0 paused=yes missed=0
        patch s trigger
        scheduled s taken=1 running=1
        task s: complete
        patch s unpause go on
        scheduled s taken=1 paused=no
        advance 60s
        scheduled s taken=2
        patch s pause enough
        task s: complete
        advance 600s
        scheduled s taken=2 paused=yes
    "#
    a_schedule_pauses_itself_when_an_execution_fails: r#"
        schedule s every=60s pause=on-failure
        advance 60s
        task s: fail no
        scheduled s taken=1 paused=yes
        advance 600s
        scheduled s taken=1
    "#
    a_schedule_has_so_many_actions_as_it_is_given: r#"
        schedule s every=60s remaining=2
        scheduled s next=2
        advance 60s
        task s: complete
        advance 60s
        task s: complete
        advance 600s
        scheduled s taken=2 remaining=0 next=0
        patch s trigger
        scheduled s taken=3 remaining=0
    "#
    an_execution_that_continues_as_new_stays_the_one_of_the_schedule: r#"
        schedule s every=60s overlap=BufferOne
        advance 60s
        task s: continue s
        advance 60s
        scheduled s taken=1 running=1 wait=1
        task s: complete
        scheduled s taken=2 wait=0
    "#
    /// The first run waits for its time, and each is followed by the next one.
    a_workflow_with_a_cron_schedule_runs_again_and_again: r#"
        start w cron=@every_60s
        quiet w
        advance 59s
        quiet w
        advance 1s
        task w: complete "one"
        status w Completed run=1
        status w Running
        quiet w
        run w
        advance 60s
        task w: complete
        status w Completed run=2
        status w Running
    "#
    /// Ground rule 3: a request to cancel does not wait for the next run's time.
    a_workflow_that_waits_for_its_time_is_cancelled_at_once: r#"
        start w cron=@every_3600s
        cancel w enough
        events w: 1 Started · 2 CancelRequested(cause=enough, identity=client) · 3 WTScheduled
        task w: cancelled
        status w Cancelled
        advance 7200s
        status w Cancelled
    "#
    a_workflow_that_waits_for_its_time_is_terminated: r#"
        start w cron=@every_3600s
        advance 3600s
        task w: complete
        terminate w enough
        status w Terminated
        advance 7200s
        quiet w
    "#
    /// A signal does not begin a run before its time.
    a_signal_waits_for_the_time_of_the_run: r#"
        start w cron=@every_60s
        signal w go
        quiet w
        advance 60s
        task w: complete
        status w Completed run=1
    "#
    a_workflow_that_fails_runs_again_at_its_next_time: r#"
        start w cron=@every_60s
        advance 60s
        task w: fail no
        status w Failed run=1
        status w Running
        advance 60s
        task w: complete
        status w Running
    "#
    /// It runs out while the next run waits for its time, as on a Temporal Service.
    an_execution_with_a_cron_schedule_ends_when_its_time_is_over: r#"
        start w cron=@every_60s execution=90s
        advance 60s
        task w: complete "one"
        status w Completed run=1
        status w Running
        advance 30s
        status w TimedOut
        advance 120s
        quiet w
    "#
    a_cron_schedule_that_is_none_is_refused: r#"
        start w cron=now_and_then => invalid CronSchedule.
        start w cron=@hourly delay=5s => CronSchedule and WorkflowStartDelay may not be used together.
    "#
    /// Its parent hears of the end of the last one.
    a_child_with_a_cron_schedule_ends_when_it_is_cancelled: r#"
        start p
        task p: child c cron=@every_60s
        task p:
        advance 60s
        task c: complete
        quiet p
        status c Running
        cancel c enough
        task c: cancelled
        task p: complete
        status p Completed
        status c Cancelled
    "#
    }};
}
