//! The buckets of the histograms. A change of them has a line in the changelog: stored figures are compared
//! with new ones.

use super::counter::Shape;

const MICROSECOND: u64 = 1_000;
const MILLISECOND: u64 = 1_000 * MICROSECOND;
const SECOND: u64 = 1_000 * MILLISECOND;

/// A second, in microseconds.
const S: u64 = 1_000_000;
const MINUTE: u64 = 60 * S;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// From a store in memory to one in a cloud.
pub(super) static APPEND: Shape = Shape::of_nanos(&QUICK);

pub(super) static REPLAY: Shape = Shape::of_nanos(&QUICK);

const QUICK: [u64; 18] = [
    10 * MICROSECOND,
    25 * MICROSECOND,
    50 * MICROSECOND,
    100 * MICROSECOND,
    250 * MICROSECOND,
    500 * MICROSECOND,
    MILLISECOND,
    5 * MILLISECOND / 2,
    5 * MILLISECOND,
    10 * MILLISECOND,
    25 * MILLISECOND,
    50 * MILLISECOND,
    100 * MILLISECOND,
    250 * MILLISECOND,
    500 * MILLISECOND,
    SECOND,
    5 * SECOND,
    30 * SECOND,
];

pub(super) static TURNS: Shape =
    Shape::of_numbers(&[1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 4_096]);

pub(super) static BYTES: Shape = Shape::of_numbers(&[
    256,
    1 << 10,
    4 << 10,
    16 << 10,
    64 << 10,
    256 << 10,
    1 << 20,
    4 << 20,
    16 << 20,
]);

/// Of an attempt of an activity.
pub(super) static ATTEMPT: Shape = Shape::of_micros(&[
    100,
    500,
    1_000,
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    S,
    5 * S / 2,
    5 * S,
    10 * S,
    30 * S,
    MINUTE,
    5 * MINUTE,
    15 * MINUTE,
    HOUR,
    DAY,
]);

/// Of a wait for a place.
pub(super) static WAIT: Shape = Shape::of_micros(&[
    100,
    1_000,
    10_000,
    50_000,
    100_000,
    500_000,
    S,
    5 * S,
    10 * S,
    30 * S,
    MINUTE,
    10 * MINUTE,
    HOUR,
]);

/// Of a timer that fires late.
pub(super) static LATE: Shape = Shape::of_micros(&[
    1_000,
    5_000,
    10_000,
    50_000,
    100_000,
    500_000,
    S,
    5 * S,
    10 * S,
    MINUTE,
    10 * MINUTE,
    HOUR,
    DAY,
]);

/// From the start of an instance to its end.
pub(super) static LIFE: Shape = Shape::of_micros(&[
    1_000,
    10_000,
    100_000,
    S,
    10 * S,
    MINUTE,
    10 * MINUTE,
    HOUR,
    6 * HOUR,
    DAY,
    7 * DAY,
    30 * DAY,
    365 * DAY,
]);
