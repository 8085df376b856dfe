//! How requests of either adapter reach the service: one HTTP client, signed at the last moment.
//!
//! The crates above see no secret: they build requests without any authorization and get errors in
//! our own words, so nothing that they log or print can hold a key or a signature. One request is
//! sent once; it is not tried again here, and the crates' own retries are off.

mod answer;
mod call;
mod failure;
mod sign;
mod values;

use std::time::{Duration, SystemTime};

use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, HeaderValue};

use super::connection::{Access, Options};
pub(crate) use answer::Answer;
pub(crate) use call::Call;
pub(crate) use failure::Failure;
use sign::signature;
pub(crate) use values::{
    ALL_MESSAGES, etag, existing_is_no_error, got, messages, no_lease_is_no_error, no_such_name,
    nothing_after_the_end, quoted, range, seconds, time,
};

/// How long a connection is kept that nobody uses, in seconds. Under the five seconds after which
/// the emulator closes it, so that a request seldom meets a connection that is being closed.
const IDLE_CONNECTION: Duration = Duration::from_secs(4);

/// Sends requests for one connection.
pub(crate) struct Wire {
    client: reqwest::Client,
    access: Access,
    options: Options,
}

impl Wire {
    /// For endpoints on this machine no proxy of the system is asked.
    pub(crate) fn new(
        access: Access,
        options: Options,
        loopback: bool,
    ) -> Result<Self, ClientUnusable> {
        let client = client(&options, loopback)?;
        Ok(Self { client, access, options })
    }

    /// Sends it once and reads the whole answer, whatever its status.
    pub(crate) async fn send(&self, mut call: Call) -> Result<Answer, Failure> {
        self.authorize(&mut call)?;
        let request = self
            .client
            .request(call.method, call.url)
            .headers(call.headers)
            .body(call.body)
            .timeout(self.options.request_timeout)
            .build()
            .map_err(|_| Failure::unsendable())?;
        let response = self
            .client
            .execute(request)
            .await
            .map_err(|error| Failure::of_exchange(&error, &self.options))?;
        let (status, mut headers) = (response.status().as_u16(), response.headers().clone());
        // With it the crates would ask for the rest of a blob in further requests, and one of them
        // cannot read what it says of an empty blob.
        headers.remove(CONTENT_RANGE);
        let body =
            response.bytes().await.map_err(|error| Failure::of_body(&error, &self.options))?;
        Ok(Answer { status, headers, body })
    }

    fn authorize(&self, call: &mut Call) -> Result<(), Failure> {
        if call.method == Method::PUT || call.method == Method::POST {
            call.headers.insert(CONTENT_LENGTH, HeaderValue::from(call.body.len()));
        }
        match &self.access {
            Access::SharedKey { account, key } => {
                let date = httpdate::fmt_http_date(SystemTime::now());
                let date = HeaderValue::try_from(date).map_err(|_| Failure::unsendable())?;
                call.headers.insert("x-ms-date", date);
                let signed = format!("SharedKey {account}:{}", signature(call, account, key));
                let mut signed =
                    HeaderValue::try_from(signed).map_err(|_| Failure::unsendable())?;
                signed.set_sensitive(true);
                call.headers.insert(AUTHORIZATION, signed);
            }
            Access::Sas(sas) => {
                let query = match call.url.query() {
                    Some(query) if !query.is_empty() => format!("{query}&{}", sas.expose()),
                    _ => sas.expose().to_owned(),
                };
                call.url.set_query(Some(&query));
            }
            // The crate above puts the token into the headers.
            Access::Entra(_) => {}
        }
        Ok(())
    }
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wire").field("access", &self.access).finish_non_exhaustive()
    }
}

/// The HTTP client could not be made: the system's certificates cannot be read, for example.
#[derive(Debug)]
pub(crate) struct ClientUnusable;

/// One client: no redirects, no tries of its own.
pub(crate) fn client(options: &Options, loopback: bool) -> Result<reqwest::Client, ClientUnusable> {
    let builder = reqwest::Client::builder()
        .connect_timeout(options.connect_timeout)
        .timeout(options.request_timeout)
        .pool_idle_timeout(IDLE_CONNECTION)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never());
    let builder = if loopback { builder.no_proxy() } else { builder };
    builder.build().map_err(|_| ClientUnusable)
}
