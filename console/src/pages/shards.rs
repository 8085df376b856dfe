//! Hosts and shards: who is there, and who has what.

use axum::response::Response;
use maud::{Markup, html};
use reenact_actors::inspect::ShardInfo;
use reenact_providers::SharingHost;

use super::page::{Page, View};
use super::parts::{self, Card, time};
use super::shell::Tab;
use crate::problem::Problem;

/// How often it looks for changes, in milliseconds.
const LOOKS_EVERY_MS: u64 = 5_000;

/// `GET shards`
pub(crate) async fn shards(page: Page) -> Response {
    let view = view(&page).await;
    page.answer(view)
}

async fn view(page: &Page) -> Result<View, Problem> {
    page.params()?.end()?;
    let access = page.shared.access();
    let (hosts, shards) = (access.hosts().await?, access.shards().await?);
    let content = html! {
        div.head {
            h1 { "Hosts and shards" }
            p.quiet { (parts::count(hosts.len() as u64, "host", "hosts")) ", " (parts::count(shards.len() as u64, "shard", "shards")) }
        }
        (hosts_card(&hosts))
        (shards_card(page, &shards))
    };
    Ok(View::new(Tab::Shards, "Hosts and shards", content).live(None, LOOKS_EVERY_MS))
}

fn hosts_card(hosts: &[SharingHost]) -> Markup {
    Card { id: "hosts", title: "Hosts", live: true, aside: None }.around(html! {
        @if hosts.is_empty() {
            p.empty { "No host is known here: this console reads a store that no host shares." }
        } @else {
            div.wide {
                table.stack {
                    caption.hidden { "Hosts" }
                    thead { tr { th scope="col" { "Host" } th scope="col" { "Lives" } th scope="col" { "Shards" } th scope="col" { "Which" } } }
                    tbody {
                        @for host in hosts {
                            tr data-row=(host.id) {
                                th scope="row" { b { (host.name) } @if host.id != host.name { " " span.quiet.mono { (host.id) } } }
                                td data-label="Lives" { @if host.is_alive { "✓ yes" } @else { span.bad { "✕ not heard of" } } }
                                td data-label="Shards" { (host.shards.len()) }
                                td data-label="Which" { (ranges(&host.shards.iter().map(|shard| shard.0).collect::<Vec<_>>())) }
                            }
                        }
                    }
                }
            }
        }
    })
}

fn shards_card(page: &Page, shards: &[ShardInfo]) -> Markup {
    Card { id: "shards", title: "Shards", live: true, aside: None }.around(html! {
        div.wide {
            table.stack {
                caption.hidden { "Shards" }
                thead { tr { th scope="col" { "Shard" } th scope="col" { "Owner" } th scope="col" { "Lease" } th scope="col" { "State here" } th.num scope="col" { "Instances in memory" } } }
                tbody {
                    @for shard in shards {
                        tr data-row=(shard.shard.0) {
                            th scope="row" { (shard.shard.0) }
                            td data-label="Owner" { @match &shard.owner { Some(owner) => (owner), None => span.quiet { "nobody" } } }
                            td.nowrap data-label="Lease" { @if let Some(until) = shard.lease_until { (time::ago(until, page.now)) } @else { span.quiet { "-" } } }
                            td data-label="Here" {
                                @if let Some(why) = &shard.why_down { span.bad { "✕ down: " (parts::text(why)) } }
                                @else if shard.is_here { "✓ on this host" }
                                @else { span.quiet { "not here" } }
                            }
                            td.num data-label="In memory" { (parts::grouped(shard.in_memory as u64)) }
                        }
                    }
                }
            }
        }
    })
}

/// `0 to 3, 7`.
fn ranges(numbers: &[u32]) -> String {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for number in sorted {
        match ranges.last_mut() {
            Some((_, end)) if *end + 1 == number => *end = number,
            _ => ranges.push((number, number)),
        }
    }
    let texts = ranges.into_iter().map(|(from, to)| match to - from {
        0 => from.to_string(),
        1 => format!("{from}, {to}"),
        _ => format!("{from} to {to}"),
    });
    texts.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::ranges;

    #[test]
    fn shards_are_listed_as_ranges() {
        assert_eq!(ranges(&[]), "");
        assert_eq!(ranges(&[7, 1, 2, 0, 3, 9, 10]), "0 to 3, 7, 9, 10");
    }
}
