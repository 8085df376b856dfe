//! Updates to instances on other hosts, and by clients without one: through queues.

use crate::hosts::scene::{SHARDS, one_of_each, shared_store, until_held};
use crate::kit::{guard, options};
use reenact::prelude::*;
use reenact::providers::Provider;
use reenact::{Error, UpdateError};

use super::{ADD, counter, failed};

async fn host(store: impl Provider, name: &str) -> Host {
    let options = options().host_name(name);
    Host::builder().provider(store).options(options).orchestration(counter).start().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_client_gets_answers_of_every_instance() {
    let (store, _) = shared_store();
    let first = guard(host(store.clone(), "first")).await;
    let second = guard(host(store.clone(), "second")).await;
    until_held(&store, &["first", "second"], &[2, 2]).await;
    let outside = Client::connect(store.clone()).unwrap();
    for (number, id) in one_of_each("i").into_iter().enumerate() {
        guard(first.start_new(counter, 0).id(&id)).await.unwrap();
        for (client, sum) in [(&*first, 1), (&*second, 2), (&outside, 3)] {
            assert_eq!(guard(client.update(&id, ADD, 1)).await.unwrap(), sum);
        }
        for client in [&*first, &*second, &outside] {
            assert_eq!(guard(client.update(&id, ADD, 7).key("k")).await.unwrap(), 10);
            let refused = guard(client.update(&id, ADD, 95)).await.unwrap_err();
            assert!(matches!(refused, UpdateError::Refused(why) if why == "90 are left"));
        }
        let late = format!("late-{number}");
        let (_, sum) =
            guard(outside.start_new(counter, 5).id(&*late).and_update(ADD, 1)).await.unwrap();
        assert_eq!(sum, 6);
    }
    assert_eq!(SHARDS, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_that_another_host_does_not_take_has_an_error_and_so_has_one_that_ends() {
    let (store, _) = shared_store();
    let host = guard(host(store.clone(), "host")).await;
    let outside = Client::connect(store).unwrap();
    guard(host.start_new(counter, 0).id("i")).await.unwrap();
    let refused = guard(outside.update("i", ADD, 2_000)).await.unwrap_err();
    assert!(matches!(&refused, UpdateError::Refused(why) if why == "2000 after 0"), "{refused}");
    let unknown: Result<u64, UpdateError<String>> = guard(outside.update("i", "pay", 1)).await;
    let unknown = failed(unknown);
    let Error::UnknownEvent { instance, event, declared } = &unknown else { panic!("{unknown}") };
    assert_eq!((instance.as_str(), event.as_str()), ("i", "pay"));
    assert!(declared.contains(&"add".to_owned()), "{declared:?}");
    let invalid: Result<u64, UpdateError<String>> = guard(outside.update("i", "add", "five")).await;
    let invalid = failed(invalid);
    let refused_here: Result<u64, UpdateError<String>> =
        guard(host.update("i", "add", "five")).await;
    assert_eq!(invalid.to_string(), failed(refused_here).to_string());
    assert!(matches!(invalid, Error::InvalidPayload { .. }), "{invalid}");
    let nobody = failed(guard(outside.update("nobody", ADD, 1)).await);
    assert!(matches!(nobody, Error::NotFound { .. }), "{nobody}");

    let held: Result<String, UpdateError<String>> = guard(async {
        let waiting = outside.update("i", "do", "hold".to_string()).into_future();
        let ending = async {
            while host.get_status("i").await.unwrap().history_length < 6 {
                tokio::task::yield_now().await;
            }
            host.terminate("i", "enough").await.unwrap();
        };
        tokio::join!(waiting, ending).0
    })
    .await;
    assert!(matches!(failed(held), Error::NoAnswer { .. }));
    let late = failed(guard(outside.update("i", ADD, 1)).await);
    assert!(matches!(late, Error::Finished { .. }), "{late}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_with_an_update_from_afar_that_was_answered_has_that_answer_also_after_the_end() {
    let (store, _) = shared_store();
    let host = guard(host(store.clone(), "host")).await;
    let outside = Client::connect(store).unwrap();
    let start = |key: &str| outside.start_new(counter, 1).id("i").and_update(ADD, 4).key(key);
    let answer = guard(start("k")).await.unwrap().1;
    guard(host.terminate("i", "enough")).await.unwrap();
    assert_eq!(guard(start("k")).await.unwrap().1, answer);
    let new = failed(guard(start("new")).await);
    assert!(matches!(new, Error::Finished { .. }), "{new}");
    guard(host.shutdown()).await.unwrap();
}
