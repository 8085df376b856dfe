//! What is there in the end, by a client of its own.

use std::collections::BTreeMap;
use std::path::Path;

use reenact::prelude::*;
use reenact::{Event, History, InstanceFilter, InstanceState, PageRequest};

use super::load::Record;
use super::worker::{self, STEPS, child_id, expected, id, ledger};

pub(crate) async fn check(connection: &str, directory: &Path, record: &Record) {
    let client = Client::connect(worker::open(connection).await).unwrap();
    let page = PageRequest::new().limit(usize::MAX - 1);
    let listed = client.list(&InstanceFilter::new(), &page).await.unwrap().instances;
    assert_eq!(listed.len(), record.len() * 2, "each is there once, and so is its child");
    for summary in &listed {
        assert_eq!(summary.state, InstanceState::Completed, "{}", summary.instance);
    }
    for (number, result) in record {
        assert_eq!(*result, expected(*number));
        let history = client.history(&id(*number)).await.unwrap();
        check_history(&history);
        let child = client.history(&child_id(*number)).await.unwrap();
        assert_eq!(count(&child, |event| matches!(event, Event::ExecutionStarted { .. })), 1);
        assert_eq!(count(&child, Event::is_terminal), 1);
    }
    assert_eq!(client.quarantined(None, 10).await.unwrap(), [], "nothing was put aside");
    check_side_effects(directory, record);
}

fn count(history: &History, wanted: fn(&Event) -> bool) -> u64 {
    history.events().filter(|entry| wanted(entry.event)).count() as u64
}

/// It began once, got each event once, did each step once and ended once: so nobody who had lost the
/// shard has written into it.
fn check_history(history: &History) {
    assert_eq!(count(history, |event| matches!(event, Event::ExecutionStarted { .. })), 1);
    assert_eq!(count(history, |event| matches!(event, Event::ExternalRaised { .. })), STEPS);
    assert_eq!(count(history, |event| matches!(event, Event::TaskScheduled { .. })), STEPS);
    assert_eq!(count(history, |event| matches!(event, Event::TaskCompleted { .. })), STEPS);
    assert_eq!(count(history, Event::is_terminal), 1);
}

/// Each activity ran at least once, under one key.
fn check_side_effects(directory: &Path, record: &Record) {
    let text = std::fs::read_to_string(ledger(directory)).expect("it can be read");
    let mut keys: BTreeMap<&str, &str> = BTreeMap::new();
    for line in text.lines() {
        let (key, what) = line.split_once('\t').expect("a line is whole");
        assert_eq!(*keys.entry(what).or_insert(key), key, "{what} has one key");
    }
    for number in record.keys() {
        for step in 0..STEPS {
            assert!(keys.contains_key(&*format!("{number}/{step}")), "{number}/{step} has run");
        }
    }
    let again = text.lines().count() - keys.len();
    println!("{} instances, {} activities; {again} ran again", record.len(), keys.len());
}
