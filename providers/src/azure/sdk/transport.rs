//! Requests of the released crates through our wire.

use async_trait::async_trait;
use azure_core::error::{Error, ErrorKind};
use azure_core::http::headers::Headers;
use azure_core::http::request::Request;
use azure_core::http::{AsyncRawResponse, Body, HttpClient, Method, RawResponse};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use crate::azure::wire::{Answer, Call, Failure, Wire};

/// The status at which the crate forgets its token.
const UNAUTHORIZED: u16 = 401;

#[derive(Debug)]
pub(super) struct Through(Wire);

impl Through {
    pub(super) fn new(wire: Wire) -> Self {
        Self(wire)
    }
}

#[async_trait]
impl HttpClient for Through {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let call = call_of(request).map_err(carried)?;
        let answer = self.0.send(call).await.map_err(carried)?;
        match answer.refusal() {
            Some(kind) if answer.status != UNAUTHORIZED => Err(carried(Failure(kind))),
            _ => Ok(response_of(answer)),
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
    let Body::Bytes(body) = request.body() else {
        // None of the operations of the port streams.
        return Err(Failure::unsendable());
    };
    let method = match request.method() {
        Method::Delete => reqwest::Method::DELETE,
        Method::Get => reqwest::Method::GET,
        Method::Head => reqwest::Method::HEAD,
        Method::Patch => reqwest::Method::PATCH,
        Method::Post => reqwest::Method::POST,
        Method::Put => reqwest::Method::PUT,
        _ => return Err(Failure::unsendable()),
    };
    Ok(Call { method, url: request.url().clone(), headers, body: body.clone() })
}

fn response_of(answer: Answer) -> AsyncRawResponse {
    let mut headers = Headers::new();
    for (name, value) in &answer.headers {
        if let Ok(value) = value.to_str() {
            headers.insert(name.as_str().to_owned(), value.to_owned());
        }
    }
    AsyncRawResponse::from_bytes(answer.status.into(), headers, answer.body)
}

/// An answer that the crate has taken for an error.
pub(super) fn answer_of(raw: &RawResponse) -> Answer {
    let headers = raw
        .headers()
        .iter()
        .filter_map(|(name, value)| {
            let name = HeaderName::try_from(name.as_str()).ok()?;
            Some((name, HeaderValue::try_from(value.as_str()).ok()?))
        })
        .collect();
    let body = azure_core::Bytes::copy_from_slice(raw.body().as_ref());
    Answer { status: raw.status().into(), headers, body }
}
