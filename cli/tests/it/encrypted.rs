//! A store that is encrypted, with and without its keys.

use std::path::Path;

use reenact::codec::{Compression, Encryption, Keys};
use reenact::prelude::*;
use reenact::{Encoded, HostOptions};

use crate::support::{Scratch, builder, on};

const KEYS: &str = "first 0101010101010101010101010101010101010101010101010101010101010101\n";

/// A host on an encrypted directory.
async fn host(directory: &Path, options: HostOptions) -> Host {
    let keys: Keys = KEYS.parse().unwrap();
    let store = Encoded::new(Local::open(directory).unwrap(), Encryption::new(keys));
    let store = Encoded::new(store, Compression::new());
    builder().provider(store).options(options).start().await.unwrap()
}

/// An encrypted store in which an order waits, and the file with its keys.
async fn encrypted_store(scratch: &Scratch) -> (std::path::PathBuf, String) {
    let directory = scratch.path("store");
    let host = host(&directory, HostOptions::new()).await;
    let start = host.start_new_by_name::<String>("order", "a very secret lamp").id("order-1");
    start.await.unwrap();
    host.shutdown().await.unwrap();
    let keys = scratch.path("keys");
    std::fs::write(&keys, KEYS).unwrap();
    (directory, keys.display().to_string())
}

#[tokio::test]
async fn with_its_keys_it_is_read_and_changed_and_the_host_reads_what_was_written() {
    let scratch = Scratch::new();
    let (directory, keys) = encrypted_store(&scratch).await;
    let history = on(&directory, &["history", "order-1", "--jsonl", "--keys", &keys]).await.fine();
    assert!(history.contains("a very secret lamp"), "{history}");
    on(&directory, &["raise", "order-1", "Approved", "true", "--keys", &keys]).await.fine();

    let host = host(&directory, HostOptions::new()).await;
    let result = host.instance::<String>("order-1").result().await.unwrap();
    assert_eq!(result, "a very secret lamp is reserved, approved: true");
    host.shutdown().await.unwrap();
    let healthy = on(&directory, &["doctor", "--keys", &keys]).await;
    assert!(!healthy.out.contains("encrypted"), "{healthy:?}");
}

#[tokio::test]
async fn without_them_it_is_listed_and_what_is_encrypted_says_what_is_needed() {
    let scratch = Scratch::new();
    let (directory, _) = encrypted_store(&scratch).await;
    let list = on(&directory, &["list"]).await.fine();
    assert!(list.contains("order-1"), "{list}");
    let refused = on(&directory, &["history", "order-1"]).await;
    assert_ne!(refused.code, 0, "{refused:?}");
    assert!(refused.error.contains("--keys FILE"), "{refused:?}");
    let found = on(&directory, &["doctor"]).await;
    assert_eq!(found.code, 1, "{found:?}");
    assert!(found.out.contains("order-1") && found.out.contains("--keys FILE"), "{found:?}");
}

#[tokio::test]
async fn a_file_that_has_no_keys_is_refused_and_not_shown() {
    let scratch = Scratch::new();
    let (directory, _) = encrypted_store(&scratch).await;
    let keys = scratch.path("wrong");
    std::fs::write(&keys, "first abc123\n").unwrap();
    let keys = keys.display().to_string();
    let error = on(&directory, &["show", "order-1", "--keys", &keys]).await.refused(2);
    assert!(error.contains("line 1 is no key") && !error.contains("abc123"), "{error}");
}
