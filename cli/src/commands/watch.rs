//! `watch`: a list or one instance, as it changes.

mod screen;

use std::collections::BTreeMap;

use reenact::console::dto::{Count, InstanceDetail, InstanceList, InstanceRow};
use serde_json::Value;
use tokio::time::{Instant, sleep, sleep_until};

use self::screen::Screen;
use super::{list, show};
use crate::api::events::ServerEvents;
use crate::api::{Api, of, understood};
use crate::arguments::reading::Watch;
use crate::failure::{Code, Done, Failure};
use crate::limits::{
    DRAWN_AT_LEAST_EVERY, INSTANCES_PER_PAGE, LISTED, REDRAWN_AT_MOST_EVERY, WATCH_AGAIN_AFTER,
    WATCH_ATTEMPTS,
};
use crate::open::Opened;
use crate::output::styles::{FAINT, of_state, paint};
use crate::output::text::printable;
use crate::output::times;
use crate::tool::Tool;

/// What is looked at.
enum Subject {
    Instance(String),
    List { conditions: Vec<(&'static str, String)>, limit: Option<usize>, after: Option<String> },
}

pub(crate) async fn watch(given: Watch, tool: &mut Tool) -> Done {
    if given.until_done && !tool.out.is_terminal() {
        let opened = live(tool).await?;
        let id = given.id.unwrap_or_default();
        return until_done(&opened.api, &id, tool).await;
    }
    let subject = match given.id {
        Some(id) => Subject::Instance(id),
        None => {
            let conditions = given.filter.query(tool.out.now());
            Subject::List { conditions, limit: given.limit, after: given.after }
        }
    };
    let mut watched = Watched { subject, until_done: given.until_done, seen: BTreeMap::new() };
    let mut screen = Screen::new(tool)?;
    watched.follow(tool, &mut screen).await
}

/// Waits until an instance has ended, and says how.
pub(crate) async fn until_done(api: &Api, id: &str, tool: &mut Tool) -> Done {
    let query = of(id);
    loop {
        let mut events = ServerEvents::new(api.lines("api/watch/instance", &query).await?);
        loop {
            let detail: Value = api.get("api/instance", &query).await?;
            if detail["is_finished"].as_bool() == Some(true) {
                return ended(&detail, tool);
            }
            if events.next().await?.is_none() {
                break;
            }
        }
        sleep(WATCH_AGAIN_AFTER).await;
    }
}

/// Says how an instance has ended; it is a failure if it has not completed.
fn ended(detail: &Value, tool: &mut Tool) -> Done {
    if tool.out.is_for_people() {
        let lines = show::outcome(&understood(detail.clone())?, tool);
        tool.out.lines(lines)?;
    } else {
        tool.out.value(detail)?;
    }
    tool.out.flush()?;
    match detail["state"].as_str() {
        Some("completed") => Ok(()),
        _ => Err(Failure::Said(Code::Failed)),
    }
}

/// A console that can say what changes. A directory without a host does not change.
pub(super) async fn live(tool: &Tool) -> Done<Opened> {
    let opened = tool.reading().await?;
    if opened.is_live() {
        return Ok(opened);
    }
    Err(Failure::unreachable("no host runs on this store, so nothing changes in it").remedy(
        "start the host with its console on; `reenact list` and `reenact show` read without one",
    ))
}

struct Watched {
    subject: Subject,
    until_done: bool,
    /// What was shown of each instance, where changes are lines.
    seen: BTreeMap<String, String>,
}

impl Watched {
    /// Shows each change until it is over, and connects again when the console goes away.
    async fn follow(&mut self, tool: &mut Tool, screen: &mut Screen) -> Done {
        let mut failures = 0;
        loop {
            let ended = match live(tool).await {
                Ok(opened) => {
                    let followed = self.while_it_answers(&opened.api, tool, screen, &mut failures);
                    followed.await
                }
                Err(failure) => Err(failure),
            };
            match ended {
                Ok(true) => return Ok(()),
                Err(failure) if failure.code() != Code::Unreachable as u8 => return Err(failure),
                Err(failure) if failures == 0 || failures >= WATCH_ATTEMPTS => return Err(failure),
                Ok(false) | Err(_) => {}
            }
            failures += 1;
            screen.note("the console does not answer; trying again", tool)?;
            sleep(WATCH_AGAIN_AFTER).await;
        }
    }

    /// Whether it is over.
    async fn while_it_answers(
        &mut self,
        api: &Api,
        tool: &mut Tool,
        screen: &mut Screen,
        failures: &mut u32,
    ) -> Done<bool> {
        let (path, query) = match &self.subject {
            Subject::Instance(id) => ("api/watch/instance", of(id).to_vec()),
            Subject::List { conditions, .. } => ("api/watch", conditions.clone()),
        };
        let mut events = ServerEvents::new(api.lines(path, &query).await?);
        // From here on, the end of the console is waited out.
        *failures = 1;
        loop {
            let drawn = Instant::now();
            if self.show(api, tool, screen).await? {
                return Ok(true);
            }
            tokio::select! {
                biased;
                event = events.next() => if event?.is_none() { return Ok(false) },
                () = screen.resized() => {}
                // For how long ago things were.
                () = sleep(DRAWN_AT_LEAST_EVERY), if screen.is_on() => {}
            }
            // What comes in the meantime is shown with it.
            sleep_until(drawn + REDRAWN_AT_MOST_EVERY).await;
        }
    }

    async fn show(&mut self, api: &Api, tool: &mut Tool, screen: &mut Screen) -> Done<bool> {
        match &self.subject {
            Subject::Instance(id) => {
                let query = of(id);
                let detail: InstanceDetail = api.get("api/instance", &query).await?;
                let is_over = self.until_done && detail.row.is_finished;
                if screen.is_on() {
                    screen.draw(&show::lines(&detail, tool), tool)?;
                } else {
                    self.line(&detail.row, tool)?;
                }
                if is_over && detail.row.state.name() != "completed" {
                    return Err(Failure::Said(Code::Failed));
                }
                Ok(is_over)
            }
            Subject::List { conditions, limit, after } => {
                let fit = screen.rows(tool).unwrap_or(LISTED);
                let limit = limit.unwrap_or(fit).clamp(1, INSTANCES_PER_PAGE);
                let mut query = conditions.clone();
                query.push(("limit", limit.to_string()));
                query.extend(after.clone().map(|after| ("after", after)));
                let page: InstanceList = api.get("api/instances", &query).await?;
                let left = match &page.next {
                    Some(next) => Some(Left::of(api, conditions, next).await?),
                    None => None,
                };
                if screen.is_on() {
                    screen.draw(&page_lines(&page, left.as_ref(), tool), tool)?;
                } else {
                    if let Some(left) = left.filter(|_| self.seen.is_empty()) {
                        tool.remark(left.said());
                    }
                    page.instances.iter().try_for_each(|row| self.line(row, tool))?;
                }
                Ok(false)
            }
        }
    }

    /// A line, if something has changed since the last one.
    fn line(&mut self, row: &InstanceRow, tool: &mut Tool) -> Done {
        let now = format!("{} {} {}", row.state.name(), row.events, row.updated_at);
        if self.seen.insert(row.id.clone(), now.clone()) == Some(now) {
            return Ok(());
        }
        if !tool.out.is_for_people() {
            tool.out.value(row)?;
            return tool.out.flush();
        }
        let state = row.state.name();
        tool.out.line(format_args!(
            "{} {} {} {} events",
            times::second(&row.updated_at.to_string()),
            printable(&row.id),
            paint(of_state(&state), &state),
            row.events,
        ))?;
        tool.out.flush()
    }
}

/// The instances after a page.
struct Left {
    /// How many meet the conditions in all.
    of: u64,
    /// The last id of the page.
    after: String,
}

impl Left {
    async fn of(api: &Api, conditions: &[(&'static str, String)], after: &str) -> Done<Self> {
        let Count { count } = api.get("api/count", conditions).await?;
        Ok(Self { of: count, after: after.to_owned() })
    }

    fn said(&self) -> String {
        let after = printable(&self.after);
        format!("there are more, of {} in all: `--after '{after}'` watches the next", self.of)
    }
}

/// The list, as a page for a terminal.
fn page_lines(page: &InstanceList, left: Option<&Left>, tool: &Tool) -> Vec<String> {
    let now = tool.out.now();
    let mut table = list::table();
    for row in &page.instances {
        table.row(list::cells(row, now));
    }
    let mut lines = table.take_lines(tool.out.width());
    if page.instances.is_empty() {
        lines.push("no instance".to_owned());
    }
    lines.extend(left.map(|left| paint(FAINT, left.said())));
    lines
}
