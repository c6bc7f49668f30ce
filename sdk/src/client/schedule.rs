//! Schedules as clients see them: made, looked at, changed and deleted.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use futures_util::{StreamExt as _, stream};
use serde::Serialize;
use steadfast_core::{
    ids::ScheduleId,
    options::LONGEST,
    payload::{Payload, PayloadMap},
    time::Timestamp,
};

use super::{Client, ClientError, WorkflowStartOptions, new_request_id};
use crate::{
    convert::{self, ConvertError},
    definition::{RunDefinition, WorkflowDefinition},
    engine::{
        EngineError,
        schedule::{
            BackfillRequest, CalendarSpec, CreateScheduleRequest, DeleteScheduleRequest,
            IntervalSpec, ListScheduleMatchingTimesRequest, ListSchedulesRequest,
            PatchScheduleRequest, Schedule, ScheduleAction, ScheduleDescription, ScheduleListEntry,
            ScheduleOverlapPolicy, SchedulePatch, SchedulePolicies, ScheduleSpec, ScheduleState,
            StructuredCalendarSpec, TriggerImmediatelyRequest, UpdateScheduleRequest,
        },
    },
    system_time::to_timestamp,
};

/// How often an update is tried again because somebody else was faster.
const UPDATES: usize = 20;

/// A schedule to be: what it starts, when, and what else is to be minded.
///
/// Times are the union of all that is said of them, but for what is excluded.
///
/// ```
/// use std::time::Duration;
/// use steadfast::{client::ScheduleOptions, engine::schedule::ScheduleOverlapPolicy, prelude::*};
///
/// #[workflow]
/// #[derive(Default)]
/// struct Report;
///
/// #[workflow_methods]
/// impl Report {
///     #[run]
///     async fn run(ctx: &mut WorkflowContext<Self>, city: String) -> WorkflowResult<()> {
///         Ok(())
///     }
/// }
///
/// # async fn example(client: Client) -> Result<(), ClientError> {
/// let start = WorkflowStartOptions::new("reports", "report");
/// let options = ScheduleOptions::new(Report::run, "Rome".to_owned(), start)?
///     .cron("0 9 * * mon-fri")
///     .time_zone("Europe/Rome")
///     .jitter(Duration::from_secs(60))
///     .overlap(ScheduleOverlapPolicy::BufferOne);
/// let reports = client.create_schedule("reports-of-rome", options).await?;
/// reports.pause("the printer is broken").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct ScheduleOptions {
    workflow_type: String,
    input: Vec<Payload>,
    start: WorkflowStartOptions,
    spec: ScheduleSpec,
    policies: SchedulePolicies,
    state: ScheduleState,
    memo: PayloadMap,
    search_attributes: PayloadMap,
    first: SchedulePatch,
}

impl ScheduleOptions {
    /// A schedule of a workflow. The id of the options gets the nominal time of each action behind it; their policies for ids and their
    /// delay have to stay as they are.
    ///
    /// # Errors
    ///
    /// When the input cannot be encoded.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "arguments are given away, as in a call"
    )]
    pub fn new<R: RunDefinition>(
        _run: R,
        input: <R::Workflow as WorkflowDefinition>::Input,
        start: impl Into<WorkflowStartOptions>,
    ) -> Result<Self, ConvertError> {
        let input = R::Workflow::arguments().encode(&input)?;
        Ok(Self::by_name(R::Workflow::WORKFLOW_TYPE, input, start))
    }

    /// A schedule of a workflow of which only the name is known here.
    pub fn by_name(
        workflow_type: impl Into<String>,
        input: Vec<Payload>,
        start: impl Into<WorkflowStartOptions>,
    ) -> Self {
        Self {
            workflow_type: workflow_type.into(),
            input,
            start: start.into(),
            spec: ScheduleSpec::default(),
            policies: SchedulePolicies::default(),
            state: ScheduleState::default(),
            memo: PayloadMap::new(),
            search_attributes: PayloadMap::new(),
            first: SchedulePatch::default(),
        }
    }

    /// Adds times as cron has them, such as `30 9 * * mon-fri`, `@daily` or `CRON_TZ=Europe/Rome 0 0 1 * *`; see
    /// [`ScheduleSpec::cron_strings`].
    pub fn cron(mut self, text: impl Into<String>) -> Self {
        self.spec.cron_strings.push(text.into());
        self
    }

    /// Adds times at a distance from each other, counted from the beginning of 1970 in UTC: every hour is every full hour.
    pub fn every(self, interval: Duration) -> Self {
        self.interval(IntervalSpec {
            interval,
            phase: Duration::ZERO,
        })
    }

    /// Adds times at a distance from each other, that begin at a phase.
    pub fn interval(mut self, interval: IntervalSpec) -> Self {
        self.spec.intervals.push(interval);
        self
    }

    /// Adds times by the calendar, written as texts.
    pub fn calendar(mut self, calendar: CalendarSpec) -> Self {
        self.spec.calendars.push(calendar);
        self
    }

    /// Adds times by the calendar.
    pub fn structured_calendar(mut self, calendar: StructuredCalendarSpec) -> Self {
        self.spec.structured_calendars.push(calendar);
        self
    }

    /// Leaves out times by the calendar.
    pub fn exclude(mut self, calendar: StructuredCalendarSpec) -> Self {
        self.spec.exclude_structured_calendars.push(calendar);
        self
    }

    /// Reads calendars and cron strings in a time zone, such as `Europe/Rome`; in UTC by default.
    pub fn time_zone(mut self, name: impl Into<String>) -> Self {
        self.spec.time_zone_name = name.into();
        self
    }

    /// Takes no times before this one.
    pub fn start_time(mut self, time: SystemTime) -> Self {
        self.spec.start_time = Some(to_timestamp(time));
        self
    }

    /// Takes no times after this one.
    pub fn end_time(mut self, time: SystemTime) -> Self {
        self.spec.end_time = Some(to_timestamp(time));
        self
    }

    /// Puts each time off by zero up to this, so that not everything happens at once.
    pub fn jitter(mut self, most: Duration) -> Self {
        self.spec.jitter = most;
        self
    }

    /// Chooses what happens when a time comes and an earlier execution is open;
    /// [`Skip`](ScheduleOverlapPolicy::Skip) by default.
    pub fn overlap(mut self, policy: ScheduleOverlapPolicy) -> Self {
        self.policies.overlap = policy;
        self
    }

    /// Chooses how late an action may be taken that nobody could take in time; 365 days by default, 10 seconds at least.
    pub fn catchup_window(mut self, window: Duration) -> Self {
        self.policies.catchup_window = window;
        self
    }

    /// Pauses the schedule when an execution fails or times out for good.
    pub fn pause_on_failure(mut self) -> Self {
        self.policies.pause_on_failure = true;
        self
    }

    /// Starts executions by their id as it is, without a time behind it.
    pub fn keep_original_workflow_id(mut self) -> Self {
        self.policies.keep_original_workflow_id = true;
        self
    }

    /// Takes so many actions and no more.
    pub fn remaining_actions(mut self, count: u64) -> Self {
        self.state.limited_actions = true;
        self.state.remaining_actions = count;
        self
    }

    /// Creates it paused.
    pub fn paused(mut self) -> Self {
        self.state.paused = true;
        self
    }

    /// Says something of it to people.
    pub fn notes(mut self, words: impl Into<String>) -> Self {
        self.state.notes = words.into();
        self
    }

    /// Adds a value that is shown with the schedule.
    ///
    /// # Errors
    ///
    /// When the value cannot be serialized.
    pub fn memo<T: Serialize>(
        mut self,
        key: impl Into<String>,
        value: &T,
    ) -> Result<Self, ConvertError> {
        self.memo.insert(key.into(), convert::to_payload(value)?);
        Ok(self)
    }

    /// Adds a value that the schedule is found by.
    ///
    /// # Errors
    ///
    /// When the value cannot be serialized.
    pub fn search_attribute<T: Serialize>(
        mut self,
        key: impl Into<String>,
        value: &T,
    ) -> Result<Self, ConvertError> {
        self.search_attributes
            .insert(key.into(), convert::to_payload(value)?);
        Ok(self)
    }

    /// Takes the action once as soon as the schedule is created. A schedule that a worker declares does so too, when it is
    /// created.
    pub fn trigger_immediately(mut self) -> Self {
        self.first.trigger_immediately = Some(TriggerImmediatelyRequest::default());
        self
    }

    /// Takes the actions of times that passed as soon as the schedule is created.
    pub fn backfill(mut self, backfill: BackfillRequest) -> Self {
        self.first.backfill_requests.push(backfill);
        self
    }

    fn schedule(&self, client: &Client) -> Result<Schedule, ClientError> {
        let start =
            client.start_request(&self.workflow_type, self.input.clone(), self.start.clone())?;
        let mut schedule = Schedule::new(
            self.spec.clone(),
            ScheduleAction::StartWorkflow(Box::new(start)),
        );
        schedule.policies = self.policies.clone();
        schedule.state = self.state.clone();
        Ok(schedule)
    }

    fn creation(
        &self,
        schedule_id: ScheduleId,
        client: &Client,
    ) -> Result<CreateScheduleRequest, ClientError> {
        let first = self.first != SchedulePatch::default();
        Ok(CreateScheduleRequest {
            schedule_id,
            schedule: self.schedule(client)?,
            initial_patch: first.then(|| self.first.clone()),
            identity: client.identity().clone(),
            request_id: new_request_id()?,
            memo: self.memo.clone(),
            search_attributes: self.search_attributes.clone(),
        })
    }
}

impl Client {
    /// Creates a schedule. When this returns, it survives a crash, and takes its first action at the first of its times after this.
    ///
    /// # Errors
    ///
    /// When there is a schedule with the id ([`EngineError::ScheduleExists`]), what is said of it makes no sense, or the engine
    /// fails.
    pub async fn create_schedule(
        &self,
        schedule_id: impl AsRef<str>,
        options: ScheduleOptions,
    ) -> Result<ScheduleHandle, ClientError> {
        let handle = self.schedule(schedule_id)?;
        let request = options.creation(handle.schedule_id.clone(), self)?;
        self.engine().create_schedule(request).await?;
        Ok(handle)
    }

    /// Finds a schedule. Asks nothing of the engine: that there is one shows in the first call.
    ///
    /// # Errors
    ///
    /// When the id is not valid.
    pub fn schedule(&self, schedule_id: impl AsRef<str>) -> Result<ScheduleHandle, ClientError> {
        Ok(ScheduleHandle {
            client: self.clone(),
            schedule_id: ScheduleId::new(schedule_id)?,
        })
    }

    /// Lists schedules, as many as are read from the stream. The query is a condition in Temporal's language about
    /// `ScheduleId`, `TemporalSchedulePaused` and search attributes; with an empty one it is all schedules.
    ///
    /// ```
    /// # use futures_util::TryStreamExt as _;
    /// # use steadfast::prelude::*;
    /// # async fn example(client: Client) -> Result<(), ClientError> {
    /// let mut paused = client.list_schedules("TemporalSchedulePaused = true");
    /// while let Some(schedule) = paused.try_next().await? {
    ///     println!("{}: {}", schedule.schedule_id, schedule.notes);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn list_schedules(
        &self,
        query: impl Into<String>,
    ) -> stream::BoxStream<'static, Result<ScheduleListEntry, ClientError>> {
        const PAGE: usize = 100;
        let engine = std::sync::Arc::clone(self.engine());
        let query = query.into();
        stream::try_unfold(Some(None), move |page: Option<Option<Vec<u8>>>| {
            let engine = std::sync::Arc::clone(&engine);
            let query = query.clone();
            async move {
                let Some(next_page_token) = page else {
                    return Ok::<_, EngineError>(None);
                };
                let request = ListSchedulesRequest {
                    query,
                    page_size: PAGE,
                    next_page_token,
                };
                let page = engine.list_schedules(request).await?;
                Ok(Some((page.schedules, page.next_page_token.map(Some))))
            }
        })
        .map(|page| match page {
            Ok(schedules) => stream::iter(schedules.into_iter().map(Ok)).left_stream(),
            Err(error) => stream::iter([Err(ClientError::from(error))]).right_stream(),
        })
        .flatten()
        .boxed()
    }

    /// Counts schedules. The query is as for [`list_schedules`](Self::list_schedules).
    ///
    /// # Errors
    ///
    /// When the query is not valid, or the engine fails.
    pub async fn count_schedules(&self, query: impl Into<String>) -> Result<u64, ClientError> {
        Ok(self.engine().count_schedules(query.into()).await?.count)
    }

    /// Sees to it that there is a schedule and that it is as these options say: it is created if there is none, and otherwise
    /// updated if its times, its action, its policies or what is shown with it are others. Whether it is paused, its notes and how many actions
    /// remain are left as they are. Several that do this at once make one schedule.
    pub(crate) async fn declare_schedule(
        &self,
        schedule_id: &ScheduleId,
        options: &ScheduleOptions,
    ) -> Result<(), ClientError> {
        let handle = ScheduleHandle {
            client: self.clone(),
            schedule_id: schedule_id.clone(),
        };
        for _ in 0..UPDATES {
            let request = options.creation(schedule_id.clone(), self)?;
            let declared = request.schedule.clone();
            match self.engine().create_schedule(request).await {
                Ok(_) => return Ok(()),
                Err(EngineError::ScheduleExists { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            let found = match handle.describe().await {
                // Somebody deleted it meanwhile.
                Err(ClientError::Engine(EngineError::NotFound { .. })) => continue,
                found => found?,
            };
            let same = is_same(&declared, &found.schedule)
                && found.memo == options.memo
                && found.search_attributes == options.search_attributes;
            if same {
                return Ok(());
            }
            let mut schedule = declared;
            schedule.state = found.schedule.state;
            let update = UpdateScheduleRequest {
                schedule_id: schedule_id.clone(),
                schedule,
                conflict_token: Some(found.conflict_token),
                identity: self.identity().clone(),
                request_id: new_request_id()?,
                search_attributes: Some(options.search_attributes.clone()),
                memo: Some(options.memo.clone()),
            };
            match self.engine().update_schedule(update).await {
                Err(EngineError::ScheduleChanged | EngineError::NotFound { .. }) => {}
                updated => return Ok(updated?),
            }
        }
        Err(EngineError::ScheduleChanged.into())
    }
}

/// Whether a schedule as it is kept is one as it was declared, but for its state.
fn is_same(declared: &Schedule, kept: &Schedule) -> bool {
    let spec = |spec: &ScheduleSpec| spec.canonical().map(ScheduleSpec::with_whole_ranges).ok();
    let action = |schedule: &Schedule| {
        let mut start = schedule.action.start_workflow()?.clone();
        // What is of no account, and what an engine fills in.
        start.identity = declared.action.start_workflow()?.identity.clone();
        start.request_id = declared.action.start_workflow()?.request_id.clone();
        start.timeouts = start.timeouts.effective();
        let task_timeout = start.timeouts.task_timeout();
        start.timeouts.task_timeout = Some(task_timeout);
        start.retry_policy = start.retry_policy.and_then(|policy| {
            let mut policy = policy.validated().ok()?;
            let longest = policy.initial_interval.saturating_mul(100).min(LONGEST);
            policy.maximum_interval.get_or_insert(longest);
            Some(policy)
        });
        Some(start)
    };
    spec(&declared.spec) == spec(&kept.spec)
        && action(declared) == action(kept)
        && declared.policies.catchup_window() == kept.policies.catchup_window()
        && SchedulePolicies {
            catchup_window: kept.policies.catchup_window,
            ..declared.policies.clone()
        } == kept.policies
}

/// A schedule, as clients see it.
#[derive(Clone)]
pub struct ScheduleHandle {
    client: Client,
    schedule_id: ScheduleId,
}

impl fmt::Debug for ScheduleHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScheduleHandle")
            .field("schedule_id", &self.schedule_id)
            .finish_non_exhaustive()
    }
}

impl ScheduleHandle {
    /// The id of the schedule.
    #[must_use]
    pub fn schedule_id(&self) -> &ScheduleId {
        &self.schedule_id
    }

    /// Says what the schedule is, what it led to and when its next actions are.
    ///
    /// # Errors
    ///
    /// When there is no such schedule, or the engine fails. So it is with all that follows.
    pub async fn describe(&self) -> Result<ScheduleDescription, ClientError> {
        let id = self.schedule_id.clone();
        Ok(self.client.engine().describe_schedule(id).await?)
    }

    /// Changes the schedule: the function gets it as it is, and may be called again if somebody else changes it meanwhile. What it led to
    /// stays.
    ///
    /// An engine keeps calendars and cron strings as structured calendars: those that it tells stay beside what is added, so whoever wants
    /// other times replaces the spec.
    ///
    /// ```
    /// # use steadfast::{client::ScheduleHandle, engine::schedule::ScheduleSpec, prelude::*};
    /// # async fn example(reports: ScheduleHandle) -> Result<(), ClientError> {
    /// reports
    ///     .update(|schedule| {
    ///         schedule.spec = ScheduleSpec {
    ///             cron_strings: vec!["CRON_TZ=Europe/Rome 0 18 * * *".to_owned()],
    ///             ..ScheduleSpec::default()
    ///         };
    ///     })
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`describe`](Self::describe), and when what it is made makes no sense.
    pub async fn update(&self, mut change: impl FnMut(&mut Schedule)) -> Result<(), ClientError> {
        for _ in 0..UPDATES {
            let mut found = self.describe().await?;
            change(&mut found.schedule);
            let request = UpdateScheduleRequest {
                schedule_id: self.schedule_id.clone(),
                schedule: found.schedule,
                conflict_token: Some(found.conflict_token),
                identity: self.client.identity().clone(),
                request_id: new_request_id()?,
                search_attributes: None,
                memo: None,
            };
            match self.client.engine().update_schedule(request).await {
                Err(EngineError::ScheduleChanged) => {}
                updated => return Ok(updated?),
            }
        }
        Err(EngineError::ScheduleChanged.into())
    }

    /// Has the schedule take no actions by itself, and notes why. Times that pass meanwhile are not made up for.
    ///
    /// # Errors
    ///
    /// As for [`describe`](Self::describe).
    pub async fn pause(&self, notes: impl Into<String>) -> Result<(), ClientError> {
        let notes = said(notes.into(), "paused by a client");
        self.patch(SchedulePatch {
            pause: Some(notes),
            ..SchedulePatch::default()
        })
        .await
    }

    /// Has the schedule go on, and notes why.
    ///
    /// # Errors
    ///
    /// As for [`describe`](Self::describe).
    pub async fn unpause(&self, notes: impl Into<String>) -> Result<(), ClientError> {
        let notes = said(notes.into(), "unpaused by a client");
        self.patch(SchedulePatch {
            unpause: Some(notes),
            ..SchedulePatch::default()
        })
        .await
    }

    /// Takes the action once, now, also if the schedule is paused. An execution that is open is minded as the schedule's policy says.
    ///
    /// # Errors
    ///
    /// As for [`describe`](Self::describe).
    pub async fn trigger(&self) -> Result<(), ClientError> {
        self.patch(SchedulePatch {
            trigger_immediately: Some(TriggerImmediatelyRequest::default()),
            ..SchedulePatch::default()
        })
        .await
    }

    /// Takes the action once, now, with a policy of its own for an execution that is open.
    ///
    /// # Errors
    ///
    /// As for [`describe`](Self::describe).
    pub async fn trigger_with(&self, overlap: ScheduleOverlapPolicy) -> Result<(), ClientError> {
        self.patch(SchedulePatch {
            trigger_immediately: Some(TriggerImmediatelyRequest {
                overlap: Some(overlap),
                scheduled_time: None,
            }),
            ..SchedulePatch::default()
        })
        .await
    }

    /// Takes the actions of a range of times now, both ends included, also if the schedule is paused. Without a policy of its own most of them may
    /// be skipped: [`BufferAll`](ScheduleOverlapPolicy::BufferAll) takes them one after the other,
    /// [`AllowAll`](ScheduleOverlapPolicy::AllowAll) all at once.
    ///
    /// # Errors
    ///
    /// As for [`describe`](Self::describe).
    pub async fn backfill(
        &self,
        times: std::ops::RangeInclusive<SystemTime>,
        overlap: Option<ScheduleOverlapPolicy>,
    ) -> Result<(), ClientError> {
        self.patch(SchedulePatch {
            backfill_requests: vec![BackfillRequest {
                start_time: to_timestamp(*times.start()),
                end_time: to_timestamp(*times.end()),
                overlap,
            }],
            ..SchedulePatch::default()
        })
        .await
    }

    async fn patch(&self, patch: SchedulePatch) -> Result<(), ClientError> {
        let request = PatchScheduleRequest {
            schedule_id: self.schedule_id.clone(),
            patch,
            identity: self.client.identity().clone(),
            request_id: new_request_id()?,
        };
        Ok(self.client.engine().patch_schedule(request).await?)
    }

    /// The times of the schedule after one and up to another, with jitter, a thousand at most.
    ///
    /// # Errors
    ///
    /// As for [`describe`](Self::describe).
    pub async fn matching_times(
        &self,
        after: SystemTime,
        until: SystemTime,
    ) -> Result<Vec<Timestamp>, ClientError> {
        let request = ListScheduleMatchingTimesRequest {
            schedule_id: self.schedule_id.clone(),
            start_time: to_timestamp(after),
            end_time: to_timestamp(until),
        };
        let engine = self.client.engine();
        Ok(engine.list_schedule_matching_times(request).await?)
    }

    /// Deletes the schedule. What it started goes on.
    ///
    /// # Errors
    ///
    /// As for [`describe`](Self::describe).
    pub async fn delete(&self) -> Result<(), ClientError> {
        let request = DeleteScheduleRequest {
            schedule_id: self.schedule_id.clone(),
            identity: self.client.identity().clone(),
        };
        Ok(self.client.engine().delete_schedule(request).await?)
    }
}

/// Without words a patch does nothing.
fn said(words: String, default: &str) -> String {
    if words.is_empty() {
        default.to_owned()
    } else {
        words
    }
}
