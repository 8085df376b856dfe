//! The crate can be read from the ground up: its modules stand on floors, each of which imports only from
//! itself and those below it, and no files import each other in a circle.

#[path = "support/imports.rs"]
mod imports;

use imports::Imports;

/// The root of the crate: it declares the modules, one floor after the other.
const ROOT: &str = include_str!("../src/lib.rs");

#[test]
fn no_files_import_each_other_in_a_circle() {
    let imports = Imports::of_crate();
    let circles = imports.circles();
    let described: Vec<_> = circles.iter().map(|circle| imports.describe(circle)).collect();
    assert!(circles.is_empty(), "files that import each other:\n{}", described.join("\n\n"));
}

#[test]
fn no_module_imports_from_a_floor_above_its_own() {
    let upward = Imports::of_crate().upward(ROOT);
    assert!(upward.is_empty(), "imports from a floor above:\n{}", upward.join("\n"));
}

#[test]
fn a_circle_is_found_and_named_with_what_ties_it() {
    let imports = imports_of([
        ("", "mod a; mod b; mod c;"),
        ("a", "use crate::b::{self, Inner as Other};\nfn f() {}"),
        ("b", "mod inner;\npub use inner::Inner;\nfn g() { crate::c::h(); }"),
        ("b::inner", "use crate::a::A;\npub struct Inner(A);"),
        ("c", "// use crate::a::A;\nfn h() {}\n#[cfg(test)]\nmod tests {\n    use crate::a::A;\n}"),
    ]);
    let circles = imports.circles();
    assert_eq!(circles, [[module("a"), module("b::inner")]]);
    assert_eq!(imports.describe(&circles[0]), "  a -> b::inner: Inner\n  b::inner -> a: A");
}

#[test]
fn what_a_file_exports_again_is_no_import_of_it() {
    let imports = imports_of([
        ("a", "mod part;\npub(crate) use part::{Part, Whole};"),
        ("a::part", "use super::super::b::B;\npub(crate) struct Part(B);"),
        ("b", "use crate::a::Part;"),
        ("", ""),
    ]);
    assert_eq!(imports.describe(&imports.circles()[0]), "  a::part -> b: B\n  b -> a::part: Part");
    assert_eq!(imports.circles().len(), 1);
}

#[test]
fn who_may_see_a_name_is_no_import() {
    let imports = imports_of([
        ("", "mod a;"),
        ("a", "mod part;\nuse part::Part;"),
        ("a::part", "pub(in crate::a) struct Part;\npub(in crate::a) use other::Other;"),
    ]);
    assert!(imports.circles().is_empty());
}

fn imports_of<const N: usize>(texts: [(&str, &str); N]) -> Imports {
    Imports::of(&texts.map(|(path, text)| (module(path), text.to_string())).into())
}

fn module(path: &str) -> Vec<String> {
    path.split("::").filter(|name| !name.is_empty()).map(String::from).collect()
}
