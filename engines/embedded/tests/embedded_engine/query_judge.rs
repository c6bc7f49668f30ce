//! Makes queries of which a simple evaluation says what they find.

use std::{cmp, fmt::Write as _};

use steadfast_core::{event::ExecutionStatus, time::Timestamp};
use steadfast_engine::WorkflowDescription;

use crate::dice::Dice;

/// A value that is compared.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
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
pub(crate) enum Condition {
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    Not(Box<Self>),
    Test(&'static str, Test),
}

#[derive(Debug)]
pub(crate) enum Test {
    Compared(&'static str, Value),
    In(bool, Vec<Value>),
    Between(bool, Value, Value),
    StartsWith(bool, String),
    Null(bool),
}

/// Whether a condition holds for an execution; `None` if that cannot be said.
pub(crate) fn holds(condition: &Condition, run: &WorkflowDescription) -> Option<bool> {
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

pub(crate) fn word(dice: &mut Dice) -> String {
    dice.pick(&WORDS).unwrap().to_owned()
}

pub(crate) fn small(dice: &mut Dice) -> i64 {
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

pub(crate) const START: i64 = 1_795_000_000_000_000_000;
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

pub(crate) fn condition(dice: &mut Dice, depth: usize) -> Condition {
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

pub(crate) fn write(dice: &mut Dice, condition: &Condition, text: &mut String) {
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
