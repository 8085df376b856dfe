//! `doctor`: what is wrong with a store or with its machine, and what to do.

use std::path::{Path, PathBuf};

use reenact::providers::{Finding, Provider, Severity, check_machine};
use reenact::{Client, doctor};

use crate::arguments::place::Chosen;
use crate::arguments::stores::Doctor;
use crate::failure::{Code, Done, Failure};
use crate::open;
use crate::output::styles::{BAD, FAINT, GOOD, WARN, paint};
use crate::output::text::printable;
use crate::progress::Progress;
use crate::tool::Tool;

pub(crate) async fn doctor(given: Doctor, tool: &mut Tool) -> Done {
    let (client, store, machine) = match tool.place.chosen(open::environment)? {
        Chosen::Directory(directory) => {
            let store = open::directory_to_read(&directory)?;
            let client = Client::read_only(store.clone());
            (client, Box::new(store) as Box<dyn Provider>, Some(beside(&directory)))
        }
        Chosen::Hub { connection, hub } => {
            let store = open::hub_store(&connection, &hub).await?;
            let client = Client::connect(store.clone()).map_err(Failure::unreachable)?;
            (client, Box::new(store) as Box<dyn Provider>, None)
        }
        Chosen::Console(_) => {
            return Err(Failure::misused("the doctor looks at the store itself, not at a console")
                .remedy(
                    "give `--store DIR` or `--azure CONNECTION --hub NAME`; \
                         `reenact metrics` shows how a running host is",
                ));
        }
    };
    let mut findings = blocking(move || {
        let mut findings = machine.map_or_else(Vec::new, |directory| check_machine(&directory));
        findings.extend(store.check());
        findings
    })
    .await?;
    if !given.quick {
        findings.extend(histories(&client, tool).await?);
    }
    findings.sort_by(|one, other| other.severity.cmp(&one.severity));
    show(&findings, tool)
}

/// Each history, with its progress.
async fn histories(client: &Client, tool: &Tool) -> Done<Vec<Finding>> {
    let progress = Progress::new(tool, "reading histories", Some(0));
    let findings = doctor::check_store(&client.into(), |looked| {
        progress.of(looked.of);
        progress.at(looked.instances);
    })
    .await;
    findings.map_err(|error| Failure::unreachable(open::causes(&error)))
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
