//! `metrics`: what a running host has counted and measured.

use std::collections::BTreeMap;
use std::time::Duration;

use reenact::metrics::{Histogram, HostMetrics};
use serde_json::Value;

use crate::api::understood;
use crate::arguments::stores::Metrics;
use crate::failure::{Done, Failure};
use crate::output::styles::{BAD, STRONG, WARN};
use crate::output::table::{Cell, Column, Table, Value as Shown, fields};
use crate::output::times;
use crate::tool::Tool;

pub(crate) async fn metrics(given: Metrics, tool: &mut Tool) -> Done {
    let opened = tool.reading().await?;
    if !opened.has_host() {
        return Err(Failure::unreachable("metrics are those of one host, and no host was asked")
            .remedy(
                "give `--url ADDRESS` of a host's console; `--store DIR` finds that of its host",
            ));
    }
    if given.prometheus {
        let text = opened.api.bytes("metrics", &[]).await?;
        tool.out.raw(&text)?;
        return opened.close().await;
    }
    let metrics: Value = opened.api.get("api/metrics", &[]).await?;
    if tool.out.is_for_people() {
        people(&understood(metrics)?, tool)?;
    } else {
        tool.out.value(&metrics)?;
    }
    opened.close().await
}

fn people(metrics: &HostMetrics, tool: &mut Tool) -> Done {
    let lines = fields(&host(metrics), tool.out.width());
    tool.out.lines(lines)?;
    if !metrics.orchestrations.is_empty() {
        tool.out.line("")?;
        tool.out.rows(&mut orchestrations(metrics))?;
    }
    if !metrics.activities.is_empty() {
        tool.out.line("")?;
        tool.out.rows(&mut activities(metrics))?;
    }
    Ok(())
}

fn host(metrics: &HostMetrics) -> Vec<(&'static str, Shown)> {
    let HostMetrics { log, instances, timers, admission, queues, shards, store, .. } = metrics;
    let up = Duration::from_micros(
        metrics.at.as_micros().saturating_sub(metrics.started_at.as_micros()),
    );
    let mut pairs: Vec<(&'static str, Shown)> = vec![
        ("host", format!("up for {}, {} shards", times::duration(up), shards.held).into()),
        (
            "instances",
            format!(
                "{} in memory ({}), {} activated, {} passivated",
                instances.in_memory,
                bytes(instances.in_memory_bytes),
                instances.activated,
                instances.passivated
            )
            .into(),
        ),
        (
            "log",
            format!(
                "{} turns in {} appends, {}; an append took {}",
                log.turns,
                log.appends,
                bytes(log.bytes),
                latency(&log.append_seconds)
            )
            .into(),
        ),
        (
            "timers",
            format!(
                "{} armed, {} fired, late by {}",
                timers.armed,
                timers.fired,
                latency(&timers.late_seconds)
            )
            .into(),
        ),
    ];
    if queues.sent + queues.received + queues.waiting.unwrap_or_default() > 0 {
        let wait = queues.waiting.map(|waiting| format!(", {waiting} wait")).unwrap_or_default();
        let oldest = queues.oldest_seconds.filter(|_| queues.oldest_shard.is_some());
        let oldest = oldest.map(|seconds| format!(", the oldest for {seconds:.0}s"));
        let oldest = oldest.unwrap_or_default();
        let text = format!("{} sent, {} received{wait}{oldest}", queues.sent, queues.received);
        pairs.push(("queues", text.into()));
    }
    let waiting = admission.messages_waiting + admission.instances_waiting;
    if waiting + admission.busy_refusals > 0 {
        let refused = admission.busy_refusals;
        pairs.push((
            "admission",
            Shown::new(WARN, format!("{waiting} wait, {refused} refused as busy")),
        ));
    }
    let parked = kinds(&instances.parked_now);
    if !parked.is_empty() {
        pairs.push(("parked", Shown::new(WARN, parked)));
    }
    if metrics.stalled > 0 {
        pairs.push((
            "stalled",
            Shown::new(BAD, format!("code keeps its thread in {} places", metrics.stalled)),
        ));
    }
    if queues.quarantined > 0 {
        pairs.push(("quarantine", Shown::new(WARN, format!("{} messages", queues.quarantined))));
    }
    if let Some(unarchived) = store.unarchived_bytes {
        pairs.push(("to archive", bytes(unarchived).into()));
    }
    let errors = kinds(&store.errors);
    if !errors.is_empty() {
        pairs.push(("store errors", Shown::new(BAD, errors)));
    }
    pairs
}

/// `2 nondeterministic, 1 stalled`: those that there are.
fn kinds(counted: &BTreeMap<String, u64>) -> String {
    let there = counted.iter().filter(|(_, number)| **number > 0);
    let kinds: Vec<_> = there.map(|(kind, number)| format!("{number} {kind}")).collect();
    kinds.join(", ")
}

fn orchestrations(metrics: &HostMetrics) -> Table {
    let mut table = Table::new(vec![
        Column::long("ORCHESTRATION"),
        Column::number("STARTED"),
        Column::number("DONE"),
        Column::number("FAILED"),
        Column::number("CANCELS"),
        Column::number("ENDED"),
        Column::text("P50, P99"),
    ]);
    for (name, of) in &metrics.orchestrations {
        table.row(vec![
            Cell::new(STRONG, name),
            of.started.to_string().into(),
            of.completed.to_string().into(),
            bad(of.failed),
            of.cancelled.to_string().into(),
            of.terminated.to_string().into(),
            latency(&of.seconds).into(),
        ]);
    }
    table
}

fn activities(metrics: &HostMetrics) -> Table {
    let mut table = Table::new(vec![
        Column::long("ACTIVITY"),
        Column::number("RUNS"),
        Column::number("WAITS"),
        Column::number("TRIES"),
        Column::number("DONE"),
        Column::number("FAILED"),
        Column::number("LATE"),
        Column::text("P50, P99"),
    ]);
    for (name, of) in &metrics.activities {
        table.row(vec![
            Cell::new(STRONG, name),
            of.running.to_string().into(),
            of.waiting.to_string().into(),
            of.attempts.to_string().into(),
            of.completed.to_string().into(),
            bad(of.failed + of.panicked + of.host_died),
            bad(of.timed_out),
            latency(&of.attempt_seconds).into(),
        ]);
    }
    table
}

/// A number that should be 0.
fn bad(number: u64) -> Cell {
    let text = number.to_string();
    if number == 0 { text.into() } else { Cell::new(BAD, text) }
}

/// The median and the 99th percentile.
fn latency(of: &Histogram) -> String {
    let at = |quantile| of.quantile(quantile).map(|seconds| times::milliseconds(seconds * 1000.0));
    match (at(0.5), at(0.99)) {
        (Some(median), Some(most)) => format!("{median}, {most}"),
        _ => "-".to_owned(),
    }
}

/// A size in its largest unit.
fn bytes(bytes: u64) -> String {
    indicatif::HumanBytes(bytes).to_string()
}
