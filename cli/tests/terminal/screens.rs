//! On a terminal: colours, a width, questions, a page that is drawn again, Ctrl-C. The terminal is tmux's.

use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};

use reenact::console::{Console, ConsoleOptions};
use tokio::process::Command;

use crate::support::{Scratch, fill, host, on, store};

/// How many there were in this process.
static TERMINALS: AtomicUsize = AtomicUsize::new(0);

/// A terminal in which the program runs; it goes with this.
struct Terminal {
    server: String,
}

impl Terminal {
    /// Runs the program on a store, in a terminal of that width, and prints its exit code at the end.
    async fn run(width: u32, store: &Path, arguments: &str) -> Self {
        // One for each, and none of the person's own.
        let number = TERMINALS.fetch_add(1, Ordering::Relaxed);
        let server = format!("reenact-{}-{number}", std::process::id());
        let program = env!("CARGO_BIN_EXE_reenact");
        let line = format!(
            "trap : INT; unset NO_COLOR; TERM=xterm-256color '{program}' --store '{}' {arguments}; echo \"code $?\"; cat",
            store.display()
        );
        let terminal = Self { server };
        let width = width.to_string();
        let begun = terminal
            .tmux(&[
                "-f",
                "/dev/null",
                "new-session",
                "-d",
                "-x",
                &width,
                "-y",
                "30",
                "sh",
                "-c",
                &line,
            ])
            .await;
        assert_eq!(begun.as_deref(), Some(""), "tmux is needed: `apt-get install tmux`");
        terminal
    }

    /// What tmux answers; `None` where it fails.
    async fn tmux(&self, arguments: &[&str]) -> Option<String> {
        let mut command = Command::new("tmux");
        command.args(["-L", &self.server]).args(arguments).env_remove("TMUX");
        let output = command.stdin(Stdio::null()).output().await.ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    async fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p"]).await.unwrap()
    }

    /// The screen, once it has this on it.
    async fn until(&self, part: &str) -> String {
        loop {
            let screen = self.screen().await;
            if screen.contains(part) {
                return screen;
            }
            assert!(!screen.contains("code "), "it has ended without {part}:\n{screen}");
        }
    }

    async fn keys(&self, keys: &[&str]) {
        let arguments: Vec<_> = ["send-keys"].iter().chain(keys).copied().collect();
        self.tmux(&arguments).await.unwrap();
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let mut command = std::process::Command::new("tmux");
        // Where it has gone already, there is nothing to end.
        let _ = command.args(["-L", &self.server, "kill-server"]).stderr(Stdio::null()).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_has_colours_and_the_width_of_the_terminal() {
    let (_scratch, directory) = store().await;
    let terminal = Terminal::run(60, &directory, "list").await;
    let screen = terminal.until("code 0").await;
    assert!(screen.lines().any(|line| line.starts_with("bill")), "{screen}");
    assert!(screen.contains('…') && screen.contains("LAST EVENT"), "{screen}");
    let styled = terminal.tmux(&["capture-pane", "-p", "-e"]).await.unwrap();
    assert!(styled.contains("\u{1b}[31mfailed"), "{styled}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_asked_and_a_no_changes_nothing() {
    let (_scratch, directory) = store().await;
    let terminal = Terminal::run(80, &directory, "purge --state completed").await;
    let screen = terminal.until("[y/N]").await;
    assert!(screen.contains("Purge 1 instance?") && screen.contains("ada"), "{screen}");
    terminal.keys(&["n", "Enter"]).await;
    let screen = terminal.until("code 4").await;
    assert!(screen.contains("nothing was changed"), "{screen}");
    assert_eq!(on(&directory, &["count"]).await.fine(), "4\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_yes_does_it() {
    let (_scratch, directory) = store().await;
    let terminal = Terminal::run(80, &directory, "purge ada").await;
    terminal.until("[y/N]").await;
    terminal.keys(&["y", "Enter"]).await;
    terminal.until("code 0").await;
    assert_eq!(on(&directory, &["count"]).await.fine(), "3\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_ends_a_question() {
    let (_scratch, directory) = store().await;
    let terminal = Terminal::run(80, &directory, "purge ada").await;
    terminal.until("[y/N]").await;
    terminal.keys(&["C-c"]).await;
    terminal.until("code 130").await;
    assert_eq!(on(&directory, &["count"]).await.fine(), "4\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_is_drawn_again_when_something_changes() {
    let scratch = Scratch::new();
    let directory = scratch.path("orders");
    let host = host(&directory).await;
    fill(&host).await;
    let options = ConsoleOptions::new().announce_in(&directory);
    let console = Console::serve(host.client(), "127.0.0.1:0", options).await.unwrap();

    let terminal = Terminal::run(100, &directory, "watch").await;
    let screen = terminal.until("order-1").await;
    assert!(screen.contains("running"), "{screen}");
    host.client().raise_event("order-1", "Approved", true).await.unwrap();
    loop {
        let screen = terminal.screen().await;
        let order = screen.lines().find(|line| line.starts_with("order-1"));
        if order.is_some_and(|line| line.contains("completed")) {
            break;
        }
    }
    terminal.keys(&["C-c"]).await;
    terminal.until("code 0").await;
    console.shutdown().await;
    host.shutdown().await.unwrap();
}
