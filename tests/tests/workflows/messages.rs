//! Messages come first: M1 to M4.

use std::time::Duration;

use steadfast::{core::event::EventKind, prelude::*};
use tokio::test;

use crate::{
    harness::{
        Flow, HOUR, MINUTE, QUEUE, Stage, World, define, many, none, once, scenario,
        scenario_without_worker,
    },
    logs,
};

/// Counts what it is told, and goes on or ends as soon as there is anything.
#[workflow]
#[derive(Debug, Default)]
struct Tally {
    votes: Vec<String>,
    noted: Vec<String>,
    open: bool,
}

#[workflow_methods]
impl Tally {
    /// Continues as new so many times; drains first, as everybody does.
    #[run]
    async fn run(
        ctx: &mut WorkflowContext<Self>,
        before: Vec<String>,
        runs: u32,
    ) -> WorkflowResult<Vec<String>> {
        ctx.wait_condition(|state| !state.votes.is_empty()).await?;
        let mut votes = before;
        votes.append(&mut ctx.state_mut(|state| std::mem::take(&mut state.votes)));
        if runs > 0 {
            return ctx.continue_as_new((votes, runs - 1), ContinueAsNewOptions::default());
        }
        Ok(votes)
    }

    #[signal]
    fn vote(&mut self, what: String) {
        self.votes.push(what);
    }

    /// Waits for `open`, and only then votes.
    #[signal]
    async fn vote_when_open(ctx: &mut WorkflowContext<Self>, what: String) {
        if ctx.wait_condition(|state| state.open).await.is_ok() {
            ctx.state_mut(|state| state.votes.push(what));
        }
    }

    #[signal]
    fn open(&mut self) {
        self.open = true;
    }

    #[signal]
    fn refuse(&mut self) -> Result<(), ApplicationFailure> {
        Err(ApplicationFailure::new("refused", "Refused"))
    }

    #[update]
    fn count(&mut self, what: String) -> usize {
        self.votes.push(what);
        self.votes.len()
    }

    /// Never ends by itself.
    #[update]
    async fn think(ctx: &mut WorkflowContext<Self>) -> Result<(), WorkflowError> {
        ctx.state_mut(|state| state.noted.push("thinking".to_owned()));
        ctx.wait_condition(|_| false).await?;
        Ok(())
    }

    #[query]
    fn noted(&self) -> Vec<String> {
        self.noted.clone()
    }
}

async fn tally(world: &World, id: &str, runs: u32) -> TallyHandle {
    let options = WorkflowStartOptions::new(QUEUE, id);
    world
        .client
        .start_workflow(Tally::run, (Vec::new(), runs), options)
        .await
        .unwrap()
}

fn work(world: &World) {
    world.work_with(world.worker().register_workflow::<Tally>());
}

/// With the run in memory and with it rebuilt, before and after its first task.
async fn while_the_worker_is_away(test: impl AsyncFn(&World, &TallyHandle)) {
    for options in [many(), none()] {
        for started in [true, false] {
            let test = &test;
            once(options.clone(), &async |world: &World| {
                let handle = tally(world, "tally", 1).await;
                if started {
                    work(world);
                    world.settle().await;
                    world.rest().await;
                }
                test(world, &handle).await;
                world.rest().await;
            })
            .await;
        }
    }
}

/// The current run, once there are two.
async fn second_run(world: &World) -> TallyHandle {
    while world.executions(None).await.len() < 2 {
        tokio::task::yield_now().await;
    }
    world.client.workflow::<Tally>("tally").unwrap()
}

// M1, M2
#[test]
async fn all_signals_of_a_task_are_heard_before_the_run_continues_as_new() {
    while_the_worker_is_away(async |world, handle| {
        for vote in ["a", "b", "c"] {
            handle.vote(vote.to_owned()).await.unwrap();
        }
        work(world);
        let next = second_run(world).await;
        next.vote("d".to_owned()).await.unwrap();
        assert_eq!(next.result().await.unwrap(), ["a", "b", "c", "d"]);
    })
    .await;
}

// M1: an update is heard too, behind the signals of its task.
#[test]
async fn an_update_in_the_task_in_which_the_run_ends_is_answered() {
    scenario_without_worker(async |world| {
        let handle = tally(world, "tally", 0).await;
        handle.vote("a".to_owned()).await.unwrap();
        let counted = handle.count("b".to_owned());
        // The update is asked for before there is a worker.
        let work = async { work(world) };
        let (counted, ()) = futures_util::future::join(counted, work).await;
        assert_eq!(counted.unwrap(), 2);
        assert_eq!(handle.result().await.unwrap(), ["a", "b"]);
    })
    .await;
}

// M1: a handler that waits goes on with what a later message of the task did, before the run function.
#[test]
async fn handlers_go_on_until_all_of_them_wait_before_other_code_does() {
    while_the_worker_is_away(async |world, handle| {
        handle.vote_when_open("late".to_owned()).await.unwrap();
        handle.vote("early".to_owned()).await.unwrap();
        handle.open().await.unwrap();
        work(world);
        let next = second_run(world).await;
        next.vote("end".to_owned()).await.unwrap();
        assert_eq!(next.result().await.unwrap(), ["early", "late", "end"]);
    })
    .await;
}

// M1: every message is given to its handler before any handler that waits goes on.
#[test]
async fn a_handler_that_waits_goes_on_after_all_messages_were_given() {
    while_the_worker_is_away(async |world, handle| {
        handle.vote_when_open("waits".to_owned()).await.unwrap();
        handle.open().await.unwrap();
        handle.vote("behind".to_owned()).await.unwrap();
        work(world);
        let next = second_run(world).await;
        next.vote("end".to_owned()).await.unwrap();
        assert_eq!(next.result().await.unwrap(), ["behind", "waits", "end"]);
    })
    .await;
}

// M2: a handler whose error ends the run does not keep the messages behind it from theirs.
#[test]
async fn messages_behind_one_that_fails_the_workflow_are_heard() {
    scenario_without_worker(async |world| {
        let handle = tally(world, "tally", 0).await;
        handle.refuse().await.unwrap();
        let counted = handle.count("b".to_owned());
        // The update is asked for before there is a worker.
        let work = async { work(world) };
        let (counted, ()) = futures_util::future::join(counted, work).await;
        assert_eq!(counted.unwrap(), 1);
        assert!(
            handle
                .result()
                .await
                .unwrap_err()
                .to_string()
                .contains("refused")
        );
    })
    .await;
}

// M1, D6: a signal that came after a request is heard before the request does anything.
#[test]
async fn a_message_behind_a_cancel_request_of_its_task_is_heard_first() {
    scenario_without_worker(async |world| {
        world.work();
        let flow = world
            .start(async |ctx| {
                let slept = ctx.sleep(MINUTE).await.is_ok();
                Ok(format!(
                    "{slept} {:?}",
                    ctx.state(|state| state.heard.clone())
                ))
            })
            .await;
        flow.settle().await;
        world.rest().await;
        flow.cancel("stop").await;
        flow.say("last words").await;
        world.work();
        assert_eq!(flow.result().await, "false [\"last words\"]");
    })
    .await;
}

// M3
#[test]
async fn an_accepted_update_whose_run_ends_is_told_so_also_when_asked_again() {
    scenario_without_worker(async |world| {
        work(world);
        for runs in [0, 1] {
            let handle = tally(world, &format!("tally-{runs}"), runs).await;
            let asked = handle.think();
            let end = async {
                while handle.noted().await.unwrap().is_empty() {
                    tokio::task::yield_now().await;
                }
                handle.vote("a".to_owned()).await.unwrap();
            };
            let (answer, ()) = futures_util::future::join(asked, end).await;
            let error = answer.unwrap_err();
            assert!(
                error
                    .to_string()
                    .contains("completed before the Update completed"),
                "{error}"
            );
        }
    })
    .await;
}

// M4
#[test]
async fn a_run_that_ends_while_handlers_wait_is_warned_about_with_their_names() {
    let logs = logs::collect();
    scenario_without_worker(async |world| {
        work(world);
        let handle = tally(world, "tally", 0).await;
        handle.vote_when_open("never".to_owned()).await.unwrap();
        world.settle().await;
        handle.vote("a".to_owned()).await.unwrap();
        handle.result().await.unwrap();
    })
    .await;
    assert!(
        logs.contain("handlers=\"signal `vote_when_open`\""),
        "{logs:?}"
    );
}

/// Ends when its handlers have.
#[workflow]
#[derive(Debug, Default)]
struct Patient {
    noted: Vec<String>,
}

#[workflow_methods]
impl Patient {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<Vec<String>> {
        ctx.wait_condition(|state| !state.noted.is_empty()).await?;
        let before = ctx.view().all_handlers_finished();
        ctx.all_handlers_finished().await?;
        ctx.state_mut(|state| state.noted.push(format!("finished before: {before}")));
        Ok(ctx.state(|state| state.noted.clone()))
    }

    #[signal]
    async fn work(ctx: &mut WorkflowContext<Self>, what: String) {
        ctx.state_mut(|state| state.noted.push(format!("began {what}")));
        if ctx.sleep(MINUTE).await.is_ok() {
            ctx.state_mut(|state| state.noted.push(format!("did {what}")));
        }
    }
}

// M4
#[test]
async fn a_run_can_wait_until_all_its_handlers_have_finished() {
    scenario_without_worker(async |world| {
        world.work_with(world.worker().register_workflow::<Patient>());
        let options = WorkflowStartOptions::new(QUEUE, "patient");
        let handle = world
            .client
            .start_workflow(Patient::run, (), options)
            .await
            .unwrap();
        handle.work("a".to_owned()).await.unwrap();
        world.advance(MINUTE).await;
        let noted = handle.result().await.unwrap();
        assert_eq!(noted, ["began a", "did a", "finished before: false"]);
    })
    .await;
}

// D4: tokio's own idiom, pinned outside of the loop.
#[test]
async fn a_cancelled_future_that_is_only_kept_takes_nothing() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let ctx = &*ctx;
                let mut stop = std::pin::pin!(ctx.cancelled());
                let mut woken = 0;
                loop {
                    select! {
                        why = &mut stop => return Ok(format!("stopped: {why}, {woken}")),
                        said = ctx.wait_condition(|state| !state.heard.is_empty()) => said?,
                    }
                    ctx.state_mut(|state| state.heard.clear());
                    // The work: nobody polls `stop` now, so the default is right.
                    if ctx.sleep(MINUTE).await.is_err() {
                        woken += 1;
                    }
                }
            })
            .await;
        flow.settle().await;
        flow.say("go").await;
        flow.reaches("TimerStarted", 1).await;
        flow.settle().await;
        flow.cancel("enough").await;
        assert_eq!(flow.result().await, "stopped: enough, 1");
        let events = flow.events().await;
        let tasks_after = events
            .iter()
            .skip_while(|e| !matches!(e.kind, EventKind::WorkflowExecutionCancelRequested { .. }))
            .filter(|e| matches!(e.kind, EventKind::WorkflowTaskCompleted { .. }))
            .count();
        assert_eq!(
            tasks_after, 1,
            "the default happens in the task of the request"
        );
    })
    .await;
}

// D10
#[test]
async fn whoever_only_hears_of_a_request_accepts_nothing() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let heard = ctx.spawn(async |ctx| ctx.cancellation_requested().await.to_string());
                let slept = ctx.sleep(MINUTE).await.is_ok();
                let refused = ctx.sleep(MINUTE).await.is_err();
                let again = ctx.cancellation_requested().await;
                Ok(format!("{} {again} {slept} {refused}", heard.await))
            })
            .await;
        flow.settle().await;
        flow.cancel("enough").await;
        assert_eq!(flow.result().await, "enough enough false true");
    })
    .await;
}

// D4, D10: what a task accepts depends on where it began to wait.
#[test]
async fn a_task_accepts_for_itself_and_a_future_of_the_scope_for_the_scope() {
    scenario(async |world| {
        let own = define(async |ctx| {
            let task = ctx.spawn(async |ctx| ctx.cancelled().await.to_string());
            let slept = ctx.sleep(MINUTE).await.is_ok();
            Ok(format!("{} {slept}", task.await))
        });
        let of_the_scope = define(async |ctx| {
            let requested = ctx.cancelled();
            let task = ctx.spawn(async move |_| requested.await.to_string());
            let slept = ctx.sleep(MINUTE).await.is_ok();
            Ok(format!("{} {slept}", task.await))
        });
        let beside = define(async |ctx| {
            let logs = async { ctx.cancelled().await.to_string() };
            let work = async { ctx.sleep(MINUTE).await.is_ok() };
            let (requested, slept) = steadfast::workflow::join(logs, work).await;
            Ok(format!("{requested} {slept}"))
        });
        for (body, result) in [
            (own, "enough false"),
            (of_the_scope, "enough true"),
            (beside, "enough true"),
        ] {
            let flow = world.start_named(&body).await;
            flow.settle().await;
            flow.cancel("enough").await;
            world.advance(MINUTE).await;
            assert_eq!(flow.result().await, result);
        }
    })
    .await;
}

async fn passes(world: &World, flow: &Flow, duration: Duration) {
    flow.settle().await;
    world.clock.advance(duration);
}

// S3: also for a body that accepts only when its time is over already.
#[test]
async fn a_time_limit_holds_for_a_body_that_accepts_a_cancellation_after_it() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let limited = ctx
                    .with_timeout(MINUTE, async |ctx| {
                        let waits = ActivityOptions::with_start_to_close_timeout(HOUR)
                            .cancellation_type(ActivityCancellationType::WaitCancellationCompleted);
                        let held = ctx.start_activity(Stage::ignore, "work".to_owned(), waits);
                        let _ = held.await;
                        let why = ctx.cancelled().await;
                        // A cleanup that hangs.
                        ctx.wait_condition(|_| false).await?;
                        WorkflowResult::Ok(why.to_string())
                    })
                    .await;
                Ok(limited.unwrap_or_else(|error| error.to_string()))
            })
            .await;
        flow.settle().await;
        flow.cancel("stop").await;
        passes(world, &flow, MINUTE).await;
        flow.settle().await;
        world.board.open("work");
        assert_eq!(flow.result().await, "timed out after 60s");
    })
    .await;
}

// S3, O4
#[test]
async fn a_time_limit_holds_for_a_body_that_accepted_a_cancellation() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let limited = ctx
                    .with_timeout(MINUTE, async |ctx| {
                        let why = ctx.cancelled().await;
                        // A cleanup that hangs.
                        ctx.wait_condition(|_| false).await?;
                        WorkflowResult::Ok(why.to_string())
                    })
                    .await;
                Ok(limited.unwrap_or_else(|error| error.to_string()))
            })
            .await;
        flow.settle().await;
        flow.cancel("stop").await;
        passes(world, &flow, MINUTE).await;
        assert_eq!(flow.result().await, "timed out after 60s");
    })
    .await;
}

// O4: by its handle; the second request has its own reason.
#[test]
async fn a_scope_that_accepted_can_be_cancelled_again_by_its_handle() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let scope = ctx.new_scope();
                let body = ctx.in_scope(&scope, async |ctx| {
                    let first = ctx.cancelled().await;
                    let slept = ctx.sleep(2 * MINUTE).await;
                    format!("{first}, then {}", slept.unwrap_err().reason())
                });
                let other = async {
                    ctx.sleep(MINUTE).await?;
                    scope.cancel("first");
                    ctx.sleep(MINUTE).await?;
                    scope.cancel("second");
                    // It is cancelled and not accepted: this one does nothing.
                    scope.cancel("third");
                    WorkflowResult::Ok(())
                };
                let (said, other) = steadfast::workflow::join(body, other).await;
                other?;
                Ok(said)
            })
            .await;
        passes(world, &flow, MINUTE).await;
        flow.reaches("TimerFired", 1).await;
        passes(world, &flow, MINUTE).await;
        assert_eq!(flow.result().await, "first, then second");
    })
    .await;
}

// S6
#[test]
async fn a_dropped_scope_that_had_accepted_is_cancelled() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let told = ctx.channel::<String>();
                let tell = told.clone();
                let mut scope = ctx.scope(async move |ctx| {
                    ctx.cancelled().await;
                    ctx.spawn(async move |ctx| {
                        let slept = ctx.sleep(MINUTE).await;
                        tell.send(
                            slept.map_or_else(|e| e.reason().to_owned(), |()| "slept".to_owned()),
                        );
                    })
                    .detach();
                    ctx.wait_condition(|_| false).await
                });
                let handle = scope.handle();
                for round in 0..2 {
                    select! {
                        _ = &mut scope => {}
                        _ = ctx.wait_condition(|_| true) => {}
                    }
                    if round == 0 {
                        handle.cancel("first");
                    }
                }
                drop(scope);
                Ok(told.receive().await?)
            })
            .await;
        assert_eq!(flow.result().await, "no longer awaited");
    })
    .await;
}

// F2
#[test]
async fn a_request_later_in_the_task_in_which_a_run_ends_with_a_cancellation_counts() {
    scenario_without_worker(async |world| {
        world.work();
        let flow = world
            .start(async |ctx| {
                let timer = ctx.timer(MINUTE);
                ctx.wait_condition(|state| !state.heard.is_empty()).await?;
                timer.cancel();
                timer.await?;
                Ok(String::new())
            })
            .await;
        flow.settle().await;
        world.rest().await;
        flow.say("cancel the timer").await;
        flow.cancel("stop").await;
        world.work();
        flow.handle.result().await.unwrap_err();
        flow.has(
            "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 Signaled(say) · 7 WTScheduled · \
             8 CancelRequested(cause=stop, identity=tester) · 9 WTStarted · 10 WTCompleted · 11 TimerCanceled(1) · \
             12 Canceled",
        )
        .await;
    })
    .await;
}
