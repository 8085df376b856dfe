//! Recorded histories against code: those that fit, those that do not, and what is no history.

use std::fs;
use std::path::PathBuf;

use reenact::prelude::*;
use reenact::testing::{self, TestHost, VerifyError, verify_exported};
use reenact::transfer::{self, ExportOptions};
use reenact::{Access, HostBuilder};

use crate::DAY;

#[activity]
async fn charge(_ctx: ActivityContext, cents: u64) -> Result<u64, ActivityError> {
    Ok(cents)
}

#[orchestration]
async fn order(ctx: OrchestrationContext, cents: u64) -> Result<u64, OrchestrationError> {
    ctx.timer(DAY).await;
    Ok(ctx.call_activity(charge, cents).await?)
}

mod changed {
    use super::{DAY, charge};
    use reenact::prelude::*;

    #[orchestration]
    pub(super) async fn order(
        ctx: OrchestrationContext,
        cents: u64,
    ) -> Result<u64, OrchestrationError> {
        let paid = ctx.call_activity(charge, cents).await?;
        ctx.timer(DAY).await;
        Ok(paid)
    }
}

fn builder() -> HostBuilder {
    Host::builder().orchestration(order).activity(charge)
}

/// An empty directory.
fn place(name: &str) -> PathBuf {
    let place = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("exported").join(name);
    let _ = fs::remove_dir_all(&place);
    fs::create_dir_all(&place).unwrap();
    place
}

/// An export of these orders, as a store has them whose host has ended.
fn export(orders: u64) -> Vec<u8> {
    testing::run(async {
        let host = TestHost::of(builder()).start().await.unwrap();
        for cents in 1..=orders {
            let id = format!("order-{cents}");
            host.start_new(order, cents).id(id).await.unwrap().result().await.unwrap();
        }
        let store = host.store().clone();
        host.shutdown().await.unwrap();
        let mut export = Vec::new();
        let all = Default::default();
        transfer::export(
            &Access::read_only(&store),
            &all,
            ExportOptions::new(),
            &mut export,
            |_| {},
        )
        .await
        .unwrap();
        export
    })
}

#[test]
fn histories_that_fit_are_counted() {
    let directory = place("fit");
    fs::write(directory.join("one.jsonl"), export(1)).unwrap();
    fs::write(directory.join("three.jsonl"), export(3)).unwrap();
    fs::write(directory.join("notes.txt"), "no export").unwrap();
    assert_eq!(verify_exported(&builder(), &directory).unwrap(), 4);
}

#[test]
fn code_that_has_changed_is_named_with_each_history_that_it_does_not_fit() {
    let directory = place("changed");
    fs::write(directory.join("orders.jsonl"), export(2)).unwrap();
    let changed = Host::builder().orchestration(changed::order).activity(charge);
    let error = verify_exported(&changed, &directory).unwrap_err();
    let text = format!("{error:?}");
    assert!(text.starts_with("of 2 recorded histories, 2 do not fit this code:\n  "), "{text}");
    assert!(text.contains("orders.jsonl: instance `order-1` of `order`: "), "{text}");
    assert!(text.contains("TimerCreated") && text.contains("charge"), "{text}");
    let missing = verify_exported(&Host::builder(), &directory).unwrap_err();
    assert!(missing.to_string().contains("order"), "{missing}");
}

#[test]
fn a_history_of_a_newer_version_and_one_that_is_damaged_say_so() {
    let directory = place("newer");
    let file = directory.join("orders.jsonl");
    let export = String::from_utf8(export(1)).unwrap();
    fs::write(&file, export.replacen("\"format\":1", "\"format\":2", 1)).unwrap();
    let text = verify_exported(&builder(), &directory).unwrap_err().to_string();
    assert!(text.contains("orders.jsonl"), "{text}");
    assert!(text.contains("has format 2, this reenact reads up to 1"), "{text}");

    fs::write(&file, &export[..export.len() / 2]).unwrap();
    let error = verify_exported(&builder(), &directory).unwrap_err();
    assert!(matches!(error, VerifyError::NotChecked { .. }), "{error}");
}

#[test]
fn a_directory_without_exports_does_not_pass() {
    let directory = place("nothing");
    let error = verify_exported(&builder(), &directory).unwrap_err();
    assert!(matches!(error, VerifyError::Nothing { .. }), "{error}");
    let error = verify_exported(&builder(), directory.join("missing")).unwrap_err();
    assert!(matches!(error, VerifyError::Unreadable { .. }), "{error}");
}

#[tokio::test]
async fn within_a_runtime_nothing_is_checked() {
    let directory = place("runtime");
    fs::write(directory.join("orders.jsonl"), "").unwrap();
    let error = verify_exported(&builder(), &directory).unwrap_err();
    assert!(error.to_string().contains("call it in a plain `#[test]`"), "{error}");
}
