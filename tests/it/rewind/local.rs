//! The same on a directory.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_directory_it_survives_that_the_host_ends() {
    let name = format!("reenact-rewind-{}", std::process::id());
    let directory = std::env::temp_dir().join(name);
    let _ = std::fs::remove_dir_all(&directory);
    let bank = Bank::default();
    let open = || Local::open(&directory).unwrap();
    let first = host(open(), &bank).start().await.unwrap();
    failed_order(&first, "failed").await;
    failed_order(&first, "rewound at once").await;
    rewind_to(&first, &id("rewound at once"), "ExternalRaised").await;
    guard(first.shutdown()).await.unwrap();

    bank.works.store(true, Ordering::SeqCst);
    let next = host(open(), &bank).start().await.unwrap();
    for (instance, event) in [("failed", "TaskFailed"), ("rewound at once", "TaskFailed")] {
        // The second has failed again, before or after the host ended.
        let instance = next.instance::<u64>(&id(instance));
        if guard(instance.result()).await.is_err() {
            rewind_to(&next, instance.id(), event).await;
        }
        assert_eq!(guard(instance.result()).await.unwrap(), 600);
    }
    guard(next.shutdown()).await.unwrap();
    let last = host(open(), &bank).start().await.unwrap();
    for instance in ["failed", "rewound at once"] {
        assert_eq!(guard(last.instance::<u64>(&id(instance)).result()).await.unwrap(), 600);
    }
    guard(last.shutdown()).await.unwrap();
    std::fs::remove_dir_all(directory).unwrap();
}
