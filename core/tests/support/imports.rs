//! Which file of the crate imports which, read from the `use` lines and the paths in its code.
//!
//! What a file only exports again (`pub use`) is no import of that file: who takes a name through it imports
//! the file that defines the name. Tests and comments do not count.

#![allow(dead_code, reason = "each crate's test takes what it needs")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// A module, as the names on the way to it; the root is empty.
type Module = Vec<String>;

struct Source {
    /// Names that the module exports again, with the paths that they stand for.
    exported_again: BTreeMap<String, Module>,
    /// Paths that the code of the module names, from the root.
    named: Vec<Module>,
}

pub(crate) struct Imports {
    /// For each module those that it imports, with the names that it takes from them.
    of: BTreeMap<Module, BTreeMap<Module, BTreeSet<String>>>,
}

impl Imports {
    /// The imports among the files of this crate's `src`.
    pub(crate) fn of_crate() -> Self {
        let mut texts = BTreeMap::new();
        read_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &Vec::new(), &mut texts);
        assert!(texts.len() > 50, "the sources are not where they are looked for");
        Self::of(&texts)
    }

    /// The imports among modules with these texts.
    pub(crate) fn of(texts: &BTreeMap<Module, String>) -> Self {
        let sources =
            texts.iter().map(|(module, text)| (module, Source::read(module, text, texts)));
        let sources: BTreeMap<_, _> = sources.collect();
        let mut of = BTreeMap::new();
        for (module, source) in &sources {
            let mut imported: BTreeMap<Module, BTreeSet<String>> = BTreeMap::new();
            for path in &source.named {
                let (definer, name) = definer(path, &sources);
                // The root defines nothing; it declares the modules.
                if definer != **module && !definer.is_empty() {
                    imported.entry(definer).or_default().insert(name);
                }
            }
            of.insert((*module).clone(), imported);
        }
        Self { of }
    }

    /// The imports of modules from a floor above their own, by the floors that the root declares.
    pub(crate) fn upward(&self, root: &str) -> Vec<String> {
        let floors = floors(root);
        let floor_of = |module: &str| {
            floors.get(module).unwrap_or_else(|| panic!("`{module}` stands on no floor in lib.rs"))
        };
        let among = self.among_top_modules().into_iter();
        let among = among.map(|(from, to)| (floor_of(&from), from, floor_of(&to), to));
        let upward = among.filter(|(below, _, above, _)| above > below);
        let named =
            |(below, from, above, to)| format!("{from} (floor {below}) -> {to} (floor {above})");
        upward.map(named).collect()
    }

    /// The imports of the modules right below the root from each other.
    fn among_top_modules(&self) -> BTreeSet<(String, String)> {
        let all = self.of.iter().flat_map(|(from, to)| to.keys().map(move |to| (from, to)));
        let tops = all.filter_map(|(from, to)| Some((from.first()?.clone(), to.first()?.clone())));
        tops.filter(|(from, to)| from != to).collect()
    }

    /// The sets of modules, each of which can be reached from each other one of its set.
    pub(crate) fn circles(&self) -> Vec<Vec<Module>> {
        let reached: BTreeMap<_, _> =
            self.of.keys().map(|from| (from, self.reached(from))).collect();
        let mut circles = BTreeSet::new();
        for (module, reaches) in &reached {
            let circle = reaches.iter().filter(|other| reached[other].contains(*module));
            let circle: Vec<_> = circle.cloned().collect();
            if !circle.is_empty() {
                circles.insert(circle);
            }
        }
        circles.into_iter().collect()
    }

    /// All that a module imports, and what that imports, and so on.
    fn reached(&self, from: &Module) -> BTreeSet<Module> {
        let mut reached = BTreeSet::new();
        let mut open: Vec<_> = self.of[from].keys().collect();
        while let Some(module) = open.pop() {
            if reached.insert(module.clone()) {
                open.extend(self.of[module].keys());
            }
        }
        reached
    }

    /// The imports within a circle, one a line.
    pub(crate) fn describe(&self, circle: &[Module]) -> String {
        let mut lines = Vec::new();
        for from in circle {
            for (to, names) in self.of[from].iter().filter(|(to, _)| circle.contains(to)) {
                let names = Vec::from_iter(names.iter().map(String::as_str)).join(", ");
                lines.push(format!("  {} -> {}: {names}", from.join("::"), to.join("::")));
            }
        }
        lines.join("\n")
    }
}

impl Source {
    fn read(module: &Module, text: &str, texts: &BTreeMap<Module, String>) -> Self {
        let text = code_of(text);
        let (mut exported_again, mut named) = (BTreeMap::new(), Vec::new());
        let mut rest = String::new();
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            let Some((is_public, start)) = use_line(line) else {
                rest.push_str(line);
                rest.push('\n');
                continue;
            };
            let mut statement = start.to_string();
            while !statement.contains(';') {
                statement.push_str(lines.next().expect("a `use` ends with a semicolon"));
            }
            for path in paths_of(statement.trim_end().trim_end_matches(';')) {
                let Some(path) = from_root(module, &path, texts) else { continue };
                if is_public {
                    exported_again.insert(path.last().cloned().unwrap_or_default(), path);
                } else {
                    named.push(path);
                }
            }
        }
        let paths = rest.match_indices("crate::").chain(rest.match_indices("super::"));
        for (at, _) in paths.filter(|(at, _)| !rest[..*at].ends_with([':', '_'])) {
            let path = rest[at..].split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
            let path = path.map(|path| path.trim_end_matches(':')).next().unwrap_or_default();
            let path: Vec<_> = path.split("::").map(String::from).collect();
            named.extend(from_root(module, &path, texts));
        }
        Self { exported_again, named }
    }
}

/// The floor of each module that the root declares.
fn floors(root: &str) -> BTreeMap<&str, usize> {
    let (mut floor, mut floors) = (0, BTreeMap::new());
    for line in root.lines() {
        if line.starts_with("// Floor ") {
            floor += 1;
            assert!(line.starts_with(&format!("// Floor {floor}:")), "not the next floor: {line}");
        }
        let declared = line.strip_prefix("pub ").unwrap_or(line).strip_prefix("mod ");
        if let Some(module) = declared.and_then(|declared| declared.strip_suffix(';')) {
            floors.insert(module, floor);
        }
    }
    assert!(floor > 3, "the floors are not where they are looked for");
    floors
}

/// Puts the text of each file of a folder under its module, but for modules of tests.
fn read_folder(folder: &Path, module: &Module, texts: &mut BTreeMap<Module, String>) {
    for entry in fs::read_dir(folder).expect("the sources can be read") {
        let path = entry.expect("the sources can be read").path();
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a name in Unicode");
        if name == "tests" {
            continue;
        }
        let mut inner = module.clone();
        if name != "lib" {
            inner.push(name.to_string());
        }
        if path.is_dir() {
            read_folder(&path, &inner, texts);
        } else {
            texts.insert(inner, fs::read_to_string(&path).expect("the sources can be read"));
        }
    }
}

/// A text without its comments and without its module of tests, which is the last thing in a file. A module of
/// tests that has a file of its own is only declared here.
fn code_of(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    Vec::from_iter(lines.map(without_scope)).join("\n")
}

/// A line whose `pub(in a::b)` is a mere `pub`: who may see a name is no import.
fn without_scope(line: &str) -> String {
    let scope = line.split_once("pub(in ").and_then(|(before, scope)| {
        scope.split_once(')').map(|(_, after)| format!("{before}pub{after}"))
    });
    scope.unwrap_or_else(|| line.to_string())
}

/// What is used in a line that begins a `use`, and whether it is exported again.
fn use_line(line: &str) -> Option<(bool, &str)> {
    let line = line.trim_start();
    let inner = line.strip_prefix("pub(crate) ").or_else(|| line.strip_prefix("pub(super) "));
    let public = inner.or_else(|| line.strip_prefix("pub "));
    let used = public.unwrap_or(line).strip_prefix("use ")?;
    Some((public.is_some(), used))
}

/// The paths of a tree: `a::{b, c::{d, e}}` has `a::b`, `a::c::d` and `a::c::e`.
fn paths_of(tree: &str) -> Vec<Vec<String>> {
    let Some((stem, branches)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or_default();
        return vec![path.split("::").map(|name| name.trim().to_string()).collect()];
    };
    let branches = branches.trim_end().strip_suffix('}').expect("braces are closed");
    let (mut depth, mut paths) = (0, Vec::new());
    let branches = branches.split(|c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0
    });
    for branch in branches.filter(|branch| !branch.trim().is_empty()) {
        for path in paths_of(branch.trim()) {
            let stem = stem.trim().trim_end_matches("::").split("::").map(String::from);
            paths.push(stem.chain(path).collect());
        }
    }
    paths
}

/// A path from the root of the crate; nothing where it leads out of it.
fn from_root(module: &Module, path: &[String], texts: &BTreeMap<Module, String>) -> Option<Module> {
    let (first, rest) = path.split_first()?;
    let mut from = module.clone();
    match first.as_str() {
        "crate" => from.clear(),
        "self" => {}
        "super" => {
            from.pop();
            if rest.first().is_some_and(|next| next == "super") {
                return from_root(&from, rest, texts);
            }
        }
        child => {
            from.push(child.to_string());
            // The name of another crate, or of what the file defines itself.
            texts.get(&from)?;
        }
    }
    from.extend(rest.iter().filter(|name| *name != "self").cloned());
    Some(from)
}

/// The module that defines what a path names, and the name.
fn definer(path: &Module, sources: &BTreeMap<&Module, Source>) -> (Module, String) {
    let mut module = Module::new();
    let mut names = path.iter();
    for name in names.by_ref() {
        module.push(name.clone());
        if sources.contains_key(&module) {
            continue;
        }
        module.pop();
        return match sources[&module].exported_again.get(name) {
            Some(target) => definer(target, sources),
            None => (module, name.clone()),
        };
    }
    (module, "itself".to_string())
}
