//! Runs the checks of the fuzz targets on the inputs in `fuzz/corpus` and on mutations of them.
// The targets are a separate package with the default lints.
#![allow(clippy::pedantic)]

#[path = "../../../../fuzz/src/lib.rs"]
mod checks;

use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng};

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

/// Replays one input, and names it if the check fails.
fn replay(check: checks::Check, what: &str, input: &[u8]) {
    assert!(catch_unwind(AssertUnwindSafe(|| check(input))).is_ok(), "the check fails for {what}");
}

#[test]
fn the_corpus_passes() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    let folders: BTreeSet<String> = entries(&corpus).iter().map(|path| name(path)).collect();
    assert_eq!(folders, checks::TARGETS.iter().map(|(target, _)| (*target).to_owned()).collect());
    for (target, check) in checks::TARGETS {
        let inputs = entries(&corpus.join(target));
        assert!(inputs.len() >= 3, "{target} has hardly any inputs");
        for path in inputs {
            let (what, input) = (format!("{target}/{}", name(&path)), fs::read(&path).unwrap());
            replay(check, &what, &input);
            // A truncated input must be handled, too.
            for end in 0..input.len().min(256) {
                replay(check, &format!("the first {end} bytes of {what}"), &input[..end]);
            }
        }
    }
}

/// The number of mutations for each target. They are the same in every run.
const MUTATIONS: u32 = 20_000;

/// The maximum length of a mutation.
const MAX_LENGTH: usize = 4096;

/// Bytes with a meaning in one of the formats.
const SPECIAL: &[u8] = b"\0\x01\x7f\x80\xff\t\x0b\n\r \"\\%*$:,[]{}0129-+.=&/|";

/// Changes a few bytes of an input, or inserts a part of another one.
fn mutate(random: &mut TestRng, inputs: &[Vec<u8>]) -> Vec<u8> {
    let mut input = inputs[random.random_range(0..inputs.len())].clone();
    for _ in 0..random.random_range(1..5) {
        let other = &inputs[random.random_range(0..inputs.len())];
        let (place, from) = (some_range(random, input.len()), some_range(random, other.len()));
        let byte = if random.random() { SPECIAL[random.random_range(0..SPECIAL.len())] } else { random.random() };
        match random.random_range(0..7) {
            0 => input.iter_mut().skip(place.start).take(1).for_each(|bit| *bit ^= 1 << random.random_range(0..8)),
            1 => input.iter_mut().skip(place.start).take(1).for_each(|old| *old = byte),
            2 => input.insert(place.start, byte),
            3 => drop(input.drain(place)),
            4 => input.extend_from_within(place),
            5 => drop(input.splice(place.start..place.start, other[from].iter().copied())),
            _ => drop(input.splice(place.start.., other[from.start..].iter().copied())),
        }
        input.truncate(MAX_LENGTH);
    }
    input
}

/// A random range within a length; often a short one.
fn some_range(random: &mut TestRng, length: usize) -> Range<usize> {
    let start = random.random_range(0..=length);
    let longest = if random.random() { 8 } else { MAX_LENGTH };
    start..random.random_range(start..=length.min(start + longest))
}

#[test]
fn mutations_of_the_corpus_pass() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    std::thread::scope(|scope| {
        for (target, check) in checks::TARGETS {
            let inputs: Vec<_> = entries(&corpus.join(target)).iter().map(|path| fs::read(path).unwrap()).collect();
            scope.spawn(move || {
                let mut random = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
                for _ in 0..MUTATIONS {
                    let input = mutate(&mut random, &inputs);
                    let holds = catch_unwind(AssertUnwindSafe(|| check(&input))).is_ok();
                    assert!(holds, "{target}: the check fails for b\"{}\"", input.escape_ascii());
                }
            });
        }
    });
}

#[test]
fn every_target_is_run_by_the_fuzzer() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let manifest = fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
    let files: BTreeSet<String> = entries(&fuzz.join("fuzz_targets")).iter().map(|path| name(path)).collect();
    assert_eq!(files, checks::TARGETS.iter().map(|(target, _)| format!("{target}.rs")).collect());
    for (target, _) in checks::TARGETS {
        assert!(manifest.contains(&format!("name = \"{target}\"")), "{target} is not in fuzz/Cargo.toml");
        let source = fs::read_to_string(fuzz.join("fuzz_targets").join(format!("{target}.rs"))).unwrap();
        assert!(source.contains(&format!("isocache_fuzz::{target}::check(input)")), "{target} checks something else");
    }
}
