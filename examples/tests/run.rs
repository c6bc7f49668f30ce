//! Runs every example and compares what it prints.

use std::process::Command;

/// What an example prints: on its own engine and, where there is one, on a Temporal Service.
fn run(example: &str) -> String {
    let output = run_on(example, None);
    #[cfg(feature = "temporal")]
    if let Ok(address) = std::env::var("STEADFAST_TEMPORAL_ADDRESS") {
        let url = format!("temporal://{address}/default");
        let on_a_service = run_on(example, Some(&url));
        assert_eq!(comparable(&on_a_service), comparable(&output), "{example}");
    }
    output
}

fn run_on(example: &str, url: Option<&str>) -> String {
    let mut command = Command::new(env!("CARGO"));
    command.args(["run", "--quiet", "--package", "steadfast-examples"]);
    if cfg!(feature = "temporal") {
        command.args(["--features", "temporal"]);
    }
    command.args(["--example", example]);
    if let Some(url) = url {
        command.args(["--", "--engine", url]);
    }
    let output = command
        .output()
        .expect("cargo runs these tests, so it is there");
    assert!(
        output.status.success(),
        "{example}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("the examples print text")
}

/// What is printed before a history, which has times and ids.
#[cfg(feature = "temporal")]
fn comparable(output: &str) -> &str {
    output.split("\nhistory of").next().unwrap_or_default()
}

#[test]
fn cancellation_cleans_up_and_shows_the_history() {
    let output = run("cancellation");
    let mut lines = output.lines();
    assert_eq!(
        lines.next(),
        Some("Cancelled (reason=No longer needed), cleanup done")
    );
    for event in [
        "WorkflowExecutionCancelRequested",
        "ActivityTaskCancelRequested",
        "WorkflowExecutionCompleted",
    ] {
        assert!(output.contains(event), "{event}\n{output}");
    }
}

#[test]
fn go_page_skips_an_activity_and_cleans_up() {
    assert_eq!(
        run("go_page"),
        "activity: heartbeating
activity: cancelled by the workflow
activity: a heartbeat after that says Some(Cancelled)
workflow: the activity returned `I am cancelled by Done`
workflow: the next one is skipped, cancelled: true
cleanup: done
client: the workflow was cancelled: no longer needed
"
    );
}

#[test]
fn python_page_cancels_an_activity_by_its_handle() {
    assert_eq!(
        run("python_page"),
        "heartbeating for Hello,  World
activity cancelled
the workflow sees: activity cancelled (`cancellable_activity`): cancelled by workflow code, cancelled: true
executing activity
Hello, World
"
    );
}

#[test]
fn quick_start_ships_an_order() {
    assert_eq!(run("quick_start"), "receipt for a bicycle\n");
}

#[test]
fn saga_shows_the_three_problems_and_their_solution() {
    assert_eq!(
        run("saga"),
        "1. compensation is not executed during a cancellation
 naive:
  charging ..
  .. the charge has stopped
  the workflow was cancelled: never mind
 right:
  charging ..
  .. the charge has stopped
  refunded
  the workflow was cancelled: never mind
2. compensation is executed before the activity completes
 naive:
  charging ..
  refunded
  .. the charge has stopped
  the workflow was cancelled: never mind
 right:
  charging ..
  .. the charge has stopped
  refunded
  the workflow was cancelled: never mind
3. the cancellation is never seen
 naive:
  charging ..
  .. the charge has stopped
  the workflow completed
 right:
  charging ..
  .. the charge has stopped
  refunded
  the workflow was cancelled: never mind
"
    );
}

/// Its clock is moved by hand.
#[test]
fn schedules_act_at_their_times_and_when_they_are_asked() {
    let expected = "\
        report-2026-01-01T08:00:00Z: report 1 of Rome\n\
        report-2026-01-02T08:00:00Z: report 2 of Rome\n\
        report-2026-01-05T08:00:00Z: report 3 of Rome\n\
        report-2026-01-08T00:00:00Z: report 4 of Rome\n\
        report-2026-01-08T08:00:00Z: report 5 of Rome\n\
        report-2026-01-09T08:00:00Z: report 6 of Rome\n\
        6 reports so far, the next one at 2026-01-12T08:00:00Z\n";
    assert_eq!(run_on("schedules", None), expected);
}

#[test]
fn every_example_is_run_here() {
    let manifest = include_str!("../Cargo.toml");
    let tests = include_str!("run.rs");
    let names = manifest
        .lines()
        .skip_while(|line| *line != "[[example]]")
        .filter_map(|line| line.strip_prefix("name = "));
    for name in names {
        assert!(
            tests.contains(&format!("run({name})")) || tests.contains(&format!("run_on({name}, ")),
            "example {name} is not run"
        );
    }
}

/// It is about the file of the embedded engine.
#[test]
fn encryption_keeps_the_file_secret() {
    assert_eq!(
        run_on("encryption", None),
        "result: Ada is expected at ten
the name can be read in the file: false
with another key: a row of the file cannot be read: the payload codec refused: wrong key, or the payload was changed
"
    );
}
