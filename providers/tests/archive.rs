//! Archives keep what they are given, and tell what is wrong with it.
#![allow(clippy::unwrap_used, reason = "in a test, an error that nobody expects is to panic")]

#[path = "archive/kit.rs"]
mod kit;
#[path = "archive/suite.rs"]
#[macro_use]
mod suite;
#[cfg(feature = "blobs")]
#[path = "archive/blobs.rs"]
mod blobs;
#[path = "archive/files.rs"]
mod files;
#[path = "archive/packs.rs"]
mod packs;
#[path = "archive/rot.rs"]
mod rot;

mod sqlite {
    use reenact_providers::local::SqliteArchive;

    use crate::kit::{JOURNAL, Scratch};

    archive_suite!(|check: fn(&SqliteArchive)| {
        let scratch = Scratch::new();
        check(&SqliteArchive::create(&scratch.path("archive.db"), JOURNAL).unwrap());
    });
}

/// The same where all that can be is in packs.
mod packed {
    use reenact_providers::local::SqliteArchive;

    use crate::kit::{JOURNAL, Scratch};

    archive_suite!(|check: fn(&SqliteArchive)| {
        let scratch = Scratch::new();
        let archive = SqliteArchive::create(&scratch.path("archive.db"), JOURNAL).unwrap();
        check(&archive.packed_from(1));
    });
}

/// What stands for an archive in other tests must be one.
mod fake {
    use reenact_testkit::archive::FakeArchive;
    use reenact_testkit::disk::FakeDisk;

    archive_suite!(|check: fn(&FakeArchive)| check(&FakeArchive::new(FakeDisk::new())));
}
