//! The figures as instruments of an OpenTelemetry meter.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use opentelemetry::KeyValue;
use opentelemetry::metrics::{AsyncInstrument, Meter};

use super::HostMetrics;
use super::families::{Family, Point, Points};

/// A collection asks for one figure after the other: all of them are of a snapshot that is no older than this.
const ONE_COLLECTION: Duration = Duration::from_millis(100);

/// Gives snapshots.
type Take = Box<dyn Fn() -> Option<HostMetrics> + Send + Sync>;

/// Where the instruments take their numbers from.
struct Source {
    take: Take,
    last: Mutex<Option<(Instant, Arc<HostMetrics>)>>,
}

/// What a counter of a histogram counts.
#[derive(Clone, Copy)]
enum Part {
    Count,
    Sum,
    Bucket,
}

/// Makes an instrument for each figure. They are read when the meter's reader collects, and observe nothing when
/// there is no snapshot.
///
/// The instruments are named as the figures are in the text for Prometheus, with `reenact.` in front and without
/// `_total`. OpenTelemetry has no histogram that is read: one becomes three counters, with the suffixes `_count`,
/// `_sum` and, by the attribute `le`, `_bucket`.
pub(crate) fn register(
    meter: &Meter,
    take: impl Fn() -> Option<HostMetrics> + Send + Sync + 'static,
) {
    let source = Arc::new(Source { take: Box::new(take), last: Mutex::default() });
    for (place, family) in HostMetrics::default().families().into_iter().enumerate() {
        match family.points {
            Points::Counter(_) => source.counter(meter, place, &family, "", None),
            Points::Gauge(_) => source.gauge(meter, place, &family),
            Points::Histogram(_) => {
                source.counter(meter, place, &family, "_count", Some(Part::Count));
                source.counter(meter, place, &family, "_sum", Some(Part::Sum));
                source.counter(meter, place, &family, "_bucket", Some(Part::Bucket));
            }
        }
    }
}

impl Source {
    fn counter(
        self: &Arc<Self>,
        meter: &Meter,
        place: usize,
        family: &Family<'_>,
        suffix: &str,
        part: Option<Part>,
    ) {
        let (source, name) = (self.clone(), format!("{}{suffix}", name_of(family)));
        let unit = match part {
            Some(Part::Count | Part::Bucket) => "",
            Some(Part::Sum) | None => unit_of(family),
        };
        // The meter keeps the callback; nothing is done with the instrument itself.
        let _ = meter
            .f64_observable_counter(name)
            .with_description(family.help)
            .with_unit(unit)
            .with_callback(move |observer| source.observe(place, part, observer))
            .build();
    }

    fn gauge(self: &Arc<Self>, meter: &Meter, place: usize, family: &Family<'_>) {
        let source = self.clone();
        // As above.
        let _ = meter
            .f64_observable_gauge(name_of(family))
            .with_description(family.help)
            .with_unit(unit_of(family))
            .with_callback(move |observer| source.observe(place, None, observer))
            .build();
    }

    fn observe(&self, place: usize, part: Option<Part>, observer: &dyn AsyncInstrument<f64>) {
        let Some(metrics) = self.snapshot() else { return };
        let Some(family) = metrics.families().into_iter().nth(place) else { return };
        match family.points {
            Points::Counter(points) | Points::Gauge(points) => {
                points.iter().for_each(|point| {
                    observer.observe(point.value, &attributes(point));
                });
            }
            Points::Histogram(points) => {
                for point in &points {
                    let attributes = attributes(point);
                    match part {
                        Some(Part::Sum) => observer.observe(point.value.sum, &attributes),
                        Some(Part::Bucket) => buckets(point, attributes, observer),
                        Some(Part::Count) | None => {
                            observer.observe(point.value.count() as f64, &attributes);
                        }
                    }
                }
            }
        }
    }

    /// The snapshot of the collection that is under way.
    fn snapshot(&self) -> Option<Arc<HostMetrics>> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((taken, metrics)) = &*last
            && taken.elapsed() < ONE_COLLECTION
        {
            return Some(metrics.clone());
        }
        let metrics = (self.take)().map(Arc::new);
        *last = metrics.clone().map(|metrics| (Instant::now(), metrics));
        metrics
    }
}

/// The cumulative buckets, as Prometheus has them.
fn buckets(
    point: &Point<'_, &super::Histogram>,
    attributes: Vec<KeyValue>,
    observer: &dyn AsyncInstrument<f64>,
) {
    let bounds = point.value.bounds.iter().map(f64::to_string).chain(["+Inf".to_owned()]);
    let mut below = 0;
    for (bound, count) in bounds.zip(&point.value.counts) {
        below += count;
        let mut attributes = attributes.clone();
        attributes.push(KeyValue::new("le", bound));
        observer.observe(below as f64, &attributes);
    }
}

fn attributes<T>(point: &Point<'_, T>) -> Vec<KeyValue> {
    point.labels.iter().map(|(label, value)| KeyValue::new(*label, (*value).to_owned())).collect()
}

fn name_of(family: &Family<'_>) -> String {
    let name = family.name.strip_suffix("_total").unwrap_or(family.name);
    format!("reenact.{}", name.strip_prefix("reenact_").unwrap_or(name))
}

fn unit_of(family: &Family<'_>) -> &'static str {
    match family.name {
        name if name.contains("seconds") => "s",
        name if name.contains("bytes") => "By",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use opentelemetry::metrics::MeterProvider;
    use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData};
    use opentelemetry_sdk::metrics::{InMemoryMetricExporter, PeriodicReader, SdkMeterProvider};

    use super::*;
    use crate::metrics::{ActivityMetrics, Histogram};

    fn metrics() -> HostMetrics {
        let mut metrics = HostMetrics::default();
        metrics.log.turns = 7;
        metrics.instances.in_memory = 3;
        let attempt_seconds = Histogram { bounds: vec![1.0, 2.0], counts: vec![2, 1, 1], sum: 9.5 };
        let charge = ActivityMetrics { completed: 4, attempt_seconds, ..Default::default() };
        metrics.activities.insert("charge".to_owned(), charge);
        metrics
    }

    /// The values of an instrument by their attributes.
    type Values = BTreeMap<Vec<String>, f64>;

    /// What a reader collects once: the values of each instrument.
    fn collected(
        take: impl Fn() -> Option<HostMetrics> + Send + Sync + 'static,
    ) -> BTreeMap<String, Values> {
        let exporter = InMemoryMetricExporter::default();
        let reader = PeriodicReader::builder(exporter.clone()).build();
        let provider = SdkMeterProvider::builder().with_reader(reader).build();
        register(&provider.meter("reenact"), take);
        provider.force_flush().unwrap();
        let mut all = BTreeMap::new();
        for of_resource in exporter.get_finished_metrics().unwrap() {
            for metric in of_resource.scope_metrics().flat_map(|scope| scope.metrics()) {
                let AggregatedMetrics::F64(data) = metric.data() else { panic!("{metric:?}") };
                all.insert(metric.name().to_owned(), values(data));
            }
        }
        provider.shutdown().unwrap();
        all
    }

    fn values(data: &MetricData<f64>) -> Values {
        fn of<'a>(attributes: impl Iterator<Item = &'a KeyValue>) -> Vec<String> {
            let mut texts: Vec<_> =
                attributes.map(|one| format!("{}={}", one.key, one.value)).collect();
            texts.sort_unstable();
            texts
        }
        match data {
            MetricData::Sum(sum) => {
                sum.data_points().map(|point| (of(point.attributes()), point.value())).collect()
            }
            MetricData::Gauge(gauge) => {
                gauge.data_points().map(|point| (of(point.attributes()), point.value())).collect()
            }
            other => panic!("no instrument is of this kind: {other:?}"),
        }
    }

    #[test]
    fn a_reader_collects_the_figures_with_their_labels() {
        let all = collected(|| Some(metrics()));
        assert_eq!(all["reenact.turns"][&Vec::new()], 7.0);
        assert_eq!(all["reenact.instances_in_memory"][&Vec::new()], 3.0);
        let calls = &all["reenact.activity_calls"];
        let completed = ["activity=charge", "outcome=completed"].map(String::from);
        assert_eq!(calls[&completed.to_vec()], 4.0);
    }

    #[test]
    fn a_histogram_becomes_three_counters() {
        let all = collected(|| Some(metrics()));
        let charge = vec!["activity=charge".to_owned()];
        assert_eq!(all["reenact.activity_attempt_seconds_count"][&charge], 4.0);
        assert_eq!(all["reenact.activity_attempt_seconds_sum"][&charge], 9.5);
        let buckets = &all["reenact.activity_attempt_seconds_bucket"];
        let upto = |le: &str| buckets[&vec!["activity=charge".to_owned(), format!("le={le}")]];
        assert_eq!((upto("1"), upto("2"), upto("+Inf")), (2.0, 3.0, 4.0));
    }

    #[test]
    fn a_host_that_has_gone_is_not_observed() {
        assert!(collected(|| None).values().all(BTreeMap::is_empty));
    }
}
