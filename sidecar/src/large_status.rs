//! Custom statuses that are larger than a status of reenact may be: they are published values, in pieces where one value
//! would be too large. So what lists show stays small.

use reenact::limits::{MAX_PUBLISHED_BYTES, MAX_STATUS_BYTES};
use reenact::{Client, InstanceId, OrchestrationContext};

use crate::text::Text;

/// The published value that is the custom status, or the number of its pieces.
const LARGE_STATUS: &str = "durabletask.status";

/// A piece, in bytes of the status. As a value it has quotes around it, and at most twice as many bytes: in JSON as it is
/// written, a quote, a backslash and the end of a line are the only bytes that take two.
const PIECE_BYTES: usize = MAX_PUBLISHED_BYTES / 2 - 8;

/// More pieces than that are not published: all published values together are limited.
const MAX_PIECES: usize = 32;

/// Sets the custom status.
pub(crate) fn set(ctx: &OrchestrationContext, status: &Text) {
    let json = status.as_json();
    // Those of a status before this one, also of the execution before.
    ctx.unpublish(LARGE_STATUS);
    (0..MAX_PIECES).for_each(|number| ctx.unpublish(piece_name(number)));
    if json.len() <= MAX_STATUS_BYTES {
        return ctx.set_status(status);
    }
    if json.len() <= MAX_PUBLISHED_BYTES {
        ctx.publish(LARGE_STATUS, status);
    } else {
        let pieces = pieces_of(json);
        ctx.publish(LARGE_STATUS, &pieces.len());
        for (number, piece) in pieces.into_iter().enumerate() {
            ctx.publish(piece_name(number), piece);
        }
    }
    ctx.set_status(&format!("{} bytes, in the published value `{LARGE_STATUS}`", json.len()));
}

/// The custom status of an instance, by what its status says.
pub(crate) async fn read(
    client: &Client,
    id: &InstanceId,
    status: Option<String>,
) -> reenact::Result<Option<String>> {
    if !status.as_ref().is_some_and(|status| status.contains(LARGE_STATUS)) {
        return Ok(status);
    }
    let Some(large) = client.query::<Text>(id, LARGE_STATUS).await? else { return Ok(status) };
    let Ok(pieces) = large.as_json().parse::<usize>() else { return Ok(large.into_option()) };
    let mut whole = String::new();
    for number in 0..pieces.min(MAX_PIECES) {
        match client.query::<String>(id, &piece_name(number)).await? {
            Some(piece) => whole += &piece,
            // It is another one meanwhile.
            None => return Ok(status),
        }
    }
    // Pieces of two statuses, one after the other, are no value.
    let whole = serde_json::value::RawValue::from_string(whole).ok();
    Ok(whole.map(Text::from_value).and_then(Text::into_option).or(status))
}

fn piece_name(number: usize) -> String {
    format!("{LARGE_STATUS}.{number}")
}

fn pieces_of(mut json: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    while !json.is_empty() {
        let most = PIECE_BYTES.min(json.len());
        let end = (0..=most).rev().find(|end| json.is_char_boundary(*end)).unwrap_or(most);
        let (piece, rest) = json.split_at(end);
        pieces.push(piece);
        json = rest;
    }
    pieces
}
