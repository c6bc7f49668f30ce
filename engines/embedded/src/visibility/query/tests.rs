//! What a server of version 1.32 takes and refuses, and with which words: every text here was asked of one.

use steadfast_core::payload::Payload;
use steadfast_engine::{ListFilter, SearchAttributeType as Type};

use super::{
    parse::{Condition, Literal, Operator, Parsed, Test, parse},
    query,
};
use crate::attributes::Registry;

fn registry() -> Registry {
    [
        ("Num", Type::Int),
        ("Dbl", Type::Double),
        ("Flag", Type::Bool),
        ("Kw", Type::Keyword),
        ("Tags", Type::KeywordList),
        ("When", Type::Datetime),
        ("Txt", Type::Text),
        ("Odd Name", Type::Keyword),
    ]
    .map(|(name, kind)| (name.to_owned(), kind))
    .into_iter()
    .collect()
}

/// Why a text is refused; nothing if it is not.
fn refusal(text: &str) -> String {
    query(&text.into(), &registry()).map_or_else(|error| error.to_string(), |_| String::new())
}

#[test]
fn what_a_service_takes_is_taken() {
    for text in [
        "",
        "   ",
        "`WorkflowId` = \"w1\"",
        "WorkflowId <> 'w1'",
        "WorkflowId='w1'and(Num=5)",
        "NOT(Kw='Rome')",
        "NOT NOT Kw = 'Rome'",
        "(((((Kw = 'Rome')))))",
        "Kw = 'Rome' && Num = 5",
        "Kw = 'Rome' || Num = 7",
        "Kw = 'Rome';",
        "Kw = ''",
        "Kw > 'P'",
        "Kw between 'A' and 'Z'",
        "Kw STARTS_WITH 'Paris%'",
        "Kw not starts_with 'R'",
        "Kw is null",
        "Num = -5",
        "Num = +5",
        "Num = 5e0",
        "Num = 5.5",
        "Num = .5",
        "Num = 1.",
        "Num = 99999999999999999999",
        "Num BETWEEN 5 AND 7 AND Kw = 'Rome'",
        "Num not between 5 and 6",
        "Dbl in (1.5, 2)",
        "Flag > false",
        "Flag in (true, false)",
        "Tags = 'a' AND Tags = 'b'",
        "Tags not in ('a')",
        "Txt = 'quick fox'",
        "`When` = '2024-01-02T03:04:05Z'",
        "`When` > 1704164645000000000",
        "`When` > '2024-01-02T03:04:05.1+01:00'",
        "`Odd Name` = 'x'",
        "ExecutionStatus = 'WORKFLOW_EXECUTION_STATUS_RUNNING'",
        "ExecutionStatus in (1, 3)",
        "ExecutionStatus = 0",
        "ExecutionStatus = 'Paused'",
        "ExecutionStatus is not null",
        "ExecutionDuration > '1h30m'",
        "ExecutionDuration between '1s' and '1h'",
        "ExecutionDuration > 1000000000",
        "StartTime > 2020",
        "HistoryLength > 2.5",
        "TemporalReportedProblems in ('category=WorkflowTaskFailed')",
        "TemporalSchedulePaused = true",
        "GROUP BY ExecutionStatus",
        "ExecutionStatus = 'Failed' GROUP BY `ExecutionStatus`",
    ] {
        assert_eq!(refusal(text), "", "{text}");
    }
}

#[test]
fn malformed_queries_are_refused_at_the_place_that_a_service_names() {
    for (text, place) in [
        ("WorkflowId == 'w1'", "41"),
        ("Kw in 'Rome'", "40 near 'Rome'"),
        ("Kw in ()", "36"),
        ("Kw = 'Rome' AND", "43"),
        ("AND", "31 near 'and'"),
        ("Kw = 'Rome' Kw = 'x'", "42 near 'Kw'"),
        ("(Kw = 'Rome'", "40"),
        ("Kw = 'Rome')", "40"),
        ("Kw = 'Rome", "38 near 'Rome'"),
        ("Kw = 'Ro' 'me'", "42 near 'me'"),
        ("`Kw", "31 near 'Kw'"),
        ("`` = 1", "30"),
        ("Num NOT 5", "37 near '5'"),
        ("Num NOT = 5", "37"),
        ("Num IS 5", "36 near '5'"),
        ("Num IS NOT 5", "40 near '5'"),
        ("Kw IS NULL NULL", "43 near 'null'"),
        ("BETWEEN 5 AND 7", "35 near 'between'"),
        ("$Kw = 'y'", "29 near '$'"),
        ("Kw$ = 'y'", "31 near '$'"),
        ("1Kw = 'y'", ""),
        ("Kw starts_with", "42"),
        ("starts_with 'a'", "39 near 'starts_with'"),
        ("GROUP BY", "30"),
        ("  WorkflowId =  ", "40"),
        (
            "ORDER BY StartTime GROUP BY ExecutionStatus",
            "46 near 'group'",
        ),
    ] {
        let refusal = refusal(text);
        if place.is_empty() {
            // There the service names another place.
            assert!(refusal.starts_with("invalid query: "), "{text}: {refusal}");
        } else {
            assert_eq!(
                refusal,
                format!("invalid query: malformed SQL query: syntax error at position {place}"),
                "{text}"
            );
        }
    }
}

#[test]
fn what_makes_no_sense_is_refused_in_the_words_of_a_service() {
    for (text, why) in [
        ("workflowid = 'w1'", "invalid search attribute: workflowid"),
        ("kw = 'Rome'", "invalid search attribute: kw"),
        ("`Bogus` = 'x'", "invalid search attribute: Bogus"),
        ("a.Kw = 'Rome'", "invalid search attribute: a.Kw"),
        (
            "NOT (Num = 5 OR Bogus = 1)",
            "invalid search attribute: Bogus",
        ),
        ("GROUP BY Bogus", "invalid search attribute: Bogus"),
        (
            "WorkflowId = 'w1' ORDER BY Bogus",
            "invalid search attribute: Bogus",
        ),
        (
            "Num = '5'",
            "invalid expression: invalid value type for search attribute Num of type Int: \"5\" (type: string)",
        ),
        (
            "Num in (5, 'a')",
            "invalid expression: invalid value type for search attribute Num of type Int: \"a\" (type: string)",
        ),
        (
            "Num between 5 and 'x'",
            "invalid expression: invalid value type for search attribute Num of type Int: \"x\" (type: string)",
        ),
        (
            "Num starts_with '1'",
            "invalid expression: invalid value type for search attribute Num of type Int: \"1\" (type: string)",
        ),
        (
            "Flag = 1",
            "invalid expression: invalid value type for search attribute Flag of type Bool: 1 (type: int64)",
        ),
        (
            "Kw = true",
            "invalid expression: invalid value type for search attribute Kw of type Keyword: true (type: bool)",
        ),
        (
            "`When` = 5.5",
            "invalid expression: invalid value type for search attribute When of type Datetime: 5.5 (type: float64)",
        ),
        (
            "ExecutionStatus = true",
            "invalid expression: invalid value type for search attribute ExecutionStatus of type Keyword: true (type: bool)",
        ),
        (
            "ExecutionStatus = 'running'",
            "invalid expression: invalid ExecutionStatus value 'running'",
        ),
        (
            "ExecutionStatus = 'Cancelled'",
            "invalid expression: invalid ExecutionStatus value 'Cancelled'",
        ),
        (
            "ExecutionStatus = 99",
            "invalid expression: invalid ExecutionStatus value 99",
        ),
        (
            "ExecutionStatus starts_with 'R'",
            "invalid expression: invalid ExecutionStatus value 'R'",
        ),
        (
            "ExecutionDuration > 1.5",
            "invalid expression: unexpected value type float64 for search attribute ExecutionDuration",
        ),
        (
            "ExecutionDuration > 'abc'",
            "invalid expression: invalid duration value for search attribute ExecutionDuration: abc",
        ),
        (
            "ExecutionDuration starts_with '1'",
            "operation is not supported: operator 'STARTS_WITH' not supported for Int type search attribute \
             'ExecutionDuration'",
        ),
        (
            "StartTime > '2020-01-01'",
            "invalid expression: unable to parse datetime '2020-01-01'",
        ),
        (
            "`When` > '2024-01-02t03:04:05z'",
            "invalid expression: unable to parse datetime '2024-01-02t03:04:05z'",
        ),
        (
            "StartTime > '2020-01-01 00:00:00Z'",
            "invalid expression: unable to parse datetime '2020-01-01 00:00:00Z'",
        ),
        (
            "Kw LIKE 'R%'",
            "operation is not supported: operator 'LIKE' not supported for Keyword type search attribute 'Kw'",
        ),
        (
            "Tags starts_with 'a'",
            "operation is not supported: operator 'STARTS_WITH' not supported for KeywordList type search attribute 'Tags'",
        ),
        (
            "Tags > 'a'",
            "operation is not supported: operator '>' not supported for KeywordList type search attribute 'Tags'",
        ),
        (
            "Tags between 'a' and 'b'",
            "invalid expression: cannot do range condition on search attribute 'Tags' of type KeywordList",
        ),
        (
            "Flag between false and true",
            "invalid expression: cannot do range condition on search attribute 'Flag' of type Bool",
        ),
        (
            "Txt > 'a'",
            "operation is not supported: operator '>' not supported for Text type search attribute 'Txt'",
        ),
        (
            "Txt NOT IN ('quick')",
            "operation is not supported: operator 'NOT IN' not supported for Text type search attribute 'Txt'",
        ),
        (
            "Txt = ''",
            "invalid expression: no tokens found filtering on Text type search attribute Txt",
        ),
        ("Kw", "invalid expression: incomplete expression"),
        ("NOT Flag", "invalid expression: incomplete expression"),
        (
            "Flag is not false",
            "invalid expression: 'IS' operator can only be used as 'IS NULL' or 'IS NOT NULL'",
        ),
        (
            "Kw = Rome",
            "operation is not supported: column name on the right side of comparison expression (did you forget to quote \
             \"Rome\"?)",
        ),
        (
            "Num = 5e400",
            "invalid expression: unable to parse value \"5e400\"",
        ),
        (
            "ORDER BY StartTime",
            "operation is not supported: 'ORDER BY' clause",
        ),
        (
            "WorkflowId = 'w1' order by StartTime desc, RunId",
            "operation is not supported: 'ORDER BY' clause",
        ),
        (
            "WorkflowId = 'w1' LIMIT 5",
            "operation is not supported: 'LIMIT' clause",
        ),
        (
            "GROUP BY WorkflowType",
            "operation is not supported: 'GROUP BY' clause is not supported for search attribute WorkflowType",
        ),
        (
            "GROUP BY ExecutionStatus, WorkflowType",
            "operation is not supported: 'GROUP BY' clause supports only a single field",
        ),
        // Here the service names types of its parser.
        (
            "'Kw' = 'Rome'",
            "invalid expression: must be a column name but was a value",
        ),
        (
            "Kw != null",
            "invalid expression: unexpected value type NULL; write `IS NULL` or `IS NOT NULL`",
        ),
    ] {
        assert_eq!(refusal(text), format!("invalid query: {why}"), "{text}");
    }
}

/// `OR` binds less than `AND`, which binds less than `NOT`.
#[test]
fn conditions_bind_as_in_sql() {
    let is = |name: &str, value: i64| {
        let test = Test::Compared(Operator::Equal, Literal::Int(value));
        Condition::Test(name.to_owned(), test)
    };
    let not = |condition| Condition::Not(Box::new(condition));
    for (text, condition) in [
        (
            "a = 1 or b = 2 and not c = 3",
            Condition::Any(vec![
                is("a", 1),
                Condition::All(vec![is("b", 2), not(is("c", 3))]),
            ]),
        ),
        (
            "(a = 1 or b = 2) and c = 3",
            Condition::All(vec![
                Condition::Any(vec![is("a", 1), is("b", 2)]),
                is("c", 3),
            ]),
        ),
        (
            "not (a = 1 and b = 2)",
            not(Condition::All(vec![is("a", 1), is("b", 2)])),
        ),
    ] {
        let parsed = Parsed {
            condition: Some(condition),
            ..Parsed::default()
        };
        assert_eq!(parse(text), Ok(parsed), "{text}");
    }
}

#[test]
fn texts_have_either_quotes_and_escapes() {
    for (text, value) in [
        ("a = 'O''Brien'", "O'Brien"),
        ("a = 'O\\'Brien'", "O'Brien"),
        ("a = \"O'Brien\"", "O'Brien"),
        ("a = \"Ro\"\"me\"", "Ro\"me"),
        ("a = 'Ro\\me'", "Rome"),
        ("a = 'a\\nb\\\\'", "a\nb\\"),
        ("a = 'é'", "é"),
        ("a = ''''", "'"),
    ] {
        let Ok(Parsed {
            condition: Some(Condition::Test(_, Test::Compared(_, Literal::Text(found)))),
            ..
        }) = parse(text)
        else {
            panic!("{text}");
        };
        assert_eq!(found, value, "{text}");
    }
}

/// A filter is a query; one that names an attribute before anything has it finds nothing, as it always did.
#[test]
fn a_filter_may_name_an_attribute_that_is_not_there_yet() {
    let filter = |name: &str| ListFilter {
        search_attributes: [(name.to_owned(), Payload::json(&b"\"gold\""[..]))].into(),
        ..ListFilter::default()
    };
    query(&filter("tier'; DROP `TABLE` execution; --"), &registry()).unwrap();
    // With a type it has to be of that.
    query(&filter("Num"), &registry()).unwrap_err();
    query(&"tier = 'gold'".into(), &registry()).unwrap_err();
}

#[test]
fn what_is_too_long_or_too_deep_is_refused() {
    let nested = |depth: usize| format!("{}Num = 5{}", "(".repeat(depth), ")".repeat(depth));
    assert_eq!(refusal(&nested(50)), "");
    assert!(refusal(&nested(51)).contains("max nesting level reached"));
    assert!(refusal(&nested(30_000)).contains("max nesting level reached"));
    let conditions = |count: usize| vec!["Num = 5"; count].join(" OR ");
    assert_eq!(refusal(&conditions(500)), "");
    assert!(refusal(&conditions(501)).contains("500 conditions"));
    let values = |count: usize| format!("Num IN ({})", vec!["5"; count].join(","));
    assert_eq!(refusal(&values(5_000)), "");
    assert!(refusal(&values(5_001)).contains("5000 values"));
    assert!(refusal(&"NOT ".repeat(10_000)).contains("syntax error"));
    assert!(refusal(&" ".repeat(70_000)).is_empty());
    assert!(refusal(&format!("Kw = '{}'", "x".repeat(70_000))).contains("the limit is"));
}
