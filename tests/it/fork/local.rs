//! The same on a directory.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_directory_forks_survive_that_the_host_ends() {
    let name = format!("reenact-fork-{}", std::process::id());
    let directory = std::env::temp_dir().join(name);
    let _ = std::fs::remove_dir_all(&directory);
    let shop = Shop::default();
    let open = || Local::open(&directory).unwrap();
    let first = host(open(), &shop).start().await.unwrap();
    let waiting = waiting_order(&first, "waiting").await;
    guard(waiting.fork("fork of waiting")).await.unwrap();
    failed_order(&first, "failed").await;
    guard(first.shutdown()).await.unwrap();

    shop.works.store(true, Ordering::SeqCst);
    let next = host(open(), &shop).start().await.unwrap();
    let fork = next.instance::<String>(&id("fork of waiting"));
    guard(fork.raise_event("Go", 4)).await.unwrap();
    assert_eq!(guard(fork.result()).await.unwrap(), "fork of waiting 600");
    // The log of the other one is in the archive by now.
    let fork = guard(next.client().fork::<String>("failed", "fork of failed")).await.unwrap();
    assert_eq!(guard(fork.result()).await.unwrap(), "fork of failed 600");
    guard(next.shutdown()).await.unwrap();
    let last = host(open(), &shop).start().await.unwrap();
    for name in ["fork of waiting", "fork of failed"] {
        let result = guard(last.instance::<String>(&id(name)).result()).await.unwrap();
        assert_eq!(result, format!("{name} 600"));
    }
    guard(last.shutdown()).await.unwrap();
    std::fs::remove_dir_all(directory).unwrap();
}
