//! The tree of cancellation scopes of one run, as pure data.
//!
//! It says which operations a cancellation reaches and which it does not. It does not cancel
//! anything: it returns what has to be cancelled.
//!
//! Invariants:
//!
//! * Every open operation is a member of exactly one scope, the one it was admitted to (D1).
//! * A request of a scope where somebody waits is an offer. Until the code rests nothing else
//!   happens; then it was taken by a waiter, or the default happens (D4).
//! * A scope that is cancelled, or to which a request is offered, is not requested again. One that
//!   accepted a request works as before, so it can be (O4).
//! * A request goes from a scope to its connected children and to nothing else (S2): a scope below
//!   a disconnected one is reached only by a request at that scope or below.
//! * A request that a waiter takes goes no further (D4).
//! * The reason of a scope is that of the last request that reached it; a cancelled one keeps its.
//! * The operations of one request come in creation order, across all scopes.
//! * A scope that is closed stays until its last member is gone: an operation that outlives the
//!   body of its scope is still reached through it.
//!
//! ```text
//!          request, somebody waits            a waiter takes it
//!   Open ──────────────────────────▶ Offered ───────────────────▶ Accepted
//!     │                                 │                           │  ▲
//!     │ request, nobody waits           │ the code rests            │  │ somebody waits
//!     └────────────────────────────▶ Cancelled ─────────────────────┼──┘ later (D5)
//!                                       ▲                           │
//!                                       └───── a later request ─────┘ (or Offered, as if Open)
//! ```

use std::{collections::BTreeSet, sync::Arc};

use crate::{activation::OperationId, ascending::AscendingMap};

/// Names a scope of a run. Ids grow in creation order.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ScopeId(u64);

impl ScopeId {
    /// The workflow's own scope.
    pub const ROOT: Self = Self(0);
}

/// How a scope hangs on its parent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a scope hears of its parent's requests or does not"
)]
pub enum ScopeKind {
    /// It is cancelled with its parent.
    Connected,
    /// No ancestor's cancellation reaches it.
    Disconnected,
}

/// What a request reached.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ScopeCancellation {
    /// Operations to cancel by their types, in creation order.
    pub operations: Vec<OperationId>,
    /// Scopes whose waiters and observers hear of it.
    pub scopes: Vec<ScopeId>,
}

#[derive(Clone, Debug)]
enum State {
    Open,
    Offered(Arc<str>),
    Cancelled(Arc<str>),
    Accepted(Arc<str>),
}

#[derive(Clone, Debug)]
struct Scope {
    parent: Option<ScopeId>,
    state: State,
    members: AscendingMap<OperationId, ()>,
    /// Connected children only: nothing is ever asked of the others from here.
    children: BTreeSet<ScopeId>,
    waiters: usize,
    closed: bool,
}

/// The scopes of one run.
#[derive(Clone, Debug)]
pub struct ScopeTree {
    scopes: AscendingMap<ScopeId, Scope>,
    members: AscendingMap<OperationId, ScopeId>,
    /// Where a request is offered.
    offered: BTreeSet<ScopeId>,
    next: u64,
}

impl Default for ScopeTree {
    fn default() -> Self {
        let mut scopes = AscendingMap::new();
        scopes.insert(ScopeId::ROOT, Scope::new(None, State::Open));
        Self {
            scopes,
            members: AscendingMap::new(),
            offered: BTreeSet::new(),
            next: 1,
        }
    }
}

impl Scope {
    fn new(parent: Option<ScopeId>, state: State) -> Self {
        Self {
            parent,
            state,
            members: AscendingMap::new(),
            children: BTreeSet::new(),
            waiters: 0,
            closed: false,
        }
    }
}

impl ScopeTree {
    /// Every scope below those that hang on no other, each before what is in it, with how deep it is.
    pub(crate) fn walk(&self) -> Vec<(usize, ScopeId)> {
        let tops = self
            .scopes
            .iter()
            .filter(|(_, scope)| scope.parent.is_none());
        let mut todo: Vec<(usize, ScopeId)> = tops.map(|(id, _)| (0, id)).collect();
        todo.reverse();
        let mut walked = Vec::new();
        while let Some((depth, id)) = todo.pop() {
            walked.push((depth, id));
            if let Some(scope) = self.scopes.get(&id) {
                let children = scope.children.iter().rev();
                todo.extend(children.map(|child| (depth + 1, *child)));
            }
        }
        walked
    }

    /// What is open in a scope, in the order in which it was started.
    pub(crate) fn members(&self, scope: ScopeId) -> Vec<OperationId> {
        let scope = self.scopes.get(&scope);
        scope
            .map(|scope| scope.members.keys().collect())
            .unwrap_or_default()
    }

    /// Opens a scope. A connected scope in a cancelled one is cancelled from the start.
    ///
    /// A parent that is gone counts as one that nobody cancels.
    pub fn open(&mut self, parent: ScopeId, kind: ScopeKind) -> ScopeId {
        let id = ScopeId(self.next);
        self.next += 1;
        let mut scope = Scope::new(None, State::Open);
        if kind == ScopeKind::Connected
            && let Some(above) = self.scopes.get_mut(&parent)
        {
            above.children.insert(id);
            scope.parent = Some(parent);
            if let State::Cancelled(reason) = &above.state {
                scope.state = State::Cancelled(Arc::clone(reason));
            }
        }
        self.scopes.insert(id, scope);
        id
    }

    /// Admits an operation to a scope.
    ///
    /// # Errors
    ///
    /// The reason of the cancellation, when the scope is cancelled and nobody accepted it: the
    /// operation must not start (D3).
    pub fn admit(&mut self, scope: ScopeId, operation: OperationId) -> Result<(), Arc<str>> {
        if let Some(node) = self.scopes.get_mut(&scope) {
            if let State::Cancelled(reason) = &node.state {
                return Err(Arc::clone(reason));
            }
            node.members.insert(operation, ());
            self.members.insert(operation, scope);
        }
        Ok(())
    }

    /// Forgets an operation that has ended or was detached.
    pub fn remove(&mut self, operation: OperationId) {
        if let Some(scope) = self.members.remove(&operation)
            && let Some(node) = self.scopes.get_mut(&scope)
        {
            node.members.remove(&operation);
            self.prune(scope);
        }
    }

    /// Requests the cancellation of a scope. Does nothing while the scope is cancelled, or an
    /// earlier request is offered to it (O4); then it reaches no scope.
    pub fn cancel(&mut self, scope: ScopeId, reason: &Arc<str>) -> ScopeCancellation {
        let mut reached = ScopeCancellation::default();
        if self.can_be_requested(scope) {
            self.spread(vec![scope], reason, &mut reached);
        }
        reached.operations.sort_unstable();
        reached
    }

    fn can_be_requested(&self, scope: ScopeId) -> bool {
        self.scopes
            .get(&scope)
            .is_some_and(|node| matches!(node.state, State::Open | State::Accepted(_)))
    }

    /// Takes a request to scopes, the last one first, and to what is connected below them.
    fn spread(
        &mut self,
        mut todo: Vec<ScopeId>,
        reason: &Arc<str>,
        reached: &mut ScopeCancellation,
    ) {
        while let Some(id) = todo.pop() {
            let Some(node) = self.scopes.get_mut(&id) else {
                continue;
            };
            match node.state {
                // It will be decided when the code rests.
                State::Offered(_) => continue,
                // Below it there may be one that accepted.
                State::Cancelled(_) => {}
                State::Open | State::Accepted(_) if node.waiters > 0 => {
                    node.state = State::Offered(Arc::clone(reason));
                    self.offered.insert(id);
                    reached.scopes.push(id);
                    continue;
                }
                State::Open | State::Accepted(_) => {
                    node.state = State::Cancelled(Arc::clone(reason));
                    reached.operations.extend(node.members.keys());
                    reached.scopes.push(id);
                }
            }
            todo.extend(node.children.iter().rev());
        }
    }

    /// Says that the code rests: the default happens where a request was offered and nobody took
    /// it (D4). What that reaches comes with the reason, one for each such scope.
    pub fn settle(&mut self) -> Vec<(Arc<str>, ScopeCancellation)> {
        let mut defaults = Vec::new();
        for id in std::mem::take(&mut self.offered) {
            let Some(node) = self.scopes.get_mut(&id) else {
                continue;
            };
            let State::Offered(reason) = &node.state else {
                continue;
            };
            let reason = Arc::clone(reason);
            node.state = State::Cancelled(Arc::clone(&reason));
            let mut reached = ScopeCancellation {
                operations: node.members.keys().collect(),
                scopes: vec![id],
            };
            let below = node.children.iter().rev().copied().collect();
            self.spread(below, &reason, &mut reached);
            reached.operations.sort_unstable();
            defaults.push((reason, reached));
        }
        defaults
    }

    /// Waits for a request: takes one that was made, else counts the caller as a waiter.
    ///
    /// `None` means that the caller now waits and must call [`stop_waiting`](Self::stop_waiting)
    /// when it no longer does.
    pub fn wait(&mut self, scope: ScopeId) -> Option<Arc<str>> {
        let reason = self.accept(scope);
        if reason.is_none()
            && let Some(node) = self.scopes.get_mut(&scope)
        {
            node.waiters += 1;
        }
        reason
    }

    /// Takes a request that was made, if there is one (D5).
    pub fn accept(&mut self, scope: ScopeId) -> Option<Arc<str>> {
        let node = self.scopes.get_mut(&scope)?;
        let reason = match &node.state {
            State::Open => return None,
            State::Offered(reason) | State::Cancelled(reason) | State::Accepted(reason) => {
                Arc::clone(reason)
            }
        };
        node.state = State::Accepted(Arc::clone(&reason));
        self.offered.remove(&scope);
        Some(reason)
    }

    /// Undoes one [`wait`](Self::wait).
    pub fn stop_waiting(&mut self, scope: ScopeId) {
        if let Some(node) = self.scopes.get_mut(&scope) {
            node.waiters = node.waiters.saturating_sub(1);
        }
    }

    /// The reason of the request, if one was made. Accepts nothing.
    #[must_use]
    pub fn reason(&self, scope: ScopeId) -> Option<&Arc<str>> {
        match &self.scopes.get(&scope)?.state {
            State::Open => None,
            State::Offered(reason) | State::Cancelled(reason) | State::Accepted(reason) => {
                Some(reason)
            }
        }
    }

    /// Says that the body of a scope has ended.
    pub fn close(&mut self, scope: ScopeId) {
        if scope != ScopeId::ROOT
            && let Some(node) = self.scopes.get_mut(&scope)
        {
            node.closed = true;
            self.prune(scope);
        }
    }

    /// How many scopes there are, the root included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.scopes.len()
    }

    /// Whether there is no scope, which is never so: the root stays.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.scopes.is_empty()
    }

    /// Removes a closed scope that nothing hangs on any more, and then its parent likewise.
    fn prune(&mut self, scope: ScopeId) {
        let mut next = Some(scope);
        while let Some(id) = next {
            let gone = self.scopes.get(&id).is_some_and(|node| {
                node.closed && node.members.is_empty() && node.children.is_empty()
            });
            if !gone {
                return;
            }
            next = self.scopes.remove(&id).and_then(|node| node.parent);
            if let Some(parent) = next
                && let Some(node) = self.scopes.get_mut(&parent)
            {
                node.children.remove(&id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn why(text: &str) -> Arc<str> {
        Arc::from(text)
    }

    fn with_operation(tree: &mut ScopeTree, scope: ScopeId, id: u64) -> OperationId {
        tree.admit(scope, OperationId(id)).unwrap();
        OperationId(id)
    }

    #[test]
    fn d2_a_request_reaches_members_and_connected_scopes_in_creation_order() {
        let mut tree = ScopeTree::default();
        let one = with_operation(&mut tree, ScopeId::ROOT, 1);
        let child = tree.open(ScopeId::ROOT, ScopeKind::Connected);
        let two = with_operation(&mut tree, child, 2);
        let three = with_operation(&mut tree, ScopeId::ROOT, 3);
        let reached = tree.cancel(ScopeId::ROOT, &why("stop"));
        assert_eq!(reached.operations, [one, two, three]);
        assert_eq!(reached.scopes, [ScopeId::ROOT, child]);
        assert_eq!(tree.settle(), []);
    }

    #[test]
    fn d3_a_cancelled_scope_admits_nothing() {
        let mut tree = ScopeTree::default();
        tree.cancel(ScopeId::ROOT, &why("stop"));
        assert_eq!(tree.admit(ScopeId::ROOT, OperationId(1)), Err(why("stop")));
        let child = tree.open(ScopeId::ROOT, ScopeKind::Connected);
        assert_eq!(tree.admit(child, OperationId(1)), Err(why("stop")));
    }

    #[test]
    fn d4_a_waiter_takes_the_request_and_it_goes_no_further() {
        let mut tree = ScopeTree::default();
        let child = tree.open(ScopeId::ROOT, ScopeKind::Connected);
        with_operation(&mut tree, ScopeId::ROOT, 1);
        with_operation(&mut tree, child, 2);
        assert_eq!(tree.wait(ScopeId::ROOT), None);
        let reached = tree.cancel(ScopeId::ROOT, &why("stop"));
        assert_eq!(reached.operations, []);
        assert_eq!(reached.scopes, [ScopeId::ROOT]);
        assert_eq!(tree.accept(ScopeId::ROOT), Some(why("stop")));
        assert_eq!(tree.settle(), []);
        assert_eq!(tree.reason(child), None);
        assert_eq!(tree.admit(ScopeId::ROOT, OperationId(3)), Ok(()));
    }

    #[test]
    fn d4_an_offer_that_nobody_takes_happens_by_default_when_the_code_rests() {
        let mut tree = ScopeTree::default();
        let child = tree.open(ScopeId::ROOT, ScopeKind::Connected);
        let waiting = tree.open(ScopeId::ROOT, ScopeKind::Connected);
        let one = with_operation(&mut tree, ScopeId::ROOT, 1);
        let two = with_operation(&mut tree, child, 2);
        tree.wait(ScopeId::ROOT);
        tree.wait(waiting);
        tree.cancel(ScopeId::ROOT, &why("stop"));
        assert_eq!(
            tree.reason(ScopeId::ROOT),
            Some(&why("stop")),
            "it was made"
        );
        let three = with_operation(&mut tree, ScopeId::ROOT, 3);
        let default = ScopeCancellation {
            operations: vec![one, two, three],
            scopes: vec![ScopeId::ROOT, child, waiting],
        };
        assert_eq!(tree.settle(), [(why("stop"), default)]);
        assert!(tree.admit(ScopeId::ROOT, OperationId(4)).is_err());
        // What is below was offered it in turn.
        assert_eq!(tree.accept(waiting), Some(why("stop")));
        assert_eq!(tree.settle(), []);
    }

    #[test]
    fn d5_accepting_later_opens_the_scope_again_and_looking_does_not() {
        let mut tree = ScopeTree::default();
        tree.cancel(ScopeId::ROOT, &why("stop"));
        assert_eq!(tree.reason(ScopeId::ROOT), Some(&why("stop")));
        assert!(tree.admit(ScopeId::ROOT, OperationId(1)).is_err());
        assert_eq!(tree.wait(ScopeId::ROOT), Some(why("stop")));
        assert_eq!(tree.admit(ScopeId::ROOT, OperationId(1)), Ok(()));
    }

    #[test]
    fn o4_a_second_request_does_nothing_and_keeps_the_reason() {
        let mut tree = ScopeTree::default();
        with_operation(&mut tree, ScopeId::ROOT, 1);
        tree.cancel(ScopeId::ROOT, &why("first"));
        assert_eq!(
            tree.cancel(ScopeId::ROOT, &why("second")),
            ScopeCancellation::default()
        );
        assert_eq!(tree.reason(ScopeId::ROOT), Some(&why("first")));
    }

    #[test]
    fn o4_a_scope_that_accepted_a_request_can_be_cancelled_again() {
        let mut tree = ScopeTree::default();
        let outer = tree.open(ScopeId::ROOT, ScopeKind::Connected);
        let inner = tree.open(outer, ScopeKind::Connected);
        tree.wait(inner);
        assert_eq!(tree.cancel(outer, &why("mine")).scopes, [outer, inner]);
        tree.accept(inner);
        tree.stop_waiting(inner);
        let one = with_operation(&mut tree, inner, 1);
        // From above.
        assert_eq!(tree.cancel(ScopeId::ROOT, &why("stop")).operations, [one]);
        assert_eq!(tree.reason(inner), Some(&why("stop")));
        assert_eq!(tree.reason(outer), Some(&why("mine")));
        assert_eq!(tree.admit(inner, OperationId(2)), Err(why("stop")));
        // By itself.
        tree.accept(inner);
        let two = with_operation(&mut tree, inner, 2);
        assert_eq!(tree.cancel(inner, &why("now")).operations, [one, two]);
        assert_eq!(tree.reason(inner), Some(&why("now")));
    }

    #[test]
    fn o4_a_request_that_is_offered_is_not_made_again() {
        let mut tree = ScopeTree::default();
        tree.wait(ScopeId::ROOT);
        tree.cancel(ScopeId::ROOT, &why("first"));
        assert_eq!(
            tree.cancel(ScopeId::ROOT, &why("second")),
            ScopeCancellation::default()
        );
        assert_eq!(tree.accept(ScopeId::ROOT), Some(why("first")));
    }

    #[test]
    fn s2_a_disconnected_scope_is_reached_by_its_own_request_only() {
        let mut tree = ScopeTree::default();
        let detached = tree.open(ScopeId::ROOT, ScopeKind::Disconnected);
        let inner = tree.open(detached, ScopeKind::Connected);
        let one = with_operation(&mut tree, inner, 1);
        assert_eq!(tree.cancel(ScopeId::ROOT, &why("stop")).operations, []);
        let late = tree.open(ScopeId::ROOT, ScopeKind::Disconnected);
        assert_eq!(tree.reason(late), None);
        assert_eq!(tree.cancel(detached, &why("mine")).operations, [one]);
    }

    #[test]
    fn an_operation_that_outlives_its_scope_is_still_reached() {
        let mut tree = ScopeTree::default();
        let child = tree.open(ScopeId::ROOT, ScopeKind::Connected);
        let one = with_operation(&mut tree, child, 1);
        tree.close(child);
        assert_eq!(tree.cancel(ScopeId::ROOT, &why("stop")).operations, [one]);
        tree.remove(one);
        assert_eq!(tree.len(), 1);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Open(usize, bool),
        Admit(usize),
        Remove(usize),
        Cancel(usize),
        Wait(usize),
        Close(usize),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            (any::<usize>(), any::<bool>()).prop_map(|(at, kind)| Step::Open(at, kind)),
            any::<usize>().prop_map(Step::Admit),
            any::<usize>().prop_map(Step::Remove),
            any::<usize>().prop_map(Step::Cancel),
            any::<usize>().prop_map(Step::Wait),
            any::<usize>().prop_map(Step::Close),
        ];
        proptest::collection::vec(step, 0..60)
    }

    proptest! {
        /// An operation is cancelled in creation order, only by a request at a scope from which
        /// connected scopes lead to it, and a second time only when its scope accepted the first
        /// request (S1, S2, O4, D4).
        #[test]
        fn requests_reach_what_is_connected_once_and_in_order(steps in steps()) {
            let mut tree = ScopeTree::default();
            let mut scopes = vec![ScopeId::ROOT];
            // For every scope the ones from which a request may come down to it, itself included.
            let mut above: BTreeMap<ScopeId, Vec<ScopeId>> =
                BTreeMap::from([(ScopeId::ROOT, vec![ScopeId::ROOT])]);
            let mut operations: Vec<(OperationId, ScopeId)> = Vec::new();
            // The step in which an operation was last cancelled, a scope last accepted.
            let mut cancelled = BTreeMap::new();
            let mut accepted = BTreeMap::new();
            for (number, step) in steps.into_iter().enumerate() {
                let pick = |at: usize| scopes[at % scopes.len()];
                match step {
                    Step::Open(at, connected) => {
                        let parent = pick(at);
                        let kind =
                            if connected { ScopeKind::Connected } else { ScopeKind::Disconnected };
                        let id = tree.open(parent, kind);
                        let mut path = if connected { above[&parent].clone() } else { vec![] };
                        path.push(id);
                        above.insert(id, path);
                        scopes.push(id);
                    }
                    Step::Admit(at) => {
                        let id = OperationId(number as u64);
                        if tree.admit(pick(at), id).is_ok() {
                            operations.push((id, pick(at)));
                        }
                    }
                    Step::Remove(at) if !operations.is_empty() => {
                        let (id, _) = operations.remove(at % operations.len());
                        tree.remove(id);
                    }
                    Step::Cancel(at) => {
                        let target = pick(at);
                        let mut reached = tree.cancel(target, &why("stop"));
                        // The code rests at once: what was offered happens.
                        while let Some((_, more)) = tree.settle().pop() {
                            reached.operations.extend(more.operations);
                        }
                        for id in reached.operations {
                            let scope = operations.iter().find(|(o, _)| *o == id).map(|(_, s)| *s);
                            prop_assert!(scope.is_some_and(|s| above[&s].contains(&target)));
                            let scope = scope.unwrap();
                            let before = cancelled.insert(id, number);
                            prop_assert!(
                                before.is_none_or(|before| accepted.get(&scope) > Some(&before)),
                                "cancelled twice"
                            );
                        }
                    }
                    Step::Wait(at) => {
                        if tree.wait(pick(at)).is_some() {
                            accepted.insert(pick(at), number);
                        }
                    }
                    Step::Close(at) => tree.close(pick(at)),
                    Step::Remove(_) => {}
                }
            }
        }
    }
}
