//! Entities, for clients.

use reenact::attributes::{EntityLock, EntityTarget, LOCK, When};
use reenact::{Client, Error, InstanceFilter, InstanceId, InstanceSummary, PageRequest};
use tonic::Status;

use super::{Hub, id_of, status_of};
use crate::entities::{arguments, parts_of};
use crate::events::{time_of, timestamp_of};
use crate::limits::DEFAULT_PAGE;
use crate::proto;
use crate::text::Text;

impl Hub {
    pub(super) async fn signal_entity(
        self,
        request: proto::SignalEntityRequest,
    ) -> Result<proto::SignalEntityResponse, Status> {
        let id = id_of(&request.instance_id)?;
        let entity = self.entity(&id)?;
        let input = request.input.map(|input| Text::new(Some(input)));
        let when = request.scheduled_time.as_ref().map(timestamp_of);
        let when = when.map_or(When::Now, When::At);
        let mut signal = entity.signal(&request.name, &arguments(input), when);
        if !request.request_id.is_empty() {
            signal = signal.key(request.request_id);
        }
        signal.await.map_err(status_of)?;
        Ok(proto::SignalEntityResponse {})
    }

    pub(super) async fn get_entity(
        self,
        request: proto::GetEntityRequest,
    ) -> Result<proto::GetEntityResponse, Status> {
        let id = id_of(&request.instance_id)?;
        self.entity(&id)?;
        let page = self.entities(&exactly(&id), None, 1).await?;
        let found = page.0.into_iter().find(|summary| summary.instance == id);
        // One without a state is there only for a while: it is locked, or has signals that wait.
        let entity = match found {
            Some(summary) => {
                let (entity, has_state) = self.metadata(&summary, request.include_state).await?;
                has_state.then_some(entity)
            }
            None => None,
        };
        Ok(proto::GetEntityResponse { exists: entity.is_some(), entity })
    }

    pub(super) async fn query_entities(
        self,
        request: proto::QueryEntitiesRequest,
    ) -> Result<proto::QueryEntitiesResponse, Status> {
        let query = request.query.unwrap_or_default();
        let prefix = query.instance_id_starts_with.unwrap_or_default();
        let prefix = if prefix.starts_with('@') { prefix } else { format!("@{prefix}") };
        let filter = InstanceFilter::new().id_prefix(prefix);
        let from = query.last_modified_from.as_ref().map(timestamp_of);
        let until = query.last_modified_to.as_ref().map(timestamp_of);
        let most = match query.page_size.map(usize::try_from) {
            None | Some(Err(_) | Ok(0)) => usize::MAX,
            Some(Ok(size)) => size,
        };
        let mut after = query.continuation_token.filter(|token| !token.is_empty());
        let mut entities = Vec::new();
        let next = loop {
            let begin = after.take().map(|token| id_of(&token)).transpose()?;
            let limit = (most - entities.len()).min(DEFAULT_PAGE);
            let (found, next) = self.entities(&filter, begin, limit).await?;
            for summary in found {
                let is_in_time = from.is_none_or(|from| summary.updated_at >= from)
                    && until.is_none_or(|until| summary.updated_at < until);
                if !is_in_time {
                    continue;
                }
                let (entity, has_state) = self.metadata(&summary, query.include_state).await?;
                if has_state || query.include_transient {
                    entities.push(entity);
                }
            }
            match next {
                Some(next) if entities.len() < most => after = Some(next.to_string()),
                next => break next,
            }
        };
        Ok(proto::QueryEntitiesResponse {
            entities,
            continuation_token: next.map(|next| next.to_string()),
        })
    }

    /// Purges entities without a state. Locks are given back by themselves, so that none is ever without its owner.
    pub(super) async fn clean_entity_storage(
        self,
        request: proto::CleanEntityStorageRequest,
    ) -> Result<proto::CleanEntityStorageResponse, Status> {
        let mut response = proto::CleanEntityStorageResponse::default();
        if !request.remove_empty_entities {
            return Ok(response);
        }
        let filter = InstanceFilter::new().id_prefix("@");
        let token = request.continuation_token.filter(|token| !token.is_empty());
        let after = token.map(|token| id_of(&token)).transpose()?;
        let (found, next) = self.entities(&filter, after, DEFAULT_PAGE).await?;
        for summary in found {
            let (entity, has_state) = self.metadata(&summary, false).await?;
            let is_idle = entity.locked_by.is_none() && entity.backlog_queue_size == 0;
            if !has_state && is_idle {
                match self.entity(&summary.instance)?.purge().await {
                    Ok(()) => response.empty_entities_removed += 1,
                    Err(Error::NotFound { .. }) => {}
                    Err(error) => return Err(status_of(error)),
                }
            }
        }
        response.continuation_token = next.map(|next| next.to_string());
        Ok(response)
    }

    pub(super) async fn create_task_hub(
        self,
        _: proto::CreateTaskHubRequest,
    ) -> Result<proto::CreateTaskHubResponse, Status> {
        // It is there as long as the sidecar is.
        Ok(proto::CreateTaskHubResponse {})
    }

    pub(super) async fn delete_task_hub(
        self,
        _: proto::DeleteTaskHubRequest,
    ) -> Result<proto::DeleteTaskHubResponse, Status> {
        Err(Status::failed_precondition(
            "a store is not removed while a sidecar works on it; stop it, and remove the store",
        ))
    }

    fn entity(&self, id: &InstanceId) -> Result<EntityTarget<Client>, Status> {
        let no_entity = || Status::invalid_argument(format!("`{id}` is not the id of an entity"));
        let (entity_type, key) = parts_of(id).ok_or_else(no_entity)?;
        Ok(self.client.entity_by_name(entity_type, key))
    }

    async fn entities(
        &self,
        filter: &InstanceFilter,
        after: Option<InstanceId>,
        limit: usize,
    ) -> Result<(Vec<InstanceSummary>, Option<InstanceId>), Status> {
        let page = after.map_or_else(PageRequest::new, |after| PageRequest::new().after(after));
        let page = page.limit(limit);
        let page = self.client.list(filter, &page).await.map_err(status_of)?;
        let is_entity = |found: &InstanceSummary| parts_of(&found.instance).is_some();
        Ok((page.instances.into_iter().filter(is_entity).collect(), page.next))
    }

    /// What there is to say of an entity, and whether it has a state.
    async fn metadata(
        &self,
        summary: &InstanceSummary,
        with_state: bool,
    ) -> Result<(proto::EntityMetadata, bool), Status> {
        let id = &summary.instance;
        let state = self.entity(id)?.state::<Text>().await.map_err(status_of)?;
        let lock = match self.client.query::<EntityLock>(id, LOCK).await {
            Err(Error::NotFound { .. }) => None,
            lock => lock.map_err(status_of)?,
        };
        let state = state.and_then(Text::into_option);
        let has_state = state.is_some();
        let metadata = proto::EntityMetadata {
            instance_id: id.to_string(),
            last_modified_time: Some(time_of(summary.updated_at)),
            backlog_queue_size: 0,
            locked_by: lock.map(|lock| lock.owner.unwrap_or_default()),
            serialized_state: state.filter(|_| with_state),
        };
        Ok((metadata, has_state))
    }
}

/// The entity with this id, which may stand before others that begin with it.
fn exactly(id: &InstanceId) -> InstanceFilter {
    InstanceFilter::new().id_prefix(id.as_str())
}
