//! How the tasks of a run are named.

/// Names a task of a run. Ids grow in creation order.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct TaskId(u64);

impl TaskId {
    /// The run function.
    pub(crate) const MAIN: Self = Self(0);

    pub(crate) fn new(id: u64) -> Self {
        Self(id)
    }
}
