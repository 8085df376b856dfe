//! Looks over an instance as a whole: its timeline, its family, what its failure came of; and over the store.

use axum::Json;
use axum::extract::State;
use reenact_actors::inspect::InstanceTimeline;
use reenact_core::InstanceId;

use super::openapi::Id;
use crate::dto::{
    Ancestor, Cluster, Execution, Executions, FailureChain, InstanceRow, Timeline, Tree,
};
use crate::limits::{DEFAULT_SPANS, DEFAULT_TREE_DEPTH, MAX_SPANS, MAX_TREE, MAX_TREE_DEPTH};
use crate::params::Params;
use crate::problem::Problem;
use crate::shared::Shared;

/// What an execution of an instance did, the newest one unless another is named, and when: a page of spans.
#[utoipa::path(
    get, path = "/api/timeline", tag = "instances",
    params(
        Id,
        ("from" = Option<u64>, Query, description = "The `next` of the page before, or the position of an event"),
        ("limit" = Option<usize>, Query, description = "The most spans of a page"),
        ("execution" = Option<u32>, Query, description = "The number of an execution that is kept"),
    ),
    responses((status = 200, description = "The spans", body = Timeline))
)]
pub(crate) async fn timeline(
    State(shared): State<Shared>,
    mut params: Params,
) -> Result<Json<Timeline>, Problem> {
    let id = params.id()?;
    let from = params.parsed("from", "the position of an event")?.unwrap_or(0);
    let limit = params.limit(DEFAULT_SPANS, MAX_SPANS)?;
    let execution = params.execution()?;
    params.end()?;
    let Some(execution) = execution else {
        return Ok(Json(timeline_of(&shared, &id, from, limit).await?));
    };
    let found = shared.access().execution(&id, execution).timeline(from, limit).await?;
    Ok(Json(shown(&shared, &id, found)?))
}

/// The spans of an instance that begin at that position or after it.
pub(crate) async fn timeline_of(
    shared: &Shared,
    id: &InstanceId,
    from: u64,
    limit: usize,
) -> Result<Timeline, Problem> {
    let found = shared.access().timeline(id, from, limit).await?;
    shown(shared, id, found)
}

fn shown(shared: &Shared, id: &InstanceId, found: InstanceTimeline) -> Result<Timeline, Problem> {
    Ok(Timeline {
        instance: InstanceRow::from(&found.summary),
        spans: shared.shown(id.as_str()).read(&found.timeline)?,
        unreadable: found.unreadable,
    })
}

/// The executions of an instance that are there: those before the newest one that are kept, and the newest one last.
#[utoipa::path(
    get, path = "/api/executions", tag = "instances", params(Id),
    responses((status = 200, description = "The executions", body = Executions))
)]
pub(crate) async fn executions(
    State(shared): State<Shared>,
    mut params: Params,
) -> Result<Json<Executions>, Problem> {
    let id = params.id()?;
    params.end()?;
    let there = shared.access().executions(&id).await?;
    Ok(Json(Executions { executions: there.iter().map(Execution::from).collect() }))
}

/// Who started an instance, and whom it started.
#[utoipa::path(
    get, path = "/api/tree", tag = "instances",
    params(
        Id,
        ("depth" = Option<usize>, Query, description = "How many generations below it"),
        ("limit" = Option<usize>, Query, description = "The most instances"),
    ),
    responses((status = 200, description = "The instance with its ancestors and its children", body = Tree))
)]
pub(crate) async fn tree(
    State(shared): State<Shared>,
    mut params: Params,
) -> Result<Json<Tree>, Problem> {
    let id = params.id()?;
    let depth = params.parsed("depth", "a number")?.unwrap_or(DEFAULT_TREE_DEPTH);
    let limit = params.limit(MAX_TREE, MAX_TREE)?;
    params.end()?;
    if depth > MAX_TREE_DEPTH {
        let detail = format!("the parameter `depth` must be from 0 to {MAX_TREE_DEPTH}");
        return Err(Problem::invalid(detail));
    }
    Ok(Json(tree_of(&shared, &id, depth, limit).await?))
}

/// The tree around an instance.
pub(crate) async fn tree_of(
    shared: &Shared,
    id: &InstanceId,
    depth: usize,
    limit: usize,
) -> Result<Tree, Problem> {
    let tree = shared.access().tree(id, depth, limit).await?;
    let shown = shared.shown(id.as_str());
    let ancestors = tree.ancestors.iter().map(|ancestor| Ancestor {
        id: ancestor.instance.to_string(),
        instance: ancestor.summary.as_ref().map(InstanceRow::from),
        relation: crate::shown::snake_case(&format!("{:?}", ancestor.relation)),
    });
    Ok(Tree {
        ancestors: ancestors.collect(),
        instance: shown.read(&tree.instance)?,
        is_cut: tree.is_cut,
    })
}

/// Why an instance failed, down to what failed first.
#[utoipa::path(
    get, path = "/api/failure", tag = "instances", params(Id),
    responses((status = 200, description = "The chain of failures; empty when it has not failed", body = FailureChain))
)]
pub(crate) async fn failure(
    State(shared): State<Shared>,
    mut params: Params,
) -> Result<Json<FailureChain>, Problem> {
    let id = params.id()?;
    params.end()?;
    Ok(Json(failure_of(&shared, &id).await?))
}

/// The chain of failures of an instance.
pub(crate) async fn failure_of(shared: &Shared, id: &InstanceId) -> Result<FailureChain, Problem> {
    let links = shared.access().failure_chain(id).await?;
    let links = links.iter().map(|link| shared.shown(link.instance.as_str()).read(link));
    Ok(FailureChain { links: links.collect::<Result<_, _>>()? })
}

/// The shards of the store, and the hosts that share it.
#[utoipa::path(
    get, path = "/api/shards", tag = "console",
    responses((status = 200, description = "Shards and hosts", body = Cluster))
)]
pub(crate) async fn shards(
    State(shared): State<Shared>,
    params: Params,
) -> Result<Json<Cluster>, Problem> {
    params.end()?;
    Ok(Json(cluster(&shared).await?))
}

/// The shards and the hosts.
pub(crate) async fn cluster(shared: &Shared) -> Result<Cluster, Problem> {
    let shards = shared.access().shards().await?;
    let hosts = shared.access().hosts().await?;
    let shown = shared.shown("");
    Ok(Cluster {
        shards: shards.iter().map(|shard| shown.read(shard)).collect::<Result<_, _>>()?,
        hosts: hosts
            .into_iter()
            .map(|host| crate::dto::HostRow {
                id: host.id,
                name: host.name,
                is_alive: host.is_alive,
                shards: host.shards.iter().map(|shard| shard.0).collect(),
            })
            .collect(),
    })
}
