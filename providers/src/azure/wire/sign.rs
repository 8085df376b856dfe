//! The signature of a request under a shared key, as the service computes it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use reqwest::Url;
use reqwest::header::HeaderMap;
use sha2::Sha256;

use super::Call;
use crate::azure::connection::Key;

/// The headers whose values stand in what is signed, in this order, after the method.
const SIGNED_HEADERS: [&str; 11] = [
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
];

/// The signature, in base64.
pub(super) fn signature(call: &Call, account: &str, key: &Key) -> String {
    let text = string_to_sign(call, account);
    match Hmac::<Sha256>::new_from_slice(key.bytes()) {
        Ok(mut hmac) => {
            hmac.update(text.as_bytes());
            STANDARD.encode(hmac.finalize().into_bytes())
        }
        // HMAC takes keys of every length; without a signature the service refuses.
        Err(_) => String::new(),
    }
}

fn string_to_sign(call: &Call, account: &str) -> String {
    let mut text = call.method.as_str().to_owned();
    for name in SIGNED_HEADERS {
        text.push('\n');
        let value = value_of(&call.headers, name);
        // A length of zero is signed as none.
        if !(name == "content-length" && value == "0") {
            text.push_str(value);
        }
    }
    text.push('\n');
    text.push_str(&canonical_headers(&call.headers));
    text.push_str(&canonical_resource(&call.url, account));
    text
}

fn value_of<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Every `x-ms-` header, ordered by name, a line each.
fn canonical_headers(headers: &HeaderMap) -> String {
    let mut names: Vec<_> =
        headers.keys().map(|name| name.as_str()).filter(|name| name.starts_with("x-ms-")).collect();
    names.sort_unstable();
    names.iter().map(|name| format!("{name}:{}\n", value_of(headers, name).trim())).collect()
}

/// The account and the path as it is sent, then every parameter of the query, ordered by name. In
/// the emulator's URLs the path begins with the account, which so stands there twice.
fn canonical_resource(url: &Url, account: &str) -> String {
    let mut parameters: Vec<_> = url
        .query_pairs()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.into_owned()))
        .collect();
    parameters.sort_unstable();
    let mut text = format!("/{account}{}", url.path());
    let mut last = None;
    for (name, value) in &parameters {
        if last == Some(name) {
            text.push_str(&format!(",{value}"));
        } else {
            text.push_str(&format!("\n{name}:{value}"));
        }
        last = Some(name);
    }
    text
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use reqwest::Method;

    use super::*;

    fn call(method: Method, url: &str, headers: &[(&'static str, &str)]) -> Call {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect();
        Call { method, url: Url::parse(url).unwrap(), headers, body: Bytes::new() }
    }

    #[test]
    fn a_list_is_signed_as_the_services_documents_say() {
        let call = call(
            Method::GET,
            "https://myaccount.blob.core.windows.net/mycontainer?restype=container&comp=metadata",
            &[("x-ms-version", "2015-02-21"), ("x-ms-date", "Fri, 26 Jun 2015 23:39:12 GMT")],
        );
        assert_eq!(
            string_to_sign(&call, "myaccount"),
            "GET\n\n\n\n\n\n\n\n\n\n\n\n\
             x-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\nx-ms-version:2015-02-21\n\
             /myaccount/mycontainer\ncomp:metadata\nrestype:container"
        );
    }

    #[test]
    fn the_emulators_account_stands_twice_and_a_length_of_zero_is_none() {
        let call = call(
            Method::PUT,
            "http://127.0.0.1:10000/devstoreaccount1/hub/a%20b?comp=lease",
            &[("content-length", "0"), ("if-none-match", "*"), ("x-ms-b", "2"), ("x-ms-a", "1")],
        );
        assert_eq!(
            string_to_sign(&call, "devstoreaccount1"),
            "PUT\n\n\n\n\n\n\n\n\n*\n\n\nx-ms-a:1\nx-ms-b:2\n\
             /devstoreaccount1/devstoreaccount1/hub/a%20b\ncomp:lease"
        );
    }

    #[test]
    fn parameters_are_signed_decoded_in_order_and_together_when_of_one_name() {
        let url = "https://a.queue.core.windows.net/q?b=%2B%20x&A=2&a=1";
        let call = call(Method::GET, url, &[]);
        assert!(string_to_sign(&call, "a").ends_with("/a/q\na:1,2\nb:+ x"));
    }
}
