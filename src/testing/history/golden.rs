//! Golden texts: a file beside the test has what a history is to be.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use similar::TextDiff;

use super::HistoryText;

/// Compares the history of an instance with a golden text: a file whose path is relative to that of the test. With
/// `REENACT_UPDATE_GOLDEN=1` in the environment it writes the file instead. Look at what has changed before you commit it.
///
/// ```
/// # use reenact::prelude::*;
/// # use reenact::testing::{self, TestHost};
/// # #[orchestration]
/// # async fn order(_ctx: OrchestrationContext, cents: u64) -> Result<u64, OrchestrationError> { Ok(cents) }
/// # testing::run(async {
/// # let host = TestHost::of(Host::builder().orchestration(order)).start().await.unwrap();
/// # host.start_new(order, 1_200).id("order-7").await.unwrap().result().await.unwrap();
/// # if false { // The program of a page has no file beside it.
/// reenact::assert_history!(host.history("order-7").await, "golden/order-7.txt");
/// # }
/// # });
/// ```
///
/// # Panics
/// When the history is another one: with a diff of both. When there is no golden text: with the history.
#[macro_export]
macro_rules! assert_history {
    ($history:expr, $golden:expr $(,)?) => {
        $crate::testing::assert_golden(&$history, $golden, env!("CARGO_MANIFEST_DIR"), file!())
    };
}

/// The variable that lets golden texts be written.
const UPDATE: &str = "REENACT_UPDATE_GOLDEN";

/// The lines around a difference.
const CONTEXT: usize = 3;

/// Why a history is not its golden text. Its `Debug` is its text, so that an `unwrap` reads well.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum GoldenError {
    /// It is another one.
    #[error(
        "the history is not as the golden text says (`-` is the golden text, `+` is this run)\n\n{diff}\nif that is as it should \
         be: {UPDATE}=1"
    )]
    Different {
        /// The differences, as lines.
        diff: String,
    },
    /// There is no golden text.
    #[error(
        "there is no golden text {path:?}: {UPDATE}=1 writes this one, if it is as it should be\n\n{history}"
    )]
    Missing {
        /// Where it would be.
        path: PathBuf,
        /// What it would be.
        history: String,
    },
    /// The file cannot be read or written.
    #[error("the golden text {path:?}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The failure underneath.
        #[source]
        source: io::Error,
    },
}

impl fmt::Debug for GoldenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// For [`assert_history!`](crate::assert_history): `golden` is relative to the source file, which is relative to the
/// workspace of the package.
#[doc(hidden)]
#[track_caller]
pub fn assert_golden(history: &HistoryText, golden: &str, package: &str, source: &str) {
    let path = beside(source, Path::new(package)).join(golden);
    if let Err(error) = history.compare_to(path) {
        panic!("{error}");
    }
}

/// The folder of a source file.
fn beside(source: &str, package: &Path) -> PathBuf {
    let mut roots = package.ancestors().map(|root| root.join(source));
    let file = roots.find(|file| file.is_file());
    // Without its sources, as where a test was built on another machine: the package has the file.
    let folder = file.as_deref().and_then(Path::parent);
    folder.map_or_else(|| package.to_owned(), Path::to_owned)
}

pub(super) fn compare(history: &HistoryText, golden: &Path) -> Result<(), GoldenError> {
    let failed = |source| GoldenError::Io { path: golden.to_owned(), source };
    if std::env::var_os(UPDATE).is_some_and(|update| update == "1") {
        if let Some(folder) = golden.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        return std::fs::write(golden, history.as_str()).map_err(failed);
    }
    let expected = match std::fs::read_to_string(golden) {
        Ok(expected) => expected.replace("\r\n", "\n"),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let history = history.to_string();
            return Err(GoldenError::Missing { path: golden.to_owned(), history });
        }
        Err(error) => return Err(failed(error)),
    };
    if expected == history.as_str() {
        return Ok(());
    }
    let diff = TextDiff::from_lines(expected.as_str(), history.as_str());
    let (golden, this) = (golden.display().to_string(), "this run");
    let diff = diff.unified_diff().context_radius(CONTEXT).header(&golden, this).to_string();
    Err(GoldenError::Different { diff })
}
