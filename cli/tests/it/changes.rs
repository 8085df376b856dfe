//! What changes something, on a store without a host.

use crate::support::{host, on, store};

#[tokio::test]
async fn an_event_reaches_the_instance_when_a_host_runs() {
    let (_scratch, directory) = store().await;
    let raised = on(&directory, &["raise", "order-1", "Approved", "true"]).await.fine();
    assert!(raised.contains("Approved"), "{raised}");
    let host = host(&directory).await;
    let result: String = host.client().instance("order-1").result().await.unwrap();
    assert!(result.ends_with("approved: true"), "{result}");
    host.shutdown().await.unwrap();
}

#[tokio::test]
async fn what_is_started_without_a_host_begins_when_one_with_its_code_starts() {
    let (_scratch, directory) = store().await;
    let started = on(&directory, &["start", "greet", "\"Eve\"", "--id", "eve"]).await;
    assert!(started.error.contains("begins when a host with `greet` starts"), "{started:?}");
    assert_eq!(started.fine(), "eve\n");
    on(&directory, &["start", "greet", "\"Eve\"", "--id", "eve"]).await.refused(4);
    let shown = on(&directory, &["show", "eve"]).await.fine();
    let words: Vec<_> = shown.split_whitespace().collect();
    assert!(words.join(" ").contains("it goes on when one with its code starts"), "{shown}");
    // Nobody checks the input before.
    on(&directory, &["start", "greet", "7", "--id", "wrong"]).await.fine();
    let error = on(&directory, &["start", "greet", "\"Eve\"", "--wait"]).await.refused(4);
    assert!(error.contains("no host runs"), "{error}");
    assert_eq!(on(&directory, &["count"]).await.fine(), "6\n");
    let host = host(&directory).await;
    let greeted: String = host.client().instance("eve").result().await.unwrap();
    assert!(greeted.contains("Eve"), "{greeted}");
    let wrong = host.client().instance::<String>("wrong").result().await.unwrap_err();
    assert!(matches!(wrong, reenact::Error::Failed { .. }), "{wrong}");
    host.shutdown().await.unwrap();
}

#[tokio::test]
async fn one_instance_is_changed_without_a_question() {
    let (_scratch, directory) = store().await;
    on(&directory, &["suspend", "order-1", "--reason", "stock is counted"]).await.fine();
    let shown = on(&directory, &["show", "order-1"]).await.fine();
    assert!(shown.contains("suspended") && shown.contains("stock is counted"), "{shown}");
    on(&directory, &["resume", "order-1"]).await.fine();
    let shown = on(&directory, &["show", "order-1"]).await.fine();
    let sentences: Vec<_> = shown.split_whitespace().collect();
    let sentences = sentences.join(" ");
    assert!(sentences.contains("it goes on when one with its code starts"), "{shown}");
}

#[tokio::test]
async fn what_is_hard_to_undo_needs_a_yes_in_a_pipe() {
    let (_scratch, directory) = store().await;
    for command in [
        &["purge", "ada"][..],
        &["terminate", "order-1"],
        &["rewind", "bill", "--to", "1"],
        &["fork", "bill", "bill-2"],
        &["cancel", "order-1", "ada"],
        &["purge", "--state", "completed"],
        &["suspend", "--name", "order"],
    ] {
        let error = on(&directory, command).await.refused(4);
        assert!(error.contains("--yes"), "{command:?}: {error}");
    }
    let count = on(&directory, &["count", "--by-state", "--json"]).await.json();
    assert_eq!(count["total"], 4);
}

#[tokio::test]
async fn a_directory_has_no_quarantine() {
    let (_scratch, directory) = store().await;
    for command in [&["quarantine"][..], &["quarantine", "discard", "1", "--yes"]] {
        let error = on(&directory, command).await.refused(4);
        assert!(error.contains("only a hub"), "{error}");
    }
}

#[tokio::test]
async fn with_a_yes_it_is_done() {
    let (_scratch, directory) = store().await;
    on(&directory, &["terminate", "order-1", "--reason", "lost", "--yes"]).await.fine();
    let purged =
        on(&directory, &["purge", "--state", "completed,terminated", "--yes"]).await.fine();
    assert!(purged.contains("purged 2 instances"), "{purged}");
    assert_eq!(on(&directory, &["count"]).await.fine(), "2\n");
    let none = on(&directory, &["purge", "--state", "completed", "--yes", "--json"]).await.json();
    assert_eq!(none["done"], 0);
}

#[tokio::test]
async fn a_finished_instance_refuses_what_it_cannot_take() {
    let (_scratch, directory) = store().await;
    on(&directory, &["raise", "ada", "Go"]).await.refused(4);
    on(&directory, &["cancel", "ada"]).await.refused(4);
    on(&directory, &["purge", "order-1", "--yes"]).await.refused(4);
    on(&directory, &["cancel", "nobody"]).await.refused(3);
    on(&directory, &["rewind", "bill", "--to", "999", "--yes"]).await.refused(2);
}

#[tokio::test]
async fn a_fork_is_made_where_no_host_runs_and_the_other_one_stays() {
    let (_scratch, directory) = store().await;
    let before = on(&directory, &["history", "order-1", "--json"]).await.json();
    let forked =
        on(&directory, &["fork", "order-1", "order-1b", "-r", "what if", "--yes"]).await.fine();
    assert!(forked.contains("forked as order-1b"), "{forked}");
    let shown = on(&directory, &["show", "order-1b"]).await.fine();
    assert!(shown.contains("fork of") && shown.contains("what if"), "{shown}");
    assert_eq!(on(&directory, &["history", "order-1", "--json"]).await.json(), before);
    on(&directory, &["fork", "order-1", "order-1b", "--yes"]).await.refused(4);
    on(&directory, &["fork", "order-1", "order-1b", "--attach", "--yes"]).await.fine();
    on(&directory, &["fork", "nobody", "order-2", "--yes"]).await.refused(3);
    on(&directory, &["fork", "order-1", "order-2", "--before", "999", "--yes"]).await.refused(2);
}

#[tokio::test]
async fn of_several_the_others_are_done_when_one_is_refused() {
    let (_scratch, directory) = store().await;
    let ran = on(&directory, &["cancel", "ada", "order-1", "--yes"]).await;
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.out.contains("order-1") && ran.error.contains("ada"), "{ran:?}");
}
