//! The conformance suite on real files.

use reenact_providers::{Local, ManualClock};
use reenact_testkit::conformance::Hub;

use super::kit::{Scratch, options};

struct Directory {
    scratch: Scratch,
    clock: ManualClock,
    flush_bytes: usize,
}

impl Directory {
    fn new(clock: ManualClock, flush_bytes: usize) -> Self {
        Self { scratch: Scratch::new(), clock, flush_bytes }
    }
}

impl Hub for Directory {
    type Provider = Local;

    async fn open(&self) -> Local {
        let options = options(self.flush_bytes).clock(self.clock.clone());
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
