//! Shared access signatures, as the portal makes them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use reenact_providers::azure::connection::{Connection, Endpoints, Options};
use reenact_providers::azure::emulator::Emulator;
use reenact_providers::azure::port::{Metadata, Only};
use sha2::Sha256;

use crate::stage::{ADAPTERS, emulator, failure, lease, name_of, unique};

#[tokio::test]
async fn a_signature_for_the_account_allows_what_it_names() {
    for (_, connect) in ADAPTERS {
        let connection = signed(emulator().await, "rwdlacup");
        let port = connect(&connection, &unique("sas"), Options::default()).unwrap();
        port.create_container().await.unwrap();
        let name = "a/b c+d";
        port.put(name, b"bytes".to_vec(), &Metadata::new(), &Only::IfNew).await.unwrap();
        assert_eq!(port.get(name, 1, Some(2)).await.unwrap().bytes, b"yt");
        assert_eq!(port.list("a/b c+", None).await.unwrap().blobs.len(), 1);
        port.create_append_blob("log").await.unwrap();
        port.acquire_lease("log", &lease(1)).await.unwrap();
        port.append("log", b"block".to_vec(), 0, &lease(1)).await.unwrap();
        let queue = unique("sas");
        port.create_queue(&queue).await.unwrap();
        port.send(&queue, "text").await.unwrap();
        let minute = std::time::Duration::from_secs(60);
        let message = port.receive(&queue, 1, minute).await.unwrap().remove(0);
        let receipt = port.extend(&queue, &message.id, &message.receipt, minute).await.unwrap();
        port.remove(&queue, &message.id, &receipt).await.unwrap();
    }
}

#[tokio::test]
async fn what_a_signature_does_not_allow_is_denied() {
    for (_, connect) in ADAPTERS {
        let connection = signed(emulator().await, "l");
        let port = connect(&connection, &unique("sas"), Options::default()).unwrap();
        let denied = port.create_container().await.unwrap_err();
        assert_eq!(name_of(&denied.kind), "denied");
        assert_eq!(failure(port.send(&unique("sas"), "text").await), "denied");
    }
}

/// By the key of every emulator, for blobs and queues, until long after the test.
fn signed(emulator: &Emulator, permissions: &str) -> Connection {
    let text = emulator.connection_string();
    let part = |name: &str| {
        let parts = text.split(';').filter_map(|part| part.split_once('='));
        parts.into_iter().find(|(of, _)| *of == name).unwrap().1.to_owned()
    };
    let (version, services, types, expiry) = ("2021-12-02", "bq", "sco", "2099-01-01T00:00:00Z");
    let account = part("AccountName");
    let signed = format!(
        "{account}\n{permissions}\n{services}\n{types}\n\n{expiry}\n\nhttps,http\n{version}\n\n"
    );
    let key = STANDARD.decode(part("AccountKey")).unwrap();
    let mut hmac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    hmac.update(signed.as_bytes());
    let signature = STANDARD.encode(hmac.finalize().into_bytes());
    let signature = signature.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    let sas = format!(
        "?sv={version}&ss={services}&srt={types}&sp={permissions}&se={expiry}\
         &spr=https,http&sig={signature}"
    );
    let endpoints = Endpoints::urls(&part("BlobEndpoint"), &part("QueueEndpoint")).unwrap();
    Connection::with_sas(endpoints, &sas).unwrap()
}
