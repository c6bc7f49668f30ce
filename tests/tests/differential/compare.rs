//! Which differences there are, and how they are shown.

use std::fmt::Write as _;

use crate::drive::{CLOSING, LATER, Outcome};

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
    let same = |one: &str, other: &str| one == other || one.replace("activity <- ", "") == other;
    let events = |outcome| -> Vec<String> {
        let mut events: Vec<String> = settled_events(outcome).cloned().collect();
        // Rule D2: ours cancels in the order of creation, Python in that of its tasks.
        for cancels in events.chunk_by_mut(|one, other| is_cancel(one) && is_cancel(other)) {
            cancels.sort_unstable();
        }
        events
    };
    let events_agree = aligned(&events(ours), &events(other), same)
        .into_iter()
        .all(|pair| match pair {
            (Some(_), Some(_)) | (None, None) => true,
            (Some(one), None) => expected_difference(one, true).is_some(),
            (None, Some(other)) => expected_difference(other, false).is_some(),
        });
    events_agree
        && same(&ours.end, &other.end)
        && ours.clients == other.clients
        && settled_log(ours) == settled_log(other)
}

fn is_cancel(event: &str) -> bool {
    let event = event.strip_prefix(CLOSING).unwrap_or(event);
    event.starts_with("ActivityTaskCancelRequested") || event.starts_with("TimerCanceled")
}

/// The log, but for the order of what was cancelled side by side: in Python's event loop an operation hears of it a few
/// turns later than a wait does, and activities hear of it by heartbeats of their own.
fn settled_log(outcome: &Outcome) -> Vec<&String> {
    let mut lines: Vec<&String> = outcome.log.iter().collect();
    for cancelled in lines.chunk_by_mut(|one, other| {
        let cancelled =
            |line: &str| line.ends_with("was cancelled") || line.ends_with("failed as Heard");
        cancelled(one) && cancelled(other)
    }) {
        cancelled.sort_unstable();
    }
    lines
}

/// Whether ours on the service and on the embedded engine are the same. The service gives up an update that is under way
/// when its workflow task fails, as when messages came while the answer closed the run (E4), or when the run continues as
/// new; the embedded engine offers it again, to the next run too. All but that update is compared, unless its handler
/// goes on to do something, which the service then has nothing of. It also refuses a signal while it closes a run for the
/// second time, and then nothing is compared: the run had another signal less.
pub(crate) fn engines_agree(service: &Outcome, embedded: &Outcome) -> bool {
    let continued = service.events.iter().any(|event| event == "ContinuedAsNew");
    let given_up: Vec<&str> = service
        .clients
        .iter()
        .filter_map(|told| {
            let (number, told) = told.strip_prefix("update ")?.split_once(": ")?;
            let gone = told.contains("unexpected workflow task failure")
                || (continued && told.ends_with("not found"));
            gone.then_some(number)
        })
        .collect();
    let is_given_up = |line: &str| {
        given_up.iter().any(|number| {
            line == format!("update {number}")
                || line.starts_with(&format!("update {number}: "))
                || line.ends_with(&format!("UpdateAccepted {number}"))
                || line.contains(&format!("UpdateCompleted {number}: "))
        })
    };
    let goes_on = given_up.iter().any(|number| {
        let handled = format!("update {number} ");
        embedded.log.iter().any(|line| line.starts_with(&handled))
    });
    let others = |lines: &[String]| -> Vec<String> {
        let others = lines.iter().filter(|line| !is_given_up(line));
        others.cloned().collect()
    };
    let events = |outcome| -> Vec<String> {
        let events = settled_events(outcome).filter(|event| !is_given_up(event));
        events.cloned().collect()
    };
    let refused = service.clients.iter().any(|told| told.contains("workflow is closing"));
    goes_on
        || refused
        || (service.end == embedded.end
            && others(&service.clients) == others(&embedded.clients)
            && others(&service.log) == others(&embedded.log)
            && events(service) == events(embedded))
}

/// The events that do not depend on when a service does what it does sooner or later: nothing of what an activity does
/// after it was to be cancelled, which it may have begun or not; and of a child that outlives its parent, which the
/// parent's end may reach before or after its first task, only that it started and how it ended.
fn settled_events(outcome: &Outcome) -> impl Iterator<Item = &String> {
    let outlived = |child: &str| {
        !outcome.events.iter().any(|event| {
            let end = event.strip_prefix("ChildWorkflowExecution");
            end.is_some_and(|end| !end.starts_with("Started") && names(end, child))
        })
    };
    let mut child: Option<&str> = None;
    let events = outcome.events.iter().enumerate();
    events.filter_map(move |(index, event)| {
        if let Some(header) = event.strip_prefix("-- ") {
            let name = header.split(" run ").next().unwrap_or(header);
            child = (!name.is_empty() && outlived(name)).then_some(name);
            return Some(event);
        }
        let next = outcome.events.get(index + 1);
        let is_last = next.is_none_or(|next| next.starts_with("-- "));
        let counts = child.is_none() || event == "Started" || is_last;
        (counts && !event.starts_with(LATER)).then_some(event)
    })
}

/// Whether the text of an event is about a child.
fn names(event: &str, child: &str) -> bool {
    event.split(' ').any(|word| word == child)
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
    for (left, right) in aligned(&left_lines, &right_lines, |one, other| one == other) {
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
fn aligned<'a>(
    left: &'a [String],
    right: &'a [String],
    same: impl Fn(&str, &str) -> bool,
) -> Vec<(Option<&'a str>, Option<&'a str>)> {
    let mut common = vec![vec![0_usize; right.len() + 1]; left.len() + 1];
    for (row, one) in left.iter().enumerate().rev() {
        for (column, other) in right.iter().enumerate().rev() {
            common[row][column] = if same(one, other) {
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
            (Some(one), Some(other)) if same(one, other) => {
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
