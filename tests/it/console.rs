//! A host that serves its console.

use reenact::console::{Announced, ConsoleOptions};
use reenact::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

async fn ask(address: std::net::SocketAddr, path: &str) -> String {
    let mut socket = TcpStream::connect(address).await.expect("somebody listens");
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.expect("it is sent");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.expect("an answer");
    answer
}

#[tokio::test]
async fn the_console_serves_for_as_long_as_its_host_runs() {
    let host = Host::builder()
        .provider(InMemory::new())
        .console("127.0.0.1:0", ConsoleOptions::new())
        .start()
        .await
        .unwrap();
    let address = host.console_addr().expect("it serves");
    assert!(ask(address, "/api/info").await.contains("\"has_host\":true"));
    // An open stream does not keep the host.
    let mut socket = TcpStream::connect(address).await.unwrap();
    let request = format!("GET /api/watch HTTP/1.1\r\nHost: {address}\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut first = [0; 12];
    socket.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    host.shutdown().await.unwrap();
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_host_whose_address_is_in_use_does_not_start() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap();
    let store = InMemory::new();
    let builder = || Host::builder().provider(store.clone());
    let refused = builder().console(address, ConsoleOptions::new()).start().await;
    let error = refused.map(drop).expect_err("the address is taken");
    assert!(matches!(error, reenact::Error::Startup { .. }), "{error}");
    assert!(error.to_string().contains(&format!("{address} is in use")), "{error}");
    builder().start().await.expect("the store is free").shutdown().await.unwrap();
}

#[cfg(feature = "local")]
#[tokio::test]
async fn tools_find_the_console_in_the_directory_of_the_store() {
    let directory = std::env::temp_dir().join(format!("reenact-console-{}", std::process::id()));
    let host = Host::builder()
        .provider(Local::open(&directory).unwrap())
        .console("127.0.0.1:0", ConsoleOptions::new())
        .start()
        .await
        .unwrap();
    let announced = Announced::read(&directory).unwrap().expect("it is there");
    assert_eq!(announced.address, format!("http://{}", host.console_addr().unwrap()));
    host.shutdown().await.unwrap();
    assert_eq!(Announced::read(&directory).unwrap(), None);
    // What was there does not disturb the store.
    let host = Host::builder().provider(Local::open(&directory).unwrap()).start().await.unwrap();
    host.shutdown().await.unwrap();
    std::fs::remove_dir_all(directory).unwrap();
}
