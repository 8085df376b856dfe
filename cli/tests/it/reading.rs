//! What only reads, on a store without a host.

use crate::support::{on, store};

#[tokio::test]
async fn a_list_has_pages_and_conditions() {
    let (_scratch, directory) = store().await;
    let first = on(&directory, &["list", "--limit", "2"]).await;
    assert!(first.error.contains("--after"), "{first:?}");
    assert_eq!(first.fine().lines().count(), 3);
    let next = on(&directory, &["list", "--after", "bill", "--jsonl"]).await.fine();
    assert!(!next.contains("\"ada\""), "{next}");
    let failed = on(&directory, &["list", "--state", "failed", "--name", "purchase"]).await.fine();
    assert_eq!(failed.lines().count(), 2, "{failed}");
    let new = on(&directory, &["count", "--created-after", "1h", "--prefix", "order"]).await;
    assert_eq!(new.fine(), "1\n");
    let old = on(&directory, &["count", "--created-before", "2020-01-01"]).await;
    assert_eq!(old.fine(), "0\n");
}

#[tokio::test]
async fn counts_are_by_state_too() {
    let (_scratch, directory) = store().await;
    let by_name = on(&directory, &["count", "--by-name"]).await.fine();
    assert!(
        by_name.lines().any(|line| line.starts_with("payment") && line.contains("1 failed")),
        "{by_name}"
    );
    let of_one = on(&directory, &["count", "--by-state", "--name", "order", "--json"]).await.json();
    assert_eq!(of_one["total"], 1);
    let table = on(&directory, &["count", "--by-state"]).await.fine();
    for part in ["running", "completed", "failed", "all"] {
        assert!(table.contains(part), "{table}");
    }
}

#[tokio::test]
async fn an_instance_says_why_it_waits() {
    let (_scratch, directory) = store().await;
    let shown = on(&directory, &["show", "order-1"]).await.fine();
    assert!(shown.contains("running") && shown.contains("order"), "{shown}");
    assert!(shown.contains("for the event Approved"), "{shown}");
}

#[tokio::test]
async fn a_failure_is_followed_down_to_its_cause() {
    let (_scratch, directory) = store().await;
    let shown = on(&directory, &["show", "bill"]).await.fine();
    assert!(shown.contains("failed"), "{shown}");
    let chain = on(&directory, &["show", "bill", "--failure"]).await.fine();
    assert!(chain.contains("purchase") && chain.contains("payment"), "{chain}");
    assert!(chain.contains("the card is declined"), "{chain}");
    let none = on(&directory, &["show", "ada", "--failure"]).await;
    assert_eq!(none.code, 0, "{none:?}");
}

#[tokio::test]
async fn a_tree_has_the_children_with_their_states() {
    let (_scratch, directory) = store().await;
    let tree = on(&directory, &["show", "bill", "--tree"]).await.fine();
    let lines: Vec<_> = tree.lines().collect();
    assert!(lines[0].starts_with("bill") && lines[1].contains("payment"), "{tree}");
    assert!(lines[1].contains("failed"), "{tree}");
}

#[tokio::test]
async fn a_history_has_each_event_in_order() {
    let (_scratch, directory) = store().await;
    let history = on(&directory, &["history", "order-1"]).await.fine();
    for part in ["task_scheduled", "reserve", "task_completed", "Approved"] {
        assert!(history.contains(part), "{part} is missing in {history}");
    }
    assert!(!history.contains("a chair is reserved"), "{history}");
    let with = on(&directory, &["history", "order-1", "--payloads"]).await.fine();
    assert!(with.contains("a chair is reserved"), "{with}");
    let some = on(&directory, &["history", "order-1", "--limit", "2", "--jsonl"]).await.fine();
    assert_eq!(some.lines().count(), 2, "{some}");
}

#[tokio::test]
async fn the_state_after_an_event_is_what_was_open_then() {
    let (_scratch, directory) = store().await;
    let then = on(&directory, &["history", "order-1", "--state-after", "1"]).await.fine();
    assert!(then.contains("reserve"), "{then}");
    let later = on(&directory, &["history", "order-1", "--state-after", "999"]).await;
    assert!(matches!(later.code, 2 | 3), "{later:?}");
}

#[tokio::test]
async fn a_timeline_has_a_line_for_each_thing() {
    let (_scratch, directory) = store().await;
    let drawn = on(&directory, &["timeline", "order-1"]).await.fine();
    assert!(drawn.contains("reserve") && drawn.contains("Approved"), "{drawn}");
}

#[tokio::test]
async fn an_unknown_id_is_not_found() {
    let (_scratch, directory) = store().await;
    for command in [
        &["show", "nobody"][..],
        &["show", "nobody", "--tree"],
        &["show", "nobody", "--failure"],
        &["history", "nobody"],
        &["timeline", "nobody"],
    ] {
        let error = on(&directory, command).await.refused(3);
        assert!(error.contains("nobody"), "{command:?}: {error}");
    }
    on(&directory, &["show", "a\nb"]).await.refused(2);
}

#[tokio::test]
async fn reading_leaves_the_store_as_it_was() {
    let (_scratch, directory) = store().await;
    let files = || {
        let entries = std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = entries.map(|path| (std::fs::read(&path).ok(), path)).collect();
        files.sort();
        files
    };
    let before = files();
    on(&directory, &["list"]).await.fine();
    on(&directory, &["history", "bill"]).await.fine();
    assert!(before == files(), "a file has changed");
}
