//! Looks through stores, and at the machine below them.
//!
//! ```
//! # use reenact::prelude::*;
//! use reenact::doctor::{self, Severity};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> reenact::Result<()> {
//! # let path = std::env::temp_dir().join(format!("reenact-doctor-{}", std::process::id()));
//! # drop(Local::open(&path)?);
//! let findings = doctor::check_directory(&path, |_| {}).await?;
//! assert!(findings.iter().all(|finding| finding.severity == Severity::Info), "it is healthy");
//! # std::fs::remove_dir_all(path).expect("it is there");
//! # Ok(())
//! # }
//! ```

pub use reenact_actors::doctor::{Looked, check_store};
#[cfg(feature = "local")]
pub use reenact_providers::check_machine;
pub use reenact_providers::{Finding, Severity};

/// Looks through a directory in which no host works: whether it can be opened, each of its journals read, whether
/// SQLite finds its archive whole, and all that [`check_store`] looks at. Not one byte of it is changed. Not looked at is
/// the machine: see [`check_machine`].
///
/// It reads all that is stored, and blocks the thread while SQLite looks through the archive.
///
/// # Errors
/// [`Error::Open`](crate::Error::Open) when a host has it open, and when there is no store;
/// [`Error::Store`](crate::Error::Store) when it cannot be read. What is damaged is a finding, and no error.
#[cfg(feature = "local")]
pub async fn check_directory(
    path: impl AsRef<std::path::Path>,
    progress: impl FnMut(&Looked),
) -> crate::Result<Vec<Finding>> {
    check_directory_through(path, |store| store, progress).await
}

/// As [`check_directory`], of a store that is read through something: [`Encoded`](crate::Encoded).
///
/// # Errors
/// As [`check_directory`].
#[cfg(feature = "local")]
pub async fn check_directory_through<P: reenact_providers::Provider>(
    path: impl AsRef<std::path::Path>,
    through: impl FnOnce(reenact_providers::Local) -> P,
    progress: impl FnMut(&Looked),
) -> crate::Result<Vec<Finding>> {
    use reenact_providers::{Local, OpenError};

    let path = path.as_ref();
    let store = match Local::open_read_only(path) {
        Ok(store) => through(store),
        Err(none @ (OpenError::InUse { .. } | OpenError::NoStore { .. })) => {
            return Err(none.into());
        }
        Err(damage) => {
            let advice = "mend that first: nothing else could be looked at";
            let place = path.display().to_string();
            return Ok(vec![Finding::error(place, damage.to_string(), advice)]);
        }
    };
    let mut findings = store.check();
    findings.extend(check_store(&reenact_actors::Access::read_only(&store), progress).await?);
    Ok(findings)
}
