//! Which differences there are, and how they are shown.

use std::fmt::Write as _;

use crate::drive::{CLOSING, Outcome};

/// The rules of `cancellation.md` by which we want another history than Temporal's Python SDK. What else differs by rule
/// is said in `interpreter.py`, which follows D3, D5, O5 and S2, or is not generated: see `generate.rs`.
#[derive(Clone, Copy, Debug)]
enum Rule {
    /// O2: what is begun and cancelled in one answer leaves no trace; here, what is begun in the answer that closes the
    /// run. No service carries it out.
    BegunAtTheEnd,
    /// O2: the same of a local activity, for which Python writes a marker.
    LocalActivityTakenBack,
    /// O5: the end of a run drops what is unfinished, which cancels it.
    DroppedAtTheEnd,
}

/// Why an event that only one of the two has is no difference.
fn expected_difference(event: &str, ours: bool) -> Option<Rule> {
    let closing = event.strip_prefix(CLOSING);
    let is = |event: &str, names: &[&str]| names.iter().any(|name| event.starts_with(name));
    let begins = [
        "ActivityTaskScheduled",
        "TimerStarted",
        "StartChildWorkflowExecutionInitiated",
    ];
    let cancels = [
        "ActivityTaskCancelRequested",
        "TimerCanceled",
        "RequestCancelExternalWorkflowExecutionInitiated",
    ];
    match closing {
        Some(event) if ours && is(event, &cancels) => Some(Rule::DroppedAtTheEnd),
        Some(event) if !ours && is(event, &begins) => Some(Rule::BegunAtTheEnd),
        closing if !ours && closing.unwrap_or(event) == "MarkerRecorded cancelled" => {
            Some(Rule::LocalActivityTakenBack)
        }
        _ => None,
    }
}

/// Whether ours and that of Python's SDK are the same, but for what our rules want.
pub(crate) fn agree(ours: &Outcome, other: &Outcome) -> bool {
    // Rule O6: the failure of an activity says that it is an activity's, also of a local one. In Python that of a local
    // one is bare.
    let bare = |text: &str| text.replace("activity <- ", "");
    let only_bare = ours.end != other.end && bare(&ours.end) == other.end;
    let same = |one: &str, other: &str| one == other || (only_bare && bare(one) == other);
    let events = |outcome: &Outcome| -> Vec<String> {
        let events = outcome.events.iter();
        events
            .map(|event| {
                if only_bare {
                    bare(event)
                } else {
                    event.clone()
                }
            })
            .collect()
    };
    let (our_events, other_events) = (events(ours), events(other));
    let events_agree = aligned(&our_events, &other_events)
        .into_iter()
        .all(|pair| match pair {
            (Some(one), Some(other)) => one == other,
            (Some(one), None) => expected_difference(one, true).is_some(),
            (None, Some(other)) => expected_difference(other, false).is_some(),
            (None, None) => true,
        });
    events_agree
        && same(&ours.end, &other.end)
        && ours.clients == other.clients
        && ours.log == other.log
}

/// Whether ours on the service and on the embedded engine are the same. The service gives up an update that is under way
/// when its workflow task fails, as when messages came while the answer closed the run (E4), or when the run continues as
/// new; the embedded engine offers it again, to the next run too.
pub(crate) fn engines_agree(service: &Outcome, embedded: &Outcome) -> bool {
    let continued = service.events.iter().any(|event| event == "ContinuedAsNew");
    let given_up = service.clients.iter().any(|told| {
        told.starts_with("update ")
            && (told.contains("unexpected workflow task failure")
                || (continued && told.ends_with("not found")))
    });
    given_up || service == embedded
}

/// Two outcomes beside each other; lines that differ are marked.
pub(crate) fn side_by_side(left: (&str, &Outcome), right: (&str, &Outcome)) -> String {
    let (left_lines, right_lines) = (left.1.lines(), right.1.lines());
    let width = left_lines
        .iter()
        .map(|line| line.chars().count())
        .max()
        .unwrap_or(0)
        .max(left.0.len());
    let mut text = format!("  {:width$}   {}\n", left.0, right.0);
    for (left, right) in aligned(&left_lines, &right_lines) {
        let mark = if left == right { ' ' } else { '!' };
        let _ = writeln!(
            text,
            "{mark} {:width$} | {}",
            left.unwrap_or(""),
            right.unwrap_or("")
        );
    }
    text
}

/// Pairs up the longest common subsequence.
fn aligned<'a>(left: &'a [String], right: &'a [String]) -> Vec<(Option<&'a str>, Option<&'a str>)> {
    let mut common = vec![vec![0_usize; right.len() + 1]; left.len() + 1];
    for (row, one) in left.iter().enumerate().rev() {
        for (column, other) in right.iter().enumerate().rev() {
            common[row][column] = if one == other {
                common[row + 1][column + 1] + 1
            } else {
                common[row + 1][column].max(common[row][column + 1])
            };
        }
    }
    let (mut row, mut column) = (0, 0);
    let mut pairs = Vec::new();
    while row < left.len() || column < right.len() {
        let (one, other) = (left.get(row), right.get(column));
        match (one, other) {
            (Some(one), Some(other)) if one == other => {
                pairs.push((Some(one.as_str()), Some(other.as_str())));
                row += 1;
                column += 1;
            }
            (Some(one), other)
                if other.is_none() || common[row + 1][column] >= common[row][column + 1] =>
            {
                pairs.push((Some(one.as_str()), None));
                row += 1;
            }
            (_, other) => {
                pairs.push((None, other.map(String::as_str)));
                column += 1;
            }
        }
    }
    pairs
}
