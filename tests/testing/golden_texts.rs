//! Histories as texts that are compared with files beside the test.

use std::path::PathBuf;

use reenact::assert_history;
use reenact::prelude::*;
use reenact::testing::{self, GoldenError, HistoryText, TestHost};

use crate::{HOUR, MINUTE, panic_of};

#[activity]
async fn charge(_ctx: ActivityContext, cents: u64) -> Result<String, ActivityError> {
    Ok(format!("receipt for {cents}"))
}

#[orchestration]
async fn order(ctx: OrchestrationContext, cents: u64) -> Result<String, OrchestrationError> {
    ctx.set_status("is being paid");
    let key = ctx.new_guid().to_string();
    let often = RetryPolicy::new(3).first_delay(MINUTE);
    let paid = charge.with(ActivityOptions::new().retry(often));
    let receipt = ctx.call_activity(paid, cents).await?;
    ctx.timer(HOUR).await;
    let packed = ctx.wait_external::<String>("packed").await?;
    Ok(format!("{receipt}, {packed}, {key}, again {key}"))
}

async fn history(cents: u64) -> HistoryText {
    let host = TestHost::of(Host::builder().orchestration(order).activity(charge));
    let paid = testing::Double::of(charge)
        .takes(Duration::from_millis(1_500))
        .fail(1, ActivityError::retryable("the bank is busy"))
        .then(|cents| Ok(format!("receipt for {cents}")));
    let host = host.double(paid).start().await.unwrap();
    // At any time.
    host.pass(HOUR * 5).await;
    let placed = host.start_new(order, cents).id("order-7").await.unwrap();
    host.pass(HOUR * 2).await;
    placed.raise_event("packed", "a box").await.unwrap();
    placed.result().await.unwrap();
    host.history("order-7").await
}

/// A place for a golden text of its own.
fn place(name: &str) -> PathBuf {
    let place = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("golden").join(name);
    let _ = std::fs::remove_file(&place);
    place
}

#[test]
fn a_history_is_as_its_golden_text_says() {
    assert_history!(testing::run(history(1_200)), "golden/order-7.txt");
}

#[test]
fn a_history_that_is_another_one_gives_a_diff() {
    let golden = place("other.txt");
    std::fs::create_dir_all(golden.parent().unwrap()).unwrap();
    let written = testing::run(history(1_200)).as_str().replace("\"a box\"", "\"a bag\"");
    std::fs::write(&golden, written).unwrap();
    let error = testing::run(history(1_200)).compare_to(&golden).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, GoldenError::Different { .. }));
    assert!(text.starts_with("the history is not as the golden text says"), "{text}");
    let diff = "2h\n-    9  ExternalRaised `packed`: \"a bag\"\n+    9  ExternalRaised `packed`: \"a box\"\n";
    assert!(text.contains(diff), "{text}");
    assert!(text.ends_with("if that is as it should be: REENACT_UPDATE_GOLDEN=1"), "{text}");
    assert!(!text.contains("StatusSet"), "only what is around a difference is shown: {text}");

    let panic = panic_of(|| assert_history!(testing::run(history(1_300)), "golden/order-7.txt"));
    assert!(panic.contains("golden/order-7.txt"), "{panic}");
}

#[test]
fn without_a_golden_text_the_history_is_shown() {
    let error = testing::run(history(1_200)).compare_to(place("none.txt")).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("none.txt") && text.contains("REENACT_UPDATE_GOLDEN=1"), "{text}");
    assert!(text.contains("ExecutionStarted `order`: 1200"), "{text}");
}

#[test]
fn a_golden_text_is_written_where_the_environment_says_so() {
    const WRITES: &str = "REENACT_TEST_WRITES_A_GOLDEN_TEXT";
    if let Some(golden) = std::env::var_os(WRITES) {
        return testing::run(history(1_200)).compare_to(golden).unwrap();
    }
    let golden = place("written/order.txt");
    let this = "golden_texts::a_golden_text_is_written_where_the_environment_says_so";
    let status = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", this])
        .env(WRITES, &golden)
        .env("REENACT_UPDATE_GOLDEN", "1")
        .stdout(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    let written = std::fs::read_to_string(&golden).unwrap();
    assert_eq!(written, testing::run(history(1_200)).as_str());
}
