//! Smaller programs that a program could be.

use crate::program::{Program, Step};

/// Every program that is this one with one thing less.
pub(crate) fn smaller(program: &Program) -> Vec<Program> {
    let mut all = Vec::new();
    for steps in less(&program.steps) {
        all.push(Program {
            steps,
            ..program.clone()
        });
    }
    for on_signal in less(&program.on_signal) {
        all.push(Program {
            on_signal,
            ..program.clone()
        });
    }
    for on_update in less(&program.on_update) {
        all.push(Program {
            on_update,
            ..program.clone()
        });
    }
    for index in 0..program.before.len() {
        let mut less = program.clone();
        less.before.remove(index);
        all.push(less);
    }
    for index in 0..program.after.len() {
        let mut less = program.clone();
        less.after.remove(index);
        all.push(less);
    }
    all
}

/// Every list of steps that is this one without one step, or with a step replaced by what is in it.
fn less(steps: &[Step]) -> Vec<Vec<Step>> {
    let mut all = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        let with = |instead: Vec<Step>| {
            let mut steps = steps.to_vec();
            steps.splice(index..=index, instead);
            steps
        };
        all.push(with(Vec::new()));
        match step {
            Step::Shield(body) => {
                all.push(with(body.clone()));
                all.extend(
                    less(body)
                        .into_iter()
                        .map(|body| with(vec![Step::Shield(body)])),
                );
            }
            Step::Listen(body) => {
                all.push(with(body.clone()));
                let smaller = less(body).into_iter();
                all.extend(smaller.map(|body| with(vec![Step::Listen(body)])));
            }
            Step::Timeout(span, body) => {
                all.push(with(body.clone()));
                let smaller = less(body).into_iter();
                all.extend(smaller.map(|body| with(vec![Step::Timeout(*span, body)])));
            }
            Step::Try {
                body,
                cleanup,
                again,
            } => {
                all.push(with(body.clone()));
                let with_try = |body: Vec<Step>, cleanup: Vec<Step>| {
                    with(vec![Step::Try {
                        body,
                        cleanup,
                        again: *again,
                    }])
                };
                all.extend(
                    less(body)
                        .into_iter()
                        .map(|body| with_try(body, cleanup.clone())),
                );
                all.extend(
                    less(cleanup)
                        .into_iter()
                        .map(|cleanup| with_try(body.clone(), cleanup)),
                );
            }
            Step::Join(branches) => {
                all.extend(
                    fewer(branches)
                        .into_iter()
                        .map(|branches| with(vec![Step::Join(branches)])),
                );
                all.extend(branches.iter().map(|branch| with(branch.clone())));
            }
            Step::Race(branches) => {
                all.extend(
                    fewer(branches)
                        .into_iter()
                        .map(|branches| with(vec![Step::Race(branches)])),
                );
                all.extend(branches.iter().map(|branch| with(branch.clone())));
            }
            Step::Child(kid) if kid.awaited => {
                all.extend(less(&kid.steps).into_iter().map(|steps| {
                    let mut kid = kid.clone();
                    kid.steps = steps;
                    with(vec![Step::Child(kid)])
                }));
            }
            Step::ContinueAsNew(next) => {
                let smaller = less(next).into_iter();
                all.extend(smaller.map(|next| with(vec![Step::ContinueAsNew(next)])));
            }
            Step::Log(_)
            | Step::Activity(_)
            | Step::Gate(_)
            | Step::Sleep(_)
            | Step::WaitSignals(_)
            | Step::Accept
            | Step::Child(_)
            | Step::Fail(_) => {}
        }
    }
    all
}

/// Every list of at least one branch with one thing less. A branch begins with what waits, so its first step stays.
fn fewer(branches: &[Vec<Step>]) -> Vec<Vec<Vec<Step>>> {
    let mut all = Vec::new();
    for (index, branch) in branches.iter().enumerate() {
        if branches.len() > 2 {
            let mut branches = branches.to_vec();
            branches.remove(index);
            all.push(branches);
        }
        if let Some((first, rest)) = branch.split_first() {
            for rest in less(rest) {
                let mut branches = branches.to_vec();
                branches[index] = std::iter::once(first.clone()).chain(rest).collect();
                all.push(branches);
            }
        }
    }
    all
}
