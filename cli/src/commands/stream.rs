//! `stream`: the items that an instance has emitted, and those that come.

use reenact::console::dto::{ItemPage, ItemRow};
use serde_json::Value;
use tokio::time::sleep;

use super::watch::live;
use crate::api::events::ServerEvents;
use crate::api::{Api, of, understood};
use crate::arguments::reading::Stream;
use crate::failure::{Done, Failure};
use crate::limits::{ITEMS_PER_PAGE, WATCH_AGAIN_AFTER};
use crate::output::Format;
use crate::output::text::printable;
use crate::tool::Tool;

pub(crate) async fn stream(given: Stream, tool: &mut Tool) -> Done {
    let opened = if given.follow { live(tool).await? } else { tool.reading().await? };
    let mut reader =
        Reader { id: given.id, stream: given.name, from: given.from, has_ended: false };
    tool.out.begin_list("items")?;
    let mut left = given.limit.unwrap_or(usize::MAX);
    while left > 0 && reader.page(&opened.api, &mut left, tool).await? {}
    while given.follow && left > 0 && !reader.has_ended {
        reader.follow(&opened.api, &mut left, tool).await?;
    }
    tool.out.end_list("next", &reader.from)?;
    tool.out.flush()?;
    opened.close().await
}

struct Reader {
    id: String,
    stream: String,
    /// The next offset, once it is known.
    from: Option<u64>,
    has_ended: bool,
}

impl Reader {
    fn query(&self) -> Vec<(&'static str, String)> {
        let mut query = of(&self.id).to_vec();
        query.push(("stream", self.stream.clone()));
        query.extend(self.from.map(|from| ("from", from.to_string())));
        query
    }

    /// Writes a page; whether there is another one.
    async fn page(&mut self, api: &Api, left: &mut usize, tool: &mut Tool) -> Done<bool> {
        let mut query = self.query();
        query.push(("limit", (*left).min(ITEMS_PER_PAGE).to_string()));
        let page: ItemPage = understood(api.get("api/stream", &query).await?)?;
        for item in &page.items {
            write(item, tool)?;
        }
        tool.out.flush()?;
        *left = left.saturating_sub(page.items.len());
        (self.from, self.has_ended) = (Some(page.next), page.has_ended);
        Ok(page.has_more)
    }

    /// Writes items as they come, until the connection ends.
    async fn follow(&mut self, api: &Api, left: &mut usize, tool: &mut Tool) -> Done {
        let mut events = ServerEvents::new(api.lines("api/watch/stream", &self.query()).await?);
        while let Some(event) = events.next().await? {
            match event.kind.as_str() {
                "item" => {
                    let value: Value = serde_json::from_str(&event.data).unwrap_or_default();
                    let item: ItemRow = understood(value)?;
                    write(&item, tool)?;
                    tool.out.flush()?;
                    self.from = Some(item.offset + 1);
                    *left = left.saturating_sub(1);
                }
                "end" => self.has_ended = true,
                "problem" => {
                    let problem: Value = serde_json::from_str(&event.data).unwrap_or_default();
                    let why = problem["detail"].as_str().unwrap_or("the stream cannot be read on");
                    return Err(Failure::unreachable(printable(why)));
                }
                _ => {}
            }
            if self.has_ended || *left == 0 {
                return Ok(());
            }
        }
        sleep(WATCH_AGAIN_AFTER).await;
        Ok(())
    }
}

/// For people an item is a line: a text as it is, and anything else as JSON.
fn write(item: &ItemRow, tool: &mut Tool) -> Done {
    if tool.out.format() != Format::People {
        return tool.out.item(item);
    }
    let text = match &item.value {
        Value::String(text) => printable(text),
        other => printable(&other.to_string()),
    };
    tool.out.line(format_args!("{:>8}  {text}", item.offset))
}
