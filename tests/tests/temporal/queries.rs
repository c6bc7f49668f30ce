//! The query language of lists: the embedded engine finds and refuses what a Temporal Service does (issue 14, point 4).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use futures_util::TryStreamExt as _;
use steadfast::{
    core::payload::Payload,
    engine::{Engine, SearchAttributeType, embedded::EmbeddedEngine},
    prelude::*,
};
use tokio::time::sleep;

use crate::service::{DELAY, fresh_engine, variable};

const QUEUE: &str = "queries";

#[workflow]
#[derive(Debug, Default)]
struct Order;

#[workflow_methods]
impl Order {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>) -> Result<(), WorkflowError> {
        // No worker runs it.
        ctx.timer(std::time::Duration::from_secs(1)).await?;
        Ok(())
    }
}

const TYPES: [(&str, SearchAttributeType); 7] = [
    ("Txt", SearchAttributeType::Text),
    ("Kw", SearchAttributeType::Keyword),
    ("Num", SearchAttributeType::Int),
    ("Dbl", SearchAttributeType::Double),
    ("Flag", SearchAttributeType::Bool),
    ("Day", SearchAttributeType::Datetime),
    ("Tags", SearchAttributeType::KeywordList),
];

const EXECUTIONS: [(&str, &[(&str, &str)]); 5] = [
    (
        "w1",
        &[
            ("Kw", r#""Rome""#),
            ("Num", "5"),
            ("Tags", r#"["a","b"]"#),
            ("Txt", r#""the Quick brown-fox""#),
        ],
    ),
    (
        "w2",
        &[
            ("Kw", r#""rome""#),
            ("Num", "7"),
            ("Dbl", "1.5"),
            ("Flag", "true"),
        ],
    ),
    (
        "w3",
        &[
            ("Kw", r#""O'Brien""#),
            ("Dbl", "2"),
            ("Flag", "false"),
            ("Day", r#""2024-01-02T03:04:05Z""#),
        ],
    ),
    ("w4", &[("Tags", r#"["b","c"]"#), ("Txt", r#""quick""#)]),
    ("w5", &[]),
];

/// What is found, or why nothing is looked for.
async fn answer(client: &Client, query: &str) -> Result<BTreeSet<String>, String> {
    let found: Result<Vec<_>, _> = client.list_workflows(query).try_collect().await;
    let count = client.count_workflows(query).await;
    let found = found.map_err(|error| error.to_string())?;
    assert_eq!(count.unwrap(), found.len() as u64, "{query}");
    let ids = found
        .iter()
        .map(|run| run.execution.workflow_id.to_string());
    Ok(ids.collect())
}

async fn populate(engine: Arc<dyn Engine>, delay: std::time::Duration) -> Client {
    let types = TYPES.map(|(name, kind)| (name.to_owned(), kind));
    engine.add_search_attributes(types.into()).await.unwrap();
    sleep(delay).await;
    let known = engine.search_attributes().await.unwrap();
    for (name, kind) in TYPES {
        assert_eq!(known.custom.get(name), Some(&kind), "{name}");
    }
    assert_eq!(known.system["CloseTime"], SearchAttributeType::Datetime);
    let client = Client::new(engine);
    for (id, attributes) in EXECUTIONS {
        let mut options = WorkflowStartOptions::new(QUEUE, id);
        for (name, json) in attributes {
            options = options.search_attribute_payload(*name, Payload::json(json.as_bytes()));
        }
        let handle = client
            .start_workflow(Order::run, (), options)
            .await
            .unwrap();
        if matches!(id, "w1" | "w4") {
            handle
                .terminate(WorkflowTerminateOptions::default())
                .await
                .unwrap();
        }
    }
    sleep(delay).await;
    client
}

#[tokio::test]
async fn both_engines_find_and_refuse_the_same() {
    let Some(address) = variable("STEADFAST_TEMPORAL_ADDRESS") else {
        return;
    };
    let service = populate(fresh_engine(&address).await, 2 * DELAY).await;
    let embedded = populate(
        EmbeddedEngine::in_memory().unwrap(),
        std::time::Duration::ZERO,
    )
    .await;
    // Not here, because it depends on the service's database, and that of the development server does not do what others
    // do: it does not tell `R` from `r` after `STARTS_WITH`, it finds no custom time that is equal to another, and
    // it looks for the words of `brown-cat` one after the other.
    let mut differences = Vec::new();
    for query in include_str!("queries.txt").lines() {
        let (found, expected) = (
            answer(&embedded, query).await,
            answer(&service, query).await,
        );
        if found != expected {
            differences.push((query, found, expected));
        }
    }
    assert!(differences.is_empty(), "{differences:#?}");
    let by_status = "NOT Kw = 'Rome' OR Tags IS NOT NULL GROUP BY ExecutionStatus";
    let mut groups = Vec::new();
    for client in [&embedded, &service] {
        let counted = client.count_workflow_groups(by_status).await.unwrap();
        assert_eq!(counted.count, 4);
        let counted = counted
            .groups
            .into_iter()
            .map(|group| (group.value.data.as_slice().to_vec(), group.count));
        groups.push(counted.collect::<BTreeMap<_, _>>());
    }
    assert_eq!(groups[0], groups[1]);
    // What cannot be set is refused alike, and what is removed is not found any more.
    for (name, json) in [
        ("Num", r#""abc""#),
        ("Num", "5.5"),
        ("Kw", "5"),
        ("Tags", r#""a""#),
        ("Day", "5"),
        ("Flag", r#""true""#),
        ("StartTime", "5"),
    ] {
        let mut refusals = Vec::new();
        for client in [&embedded, &service] {
            let options = WorkflowStartOptions::new(QUEUE, "refused")
                .search_attribute_payload(name, Payload::json(json.as_bytes()));
            let refused = client.start_workflow(Order::run, (), options).await;
            refusals.push(refused.unwrap_err().to_string());
        }
        assert_eq!(refusals[0], refusals[1], "{name} {json}");
    }
    for engine in [embedded.engine(), service.engine()] {
        for (names, why) in [
            (
                vec!["WorkflowId"],
                "Unable to remove non-custom search attributes: WorkflowId.",
            ),
            (vec![], "SearchAttributes are not set on request."),
        ] {
            let names = names.into_iter().map(str::to_owned).collect();
            let refused = engine.remove_search_attributes(names).await;
            assert_eq!(refused.unwrap_err().to_string(), why);
        }
        let reserved = BTreeMap::from([("BuildIds".to_owned(), SearchAttributeType::Int)]);
        let refused = engine.add_search_attributes(reserved).await.unwrap_err();
        assert_eq!(
            refused.to_string(),
            "Search attribute BuildIds is reserved by system."
        );
        let gone = vec!["Flag".to_owned(), "never there".to_owned()];
        engine.remove_search_attributes(gone).await.unwrap();
    }
    sleep(2 * DELAY).await;
    for client in [&embedded, &service] {
        let known = client.engine().search_attributes().await.unwrap();
        assert!(!known.custom.contains_key("Flag"));
    }
}
