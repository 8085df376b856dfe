//! A file that is damaged, cut off, foreign or not at rest, and a store that cannot take it: a clear error, and
//! nothing is imported in part.

use std::collections::BTreeMap;

use reenact::prelude::*;
use reenact::providers::{Provider, ProviderError};
use reenact::transfer::{self, ExportOptions, ImportOptions, Reader, TransferError};
use reenact::{Access, Error, InstanceFilter, PageRequest};
use serde_json::{Value, json};

use super::round_trip::{Numbers, fill, instance};
use super::scene::{Scratch, exported, host, imported};
use crate::kit::{guard, id};

/// An export of three instances.
async fn three() -> (Vec<u8>, BTreeMap<String, Vec<Vec<u8>>>) {
    let store = InMemory::new();
    let mut numbers = Numbers::new(3);
    for id in ["a", "b", "c"] {
        fill(&store, instance(id, 4, &mut numbers)).await.unwrap();
    }
    (exported(&store).await.0, contents(&store).await)
}

/// All turns of all instances.
async fn contents(store: &impl Provider) -> BTreeMap<String, Vec<Vec<u8>>> {
    let histories = store.histories();
    let page = PageRequest::new().limit(1_000);
    let page = histories.list(&InstanceFilter::new(), &page).await.unwrap();
    let mut found = BTreeMap::new();
    for summary in page.instances {
        let turns = histories.read(&summary.instance, summary.execution, 0, 10_000).await.unwrap();
        let turns = turns.turns.into_iter().map(|turn| turn.bytes.to_vec()).collect();
        found.insert(summary.instance.to_string(), turns);
    }
    found
}

/// Asserts that what came is whole, although not all came.
async fn is_whole_so_far(store: &InMemory, whole: &BTreeMap<String, Vec<Vec<u8>>>) {
    for (id, turns) in contents(store).await {
        assert!(whole[&id] == turns, "instance {id} is there in part");
    }
}

#[tokio::test]
async fn wherever_it_is_cut_off_nothing_is_there_in_part() {
    let (file, whole) = three().await;
    for end in (0..file.len()).step_by(37).chain([file.len() - 1]) {
        let store = InMemory::new();
        let refused = imported(&file[..end], &store).await.unwrap_err();
        let is_header_cut = end <= file.iter().position(|byte| *byte == b'\n').unwrap();
        match refused {
            TransferError::NotAnExport { .. } => assert!(is_header_cut),
            TransferError::Truncated { .. } => {}
            other => panic!("{other}"),
        }
        is_whole_so_far(&store, &whole).await;
        // The whole file goes on from there.
        imported(&file, &store).await.unwrap();
        assert!(contents(&store).await == whole);
    }
}

#[tokio::test]
async fn each_flipped_character_is_found_or_is_one_that_only_people_read() {
    let (file, whole) = three().await;
    let header = file.iter().position(|byte| *byte == b'\n').unwrap();
    for at in (header + 1..file.len()).step_by(13) {
        let mut flipped = file.clone();
        flipped[at] ^= 1;
        let store = InMemory::new();
        match imported(&flipped, &store).await {
            Ok(_) => assert!(contents(&store).await == whole),
            Err(TransferError::Damaged { line, .. }) => assert!(line > 1),
            Err(TransferError::Truncated { .. }) => {}
            Err(other) => panic!("{other}"),
        }
        is_whole_so_far(&store, &whole).await;
    }
}

#[tokio::test]
async fn lines_that_are_missing_doubled_or_out_of_order_are_found() {
    let (file, whole) = three().await;
    let lines: Vec<&[u8]> = file.split_inclusive(|byte| *byte == b'\n').collect();
    for at in 1..lines.len() {
        let (mut missing, mut doubled) = (lines.clone(), lines.clone());
        missing.remove(at);
        doubled.insert(at, lines[at]);
        for wrong in [missing, doubled] {
            let store = InMemory::new();
            let refused = imported(&wrong.concat(), &store).await.unwrap_err();
            let is_found =
                matches!(refused, TransferError::Damaged { .. } | TransferError::Truncated { .. });
            assert!(is_found, "{refused}");
            is_whole_so_far(&store, &whole).await;
        }
    }
}

#[tokio::test]
async fn something_else_is_no_export() {
    for file in [&b""[..], b"{}\n", b"[1]\n", b"\x7fELF\x02\x01\x01", b"id,name\n1,2\n"] {
        let store = InMemory::new();
        let refused = imported(file, &store).await.unwrap_err();
        assert!(matches!(refused, TransferError::NotAnExport { .. }), "{refused}");
    }
    let (file, _) = three().await;
    let text = String::from_utf8(file).unwrap();
    let newer = text.replacen("\"format\":1", "\"format\":2", 1);
    let refused = imported(newer.as_bytes(), &InMemory::new()).await.unwrap_err();
    assert!(matches!(refused, TransferError::NewerFormat { found: 2, supported: 1 }), "{refused}");
    let reader = Reader::new(text.as_bytes()).unwrap();
    assert_eq!((reader.header().instances, reader.header().at_rest), (3, true));
}

#[tokio::test]
async fn an_instance_that_is_there_and_is_another_is_left_as_it_is() {
    let (file, whole) = three().await;
    let store = InMemory::new();
    fill(&store, instance("b", 4, &mut Numbers::new(99))).await.unwrap();
    let before = contents(&store).await;
    let refused = imported(&file, &store).await.unwrap_err();
    assert!(matches!(&refused, TransferError::Exists { instance } if *instance == id("b")));
    assert_eq!(contents(&store).await["b"], before["b"]);
    assert_ne!(before["b"], whole["b"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_host_may_work_on_either_store() {
    let (file, _) = three().await;
    let (memory, _) = crate::kit::store();
    let running = guard(host(memory.clone()).start()).await.unwrap();
    let refused = imported(&file, &memory).await.unwrap_err();
    assert!(matches!(refused, TransferError::InUse { .. }), "{refused}");
    assert!(contents(&memory).await.is_empty());

    // What a host's own client exports is not at rest.
    let access = Access::from(running.client());
    let (mut live, options) = (Vec::new(), ExportOptions::new());
    let everything = InstanceFilter::new();
    transfer::export(&access, &everything, options, &mut live, |_| {}).await.unwrap();
    guard(running.shutdown()).await.unwrap();
    let refused = imported(&live, &memory).await.unwrap_err();
    assert!(matches!(refused, TransferError::NotAtRest), "{refused}");
    let options = ImportOptions::new().even_if_hosts_worked();
    transfer::import(&*live, &memory, options, |_| {}).await.unwrap();
    // The shards were given up.
    guard(guard(host(memory).start()).await.unwrap().shutdown()).await.unwrap();
}

#[tokio::test]
async fn a_store_that_is_only_read_takes_nothing() {
    let (file, _) = three().await;
    let scratch = Scratch::new();
    drop(Local::open(scratch.store()).unwrap());
    let reader = Local::open_read_only(scratch.store()).unwrap();
    let refused = imported(&file, &reader).await.unwrap_err();
    let TransferError::Store(Error::Store { source }) = &refused else { panic!("{refused}") };
    assert!(matches!(**source, ProviderError::ReadOnly { .. }), "{source}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_json_for_people_and_tools() {
    let (memory, _) = crate::kit::store();
    let running = guard(host(memory.clone()).start()).await.unwrap();
    running.start_new(super::scene::order, 500).id("order-7").await.unwrap();
    running.raise_event("order-7", "Go", "now").await.unwrap();
    guard(running.instance::<String>("order-7").result()).await.unwrap();
    guard(running.shutdown()).await.unwrap();
    let (file, exported) = exported(&memory).await;
    let lines: Vec<Value> = file
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect();
    assert_eq!(lines[0]["what"], "histories of reenact");
    assert_eq!(lines[0]["at_rest"], true);
    assert_eq!((&lines[1]["kind"], &lines[1]["id"]), (&json!("instance"), &json!("order-7")));
    assert_eq!(lines[1]["state"], "Completed");
    assert_eq!(lines[2]["kind"], "turn");
    assert_eq!(lines[2]["events"][0]["ExecutionStarted"]["input"], 500);
    let last = lines.last().unwrap();
    assert_eq!((&last["kind"], &last["checksum"]), (&json!("total"), &json!(exported.checksum)));

    // Progress is reported after each instance, in both directions.
    let (mut reported, mut small) = (Vec::new(), Vec::new());
    let access = Access::read_only(&memory);
    let options = ExportOptions::new().at_rest().readable(false);
    let everything = InstanceFilter::new();
    transfer::export(&access, &everything, options, &mut small, |progress| {
        reported.push(*progress)
    })
    .await
    .unwrap();
    assert_eq!((reported.len(), reported[0].instances, reported[0].of), (1, 1, Some(1)));
    assert!(small.len() < file.len());
    let mut reported = Vec::new();
    let into = InMemory::new();
    transfer::import(&*small, &into, ImportOptions::new(), |progress| reported.push(*progress))
        .await
        .unwrap();
    assert_eq!(reported.len(), 2, "it is written, and read back");
    assert!(contents(&into).await == contents(&memory).await);
}
