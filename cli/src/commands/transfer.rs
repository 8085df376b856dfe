//! `export` and `import`: whole stores, or what meets conditions, as JSON lines.

mod remote;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::Path;

use reenact::console::dto::Imported;
use reenact::providers::Provider;
use reenact::transfer::{
    self, ExportOptions, Exported, ImportOptions, Reader, Stage, TransferError,
};
use reenact::{Access, Azure, Error, InstanceFilter, InstanceId};
use serde_json::json;

use crate::arguments::place::Chosen;
use crate::arguments::stores::{Export, Import};
use crate::failure::{Code, Done, Failure};
use crate::open;
use crate::output::remark;
use crate::progress::Progress;
use crate::tool::Tool;

pub(crate) async fn export(given: Export, tool: &mut Tool) -> Done {
    if let Some(api) = open::console_of(&tool.place, tool.look.quiet).await? {
        return remote::export(&api, &given, tool).await;
    }
    let what = What::of(&given, tool)?;
    let client = open::store_to_read(&tool.place).await?;
    let mut options = ExportOptions::new().readable(!given.compact);
    if given.at_rest {
        options = options.at_rest();
    }
    if given.leave_messages {
        options = options.leave_messages();
    }
    let progress = Progress::new(tool, "exporting", Some(0));
    let show = |at: &transfer::Progress| {
        progress.of(at.of.unwrap_or(at.instances));
        progress.at(at.instances);
    };
    let access = client.into();
    let exported = match &given.output {
        Some(path) => {
            let partial = path.with_extension("partial");
            let file = File::create(&partial).map_err(|error| unwritable(&partial, &error))?;
            let mut file = BufWriter::new(file);
            let exported = write(&access, &what, options, &mut file, show).await?;
            // What is under the name is whole.
            let synced = file
                .into_inner()
                .map_err(io::IntoInnerError::into_error)
                .and_then(|file| file.sync_all());
            synced
                .and_then(|()| std::fs::rename(&partial, path))
                .map_err(|error| unwritable(path, &error))?;
            exported
        }
        None => {
            let mut out = BufWriter::new(io::stdout());
            let exported = write(&access, &what, options, &mut out, show).await?;
            out.flush()?;
            exported
        }
    };
    drop(progress);
    said(&exported, &given, tool)
}

/// Which instances are exported.
enum What {
    Those(Box<InstanceFilter>),
    Named(BTreeSet<InstanceId>),
}

impl What {
    fn of(given: &Export, tool: &Tool) -> Done<Self> {
        if given.ids.is_empty() {
            let filter = given.filter.instances(tool.out.now())?;
            return Ok(Self::Those(Box::new(filter)));
        }
        let ids = given.ids.iter().map(InstanceId::new).collect::<Result<_, _>>();
        ids.map(Self::Named).map_err(Failure::misused)
    }
}

async fn write(
    access: &Access,
    what: &What,
    options: ExportOptions,
    to: &mut (impl Write + Send),
    show: impl FnMut(&transfer::Progress) + Send,
) -> Done<Exported> {
    let exported = match what {
        What::Those(filter) => transfer::export(access, filter, options, to, show).await,
        What::Named(ids) => transfer::export_instances(access, ids, options, to, show).await,
    };
    exported.map_err(|error| failed(&error))
}

fn said(exported: &Exported, given: &Export, tool: &mut Tool) -> Done {
    let Exported { instances, turns, checksum, left, .. } = exported;
    if !tool.look.quiet {
        left.iter().for_each(|left| remark(format_args!("reenact: not exported: {left}")));
    }
    match &given.output {
        Some(_) if !tool.out.is_for_people() => tool.out.value(&json!({
            "instances": instances, "turns": turns, "checksum": checksum, "left": left,
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

pub(crate) async fn import(given: Import, tool: &mut Tool) -> Done {
    let read = || reader(&given.file);
    let mut options = ImportOptions::new();
    if given.even_if_hosts_worked {
        options = options.even_if_hosts_worked();
    }
    // The whole file, before anything is brought in.
    let header = check(&given.file, tool)?;
    if !header.at_rest && !given.even_if_hosts_worked {
        return Err(failed(&TransferError::NotAtRest));
    }
    let Some(store) = store_to_fill(tool).await? else {
        let imported = remote::import(&given, &header, tool).await?;
        return brought(&imported, tool);
    };
    let progress = Progress::new(tool, "importing", Some(header.instances));
    let show = |at: &transfer::Progress| {
        progress.called(match at.stage {
            Stage::Verifying => "comparing",
            _ => "importing",
        });
        progress.of(at.of.unwrap_or(at.instances));
        progress.at(at.instances);
    };
    let imported = transfer::import(read()?, &*store, options, show).await;
    drop(progress);
    brought(&imported.map_err(|error| failed(&error))?.into(), tool)
}

fn brought(imported: &Imported, tool: &mut Tool) -> Done {
    let Imported { imported, already_there, turns } = imported;
    if !tool.out.is_for_people() {
        return tool.out.value(&json!({
            "imported": imported, "already_there": already_there, "turns": turns,
        }));
    }
    tool.out.line(format_args!(
        "imported {imported} instances, {already_there} were there already; {turns} turns were read back and compared"
    ))
}

/// Reads an export to its end: each instance is whole, and the checksum of all is right.
pub(super) fn check(path: &Path, tool: &Tool) -> Done<transfer::Header> {
    let mut reader = Reader::new(reader(path)?).map_err(|error| failed(&error))?;
    let progress = Progress::new(tool, "checking the file", Some(reader.header().instances));
    while reader.next_instance().map_err(|error| failed(&error))?.is_some() {
        progress.more();
    }
    Ok(reader.header().clone())
}

pub(super) fn reader(path: &Path) -> Done<BufReader<File>> {
    let file = File::open(path).map_err(|error| {
        Failure::misused(format_args!("{} cannot be read: {error}", path.display()))
    })?;
    Ok(BufReader::new(file))
}

/// The store that an import goes into; `None` for that of a console. One that is not there is made.
async fn store_to_fill(tool: &Tool) -> Done<Option<Box<dyn Provider>>> {
    Ok(match tool.place.chosen(open::environment)? {
        Chosen::Directory(directory) => {
            Some(Box::new(open::directory_to_write(&directory, &tool.place)?))
        }
        Chosen::Hub { connection, hub } => {
            let store = Azure::connect(&connection, &hub).await;
            let store = store.map_err(|error| Failure::unreachable(open::causes(&error)))?;
            Some(Box::new(open::readable(store, &tool.place)?))
        }
        Chosen::Console(_) => None,
    })
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::new(Code::Failed, format_args!("{} cannot be written: {error}", path.display()))
}

/// A file that is damaged or foreign is a failure; what is in the way in the store is a refusal.
pub(super) fn failed(error: &TransferError) -> Failure {
    let code = match error {
        TransferError::Unwritable { source } if source.kind() == io::ErrorKind::BrokenPipe => {
            return Failure::PipeClosed;
        }
        TransferError::MessagesLeft { what, advice } => {
            let what =
                format!("the hub has {what}, which belong to no instance and would stay there");
            return Failure::refused(what)
                .remedy(format_args!("{advice}; or add `--leave-messages`"));
        }
        TransferError::Exists { .. } | TransferError::InUse { .. } | TransferError::NotAtRest => {
            Code::Refused
        }
        TransferError::Store(error @ Error::NotFound { .. }) => {
            return Failure::new(Code::NotFound, error)
                .remedy("`reenact list` shows what there is; nothing was exported");
        }
        TransferError::NotAnExport { .. }
        | TransferError::NewerFormat { .. }
        | TransferError::Damaged { .. }
        | TransferError::Truncated { .. }
        | TransferError::Unwritable { .. } => Code::Failed,
        _ => Code::Unreachable,
    };
    Failure::new(code, open::causes(error))
}
