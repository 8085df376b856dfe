//! One instance: how it is, now or after an event of its history.

use axum::Json;
use axum::extract::State;
use reenact_actors::entities::operation_of;
use reenact_actors::inspect::{self, ExecutionView, InstanceView};
use reenact_core::InstanceId;
use reenact_providers::InstanceState;

use super::history::row;
use super::openapi::Id;
use crate::dto::{Action, ExecutionState, InstanceDetail, InstanceRow, StateAfter, as_json};
use crate::params::Params;
use crate::problem::Problem;
use crate::shared::Shared;
use crate::shown::Shown;

/// One instance: how it is, why it waits, and what can be done to it.
#[utoipa::path(
    get, path = "/api/instance", tag = "instances", params(Id),
    responses((status = 200, description = "The instance", body = InstanceDetail))
)]
pub(crate) async fn instance(
    State(shared): State<Shared>,
    mut params: Params,
) -> Result<Json<InstanceDetail>, Problem> {
    let id = params.id()?;
    params.end()?;
    Ok(Json(detail(&shared, &id).await?))
}

/// How an instance is.
pub(crate) async fn detail(shared: &Shared, id: &InstanceId) -> Result<InstanceDetail, Problem> {
    let view = shared.access().view(id).await?;
    let shown = shared.shown(id.as_str());
    let actions = if shared.options().read_only { Vec::new() } else { actions(&view) };
    Ok(InstanceDetail {
        row: InstanceRow::from(&view.summary),
        shard: view.shard.0,
        is_here: view.is_here,
        in_memory: view.in_memory,
        view: execution(shown, &view.execution)?,
        parked: view.parked.as_ref().map(|parked| shown.read(parked)).transpose()?,
        stalled: view.stalled.as_ref().map(|stalled| shown.read(stalled)).transpose()?,
        unreadable: view.unreadable,
        actions,
    })
}

fn execution(shown: Shown<'_>, view: &ExecutionView) -> Result<ExecutionState, Problem> {
    let mut state: ExecutionState = shown.read(view)?;
    state.version = state.version.filter(|_| !view.version.is_none());
    state.attributes = as_json(&view.attributes);
    for (shown, update) in state.updates.items.iter_mut().zip(&view.updates.items) {
        shown.operation = operation_of(&update.to, &update.data);
    }
    Ok(state)
}

/// What can be done to an instance as it is.
fn actions(view: &InstanceView) -> Vec<Action> {
    let state = view.summary.state;
    let is_readable = view.unreadable.is_none();
    if state.is_finished() {
        let purge = view.summary.is_over().then_some(Action::Purge);
        let again = [Action::Rewind, Action::Fork].into_iter().filter(|_| is_readable);
        return again.chain(purge).collect();
    }
    if state == InstanceState::Importing {
        return vec![Action::Purge];
    }
    let is_held =
        matches!(state, InstanceState::Suspended | InstanceState::Parked) || view.parked.is_some();
    let all = [
        (Action::Raise, is_readable),
        (Action::Cancel, is_readable && view.execution.cancel_requested.is_none()),
        (Action::Suspend, is_readable && !is_held),
        (Action::Resume, is_held),
        (Action::Terminate, true),
        (Action::Rewind, is_readable),
        (Action::Fork, is_readable),
    ];
    all.into_iter().filter(|(_, can)| *can).map(|(action, _)| action).collect()
}

/// How an instance was directly after an event of its history.
#[utoipa::path(
    get, path = "/api/state", tag = "instances",
    params(
        Id,
        ("after" = u64, Query, description = "The position of the event; the first is 0"),
        ("execution" = Option<u32>, Query, description = "The number of an execution that is kept"),
    ),
    responses((status = 200, description = "What was open, awaited and buffered then", body = StateAfter))
)]
pub(crate) async fn state(
    State(shared): State<Shared>,
    mut params: Params,
) -> Result<Json<StateAfter>, Problem> {
    let id = params.id()?;
    let after = params.parsed("after", "the position of an event")?;
    let execution = params.execution()?;
    params.end()?;
    let after = after.ok_or_else(|| Problem::invalid("the parameter `after` is missing"))?;
    let Some(execution) = execution else {
        return Ok(Json(state_after(&shared, &id, after).await?));
    };
    let state = shared.access().execution(&id, execution).view_after(after).await?;
    Ok(Json(shown_state(&shared, &id, &state)?))
}

/// How an instance was directly after the event at that position.
pub(crate) async fn state_after(
    shared: &Shared,
    id: &InstanceId,
    position: u64,
) -> Result<StateAfter, Problem> {
    let state = shared.access().view_after(id, position).await?;
    shown_state(shared, id, &state)
}

fn shown_state(
    shared: &Shared,
    id: &InstanceId,
    state: &inspect::StateAfter,
) -> Result<StateAfter, Problem> {
    let shown = shared.shown(id.as_str());
    let placed = |event| row(shown, state.position, state.turn, state.at, event);
    Ok(StateAfter {
        event: state.event.as_ref().map(placed).transpose()?,
        position: state.position,
        turn: state.turn,
        at: state.at.into(),
        events: state.summary.events,
        from: state.cursor.to_string(),
        view: execution(shown, &state.execution)?,
    })
}
