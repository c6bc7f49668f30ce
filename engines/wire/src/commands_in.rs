//! What a worker asks for in answer to a workflow task: commands and protocol messages as commands of a run.

use std::collections::BTreeMap;

use prost::Message as _;
use steadfast_core::{
    command::{
        Command, ContinueAsNewWorkflowExecution, RecordMarker,
        RequestCancelExternalWorkflowExecution, ScheduleActivityTask,
        SignalExternalWorkflowExecution, StartChildWorkflowExecution,
    },
    event::WorkflowTaskFailedCause as Cause,
    ids::{ActivityId, TaskQueue, UpdateId},
    options::WorkflowTimeouts,
    unmodelled::Unmodelled,
};
use steadfast_engine::{
    EngineError,
    spelling::enums::{PARENT_CLOSE_POLICIES, REUSE_POLICIES},
};
use temporalio_protos::temporal::api::{
    command::v1::{self as proto, command::Attributes as A},
    protocol::v1::Message,
    taskqueue::v1 as taskqueue,
    update::v1 as update,
};

use crate::{
    unmodelled::of_command,
    values::{
        Wire, Wired, activity_timeouts, cron_schedule, duration_in, event_id, id, lacks,
        optional_id, priority_in, queue_name, retry_policy_in, search_attributes_in, target,
        timeout_in, type_name,
    },
};

/// Why an answer cannot be understood: with this cause the task has failed.
#[derive(Clone, Debug, PartialEq)]
pub struct Misunderstood {
    /// The cause to record.
    pub cause: Cause,
    /// What is wrong.
    pub message: String,
}

/// What a worker asks for.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Understood {
    pub(crate) commands: Vec<Command>,
    /// What is said besides of the event of a command, by the command's index.
    pub(crate) unmodelled: BTreeMap<usize, Box<Unmodelled>>,
    /// The activities that the worker would run at once.
    pub(crate) eager: Vec<ActivityId>,
}

/// What a command may leave out that is as it is in the run that asks.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnRun {
    /// The type of the run.
    pub workflow_type: String,
    /// The queue of its workflow tasks.
    pub task_queue: String,
}

impl OwnRun {
    fn queue(&self, queue: Option<taskqueue::TaskQueue>) -> Wired<TaskQueue> {
        let name = queue.unwrap_or_default().name;
        id(if name.is_empty() {
            &self.task_queue
        } else {
            &name
        })
    }
}

impl Misunderstood {
    fn because(cause: Cause) -> impl Fn(EngineError) -> Self {
        move |error| Self {
            cause,
            message: format!("{cause:?}: {error}"),
        }
    }
}

impl Wire {
    /// The commands of an answer in their order, those among them that its messages stand for. A rejection has no
    /// place in that order, and comes first.
    ///
    /// # Errors
    ///
    /// When something that a command must have is not there, or a command of this version is not one.
    pub(crate) fn answer_in(
        &self,
        commands: Vec<proto::Command>,
        messages: Vec<Message>,
        own: &OwnRun,
    ) -> Result<Understood, Misunderstood> {
        let of_update = Misunderstood::because(Cause::BadUpdateWorkflowExecutionMessage);
        let mut waiting: BTreeMap<String, Command> = BTreeMap::new();
        let mut answer = Vec::new();
        let mut unmodelled = BTreeMap::new();
        let mut eager = Vec::new();
        for message in messages {
            let message_id = message.id.clone();
            match self.update_in_answer(message).map_err(&of_update)? {
                rejected @ Command::RejectUpdate { .. } => answer.push(rejected),
                command => {
                    waiting.insert(message_id, command);
                }
            }
        }
        for command in commands {
            let said = of_command(&command);
            match command.attributes {
                Some(A::ProtocolMessageCommandAttributes(a)) => {
                    // A rejection may have a place all the same.
                    if let Some(command) = waiting.remove(&a.message_id) {
                        answer.push(command);
                    }
                }
                Some(attributes) => {
                    let cause = cause_of(&attributes);
                    let is_eager = matches!(&attributes, A::ScheduleActivityTaskCommandAttributes(a) if a.request_eager_execution);
                    if let Some(said) = said {
                        unmodelled.insert(answer.len(), said);
                    }
                    let read = || {
                        let mut read = self.command_in(attributes, own)?;
                        read.set_user_metadata(self.user_metadata_in(command.user_metadata)?);
                        Ok(read)
                    };
                    let read = read().map_err(Misunderstood::because(cause))?;
                    if let (true, Command::ScheduleActivityTask(activity)) = (is_eager, &read) {
                        eager.push(activity.activity_id.clone());
                    }
                    answer.push(read);
                }
                None => {
                    let nothing = lacks("attributes of a command");
                    return Err(Misunderstood::because(Cause::Unspecified)(nothing));
                }
            }
        }
        match waiting.pop_first() {
            None => Ok(Understood {
                commands: answer,
                unmodelled,
                eager,
            }),
            Some((message_id, _)) => Err(of_update(EngineError::invalid(format!(
                "no command says when the message {message_id} takes effect"
            )))),
        }
    }

    /// What a worker says of an update.
    fn update_in_answer(&self, message: Message) -> Wired<Command> {
        let update_id: UpdateId = id(&message.protocol_instance_id)?;
        let body = message.body.unwrap_or_default();
        let name = body.type_url.rsplit('.').next().unwrap_or_default();
        let unreadable = |_| lacks("readable message about an update");
        Ok(match name {
            "Acceptance" => {
                let accepted =
                    update::Acceptance::decode(body.value.as_slice()).map_err(unreadable)?;
                let request = accepted.accepted_request.unwrap_or_default();
                let input = request.input.unwrap_or_default();
                Command::AcceptUpdate {
                    update_id,
                    name: id(&input.name)?,
                    input: self.payloads_in(input.args)?,
                }
            }
            "Rejection" => {
                let rejected =
                    update::Rejection::decode(body.value.as_slice()).map_err(unreadable)?;
                Command::RejectUpdate {
                    update_id,
                    failure: self.failure_in(rejected.failure)?,
                }
            }
            "Response" => {
                let response =
                    update::Response::decode(body.value.as_slice()).map_err(unreadable)?;
                let outcome = self.outcome_in(response.outcome)?;
                Command::CompleteUpdate {
                    update_id,
                    outcome: outcome.ok_or_else(|| lacks("outcome of an update"))?,
                }
            }
            _ => return Err(lacks("message that says what becomes of an update")),
        })
    }

    /// A command, but for those that are messages.
    fn command_in(&self, attributes: A, own: &OwnRun) -> Wired<Command> {
        Ok(match attributes {
            A::ScheduleActivityTaskCommandAttributes(a) => {
                Command::ScheduleActivityTask(Box::new(self.schedule_activity_in(a)?))
            }
            A::RequestCancelActivityTaskCommandAttributes(a) => {
                Command::RequestCancelActivityTask {
                    scheduled_event_id: event_id(a.scheduled_event_id),
                }
            }
            A::StartTimerCommandAttributes(a) => Command::StartTimer {
                timer_id: id(&a.timer_id)?,
                start_to_fire_timeout: duration_in(a.start_to_fire_timeout),
                user_metadata: None,
            },
            A::CancelTimerCommandAttributes(a) => Command::CancelTimer {
                timer_id: id(&a.timer_id)?,
            },
            A::RecordMarkerCommandAttributes(a) => Command::RecordMarker(Box::new(RecordMarker {
                details: self.marker_details_in(&a.marker_name, a.details)?,
                marker_name: a.marker_name,
                failure: self.optional_failure_in(a.failure)?,
                user_metadata: None,
            })),
            A::UpsertWorkflowSearchAttributesCommandAttributes(a) => {
                Command::UpsertWorkflowSearchAttributes {
                    search_attributes: search_attributes_in(a.search_attributes),
                }
            }
            A::ModifyWorkflowPropertiesCommandAttributes(a) => Command::ModifyWorkflowProperties {
                upserted_memo: self.memo_in(a.upserted_memo)?,
            },
            other => return self.execution_command_in(other, own),
        })
    }

    /// The commands about executions: this one's end, and others.
    #[expect(
        deprecated,
        reason = "an engine decides whether it reaches into other namespaces"
    )]
    fn execution_command_in(&self, attributes: A, own: &OwnRun) -> Wired<Command> {
        Ok(match attributes {
            A::StartChildWorkflowExecutionCommandAttributes(a) => {
                Command::StartChildWorkflowExecution(Box::new(self.start_child_in(a, own)?))
            }
            A::RequestCancelExternalWorkflowExecutionCommandAttributes(a) => {
                Command::RequestCancelExternalWorkflowExecution(Box::new(
                    RequestCancelExternalWorkflowExecution {
                        namespace: optional_id(&a.namespace)?,
                        workflow_id: id(&a.workflow_id)?,
                        run_id: optional_id(&a.run_id)?,
                        child_workflow_only: a.child_workflow_only,
                        reason: a.reason,
                    },
                ))
            }
            A::SignalExternalWorkflowExecutionCommandAttributes(a) => {
                let (workflow_id, run_id) = target(a.execution)?;
                Command::SignalExternalWorkflowExecution(Box::new(
                    SignalExternalWorkflowExecution {
                        namespace: optional_id(&a.namespace)?,
                        workflow_id,
                        run_id,
                        signal_name: id(&a.signal_name)?,
                        input: self.payloads_in(a.input)?,
                        header: self.header_in(a.header)?,
                        child_workflow_only: a.child_workflow_only,
                    },
                ))
            }
            A::CompleteWorkflowExecutionCommandAttributes(a) => {
                Command::CompleteWorkflowExecution {
                    result: self.single_in(a.result)?,
                }
            }
            A::FailWorkflowExecutionCommandAttributes(a) => Command::FailWorkflowExecution {
                failure: Box::new(self.failure_in(a.failure)?),
            },
            A::CancelWorkflowExecutionCommandAttributes(a) => Command::CancelWorkflowExecution {
                details: self.payloads_in(a.details)?,
            },
            A::ContinueAsNewWorkflowExecutionCommandAttributes(a) => {
                Command::ContinueAsNewWorkflowExecution(Box::new(self.continue_in(a, own)?))
            }
            _ => {
                return Err(EngineError::Unsupported {
                    message: "this command is not offered here".to_owned(),
                });
            }
        })
    }

    fn schedule_activity_in(
        &self,
        a: proto::ScheduleActivityTaskCommandAttributes,
    ) -> Wired<ScheduleActivityTask> {
        Ok(ScheduleActivityTask {
            activity_id: id(&a.activity_id)?,
            activity_type: id(&a.activity_type.unwrap_or_default().name)?,
            task_queue: queue_name(a.task_queue)?,
            input: self.payloads_in(a.input)?,
            header: self.header_in(a.header)?,
            timeouts: activity_timeouts(
                a.schedule_to_close_timeout,
                a.schedule_to_start_timeout,
                a.start_to_close_timeout,
                a.heartbeat_timeout,
            ),
            retry_policy: retry_policy_in(a.retry_policy),
            user_metadata: None,
            priority: priority_in(a.priority),
        })
    }

    fn start_child_in(
        &self,
        a: proto::StartChildWorkflowExecutionCommandAttributes,
        own: &OwnRun,
    ) -> Wired<StartChildWorkflowExecution> {
        Ok(StartChildWorkflowExecution {
            workflow_id: id(&a.workflow_id)?,
            workflow_type: id(&type_name(a.workflow_type))?,
            task_queue: own.queue(a.task_queue)?,
            input: self.payloads_in(a.input)?,
            header: self.header_in(a.header)?,
            timeouts: WorkflowTimeouts {
                execution_timeout: timeout_in(a.workflow_execution_timeout),
                run_timeout: timeout_in(a.workflow_run_timeout),
                task_timeout: timeout_in(a.workflow_task_timeout),
            },
            parent_close_policy: PARENT_CLOSE_POLICIES
                .of_number(a.parent_close_policy)
                .unwrap_or_default(),
            workflow_id_reuse_policy: REUSE_POLICIES
                .of_number(a.workflow_id_reuse_policy)
                .unwrap_or_default(),
            retry_policy: retry_policy_in(a.retry_policy),
            memo: self.memo_in(a.memo)?,
            search_attributes: search_attributes_in(a.search_attributes),
            user_metadata: None,
            priority: priority_in(a.priority),
            cron_schedule: cron_schedule(&a.cron_schedule),
        })
    }

    fn continue_in(
        &self,
        a: proto::ContinueAsNewWorkflowExecutionCommandAttributes,
        own: &OwnRun,
    ) -> Wired<ContinueAsNewWorkflowExecution> {
        no_schedule(&a.cron_schedule)?;
        if a.backoff_start_interval
            .is_some_and(|wait| wait.seconds > 0 || wait.nanos > 0)
        {
            return Err(EngineError::Unsupported {
                message: "a run that waits before it continues as new is not offered here; let the new run wait".to_owned(),
            });
        }
        let workflow_type = type_name(a.workflow_type);
        let is_same = workflow_type.is_empty();
        Ok(ContinueAsNewWorkflowExecution {
            workflow_type: id(if is_same {
                &own.workflow_type
            } else {
                &workflow_type
            })?,
            task_queue: own.queue(a.task_queue)?,
            input: self.payloads_in(a.input)?,
            header: self.header_in(a.header)?,
            timeouts: WorkflowTimeouts {
                execution_timeout: None,
                run_timeout: timeout_in(a.workflow_run_timeout),
                task_timeout: timeout_in(a.workflow_task_timeout),
            },
            retry_policy: retry_policy_in(a.retry_policy),
            memo: match a.memo {
                Some(memo) => Some(self.memo_in(Some(memo))?),
                None => None,
            },
            search_attributes: a
                .search_attributes
                .map(|attributes| search_attributes_in(Some(attributes))),
        })
    }
}

/// A schedule would be left out in silence.
fn no_schedule(cron: &str) -> Wired<()> {
    if cron.is_empty() {
        return Ok(());
    }
    Err(EngineError::Unsupported {
        message: "a run that continues as new keeps its cron schedule here; leave it out"
            .to_owned(),
    })
}

/// The cause with which a task fails that brought such a command, if it cannot be understood.
fn cause_of(attributes: &A) -> Cause {
    match attributes {
        A::ScheduleActivityTaskCommandAttributes(_) => Cause::BadScheduleActivityAttributes,
        A::RequestCancelActivityTaskCommandAttributes(_) => {
            Cause::BadRequestCancelActivityAttributes
        }
        A::StartTimerCommandAttributes(_) => Cause::BadStartTimerAttributes,
        A::CancelTimerCommandAttributes(_) => Cause::BadCancelTimerAttributes,
        A::RecordMarkerCommandAttributes(_) => Cause::BadRecordMarkerAttributes,
        A::StartChildWorkflowExecutionCommandAttributes(_) => {
            Cause::BadStartChildExecutionAttributes
        }
        A::RequestCancelExternalWorkflowExecutionCommandAttributes(_) => {
            Cause::BadRequestCancelExternalWorkflowExecutionAttributes
        }
        A::SignalExternalWorkflowExecutionCommandAttributes(_) => {
            Cause::BadSignalWorkflowExecutionAttributes
        }
        A::UpsertWorkflowSearchAttributesCommandAttributes(_) => Cause::BadSearchAttributes,
        A::CompleteWorkflowExecutionCommandAttributes(_)
        | A::FailWorkflowExecutionCommandAttributes(_)
        | A::CancelWorkflowExecutionCommandAttributes(_)
        | A::ContinueAsNewWorkflowExecutionCommandAttributes(_) => Cause::BadCloseAttributes,
        _ => Cause::Unspecified,
    }
}
