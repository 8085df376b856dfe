//! Arguments that make no sense end with code 2, and change nothing.

use crate::support::{Scratch, on, program, ran, run, store};

#[tokio::test]
async fn without_a_command_it_helps_and_is_misused() {
    let ran = run(&[]).await;
    assert_eq!(ran.code, 2);
    assert!(ran.error.contains("Usage: reenact"), "{}", ran.error);
}

#[tokio::test]
async fn help_is_short_or_has_examples_and_exit_codes() {
    let short = run(&["-h"]).await.fine();
    let long = run(&["--help"]).await.fine();
    assert!(!short.contains("Exit codes") && short.lines().count() < 60, "{short}");
    for part in ["Exit codes", "Examples", "REENACT_STORE", "--token-file"] {
        assert!(long.contains(part), "{part} is missing in {long}");
    }
    let of_command = run(&["list", "--help"]).await.fine();
    assert!(of_command.contains("reenact list --state parked,failed"), "{of_command}");
}

#[tokio::test]
async fn each_command_has_examples() {
    for command in [
        "list",
        "count",
        "show",
        "history",
        "timeline",
        "watch",
        "start",
        "raise",
        "cancel",
        "suspend",
        "resume",
        "terminate",
        "rewind",
        "fork",
        "purge",
        "quarantine",
        "export",
        "import",
        "verify",
        "console",
        "metrics",
        "doctor",
        "completions",
    ] {
        let help = run(&[command, "--help"]).await.fine();
        assert!(help.contains("Examples:"), "{command} has no examples");
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    for arguments in [
        &["lst"][..],
        &["list", "--state", "asleep"],
        &["list", "--created-after", "soon"],
        &["list", "--limit", "many"],
        &["list"],
        &["show", "--store", "x"],
        &["cancel", "--store", "x"],
        &["cancel", "a", "--state", "failed", "--store", "x"],
        &["watch", "--until-done", "--store", "x"],
        &["list", "--url", "ftp://localhost/"],
        &["list", "--azure", "env", "--hub", "orders"],
        &["list", "--azure", "not a connection string", "--hub", "orders"],
        &["start", "greet", "Ada", "--store", "x"],
        &["start", "greet", "--event", "Go", "--store", "x"],
    ] {
        let ran = run(arguments).await;
        assert_eq!(ran.code, 2, "{arguments:?}: {ran:?}");
        assert_eq!(ran.out, "", "{arguments:?}");
        assert!(!ran.error.is_empty(), "{arguments:?}");
    }
}

#[tokio::test]
async fn a_word_that_is_no_json_is_explained() {
    let error = run(&["raise", "a", "Go", "now", "--store", "x"]).await.refused(2);
    assert!(error.contains("'\"now\"'"), "{error}");
}

#[tokio::test]
async fn what_may_be_a_secret_is_not_printed() {
    let key = "AccountName=a;AccountKey=c2VjcmV0";
    for arguments in [&[key][..], &["list", key], &["list", "--azure", key, "--hub", "orders"]] {
        let ran = run(arguments).await;
        assert!(!ran.error.contains("c2VjcmV0") && !ran.out.contains("c2VjcmV0"), "{ran:?}");
        assert!(matches!(ran.code, 2 | 5), "{ran:?}");
    }
}

#[tokio::test]
async fn the_store_can_come_from_the_environment() {
    let (_scratch, directory) = store().await;
    let mut command = program(&["count"]);
    command.env("REENACT_STORE", &directory);
    assert_eq!(ran(command).await.fine(), "4\n");
}

#[tokio::test]
async fn what_is_no_store_is_not_made_into_one() {
    let scratch = Scratch::new();
    let missing = scratch.path("missing");
    for command in [&["list"][..], &["start", "greet", "\"Ada\""], &["doctor"]] {
        let error = on(&missing, command).await.refused(5);
        assert!(error.contains("missing"), "{error}");
        assert!(!missing.exists());
    }
    let other = scratch.path("other");
    std::fs::create_dir(&other).unwrap();
    std::fs::write(other.join("letter.txt"), "Dear").unwrap();
    on(&other, &["list"]).await.refused(5);
    assert_eq!(std::fs::read_dir(&other).unwrap().count(), 1, "something was written there");
}

#[tokio::test]
async fn completions_are_those_of_the_shell() {
    for (shell, part) in
        [("bash", "_reenact()"), ("zsh", "#compdef reenact"), ("fish", "complete -c reenact")]
    {
        let script = run(&["completions", shell]).await.fine();
        assert!(script.contains(part) && script.contains("created-after"), "{shell}");
    }
    assert_eq!(run(&["completions", "tcsh"]).await.code, 2);
}
