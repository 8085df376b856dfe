//! A request to the service, before it is signed.

use bytes::Bytes;
use reqwest::header::HeaderMap;
use reqwest::{Method, Url};

/// A request without its authorization.
pub(crate) struct Call {
    /// The method.
    pub(crate) method: Method,
    /// The URL that it goes to, without a signature.
    pub(crate) url: Url,
    /// The headers that the crate above has set.
    pub(crate) headers: HeaderMap,
    /// What is sent.
    pub(crate) body: Bytes,
}
