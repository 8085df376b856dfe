//! Workloads on one host of a hub.

use std::time::Duration;

use reenact::providers::azure::Transactions;
use reenact::{Azure, HostOptions, InstanceFilter, PageRequest};

use super::drive::{Bounds, Measured, measure};
use super::table::{line, thousands, time};
use super::workloads::{Workload, host_with};
use super::{Bare, Setting};

/// What is run, with how many outstanding, and how long turns wait for others.
const ROWS: [(Workload, u64, Duration); 14] = [
    (Workload::Noop, 1, Duration::ZERO),
    (Workload::Noop, 64, Duration::ZERO),
    (Workload::Noop, 1_024, Duration::ZERO),
    (Workload::Sequence, 1, Duration::ZERO),
    (Workload::Sequence, 64, Duration::ZERO),
    (Workload::Sequence, 64, LINGER),
    (Workload::Sequence, 1_024, Duration::ZERO),
    (Workload::Sequence, 1_024, LINGER),
    (Workload::Event, 1, Duration::ZERO),
    (Workload::Event, 64, Duration::ZERO),
    (Workload::Event, 1_024, Duration::ZERO),
    (Workload::FanOut(100), 1, Duration::ZERO),
    (Workload::FanOut(100), 64, Duration::ZERO),
    (Workload::FanOut(100), 64, LINGER),
];

/// A linger that somebody may choose.
const LINGER: Duration = Duration::from_millis(20);

const WIDTHS: [usize; 13] = [20, 11, 7, 11, 12, 6, 6, 8, 10, 10, 10, 10, 10];

/// A row ends in any case when this many instances were started.
const MAX_INSTANCES: u64 = 5_000_000;

/// Instances that are run before it counts: enough that each shard has some, most likely.
const WARM_UP: u64 = 128;

/// What was measured of five steps with the most outstanding.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) requests_per_instance: f64,
    pub(crate) turns_per_commit: f64,
}

pub(crate) async fn print(setting: &Setting<'_>, bare: &Bare) -> reenact::Result<Option<Load>> {
    let options = setting.options;
    let is_asked_for = |&(workload, outstanding, _): &(Workload, u64, Duration)| {
        options.wants(&workload.label())
            && (options.outstanding.is_empty() || options.outstanding.contains(&outstanding))
    };
    let rows: Vec<_> = ROWS.into_iter().filter(is_asked_for).collect();
    let mut load = None;
    if rows.is_empty() {
        return Ok(load);
    }
    let head = [
        "workload",
        "outstanding",
        "linger",
        "instances/s",
        "activities/s",
        "bare/s",
        "ratio",
        "events",
        "requests/",
        "requests/",
        "events/",
        "p50",
        "p99",
    ];
    line(&WIDTHS, head);
    line(&WIDTHS, ["", "", "", "", "", "", "", "each", "instance", "event", "request", "", ""]);
    for (at, (workload, outstanding, linger)) in rows.into_iter().enumerate() {
        let hub = setting.hub(&format!("row-{at}")).await;
        let row = Row { hub, workload, outstanding, linger };
        let measured = row.print(setting, bare).await?;
        if workload == Workload::Sequence && linger.is_zero() {
            load = Some(measured);
        }
    }
    Ok(load)
}

struct Row {
    hub: Azure,
    workload: Workload,
    outstanding: u64,
    linger: Duration,
}

impl Row {
    async fn print(&self, setting: &Setting<'_>, bare: &Bare) -> reenact::Result<Load> {
        let options = HostOptions::new().commit_linger(self.linger);
        let host = host_with(self.hub.clone(), options).await?;
        let warm = Bounds { time: Duration::ZERO, instances: WARM_UP };
        measure(&host, self.workload, WARM_UP.min(self.outstanding), warm).await?;
        let before = self.hub.transactions();
        let bounds = Bounds { time: setting.time(), instances: MAX_INSTANCES };
        let measured = measure(&host, self.workload, self.outstanding, bounds).await?;
        let spent = since(before, self.hub.transactions());
        let bare = bare.appends().await;
        let page = host.list(&InstanceFilter::new(), &PageRequest::new()).await?;
        let events = page.instances.first().map_or(0, |summary| summary.events);
        self.line(&measured, &spent, events, bare);
        host.shutdown().await?;
        let instances = measured.instances as f64;
        Ok(Load {
            requests_per_instance: spent.total() as f64 / instances,
            turns_per_commit: instances * self.workload.turns() as f64 / spent.appends as f64,
        })
    }

    fn line(&self, measured: &Measured, spent: &Transactions, events: u64, bare: f64) {
        let instances = measured.instances as f64;
        let all_events = instances * events as f64;
        let activities = measured.activities_per_second();
        // Where there are no activities, the instances are compared.
        let work = if activities > 0.0 { activities } else { measured.instances_per_second() };
        let cells = [
            self.workload.label(),
            thousands(self.outstanding as f64),
            if self.linger.is_zero() {
                "-".into()
            } else {
                format!("{} ms", self.linger.as_millis())
            },
            thousands(measured.instances_per_second()),
            if activities > 0.0 { thousands(activities) } else { "-".into() },
            thousands(bare),
            format!("{:.1}", work / bare),
            thousands(events as f64),
            format!("{:.3}", spent.total() as f64 / instances),
            format!("{:.4}", spent.total() as f64 / all_events),
            format!("{:.1}", all_events / spent.total() as f64),
            time(measured.latency(0.50)),
            time(measured.latency(0.99)),
        ];
        line(&WIDTHS, cells);
        println!("  {}", in_words(spent));
    }
}

/// What was counted between two looks.
pub(crate) fn since(before: Transactions, after: Transactions) -> Transactions {
    Transactions {
        appends: after.appends - before.appends,
        writes: after.writes - before.writes,
        reads: after.reads - before.reads,
        lists: after.lists - before.lists,
        others: after.others - before.others,
        sends: after.sends - before.sends,
        receives: after.receives - before.receives,
        settles: after.settles - before.settles,
    }
}

/// Requests by kind, in words.
pub(crate) fn in_words(spent: &Transactions) -> String {
    let Transactions { appends, writes, reads, lists, others, sends, receives, settles } = *spent;
    let kinds = [
        (appends, "appends"),
        (writes, "writes"),
        (reads, "reads"),
        (lists, "lists"),
        (others, "leases, made and removed"),
        (sends, "sent"),
        (receives, "looks into queues"),
        (settles, "settled"),
    ];
    let some = kinds.into_iter().filter(|(count, _)| *count > 0);
    let words = some.map(|(count, kind)| format!("{} {kind}", thousands(count as f64)));
    words.collect::<Vec<_>>().join(", ")
}
