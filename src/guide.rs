//! The guide: what an orchestration can do, in programs that run as tests.
#![doc = include_str!("../docs/guide.md")]
