//! A chart of what happened when: a table with a row per thing, and its bars as SVG.

use maud::{Markup, html};

/// A chart with all that it shows. Points are of any unit (microseconds, or places of events).
pub(crate) struct Gantt {
    /// The part of the axis that is shown.
    pub(crate) from: f64,
    /// Its end; after `from`.
    pub(crate) to: f64,
    /// Points of the axis with a text.
    pub(crate) ticks: Vec<(f64, String)>,
    /// The present, where it is on the axis.
    pub(crate) now: Option<f64>,
    /// The things, in the order of their beginning.
    pub(crate) rows: Vec<Row>,
}

/// A thing: an activity, a timer, a wait, a child, an event.
pub(crate) struct Row {
    /// Unique on the page, for those who look for it.
    pub(crate) key: String,
    /// What kind of thing, as a word.
    pub(crate) kind: &'static str,
    /// A sign for the kind.
    pub(crate) sign: &'static str,
    /// Its name.
    pub(crate) name: Markup,
    /// How long it took, and how it ended, in words.
    pub(crate) outcome: Markup,
    /// What is drawn.
    pub(crate) bars: Vec<Bar>,
}

/// A stretch of time, or an instant.
pub(crate) struct Bar {
    /// Where it begins.
    pub(crate) from: f64,
    /// Where it ends; `None` when it has not ended.
    pub(crate) to: Option<f64>,
    /// How it looks.
    pub(crate) look: Look,
    /// What it is, in words.
    pub(crate) title: String,
}

/// How a bar looks. Each has its own shape or line as well as its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// Work under way.
    Running,
    /// Work that returned a value.
    Done,
    /// Work that failed.
    Failed,
    /// Nothing runs: the pause before the next attempt.
    Pause,
    /// A wait for an event.
    Wait,
    /// A timer.
    Timer,
    /// A child.
    Child,
    /// An instant.
    Instant,
    /// The instance did not go on: suspended or parked.
    Stopped,
    /// Called off.
    Gone,
}

impl Look {
    const fn class(self) -> &'static str {
        match self {
            Self::Running => "b-run",
            Self::Done => "b-done",
            Self::Failed => "b-fail",
            Self::Pause => "b-queue",
            Self::Wait => "b-wait",
            Self::Timer => "b-timer",
            Self::Child => "b-child",
            Self::Instant => "b-event",
            Self::Stopped => "b-stop",
            Self::Gone => "b-gone",
        }
    }

    /// Top and height in a lane of 22: what works is tall, what waits is flat.
    const fn place(self) -> (u32, u32) {
        match self {
            Self::Running | Self::Done | Self::Failed | Self::Child => (4, 14),
            Self::Wait | Self::Timer | Self::Gone => (8, 6),
            Self::Pause => (10, 2),
            Self::Stopped => (1, 20),
            Self::Instant => (5, 12),
        }
    }
}

/// Least width of a bar, in percent, so that it can be seen.
const LEAST: f64 = 0.35;

impl Gantt {
    /// The table.
    pub(crate) fn draw(&self, caption: &str) -> Markup {
        html! {
            div.wide tabindex="0" role="region" aria-label=(caption) {
                table.gantt data-from=(self.from) data-to=(self.to) {
                    caption.hidden { (caption) }
                    thead {
                        tr {
                            th.g-name scope="col" { "What" }
                            th.g-time scope="col" { "Took" }
                            th.lane scope="col" { span.hidden { "When" } (self.axis()) }
                        }
                    }
                    tbody { @for row in &self.rows { (self.row(row)) } }
                }
            }
        }
    }

    fn axis(&self) -> Markup {
        html! {
            svg.axis aria-hidden="true" {
                @for (at, text) in &self.ticks {
                    @let x = self.percent(*at);
                    @if (0.0..=94.0).contains(&x) { text x={ (x) "%" } dx="3" y="12" { (text) } }
                }
            }
        }
    }

    fn row(&self, row: &Row) -> Markup {
        let words: Vec<_> = row.bars.iter().map(|bar| bar.title.as_str()).collect();
        html! {
            tr data-row=(row.key) data-kind=(row.kind) {
                th scope="row" { span.sign aria-hidden="true" { (row.sign) } span.hidden { (row.kind) " " } (row.name) }
                td.small.nowrap { (row.outcome) }
                td.lane {
                    svg role="img" aria-label=(words.join("; ")) {
                        @for (at, _) in &self.ticks {
                            @let x = self.percent(*at);
                            line.tick x1={ (x) "%" } x2={ (x) "%" } y1="0" y2="22" {}
                        }
                        @for bar in &row.bars { (self.bar(bar)) }
                        @if let Some(now) = self.now {
                            @let x = self.percent(now);
                            line.now x1={ (x) "%" } x2={ (x) "%" } y1="0" y2="22" {}
                        }
                    }
                }
            }
        }
    }

    fn bar(&self, bar: &Bar) -> Markup {
        let (y, height) = bar.look.place();
        let from = self.percent(bar.from).max(-1.0);
        if bar.look == Look::Instant {
            return html! {
                @if (0.0..=100.0).contains(&from) {
                    circle.b-event cx={ (from) "%" } cy="11" r="4" { title { (bar.title) } }
                }
            };
        }
        let open = bar.to.is_none();
        let to = self.percent(bar.to.or(self.now).unwrap_or(self.to)).min(101.0);
        if to < 0.0 || from > 100.0 {
            return html! {};
        }
        let width = rounded((to - from).max(LEAST));
        html! {
            rect.(bar.look.class()) x={ (from) "%" } width={ (width) "%" } y=(y) height=(height) rx="2" {
                title { (bar.title) }
            }
            @if open && (0.0..100.0).contains(&to) {
                // An open end is a line with an arrow's head: it goes on.
                svg x={ (to) "%" } y="5" width="8" height="12" overflow="visible" aria-hidden="true" {
                    path.g-open d="M1 2l4 4l-4 4" {}
                }
            }
        }
    }

    fn percent(&self, at: f64) -> f64 {
        rounded((at - self.from) / (self.to - self.from) * 100.0)
    }
}

fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// Round points of time between two, in microseconds, about six.
pub(crate) fn ticks(from: f64, to: f64) -> Vec<f64> {
    const STEPS: [f64; 33] = [
        1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5,
        2e5, 5e5, 1e6, 2e6, 5e6, 1e7, 1.5e7, 3e7, 6e7, 1.2e8, 3e8, 6e8, 1.8e9, 3.6e9, 1.08e10,
        2.16e10, 8.64e10,
    ];
    let wanted = (to - from) / 6.0;
    let step = STEPS.into_iter().find(|step| *step >= wanted);
    let step = step.unwrap_or_else(|| 8.64e10 * (wanted / 8.64e10).ceil());
    let first = (from / step).ceil();
    (0..12).map(|nth| (first + f64::from(nth)) * step).take_while(|at| *at <= to).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(bars: Vec<Bar>, now: Option<f64>) -> String {
        let row = Row {
            key: "1".to_owned(),
            kind: "activity",
            sign: "▸",
            name: html! { "<b>" },
            outcome: html! { "2 s" },
            bars,
        };
        Gantt {
            from: 100.0,
            to: 200.0,
            ticks: vec![(150.0, "12:00".to_owned())],
            now,
            rows: vec![row],
        }
        .draw("Timeline")
        .into_string()
    }

    fn bar(from: f64, to: Option<f64>, look: Look) -> Bar {
        Bar { from, to, look, title: "attempt 1".to_owned() }
    }

    #[test]
    fn a_bar_is_where_its_time_is() {
        let drawn = drawn(vec![bar(125.0, Some(150.0), Look::Done)], None);
        assert!(drawn.contains("<rect class=\"b-done\" x=\"25%\" width=\"25%\""), "{drawn}");
        assert!(drawn.contains("&lt;b&gt;"));
    }

    #[test]
    fn what_has_not_ended_reaches_to_now_and_shows_that_it_goes_on() {
        let drawn = drawn(vec![bar(150.0, None, Look::Running)], Some(175.0));
        assert!(drawn.contains("x=\"50%\" width=\"25%\"") && drawn.contains("g-open"), "{drawn}");
    }

    #[test]
    fn what_is_outside_the_window_is_not_drawn_and_what_crosses_it_is_cut() {
        let outside =
            drawn(vec![bar(0.0, Some(50.0), Look::Done), bar(1.0, Some(1.0), Look::Instant)], None);
        assert!(!outside.contains("<rect") && !outside.contains("<circle"));
        let crossing = drawn(vec![bar(0.0, Some(900.0), Look::Wait)], None);
        assert!(crossing.contains("x=\"-1%\" width=\"102%\""), "{crossing}");
    }

    #[test]
    fn a_short_bar_can_be_seen() {
        assert!(drawn(vec![bar(110.0, Some(110.0), Look::Done)], None).contains("width=\"0.35%\""));
    }

    #[test]
    fn ticks_are_round_and_few() {
        assert_eq!(ticks(0.0, 60.0), [0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0]);
        for width in [5.0, 1e3, 7.3e6, 4e9, 1e13] {
            let ticks = ticks(1e15, 1e15 + width);
            assert!((2..=8).contains(&ticks.len()), "{width}: {}", ticks.len());
        }
    }
}
