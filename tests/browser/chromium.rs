//! A Chromium of a test, without a window.

use std::process::Stdio;

use thirtyfour::{
    CapabilitiesHelper, ChromiumLikeCapabilities, DesiredCapabilities, PageLoadStrategy, WebDriver,
};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// What a browser without a window and without a network needs.
const ARGUMENTS: [&str; 8] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// A browser, and the process that drives it.
pub(crate) struct Chromium {
    pub(crate) page: WebDriver,
    driver: Child,
}

impl Chromium {
    /// Starts one with a window of this size in pixels, which waits so long for each page.
    pub(crate) async fn start(width: u32, height: u32, waits: PageLoadStrategy) -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("chromedriver is installed: `apt-get install chromium chromium-driver`");
        let port = port_of(&mut driver).await;
        let mut wanted = DesiredCapabilities::chrome();
        for argument in ARGUMENTS {
            wanted.add_arg(argument).expect("it is a text");
        }
        wanted.add_arg(&format!("--window-size={width},{height}")).expect("it is a text");
        wanted.set_page_load_strategy(waits).expect("it is a text");
        let page = WebDriver::new(format!("http://127.0.0.1:{port}"), wanted).await;
        Self { page: page.expect("chromium is installed"), driver }
    }

    /// Closes it.
    pub(crate) async fn close(self) {
        let Self { page, mut driver } = self;
        page.quit().await.expect("it is open");
        driver.kill().await.expect("it runs");
    }
}

/// The port on which a driver listens, by what it says.
async fn port_of(driver: &mut Child) -> u16 {
    let mut lines = BufReader::new(driver.stdout.take().expect("it is piped")).lines();
    while let Some(line) = lines.next_line().await.expect("it is a text") {
        let Some((_, port)) = line.split_once("started successfully on port ") else { continue };
        if let Ok(port) = port.trim_end_matches('.').parse() {
            // It goes on to write, and must not find a closed pipe.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return port;
        }
    }
    panic!("chromedriver ended");
}
