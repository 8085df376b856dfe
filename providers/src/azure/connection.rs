//! Where the service is, who asks, and how long is waited.

mod credential;
mod endpoints;
mod text;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

pub(crate) use credential::{Access, Key};
pub use credential::{Credential, Identity, Secret};
pub use endpoints::Endpoints;

/// How long making a connection may take, in seconds.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a request and its whole answer may take, in seconds. Then its outcome is not known.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// How many blobs stand on a page of a list, unless the options say less. The service gives no more.
pub const BLOBS_PER_PAGE: u32 = 5_000;

/// An account of Azure Storage and the right to use it. Nothing that it prints holds a secret.
#[derive(Clone)]
pub struct Connection {
    pub(crate) endpoints: Endpoints,
    pub(crate) access: Access,
}

impl Connection {
    /// Of a connection string, as the portal and the tools give it: `AccountName` and `AccountKey`
    /// or `SharedAccessSignature`, `BlobEndpoint` and `QueueEndpoint` or `EndpointSuffix` and
    /// `DefaultEndpointsProtocol`; or `UseDevelopmentStorage=true` for an emulator on its own ports.
    /// Parts that blobs and queues do not need are passed over.
    pub fn parse(text: &str) -> Result<Self, InvalidConnection> {
        text::parse(text)
    }

    /// An account with one of its keys, in base64.
    pub fn with_key(
        endpoints: Endpoints,
        account: &str,
        key: &str,
    ) -> Result<Self, InvalidConnection> {
        let named = !account.is_empty() && account.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !named {
            return Err(malformed("AccountName", "it consists of letters and digits"));
        }
        let key = STANDARD.decode(key).ok().filter(|key| !key.is_empty());
        let key = Key::new(key.ok_or_else(|| malformed("AccountKey", "it is base64"))?);
        let access = Access::SharedKey { account: account.to_owned(), key };
        Ok(Self { endpoints, access })
    }

    /// An account with a shared access signature (`sv=..&sig=..`) that allows blobs and queues.
    pub fn with_sas(endpoints: Endpoints, sas: &str) -> Result<Self, InvalidConnection> {
        const PART: &str = "SharedAccessSignature";
        let sas = sas.strip_prefix('?').unwrap_or(sas);
        if !sas.split('&').any(|part| part.starts_with("sig=")) {
            return Err(malformed(PART, "it has the parts of a query, one of them 'sig'"));
        }
        if sas.bytes().any(|byte| !byte.is_ascii_graphic() || byte == b'#') {
            return Err(malformed(PART, "it is URL-encoded"));
        }
        Ok(Self { endpoints, access: Access::Sas(Secret::new(sas)) })
    }

    /// An account with an identity of Entra ID. The endpoints must be `https`.
    pub fn entra(endpoints: Endpoints, credential: Credential) -> Result<Self, InvalidConnection> {
        endpoints.demand_https()?;
        Ok(Self { endpoints, access: Access::Entra(credential) })
    }
}

impl FromStr for Connection {
    type Err = InvalidConnection;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} by {}", self.endpoints, self.access)
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("endpoints", &self.endpoints)
            .field("access", &self.access)
            .finish()
    }
}

/// How requests are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How long making a connection may take. Then nothing was sent.
    pub connect_timeout: Duration,
    /// How long a request may take, its whole answer included. Then its outcome is not known.
    pub request_timeout: Duration,
    /// How many blobs stand on a page of a list, 1 to [`BLOBS_PER_PAGE`].
    pub blobs_per_page: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connect_timeout: CONNECT_TIMEOUT,
            request_timeout: REQUEST_TIMEOUT,
            blobs_per_page: BLOBS_PER_PAGE,
        }
    }
}

/// Why nothing can be connected. Nothing was sent. It names the part that is wrong, never what
/// stands there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidConnection {
    /// A part is missing.
    #[error("the connection needs {part}")]
    Missing {
        /// Which part.
        part: &'static str,
    },
    /// A part is there and wrong.
    #[error("{part} of the connection is wrong: {reason}")]
    Malformed {
        /// Which part.
        part: &'static str,
        /// What is expected of it.
        reason: &'static str,
    },
    /// The service takes no such name.
    #[error("the name of the {what} is wrong: {reason}")]
    Name {
        /// What is named.
        what: &'static str,
        /// What is expected of it.
        reason: &'static str,
    },
    /// The credential of Entra ID cannot be used here.
    #[error("the credential of Entra ID cannot be used: {reason}")]
    Credential {
        /// What is missing or wrong.
        reason: &'static str,
    },
    /// The HTTP client cannot be made.
    #[error("the HTTP client cannot be made; look at the system's certificates")]
    Client,
}

pub(crate) fn malformed(part: &'static str, reason: &'static str) -> InvalidConnection {
    InvalidConnection::Malformed { part, reason }
}
