//! Takes out of a text what is not the same each time: the times of day, and the ids that were drawn.

use std::collections::BTreeMap;
use std::fmt::Write;

use reenact_core::Timestamp;

/// A time as a history shows it, and the length of it: `2026-01-01T00:00:00.000000Z`.
const TIME: &[u8] = b"dddd-dd-ddTdd:dd:dd.ddddddZ";

/// A UUID.
const UUID: &[u8] = b"hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh";

/// A key that a host draws: 32 digits.
const KEY: &[u8] = b"hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh";

/// Units of time in microseconds, from the largest to the smallest that is shown without a fraction.
const UNITS: [(u64, &str); 3] = [(86_400_000_000, "d"), (3_600_000_000, "h"), (60_000_000, "m")];

/// Numbers ids, and counts times from a start.
pub(super) struct Stable {
    start: Timestamp,
    ids: BTreeMap<String, usize>,
}

impl Stable {
    pub(super) fn since(start: Timestamp) -> Self {
        Self { start, ids: BTreeMap::new() }
    }

    pub(super) fn text(mut self, text: &str) -> String {
        let (mut stable, mut rest, mut before) = (String::with_capacity(text.len()), text, None);
        while let Some(next) = rest.chars().next() {
            let taken = match before {
                Some(before) if is_word(before) => None,
                _ => self.replace(rest, &mut stable),
            };
            let taken = taken.unwrap_or_else(|| {
                stable.push(next);
                next.len_utf8()
            });
            before = rest[..taken].chars().next_back();
            rest = &rest[taken..];
        }
        stable
    }

    /// Replaces what stands at the beginning of `rest`; how long that was.
    fn replace(&mut self, rest: &str, stable: &mut String) -> Option<usize> {
        if let Some(time) = of_form(rest, TIME) {
            stable.push_str(&time_since(parse(time)?, self.start));
            return Some(time.len());
        }
        let id = of_form(rest, UUID).or_else(|| of_form(rest, KEY))?;
        let next = self.ids.len() + 1;
        let number = *self.ids.entry(id.to_owned()).or_insert(next);
        let _ = write!(stable, "<id {number}>");
        Some(id.len())
    }
}

/// The time from the start: `1d 2h 3m 4.005s`, and `0s` for none.
pub(super) fn time_since(at: Timestamp, start: Timestamp) -> String {
    let (sign, mut left) = match at < start {
        true => ("-", start.since(at)),
        false => ("", at.since(start)),
    };
    let mut parts = Vec::new();
    for (unit, name) in UNITS {
        let unit = std::time::Duration::from_micros(unit);
        let many = left.as_micros() / unit.as_micros();
        if many > 0 {
            parts.push(format!("{many}{name}"));
            left -= unit * u32::try_from(many).unwrap_or(u32::MAX);
        }
    }
    if !left.is_zero() || parts.is_empty() {
        let fraction = format!("{}.{:06}", left.as_secs(), left.subsec_micros());
        parts.push(format!("{}s", fraction.trim_end_matches('0').trim_end_matches('.')));
    }
    format!("{sign}{}", parts.join(" "))
}

/// The beginning of a text, if it is of a form, and a word of its own: `d` stands for a digit, `h` for one of base 16.
fn of_form<'a>(text: &'a str, form: &[u8]) -> Option<&'a str> {
    let start = text.as_bytes().get(..form.len())?;
    let fits = start.iter().zip(form).all(|(byte, form)| match form {
        b'd' => byte.is_ascii_digit(),
        b'h' => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        other => byte == other,
    });
    let ends = !text[..].as_bytes().get(form.len()).is_some_and(|next| is_word(char::from(*next)));
    (fits && ends).then(|| &text[..form.len()])
}

/// Whether an id goes on with this.
fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric()
}

/// The time that a text of the form shows.
fn parse(time: &str) -> Option<Timestamp> {
    let number = |from: usize, to: usize| time.get(from..to)?.parse::<u64>().ok();
    let (year, month, date) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let day = day(year, month, date)?;
    let seconds = (day * 24 + number(11, 13)?) * 3_600 + number(14, 16)? * 60 + number(17, 19)?;
    Some(Timestamp::from_micros(seconds * 1_000_000 + number(20, 26)?))
}

/// The number of a day since 1970-01-01, in the Gregorian calendar.
fn day(year: u64, month: u64, date: u64) -> Option<u64> {
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || date == 0 {
        return None;
    }
    // Years begin in March, so that the leap day is the last of its year.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + date - 1;
    days.checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_count_from_the_start_and_read_well() {
        let start = Timestamp::from_micros(1_767_225_600_000_000);
        let shown = |micros| time_since(start + Duration::from_micros(micros), start);
        assert_eq!(shown(0), "0s");
        assert_eq!(shown(1_500_000), "1.5s");
        assert_eq!(shown(86_400_000_000), "1d");
        assert_eq!(shown(93_784_000_001), "1d 2h 3m 4.000001s");
        assert_eq!(time_since(start, start + Duration::from_secs(60)), "-1m");
    }

    #[test]
    fn each_time_that_is_shown_is_read_back() {
        for micros in [0, 951_782_400_000_000, 1_767_225_600_123_456, 4_102_444_799_000_000] {
            let time = Timestamp::from_micros(micros);
            assert_eq!(parse(&time.to_string()), Some(time));
        }
    }

    #[test]
    fn ids_that_were_drawn_are_numbered_in_the_order_of_their_appearance() {
        let (one, two) =
            ("0198c0de-0000-7000-8000-0123456789ab", "00112233445566778899aabbccddeeff");
        let text = format!("{one} `raised {two}` {one}/box {one}0 {}", &two[1..]);
        let stable = Stable::since(Timestamp::EPOCH).text(&text);
        let expected = format!("<id 1> `raised <id 2>` <id 1>/box {one}0 {}", &two[1..]);
        assert_eq!(stable, expected);
    }

    #[test]
    fn a_time_within_a_text_counts_from_the_start_as_well() {
        let start = Timestamp::from_micros(1_767_225_600_000_000);
        let text = format!("für {} und {}!", start + Duration::from_secs(5), start);
        assert_eq!(Stable::since(start).text(&text), "für 5s und 0s!");
    }
}
