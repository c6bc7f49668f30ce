//! What a worker can run: workflows and activities by their type.

use std::{collections::BTreeMap, sync::Arc};

use steadfast_core::{
    ids::{ActivityType, WorkflowType},
    payload::Payload,
    run::Run,
};

use crate::{
    activity::{
        ActivityContext, ActivityError, ActivityFn, ActivityRegistrar, activity_fn,
        dynamic_activity_fn,
    },
    definition::{Activities, ActivityDefinition, WorkflowImplementation},
    untyped::{Dynamic, DynamicWorkflow},
    workflow::instance::{Instance, WorkflowInstance},
};

type NewInstance = fn(Run) -> Box<dyn WorkflowInstance>;

/// What a worker can run.
#[derive(Default)]
pub(crate) struct Registry {
    workflows: BTreeMap<String, NewInstance>,
    activities: BTreeMap<String, ActivityFn>,
    /// What runs workflows of every other type.
    dynamic_workflow: Option<NewInstance>,
    /// What runs activities of every other type.
    dynamic_activity: Option<ActivityFn>,
    duplicates: Vec<String>,
}

impl Registry {
    pub(crate) fn add_workflow<W: WorkflowImplementation>(&mut self) {
        let new: NewInstance = |run| Box::new(Instance::<W>::new(run));
        if self
            .workflows
            .insert(W::WORKFLOW_TYPE.to_owned(), new)
            .is_some()
        {
            self.duplicates
                .push(format!("workflow `{}`", W::WORKFLOW_TYPE));
        }
    }

    pub(crate) fn add_activities<A: Activities>(&mut self, implementer: Arc<A>) {
        let mut registrar = ActivityRegistrar::new(implementer, &mut self.activities);
        A::register(&mut registrar);
        let duplicates = registrar.into_duplicates();
        self.duplicates.extend(
            duplicates
                .into_iter()
                .map(|name| format!("activity `{name}`")),
        );
    }

    /// Puts a function in the place of an activity, whether that is registered or not.
    pub(crate) fn mock_activity<D, F, T>(&mut self, mock: F)
    where
        D: ActivityDefinition,
        F: Fn(ActivityContext, D::Input) -> T + Send + Sync + 'static,
        T: Future<Output = Result<D::Output, ActivityError>> + Send + 'static,
    {
        let run = activity_fn::<D, F, T>(mock);
        self.activities.insert(D::ACTIVITY_TYPE.to_owned(), run);
    }

    pub(crate) fn set_dynamic_workflow<D: DynamicWorkflow>(&mut self) {
        self.dynamic_workflow = Some(|run| Box::new(Instance::<Dynamic<D>>::new(run)));
    }

    pub(crate) fn set_dynamic_activity<F, T>(&mut self, function: F)
    where
        F: Fn(ActivityContext, Vec<Payload>) -> T + Send + Sync + 'static,
        T: Future<Output = Result<Payload, ActivityError>> + Send + 'static,
    {
        self.dynamic_activity = Some(dynamic_activity_fn(function));
    }

    /// Names that were registered more than once.
    pub(crate) fn duplicates(&self) -> &[String] {
        &self.duplicates
    }

    pub(crate) fn has_workflows(&self) -> bool {
        !self.workflows.is_empty() || self.dynamic_workflow.is_some()
    }

    pub(crate) fn has_activities(&self) -> bool {
        !self.activities.is_empty() || self.dynamic_activity.is_some()
    }

    pub(crate) fn workflow(&self, workflow_type: &WorkflowType) -> Result<NewInstance, String> {
        self.workflows
            .get(workflow_type.as_str())
            .copied()
            .or(self.dynamic_workflow)
            .ok_or_else(|| {
                format!(
                    "workflow type `{workflow_type}` is not registered with this worker; it has {}",
                    names(self.workflows.keys())
                )
            })
    }

    pub(crate) fn activity(&self, activity_type: &ActivityType) -> Result<ActivityFn, String> {
        self.activities
            .get(activity_type.as_str())
            .or(self.dynamic_activity.as_ref())
            .cloned()
            .ok_or_else(|| {
                format!(
                    "activity type `{activity_type}` is not registered with this worker; it has {}",
                    names(self.activities.keys())
                )
            })
    }
}

fn names<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}
