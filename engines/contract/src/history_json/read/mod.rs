//! Reads a history: finds its events, reads what they have in common, and finds out which run it is
//! the history of.

mod attributes;
mod messages;
mod update;

use serde_json::Value;
use steadfast_core::{
    event::{EventKind, HistoryEvent},
    history::{History, ids_of},
    ids::{EventId, RunId, WorkflowExecution, WorkflowId},
    time::Timestamp,
};

use self::update::AdmittedUpdates;
use super::{
    error::{HistoryJsonError, Problem, Read, describe},
    event_type::{self, attributes_name},
    fields::Fields,
};
use crate::{history_json::write, spelling::event_types, unmodelled};

/// Reads histories whose ids the caller knows better than the file.
///
/// # Examples
///
/// ```
/// use steadfast::{core::ids::WorkflowId, history_json::HistoryReader};
///
/// // Servers before 1.21 did not record the workflow id.
/// let json = r#"[{
///     "eventId": 1,
///     "eventType": "WorkflowExecutionStarted",
///     "workflowExecutionStartedEventAttributes": {
///         "workflowType": {"name": "order"},
///         "taskQueue": {"name": "main"},
///         "originalExecutionRunId": "01a1f980"
///     }
/// }]"#;
/// let history = HistoryReader::new()
///     .workflow_id(WorkflowId::new("order-1")?)
///     .read(json)?;
/// assert_eq!(history.execution.to_string(), "order-1/01a1f980");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct HistoryReader {
    workflow_id: Option<WorkflowId>,
    run_id: Option<RunId>,
}

impl HistoryReader {
    /// A reader that takes all ids from the file.
    pub fn new() -> Self {
        Self::default()
    }

    /// Says whose history it is, whatever the file says. It also stands in for the workflow id of
    /// the first event, which old servers did not record.
    pub fn workflow_id(mut self, workflow_id: WorkflowId) -> Self {
        self.workflow_id = Some(workflow_id);
        self
    }

    /// Says which run's history it is, whatever the file says. Random numbers are not affected:
    /// their seed is the original run id, which is part of the first event.
    pub fn run_id(mut self, run_id: RunId) -> Self {
        self.run_id = Some(run_id);
        self
    }

    /// Reads a history.
    ///
    /// # Errors
    ///
    /// As [`from_json`](super::from_json).
    pub fn read(&self, text: &str) -> Result<History, HistoryJsonError> {
        // Some shells begin a file with a mark of its encoding.
        let json: Value = serde_json::from_str(text.trim_start_matches('\u{feff}'))?;
        let mut admitted = AdmittedUpdates::default();
        let mut events = Vec::new();
        for (index, value) in events_of(&json)?.iter().enumerate() {
            let position = EventId(u64::try_from(index).unwrap_or(u64::MAX)).next();
            events.push(self.event(position, value, &mut admitted)?);
        }
        let execution = self.execution(&events)?;
        Ok(History { execution, events })
    }

    fn event(
        &self,
        position: EventId,
        value: &Value,
        admitted: &mut AdmittedUpdates,
    ) -> Result<HistoryEvent, HistoryJsonError> {
        let at_position = |problem: Problem| problem.of_event(position);
        let Some(fields) = Fields::of(Some(value)).map_err(at_position)? else {
            return Err(at_position(Problem::value("an object", None)));
        };
        let event_id = fields.event_id("eventId").map_err(at_position)?;
        if !event_id.is_some() {
            let problem = Problem::value("an event id", fields.get("eventId"));
            return Err(at_position(problem.within("eventId")));
        }
        let event_time = fields.optional_time("eventTime");
        let mut kind = self
            .kind(fields, admitted)
            .map_err(|problem| problem.of_event(event_id))?;
        let words = fields.user_metadata("userMetadata");
        kind.set_user_metadata(words.map_err(|problem| problem.of_event(event_id))?);
        let event_time = event_time.map_err(|problem| problem.of_event(event_id))?;
        let mut event = HistoryEvent::new(event_id, event_time.unwrap_or(Timestamp::EPOCH), kind);
        let told = write::event(&event).map_err(|problem| problem.of_event(event_id))?;
        event.unmodelled = unmodelled::rest(value, &told);
        Ok(event)
    }

    fn kind(&self, fields: Fields<'_>, admitted: &mut AdmittedUpdates) -> Read<EventKind> {
        let event_type = fields.read("eventType", event_type::read)?;
        let kind = fields.message(&attributes_name(&event_type), |fields| {
            match event_type.as_str() {
                "WorkflowExecutionStarted" => self.started(fields).map(Some),
                name if name.starts_with("WorkflowExecutionUpdate") => admitted.read(name, fields),
                name => attributes::read(name, fields),
            }
        })?;
        match kind {
            Some(kind) => Ok(kind),
            None => Ok(EventKind::Unknown {
                may_ignore: event_types::is_ignored(&event_type)
                    || fields.flag("workerMayIgnore")?,
                event_type,
            }),
        }
    }

    fn started(&self, fields: Fields<'_>) -> Read<EventKind> {
        let workflow_id = match (fields.optional_id("workflowId")?, &self.workflow_id) {
            (Some(workflow_id), _) => workflow_id,
            (None, Some(workflow_id)) => workflow_id.clone(),
            (None, None) => {
                let expected = "the workflow id, or a reader with `HistoryReader::workflow_id`";
                return Err(Problem::value(expected, None).within("workflowId"));
            }
        };
        messages::started(fields, workflow_id, self.run_id.as_ref())
            .map(|started| EventKind::WorkflowExecutionStarted(Box::new(started)))
    }

    fn execution(&self, events: &[HistoryEvent]) -> Result<WorkflowExecution, HistoryJsonError> {
        let (workflow_id, run_id) = ids_of(events);
        let ids = self.workflow_id.as_ref().or(workflow_id);
        let (Some(workflow_id), Some(run_id)) = (ids, self.run_id.as_ref().or(run_id)) else {
            return Err(HistoryJsonError::NoFirstEvent);
        };
        Ok(WorkflowExecution {
            workflow_id: workflow_id.clone(),
            run_id: run_id.clone(),
        })
    }
}

/// The events of a file: an array, an object with one, or the response of a server's HTTP API.
fn events_of(json: &Value) -> Result<&[Value], HistoryJsonError> {
    let events = match json {
        Value::Object(map) => {
            let inner = map.get("history").and_then(Value::as_object);
            map.get("events").or_else(|| inner?.get("events"))
        }
        _ => Some(json),
    };
    match events {
        Some(Value::Array(events)) => Ok(events),
        _ => Err(HistoryJsonError::NotAHistory {
            found: match (json, events) {
                (Value::Object(_), None) => "an object without `events`".to_owned(),
                (Value::Object(_), events) => format!("{} as `events`", describe(events)),
                _ => describe(events),
            },
        }),
    }
}
