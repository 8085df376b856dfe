//! The rules of this repository for its own files: their size and first lines, words that are no longer used,
//! links of the documents, and what ARCHITECTURE.md says of the code.

#[path = "house/architecture.rs"]
mod architecture;
#[path = "house/files.rs"]
mod files;
#[path = "house/markdown.rs"]
mod markdown;
#[path = "house/pages.rs"]
mod pages;
#[path = "house/tree.rs"]
mod tree;
#[path = "house/words.rs"]
mod words;
