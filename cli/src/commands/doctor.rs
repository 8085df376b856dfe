//! `doctor`: what is wrong with a store or with its machine, and what to do.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};

use reenact::console::dto::Checked;
use reenact::doctor::{
    Finding, Looked, Severity, check_directory_through, check_machine, check_store,
};
use reenact::providers::Provider;
use reenact::{Client, Error};

use crate::api::{Api, decoded};
use crate::arguments::place::Chosen;
use crate::arguments::stores::Doctor;
use crate::failure::{Code, Done, Failure};
use crate::open;
use crate::output::styles::{BAD, FAINT, GOOD, WARN, paint};
use crate::output::text::printable;
use crate::progress::Progress;
use crate::tool::Tool;

/// What is shown while histories are read.
const READING: &str = "reading histories";

pub(crate) async fn doctor(given: Doctor, tool: &mut Tool) -> Done {
    if let Some(api) = open::console_of(&tool.place, tool.look.quiet).await? {
        let mut findings = through_console(&api, given.quick, tool).await?;
        findings.sort_by_key(|finding| Reverse(finding.severity));
        return show(&findings, tool);
    }
    let mut findings = match tool.place.chosen(open::environment)? {
        Chosen::Directory(directory) => of_directory(&directory, given.quick, tool).await?,
        Chosen::Hub { connection, hub } => {
            let store = open::hub_store(&connection, &hub, &tool.place).await?;
            let client = Client::connect(store.clone()).map_err(Failure::unreachable)?;
            let mut findings = blocking(move || store.check()).await?;
            if !given.quick {
                let progress = Progress::new(tool, READING, Some(0));
                let access = client.into();
                let read = check_store(&access, |looked| show_progress(&progress, looked));
                findings.extend(
                    read.await.map_err(|error| Failure::unreachable(open::causes(&error)))?,
                );
            }
            findings
        }
        Chosen::Console(_) => Vec::new(),
    };
    findings.sort_by_key(|finding| Reverse(finding.severity));
    show(&findings, tool)
}

/// Each history, as a console reads it; the machine as well, if it is this one.
async fn through_console(api: &Api, quick: bool, tool: &Tool) -> Done<Vec<Finding>> {
    let directory = match tool.place.chosen(open::environment)? {
        Chosen::Directory(directory) => Some(directory),
        _ => None,
    };
    if quick && directory.is_none() {
        return Err(Failure::misused("`--quick` leaves out all that a console can look at")
            .remedy("leave it out, or run it on the machine of the store with `--store DIR`"));
    }
    let mut findings = Vec::new();
    if !quick {
        let progress = Progress::new(tool, READING, Some(0));
        let mut lines = api.lines("api/doctor", &[]).await?;
        let mut found = None;
        while let Some(line) = lines.next().await? {
            let Checked { looked, of, findings } = decoded(line.as_bytes())?;
            progress.of(of);
            progress.at(looked);
            found = findings;
        }
        let found =
            found.ok_or_else(|| Failure::unreachable("the look through the store broke off"))?;
        findings.extend(found.into_iter().map(Finding::from));
    }
    findings.push(Finding::info(
        "the files",
        "they were not looked at, because a host works on them; `reenact doctor --store DIR` does without a host",
    ));
    if let Some(directory) = directory {
        let machine = beside(&directory);
        findings.extend(blocking(move || check_machine(&machine)).await?);
    }
    Ok(findings)
}

/// The machine, the files, and each history.
async fn of_directory(directory: &Path, quick: bool, tool: &Tool) -> Done<Vec<Finding>> {
    let machine = beside(directory);
    let mut findings = if quick {
        let store = open::directory_to_read(directory, &tool.place)?;
        blocking(move || store.check()).await?
    } else {
        let progress = Progress::new(tool, READING, Some(0));
        let codecs = open::Codecs::of(&tool.place)?;
        let show = |looked: &Looked| show_progress(&progress, looked);
        let looked = check_directory_through(directory, |store| codecs.read(store), show).await;
        looked.map_err(|error| match &error {
            Error::Open { source } => open::not_opened(directory, source),
            _ => Failure::unreachable(open::causes(&error)),
        })?
    };
    findings.extend(blocking(move || check_machine(&machine)).await?);
    Ok(findings)
}

fn show_progress(progress: &Progress, looked: &Looked) {
    progress.of(looked.of);
    progress.at(looked.instances);
}

/// Where a file can be made to see what the disk does, without touching the store.
fn beside(directory: &Path) -> PathBuf {
    let whole = directory.canonicalize().unwrap_or_else(|_| directory.to_owned());
    whole.parent().map_or(whole.clone(), Path::to_owned)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Done<T> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Failure::Said(Code::Interrupted))
}

/// The worst first. Anything that needs a person makes it a failure.
fn show(findings: &[Finding], tool: &mut Tool) -> Done {
    let needs_help = findings.iter().filter(|finding| finding.severity > Severity::Info).count();
    if tool.out.is_for_people() {
        for finding in findings {
            let (sign, style) = match finding.severity {
                Severity::Error => ("error  ", BAD),
                Severity::Warning => ("warning", WARN),
                Severity::Info => ("fine   ", GOOD),
            };
            let (place, what) = (printable(&finding.place), printable(&finding.what));
            tool.out.line(format_args!("{} {place}: {what}", paint(style, sign)))?;
            if !finding.advice.is_empty() {
                let advice = printable(&finding.advice);
                tool.out.line(paint(FAINT, format_args!("        → {advice}")))?;
            }
        }
    } else {
        tool.out.begin_list("findings")?;
        findings.iter().try_for_each(|finding| tool.out.item(finding))?;
        tool.out.end_list("needs_help", &needs_help)?;
    }
    if needs_help == 0 {
        return Ok(());
    }
    Err(Failure::Said(Code::Failed))
}
