//! No read is older than the bound, in thousands of schedules; and the check notices a cache that breaks a rule.
//! `ISOCACHE_SCHEDULES` is the number of schedules, 4000 by default.

use isocache::__coherence::Planted;

use crate::simulator::run;

/// Schedules run in slices, one for each of these tests, so that processors share them.
const SLICES: u64 = 4;
/// In how many schedules a broken rule has to be noticed.
const NOTICED: u64 = 2500;

fn schedules() -> u64 {
    let number = std::env::var("ISOCACHE_SCHEDULES").map(|text| text.parse().expect("ISOCACHE_SCHEDULES is a number"));
    number.unwrap_or(if cfg!(miri) { 8 } else { 4000 })
}

fn slice(number: u64) {
    let (mut reads, mut near_hits, mut resets) = (0, 0, 0);
    let size = schedules().div_ceil(SLICES);
    for seed in number * size..(number + 1) * size {
        let outcome = run(seed, None);
        assert!(outcome.violations.is_empty(), "{:#?}", outcome.violations);
        reads += outcome.reads;
        near_hits += outcome.near_hits;
        resets += outcome.resets;
    }
    println!("{size} schedules: {reads} reads, {near_hits} hits of near copies, {resets} resets");
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

/// A broken rule is noticed soon after the schedule with the seed `first`.
fn notices(planted: Planted, first: u64) {
    let noticed = (first..first + NOTICED).find_map(|seed| run(seed, Some(planted)).violations.into_iter().next());
    println!("{planted:?}: {}", noticed.as_deref().unwrap_or("not noticed"));
    assert!(noticed.is_some(), "{planted:?} was not noticed in {NOTICED} schedules");
}

macro_rules! broken_rules {
    ($($test:ident: $planted:ident from $first:literal,)*) => {
        $(
            #[test]
            #[cfg_attr(miri, ignore = "it takes too many schedules")]
            fn $test() {
                notices(Planted::$planted, $first);
            }
        )*
    };
}

// The first schedules notice most of them. Where it takes longer, the search begins near a schedule that does.
broken_rules! {
    a_kept_old_read_is_noticed: KeepsOldReads from 0,
    a_kept_overlapping_write_is_noticed: KeepsOverlappingWrites from 500,
    a_connection_across_epochs_is_noticed: ResumesAcrossEpochs from 0,
    a_missed_expiry_is_noticed: MissesExpiry from 0,
    a_missed_silence_is_noticed: MissesSilence from 0,
    a_joined_old_read_is_noticed: JoinsOldReads from 0,
}
