//! What a query means: every name is an attribute, every value of its type, and nothing is negated but single tests.
//!
//! A test on something that is not there is neither true nor false, as in SQL, so its negation does not hold either.
//! Once `NOT` stands only at single tests, a test that is neither may count as false. Words and lists are sets: that one
//! is not in them holds also where there is no set.

use rusqlite::types::Value;
use steadfast_engine::{SearchAttributeType, spelling::statuses::EXECUTION_STATUSES};

use super::{
    duration::parse_duration,
    parse::{Condition, Literal, Operator, Parsed, Test},
    refused::Refused,
};
use crate::attributes::{SystemAttribute, parse_time, words};

/// What a query means.
#[derive(Debug, PartialEq)]
pub(super) struct Checked {
    pub(super) condition: Option<Meaning>,
    /// Whether to count by status.
    pub(super) groups: bool,
}

#[derive(Debug, PartialEq)]
pub(super) enum Meaning {
    All(Vec<Self>),
    Any(Vec<Self>),
    Is(Attribute, Is),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Attribute {
    System(SystemAttribute),
    /// One of which an execution has one value at most.
    Single(String),
    /// One of which an execution has several values.
    Set(String),
}

#[derive(Debug, PartialEq)]
pub(super) enum Is {
    Compared(Comparison, Value),
    In {
        negated: bool,
        values: Vec<Value>,
    },
    Between {
        negated: bool,
        low: Value,
        high: Value,
    },
    StartingWith {
        negated: bool,
        prefix: Value,
    },
    Null {
        negated: bool,
    },
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    fn negated(self) -> Self {
        match self {
            Self::Equal => Self::NotEqual,
            Self::NotEqual => Self::Equal,
            Self::Less => Self::GreaterOrEqual,
            Self::LessOrEqual => Self::Greater,
            Self::Greater => Self::LessOrEqual,
            Self::GreaterOrEqual => Self::Less,
        }
    }
}

/// Where a value is looked for, and how it is read.
struct Column<'q> {
    name: &'q str,
    kind: SearchAttributeType,
    attribute: Attribute,
}

/// Looks at what a query says. `type_of` knows the attributes that are not the system's.
pub(super) fn check(
    parsed: Parsed,
    type_of: &impl Fn(&str) -> Option<SearchAttributeType>,
) -> Result<Checked, Refused> {
    let condition = parsed
        .condition
        .map(|condition| meaning(condition, false, type_of))
        .transpose()?;
    let groups = match &*parsed.group_by {
        [] => false,
        [name] => {
            let column = column(name, type_of)?;
            if column.attribute != Attribute::System(SystemAttribute::ExecutionStatus) {
                return Err(not_supported(&format!(
                    "'GROUP BY' clause is not supported for search attribute {name}"
                )));
            }
            true
        }
        _ => {
            return Err(not_supported(
                "'GROUP BY' clause supports only a single field",
            ));
        }
    };
    for name in &parsed.order_by {
        column(name, type_of)?;
    }
    if !parsed.order_by.is_empty() {
        return Err(not_supported("'ORDER BY' clause"));
    }
    if parsed.has_limit {
        return Err(not_supported("'LIMIT' clause"));
    }
    Ok(Checked { condition, groups })
}

fn not_supported(what: &str) -> Refused {
    Refused(format!("operation is not supported: {what}"))
}

fn meaning(
    condition: Condition,
    negated: bool,
    type_of: &impl Fn(&str) -> Option<SearchAttributeType>,
) -> Result<Meaning, Refused> {
    let all_of = |conditions: Vec<Condition>| -> Result<Vec<Meaning>, Refused> {
        conditions
            .into_iter()
            .map(|condition| meaning(condition, negated, type_of))
            .collect()
    };
    Ok(match (condition, negated) {
        (Condition::Not(condition), _) => meaning(*condition, !negated, type_of)?,
        (Condition::All(conditions), false) | (Condition::Any(conditions), true) => {
            Meaning::All(all_of(conditions)?)
        }
        (Condition::Any(conditions), false) | (Condition::All(conditions), true) => {
            Meaning::Any(all_of(conditions)?)
        }
        (Condition::Test(name, test), _) => {
            let column = column(&name, type_of)?;
            let is = column.test(test, negated)?;
            Meaning::Is(column.attribute, is)
        }
    })
}

fn column<'q>(
    name: &'q str,
    type_of: &impl Fn(&str) -> Option<SearchAttributeType>,
) -> Result<Column<'q>, Refused> {
    if let Some((system, kind)) = SystemAttribute::of_name(name) {
        return Ok(Column {
            name,
            kind,
            attribute: Attribute::System(system),
        });
    }
    let Some(kind) = type_of(name) else {
        return Err(Refused(format!("invalid search attribute: {name}")));
    };
    let attribute = match kind {
        SearchAttributeType::Text | SearchAttributeType::KeywordList => {
            Attribute::Set(name.to_owned())
        }
        SearchAttributeType::Keyword
        | SearchAttributeType::Int
        | SearchAttributeType::Double
        | SearchAttributeType::Bool
        | SearchAttributeType::Datetime => Attribute::Single(name.to_owned()),
    };
    Ok(Column {
        name,
        kind,
        attribute,
    })
}

impl Column<'_> {
    fn test(&self, test: Test, turned: bool) -> Result<Is, Refused> {
        match test {
            Test::Null { negated } => Ok(Is::Null {
                negated: negated != turned,
            }),
            Test::In { negated, values } => {
                let values = values.iter().map(|value| self.value(value));
                let values = values.collect::<Result<_, _>>()?;
                if self.kind == SearchAttributeType::Text {
                    return Err(self.no_operator(if negated { "NOT IN" } else { "IN" }));
                }
                Ok(Is::In {
                    negated: negated != turned,
                    values,
                })
            }
            Test::Between { negated, low, high } => {
                let (low, high) = (self.value(&low)?, self.value(&high)?);
                if matches!(
                    self.kind,
                    SearchAttributeType::Text
                        | SearchAttributeType::KeywordList
                        | SearchAttributeType::Bool
                ) {
                    return Err(Refused(format!(
                        "invalid expression: cannot do range condition on search attribute '{}' of type {}",
                        self.name, self.kind
                    )));
                }
                if self.is_status() {
                    return Err(self.no_operator(if negated { "NOT BETWEEN" } else { "BETWEEN" }));
                }
                Ok(Is::Between {
                    negated: negated != turned,
                    low,
                    high,
                })
            }
            Test::Compared(operator, value) => self.compared(operator, &value, turned),
        }
    }

    fn compared(&self, operator: Operator, literal: &Literal, turned: bool) -> Result<Is, Refused> {
        let value = self.value(literal)?;
        let (comparison, spelled) = match operator {
            Operator::Equal => (Some(Comparison::Equal), "="),
            Operator::NotEqual => (Some(Comparison::NotEqual), "!="),
            Operator::Less => (Some(Comparison::Less), "<"),
            Operator::LessOrEqual => (Some(Comparison::LessOrEqual), "<="),
            Operator::Greater => (Some(Comparison::Greater), ">"),
            Operator::GreaterOrEqual => (Some(Comparison::GreaterOrEqual), ">="),
            Operator::StartsWith => (None, "STARTS_WITH"),
            Operator::NotStartsWith => (None, "NOT STARTS_WITH"),
            Operator::Like => (None, "LIKE"),
            Operator::NotLike => (None, "NOT LIKE"),
        };
        let Some(comparison) = comparison else {
            let negated = operator == Operator::NotStartsWith;
            let is_prefix = negated || operator == Operator::StartsWith;
            if !is_prefix || self.kind != SearchAttributeType::Keyword || self.is_status() {
                return Err(self.no_operator(spelled));
            }
            return Ok(Is::StartingWith {
                negated: negated != turned,
                prefix: value,
            });
        };
        let is_equality = matches!(comparison, Comparison::Equal | Comparison::NotEqual);
        let is_ordered = !matches!(
            self.kind,
            SearchAttributeType::Text | SearchAttributeType::KeywordList
        ) && !self.is_status();
        if !is_equality && !is_ordered {
            return Err(self.no_operator(spelled));
        }
        if self.kind == SearchAttributeType::Text {
            return self.has_words(literal, (comparison == Comparison::NotEqual) != turned);
        }
        Ok(Is::Compared(
            if turned {
                comparison.negated()
            } else {
                comparison
            },
            value,
        ))
    }

    /// A text of words is found by each of its words.
    fn has_words(&self, literal: &Literal, negated: bool) -> Result<Is, Refused> {
        let Literal::Text(text) = literal else {
            return Err(self.wrong_type(literal));
        };
        let words = words(text);
        if words.is_empty() {
            return Err(Refused(format!(
                "invalid expression: no tokens found filtering on Text type search attribute {}",
                self.name
            )));
        }
        Ok(Is::In {
            negated,
            values: words.into_iter().map(Value::from).collect(),
        })
    }

    fn is_status(&self) -> bool {
        self.attribute == Attribute::System(SystemAttribute::ExecutionStatus)
    }

    /// What a literal is compared as.
    fn value(&self, literal: &Literal) -> Result<Value, Refused> {
        match self.attribute {
            Attribute::System(SystemAttribute::ExecutionStatus) => return self.status(literal),
            Attribute::System(SystemAttribute::ExecutionDuration) => return self.duration(literal),
            _ => {}
        }
        Ok(match (self.kind, literal) {
            (
                SearchAttributeType::Text
                | SearchAttributeType::Keyword
                | SearchAttributeType::KeywordList,
                Literal::Text(text),
            ) => text.clone().into(),
            (
                SearchAttributeType::Int
                | SearchAttributeType::Double
                | SearchAttributeType::Datetime,
                Literal::Int(number),
            ) => (*number).into(),
            (SearchAttributeType::Int | SearchAttributeType::Double, Literal::Double(number)) => {
                (*number).into()
            }
            (SearchAttributeType::Bool, Literal::Bool(value)) => i64::from(*value).into(),
            (SearchAttributeType::Datetime, Literal::Text(text)) => parse_time(text)
                .ok_or_else(|| {
                    Refused(format!(
                        "invalid expression: unable to parse datetime '{text}'"
                    ))
                })?
                .into(),
            _ => return Err(self.wrong_type(literal)),
        })
    }

    /// A status has a number too, and some have no execution here: 0 is none, 8 a paused one.
    fn status(&self, literal: &Literal) -> Result<Value, Refused> {
        const PAUSED: [&str; 2] = ["Paused", "WORKFLOW_EXECUTION_STATUS_PAUSED"];
        match literal {
            Literal::Int(number @ 0..=8) => Ok((*number).into()),
            Literal::Int(number) => Err(Refused(format!(
                "invalid expression: invalid ExecutionStatus value {number}"
            ))),
            Literal::Text(text) if PAUSED.contains(&&**text) => Ok(8.into()),
            Literal::Text(text) => EXECUTION_STATUSES
                .iter()
                .find(|(_, short, long, _)| text == short || text == long)
                .map(|(number, ..)| (*number).into())
                .ok_or_else(|| {
                    Refused(format!(
                        "invalid expression: invalid ExecutionStatus value '{text}'"
                    ))
                }),
            Literal::Double(_) | Literal::Bool(_) => Err(self.wrong_type(literal)),
        }
    }

    fn duration(&self, literal: &Literal) -> Result<Value, Refused> {
        match literal {
            Literal::Int(nanos) => Ok((*nanos).into()),
            Literal::Text(text) => parse_duration(text).map(Value::from).ok_or_else(|| {
                Refused(format!(
                    "invalid expression: invalid duration value for search attribute {}: {text}",
                    self.name
                ))
            }),
            Literal::Double(_) => Err(Refused(format!(
                "invalid expression: unexpected value type float64 for search attribute {}",
                self.name
            ))),
            Literal::Bool(_) => Err(self.wrong_type(literal)),
        }
    }

    fn wrong_type(&self, literal: &Literal) -> Refused {
        let shown = match literal {
            Literal::Text(text) => format!("{text:?} (type: string)"),
            Literal::Int(number) => format!("{number} (type: int64)"),
            Literal::Double(number) => format!("{number} (type: float64)"),
            Literal::Bool(value) => format!("{value} (type: bool)"),
        };
        Refused(format!(
            "invalid expression: invalid value type for search attribute {} of type {}: {shown}",
            self.name, self.kind
        ))
    }

    fn no_operator(&self, operator: &str) -> Refused {
        not_supported(&format!(
            "operator '{operator}' not supported for {} type search attribute '{}'",
            self.kind, self.name
        ))
    }
}
