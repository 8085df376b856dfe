//! Streams where hosts end, in a directory, and on hosts that share a store.

use super::*;

#[tokio::test]
async fn those_who_read_are_notified_when_the_host_shuts_down() {
    let host = host_on(store().0).await;
    let instance = begun(&host).await;
    step(&instance, "emit", 1).await;
    let mut items = read(&host);
    next(&mut items).await;
    let reading = tokio::spawn(async move { items.next().await });
    guard(host.shutdown()).await.unwrap();
    assert!(matches!(guard(reading).await.unwrap(), Some(Err(Error::ShuttingDown))));
}

#[cfg(feature = "local")]
#[tokio::test]
async fn streams_in_a_directory_survive_a_restart_and_are_read_without_a_host() {
    let name = format!("streams-{}", std::process::id());
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&path);
    let runs = Runs::default();
    let host = host_of(Local::open(&path).unwrap(), options(), runs.clone()).await;
    let instance = begun(&host).await;
    step(&instance, "hold", 10).await;
    guard(runs.go.notified()).await;
    let mut items = read(&host);
    assert_eq!(next(&mut items).await, (0, 0));
    guard(host.abort()).await;
    let host = host_of(Local::open(&path).unwrap(), options(), runs).await;
    step(&host.instance(&id("i")), "end", 0).await;
    let expected: Vec<_> = (1..10).map(|item| (item, item)).collect();
    assert_eq!(rest(read(&host).from(items.next_offset())).await, expected);
    guard(host.shutdown()).await.unwrap();
    let reader = Client::read_only(Local::open_read_only(&path).unwrap());
    assert_eq!(rest(read(&reader).from(9)).await, [(9, 9)]);
    std::fs::remove_dir_all(path).unwrap();
}

#[tokio::test]
async fn streams_of_instances_on_other_hosts_are_read_and_followed() {
    let shared = store().0.shared();
    let (one, other) = (host_on(shared.clone()).await, host_on(shared.clone()).await);
    let outside = Client::connect(shared).unwrap();
    let instance = begun(&outside).await;
    step(&instance, "emit", 1).await;
    let mut readers = [read(&one), read(&other), read(&outside)];
    for items in &mut readers {
        assert_eq!(next(items).await, (0, 1));
    }
    step(&instance, "retry", 0).await;
    step(&instance, "emit", 2).await;
    step(&instance, "end", 0).await;
    for items in readers {
        let read = rest(items).await;
        assert_eq!(read, [(1, 1), (2, 2), (3, 2)]);
    }
}
