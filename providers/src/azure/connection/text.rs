//! Connection strings.

use std::collections::BTreeMap;

use super::{Connection, Endpoints, InvalidConnection, malformed};

/// What `UseDevelopmentStorage=true` stands for. The account and its key are the same in every
/// emulator and no secret.
const DEVELOPMENT: &str = "AccountName=devstoreaccount1;AccountKey=\
    Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;\
    BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1;\
    QueueEndpoint=http://127.0.0.1:10001/devstoreaccount1";

/// The domain of accounts when the string names none.
const DEFAULT_SUFFIX: &str = "core.windows.net";

pub(super) fn parse(text: &str) -> Result<Connection, InvalidConnection> {
    let parts = parts_of(text)?;
    match parts.get("UseDevelopmentStorage").map(String::as_str) {
        Some("true") => return connection(&parts_of(DEVELOPMENT)?),
        Some(_) => return Err(malformed("UseDevelopmentStorage", "it is 'true'")),
        None => {}
    }
    connection(&parts)
}

type Parts = BTreeMap<String, String>;

/// `Name=value` between semicolons. A value may have equals signs of its own.
fn parts_of(text: &str) -> Result<Parts, InvalidConnection> {
    let mut parts = Parts::new();
    for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        let (name, value) = part
            .split_once('=')
            .ok_or(malformed("the text", "each part is a name, an equals sign and a value"))?;
        parts.insert(name.trim().to_owned(), value.trim().to_owned());
    }
    Ok(parts)
}

fn connection(parts: &Parts) -> Result<Connection, InvalidConnection> {
    let endpoints = endpoints(parts)?;
    let part = |name| parts.get(name).map(String::as_str);
    match (part("SharedAccessSignature"), part("AccountKey")) {
        (Some(sas), None) => Connection::with_sas(endpoints, sas),
        (None, Some(key)) => {
            let account = part("AccountName");
            let account = account.ok_or(InvalidConnection::Missing { part: "AccountName" })?;
            Connection::with_key(endpoints, account, key)
        }
        (Some(_), Some(_)) => {
            Err(malformed("AccountKey", "a key or a shared access signature, not both"))
        }
        (None, None) => {
            Err(InvalidConnection::Missing { part: "AccountKey or SharedAccessSignature" })
        }
    }
}

fn endpoints(parts: &Parts) -> Result<Endpoints, InvalidConnection> {
    let part = |name| parts.get(name).map(String::as_str);
    match (part("BlobEndpoint"), part("QueueEndpoint")) {
        (Some(blob), Some(queue)) => Endpoints::urls(blob, queue),
        (Some(_), None) => Err(InvalidConnection::Missing { part: "QueueEndpoint" }),
        (None, Some(_)) => Err(InvalidConnection::Missing { part: "BlobEndpoint" }),
        (None, None) => {
            let account = part("AccountName")
                .ok_or(InvalidConnection::Missing { part: "AccountName or BlobEndpoint" })?;
            let scheme = part("DefaultEndpointsProtocol").unwrap_or("https");
            if !matches!(scheme, "http" | "https") {
                return Err(malformed("DefaultEndpointsProtocol", "it is 'https' or 'http'"));
            }
            Endpoints::in_cloud(scheme, account, part("EndpointSuffix").unwrap_or(DEFAULT_SUFFIX))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "c2VjcmV0LWNhbmFyeQ==";

    #[test]
    fn the_portals_string_is_understood() {
        let text = format!(
            "DefaultEndpointsProtocol=https;AccountName=shop;AccountKey={SECRET};\
             EndpointSuffix=core.windows.net"
        );
        let connection = parse(&text).unwrap();
        assert_eq!(
            connection.to_string(),
            "https://shop.blob.core.windows.net/ and https://shop.queue.core.windows.net/ \
             by the key of account shop"
        );
    }

    #[test]
    fn a_signature_with_equals_signs_is_taken_whole() {
        let text = "BlobEndpoint=https://a.blob.x/;QueueEndpoint=https://a.queue.x;\
                    SharedAccessSignature=sv=2024-11-04&ss=bq&sig=abc%3D";
        let connection = parse(text).unwrap();
        let super::super::Access::Sas(sas) = &connection.access else { panic!("{connection}") };
        assert_eq!(sas.expose(), "sv=2024-11-04&ss=bq&sig=abc%3D");
    }

    #[test]
    fn the_development_store_is_on_its_own_ports() {
        let connection = parse("UseDevelopmentStorage=true").unwrap();
        assert_eq!(connection.endpoints.blob().as_str(), "http://127.0.0.1:10000/devstoreaccount1");
        assert!(connection.endpoints.are_loopback());
    }

    #[test]
    fn a_missing_or_wrong_part_is_named_and_its_value_is_not() {
        let cases = [
            (format!("AccountKey={SECRET}"), "AccountName or BlobEndpoint"),
            ("AccountName=shop".to_owned(), "AccountKey or SharedAccessSignature"),
            ("AccountName=shop;AccountKey=c2Vjcm?canary".to_owned(), "AccountKey"),
            (format!("AccountName=sh/op;AccountKey={SECRET}"), "AccountName"),
            (format!("AccountName=a;AccountKey={SECRET};BlobEndpoint=https://b"), "QueueEndpoint"),
            (
                format!("AccountName=a;AccountKey={SECRET};DefaultEndpointsProtocol=ftp"),
                "DefaultEndpointsProtocol",
            ),
            ("AccountName=a;SharedAccessSignature=canary".to_owned(), "SharedAccessSignature"),
            (format!("AccountName=a;{SECRET}canary"), "AccountKey or SharedAccessSignature"),
            ("canary".to_owned(), "the text"),
            ("UseDevelopmentStorage=canary".to_owned(), "UseDevelopmentStorage"),
        ];
        for (text, part) in cases {
            let error = parse(&text).unwrap_err();
            let printed = format!("{error} {error:?}");
            assert!(printed.contains(part), "{text}: {printed}");
            assert!(!printed.contains("canary") && !printed.contains(SECRET), "{printed}");
        }
    }

    #[test]
    fn nothing_that_is_printed_of_a_connection_holds_the_secret() {
        let of_key = format!("AccountName=shop;AccountKey={SECRET}");
        let of_sas = format!("AccountName=shop;SharedAccessSignature=sv=1&sig={SECRET}");
        for text in [of_key, of_sas] {
            let connection = parse(&text).unwrap();
            let printed = format!("{connection} {connection:?} {connection:#?}");
            assert!(!printed.contains(SECRET) && !printed.contains("secret-canary"), "{printed}");
        }
    }
}
