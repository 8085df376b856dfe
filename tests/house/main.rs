//! The rules of this repository for its own files: size, first lines, manifests, words that are no longer used,
//! links of the documents, and what ARCHITECTURE.md says of the code.

mod architecture;
mod files;
mod markdown;
mod packages;
mod pages;
mod telemetry;
mod tree;
mod words;
