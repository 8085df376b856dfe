//! Hosts die at every step and at random: an operation counts once, and what was answered stays.

use crate::kit::{Faulty, guard, store};
use proptest::prelude::*;
use reenact::EntityError;
use reenact::prelude::*;

use super::{Account, ada, host_on};

/// What is asked of the entity.
#[derive(Clone, Debug)]
enum Asked {
    Deposit(u64),
    Withdraw(u64),
    Charge(u64),
    Explode,
    Close,
    Crash,
}

/// An answer, as a text.
type Answer = String;

impl Asked {
    async fn ask(&self, client: &Client, key: &str) -> Option<Answer> {
        let account = ada(client);
        Some(match self {
            Self::Deposit(cents) => shown(guard(account.deposit(*cents).key(key)).await)?,
            Self::Withdraw(cents) => shown(guard(account.withdraw(*cents).key(key)).await)?,
            Self::Charge(cents) => shown(guard(account.charge(*cents).key(key)).await)?,
            Self::Explode => shown(guard(account.explode(3).key(key)).await)?,
            Self::Close => shown(guard(account.close().key(key)).await)?,
            Self::Crash => String::new(),
        })
    }

    /// The same on a plain struct.
    fn plain(&self, account: &mut Account) -> Answer {
        let before = account.clone();
        match self {
            Self::Deposit(cents) => account.deposit(*cents).to_string(),
            Self::Withdraw(cents) => account.withdraw(*cents).map_or_else(
                |error| {
                    *account = before;
                    format!("{error:?}")
                },
                |cents| cents.to_string(),
            ),
            Self::Charge(cents) if *cents > 100 => "refused".to_string(),
            Self::Charge(cents) => account.deposit(*cents).to_string(),
            Self::Explode => "Panicked".to_string(),
            Self::Close => std::mem::take(account).cents.to_string(),
            Self::Crash => String::new(),
        }
    }
}

/// `None` when it is not known whether it counted.
fn shown<A: std::fmt::Debug, E: std::fmt::Debug>(
    answer: Result<A, EntityError<E>>,
) -> Option<Answer> {
    match answer {
        Ok(answer) => Some(format!("{answer:?}")),
        Err(EntityError::Refused(why)) => {
            let why = format!("{why:?}");
            Some(if why.contains("too much") { "refused".to_string() } else { why })
        }
        Err(EntityError::Failed(failure)) => Some(format!("{:?}", failure.kind())),
        Err(_) => None,
    }
}

fn asked() -> impl Strategy<Value = Asked> {
    prop_oneof![
        4 => (0..50_u64).prop_map(Asked::Deposit),
        4 => (0..80_u64).prop_map(Asked::Withdraw),
        2 => prop_oneof![1..50_u64, Just(101)].prop_map(Asked::Charge),
        1 => Just(Asked::Explode),
        1 => Just(Asked::Close),
        3 => Just(Asked::Crash),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_asked_and_whenever_hosts_crash_it_is_as_a_plain_struct(
        asked in proptest::collection::vec(asked(), 1..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let memory = store().0;
            let (mut host, mut plain) = (host_on(memory.clone()).await, Account::default());
            for (number, asked) in asked.iter().enumerate() {
                if matches!(asked, Asked::Crash) {
                    guard(host.abort()).await;
                    host = host_on(memory.clone()).await;
                }
                let answer = asked.ask(&host, &format!("k-{number}")).await.unwrap();
                assert_eq!(answer, asked.plain(&mut plain), "{asked:?}");
            }
            let state = guard(ada(&host).state()).await.unwrap().unwrap_or_default();
            assert_eq!(state, plain);
        });
    }
}

#[tokio::test]
async fn a_host_that_dies_before_any_append_has_answered_nothing_that_is_lost_and_does_nothing_twice()
 {
    let script = [
        Asked::Deposit(5),
        Asked::Charge(20),
        Asked::Withdraw(50),
        Asked::Explode,
        Asked::Charge(101),
        Asked::Withdraw(1),
        Asked::Close,
        Asked::Deposit(7),
    ];
    let mut plain = Account::default();
    let expected: Vec<_> = script.iter().map(|asked| asked.plain(&mut plain)).collect();
    for append in 0.. {
        let memory = store().0;
        let faulty = Faulty::new(memory.clone());
        let host = host_on(faulty.clone()).await;
        faulty.stop_at(faulty.appended() + append);
        let mut answers = Vec::new();
        let went_through = {
            let all = async {
                for (number, asked) in script.iter().enumerate() {
                    answers.push(asked.ask(&host, &format!("k-{number}")).await.unwrap());
                }
            };
            tokio::select! {
                biased;
                () = all => true,
                () = faulty.stopped() => false,
            }
        };
        assert_eq!(answers, expected[..answers.len()], "before append {append}");
        guard(host.abort()).await;
        let host = host_on(memory).await;
        for (number, asked) in script.iter().enumerate() {
            let answer = asked.ask(&host, &format!("k-{number}")).await.unwrap();
            assert_eq!(answer, expected[number], "{asked:?} after a crash before append {append}");
        }
        assert_eq!(guard(ada(&host).state()).await.unwrap().unwrap(), plain);
        if went_through {
            assert!(append >= script.len(), "each operation is an append");
            return;
        }
    }
}
