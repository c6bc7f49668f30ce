//! The examples of Temporal's page on schedules, both changes of the clock in three zones, and leap days.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use steadfast_core::{ids::ScheduleId, time::Timestamp};
use steadfast_engine::{
    schedule::{CalendarSpec, IntervalSpec, ScheduleSpec, ScheduleTimes},
    spelling::time::parse_timestamp,
};

const DAY: u64 = 24 * 60 * 60;

fn at(text: &str) -> Timestamp {
    parse_timestamp(text).unwrap()
}

/// The first times after one.
fn times(spec: &ScheduleSpec, after: &str, count: usize) -> Vec<String> {
    let times = ScheduleTimes::new(spec).unwrap();
    let times = times.after(at(after)).take(count);
    times.map(|time| time.nominal.to_string()).collect()
}

fn cron(text: &str) -> ScheduleSpec {
    ScheduleSpec {
        cron_strings: vec![text.to_owned()],
        ..ScheduleSpec::default()
    }
}

fn every(interval: u64, phase: u64) -> ScheduleSpec {
    ScheduleSpec {
        intervals: vec![IntervalSpec {
            interval: Duration::from_secs(interval),
            phase: Duration::from_secs(phase),
        }],
        ..ScheduleSpec::default()
    }
}

/// <https://docs.temporal.io/schedule#interval-spec>
#[test]
fn intervals_are_counted_from_the_epoch() {
    let next = |spec, after| times(&spec, after, 1).remove(0);
    assert_eq!(
        next(every(3_600, 0), "2026-01-01T10:30:00Z"),
        "2026-01-01T11:00:00Z"
    );
    assert_eq!(
        next(every(3_600, 19 * 60), "2026-01-01T10:30:00Z"),
        "2026-01-01T11:19:00Z"
    );
    assert_eq!(
        next(every(28 * DAY, 0), "2022-02-01T00:00:00Z"),
        "2022-02-17T00:00:00Z"
    );
    let phase = 3 * DAY + 5 * 3_600 + 23 * 60;
    assert_eq!(
        next(every(28 * DAY, phase), "2022-02-01T00:00:00Z"),
        "2022-02-20T05:23:00Z"
    );
    assert_eq!(
        next(cron("@every 14h/3h"), "1970-01-01T00:00:00Z"),
        "1970-01-01T03:00:00Z"
    );
}

/// <https://docs.temporal.io/schedule#calendar-spec>
#[test]
fn calendars_fit_all_their_fields() {
    let third_friday = CalendarSpec {
        hour: "17".to_owned(),
        day_of_month: "15-21".to_owned(),
        day_of_week: "Friday".to_owned(),
        ..CalendarSpec::default()
    };
    let mut spec = ScheduleSpec {
        calendars: vec![third_friday],
        ..ScheduleSpec::default()
    };
    assert_eq!(
        times(&spec, "2026-01-01T00:00:00Z", 3),
        [
            "2026-01-16T17:00:00Z",
            "2026-02-20T17:00:00Z",
            "2026-03-20T17:00:00Z"
        ]
    );
    // But for a holiday, until spring.
    let holiday = CalendarSpec {
        second: "*".to_owned(),
        minute: "*".to_owned(),
        hour: "*".to_owned(),
        day_of_month: "20".to_owned(),
        month: "February".to_owned(),
        ..CalendarSpec::default()
    };
    spec.exclude_structured_calendars = vec![holiday.to_structured().unwrap()];
    spec.end_time = Some(at("2026-03-20T17:00:00Z"));
    assert_eq!(
        times(&spec, "2026-01-01T00:00:00Z", 9),
        ["2026-01-16T17:00:00Z", "2026-03-20T17:00:00Z"]
    );
    spec.start_time = Some(at("2026-01-16T17:00:00.5Z"));
    assert_eq!(
        times(&spec, "2026-01-01T00:00:00Z", 9),
        ["2026-03-20T17:00:00Z"]
    );
}

#[test]
fn cron_strings_have_names_years_seconds_and_comments() {
    for (text, next) in [
        ("0 12 * * MON-WED,FRI # lunch", "2026-01-02T12:00:00Z"),
        ("@yearly", "2027-01-01T00:00:00Z"),
        ("@monthly", "2026-02-01T00:00:00Z"),
        ("@weekly", "2026-01-04T00:00:00Z"),
        ("@daily", "2026-01-02T00:00:00Z"),
        ("@hourly", "2026-01-01T01:00:00Z"),
        ("0 0 * * 7", "2026-01-04T00:00:00Z"),
        ("30 0 0 1 jan * 2028", "2028-01-01T00:00:30Z"),
        ("0 0 1 1 * 2030", "2030-01-01T00:00:00Z"),
        ("TZ=Asia/Kathmandu 0 6 * * *", "2026-01-01T00:15:00Z"),
    ] {
        assert_eq!(
            times(&cron(text), "2026-01-01T00:00:00Z", 1),
            [next],
            "{text}"
        );
    }
}

/// At half past two every night: when summer begins it is not there, when it ends it is there twice.
#[test]
fn the_clock_on_the_wall_decides_when_daylight_saving_begins_and_ends() {
    for (zone, after, nights) in [
        (
            "Europe/Rome",
            "2026-03-28T12:00:00Z",
            ["2026-03-30T00:30:00Z", "2026-03-31T00:30:00Z"],
        ),
        (
            "Europe/Rome",
            "2026-10-24T12:00:00Z",
            ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"],
        ),
        (
            "Australia/Sydney",
            "2026-04-04T00:00:00Z",
            ["2026-04-04T15:30:00Z", "2026-04-04T16:30:00Z"],
        ),
        (
            "Australia/Sydney",
            "2026-10-03T00:00:00Z",
            ["2026-10-04T15:30:00Z", "2026-10-05T15:30:00Z"],
        ),
        (
            "America/New_York",
            "2026-03-07T12:00:00Z",
            ["2026-03-09T06:30:00Z", "2026-03-10T06:30:00Z"],
        ),
    ] {
        let spec = cron(&format!("CRON_TZ={zone} 30 2 * * *"));
        assert_eq!(times(&spec, after, 2), nights, "{zone}");
    }
    // New York repeats the hour before.
    assert_eq!(
        times(
            &cron("CRON_TZ=America/New_York 30 1 * * *"),
            "2026-10-31T12:00:00Z",
            2
        ),
        ["2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z"]
    );
    // Midnights: London has one on each day, and Havana none on the day when summer begins.
    assert_eq!(
        times(
            &cron("CRON_TZ=Europe/London 0 0 * * *"),
            "2026-10-24T00:00:00Z",
            2
        ),
        ["2026-10-24T23:00:00Z", "2026-10-26T00:00:00Z"]
    );
    assert_eq!(
        times(
            &cron("CRON_TZ=America/Havana 0 0 * * *"),
            "2026-03-07T12:00:00Z",
            1
        ),
        ["2026-03-09T04:00:00Z"]
    );
    // Lord Howe's clock changes by half an hour.
    assert_eq!(
        times(
            &cron("CRON_TZ=Australia/Lord_Howe 45 1 * * *"),
            "2026-04-04T00:00:00Z",
            2
        ),
        ["2026-04-04T14:45:00Z", "2026-04-04T15:15:00Z"]
    );
}

#[test]
fn leap_days_are_there_in_leap_years() {
    assert_eq!(
        times(&cron("0 0 29 feb *"), "2024-03-01T00:00:00Z", 3),
        [
            "2028-02-29T00:00:00Z",
            "2032-02-29T00:00:00Z",
            "2036-02-29T00:00:00Z"
        ]
    );
    // 2100 is none, and calendars end with it.
    assert_eq!(
        times(&cron("0 0 29 2 *"), "2096-03-01T00:00:00Z", 1),
        [""; 0]
    );
    assert_eq!(
        times(&cron("0 0 30 2 *"), "2000-01-01T00:00:00Z", 1),
        [""; 0]
    );
}

#[test]
fn jitter_is_always_the_same_and_never_reaches_the_next_time() {
    let spec = ScheduleSpec {
        jitter: Duration::from_secs(3_600),
        ..cron("*/10 * * * *")
    };
    let id = |text: &str| ScheduleId::new(text).unwrap();
    let of = |text: &str| -> Vec<_> {
        let times = ScheduleTimes::new(&spec).unwrap().of_schedule(&id(text));
        times
            .after(at("2026-01-01T00:00:00Z"))
            .take(1_000)
            .collect()
    };
    let (one, same, other) = (of("a"), of("a"), of("b"));
    assert_eq!(one, same);
    assert_ne!(one, other);
    let ten_minutes = Duration::from_secs(600);
    let mut sum = Duration::ZERO;
    for (index, time) in one.iter().enumerate() {
        let nominal =
            at("2026-01-01T00:00:00Z").after(ten_minutes * u32::try_from(index + 1).unwrap());
        assert_eq!(time.nominal, nominal);
        let jitter = time.actual.since(time.nominal);
        assert!(jitter < ten_minutes, "{jitter:?}");
        sum += jitter;
    }
    // They are spread: half of the time on the average.
    let mean = sum / 1_000;
    assert!((270..330).contains(&mean.as_secs()), "{mean:?}");
}

/// Whoever excludes nearly everything, or all of it, is told so in a moment.
#[test]
fn what_is_excluded_is_passed_over_in_large_steps() {
    let all = CalendarSpec {
        second: "*".to_owned(),
        minute: "*".to_owned(),
        hour: "*".to_owned(),
        month: "1-11".to_owned(),
        ..CalendarSpec::default()
    };
    let mut spec = every(1, 0);
    spec.exclude_structured_calendars = vec![all.to_structured().unwrap()];
    spec.time_zone_name = "Europe/Rome".to_owned();
    assert_eq!(
        times(&spec, "2026-01-01T00:00:00Z", 1),
        ["2026-11-30T23:00:00Z"]
    );
    let never = CalendarSpec {
        month: "*".to_owned(),
        ..all
    };
    spec.exclude_structured_calendars = vec![never.to_structured().unwrap()];
    assert_eq!(times(&spec, "2026-01-01T00:00:00Z", 1), [""; 0]);
}
