//! Schedules: what is asked about them, and their taking of actions.
//!
//! All schedules are in memory, as immutable records; a change puts another one in its place and queues it to be written.
//! What a change leads to in the same hold of the lock is part of the same commit: so an execution starts together with the record
//! that says so, and a record hears of the end of an execution together with the file. If a commit fails, the records of before
//! are put back.
//!
//! The timer thread acts: when a time has come, and whenever a schedule was stirred. Which execution has the id that
//! it wants to start by may have to be read from the file first, so what is to be started is written down before.

mod acting;
mod book;
mod calls;
mod record;

pub(crate) use self::{book::Schedules, record::Record};
