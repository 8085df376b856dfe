//! Entities without their types: how they are called, and how they go.

use reenact_core::{Attributes, InstanceId, Name, Payload, TimeLimits};
use reenact_providers::InstanceFilter;

use super::{Access, StartRequest};
use crate::entity_id::EntityId;
use crate::error::{Error, Result};
use crate::message::ExternalEvent;
use crate::reuse::ReusePolicy;

impl StartRequest {
    /// What an entity is sent, which is made if it is not there.
    ///
    /// # Errors
    /// [`Error::InvalidName`]: no entity can have the type.
    pub fn for_entity(
        entity_type: &str,
        instance: &InstanceId,
        event: ExternalEvent,
    ) -> Result<Self> {
        Ok(Self {
            name: Name::new(EntityId::orchestration_of(entity_type))?,
            version: None,
            input: Payload::encode(&()).map_err(|source| Error::InvalidPayload {
                what: "the input of an entity".to_owned(),
                source,
            })?,
            instance: Some(instance.clone()),
            delay: None,
            event: Some(event),
            reuse: ReusePolicy::default(),
            limits: TimeLimits::NONE,
            attributes: Attributes::default(),
        })
    }
}

impl Access {
    /// Which types of entities there are, and how many entities of each, in the order of their names.
    ///
    /// # Errors
    /// As [`counts`](Self::counts).
    pub async fn entity_types(&self) -> Result<Vec<(String, u64)>> {
        let counts = self.counts(&InstanceFilter::new()).await?;
        let types = counts.orchestrations().filter_map(|(name, counts)| {
            EntityId::type_of(name.as_str()).map(|of| (of.to_owned(), counts.total()))
        });
        Ok(types.collect())
    }

    /// Removes an entity, with its state and its history, at once: an operation that runs is cut off, and those who
    /// wait get [`Error::NoAnswer`]. The next operation after that makes a new entity.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none; otherwise as [`terminate`](Self::terminate) and
    /// [`purge`](Self::purge).
    pub async fn purge_entity(&self, instance: &InstanceId) -> Result<()> {
        match self.terminate(instance, "the entity is purged").await {
            Ok(()) | Err(Error::Finished { .. }) => self.purge(instance).await,
            Err(error) => Err(error),
        }
    }
}
