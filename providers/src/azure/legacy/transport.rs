//! Requests of the unofficial crates through our wire, without what the service takes amiss.

use async_trait::async_trait;
use azure_core_legacy::error::{Error, ErrorKind};
use azure_core_legacy::headers::Headers;
use azure_core_legacy::{Body, BytesStream, HttpClient, Method, Request, Response, StatusCode};
use bytes::Bytes;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use crate::azure::wire::{Answer, Call, Failure, Wire};

/// Asks for a checksum that nobody looks at, and that the emulator does not know.
const RANGE_CHECKSUM: &str = "x-ms-range-get-content-crc64";

#[derive(Debug)]
pub(super) struct Through(Wire);

impl Through {
    pub(super) fn new(wire: Wire) -> Self {
        Self(wire)
    }
}

#[async_trait]
impl HttpClient for Through {
    async fn execute_request(&self, request: &Request) -> azure_core_legacy::Result<Response> {
        let call = call_of(request).map_err(carried)?;
        let answer = self.0.send(call).await.map_err(carried)?;
        match answer.refusal() {
            Some(kind) => Err(carried(Failure(kind))),
            None => response_of(answer).map_err(carried),
        }
    }
}

/// The crates pass it on as it is; [`Failure::within`] finds it again.
fn carried(failure: Failure) -> Error {
    Error::new(ErrorKind::Other, failure)
}

fn call_of(request: &Request) -> Result<Call, Failure> {
    let mut headers = HeaderMap::new();
    for (name, value) in request.headers().iter() {
        let name = HeaderName::try_from(name.as_str()).map_err(|_| Failure::unsendable())?;
        let value = HeaderValue::try_from(value.as_str()).map_err(|_| Failure::unsendable())?;
        headers.insert(name, value);
    }
    headers.remove(RANGE_CHECKSUM);
    let Body::Bytes(body) = request.body() else {
        // None of the operations of the port streams.
        return Err(Failure::unsendable());
    };
    let body = if hides_a_message(request) { Bytes::new() } else { body.clone() };
    let method = match request.method() {
        Method::Delete => reqwest::Method::DELETE,
        Method::Get => reqwest::Method::GET,
        Method::Post => reqwest::Method::POST,
        Method::Put => reqwest::Method::PUT,
        _ => return Err(Failure::unsendable()),
    };
    Ok(Call { method, url: request.url().clone(), headers, body })
}

/// The crate sends a text whenever it hides a message for another while, in the place of the
/// message's. Without one the service keeps the message's.
fn hides_a_message(request: &Request) -> bool {
    *request.method() == Method::Put
        && request.url().query_pairs().any(|(name, _)| name == "visibilitytimeout")
}

fn response_of(answer: Answer) -> Result<Response, Failure> {
    let status = StatusCode::try_from(answer.status).map_err(|_| Failure::unreadable())?;
    let mut headers = Headers::new();
    for (name, value) in &answer.headers {
        if let Ok(value) = value.to_str() {
            headers.insert(name.as_str().to_owned(), value.to_owned());
        }
    }
    Ok(Response::new(status, headers, Box::pin(BytesStream::new(answer.body))))
}
