//! The example `shop`: a process that is killed, starts again, and ends gracefully.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// A running shop.
pub(crate) struct Shop {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
    /// Where it is, without a slash at the end.
    pub(crate) address: String,
    http: Client,
}

impl Shop {
    /// Opens the shop on a directory, and waits until it says where it is.
    pub(crate) async fn open(store: &Path, arguments: &[&str]) -> Self {
        let mut process = Command::new(program())
            .args(["--listen", "127.0.0.1:0", "--store"])
            .arg(store)
            .args(arguments)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("cargo builds the examples with the tests");
        let mut lines = BufReader::new(process.stdout.take().expect("it is piped")).lines();
        let line = lines.next_line().await.unwrap().expect("it says where it is");
        let address = line.split_whitespace().find_map(|word| word.strip_prefix("http://"));
        let address = address.unwrap_or_else(|| panic!("no address: {line}"));
        let address = format!("http://{}", address.trim_end_matches([',', '/']));
        Self { process, lines, address, http: Client::new() }
    }

    async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        let url = format!("{}{path}", self.address);
        let answer = self.http.post(url).json(&body).send().await.unwrap();
        (answer.status(), answer.json().await.unwrap())
    }

    async fn look(&self, order: &str) -> Value {
        let url = format!("{}/orders/{order}", self.address);
        self.http.get(url).send().await.unwrap().json().await.unwrap()
    }

    /// Looks at an order until it is so.
    async fn until(&self, order: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let look = async {
            loop {
                let status = self.look(order).await;
                if is_so(&status) {
                    return status;
                }
                tokio::task::yield_now().await;
            }
        };
        let limit = std::time::Duration::from_secs(60);
        tokio::time::timeout(limit, look).await.unwrap_or_else(|_| panic!("{order} never is so"))
    }

    async fn kill(mut self) {
        self.process.kill().await.unwrap();
    }

    /// Sends SIGTERM, and returns what it still said and whether it ended well.
    async fn terminate(mut self) -> (Vec<String>, bool) {
        let id = self.process.id().expect("it runs").to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
        let mut said = Vec::new();
        while let Some(line) = self.lines.next_line().await.unwrap() {
            said.push(line);
        }
        (said, self.process.wait().await.unwrap().success())
    }
}

/// The example, which cargo builds beside the tests.
fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(2).expect("it is in `deps`").join("examples/shop")
}

/// An empty place for a store.
pub(crate) fn place(name: &str) -> PathBuf {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&place);
    place
}

#[tokio::test]
async fn an_order_goes_on_after_its_shop_was_killed_and_a_shop_that_is_asked_to_end_does_so() {
    let store = place("shop-killed");
    let shop = Shop::open(&store, &["--empty"]).await;
    let large = json!({ "customer": "ada", "item": "desk", "quantity": 1, "cents": 64_900 });
    let (status, placed) = shop.post("/orders", large.clone()).await;
    assert_eq!(status, StatusCode::CREATED);
    let order = placed["order"].as_str().unwrap().to_owned();
    let (_, other) = shop.post("/orders", large).await;
    let other = other["order"].as_str().unwrap().to_owned();
    let waits = |status: &Value| status["custom_status"] == "waits for a decision";
    shop.until(&order, waits).await;
    shop.until(&other, waits).await;
    shop.kill().await;

    let shop = Shop::open(&store, &["--empty"]).await;
    assert!(waits(&shop.look(&order).await));
    let decision = json!({ "by": "grace", "approved": true });
    let (status, _) = shop.post(&format!("/orders/{order}/decision"), decision.clone()).await;
    assert_eq!(status, StatusCode::OK);
    let done = shop.until(&order, |status| status["state"] == "Completed").await;
    assert_eq!(done["outcome"]["Completed"]["parcel"], format!("parcel of {order}, for ada"));

    // Called off, it gives back what it has taken.
    let url = format!("{}/orders/{other}", shop.address);
    assert!(shop.http.delete(url).send().await.unwrap().status().is_success());
    let off = shop.until(&other, |status| status["state"] == "Cancelled").await;
    assert_eq!(off["custom_status"], "is being undone");
    let (status, refused) = shop.post(&format!("/orders/{other}/decision"), decision).await;
    assert_eq!(status, StatusCode::CONFLICT, "{refused}");

    let (said, well) = shop.terminate().await;
    assert!(well, "{said:?}");
    assert_eq!(said, ["the shop is closed; what was begun goes on when it opens again"]);
}

#[tokio::test]
async fn bad_orders_are_refused_and_nothing_is_stored() {
    let shop = Shop::open(&place("shop-refuses"), &["--empty"]).await;
    let nobody = json!({ "customer": "", "item": "desk", "quantity": 1, "cents": 1 });
    let (status, _) = shop.post("/orders", nobody).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let decision = json!({ "by": "grace", "approved": true });
    let (status, refused) = shop.post("/orders/nobody/decision", decision).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{refused}");
    let (_, well) = shop.terminate().await;
    assert!(well);
}
