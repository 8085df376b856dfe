//! What a process knows of the hub's other processes, from its last list of their blobs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use reenact_core::ShardId;
use tokio::time::Instant;

use crate::azure::client::shard_name;
use crate::azure::port::{BlobEntry, Etag, Metadata};
use crate::azure::random::Random;
use crate::{ShardHolder, SharingHost};

/// What the names of all of these blobs begin with.
pub(super) const PREFIX: &str = "live/";

const HOST: &str = "live/host-";
const SHARD: &str = "live/shard-";
/// The name of a queue notice as it is stored: it never changes.
const NOTICE: &str = "live/bell-";

/// The state of a process that lives, as it says itself.
pub(super) const ALIVE: &str = "alive";

/// The state of a process that was taken for dead.
pub(super) const DEAD: &str = "dead";

/// Most characters of a name for people.
const MAX_LABEL: usize = 200;

/// What is known of the others.
#[derive(Default)]
pub(super) struct View {
    hosts: BTreeMap<String, Host>,
    claims: BTreeMap<ShardId, Claim>,
    notices: BTreeMap<String, Etag>,
    /// The time at which the look began that has shown it.
    pub(super) at: Option<Instant>,
}

/// A process.
#[derive(Clone)]
pub(super) struct Host {
    pub(super) etag: Etag,
    pub(super) metadata: Metadata,
    /// Since when it is known to be so.
    since: Instant,
}

/// A claim: which process has a shard.
#[derive(Clone)]
pub(super) struct Claim {
    pub(super) etag: Etag,
    /// Empty when it was given up.
    pub(super) owner: String,
    pub(super) label: String,
    /// The time at which it was known to be so.
    at: Instant,
}

impl View {
    /// Takes what a list has shown that was asked for at one time and had come at another. Tells which
    /// notices were written since the last one.
    pub(super) fn update(
        &mut self,
        blobs: Vec<BlobEntry>,
        began: Instant,
        came: Instant,
    ) -> Vec<String> {
        let mut old = std::mem::take(self);
        let mut noticed = Vec::new();
        for BlobEntry { name, etag, metadata, .. } in blobs {
            if let Some(id) = name.strip_prefix(HOST) {
                let before = old.hosts.remove(id).filter(|before| before.etag == etag);
                // It may have been written when the answer was about to leave, and not a moment sooner.
                let since = before.map_or(came, |before| before.since);
                self.hosts.insert(id.to_owned(), Host { etag, metadata, since });
            } else if let Some(shard) = shard_of(&name) {
                self.claims.insert(shard, Claim::new(etag, &metadata, began));
            } else if let Some(queue) = name.strip_prefix(NOTICE) {
                if old.notices.get(queue) != Some(&etag) {
                    noticed.push(queue.to_owned());
                }
                self.notices.insert(queue.to_owned(), etag);
            }
        }
        // What this process has written while the list was made may not be in it.
        self.claims.extend(old.claims.into_iter().filter(|(_, claim)| claim.at > began));
        self.at = Some(began);
        noticed
    }

    /// The processes that share the shards, and have not been silent for so long.
    pub(super) fn sharing(&self, lease_time: Duration) -> BTreeSet<String> {
        let shares = |host: &Host| host.says("shares", "yes") && !host.is_silent(lease_time);
        self.hosts.iter().filter(|(_, host)| shares(host)).map(|(id, _)| id.clone()).collect()
    }

    pub(super) fn host(&self, id: &str) -> Option<&Host> {
        self.hosts.get(id)
    }

    pub(super) fn claim(&self, shard: ShardId) -> Option<&Claim> {
        self.claims.get(&shard)
    }

    /// This process has written a claim.
    pub(super) fn set_claim(&mut self, shard: ShardId, etag: Etag, written: &Metadata) {
        self.claims.insert(shard, Claim::new(etag, written, Instant::now()));
    }

    /// A process that nobody needs to know of any more: silent for so long, and without a shard.
    pub(super) fn forgotten(&self, silence: Duration) -> Option<(&String, &Host)> {
        let is_silent = |host: &Host| host.since.elapsed() >= silence;
        let owns = |id: &String| self.claims.values().any(|claim| claim.owner == *id);
        self.hosts.iter().find(|(id, host)| is_silent(host) && !owns(id))
    }

    /// Who has which shard, of the processes that live.
    pub(super) fn holders(&self, lease_time: Duration) -> Vec<ShardHolder> {
        let lives = |claim: &&Claim| {
            let host = self.hosts.get(&claim.owner);
            host.is_some_and(|host| !host.is_silent(lease_time))
        };
        let held = self.claims.iter().filter(|(_, claim)| lives(claim));
        let owner = |claim: &Claim| match claim.label.is_empty() {
            true => claim.owner.clone(),
            false => claim.label.clone(),
        };
        held.map(|(shard, claim)| ShardHolder { shard: *shard, owner: owner(claim), expires: None })
            .collect()
    }

    /// The processes that share the shards, those that are silent included.
    pub(super) fn shown(&self, lease_time: Duration) -> Vec<SharingHost> {
        let sharing = self.hosts.iter().filter(|(_, host)| host.says("shares", "yes"));
        sharing
            .map(|(id, host)| SharingHost {
                id: id.clone(),
                name: host.metadata.get("label").cloned().unwrap_or_default(),
                is_alive: !host.is_silent(lease_time),
                shards: self.claims_of(id).map(|(shard, _)| shard).collect(),
            })
            .collect()
    }

    /// What a process has claimed.
    pub(super) fn claims_of(&self, id: &str) -> impl Iterator<Item = (ShardId, &Claim)> {
        let claims = self.claims.iter().filter(move |(_, claim)| claim.owner == id);
        claims.map(|(shard, claim)| (*shard, claim))
    }

    /// The process that has a shard, alive or dead.
    pub(super) fn owner_of(&self, shard: ShardId) -> Option<&str> {
        self.claims.get(&shard).map(|claim| claim.owner.as_str())
    }

    /// The process of each shard that has one, alive or dead.
    pub(super) fn owned(&self) -> BTreeMap<ShardId, String> {
        let claims = self.claims.iter().filter(|(_, claim)| !claim.owner.is_empty());
        claims.map(|(shard, claim)| (*shard, claim.owner.clone())).collect()
    }
}

impl Host {
    fn says(&self, name: &str, value: &str) -> bool {
        says(&self.metadata, name, value)
    }

    pub(super) fn is_dead(&self) -> bool {
        self.says("state", DEAD)
    }

    /// Whether it has not said for a lease time that it lives.
    pub(super) fn is_silent(&self, lease_time: Duration) -> bool {
        self.is_dead() || self.since.elapsed() >= lease_time
    }
}

impl Claim {
    fn new(etag: Etag, metadata: &Metadata, at: Instant) -> Self {
        let value = |name: &str| metadata.get(name).cloned().unwrap_or_default();
        Self { etag, owner: value("owner"), label: value("label"), at }
    }
}

pub(super) fn says(metadata: &Metadata, name: &str, value: &str) -> bool {
    metadata.get(name).is_some_and(|said| said == value)
}

/// What a process says of itself, or another of it.
pub(super) fn of_host(label: Option<&str>, state: &str) -> Metadata {
    metadata([
        ("state", state.to_owned()),
        ("shares", if label.is_some() { "yes" } else { "no" }.to_owned()),
        ("label", printable(label.unwrap_or_default())),
    ])
}

/// The metadata of a claim; the owner is empty when the shard is given up.
pub(super) fn of_claim(owner: &str, label: &str) -> Metadata {
    metadata([("owner", owner.to_owned()), ("label", printable(label))])
}

pub(super) fn of_notice() -> Metadata {
    metadata([])
}

/// No two of them are the same: so what was written is known again.
fn metadata<const N: usize>(values: [(&str, String); N]) -> Metadata {
    let values = values.into_iter().filter(|(_, value)| !value.is_empty());
    let values = values.map(|(name, value)| (name.to_owned(), value));
    values.chain([("nonce".to_owned(), Random::default().name())]).collect()
}

/// Metadata takes printable ASCII only.
fn printable(label: &str) -> String {
    let shown = |c: char| if c.is_ascii_graphic() { c } else { '_' };
    label.chars().take(MAX_LABEL).map(shown).collect()
}

pub(super) fn host_blob(id: &str) -> String {
    format!("{HOST}{id}")
}

pub(super) fn shard_blob(shard: ShardId) -> String {
    format!("{SHARD}{}", shard_name(shard))
}

/// The shard that a blob has the claim of; `None` for any other name, also one that means the same number.
fn shard_of(blob: &str) -> Option<ShardId> {
    let shard = ShardId(blob.strip_prefix(SHARD)?.parse().ok()?);
    (shard_blob(shard) == blob).then_some(shard)
}

pub(super) fn notice_blob(queue: &str) -> String {
    format!("{NOTICE}{queue}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_of_a_similar_name_does_not_hide_who_has_a_shard() {
        let now = Instant::now();
        let blob = |name: &str, owner: &str| {
            let (name, etag) = (name.to_owned(), Etag(owner.to_owned()));
            BlobEntry { name, size: 0, etag, metadata: of_claim(owner, "") }
        };
        let blobs = vec![blob("live/shard-0001", "a"), blob("live/shard-1", "b")];
        let mut view = View::default();
        view.update(blobs, now, now);
        assert_eq!(view.owner_of(ShardId(1)), Some("a"));
    }

    #[test]
    fn a_shard_is_shown_with_its_owner_unless_that_is_dead_or_has_given_it_up() {
        let blob = |name: &str, metadata: Metadata| {
            let (name, etag) = (name.to_owned(), Etag(name.to_owned()));
            BlobEntry { name, size: 0, etag, metadata }
        };
        let shard = |number: u32, owner: &str, label: &str| {
            blob(&shard_blob(ShardId(number)), of_claim(owner, label))
        };
        let blobs = vec![
            blob(&host_blob("a"), of_host(Some("first"), ALIVE)),
            blob(&host_blob("b"), of_host(Some("second"), DEAD)),
            blob(&host_blob("c"), of_host(None, ALIVE)),
            shard(0, "a", "first"),
            shard(1, "b", "second"),
            shard(2, "", "first"),
            shard(3, "gone", "third"),
        ];
        let (mut view, now, long) = (View::default(), Instant::now(), Duration::from_secs(3600));
        view.update(blobs, now, now);
        let owner = |shard, owner: &str| {
            let (shard, owner) = (ShardId(shard), owner.to_owned());
            ShardHolder { shard, owner, expires: None }
        };
        assert_eq!(view.holders(long), [owner(0, "first")]);
        let host = |id: &str, name: &str, is_alive, shard| SharingHost {
            id: id.to_owned(),
            name: name.to_owned(),
            is_alive,
            shards: vec![ShardId(shard)],
        };
        let hosts = [host("a", "first", true, 0), host("b", "second", false, 1)];
        assert_eq!(view.shown(long), hosts, "a client is no host");
    }
}
