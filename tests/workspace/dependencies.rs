//! How many dependencies each feature brings, as the READMEs say.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The most that `isocache` depends on directly, where no feature is chosen.
const MANDATORY: usize = 6;

/// The packages that cargo compiles for one package on Linux, by their names and versions; without itself. `depth` 1 has
/// only those on which it depends directly.
fn tree(package: &str, features: &str, depth: Option<u32>) -> BTreeSet<String> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    cargo.args(["tree", "--locked", "--edges", "normal,build", "--target", "x86_64-unknown-linux-gnu"]);
    cargo.args(["--prefix", "none", "--format", "{p}", "--package", package]);
    if features != "default" {
        cargo.arg("--no-default-features");
        cargo.args(["--features", if features == "none" { "" } else { features }]);
    }
    if let Some(depth) = depth {
        cargo.args(["--depth", &depth.to_string()]);
    }
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    let packages = lines.lines().map(|line| line.split(" (").next().unwrap().to_owned());
    packages.filter(|name| !name.is_empty() && !name.starts_with(&format!("{package} v"))).collect()
}

/// The rows of the table with these columns: the features, the direct dependencies, the packages in the tree.
fn table(readme: &str) -> Vec<(String, usize, usize)> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(readme)).unwrap();
    let header = "| features | direct dependencies | crates in the tree |";
    let rows = text.lines().skip_while(|line| *line != header).skip(2).take_while(|line| line.starts_with('|'));
    let rows: Vec<_> = rows
        .map(|row| {
            let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
            let [features, direct, all] = cells[..] else { panic!("{readme}: {row}") };
            (features.replace('`', "").replace(", ", ","), direct.parse().unwrap(), all.parse().unwrap())
        })
        .collect();
    assert!(!rows.is_empty(), "{readme} has no table with the columns {header}");
    rows
}

#[test]
fn the_readmes_say_how_many_there_are() {
    let mut wrong = Vec::new();
    for (package, readme) in [("isocache", "README.md"), ("isocache-bridge", "crates/bridge/README.md")] {
        for (features, direct, all) in table(readme) {
            let found = (tree(package, &features, Some(1)).len(), tree(package, &features, None).len());
            if found != (direct, all) {
                let (found_direct, found_all) = found;
                wrong.push(format!(
                    "{readme}, {features}: {direct} direct and {all} in all, but there are {found_direct} and {found_all}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "correct the tables, if the new dependencies are worth it:\n{}", wrong.join("\n"));
}

#[test]
fn the_table_has_each_feature() {
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    let features = manifest.split_once("[features]").unwrap().1.split("\n[").next().unwrap();
    let features = features.lines().filter_map(|line| line.split_once(" = "));
    let features: BTreeSet<&str> =
        features.map(|(name, _)| name.trim()).filter(|name| !name.starts_with('#')).collect();
    let rows: BTreeSet<String> = table("README.md").into_iter().map(|(features, _, _)| features).collect();
    for feature in features {
        // Everything of `js` is for WebAssembly.
        assert!(feature == "js" || rows.contains(feature), "{feature} has no row");
    }
    assert!(rows.contains("none"));
}

#[test]
fn a_memory_cache_needs_few() {
    let needed = tree("isocache", "none", Some(1));
    assert!(needed.len() <= MANDATORY, "{needed:?}");
}
