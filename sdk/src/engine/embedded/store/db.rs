//! A connection with its prepared statements, which are kept for the next time, and with the codec
//! that what users passed around goes through on its way into the file and out of it.

use std::{
    borrow::Cow,
    cell::RefCell,
    collections::HashMap,
    fmt,
    ops::{Deref, DerefMut},
    sync::Arc,
};

use rusqlite::{Connection, Statement};
use steadfast_core::payload::Payload;

use super::codec::{decode_value, encode_value};
use crate::{codec::PayloadCodec, engine::EngineError};

/// How many statements are kept. Only lists with unusual filters lead to more.
const KEPT: usize = 64;

/// The first byte of what a codec encoded. `MessagePack` never uses it.
const SEALED: u8 = 0xc1;

pub(crate) struct Db<'c> {
    connection: &'c Connection,
    codec: Option<Arc<dyn PayloadCodec>>,
    statements: RefCell<HashMap<Box<str>, Statement<'c>>>,
}

impl<'c> Db<'c> {
    pub(crate) fn new(connection: &'c Connection, codec: Option<Arc<dyn PayloadCodec>>) -> Self {
        Self {
            connection,
            codec,
            statements: RefCell::default(),
        }
    }

    /// What is stored of encoded values.
    pub(crate) fn seal<'b>(&self, bytes: &'b [u8]) -> rusqlite::Result<Cow<'b, [u8]>> {
        let Some(codec) = &self.codec else {
            return Ok(bytes.into());
        };
        let sealed = codec
            .encode(Payload::binary(bytes))
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
        let mut stored = vec![SEALED];
        stored.append(&mut encode_value(&sealed));
        Ok(stored.into())
    }

    /// The encoded values of which something is stored.
    pub(crate) fn unseal<'b>(&self, stored: &'b [u8]) -> Result<Cow<'b, [u8]>, EngineError> {
        let Some((&SEALED, sealed)) = stored.split_first() else {
            return Ok(stored.into());
        };
        let Some(codec) = &self.codec else {
            return Err(EngineError::Storage {
                message: "the file was written with a payload codec; open it with the same one"
                    .to_owned(),
            });
        };
        let payload =
            codec
                .decode(decode_value(sealed)?)
                .map_err(|error| EngineError::Storage {
                    message: format!("a row of the file cannot be read: {error}"),
                })?;
        Ok(payload.data.as_slice().to_vec().into())
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
