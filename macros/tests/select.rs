//! What `select!` does at run time; it needs nothing of the SDK.

use std::{
    cell::{Cell, RefCell},
    future::{Future, pending, poll_fn, ready},
    pin::pin,
    task::{Context, Poll, Waker},
};

use steadfast_macros::select;

/// Polls a future until it is ready; it must not need to be woken.
fn run<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..1000 {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
    panic!("the future waits for ever");
}

/// Is ready after so many polls.
async fn after(polls: u32) -> u32 {
    let mut left = polls;
    poll_fn(|_| {
        if left == 0 {
            return Poll::Ready(polls);
        }
        left -= 1;
        Poll::Pending
    })
    .await
}

#[test]
fn the_first_ready_branch_wins() {
    let value = run(async {
        select! {
            value = after(5) => value,
            value = after(2) => value + 100,
            () = pending() => unreachable!(),
        }
    });
    assert_eq!(value, 102);
}

#[test]
fn branches_are_polled_in_the_written_order() {
    let order = RefCell::new(Vec::new());
    let trace = |name: &'static str, value: Poll<()>| {
        let order = &order;
        poll_fn(move |_| {
            order.borrow_mut().push(name);
            value
        })
    };
    run(async {
        select! {
            () = trace("a", Poll::Pending) => {}
            () = trace("b", Poll::Pending) => {}
            () = trace("c", Poll::Ready(())) => {}
            () = trace("d", Poll::Ready(())) => {}
        }
    });
    assert_eq!(order.into_inner(), ["a", "b", "c"]);
}

#[test]
fn futures_are_dropped_before_the_handler_runs() {
    let mut counter = 0;
    async fn count(counter: &mut u32) {
        *counter += after(1).await;
    }
    run(async {
        select! {
            () = count(&mut counter) => counter += 10,
            () = pending() => {}
        }
    });
    assert_eq!(counter, 11);
}

#[test]
fn a_future_can_be_borrowed_and_awaited_again() {
    let value = run(async {
        let mut slow = Box::pin(after(3));
        select! {
            _ = &mut slow => unreachable!(),
            value = after(1) => value + slow.await,
        }
    });
    assert_eq!(value, 4);
}

#[test]
fn a_pattern_that_does_not_match_disables_its_branch() {
    let value = run(async {
        select! {
            Some(value) = ready(None::<u32>) => value,
            Ok(value) | Err(value) = async { after(2).await; Ok::<u32, u32>(7) } => value,
        }
    });
    assert_eq!(value, 7);
}

#[test]
fn a_pattern_moves_what_it_binds() {
    struct Trip {
        name: String,
        nights: Option<String>,
    }
    let trip = Trip {
        name: "Rome".to_owned(),
        nights: Some("two".to_owned()),
    };
    let text = run(async {
        select! {
            Trip { nights: None, .. } = pending() => unreachable!(),
            Trip { mut name, nights: Some(nights) } = ready(trip) => {
                name.push_str(&nights);
                name
            }
        }
    });
    assert_eq!(text, "Rometwo");
}

#[test]
fn else_runs_when_every_branch_is_disabled() {
    let wanted = false;
    let value = run(async {
        select! {
            Some(value) = ready(None::<u32>) => value,
            value = after(0), if wanted => value,
            else => 42,
        }
    });
    assert_eq!(value, 42);
}

#[test]
#[should_panic(expected = "every branch of `select!` is disabled")]
fn without_else_it_panics_when_every_branch_is_disabled() {
    let wanted = false;
    run(async {
        select! {
            () = pending(), if wanted => {}
        }
    });
}

#[test]
fn the_future_of_a_branch_with_a_false_condition_is_not_created() {
    let created = Cell::new(0);
    let create = || {
        created.set(created.get() + 1);
        ready(())
    };
    run(async {
        select! {
            () = create(), if created.get() > 0 => {}
            () = create() => {}
        }
    });
    assert_eq!(created.get(), 1);
}

#[test]
fn handlers_can_leave_a_loop_return_fail_and_wait() {
    async fn attempt(tries: u32) -> Result<u32, String> {
        let mut sum = 0;
        for round in 0.. {
            select! {
                value = after(round) => {
                    if value == tries {
                        break;
                    }
                    if value > 10 {
                        return Ok(0);
                    }
                    if value == 7 {
                        Err("seven")?;
                    }
                    sum += after(value).await;
                    continue;
                }
                () = pending() => {}
            }
        }
        Ok(sum)
    }
    assert_eq!(run(attempt(4)), Ok(6));
    assert_eq!(run(attempt(9)), Err("seven".to_owned()));
}

#[test]
fn selects_nest() {
    let value = run(async {
        select! {
            outer = after(1) => select! {
                inner = after(2) => outer * 10 + inner,
                () = pending() => 0,
            },
            () = pending() => 0,
        }
    });
    assert_eq!(value, 12);
}

#[test]
fn names_of_the_user_and_of_the_macro_do_not_meet() {
    let output = 1;
    let future_0 = 2;
    let is_pending = 3;
    let value = run(async {
        select! {
            context = after(4), if output == 1 => context + future_0 + is_pending,
        }
    });
    assert_eq!(value, 9);
}

#[test]
fn temporaries_of_a_future_live_as_long_as_it() {
    async fn length(text: &str) -> usize {
        after(3).await;
        text.len()
    }
    let value = run(async {
        select! {
            value = length(&String::from("abc")) => value,
            () = pending() => 0,
        }
    });
    assert_eq!(value, 3);
}

#[test]
fn many_branches_are_possible() {
    let value = run(async {
        select! {
            v = after(50) => v, v = after(49) => v, v = after(48) => v, v = after(47) => v,
            v = after(46) => v, v = after(45) => v, v = after(44) => v, v = after(43) => v,
            v = after(42) => v, v = after(41) => v, v = after(40) => v, v = after(39) => v,
            v = after(38) => v, v = after(37) => v, v = after(36) => v, v = after(35) => v,
            v = after(34) => v, v = after(33) => v, v = after(32) => v, v = after(31) => v,
        }
    });
    assert_eq!(value, 31);
}
