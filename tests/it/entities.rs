//! Entities: durable objects, on which operations run one after the other.

mod bounds;
mod code;
mod crashes;
mod hosts;
mod locked;
mod locks;
mod orchestrations;
mod snapshots;

use crate::kit::{Faulty, Gate, events, guard, options, store};
use reenact::prelude::*;
use reenact::providers::Provider;
use reenact::{
    EntityError, EntityFailureKind, EntityHandle, Error, PageRequest, UpdateError, limits,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use code::Counted;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Account {
    pub(crate) cents: u64,
    pub(crate) notes: Vec<String>,
    #[serde(skip)]
    not_stored: u64,
}

#[entity]
impl Account {
    /// Adds to the balance, and returns it.
    pub(crate) fn deposit(&mut self, cents: u64) -> u64 {
        self.cents += cents;
        self.cents
    }

    pub(crate) fn withdraw(&mut self, cents: u64) -> Result<u64, String> {
        self.notes.push("changed before it is refused".to_string());
        self.cents = self.cents.checked_sub(cents).ok_or_else(|| format!("{} left", self.cents))?;
        self.notes.pop();
        Ok(self.cents)
    }

    pub(crate) fn balance(&self) -> u64 {
        self.cents
    }

    pub(crate) fn explode(&mut self, cents: u64) {
        self.cents += cents;
        panic!("boom");
    }

    fn note(&mut self, first: String, second: Option<String>) -> Vec<String> {
        self.notes.push(first);
        self.notes.extend(second);
        self.notes.clone()
    }

    fn fill(&mut self, bytes: usize) {
        self.notes = vec!["x".repeat(bytes)];
    }

    /// What is not stored is gone after each operation, live as at replay.
    fn forget(&mut self) -> u64 {
        let before = self.not_stored;
        self.not_stored = 7;
        before
    }

    fn huge(&self) -> String {
        "x".repeat(2 * 1024 * 1024)
    }

    /// Deposits what the activity allows.
    pub(crate) async fn charge(&mut self, ctx: EntityContext, cents: u64) -> Result<u64, String> {
        self.cents += cents;
        let allowed = ctx.call_activity_by_name("allow", &cents).await;
        allowed.map(|()| self.cents).map_err(|error| error.to_string())
    }

    async fn charge_and_explode(&mut self, ctx: EntityContext, cents: u64) {
        self.cents += cents;
        let _: Result<(), _> = ctx.call_activity_by_name("allow", &cents).await;
        panic!("boom after {cents}");
    }

    pub(crate) fn close(&mut self, ctx: EntityContext) -> u64 {
        ctx.delete();
        self.cents
    }

    fn close_or_not(&mut self, ctx: EntityContext) -> Result<(), u64> {
        ctx.delete();
        Err(self.cents)
    }

    fn whoami(&self, ctx: EntityContext) -> (String, String) {
        (ctx.key().to_string(), ctx.instance_id().to_string())
    }

    fn dice(&mut self, ctx: EntityContext) -> (u64, u64) {
        (ctx.random(), ctx.random())
    }
}

pub(crate) async fn host_on(provider: impl Provider) -> Host {
    host_with(provider, options(), Gate::open()).await
}

async fn host_with(provider: impl Provider, options: HostOptions, gate: Gate) -> Host {
    let allow = move |_: ActivityContext, cents: u64| {
        let gate = gate.clone();
        async move {
            gate.pass().await;
            if cents > 100 { Err(ActivityError::fatal("too much")) } else { Ok(()) }
        }
    };
    let host = Host::builder().provider(provider).options(options).entity::<Account>();
    guard(host.register_activity("allow", allow).start()).await.unwrap()
}

pub(crate) fn ada(client: &Client) -> EntityHandle<Account, Client> {
    client.entity("ada")
}

fn failure<A: std::fmt::Debug, E: std::fmt::Debug>(
    result: Result<A, EntityError<E>>,
) -> EntityFailureKind {
    match result {
        Err(EntityError::Failed(failure)) => failure.kind(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn operations_come_one_after_the_other_and_each_sees_what_the_one_before_it_left() {
    let host = host_on(store().0).await;
    let account = ada(&host);
    assert_eq!(guard(account.state()).await.unwrap(), None);
    assert_eq!(guard(account.deposit(5)).await.unwrap(), 5);
    assert_eq!(guard(account.deposit(2)).await.unwrap(), 7);
    assert_eq!(guard(account.balance()).await.unwrap(), 7);
    guard(account.signal().deposit(3)).await.unwrap();
    assert_eq!(guard(account.balance()).await.unwrap(), 10);
    let notes = account.note("one".to_string(), None);
    assert_eq!(guard(notes).await.unwrap(), ["one"]);
    assert_eq!(guard(account.state()).await.unwrap().unwrap().cents, 10);
    let other = host.entity::<Account>("grace");
    assert_eq!(guard(other.deposit(1)).await.unwrap(), 1);
    let (key, instance) = guard(other.whoami()).await.unwrap();
    assert_eq!((&*key, &*instance), ("grace", "@account@grace"));
}

#[tokio::test]
async fn an_operation_that_is_refused_or_panics_leaves_the_state_as_it_was() {
    let host = host_on(store().0).await;
    let account = ada(&host);
    guard(account.deposit(5)).await.unwrap();
    let before = guard(account.state()).await.unwrap();
    let refused = guard(account.withdraw(7)).await.unwrap_err();
    assert!(matches!(refused, EntityError::Refused(why) if why == "5 left"));
    assert_eq!(failure(guard(account.explode(3)).await), EntityFailureKind::Panicked);
    let exploded = guard(account.charge_and_explode(3)).await;
    assert_eq!(failure(exploded), EntityFailureKind::Panicked);
    let refused = guard(account.charge(101)).await.unwrap_err();
    assert!(matches!(refused, EntityError::Refused(why) if why.contains("too much")));
    let fill = guard(account.fill(limits::MAX_ENTITY_STATE_BYTES)).await;
    assert_eq!(failure(fill), EntityFailureKind::StateTooLarge);
    assert_eq!(failure(guard(account.huge()).await), EntityFailureKind::InvalidAnswer);
    let open = guard(account.close_or_not()).await.unwrap_err();
    assert!(matches!(open, EntityError::Refused(5)));
    assert_eq!(guard(account.state()).await.unwrap(), before);
    assert_eq!(guard(account.withdraw(5)).await.unwrap(), 0, "it goes on");
}

#[tokio::test]
async fn only_what_is_stored_of_the_state_is_there_for_the_next_operation() {
    let host = host_on(store().0).await;
    for _ in 0..3 {
        assert_eq!(guard(ada(&host).forget()).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn what_is_no_operation_of_the_entity_has_an_error_and_changes_nothing() {
    let host = host_on(store().0).await;
    guard(ada(&host).deposit(5)).await.unwrap();
    let sent = [
        (json!({"op": "steal", "input": [5]}), "unknown_operation"),
        (json!({"op": "deposit", "input": ["five"]}), "invalid_input"),
        (json!({"op": "deposit", "input": []}), "invalid_input"),
        (json!({"op": "deposit"}), "invalid_input"),
        (json!({}), "unknown_operation"),
    ];
    for (request, kind) in sent {
        let answer: Result<u64, UpdateError<serde_json::Value>> =
            guard(host.update("@account@ada", "@op", request.clone())).await;
        match answer {
            Err(UpdateError::Refused(why)) => assert_eq!(why["failed"]["kind"], kind, "{request}"),
            other => panic!("{request}: {other:?}"),
        }
    }
    let before = events(&host, &crate::kit::id("@account@ada")).await;
    for request in [json!(7), json!({"op": 5})] {
        let answer: Result<u64, UpdateError<serde_json::Value>> =
            guard(host.update("@account@ada", "@op", request)).await;
        assert!(matches!(answer, Err(UpdateError::Failed(Error::InvalidPayload { .. }))));
    }
    let other = guard(host.raise_event("@account@ada", "deposit", 5)).await.unwrap_err();
    assert!(matches!(other, Error::UnknownEvent { .. }), "{other}");
    assert_eq!(events(&host, &crate::kit::id("@account@ada")).await, before);
    assert_eq!(guard(ada(&host).balance()).await.unwrap(), 5);
}

#[tokio::test]
async fn any_text_that_an_id_can_have_is_a_key_and_no_other() {
    let host = host_on(store().0).await;
    for key in ["@", "a@b", " ", "ada/../grace", "é", "'; drop table", "%00", &"k".repeat(247)] {
        let account = host.entity::<Account>(key);
        assert_eq!(guard(account.deposit(1)).await.unwrap(), 1, "{key}");
        assert_eq!(guard(account.whoami()).await.unwrap().0, key);
        assert_eq!(account.key(), key);
    }
    for key in ["", "a\nb", "\0", &"k".repeat(248)] {
        let account = host.entity::<Account>(key);
        let refused = guard(account.deposit(1)).await.unwrap_err();
        assert!(matches!(refused, EntityError::Call(Error::InvalidName(_))), "{refused}");
        assert!(matches!(guard(account.state()).await, Err(Error::InvalidName(_))));
        assert!(matches!(guard(account.signal().deposit(1)).await, Err(Error::InvalidName(_))));
        assert!(account.id().is_err());
    }
}

#[orchestration]
async fn plain(_ctx: OrchestrationContext, _: ()) -> Result<(), OrchestrationError> {
    Ok(())
}

#[orchestration]
async fn starts_under_an_id_of_an_entity(
    ctx: OrchestrationContext,
    _: (),
) -> Result<String, OrchestrationError> {
    let options = ChildOptions::new().id("@account@ada");
    match ctx.call_orchestration(plain.with(options), ()).await {
        Ok(()) => Ok("started".to_string()),
        Err(error) => Ok(error.to_string()),
    }
}

#[tokio::test]
async fn nothing_else_can_have_the_name_or_the_id_of_an_entity() {
    let host = Host::builder()
        .provider(store().0)
        .options(options())
        .entity::<Account>()
        .orchestration(plain)
        .orchestration(starts_under_an_id_of_an_entity);
    let host = guard(host.start()).await.unwrap();
    let refused = guard(host.start_new(plain, ()).id("@account@ada")).await.unwrap_err();
    assert!(matches!(refused, Error::Reserved { .. }), "{refused}");
    let refused = guard(host.start_new_by_name::<()>("@account", ()).id("ada")).await.unwrap_err();
    assert!(matches!(refused, Error::Reserved { .. }), "{refused}");
    let refused = guard(host.start_new_by_name::<()>("@account", ())).await.unwrap_err();
    assert!(matches!(refused, Error::Reserved { .. }), "{refused}");
    let said = guard(host.start_new(starts_under_an_id_of_an_entity, ())).await.unwrap();
    let said = guard(said.result()).await.unwrap();
    assert!(said.contains("@account@ada") && said.contains("exists"), "{said}");
    let taken = Host::builder()
        .provider(store().0)
        .register_orchestration("@account", |_, (): ()| async { Ok(()) });
    let refused = guard(taken.start()).await.unwrap_err();
    assert!(matches!(refused, Error::Reserved { .. }), "{refused}");
    let twice = Host::builder().provider(store().0).entity::<Account>().entity::<Account>();
    assert!(matches!(guard(twice.start()).await, Err(Error::RegisteredTwice { .. })));
    let unknown = guard(Host::builder().provider(store().0).options(options()).start()).await;
    let unknown = guard(ada(&unknown.unwrap()).deposit(5)).await.unwrap_err();
    assert!(matches!(unknown, EntityError::Call(Error::UnknownOrchestration { .. })), "{unknown}");
}

#[tokio::test]
async fn a_call_with_a_key_counts_once_and_has_the_same_answer() {
    let host = host_on(store().0).await;
    for _ in 0..3 {
        assert_eq!(guard(ada(&host).deposit(5).key("order-7")).await.unwrap(), 5);
        guard(ada(&host).signal().deposit(2).key("order-8")).await.unwrap();
    }
    assert_eq!(guard(ada(&host).balance()).await.unwrap(), 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_many_writers_each_operation_counts_once() {
    let host = host_on(store().0).await;
    let writers = (0..20).map(|_| {
        let account = ada(&host);
        tokio::spawn(async move {
            let mut sums = Vec::new();
            for _ in 0..30 {
                sums.push(account.deposit(1).await.unwrap());
            }
            sums
        })
    });
    let sums = guard(futures::future::try_join_all(writers)).await.unwrap();
    let mut sums: Vec<_> = sums.into_iter().flatten().collect();
    sums.sort_unstable();
    assert_eq!(sums, (1..=600).collect::<Vec<_>>());
}

#[tokio::test]
async fn while_an_operation_waits_others_come_after_it_in_their_order() {
    let gate = Gate::closed();
    let host = host_with(store().0, options(), gate.clone()).await;
    let charge = tokio::spawn(ada(&host).charge(50).into_future());
    gate.until_came(1).await;
    let deposits: Vec<_> =
        (1..=5).map(|n| tokio::spawn(ada(&host).deposit(n).into_future())).collect();
    assert_eq!(guard(ada(&host).state()).await.unwrap(), None, "a read does not wait");
    gate.let_all_through();
    assert_eq!(guard(charge).await.unwrap().unwrap(), 50);
    let mut sums = Vec::new();
    for deposit in deposits {
        sums.push(guard(deposit).await.unwrap().unwrap());
    }
    sums.sort_unstable();
    assert!(sums[0] > 50 && sums[4] == 65, "{sums:?}");
}

#[tokio::test]
async fn a_deleted_state_begins_anew_and_a_purged_entity_is_gone() {
    let host = host_on(store().0).await;
    guard(ada(&host).deposit(5)).await.unwrap();
    assert_eq!(guard(ada(&host).close()).await.unwrap(), 5);
    assert_eq!(guard(ada(&host).state()).await.unwrap(), None);
    assert_eq!(guard(ada(&host).deposit(1)).await.unwrap(), 1);
    guard(ada(&host).delete()).await.unwrap();
    assert_eq!(guard(ada(&host).state()).await.unwrap(), None);
    assert_eq!(guard(ada(&host).deposit(2)).await.unwrap(), 2);
    guard(ada(&host).purge()).await.unwrap();
    assert_eq!(guard(ada(&host).state()).await.unwrap(), None);
    assert!(matches!(guard(ada(&host).purge()).await, Err(Error::NotFound { .. })));
    assert_eq!(guard(ada(&host).deposit(3)).await.unwrap(), 3);
}

#[tokio::test]
async fn the_entities_of_a_type_are_listed_by_their_keys() {
    let host = Host::builder()
        .provider(store().0)
        .options(options())
        .entity::<Account>()
        .entity::<Counted>()
        .orchestration(plain);
    let host = guard(host.start()).await.unwrap();
    for key in ["c", "a@1", "b"] {
        guard(host.entity::<Account>(key).deposit(1)).await.unwrap();
        guard(host.entity::<Counted>(key).count()).await.unwrap();
    }
    guard(host.start_new(plain, ())).await.unwrap();
    let first = guard(host.entities::<Account>(&PageRequest::new().limit(2))).await.unwrap();
    let next = PageRequest::new().after(first.next.clone().unwrap());
    let second = guard(host.entities::<Account>(&next)).await.unwrap();
    let keys: Vec<_> =
        first.entities.iter().chain(&second.entities).map(|found| &*found.key).collect();
    assert_eq!(keys, ["a@1", "b", "c"]);
    assert_eq!(second.next, None);
    assert_eq!(first.entities[0].instance.as_str(), "@account@a@1");
}

#[tokio::test]
async fn a_cancel_is_nothing_to_an_entity_and_those_who_wait_hear_that_it_was_terminated() {
    let gate = Gate::closed();
    let host = host_with(store().0, options(), gate.clone()).await;
    guard(ada(&host).deposit(1)).await.unwrap();
    guard(host.cancel("@account@ada", "enough")).await.unwrap();
    let charge = tokio::spawn(ada(&host).charge(50).into_future());
    gate.until_came(1).await;
    let deposit = tokio::spawn(ada(&host).deposit(1).into_future());
    guard(host.terminate("@account@ada", "enough")).await.unwrap();
    let ended = guard(charge).await.unwrap();
    assert!(matches!(ended, Err(EntityError::Call(Error::NoAnswer { .. }))), "{ended:?}");
    let ended = guard(deposit).await.unwrap();
    assert!(
        matches!(ended, Err(EntityError::Call(Error::NoAnswer { .. } | Error::Finished { .. }))),
        "{ended:?}"
    );
    gate.let_all_through();
}

#[tokio::test]
async fn an_answer_leaves_when_it_is_durable() {
    let faulty = Faulty::new(store().0);
    let host = host_on(faulty.clone()).await;
    guard(ada(&host).deposit(1)).await.unwrap();
    faulty.appends.close();
    let came = faulty.appends.came();
    let deposit = tokio::spawn(ada(&host).deposit(5).into_future());
    faulty.appends.until_came(came + 1).await;
    assert!(!deposit.is_finished());
    assert_eq!(guard(ada(&host).state()).await.unwrap().unwrap().cents, 1, "nor is it seen");
    faulty.appends.let_all_through();
    assert_eq!(guard(deposit).await.unwrap().unwrap(), 6);
}

#[cfg(feature = "local")]
#[tokio::test]
async fn entities_in_a_directory_go_on_with_the_next_host() {
    let name = format!("entities-{}", std::process::id());
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&path);
    for n in 1..=3 {
        let gate = Gate::closed();
        let host = host_with(Local::open(&path).unwrap(), options(), gate.clone()).await;
        if n > 1 {
            // The charge of the host before runs again.
            gate.until_came(1).await;
            gate.let_all_through();
            assert_eq!(
                guard(ada(&host).charge(9).key(format!("charge {}", n - 1))).await.unwrap(),
                10 * (n - 1)
            );
        }
        guard(ada(&host).deposit(1)).await.unwrap();
        if n < 3 {
            gate.close();
            let came = gate.came();
            let charge = ada(&host).charge(9).key(format!("charge {n}")).into_future();
            let charge = tokio::spawn(charge);
            gate.until_came(came + 1).await;
            guard(host.abort()).await;
            assert!(guard(charge).await.unwrap().is_err(), "it ends with its host");
        } else {
            assert_eq!(guard(ada(&host).state()).await.unwrap().unwrap().cents, 21);
            guard(host.shutdown()).await.unwrap();
        }
    }
    std::fs::remove_dir_all(path).unwrap();
}
