//! Counters and histograms that many threads may raise without a lock.

use std::sync::atomic::{AtomicU64, Ordering};

use super::histogram::Histogram;

/// A number that only rises.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Adds one.
    pub(crate) fn count(&self) {
        self.add(1);
    }

    pub(crate) fn add(&self, number: u64) {
        self.0.fetch_add(number, Ordering::Relaxed);
    }

    /// Adds to a number that nobody else raises meanwhile: cheaper than [`add`](Self::add).
    pub(crate) fn add_alone(&self, number: u64) {
        self.0.store(self.get().wrapping_add(number), Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The buckets of a histogram, and the unit of what is recorded.
#[derive(Debug)]
pub(crate) struct Shape {
    /// The upper bounds, ascending.
    bounds: &'static [u64],
    /// How many of what is recorded are one of what the snapshot shows.
    per_unit: f64,
}

impl Shape {
    /// Of times that are recorded in nanoseconds.
    pub(crate) const fn of_nanos(bounds: &'static [u64]) -> Self {
        Self { bounds, per_unit: 1e9 }
    }

    /// Of times that are recorded in microseconds.
    pub(crate) const fn of_micros(bounds: &'static [u64]) -> Self {
        Self { bounds, per_unit: 1e6 }
    }

    /// Of numbers.
    pub(crate) const fn of_numbers(bounds: &'static [u64]) -> Self {
        Self { bounds, per_unit: 1.0 }
    }

    /// A histogram of this shape without values.
    pub(crate) fn empty(&self) -> Histogram {
        let bounds = self.bounds.iter().map(|bound| *bound as f64 / self.per_unit).collect();
        Histogram { bounds, counts: vec![0; self.bounds.len() + 1], sum: 0.0 }
    }
}

/// A histogram that is recorded.
#[derive(Debug)]
pub(crate) struct Recorded {
    shape: &'static Shape,
    counts: Box<[Counter]>,
    sum: Counter,
}

impl Recorded {
    pub(crate) fn new(shape: &'static Shape) -> Self {
        let counts = (0..=shape.bounds.len()).map(|_| Counter::default()).collect();
        Self { shape, counts, sum: Counter::default() }
    }

    /// Records a value, in the unit of the shape.
    pub(crate) fn record(&self, value: u64) {
        self.bucket(value).count();
        self.sum.add(value);
    }

    /// Records a value while nobody else records one.
    pub(crate) fn record_alone(&self, value: u64) {
        self.bucket(value).add_alone(1);
        self.sum.add_alone(value);
    }

    /// The sum of all values, in the unit of the shape.
    pub(crate) fn sum(&self) -> u64 {
        self.sum.get()
    }

    /// Adds what was recorded to a histogram that has this shape, or is empty.
    pub(crate) fn add_to(&self, histogram: &mut Histogram) {
        let counts = self.counts.iter().map(Counter::get).collect();
        let sum = self.sum.get() as f64 / self.shape.per_unit;
        histogram.add(&Histogram { counts, sum, ..self.shape.empty() });
    }

    fn bucket(&self, value: u64) -> &Counter {
        let place = self.shape.bounds.partition_point(|bound| *bound < value);
        // There is one more than there are bounds.
        &self.counts[place]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape::of_micros(&[10, 100]);

    #[test]
    fn a_value_is_in_the_first_bucket_whose_bound_it_does_not_pass() {
        static OF: Shape = SHAPE;
        let recorded = Recorded::new(&OF);
        [0, 10, 11, 100].into_iter().for_each(|value| recorded.record(value));
        recorded.record_alone(101);
        let mut histogram = Histogram::default();
        recorded.add_to(&mut histogram);
        assert_eq!(histogram.bounds, [0.000_01, 0.000_1], "in seconds");
        assert_eq!(histogram.counts, [2, 2, 1]);
        assert_eq!(histogram.sum, 0.000_222);
        recorded.add_to(&mut histogram);
        assert_eq!(histogram.counts, [4, 4, 2], "the sum over two");
    }
}
