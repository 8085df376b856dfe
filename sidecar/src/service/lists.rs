//! Many instances: listed and purged.

use reenact::{Client, Error, ErrorKind, InstanceFilter, InstanceId, InstanceState, PageRequest};
use tonic::Status;

use super::state::states_of;
use super::{Hub, id_of, status_of};
use crate::entities::parts_of;
use crate::events::timestamp_of;
use crate::instances::{ENDED, below, is_hidden};
use crate::limits::{DEFAULT_PAGE, MAX_PAGE};
use crate::proto::{self, OrchestrationStatus, PurgeInstancesRequestRequest as Purged};

impl Hub {
    pub(super) async fn query_instances(
        self,
        request: proto::QueryInstancesRequest,
    ) -> Result<proto::QueryInstancesResponse, Status> {
        let query = request.query.unwrap_or_default();
        let wanted: Vec<_> = query.runtime_status().collect();
        let mut filter = InstanceFilter::new().states(states(&wanted)?);
        if let Some(prefix) = query.instance_id_prefix.filter(|prefix| !prefix.is_empty()) {
            filter = filter.id_prefix(prefix);
        }
        filter.created.from = query.created_time_from.as_ref().map(timestamp_of);
        filter.created.until = query.created_time_to.as_ref().map(timestamp_of);
        let most = page_size(query.max_instance_count);
        let mut after = query.continuation_token.filter(|token| !token.is_empty());
        let mut found = Vec::new();
        // Entities are left out, and so is what is not wanted: a page of the store may have fewer.
        let next = loop {
            let page = page_after(after_of(after.take())?, most - found.len());
            let page = self.client.list(&filter, &page).await.map_err(status_of)?;
            for summary in page.instances.iter().filter(|found| !is_hidden(&found.name)) {
                let status = match self.client.get_status(&summary.instance).await {
                    Ok(status) => status,
                    // It is gone meanwhile.
                    Err(Error::NotFound { .. }) => continue,
                    Err(error) => return Err(status_of(error)),
                };
                if wanted.is_empty() || wanted.contains(&self.runtime_status(&status)) {
                    let with_payloads = query.fetch_inputs_and_outputs;
                    found.push(self.state_of(status, with_payloads).await?);
                }
            }
            match page.next {
                Some(next) if found.len() < most => after = Some(next.to_string()),
                next => break next,
            }
        };
        Ok(proto::QueryInstancesResponse {
            orchestration_state: found,
            continuation_token: next.map(|next| next.to_string()),
        })
    }

    /// Instances that have ended, in the order of their ids.
    pub(super) async fn list_instance_ids(
        self,
        request: proto::ListInstanceIdsRequest,
    ) -> Result<proto::ListInstanceIdsResponse, Status> {
        let wanted: Vec<_> = request.runtime_status().collect();
        let ended = match wanted.is_empty() {
            true => ENDED.to_vec(),
            false => states(&wanted)?.into_iter().filter(|state| state.is_finished()).collect(),
        };
        let nothing = proto::ListInstanceIdsResponse::default();
        if ended.is_empty() {
            return Ok(nothing);
        }
        let mut filter = InstanceFilter::new().states(ended);
        filter.finished.from = request.completed_time_from.as_ref().map(timestamp_of);
        filter.finished.until = request.completed_time_to.as_ref().map(timestamp_of);
        let most = page_size(request.page_size);
        let mut after = after_of(request.last_instance_key.filter(|key| !key.is_empty()))?;
        let mut found = Vec::new();
        let next = loop {
            let page = page_after(after.take(), most - found.len());
            let page = self.client.list(&filter, &page).await.map_err(status_of)?;
            let ids = page.instances.into_iter().filter(|found| !is_hidden(&found.name));
            found.extend(ids.map(|found| found.instance.to_string()));
            match page.next {
                Some(next) if found.len() < most => after = Some(next),
                next => break next,
            }
        };
        Ok(proto::ListInstanceIdsResponse {
            instance_ids: found,
            last_instance_key: next.map(|next| next.to_string()),
        })
    }

    pub(super) async fn purge_instances(
        self,
        request: proto::PurgeInstancesRequest,
    ) -> Result<proto::PurgeInstancesResponse, Status> {
        let mut deleted = 0;
        match request.request {
            Some(Purged::InstanceId(id)) => {
                deleted += purge(&self.client, &id_of(&id)?, request.recursive).await?;
            }
            Some(Purged::InstanceBatch(batch)) => {
                for id in batch.instance_ids {
                    deleted += purge(&self.client, &id_of(&id)?, request.recursive).await?;
                }
            }
            Some(Purged::PurgeInstanceFilter(filter)) => {
                deleted += self.purge_matching(filter, request.recursive).await?;
            }
            None => return Err(Status::invalid_argument("it does not say what is to be purged")),
        }
        Ok(proto::PurgeInstancesResponse {
            deleted_instance_count: deleted,
            is_complete: Some(true),
        })
    }

    async fn purge_matching(
        &self,
        wanted: proto::PurgeInstanceFilter,
        recursive: bool,
    ) -> Result<i32, Status> {
        let statuses: Vec<_> = wanted.runtime_status().collect();
        let ended = match statuses.is_empty() {
            true => ENDED.to_vec(),
            false => states(&statuses)?.into_iter().filter(|state| state.is_finished()).collect(),
        };
        if ended.is_empty() {
            return Ok(0);
        }
        let mut filter = InstanceFilter::new().states(ended);
        filter.created.from = wanted.created_time_from.as_ref().map(timestamp_of);
        filter.created.until = wanted.created_time_to.as_ref().map(timestamp_of);
        let (mut deleted, mut after) = (0, None);
        loop {
            let page = page_after(after.take(), DEFAULT_PAGE);
            let page = self.client.list(&filter, &page).await.map_err(status_of)?;
            for found in page.instances.into_iter().filter(|found| !is_hidden(&found.name)) {
                deleted += purge(&self.client, &found.instance, recursive).await?;
            }
            after = page.next;
            if after.is_none() {
                return Ok(deleted);
            }
        }
    }
}

/// Purges an instance that has ended, or an entity. Returns how many there were.
async fn purge(client: &Client, id: &InstanceId, recursive: bool) -> Result<i32, Status> {
    let below = if recursive { below(client, id).await.map_err(status_of)? } else { Vec::new() };
    let purged = match parts_of(id) {
        Some((entity_type, key)) => client.entity_by_name(entity_type, key).purge().await,
        None => client.purge(id).await,
    };
    let mut deleted = match purged {
        Ok(()) => 1,
        Err(error) if is_left(&error) => return Ok(0),
        Err(error) => return Err(status_of(error)),
    };
    for id in below {
        match client.purge(&id).await {
            Ok(()) => deleted += 1,
            Err(error) if is_left(&error) => {}
            Err(error) => return Err(status_of(error)),
        }
    }
    Ok(deleted)
}

/// Whether an instance is gone, or cannot be purged as it has not ended.
fn is_left(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotYet)
}

/// The states that any of these statuses stands for; all where there is none.
fn states(statuses: &[OrchestrationStatus]) -> Result<Vec<InstanceState>, Status> {
    let states: Vec<_> = statuses.iter().flat_map(|status| states_of(*status)).copied().collect();
    match states.is_empty() && !statuses.is_empty() {
        true => Err(Status::invalid_argument(
            "no instance is in that state: the newest execution has not continued as new",
        )),
        false => Ok(states),
    }
}

fn page_after(after: Option<InstanceId>, limit: usize) -> PageRequest {
    let page = after.map_or_else(PageRequest::new, |after| PageRequest::new().after(after));
    page.limit(limit)
}

fn after_of(token: Option<String>) -> Result<Option<InstanceId>, Status> {
    token.map(|token| id_of(&token)).transpose()
}

fn page_size(wanted: i32) -> usize {
    match usize::try_from(wanted) {
        Ok(0) | Err(_) => DEFAULT_PAGE,
        Ok(wanted) => wanted.min(MAX_PAGE),
    }
}
