//! The URLs of an account.

use std::fmt;

use reqwest::Url;

use super::{InvalidConnection, malformed};

/// The domain of accounts in the public cloud.
const PUBLIC_CLOUD: &str = "core.windows.net";

/// The URLs of the blobs and the queues of an account.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoints {
    blob: Url,
    queue: Url,
}

impl Endpoints {
    /// The endpoints of an account in the public cloud, by its name.
    pub fn of_account(name: &str) -> Result<Self, InvalidConnection> {
        Self::in_cloud("https", name, PUBLIC_CLOUD)
    }

    /// The endpoints by the URL of the account's blobs or queues, `https://NAME.blob.SUFFIX`: the other one is
    /// beside it.
    pub fn of_url(url: &str) -> Result<Self, InvalidConnection> {
        const PART: &str = "the account's URL";
        let url = service_url(PART, url)?;
        let host = url.host_str().unwrap_or_default();
        let parts = host.split_once('.').and_then(|(name, rest)| {
            let suffix = rest.strip_prefix("blob.").or_else(|| rest.strip_prefix("queue."))?;
            Some((name, suffix))
        });
        let Some((name, suffix)) = parts else {
            return Err(malformed(PART, "it names an account before '.blob.' or '.queue.'"));
        };
        Self::in_cloud(url.scheme(), name, suffix)
    }

    /// The URLs themselves, for a private endpoint or an emulator. Those of an emulator have the
    /// account's name as their path.
    pub fn urls(blob: &str, queue: &str) -> Result<Self, InvalidConnection> {
        let blob = service_url("BlobEndpoint", blob)?;
        Ok(Self { blob, queue: service_url("QueueEndpoint", queue)? })
    }

    pub(super) fn in_cloud(
        scheme: &str,
        account: &str,
        suffix: &str,
    ) -> Result<Self, InvalidConnection> {
        let named = !account.is_empty()
            && account.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !named {
            return Err(malformed("AccountName", "it consists of letters and digits"));
        }
        let url = |service| {
            let url = format!("{scheme}://{account}.{service}.{suffix}");
            service_url("EndpointSuffix", &url)
        };
        Ok(Self { blob: url("blob")?, queue: url("queue")? })
    }

    pub(super) fn demand_https(&self) -> Result<(), InvalidConnection> {
        for (part, url) in [("BlobEndpoint", &self.blob), ("QueueEndpoint", &self.queue)] {
            if url.scheme() != "https" {
                return Err(malformed(part, "a token of Entra ID is sent over https only"));
            }
        }
        Ok(())
    }

    /// The URL of the blobs, without a slash at its end.
    pub(crate) fn blob(&self) -> &Url {
        &self.blob
    }

    /// The URL of the queues, without a slash at its end.
    pub(crate) fn queue(&self) -> &Url {
        &self.queue
    }

    /// Whether both are on this machine.
    pub(crate) fn are_loopback(&self) -> bool {
        [&self.blob, &self.queue].iter().all(|url| {
            let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
            let address = host.parse::<std::net::IpAddr>();
            host == "localhost" || address.is_ok_and(|address| address.is_loopback())
        })
    }
}

/// An absolute URL that requests can be built on: no credentials, no query.
fn service_url(part: &'static str, text: &str) -> Result<Url, InvalidConnection> {
    let url = Url::parse(text).map_err(|_| malformed(part, "it is an absolute URL"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err(malformed(part, "it begins with http:// or https:// and a host"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(malformed(part, "it names nobody; the key or signature stands by itself"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(malformed(part, "it has no query; the signature stands by itself"));
    }
    let trimmed = url.as_str().trim_end_matches('/');
    Url::parse(trimmed).map_err(|_| malformed(part, "it is an absolute URL"))
}

impl fmt::Display for Endpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} and {}", self.blob, self.queue)
    }
}

impl fmt::Debug for Endpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoints")
            .field("blob", &self.blob.as_str())
            .field("queue", &self.queue.as_str())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_urls_of_an_account_stand_beside_each_other() {
        let of_name = Endpoints::of_account("shop").unwrap();
        assert_eq!(of_name.blob().as_str(), "https://shop.blob.core.windows.net/");
        assert_eq!(of_name.queue().as_str(), "https://shop.queue.core.windows.net/");
        for url in ["https://shop.blob.core.windows.net/", "https://shop.queue.core.windows.net"] {
            assert_eq!(Endpoints::of_url(url).unwrap(), of_name);
        }
        assert!(!of_name.are_loopback());
    }

    #[test]
    fn an_emulator_is_on_this_machine() {
        let blob = "http://127.0.0.1:10000/devstoreaccount1";
        for queue in ["http://[::1]:1/x", "http://localhost:2/x"] {
            assert!(Endpoints::urls(blob, queue).unwrap().are_loopback());
        }
        assert!(!Endpoints::urls(blob, "http://127.0.0.1.nip.io/x").unwrap().are_loopback());
    }

    #[test]
    fn a_url_holds_no_secret_and_no_query() {
        for url in ["ftp://a/b", "a/b", "https://u:p@a/b", "https://a/b?sig=x", "https://a#b"] {
            let error = Endpoints::urls(url, url).unwrap_err();
            assert!(
                matches!(error, InvalidConnection::Malformed { part: "BlobEndpoint", .. }),
                "{url}: {error}"
            );
        }
    }
}
