//! The inputs that `fuzz/corpus` keeps, through the checks that the fuzz targets make of any input.
// The targets are a package of their own, which keeps to the usual lints.
#![allow(clippy::pedantic)]
#![cfg(not(target_arch = "wasm32"))]

#[path = "../fuzz/src/lib.rs"]
mod checks;

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

/// Replays one input, naming it if the check does not hold.
fn replay(check: checks::Check, what: &str, input: &[u8]) {
    assert!(catch_unwind(AssertUnwindSafe(|| check(input))).is_ok(), "the check does not hold for {what}");
}

#[test]
fn what_is_kept_holds() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let folders: BTreeSet<String> = entries(&corpus).iter().map(|path| name(path)).collect();
    assert_eq!(folders, checks::TARGETS.iter().map(|(target, _)| (*target).to_owned()).collect());
    for (target, check) in checks::TARGETS {
        let inputs = entries(&corpus.join(target));
        assert!(inputs.len() >= 3, "{target} has hardly any inputs");
        for path in inputs {
            let (what, input) = (format!("{target}/{}", name(&path)), fs::read(&path).unwrap());
            replay(check, &what, &input);
            // What is cut short has to be refused as well as what is whole is understood.
            for end in 0..input.len().min(256) {
                replay(check, &format!("the first {end} bytes of {what}"), &input[..end]);
            }
        }
    }
}

#[test]
fn every_target_is_run_by_the_fuzzer() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest = fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
    let files: BTreeSet<String> = entries(&fuzz.join("fuzz_targets")).iter().map(|path| name(path)).collect();
    assert_eq!(files, checks::TARGETS.iter().map(|(target, _)| format!("{target}.rs")).collect());
    for (target, _) in checks::TARGETS {
        assert!(manifest.contains(&format!("name = \"{target}\"")), "{target} is not in fuzz/Cargo.toml");
        let source = fs::read_to_string(fuzz.join("fuzz_targets").join(format!("{target}.rs"))).unwrap();
        assert!(source.contains(&format!("isocache_fuzz::{target}::check(input)")), "{target} checks something else");
    }
}
