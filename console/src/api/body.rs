//! `JsonBody`: the body of a request, read as a value.

use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use serde::de::DeserializeOwned;

use crate::limits::{MAX_BODY_BYTES, MAX_LARGE_BODY_BYTES};
use crate::problem::Problem;
use crate::shared::Shared;

/// The body of a request, read as a value of that type. An empty body is `{}`.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Shared> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, shared: &Shared) -> Result<Self, Problem> {
        let takes_large = shared.access().takes_large_payloads();
        let limit = if takes_large { MAX_LARGE_BODY_BYTES } else { MAX_BODY_BYTES };
        let body = to_bytes(request.into_body(), limit).await.map_err(|_| {
            let detail = format!("the body is not whole, or has more than {limit} bytes");
            Problem::invalid(detail).with_status(StatusCode::PAYLOAD_TOO_LARGE)
        })?;
        let body = if body.is_empty() { &b"{}"[..] } else { &body[..] };
        serde_json::from_slice(body).map(Self).map_err(|error| {
            let detail = format!("the body is not what is wanted here: {error}");
            match error.is_data() {
                true => Problem::unprocessable(detail),
                false => Problem::invalid(detail),
            }
        })
    }
}
