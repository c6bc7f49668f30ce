//! The times of specs, beside what a Temporal Service and croniter say: `schedules/ask.py` asked them, and asks again on demand.
//!
//! The recorded cases are random specs in eighteen time zones over up to ten years each. A newer database of time zones may say otherwise of
//! times to come: then they are asked for anew. More, or fresh ones, are judged by
//! `STEADFAST_SCHEDULE_TIMES`, the name of a file that `ask.py` wrote.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fs, path::Path};

use serde_json::Value;
use steadfast_core::time::Timestamp;
use steadfast_engine::{
    EngineError,
    schedule::{IntervalSpec, Range, ScheduleSpec, ScheduleTimes, StructuredCalendarSpec},
};

/// Each case is what was asked and what a service said of it; gives how many cases there were.
fn judge(cases: &str) -> usize {
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in cases.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        count += 1;
        if let Err(what) = judge_case(&case) {
            wrong.push(format!("{what}\n    {}", case["spec"]));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {count} cases:\n{}",
        wrong.len(),
        wrong[..wrong.len().min(8)].join("\n")
    );
    count
}

fn judge_case(case: &Value) -> Result<(), String> {
    let spec: ScheduleSpec = serde_json::from_value(case["spec"].clone()).unwrap();
    let times = match (ScheduleTimes::new(&spec), case["error"].as_str()) {
        (Ok(times), None) => times,
        (Err(EngineError::InvalidArgument { message }), Some(error)) => {
            let error = error.trim_start_matches("Invalid schedule spec: ");
            // What Go's library says of a number is said otherwise.
            let same = message == error || error.contains("strconv") || error.contains("time:");
            return if same {
                Ok(())
            } else {
                Err(format!("`{message}`, not `{error}`"))
            };
        }
        (times, error) => return Err(format!("{times:?}, not {error:?}")),
    };
    if let Some(kept) = case.get("kept") {
        let here = kept_of(&spec.canonical().unwrap().with_whole_ranges());
        if here != *kept {
            return Err(format!("kept as {here}, not {kept}"));
        }
    }
    let seconds = |name: &str| case[name].as_i64().unwrap();
    let until = Timestamp::from_unix_nanos(seconds("until") * NANOS);
    let found: Vec<i64> = times
        .after(Timestamp::from_unix_nanos(seconds("after") * NANOS))
        .map(|time| time.actual)
        .take_while(|time| *time <= until)
        .map(|time| time.unix_nanos() / NANOS)
        .collect();
    let checksum = found.iter().fold(0_i128, |checksum, time| {
        (checksum * 1_000_003 + i128::from(*time)) % ((1 << 61) - 1)
    });
    let same = i128::from(case["checksum"].as_i64().unwrap()) == checksum
        && case["count"].as_u64().unwrap() == found.len() as u64;
    if same {
        return Ok(());
    }
    // Where all times were recorded, the first that differs is told.
    if let Some(times) = case.get("times").and_then(Value::as_array) {
        let at = |index: usize| times.get(index).and_then(Value::as_i64);
        let differs = (0..).find(|index| at(*index) != found.get(*index).copied());
        let index = differs.unwrap_or(0);
        let here = found.get(index);
        return Err(format!("time {index}: {here:?}, not {:?}", at(index)));
    }
    let first = &found[..found.len().min(3)];
    Err(format!(
        "{} times, {first:?}, not {}, {}",
        found.len(),
        case["count"],
        case["first"]
    ))
}

const NANOS: i64 = 1_000_000_000;

/// What a service keeps of a spec, as the cases have it.
fn kept_of(spec: &ScheduleSpec) -> Value {
    let ranges = |ranges: &[Range]| -> Value {
        let each = ranges
            .iter()
            .map(|range| [range.start, range.end, range.step]);
        each.collect::<Vec<_>>()
            .into_iter()
            .map(Value::from_iter)
            .collect()
    };
    let calendar = |calendar: &StructuredCalendarSpec| {
        serde_json::json!({
            "second": ranges(&calendar.second), "minute": ranges(&calendar.minute), "hour": ranges(&calendar.hour),
            "day_of_month": ranges(&calendar.day_of_month), "month": ranges(&calendar.month),
            "year": ranges(&calendar.year), "day_of_week": ranges(&calendar.day_of_week),
        })
    };
    let interval = |interval: &IntervalSpec| {
        let nanos = |duration: std::time::Duration| u64::try_from(duration.as_nanos()).unwrap();
        serde_json::json!([nanos(interval.interval), nanos(interval.phase)])
    };
    let calendars =
        |all: &[StructuredCalendarSpec]| all.iter().map(calendar).collect::<Vec<Value>>();
    serde_json::json!({
        "calendars": calendars(&spec.structured_calendars),
        "excluded": calendars(&spec.exclude_structured_calendars),
        "intervals": spec.intervals.iter().map(interval).collect::<Vec<Value>>(),
        "zone": spec.time_zone_name,
    })
}

fn recorded(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/schedules")
        .join(name);
    fs::read_to_string(path).unwrap()
}

#[test]
fn specs_have_the_times_that_a_temporal_service_finds() {
    assert!(judge(&recorded("service.jsonl")) >= 300);
}

#[test]
fn cron_strings_have_the_times_that_croniter_finds_over_ten_years() {
    assert!(judge(&recorded("croniter.jsonl")) >= 200);
}

#[test]
fn specs_of_a_file_that_was_asked_for_have_the_times_it_says() {
    if let Ok(path) = std::env::var("STEADFAST_SCHEDULE_TIMES") {
        assert!(judge(&fs::read_to_string(path).unwrap()) > 0);
    }
}
