//! The query language of lists (issue 14, point 4): what is found, by which types, and what a new process knows of it.
//! What is read and refused is tested beside the parser.

use std::{
    cmp,
    collections::BTreeMap,
    fmt::Write as _,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use steadfast_core::{
    command::Command,
    event::{ExecutionStatus, WorkflowTaskFailedCause},
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

/// A value that is compared.
#[derive(Clone, Debug, PartialEq)]
enum Value {
    Text(String),
    Int(i64),
    Double(f64),
}

impl Value {
    #[expect(clippy::cast_precision_loss, reason = "the numbers are small")]
    fn compare(&self, other: &Self) -> cmp::Ordering {
        match (self, other) {
            (Self::Text(left), Self::Text(right)) => left.cmp(right),
            (Self::Int(left), Self::Int(right)) => left.cmp(right),
            (Self::Double(left), Self::Double(right)) => left.total_cmp(right),
            (Self::Int(left), Self::Double(right)) => (*left as f64).total_cmp(right),
            (Self::Double(left), Self::Int(right)) => left.total_cmp(&(*right as f64)),
            _ => panic!("{self:?} and {other:?} are not of one type"),
        }
    }
}

/// What an execution has of an attribute.
#[derive(Debug)]
enum Cell {
    One(Option<Value>),
    Set(Vec<Value>),
}

fn cell(run: &WorkflowDescription, name: &str) -> Cell {
    let text = |text: &str| Cell::One(Some(Value::Text(text.to_owned())));
    let number = |number: Option<i64>| Cell::One(number.map(Value::Int));
    let closed = |number: u64| {
        let is_closed = run.status != ExecutionStatus::Running;
        is_closed.then(|| i64::try_from(number).unwrap())
    };
    let json = || -> Option<serde_json::Value> {
        let value = run.search_attributes.get(name)?;
        serde_json::from_slice(value.data.as_slice()).ok()
    };
    match name {
        "WorkflowId" => text(run.execution.workflow_id.as_str()),
        "WorkflowType" => text(run.workflow_type.as_str()),
        "StartTime" => number(Some(run.start_time.unix_nanos())),
        "CloseTime" => number(run.close_time.map(Timestamp::unix_nanos)),
        "ExecutionStatus" => number(Some(match run.status {
            ExecutionStatus::Running => 1,
            ExecutionStatus::Completed => 2,
            ExecutionStatus::Failed => 3,
            ExecutionStatus::Cancelled => 4,
            ExecutionStatus::Terminated => 5,
            ExecutionStatus::ContinuedAsNew => 6,
            ExecutionStatus::TimedOut => 7,
        })),
        "ExecutionDuration" => {
            let took = run.close_time.map(|close| close.since(run.start_time));
            number(took.map(|took| i64::try_from(took.as_nanos()).unwrap()))
        }
        "HistoryLength" => number(closed(run.history_length)),
        "HistorySizeBytes" => number(closed(run.history_size_bytes)),
        "ParentWorkflowId" => Cell::One(
            run.parent
                .as_ref()
                .map(|parent| Value::Text(parent.workflow_id.to_string())),
        ),
        "Kw" => Cell::One(json().map(|json| Value::Text(json.as_str().unwrap().to_owned()))),
        "Num" => number(json().map(|json| json.as_i64().unwrap())),
        "Dbl" => Cell::One(json().map(|json| Value::Double(json.as_f64().unwrap()))),
        "Flag" => number(json().map(|json| i64::from(json.as_bool().unwrap()))),
        "When" => number(json().map(|json| {
            let second = json.as_str().unwrap()["2026-01-01T00:00:".len()..][..2].parse::<i64>();
            time_of(second.unwrap())
        })),
        "Tags" => Cell::Set(json().map_or_else(Vec::new, |json| {
            let tags = json.as_array().unwrap().iter();
            tags.map(|tag| Value::Text(tag.as_str().unwrap().to_owned()))
                .collect()
        })),
        "Txt" => Cell::Set(json().map_or_else(Vec::new, |json| {
            let words = json.as_str().unwrap().split(' ');
            words.map(|word| Value::Text(word.to_lowercase())).collect()
        })),
        name => panic!("{name}"),
    }
}

fn time_of(second: i64) -> i64 {
    (1_767_225_600 + second) * 1_000_000_000
}

/// A condition of a query.
#[derive(Debug)]
enum Condition {
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    Not(Box<Self>),
    Test(&'static str, Test),
}

#[derive(Debug)]
enum Test {
    Compared(&'static str, Value),
    In(bool, Vec<Value>),
    Between(bool, Value, Value),
    StartsWith(bool, String),
    Null(bool),
}

/// Whether a condition holds for an execution; `None` if that cannot be said.
fn holds(condition: &Condition, run: &WorkflowDescription) -> Option<bool> {
    match condition {
        Condition::And(left, right) => match (holds(left, run), holds(right, run)) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (Some(true), Some(true)) => Some(true),
            _ => None,
        },
        Condition::Or(left, right) => match (holds(left, run), holds(right, run)) {
            (Some(true), _) | (_, Some(true)) => Some(true),
            (Some(false), Some(false)) => Some(false),
            _ => None,
        },
        Condition::Not(condition) => holds(condition, run).map(|holds| !holds),
        Condition::Test(name, test) => match cell(run, name) {
            Cell::One(value) => of_one(value.as_ref(), test),
            Cell::Set(values) => Some(of_set(&values, test)),
        },
    }
}

fn of_one(value: Option<&Value>, test: &Test) -> Option<bool> {
    if let Test::Null(negated) = test {
        return Some(value.is_none() != *negated);
    }
    let value = value?;
    let is = |other: &Value| value.compare(other);
    Some(match test {
        Test::Compared(operator, other) => match *operator {
            "=" => is(other) == cmp::Ordering::Equal,
            "!=" | "<>" => is(other) != cmp::Ordering::Equal,
            "<" => is(other) == cmp::Ordering::Less,
            "<=" => is(other) != cmp::Ordering::Greater,
            ">" => is(other) == cmp::Ordering::Greater,
            ">=" => is(other) != cmp::Ordering::Less,
            operator => panic!("{operator}"),
        },
        Test::In(negated, values) => {
            values.iter().any(|other| is(other) == cmp::Ordering::Equal) != *negated
        }
        Test::Between(negated, low, high) => {
            (is(low) != cmp::Ordering::Less && is(high) != cmp::Ordering::Greater) != *negated
        }
        Test::StartsWith(negated, prefix) => {
            let Value::Text(text) = value else {
                panic!("{value:?}")
            };
            text.starts_with(&**prefix) != *negated
        }
        Test::Null(_) => unreachable!("it is answered above"),
    })
}

fn of_set(values: &[Value], test: &Test) -> bool {
    match test {
        Test::Compared("=", other) => values.contains(other),
        Test::Compared(_, other) => !values.contains(other),
        Test::In(negated, others) => others.iter().any(|other| values.contains(other)) != *negated,
        Test::Null(negated) => values.is_empty() != *negated,
        test => panic!("{test:?}"),
    }
}

const WORDS: [&str; 6] = ["Rome", "rome", "Ro", "O'Brien\\", "Paris%_x", "é\"t"];
const LENGTHS: [i64; 5] = [2, 3, 5, 6, 9];

fn word(dice: &mut Dice) -> String {
    dice.pick(&WORDS).unwrap().to_owned()
}

fn small(dice: &mut Dice) -> i64 {
    i64::try_from(dice.below(7)).unwrap() - 2
}

/// A value of an attribute's type.
fn value_for(dice: &mut Dice, name: &str) -> Value {
    match name {
        "WorkflowId" | "ParentWorkflowId" => Value::Text(format!("w{:02}", dice.below(60))),
        "WorkflowType" => Value::Text(dice.pick(&["Flow", "Special", "S"]).unwrap().to_owned()),
        "ExecutionStatus" => Value::Int(i64::try_from(dice.below(9)).unwrap()),
        "StartTime" | "CloseTime" => Value::Int(START + small(dice) * 20_000_000_000),
        "ExecutionDuration" => Value::Int(small(dice) * 15_000_000_000),
        "HistoryLength" => Value::Int(dice.pick(&LENGTHS).unwrap()),
        "HistorySizeBytes" => Value::Int(small(dice) * 100),
        "Num" if dice.one_in(4) => Value::Double(0.5),
        "Num" => Value::Int(small(dice)),
        "Dbl" if dice.one_in(3) => Value::Int(small(dice)),
        #[expect(clippy::cast_precision_loss, reason = "the number is small")]
        "Dbl" => Value::Double(small(dice) as f64 / 2.0),
        "Flag" => Value::Int(i64::from(dice.one_in(2))),
        "When" => Value::Int(time_of(small(dice) + 3)),
        "Txt" => Value::Text(dice.pick(&["quick", "brown", "fox"]).unwrap().to_owned()),
        _ => Value::Text(word(dice)),
    }
}

const START: i64 = 1_795_000_000_000_000_000;
const NAMES: [&str; 16] = [
    "WorkflowId",
    "ParentWorkflowId",
    "WorkflowType",
    "ExecutionStatus",
    "StartTime",
    "CloseTime",
    "ExecutionDuration",
    "HistoryLength",
    "HistorySizeBytes",
    "Num",
    "Dbl",
    "Flag",
    "When",
    "Txt",
    "Kw",
    "Tags",
];

fn condition(dice: &mut Dice, depth: usize) -> Condition {
    if depth > 0 && !dice.one_in(3) {
        let one = |dice: &mut Dice| Box::new(condition(dice, depth - 1));
        return match dice.below(5) {
            0 | 1 => Condition::And(one(dice), one(dice)),
            2 | 3 => Condition::Or(one(dice), one(dice)),
            _ => Condition::Not(one(dice)),
        };
    }
    let name = dice.pick(&NAMES).unwrap();
    let negated = dice.one_in(2);
    let is_text = matches!(
        name,
        "WorkflowId" | "ParentWorkflowId" | "WorkflowType" | "Kw"
    );
    let is_set = matches!(name, "Txt" | "Tags");
    let equality = dice.pick(&["=", "!=", "<>"]).unwrap();
    let order = dice.pick(&["<", "<=", ">", ">="]).unwrap();
    let value = value_for(dice, name);
    let test = match dice.below(6) {
        0 => Test::Null(negated),
        1 if name != "Txt" => {
            let values = (0..=dice.below(3)).map(|_| value_for(dice, name));
            Test::In(negated, values.collect())
        }
        2 if !is_set && name != "ExecutionStatus" => Test::Compared(order, value),
        3 if !is_set && !matches!(name, "ExecutionStatus" | "Flag") => {
            Test::Between(negated, value, value_for(dice, name))
        }
        4 if is_text => Test::StartsWith(negated, word(dice)),
        _ => Test::Compared(equality, value),
    };
    Condition::Test(name, test)
}

/// Writes a value as some user may.
fn written(dice: &mut Dice, name: &str, value: &Value) -> String {
    let quoted = |dice: &mut Dice, text: &str| {
        let quote = if dice.one_in(2) { "'" } else { "\"" };
        let escaped = text.replace('\\', "\\\\");
        let escape = if dice.one_in(2) { "\\" } else { quote };
        format!(
            "{quote}{}{quote}",
            escaped.replace(quote, &format!("{escape}{quote}"))
        )
    };
    match (name, value) {
        ("Flag", value) => format!("{}", *value == Value::Int(1)),
        ("ExecutionStatus", Value::Int(number @ 1..=7)) if dice.one_in(2) => {
            let names = [
                "Running",
                "Completed",
                "Failed",
                "Canceled",
                "Terminated",
                "ContinuedAsNew",
                "TimedOut",
            ];
            quoted(dice, names[usize::try_from(number - 1).unwrap()])
        }
        ("StartTime" | "CloseTime" | "When", Value::Int(nanos)) if dice.one_in(2) => {
            quoted(dice, &Timestamp::from_unix_nanos(*nanos).to_string())
        }
        ("ExecutionDuration", Value::Int(nanos)) if dice.one_in(2) => {
            quoted(dice, &format!("{}s", nanos / 1_000_000_000))
        }
        (_, Value::Text(text)) => quoted(dice, text),
        (_, Value::Int(number)) => number.to_string(),
        (_, Value::Double(number)) => format!("{number:?}"),
    }
}

/// A word in some case.
fn cased(dice: &mut Dice, word: &str) -> String {
    if dice.one_in(2) {
        word.to_lowercase()
    } else {
        word.to_owned()
    }
}

fn write(dice: &mut Dice, condition: &Condition, text: &mut String) {
    let binary =
        |dice: &mut Dice, left: &Condition, word: &str, right: &Condition, text: &mut String| {
            text.push('(');
            write(dice, left, text);
            write!(text, ") {} (", cased(dice, word)).unwrap();
            write(dice, right, text);
            text.push(')');
        };
    match condition {
        Condition::And(left, right) => binary(dice, left, "AND", right, text),
        Condition::Or(left, right) => binary(dice, left, "OR", right, text),
        Condition::Not(condition) => {
            write!(text, "{} (", cased(dice, "NOT")).unwrap();
            write(dice, condition, text);
            text.push(')');
        }
        Condition::Test(name, test) => {
            if dice.one_in(2) {
                write!(text, "`{name}` ").unwrap();
            } else {
                write!(text, "{name} ").unwrap();
            }
            let not = |negated: bool| if negated { "NOT " } else { "" };
            match test {
                Test::Compared(operator, value) => {
                    write!(text, "{operator} {}", written(dice, name, value)).unwrap();
                }
                Test::In(negated, values) => {
                    let values: Vec<_> = values
                        .iter()
                        .map(|value| written(dice, name, value))
                        .collect();
                    write!(text, "{}IN ({})", not(*negated), values.join(", ")).unwrap();
                }
                Test::Between(negated, low, high) => {
                    let (low, high) = (written(dice, name, low), written(dice, name, high));
                    write!(text, "{}BETWEEN {low} AND {high}", not(*negated)).unwrap();
                }
                Test::StartsWith(negated, prefix) => {
                    let prefix = written(dice, name, &Value::Text(prefix.clone()));
                    let words = format!("{}STARTS_WITH", not(*negated));
                    write!(text, "{} {prefix}", cased(dice, &words)).unwrap();
                }
                Test::Null(negated) => {
                    let words = format!("IS {}NULL", not(*negated));
                    text.push_str(&cased(dice, &words));
                }
            }
        }
    }
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
