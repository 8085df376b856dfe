//! Answers that are streams of lines, each of which is JSON.

use std::io;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::Stream;

/// The media type of lines of JSON.
pub(crate) const JSON_LINES: &str = "application/x-ndjson";

/// An answer of these lines. An error cuts it off, so that nobody takes a part for the whole.
pub(crate) fn json_lines(
    lines: impl Stream<Item = Result<Bytes, io::Error>> + Send + 'static,
) -> Response {
    let mut response = Body::from_stream(lines).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON_LINES));
    response
}
