//! `timeline`: what an instance did and waited for, as a line for each thing, under one axis.

use std::time::Duration;

use anstyle::Style;
use reenact::console::dto::{Span as Row, SpanPage, Time, Timeline as Page};
use serde_json::Value;

use crate::api::{of, understood};
use crate::arguments::reading::Timeline;
use crate::failure::Done;
use crate::output::gantt::{Piece, Span, draw};
use crate::output::styles::{BAD, FAINT, GOOD, LIVE, PLAIN, STRONG, WARN, paint};
use crate::output::text::printable;
use crate::output::times;
use crate::tool::Tool;

/// What the signs mean, below the lines.
const LEGEND: &str = "█ runs  ▒ attempt that failed  ░ waits  ◆ an instant  ▶ goes on";

/// Kinds that take no time.
const INSTANTS: [&str; 6] = ["event", "start", "send", "cancel", "rewind", "renewal"];

pub(crate) async fn timeline(given: Timeline, tool: &mut Tool) -> Done {
    let opened = tool.reading().await?;
    let mut query = of(&given.id).to_vec();
    query.push(("from", given.from.to_string()));
    query.push(("limit", given.limit.to_string()));
    query.extend(given.execution.map(|execution| ("execution", execution.to_string())));
    let timeline: Value = opened.api.get("api/timeline", &query).await?;
    if tool.out.is_for_people() {
        let Page { spans, unreadable, .. } = understood(timeline)?;
        people(&given.id, &spans, tool)?;
        if let Some(unreadable) = unreadable {
            tool.out.line(paint(BAD, printable(&unreadable)))?;
        }
    } else {
        tool.out.value(&timeline)?;
    }
    opened.close().await
}

fn people(id: &str, page: &SpanPage, tool: &mut Tool) -> Done {
    let begin = micros(page.begin);
    let is_open = page.ended_at.is_none();
    // What is open goes on until now.
    let now = times::micros_of(tool.out.now()).filter(|_| is_open);
    let end = page.ended_at.map(micros).or(now).unwrap_or_else(|| micros(page.at)).max(begin);
    let all = Duration::from_micros(end - begin);
    let ran = times::duration(Duration::from_millis(page.running_ms));
    let until = if is_open { "so far" } else { "in all" };
    tool.out.line(format_args!(
        "{}  {}",
        paint(STRONG, printable(id)),
        paint(
            FAINT,
            format_args!("{} {until}, activities under way for {ran}", times::duration(all))
        )
    ))?;
    if page.spans.is_empty() {
        return tool.out.line("nothing was scheduled or awaited");
    }
    let spans: Vec<_> = page.spans.iter().map(|row| span(row, end)).collect();
    let lines = draw(&spans, (begin, end), tool.out.width());
    tool.out.lines(lines)?;
    let from = times::to_the_millisecond(&page.begin.to_string());
    let last = page.ended_at.unwrap_or(page.at).to_string();
    let last = if is_open { "now".to_owned() } else { times::to_the_millisecond(&last) };
    tool.out.line(paint(FAINT, format_args!("from {from} to {last}")))?;
    tool.out.line(paint(FAINT, LEGEND))?;
    if let Some(next) = page.next {
        tool.out.flush()?;
        tool.remark(format_args!("there are more: `--from {next}`"));
    }
    Ok(())
}

fn micros(at: Time) -> u64 {
    at.0.as_micros()
}

/// A row as a span: running time apart from waiting time.
fn span(row: &Row, now: u64) -> Span {
    let (begin, end) = (micros(row.begin), row.end.map_or(now, micros));
    let style = style(&row.outcome);
    let mut pieces = Vec::new();
    if row.outcome == "instant" || INSTANTS.contains(&row.kind.as_str()) {
        pieces.push(Piece { from: begin, to: begin, sign: '◆', style });
    } else {
        // Between two attempts it waits; a child without attempts that are shown is under way all the time.
        let (sign, style) = match row.kind.as_str() {
            "child" if row.attempts.is_empty() => ('█', style),
            _ if row.attempts.is_empty() => ('░', style),
            _ => ('░', FAINT),
        };
        pieces.push(Piece { from: begin, to: end, sign, style });
    }
    for attempt in &row.attempts {
        let from = micros(attempt.begin);
        if from <= end {
            let to = attempt.end.map_or(end, micros);
            let (sign, style) = if attempt.failed { ('▒', BAD) } else { ('█', style) };
            pieces.push(Piece { from, to, sign, style });
        }
    }
    if row.end.is_none() && row.outcome == "open" {
        pieces.push(Piece { from: end, to: end, sign: '▶', style });
    }
    Span { name: name(row), note: note(row, begin, end), style: name_style(row), pieces }
}

fn style(outcome: &str) -> Style {
    match outcome {
        "completed" => GOOD,
        "failed" => BAD,
        "cancelled" | "overtaken" => WARN,
        "open" => LIVE,
        _ => PLAIN,
    }
}

fn name_style(row: &Row) -> Style {
    if row.outcome == "failed" { BAD } else { PLAIN }
}

/// `charge`, `timer`, `wait Approved`, `child ship`.
fn name(row: &Row) -> String {
    let name = row.name.as_deref().map(printable);
    match (row.kind.as_str(), name) {
        ("activity", Some(name)) => name,
        (kind, Some(name)) => format!("{kind} {name}"),
        (kind, None) => kind.to_owned(),
    }
}

/// How long it took, and how it ended where that is not as it should.
fn note(row: &Row, begin: u64, end: u64) -> String {
    let took = times::duration(Duration::from_micros(end.saturating_sub(begin)));
    let attempts = match row.attempts.last() {
        Some(last) if last.attempt > 1 => format!(", attempt {}", last.attempt),
        _ => String::new(),
    };
    match row.outcome.as_str() {
        "instant" => String::new(),
        "completed" => format!("{took}{attempts}"),
        "open" => format!("{took} so far{attempts}"),
        other => format!("{took}{attempts}, {other}"),
    }
}
