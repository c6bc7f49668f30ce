//! A connection with its prepared statements, which are kept for the next time.

use std::{
    cell::RefCell,
    collections::HashMap,
    fmt,
    ops::{Deref, DerefMut},
};

use rusqlite::{Connection, Statement};

/// How many statements are kept. Only lists with unusual filters lead to more.
const KEPT: usize = 64;

pub(crate) struct Db<'c> {
    connection: &'c Connection,
    statements: RefCell<HashMap<Box<str>, Statement<'c>>>,
}

impl<'c> Db<'c> {
    pub(crate) fn new(connection: &'c Connection) -> Self {
        Self {
            connection,
            statements: RefCell::default(),
        }
    }

    /// A statement, prepared now or before.
    pub(crate) fn prepare_cached(&self, sql: &str) -> rusqlite::Result<Prepared<'_, 'c>> {
        let kept = self.statements.borrow_mut().remove_entry(sql);
        let (sql, statement) = match kept {
            Some(kept) => kept,
            None => (Box::from(sql), self.connection.prepare(sql)?),
        };
        Ok(Prepared {
            db: self,
            kept: Some((sql, statement)),
        })
    }
}

impl Deref for Db<'_> {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        self.connection
    }
}

impl fmt::Debug for Db<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Db")
    }
}

/// A statement that goes back to where it is kept.
pub(crate) struct Prepared<'d, 'c> {
    db: &'d Db<'c>,
    kept: Option<(Box<str>, Statement<'c>)>,
}

impl<'c> Deref for Prepared<'_, 'c> {
    type Target = Statement<'c>;
    fn deref(&self) -> &Statement<'c> {
        &self.kept.as_ref().expect("taken only on drop").1
    }
}

impl DerefMut for Prepared<'_, '_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.kept.as_mut().expect("taken only on drop").1
    }
}

impl Drop for Prepared<'_, '_> {
    fn drop(&mut self) {
        let Some((sql, statement)) = self.kept.take() else {
            return;
        };
        let mut statements = self.db.statements.borrow_mut();
        if statements.len() < KEPT {
            statements.insert(sql, statement);
        }
    }
}
