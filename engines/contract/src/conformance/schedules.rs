//! What a script says of schedules. One starts executions by its own id, without a time behind it, so that scripts can name them.

use std::time::Duration;

use steadfast_core::ids::{RequestId, ScheduleId};

use super::requests::{identity, seconds, start_request};
use crate::{
    Engine, EngineError,
    schedule::{
        CreateScheduleRequest, DeleteScheduleRequest, IntervalSpec, PatchScheduleRequest, Schedule,
        ScheduleAction, ScheduleOverlapPolicy, SchedulePatch, ScheduleSpec,
        TriggerImmediatelyRequest,
    },
};

fn schedule_id(id: &str) -> ScheduleId {
    ScheduleId::new(id).unwrap()
}

fn overlap(text: Option<&str>) -> ScheduleOverlapPolicy {
    match text {
        None | Some("Skip") => ScheduleOverlapPolicy::Skip,
        Some("BufferOne") => ScheduleOverlapPolicy::BufferOne,
        Some("BufferAll") => ScheduleOverlapPolicy::BufferAll,
        Some("CancelOther") => ScheduleOverlapPolicy::CancelOther,
        Some("TerminateOther") => ScheduleOverlapPolicy::TerminateOther,
        Some("AllowAll") => ScheduleOverlapPolicy::AllowAll,
        Some(other) => panic!("unknown policy {other}"),
    }
}

/// A cron schedule, which has underscores for spaces in a script.
pub(super) fn cron(text: Option<&str>) -> Option<Box<str>> {
    Some(text?.replace('_', " ").into_boxed_str())
}

/// Does a step of a script, whose words follow the verb.
pub(super) async fn step(
    engine: &impl Engine,
    verb: &str,
    words: &[&str],
    request_id: RequestId,
) -> Result<(), EngineError> {
    let id = words.first().copied().unwrap_or_default();
    match verb {
        "schedule" => {
            let option = |name: &str| {
                words
                    .iter()
                    .find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
            };
            create(engine, id, request_id, option).await
        }
        "patch" => {
            let notes = words.get(2..).unwrap_or_default().join(" ");
            let what = words.get(1).copied().unwrap_or_default();
            patch(engine, id, request_id, what, notes).await
        }
        _ => {
            let told = told(engine, id).await?;
            for wanted in words.iter().skip(1) {
                assert!(told.iter().any(|told| told == wanted), "{wanted}: {told:?}");
            }
            Ok(())
        }
    }
}

/// Creates a schedule.
async fn create<'a>(
    engine: &impl Engine,
    id: &str,
    request_id: RequestId,
    option: impl Fn(&str) -> Option<&'a str>,
) -> Result<(), EngineError> {
    let mut spec = ScheduleSpec::default();
    if let Some(interval) = option("every").map(seconds) {
        let phase = Duration::ZERO;
        spec.intervals.push(IntervalSpec { interval, phase });
    }
    if let Some(cron) = option("cron") {
        spec.cron_strings.push(cron.replace('_', " "));
    }
    let start = start_request(id, request_id.as_str());
    let mut schedule = Schedule::new(spec, ScheduleAction::StartWorkflow(Box::new(start)));
    schedule.policies.overlap = overlap(option("overlap"));
    schedule.policies.keep_original_workflow_id = true;
    schedule.policies.pause_on_failure = option("pause") == Some("on-failure");
    schedule.state.paused = option("paused") == Some("yes");
    if let Some(remaining) = option("remaining") {
        schedule.state.limited_actions = true;
        schedule.state.remaining_actions = remaining.parse().unwrap();
    }
    let request = CreateScheduleRequest {
        schedule_id: schedule_id(id),
        schedule,
        initial_patch: None,
        identity: identity("client"),
        request_id,
        memo: Default::default(),
        search_attributes: Default::default(),
    };
    engine.create_schedule(request).await.map(drop)
}

/// Does something with a schedule.
async fn patch(
    engine: &impl Engine,
    id: &str,
    request_id: RequestId,
    what: &str,
    words: String,
) -> Result<(), EngineError> {
    let (schedule_id, identity) = (schedule_id(id), identity("client"));
    let mut patch = SchedulePatch::default();
    match what {
        "trigger" => patch.trigger_immediately = Some(TriggerImmediatelyRequest::default()),
        "pause" => patch.pause = Some(words),
        "unpause" => patch.unpause = Some(words),
        "delete" => {
            let request = DeleteScheduleRequest {
                schedule_id,
                identity,
            };
            return engine.delete_schedule(request).await;
        }
        other => panic!("unknown patch {other}"),
    }
    let request = PatchScheduleRequest {
        schedule_id,
        patch,
        identity,
        request_id,
    };
    engine.patch_schedule(request).await
}

/// What an engine says of a schedule, each as `name=value`.
async fn told(engine: &impl Engine, id: &str) -> Result<Vec<String>, EngineError> {
    let described = engine.describe_schedule(schedule_id(id)).await?;
    let (info, state) = (described.info, described.schedule.state);
    let yes = |flag| if flag { "yes" } else { "no" };
    Ok(vec![
        format!("taken={}", info.action_count),
        format!("missed={}", info.missed_catchup_window),
        format!("skipped={}", info.overlap_skipped),
        format!("wait={}", info.buffer_size),
        format!("running={}", info.running_workflows.len()),
        format!("recent={}", info.recent_actions.len()),
        format!("next={}", info.future_action_times.len()),
        format!("paused={}", yes(state.paused)),
        format!("remaining={}", state.remaining_actions),
    ])
}
