//! Cases of containers and blobs.

use reenact_providers::azure::port::{Etag, Metadata, Only};

use crate::stage::{Stage, failure, unmet};

pub(crate) async fn a_container_is_made_once(stage: &Stage) {
    assert_eq!(failure(stage.port.create_container().await), "exists");
}

pub(crate) async fn nothing_can_be_done_in_a_container_that_is_not_there(stage: &Stage) {
    let nowhere = &stage.nowhere;
    assert_eq!(failure(nowhere.list("", None).await), "not found");
    assert_eq!(failure(nowhere.get("a", 0, None).await), "not found");
    let put = nowhere.put("a", vec![1], &Metadata::new(), &Only::Always).await;
    assert_eq!(failure(put), "not found");
    assert_eq!(failure(nowhere.create_append_blob("a").await), "not found");
    assert_eq!(failure(nowhere.delete("a").await), "not found");
}

pub(crate) async fn what_was_put_is_read(stage: &Stage) {
    let bytes: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    put(stage, "a", &bytes, &Only::Always).await;
    assert_eq!(read(stage, 0, None).await, bytes);
}

pub(crate) async fn a_range_is_read(stage: &Stage) {
    put(stage, "a", b"0123456789", &Only::Always).await;
    assert_eq!(read(stage, 3, Some(4)).await, b"3456");
    assert_eq!(read(stage, 3, None).await, b"3456789");
    assert_eq!(read(stage, 8, Some(4)).await, b"89");
    assert_eq!(read(stage, 3, Some(0)).await, b"");
    assert_eq!(read(stage, 0, Some(u64::MAX)).await, b"0123456789");
}

pub(crate) async fn a_read_at_or_after_the_end_gives_nothing(stage: &Stage) {
    put(stage, "a", b"0123456789", &Only::Always).await;
    for from in [10, 11, 1_000_000] {
        for length in [None, Some(0), Some(1), Some(1_000_000)] {
            let got = stage.port.get("a", from, length).await.unwrap();
            assert_eq!(got.bytes, b"", "{from} {length:?}");
            assert_eq!(got.etag, None, "{from} {length:?}");
        }
    }
}

pub(crate) async fn an_empty_blob_is_read_as_nothing(stage: &Stage) {
    put(stage, "a", b"", &Only::IfNew).await;
    assert_eq!(read(stage, 0, None).await, b"");
    assert_eq!(read(stage, 0, Some(1)).await, b"");
}

pub(crate) async fn what_is_read_says_which_version_it_is(stage: &Stage) {
    let etag = put(stage, "a", b"0123456789", &Only::Always).await;
    assert_eq!(stage.port.get("a", 0, None).await.unwrap().etag, Some(etag.clone()));
    assert_eq!(stage.port.get("a", 4, Some(2)).await.unwrap().etag, Some(etag));
}

pub(crate) async fn a_blob_that_is_not_there_is_not_found(stage: &Stage) {
    assert_eq!(failure(stage.port.get("a", 0, None).await), "not found");
    assert_eq!(failure(stage.port.get("a", 5, Some(5)).await), "not found");
    assert_eq!(failure(stage.port.delete("a").await), "not found");
}

pub(crate) async fn a_new_blob_is_put_once(stage: &Stage) {
    put(stage, "a", b"first", &Only::IfNew).await;
    let second = stage.port.put("a", b"second".to_vec(), &Metadata::new(), &Only::IfNew).await;
    assert_eq!(failure(second), "exists");
    assert_eq!(read(stage, 0, None).await, b"first");
}

pub(crate) async fn a_put_under_a_version_replaces_that_version_only(stage: &Stage) {
    let first = put(stage, "a", b"first", &Only::IfNew).await;
    let second = put(stage, "a", b"second", &Only::IfMatch(first.clone())).await;
    assert_ne!(first, second);
    let only = Only::IfMatch(first);
    let third = stage.port.put("a", b"third".to_vec(), &Metadata::new(), &only).await;
    assert_eq!(unmet(third), "ConditionNotMet");
    assert_eq!(read(stage, 0, None).await, b"second");
}

pub(crate) async fn a_put_under_a_version_needs_the_blob(stage: &Stage) {
    let version = put(stage, "a", b"first", &Only::IfNew).await;
    stage.port.delete("a").await.unwrap();
    let only = Only::IfMatch(version);
    let put = stage.port.put("a", b"second".to_vec(), &Metadata::new(), &only).await;
    assert_eq!(unmet(put), "ConditionNotMet");
}

pub(crate) async fn a_list_tells_names_sizes_versions_and_metadata(stage: &Stage) {
    let metadata = Metadata::from([
        ("epoch".to_owned(), "7".to_owned()),
        ("owner".to_owned(), "host 1, <&> \"x\"".to_owned()),
    ]);
    let put = stage.port.put("a", b"first".to_vec(), &metadata, &Only::IfNew);
    let etag = put.await.unwrap();
    stage.port.create_append_blob("b").await.unwrap();
    let page = stage.port.list("", None).await.unwrap();
    let [first, second] = &page.blobs[..] else { panic!("{page:?}") };
    assert_eq!((first.name.as_str(), first.size), ("a", 5));
    assert_eq!((second.name.as_str(), second.size), ("b", 0));
    assert_eq!(first.metadata, metadata);
    assert_eq!(second.metadata, Metadata::new());
    // What the list tells is good for a condition.
    assert_eq!(first.etag, etag);
    let only = Only::IfMatch(first.etag.clone());
    stage.port.put("a", b"second".to_vec(), &Metadata::new(), &only).await.unwrap();
    assert_eq!(stage.port.list("a", None).await.unwrap().blobs[0].metadata, Metadata::new());
}

pub(crate) async fn a_list_goes_by_prefix_and_name(stage: &Stage) {
    for name in ["log/2", "log/10", "logs", "log/1", "lo"] {
        put(stage, name, b"x", &Only::IfNew).await;
    }
    assert_eq!(names(stage, "log/").await, ["log/1", "log/10", "log/2"]);
    assert_eq!(names(stage, "").await, ["lo", "log/1", "log/10", "log/2", "logs"]);
    assert_eq!(names(stage, "x").await, [""; 0]);
}

pub(crate) async fn a_long_list_comes_in_pages(stage: &Stage) {
    let expected: Vec<_> = (0..205).map(|number| format!("b{number:03}")).collect();
    for name in &expected {
        put(stage, name, b"x", &Only::IfNew).await;
    }
    let (mut found, mut sizes, mut marker) = (Vec::new(), Vec::new(), None);
    loop {
        let page = stage.port.list("b", marker.as_deref()).await.unwrap();
        sizes.push(page.blobs.len());
        found.extend(page.blobs.into_iter().map(|blob| blob.name));
        match page.next {
            Some(next) => marker = Some(next),
            None => break,
        }
    }
    assert_eq!(sizes, [100, 100, 5]);
    assert_eq!(found, expected);
}

pub(crate) async fn an_empty_list_has_no_next_page(stage: &Stage) {
    let page = stage.port.list("", None).await.unwrap();
    assert_eq!((page.blobs.len(), page.next), (0, None));
}

pub(crate) async fn a_deleted_blob_is_gone(stage: &Stage) {
    put(stage, "a", b"first", &Only::IfNew).await;
    stage.port.delete("a").await.unwrap();
    assert_eq!(failure(stage.port.delete("a").await), "not found");
    assert_eq!(names(stage, "").await, [""; 0]);
    put(stage, "a", b"second", &Only::IfNew).await;
}

pub(crate) async fn names_with_folders_and_strange_characters_are_kept(stage: &Stage) {
    for name in ["a/b/c", "a b", "a%20b", "a+b", "a?b=c&d", "a#b", "ä~!'()*", "x:y;z,@$"] {
        put(stage, name, name.as_bytes(), &Only::IfNew).await;
        assert_eq!(stage.port.get(name, 0, None).await.unwrap().bytes, name.as_bytes(), "{name}");
        assert_eq!(names(stage, name).await, [name]);
        stage.port.delete(name).await.unwrap();
    }
}

async fn put(stage: &Stage, name: &str, bytes: &[u8], only: &Only) -> Etag {
    stage.port.put(name, bytes.to_vec(), &Metadata::new(), only).await.unwrap()
}

/// Of the blob `a`.
async fn read(stage: &Stage, from: u64, length: Option<u64>) -> Vec<u8> {
    stage.port.get("a", from, length).await.unwrap().bytes
}

async fn names(stage: &Stage, prefix: &str) -> Vec<String> {
    let page = stage.port.list(prefix, None).await.unwrap();
    page.blobs.into_iter().map(|blob| blob.name).collect()
}
