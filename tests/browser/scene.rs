//! A host with a console, and a browser that looks at it.

use std::future::Future;
use std::time::Duration;

use reenact::console::{Console, ConsoleOptions};
use reenact::prelude::*;
use reenact::{HostBuilder, InstanceState, InstanceStatus};
use thirtyfour::PageLoadStrategy;
use thirtyfour::prelude::*;

use crate::chromium::Chromium;

/// Longer than anything here takes on a slow machine.
const LIMIT: Duration = Duration::from_secs(60);

pub(crate) struct Scene {
    pub(crate) host: Host,
    console: Console,
    chromium: Chromium,
}

#[activity(name = "ship")]
async fn ship(_ctx: ActivityContext, what: String) -> Result<String, ActivityError> {
    Ok(format!("{what} is shipped"))
}

/// An entity, which an orchestration `holds` locks until the event `Go`.
#[derive(Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Account {
    cents: u64,
    notes: Vec<String>,
}

#[entity]
impl Account {
    fn deposit(&mut self, cents: u64, note: String) -> u64 {
        self.cents += cents;
        self.notes.push(note);
        self.cents
    }
}

/// A host on which `waits` waits for the event `Go` and then ships what that names, `changed` waits for `Begin` and
/// for `Go`, and `fails` fails.
pub(crate) async fn host(store: InMemory) -> Host {
    builder(store).start().await.expect("it starts")
}

/// The same, for a test that adds to it.
pub(crate) fn builder(store: InMemory) -> HostBuilder {
    let waits = |ctx: OrchestrationContext, _: serde_json::Value| async move {
        ctx.set_status("waits for somebody");
        let what: String = ctx.wait_external("Go").await?;
        ctx.call_activity(ship, what).await.map_err(OrchestrationError::from)
    };
    Host::builder()
        .provider(store)
        .activity(ship)
        .entity::<Account>()
        .register_orchestration(
            "holds",
            |ctx: OrchestrationContext, keys: [String; 2]| async move {
                let of = keys.map(|key| ctx.entity::<Account>(key).recipient());
                let _lock = ctx.lock(of).await?;
                Ok(ctx.wait_external::<u64>("Go").await?)
            },
        )
        .register_orchestration("waits", waits)
        .register_orchestration("changed", |ctx: OrchestrationContext, ()| async move {
            ctx.wait_external::<()>("Begin").await?;
            let what: String = ctx.wait_external("Go").await?;
            Ok(what)
        })
        .register_orchestration("fails", |_: OrchestrationContext, why: String| async move {
            Err::<(), _>(OrchestrationError::new(why))
        })
}

impl Scene {
    pub(crate) async fn begin() -> Self {
        Self::on(host(InMemory::new()).await).await
    }

    /// With a host that is there already.
    pub(crate) async fn on(host: Host) -> Self {
        Self::with(host, PageLoadStrategy::Normal).await
    }

    /// With a browser that takes the next order before a page is there, or after.
    pub(crate) async fn with(host: Host, waits: PageLoadStrategy) -> Self {
        let options = ConsoleOptions::new();
        let console =
            Console::serve(host.client(), "127.0.0.1:0", options).await.expect("it serves");
        Self { host, console, chromium: Chromium::start(1_300, 1_000, waits).await }
    }

    pub(crate) fn page(&self) -> &WebDriver {
        &self.chromium.page
    }

    /// The address of a page of the console.
    pub(crate) fn address(&self, page: &str) -> String {
        format!("http://{}/{page}", self.console.local_addr())
    }

    /// Goes to a page of the console.
    pub(crate) async fn open(&self, page: &str) {
        self.page().goto(self.address(page)).await.expect("it answers");
    }

    /// The first element that a selector finds, as soon as there is one.
    pub(crate) async fn find(&self, selector: &str) -> WebElement {
        let look = async || self.page().find(By::Css(selector)).await.ok();
        until(&format!("an element {selector}"), look).await
    }

    /// The text of an element, as soon as it has this in it.
    pub(crate) async fn until_text(&self, selector: &str, wanted: &str) -> String {
        let look = async || {
            let text = self.page().find(By::Css(selector)).await.ok()?.text().await.ok()?;
            text.contains(wanted).then_some(text)
        };
        until(&format!("{wanted:?} in {selector}"), look).await
    }

    pub(crate) async fn click(&self, selector: &str) {
        // It may be replaced by a newer copy of itself meanwhile.
        let click = async || self.page().find(By::Css(selector)).await.ok()?.click().await.ok();
        until(&format!("a click on {selector}"), click).await;
    }

    pub(crate) async fn write(&self, selector: &str, text: &str) {
        let field = self.find(selector).await;
        field.clear().await.expect("it is a field");
        field.send_keys(text).await.expect("it is a field");
    }

    /// The ids of the instances in the list of the page, in its order.
    pub(crate) async fn rows(&self) -> Vec<String> {
        let mut ids = Vec::new();
        for row in self.page().find_all(By::Css("#list [data-row]")).await.expect("a page") {
            ids.extend(row.attr("data-row").await.expect("it is there"));
        }
        ids
    }

    /// How an instance is, as soon as it is in this state.
    pub(crate) async fn until_state(&self, id: &str, state: InstanceState) -> InstanceStatus {
        let look = async || {
            let status = self.host.get_status(id).await.ok()?;
            (status.state == state).then_some(status)
        };
        until(&format!("{id} is {state:?}"), look).await
    }

    pub(crate) async fn end(self) {
        let Self { host, console, chromium } = self;
        chromium.close().await;
        console.shutdown().await;
        host.shutdown().await.expect("it ends");
    }
}

/// Looks until there is something.
pub(crate) async fn until<T, L: Future<Output = Option<T>>>(what: &str, look: impl Fn() -> L) -> T {
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::task::yield_now().await;
        }
    };
    let found = tokio::time::timeout(LIMIT, looking).await;
    found.unwrap_or_else(|_| panic!("it never came: {what}"))
}
