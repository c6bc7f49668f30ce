//! The query language of lists (issue 14, point 4): what is found, by which types, and what a new process knows of it.
//! What is read and refused is tested beside the parser.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use steadfast_core::{
    command::Command,
    event::WorkflowTaskFailedCause,
    payload::{Payload, PayloadMap},
    time::Timestamp,
};
use steadfast_embedded::{CrashAction, EmbeddedEngine, EmbeddedOptions, ManualClock};
use steadfast_engine::{
    Engine as _, EngineError, ListFilter, ListWorkflowsRequest, PollWorkflowTaskRequest,
    SearchAttributeType, WorkflowDescription,
};

use crate::{
    dice::Dice,
    harness::{Lived as _, World, block_on, completion, identity, queue, start_request},
    query_judge::{START, condition, holds, small, word, write},
};

fn typed(json: &str, kind: &str) -> Payload {
    let mut payload = Payload::json(json.as_bytes());
    let kind = kind.as_bytes().into();
    payload.metadata.insert("type".to_owned(), kind);
    payload
}

/// The executions of all pages.
async fn listed(
    world: &World,
    filter: impl Into<ListFilter>,
    page_size: usize,
) -> Result<Vec<WorkflowDescription>, EngineError> {
    let filter = filter.into();
    let mut found = Vec::new();
    let mut next_page_token = None;
    loop {
        let request = ListWorkflowsRequest {
            filter: filter.clone(),
            page_size,
            next_page_token,
        };
        let page = world.engine.list_workflows(request).await?;
        found.extend(page.executions);
        next_page_token = page.next_page_token;
        if next_page_token.is_none() {
            return Ok(found);
        }
    }
}

async fn ids(world: &World, query: &str) -> Vec<String> {
    let found = listed(world, query, 3).await;
    let found = found.unwrap_or_else(|error| panic!("{query}: {error}"));
    found
        .iter()
        .map(|run| run.execution.workflow_id.to_string())
        .collect()
}

/// Executions of some kinds, open and closed, with some attributes each.
async fn populate(world: &mut World, dice: &mut Dice) {
    for n in 0..60 {
        let id = format!("w{n:02}");
        let mut request = start_request(&id, &id);
        if dice.one_in(3) {
            request.workflow_type = steadfast_core::ids::WorkflowType::new("Special").unwrap();
        }
        let mut add = |dice: &mut Dice, name: &str, json: String| {
            if dice.one_in(2) {
                let kind = match name {
                    "Kw" => "Keyword",
                    "Num" => "Int",
                    "Dbl" => "Double",
                    "Flag" => "Bool",
                    "When" => "Datetime",
                    "Tags" => "KeywordList",
                    _ => "Text",
                };
                let value = typed(&json, kind);
                request.search_attributes.insert(name.to_owned(), value);
            }
        };
        let json = |text: &str| serde_json::to_string(text).unwrap();
        let kw = json(&word(dice));
        add(dice, "Kw", kw);
        let num = small(dice).to_string();
        add(dice, "Num", num);
        let dbl = format!("{}.5", small(dice));
        add(dice, "Dbl", dbl);
        let flag = dice.one_in(2).to_string();
        add(dice, "Flag", flag);
        let when = format!("\"2026-01-01T00:00:{:02}Z\"", small(dice) + 3);
        add(dice, "When", when);
        let tags = [word(dice), word(dice)];
        let tags = serde_json::to_string(&tags[..dice.below(3)]).unwrap();
        add(dice, "Tags", tags);
        let words = ["Quick", "brown", "Fox"];
        let txt = json(&words[..=dice.below(3)].join(" "));
        add(dice, "Txt", txt);
        world.engine.start_workflow(request).await.unwrap();
        let advance = Duration::from_secs(dice.below(3) as u64);
        world.clock.advance(advance);
        let end = match dice.below(6) {
            0 => format!("task {id}: complete"),
            1 => format!("task {id}: fail Boom x"),
            2 => format!("terminate {id}"),
            3 => format!("task {id}: child c{id}"),
            _ => continue,
        };
        world.run(&end).await;
    }
    world.engine.settled().await.unwrap();
}

/// What a query finds is what a simple evaluation of its conditions on the descriptions finds, page by page, and so many
/// are counted, by status too.
#[test]
fn a_query_finds_what_its_conditions_say() {
    const SEEDS: u64 = 3;
    const QUERIES: usize = 400;
    block_on(async {
        for seed in 0..SEEDS {
            let mut dice = Dice::new(seed);
            let clock = ManualClock::at(Timestamp::from_unix_nanos(START));
            let options = EmbeddedOptions::in_memory().clock(clock.clone());
            let mut world = World::new(EmbeddedEngine::open(options).unwrap(), clock);
            populate(&mut world, &mut dice).await;
            let all = listed(&world, "", 1_000).await.unwrap();
            let (mut some, mut most) = (0, 0);
            for _ in 0..QUERIES {
                let condition = condition(&mut dice, 3);
                let mut query = String::new();
                write(&mut dice, &condition, &mut query);
                let expected: Vec<&WorkflowDescription> = all
                    .iter()
                    .filter(|run| holds(&condition, run) == Some(true))
                    .collect();
                let names = |runs: &mut dyn Iterator<Item = &WorkflowDescription>| -> Vec<String> {
                    runs.map(|run| run.execution.to_string()).collect()
                };
                let found = listed(&world, &*query, 1 + dice.below(20)).await;
                let found = found.unwrap_or_else(|error| panic!("seed {seed}: {query}: {error}"));
                assert_eq!(
                    names(&mut found.iter()),
                    names(&mut expected.iter().copied()),
                    "seed {seed}: {query}"
                );
                let mut groups: BTreeMap<String, u64> = BTreeMap::new();
                for run in &expected {
                    *groups.entry(run.status.to_string()).or_default() += 1;
                }
                query.push_str(" GROUP BY ExecutionStatus");
                let counted = world
                    .engine
                    .count_workflow_groups(query.as_str().into())
                    .await
                    .unwrap();
                assert_eq!(counted.count, expected.len() as u64, "{query}");
                let counted: BTreeMap<String, u64> = counted
                    .groups
                    .iter()
                    .map(|group| {
                        let name: String =
                            serde_json::from_slice(group.value.data.as_slice()).unwrap();
                        (name, group.count)
                    })
                    .collect();
                assert_eq!(counted, groups, "{query}");
                some += usize::from(!expected.is_empty());
                most += usize::from(expected.len() < all.len());
            }
            // They are neither empty nor all there is.
            assert!(some > QUERIES / 2 && most > QUERIES / 2, "{some} {most}");
        }
    });
}

/// What was asked of a server of version 1.32, of the same executions.
#[test]
fn what_is_not_there_is_found_as_on_a_service() {
    block_on(async {
        let mut world = World::in_memory();
        let attributes = |pairs: &[(&str, &str, &str)]| -> PayloadMap {
            pairs
                .iter()
                .map(|(name, json, kind)| ((*name).to_owned(), typed(json, kind)))
                .collect()
        };
        for (id, values) in [
            (
                "w1",
                attributes(&[
                    ("Kw", "\"Rome\"", "Keyword"),
                    ("Num", "5", "Int"),
                    ("Tags", r#"["a","b"]"#, "KeywordList"),
                    ("Txt", "\"the quick brown fox\"", "Text"),
                ]),
            ),
            (
                "w2",
                attributes(&[("Kw", "\"rome\"", "Keyword"), ("Num", "7", "Int")]),
            ),
            ("w3", attributes(&[("Kw", "\"O'Brien\"", "Keyword")])),
            (
                "w5",
                attributes(&[
                    ("Tags", r#"["b","c"]"#, "KeywordList"),
                    ("Txt", "\"quick\"", "Text"),
                ]),
            ),
            ("w6", PayloadMap::new()),
        ] {
            let mut request = start_request(id, id);
            request.search_attributes = values;
            world.engine.start_workflow(request).await.unwrap();
            world.clock.advance(Duration::from_secs(1));
        }
        world.run("task w1: complete").await;
        for (query, expected) in [
            ("Kw != 'Rome'", "w3 w2"),
            ("NOT Kw = 'Rome'", "w3 w2"),
            ("Kw not in ('Rome','rome')", "w3"),
            ("NOT Num BETWEEN 5 AND 6", "w2"),
            ("NOT (Kw = 'Rome' OR Num = 7)", ""),
            ("NOT (Kw = 'Rome' AND Num = 7)", "w3 w2 w1"),
            ("Kw is null OR Num = 5", "w6 w5 w1"),
            ("Kw STARTS_WITH ''", "w3 w2 w1"),
            ("Tags != 'b'", "w6 w3 w2"),
            ("NOT Tags = 'b'", "w6 w3 w2"),
            ("Tags not in ('a')", "w6 w5 w3 w2"),
            ("Tags is null", "w6 w3 w2"),
            ("Txt = 'Quick fox'", "w5 w1"),
            ("Txt = 'brown-cat'", "w1"),
            ("Txt != 'quick'", "w6 w3 w2"),
            ("HistoryLength >= 0", "w1"),
            ("NOT HistoryLength >= 0", ""),
            ("ExecutionDuration is null", "w6 w5 w3 w2"),
            ("CloseTime != '2020-01-01T00:00:00Z'", "w1"),
            ("ParentWorkflowId != 'w3'", ""),
            ("RootWorkflowId != 'w3'", "w6 w5 w2 w1"),
            ("ExecutionStatus = 0", ""),
            ("Num = 5.0 OR Num = 7.5", "w1"),
            (
                "TemporalReportedProblems is null AND BuildIds is null",
                "w6 w5 w3 w2 w1",
            ),
        ] {
            assert_eq!(ids(&world, query).await.join(" "), expected, "{query}");
        }
    });
}

#[test]
fn a_child_is_found_by_its_root_and_a_delayed_start_by_its_execution_time() {
    block_on(async {
        let mut world = World::in_memory();
        world.run("start top\n task top: child middle").await;
        world.engine.settled().await.unwrap();
        world.run("task middle: child low").await;
        world.engine.settled().await.unwrap();
        assert_eq!(
            ids(&world, "RootWorkflowId = 'top'").await,
            ["low", "middle", "top"]
        );
        assert_eq!(
            ids(
                &world,
                "RootWorkflowId = 'top' AND ParentWorkflowId = 'middle'"
            )
            .await,
            ["low"]
        );
        let mut late = start_request("late", "late");
        late.start_delay = Duration::from_secs(60);
        world.engine.start_workflow(late).await.unwrap();
        let now = world.clock.now();
        let later = now.after(Duration::from_secs(30));
        assert_eq!(
            ids(&world, &format!("ExecutionTime > '{later}'")).await,
            ["late"]
        );
        assert_eq!(
            ids(
                &world,
                &format!("StartTime <= '{now}' AND NOT ExecutionTime <= '{now}'")
            )
            .await,
            ["late"]
        );
    });
}

/// Types are kept, those that somebody added and those of values that came first.
#[test]
fn search_attributes_have_types_that_a_new_process_knows() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let clock = ManualClock::at(Timestamp::from_unix_nanos(START));
        let options = EmbeddedOptions::file(folder.path().join("a.db")).clock(clock.clone());
        let world = World::new(
            EmbeddedEngine::open(options.clone()).unwrap(),
            clock.clone(),
        );
        let start = async |world: &World, id: &str, name: &str, value: Payload| {
            let mut request = start_request(id, id);
            request.search_attributes.insert(name.to_owned(), value);
            world.engine.start_workflow(request).await
        };
        let added = BTreeMap::from([("Note".to_owned(), SearchAttributeType::Text)]);
        world.engine.add_search_attributes(added).await.unwrap();
        start(
            &world,
            "w1",
            "Note",
            Payload::json(&b"\"a Quick note\""[..]),
        )
        .await
        .unwrap();
        start(&world, "w2", "tier", Payload::json(&b"\"gold\""[..]))
            .await
            .unwrap();
        let refused = start(&world, "w3", "tier", Payload::json(&b"7"[..])).await;
        let text = "invalid value for search attribute tier of type Keyword: 7";
        assert_eq!(refused.unwrap_err().to_string(), text);
        world.close();
        let world = World::new(EmbeddedEngine::open(options).unwrap(), clock);
        let known = world.engine.search_attributes().await.unwrap();
        assert_eq!(
            known.custom,
            BTreeMap::from([
                ("Note".to_owned(), SearchAttributeType::Text),
                ("tier".to_owned(), SearchAttributeType::Keyword),
            ])
        );
        assert_eq!(known.system["CloseTime"], SearchAttributeType::Datetime);
        let refused = start(&world, "w3", "tier", Payload::json(&b"7"[..])).await;
        assert_eq!(refused.unwrap_err().to_string(), text);
        assert_eq!(
            ids(&world, "Note = 'quick' OR tier STARTS_WITH 'go'").await,
            ["w2", "w1"]
        );
        // Adding what is there changes nothing.
        let again = BTreeMap::from([("tier".to_owned(), SearchAttributeType::Int)]);
        world.engine.add_search_attributes(again).await.unwrap();
        assert_eq!(ids(&world, "tier = 'gold'").await, ["w2"]);
        // What was removed may come back as something else.
        let removed = vec!["tier".to_owned(), "never there".to_owned()];
        world
            .engine
            .remove_search_attributes(removed)
            .await
            .unwrap();
        let error = listed(&world, "tier = 'gold'", 5).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "invalid query: invalid search attribute: tier"
        );
        start(&world, "w3", "tier", Payload::json(&b"7"[..]))
            .await
            .unwrap();
        assert_eq!(ids(&world, "tier > 6").await, ["w3"]);
    });
}

/// What a commit did not write is not known either: neither an attribute that came with it nor the loss of one.
#[test]
fn an_attribute_of_a_failed_commit_is_not_there() {
    let failing = Arc::new(AtomicBool::new(false));
    let hook = Arc::clone(&failing);
    let clock = ManualClock::at(Timestamp::from_unix_nanos(START));
    let options = EmbeddedOptions::in_memory()
        .clock(clock.clone())
        .crash_point(move |_, _| {
            if hook.load(Ordering::SeqCst) {
                CrashAction::Fail
            } else {
                CrashAction::Continue
            }
        });
    let world = World::new(EmbeddedEngine::open(options).unwrap(), clock);
    block_on(async {
        let start = |id: &str, name: &str, json: &str| {
            let mut request = start_request(id, id);
            let value = Payload::json(json.as_bytes());
            request.search_attributes.insert(name.to_owned(), value);
            world.engine.start_workflow(request)
        };
        start("w1", "kept", "1").await.unwrap();
        failing.store(true, Ordering::SeqCst);
        start("w2", "tier", "1").await.unwrap_err();
        let kept = vec!["kept".to_owned()];
        world
            .engine
            .remove_search_attributes(kept)
            .await
            .unwrap_err();
        failing.store(false, Ordering::SeqCst);
        let known = world.engine.search_attributes().await.unwrap();
        let kept = BTreeMap::from([("kept".to_owned(), SearchAttributeType::Int)]);
        assert_eq!(known.custom, kept);
        start("w2", "tier", "\"gold\"").await.unwrap();
        assert_eq!(ids(&world, "tier = 'gold' OR kept = 1").await, ["w2", "w1"]);
    });
}

#[test]
fn what_the_system_knows_is_neither_added_nor_removed_nor_set() {
    block_on(async {
        let world = World::in_memory();
        let add = |name: &str| {
            let added = BTreeMap::from([(name.to_owned(), SearchAttributeType::Keyword)]);
            world.engine.add_search_attributes(added)
        };
        let remove = |name: &str| world.engine.remove_search_attributes(vec![name.to_owned()]);
        for name in ["WorkflowId", "BuildIds"] {
            assert_eq!(
                add(name).await.unwrap_err().to_string(),
                format!("Search attribute {name} is reserved by system.")
            );
            assert_eq!(
                remove(name).await.unwrap_err().to_string(),
                format!("Unable to remove non-custom search attributes: {name}.")
            );
        }
        let nothing = world.engine.add_search_attributes(BTreeMap::new()).await;
        assert_eq!(
            nothing.unwrap_err().to_string(),
            "SearchAttributes are not set on request."
        );
        let mut request = start_request("w", "w");
        request
            .search_attributes
            .insert("TaskQueue".to_owned(), Payload::json(&b"\"q\""[..]));
        let refused = world.engine.start_workflow(request).await.unwrap_err();
        assert_eq!(
            refused.to_string(),
            "TaskQueue attribute can't be set in SearchAttributes"
        );
    });
}

/// A workflow that sets a value of a wrong type is not answered for, as on a service.
#[test]
fn a_workflow_cannot_set_a_value_of_another_type() {
    block_on(async {
        let world = World::in_memory();
        let mut request = start_request("w", "start");
        request
            .search_attributes
            .insert("tier".to_owned(), Payload::json(&b"1"[..]));
        world.engine.start_workflow(request).await.unwrap();
        let poll = PollWorkflowTaskRequest {
            task_queue: queue("w"),
            worker: identity("worker"),
            remote: false,
        };
        let task = world.engine.poll_workflow_task(poll).await.unwrap();
        let set = |json: &[u8]| Command::UpsertWorkflowSearchAttributes {
            search_attributes: PayloadMap::from([("tier".to_owned(), Payload::json(json))]),
        };
        let error = world
            .engine
            .complete_workflow_task(task.token, completion(vec![set(b"2"), set(b"\"two\"")]))
            .await
            .unwrap_err();
        let EngineError::WorkflowTaskRefused { cause, message } = error else {
            panic!("{error:?}");
        };
        assert_eq!(cause, WorkflowTaskFailedCause::BadSearchAttributes);
        assert_eq!(
            message,
            "BadSearchAttributes: invalid value for search attribute tier of type Int: two"
        );
        assert_eq!(ids(&world, "tier = 1").await, ["w"]);
    });
}

/// The deepest and longest queries that are taken run on the engine's small stack.
#[test]
fn the_largest_queries_are_answered() {
    block_on(async {
        let world = World::in_memory();
        let mut request = start_request("w", "w");
        request
            .search_attributes
            .insert("Num".to_owned(), Payload::json(&b"5"[..]));
        world.engine.start_workflow(request).await.unwrap();
        // Parentheses that cannot be left out.
        let mut nested = "Num = 5".to_owned();
        for depth in 0..50 {
            let word = if depth % 2 == 0 { "AND" } else { "OR" };
            nested = format!("(Num != {depth} {word} {nested})");
        }
        assert!(!listed(&world, &*nested, 5).await.unwrap().is_empty());
        let long = vec!["Num != 6"; 500].join(" AND ");
        assert_eq!(ids(&world, &long).await, ["w"]);
        let long = vec!["NOT (Num = 6 AND WorkflowId = 'x')"; 250].join(" OR ");
        assert_eq!(ids(&world, &long).await, ["w"]);
        let values: Vec<_> = (0..5_000).map(|value| value.to_string()).collect();
        assert_eq!(
            ids(&world, &format!("Num IN ({})", values.join(","))).await,
            ["w"]
        );
    });
}
