//! A plot over time, drawn on the server as SVG.

use maud::{Markup, html};

/// One plot: curves with an area below the first one, or columns.
pub(crate) struct Plot<'a> {
    /// Unique on the page.
    pub(crate) id: &'a str,
    /// What it shows.
    pub(crate) title: &'a str,
    /// The newest value, as text.
    pub(crate) newest: String,
    /// Its curves, each with a name.
    pub(crate) curves: Vec<Curve<'a>>,
    /// Columns instead of curves, for what is counted.
    pub(crate) columns: bool,
    /// The first and the last point in time, as text.
    pub(crate) times: (String, String),
    /// How a value is written.
    pub(crate) write: fn(f64) -> String,
}

/// Values at equal distances; `None` where nothing was measured.
pub(crate) struct Curve<'a> {
    /// What it shows.
    pub(crate) name: &'a str,
    /// Oldest first.
    pub(crate) values: Vec<Option<f64>>,
    /// When each was measured, as text, for those who point at it.
    pub(crate) at: &'a [String],
}

const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 100.0;

impl Plot<'_> {
    /// The figure: caption, plot, scale.
    pub(crate) fn draw(&self) -> Markup {
        let all = self.curves.iter().flat_map(|curve| curve.values.iter().flatten().copied());
        let highest = all.fold(0.0, f64::max);
        let top = round_up(highest);
        let several = self.curves.len() > 1;
        html! {
            figure.plot id=(self.id) {
                figcaption {
                    h3 { (self.title) }
                    b { (self.newest) }
                }
                div.canvas {
                    div.scale aria-hidden="true" {
                        span { (self.written(top)) } span { (self.written(top / 2.0)) } span { (self.written(0.0)) }
                    }
                    svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } preserveAspectRatio="none" role="img"
                        aria-label=(self.in_words(highest)) {
                        line.gridline x1="0" x2=(WIDTH) y1="0.5" y2="0.5" {}
                        line.gridline x1="0" x2=(WIDTH) y1=(HEIGHT / 2.0) y2=(HEIGHT / 2.0) {}
                        @for (nth, curve) in self.curves.iter().enumerate() {
                            @if self.columns { (columns(curve, top)) } @else { (line(nth, curve, top)) }
                        }
                        (self.values_to_point_at())
                    }
                    div.times {
                        span { (self.times.0) }
                        @if several {
                            @for (nth, curve) in self.curves.iter().enumerate() { (key(nth, curve.name)) }
                        }
                        span { (self.times.1) }
                    }
                }
            }
        }
    }

    fn written(&self, value: f64) -> String {
        (self.write)(value)
    }

    /// For those who do not see it.
    fn in_words(&self, highest: f64) -> String {
        format!(
            "{}, {} to {}: {} now, {} at most",
            self.title,
            self.times.0,
            self.times.1,
            self.newest,
            self.written(highest)
        )
    }

    /// An invisible column per point, with its values as title.
    fn values_to_point_at(&self) -> Markup {
        let points = self.curves.first().map_or(0, |curve| curve.values.len());
        let step = WIDTH / points.max(1) as f64;
        html! {
            @for nth in 0..points {
                rect.hit x=(short(nth as f64 * step)) y="0" width=(short(step)) height=(HEIGHT) {
                    title { (self.values_at(nth)) }
                }
            }
        }
    }

    fn values_at(&self, nth: usize) -> String {
        let mut text =
            self.curves.first().and_then(|curve| curve.at.get(nth)).cloned().unwrap_or_default();
        for curve in &self.curves {
            let value = curve.values.get(nth).copied().flatten();
            let value =
                value.map_or_else(|| "not measured".to_owned(), |value| self.written(value));
            text.push_str(&format!("\n{}: {value}", curve.name));
        }
        text
    }
}

/// A sample of a curve with its name.
fn key(nth: usize, name: &str) -> Markup {
    html! {
        span.key {
            svg aria-hidden="true" { line.(class(nth)) x1="0" x2="22" y1="5" y2="5" {} }
            (name)
        }
    }
}

fn class(nth: usize) -> &'static str {
    if nth == 0 { "curve" } else { "curve second" }
}

/// The curve as one path per run of values that were measured, with the area below the first curve.
fn line(nth: usize, curve: &Curve<'_>, top: f64) -> Markup {
    let step = WIDTH / curve.values.len().max(1) as f64;
    let x = |at: usize| short((at as f64 + 0.5) * step);
    let mut path = String::new();
    let mut area = String::new();
    let mut from = None;
    for (at, value) in curve.values.iter().enumerate() {
        match (value, from) {
            (Some(value), start) => {
                let letter = if start.is_none() { 'M' } else { 'L' };
                let point = format!("{} {}", x(at), short(height(*value, top)));
                path.push_str(&format!("{letter}{point}"));
                if start.is_none() {
                    from = Some(at);
                    area.push_str(&format!("M{} {HEIGHT}L{point}", x(at)));
                } else {
                    area.push_str(&format!("L{point}"));
                }
            }
            (None, Some(_)) => {
                area.push_str(&format!("L{} {HEIGHT}Z", x(at - 1)));
                from = None;
            }
            (None, None) => {}
        }
    }
    if from.is_some() {
        area.push_str(&format!("L{} {HEIGHT}Z", x(curve.values.len() - 1)));
    }
    html! {
        @if nth == 0 { path.under d=(area) {} }
        path.(class(nth)) d=(path) {}
    }
}

fn columns(curve: &Curve<'_>, top: f64) -> Markup {
    let step = WIDTH / curve.values.len().max(1) as f64;
    html! {
        @for (at, value) in curve.values.iter().enumerate() {
            @if let Some(value) = value.filter(|value| *value > 0.0) {
                rect.column x=(short(at as f64 * step + step * 0.1)) width=(short(step * 0.8))
                    y=(short(height(value, top))) height=(short(HEIGHT - height(value, top))) {}
            }
        }
    }
}

/// From above, as SVG counts.
fn height(value: f64, top: f64) -> f64 {
    HEIGHT - HEIGHT * (value / top).clamp(0.0, 1.0)
}

/// The next of 1, 2, 5, 10, 20, ... that is not below; 1 for nothing.
fn round_up(value: f64) -> f64 {
    if value.is_nan() || value <= 0.0 {
        return 1.0;
    }
    let unit = 10_f64.powf(value.log10().floor());
    let factor =
        [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| factor * unit >= value * 0.999_999);
    factor.unwrap_or(10.0) * unit
}

/// A coordinate with one digit after the point.
fn short(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(values: &[Option<f64>], columns: bool) -> String {
        let at: Vec<_> = (0..values.len()).map(|minute| format!("12:{minute:02}")).collect();
        let curve = Curve { name: "turns", values: values.to_vec(), at: &at };
        Plot {
            id: "plot",
            title: "Turns",
            newest: "7 /s".to_owned(),
            curves: vec![curve],
            columns,
            times: ("12:00".to_owned(), "12:03".to_owned()),
            write: |value| format!("{value}"),
        }
        .draw()
        .into_string()
    }

    #[test]
    fn the_scale_ends_at_a_round_number() {
        assert_eq!(
            [0.0, 0.3, 1.0, 7.1, 11.0, 4900.0].map(round_up),
            [1.0, 0.5, 1.0, 10.0, 20.0, 5000.0]
        );
    }

    #[test]
    fn a_curve_has_a_gap_where_nothing_was_measured() {
        let drawn = plot(&[Some(1.0), Some(2.0), None, Some(1.0)], false);
        assert!(drawn.contains("class=\"curve\" d=\"M75 50L225 0M525 50\""), "{drawn}");
        assert!(drawn.contains("12:02\nturns: not measured"));
    }

    #[test]
    fn a_plot_is_described_in_words() {
        let drawn = plot(&[Some(3.0)], true);
        assert!(
            drawn.contains("aria-label=\"Turns, 12:00 to 12:03: 7 /s now, 3 at most\""),
            "{drawn}"
        );
        assert!(drawn.contains("class=\"column\""));
    }

    #[test]
    fn a_plot_without_points_is_drawn_empty() {
        assert!(plot(&[], false).contains("</figure>"));
        assert!(plot(&[None, None], false).contains("class=\"curve\" d=\"\""));
    }
}
