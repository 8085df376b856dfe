//! The text for Prometheus: it is what the format says, and the page of the metrics lists all of it.

use std::collections::{BTreeMap, BTreeSet};

use super::{host, waits};
use crate::kit::guard;
use reenact::metrics::HostMetrics;

/// The page that lists the metrics.
const PAGE: &str = include_str!("../../../docs/telemetry.md");

/// A sample of the text: the name of its line, its labels and its value.
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

/// What the text says, by the rules of the format; a panic names the line that breaks one.
struct Parsed {
    /// The kind of each figure.
    kinds: BTreeMap<String, String>,
    samples: Vec<Sample>,
}

fn parse(text: &str) -> Parsed {
    let (mut kinds, mut helped, mut samples) = (BTreeMap::new(), BTreeSet::new(), Vec::new());
    assert!(text.ends_with('\n'), "the last line ends as well");
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, words) = help.split_once(' ').unwrap();
            assert!(!words.is_empty() && helped.insert(name.to_owned()), "{line}");
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            assert!(helped.contains(name), "no help before: {line}");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert!(kinds.insert(name.to_owned(), kind.to_owned()).is_none(), "twice: {line}");
        } else {
            let sample = parse_sample(line);
            let family = family_of(&sample.name, &kinds);
            let last = kinds.contains_key(&family);
            assert!(last, "no type before: {line}");
            samples.push(sample);
        }
    }
    Parsed { kinds, samples }
}

/// The figure of a line: one of a histogram has a suffix.
fn family_of(name: &str, kinds: &BTreeMap<String, String>) -> String {
    for suffix in ["_bucket", "_sum", "_count"] {
        if let Some(family) = name.strip_suffix(suffix)
            && kinds.get(family).is_some_and(|kind| kind == "histogram")
        {
            return family.to_owned();
        }
    }
    name.to_owned()
}

fn parse_sample(line: &str) -> Sample {
    let (head, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no value: {line}"));
    let value = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
    let (name, labels) = match head.split_once('{') {
        None => (head, BTreeMap::new()),
        Some((name, labels)) => {
            let labels = labels.strip_suffix('}').unwrap_or_else(|| panic!("no end: {line}"));
            (name, parse_labels(labels))
        }
    };
    let is_good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    assert!(name.chars().all(is_good), "{line}");
    Sample { name: name.to_owned(), labels, value }
}

fn parse_labels(text: &str) -> BTreeMap<String, String> {
    let (mut labels, mut rest) = (BTreeMap::new(), text.chars());
    loop {
        let name: String = rest.by_ref().take_while(|c| *c != '=').collect();
        if name.is_empty() {
            return labels;
        }
        assert_eq!(rest.next(), Some('"'), "{text}");
        let mut value = String::new();
        loop {
            match rest.next().unwrap_or_else(|| panic!("a label without an end: {text}")) {
                '"' => break,
                '\\' => value.push(match rest.next() {
                    Some('n') => '\n',
                    Some(c @ ('"' | '\\')) => c,
                    other => panic!("no escape: {other:?} in {text}"),
                }),
                c => value.push(c),
            }
        }
        assert!(labels.insert(name, value).is_none(), "a label twice: {text}");
        assert!(matches!(rest.next(), None | Some(',')), "{text}");
    }
}

impl Parsed {
    fn of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Sample> {
        self.samples.iter().filter(move |sample| sample.name == name)
    }
}

/// Has run one instance, and has one whose name needs escapes.
async fn text() -> String {
    let (host, ..) = host().await;
    let instance = host.start_new(waits, ()).await.unwrap();
    instance.raise_event("Go", 1).await.unwrap();
    guard(instance.result()).await.unwrap();
    let mut metrics = host.metrics();
    let ended = metrics.orchestrations["waits"].clone();
    metrics.orchestrations.insert("say \"a\\b\"\n".to_owned(), ended);
    metrics.to_prometheus()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_text_keeps_to_the_format_and_has_the_numbers() {
    let parsed = parse(&text().await);
    assert_eq!(parsed.of("reenact_turns_total").map(|sample| sample.value).sum::<f64>(), 2.0);
    for name in ["waits", "say \"a\\b\"\n"] {
        let ended = parsed.of("reenact_orchestration_ended_total").find(|sample| {
            sample.labels["orchestration"] == name && sample.labels["outcome"] == "completed"
        });
        assert_eq!(ended.map(|sample| sample.value), Some(1.0), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn buckets_rise_to_the_count_and_counters_say_so_by_their_names() {
    let parsed = parse(&text().await);
    for (name, kind) in &parsed.kinds {
        assert_eq!(name.ends_with("_total"), kind == "counter", "{name} is a {kind}");
        if kind != "histogram" {
            continue;
        }
        let mut last: BTreeMap<Vec<(String, String)>, f64> = BTreeMap::new();
        for bucket in parsed.of(&format!("{name}_bucket")) {
            let mut labels = bucket.labels.clone();
            labels.remove("le").unwrap();
            let before = last.entry(labels.into_iter().collect()).or_default();
            assert!(bucket.value >= *before, "{name}");
            *before = bucket.value;
        }
        for count in parsed.of(&format!("{name}_count")) {
            let labels: Vec<_> = count.labels.clone().into_iter().collect();
            assert_eq!(last.get(&labels), Some(&count.value), "{name}: the last bucket has all");
        }
    }
}

#[test]
fn the_page_lists_each_figure_and_no_other() {
    let parsed = parse(&HostMetrics::default().to_prometheus());
    let names: BTreeSet<_> = parsed.kinds.keys().map(String::as_str).collect();
    let rows = PAGE.lines().filter_map(|line| line.strip_prefix("| `reenact_"));
    let rows: BTreeMap<_, _> = rows
        .map(|row| {
            let mut cells = row.split('|').map(str::trim);
            let name = cells.next().unwrap().trim_end_matches('`');
            (format!("reenact_{name}"), cells.next().unwrap().to_owned())
        })
        .collect();
    let listed: BTreeSet<_> = rows.keys().map(String::as_str).collect();
    assert_eq!(listed, names, "the page and the text");
    for (name, kind) in &parsed.kinds {
        assert_eq!(&rows[name], kind, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_goes_through_json_and_one_of_a_later_version_is_read() {
    let (host, ..) = host().await;
    guard(host.start_new(waits, ()).await.unwrap().terminate("enough")).await.unwrap();
    let metrics = host.metrics();
    let json = serde_json::to_string(&metrics).unwrap();
    assert_eq!(serde_json::from_str::<HostMetrics>(&json).unwrap(), metrics);
    let later = r#"{"at": 5, "log": {"turns": 3, "new": 1}, "novel": {}}"#;
    let read: HostMetrics = serde_json::from_str(later).unwrap();
    assert_eq!((read.log.turns, read.shards.held), (3, 0));
}
