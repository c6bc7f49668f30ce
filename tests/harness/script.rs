//! A workflow whose code is a closure.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use futures_util::future::LocalBoxFuture;
use steadfast::{core::failure::Failure, prelude::*, workflow::Scope};
use steadfast_engine::conformance::notation;

/// The context of a [`Script`].
pub type Ctx = WorkflowContext<Script>;

/// The name of the running code.
pub fn own_body(ctx: &Ctx) -> String {
    ctx.state(|state| state.body.clone())
}

type Body = Arc<dyn Fn(Ctx) -> LocalBoxFuture<'static, WorkflowResult<String>> + Send + Sync>;

fn bodies() -> &'static Mutex<BTreeMap<String, Body>> {
    static BODIES: OnceLock<Mutex<BTreeMap<String, Body>>> = OnceLock::new();
    BODIES.get_or_init(Mutex::default)
}

/// Names the code of a [`Script`].
pub fn define(
    body: impl AsyncFn(&mut Ctx) -> WorkflowResult<String> + Send + Sync + 'static,
) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let name = format!("body {}", NEXT.fetch_add(1, Ordering::Relaxed));
    redefine(&name, body);
    name
}

/// Changes code that was named before, as a deployment does.
pub fn redefine(
    name: &str,
    body: impl AsyncFn(&mut Ctx) -> WorkflowResult<String> + Send + Sync + 'static,
) {
    let body = Arc::new(body);
    let body: Body = Arc::new(move |mut ctx| {
        let body = Arc::clone(&body);
        Box::pin(async move { body(&mut ctx).await })
    });
    bodies()
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(name.to_owned(), body);
}

/// A workflow whose code is a closure, by its name.
#[workflow]
#[derive(Debug, Default)]
pub struct Script {
    /// What it was told.
    pub heard: Vec<String>,
    /// How often it was told to proceed.
    pub proceeds: usize,
    /// What a test has it keep.
    pub scope: Option<Scope>,
    /// The name of its code, for the next run.
    body: String,
}

#[workflow_methods]
impl Script {
    /// Runs the code of a name.
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, body: String) -> WorkflowResult<String> {
        ctx.state_mut(|state| state.body.clone_from(&body));
        let body = Arc::clone(
            bodies()
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get(&body)
                .expect("it was defined"),
        );
        body(ctx.clone()).await
    }

    /// Tells it something.
    #[signal]
    pub fn say(&mut self, what: String) {
        self.heard.push(what);
    }

    /// What it was told.
    #[query]
    pub fn heard(&self) -> Vec<String> {
        self.heard.clone()
    }

    /// Lets it go on.
    #[signal]
    pub fn proceed(&mut self) {
        self.proceeds += 1;
    }

    /// Lets it go on, and says how often that was.
    #[update]
    pub fn proceed_now(&mut self) -> usize {
        self.proceeds += 1;
        self.proceeds
    }

    /// Waits until it was let go on so often.
    #[update]
    pub async fn proceeded(ctx: &mut WorkflowContext<Self>, times: usize) -> WorkflowResult<usize> {
        ctx.wait_condition(|state| state.proceeds >= times).await?;
        Ok(ctx.state(|state| state.proceeds))
    }

    #[update_validator(proceeded)]
    fn check(&self, times: &usize) -> Result<(), String> {
        match times {
            0 => Err("it was let go on so often before it began".to_owned()),
            _ => Ok(()),
        }
    }

    /// How often it was let go on.
    #[query]
    pub fn proceeds(&self) -> usize {
        self.proceeds
    }

    /// Cancels the scope that it keeps.
    #[signal]
    pub fn cancel_scope(&mut self, reason: String) {
        if let Some(scope) = &self.scope {
            scope.cancel(reason);
        }
    }
}

/// What an activity ended with, as a workflow sees it.
pub fn saw(result: &Result<String, ActivityExecutionError>) -> String {
    match result {
        Ok(value) => value.clone(),
        Err(error) => saw_failure(error.failure(), error.is_cancelled()),
    }
}

/// What something failed with, as a workflow sees it: in the notation, but for the quotation marks, which a history
/// would show escaped.
pub fn saw_failure(failure: &Failure, is_cancelled: bool) -> String {
    let failure = notation::short(failure).replace('"', "'");
    format!("{failure} cancelled={is_cancelled}")
}
