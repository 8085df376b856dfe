//! Plots of the whole time, and what has grown.

use crate::samples::Sample;

/// Columns of a plot.
const COLUMNS: usize = 72;

/// Rows of a plot.
const ROWS: usize = 6;

/// Growth from the second quarter to the last that counts as growth, beside what follows for each kind of figure.
const GROWTH: f64 = 1.25;

/// A figure over time.
struct Figure {
    name: &'static str,
    unit: &'static str,
    of: fn(&Sample) -> f64,
    /// How much more than [`GROWTH`] it may grow by; `None` where it is only shown.
    slack: Option<f64>,
}

const FIGURES: [Figure; 6] = [
    Figure { name: "acknowledged", unit: "/s", of: |sample| sample.done as f64, slack: None },
    Figure { name: "refused", unit: "/s", of: |sample| sample.refused as f64, slack: None },
    Figure {
        name: "latency, 99%",
        unit: " ms",
        of: |sample| sample.p99 as f64 / 1e3,
        slack: Some(50.0),
    },
    Figure {
        name: "memory",
        unit: " MiB",
        of: |sample| sample.memory as f64 / 1024.0,
        slack: Some(32.0),
    },
    Figure { name: "open files", unit: "", of: |sample| sample.files as f64, slack: Some(16.0) },
    Figure {
        name: "directory",
        unit: " MiB",
        of: |sample| sample.disk as f64 / 1024.0,
        slack: Some(64.0),
    },
];

/// Shows all figures, and names those that have grown.
pub(crate) fn show(samples: &[Sample]) -> Vec<String> {
    let mut grown = Vec::new();
    for figure in &FIGURES {
        let values: Vec<f64> = samples.iter().map(figure.of).collect();
        plot(figure, &values);
        // A quarter tells nothing where it has few seconds.
        let calm: Vec<f64> =
            samples.iter().filter(|one| !one.is_disturbed).map(figure.of).collect();
        let quarter = calm.len() / 4;
        let (Some(slack), true) = (figure.slack, quarter >= 30) else { continue };
        let (second, last) = (median(&calm[quarter..2 * quarter]), median(&calm[3 * quarter..]));
        if last > second * GROWTH + slack {
            grown.push(format!(
                "{} has grown from {second:.1} to {last:.1}{}",
                figure.name, figure.unit
            ));
        }
    }
    grown
}

fn plot(figure: &Figure, values: &[f64]) {
    const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = values.iter().copied().fold(0.0, f64::max);
    println!("\n{}, at most {most:.1}{}", figure.name, figure.unit);
    if most <= 0.0 {
        return;
    }
    let columns = COLUMNS.min(values.len());
    let heights: Vec<f64> = (0..columns)
        .map(|column| {
            let part =
                &values[column * values.len() / columns..(column + 1) * values.len() / columns];
            part.iter().sum::<f64>() / part.len() as f64 / most * ROWS as f64
        })
        .collect();
    for row in (0..ROWS).rev() {
        let block =
            |height: &f64| BLOCKS[((height - row as f64).clamp(0.0, 1.0) * 8.0).round() as usize];
        println!("  |{}", heights.iter().map(block).collect::<String>());
    }
    println!("  +{}", "-".repeat(columns));
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}
