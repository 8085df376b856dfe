//! While a host runs: its console is found, and asked; a directory is never taken from it.

use std::path::Path;

use reenact::console::{Console, ConsoleOptions, Token};

use crate::support::{Scratch, fill, host, on, program, ran, run, until_free};

async fn serve(host: &reenact::Host, options: ConsoleOptions) -> Console {
    Console::serve(host.client(), "127.0.0.1:0", options).await.unwrap()
}

fn with_file(directory: &Path) -> ConsoleOptions {
    ConsoleOptions::new().announce_in(directory)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_without_a_console_keeps_its_directory() {
    let scratch = Scratch::new();
    let directory = scratch.path("orders");
    let host = host(&directory).await;
    for command in [&["list"][..], &["raise", "a", "Go"], &["doctor"]] {
        let error = on(&directory, command).await.refused(5);
        let process = format!("process {}", std::process::id());
        assert!(error.contains(&process) && error.contains("console"), "{error}");
    }
    host.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_console_of_a_host_is_found_in_its_directory() {
    let scratch = Scratch::new();
    let directory = scratch.path("orders");
    let host = host(&directory).await;
    fill(&host).await;
    let console = serve(&host, with_file(&directory)).await;
    assert_eq!(on(&directory, &["count"]).await.fine(), "4\n");
    on(&directory, &["raise", "order-1", "Approved", "true"]).await.fine();
    let result: String = host.client().instance("order-1").result().await.unwrap();
    assert!(result.ends_with("approved: true"));
    let started = on(&directory, &["start", "greet", "\"Eve\"", "--wait"]).await.fine();
    assert!(started.contains("Hello, Eve!"), "{started}");
    let eve = &["start", "greet", "\"Eve\"", "--id", "eve"];
    let with = |options: &[&'static str]| [&eve[..], options].concat();
    on(&directory, &with(&["--wait", "--timeout", "1h", "--total-timeout", "2d"])).await.fine();
    on(&directory, &with(&[])).await.refused(4);
    on(&directory, &with(&["--replace", "failed,cancelled"])).await.refused(4);
    for options in [&["--attach"][..], &["--replace", "completed"]] {
        assert_eq!(on(&directory, &with(options)).await.fine(), "eve\n");
    }
    on(&directory, &["start", "greet", "\"Eve\"", "--attach"]).await.refused(2);
    on(&directory, &with(&["--timeout", "0s", "--attach"])).await.refused(2);
    console.shutdown().await;
    host.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_leads_nowhere_is_reported_and_passed_over() {
    let scratch = Scratch::new();
    let directory = scratch.path("orders");
    let host = host(&directory).await;
    fill(&host).await;
    host.shutdown().await.unwrap();
    until_free(&directory).await;
    for text in [
        r#"{"address":"http://127.0.0.1:1/","token":"0123456789abcdef","pid":1,"version":"0"}"#,
        "{",
    ] {
        std::fs::write(directory.join("console.json"), text).unwrap();
        let counted = on(&directory, &["count"]).await;
        assert!(counted.error.contains("console.json"), "{counted:?}");
        assert_eq!(counted.fine(), "4\n");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_needed_where_the_console_wants_one() {
    let scratch = Scratch::new();
    let host = host(&scratch.path("orders")).await;
    let token = "a-token-that-nobody-guesses";
    let options = ConsoleOptions::new().token(Token::new(token).unwrap());
    let console = serve(&host, options).await;
    let address = format!("http://{}", console.local_addr());
    let asked = ["count", "--url", &address];

    let error = run(&asked).await.refused(4);
    assert!(error.contains("REENACT_TOKEN"), "{error}");
    let mut wrong = program(&asked);
    wrong.env("REENACT_TOKEN", "another-token-than-that");
    ran(wrong).await.refused(4);
    let mut right = program(&asked);
    right.env("REENACT_TOKEN", token);
    assert_eq!(ran(right).await.fine(), "0\n");

    let file = scratch.path("token");
    std::fs::write(&file, format!("{token}\n")).unwrap();
    let file = file.to_str().unwrap();
    assert_eq!(run(&["count", "--url", &address, "--token-file", file]).await.fine(), "0\n");
    run(&["count", "--url", &address, "--token-file", "no-such-file"]).await.refused(2);
    console.shutdown().await;
    host.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_where_nothing_answers_is_unreachable() {
    let error = run(&["list", "--url", "http://127.0.0.1:1/admin"]).await.refused(5);
    assert!(error.contains("127.0.0.1:1"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_console_that_only_reads_refuses_changes() {
    let scratch = Scratch::new();
    let host = host(&scratch.path("orders")).await;
    let console = serve(&host, ConsoleOptions::new().read_only(true)).await;
    let address = format!("http://{}", console.local_addr());
    run(&["start", "greet", "\"Ada\"", "--url", &address]).await.refused(4);
    assert_eq!(run(&["count", "--url", &address]).await.fine(), "0\n");
    console.shutdown().await;
    host.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_host_does_not_know_is_not_found() {
    let scratch = Scratch::new();
    let host = host(&scratch.path("orders")).await;
    let console = serve(&host, ConsoleOptions::new()).await;
    let address = format!("http://{}", console.local_addr());
    run(&["start", "nothing", "--url", &address]).await.refused(3);
    run(&["start", "greet", "7", "--url", &address]).await.refused(2);
    run(&["start", "greet", "\"Ada\"", "--id", "one", "--url", &address]).await.fine();
    run(&["start", "greet", "\"Ada\"", "--id", "one", "--url", &address]).await.refused(4);
    console.shutdown().await;
    host.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_those_of_the_host() {
    let scratch = Scratch::new();
    let host = host(&scratch.path("orders")).await;
    fill(&host).await;
    let console = serve(&host, ConsoleOptions::new()).await;
    let address = format!("http://{}", console.local_addr());
    let text = run(&["metrics", "--prometheus", "--url", &address]).await.fine();
    assert!(text.contains("# TYPE "), "{text}");
    run(&["metrics", "--json", "--url", &address]).await.json();
    let table = run(&["metrics", "--url", &address]).await.fine();
    assert!(table.contains("reserve"), "{table}");
    console.shutdown().await;
    host.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn histories_are_exported_and_looked_at_through_the_console_of_the_host() {
    let scratch = Scratch::new();
    let directory = scratch.path("orders");
    let host = host(&directory).await;
    fill(&host).await;
    let console = serve(&host, with_file(&directory)).await;
    let found = on(&directory, &["doctor", "--json"]).await.fine();
    for said in ["4 instances were looked at", "a host works on them", "syncs"] {
        assert!(found.contains(said), "{said}: {found}");
    }
    on(&directory, &["doctor", "--quick"]).await.fine();

    let file = scratch.path("orders.jsonl");
    let path = file.to_str().unwrap();
    let exported = on(&directory, &["export", "-o", path]).await.fine();
    assert!(exported.contains("exported 4 instances"), "{exported}");
    run(&["verify", path]).await.fine();
    // A host worked, so it is not for an import.
    let other = scratch.path("other");
    on(&other, &["import", path]).await.refused(4);
    let one = on(&directory, &["export", "ada"]).await;
    assert!(one.error.contains("exported 1 instances"), "{one:?}");
    assert_eq!(one.fine().lines().filter(|line| line.contains("\"kind\":\"instance\"")).count(), 1);
    on(&directory, &["export", "nobody"]).await.refused(3);
    on(&directory, &["export", "--at-rest"]).await.refused(4);
    console.shutdown().await;

    let hides = ConsoleOptions::new().token(Token::new("a-token-that-nobody-guesses").unwrap());
    let hides = serve(&host, hides.redact(|_, _| serde_json::Value::Null)).await;
    let address = format!("http://{}", hides.local_addr());
    let asked = |command: &'static str| {
        let mut program = program(&[command, "--url", &address]);
        program.env("REENACT_TOKEN", "a-token-that-nobody-guesses");
        ran(program)
    };
    assert!(asked("export").await.refused(4).contains("redacts"));
    let found = asked("doctor").await.fine();
    assert!(found.contains("4 instances were looked at") && !found.contains("syncs"), "{found}");
    hides.shutdown().await;
    host.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_are_found_by_their_attributes() {
    let scratch = Scratch::new();
    let directory = scratch.path("orders");
    let host = host(&directory).await;
    let console = serve(&host, with_file(&directory)).await;
    let start = ["start", "greet", "\"Eve\"", "--id", "eve", "--wait"];
    let attributes = ["--attr", "customer=ada", "--attr", "cents=430"];
    on(&directory, &[&start[..], &attributes].concat()).await.fine();
    let found = on(&directory, &["list", "--attr", "customer=ada", "--attr", "cents>=100"]).await;
    let found = found.fine();
    assert_eq!(found.lines().count(), 2, "{found}");
    assert!(found.contains("ATTRIBUTES") && found.contains("customer=\"ada\""), "{found}");
    let none = on(&directory, &["count", "--attr", "customer=bob"]).await.fine();
    assert_eq!(none, "0\n");
    let plain = on(&directory, &["list"]).await.fine();
    assert!(!plain.contains("ATTRIBUTES"), "{plain}");
    let refused = on(&directory, &["list", "--attr", "customer"]).await;
    assert!(refused.error.contains("customer=ada") && refused.code != 0, "{refused:?}");
    console.shutdown().await;
    host.shutdown().await.unwrap();
    until_free(&directory).await;
    let found = on(&directory, &["count", "--attr", "customer^=a"]).await.fine();
    assert_eq!(found, "1\n", "without a host as well");
}
