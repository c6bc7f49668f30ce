//! Handlers and types of every visibility.

use steadfast::prelude::*;

mod inner {
    use steadfast::prelude::*;

    /// Private to the crate.
    #[workflow]
    #[derive(Debug, Default)]
    pub(crate) struct Hidden {
        seen: u32,
    }

    /// A private type as an input.
    #[derive(Debug, serde::Deserialize, serde::Serialize)]
    struct Secret(u32);

    #[workflow_methods]
    impl Hidden {
        #[run]
        pub(super) async fn run(_: &mut WorkflowContext<Self>) -> u32 {
            5
        }

        #[signal]
        pub(crate) fn seen(&mut self) {
            self.seen += 1;
        }

        #[signal]
        pub(super) fn above(&mut self) {
            self.seen += 1;
        }

        #[signal]
        fn private(&mut self, secret: Secret) {
            self.seen += secret.0;
        }

        #[query]
        pub(in crate::visible) fn count(&self) -> u32 {
            self.seen
        }
    }

    /// Private.
    struct Nobody;

    #[activities]
    impl Nobody {
        #[activity]
        async fn charge(secret: Secret) -> u32 {
            secret.0
        }
    }

    pub(super) fn use_all(worker: steadfast::worker::WorkerBuilder) {
        let _ = (Hidden::private, Nobody::charge);
        let _ = worker.register_activities(Nobody);
    }
}

/// Uses what can be seen from here.
pub fn use_all(worker: steadfast::worker::WorkerBuilder) {
    let _ = (
        inner::Hidden::run,
        inner::Hidden::seen,
        inner::Hidden::above,
        inner::Hidden::count,
    );
    inner::use_all(worker);
}

/// A public workflow with a private handler.
#[workflow]
#[derive(Debug, Default)]
pub struct Open {
    seen: u32,
}

#[workflow_methods]
impl Open {
    /// Runs.
    #[run]
    pub async fn run(_: &mut WorkflowContext<Self>) {}

    #[signal]
    fn private(&mut self) {
        self.seen += 1;
    }

    #[query]
    pub(crate) fn seen(&self) -> u32 {
        self.seen
    }
}
