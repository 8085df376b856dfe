//! The crate can be read from the ground up: its modules stand on floors, each of which imports only from
//! itself and those below it, and no files import each other in a circle.

#[path = "../../core/tests/support/imports.rs"]
mod imports;

use imports::Imports;

/// The root of the crate: it declares the modules, one floor after the other.
const ROOT: &str = include_str!("../src/lib.rs");

#[test]
fn no_files_import_each_other_in_a_circle() {
    let imports = Imports::of_crate();
    let circles = imports.circles();
    let found: Vec<_> = circles.iter().map(|circle| imports.describe(circle)).collect();
    assert!(circles.is_empty(), "files that import each other:\n{}", found.join("\n\n"));
}

#[test]
fn no_module_imports_from_a_floor_above_its_own() {
    let upward = Imports::of_crate().upward(ROOT);
    assert!(upward.is_empty(), "imports from a floor above:\n{}", upward.join("\n"));
}
