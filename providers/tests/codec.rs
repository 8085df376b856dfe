//! A store whose turns and messages are encrypted and compressed keeps the contract, and shows nothing.
#![allow(clippy::unwrap_used, reason = "what a test unwraps, it asserts")]

use std::sync::Arc;

use reenact_core::codec::{self, CodecError as StoredForm};
use reenact_core::{ExecutionId, InstanceId, Name, ShardId, Timestamp};
use reenact_providers::codec::{
    Codec, CodecError, Compression, EncodedThing, Encryption, InvalidKey, Keys,
};
use reenact_providers::{
    Batch, Encoded, InMemory, InstanceState, InstanceSummary, ManualClock, Message, Provider,
    ProviderError, Quarantined, QueueOf, StoredTurn, TurnRecord,
};
use reenact_testkit::conformance::Hub;

const SECRET: &[u8] =
    b"the card number is 4111 1111 1111 1111, and it is so often there that it can be compressed: \
    4111 1111 1111 1111, 4111 1111 1111 1111, 4111 1111 1111 1111";

mod keeps_the_contract {
    use super::*;

    #[derive(Clone)]
    struct Place(InMemory);

    impl Hub for Place {
        type Provider = Encoded<Encoded<InMemory>>;

        async fn open(&self) -> Self::Provider {
            Encoded::new(encrypted(&self.0).showing_attributes(), Compression::new())
        }
    }

    async fn place(clock: ManualClock) -> Place {
        Place(InMemory::new().with_clock(clock).shared())
    }

    reenact_testkit::conformance_tests!(place);
    reenact_testkit::sharing_conformance_tests!(place);
}

fn keys() -> Keys {
    Keys::new("first", [1; 32]).unwrap()
}

fn encrypted(store: &InMemory) -> Encoded<InMemory> {
    Encoded::new(store.clone(), Encryption::new(keys()))
}

fn instance(id: &str) -> InstanceId {
    InstanceId::new(id).unwrap()
}

fn of_turn(instance: &InstanceId, number: u64) -> EncodedThing<'_> {
    EncodedThing::Turn { instance, execution: ExecutionId(1), number }
}

async fn append(store: &impl Provider, id: &str, turns: &[&[u8]]) {
    try_to_append(store, id, turns).await.unwrap();
}

/// Appends the first turns of an instance.
async fn try_to_append(
    store: &impl Provider,
    id: &str,
    turns: &[&[u8]],
) -> Result<(), ProviderError> {
    let instance = instance(id);
    let shard = ShardId::of(&instance, store.shards());
    let lease = store.leases().acquire(shard, "a test").await.unwrap();
    let summary = InstanceSummary {
        instance,
        execution: ExecutionId(1),
        name: Name::new("order").unwrap(),
        state: InstanceState::Running,
        created_at: Timestamp::EPOCH,
        updated_at: Timestamp::EPOCH,
        turns: 0,
        events: 0,
        wake_at: None,
        attributes: reenact_core::Attributes::default(),
    };
    let record = |(number, bytes): (usize, &&[u8])| TurnRecord {
        number: number as u64,
        bytes: Arc::from(*bytes),
        summary: InstanceSummary { turns: number as u64 + 1, ..summary.clone() },
        has_drawn_id: false,
        keep: 0,
    };
    let turns = turns.iter().enumerate().map(record).collect();
    let batch = Batch { shard, epoch: lease.epoch, turns };
    let appended = store.histories().append(Arc::new(batch)).await;
    store.leases().release(&lease).await.unwrap();
    appended.map(drop)
}

async fn read(store: &impl Provider, id: &str) -> Result<Vec<StoredTurn>, ProviderError> {
    let page = store.histories().read(&instance(id), ExecutionId(1), 0, 100).await?;
    Ok(page.turns)
}

async fn why_unreadable(store: &impl Provider, id: &str) -> String {
    match read(store, id).await {
        Err(ProviderError::Undecodable { place, reason }) => format!("{place}: {reason}"),
        other => panic!("it can be read: {other:?}"),
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[tokio::test]
async fn nothing_of_a_turn_is_in_the_store_in_plain() {
    let store = InMemory::new();
    append(&encrypted(&store), "order-7", &[SECRET, b"\x01"]).await;

    let stored = read(&store, "order-7").await.unwrap();
    assert_eq!(stored.len(), 2);
    assert!(stored.iter().all(|turn| !contains(&turn.bytes, b"4111")), "{stored:?}");
    let plain = read(&encrypted(&store), "order-7").await.unwrap();
    let plain: Vec<_> = plain.iter().map(|turn| &*turn.bytes).collect();
    assert_eq!(plain, [SECRET, b"\x01"]);
}

#[tokio::test]
async fn the_same_turn_is_never_the_same_in_the_store() {
    let store = InMemory::new();
    append(&encrypted(&store), "order-7", &[SECRET]).await;
    append(&encrypted(&store), "order-8", &[SECRET]).await;
    let turns = (read(&store, "order-7").await.unwrap(), read(&store, "order-8").await.unwrap());
    assert_ne!(turns.0[0].bytes, turns.1[0].bytes);
}

#[tokio::test]
async fn a_turn_that_was_changed_is_not_taken() {
    let codec = Encryption::new(keys());
    let id = instance("order-7");
    let encoded = codec.encode(SECRET, of_turn(&id, 3)).unwrap().unwrap();
    // The length of the id of the key, and the id, are at the beginning: they name another key then.
    for at in 1 + "first".len()..encoded.len() {
        let mut changed = encoded.clone();
        changed[at] ^= 0x40;
        let error = codec.decode(&changed, of_turn(&id, 3)).unwrap_err();
        assert!(matches!(error, CodecError::NotAuthentic { .. }), "byte {at}: {error}");
    }
    for length in 0..encoded.len() {
        assert!(codec.decode(&encoded[..length], of_turn(&id, 3)).is_err(), "{length} bytes");
    }
    assert_eq!(codec.decode(&encoded, of_turn(&id, 3)).unwrap(), SECRET);
}

#[tokio::test]
async fn a_turn_that_was_put_in_another_place_is_not_taken() {
    let codec = Encryption::new(keys());
    let (id, other) = (instance("order-7"), instance("order-8"));
    let encoded = codec.encode(SECRET, of_turn(&id, 3)).unwrap().unwrap();
    let elsewhere = [
        of_turn(&other, 3),
        of_turn(&id, 4),
        EncodedThing::Turn { instance: &id, execution: ExecutionId(2), number: 3 },
        EncodedThing::Message { to: &id, key: "3" },
    ];
    for place in elsewhere {
        let error = codec.decode(&encoded, place).unwrap_err();
        assert!(matches!(error, CodecError::NotAuthentic { .. }), "{place:?}: {error}");
    }
}

#[tokio::test]
async fn after_a_change_of_keys_both_are_read_and_the_new_one_is_used() {
    let store = InMemory::new();
    append(&encrypted(&store), "old", &[SECRET]).await;
    let both = Keys::new("second", [2; 32]).unwrap().and("first", [1; 32]).unwrap();
    let rotated = Encoded::new(store.clone(), Encryption::new(both));
    append(&rotated, "new", &[SECRET]).await;

    assert_eq!(&*read(&rotated, "old").await.unwrap()[0].bytes, SECRET);
    assert_eq!(&*read(&rotated, "new").await.unwrap()[0].bytes, SECRET);
    assert_eq!(
        why_unreadable(&encrypted(&store), "new").await,
        "turn 0 of execution 1 of new: it is encrypted with the key `second`, which is not among the \
         given ones; add that key"
    );
}

#[tokio::test]
async fn another_key_of_the_same_id_is_found_out() {
    let store = InMemory::new();
    append(&encrypted(&store), "order-7", &[SECRET]).await;
    let wrong = Encryption::new(Keys::new("first", [9; 32]).unwrap());
    let why = why_unreadable(&Encoded::new(store, wrong), "order-7").await;
    assert!(why.contains("the key is another one of that id"), "{why}");
}

#[tokio::test]
async fn what_is_plain_is_refused_unless_the_store_is_older_than_its_encryption() {
    let store = InMemory::new();
    append(&store, "order-7", &[SECRET]).await;
    let why = why_unreadable(&encrypted(&store), "order-7").await;
    assert!(why.contains("stored without the codec `aes-256-gcm`"), "{why}");

    let lenient = Encoded::new(store.clone(), Encryption::new(keys()).and_take_plain());
    assert_eq!(&*read(&lenient, "order-7").await.unwrap()[0].bytes, SECRET);
    append(&lenient, "order-8", &[SECRET]).await;
    assert!(!contains(&read(&store, "order-8").await.unwrap()[0].bytes, b"4111"));
}

#[tokio::test]
async fn without_the_codec_a_turn_says_which_one_is_needed() {
    let store = InMemory::new();
    append(&encrypted(&store), "order-7", &[SECRET]).await;
    let stored = read(&store, "order-7").await.unwrap();
    let found = codec::decode_turn(&stored[0].bytes).unwrap_err();
    assert_eq!(found, StoredForm::Encoded { codec: "aes-256-gcm".into() });

    let why = why_unreadable(&Encoded::new(store, Compression::new()), "order-7").await;
    assert!(
        why.contains("encoded by the codec `aes-256-gcm`, and this store is opened with `lz4`")
    );
}

#[tokio::test]
async fn compression_makes_a_turn_smaller_and_leaves_what_would_grow() {
    let store = InMemory::new();
    let compressed = Encoded::new(store.clone(), Compression::new());
    let random: Vec<u8> =
        (0..4_096_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    append(&compressed, "order-7", &[SECRET, b"short", &random]).await;

    let stored = read(&store, "order-7").await.unwrap();
    assert!(stored[0].bytes.len() < SECRET.len(), "{} bytes", stored[0].bytes.len());
    assert_eq!(&*stored[1].bytes, b"short");
    let read = read(&compressed, "order-7").await.unwrap();
    let read: Vec<_> = read.iter().map(|turn| &*turn.bytes).collect();
    assert_eq!(read, [SECRET, b"short", &random]);
}

#[tokio::test]
async fn a_length_that_cannot_be_is_not_believed() {
    let id = instance("order-7");
    let codec = Compression::new();
    let mut encoded = codec.encode(SECRET, of_turn(&id, 0)).unwrap().unwrap();
    encoded[..4].copy_from_slice(&u32::MAX.to_le_bytes());
    let error = codec.decode(&encoded, of_turn(&id, 0)).unwrap_err();
    assert!(error.to_string().contains("at most"), "{error}");
    encoded[..4].copy_from_slice(&(SECRET.len() as u32 + 1).to_le_bytes());
    assert!(codec.decode(&encoded, of_turn(&id, 0)).is_err());
}

#[test]
fn keys_have_ids_that_differ() {
    let too_long = "k".repeat(65);
    assert_eq!(Keys::new("", [1; 32]).unwrap_err(), InvalidKey::IdLength { bytes: 0 });
    assert_eq!(Keys::new(too_long, [1; 32]).unwrap_err(), InvalidKey::IdLength { bytes: 65 });
    let twice = keys().and("first", [2; 32]).unwrap_err();
    assert_eq!(twice, InvalidKey::IdTaken { id: "first".into() });
}

#[test]
fn keys_are_read_from_lines_and_what_is_none_is_named_without_showing_it() {
    let (one, two) = ("01".repeat(32), "0A".repeat(32));
    let text = format!("# keys\n\n second  {two}\nfirst {one}\r\n");
    let keys: Keys = text.parse().unwrap();
    assert_eq!(format!("{keys:?}"), r#"Keys { newest: "second", ids: ["first", "second"], .. }"#);
    let id = instance("order-7");
    let encoded = Encryption::new(self::keys()).encode(SECRET, of_turn(&id, 0)).unwrap().unwrap();
    assert_eq!(Encryption::new(keys).decode(&encoded, of_turn(&id, 0)).unwrap(), SECRET);

    let wrong = |text: &str| text.parse::<Keys>().unwrap_err().to_string();
    assert!(wrong("# none\n").starts_with("there is no key"));
    for line in ["lonely".into(), format!("a {}", &one[2..]), format!("a g{}", &one[1..])] {
        let error = wrong(&format!("b {one}\n{line}"));
        assert!(error.starts_with("line 2 is no key"), "{error}");
        assert!(!error.contains("0101"), "{error}");
    }
    assert!(wrong(&format!("a {one}\na {two}")).contains("a key with the id `a` already"));
}

#[test]
fn no_key_shows_itself() {
    let codec = Encryption::new(Keys::new("first", [0xAB; 32]).unwrap());
    let shown = format!("{codec:?}");
    assert!(shown.contains("first") && !shown.contains("171") && !shown.contains("AB"), "{shown}");
}

mod messages {
    use super::*;

    fn message(key: &str) -> Message {
        Message { key: key.into(), to: instance("order-7"), bytes: Arc::from(SECRET) }
    }

    #[tokio::test]
    async fn a_message_is_encrypted_in_its_queue() {
        let store = InMemory::new().shared();
        let sharing = encrypted(&store).sharing().unwrap();
        sharing.router().send(ShardId(0), message("a")).await.unwrap();

        let stored = store.sharing().unwrap().router().receive(ShardId(0), 1).await.unwrap();
        assert!(!contains(&stored[0].message.bytes, b"4111"));
        let tag = Name::new("gpu").unwrap();
        sharing.send_to(&tag, message("b")).await.unwrap();
        let received = sharing.receive_from(&tag, 1).await.unwrap();
        assert_eq!(&*received[0].message.bytes, SECRET);
    }

    #[tokio::test]
    async fn one_that_cannot_be_decoded_says_why_and_stays_as_it_was_in_quarantine() {
        let store = InMemory::new().shared();
        let newer = Encryption::new(Keys::new("second", [2; 32]).unwrap());
        let newer = Encoded::new(Encoded::new(store.clone(), newer), Compression::new());
        newer.sharing().unwrap().router().send(ShardId(0), message("a")).await.unwrap();

        let older = Encoded::new(encrypted(&store), Compression::new()).sharing().unwrap();
        let received = older.router().receive(ShardId(0), 1).await.unwrap();
        let why = codec::decode_command(&received[0].message.bytes).unwrap_err().to_string();
        assert!(why.contains("encrypted with the key `second`"), "{why}");

        let what = Quarantined {
            queue: QueueOf::Shard(ShardId(0)),
            message: Some(received[0].message.clone()),
            raw: Vec::new(),
            reason: why,
            details: "the card".to_owned(),
            attempts: 1,
            at: Timestamp::EPOCH,
        };
        older.quarantine(what).await.unwrap();
        let quarantined = newer.sharing().unwrap().quarantined(None, 10).await.unwrap();
        let kept = quarantined[0].1.message.clone().unwrap();
        assert_eq!(&*kept.bytes, SECRET, "with the right key it is what was sent");
        assert_eq!(quarantined[0].1.details, "", "another codec wrote it");
    }

    #[tokio::test]
    async fn a_plain_message_is_refused_with_its_reason() {
        let store = InMemory::new().shared();
        store.sharing().unwrap().router().send(ShardId(0), message("a")).await.unwrap();
        let sharing = encrypted(&store).sharing().unwrap();
        let received = sharing.router().receive(ShardId(0), 1).await.unwrap();
        let why = codec::decode_command(&received[0].message.bytes).unwrap_err().to_string();
        assert!(why.contains("stored without the codec"), "{why}");
    }
}

/// A codec whose key service is away.
struct Away;

impl Codec for Away {
    fn name(&self) -> &'static str {
        "away"
    }

    fn encode(&self, _: &[u8], _: EncodedThing<'_>) -> Result<Option<Vec<u8>>, CodecError> {
        Err(CodecError::Failed("the key service does not answer".into()))
    }

    fn decode(&self, _: &[u8], _: EncodedThing<'_>) -> Result<Vec<u8>, CodecError> {
        Err(CodecError::Failed("the key service does not answer".into()))
    }
}

#[tokio::test]
async fn where_a_codec_fails_nothing_is_written() {
    let store = Encoded::new(InMemory::new(), Away);
    let error = try_to_append(&store, "order-7", &[SECRET]).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert!(store.histories().summary(&instance("order-7")).await.unwrap().is_none());
}
