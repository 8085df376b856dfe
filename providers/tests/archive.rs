//! The archives of this crate keep their contract, and report what is damaged.
#![allow(clippy::unwrap_used, reason = "in a test, an error that nobody expects is to panic")]

#[cfg(feature = "blobs")]
#[path = "archive/blobs.rs"]
mod blobs;
#[path = "archive/files.rs"]
mod files;
#[path = "archive/kit.rs"]
mod kit;
#[path = "archive/packs.rs"]
mod packs;
#[path = "archive/rot.rs"]
mod rot;

mod sqlite {
    use reenact_providers::local::SqliteArchive;

    use crate::kit::{JOURNAL, Scratch};

    reenact_testkit::archive_conformance_tests!(|check: fn(&SqliteArchive)| {
        let scratch = Scratch::new();
        check(&SqliteArchive::create(&scratch.path("archive.db"), JOURNAL).unwrap());
    });
}

/// The same where all that can be is in packs.
mod packed {
    use reenact_providers::local::SqliteArchive;

    use crate::kit::{JOURNAL, Scratch};

    reenact_testkit::archive_conformance_tests!(|check: fn(&SqliteArchive)| {
        let scratch = Scratch::new();
        let archive = SqliteArchive::create(&scratch.path("archive.db"), JOURNAL).unwrap();
        check(&archive.packed_from(1));
    });
}
