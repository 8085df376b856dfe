//! A histogram with fixed bounds, as it stands in a snapshot.

use serde::{Deserialize, Serialize};

/// How often values were how large. The bounds are fixed, so histograms of one figure can be added and
/// subtracted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    /// The upper bounds of the buckets, ascending; a value that equals a bound is in its bucket.
    pub bounds: Vec<f64>,
    /// The number of values in each bucket, and at the end of those above the last bound.
    pub counts: Vec<u64>,
    /// The sum of all values.
    pub sum: f64,
}

impl Histogram {
    /// The number of values.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The mean of the values; `None` when there are none.
    pub fn mean(&self) -> Option<f64> {
        let count = self.count();
        (count > 0).then(|| self.sum / count as f64)
    }

    /// An estimate of the value that the part `q` of all values does not pass: 0.99 for the 99th
    /// percentile. `q` is taken as within 0 and 1. Within a bucket, values count as evenly spread; of values
    /// above the last bound only that bound is known, and it is the answer. `None` when there are no values.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        let rank = q.clamp(0.0, 1.0) * count as f64;
        let (mut below, mut from) = (0, 0.0);
        for (bound, number) in self.bounds.iter().zip(&self.counts) {
            if *number > 0 && (below + number) as f64 >= rank {
                let part = (rank - below as f64) / *number as f64;
                return Some(from + (bound - from) * part);
            }
            below += number;
            from = *bound;
        }
        self.bounds.last().copied()
    }

    /// The values that have come since an earlier snapshot of the same histogram. One that does not fit,
    /// because the host has started anew, counts as empty.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let pairs = || self.counts.iter().zip(&earlier.counts);
        let fits = self.bounds == earlier.bounds && pairs().all(|(now, then)| now >= then);
        if !fits {
            return self.clone();
        }
        Self {
            bounds: self.bounds.clone(),
            counts: pairs().map(|(now, then)| now - then).collect(),
            sum: (self.sum - earlier.sum).max(0.0),
        }
    }

    /// Adds the values of another histogram with the same bounds. An empty one without bounds takes those
    /// of the other; a histogram with other bounds changes nothing.
    pub fn add(&mut self, other: &Self) {
        if self.bounds.is_empty() && self.count() == 0 {
            self.clone_from(other);
        } else if self.bounds == other.bounds {
            self.counts.iter_mut().zip(&other.counts).for_each(|(own, more)| *own += more);
            self.sum += other.sum;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(counts: &[u64], sum: f64) -> Histogram {
        Histogram { bounds: vec![1.0, 2.0, 4.0], counts: counts.to_vec(), sum }
    }

    #[test]
    fn a_quantile_lies_within_its_bucket() {
        let histogram = of(&[2, 2, 4, 0], 16.0);
        assert_eq!(histogram.count(), 8);
        assert_eq!(histogram.mean(), Some(2.0));
        assert_eq!(histogram.quantile(0.25), Some(1.0), "the two in the first bucket");
        assert_eq!(histogram.quantile(0.125), Some(0.5), "half of the first bucket");
        assert_eq!(histogram.quantile(0.75), Some(3.0), "half of the third bucket");
        assert_eq!(histogram.quantile(1.0), Some(4.0));
        assert_eq!(histogram.quantile(7.0), Some(4.0), "as 1");
    }

    #[test]
    fn of_values_above_the_last_bound_that_is_known() {
        assert_eq!(of(&[0, 0, 1, 9], 900.0).quantile(0.5), Some(4.0));
        assert_eq!(of(&[0, 0, 0, 0], 0.0).quantile(0.5), None);
        assert_eq!(Histogram::default().quantile(0.5), None);
    }

    #[test]
    fn what_has_come_since_is_the_difference_and_after_a_new_start_all() {
        let (then, now) = (of(&[1, 0, 2, 0], 7.0), of(&[2, 1, 2, 1], 15.0));
        assert_eq!(now.since(&then), of(&[1, 1, 0, 1], 8.0));
        assert_eq!(then.since(&now), then, "it has started anew");
        assert_eq!(then.since(&Histogram::default()), then);
    }

    #[test]
    fn histograms_of_one_figure_are_added() {
        let mut all = Histogram::default();
        all.add(&of(&[1, 0, 0, 0], 1.0));
        all.add(&of(&[0, 0, 0, 1], 8.0));
        assert_eq!(all, of(&[1, 0, 0, 1], 9.0));
        all.add(&Histogram { bounds: vec![9.0], counts: vec![1, 1], sum: 1.0 });
        assert_eq!(all, of(&[1, 0, 0, 1], 9.0), "other bounds");
    }
}
