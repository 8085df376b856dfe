//! A directory with attributes and with executions that are kept: an archive of version 4, journals with commits of the
//! versions 3 and 4. It is read for ever.

use std::path::Path;

use reenact_core::{Attributes, ExecutionId, InstanceId};
use reenact_providers::InstanceState::{Completed, Running};
use reenact_providers::{InstanceFilter, Local, PageRequest, Provider, TurnRecord};

use super::fixture::{copy, fixture};
use super::kit::{Owner, Scratch, options, turn};

const VERSION: u32 = 4;

/// Executions that an instance has by the end, the first of which have gone.
const EXECUTIONS: u32 = 4;

/// Executions that are kept beside the newest one.
const KEPT: u32 = 2;

fn of(customer: &str, turn: TurnRecord) -> TurnRecord {
    let mut attributes = Attributes::default();
    attributes.set("customer", customer).unwrap();
    let summary = reenact_providers::InstanceSummary { attributes, ..turn.summary };
    TurnRecord { summary, ..turn }
}

/// The first turn of an execution.
fn execution(label: &str, execution: u32) -> TurnRecord {
    let begun = turn(label, 0, Running);
    let execution = ExecutionId(execution);
    let bytes = format!("{label} in execution {execution}").into_bytes().into();
    let summary = reenact_providers::InstanceSummary { execution, ..begun.summary };
    TurnRecord { bytes, summary, keep: KEPT, ..begun }
}

/// Two instances of four executions each: of one, the archive has three and the journal the last one; of the other one,
/// the archive has the first and the journal the rest. Two with an attribute: one in each.
async fn write(path: &Path) {
    let owner = Owner::of(options(1).open(path).unwrap()).await;
    for number in 1..EXECUTIONS {
        owner.append(&[execution("daily", number)]).await;
    }
    owner.append(&[execution("hourly", 1), of("ada", turn("order-1", 0, Running))]).await;
    drop(owner);
    // What the journals have goes into the archive.
    drop(Owner::of(options(1).open(path).unwrap()).await);
    let owner = Owner::of(options(usize::MAX / 2).open(path).unwrap()).await;
    for number in 2..=EXECUTIONS {
        owner.append(&[execution("hourly", number)]).await;
    }
    owner.append(&[execution("daily", EXECUTIONS)]).await;
    owner.append(&[of("ada", turn("order-2", 0, Completed))]).await;
}

async fn check(store: &Local) {
    let histories = store.histories();
    for label in ["daily", "hourly"] {
        let instance = InstanceId::new(label).unwrap();
        let there = histories.executions(&instance).await.unwrap();
        let numbers: Vec<_> = there.iter().map(|summary| summary.execution.0).collect();
        assert_eq!(numbers, [2, 3, 4], "{label}");
        for number in numbers {
            let page = histories.read(&instance, ExecutionId(number), 0, 10).await.unwrap();
            let [turn] = &*page.turns else { panic!("{label}, execution {number}: {page:?}") };
            assert_eq!(turn.bytes, execution(label, number).bytes);
        }
        assert!(histories.read(&instance, ExecutionId(1), 0, 10).await.is_err(), "it has gone");
    }
    let orders = InstanceFilter::new().attribute("customer", "ada");
    let page = histories.list(&orders, &PageRequest::new()).await.unwrap();
    let ids: Vec<_> = page.instances.iter().map(|summary| summary.instance.as_str()).collect();
    assert_eq!(ids, ["order-1", "order-2"]);
}

#[tokio::test]
async fn a_directory_with_executions_that_are_kept_is_read_and_goes_on() {
    let scratch = Scratch::new();
    let path = scratch.join("store");
    copy(&fixture(VERSION), &path);
    let store = options(1).open(&path).unwrap();
    check(&store).await;
    let owner = Owner::of(store).await;
    owner.append(&[execution("daily", EXECUTIONS + 1)]).await;
    drop(owner);
    let store = options(1).open(&path).unwrap();
    let there = store.histories().executions(&InstanceId::new("daily").unwrap()).await.unwrap();
    assert_eq!(there.iter().map(|summary| summary.execution.0).collect::<Vec<_>>(), [3, 4, 5]);
}

/// Writes the fixture, where it is not there and somebody asks for it, as in `fixture.rs`.
#[tokio::test]
async fn what_this_version_writes_with_executions_that_are_kept_reads_like_the_fixture() {
    let scratch = Scratch::new();
    let path = scratch.join("store");
    write(&path).await;
    check(&options(1).open(&path).unwrap()).await;
    if std::env::var_os("REENACT_WRITE_FIXTURES").is_some() && !fixture(VERSION).exists() {
        write(&fixture(VERSION)).await;
        std::fs::remove_file(fixture(VERSION).join("LOCK")).unwrap();
    }
}
