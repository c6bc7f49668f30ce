//! The commands of operators, on a Temporal Service and on our own server: the same exit codes, and the same words but for
//! ids, times and sizes.

use std::{collections::BTreeSet, fmt::Write as _, time::Duration};

use serde_json::Value;
use steadfast::prelude::*;
use tokio::time::sleep;

use crate::{
    cli::Cli,
    places::Place,
    service::{DELAY, variable},
};

const QUEUE: &str = "commands";

/// Ends at once.
#[workflow]
#[derive(Debug, Default)]
struct Quick;

#[workflow_methods]
impl Quick {
    #[run]
    async fn run(_ctx: &mut WorkflowContext<Self>, what: String) -> WorkflowResult<String> {
        Ok(format!("quick {what}"))
    }
}

/// Fails at once.
#[workflow]
#[derive(Debug, Default)]
struct Fails;

#[workflow_methods]
impl Fails {
    #[run]
    async fn run(_ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        Err(ApplicationFailure::new("no such card", "CardDeclined").into())
    }
}

/// Continues as new twice.
#[workflow]
#[derive(Debug, Default)]
struct Can;

#[workflow_methods]
impl Can {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>, round: u32) -> WorkflowResult<u32> {
        if round < 2 {
            return ctx.continue_as_new(round + 1, ContinueAsNewOptions::default());
        }
        Ok(round)
    }
}

/// Waits until it has been told to go.
#[workflow]
#[derive(Debug, Default)]
struct Wait {
    count: i64,
    go: bool,
}

#[workflow_methods]
impl Wait {
    #[run]
    async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<i64> {
        ctx.wait_condition(|state| state.go).await?;
        Ok(ctx.state(|state| state.count))
    }

    #[signal]
    fn go(&mut self, count: i64) {
        self.count += count;
    }

    #[signal]
    fn end(&mut self) {
        self.go = true;
    }

    #[query]
    fn count(&self) -> i64 {
        self.count
    }

    #[update]
    fn add(&mut self, count: i64) -> i64 {
        self.count += count;
        self.count
    }

    #[update_validator(add)]
    fn check(&self, count: &i64) -> Result<(), ApplicationFailure> {
        if *count < 0 {
            return Err(ApplicationFailure::new("not below zero", "Below"));
        }
        Ok(())
    }
}

/// What operators type; `~` stands for a space inside an argument. A wait is for what a service lists later.
const COMMANDS: &str = r#"
operator cluster health
operator cluster system
operator cluster describe
operator cluster list
operator search-attribute create --name Customer --type Keyword
operator search-attribute create --name Customer --type Keyword
operator search-attribute create --name Customer --type Int
operator search-attribute create --name WorkflowId --type Keyword
operator search-attribute list
operator search-attribute remove --name Nobodys --yes
wait
workflow start -t commands --type Quick -w typo -i "a" --search-attribute Typo="acme"
workflow start -t commands --type Quick -w typo -i "a" --search-attribute Customer=5
workflow start -t commands --type Quick -w typo -i "a" --search-attribute StartTime="now"
workflow start -t nobody --type Quick -w untaken -i "a"
workflow reset -w untaken -e 2 --reason r
workflow reset -w untaken -e 3 --reason r
workflow describe -w untaken
workflow delete -w untaken -y
workflow start -t commands --type Quick -w quick1 -i "a" --search-attribute Customer="acme" --memo k="v"
workflow execute -t commands --type Quick -w quick2 -i "a"
workflow execute -t commands --type Fails -w fails1
workflow execute -t commands --type Can -w can1 -i 0
workflow start -t commands --type Wait -w wait1
workflow start -t commands --type Wait -w wait2
workflow start -t commands --type Wait -w wait3 --start-delay 1s
workflow signal-with-start -t commands --type Wait -w wait4 --signal-name go --signal-input 3
workflow execute-update-with-start -t commands --type Wait -w wait5 --update-name add --update-input 3 --id-conflict-policy UseExisting
workflow start-update-with-start -t commands --type Wait -w wait5 --update-name add --update-input 3 --id-conflict-policy UseExisting --update-wait-for-stage accepted
workflow execute-update-with-start -t commands --type Wait -w wait5 --update-name add --update-input 3 --id-conflict-policy Fail
workflow start -t commands --type Wait -w wait6 --static-summary sum --static-details det
wait
workflow list --limit 2
workflow list -q WorkflowId~BETWEEN~'a'~AND~'r'
workflow list -q CloseTime~IS~NULL
workflow list -q WorkflowType='Quick'~AND~ExecutionStatus='Completed'
workflow list -q WorkflowId~STARTS_WITH~'wai'~AND~StartTime~>~'2020-01-01T00:00:00Z'~ORDER~BY~StartTime~DESC
workflow list -q Customer='acme'~OR~Customer~IN~('x','y')
workflow list -q WorkflowId='wait1'~AND~CloseTime~IS~NULL
workflow list -q Bogus~=~1
workflow list -q WorkflowId~=~
workflow list --archived
workflow list --limit 1 -o json -q WorkflowId='quick1'
workflow count -o json
workflow count -o json -q GROUP~BY~ExecutionStatus
workflow describe -w quick1 -o json
workflow describe -w nobody -o json
workflow show -w quick1 -o json
workflow show -w fails1 -o json
workflow show -w quick1 --follow
workflow result -w quick1 -o json
workflow result -w fails1 -o json
workflow metadata -w wait6 -o json
workflow query -w wait1 --type count -o json
workflow update execute -w wait1 --name add -i 0 -o json
task-queue get-build-ids -t commands
operator namespace describe
workflow count
workflow count -q ExecutionStatus='Running'
workflow count -q GROUP~BY~ExecutionStatus
workflow describe -w wait6
workflow describe -w quick1
workflow describe -w fails1
workflow describe -w quick1 --reset-points
workflow show -w quick1 --detailed
workflow stack -w wait6
workflow metadata -w wait6
workflow query -w wait6 --type nosuch
workflow query -w quick1 --type __stack_trace
workflow trace -w quick1
workflow describe -w nobody
workflow show -w quick1
workflow show -w fails1
workflow show -w can1
workflow result -w quick1
workflow result -w fails1
workflow result -w can1
workflow query -w wait1 --type count
workflow query -w wait1 --type count --reject-condition not_open
workflow query -w quick1 --type count --reject-condition not_open
workflow signal -w wait1 --name go -i 5
workflow signal -w nobody --name go -i 5
workflow update execute -w wait1 --name add -i 7
workflow update execute -w wait1 --name add -i -1
workflow update start -w wait1 --name add -i 7 --wait-for-stage accepted --update-id u1
workflow update result -w wait1 --update-id u1
workflow update describe -w wait1 --update-id u1
workflow update result -w wait1 --update-id u2
workflow query -w wait1 --type count
workflow start -t commands --type Wait -w wait1 --id-conflict-policy Fail
workflow start -t commands --type Quick -w quick1 -i "a" --id-reuse-policy RejectDuplicate
workflow cancel -w wait2 --reason enough
workflow cancel -w nobody
workflow cancel -w quick1
workflow terminate -w wait3 --reason because
workflow terminate -w quick1
workflow show -w wait3
workflow reset -w quick1 -e 4 --reason r
workflow reset -w quick1 -e 2 --reason r
workflow reset -w wait4 -t FirstWorkflowTask --reason r
workflow reset -w can1 -t LastContinuedAsNew --reason r
workflow reset -w fails1 -t LastWorkflowTask --reason r
workflow signal -w wait1 --name end
workflow result -w wait1
workflow show -w wait1
activity complete -w wait1 -a outside --result "ok"
activity fail -w wait6 -a outside --reason no
task-queue describe -t commands
task-queue describe -t commands --legacy-mode
task-queue list-partition -t commands
workflow pause -w wait6
workflow terminate -w wait6 --reason because
workflow delete -w fails1 -y
workflow delete -w nobody -y
worker list
worker count
worker deployment list
operator nexus endpoint list
activity list
workflow list --namespace nobodys
"#;

/// What differs where a reset is refused.
const RESET_POINTS: &str = "the text says which events there are to reset to";

/// What differs in descriptions.
const DESCRIBED: &str =
    "workers have no builds, state transitions are not counted, and bytes are those of the file";

/// What differs in answers as JSON, and why.
const EXPECTED_IN_JSON: &[(&str, &str)] = &[
    ("stateTransitionCount", "state transitions are not counted"),
    ("BuildIds", "workers have no builds"),
    (
        "autoResetPoints",
        "workers have no builds of which runs would be reset",
    ),
    (
        "requestIdInfos",
        "requests that were attached to a run are not told",
    ),
    (
        "runExpirationTime",
        "a run that does not expire has no time of it",
    ),
    ("historySizeBytes", "bytes are those of the file"),
    ("taskId", "the service numbers its tasks"),
    ("requestId", "what a worker asked is not told"),
    (
        "sdkMetadata",
        "a worker in the engine's process does not say which SDK it is",
    ),
    ("Rate", "rates are not measured"),
    ("firstRunId", "lists tell it too"),
    ("stateSizeBytes", "bytes are those of the file"),
];

/// What differs, and why.
const EXPECTED: &[(&str, &str)] = &[
    (
        "operator cluster system",
        "it claims only what holds: no eager start",
    ),
    (
        "workflow execute-update-with-start -t commands --type Wait -w wait5 --update-name add --update-input 3 --id-conflict-policy Fail",
        "it says in words of its own that the workflow is started, by which run",
    ),
    ("workflow describe -w wait6", DESCRIBED),
    ("workflow describe -w quick1", DESCRIBED),
    ("workflow describe -w fails1", DESCRIBED),
    (
        "workflow describe -w quick1 --reset-points",
        "workers have no builds of which runs would be reset",
    ),
    (
        "workflow show -w quick1 --detailed",
        "a worker in the engine's process does not say which SDK it is, and limits of zero are none",
    ),
    (
        "activity fail -w wait6 -a outside --reason no",
        "it says more of what may have become of the activity",
    ),
    ("task-queue describe -t commands", "rates are not measured"),
    (
        "task-queue describe -t commands --legacy-mode",
        "there are no versions of workers",
    ),
    (
        "workflow pause -w wait6",
        "neither offers it, each in its words",
    ),
    ("workflow reset -w quick1 -e 2 --reason r", RESET_POINTS),
    ("workflow reset -w untaken -e 2 --reason r", RESET_POINTS),
    ("workflow reset -w untaken -e 3 --reason r", RESET_POINTS),
    ("workflow describe -w untaken", DESCRIBED),
    (
        "operator search-attribute list",
        "state transitions are not counted, and nothing is stored elsewhere",
    ),
    (
        "operator namespace describe",
        "retention is that of the file, and attributes have no aliases",
    ),
    (
        "task-queue get-build-ids -t commands",
        "neither offers it, each in its words",
    ),
];

#[tokio::test]
async fn commands_say_the_same_on_a_service_and_on_our_own_server() {
    let Some(address) = variable("STEADFAST_TEMPORAL_ADDRESS") else {
        return;
    };
    compare(Place::all(&address).await, COMMANDS, EXPECTED).await;
}

/// Types commands on a service and on our own server, and compares what is said.
pub(crate) async fn compare(places: [Place; 2], commands: &str, differs: &[(&str, &str)]) {
    let mut said = Vec::new();
    for place in places {
        let client = &place.client;
        let Some(cli) = Cli::of(client, &place.address) else {
            return;
        };
        let worker = Worker::builder(client, QUEUE)
            .register_workflow::<Quick>()
            .register_workflow::<Fails>()
            .register_workflow::<Can>()
            .register_workflow::<Wait>()
            .build()
            .unwrap();
        said.push(
            worker
                .run_until(say_all(&cli, &place, commands))
                .await
                .unwrap(),
        );
    }
    let mut differences = String::new();
    for ((command, service), (_, own)) in said[0].iter().zip(&said[1]) {
        let expected = differs.iter().any(|(differs, _)| differs == command);
        if (service != own) != expected {
            let _ = write!(
                differences,
                "$ temporal {command}\n{service}--- on our own server\n{own}\n"
            );
        }
    }
    assert!(differences.is_empty(), "{differences}");
}

async fn say_all(cli: &Cli, place: &Place, commands: &str) -> Vec<(String, String)> {
    let mut said = Vec::new();
    for command in commands.lines().filter(|line| !line.is_empty()) {
        if command == "wait" {
            if !place.is_own() {
                sleep(DELAY).await;
            }
            sleep(Duration::from_secs(1)).await;
            continue;
        }
        let arguments: Vec<String> = command
            .split(' ')
            .map(|argument| argument.replace('~', " "))
            .collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let (code, text) = cli.say(&arguments).await;
        let text = if command.contains("-o json") {
            masked_json(&text, cli)
        } else {
            masked(&text, cli)
        };
        said.push((command.to_owned(), format!("{text}exit code {code}\n")));
    }
    said
}

/// Without what differs from run to run: ids, times, sizes, and the name of the namespace.
fn masked(text: &str, cli: &Cli) -> String {
    let mut lines = String::new();
    for line in text.lines() {
        let words = line.split_whitespace();
        let words: Vec<String> = words.map(|it| word(it, cli.namespace())).collect();
        let line = words.join(" ");
        // The service numbers its tasks, and counts bytes of its own.
        let line = match line.split_once(": ") {
            Some((name @ ("taskId" | "historySizeBytes" | "requestId"), _)) => name.to_owned(),
            _ => line,
        };
        // How long ago something was.
        let line = line.replace(" second ago", " seconds ago");
        let _ = writeln!(lines, "{}", without_ages(&line));
    }
    lines
}

/// Each value of an answer as JSON with its place, but for what is expected to differ; what is not JSON as it is.
fn masked_json(text: &str, cli: &Cli) -> String {
    let mut lines = BTreeSet::new();
    let mut rest = text;
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    if let Some(Ok(value)) = values.next() {
        rest = &text[values.byte_offset()..];
        flatten("", &value, &mut lines);
    }
    let mut told: String = lines.into_iter().map(|line| masked(&line, cli)).collect();
    told.push_str(&masked(rest.trim_start(), cli));
    told
}

fn flatten(place: &str, value: &Value, lines: &mut BTreeSet<String>) {
    if EXPECTED_IN_JSON
        .iter()
        .any(|(name, _)| place.ends_with(name))
    {
        return;
    }
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                flatten(&format!("{place}.{name}"), value, lines);
            }
        }
        Value::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                flatten(&format!("{place}.{index}"), value, lines);
            }
        }
        // No limit, told or not.
        Value::String(text) if text == "0s" => {}
        value => {
            lines.insert(format!("{place} {value}"));
        }
    }
}

fn without_ages(line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    let mut kept = Vec::new();
    let mut index = 0;
    while let Some(word) = words.get(index) {
        let next = words.get(index + 1..index + 3).unwrap_or_default();
        let from_now = words.get(index + 1..index + 4).unwrap_or_default();
        if next == ["seconds", "ago"] {
            kept.push("now");
            index += 3;
        } else if from_now == ["minutes", "from", "now"] {
            kept.push("soon");
            index += 4;
        } else {
            kept.push(word);
            index += 1;
        }
    }
    kept.join(" ")
}

fn word(word: &str, namespace: &str) -> String {
    let word = word
        .trim_start_matches(['(', '"'])
        .trim_end_matches([')', ',', '"']);
    // A worker's identity has the id of its process before its own.
    let id = word.rsplit('@').next().unwrap_or(word);
    let is_id = id.len() == 36 && id.matches('-').count() == 4;
    if word == namespace {
        return "NAMESPACE".to_owned();
    }
    if word.starts_with("127.0.0.1:") {
        return "ADDRESS".to_owned();
    }
    let is_time = word.len() >= 20 && word.contains('T') && word.ends_with('Z');
    let is_length = word
        .strip_suffix('s')
        .is_some_and(|length| length.trim_end_matches(['m', 'µ']).parse::<f64>().is_ok());
    match (is_id, is_time, is_length) {
        (true, ..) => "ID".to_owned(),
        (_, true, _) => "TIME".to_owned(),
        (.., true) => "LENGTH".to_owned(),
        _ => word.to_owned(),
    }
}
