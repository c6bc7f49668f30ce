//! What else workflow code can do: handlers, continue-as-new, patches, chance and time, tasks,
//! channels, search attributes, ids.

use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use steadfast::{
    client::WorkflowStartOptionsBuilder,
    core::event::EventKind,
    engine::{ExecutionRef, ListFilter, Signal, SignalWorkflowRequest},
    prelude::*,
    workflow::{join, join_all, try_join, try_join_all},
};
use steadfast_engine::conformance::notation::{render, short};
use tokio::test;

use crate::{
    harness::{
        Ctx, HOUR, MINUTE, QUEUE, SECOND, Script, Stage, World, define, many, once, options,
        own_body, redefine, scenario, scenario_without_worker,
    },
    logs,
};

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Order {
    item: String,
    count: u32,
}

/// A workflow with every kind of handler.
#[workflow]
#[derive(Debug)]
struct Shop {
    order: Order,
    log: Vec<String>,
    closed: bool,
}

#[workflow_methods]
impl Shop {
    #[init]
    fn new(view: &WorkflowContextView, order: Order) -> Result<Self, ApplicationFailure> {
        if order.count == 0 {
            return Err(ApplicationFailure::new("nothing was ordered", "EmptyOrder"));
        }
        let log = vec![format!("init {}", view.workflow_id())];
        Ok(Self {
            order,
            log,
            closed: false,
        })
    }

    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<Vec<String>> {
        ctx.state_mut(|state| state.log.push("run".to_owned()));
        ctx.wait_condition(|state| state.closed).await?;
        Ok(ctx.state(|state| state.log.clone()))
    }

    /// Plain, with a context that cannot wait.
    #[signal]
    fn close(&mut self, ctx: &mut SyncWorkflowContext<Self>) {
        self.log.push(
            format!("close {}", ctx.is_replaying())
                .replace(" true", "")
                .replace(" false", ""),
        );
        self.closed = true;
    }

    /// Waits.
    #[signal]
    async fn order_later(ctx: &mut WorkflowContext<Self>, count: u32, item: String) {
        if ctx.sleep(MINUTE).await.is_ok() {
            ctx.state_mut(|state| state.log.push(format!("later {count} {item}")));
        }
    }

    /// Fails.
    #[signal]
    fn refuse(&mut self, why: String) -> Result<(), ApplicationFailure> {
        Err(ApplicationFailure::new(why, "Refused"))
    }

    #[query]
    fn item(&self) -> String {
        self.order.item.clone()
    }

    #[query(name = "price-of")]
    fn price(&self, view: &WorkflowContextView, each: u32) -> Result<u32, String> {
        let _ = view.history_length();
        self.order
            .count
            .checked_mul(each)
            .ok_or_else(|| "too expensive".to_owned())
    }

    #[update]
    fn set_count(&mut self, count: u32) -> u32 {
        std::mem::replace(&mut self.order.count, count)
    }

    #[update_validator(set_count)]
    fn check_count(&self, count: &u32) -> Result<(), String> {
        if *count > 100 {
            Err(format!("{count} are too many"))
        } else {
            Ok(())
        }
    }

    #[update]
    async fn deliver(ctx: &mut WorkflowContext<Self>, to: String) -> Result<String, WorkflowError> {
        if to.is_empty() {
            return Err(ApplicationFailure::new("no address", "Address").into());
        }
        Ok(ctx
            .start_activity(Stage::quick, format!("to {to}"), options())
            .await?)
    }
}

fn apples(count: u32) -> Order {
    Order {
        item: "apples".to_owned(),
        count,
    }
}

async fn shop(world: &World, id: &str, count: u32) -> ShopHandle {
    let options = WorkflowStartOptions::new(QUEUE, id);
    world
        .client
        .start_workflow(Shop::run, apples(count), options)
        .await
        .unwrap()
}

fn work(world: &World) {
    world.work_with(world.worker().register_workflow::<Shop>());
}

#[test]
async fn handlers_of_every_kind_are_called() {
    scenario_without_worker(async |world| {
        work(world);
        let handle = shop(world, "shop", 3).await;
        assert_eq!(handle.item().await.unwrap(), "apples");
        assert_eq!(handle.price(5).await.unwrap(), 15);
        let error = handle.price(u32::MAX).await.unwrap_err();
        assert!(
            matches!(&error, ClientError::Refused(_))
                && error.to_string().contains("too expensive"),
            "{error}"
        );
        assert_eq!(handle.set_count(7).await.unwrap(), 3);
        let error = handle.set_count(101).await.unwrap_err();
        assert!(error.to_string().contains("101 are too many"), "{error}");
        assert_eq!(handle.deliver("Rome".to_owned()).await.unwrap(), "to Rome");
        let error = handle.deliver(String::new()).await.unwrap_err();
        assert!(error.to_string().contains("no address"), "{error}");
        handle.order_later(2, "pears".to_owned()).await.unwrap();
        world.advance(MINUTE).await;
        // A message in the task of the timer would be heard before the timer (M1).
        world.settle().await;
        handle.close().await.unwrap();
        assert_eq!(
            handle.result().await.unwrap(),
            ["init shop", "run", "later 2 pears", "close"]
        );
        // A closed workflow still answers.
        assert_eq!(handle.price(2).await.unwrap(), 14);
        let history = render(&handle.history().await.unwrap().events);
        assert!(!history.contains("WTFailed"), "{history}");
        // What was refused left no trace.
        assert_eq!(history.matches("UpdAccepted").count(), 3, "{history}");
    })
    .await;
}

#[test]
async fn an_init_that_fails_ends_the_workflow_as_failed() {
    scenario_without_worker(async |world| {
        work(world);
        let handle = shop(world, "empty", 0).await;
        let error = handle.result().await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the workflow failed: nothing was ordered"
        );
        assert_eq!(
            render(&handle.history().await.unwrap().events),
            "1 Started · 2-4 WT · 5 Failed(application,EmptyOrder \"nothing was ordered\", RETRY_POLICY_NOT_SET)"
        );
    })
    .await;
}

#[test]
async fn an_error_that_leaves_a_signal_handler_fails_the_workflow() {
    scenario_without_worker(async |world| {
        work(world);
        let handle = shop(world, "shop", 1).await;
        handle.refuse("not today".to_owned()).await.unwrap();
        let error = handle.result().await.unwrap_err();
        assert_eq!(error.to_string(), "the workflow failed: not today");
    })
    .await;
}

#[test]
async fn an_update_under_the_same_id_runs_once() {
    scenario_without_worker(async |world| {
        work(world);
        let handle = shop(world, "shop", 1).await;
        assert_eq!(
            handle
                .update_with_id(Shop::set_count, 5, "same")
                .await
                .unwrap(),
            1
        );
        assert_eq!(
            handle
                .update_with_id(Shop::set_count, 6, "same")
                .await
                .unwrap(),
            1
        );
        assert_eq!(handle.set_count(9).await.unwrap(), 5);
    })
    .await;
}

#[test]
async fn signals_before_the_first_task_are_handled_before_run() {
    scenario_without_worker(async |world| {
        let start = |id: &str| WorkflowStartOptions::new(QUEUE, id.to_owned());
        let handle = world
            .client
            .signal_with_start_workflow(Shop::run, apples(1), start("shop"), Shop::close, ())
            .await
            .unwrap();
        work(world);
        assert_eq!(
            handle.result().await.unwrap(),
            ["init shop", "close", "run"]
        );
        assert_eq!(
            render(&handle.history().await.unwrap().events)
                .split(" · ")
                .take(3)
                .collect::<Vec<_>>(),
            ["1 Started", "2 Signaled(close)", "3-5 WT"]
        );
    })
    .await;
}

#[test]
async fn signal_with_start_finds_the_open_execution() {
    scenario(async |world| {
        let body = define(async |ctx| {
            ctx.wait_condition(|state| state.heard.len() == 2).await?;
            Ok(ctx.state(|state| state.heard.join(" ")))
        });
        let start = || WorkflowStartOptions::new(QUEUE, "one");
        for word in ["hello", "again"] {
            world
                .client
                .signal_with_start_workflow(
                    Script::run,
                    body.clone(),
                    start(),
                    Script::say,
                    word.to_owned(),
                )
                .await
                .unwrap();
        }
        assert_eq!(world.find("one").result().await, "hello again");
        assert_eq!(world.executions(None).await.len(), 1);
    })
    .await;
}

#[test]
async fn an_unknown_signal_is_kept_and_warned_about() {
    let logs = logs::collect();
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                ctx.wait_condition(|state| !state.heard.is_empty()).await?;
                let unknown = ctx.unhandled_signals();
                Ok(format!("{} {}", unknown.len(), unknown[0].name))
            })
            .await;
        let signal = Signal {
            name: steadfast::core::ids::SignalName::new("nobody_handles_this").unwrap(),
            input: vec![],
            header: Default::default(),
            identity: world.client.identity().clone(),
            request_id: steadfast::core::ids::RequestId::new("request").unwrap(),
        };
        let execution = ExecutionRef::current(WorkflowId::new("w1").unwrap());
        let request = SignalWorkflowRequest { execution, signal };
        world
            .client
            .engine()
            .signal_workflow(request)
            .await
            .unwrap();
        flow.settle().await;
        flow.say("go").await;
        assert_eq!(flow.result().await, "1 nobody_handles_this");
    })
    .await;
    // Twice: replays are silent.
    assert_eq!(logs.count("signal=\"nobody_handles_this\""), 2, "{logs:?}");
}

#[test]
async fn a_handler_that_is_running_at_the_end_is_warned_about() {
    let logs = logs::collect();
    scenario_without_worker(async |world| {
        work(world);
        let handle = shop(world, "shop", 1).await;
        handle.order_later(1, "figs".to_owned()).await.unwrap();
        world.settle().await;
        handle.close().await.unwrap();
        handle.result().await.unwrap();
    })
    .await;
    assert!(
        logs.contain("the workflow ended while handlers were running"),
        "{logs:?}"
    );
    assert!(logs.contain("signal `order_later`"), "{logs:?}");
}

#[test]
async fn an_unknown_query_and_update_name_the_ones_there_are() {
    scenario_without_worker(async |world| {
        work(world);
        shop(world, "shop", 1).await;
        // The same id with the handle of another type.
        let other = world.client.workflow::<Script>("shop").unwrap();
        let error = other.heard().await.unwrap_err().to_string();
        assert!(
            error.contains("`heard`") && error.contains("`item`") && error.contains("`price-of`"),
            "{error}"
        );
    })
    .await;
}

#[test]
async fn a_workflow_of_a_type_that_no_worker_knows_fails_its_task_and_says_which_there_are() {
    scenario(async |world| {
        let handle = shop(world, "shop", 1).await;
        let history = loop {
            let history = handle.history().await.unwrap();
            if render(&history.events).contains("WTFailed") {
                break history;
            }
            tokio::task::yield_now().await;
        };
        let text = history
            .events
            .iter()
            .find_map(|event| match &event.kind {
                EventKind::WorkflowTaskFailed {
                    failure: Some(failure),
                    ..
                } => Some(failure.to_string()),
                _ => None,
            })
            .unwrap();
        assert!(
            text.contains("`Shop`") && text.contains("`Script`"),
            "{text}"
        );
    })
    .await;
}

#[test]
async fn a_workflow_continues_as_new_with_its_next_input() {
    scenario(async |world| {
        let last = define(async |ctx| Ok(format!("{}", ctx.view().continued_run_id().is_some())));
        let flow = world
            .start(async move |ctx| {
                ctx.continue_as_new(last.clone(), ContinueAsNewOptions::default())
            })
            .await;
        assert_eq!(flow.result().await, "true");
        assert_eq!(world.executions(None).await.len(), 2);
    })
    .await;
}

#[test]
async fn continue_as_new_is_not_undone_by_a_saga_or_a_cleanup() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                if ctx.view().continued_run_id().is_some() {
                    return Ok("second".to_owned());
                }
                ctx.on_cancel(async |ctx| {
                    ctx.start_activity(Stage::quick, "cleanup".to_owned(), options())
                        .await
                });
                ctx.saga(async |saga| {
                    saga.step(Stage::quick, "step".to_owned(), options())
                        .compensate_with(Stage::quick, "undo".to_owned(), options())
                        .await?;
                    ctx.continue_as_new(own_body(ctx), ContinueAsNewOptions::default())
                })
                .await
            })
            .await;
        assert_eq!(flow.result().await, "second");
        assert_eq!(world.board.said(), ["step"]);
    })
    .await;
}

#[test]
async fn a_patch_is_taken_by_new_runs_and_not_by_old_ones() {
    once(crate::harness::none(), &async |world: &World| {
        world.work();
        let body = define(async |ctx| {
            ctx.sleep(MINUTE).await?;
            ctx.sleep(MINUTE).await?;
            Ok("old".to_owned())
        });
        let old = world.start_named(&body).await;
        old.settle().await;
        let patched = async |ctx: &mut Ctx| {
            if ctx.patched("no-sleep") {
                Ok(ctx
                    .start_activity(Stage::quick, "new".to_owned(), options())
                    .await?)
            } else {
                ctx.sleep(MINUTE).await?;
                ctx.sleep(MINUTE).await?;
                Ok("old".to_owned())
            }
        };
        redefine(&body, patched);
        let new = world.start_named(&body).await;
        assert_eq!(new.result().await, "new");
        world.advance(MINUTE).await;
        world.advance(MINUTE).await;
        assert_eq!(old.result().await, "old");
        let history = new.text().await;
        assert!(
            history.starts_with("1 Started · 2-4 WT · 5 MarkerRecorded("),
            "{history}"
        );
    })
    .await;
}

#[test]
async fn changed_code_fails_the_task_and_names_both_sides() {
    once(crate::harness::none(), &async |world: &World| {
        world.work();
        let body = define(async |ctx| {
            ctx.sleep(MINUTE).await?;
            Ok(String::new())
        });
        let flow = world.start_named(&body).await;
        flow.settle().await;
        redefine(&body, async |ctx| {
            Ok(ctx
                .start_activity(Stage::quick, "new".to_owned(), options())
                .await?)
        });
        flow.say("wake").await;
        flow.reaches("WTFailed", 1).await;
        let text = flow
            .events()
            .await
            .iter()
            .find_map(|event| match &event.kind {
                EventKind::WorkflowTaskFailed {
                    failure: Some(failure),
                    ..
                } => Some(failure.message.clone()),
                _ => None,
            })
            .unwrap();
        for part in [
            "X1100",
            "recorded:",
            "StartTimer",
            "now:",
            "ScheduleActivityTask",
            "help:",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        assert!(
            flow.text()
                .await
                .contains("WTFailed(NON_DETERMINISTIC_ERROR, ")
        );
    })
    .await;
}

#[test]
async fn chance_and_time_are_the_same_in_every_replay() {
    // Twice with a worker that replays for every task: other runs have other numbers.
    once(crate::harness::none(), &async |world: &World| {
        world.work();
        let flow = world
            .start(async |ctx| {
                let mut seen = Vec::new();
                for _ in 0..2 {
                    seen.push(format!(
                        "{} {} {} {:?}",
                        ctx.random_u64(),
                        ctx.random_f64(),
                        ctx.uuid4(),
                        ctx.now().duration_since(UNIX_EPOCH)?
                    ));
                    ctx.upsert_memo("seen", &seen)?;
                    ctx.sleep(MINUTE).await?;
                }
                assert_ne!(seen[0], seen[1]);
                Ok(serde_json_text(&seen))
            })
            .await;
        world.advance(MINUTE).await;
        flow.settle().await;
        let before = flow.handle.describe().await.unwrap().memo["seen"].clone();
        world.advance(MINUTE).await;
        let after = flow.result().await;
        // With a worker that replays for every task, `seen` was made four times.
        assert_eq!(String::from_utf8_lossy(before.data.as_slice()), after);
    })
    .await;
}

fn serde_json_text(lines: &[String]) -> String {
    let lines: Vec<String> = lines.iter().map(|line| format!("\"{line}\"")).collect();
    format!("[{}]", lines.join(","))
}

#[test]
async fn a_side_effect_is_made_once() {
    use std::sync::atomic::{AtomicU32, Ordering};
    static MADE: AtomicU32 = AtomicU32::new(0);
    once(crate::harness::none(), &async |world: &World| {
        world.work();
        let flow = world
            .start(async |ctx| {
                let value = ctx.side_effect(|| MADE.fetch_add(1, Ordering::SeqCst) + 1)?;
                ctx.sleep(MINUTE).await?;
                Ok(format!("{value}"))
            })
            .await;
        world.advance(MINUTE).await;
        assert_eq!(flow.result().await, "1");
        assert_eq!(MADE.load(Ordering::SeqCst), 1);
    })
    .await;
}

#[test]
async fn tasks_run_beside_each_other_and_give_their_results() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let first = ctx.spawn(async |ctx| {
                    ctx.sleep(2 * SECOND).await?;
                    WorkflowResult::Ok("first".to_owned())
                });
                let second = ctx.spawn(async |ctx| {
                    ctx.sleep(SECOND).await?;
                    WorkflowResult::Ok("second".to_owned())
                });
                let third = ctx.spawn(async |ctx| ctx.sleep(HOUR).await.is_err());
                assert!(!first.is_finished());
                third.cancel("not needed");
                let second = second.await?;
                Ok(format!("{} {second} {}", first.await?, third.await))
            })
            .await;
        world.advance(SECOND).await;
        world.advance(SECOND).await;
        assert_eq!(flow.result().await, "first second true");
    })
    .await;
}

#[test]
async fn a_dropped_task_ends_and_a_detached_one_runs_on() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let sleeps = async |ctx: &mut Ctx| {
                    let _ = ctx.sleep(SECOND).await;
                    ctx.state_mut(|state| state.heard.push("detached".to_owned()));
                };
                ctx.spawn(sleeps).detach();
                let dropped = ctx.spawn(async |ctx| {
                    let _ = ctx.sleep(HOUR).await;
                    ctx.state_mut(|state| state.heard.push("dropped".to_owned()));
                });
                ctx.sleep(SECOND).await?;
                drop(dropped);
                ctx.wait_condition(|state| !state.heard.is_empty()).await?;
                Ok(ctx.state(|state| state.heard.join(" ")))
            })
            .await;
        world.advance(SECOND).await;
        assert_eq!(flow.result().await, "detached");
    })
    .await;
}

#[test]
async fn channels_semaphores_and_mutexes_connect_tasks() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let channel = ctx.channel::<u32>();
                let mutex = ctx.mutex(Vec::new());
                let semaphore = ctx.semaphore(2);
                let mut tasks = Vec::new();
                for number in 0..4_u32 {
                    let (channel, mutex, semaphore) =
                        (channel.clone(), mutex.clone(), semaphore.clone());
                    tasks.push(ctx.spawn(async move |ctx| {
                        let _permit = semaphore.acquire().await?;
                        ctx.sleep(SECOND).await?;
                        mutex.lock().await?.push(number);
                        channel.send(number);
                        WorkflowResult::Ok(())
                    }));
                }
                let mut received = Vec::new();
                while received.len() < 4 {
                    received.push(channel.receive().await?);
                }
                assert_eq!(channel.try_receive(), None);
                try_join_all(tasks).await?;
                Ok(format!("{received:?} {:?}", *mutex.lock().await?))
            })
            .await;
        // Two at a time.
        world.advance(SECOND).await;
        world.advance(SECOND).await;
        assert_eq!(flow.result().await, "[0, 1, 2, 3] [0, 1, 2, 3]");
    })
    .await;
}

// D2
#[test]
async fn who_waits_for_a_permit_or_a_value_is_reached_by_a_cancellation() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let semaphore = ctx.semaphore(1);
                let permit = semaphore.acquire().await?;
                let channel = ctx.channel::<u32>();
                let waits = semaphore.clone();
                let (acquired, received) = join(waits.acquire(), channel.receive()).await;
                assert!(acquired.is_err() && received.is_err());
                ctx.cancelled().await;
                drop(permit);
                // The cancelled wait did not take the permit with it.
                let permit = semaphore.acquire().await?;
                channel.send(7);
                let value = channel.receive().await?;
                drop(permit);
                Ok(value.to_string())
            })
            .await;
        flow.settle().await;
        flow.cancel("stop").await;
        assert_eq!(flow.result().await, "7");
    })
    .await;
}

#[test]
async fn two_hundred_operations_are_joined() {
    // The order in which they end is their own affair.
    for options in [many(), crate::harness::none()] {
        once(options, &async |world: &World| {
            world.work();
            let flow = world
                .start(async |ctx| {
                    let all: Vec<_> = (0..200)
                        .map(|number| {
                            ctx.start_activity(
                                Stage::quick,
                                number.to_string(),
                                crate::harness::options(),
                            )
                        })
                        .collect();
                    let results = join_all(all).await;
                    let sum: u32 = results
                        .into_iter()
                        .map(|result| result.unwrap().parse::<u32>().unwrap())
                        .sum();
                    Ok(sum.to_string())
                })
                .await;
            assert_eq!(flow.result().await, "19900");
        })
        .await;
    }
}

#[test]
async fn try_join_stops_at_the_first_error_and_cancels_the_rest() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let fails = async {
                    ctx.sleep(SECOND).await?;
                    WorkflowResult::<()>::Err(ApplicationFailure::new("no", "Broken").into())
                };
                let sleeps = async {
                    ctx.sleep(HOUR).await?;
                    WorkflowResult::Ok(())
                };
                try_join(fails, sleeps).await?;
                Ok(String::new())
            })
            .await;
        world.advance(SECOND).await;
        assert_eq!(short(&*flow.failure().await), "application,Broken \"no\"");
        flow.has(
            "1 Started · 2-4 WT · 5 TimerStarted(1) · 6 TimerStarted(2) · 7 TimerFired(1) · 8-10 WT · \
             11 TimerCanceled(2) · 12 Failed(application,Broken \"no\", RETRY_POLICY_NOT_SET)",
        )
        .await;
    })
    .await;
}

#[test]
async fn select_takes_any_async_block_and_else() {
    scenario(async |world| {
        let flow = world
            .start(async |ctx| {
                let block = async {
                    ctx.sleep(SECOND).await?;
                    let name = ctx
                        .start_activity(Stage::quick, "block".to_owned(), options())
                        .await?;
                    WorkflowResult::Ok(name)
                };
                let first = select! {
                    done = block => done?,
                    _ = ctx.sleep(HOUR) => "time".to_owned(),
                };
                let second = select! {
                    Some(_) = std::future::ready(Option::<u32>::None) => "some",
                    else => "else",
                };
                Ok(format!("{first} {second}"))
            })
            .await;
        world.advance(SECOND).await;
        assert_eq!(flow.result().await, "block else");
    })
    .await;
}

#[test]
async fn search_attributes_and_memo_are_started_changed_and_found() {
    scenario(async |world| {
        let body = define(async |ctx| {
            let memo: String = ctx.view().memo("note")?;
            ctx.upsert_search_attribute("city", &"Rome")?;
            ctx.upsert_memo("note", &"changed")?;
            ctx.sleep(HOUR).await?;
            Ok(memo)
        });
        let options = WorkflowStartOptions::new(QUEUE, "found")
            .memo("note", &"first")
            .and_then(|options| options.search_attribute("city", &"Paris"))
            .unwrap();
        let flow = world.start_with(&body, options).await;
        flow.settle().await;
        flow.has("1 Started · 2-4 WT · 5 SearchAttributes · 6 Memo · 7 TimerStarted(1)")
            .await;
        let described = flow.handle.describe().await.unwrap();
        assert_eq!(described.memo["note"].data.as_slice(), b"\"changed\"");
        for (city, count) in [("\"Rome\"", 1), ("\"Paris\"", 0)] {
            let payload = steadfast::core::payload::Payload::json(city.as_bytes().to_vec());
            let filter = ListFilter {
                search_attributes: [("city".to_owned(), payload)].into(),
                ..ListFilter::default()
            };
            assert_eq!(
                world.client.count_workflows(filter).await.unwrap(),
                count,
                "{city}"
            );
        }
        world.advance(HOUR).await;
        assert_eq!(flow.result().await, "first");
    })
    .await;
}

#[test]
async fn a_start_delay_delays_the_first_task() {
    scenario(async |world| {
        let body = define(async |_| Ok("started".to_owned()));
        let options = WorkflowStartOptions::new(QUEUE, "delayed").start_delay(MINUTE);
        let flow = world.start_with(&body, options).await;
        flow.has("1 Started").await;
        world.clock.advance(MINUTE);
        assert_eq!(flow.result().await, "started");
    })
    .await;
}

#[test]
async fn ids_are_reused_and_conflict_as_the_policies_say() {
    scenario(async |world| {
        let body = define(async |ctx| {
            ctx.wait_condition(|state| !state.heard.is_empty()).await?;
            Ok("done".to_owned())
        });
        let id = || WorkflowStartOptions::new(QUEUE, "same");
        let start = async |options: WorkflowStartOptionsBuilder| {
            world
                .client
                .start_workflow(Script::run, body.clone(), options)
                .await
        };
        let first = start(id()).await.unwrap();
        let error = start(id()).await.unwrap_err();
        assert!(error.to_string().contains("already"), "{error}");
        let same = start(id().id_conflict_policy(WorkflowIdConflictPolicy::UseExisting))
            .await
            .unwrap();
        assert_eq!(same.run_id(), first.run_id());
        let next = start(id().id_conflict_policy(WorkflowIdConflictPolicy::TerminateExisting))
            .await
            .unwrap();
        assert_ne!(next.run_id(), first.run_id());
        next.say("end".to_owned()).await.unwrap();
        next.result().await.unwrap();
        start(id().id_reuse_policy(WorkflowIdReusePolicy::RejectDuplicate))
            .await
            .unwrap_err();
        start(id().id_reuse_policy(WorkflowIdReusePolicy::AllowDuplicateFailedOnly))
            .await
            .unwrap_err();
        let last = start(id().id_reuse_policy(WorkflowIdReusePolicy::AllowDuplicate))
            .await
            .unwrap();
        last.say("end".to_owned()).await.unwrap();
        last.result().await.unwrap();
    })
    .await;
}

#[test]
async fn a_workflow_knows_who_it_is_and_how_it_was_started() {
    scenario(async |world| {
        let body = define(async |ctx| {
            let view = ctx.view();
            assert_eq!(view.workflow_id(), &ctx.workflow_id());
            assert_eq!(view.run_id(), &ctx.run_id());
            assert_eq!(view.first_execution_run_id(), view.run_id());
            assert!(view.parent().is_none() && view.history_length() >= 3);
            Ok(format!(
                "{} {} {} {} {:?}",
                view.workflow_id(),
                view.workflow_type(),
                view.task_queue(),
                view.attempt(),
                view.run_timeout()
            ))
        });
        let options = WorkflowStartOptions::new(QUEUE, "me").run_timeout(HOUR);
        let flow = world.start_with(&body, options).await;
        assert_eq!(flow.result().await, "me Script tests 1 Some(3600s)");
    })
    .await;
}

#[test]
async fn what_a_workflow_logs_is_logged_once() {
    let logs = logs::collect();
    once(crate::harness::none(), &async |world: &World| {
        world.work();
        let flow = world
            .start(async |ctx| {
                tracing::info!("logged before the timer");
                ctx.sleep(SECOND).await?;
                tracing::info!("logged after the timer");
                Ok(String::new())
            })
            .await;
        world.advance(SECOND).await;
        flow.result().await;
    })
    .await;
    for text in ["logged before the timer", "logged after the timer"] {
        assert_eq!(logs.count(text), 1, "{logs:?}");
    }
}

#[test]
async fn inputs_that_cannot_be_read_fail_the_task_and_not_the_workflow() {
    once(many(), &async |world: &World| {
        work(world);
        // A shop is started with the input of a script.
        let request = steadfast::engine::StartWorkflowRequest {
            workflow_id: WorkflowId::new("shop").unwrap(),
            workflow_type: steadfast::core::ids::WorkflowType::new("Shop").unwrap(),
            task_queue: TaskQueue::new(QUEUE).unwrap(),
            input: vec![steadfast::core::payload::Payload::json(
                b"\"text\"".to_vec(),
            )],
            header: Default::default(),
            timeouts: Default::default(),
            identity: world.client.identity().clone(),
            request_id: steadfast::core::ids::RequestId::new("start").unwrap(),
            id_reuse_policy: WorkflowIdReusePolicy::default(),
            id_conflict_policy: WorkflowIdConflictPolicy::default(),
            retry_policy: None,
            start_delay: Duration::ZERO,
            cron_schedule: None,
            memo: Default::default(),
            search_attributes: Default::default(),
            user_metadata: None,
            priority: None,
            unmodelled: None,
        };
        world.client.engine().start_workflow(request).await.unwrap();
        let flow = world.find("shop");
        flow.reaches("WTFailed", 1).await;
        let text = format!("{:?}", flow.events().await);
        assert!(text.contains("the workflow's input"), "{text}");
    })
    .await;
}
