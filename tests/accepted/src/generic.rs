//! Generic workflows and activities.

use std::marker::PhantomData;

use serde::{Serialize, de::DeserializeOwned};
use steadfast::prelude::*;

/// Something that is done with a value.
pub trait Step: 'static {
    /// What it is done with.
    type Input: DeserializeOwned + Serialize + 'static;

    /// Does it.
    fn done(input: Self::Input) -> u32;
}

/// Nobody writes `T: 'static`: the macro adds it.
#[workflow]
#[derive(Debug)]
pub struct Batch<T> {
    done: u32,
    step: PhantomData<T>,
}

#[workflow_methods]
impl<T: Step> Batch<T> {
    #[init]
    fn new() -> Self {
        Self {
            done: 0,
            step: PhantomData,
        }
    }

    /// Runs.
    #[run]
    pub async fn run(_: &mut WorkflowContext<Self>, input: T::Input) -> u32 {
        T::done(input)
    }

    /// Answers.
    #[query]
    pub fn done(&self) -> u32 {
        self.done
    }
}

/// Without any bound.
#[workflow]
#[derive(Debug)]
pub struct Empty<T, const N: usize>(PhantomData<T>);

impl<T, const N: usize> Default for Empty<T, N> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

#[workflow_methods]
impl<T, const N: usize> Empty<T, N> {
    /// Runs.
    #[run]
    pub async fn run() -> usize {
        N
    }
}

/// Activities without any bound.
#[derive(Debug)]
pub struct Tickets<T>(pub T);

#[activities]
impl<T> Tickets<T> {
    /// Prints.
    #[activity]
    pub async fn print(&self, number: u32) -> u32 {
        number
    }
}

/// A type in another module, with arguments that are fixed.
#[workflow]
#[derive(Debug, Default)]
pub struct Fixed<T: 'static>(Option<T>);

#[workflow_methods]
impl Fixed<u32> {
    /// Runs.
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> u32 {
        ctx.state(|state| state.0.unwrap_or(0))
    }
}
