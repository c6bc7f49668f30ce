//! What a Temporal Service did with little programs of triggers, backfills and ends, `../schedules/programs.jsonl`, is what the embedded
//! engine does. `../schedules/ask.py` asked it, and asks again on demand; `STEADFAST_SCHEDULE_CASES` names another file.

use std::{collections::BTreeSet, fs, path::Path, time::Duration};

use serde_json::Value;
use steadfast_core::{
    command::Command,
    failure::Failure,
    ids::{RequestId, ScheduleId},
    payload::PayloadMap,
    time::Timestamp,
};
use steadfast_embedded::{EmbeddedEngine, EmbeddedOptions, ManualClock};
use steadfast_engine::{
    Engine as _, ListFilter, ListWorkflowsRequest, SignalWorkflowRequest, TerminateWorkflowRequest,
    schedule::{
        BackfillRequest, CreateScheduleRequest, IntervalSpec, PatchScheduleRequest, Schedule,
        ScheduleAction, ScheduleOverlapPolicy, SchedulePatch, ScheduleSpec,
        TriggerImmediatelyRequest,
    },
};

use crate::harness::{block_on, completion, current, identity, next_task, signal, start_request};

fn policy(name: &Value) -> Option<ScheduleOverlapPolicy> {
    serde_json::from_value(name.clone()).unwrap()
}

fn at(seconds: &Value) -> Timestamp {
    Timestamp::from_unix_nanos(seconds.as_i64().unwrap() * 1_000_000_000)
}

fn id() -> ScheduleId {
    ScheduleId::new("s").unwrap()
}

async fn create(engine: &EmbeddedEngine, case: &Value) {
    let spec = ScheduleSpec {
        intervals: vec![IntervalSpec {
            interval: Duration::from_secs(3_600),
            phase: Duration::ZERO,
        }],
        ..ScheduleSpec::default()
    };
    let start = start_request("w", "unused");
    let mut schedule = Schedule::new(spec, ScheduleAction::StartWorkflow(Box::new(start)));
    schedule.policies.overlap = policy(&case["overlap"]).unwrap();
    schedule.policies.pause_on_failure = case["pause_on_failure"].as_bool().unwrap();
    schedule.state.limited_actions = true;
    let request = CreateScheduleRequest {
        schedule_id: id(),
        schedule,
        initial_patch: None,
        identity: identity("client"),
        request_id: RequestId::new("create").unwrap(),
        memo: PayloadMap::new(),
        search_attributes: PayloadMap::new(),
    };
    engine.create_schedule(request).await.unwrap();
}

/// Answers all tasks: those of the workflow that is to end as it is to, the others with nothing.
async fn work(engine: &EmbeddedEngine, ends: Option<(&str, &str)>) {
    while let Some(task) = next_task(engine, "w", identity("worker")).await.unwrap() {
        let commands = match ends {
            Some((id, "Failed")) if task.execution.workflow_id.as_str() == id => {
                vec![Command::FailWorkflowExecution {
                    failure: Box::new(Failure::application("no", "No")),
                }]
            }
            Some((id, _)) if task.execution.workflow_id.as_str() == id => {
                vec![Command::CompleteWorkflowExecution { result: None }]
            }
            _ => Vec::new(),
        };
        let answered = engine.complete_workflow_task(task.token, completion(commands));
        answered.await.unwrap();
    }
}

async fn told(engine: &EmbeddedEngine) -> Value {
    let filter = ListFilter::from("TemporalScheduledById = 's' AND ExecutionStatus = 'Running'");
    let request = ListWorkflowsRequest {
        filter,
        page_size: 100,
        next_page_token: None,
    };
    let open = engine.list_workflows(request).await.unwrap().executions;
    let open: BTreeSet<String> = open
        .iter()
        .map(|run| run.execution.workflow_id.to_string())
        .collect();
    let described = engine.describe_schedule(id()).await.unwrap();
    let info = described.info;
    let minded: BTreeSet<String> = info
        .running_workflows
        .iter()
        .map(|run| run.workflow_id.to_string())
        .collect();
    let notes = described.schedule.state.notes;
    serde_json::json!({
        "open": open, "minded": minded, "taken": info.action_count, "skipped": info.overlap_skipped,
        "waiting": info.buffer_size, "notes": notes.split(':').next().unwrap_or_default(),
    })
}

async fn judge(number: usize, case: &Value) -> Result<(), String> {
    let clock = ManualClock::at(Timestamp::from_unix_nanos(1_795_000_000_000_000_000));
    let options = EmbeddedOptions::in_memory().clock(clock);
    let engine = EmbeddedEngine::open(options).unwrap();
    create(&engine, case).await;
    let mut last = told(&engine).await;
    let steps = case["steps"].as_array().unwrap();
    for (index, step) in steps.iter().enumerate() {
        let request_id = RequestId::new(format!("step {index}")).unwrap();
        if let Some(which) = step["end"].as_u64() {
            let open = last["open"].as_array().unwrap().clone();
            let at = usize::try_from(which).unwrap() % open.len().max(1);
            if let Some(workflow) = open.get(at).and_then(Value::as_str) {
                let how = step["how"].as_str().unwrap();
                if how == "Terminated" {
                    let terminate = TerminateWorkflowRequest {
                        execution: current(workflow),
                        reason: String::new(),
                        details: Vec::new(),
                        identity: identity("client"),
                    };
                    engine.terminate_workflow(terminate).await.unwrap();
                } else {
                    let wake = SignalWorkflowRequest {
                        execution: current(workflow),
                        signal: signal("end", request_id),
                    };
                    engine.signal_workflow(wake).await.unwrap();
                    work(&engine, Some((workflow, how))).await;
                }
            }
        } else {
            let overlap = policy(&step["overlap"]);
            let mut patch = SchedulePatch::default();
            if step.get("trigger").is_some() {
                patch.trigger_immediately = Some(TriggerImmediatelyRequest {
                    overlap,
                    scheduled_time: Some(at(&step["trigger"])),
                });
            } else {
                patch.backfill_requests.push(BackfillRequest {
                    start_time: at(&step["from"]),
                    end_time: at(&step["to"]),
                    overlap,
                });
            }
            let request = PatchScheduleRequest {
                schedule_id: id(),
                patch,
                identity: identity("client"),
                request_id,
            };
            engine.patch_schedule(request).await.unwrap();
        }
        engine.settled().await.unwrap();
        work(&engine, None).await;
        last = told(&engine).await;
        if last != step["told"] {
            return Err(format!(
                "program {number}, after step {index}: {last}\n not {}\n {case}",
                step["told"]
            ));
        }
    }
    Ok(())
}

#[test]
fn schedules_do_with_programs_what_a_temporal_service_did() {
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schedules/programs.jsonl");
    let path = std::env::var_os("STEADFAST_SCHEDULE_CASES").map_or(recorded, Into::into);
    let cases = fs::read_to_string(path).unwrap();
    let mut wrong = Vec::new();
    for (number, line) in cases.lines().enumerate() {
        let case: Value = serde_json::from_str(line).unwrap();
        wrong.extend(block_on(judge(number, &case)).err());
    }
    assert!(!cases.is_empty());
    assert!(
        wrong.is_empty(),
        "{}\n{}",
        wrong.len(),
        wrong[..wrong.len().min(4)].join("\n")
    );
}
