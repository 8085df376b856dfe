//! Recorded histories as tests: each file of a directory against the code.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};
use reenact_actors::Unfit;
use tokio::runtime::{Builder, Handle};

use crate::HostBuilder;
use crate::transfer::TransferError;
use crate::verify;

/// What the names of exported histories end with.
const EXPORTED: &str = "jsonl";

/// Why recorded histories do not pass. Its `Debug` is its text, so that an `unwrap` reads well.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// Instances could not go on with this code.
    #[error("{}", unfit_text(unfit, *histories))]
    Unfit {
        /// Those that do not fit, each with its file.
        unfit: Vec<(PathBuf, Unfit)>,
        /// How many histories there are.
        histories: u64,
    },
    /// A file is no export that can be read, or what was registered does not fit together.
    #[error("{file:?} could not be checked: {source}")]
    NotChecked {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        #[source]
        source: Box<TransferError>,
    },
    /// A file or the directory cannot be read.
    #[error("{path:?}: {source}")]
    Unreadable {
        /// What cannot be read.
        path: PathBuf,
        /// The failure underneath.
        #[source]
        source: io::Error,
    },
    /// There is nothing to check, so that a wrong path does not pass.
    #[error("there is no exported history in {directory:?}: no file ends with `.{EXPORTED}`")]
    Nothing {
        /// The directory.
        directory: PathBuf,
    },
    /// It was called within a runtime of tokio.
    #[error("recorded histories are checked outside of a runtime: call it in a plain `#[test]`")]
    WithinRuntime,
}

/// Replays each history of each export in a directory against what is registered on a builder; how many there are.
/// Finished instances as well, and everything is compared. The exports are the files that end with `.jsonl`, as
/// `reenact export` or [`transfer::export`](crate::transfer::export) writes them.
///
/// ```no_run
/// # use reenact::prelude::*;
/// # #[orchestration]
/// # async fn order(_ctx: OrchestrationContext, cents: u64) -> Result<u64, OrchestrationError> { Ok(cents) }
/// #[test]
/// fn recorded_histories_still_fit() {
///     let builder = Host::builder().orchestration(order);
///     reenact::testing::verify_exported(&builder, "tests/histories").unwrap();
/// }
/// ```
///
/// A relative directory is in the package, as cargo runs tests there. For a test of its own for each file see
/// [`verify_main`].
///
/// # Errors
/// [`VerifyError`]. All files are looked at before histories that do not fit are reported; another error ends it at once.
pub fn verify_exported(
    builder: &HostBuilder,
    directory: impl AsRef<Path>,
) -> Result<u64, VerifyError> {
    verify_files(builder, &exports(directory.as_ref())?)
}

/// The `main` of a test target without libtest's harness that has a test for each exported history of a directory: it takes
/// the arguments of other tests (filters, `--exact`, `--list`, ...) and prints as they do. No macro knows the files when it
/// compiles, so a new file is a new test at once.
///
/// ```toml
/// [[test]]
/// name = "histories"
/// harness = false
/// ```
///
/// ```no_run
/// // tests/histories.rs
/// # use reenact::prelude::*;
/// # #[orchestration]
/// # async fn order(_ctx: OrchestrationContext, cents: u64) -> Result<u64, OrchestrationError> { Ok(cents) }
/// fn main() -> std::process::ExitCode {
///     reenact::testing::verify_main(|| Host::builder().orchestration(order), "tests/histories")
/// }
/// ```
///
/// ```text
/// $ cargo test --test histories
/// running 2 tests
/// test orders-2026-11.jsonl ... ok
/// test orders-2026-12.jsonl ... FAILED
/// ```
///
/// Must not be called within a runtime of tokio.
pub fn verify_main(
    builder: impl Fn() -> HostBuilder + Send + Sync + 'static,
    directory: impl AsRef<Path>,
) -> ExitCode {
    let arguments = Arguments::from_args();
    let files = match exports(directory.as_ref()) {
        Ok(files) => files,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    let builder = Arc::new(builder);
    let test = |file: PathBuf| {
        let (builder, name) = (builder.clone(), name_of(&file));
        let verify = move || verify_files(&builder(), &[file]);
        Trial::test(name, || verify().map(drop).map_err(|error| error.to_string().into()))
    };
    libtest_mimic::run(&arguments, files.into_iter().map(test).collect()).exit_code()
}

fn verify_files(builder: &HostBuilder, files: &[PathBuf]) -> Result<u64, VerifyError> {
    if Handle::try_current().is_ok() {
        return Err(VerifyError::WithinRuntime);
    }
    let (mut histories, mut unfit) = (0, Vec::new());
    for file in files {
        let unreadable = |source| VerifyError::Unreadable { path: file.clone(), source };
        let runtime = Builder::new_current_thread().enable_time().build().map_err(unreadable)?;
        let export = BufReader::new(File::open(file).map_err(unreadable)?);
        let checked = runtime.block_on(verify::check(builder, export, |_, _, _| {}));
        let checked = checked.map_err(|source| VerifyError::NotChecked {
            file: file.clone(),
            source: Box::new(source),
        })?;
        histories += checked.histories;
        unfit.extend(checked.unfit.into_iter().map(|unfit| (file.clone(), unfit)));
    }
    match unfit.is_empty() {
        true => Ok(histories),
        false => Err(VerifyError::Unfit { unfit, histories }),
    }
}

/// The exports of a directory, in the order of their names.
fn exports(directory: &Path) -> Result<Vec<PathBuf>, VerifyError> {
    let unreadable = |source| VerifyError::Unreadable { path: directory.to_owned(), source };
    let entries = std::fs::read_dir(directory).map_err(unreadable)?;
    let paths = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>();
    let mut files = paths.map_err(unreadable)?;
    files.retain(|file| file.extension().is_some_and(|ends| ends == EXPORTED));
    files.sort_unstable();
    match files.is_empty() {
        true => Err(VerifyError::Nothing { directory: directory.to_owned() }),
        false => Ok(files),
    }
}

fn name_of(file: &Path) -> String {
    file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn unfit_text(unfit: &[(PathBuf, Unfit)], histories: u64) -> String {
    let mut text = match unfit.len() {
        1 => format!("of {histories} recorded histories, 1 does not fit this code:"),
        many => format!("of {histories} recorded histories, {many} do not fit this code:"),
    };
    for (file, unfit) in unfit {
        text.push_str(&format!("\n  {}: {unfit}", file.display()));
    }
    text
}

impl fmt::Debug for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
