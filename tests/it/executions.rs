//! Executions before the newest one, on hosts that are asked to keep some: listed, read, and gone with their instance.

use std::collections::BTreeSet;

use crate::kit::{Faulty, guard, id, options, store};
#[cfg(feature = "encryption")]
use reenact::Encoded;
#[cfg(feature = "encryption")]
use reenact::codec::{Encryption, Keys};
use reenact::core::ShardId;
use reenact::inspect::{ExecutionEnding, ExecutionInfo, HistoryCursor};
use reenact::prelude::*;
use reenact::providers::limits::LEASE_TIME;
use reenact::providers::{Batch, Provider, TurnRecord};
use reenact::transfer::{self, ExportOptions, ImportOptions};
use reenact::{Access, Error, ErrorKind, ExecutionId, HostBuilder, InstanceState, ReusePolicy};

/// Takes one number in each execution, and continues as new; 0 is the last one, and 13 fails.
#[orchestration]
async fn adds(ctx: OrchestrationContext, sum: u64) -> Result<u64, OrchestrationError> {
    match ctx.wait_external::<u64>("Add").await? {
        0 => Ok(sum),
        13 => Err(OrchestrationError::new("not that one")),
        more => ctx.continue_as_new(adds, sum + more),
    }
}

fn host(provider: impl Provider, keep: u32) -> HostBuilder {
    let options = options().keep_executions(keep);
    Host::builder().provider(provider).options(options).orchestration(adds)
}

/// Adds these, each with its place as its key.
async fn add(host: &Host, numbers: &[u64]) {
    for (place, number) in (0..).zip(numbers) {
        let key = format!("number {place}");
        match guard(host.raise_event("i", "Add", *number).key(&key)).await {
            // The last one has come already.
            Err(Error::Finished { .. }) => return,
            raised => raised.unwrap(),
        }
    }
}

async fn started(host: &Host) -> InstanceHandle<u64> {
    guard(host.start_new(adds, 0).id("i")).await.unwrap()
}

async fn executions(host: &Host) -> Vec<ExecutionInfo> {
    guard(host.executions("i")).await.unwrap()
}

/// The number of each execution that is there, and how it ended.
async fn endings(host: &Host) -> Vec<(u32, ExecutionEnding)> {
    let executions = executions(host).await;
    executions.iter().map(|one| (one.execution.0, one.end)).collect()
}

/// The events of an execution, read in pages of two.
async fn events(host: &Host, execution: u32) -> Vec<String> {
    let access = host.execution("i", ExecutionId(execution)).unwrap();
    let (mut events, mut from) = (Vec::new(), None);
    loop {
        let page = guard(access.history_page(from, 2)).await.unwrap();
        assert_eq!(page.execution, ExecutionId(execution));
        events.extend(page.events.into_iter().map(|placed| placed.event.to_string()));
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    let whole = guard(access.history()).await.unwrap();
    let whole: Vec<_> = whole.events().map(|event| event.event.to_string()).collect();
    assert_eq!(events, whole, "the pages have what the whole history has");
    events
}

/// Asserts that each execution that is there has its own history, and says so.
async fn assert_readable(host: &Host) {
    for one in executions(host).await {
        let events = events(host, one.execution.0).await;
        assert_eq!(events.len() as u64, one.events, "{one:?}");
        assert!(events[0].starts_with("ExecutionStarted"), "{events:?}");
        let last = events.last().unwrap();
        let fits = match one.end {
            ExecutionEnding::Continued => last.starts_with("ExecutionContinued"),
            ExecutionEnding::Completed => last.starts_with("ExecutionCompleted"),
            ExecutionEnding::Failed => last.starts_with("ExecutionFailed"),
            _ => one.is_newest,
        };
        assert!(fits, "{one:?}: {last}");
        assert!(one.ended_at.is_none_or(|ended| one.started_at <= ended), "{one:?}");
    }
}

/// Five executions, of which the last three are there; through a restart in the middle.
async fn keeps_the_last_ones<P: Provider>(open: impl Fn() -> P) {
    use ExecutionEnding::{Completed, Continued, Open};
    let first = guard(host(open(), 2).start()).await.unwrap();
    let instance = started(&first).await;
    add(&first, &[1, 2]).await;
    until_execution(&instance, 3).await;
    assert_eq!(endings(&first).await, [(1, Continued), (2, Continued), (3, Open)]);
    assert_readable(&first).await;
    guard(first.shutdown()).await.unwrap();

    let second = guard(host(open(), 2).start()).await.unwrap();
    assert_eq!(endings(&second).await, [(1, Continued), (2, Continued), (3, Open)]);
    add(&second, &[1, 2, 3, 4, 0]).await;
    assert_eq!(guard(second.instance::<u64>(&id("i")).result()).await.unwrap(), 10);
    assert_eq!(endings(&second).await, [(3, Continued), (4, Continued), (5, Completed)]);
    assert_readable(&second).await;
    guard(second.shutdown()).await.unwrap();

    let third = guard(host(open(), 2).start()).await.unwrap();
    assert_readable(&third).await;
    guard(third.purge("i")).await.unwrap();
    let gone = guard(third.executions("i")).await.unwrap_err();
    assert!(matches!(gone, Error::NotFound { .. }), "{gone}");
    started(&third).await;
    assert_eq!(endings(&third).await, [(1, Open)], "a new instance has none of the old one's");
    guard(third.shutdown()).await.unwrap();
}

async fn until_execution(instance: &InstanceHandle<u64>, execution: u32) {
    let reached = |status: &reenact::InstanceStatus| {
        status.execution.0 == execution && status.history_length > 2
    };
    guard(async {
        while !reached(&instance.status().await.unwrap()) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn the_last_ones_are_kept_in_memory() {
    let (memory, _) = store();
    keeps_the_last_ones(|| memory.clone()).await;
}

#[tokio::test]
async fn the_last_ones_are_kept_on_a_shared_store() {
    let memory = store().0.shared();
    keeps_the_last_ones(|| memory.clone()).await;
}

#[cfg(feature = "encryption")]
#[tokio::test]
async fn the_last_ones_are_kept_where_turns_are_encrypted() {
    let (memory, _) = store();
    let codec = || Encryption::new(Keys::new("2026", [7; 32]).unwrap());
    keeps_the_last_ones(|| Encoded::new(memory.clone(), codec())).await;
}

#[cfg(feature = "local")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_ones_are_kept_in_a_directory() {
    let directory = std::env::temp_dir().join(format!("reenact-kept-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&directory);
    keeps_the_last_ones(|| Local::open(&directory).unwrap()).await;
    std::fs::remove_dir_all(directory).unwrap();
}

#[tokio::test]
async fn nothing_is_kept_where_nobody_asks_and_the_error_says_what_there_is() {
    let (memory, _) = store();
    let host = guard(host(memory, 0).start()).await.unwrap();
    let instance = started(&host).await;
    add(&host, &[1, 2]).await;
    until_execution(&instance, 3).await;
    assert_eq!(endings(&host).await, [(3, ExecutionEnding::Open)]);
    let gone = host.execution("i", ExecutionId(2)).unwrap();
    for error in [
        guard(gone.history()).await.unwrap_err(),
        guard(gone.history_page(None, 1)).await.unwrap_err(),
        guard(gone.history_cursor(0)).await.unwrap_err(),
        guard(gone.view_after(0)).await.unwrap_err(),
        guard(gone.timeline(0, 9)).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert_eq!(
            error.to_string(),
            "instance `i` has no execution 2; it is in its execution 3, and those before that are not kept"
        );
    }
    let nobody = guard(host.execution("nobody", ExecutionId(1)).unwrap().history()).await;
    assert!(matches!(nobody, Err(Error::NotFound { .. })));
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test]
async fn a_number_that_never_was_is_an_error_that_says_what_there_is() {
    let (memory, _) = store();
    let host = guard(host(memory, 9).start()).await.unwrap();
    let instance = started(&host).await;
    add(&host, &[1, 2]).await;
    until_execution(&instance, 3).await;
    for asked in [0, 4, u32::MAX] {
        let nothing = host.execution("i", ExecutionId(asked)).unwrap();
        let error = guard(nothing.history_page(None, 1)).await.unwrap_err();
        let expected =
            format!("instance `i` has no execution {asked}; those from 1 to 3 are there");
        assert_eq!(error.to_string(), expected);
    }
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test]
async fn an_earlier_execution_is_looked_into_as_the_newest_one_is() {
    let (memory, _) = store();
    let host = guard(host(memory, 1).start()).await.unwrap();
    let instance = started(&host).await;
    add(&host, &[7]).await;
    until_execution(&instance, 2).await;
    let first = host.execution("i", ExecutionId::FIRST).unwrap();
    let page = guard(first.history_page(None, 99)).await.unwrap();
    let subscribed = page
        .events
        .iter()
        .find(|placed| placed.event.to_string().starts_with("ExternalSubscribed"))
        .unwrap();
    let after = guard(first.view_after(subscribed.position)).await.unwrap();
    assert_eq!(after.summary.execution, ExecutionId::FIRST);
    assert_eq!(after.execution.waits.items[0].name.as_str(), "Add");
    let cursor = guard(first.history_cursor(subscribed.position)).await.unwrap();
    assert_eq!(cursor, after.cursor);
    let from_there = guard(host.history_page("i", Some(cursor), 1)).await.unwrap();
    assert_eq!(from_there.events, std::slice::from_ref(subscribed));
    let beginning = Some(HistoryCursor::beginning(ExecutionId::FIRST));
    assert_eq!(guard(host.history_page("i", beginning, 99)).await.unwrap(), page);
    let timeline = guard(first.timeline(0, 99)).await.unwrap();
    assert_eq!(timeline.summary.execution, ExecutionId::FIRST);
    assert!(!timeline.timeline.spans.is_empty());
    let past = guard(first.view_after(page.events.len() as u64)).await.unwrap_err();
    assert!(matches!(past, Error::PastTheEnd { .. }), "{past}");
    guard(host.shutdown()).await.unwrap();
}

#[tokio::test]
async fn a_host_that_asks_for_fewer_lets_go_of_the_rest_when_the_next_one_begins() {
    let (memory, _) = store();
    let many = guard(host(memory.clone(), 5).start()).await.unwrap();
    let instance = started(&many).await;
    add(&many, &[1, 2, 3]).await;
    until_execution(&instance, 4).await;
    guard(many.shutdown()).await.unwrap();

    let few = guard(host(memory, 1).start()).await.unwrap();
    assert_eq!(executions(&few).await.len(), 4, "nothing has begun since");
    add(&few, &[1, 2, 3, 4]).await;
    until_execution(&few.instance(&id("i")), 5).await;
    let numbers: Vec<_> = endings(&few).await.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [4, 5]);
    guard(few.shutdown()).await.unwrap();
}

#[tokio::test]
async fn a_rewind_keeps_what_it_took_back() {
    use ExecutionEnding::{Failed, Open, Rewound};
    let (memory, _) = store();
    let host = guard(host(memory, 3).start()).await.unwrap();
    let instance = started(&host).await;
    add(&host, &[13]).await;
    guard(instance.result()).await.unwrap_err();
    let failed = events(&host, 1).await;
    let raised = failed.iter().position(|event| event.starts_with("ExternalRaised")).unwrap();
    guard(instance.rewind(raised as u64, "that was a mistake")).await.unwrap();
    until_rewound(&instance, 2).await;
    let again = events(&host, 2).await;
    let again = again.iter().position(|event| event.starts_with("ExecutionRewound")).unwrap();
    guard(instance.rewind(again as u64, "once more")).await.unwrap();
    until_rewound(&instance, 3).await;
    let endings = endings(&host).await;
    assert_eq!(endings[0], (1, Failed), "{endings:?}");
    assert!(endings.contains(&(2, Rewound)) || endings.contains(&(2, Failed)), "{endings:?}");
    assert!(matches!(endings.last(), Some((3, Open | Failed))), "{endings:?}");
    assert_eq!(events(&host, 1).await, failed, "what failed is there to be looked at");
    guard(host.shutdown()).await.unwrap();
}

async fn until_rewound(instance: &InstanceHandle<u64>, execution: u32) {
    guard(async {
        while instance.status().await.unwrap().execution.0 < execution {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_start_in_the_place_of_another_keeps_that() {
    use ExecutionEnding::{Completed, Open, Terminated};
    let (memory, _) = store();
    let host = guard(host(memory, 3).start()).await.unwrap();
    let instance = started(&host).await;
    add(&host, &[0]).await;
    assert_eq!(guard(instance.result()).await.unwrap(), 0);
    let replacing =
        || ReusePolicy::new().replacing([InstanceState::Completed, InstanceState::Running]);
    guard(host.start_new(adds, 1).id("i").reuse(replacing())).await.unwrap();
    guard(host.start_new(adds, 2).id("i").reuse(replacing())).await.unwrap();
    assert_eq!(endings(&host).await, [(1, Completed), (2, Terminated), (3, Open)]);
    guard(host.shutdown()).await.unwrap();
}

/// A crash before each append: no execution is lost, none is there twice, and each is whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wherever_the_host_dies_each_execution_is_there_once_and_whole() {
    const NUMBERS: [u64; 5] = [1, 2, 3, 4, 0];
    for append in 0.. {
        let (memory, _) = store();
        let faulty = Faulty::new(memory.clone());
        let first = guard(host(faulty.clone(), 2).start()).await.unwrap();
        faulty.stop_at(faulty.appended() + append);
        let course = async {
            let instance = first.start_new(adds, 0).id("i").or_attach().await.unwrap();
            add(&first, &NUMBERS).await;
            instance.result().await.unwrap()
        };
        let died = guard(async {
            tokio::select! {
                biased;
                () = faulty.stopped() => true,
                sum = course => {
                    assert_eq!(sum, 10);
                    false
                }
            }
        })
        .await;
        guard(first.abort()).await;

        let second = guard(host(memory, 2).start()).await.unwrap();
        if guard(second.get_status("i")).await.is_ok() {
            let numbers: Vec<_> = endings(&second).await;
            let (newest, _) = *numbers.last().unwrap();
            let expected: BTreeSet<_> = (newest.saturating_sub(2).max(1)..=newest).collect();
            let there: BTreeSet<_> = numbers.iter().map(|(number, _)| *number).collect();
            assert_eq!(there, expected, "died before append {append}");
            assert_readable(&second).await;
        }
        let instance = guard(second.start_new(adds, 0).id("i").or_attach()).await.unwrap();
        add(&second, &NUMBERS).await;
        assert_eq!(guard(instance.result()).await.unwrap(), 10, "died before append {append}");
        let numbers: Vec<_> = endings(&second).await.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, [3, 4, 5], "died before append {append}");
        assert_readable(&second).await;
        guard(second.shutdown()).await.unwrap();
        if !died {
            assert!(append > 5, "there are several steps: {append}");
            break;
        }
    }
}

/// What is in a store, as a file.
async fn exported(store: &impl Provider) -> Vec<u8> {
    let mut file = Vec::new();
    let (access, options) = (Access::read_only(store), ExportOptions::new().at_rest());
    guard(transfer::export(&access, &Default::default(), options, &mut file, |_| {}))
        .await
        .unwrap();
    file
}

#[tokio::test]
async fn an_export_takes_them_along() {
    let (memory, _) = store();
    let first = guard(host(memory.clone(), 2).start()).await.unwrap();
    let instance = started(&first).await;
    add(&first, &[1, 2, 3, 0]).await;
    guard(instance.result()).await.unwrap();
    let before = executions(&first).await;
    let histories = [events(&first, 2).await, events(&first, 3).await, events(&first, 4).await];
    guard(first.shutdown()).await.unwrap();

    let file = exported(&memory).await;
    let (other, _) = store();
    for expected in [(1, 0), (0, 1)] {
        let done = guard(transfer::import(&*file, &other, ImportOptions::new(), |_| {})).await;
        let done = done.unwrap();
        assert_eq!((done.imported, done.already_there), expected);
    }
    assert_eq!(exported(&other).await, file, "nothing is lost on the way");
    let second = guard(host(other, 2).start()).await.unwrap();
    assert_eq!(executions(&second).await, before);
    for (execution, history) in (2..).zip(histories) {
        assert_eq!(events(&second, execution).await, history);
    }
    guard(second.shutdown()).await.unwrap();
}

/// Turns that no code has made: as many as an append does not take.
async fn long_executions(store: &InMemory, executions: u32, turns: u64) {
    let lease = store.leases().acquire(ShardId(0), "test").await.unwrap();
    for execution in (1..=executions).map(ExecutionId) {
        let turn = |number| TurnRecord {
            number,
            bytes: format!("{execution}/{number}").into_bytes().into(),
            summary: reenact::InstanceSummary {
                instance: id("i"),
                execution,
                name: reenact::Name::new("adds").unwrap(),
                state: InstanceState::Failed,
                created_at: reenact::Timestamp::EPOCH,
                updated_at: reenact::Timestamp::EPOCH,
                turns: number + 1,
                events: number + 1,
                wake_at: None,
                attributes: Default::default(),
            },
            has_drawn_id: false,
            keep: executions,
        };
        let turns = (0..turns).map(turn).collect();
        let batch = Batch { shard: lease.shard, epoch: lease.epoch, turns };
        let _ = store.histories().append(batch.into()).await.unwrap();
    }
    store.leases().release(&lease).await.unwrap();
}

/// An import that one append does not take, broken off before each: until it is whole, it is seen as importing.
#[tokio::test]
async fn an_import_that_is_broken_off_goes_on_and_shows_no_earlier_execution_as_the_newest() {
    let source = InMemory::new().with_shards(1);
    long_executions(&source, 3, 2_500).await;
    let file = exported(&source).await;
    for append in 0.. {
        let (memory, clock) = store();
        let faulty = Faulty::new(memory.clone());
        faulty.stop_at(append);
        let died = guard(async {
            tokio::select! {
                biased;
                () = faulty.stopped() => true,
                done = transfer::import(&*file, &faulty, ImportOptions::new(), |_| {}) => {
                    assert_eq!(done.unwrap().imported, 1);
                    false
                }
            }
        })
        .await;
        let there = memory.histories().summary(&id("i")).await.unwrap();
        let is_partly_there = there.is_some_and(|there| there.state == InstanceState::Importing);
        assert_eq!(is_partly_there, died && append > 0, "broken off before append {append}");
        if !died {
            assert_eq!(exported(&memory).await, file);
            assert!(append > 1, "it takes several appends: {append}");
            break;
        }
        clock.advance(LEASE_TIME);
        let done = guard(transfer::import(&*file, &memory, ImportOptions::new(), |_| {})).await;
        assert_eq!(done.unwrap().imported, 1);
        assert_eq!(exported(&memory).await, file, "broken off before append {append}");
    }
}
