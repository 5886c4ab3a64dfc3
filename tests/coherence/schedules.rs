//! No read is older than the bound, in ten thousand schedules; and the check notices a cache that breaks a rule.

use isocache::__coherence::Planted;

use crate::simulator::run;

/// The schedules of each slice.
const SLICE: u64 = 2500;

fn slice(number: u64) {
    let (mut reads, mut near_hits, mut resets) = (0, 0, 0);
    for seed in number * SLICE..(number + 1) * SLICE {
        let outcome = run(seed, None);
        assert!(outcome.violations.is_empty(), "{:#?}", outcome.violations);
        reads += outcome.reads;
        near_hits += outcome.near_hits;
        resets += outcome.resets;
    }
    println!("{SLICE} schedules: {reads} reads, {near_hits} hits of near copies, {resets} resets");
    assert!(near_hits > reads / 10, "{near_hits} hits of near copies in {reads} reads");
}

#[test]
fn no_read_is_older_than_the_bound_1() {
    slice(0);
}

#[test]
fn no_read_is_older_than_the_bound_2() {
    slice(1);
}

#[test]
fn no_read_is_older_than_the_bound_3() {
    slice(2);
}

#[test]
fn no_read_is_older_than_the_bound_4() {
    slice(3);
}

/// A broken rule is noticed in one of the first schedules.
fn notices(planted: Planted) {
    let noticed = (0..SLICE).find_map(|seed| run(seed, Some(planted)).violations.into_iter().next());
    println!("{planted:?}: {}", noticed.as_deref().unwrap_or("not noticed"));
    assert!(noticed.is_some(), "{planted:?} was not noticed in {SLICE} schedules");
}

macro_rules! broken_rules {
    ($($test:ident: $planted:ident,)*) => {
        $(
            #[test]
            fn $test() {
                notices(Planted::$planted);
            }
        )*
    };
}

broken_rules! {
    a_kept_old_read_is_noticed: KeepsOldReads,
    a_kept_overlapping_write_is_noticed: KeepsOverlappingWrites,
    a_connection_across_epochs_is_noticed: ResumesAcrossEpochs,
    a_missed_expiry_is_noticed: MissesExpiry,
    a_missed_silence_is_noticed: MissesSilence,
    a_joined_old_read_is_noticed: JoinsOldReads,
}
