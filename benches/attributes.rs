//! What attributes cost at the start of instances, and how long lists take that are filtered by them.
//!
//! `cargo bench --bench attributes`
//!
//! Instances in a directory are started without attributes and with three of them, in turns. Then pages and counts are
//! asked for of all that have them. Each is checked.

#[path = "support/scratch.rs"]
mod scratch;

use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt, TryStreamExt};
use reenact::prelude::*;
use reenact::{InstanceFilter, PageRequest};
use scratch::Scratch;

/// Instances with attributes; there are as many without.
const INSTANCES: u64 = 100_000;

/// Of these, each start by this many at a time.
const OUTSTANDING: usize = 1_024;

/// Starts of one kind, before those of the other.
const IN_TURN: u64 = 10_000;

/// Customers, of whom each has as many instances.
const CUSTOMERS: u64 = 1_000;

/// How often each is asked for; the table has the median and the longest.
const TIMES: usize = 9;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[orchestration]
async fn order(ctx: OrchestrationContext, _n: u64) -> Result<(), OrchestrationError> {
    Ok(ctx.wait_external("Paid").await?)
}

fn main() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("the system gives threads").block_on(measure()).expect("it works");
}

async fn measure() -> reenact::Result<()> {
    let scratch = Scratch::new("attributes");
    let host = Host::builder().provider(Local::open(scratch.path())?).orchestration(order);
    let host = host.start().await?;
    let (mut plain, mut attributed) = (Duration::ZERO, Duration::ZERO);
    for first in (0..INSTANCES).step_by(IN_TURN as usize) {
        plain += started(&host, first, false).await?;
        attributed += started(&host, first, true).await?;
    }
    for (what, time) in [("without attributes", plain), ("with three", attributed)] {
        println!("started {what:<32} {:>10.0}/s", INSTANCES as f64 / time.as_secs_f64());
    }
    let of_one = || InstanceFilter::new().attribute("customer", "customer-7");
    let (per_customer, all) = (INSTANCES / CUSTOMERS, INSTANCES);
    let cases = [
        ("of one customer", of_one(), per_customer),
        ("of nobody", InstanceFilter::new().attribute("customer", "nobody"), 0),
        ("a narrow range", InstanceFilter::new().attribute_within("cents", 500..510), 10),
        ("a wide range", InstanceFilter::new().attribute_within("cents", 1_000..), all - 1_000),
        ("a half", InstanceFilter::new().attribute("express", true), all / 2),
        ("two conditions", of_one().attribute("express", true), 0),
        ("all that have attributes", InstanceFilter::new().id_prefix("with-"), all),
    ];
    for (what, filter, expected) in cases {
        asked(&host, what, &filter, expected).await?;
    }
    host.shutdown().await
}

/// Starts so many instances; how long that takes.
async fn started(host: &Host, first: u64, attributes: bool) -> reenact::Result<Duration> {
    let begun = Instant::now();
    let starts = stream::iter(first..first + IN_TURN).map(|n| {
        let start = host.start_new(order, n);
        let start = match attributes {
            false => start.id(format!("without-{n}")),
            true => start
                .id(format!("with-{n}"))
                .attribute("customer", format!("customer-{}", n % CUSTOMERS))
                .attribute("cents", n as i64)
                .attribute("express", n % 2 == 0),
        };
        async move { start.await.map(drop) }
    });
    starts.buffer_unordered(OUTSTANDING).try_collect::<()>().await?;
    Ok(begun.elapsed())
}

async fn asked(
    host: &Host,
    what: &str,
    filter: &InstanceFilter,
    expected: u64,
) -> reenact::Result<()> {
    let (mut pages, mut counts) = (Vec::new(), Vec::new());
    for _ in 0..TIMES {
        let begun = Instant::now();
        let page = host.list(filter, &PageRequest::new().limit(100)).await?;
        pages.push(begun.elapsed());
        assert_eq!(page.instances.len() as u64, expected.min(100), "{what}");
        let begun = Instant::now();
        assert_eq!(host.count(filter).await?, expected, "{what}");
        counts.push(begun.elapsed());
    }
    println!("{what:<26} first page {}  count {}", shown(&mut pages), shown(&mut counts));
    Ok(())
}

/// The median and the longest.
fn shown(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let millis = |time: Duration| time.as_secs_f64() * 1_000.0;
    format!("{:>8.2} ms, at most {:>8.2}", millis(times[TIMES / 2]), millis(times[TIMES - 1]))
}
