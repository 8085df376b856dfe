//! The console as people use it: in a real Chromium, driven by its WebDriver.
//!
//! Needs `chromium` and `chromedriver` (on Debian: `apt-get install chromium chromium-driver`), and so is not among
//! the tests that `cargo test` runs: `cargo test --all-features --test browser` runs them.

mod chromium;

use chromium::Chromium;

#[tokio::test]
async fn a_page_is_read() {
    let chromium = Chromium::start(1_200, 900).await;
    chromium.page.goto("data:text/html,<title>seen</title>").await.unwrap();
    assert_eq!(chromium.page.title().await.unwrap(), "seen");
    chromium.close().await;
}
