//! How results look: for people, for programs, in a pipe.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};

use crate::support::{on, program, ran, store};

const COLOUR: char = '\u{1b}';

#[tokio::test]
async fn a_table_in_a_pipe_has_no_colours_and_cuts_nothing() {
    let (_scratch, directory) = store().await;
    let table = on(&directory, &["list"]).await.fine();
    assert!(!table.contains(COLOUR) && !table.contains('…'), "{table}");
    let lines: Vec<_> = table.lines().collect();
    assert!(lines[0].starts_with("ID"), "{table}");
    assert_eq!(lines.len(), 5, "{table}");
    let at = lines[0].find("STATE").unwrap();
    assert!(lines[1..].iter().all(|line| line[at..].starts_with(char::is_alphabetic)), "{table}");
}

#[tokio::test]
async fn colours_can_be_asked_for_and_not_for_programs() {
    let (_scratch, directory) = store().await;
    let coloured = on(&directory, &["list", "--color", "always"]).await.fine();
    assert!(coloured.contains(COLOUR), "{coloured}");
    for form in ["--json", "--jsonl"] {
        let plain = on(&directory, &["list", form, "--color", "always"]).await.fine();
        assert!(!plain.contains(COLOUR), "{plain}");
    }
}

#[tokio::test]
async fn json_is_one_document_and_jsonl_is_lines() {
    let (_scratch, directory) = store().await;
    let page = on(&directory, &["list", "--json"]).await.json();
    assert_eq!(page["instances"].as_array().unwrap().len(), 4);
    assert_eq!(page["instances"][0]["id"], "ada");
    let lines = on(&directory, &["list", "--jsonl"]).await.fine();
    let ids: Vec<_> = lines
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["id"].clone())
        .collect();
    assert_eq!(ids.len(), 4);
    assert_eq!(ids[0], "ada");
    for command in [
        &["count", "--json"][..],
        &["count", "--by-state", "--json"],
        &["show", "bill", "--json"],
        &["show", "bill", "--failure", "--json"],
        &["show", "bill", "--tree", "--json"],
        &["history", "bill", "--json"],
        &["history", "order-1", "--state-after", "2", "--json"],
        &["timeline", "order-1", "--json"],
    ] {
        on(&directory, command).await.json();
    }
}

#[tokio::test]
async fn a_reader_that_goes_away_ends_it_quietly() {
    let (_scratch, directory) = store().await;
    let mut command = program(&["list", "--store"]);
    command.arg(&directory).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    assert_eq!(said.next_line().await.unwrap(), None);
    assert_eq!(child.wait().await.unwrap().code(), Some(0));
}

#[tokio::test]
async fn an_empty_list_says_so_beside_the_results() {
    let (_scratch, directory) = store().await;
    let listed = on(&directory, &["list", "--prefix", "nobody"]).await;
    assert!(listed.error.contains("no instance meets the conditions"), "{listed:?}");
    assert_eq!(listed.fine(), "");
    let quiet = on(&directory, &["list", "--prefix", "nobody", "--quiet"]).await;
    assert_eq!(quiet.error, "");
    let none = on(&directory, &["list", "--prefix", "nobody", "--json"]).await.json();
    assert_eq!(none["instances"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn no_color_is_obeyed_where_colours_are_automatic() {
    let (_scratch, directory) = store().await;
    let mut command = program(&["list", "--store"]);
    command.arg(&directory).env("NO_COLOR", "1").env("CLICOLOR_FORCE", "1");
    assert!(!ran(command).await.fine().contains(COLOUR));
}
