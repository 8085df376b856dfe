//! Messages that can never be taken, as blobs: their metadata says why, their bytes are the message.

use std::collections::BTreeMap;

use reenact_core::{Name, ShardId, Timestamp};

use super::Queues;
use super::envelope::Envelope;
use crate::azure::client::corrupt;
use crate::azure::port::{BlobEntry, Metadata, Only, PortError};
use crate::limits::MAX_QUARANTINE_DETAILS_BYTES;
use crate::{ProviderError, QuarantineId, Quarantined, QueueOf};

/// What the names of the blobs begin with.
const PREFIX: &str = "quarantine/";

/// Most characters of a reason, escaped: the service takes 8 KiB of metadata.
const MAX_REASON: usize = 2_048;

/// Says that a message is kept that could be read.
const MESSAGE: &str = "message";

/// Says that what is kept could not be read as a message.
const RAW: &str = "raw";

impl Queues {
    /// Keeps a message.
    pub(in crate::azure) async fn keep(&self, what: Quarantined) -> Result<(), ProviderError> {
        let Quarantined { queue, message, raw, reason, details, attempts, at } = what;
        tracing::debug!(target: "reenact::queue", parent: None, ?queue, reason, "a message was put into quarantine");
        let (kind, bytes) = match &message {
            Some(message) => (MESSAGE, Envelope::of(message).into_bytes()),
            None => (RAW, raw),
        };
        let queue = match queue {
            QueueOf::Shard(shard) => ("shard", shard.0.to_string()),
            QueueOf::Tag(tag) => ("tag", escape(tag.as_str(), usize::MAX)),
        };
        let mut metadata: Metadata = BTreeMap::from([
            ("kind".to_owned(), kind.to_owned()),
            (queue.0.to_owned(), queue.1),
            ("reason".to_owned(), escape(&reason, MAX_REASON)),
            ("attempts".to_owned(), attempts.to_string()),
            ("at".to_owned(), at.as_micros().to_string()),
        ]);
        if !details.is_empty() {
            // Whole or not at all: programs read it.
            let details = escape(&details, usize::MAX);
            if details.len() <= MAX_QUARANTINE_DETAILS_BYTES {
                metadata.insert("details".to_owned(), details);
            }
        }
        // Ordered by time.
        let blob = format!("{PREFIX}{:020}-{}", at.as_micros(), self.client.random().name());
        let put = self.client.put(&blob, bytes, &metadata, &Only::IfNew).await;
        put.map(drop).map_err(PortError::into_provider_error)
    }

    /// What is kept, ordered by time.
    pub(in crate::azure) async fn kept(
        &self,
        after: Option<QuarantineId>,
        limit: usize,
    ) -> Result<Vec<(QuarantineId, Quarantined)>, ProviderError> {
        let failed = PortError::into_provider_error;
        let blobs = self.client.list(PREFIX).await.map_err(failed)?;
        let mut kept = Vec::new();
        for blob in blobs {
            let Some(id) = blob.name.strip_prefix(PREFIX).map(|id| QuarantineId(id.to_owned()))
            else {
                continue;
            };
            if after.as_ref().is_some_and(|after| id <= *after) || kept.len() == limit.max(1) {
                continue;
            }
            // Another may have discarded it meanwhile.
            if let Some(got) = self.client.get(&blob.name, 0, None).await.map_err(failed)? {
                kept.push((id, read(&blob, got.bytes)?));
            }
        }
        Ok(kept)
    }

    pub(in crate::azure) async fn discard(&self, id: &QuarantineId) -> Result<(), ProviderError> {
        let deleted = self.client.delete(&format!("{PREFIX}{}", id.0), false).await;
        deleted.map_err(PortError::into_provider_error)
    }
}

fn read(blob: &BlobEntry, bytes: Vec<u8>) -> Result<Quarantined, ProviderError> {
    let BlobEntry { name, metadata, .. } = blob;
    let text = |of: &str| metadata.get(of).map(|value| unescape(value));
    let number = |of: &str| metadata.get(of).and_then(|value| value.parse::<u64>().ok());
    let bad = |what: &str| corrupt(name, format!("its metadata has no {what}"));
    let queue = match (number("shard"), text("tag")) {
        (Some(shard), _) => {
            QueueOf::Shard(ShardId(u32::try_from(shard).map_err(|_| bad("shard"))?))
        }
        (None, Some(tag)) => QueueOf::Tag(Name::new(tag).map_err(|_| bad("tag"))?),
        (None, None) => return Err(bad("queue")),
    };
    let (message, raw) = match metadata.get("kind").map(String::as_str) {
        Some(MESSAGE) => {
            let message = Envelope::from_bytes(&bytes).and_then(|envelope| envelope.message());
            (Some(message.map_err(|error| corrupt(name, error.0))?), Vec::new())
        }
        Some(RAW) => (None, bytes),
        _ => return Err(bad("kind that this reenact knows")),
    };
    let attempts = number("attempts").and_then(|number| u32::try_from(number).ok());
    Ok(Quarantined {
        queue,
        message,
        raw,
        // The service may leave out a value that is empty.
        reason: text("reason").unwrap_or_default(),
        details: text("details").unwrap_or_default(),
        attempts: attempts.ok_or_else(|| bad("attempts"))?,
        at: Timestamp::from_micros(number("at").ok_or_else(|| bad("time"))?),
    })
}

/// Metadata takes printable ASCII only; spaces stay, so that people can read it.
fn escape(text: &str, limit: usize) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        if c.is_ascii_graphic() && c != '%' || c == ' ' && !escaped.is_empty() {
            escaped.push(c);
        } else {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                escaped.push_str(&format!("%{byte:02x}"));
            }
        }
        if escaped.len() >= limit {
            break;
        }
    }
    // A space at the end would get lost on the way.
    match escaped.strip_suffix(' ') {
        Some(rest) => format!("{rest}%20"),
        None => escaped,
    }
}

fn unescape(escaped: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), escaped.as_bytes());
    while let Some((byte, tail)) = rest.split_first() {
        let digits = (*byte == b'%').then(|| tail.get(..2)).flatten();
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(escaped) => {
                bytes.push(escaped);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*byte);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::azure::port::Etag;

    #[test]
    fn any_text_comes_back_out_of_metadata() {
        for text in ["", " plain text ", "100 % of \u{e9}\u{1F600}\n", "%41", "\t"] {
            let escaped = escape(text, usize::MAX);
            assert!(escaped.bytes().all(|b| b == b' ' || b.is_ascii_graphic()), "{escaped}");
            assert_eq!(unescape(&escaped), text);
        }
    }

    #[test]
    fn a_count_of_attempts_that_has_rotted_is_an_error_and_not_a_zero() {
        let with_attempts = |attempts| {
            read_with([("kind", RAW), ("shard", "3"), ("at", "7"), ("attempts", attempts)])
        };
        assert_eq!(with_attempts("5").unwrap().attempts, 5);
        let rotten = with_attempts("x5").unwrap_err();
        assert!(matches!(rotten, ProviderError::Corrupt { .. }), "{rotten}");
    }

    #[test]
    fn a_message_whose_kind_has_rotted_is_an_error_and_not_taken_for_bytes() {
        let with_kind =
            |kind| read_with([("kind", kind), ("shard", "3"), ("at", "7"), ("attempts", "5")]);
        assert!(with_kind(RAW).is_ok());
        let rotten = with_kind("messagf").unwrap_err();
        assert!(matches!(rotten, ProviderError::Corrupt { .. }), "{rotten}");
    }

    /// What is read of an empty blob with these metadata.
    fn read_with<const N: usize>(fields: [(&str, &str); N]) -> Result<Quarantined, ProviderError> {
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let (name, etag) = (format!("{PREFIX}1"), Etag("1".into()));
        let blob = BlobEntry { name, size: 0, etag, metadata: fields.into_iter().collect() };
        read(&blob, Vec::new())
    }

    #[test]
    fn a_long_text_is_cut() {
        assert!(escape(&"\u{1F600}".repeat(10_000), MAX_REASON).len() < MAX_REASON + 16);
    }
}
