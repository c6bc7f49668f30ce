//! Adding and removing search attributes.

use std::{collections::BTreeMap, sync::Arc};

use steadfast_engine::{EngineError, SearchAttributeType};

use crate::{attributes::is_reserved, shared::Shared, store::Row};

impl Shared {
    pub(crate) async fn add_search_attributes(
        &self,
        attributes: BTreeMap<String, SearchAttributeType>,
    ) -> Result<(), EngineError> {
        check_asked(attributes.is_empty())?;
        if let Some(name) = attributes.keys().find(|name| is_reserved(name)) {
            return Err(EngineError::invalid(format!(
                "Search attribute {name} is reserved by system."
            )));
        }
        let ticket = {
            let (mut core, _) = self.enter()?;
            for (name, kind) in attributes {
                if Arc::make_mut(&mut core.attributes).add(&name, kind) {
                    core.rows.push(Row::AddAttribute { name, kind });
                }
            }
            core.ticket()
        };
        ticket.await
    }

    pub(crate) async fn remove_search_attributes(
        &self,
        names: Vec<String>,
    ) -> Result<(), EngineError> {
        check_asked(names.is_empty())?;
        if let Some(name) = names.iter().find(|name| is_reserved(name)) {
            return Err(EngineError::invalid(format!(
                "Unable to remove non-custom search attributes: {name}."
            )));
        }
        let ticket = {
            let (mut core, _) = self.enter()?;
            for name in names {
                if let Some(kind) = Arc::make_mut(&mut core.attributes).remove(&name) {
                    core.rows.push(Row::RemoveAttribute { name, kind });
                }
            }
            core.ticket()
        };
        ticket.await
    }
}

fn check_asked(nothing: bool) -> Result<(), EngineError> {
    if nothing {
        return Err(EngineError::invalid(
            "SearchAttributes are not set on request.",
        ));
    }
    Ok(())
}
