//! Collects the activities of a type for a worker.

use std::{collections::BTreeMap, fmt, sync::Arc};

use futures_util::future::BoxFuture;
use steadfast_core::payload::Payload;

use super::{ActivityContext, ActivityError};
use crate::definition::ActivityDefinition;

/// Runs an activity of some type.
pub(crate) type ActivityFn = Arc<
    dyn Fn(ActivityContext, Vec<Payload>) -> BoxFuture<'static, Result<Payload, ActivityError>>
        + Send
        + Sync,
>;

/// Makes a function of an activity's own types one of payloads.
pub(crate) fn activity_fn<D, F, T>(function: F) -> ActivityFn
where
    D: ActivityDefinition,
    F: Fn(ActivityContext, D::Input) -> T + Send + Sync + 'static,
    T: Future<Output = Result<D::Output, ActivityError>> + Send + 'static,
{
    let function = Arc::new(function);
    Arc::new(move |context, payloads: Vec<Payload>| {
        let function = Arc::clone(&function);
        Box::pin(async move {
            let input = D::arguments()
                .decode(&payloads)
                .map_err(|error| ActivityError::unreadable(&error))?;
            let output = function(context, input).await?;
            D::output_codec()
                .encode(&output)
                .map_err(ActivityError::unwritable)
        })
    })
}

/// Makes a function of payloads one of every activity type.
pub(crate) fn dynamic_activity_fn<F, T>(function: F) -> ActivityFn
where
    F: Fn(ActivityContext, Vec<Payload>) -> T + Send + Sync + 'static,
    T: Future<Output = Result<Payload, ActivityError>> + Send + 'static,
{
    Arc::new(move |context, payloads| Box::pin(function(context, payloads)))
}

/// Collects the activities of a type; filled by the expansion of `#[activities]`.
pub struct ActivityRegistrar<'a, A> {
    implementer: Arc<A>,
    activities: &'a mut BTreeMap<String, ActivityFn>,
    duplicates: Vec<String>,
}

impl<A> fmt::Debug for ActivityRegistrar<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActivityRegistrar")
            .field("activities", &self.activities.keys())
            .finish()
    }
}

impl<'a, A> ActivityRegistrar<'a, A> {
    pub(crate) fn new(
        implementer: Arc<A>,
        activities: &'a mut BTreeMap<String, ActivityFn>,
    ) -> Self {
        Self {
            implementer,
            activities,
            duplicates: Vec::new(),
        }
    }

    pub(crate) fn implementer(&self) -> &Arc<A> {
        &self.implementer
    }

    pub(crate) fn insert(&mut self, activity_type: &str, run: ActivityFn) {
        let before = self.activities.insert(activity_type.to_owned(), run);
        if before.is_some() {
            self.duplicates.push(activity_type.to_owned());
        }
    }

    /// The activity types that were registered before.
    pub(crate) fn into_duplicates(self) -> Vec<String> {
        self.duplicates
    }
}
