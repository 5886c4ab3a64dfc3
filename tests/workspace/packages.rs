//! What the packages that are published have in common.

use std::fs;
use std::path::{Path, PathBuf};

/// The packages that are published, in the order in which they can be.
const PUBLISHED: [&str; 6] =
    ["crates/key-pattern", "crates/macros", "crates/protocol", ".", "crates/simulate", "crates/bridge"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn each_has_the_licences_and_a_readme() {
    for package in PUBLISHED {
        for licence in ["LICENSE-APACHE", "LICENSE-MIT"] {
            assert_eq!(read(Path::new(package).join(licence)), read(licence), "{package}");
        }
        assert!(!read(Path::new(package).join("README.md")).is_empty());
    }
}

#[test]
fn each_says_where_it_comes_from() {
    for package in PUBLISHED {
        let manifest = read(Path::new(package).join("Cargo.toml"));
        for field in [
            "version.workspace",
            "license.workspace",
            "repository.workspace",
            "rust-version.workspace",
            "description",
            "documentation",
            "readme",
            "keywords",
            "categories",
            "include",
        ] {
            let given = manifest.lines().any(|line| line.starts_with(&format!("{field} = ")));
            assert!(given, "{package}/Cargo.toml has no {field}");
        }
    }
}

#[test]
fn the_others_are_not_published() {
    for package in [
        "benches/cache-reader",
        "crates/page",
        "crates/wasm",
        "docs",
        "fuzz",
        "tests/instructions",
        "tests/servers",
        "xtask",
    ] {
        let manifest = read(Path::new(package).join("Cargo.toml"));
        assert!(manifest.contains("publish = false"), "{package} would be published");
    }
}

#[test]
fn all_have_one_version() {
    let manifest = read("Cargo.toml");
    let of_package = manifest.split_once("[workspace.package]").unwrap().1.split_once("version = \"").unwrap().1;
    let version = of_package.split('"').next().unwrap();
    let shared = manifest.split_once("[workspace.dependencies]").unwrap().1.split("\n[").next().unwrap();
    for line in shared.lines().filter(|line| line.starts_with("isocache") && line.contains("version")) {
        assert!(line.contains(&format!("version = \"={version}\"")), "not version {version}: {line}");
    }
    let npm: serde_json::Value = serde_json::from_str(&read("pkg/package.json")).unwrap();
    assert_eq!(npm["version"], version, "pkg/package.json");
}
