//! A console at an address of its own.

use std::net::SocketAddr;

use reenact_console::{Announced, Console, ConsoleError, ConsoleOptions, Token};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::asking::Program;

/// Sends a request over a socket, and reads until the other side closes.
async fn ask(address: SocketAddr, path: &str, headers: &str) -> String {
    let mut socket = TcpStream::connect(address).await.expect("somebody listens");
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}\r\n");
    socket.write_all(request.as_bytes()).await.expect("it is sent");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.expect("an answer");
    answer
}

#[tokio::test]
async fn it_serves_until_it_is_shut_down() {
    let program = Program::start().await;
    let console =
        Console::serve(program.access.clone(), "127.0.0.1:0", ConsoleOptions::new()).await.unwrap();
    let address = console.local_addr();
    let answer = ask(address, "/api/info", "").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    console.shutdown().await;
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn open_streams_end_when_it_is_shut_down() {
    let program = Program::start().await;
    let console =
        Console::serve(program.access.clone(), "127.0.0.1:0", ConsoleOptions::new()).await.unwrap();
    let address = console.local_addr();
    let mut socket = TcpStream::connect(address).await.unwrap();
    let request = format!("GET /api/watch HTTP/1.1\r\nHost: {address}\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut read = String::new();
    while !read.contains("event: list") {
        let mut buffer = [0; 4096];
        let count = socket.read(&mut buffer).await.unwrap();
        assert_ne!(count, 0, "{read}");
        read.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
    }
    console.shutdown().await;
    socket.read_to_string(&mut read).await.unwrap();
    assert!(read.ends_with("0\r\n\r\n"), "the stream ends as a whole: {read}");
}

#[tokio::test]
async fn an_address_that_is_in_use_is_named() {
    let program = Program::start().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let refused = Console::serve(program.access.clone(), address, ConsoleOptions::new()).await;
    let error = refused.expect_err("it is taken");
    assert!(
        matches!(&error, ConsoleError::AddressInUse { address: named } if *named == address.to_string())
    );
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}

#[tokio::test]
async fn an_address_that_others_reach_needs_a_guard() {
    let program = Program::start().await;
    let serve = |options| Console::serve(program.access.clone(), "0.0.0.0:0", options);
    let refused = serve(ConsoleOptions::new()).await.expect_err("nothing guards it");
    assert!(matches!(refused, ConsoleError::NotGuarded { .. }), "{refused}");
    let guarded = serve(ConsoleOptions::new().token(Token::draw().unwrap())).await.unwrap();
    guarded.shutdown().await;
}

#[tokio::test]
async fn it_leaves_its_address_and_a_token_for_the_same_user() {
    let directory = tempfile::tempdir().unwrap();
    let program = Program::start().await;
    let options = ConsoleOptions::new().read_only(true).announce_in(directory.path());
    let console = Console::serve(program.access.clone(), "127.0.0.1:0", options).await.unwrap();
    let announced = Announced::read(directory.path()).unwrap().expect("it is there");
    assert_eq!(announced.address, format!("http://{}", console.local_addr()));
    assert_eq!(announced.pid, std::process::id());
    let file = directory.path().join("console.json");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let bearer = format!("Authorization: Bearer {}\r\n", announced.token);
    let answer = ask(console.local_addr(), "/api/info", &bearer).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let body: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(body["read_only"], true);
    assert!(!answer.contains(&announced.token));
    console.shutdown().await;
    assert!(!file.exists());
    let left = std::fs::read_dir(directory.path()).unwrap().count();
    assert_eq!(left, 0, "no draft of it is left");
}

#[tokio::test]
async fn the_file_of_a_console_that_came_later_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let program = Program::start().await;
    let serve = || {
        let options = ConsoleOptions::new().announce_in(directory.path());
        Console::serve(program.access.clone(), "127.0.0.1:0", options)
    };
    let (first, second) = (serve().await.unwrap(), serve().await.unwrap());
    first.shutdown().await;
    let announced = Announced::read(directory.path()).unwrap().expect("that of the second");
    assert_eq!(announced.address, format!("http://{}", second.local_addr()));
    drop(second);
    assert_eq!(Announced::read(directory.path()).unwrap(), None);
}
