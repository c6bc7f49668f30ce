//! Steps that did their work and whose value does not arrive: G1, G5, G6.

use std::sync::Arc;

use steadfast::{prelude::*, workflow::Saga};
use steadfast_engine::conformance::notation::short;
use tokio::test;

use crate::harness::{
    Board, Ctx, Flow, HOUR, MINUTE, SECOND, Script, Stage, World, define, options,
    scenario_without_worker,
};

/// Charges, and has no way to say so.
struct Till(Arc<Board>);

#[activities]
impl Till {
    #[activity]
    async fn unwritable(&self) -> Result<f64, ActivityError> {
        self.0.say("charged");
        Ok(f64::NAN)
    }

    #[activity]
    async fn too_large(&self) -> Result<String, ActivityError> {
        self.0.say("charged");
        Ok("x".repeat(3 << 20))
    }

    #[activity]
    async fn panics(&self) -> Result<String, ActivityError> {
        self.0.say("charged");
        panic!("out of paper");
    }

    #[activity]
    async fn takes_a_number(&self, _: u32) -> Result<String, ActivityError> {
        self.0.say("charged");
        Ok(String::new())
    }

    #[activity]
    async fn find(&self) -> Result<Option<u32>, ActivityError> {
        Ok(Some(7))
    }
}

/// What somebody else takes the activities here to be.
struct Misread;

#[activity_definitions]
impl Misread {
    #[activity]
    fn quick(name: String) -> u32;

    #[activity]
    fn takes_a_number(number: String) -> String;
}

/// A workflow whose result cannot be written.
#[workflow]
#[derive(Default)]
struct Unwritable;

#[workflow_methods]
impl Unwritable {
    #[run]
    async fn run(_ctx: &mut WorkflowContext<Self>) -> WorkflowResult<f64> {
        Ok(f64::NAN)
    }
}

/// What somebody else takes a `Script` to give.
#[workflow(name = "Script")]
#[derive(Default)]
struct MisreadScript;

#[workflow_methods]
impl MisreadScript {
    #[run]
    async fn run(_ctx: &mut WorkflowContext<Self>, _body: String) -> WorkflowResult<u32> {
        unreachable!("the other one runs")
    }
}

fn once() -> ActivityOptions {
    ActivityOptions::with_start_to_close_timeout(HOUR)
        .retry_policy(RetryPolicy::once())
        .build()
}

async fn at_the_till(test: impl AsyncFn(&World)) {
    scenario_without_worker(async |world| {
        let till = Till(Arc::clone(&world.board));
        world.work_with(
            world
                .worker()
                .register_workflow::<Unwritable>()
                .register_activities(till),
        );
        test(world).await;
    })
    .await;
}

/// A saga of one step.
async fn saga_of(
    world: &World,
    step: impl AsyncFn(&Saga<Script>) -> WorkflowResult<()> + Send + Sync + 'static,
) -> Flow {
    world
        .start(async move |ctx: &mut Ctx| {
            ctx.saga(async |saga| {
                step(saga).await?;
                WorkflowResult::Ok(String::new())
            })
            .await
        })
        .await
}

macro_rules! refunded {
    ($saga:ident: $step:expr) => {
        async move |$saga: &Saga<Script>| {
            $step
                .compensate_with(Stage::quick, "refund".to_owned(), options())
                .await?;
            Ok(())
        }
    };
}

// G1: the activity has returned, so it has happened.
#[test]
async fn an_activity_whose_result_cannot_be_read_is_undone() {
    at_the_till(async |world| {
        let step = refunded!(saga: saga.step(Misread::quick, "charged".to_owned(), once()));
        let flow = saga_of(world, step).await;
        assert_eq!(
            short(&*flow.failure().await),
            "application,ConvertError \"cannot decode a payload as `u32`\" <- application,Error \"invalid type: \
             string \"charged\", expected u32 at line 1 column 9\""
        );
        assert_eq!(world.board.said(), ["charged", "refund"]);
    })
    .await;
}

// G1
#[test]
async fn an_activity_whose_result_cannot_be_written_is_undone() {
    at_the_till(async |world| {
        let step = refunded!(saga: saga.step(Till::unwritable, (), options()));
        let flow = saga_of(world, step).await;
        assert_eq!(
            short(&*flow.failure().await),
            "activity,NON_RETRYABLE_FAILURE \"activity failed\" <- application,ConvertError \"cannot encode a value \
             of type `f64`: a number in it is not finite (NaN or infinite); use an `Option`, or an enum that says \
             what it means\""
        );
        assert_eq!(world.board.said(), ["charged", "refund"]);
    })
    .await;
}

// G1, F8
#[test]
async fn an_activity_whose_result_is_too_large_is_undone() {
    at_the_till(async |world| {
        let step = refunded!(saga: saga.step(Till::too_large, (), once()));
        let flow = saga_of(world, step).await;
        assert_eq!(
            short(&*flow.failure().await),
            "activity,MAXIMUM_ATTEMPTS_REACHED \"activity failed\" <- application,PayloadsTooLarge \"the activity's \
             result: 3145740 bytes of payload, and the limit is 2097152; keep large values elsewhere and pass a \
             reference\""
        );
        assert_eq!(world.board.said(), ["charged", "refund"]);
    })
    .await;
}

// G1: a panic says nothing of what was done before it.
#[test]
async fn an_activity_that_panics_is_undone() {
    at_the_till(async |world| {
        let step = refunded!(saga: saga.step(Till::panics, (), once()));
        let flow = saga_of(world, step).await;
        assert_eq!(
            short(&*flow.failure().await),
            "activity,MAXIMUM_ATTEMPTS_REACHED \"activity failed\" <- application,Panic \"the activity panicked: \
             out of paper\""
        );
        assert_eq!(world.board.said(), ["charged", "refund"]);
    })
    .await;
}

// G1, F8: what never ran is not undone.
#[test]
async fn a_step_whose_input_is_refused_is_not_undone() {
    at_the_till(async |world| {
        let step = refunded!(saga: saga.step(Stage::quick, "x".repeat(3 << 20), once()));
        let flow = saga_of(world, step).await;
        assert_eq!(
            short(&*flow.failure().await),
            "activity,NON_RETRYABLE_FAILURE \"activity not scheduled\" <- application,PayloadsTooLarge \
             \"ScheduleActivityTask  activity_type `quick`  activity_id `1`: 3145740 bytes of payload, and the \
             limit is 2097152; keep large values elsewhere and pass a reference\""
        );
        let step = refunded!(saga: saga.step(Misread::takes_a_number, "one".to_owned(), once()));
        let flow = saga_of(world, step).await;
        assert_eq!(
            short(&*flow.failure().await),
            "activity,MAXIMUM_ATTEMPTS_REACHED \"activity failed\" <- application,ConvertError \"cannot decode a \
             payload as `u32`\" <- application,Error \"invalid type: string \"one\", expected u32 at line 1 column \
             5\""
        );
        assert_eq!(world.board.said(), [""; 0]);
    })
    .await;
}

// G6: the output is not known, so it is looked up, or the error says what that means.
#[test]
async fn an_output_that_cannot_be_read_is_looked_up_or_reported() {
    at_the_till(async |world| {
        let flow = saga_of(world, async |saga| {
            saga.step(Misread::quick, "charged".to_owned(), once())
                .look_up(Till::find, (), options())
                .compensate_with_output(Stage::quick, |id| format!("refund {id}"), options())
                .await?;
            Ok(())
        })
        .await;
        flow.failure().await;
        assert_eq!(world.board.said(), ["charged", "refund 7"]);

        let flow = saga_of(world, async |saga| {
            saga.step(Misread::quick, "charged".to_owned(), once())
                .compensate_with_output(Stage::quick, |id| format!("refund {id}"), options())
                .await?;
            Ok(())
        })
        .await;
        let text = flow.failure().await.to_string();
        assert!(text.contains("the step may have happened"), "{text}");
    })
    .await;
}

// G1, F8: children whose run function has returned.
#[test]
async fn a_child_workflow_whose_result_does_not_arrive_is_undone() {
    at_the_till(async |world| {
        let child = define(async |_| Ok("done".to_owned()));
        let step = refunded!(saga: saga.child_workflow(
            MisreadScript::run, child.clone(), ChildWorkflowOptions::builder(),
        ));
        let flow = saga_of(world, step).await;
        assert_eq!(
            short(&*flow.failure().await),
            "application,ConvertError \"cannot decode a payload as `u32`\" <- application,Error \"invalid type: \
             string \"done\", expected u32 at line 1 column 6\""
        );
        assert_eq!(world.board.said(), ["refund"]);

        let step = refunded!(saga: saga.child_workflow(
            Unwritable::run, (), ChildWorkflowOptions::builder(),
        ));
        let flow = saga_of(world, step).await;
        assert_eq!(
            short(&*flow.failure().await),
            "childWorkflowExecution,RETRY_POLICY_NOT_SET \"child workflow failed\" <- application,ConvertError \
             \"cannot encode a value of type `f64`: a number in it is not finite (NaN or infinite); use an \
             `Option`, or an enum that says what it means\""
        );
        assert_eq!(world.board.said(), ["refund", "refund"]);

        let child = define(async |_| Ok("x".repeat(3 << 20)));
        let step = refunded!(saga: saga.child_workflow(
            Script::run, child.clone(), ChildWorkflowOptions::builder(),
        ));
        let flow = saga_of(world, step).await;
        assert_eq!(
            short(&*flow.failure().await),
            "childWorkflowExecution,RETRY_POLICY_NOT_SET \"child workflow failed\" <- application,PayloadsTooLarge \
             \"the workflow's result: 3145740 bytes of payload, and the limit is 2097152; keep large values \
             elsewhere and pass a reference\""
        );
        assert_eq!(world.board.said(), ["refund", "refund", "refund"]);
    })
    .await;
}

// G5: the first run timed out, and only the second one said no.
#[test]
async fn a_child_workflow_that_failed_after_a_run_that_timed_out_is_undone() {
    at_the_till(async |world| {
        let child = define(async |ctx| {
            if ctx.view().attempt() == 1 {
                ctx.sleep(HOUR).await?;
            }
            Err(ApplicationFailure::non_retryable("already charged", "Declined").into())
        });
        let step = refunded!(saga: saga.child_workflow(
            Script::run,
            child.clone(),
            ChildWorkflowOptions::with_workflow_id(WorkflowId::new("child")?)
                .run_timeout(MINUTE)
                .retry_policy(RetryPolicy::default()),
        ));
        let flow = saga_of(world, step).await;
        flow.reaches("ChildStarted", 1).await;
        world.find("child").reaches("TimerStarted", 1).await;
        world.advance(MINUTE).await;
        while world.executions(None).await.len() < 3 {
            tokio::task::yield_now().await;
        }
        world.clock.advance(2 * SECOND);
        assert_eq!(
            short(&*flow.failure().await),
            "childWorkflowExecution,NON_RETRYABLE_FAILURE \"child workflow failed\" <- application,Declined \
             \"already charged\""
        );
        assert_eq!(world.board.said(), ["refund"]);
    })
    .await;
}
