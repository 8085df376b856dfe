//! What a run says of an instance, and how that is stored.

use reenact_core::{ExecutionId, InstanceId};

use crate::InstanceSummary;
use crate::journal::body::{BodyError, Bytes, SummaryReader, SummaryWriter, varint::put};

/// What a run says of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) instance: InstanceId,
    /// No older run has anything under its id.
    pub(super) begins: bool,
    /// `None`: it was purged.
    pub(super) grown: Option<Grown>,
    /// What is kept of executions before the newest one; only of one that was not purged.
    pub(super) earlier: EarlierRows,
}

/// What a run says of executions before the newest one of an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct EarlierRows {
    /// The first execution that is kept. `None`: when the newest one begins, no other; else, whatever is there.
    pub(super) oldest: Option<ExecutionId>,
    /// Those of which there are some turns, in their order. Each is of another execution.
    pub(super) grown: Vec<Grown>,
}

/// An instance with some turns of its newest execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Grown {
    pub(super) summary: InstanceSummary,
    /// The number of the first of the turns. When it is 0, nothing of older runs counts.
    pub(super) first: u64,
    /// The number after the last of the turns: how many the execution has.
    pub(super) end: u64,
    /// The place of the first chunk in the run.
    pub(super) offset: u64,
    /// They follow on each other.
    pub(super) chunks: Vec<ChunkSize>,
}

/// Some turns of an execution, as one table of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ChunkSize {
    pub(super) turns: u64,
    pub(super) bytes: u64,
}

/// The place of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ChunkPlace {
    /// The number of the first turn.
    pub(super) first: u64,
    pub(super) turns: u64,
    /// The offset from the start of the run.
    pub(super) offset: u64,
    pub(super) bytes: u64,
}

impl ChunkPlace {
    /// The number after its last turn.
    pub(super) const fn end(&self) -> u64 {
        self.first + self.turns
    }
}

impl Grown {
    pub(super) fn places(&self) -> impl Iterator<Item = ChunkPlace> {
        let (mut first, mut offset) = (self.first, self.offset);
        self.chunks.iter().map(move |&ChunkSize { turns, bytes }| {
            let place = ChunkPlace { first, turns, offset, bytes };
            (first, offset) = (place.end(), offset + bytes);
            place
        })
    }

    /// The offset in the run at which the bytes of its turns end.
    fn bytes_end(&self) -> u64 {
        self.offset + self.chunks.iter().map(|chunk| chunk.bytes).sum::<u64>()
    }
}

/// An instance in the part of a run that lists what must wake: its summary, or only that whatever
/// older runs say of it does not count.
pub(super) type Wake = (InstanceId, Option<InstanceSummary>);

impl Row {
    /// A row of what was purged.
    pub(super) fn purged(instance: InstanceId) -> Self {
        Self { instance, begins: false, grown: None, earlier: EarlierRows::default() }
    }

    /// What older runs have of executions before this one does not count.
    pub(super) fn oldest(&self) -> ExecutionId {
        let newest = self.grown.as_ref().filter(|newest| newest.first == 0);
        let newest = newest.map_or(ExecutionId(0), |newest| newest.summary.execution);
        self.earlier.oldest.unwrap_or(newest)
    }

    /// What it has of each execution, the newest first.
    pub(super) fn executions(&self) -> impl Iterator<Item = &Grown> {
        self.grown.iter().chain(self.earlier.grown.iter().rev())
    }

    /// Whether older runs can have nothing of this execution that counts.
    pub(super) fn settles(&self, execution: ExecutionId) -> bool {
        let begins = |grown: &Grown| grown.first == 0 && grown.summary.execution <= execution;
        self.grown.is_none() || self.oldest() > execution || self.executions().any(begins)
    }

    /// What the run says of it among what must wake, if anything.
    pub(super) fn wake(&self) -> Option<Wake> {
        let summary = self.grown.as_ref().map(|grown| &grown.summary);
        let waking = summary.filter(|summary| summary.wake_at.is_some());
        (waking.is_some() || !self.begins).then(|| (self.instance.clone(), waking.cloned()))
    }

    /// About how many bytes its stored form has.
    pub(super) fn stored_bytes(&self) -> usize {
        let bytes = |grown: &Grown| 32 + 6 * grown.chunks.len() + grown.summary.attributes.bytes();
        self.instance.as_str().len() + 2 + self.executions().map(bytes).sum::<usize>()
    }
}

/// Flags of a row.
const BEGINS: u8 = 1;
const PURGED: u8 = 2;
const HAS_EARLIER: u8 = 4;

/// Kinds of [`Wake`].
const HIDES: u8 = 0;
const WAKES: u8 = 1;

/// Fewest bytes of a row, and of a [`Wake`].
const MIN_BYTES: usize = 2;

/// Adds the stored form of rows whose turns follow on each other.
pub(super) fn encode_rows(bytes: &mut Vec<u8>, rows: &[Row]) {
    let mut summaries = SummaryWriter::with_capacity(rows.len());
    put(bytes, rows.len() as u64);
    let grown = rows.iter().find_map(|row| row.grown.as_ref());
    put(bytes, grown.map_or(0, |grown| grown.offset));
    for row in rows {
        let begins = if row.begins { BEGINS } else { 0 };
        let Some(grown) = &row.grown else {
            bytes.push(begins | PURGED);
            summaries.put_id(bytes, &row.instance);
            continue;
        };
        let EarlierRows { oldest, grown: earlier } = &row.earlier;
        bytes.push(begins | oldest.map_or(0, |_| HAS_EARLIER));
        put_grown(bytes, &mut summaries, grown);
        if let Some(oldest) = oldest {
            put(bytes, u64::from(oldest.0));
            put(bytes, earlier.len() as u64);
            earlier.iter().for_each(|grown| put_grown(bytes, &mut summaries, grown));
        }
    }
}

fn put_grown<'a>(bytes: &mut Vec<u8>, summaries: &mut SummaryWriter<'a>, grown: &'a Grown) {
    summaries.put(bytes, grown.end.wrapping_sub(1), &grown.summary);
    put(bytes, grown.end - grown.first);
    put(bytes, grown.chunks.len() as u64);
    for chunk in &grown.chunks {
        put(bytes, chunk.turns);
        put(bytes, chunk.bytes);
    }
}

/// Reads rows. Their turns are within the first `turns_bytes` of the run; ids rise.
pub(super) fn decode_rows(bytes: &[u8], turns_bytes: u64) -> Result<Vec<Row>, BodyError> {
    let mut bytes = Bytes(bytes);
    let count = count(&mut bytes)?;
    let mut offset = bytes.number()?;
    let mut summaries = SummaryReader::new();
    let mut rows: Vec<Row> = Vec::with_capacity(count);
    for _ in 0..count {
        let row = take_row(&mut bytes, &mut summaries, offset)?;
        if let Some(last) = row.earlier.grown.last().or(row.grown.as_ref()) {
            offset = last.bytes_end();
        }
        if rows.last().is_some_and(|last| last.instance >= row.instance) {
            return Err(BodyError::Malformed("its instances are not in order"));
        }
        if offset > turns_bytes {
            return Err(BodyError::Malformed("turns are where none can be"));
        }
        rows.push(row);
    }
    all_read(&bytes)?;
    Ok(rows)
}

fn take_row(
    bytes: &mut Bytes<'_>,
    summaries: &mut SummaryReader,
    offset: u64,
) -> Result<Row, BodyError> {
    let flags = bytes.byte()?;
    let begins = flags & BEGINS != 0;
    match flags & !BEGINS {
        PURGED => Ok(Row { begins, ..Row::purged(summaries.take_id(bytes)?) }),
        kept @ (0 | HAS_EARLIER) => {
            let grown = take_grown(bytes, summaries, offset)?;
            let earlier = match kept {
                0 => EarlierRows::default(),
                _ => take_earlier(bytes, summaries, &grown)?,
            };
            let instance = grown.summary.instance.clone();
            Ok(Row { instance, begins, grown: Some(grown), earlier })
        }
        _ => Err(BodyError::Malformed("a row has unknown flags")),
    }
}

fn take_earlier(
    bytes: &mut Bytes<'_>,
    summaries: &mut SummaryReader,
    newest: &Grown,
) -> Result<EarlierRows, BodyError> {
    const WRONG: BodyError = BodyError::Malformed("its executions do not fit");
    let oldest = u32::try_from(bytes.number()?).map_err(|_| WRONG)?;
    let count = count(bytes)?;
    let (mut offset, mut grown) = (newest.bytes_end(), Vec::with_capacity(count));
    for _ in 0..count {
        let one = take_grown(bytes, summaries, offset)?;
        offset = one.bytes_end();
        if one.summary.instance != newest.summary.instance {
            return Err(WRONG);
        }
        grown.push(one);
    }
    let executions = grown.iter().chain([newest]).map(|grown| grown.summary.execution);
    if !executions.is_sorted_by(|before, after| before < after) {
        return Err(WRONG);
    }
    Ok(EarlierRows { oldest: Some(ExecutionId(oldest)), grown })
}

fn take_grown(
    bytes: &mut Bytes<'_>,
    summaries: &mut SummaryReader,
    offset: u64,
) -> Result<Grown, BodyError> {
    const WRONG: BodyError = BodyError::Malformed("its numbers of turns do not fit");
    let (last, summary) = summaries.take(bytes)?;
    let end = last.wrapping_add(1);
    let turns = bytes.number()?;
    let first = end.checked_sub(turns).ok_or(WRONG)?;
    let count = count(bytes)?;
    let mut chunks = Vec::with_capacity(count);
    let (mut all_turns, mut all_bytes) = (0_u64, offset);
    for _ in 0..count {
        let chunk = ChunkSize { turns: bytes.number()?, bytes: bytes.number()? };
        all_turns = all_turns.checked_add(chunk.turns).ok_or(WRONG)?;
        all_bytes = all_bytes.checked_add(chunk.bytes).ok_or(WRONG)?;
        chunks.push(chunk);
    }
    if all_turns != turns {
        return Err(WRONG);
    }
    Ok(Grown { summary, first, end, offset, chunks })
}

/// Adds the stored form of what must wake, and of what hides that.
pub(super) fn encode_wakes(bytes: &mut Vec<u8>, wakes: &[Wake]) {
    let mut summaries = SummaryWriter::with_capacity(wakes.len());
    put(bytes, wakes.len() as u64);
    for (instance, summary) in wakes {
        match summary {
            Some(summary) => {
                bytes.push(WAKES);
                summaries.put(bytes, summary.turns.wrapping_sub(1), summary);
            }
            None => {
                bytes.push(HIDES);
                summaries.put_id(bytes, instance);
            }
        }
    }
}

/// Reads what [`encode_wakes`] has written.
pub(super) fn decode_wakes(bytes: &[u8]) -> Result<Vec<Wake>, BodyError> {
    let mut bytes = Bytes(bytes);
    let count = count(&mut bytes)?;
    let mut summaries = SummaryReader::new();
    let mut wakes = Vec::with_capacity(count);
    for _ in 0..count {
        wakes.push(match bytes.byte()? {
            HIDES => (summaries.take_id(&mut bytes)?, None),
            WAKES => {
                let (_, summary) = summaries.take(&mut bytes)?;
                (summary.instance.clone(), Some(summary))
            }
            _ => return Err(BodyError::Malformed("it has an entry of an unknown kind")),
        });
    }
    all_read(&bytes)?;
    Ok(wakes)
}

/// How many things follow, if there is room for them.
fn count(bytes: &mut Bytes<'_>) -> Result<usize, BodyError> {
    let count = usize::try_from(bytes.number()?).unwrap_or(usize::MAX);
    if count > bytes.0.len() / MIN_BYTES {
        return Err(BodyError::Malformed("it claims more than there can be"));
    }
    Ok(count)
}

fn all_read(bytes: &Bytes<'_>) -> Result<(), BodyError> {
    if bytes.0.is_empty() {
        Ok(())
    } else {
        Err(BodyError::Malformed("bytes are left over at its end"))
    }
}

#[cfg(test)]
mod tests {
    use reenact_core::{Name, Timestamp};

    use super::*;
    use crate::InstanceState;

    const TURNS_BYTES: u64 = 1_000;

    fn summary(id: &str, turns: u64) -> InstanceSummary {
        InstanceSummary {
            instance: InstanceId::new(id).unwrap(),
            execution: ExecutionId(u32::MAX),
            name: Name::new("process_order").unwrap(),
            state: InstanceState::Suspended,
            created_at: Timestamp::from_micros(u64::MAX),
            updated_at: Timestamp::from_micros(5),
            turns,
            events: 7,
            wake_at: (turns > 2).then_some(Timestamp::EPOCH),
            attributes: reenact_core::Attributes::default(),
        }
    }

    fn rows() -> Vec<Row> {
        let row = |id: &str, first, end, offset, chunks: &[(u64, u64)]| {
            let chunks = chunks.iter().map(|&(turns, bytes)| ChunkSize { turns, bytes }).collect();
            let grown = Grown { summary: summary(id, end), first, end, offset, chunks };
            let (instance, earlier) = (InstanceId::new(id).unwrap(), EarlierRows::default());
            Row { instance, begins: end < 3, grown: Some(grown), earlier }
        };
        let gone = Row::purged(InstanceId::new("b").unwrap());
        vec![
            row("a", 0, 2, 30, &[(2, 100)]),
            gone,
            row("c", u64::MAX - 3, u64::MAX, 130, &[(1, 9), (2, 61)]),
            keeping(row("d", 0, 1, 200, &[(1, 100)])),
            row("é", 7, 7, 1_000, &[]),
        ]
    }

    /// With an execution of before, of which there are turns, and one more, of which there are none.
    fn keeping(mut row: Row) -> Row {
        let ChunkSize { turns, bytes } = ChunkSize { turns: 2, bytes: 700 };
        let mut summary = summary("d", 5);
        summary.execution = ExecutionId(u32::MAX - 1);
        let chunks = vec![ChunkSize { turns, bytes }];
        let grown = vec![Grown { summary, first: 3, end: 5, offset: 300, chunks }];
        row.earlier = EarlierRows { oldest: Some(ExecutionId(u32::MAX - 2)), grown };
        row
    }

    fn encoded() -> [Vec<u8>; 2] {
        let (mut rows_bytes, mut wakes_bytes) = (Vec::new(), Vec::new());
        encode_rows(&mut rows_bytes, &rows());
        let wakes: Vec<Wake> = rows().iter().filter_map(Row::wake).collect();
        assert_eq!(wakes.len(), 3, "what begins and waits for nothing has no row");
        encode_wakes(&mut wakes_bytes, &wakes);
        assert_eq!(decode_wakes(&wakes_bytes), Ok(wakes));
        [rows_bytes, wakes_bytes]
    }

    #[test]
    fn rows_are_read_as_they_were_written_and_only_in_their_bounds() {
        let [bytes, _] = encoded();
        assert_eq!(decode_rows(&bytes, TURNS_BYTES), Ok(rows()));
        assert!(decode_rows(&bytes, TURNS_BYTES - 1).is_err());
        let mut swapped = Vec::new();
        encode_rows(&mut swapped, &[rows()[1].clone(), rows()[0].clone()]);
        assert!(decode_rows(&swapped, TURNS_BYTES).is_err());
    }

    #[test]
    fn what_is_cut_or_longer_is_malformed() {
        let [rows, wakes] = encoded();
        let longer = |bytes: &[u8]| [bytes, &[0]].concat();
        assert!(decode_rows(&longer(&rows), TURNS_BYTES).is_err());
        assert!(decode_wakes(&longer(&wakes)).is_err());
        assert!((0..rows.len()).all(|end| decode_rows(&rows[..end], TURNS_BYTES).is_err()));
        assert!((0..wakes.len()).all(|end| decode_wakes(&wakes[..end]).is_err()));
    }

    #[test]
    fn mutated_rows_never_panic_and_never_leave_their_bounds() {
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random
        };
        let [rows, wakes] = encoded();
        for _ in 0..20_000 {
            let (mut rows, mut wakes) = (rows.clone(), wakes.clone());
            for bytes in [&mut rows, &mut wakes] {
                for _ in 0..=next() % 4 {
                    let at = next() as usize % bytes.len();
                    match next() % 3 {
                        0 => bytes[at] = next() as u8,
                        1 => drop(bytes.remove(at)),
                        _ => bytes.insert(at, next() as u8),
                    }
                }
            }
            let _ = decode_wakes(&wakes);
            for grown in decode_rows(&rows, TURNS_BYTES).iter().flatten().flat_map(|row| &row.grown)
            {
                let last = grown.places().last();
                assert!(last.is_none_or(|last| {
                    last.offset + last.bytes <= TURNS_BYTES && last.end() == grown.end
                }));
            }
        }
    }
}
