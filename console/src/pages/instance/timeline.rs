//! The timeline of an instance: what ran, what was waited for, and when, as a chart with a window that can be zoomed.

use maud::{Markup, html};
use reenact_actors::inspect::{InstanceTimeline, Span, SpanEnd, SpanKind};
use reenact_core::{CorrelationId, Timestamp};

use super::super::address::Address;
use super::super::page::Page;
use super::super::parts::gantt::{Bar, Gantt, Look, Row, ticks};
use super::super::parts::{self, Card, time};
use crate::params::Params;
use crate::problem::Problem;

/// Units of the axis per event, where it counts events.
const PER_EVENT: f64 = 1_000.0;

/// The narrowest window, in microseconds or in thousandths of an event.
const NARROWEST: f64 = 100.0;

/// What the axis shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Scale {
    /// Time.
    #[default]
    Time,
    /// One step per event: short and long things are equally legible.
    Steps,
}

/// Which part of the timeline is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Window {
    /// The place in the history from which on spans are shown.
    pub(super) from: u64,
    scale: Scale,
    zoom: Option<(f64, f64)>,
}

impl Window {
    /// From the address.
    pub(super) fn read(params: &mut Params) -> Result<Self, Problem> {
        let from = params.parsed("span", "the number of an event")?.unwrap_or(0);
        let scale = match params.text("scale")?.as_deref() {
            None | Some("time") => Scale::Time,
            Some("steps") => Scale::Steps,
            Some(_) => {
                return Err(Problem::invalid("the parameter `scale` must be `time` or `steps`"));
            }
        };
        let begin: Option<u64> = params.parsed("zoom_from", "a number")?;
        let end: Option<u64> = params.parsed("zoom_to", "a number")?;
        let zoom = match (begin, end) {
            (Some(begin), Some(end)) if begin < end => {
                Some((begin as f64, (end as f64).max(begin as f64 + NARROWEST)))
            }
            (None, None) => None,
            _ => {
                return Err(Problem::invalid(
                    "`zoom_from` must be less than `zoom_to`, and both must be given",
                ));
            }
        };
        Ok(Self { from, scale, zoom })
    }

    fn address(self, id: &str) -> Address {
        let scale = (self.scale == Scale::Steps).then_some("steps");
        let from = (self.from > 0).then_some(self.from);
        let zoom = self.zoom.map(|(from, to)| (from.round() as u64, to.round() as u64));
        Address::instance(id)
            .with_some("span", from)
            .with_some("scale", scale)
            .with_some("zoom_from", zoom.map(|(from, _)| from))
            .with_some("zoom_to", zoom.map(|(_, to)| to))
            .at("timeline")
    }
}

/// The card with the chart.
pub(super) struct Chart<'a> {
    /// The request.
    pub(super) page: &'a Page,
    /// The instance.
    pub(super) id: &'a str,
    /// What happened.
    pub(super) shown: &'a InstanceTimeline,
    /// Which part.
    pub(super) window: Window,
}

impl Chart<'_> {
    /// The card.
    pub(super) fn card(&self) -> Markup {
        let timeline = &self.shown.timeline;
        let whole = self.whole();
        let (from, to) = self.window.zoom.unwrap_or(whole);
        let gantt = Gantt {
            from,
            to,
            ticks: self.ticks(from, to),
            now: self.now(),
            rows: timeline.spans.iter().map(|span| self.row(span)).collect(),
        };
        let ended = timeline.ended_at.unwrap_or(self.page.now);
        let lasted = ended.since(timeline.begin);
        let aside = html! {
            span.quiet.small {
                "activities ran for " (time::span(timeline.running)) " of " (time::span(lasted)) "; the rest was waiting"
            }
        };
        Card { id: "timeline", title: "Timeline", live: true, aside: Some(aside) }.around(html! {
            @if timeline.spans.is_empty() {
                p.empty { "Nothing has been scheduled, awaited or received " @if self.window.from > 0 { "from here on." } @else { "yet." } }
            } @else {
                (self.tools(whole, (from, to)))
                (gantt.draw("Timeline"))
                (legend())
            }
            (self.pages())
        })
    }

    /// From the beginning of the first span to the end of the last one, with a margin.
    fn whole(&self) -> (f64, f64) {
        let timeline = &self.shown.timeline;
        let begin = match timeline.before {
            0 => self.point(timeline.begin, 0),
            _ => timeline.spans.first().map_or(0.0, |span| self.point(span.begin, span.position)),
        };
        let ends = timeline.spans.iter().map(|span| match (span.end, span.end_position) {
            (Some(end), Some(position)) => self.point(end, position),
            _ => self.open_end(),
        });
        let end = ends.fold(begin, f64::max).max(begin + NARROWEST);
        (begin, end + (end - begin) * 0.02)
    }

    fn point(&self, at: Timestamp, position: u64) -> f64 {
        match self.window.scale {
            Scale::Time => at.as_micros() as f64,
            Scale::Steps => position as f64 * PER_EVENT,
        }
    }

    /// How far things reach that have not ended.
    fn open_end(&self) -> f64 {
        match self.window.scale {
            Scale::Time => self.page.now.max(self.shown.timeline.at).as_micros() as f64,
            Scale::Steps => self.shown.summary.events as f64 * PER_EVENT,
        }
    }

    fn now(&self) -> Option<f64> {
        self.shown.timeline.ended_at.is_none().then(|| self.open_end())
    }

    fn ticks(&self, from: f64, to: f64) -> Vec<(f64, String)> {
        let text = |at: f64| match self.window.scale {
            Scale::Steps => format!("{}", (at / PER_EVENT).round()),
            Scale::Time => {
                let at = Timestamp::from_micros(at.max(0.0) as u64);
                match to - from {
                    wide if wide < 1e4 => at.to_string()[17..26].to_owned(),
                    wide if wide < 1e7 => at.to_string()[11..23].to_owned(),
                    wide if wide < 8.64e10 => at.to_string()[11..19].to_owned(),
                    _ => at.to_string()[5..16].replace('T', " "),
                }
            }
        };
        let least = if self.window.scale == Scale::Steps { PER_EVENT } else { 0.0 };
        let all = ticks(from, to).into_iter().filter(|at| least == 0.0 || at % least == 0.0);
        all.map(|at| (at, text(at))).collect()
    }

    fn tools(&self, whole: (f64, f64), (from, to): (f64, f64)) -> Markup {
        let wide = to - from;
        let to_window = |from: f64, to: f64| {
            Window { zoom: Some((from.max(0.0), to)), ..self.window }.address(self.id)
        };
        let all = Window { zoom: None, ..self.window }.address(self.id);
        let other = match self.window.scale {
            Scale::Time => (Scale::Steps, "One step per event"),
            Scale::Steps => (Scale::Time, "By time"),
        };
        let is_whole = self.window.zoom.is_none();
        html! {
            div.row.in role="toolbar" aria-label="Zoom of the timeline" {
                a.button data-zoom="in" href=(to_window(from + wide * 0.25, to - wide * 0.25)) title="Zoom in (key +)" { "+" span.hidden { "Zoom in" } }
                @if !is_whole {
                    a.button data-zoom="out" href=(zoomed_out(whole, (from, to)).map_or_else(|| all.clone(), |(from, to)| to_window(from, to))) title="Zoom out (key -)" { "−" span.hidden { "Zoom out" } }
                    a.button data-zoom="left" href=(to_window(from - wide * 0.25, to - wide * 0.25)) title="Earlier (key ←)" { "◀" span.hidden { "Earlier" } }
                    a.button data-zoom="right" href=(to_window(from + wide * 0.25, to + wide * 0.25)) title="Later (key →)" { "▶" span.hidden { "Later" } }
                    a.button data-zoom="all" href=(all) title="All (key 0)" { "All" }
                }
                a.button.plain data-zoom="scale" href=(Window { scale: other.0, zoom: None, ..self.window }.address(self.id)) { (other.1) }
                span.quiet.small id="timeline-window" { (self.window_in_words(from, to)) }
                span.quiet.small hidden data-script { "Drag over the chart to zoom." }
            }
        }
    }

    fn window_in_words(&self, from: f64, to: f64) -> String {
        match self.window.scale {
            Scale::Steps => {
                format!("Events {} to {}.", (from / PER_EVENT).floor(), (to / PER_EVENT).floor())
            }
            Scale::Time => {
                let at = |point: f64| Timestamp::from_micros(point.max(0.0) as u64);
                format!("{} from {}.", time::span(at(to).since(at(from))), time::exact(at(from)))
            }
        }
    }

    fn pages(&self) -> Markup {
        let timeline = &self.shown.timeline;
        let last = timeline.before + timeline.spans.len() as u64;
        let other = |from: u64| Window { from, zoom: None, ..self.window }.address(self.id);
        html! {
            @if timeline.next.is_some() || timeline.before > 0 {
                nav.pager aria-label="Pages of the timeline" {
                    span { (parts::grouped(timeline.before + 1)) " to " (parts::grouped(last)) " of " (parts::grouped(timeline.total)) }
                    @if timeline.before > 0 { a href=(other(0)) { "First" } }
                    @if let Some(next) = timeline.next { a.button id="timeline-next" rel="next" href=(other(next)) { "Next" } }
                }
            }
        }
    }

    fn row(&self, span: &Span) -> Row {
        let (kind, sign) = kind(span.kind);
        let near = Address::instance(self.id).with("near", span.position).at("events");
        let name = html! {
            @match &span.name {
                Some(name) => a href=(near) title=(name) { (name) },
                None => a href=(near) { (if span.id == Some(CorrelationId::START) { "start" } else { kind }) },
            }
            @if let Some(id) = span.id.filter(|id| *id != CorrelationId::START) { " " span.quiet { "#" (id.0) } }
            @if let Some(instance) = &span.instance { " " (parts::instance(instance.as_str())) }
        };
        Row {
            key: span.position.to_string(),
            kind,
            sign,
            name,
            outcome: self.outcome(span),
            bars: self.bars(span),
        }
    }

    fn outcome(&self, span: &Span) -> Markup {
        let took = span.end.unwrap_or(self.page.now).since(span.begin);
        let tries = span.attempts.len() as u64 + span.attempts_left_out;
        let word = match span.outcome {
            SpanEnd::Instant => {
                return html! { span.quiet { "at " (time::time_of_day(span.begin)) } };
            }
            SpanEnd::Completed if tries > 1 => {
                return html! { (time::span(took)) span.quiet { ", " (tries) " tries" } };
            }
            SpanEnd::Completed => return html! { (time::span(took)) },
            SpanEnd::Failed => return html! { (time::span(took)) " " span.bad { "✕ failed" } },
            SpanEnd::Open if self.is_under_way(span) => "running",
            SpanEnd::Open if matches!(span.kind, SpanKind::Suspended | SpanKind::Parked) => {
                "so far"
            }
            SpanEnd::Cancelled => "called off",
            SpanEnd::Overtaken => "not awaited",
            _ => "waiting",
        };
        html! { (time::span(took)) " " span.quiet { (word) } }
    }

    /// Whether an attempt is under way, rather than to come.
    fn is_under_way(&self, span: &Span) -> bool {
        let is_running = span
            .attempts
            .back()
            .is_some_and(|last| last.end.is_none() && last.begin <= self.page.now);
        span.kind == SpanKind::Activity && is_running
    }

    fn bars(&self, span: &Span) -> Vec<Bar> {
        let mut bars = Vec::new();
        let attempts_are_shown = self.window.scale == Scale::Time
            && span.kind == SpanKind::Activity
            && !span.attempts.is_empty();
        if !attempts_are_shown {
            bars.push(self.one_bar(span));
            return bars;
        }
        let mut before = span.begin;
        for attempt in &span.attempts {
            let begin = attempt.begin.max(before);
            let point = |at: Timestamp| self.point(at, 0);
            let pause = |to: Timestamp| Bar {
                from: point(before),
                to: Some(point(to)),
                look: Look::Pause,
                title: format!(
                    "{} until attempt {}",
                    time::span(to.since(before)),
                    attempt.attempt
                ),
            };
            if begin > before {
                bars.push(pause(begin.min(self.page.now.max(before))));
            }
            if attempt.end.is_none() && begin > self.page.now {
                break;
            }
            let look = match (attempt.end, attempt.failed) {
                (_, true) => Look::Failed,
                (Some(_), false) if span.outcome == SpanEnd::Completed => Look::Done,
                (Some(_), false) => Look::Gone,
                (None, false) => Look::Running,
            };
            let took = time::span(attempt.end.unwrap_or(self.page.now).since(begin));
            let error = attempt
                .error
                .as_deref()
                .map(|error| format!(": {}", parts::start_of(error, 120).unwrap_or(error)));
            let word = if attempt.failed {
                " failed"
            } else if attempt.end.is_none() {
                " running"
            } else {
                ""
            };
            let title =
                format!("attempt {}{word} ({took}){}", attempt.attempt, error.unwrap_or_default());
            bars.push(Bar { from: point(begin), to: attempt.end.map(point), look, title });
            before = attempt.end.unwrap_or(begin);
        }
        bars
    }

    fn one_bar(&self, span: &Span) -> Bar {
        let look = match (span.kind, span.outcome) {
            (_, SpanEnd::Instant) => Look::Instant,
            (_, SpanEnd::Cancelled | SpanEnd::Overtaken) => Look::Gone,
            (_, SpanEnd::Failed) => Look::Failed,
            (SpanKind::Activity, SpanEnd::Open) => Look::Running,
            (SpanKind::Activity, _) => Look::Done,
            (SpanKind::Timer, _) => Look::Timer,
            (SpanKind::Child, _) => Look::Child,
            (SpanKind::Suspended | SpanKind::Parked, _) => Look::Stopped,
            _ => Look::Wait,
        };
        let (word, _) = kind(span.kind);
        let took = time::span(span.end.unwrap_or(self.page.now).since(span.begin));
        let title = match (look, &span.reason, span.fire_at) {
            (Look::Instant, _, _) => format!("{word} at {}", time::time_of_day(span.begin)),
            (_, Some(reason), _) => {
                let reason = self.page.shared.shown(self.id).reason(reason);
                format!("{word} {took}: {}", parts::start_of(&reason, 120).unwrap_or(&reason))
            }
            (_, None, Some(fire_at)) => format!("{word} {took}, due {}", time::exact(fire_at)),
            _ => format!("{word} {took}"),
        };
        let to = span.end.map(|end| self.point(end, span.end_position.unwrap_or(span.position)));
        Bar { from: self.point(span.begin, span.position), to, look, title }
    }
}

/// Twice as wide, within the whole; `None` when that is the whole.
fn zoomed_out(whole: (f64, f64), (from, to): (f64, f64)) -> Option<(f64, f64)> {
    let half = (to - from) / 2.0;
    let wider = ((from - half).max(whole.0), (to + half).min(whole.1));
    (wider.0 > whole.0 || wider.1 < whole.1).then_some(wider).filter(|(from, to)| from < to)
}

/// A word and a sign.
const fn kind(kind: SpanKind) -> (&'static str, &'static str) {
    match kind {
        SpanKind::Activity => ("activity", "■"),
        SpanKind::Timer => ("timer", "◷"),
        SpanKind::Wait => ("wait for event", "◇"),
        SpanKind::Child => ("child", "↳"),
        SpanKind::Event => ("event came", "●"),
        SpanKind::Start => ("detached start", "↗"),
        SpanKind::Send => ("event sent", "↗"),
        SpanKind::Command => ("command sent", "↗"),
        SpanKind::Update => ("update sent", "⇄"),
        SpanKind::Lock => ("lock asked for", "◈"),
        SpanKind::Suspended => ("suspended", "‖"),
        SpanKind::Parked => ("parked", "⚠"),
        SpanKind::Cancel => ("cancel came", "⊘"),
        SpanKind::Rewind => ("rewound", "↶"),
        SpanKind::Renewal => ("went on as new", "↻"),
        _ => ("other", "·"),
    }
}

fn legend() -> Markup {
    let keys = [
        ("b-done", 1, 8, "activity done"),
        ("b-run", 1, 8, "running"),
        ("b-fail", 1, 8, "attempt failed"),
        ("b-queue", 4, 2, "pause before the next"),
        ("b-wait", 3, 4, "wait for an event"),
        ("b-timer", 3, 4, "timer"),
        ("b-child", 1, 8, "child"),
        ("b-gone", 3, 4, "called off, or not awaited"),
        ("b-stop", 0, 10, "suspended or parked"),
    ];
    html! {
        div.legend aria-hidden="true" {
            @for (class, y, height, text) in keys {
                span.key { svg { rect.(class) x="0" y=(y) width="22" height=(height) rx="2" {} } (text) }
            }
            span.key { svg { circle.b-event cx="11" cy="5" r="4" {} } "an event came" }
        }
    }
}
