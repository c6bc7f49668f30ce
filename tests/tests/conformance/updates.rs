//! Updates that start their workflow, and updates that are followed by their id. What is told here was tried on a Temporal
//! Service first.

use std::time::Duration;

use steadfast::{
    client::{UpdateHandle, UpdateOptions},
    core::event::ExecutionStatus::{self, Completed, Running, Terminated},
    engine::EngineError,
    prelude::*,
};

use crate::harness::{Ctx, NOBODY, Script, ScriptHandle, WORKFLOWS, World, define, start_options};

/// Makes a test of each scenario.
macro_rules! scenarios {
    ($($name:ident,)+) => {
        mod scenario {
            $(
                #[tokio::test]
                async fn $name() {
                    crate::harness::judge(super::$name).await;
                }
            )+
        }
    };
}

scenarios! {
    an_update_starts_its_workflow,
    a_repeated_request_has_no_second_effect,
    an_open_workflow_is_updated_if_the_policy_says_so,
    an_open_workflow_is_replaced_if_the_policy_says_so,
    an_update_that_a_closed_run_completed_has_its_outcome,
    a_run_that_closed_with_an_accepted_update_is_followed_by_another,
    a_refused_update_leaves_the_workflow_started,
    what_is_not_valid_starts_nothing,
    an_update_that_nobody_accepts_leaves_the_workflow_started,
    a_run_that_closes_before_it_has_the_update_is_followed_by_another,
    a_started_run_that_closes_before_it_has_the_update_is_not,
    an_update_is_followed_by_its_id,
    an_update_is_followed_beyond_the_end_of_its_run,
    an_update_that_nobody_knows_is_not_found,
    the_handle_of_a_run_that_was_found_reaches_the_current_one,
}

use WorkflowIdConflictPolicy::{Fail, TerminateExisting, UseExisting};

const WHOLE: &str = "1 Started · 2-4 WT · 5 UpdAccepted(u) · 6 UpdCompleted(u, accepted=5)";

async fn until_told(ctx: &mut Ctx) -> WorkflowResult<String> {
    ctx.wait_condition(|state| state.proceeds >= 10).await?;
    Ok("told".to_owned())
}

/// Ends as soon as it was told anything.
async fn until_told_once(ctx: &mut Ctx) -> WorkflowResult<String> {
    ctx.wait_condition(|state| state.proceeds > 0).await?;
    Ok("told".to_owned())
}

fn update_id(id: &str) -> UpdateOptions {
    UpdateOptions::builder().update_id(id).build()
}

/// Tells the workflow `w` to go on, once; starts it first under a policy.
async fn proceed(
    world: &World,
    body: &str,
    policy: WorkflowIdConflictPolicy,
    id: &str,
) -> Result<(ScriptHandle, usize), ClientError> {
    let options = start_options("w").id_conflict_policy(policy);
    let (run, update) = (Script::run, Script::proceed_now);
    let client = &world.client;
    let (body, id) = (body.to_owned(), update_id(id));
    client
        .update_with_start_workflow(run, body, options, update, (), id)
        .await
}

/// Asks the workflow `w` to say when it was told to go on so often; starts it first if it has to.
async fn ask(
    world: &World,
    body: &str,
    times: usize,
) -> Result<(ScriptHandle, UpdateHandle<usize>), ClientError> {
    let options = start_options("w").id_conflict_policy(UseExisting);
    let (run, update) = (Script::run, Script::proceeded);
    let client = &world.client;
    let (body, id) = (body.to_owned(), update_id("u"));
    client
        .start_update_with_start_workflow(run, body, options, update, times, id)
        .await
}

async fn is(world: &World, status: ExecutionStatus) {
    assert_eq!(world.find("w").await.describe().await.status, status);
}

async fn an_update_starts_its_workflow(world: &World) {
    let body = define(until_told);
    let (handle, proceeds) = proceed(world, &body, Fail, "u").await.unwrap();
    assert_eq!(proceeds, 1);
    let flow = world.find("w").await;
    assert_eq!(handle.run_id(), Some(&flow.execution().await.run_id));
    flow.is(Running, WHOLE).await;
}

async fn a_repeated_request_has_no_second_effect(world: &World) {
    let body = define(until_told);
    for policy in [UseExisting, UseExisting, Fail, TerminateExisting] {
        let (_, proceeds) = proceed(world, &body, policy, "u").await.unwrap();
        assert_eq!(proceeds, 1, "{policy:?}");
    }
    let start = || start_options("v").request_id("start");
    for (id, proceeds) in [("one", 1), ("one", 1), ("two", 2)] {
        let sent = world.client.update_with_start_workflow(
            Script::run,
            body.clone(),
            start(),
            Script::proceed_now,
            (),
            update_id(id),
        );
        assert_eq!(
            sent.await.unwrap().1,
            proceeds,
            "the start is known by its id"
        );
    }
    world.find("w").await.is(Running, WHOLE).await;
}

async fn an_open_workflow_is_updated_if_the_policy_says_so(world: &World) {
    let body = define(until_told);
    let flow = world.start_with(&body, start_options("w")).await;
    flow.settle().await;
    let refused = proceed(world, &body, Fail, "u").await.unwrap_err();
    let ClientError::Engine(EngineError::AlreadyStarted { run_id }) = &refused else {
        panic!("{refused}");
    };
    assert_eq!(*run_id, flow.execution().await.run_id);
    flow.is(Running, "1 Started · 2-4 WT").await;
    assert_eq!(proceed(world, &body, UseExisting, "u").await.unwrap().1, 1);
    let updated = "1 Started · 2-4 WT · 5-7 WT · 8 UpdAccepted(u) · 9 UpdCompleted(u, accepted=8)";
    flow.is(Running, updated).await;
}

async fn an_open_workflow_is_replaced_if_the_policy_says_so(world: &World) {
    let body = define(until_told);
    let flow = world.start_with(&body, start_options("w")).await;
    flow.settle().await;
    let replaced = proceed(world, &body, TerminateExisting, "u").await.unwrap();
    assert_eq!(replaced.1, 1);
    assert_eq!(flow.describe().await.status, Terminated);
    world.find("w").await.is(Running, WHOLE).await;
}

async fn an_update_that_a_closed_run_completed_has_its_outcome(world: &World) {
    let body = define(until_told_once);
    let first = proceed(world, &body, Fail, "u").await.unwrap().0;
    first.result().await.unwrap();
    let run = world.find("w").await.execution().await.run_id;
    for policy in [Fail, UseExisting, TerminateExisting] {
        assert_eq!(proceed(world, &body, policy, "u").await.unwrap().1, 1);
        assert_eq!(
            world.find("w").await.execution().await.run_id,
            run,
            "{policy:?}"
        );
    }
    let options = start_options("w").id_reuse_policy(WorkflowIdReusePolicy::RejectDuplicate);
    let refused = world.client.update_with_start_workflow(
        Script::run,
        body.clone(),
        options,
        Script::proceed_now,
        (),
        update_id("another"),
    );
    let refused = refused.await.unwrap_err();
    assert!(
        matches!(
            &refused,
            ClientError::Engine(EngineError::AlreadyStarted { .. })
        ),
        "{refused}"
    );
    let again = proceed(world, &body, Fail, "another").await.unwrap();
    assert_eq!(again.1, 1);
    assert_ne!(world.find("w").await.execution().await.run_id, run);
}

/// What a run accepted and did not complete is no outcome to a request that starts.
async fn a_run_that_closed_with_an_accepted_update_is_followed_by_another(world: &World) {
    let body = define(until_told_once);
    let (handle, update) = ask(world, &body, 2).await.unwrap();
    handle.proceed().await.unwrap();
    handle.result().await.unwrap();
    let failed = update.result().await.unwrap_err();
    assert!(
        failed.to_string().contains("completed before the Update"),
        "{failed}"
    );
    let (_, again) = ask(world, &body, 2).await.unwrap();
    assert_ne!(again.run_id(), update.run_id());
    is(world, Running).await;
}

async fn a_refused_update_leaves_the_workflow_started(world: &World) {
    let body = define(until_told);
    let (handle, update) = ask(world, &body, 0).await.unwrap();
    let refused = update.result().await.unwrap_err();
    assert!(matches!(&refused, ClientError::Refused(_)), "{refused}");
    assert!(refused.to_string().contains("before it began"), "{refused}");
    is(world, Running).await;
    world
        .find("w")
        .await
        .is(Running, "1 Started · 2-4 WT")
        .await;
    let unknown = world.client.start_update_with_start_workflow_by_name(
        "Script",
        vec![steadfast::convert::to_payload(&body).unwrap()],
        start_options("v"),
        "nothing",
        Vec::new(),
        UpdateOptions::default(),
    );
    let refused = unknown.await.unwrap().1.result().await.unwrap_err();
    assert!(refused.to_string().contains("nothing"), "{refused}");
    world
        .find("v")
        .await
        .is(Running, "1 Started · 2-4 WT")
        .await;
    // A rejection leaves no trace, and the id can be used again.
    handle.proceed().await.unwrap();
    let (_, update) = ask(world, &body, 1).await.unwrap();
    assert_eq!(update.result().await.unwrap(), 1);
}

async fn what_is_not_valid_starts_nothing(world: &World) {
    let body = define(until_told);
    let delayed = world.client.update_with_start_workflow(
        Script::run,
        body.clone(),
        start_options("w").start_delay(Duration::from_secs(1)),
        Script::proceed_now,
        (),
        UpdateOptions::default(),
    );
    let refused = delayed.await.unwrap_err().to_string();
    assert!(refused.contains("WorkflowStartDelay"), "{refused}");
    let found = world.client.workflow::<Script>("w").unwrap();
    assert!(found.describe().await.unwrap_err().is_not_found());
}

async fn an_update_that_nobody_accepts_leaves_the_workflow_started(world: &World) {
    let client = world.client.clone();
    let hasty = client.with_answer_timeout(Duration::from_millis(300));
    let sent = hasty.update_with_start_workflow(
        Script::run,
        define(until_told),
        WorkflowStartOptions::new(NOBODY, "w"),
        Script::proceed_now,
        (),
        update_id("u"),
    );
    let wait = async {
        // Where time is moved by hand, somebody has to.
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            world.pass(Duration::from_millis(100)).await;
        }
    };
    let refused = tokio::select! {
        sent = sent => sent.unwrap_err(),
        () = wait => unreachable!(),
    };
    let ClientError::Engine(EngineError::Unanswered { message }) = &refused else {
        panic!("{refused}");
    };
    assert!(
        message.contains("no worker polls the task queue `nobody`"),
        "{message}"
    );
    is(world, Running).await;
}

/// Sends an update while nobody works, and then closes the run.
async fn closed_meanwhile(world: &World, body: &str) -> Result<usize, ClientError> {
    let sent = proceed(world, body, UseExisting, "u");
    let close = async {
        let found = world.client.workflow::<Script>("w").unwrap();
        loop {
            tokio::time::sleep(Duration::from_millis(300)).await;
            let terminated = found.terminate(WorkflowTerminateOptions::default()).await;
            if terminated.is_ok() {
                world.work(WORKFLOWS);
                return;
            }
        }
    };
    let (sent, ()) = tokio::join!(sent, close);
    sent.map(|(_, proceeds)| proceeds)
}

async fn a_run_that_closes_before_it_has_the_update_is_followed_by_another(world: &World) {
    let body = define(until_told);
    world.rest(WORKFLOWS).await;
    let flow = world.start_with(&body, start_options("w")).await;
    assert_eq!(closed_meanwhile(world, &body).await.unwrap(), 1);
    assert_eq!(flow.describe().await.status, Terminated);
    world.find("w").await.is(Running, WHOLE).await;
}

async fn a_started_run_that_closes_before_it_has_the_update_is_not(world: &World) {
    let body = define(until_told);
    world.rest(WORKFLOWS).await;
    let refused = closed_meanwhile(world, &body).await.unwrap_err();
    assert_eq!(refused.to_string(), EngineError::UPDATE_ABORTED);
    assert!(refused.is_not_found());
    is(world, Terminated).await;
}

async fn an_update_is_followed_by_its_id(world: &World) {
    let flow = world.start("w", until_told).await;
    let update = flow
        .handle
        .start_update(Script::proceeded, 2, update_id("u"))
        .await
        .unwrap();
    assert_eq!(update.id().as_str(), "u");
    assert_eq!(update.run_id(), Some(&flow.execution().await.run_id));
    flow.proceed().await;
    let found = flow.handle.update_handle(Script::proceeded, "u").unwrap();
    let untyped = flow.handle.update_handle_by_id("u").unwrap();
    let (first, second, third, ()) = tokio::join!(
        update.result(),
        found.result(),
        untyped.result(),
        flow.proceed()
    );
    assert_eq!((first.unwrap(), second.unwrap()), (2, 2));
    assert_eq!(third.unwrap().data.as_slice(), b"2");
    assert_eq!(update.result().await.unwrap(), 2, "it is asked for again");
    let by_name = flow
        .handle
        .start_update_by_name("proceed_now", Vec::new(), UpdateOptions::default())
        .await
        .unwrap();
    assert_eq!(by_name.result().await.unwrap().data.as_slice(), b"3");
}

async fn an_update_is_followed_beyond_the_end_of_its_run(world: &World) {
    let flow = world.start("w", until_told_once).await;
    let handle = &flow.handle;
    let open = handle.start_update(Script::proceeded, 2, update_id("open"));
    let open = open.await.unwrap();
    let done = handle.start_update(Script::proceed_now, (), update_id("done"));
    let done = done.await.unwrap();
    assert_eq!(handle.result().await.unwrap(), "told");
    assert_eq!(world.find("w").await.describe().await.status, Completed);
    assert_eq!(done.result().await.unwrap(), 1);
    let done = handle.update_handle(Script::proceed_now, "done").unwrap();
    assert_eq!(done.result().await.unwrap(), 1);
    // M3
    let failed = open.result().await.unwrap_err();
    assert!(
        failed.to_string().contains("completed before the Update"),
        "{failed}"
    );
}

async fn an_update_that_nobody_knows_is_not_found(world: &World) {
    let flow = world.start("w", until_told).await;
    flow.settle().await;
    let unknown = flow.handle.update_handle(Script::proceeded, "x").unwrap();
    let refused = unknown.result().await.unwrap_err();
    assert_eq!(refused.to_string(), "update \"x\" not found");
    let rejected = flow
        .handle
        .start_update(Script::proceeded, 0, update_id("x"))
        .await
        .unwrap();
    assert!(matches!(
        rejected.result().await,
        Err(ClientError::Refused(_))
    ));
    assert!(
        unknown.result().await.unwrap_err().is_not_found(),
        "it leaves no trace"
    );
    let nowhere = world.client.workflow::<Script>("nowhere").unwrap();
    let nowhere = nowhere.update_handle(Script::proceeded, "x").unwrap();
    let refused = nowhere.result().await.unwrap_err();
    assert_eq!(refused.to_string(), "workflow not found for ID: nowhere");
}

/// It may be a later run of a chain, whose first one the handle does not know.
async fn the_handle_of_a_run_that_was_found_reaches_the_current_one(world: &World) {
    let body = define(async |ctx: &mut Ctx| {
        if crate::harness::is_first_run(ctx) {
            return crate::harness::continue_as_new(ctx);
        }
        until_told(ctx).await
    });
    let flow = world.start_with(&body, start_options("w")).await;
    let second = flow.next_run().await;
    second.settle().await;
    let (handle, proceeds) = proceed(world, &body, UseExisting, "u").await.unwrap();
    assert_eq!(proceeds, 1);
    assert_eq!(handle.run_id(), Some(&second.execution().await.run_id));
    assert_eq!(handle.proceeds().await.unwrap(), 1);
    let signalled = world
        .client
        .signal_with_start_workflow(
            Script::run,
            body.clone(),
            start_options("w"),
            Script::proceed,
            (),
        )
        .await
        .unwrap();
    assert_eq!(signalled.proceed_now().await.unwrap(), 3);
}
