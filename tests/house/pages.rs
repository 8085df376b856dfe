//! The documents: each link leads somewhere, the book has each page, and the pages that are read first are
//! short.

use std::path::{Component, Path, PathBuf};

use crate::markdown;
use crate::tree;

/// The table of contents of the book.
const SUMMARY: &str = "docs/SUMMARY.md";

#[test]
fn each_link_to_a_file_or_an_anchor_leads_somewhere() {
    let mut complaints = Vec::new();
    for path in tree::files(&["md"]) {
        for link in markdown::links(&tree::read(&path)) {
            if let Some(complaint) = complaint_of(&path, &link.target) {
                complaints.push(format!("{path}:{}: {} {complaint}", link.line, link.target));
            }
        }
    }
    tree::expect_none(&complaints, "links that lead nowhere:");
}

#[test]
fn the_book_has_each_page_of_its_folder() {
    let targets = markdown::links(&tree::read(SUMMARY)).into_iter().map(|link| link.target);
    let listed: Vec<_> = targets.map(|target| format!("docs/{target}")).collect();
    let pages = tree::files(&["md"]).into_iter().filter(|path| path.starts_with("docs/"));
    let missing: Vec<_> = pages.filter(|page| page != SUMMARY && !listed.contains(page)).collect();
    tree::expect_none(&missing, "pages that docs/SUMMARY.md does not have:");
}

#[test]
fn readme_and_architecture_stay_short() {
    let lines = |page: &str| tree::read(page).lines().count();
    assert!(lines("README.md") <= 250, "README.md has {} lines", lines("README.md"));
    assert!(lines("ARCHITECTURE.md") <= 300, "ARCHITECTURE.md has {}", lines("ARCHITECTURE.md"));
}

/// What is wrong with a link of a page.
fn complaint_of(page: &str, target: &str) -> Option<&'static str> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = if file.is_empty() { PathBuf::from(page) } else { beside(page, file)? };
    if !tree::root().join(&path).exists() {
        return Some("does not exist");
    }
    let in_book = |path: &Path| path.starts_with("docs");
    if in_book(Path::new(page)) && !in_book(&path) {
        return Some("is not a page of the book");
    }
    let path = path.to_str()?;
    let has_anchor = || markdown::anchors(&tree::read(path)).iter().any(|known| known == anchor);
    (!anchor.is_empty() && path.ends_with(".md") && !has_anchor()).then_some("has no such heading")
}

/// A path from the page that names it, from the root of the repository.
fn beside(page: &str, file: &str) -> Option<PathBuf> {
    let mut path = Path::new(page).parent()?.to_path_buf();
    for component in Path::new(file).components() {
        match component {
            Component::ParentDir => {
                path.pop();
            }
            Component::Normal(name) => path.push(name),
            _ => {}
        }
    }
    Some(path)
}
