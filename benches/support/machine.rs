//! What the machine does by itself, in this minute.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::bare::syncs_per_second;
use super::drive::runtime;
use super::scratch::Scratch;
use super::table::time;

/// How long each is looked at.
const LOOK: Duration = Duration::from_millis(300);

/// A sync, a round trip between two threads that sleep, and a task that is spawned and awaited.
pub(crate) fn of_this_minute() -> String {
    let scratch = Scratch::new("machine");
    let sync = Duration::from_secs_f64(1.0 / syncs_per_second(scratch.path(), 1, 1, LOOK));
    format!(
        "The machine: a sync of 256 bytes takes {}, there and back between two threads {}, a task that is \
         spawned and awaited {}",
        time(sync),
        time(round_trip()),
        time(task()),
    )
}

fn round_trip() -> Duration {
    let (there, theirs) = mpsc::channel();
    let (back, ours) = mpsc::channel();
    let other = std::thread::spawn(move || theirs.iter().try_for_each(|()| back.send(())));
    let took = each(|| {
        there.send(()).expect("the other thread lives");
        ours.recv().expect("the other thread lives");
    });
    drop(there);
    // It ends as nothing more comes.
    let _ = other.join();
    took
}

fn task() -> Duration {
    let runtime = runtime(1);
    each(|| runtime.block_on(async { tokio::spawn(async {}).await.expect("it does not panic") }))
}

/// The time of one call, out of many.
fn each(mut call: impl FnMut()) -> Duration {
    let (began, mut calls) = (Instant::now(), 0);
    while began.elapsed() < LOOK {
        (0..100).for_each(|_| call());
        calls += 100;
    }
    began.elapsed() / calls
}
