//! `metrics`: what a running host has counted and measured.

use std::time::Duration;

use reenact::metrics::{Histogram, HostMetrics};
use serde_json::Value;

use crate::api::understood;
use crate::arguments::stores::Metrics;
use crate::failure::{Done, Failure};
use crate::output::styles::{BAD, STRONG, WARN, paint};
use crate::output::table::{Cell, Column, Table, fields};
use crate::output::times;
use crate::tool::Tool;

pub(crate) async fn metrics(given: Metrics, tool: &mut Tool) -> Done {
    let opened = tool.reading().await?;
    if !opened.has_host() {
        return Err(Failure::unreachable("no host runs here, and only a host has metrics")
            .remedy("start the host with its console on, or give `--url ADDRESS` of one"));
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
    let lines = fields(&host(metrics));
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

fn host(metrics: &HostMetrics) -> Vec<(&'static str, String)> {
    let HostMetrics { log, instances, timers, admission, queues, shards, store, .. } = metrics;
    let up = Duration::from_micros(
        metrics.at.as_micros().saturating_sub(metrics.started_at.as_micros()),
    );
    let mut pairs = vec![
        ("host", format!("up for {}, {} shards", times::duration(up), shards.held)),
        (
            "instances",
            format!(
                "{} in memory ({}), {} activated, {} passivated",
                instances.in_memory,
                bytes(instances.in_memory_bytes),
                instances.activated,
                instances.passivated
            ),
        ),
        (
            "log",
            format!(
                "{} turns in {} appends, {}; an append took {}",
                log.turns,
                log.appends,
                bytes(log.bytes),
                latency(&log.append_seconds)
            ),
        ),
        (
            "timers",
            format!(
                "{} armed, {} fired, late by {}",
                timers.armed,
                timers.fired,
                latency(&timers.late_seconds)
            ),
        ),
    ];
    if queues.sent + queues.received > 0 {
        pairs.push(("queues", format!("{} sent, {} received", queues.sent, queues.received)));
    }
    let waiting = admission.messages_waiting + admission.instances_waiting;
    if waiting + admission.busy_refusals > 0 {
        let refused = admission.busy_refusals;
        pairs.push((
            "admission",
            paint(WARN, format_args!("{waiting} wait, {refused} refused as busy")),
        ));
    }
    if !instances.parked_now.is_empty() {
        let kinds: Vec<_> =
            instances.parked_now.iter().map(|(kind, number)| format!("{number} {kind}")).collect();
        pairs.push(("parked", paint(WARN, kinds.join(", "))));
    }
    if metrics.stalled > 0 {
        pairs.push((
            "stalled",
            paint(BAD, format_args!("code keeps its thread in {} places", metrics.stalled)),
        ));
    }
    if queues.quarantined > 0 {
        pairs.push(("quarantine", paint(WARN, format_args!("{} messages", queues.quarantined))));
    }
    if let Some(unarchived) = store.unarchived_bytes {
        pairs.push(("to archive", bytes(unarchived)));
    }
    if !store.errors.is_empty() {
        let kinds: Vec<_> =
            store.errors.iter().map(|(kind, number)| format!("{number} {kind}")).collect();
        pairs.push(("store errors", paint(BAD, kinds.join(", "))));
    }
    pairs
}

fn orchestrations(metrics: &HostMetrics) -> Table {
    let mut table = Table::new(vec![
        Column::long("ORCHESTRATION"),
        Column::number("STARTED"),
        Column::number("COMPLETED"),
        Column::number("FAILED"),
        Column::number("CANCELLED"),
        Column::number("TERMINATED"),
        Column::text("TOOK (P50, P99)"),
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
        Column::number("RUNNING"),
        Column::number("WAITING"),
        Column::number("ATTEMPTS"),
        Column::number("COMPLETED"),
        Column::number("FAILED"),
        Column::number("TIMED OUT"),
        Column::text("TOOK (P50, P99)"),
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
