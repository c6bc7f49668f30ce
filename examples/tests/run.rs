//! Runs every example and compares what it prints.

use std::process::Command;

/// What an example prints.
fn run(example: &str) -> String {
    let output = Command::new(env!("CARGO"))
        .args([
            "run",
            "--quiet",
            "--package",
            "steadfast-examples",
            "--example",
            example,
        ])
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
the workflow sees: activity cancelled (`cancellable_activity`), cancelled: true
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
            tests.contains(&format!("run({name})")),
            "example {name} is not run"
        );
    }
}

#[test]
fn encryption_keeps_the_file_secret() {
    assert_eq!(
        run("encryption"),
        "result: Ada is expected at ten
the name can be read in the file: false
with another key: a row of the file cannot be read: the payload codec refused: wrong key, or the payload was changed
"
    );
}
