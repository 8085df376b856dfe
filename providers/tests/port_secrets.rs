//! No secret of a connection is in a log, in an error or in debug output. This is a program of its own because it
//! listens to everything that is logged in its process.
#![allow(clippy::unwrap_used, reason = "in a test, an error that nobody expects is to panic")]

#[path = "port/listener.rs"]
mod listener;
#[allow(dead_code, reason = "each test program takes what it needs")]
#[path = "port/operations.rs"]
mod operations;
#[allow(dead_code, reason = "each test program takes what it needs")]
#[path = "port/stage.rs"]
mod stage;

use std::error::Error;
use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reenact_providers::azure::connection::{Connection, Credential, Endpoints, Options, Secret};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use operations::OPERATIONS;
use stage::{ADAPTERS, emulator, unique};

/// Stands in every secret, and nowhere else.
const CANARY: &str = "CANARY-27182818284";

/// What a service would have to be called not to be one.
const GARBAGE: &[u8] = b"HTTP/9.9 what? \r\n\x00\xff\xfe: \r\n\r\nnonsense";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_in_logs_errors_or_what_is_printed() {
    let heard = listener::listen();
    tracing::trace!("heard over tracing");
    log::trace!("heard over log");
    let dead = dead_port().await;
    let garbage = garbage_port().await;
    let emulator = emulator().await;
    let ports = [(dead, dead), (garbage, garbage), (emulator.blob_port(), emulator.queue_port())];
    let mut printed = String::new();
    for (blob, queue) in ports {
        for connection in connections(blob, queue) {
            use_it(&connection, &mut printed).await;
        }
    }
    let heard = heard.all();
    assert!(heard.contains("heard over tracing") && heard.contains("heard over log"));
    // The crates themselves were heard, down to the one that makes connections.
    assert!(heard.contains("hyper_util") && heard.contains("azure_core"), "{heard}");
    let printed = printed + &heard;
    for form in forms() {
        if let Some(place) = printed.find(&form) {
            let around = &printed[floor(&printed, place.saturating_sub(400))..place];
            panic!("a secret was printed as {form:?} after: {around}");
        }
    }
    // Nor what lets somebody else make the same request.
    assert!(!printed.contains("SharedKey devstoreaccount1:"), "a signature was printed");
}

/// Every kind of right, with a secret that the emulator does not take.
fn connections(blob: u16, queue: u16) -> Vec<Connection> {
    let url = |scheme: &str, port| format!("{scheme}://127.0.0.1:{port}/devstoreaccount1");
    let urls = |scheme| Endpoints::urls(&url(scheme, blob), &url(scheme, queue)).unwrap();
    let key = STANDARD.encode(CANARY);
    let sas = format!("sv=2021-12-02&ss=bq&srt=sco&sp=rwdlacup&se=2099-01-01&sig={CANARY}%2B%3D");
    let credential = Credential::ClientSecret {
        tenant: "00000000-0000-4000-8000-000000000000".to_owned(),
        client: "client".to_owned(),
        secret: Secret::new(format!("{CANARY}~+/=")),
        authority: Some(format!("https://127.0.0.1:{blob}/")),
    };
    vec![
        Connection::with_key(urls("http"), "devstoreaccount1", &key).unwrap(),
        Connection::with_sas(urls("http"), &sas).unwrap(),
        Connection::entra(urls("https"), credential).unwrap(),
    ]
}

/// All that can be done with it, and what is printed meanwhile.
async fn use_it(connection: &Connection, printed: &mut String) {
    writeln!(printed, "{connection} {connection:?} {connection:#?}").unwrap();
    for (_, connect) in ADAPTERS {
        let port = match connect(connection, &unique("secrets"), Options::default()) {
            Ok(port) => port,
            Err(error) => {
                writeln!(printed, "{error} {error:?}").unwrap();
                continue;
            }
        };
        writeln!(printed, "{port:?} {port:#?}").unwrap();
        for operation in OPERATIONS {
            let error = (operation.run)(&*port, "secrets").await.unwrap_err();
            writeln!(printed, "{error} {error:?} {error:#?}").unwrap();
            let mut source = error.source();
            while let Some(error) = source {
                writeln!(printed, "{error} {error:?}").unwrap();
                source = error.source();
            }
        }
    }
}

/// The canary as it may be written: plain, encoded, as numbers.
fn forms() -> Vec<String> {
    let bytes = CANARY.as_bytes();
    let numbers = bytes.iter().map(|byte| byte.to_string()).collect::<Vec<_>>();
    let hex = bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut forms = vec![
        CANARY.to_owned(),
        CANARY.to_lowercase(),
        CANARY.replace('-', "%2D"),
        numbers.join(", "),
        // One on each line, as `{:#?}` writes a list.
        numbers[..6].join(",\n"),
        hex.to_uppercase(),
        hex,
    ];
    // In base64 at each of its three places; without the ends, in which the neighbours have a part.
    for before in ["", "x", "xy"] {
        for engine in [&STANDARD, &URL_SAFE_NO_PAD] {
            let encoded = engine.encode(format!("{before}{CANARY}"));
            forms.push(encoded[4..encoded.len() - 4].to_owned());
        }
    }
    forms
}

async fn dead_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

/// Something that is no service and answers everything.
async fn garbage_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = vec![0; 64 * 1024];
                // Whether it still receives anything does not matter.
                let _ = client.read(&mut request).await;
                let _ = client.write_all(GARBAGE).await;
            });
        }
    });
    port
}

fn floor(text: &str, mut place: usize) -> usize {
    while !text.is_char_boundary(place) {
        place -= 1;
    }
    place
}
