//! The fake archive keeps the contract of an archive, because other tests rest on it.

use reenact_testkit::archive::FakeArchive;
use reenact_testkit::disk::FakeDisk;

reenact_testkit::archive_conformance_tests!(|check: fn(&FakeArchive)| check(&FakeArchive::new(
    FakeDisk::new()
)));
