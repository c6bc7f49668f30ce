//! Search attributes: which there are and of what types, and what the file keeps of their values to find executions by.
//!
//! A value is kept as what it is compared with: a text as it is, a number as a number, a truth value as 0 or 1, a point
//! in time as nanoseconds, a list as each of its texts, and a text of words as each of them, in lower case.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use rusqlite::types::Value;
use serde_json::Value as Json;
use steadfast_core::{
    ids::Namespace,
    payload::{Bytes, Payload, PayloadMap},
};
use steadfast_engine::{
    REPORTED_PROBLEMS, SearchAttributeType, SearchAttributes,
    spelling::{enums::SEARCH_ATTRIBUTE_TYPES, time::parse_timestamp},
};

/// What is known of every execution without anybody setting it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum SystemAttribute {
    WorkflowId,
    RunId,
    WorkflowType,
    TaskQueue,
    ExecutionStatus,
    StartTime,
    ExecutionTime,
    CloseTime,
    ExecutionDuration,
    HistoryLength,
    HistorySizeBytes,
    ParentWorkflowId,
    ParentRunId,
    RootWorkflowId,
    RootRunId,
}

/// All of them, with their names and types.
const SYSTEM: [(&str, SearchAttributeType, SystemAttribute); 15] = {
    use SearchAttributeType::{Datetime, Int, Keyword};
    use SystemAttribute as System;
    [
        ("WorkflowId", Keyword, System::WorkflowId),
        ("RunId", Keyword, System::RunId),
        ("WorkflowType", Keyword, System::WorkflowType),
        ("TaskQueue", Keyword, System::TaskQueue),
        ("ExecutionStatus", Keyword, System::ExecutionStatus),
        ("StartTime", Datetime, System::StartTime),
        ("ExecutionTime", Datetime, System::ExecutionTime),
        ("CloseTime", Datetime, System::CloseTime),
        ("ExecutionDuration", Int, System::ExecutionDuration),
        ("HistoryLength", Int, System::HistoryLength),
        ("HistorySizeBytes", Int, System::HistorySizeBytes),
        ("ParentWorkflowId", Keyword, System::ParentWorkflowId),
        ("ParentRunId", Keyword, System::ParentRunId),
        ("RootWorkflowId", Keyword, System::RootWorkflowId),
        ("RootRunId", Keyword, System::RootRunId),
    ]
};

/// What a Temporal Service knows without anybody adding it, and workers and services set.
const PREDEFINED: [(&str, SearchAttributeType); 15] = {
    use SearchAttributeType::{Bool, Datetime, Keyword, KeywordList};
    [
        (REPORTED_PROBLEMS, KeywordList),
        ("BatcherNamespace", Keyword),
        ("BatcherUser", Keyword),
        ("BinaryChecksums", KeywordList),
        ("BuildIds", KeywordList),
        ("TemporalChangeVersion", KeywordList),
        ("TemporalNamespaceDivision", Keyword),
        ("TemporalPauseInfo", KeywordList),
        ("TemporalSchedulePaused", Bool),
        ("TemporalScheduledById", Keyword),
        ("TemporalScheduledStartTime", Datetime),
        ("TemporalUsedWorkerDeploymentVersions", KeywordList),
        ("TemporalWorkerDeployment", Keyword),
        ("TemporalWorkerDeploymentVersion", Keyword),
        ("TemporalWorkflowVersioningBehavior", Keyword),
    ]
};

impl SystemAttribute {
    pub(crate) fn of_name(name: &str) -> Option<(Self, SearchAttributeType)> {
        let found = SYSTEM.iter().find(|entry| entry.0 == name)?;
        Some((found.2, found.1))
    }
}

/// Whether a name is not for users to add or remove.
pub(crate) fn is_reserved(name: &str) -> bool {
    SystemAttribute::of_name(name).is_some() || PREDEFINED.iter().any(|entry| entry.0 == name)
}

/// Where the metadata of a value has its type.
const TYPE: &str = "type";

/// Why a value is refused, in the words of a Temporal Service.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct BadValue(String);

impl fmt::Display for BadValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the file keeps of a value: the attribute's name, and what it is found by.
pub(crate) type IndexEntry = (String, Value);

/// The search attributes that there are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Registry {
    custom: BTreeMap<String, SearchAttributeType>,
    /// The namespace, if an attribute is not added by being used.
    closed: Option<Namespace>,
}

impl FromIterator<(String, SearchAttributeType)> for Registry {
    fn from_iter<I: IntoIterator<Item = (String, SearchAttributeType)>>(types: I) -> Self {
        Self {
            custom: types.into_iter().collect(),
            closed: None,
        }
    }
}

impl Registry {
    /// The type of an attribute that can have a value.
    pub(crate) fn type_of(&self, name: &str) -> Option<SearchAttributeType> {
        let predefined = PREDEFINED.iter().find(|entry| entry.0 == name);
        predefined
            .map(|entry| entry.1)
            .or_else(|| self.custom.get(name).copied())
    }

    /// All of them.
    pub(crate) fn all(&self) -> SearchAttributes {
        let system = SYSTEM.iter().map(|entry| (entry.0, entry.1));
        SearchAttributes {
            custom: self.custom.clone(),
            system: system
                .chain(PREDEFINED)
                .map(|(name, kind)| (name.to_owned(), kind))
                .collect(),
        }
    }

    /// Adds one; `false` when it is there already.
    pub(crate) fn add(&mut self, name: &str, kind: SearchAttributeType) -> bool {
        let is_new = !self.custom.contains_key(name);
        if is_new {
            self.custom.insert(name.to_owned(), kind);
        }
        is_new
    }

    /// Removes one; gives its type if it was there.
    pub(crate) fn remove(&mut self, name: &str) -> Option<SearchAttributeType> {
        self.custom.remove(name)
    }

    /// Refuses attributes from now on that nobody has added.
    pub(crate) fn close(&mut self, namespace: Namespace) {
        self.closed = Some(namespace);
    }

    /// Checks values that somebody wants to set.
    ///
    /// # Errors
    ///
    /// When one is not of its attribute's type, or not to be set, or of no attribute and none is added by being used.
    pub(crate) fn check(&self, values: &PayloadMap) -> Result<(), BadValue> {
        for (name, value) in values {
            if SystemAttribute::of_name(name).is_some() {
                return Err(BadValue(format!(
                    "{name} attribute can't be set in SearchAttributes"
                )));
            }
            let known = self.type_of(name);
            if let (None, Some(namespace)) = (known, &self.closed) {
                return Err(BadValue(format!(
                    "Namespace {namespace} has no mapping defined for search attribute {name}"
                )));
            }
            if let Some(kind) = known.or_else(|| type_shown(value)) {
                entries(name, kind, value)?;
            }
        }
        Ok(())
    }

    /// What the values that an execution has are found by, and the attributes that have to be added for that. A value of
    /// another type than its attribute's, as older versions took, is not found.
    pub(crate) fn index(
        &self,
        values: &PayloadMap,
    ) -> (Vec<(String, SearchAttributeType)>, Vec<IndexEntry>) {
        let (mut added, mut index) = (Vec::new(), Vec::new());
        for (name, value) in values {
            if SystemAttribute::of_name(name).is_some() {
                continue;
            }
            let known = self.type_of(name);
            let Some(kind) = known.or_else(|| type_shown(value)) else {
                continue;
            };
            let Ok(found_by) = entries(name, kind, value) else {
                continue;
            };
            if known.is_none() {
                added.push((name.clone(), kind));
            }
            index.extend(found_by.into_iter().map(|value| (name.clone(), value)));
        }
        (added, index)
    }
}

/// A value that names its type, as clients read it.
pub(crate) fn typed(json: impl Into<Bytes>, kind: SearchAttributeType) -> Payload {
    let mut payload = Payload::json(json);
    let kind = kind.to_string().into_bytes().into();
    payload.metadata.insert(TYPE.to_owned(), kind);
    payload
}

/// The type that a value names, or else shows.
pub(crate) fn type_shown(value: &Payload) -> Option<SearchAttributeType> {
    let named = value
        .metadata
        .get(TYPE)
        .and_then(|name| std::str::from_utf8(name.as_slice()).ok())
        .and_then(|name| SEARCH_ATTRIBUTE_TYPES.of_name(name));
    if named.is_some() {
        return named;
    }
    match json(value)? {
        Json::String(_) => Some(SearchAttributeType::Keyword),
        Json::Bool(_) => Some(SearchAttributeType::Bool),
        Json::Number(number) if number.is_i64() => Some(SearchAttributeType::Int),
        Json::Number(_) => Some(SearchAttributeType::Double),
        Json::Array(texts) if !texts.is_empty() && texts.iter().all(Json::is_string) => {
            Some(SearchAttributeType::KeywordList)
        }
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

fn json(value: &Payload) -> Option<Json> {
    serde_json::from_slice(value.data.as_slice()).ok()
}

/// What a value is found by; nothing if it is none.
fn entries(name: &str, kind: SearchAttributeType, value: &Payload) -> Result<Vec<Value>, BadValue> {
    if value.encoding == Payload::NULL {
        return Ok(Vec::new());
    }
    let Some(json) = json(value) else {
        return Err(BadValue(format!(
            "invalid value for search attribute {name} of type {kind}: it is not JSON"
        )));
    };
    entries_of(kind, &json).ok_or_else(|| {
        let shown = match &json {
            Json::String(text) => text.clone(),
            json => json.to_string(),
        };
        BadValue(format!(
            "invalid value for search attribute {name} of type {kind}: {shown}"
        ))
    })
}

/// `None` when the value is not of the type.
fn entries_of(kind: SearchAttributeType, value: &Json) -> Option<Vec<Value>> {
    if kind == SearchAttributeType::KeywordList {
        return match value {
            Json::Null => Some(Vec::new()),
            Json::Array(texts) => texts
                .iter()
                .map(|text| Some(text.as_str()?.to_owned().into()))
                .collect(),
            _ => None,
        };
    }
    match value {
        Json::Null => return Some(Vec::new()),
        // A list of one value counts as that value, and an empty one as none.
        Json::Array(values) => {
            return match &**values {
                [] => Some(Vec::new()),
                [value] if !value.is_array() => entries_of(kind, value),
                _ => None,
            };
        }
        _ => {}
    }
    let entry = match kind {
        SearchAttributeType::Keyword => value.as_str()?.to_owned().into(),
        SearchAttributeType::Int => value.as_i64()?.into(),
        SearchAttributeType::Double => value.as_f64()?.into(),
        SearchAttributeType::Bool => i64::from(value.as_bool()?).into(),
        SearchAttributeType::Datetime => parse_time(value.as_str()?)?.into(),
        SearchAttributeType::Text => return Some(indexed_words(value.as_str()?)),
        SearchAttributeType::KeywordList => return None,
    };
    Some(vec![entry])
}

/// Nanoseconds since the epoch of a time in RFC 3339, as strictly as a Temporal Service reads it.
pub(crate) fn parse_time(text: &str) -> Option<i64> {
    let is_strict = text.as_bytes().get(10) == Some(&b'T') && !text.ends_with('z');
    is_strict
        .then(|| parse_timestamp(text))
        .flatten()
        .map(steadfast_core::time::Timestamp::unix_nanos)
}

/// The words of a text, in lower case.
pub(crate) fn words(text: &str) -> BTreeSet<String> {
    text.split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

/// The words of a text, or what no word is equal to: then the attribute still has a value.
fn indexed_words(text: &str) -> Vec<Value> {
    let words = words(text);
    if words.is_empty() {
        return vec![String::new().into()];
    }
    words.into_iter().map(Value::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The type may be one that there is not.
    fn typed(json: &str, kind: &str) -> Payload {
        let mut payload = Payload::json(json.as_bytes());
        if !kind.is_empty() {
            let kind = kind.as_bytes().into();
            payload.metadata.insert(TYPE.to_owned(), kind);
        }
        payload
    }

    fn values(name: &str, json: &str, kind: &str) -> PayloadMap {
        PayloadMap::from([(name.to_owned(), typed(json, kind))])
    }

    /// What a server of version 1.32 takes and refuses.
    #[test]
    fn values_are_checked_as_a_service_checks_them() {
        use SearchAttributeType as Type;
        let registry: Registry = [
            ("Num", Type::Int),
            ("Dbl", Type::Double),
            ("Flag", Type::Bool),
            ("Kw", Type::Keyword),
            ("Tags", Type::KeywordList),
            ("When", Type::Datetime),
            ("Txt", Type::Text),
        ]
        .map(|(name, kind)| (name.to_owned(), kind))
        .into_iter()
        .collect();
        for (name, json, kind, refused) in [
            ("Num", r#""abc""#, "", "abc"),
            ("Num", "5", "Keyword", ""),
            ("Num", "5.5", "Int", "5.5"),
            ("Num", r#""5""#, "Int", "5"),
            ("Num", "[5]", "Int", ""),
            ("Num", "[5,6]", "Int", "[5,6]"),
            ("Num", "null", "Int", ""),
            ("Dbl", "2", "Double", ""),
            ("Dbl", r#""x""#, "Double", "x"),
            ("Flag", r#""true""#, "Bool", "true"),
            ("Flag", "1", "Bool", "1"),
            ("Kw", "5", "Keyword", "5"),
            ("Kw", r#"["a"]"#, "Keyword", ""),
            ("Kw", r#"["a","b"]"#, "Keyword", r#"["a","b"]"#),
            ("Kw", "[]", "Keyword", ""),
            ("Kw", r#""x""#, "Text", ""),
            ("Kw", r#"{"a":1}"#, "Keyword", r#"{"a":1}"#),
            ("Kw", r#""x""#, "Bogus", ""),
            ("Tags", r#""a""#, "KeywordList", "a"),
            ("Tags", "[1]", "KeywordList", "[1]"),
            ("Tags", "[]", "KeywordList", ""),
            ("When", r#""x""#, "Datetime", "x"),
            ("When", "5", "Datetime", "5"),
            ("When", r#""2024-01-02T03:04:05+02:00""#, "Datetime", ""),
            ("Txt", "5", "Text", "5"),
        ] {
            let kind_of = registry.type_of(name).unwrap();
            let expected = if refused.is_empty() {
                Ok(())
            } else {
                let text = format!(
                    "invalid value for search attribute {name} of type {kind_of}: {refused}"
                );
                Err(BadValue(text))
            };
            assert_eq!(
                registry.check(&values(name, json, kind)),
                expected,
                "{json}"
            );
        }
        let error = registry.check(&values("StartTime", "1", "")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "StartTime attribute can't be set in SearchAttributes"
        );
        // What names a type has to be of it.
        assert!(registry.check(&values("New", "1", "Keyword")).is_err());
    }

    #[test]
    fn what_nobody_added_is_refused_where_nothing_is_added_by_being_used() {
        let mut registry = Registry::default();
        registry.close(Namespace::new("shop").unwrap());
        let error = registry.check(&values("Typo", "1", "")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "Namespace shop has no mapping defined for search attribute Typo"
        );
        // What every service has is there.
        let change = values("TemporalChangeVersion", r#"["a-1"]"#, "");
        assert_eq!(registry.check(&change), Ok(()));
        assert!(registry.add("Typo", SearchAttributeType::Int));
        assert_eq!(registry.check(&values("Typo", "1", "")), Ok(()));
    }

    #[test]
    fn an_attribute_that_is_used_is_of_the_type_that_its_value_names_or_shows() {
        use SearchAttributeType as Type;
        for (json, kind, expected) in [
            (r#""x""#, "", Some(Type::Keyword)),
            (r#""x""#, "Text", Some(Type::Text)),
            ("1", "", Some(Type::Int)),
            ("1", "Double", Some(Type::Double)),
            ("1.0", "", Some(Type::Double)),
            ("true", "", Some(Type::Bool)),
            (r#"["x"]"#, "", Some(Type::KeywordList)),
            (
                r#""2024-01-02T03:04:05Z""#,
                "Datetime",
                Some(Type::Datetime),
            ),
            ("[]", "", None),
            ("{}", "", None),
            ("null", "", None),
            ("no JSON", "", None),
        ] {
            let mut registry = Registry::default();
            let (added, _) = registry.index(&values("New", json, kind));
            let expected: Vec<_> = expected
                .map(|kind| ("New".to_owned(), kind))
                .into_iter()
                .collect();
            assert_eq!(added, expected, "{json}");
            for (name, kind) in added {
                assert!(registry.add(&name, kind));
                assert!(!registry.add(&name, Type::Bool));
            }
            let (again, _) = registry.index(&values("New", json, kind));
            assert!(again.is_empty());
        }
    }

    #[test]
    fn a_text_is_found_by_its_words_and_a_list_by_its_texts() {
        let registry: Registry = [
            ("Text", SearchAttributeType::Text),
            ("KeywordList", SearchAttributeType::KeywordList),
        ]
        .map(|(name, kind)| (name.to_owned(), kind))
        .into_iter()
        .collect();
        let found_by = |json: &str, name: &str| -> Vec<Value> {
            let (_, index) = registry.index(&values(name, json, ""));
            index.into_iter().map(|(_, value)| value).collect()
        };
        let texts = |texts: &[&str]| -> Vec<Value> {
            texts.iter().map(|text| (*text).to_owned().into()).collect()
        };
        assert_eq!(
            found_by(r#""The quick-brown fox, the""#, "Text"),
            texts(&["brown", "fox", "quick", "the"])
        );
        assert_eq!(found_by(r#""-""#, "Text"), texts(&[""]));
        assert_eq!(found_by(r#"["b","a"]"#, "KeywordList"), texts(&["b", "a"]));
        // Of another type than before: shown, and not found.
        assert!(found_by("1", "KeywordList").is_empty());
    }
}
