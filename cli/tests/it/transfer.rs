//! Export, import, verify and doctor.

use crate::support::{host, on, run, store};

#[tokio::test]
async fn a_store_moves_as_a_whole() {
    let (scratch, directory) = store().await;
    let (file, other) = (scratch.path("orders.jsonl"), scratch.path("other.reenact"));
    let path = file.to_str().unwrap();
    let exported = on(&directory, &["export", "-o", path]).await.fine();
    assert!(exported.contains("exported 4 instances"), "{exported}");
    let imported = on(&other, &["import", path]).await.fine();
    assert!(imported.contains("imported 4 instances"), "{imported}");
    for command in [&["list", "--jsonl"][..], &["history", "order-1", "--jsonl"]] {
        let before = on(&directory, command).await.fine();
        assert_eq!(on(&other, command).await.fine(), before);
    }
    let again = on(&other, &["import", path, "--json"]).await.json();
    assert_eq!((&again["imported"], &again["already_there"]), (&0.into(), &4.into()));
    // It goes on there.
    on(&other, &["raise", "order-1", "Approved", "true"]).await.fine();
    let host = host(&other).await;
    let result: String = host.client().instance("order-1").result().await.unwrap();
    assert!(result.ends_with("approved: true"));
    host.shutdown().await.unwrap();
}

#[tokio::test]
async fn an_export_in_a_pipe_is_the_file_and_nothing_else() {
    let (_scratch, directory) = store().await;
    let ran = on(&directory, &["export", "--prefix", "order"]).await;
    assert!(ran.error.contains("exported 1 instances"), "{ran:?}");
    let lines = ran.fine();
    assert!(lines.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
    assert!(lines.contains("order-1") && !lines.contains("\"ada\""), "{lines}");
}

#[tokio::test]
async fn some_instances_are_exported_by_their_ids() {
    let (scratch, directory) = store().await;
    let (file, other) = (scratch.path("two.jsonl"), scratch.path("other.reenact"));
    let path = file.to_str().unwrap();
    let exported = on(&directory, &["export", "order-1", "ada", "-o", path]).await.fine();
    assert!(exported.contains("exported 2 instances"), "{exported}");
    on(&other, &["import", path]).await.fine();
    assert_eq!(on(&other, &["count"]).await.fine(), "2\n");
    on(&directory, &["export", "ada", "nobody"]).await.refused(3);
    assert_eq!(on(&directory, &["export", "ada", "--state", "failed"]).await.code, 2);
}

#[tokio::test]
async fn a_damaged_or_foreign_file_brings_nothing_in() {
    let (scratch, directory) = store().await;
    let whole = on(&directory, &["export", "--quiet"]).await.fine();
    let file = scratch.path("export.jsonl");
    let lines: Vec<_> = whole.lines().collect();
    let shorter = lines[..lines.len() - 1].join("\n");
    let rotten = whole.replacen("\"ada\"", "\"bob\"", 1);
    for text in ["", "{}\n", "Dear reader\n", &shorter, &rotten] {
        std::fs::write(&file, text).unwrap();
        let target = scratch.path("target");
        let path = file.to_str().unwrap();
        on(&target, &["import", path]).await.refused(1);
        assert!(!target.exists(), "{text}");
        run(&["verify", path]).await.refused(1);
    }
    on(&directory, &["import", "no-such-file"]).await.refused(2);
}

#[tokio::test]
async fn another_instance_of_the_same_id_is_left_alone() {
    let (scratch, directory) = store().await;
    let (_other_scratch, other) = store().await;
    let file = scratch.path("orders.jsonl");
    let path = file.to_str().unwrap();
    on(&directory, &["export", "-o", path]).await.fine();
    let before = on(&other, &["list", "--jsonl"]).await.fine();
    let error = on(&other, &["import", path]).await.refused(4);
    assert!(error.contains("ada"), "{error}");
    assert_eq!(on(&other, &["list", "--jsonl"]).await.fine(), before);
}

#[tokio::test]
async fn a_program_gets_the_file_and_its_answer_counts() {
    let (scratch, directory) = store().await;
    let file = scratch.path("orders.jsonl");
    let path = file.to_str().unwrap();
    on(&directory, &["export", "-o", path]).await.fine();
    let whole = run(&["verify", path]).await.fine();
    assert!(whole.contains("4 instances"), "{whole}");
    let given = run(&["verify", path, "--", "sh", "-c", "echo \"replays $1\"", "sh"]).await.fine();
    assert_eq!(given.trim(), format!("replays {path}"));
    assert_eq!(run(&["verify", path, "--", "sh", "-c", "exit 1"]).await.code, 1);
    run(&["verify", path, "--", "sh", "-c", "exit 2"]).await.refused(5);
    run(&["verify", path, "--", "no-such-program"]).await.refused(2);
}

#[tokio::test]
async fn the_doctor_finds_what_is_damaged() {
    let (_scratch, directory) = store().await;
    let healthy = on(&directory, &["doctor", "--json"]).await;
    let found: serde_json::Value = serde_json::from_str(&healthy.out).unwrap();
    let findings = found["findings"].as_array().unwrap();
    assert!(findings.iter().all(|finding| finding["severity"] != "error"), "{healthy:?}");
    let archive = directory.join("archive.sqlite");
    let archive = if archive.exists() { archive } else { directory.join("archive.db") };
    let mut bytes = std::fs::read(&archive).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..].fill(0x55);
    std::fs::write(&archive, bytes).unwrap();
    let ran = on(&directory, &["doctor"]).await;
    assert!(matches!(ran.code, 1 | 5), "{ran:?}");
    assert!(ran.out.contains("error") || ran.error.contains("reenact: "), "{ran:?}");
}

#[tokio::test]
async fn nothing_is_imported_or_read_where_nothing_answers() {
    let (scratch, directory) = store().await;
    let file = scratch.path("orders.jsonl");
    let path = file.to_str().unwrap();
    on(&directory, &["export", "-o", path]).await.fine();
    let url = ["--url", "http://127.0.0.1:1/"];
    for command in [&["import", path][..], &["doctor"], &["export"]] {
        run(&[command, &url].concat()).await.refused(5);
    }
    on(&scratch.path("none"), &["export"]).await.refused(5);
}
