//! Twins of the workflows in TypeScript: scopes.

#![expect(
    clippy::async_yields_async,
    reason = "what is started in a scope is awaited outside"
)]

use std::time::Duration;

use steadfast::{
    convert::to_payload,
    definition::WorkflowDefinition,
    prelude::*,
    testing::Replayer,
    workflow::{ActivityFuture, join, join3},
};

use ActivityCancellationType::{TryCancel, WaitCancellationCompleted};

const HOUR: Duration = Duration::from_secs(3600);
const SECOND: Duration = Duration::from_secs(1);

/// Makes a workflow of each body, and the function that registers them all.
macro_rules! twins {
    ($($twin:ident $name:literal |$ctx:ident| $body:block)+) => {
        $(
            #[workflow(name = $name)]
            #[derive(Default)]
            struct $twin;

            #[workflow_methods]
            impl $twin {
                #[run]
                async fn run($ctx: &mut WorkflowContext<Self>) -> WorkflowResult<String> $body
            }
        )+

        pub(crate) fn register(replayer: Replayer) -> Replayer {
            replayer $(.register_workflow::<$twin>())+
        }
    };
}

fn activity<W: WorkflowDefinition>(
    ctx: &WorkflowContext<W>,
    name: &str,
    cancellation_type: ActivityCancellationType,
) -> ActivityFuture<String> {
    let options = ActivityOptions::with_start_to_close_timeout(60 * SECOND)
        .cancellation_type(cancellation_type);
    ctx.start_activity_by_name(name, vec![to_payload("x").unwrap()], options)
}

fn said<E: std::fmt::Display>(result: Result<String, E>) -> String {
    result.unwrap_or_else(|error| error.to_string())
}

twins! {
    // The handle of a detached scope does not reach what is in it; here that is a scope around it.
    Detached "s02_noncancellable_cancelled_by_handle" |ctx| {
        let scope = ctx.scope(async |ctx| {
            ctx.disconnected(async |ctx| ctx.sleep(SECOND * 3 / 10).await).await
        });
        let handle = scope.handle();
        let (slept, ()) = join(scope, async { handle.cancel("by handle") }).await;
        slept?;
        Ok("finished".to_owned())
    }

    InDetached "s03_cancellable_inside_noncancellable_cancelled_by_handle" |ctx| {
        ctx.disconnected(async |ctx| {
            let scope = ctx.scope(async |ctx| ctx.sleep(HOUR).await);
            let handle = scope.handle();
            let (slept, cancelled) = join(scope, async {
                ctx.sleep(SECOND / 10).await?;
                handle.cancel("by handle");
                WorkflowResult::Ok(())
            })
            .await;
            cancelled?;
            Ok(slept.unwrap_err().to_string())
        })
        .await
    }

    TimeoutExpires "s05_with_timeout_expires_wait" |ctx| {
        let limited = ctx.with_timeout(SECOND, async |ctx| {
            activity(ctx, "hbLoop", WaitCancellationCompleted).await
        });
        Ok(said(limited.await))
    }

    TimeoutEarly "s06_with_timeout_early" |ctx| {
        let limited = ctx.with_timeout(30 * SECOND, async |ctx| {
            activity(ctx, "quick", WaitCancellationCompleted).await
        });
        Ok(said(limited.await))
    }

    NestedTimeouts "s08_with_timeout_nested_outer_first" |ctx| {
        let limited = ctx.with_timeout(SECOND, async |ctx| {
            ctx.with_timeout(HOUR, async |ctx| ctx.sleep(2 * HOUR).await).await
        });
        Ok(limited.await.unwrap_err().to_string())
    }

    InnerOnly "s09_inner_scope_cancel_only" |ctx| {
        let first = ctx.scope(async |ctx| ctx.sleep(HOUR).await);
        let handle = first.handle();
        let second = ctx.scope(async |ctx| ctx.sleep(SECOND / 2).await);
        let third = async {
            ctx.sleep(SECOND / 10).await?;
            handle.cancel("the first");
            WorkflowResult::Ok(())
        };
        let (first, second, third) = join3(first, second, third).await;
        second?;
        third?;
        Ok(first.unwrap_err().to_string())
    }

    ErrorAndCancel "s11_scope_error_explicit_cancel" |ctx| {
        let sibling = ctx.scope(async |ctx| ctx.sleep(HOUR).await);
        let handle = sibling.handle();
        let (_, branch) = join(sibling, async {
            ctx.sleep(SECOND / 10).await?;
            handle.cancel("a branch failed");
            WorkflowResult::Err(ApplicationFailure::new("branch failed", "Branch").into())
        })
        .await;
        Ok(said(branch))
    }

    Cleanup "s12_cancel_cleanup_rethrow" |ctx| {
        let result = activity(ctx, "hbLoop", TryCancel).await;
        ctx.disconnected(async |ctx| activity(ctx, "quick", TryCancel).await)
            .await?;
        Ok(result?)
    }

    Unrequested "s14_throw_cancelled_without_request" |ctx| {
        let scope = ctx.scope(async |ctx| ctx.sleep(HOUR).await);
        let handle = scope.handle();
        let (slept, ()) = join(scope, async { handle.cancel("made up") }).await;
        slept?;
        Ok("slept".to_owned())
    }

    BeforeFirstTask "s15_cancel_before_first_task" |ctx| {
        Ok(said(activity(ctx, "quick", TryCancel).await))
    }

    // The official SDK waits for the child's end when it is told to wait for the request.
    ChildWaits "s17_child_wait_requested" |ctx| {
        let id = WorkflowId::new(format!("{}-child", ctx.workflow_id()))?;
        let options = ChildWorkflowOptions::with_workflow_id(id)
            .parent_close_policy(ParentClosePolicy::Abandon);
        ctx.start_child_workflow_by_name("childSlow", Vec::new(), options)?
            .await?;
        Ok("done".to_owned())
    }

    Steps "s19_saga" |ctx| {
        ctx.saga(async |saga| {
            for _ in 0..2 {
                let options = ActivityOptions::start_to_close_timeout(60 * SECOND);
                saga.step(Quick::quick, "step".to_owned(), options.clone())
                    .compensate_with(Quick::quick, "undo".to_owned(), options)
                    .await?;
            }
            activity(ctx, "hbLoop", WaitCancellationCompleted).await
        })
        .await
    }

    AwaitedOutside "s20_noncancellable_awaited_outside" |ctx| {
        let started = ctx
            .disconnected(async |ctx| activity(ctx, "hbLoopShort", TryCancel))
            .await;
        Ok(started.await?)
    }

    Condition "s21_condition_cancelled" |ctx| {
        let waited = ctx.wait_condition_timeout(HOUR, |_| false).await;
        Ok(waited.unwrap_err().to_string())
    }

    CancelledTwice "s23_second_cancel_of_scope" |ctx| {
        let scope = ctx.scope(async |ctx| activity(ctx, "hbLoop", WaitCancellationCompleted).await);
        let handle = scope.handle();
        let (result, cancelled) = join(scope, async {
            ctx.sleep(SECOND * 3 / 10).await?;
            handle.cancel("once");
            handle.cancel("twice");
            WorkflowResult::Ok(())
        })
        .await;
        cancelled?;
        Ok(said(result))
    }

    Background "s24_parent_scope_option" |ctx| {
        let background = ctx.new_scope();
        let creator = ctx.scope(async |ctx| {
            ctx.in_scope(&background, async |ctx| {
                ctx.spawn(async |ctx| ctx.sleep(SECOND * 4 / 10).await)
            })
            .await
        });
        let handle = creator.handle();
        let task = creator.await;
        handle.cancel("the creator");
        task.await?;
        Ok("bg-survived".to_owned())
    }

    RaceWait "s30_race_wait" |ctx| {
        Ok(said(activity(ctx, "quick", WaitCancellationCompleted).await))
    }

    RaceTry "s31_race_try" |ctx| {
        Ok(said(activity(ctx, "quick", TryCancel).await))
    }
}

struct Quick;

#[activity_definitions]
impl Quick {
    #[activity]
    fn quick(text: String) -> String;
}
