//! What the shop offers over HTTP: orders are placed, looked at, decided about and cancelled.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use reenact::{Client, Error, ErrorKind, InstanceStatus};
use serde_json::{Value, json};

use crate::orders::{DECISION, Decision, Order, order};

/// All routes of the shop. Each answer is given when what it says is durable.
pub(crate) fn router(client: Client) -> Router {
    Router::new()
        .route("/", get(help))
        .route("/orders", post(place))
        .route("/orders/{id}", get(look).delete(call_off))
        .route("/orders/{id}/decision", post(decide))
        .with_state(client)
}

async fn help() -> &'static str {
    crate::HELP
}

async fn place(
    State(client): State<Client>,
    Json(wanted): Json<Order>,
) -> Result<Response, Refused> {
    if wanted.quantity == 0 || wanted.customer.is_empty() {
        let why = json!({ "error": "an order has a customer and a quantity of at least 1" });
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, Json(why)).into_response());
    }
    let placed = client.start_new(order, wanted).await?;
    let id = placed.id().as_str();
    Ok((StatusCode::CREATED, Json(json!({ "order": id }))).into_response())
}

async fn look(
    State(client): State<Client>,
    Path(id): Path<String>,
) -> Result<Json<InstanceStatus>, Refused> {
    Ok(Json(client.get_status(id.as_str()).await?))
}

async fn decide(
    State(client): State<Client>,
    Path(id): Path<String>,
    Json(decision): Json<Decision>,
) -> Result<Json<Value>, Refused> {
    client.raise_event(id.as_str(), DECISION, decision).await?;
    Ok(Json(json!({ "order": id, "decision": "taken" })))
}

async fn call_off(
    State(client): State<Client>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Refused> {
    client.cancel(id.as_str(), "the customer called it off").await?;
    Ok(Json(json!({ "order": id, "state": "is being cancelled" })))
}

/// An error of the client, as an answer over HTTP.
struct Refused(Error);

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = match self.0.kind() {
            ErrorKind::InvalidArgument => StatusCode::BAD_REQUEST,
            ErrorKind::NotFound => StatusCode::NOT_FOUND,
            ErrorKind::AlreadyExists | ErrorKind::Finished | ErrorKind::Parked => {
                StatusCode::CONFLICT
            }
            ErrorKind::Busy | ErrorKind::ShuttingDown | ErrorKind::Uncertain => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        (status, Json(json!({ "error": self.0.to_string() }))).into_response()
    }
}
