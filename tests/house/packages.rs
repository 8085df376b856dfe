//! Each crate that is published says what it is, and has its README, its licences and its examples in order.

use crate::tree;

/// What the manifest of a published crate must have.
const MUST_HAVE: &[&str] = &[
    "description = ",
    "license",
    "readme = \"README.md\"",
    "keywords = ",
    "categories = ",
    "include = ",
    "[package.metadata.docs.rs]",
];

#[test]
fn each_published_crate_says_what_it_is() {
    let mut complaints = Vec::new();
    for folder in published() {
        let manifest = tree::read(&format!("{folder}Cargo.toml"));
        let missing = MUST_HAVE.iter().filter(|item| !manifest.contains(**item));
        complaints.extend(missing.map(|item| format!("{folder}Cargo.toml has no `{item}`")));
    }
    tree::expect_none(&complaints, "manifests that say too little:");
}

#[test]
fn each_published_crate_has_a_readme_and_both_licences() {
    for folder in published() {
        for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
            let text = tree::read(&format!("{folder}{licence}"));
            assert!(text == tree::read(licence), "{folder}{licence} is not that of the root");
        }
        let readme = tree::read(&format!("{folder}README.md"));
        assert!(readme.starts_with("# reenact"), "{folder}README.md does not begin with its name");
    }
}

#[test]
fn an_example_that_needs_a_feature_says_so() {
    let (manifest, sidecar) = (tree::read("Cargo.toml"), tree::read("sidecar/Cargo.toml"));
    // An example that the sidecar names is built with it.
    let is_ours =
        |path: &&String| path.starts_with("examples/") && !sidecar.contains(path.as_str());
    for path in tree::files(&["rs"]).iter().filter(is_ours) {
        let name = path.trim_start_matches("examples/").trim_end_matches(".rs");
        // An example of several files is a folder.
        let name = name.split('/').next().unwrap_or(name);
        let entry = format!("[[example]]\nname = \"{name}\"\nrequired-features = ");
        let features = manifest.split(&entry).nth(1).and_then(|rest| rest.lines().next());
        let text = tree::read(path);
        for (needs, feature) in
            [("Local::", "local"), ("Azure::", "azure"), ("reenact::console", "console")]
        {
            let says_so = features.is_some_and(|list| list.contains(&format!("\"{feature}\"")));
            assert!(
                says_so || !text.contains(needs),
                "{path} needs the feature `{feature}`: say so in Cargo.toml"
            );
        }
    }
}

/// The folders of the crates that are published.
fn published() -> Vec<String> {
    let manifests = tree::files(&["toml"]).into_iter();
    let manifests = manifests.filter(|path| path == "Cargo.toml" || path.ends_with("/Cargo.toml"));
    let ours = manifests.filter(|path| !tree::read(path).contains("publish = false"));
    let folders: Vec<_> =
        ours.map(|path| path.trim_end_matches("Cargo.toml").to_string()).collect();
    assert!(folders.len() >= 6, "the crates are not where they are looked for: {folders:?}");
    folders
}
