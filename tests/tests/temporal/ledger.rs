//! Counts what runs: each execution of an activity is written to a file before it does anything, by whatever process
//! it is in. History says what was accepted; the ledger says what ran.

use std::{
    collections::BTreeMap,
    fs::OpenOptions,
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use steadfast::{
    core::{event::EventKind, history::History},
    prelude::*,
};

/// How many activities each workflow runs.
pub(crate) const STEPS: usize = 4;

/// Activities that write themselves down.
#[derive(Clone, Debug)]
pub(crate) struct Ledger(Arc<Path>);

#[activities]
impl Ledger {
    /// Does something that takes a moment.
    #[activity]
    async fn step(&self, ctx: ActivityContext, _number: usize) -> Result<(), ActivityError> {
        let info = ctx.info();
        self.write(
            info.execution.workflow_id.as_str(),
            info.activity_id.as_str(),
            info.attempt,
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
        Ok(())
    }
}

impl Ledger {
    pub(crate) fn at(path: PathBuf) -> Self {
        Self(path.into())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// How many executions there were.
    pub(crate) fn lines(&self) -> usize {
        std::fs::read_to_string(&self.0).map_or(0, |text| text.lines().count())
    }

    fn write(&self, workflow_id: &str, activity_id: &str, attempt: u32) {
        let mut options = OpenOptions::new();
        let mut file = options.create(true).append(true).open(&self.0).unwrap();
        // One call, so that lines of other processes do not come in between.
        let line = format!("{workflow_id} {activity_id} {attempt}\n");
        file.write_all(line.as_bytes()).unwrap();
    }

    /// The attempts that ran of each step of a workflow, in their order.
    fn ran(&self, workflow_id: &str) -> BTreeMap<String, Vec<u32>> {
        let mut ran: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        for line in std::fs::read_to_string(&self.0).unwrap().lines() {
            let [workflow, activity, attempt] = line.split(' ').collect::<Vec<_>>()[..] else {
                panic!("{line}");
            };
            if workflow == workflow_id {
                let attempts = ran.entry(activity.to_owned()).or_default();
                attempts.push(attempt.parse().unwrap());
            }
        }
        ran
    }

    /// Every step ran, no attempt of it ran twice, and none ran after the one that the service accepted. Gives how many
    /// ran that the service did not accept.
    pub(crate) fn check(&self, history: &History) -> usize {
        let workflow_id = history.execution.workflow_id.as_str();
        let accepted = accepted(history);
        let ran = self.ran(workflow_id);
        assert_eq!(accepted.len(), STEPS, "{history}");
        assert!(accepted.keys().eq(ran.keys()), "{ran:?} {history}");
        let mut again = 0;
        for (activity_id, attempts) in ran {
            assert!(
                attempts.is_sorted_by(|earlier, later| earlier < later),
                "{activity_id} ran as {attempts:?}: {history}"
            );
            assert_eq!(
                attempts.last(),
                accepted.get(&activity_id),
                "{activity_id} ran as {attempts:?}: {history}"
            );
            again += attempts.len() - 1;
        }
        again
    }
}

/// The attempt of each activity that completed.
fn accepted(history: &History) -> BTreeMap<String, u32> {
    let event = |id| history.events.iter().find(|event| event.event_id == id);
    let completed = history.events.iter().filter_map(|completed| {
        let EventKind::ActivityTaskCompleted {
            scheduled_event_id,
            started_event_id,
            ..
        } = &completed.kind
        else {
            return None;
        };
        let EventKind::ActivityTaskScheduled { activity, .. } = &event(*scheduled_event_id)?.kind
        else {
            return None;
        };
        let EventKind::ActivityTaskStarted { attempt, .. } = event(*started_event_id)?.kind else {
            return None;
        };
        Some((activity.activity_id.to_string(), attempt))
    });
    completed.collect()
}

/// Steps one after the other and, at the end, two beside each other.
#[workflow]
#[derive(Debug, Default)]
pub(crate) struct Steps;

#[workflow_methods]
impl Steps {
    #[run]
    pub(crate) async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        let start = |number| {
            // An attempt that is lost with its worker is made again soon.
            let options = ActivityOptions::start_to_close_timeout(Duration::from_secs(3));
            ctx.start_activity(Ledger::step, number, options)
        };
        for number in 0..STEPS - 2 {
            start(number).await?;
        }
        let (one, other) = steadfast::workflow::join(start(STEPS - 2), start(STEPS - 1)).await;
        one?;
        Ok(other?)
    }
}

/// A worker that writes what it runs to a file.
pub(crate) fn worker(client: &Client, ledger: &Ledger, task_queue: &str) -> Worker {
    Worker::builder(client, task_queue)
        .register_workflow::<Steps>()
        .register_activities(ledger.clone())
        .build()
        .unwrap()
}
