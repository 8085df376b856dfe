//! `stream`: the items of an instance, with a host and without one.

use std::process::Stdio;

use reenact::console::{Console, ConsoleOptions};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::support::{Scratch, host, on, program, until_free};

#[tokio::test(flavor = "multi_thread")]
async fn items_are_shown_in_part_or_whole_and_followed_to_the_end() {
    let scratch = Scratch::new();
    let directory = scratch.path("speeches");
    let host = host(&directory).await;
    let options = ConsoleOptions::new().announce_in(&directory);
    let console = Console::serve(host.client(), "127.0.0.1:0", options).await.unwrap();
    on(&directory, &["start", "speech", "3", "--id", "s"]).await.fine();

    let all = on(&directory, &["stream", "s", "words"]).await.fine();
    assert_eq!(all, "       0  word 0\n       1  word 1\n       2  word 2\n");
    let part = on(&directory, &["stream", "s", "words", "--from", "1", "--limit", "1"]).await;
    assert_eq!(part.fine(), "       1  word 1\n");
    let numbers = on(&directory, &["stream", "s", "other"]).await.fine();
    assert_eq!(numbers, "       0  3\n");
    let document = on(&directory, &["stream", "s", "words", "--json"]).await.json();
    assert_eq!(document["items"].as_array().map(Vec::len), Some(3));
    assert_eq!((&document["items"][2]["value"], &document["next"]), (&json!("word 2"), &json!(3)));

    // Followed, the last item comes with the end.
    let store = directory.to_str().unwrap();
    let mut follows = program(&["stream", "s", "words", "--follow", "--jsonl", "--store", store])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(follows.stdout.take().unwrap()).lines();
    let mut item = async || -> Value {
        serde_json::from_str(&lines.next_line().await.unwrap().expect("an item")).unwrap()
    };
    for offset in 0..3 {
        assert_eq!(item().await["offset"], offset);
    }
    on(&directory, &["raise", "s", "Go"]).await.fine();
    let last = item().await;
    assert_eq!((&last["offset"], &last["value"]), (&json!(3), &json!("the end")));
    assert!(follows.wait().await.unwrap().success(), "it ends with the instance");

    on(&directory, &["stream", "nobody", "words"]).await.refused(3);
    // Nothing is there yet from an offset that is still to come.
    assert_eq!(on(&directory, &["stream", "s", "words", "--from", "9"]).await.fine(), "");
    console.shutdown().await;
    host.shutdown().await.unwrap();

    // Without a host the items are read from the store, and nothing more comes.
    until_free(&directory).await;
    let read = on(&directory, &["stream", "s", "words"]).await.fine();
    assert_eq!(read.lines().last(), Some("       3  the end"));
}
