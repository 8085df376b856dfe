//! The conformance suite on real files.

use reenact_providers::{Local, ManualClock};
use reenact_testkit::conformance::Hub;

use super::kit::{Scratch, options};

struct Directory {
    scratch: Scratch,
    clock: ManualClock,
    flush_bytes: usize,
    large_payloads: bool,
}

impl Directory {
    fn new(clock: ManualClock, flush_bytes: usize) -> Self {
        Self { scratch: Scratch::new(), clock, flush_bytes, large_payloads: false }
    }

    fn with_large_payloads(clock: ManualClock, flush_bytes: usize) -> Self {
        Self { large_payloads: true, ..Self::new(clock, flush_bytes) }
    }
}

impl Hub for Directory {
    type Provider = Local;

    async fn open(&self) -> Local {
        let options = options(self.flush_bytes).clock(self.clock.clone());
        let options = options.large_payloads(self.large_payloads);
        options.open(self.scratch.join("store")).unwrap()
    }
}

mod before_it_is_archived {
    reenact_testkit::conformance_tests!(|clock| async move {
        super::Directory::new(clock, usize::MAX / 2)
    });
}

mod once_it_is_archived {
    reenact_testkit::conformance_tests!(|clock| async move { super::Directory::new(clock, 1) });
}

mod with_large_payloads {
    reenact_testkit::conformance_tests!(|clock| async move {
        super::Directory::with_large_payloads(clock, usize::MAX / 2)
    });
    reenact_testkit::large_payload_conformance_tests!(|clock| async move {
        super::Directory::with_large_payloads(clock, 1)
    });
}
