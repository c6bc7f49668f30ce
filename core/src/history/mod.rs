//! A whole history, and how it is shown to people.
//!
//! This module does not read or check histories; the replay does. What it prints may come from
//! anybody, so every text in it stays on its line.

#[doc(hidden)]
pub mod builder;

use std::{fmt, time::Duration};

use crate::{
    command::RecordMarker,
    event::{EventKind, HistoryEvent, WorkflowExecutionStarted, WorkflowTaskFailedCause},
    failure::Failure,
    ids::{EventId, Identity, RunId, WorkflowExecution, WorkflowId},
    payload::{Payload, PayloadMap},
    retry::RetryState,
    text::OneLine,
    time::Timestamp,
};

/// The longest payload text that is shown, in characters.
const MAX_SHOWN_PAYLOAD: usize = 60;

/// The history of one run. Displays as a table with one line for each event:
///
/// ```text
/// history of order-1, run 01J9
/// id     time  event                             details
///  1  +0.000s  WorkflowExecutionStarted          type order  queue main  input [42]
///  2  +0.000s  WorkflowTaskScheduled
///  3  +0.012s  WorkflowTaskStarted               scheduled by 2
///  4  +0.014s  WorkflowTaskCompleted             scheduled by 2
///  5  +0.014s  TimerStarted                      timer 1  60s
///  6  +1.204s  WorkflowExecutionCancelRequested  reason no longer needed
/// ```
///
/// Times count from the first event. A payload is shown as its JSON text where that is short, else
/// by its encoding and size.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    /// The run.
    pub execution: WorkflowExecution,
    /// Its events, in order.
    pub events: Vec<HistoryEvent>,
}

impl History {
    /// The history that events are of, if the first one is among them.
    #[must_use]
    pub fn of_events(events: Vec<HistoryEvent>) -> Option<Self> {
        let (workflow_id, run_id) = ids_of(&events);
        let execution = WorkflowExecution {
            workflow_id: workflow_id?.clone(),
            run_id: run_id?.clone(),
        };
        Some(Self { execution, events })
    }
}

/// The ids of the run that events are of. Its first events may be copied from the run that it was reset
/// from, and then say the id of that one.
#[must_use]
pub fn ids_of(events: &[HistoryEvent]) -> (Option<&WorkflowId>, Option<&RunId>) {
    let started: Option<&WorkflowExecutionStarted> =
        events.iter().find_map(|event| match &event.kind {
            EventKind::WorkflowExecutionStarted(started) => Some(&**started),
            _ => None,
        });
    let reset = events.iter().rev().find_map(|event| match &event.kind {
        EventKind::WorkflowTaskFailed {
            cause: WorkflowTaskFailedCause::ResetWorkflow,
            new_run_id,
            ..
        } => new_run_id.as_ref(),
        _ => None,
    });
    let original = started.map(|started| &started.original_execution_run_id);
    (
        started.map(|started| &started.workflow_id),
        reset.or(original),
    )
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let WorkflowExecution {
            workflow_id,
            run_id,
        } = &self.execution;
        writeln!(
            f,
            "history of {}, run {}",
            OneLine(workflow_id.as_str()),
            OneLine(run_id.as_str())
        )?;
        let start = self
            .events
            .first()
            .map_or(Timestamp::EPOCH, |event| event.event_time);
        let rows: Vec<[String; 4]> = self
            .events
            .iter()
            .map(|event| {
                [
                    event.event_id.to_string(),
                    SinceStart(event.event_time.since(start)).to_string(),
                    OneLine(event.kind.name()).to_string(),
                    Details(&event.kind).to_string(),
                ]
            })
            .collect();
        let head = ["id", "time", "event", "details"].map(str::to_owned);
        let [id_width, time_width, name_width, _] = std::array::from_fn(|column| {
            let cells = rows.iter().chain([&head]).map(|row| row.get(column));
            cells
                .map(|cell| cell.map_or(0, |cell| cell.chars().count()))
                .max()
                .unwrap_or(0)
        });
        for [id, time, name, details] in [&head].into_iter().chain(&rows) {
            let line =
                format!("{id:>id_width$}  {time:>time_width$}  {name:<name_width$}  {details}");
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// The time since the start, with the precision that its length deserves.
struct SinceStart(Duration);

impl fmt::Display for SinceStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, millis) = (self.0.as_secs(), self.0.subsec_millis());
        let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
        let second = seconds % 60;
        match (days, hours, minutes) {
            (0, 0, 0) => write!(f, "+{second}.{millis:03}s"),
            (0, 0, _) => write!(f, "+{minutes}m{second:02}.{millis:03}s"),
            (0, _, _) => write!(f, "+{hours}h{minutes:02}m{second:02}s"),
            _ => write!(f, "+{days}d{hours:02}h{minutes:02}m"),
        }
    }
}

/// A payload as short text.
struct Short<'a>(&'a Payload);

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Payload { encoding, data, .. } = self.0;
        if encoding == Payload::NULL {
            return f.write_str("null");
        }
        if encoding.starts_with("json/")
            && let Ok(text) = std::str::from_utf8(data.as_slice())
            && text.len() <= 4 * MAX_SHOWN_PAYLOAD
        {
            let line = OneLine(text).to_string();
            if line.chars().count() <= MAX_SHOWN_PAYLOAD {
                return f.write_str(&line);
            }
        }
        write!(f, "({}, {} bytes)", OneLine(encoding), data.len())
    }
}

/// Several payloads as short text.
struct List<'a>(&'a [Payload]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // More arguments than people pass would fill the line.
        const MAX_LISTED: usize = 5;
        f.write_str("[")?;
        for (index, payload) in self.0.iter().take(MAX_LISTED).enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            write!(f, "{comma}{}", Short(payload))?;
        }
        if self.0.len() > MAX_LISTED {
            write!(f, ", and {} more", self.0.len() - MAX_LISTED)?;
        }
        f.write_str("]")
    }
}

impl EventKind {
    /// What matters of the event, on one line: the last column of a history's table.
    #[must_use]
    pub fn details(&self) -> impl fmt::Display {
        Details(self)
    }
}

/// What matters of an event, on one line.
struct Details<'a>(&'a EventKind);

impl fmt::Display for Details<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = Line { f, first: true };
        describe(&mut line, self.0)
    }
}

/// Writes words and what they are about, two spaces apart.
struct Line<'a, 'b> {
    f: &'a mut fmt::Formatter<'b>,
    first: bool,
}

impl Line<'_, '_> {
    fn gap(&mut self) -> fmt::Result {
        if std::mem::replace(&mut self.first, false) {
            Ok(())
        } else {
            self.f.write_str("  ")
        }
    }

    /// Something that is safe to print.
    fn fact(&mut self, word: &str, value: impl fmt::Display) -> fmt::Result {
        self.gap()?;
        write!(self.f, "{word} {value}")
    }

    /// A text of unknown origin.
    fn text(&mut self, word: &str, text: impl AsRef<str>) -> fmt::Result {
        self.fact(word, OneLine(text.as_ref()))
    }

    /// A text of unknown origin that may be absent.
    fn optional_text(&mut self, word: &str, text: Option<impl AsRef<str>>) -> fmt::Result {
        text.map_or(Ok(()), |text| self.text(word, text))
    }

    fn non_empty_text(&mut self, word: &str, text: &str) -> fmt::Result {
        if text.is_empty() {
            Ok(())
        } else {
            self.text(word, text)
        }
    }

    fn payload(&mut self, word: &str, payload: Option<&Payload>) -> fmt::Result {
        payload.map_or(Ok(()), |payload| self.fact(word, Short(payload)))
    }

    fn payloads(&mut self, word: &str, payloads: &[Payload]) -> fmt::Result {
        if payloads.is_empty() {
            Ok(())
        } else {
            self.fact(word, List(payloads))
        }
    }

    fn map(&mut self, values: &PayloadMap) -> fmt::Result {
        for (key, value) in values.iter().take(5) {
            self.gap()?;
            write!(self.f, "{} = {}", OneLine(key), Short(value))?;
        }
        if values.len() > 5 {
            self.gap()?;
            write!(self.f, "and {} more", values.len() - 5)?;
        }
        Ok(())
    }

    fn event(&mut self, word: &str, id: EventId) -> fmt::Result {
        if id.is_some() {
            self.fact(word, id)
        } else {
            Ok(())
        }
    }

    fn failure(&mut self, failure: &Failure) -> fmt::Result {
        self.text("failure", failure.to_string())
    }

    fn by(&mut self, identity: Option<&Identity>) -> fmt::Result {
        self.optional_text("by", identity)
    }

    fn retry_state(&mut self, state: RetryState) -> fmt::Result {
        match state {
            RetryState::RetryPolicyNotSet => Ok(()),
            _ => self.fact("retry", format_args!("{state:?}")),
        }
    }

    fn timeout(&mut self, word: &str, timeout: Option<Duration>) -> fmt::Result {
        timeout.map_or(Ok(()), |timeout| {
            self.fact(word, format_args!("{timeout:?}"))
        })
    }
}

fn describe(line: &mut Line<'_, '_>, kind: &EventKind) -> fmt::Result {
    match kind {
        EventKind::WorkflowExecutionStarted(started) => describe_start(line, started),
        EventKind::WorkflowExecutionCompleted { result, .. } => {
            line.payload("result", result.as_ref())
        }
        EventKind::WorkflowExecutionFailed {
            failure,
            retry_state,
            new_execution_run_id,
            ..
        } => {
            line.failure(failure)?;
            line.retry_state(*retry_state)?;
            line.optional_text("next run", new_execution_run_id.as_ref())
        }
        EventKind::WorkflowExecutionTimedOut {
            retry_state,
            new_execution_run_id,
        } => {
            line.retry_state(*retry_state)?;
            line.optional_text("next run", new_execution_run_id.as_ref())
        }
        EventKind::WorkflowExecutionCanceled { details, .. } => line.payloads("details", details),
        EventKind::WorkflowExecutionTerminated {
            reason,
            details,
            identity,
        } => {
            line.non_empty_text("reason", reason)?;
            line.payloads("details", details)?;
            line.by(identity.as_ref())
        }
        EventKind::WorkflowExecutionContinuedAsNew {
            new_execution_run_id,
            next,
            ..
        } => {
            line.text("next run", new_execution_run_id)?;
            line.text("type", &next.workflow_type)?;
            line.payloads("input", &next.input)
        }
        EventKind::WorkflowExecutionSignaled {
            signal_name,
            input,
            identity,
            external_workflow_execution,
            ..
        } => {
            line.text("signal", signal_name)?;
            line.payloads("input", input)?;
            describe_sender(
                line,
                identity.as_ref(),
                external_workflow_execution.as_ref(),
            )
        }
        EventKind::WorkflowExecutionCancelRequested {
            cause,
            identity,
            external_workflow_execution,
            ..
        } => {
            line.non_empty_text("reason", cause)?;
            describe_sender(
                line,
                identity.as_ref(),
                external_workflow_execution.as_ref(),
            )
        }
        EventKind::WorkflowExecutionUpdateAdmitted {
            update_id,
            name,
            input,
            identity,
            ..
        }
        | EventKind::WorkflowExecutionUpdateAccepted {
            update_id,
            name,
            input,
            identity,
            ..
        } => {
            line.text("update", name)?;
            line.text("id", update_id)?;
            line.payloads("input", input)?;
            line.by(identity.as_ref())
        }
        EventKind::WorkflowExecutionUpdateCompleted {
            update_id,
            accepted_event_id,
            outcome,
        } => {
            line.text("update id", update_id)?;
            line.event("accepted by", *accepted_event_id)?;
            match &**outcome {
                Ok(result) => line.payload("result", Some(result)),
                Err(failure) => line.failure(failure),
            }
        }
        EventKind::WorkflowTaskScheduled { .. }
        | EventKind::WorkflowTaskStarted { .. }
        | EventKind::WorkflowTaskCompleted { .. }
        | EventKind::WorkflowTaskFailed { .. }
        | EventKind::WorkflowTaskTimedOut { .. } => describe_workflow_task(line, kind),
        EventKind::ActivityTaskScheduled { .. }
        | EventKind::ActivityTaskStarted { .. }
        | EventKind::ActivityTaskCompleted { .. }
        | EventKind::ActivityTaskFailed { .. }
        | EventKind::ActivityTaskTimedOut { .. }
        | EventKind::ActivityTaskCancelRequested { .. }
        | EventKind::ActivityTaskCanceled { .. } => describe_activity(line, kind),
        EventKind::TimerStarted {
            timer_id,
            start_to_fire_timeout,
            ..
        } => {
            line.text("timer", timer_id)?;
            line.gap()?;
            write!(line.f, "{start_to_fire_timeout:?}")
        }
        EventKind::TimerFired {
            timer_id,
            started_event_id,
        }
        | EventKind::TimerCanceled {
            timer_id,
            started_event_id,
            ..
        } => {
            line.text("timer", timer_id)?;
            line.event("started by", *started_event_id)
        }
        EventKind::MarkerRecorded { marker, .. } => describe_marker(line, marker),
        EventKind::StartChildWorkflowExecutionInitiated { .. }
        | EventKind::StartChildWorkflowExecutionFailed { .. }
        | EventKind::ChildWorkflowExecutionStarted { .. }
        | EventKind::ChildWorkflowExecutionCompleted { .. }
        | EventKind::ChildWorkflowExecutionFailed { .. }
        | EventKind::ChildWorkflowExecutionCanceled { .. }
        | EventKind::ChildWorkflowExecutionTimedOut { .. }
        | EventKind::ChildWorkflowExecutionTerminated { .. } => describe_child(line, kind),
        EventKind::RequestCancelExternalWorkflowExecutionInitiated { .. }
        | EventKind::RequestCancelExternalWorkflowExecutionFailed { .. }
        | EventKind::ExternalWorkflowExecutionCancelRequested { .. }
        | EventKind::SignalExternalWorkflowExecutionInitiated { .. }
        | EventKind::SignalExternalWorkflowExecutionFailed { .. }
        | EventKind::ExternalWorkflowExecutionSignaled { .. } => describe_external(line, kind),
        EventKind::UpsertWorkflowSearchAttributes {
            search_attributes: values,
            ..
        }
        | EventKind::WorkflowPropertiesModified {
            upserted_memo: values,
            ..
        } => line.map(values),
        EventKind::Unknown { may_ignore, .. } => {
            line.gap()?;
            line.f.write_str(if *may_ignore {
                "unknown, may be ignored"
            } else {
                "unknown"
            })
        }
    }
}

fn describe_start(line: &mut Line<'_, '_>, started: &WorkflowExecutionStarted) -> fmt::Result {
    line.text("type", &started.workflow_type)?;
    line.text("queue", &started.task_queue)?;
    line.payloads("input", &started.input)?;
    if let Some(parent) = &started.parent {
        line.text("parent", parent.execution.workflow_id.as_str())?;
    }
    line.optional_text("continues run", started.continued_execution_run_id.as_ref())?;
    if started.attempt > 1 {
        line.fact("attempt", started.attempt)?;
    }
    line.timeout("execution timeout", started.timeouts.execution_timeout)?;
    line.timeout("run timeout", started.timeouts.run_timeout)?;
    if !started.first_workflow_task_backoff.is_zero() {
        line.timeout("delay", Some(started.first_workflow_task_backoff))?;
    }
    line.by(started.identity.as_ref())
}

fn describe_sender(
    line: &mut Line<'_, '_>,
    identity: Option<&Identity>,
    external: Option<&WorkflowExecution>,
) -> fmt::Result {
    match external {
        Some(execution) => line.text("from", execution.workflow_id.as_str()),
        None => line.by(identity),
    }
}

fn describe_workflow_task(line: &mut Line<'_, '_>, kind: &EventKind) -> fmt::Result {
    match kind {
        EventKind::WorkflowTaskScheduled { attempt, .. } if *attempt > 1 => {
            line.fact("attempt", attempt)
        }
        EventKind::WorkflowTaskStarted {
            scheduled_event_id,
            identity,
            ..
        }
        | EventKind::WorkflowTaskCompleted {
            scheduled_event_id,
            identity,
            ..
        } => {
            line.event("scheduled by", *scheduled_event_id)?;
            line.by(identity.as_ref())
        }
        EventKind::WorkflowTaskFailed {
            scheduled_event_id,
            cause,
            failure,
            new_run_id,
            ..
        } => {
            line.event("scheduled by", *scheduled_event_id)?;
            line.fact("cause", format_args!("{cause:?}"))?;
            if *cause == WorkflowTaskFailedCause::ResetWorkflow {
                line.optional_text("new run", new_run_id.as_ref())?;
            }
            failure
                .as_ref()
                .map_or(Ok(()), |failure| line.failure(failure))
        }
        EventKind::WorkflowTaskTimedOut {
            scheduled_event_id,
            timeout_type,
            ..
        } => {
            line.event("scheduled by", *scheduled_event_id)?;
            line.fact("limit", timeout_type)
        }
        _ => Ok(()),
    }
}

fn describe_activity(line: &mut Line<'_, '_>, kind: &EventKind) -> fmt::Result {
    match kind {
        EventKind::ActivityTaskScheduled { activity, .. } => {
            line.text("activity", &activity.activity_type)?;
            line.text("id", &activity.activity_id)?;
            line.payloads("input", &activity.input)
        }
        EventKind::ActivityTaskStarted {
            scheduled_event_id,
            identity,
            attempt,
            last_failure,
            ..
        } => {
            line.event("scheduled by", *scheduled_event_id)?;
            if *attempt > 1 {
                line.fact("attempt", attempt)?;
            }
            line.by(identity.as_ref())?;
            last_failure
                .as_ref()
                .map_or(Ok(()), |failure| line.text("last", failure.to_string()))
        }
        EventKind::ActivityTaskCompleted {
            result,
            scheduled_event_id,
            ..
        } => {
            line.event("scheduled by", *scheduled_event_id)?;
            line.payload("result", result.as_ref())
        }
        EventKind::ActivityTaskFailed {
            failure,
            scheduled_event_id,
            retry_state,
            ..
        }
        | EventKind::ActivityTaskTimedOut {
            failure,
            scheduled_event_id,
            retry_state,
            ..
        } => {
            line.event("scheduled by", *scheduled_event_id)?;
            line.failure(failure)?;
            line.retry_state(*retry_state)
        }
        EventKind::ActivityTaskCancelRequested {
            scheduled_event_id, ..
        } => line.event("scheduled by", *scheduled_event_id),
        EventKind::ActivityTaskCanceled {
            details,
            scheduled_event_id,
            ..
        } => {
            line.event("scheduled by", *scheduled_event_id)?;
            line.payloads("details", details)
        }
        _ => Ok(()),
    }
}

fn describe_marker(line: &mut Line<'_, '_>, marker: &RecordMarker) -> fmt::Result {
    line.text("marker", &marker.marker_name)?;
    for (key, values) in marker.details.iter().take(5) {
        // Ids of markers are recorded as plain text.
        match values.as_slice() {
            [value] if value.encoding == Payload::BINARY && value.data.len() <= 100 => {
                match std::str::from_utf8(value.data.as_slice()) {
                    Ok(text) => line.text(&OneLine(key).to_string(), text)?,
                    Err(_) => line.fact(&OneLine(key).to_string(), Short(value))?,
                }
            }
            values => line.fact(&OneLine(key).to_string(), List(values))?,
        }
    }
    marker
        .failure
        .as_ref()
        .map_or(Ok(()), |failure| line.failure(failure))
}

fn describe_child(line: &mut Line<'_, '_>, kind: &EventKind) -> fmt::Result {
    match kind {
        EventKind::StartChildWorkflowExecutionInitiated { child, .. } => {
            line.text("type", &child.workflow_type)?;
            line.text("child", &child.workflow_id)?;
            line.payloads("input", &child.input)
        }
        EventKind::StartChildWorkflowExecutionFailed {
            workflow_id,
            cause,
            initiated_event_id,
            ..
        } => {
            line.text("child", workflow_id)?;
            line.event("initiated by", *initiated_event_id)?;
            line.fact("cause", format_args!("{cause:?}"))
        }
        EventKind::ChildWorkflowExecutionStarted {
            initiated_event_id,
            execution,
            ..
        } => {
            line.text("child", &execution.workflow_id)?;
            line.event("initiated by", *initiated_event_id)?;
            line.text("run", &execution.run_id)
        }
        EventKind::ChildWorkflowExecutionCompleted {
            result,
            execution,
            initiated_event_id,
            ..
        } => {
            line.text("child", &execution.workflow_id)?;
            line.event("initiated by", *initiated_event_id)?;
            line.payload("result", result.as_ref())
        }
        EventKind::ChildWorkflowExecutionFailed {
            failure,
            execution,
            initiated_event_id,
            retry_state,
            ..
        } => {
            line.text("child", &execution.workflow_id)?;
            line.event("initiated by", *initiated_event_id)?;
            line.failure(failure)?;
            line.retry_state(*retry_state)
        }
        EventKind::ChildWorkflowExecutionCanceled {
            details,
            execution,
            initiated_event_id,
            ..
        } => {
            line.text("child", &execution.workflow_id)?;
            line.event("initiated by", *initiated_event_id)?;
            line.payloads("details", details)
        }
        EventKind::ChildWorkflowExecutionTimedOut {
            execution,
            initiated_event_id,
            ..
        }
        | EventKind::ChildWorkflowExecutionTerminated {
            execution,
            initiated_event_id,
            ..
        } => {
            line.text("child", &execution.workflow_id)?;
            line.event("initiated by", *initiated_event_id)
        }
        _ => Ok(()),
    }
}

fn describe_external(line: &mut Line<'_, '_>, kind: &EventKind) -> fmt::Result {
    match kind {
        EventKind::RequestCancelExternalWorkflowExecutionInitiated { cancel, .. } => {
            line.text("workflow", &cancel.workflow_id)?;
            line.non_empty_text("reason", &cancel.reason)
        }
        EventKind::SignalExternalWorkflowExecutionInitiated { signal, .. } => {
            line.text("workflow", &signal.workflow_id)?;
            line.text("signal", &signal.signal_name)?;
            line.payloads("input", &signal.input)
        }
        EventKind::RequestCancelExternalWorkflowExecutionFailed {
            cause,
            workflow_id,
            initiated_event_id,
            ..
        }
        | EventKind::SignalExternalWorkflowExecutionFailed {
            cause,
            workflow_id,
            initiated_event_id,
            ..
        } => {
            line.text("workflow", workflow_id)?;
            line.event("initiated by", *initiated_event_id)?;
            line.fact("cause", format_args!("{cause:?}"))
        }
        EventKind::ExternalWorkflowExecutionCancelRequested {
            initiated_event_id,
            workflow_id,
            ..
        }
        | EventKind::ExternalWorkflowExecutionSignaled {
            initiated_event_id,
            workflow_id,
            ..
        } => {
            line.text("workflow", workflow_id)?;
            line.event("initiated by", *initiated_event_id)
        }
        _ => Ok(()),
    }
}
