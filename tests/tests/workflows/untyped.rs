//! Activities that are declared here and implemented elsewhere, and workflows, activities and
//! handlers that are called by name.

use serde::{Deserialize, Serialize};
use steadfast::{
    convert::{from_payload, to_payload},
    core::payload::Payload,
    prelude::*,
    untyped::{Dynamic, DynamicWorkflow},
    workflow::{BufferedSignal, SyncWorkflowContext, WorkflowContextView},
};
use tokio::test;

use crate::harness::{QUEUE, Script, Stage, World, many, once, options};

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Receipt {
    cents: u64,
}

/// A service in another language.
struct Billing;

#[activity_definitions]
impl Billing {
    /// Two inputs, and its own name.
    #[activity(name = "ChargeCard")]
    fn charge(card: String, cents: u64) -> Receipt;

    /// The type of the success, written as a result; the other spelling of no body.
    #[activity]
    async fn refund(receipt: Receipt) -> Result<u64, ActivityError> {
        unimplemented!()
    }

    /// Neither input nor output.
    #[activity]
    fn ping();
}

/// What that service does, under the same names.
struct Elsewhere;

#[activities]
impl Elsewhere {
    #[activity(name = "ChargeCard")]
    async fn charge_card(card: String, cents: u64) -> Receipt {
        Receipt {
            cents: cents + card.len() as u64,
        }
    }

    #[activity]
    async fn refund(receipt: Receipt) -> u64 {
        receipt.cents
    }

    #[activity]
    async fn ping() {}
}

#[test]
async fn a_declared_activity_is_typed_where_it_is_called() {
    once(many(), &async |world: &World| {
        world.work_with(world.worker().register_activities(Elsewhere));
        let flow = world
            .start(async |ctx| {
                let charge = ("4242".to_owned(), 995);
                let receipt = ctx
                    .start_activity(Billing::charge, charge, options())
                    .await?;
                ctx.start_activity(Billing::ping, (), options()).await?;
                let cents = ctx
                    .start_activity(Billing::refund, receipt, options())
                    .await?;
                Ok(cents.to_string())
            })
            .await;
        assert_eq!(flow.result().await, "999");
    })
    .await;
}

#[test]
async fn a_declared_activity_can_be_mocked() {
    once(many(), &async |world: &World| {
        world.work_with(
            world
                .worker()
                .mock_activity(Billing::refund, |_, receipt: Receipt| async move {
                    Ok(receipt.cents * 2)
                }),
        );
        let flow = world
            .start(async |ctx| {
                let receipt = Receipt { cents: 21 };
                let cents = ctx
                    .start_activity(Billing::refund, receipt, options())
                    .await?;
                Ok(cents.to_string())
            })
            .await;
        assert_eq!(flow.result().await, "42");
    })
    .await;
}

/// Runs workflows of every type: gives the type, its first argument, and what it was told.
#[derive(Default)]
struct Anything;

impl DynamicWorkflow for Anything {
    async fn run(
        ctx: &mut WorkflowContext<Dynamic<Self>>,
        input: Vec<Payload>,
    ) -> WorkflowResult<Payload> {
        let first: u64 = from_payload(input.first())?;
        let said: String = ctx
            .start_activity_by_name("shout", vec![to_payload(&first)?], options())
            .await?;
        let told: Vec<String> = ctx
            .unhandled_signals()
            .into_iter()
            .map(|signal| signal.name)
            .collect();
        let name = ctx.view().workflow_type().as_str().to_owned();
        Ok(to_payload(&(name, said, told))?)
    }
}

async fn shout(ctx: ActivityContext, input: Vec<Payload>) -> Result<Payload, ActivityError> {
    let number: u64 = from_payload(input.first())?;
    let name = ctx.info().activity_type.as_str().to_uppercase();
    Ok(to_payload(&format!("{name} {number}"))?)
}

#[test]
async fn workflows_and_activities_of_every_type_can_be_run() {
    once(many(), &async |world: &World| {
        world.work_with(
            world
                .worker()
                .register_dynamic_workflow::<Anything>()
                .register_dynamic_activity(shout),
        );
        let options = WorkflowStartOptions::new(QUEUE, "anything");
        let handle = world
            .client
            .start_workflow_by_name("NobodyKnowsIt", vec![to_payload(&7).unwrap()], options)
            .await
            .unwrap();
        let result = handle.result().await.unwrap();
        let result: (String, String, Vec<String>) = from_payload(Some(&result)).unwrap();
        assert_eq!(result.0, "NobodyKnowsIt");
        assert_eq!(result.1, "SHOUT 7");
    })
    .await;
}

/// Takes every signal but `later`, answers every query, and runs updates that have an input.
#[derive(Default)]
struct Listener {
    told: Vec<String>,
}

impl DynamicWorkflow for Listener {
    async fn run(
        ctx: &mut WorkflowContext<Dynamic<Self>>,
        _: Vec<Payload>,
    ) -> WorkflowResult<Payload> {
        ctx.wait_condition(|state| state.told.len() == 2).await?;
        let kept = ctx.unhandled_signals().into_iter().map(|kept| kept.name);
        let kept: Vec<String> = kept.collect();
        Ok(to_payload(&(ctx.state(|state| state.told.clone()), kept))?)
    }

    fn signal(
        &mut self,
        _: &mut SyncWorkflowContext<Dynamic<Self>>,
        signal: BufferedSignal,
    ) -> Option<BufferedSignal> {
        if signal.name == "later" {
            return Some(signal);
        }
        self.told.push(signal.name);
        None
    }

    fn query(&self, _: &WorkflowContextView, name: &str, _: &[Payload]) -> WorkflowResult<Payload> {
        Ok(to_payload(&format!("{name} {}", self.told.len()))?)
    }

    fn validate(&self, _: &WorkflowContextView, _: &str, input: &[Payload]) -> WorkflowResult<()> {
        from_payload::<String>(input.first())?;
        Ok(())
    }

    async fn update(
        ctx: &mut WorkflowContext<Dynamic<Self>>,
        name: String,
        input: Vec<Payload>,
    ) -> WorkflowResult<Payload> {
        let word: String = from_payload(input.first())?;
        let said = format!("{name} {word}");
        ctx.state_mut(|state| state.told.push(said.clone()));
        Ok(to_payload(&said)?)
    }
}

#[test]
async fn a_dynamic_workflow_takes_signals_queries_and_updates_of_every_name() {
    once(many(), &async |world: &World| {
        world.work_with(
            world
                .worker()
                .register_dynamic_workflow::<Listener>()
                .register_dynamic_activity(shout),
        );
        let options = WorkflowStartOptions::new(QUEUE, "listener");
        let handle = world
            .client
            .start_workflow_by_name("NobodyKnowsIt", Vec::new(), options)
            .await
            .unwrap();
        handle.signal_by_name("later", Vec::new()).await.unwrap();
        handle.signal_by_name("hello", Vec::new()).await.unwrap();
        // What has no name handles every name, and the type that is missing stands for every type.
        let metadata = handle.query_by_name("__temporal_workflow_metadata", Vec::new());
        let metadata: serde_json::Value = from_payload(Some(&metadata.await.unwrap())).unwrap();
        let definition = &metadata["definition"];
        assert_eq!(definition.get("type"), None);
        for kind in ["signalDefinitions", "queryDefinitions", "updateDefinitions"] {
            let last = definition[kind].as_array().unwrap().last().unwrap();
            assert_eq!(last.get("name"), None);
            assert_eq!(last["description"], "Every other name.");
        }
        let answer = handle.query_by_name("how_many", Vec::new()).await.unwrap();
        let answer: String = from_payload(Some(&answer)).unwrap();
        assert_eq!(answer, "how_many 1");
        let refused = handle.update_by_name("say", Vec::new()).await;
        assert!(refused.is_err(), "its validator asks for an input");
        let word = vec![to_payload("word").unwrap()];
        let said = handle.update_by_name("say", word).await.unwrap();
        let said: String = from_payload(Some(&said)).unwrap();
        assert_eq!(said, "say word");
        let result = handle.result().await.unwrap();
        let (told, kept): (Vec<String>, Vec<String>) = from_payload(Some(&result)).unwrap();
        assert_eq!(told, ["hello", "say word"]);
        assert_eq!(kept, ["later"]);
    })
    .await;
}

#[test]
async fn what_is_registered_goes_before_what_is_dynamic() {
    once(many(), &async |world: &World| {
        world.work_with(
            world
                .worker()
                .register_dynamic_workflow::<Anything>()
                .register_dynamic_activity(shout),
        );
        let flow = world
            .start(async |ctx| {
                Ok(ctx
                    .start_activity(Stage::quick, "typed".to_owned(), options())
                    .await?)
            })
            .await;
        assert_eq!(flow.result().await, "typed");
    })
    .await;
}

#[test]
async fn handlers_and_children_can_be_called_by_name() {
    once(many(), &async |world: &World| {
        world.work();
        let body = crate::harness::define(async |ctx| {
            ctx.wait_condition(|state: &Script| !state.heard.is_empty())
                .await?;
            Ok(ctx.state(|state| state.heard.join(" ")))
        });
        let parent = {
            let body = body.clone();
            world
                .start(async move |ctx| {
                    let child = ctx.start_child_workflow_by_name(
                        "Script",
                        vec![to_payload(&body)?],
                        ChildWorkflowOptions::default(),
                    )?;
                    let id = child.workflow_id().cloned();
                    child.started().await;
                    let id = id.ok_or_else(|| WorkflowError::from("not started"))?;
                    ctx.external_workflow(id)
                        .signal_by_name("say", vec![to_payload("from the parent")?])
                        .await?;
                    let result = child.await?;
                    Ok(from_payload(Some(&result))?)
                })
                .await
        };
        assert_eq!(parent.result().await, "from the parent");
        let flow = world.start_named(&body).await;
        let hello = vec![to_payload("hello").unwrap()];
        flow.handle.signal_by_name("say", hello).await.unwrap();
        let heard = flow
            .handle
            .query_by_name("heard", Vec::new())
            .await
            .unwrap();
        let heard: Vec<String> = from_payload(Some(&heard)).unwrap();
        assert_eq!(heard, ["hello"]);
        assert_eq!(flow.result().await, "hello");
        let unknown = flow.handle.update_by_name("nothing", Vec::new()).await;
        assert!(unknown.is_err());
    })
    .await;
}

#[test]
async fn a_name_that_is_none_is_an_error_and_no_panic() {
    once(many(), &async |world: &World| {
        world.work();
        let flow = world
            .start(async |ctx| {
                let named: Result<String, _> =
                    ctx.start_activity_by_name("", Vec::new(), options()).await;
                let child = ctx.start_child_workflow_by_name(
                    "",
                    Vec::new(),
                    ChildWorkflowOptions::default(),
                );
                Ok(format!("{} {}", named.is_err(), child.is_err()))
            })
            .await;
        assert_eq!(flow.result().await, "true true");
    })
    .await;
}
