//! Reads a query: what it says, before anybody looks at whether the names and the types are right.
//!
//! Conditions stand in an order of their own: `OR` binds less than `AND`, which binds less than `NOT`. Depth and number
//! of conditions have limits, so that neither this nor what is made of it runs out of stack.

use super::{
    refused::Refused,
    token::{Symbol, Token, Tokens, Word},
};

/// How deep parentheses go.
const MAX_DEPTH: usize = 50;
/// How many conditions a query has.
const MAX_CONDITIONS: usize = 500;
/// How many values all of them have.
const MAX_VALUES: usize = 5_000;

/// What a query says.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Parsed {
    pub(super) condition: Option<Condition>,
    pub(super) group_by: Vec<String>,
    pub(super) order_by: Vec<String>,
    pub(super) has_limit: bool,
}

#[derive(Debug, PartialEq)]
pub(super) enum Condition {
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    Test(String, Test),
}

/// What an attribute is to be.
#[derive(Debug, PartialEq)]
pub(super) enum Test {
    Compared(Operator, Literal),
    In {
        negated: bool,
        values: Vec<Literal>,
    },
    Between {
        negated: bool,
        low: Literal,
        high: Literal,
    },
    Null {
        negated: bool,
    },
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    StartsWith,
    NotStartsWith,
    Like,
    NotLike,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Literal {
    Text(String),
    Int(i64),
    Double(f64),
    Bool(bool),
}

/// Reads a query.
pub(super) fn parse(query: &str) -> Result<Parsed, Refused> {
    let mut parser = Parser {
        tokens: Tokens::of(query)?,
        conditions: 0,
        values: 0,
    };
    parser.query()
}

struct Parser<'q> {
    tokens: Tokens<'q>,
    conditions: usize,
    values: usize,
}

impl Parser<'_> {
    fn query(&mut self) -> Result<Parsed, Refused> {
        let mut parsed = Parsed::default();
        if !self.is_at_end_of_conditions() {
            parsed.condition = Some(self.any(0)?);
        }
        if self.tokens.takes_word(Word::Group) {
            parsed.group_by = self.names()?;
        }
        if self.tokens.takes_word(Word::Order) {
            parsed.order_by = self.names()?;
        }
        if self.tokens.takes_word(Word::Limit) {
            parsed.has_limit = true;
            self.literal()?;
        }
        self.tokens.takes_symbol(Symbol::Semicolon);
        match self.tokens.peek() {
            Token::End => Ok(parsed),
            _ => Err(self.tokens.unexpected()),
        }
    }

    /// Whether no condition comes, but what may follow all of them.
    fn is_at_end_of_conditions(&self) -> bool {
        matches!(
            self.tokens.peek(),
            Token::End | Token::Word(Word::Group | Word::Order | Word::Limit)
        )
    }

    /// The names after `BY`.
    fn names(&mut self) -> Result<Vec<String>, Refused> {
        if !self.tokens.takes_word(Word::By) {
            return Err(self.tokens.unexpected());
        }
        let mut names = Vec::new();
        loop {
            let Token::Name(name) = self.tokens.peek() else {
                return Err(self.tokens.unexpected());
            };
            names.push(name.clone());
            self.tokens.take();
            if let Token::Word(Word::Asc | Word::Desc) = self.tokens.peek() {
                self.tokens.take();
            }
            if !self.tokens.takes_symbol(Symbol::Comma) {
                return Ok(names);
            }
        }
    }

    fn any(&mut self, depth: usize) -> Result<Condition, Refused> {
        let first = self.all(depth)?;
        let mut conditions = vec![first];
        while self.tokens.takes_word(Word::Or) {
            conditions.push(self.all(depth)?);
        }
        Ok(joined(conditions, Condition::Any))
    }

    fn all(&mut self, depth: usize) -> Result<Condition, Refused> {
        let first = self.one(depth)?;
        let mut conditions = vec![first];
        while self.tokens.takes_word(Word::And) {
            conditions.push(self.one(depth)?);
        }
        Ok(joined(conditions, Condition::All))
    }

    fn one(&mut self, depth: usize) -> Result<Condition, Refused> {
        let mut negated = false;
        while self.tokens.takes_word(Word::Not) {
            negated = !negated;
        }
        let condition = if *self.tokens.peek() == Token::Symbol(Symbol::Open) {
            if depth >= MAX_DEPTH {
                return Err(Refused(format!(
                    "malformed SQL query: max nesting level reached at position {}",
                    self.tokens.position()
                )));
            }
            self.tokens.take();
            let condition = self.any(depth + 1)?;
            if !self.tokens.takes_symbol(Symbol::Close) {
                return Err(self.tokens.unexpected());
            }
            condition
        } else {
            self.test()?
        };
        Ok(if negated {
            Condition::Not(Box::new(condition))
        } else {
            condition
        })
    }

    fn test(&mut self) -> Result<Condition, Refused> {
        let name = match self.tokens.peek() {
            Token::Name(name) => name.clone(),
            Token::Text(_) | Token::Number(_) | Token::Word(Word::True | Word::False) => {
                return Err(Refused(
                    "invalid expression: must be a column name but was a value".to_owned(),
                ));
            }
            _ => return Err(self.tokens.unexpected()),
        };
        self.tokens.take();
        self.conditions += 1;
        if self.conditions > MAX_CONDITIONS {
            return Err(Refused(format!(
                "the query has more than {MAX_CONDITIONS} conditions; ask for less at once"
            )));
        }
        let test = self.what()?;
        Ok(Condition::Test(name, test))
    }

    /// What comes after a name.
    fn what(&mut self) -> Result<Test, Refused> {
        let operator = match self.tokens.peek() {
            Token::Symbol(Symbol::Equal) => Operator::Equal,
            Token::Symbol(Symbol::NotEqual) => Operator::NotEqual,
            Token::Symbol(Symbol::Less) => Operator::Less,
            Token::Symbol(Symbol::LessOrEqual) => Operator::LessOrEqual,
            Token::Symbol(Symbol::Greater) => Operator::Greater,
            Token::Symbol(Symbol::GreaterOrEqual) => Operator::GreaterOrEqual,
            Token::Word(Word::StartsWith) => Operator::StartsWith,
            Token::Word(Word::Like) => Operator::Like,
            Token::Word(Word::Is) => return self.is_null(),
            Token::Word(Word::In) => return self.is_in(false),
            Token::Word(Word::Between) => return self.is_between(false),
            Token::Word(Word::Not) => return self.what_not(),
            Token::Word(Word::And | Word::Or) | Token::Symbol(Symbol::Close) => {
                return Err(incomplete());
            }
            _ if self.is_at_end_of_conditions() => return Err(incomplete()),
            _ => return Err(self.tokens.unexpected()),
        };
        self.tokens.take();
        if let Token::Name(value) = self.tokens.peek() {
            return Err(Refused(format!(
                "operation is not supported: column name on the right side of comparison expression (did you forget to \
                 quote \"{value}\"?)"
            )));
        }
        Ok(Test::Compared(operator, self.literal()?))
    }

    /// What comes after a name and `NOT`.
    fn what_not(&mut self) -> Result<Test, Refused> {
        self.tokens.take();
        let operator = match self.tokens.peek() {
            Token::Word(Word::In) => return self.is_in(true),
            Token::Word(Word::Between) => return self.is_between(true),
            Token::Word(Word::StartsWith) => Operator::NotStartsWith,
            Token::Word(Word::Like) => Operator::NotLike,
            _ => return Err(self.tokens.unexpected()),
        };
        self.tokens.take();
        Ok(Test::Compared(operator, self.literal()?))
    }

    fn is_null(&mut self) -> Result<Test, Refused> {
        self.tokens.take();
        let negated = self.tokens.takes_word(Word::Not);
        match self.tokens.peek() {
            Token::Word(Word::Null) => {
                self.tokens.take();
                Ok(Test::Null { negated })
            }
            Token::Word(Word::True | Word::False) => Err(Refused(
                "invalid expression: 'IS' operator can only be used as 'IS NULL' or 'IS NOT NULL'"
                    .to_owned(),
            )),
            _ => Err(self.tokens.unexpected()),
        }
    }

    fn is_in(&mut self, negated: bool) -> Result<Test, Refused> {
        self.tokens.take();
        if !self.tokens.takes_symbol(Symbol::Open) {
            return Err(self.tokens.unexpected());
        }
        let mut values = vec![self.literal()?];
        while self.tokens.takes_symbol(Symbol::Comma) {
            values.push(self.literal()?);
        }
        if !self.tokens.takes_symbol(Symbol::Close) {
            return Err(self.tokens.unexpected());
        }
        Ok(Test::In { negated, values })
    }

    fn is_between(&mut self, negated: bool) -> Result<Test, Refused> {
        self.tokens.take();
        let low = self.literal()?;
        if !self.tokens.takes_word(Word::And) {
            return Err(self.tokens.unexpected());
        }
        let high = self.literal()?;
        Ok(Test::Between { negated, low, high })
    }

    fn literal(&mut self) -> Result<Literal, Refused> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(Refused(format!(
                "the query has more than {MAX_VALUES} values; ask for less at once"
            )));
        }
        let sign = match self.tokens.peek() {
            Token::Symbol(Symbol::Minus) => "-",
            Token::Symbol(Symbol::Plus) => "+",
            _ => "",
        };
        if !sign.is_empty() {
            self.tokens.take();
        }
        let literal = match self.tokens.peek() {
            Token::Number(number) => read_number(&format!("{sign}{number}"))?,
            Token::Text(text) if sign.is_empty() => Literal::Text(text.clone()),
            Token::Word(Word::True) if sign.is_empty() => Literal::Bool(true),
            Token::Word(Word::False) if sign.is_empty() => Literal::Bool(false),
            Token::Word(Word::Null) if sign.is_empty() => {
                return Err(Refused(
                    "invalid expression: unexpected value type NULL; write `IS NULL` or `IS NOT NULL`"
                        .to_owned(),
                ));
            }
            _ => return Err(self.tokens.unexpected()),
        };
        self.tokens.take();
        Ok(literal)
    }
}

fn incomplete() -> Refused {
    Refused("invalid expression: incomplete expression".to_owned())
}

fn joined(mut conditions: Vec<Condition>, join: fn(Vec<Condition>) -> Condition) -> Condition {
    match conditions.pop() {
        Some(only) if conditions.is_empty() => only,
        last => {
            conditions.extend(last);
            join(conditions)
        }
    }
}

/// A whole number that is too large for one counts as the nearest that there is with a point.
fn read_number(text: &str) -> Result<Literal, Refused> {
    if let Ok(number) = text.parse() {
        return Ok(Literal::Int(number));
    }
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(Literal::Double(number)),
        _ => Err(Refused(format!(
            "invalid expression: unable to parse value \"{text}\""
        ))),
    }
}
