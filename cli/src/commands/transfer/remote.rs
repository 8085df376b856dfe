//! Exports and imports through a console.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use axum::body::Bytes;
use http_body_util::channel::{Channel, Sender};
use reenact::console::dto::Imported;
use reenact::transfer::Header;
use serde::Deserialize;
use serde_json::json;

use super::{check, reader, unwritable};
use crate::api::Api;
use crate::arguments::stores::{Export, Import};
use crate::failure::{Code, Done, Failure};
use crate::limits::{MAX_UPLOAD_PORTIONS, UPLOAD_PORTION_BYTES};
use crate::open;
use crate::progress::Progress;
use crate::tool::Tool;

/// How the line begins that ends an instance.
const END_OF_INSTANCE: &[u8] = b"{\"kind\":\"end\"";

/// Most bytes at the end of an export among which its last line is looked for.
const TAIL_BYTES: usize = 4 * 1024;

/// The last line of an export.
#[derive(Deserialize)]
struct Total {
    instances: u64,
    turns: u64,
    checksum: String,
}

pub(super) async fn export(api: &Api, given: &Export, tool: &mut Tool) -> Done {
    let query = query(given, tool);
    let total = match &given.output {
        Some(path) => {
            let partial = path.with_extension("partial");
            let total = into_file(api, &query, &partial).await?;
            check(&partial, tool)?;
            std::fs::rename(&partial, path).map_err(|error| unwritable(path, &error))?;
            total
        }
        None => {
            let mut out = BufWriter::new(io::stdout());
            let total = download(api, &query, &mut out).await?;
            out.flush()?;
            total
        }
    };
    let Total { instances, turns, checksum } = total;
    match &given.output {
        Some(_) if !tool.out.is_for_people() => tool.out.value(&json!({
            "instances": instances, "turns": turns, "checksum": checksum, "left": [],
        })),
        Some(path) => tool.out.line(format_args!(
            "exported {instances} instances with {turns} turns to {}",
            path.display()
        )),
        None => {
            tool.remark(format_args!("exported {instances} instances with {turns} turns"));
            Ok(())
        }
    }
}

fn query(given: &Export, tool: &Tool) -> Vec<(&'static str, String)> {
    let mut query = given.filter.query(tool.out.now());
    query.extend(given.ids.iter().map(|id| ("id", id.clone())));
    let flags = [
        ("at_rest", given.at_rest),
        ("leave_messages", given.leave_messages),
        ("compact", given.compact),
    ];
    let set = flags.into_iter().filter(|(_, is_set)| *is_set);
    query.extend(set.map(|(name, _)| (name, "true".to_owned())));
    query
}

async fn into_file(api: &Api, query: &[(&'static str, String)], path: &Path) -> Done<Total> {
    let file = File::create(path).map_err(|error| unwritable(path, &error))?;
    let mut file = BufWriter::new(file);
    let total = download(api, query, &mut file).await?;
    let synced = file.into_inner().map_err(io::IntoInnerError::into_error);
    synced.and_then(|file| file.sync_all()).map_err(|error| unwritable(path, &error))?;
    Ok(total)
}

/// Writes all that comes; what the last line says of it.
async fn download(api: &Api, query: &[(&'static str, String)], to: &mut impl Write) -> Done<Total> {
    let mut answer = api.stream("api/export", query).await?;
    let mut tail = Vec::new();
    while let Some(portion) = answer.portion().await? {
        to.write_all(&portion)?;
        tail.extend_from_slice(&portion);
        tail.drain(..tail.len().saturating_sub(TAIL_BYTES));
    }
    let last =
        tail.strip_suffix(b"\n").and_then(|whole| whole.rsplit(|byte| *byte == b'\n').next());
    let total = last.and_then(|line| serde_json::from_slice(line).ok());
    total.ok_or_else(|| Failure::new(Code::Unreachable, "the export broke off: run it again"))
}

/// Sends an export, which was found to be whole, to a console.
pub(super) async fn import(given: &Import, header: &Header, tool: &Tool) -> Done<Imported> {
    let opened = open::changing(&tool.place, tool.look.quiet).await?;
    let file = reader(&given.file)?;
    let progress = Progress::new(tool, "sending", Some(header.instances));
    let (sender, body) = Channel::new(MAX_UPLOAD_PORTIONS);
    // The answer says why it is not read to its end.
    tokio::spawn(send(file, sender, progress));
    let flag = given.even_if_hosts_worked.then(|| ("even_if_hosts_worked", "true".to_owned()));
    let query: Vec<_> = flag.into_iter().collect();
    let imported = opened.api.upload("api/import", &query, reqwest::Body::wrap(body)).await?;
    opened.close().await?;
    Ok(imported)
}

/// Sends whole lines, as the other end takes them.
async fn send(file: BufReader<File>, mut sender: Sender<Bytes, io::Error>, progress: Progress) {
    let mut file = Some(file);
    while let Some(mut reading) = file.take() {
        let read =
            tokio::task::spawn_blocking(move || portion(&mut reading).map(|it| (it, reading)));
        match read.await.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok((Portion { bytes, .. }, _)) if bytes.is_empty() => return,
            Ok((Portion { bytes, instances }, reading)) => {
                if sender.send_data(bytes.into()).await.is_err() {
                    return;
                }
                progress.by(instances);
                file = Some(reading);
            }
            // What was sent is no whole export, and the other end finds that.
            Err(error) => return sender.abort(error),
        }
    }
}

/// Some lines, and how many instances end in them.
struct Portion {
    bytes: Vec<u8>,
    instances: u64,
}

fn portion(file: &mut BufReader<File>) -> io::Result<Portion> {
    let mut portion = Portion { bytes: Vec::new(), instances: 0 };
    while portion.bytes.len() < UPLOAD_PORTION_BYTES {
        let begin = portion.bytes.len();
        if file.read_until(b'\n', &mut portion.bytes)? == 0 {
            break;
        }
        portion.instances += u64::from(portion.bytes[begin..].starts_with(END_OF_INSTANCE));
    }
    Ok(portion)
}
