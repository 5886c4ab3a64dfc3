//! The guarantee of `SCAN`: it returns every key that exists during the whole scan.

use std::collections::BTreeSet;

use isocache_bridge::store::memory::{MemoryStore, MemoryStoreOptions};
use isocache_protocol::Reply;
use proptest::prelude::*;

use super::support::{array, run, sorted_strings, store, store_with};

/// One step: the next cursor, and the keys.
fn step(store: &MemoryStore, cursor: &str, options: &str) -> (String, Vec<String>) {
    let mut reply = array(run(store, &format!("SCAN {cursor}{options}")));
    let keys = sorted_strings(reply.remove(1)).into_iter().map(|key| String::from_utf8(key).unwrap()).collect();
    let Reply::Bulk(next) = reply.remove(0) else { panic!("no cursor") };
    (String::from_utf8(next.to_vec()).unwrap(), keys)
}

fn names(store: &MemoryStore) -> BTreeSet<String> {
    sorted_strings(run(store, "KEYS *")).into_iter().map(|key| String::from_utf8(key).unwrap()).collect()
}

/// What happens between two steps of a scan.
fn change() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => (0..400u32).prop_map(|n| format!("SET k{n} v")),
        3 => (0..400u32).prop_map(|n| format!("DEL k{n}")),
        2 => (0..400u32, 0..400u32).prop_map(|(n, m)| format!("RENAME k{n} k{m}")),
        2 => (0..400u32, 0..400u32).prop_map(|(n, m)| format!("COPY k{n} k{m} REPLACE")),
        1 => (0..400u32).prop_map(|n| format!("SET k{n} v PX 5")),
        1 => (0..400u32).prop_map(|n| format!("GETDEL k{n}")),
        1 => Just("tick".to_owned()),
        2 => (0..400u32).prop_map(|n| format!("APPEND k{n} v")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn who_is_there_all_the_time_is_met(
        first in 0..300u32,
        max_entries in 1..350usize,
        count in 1..20u32,
        changes in prop::collection::vec(prop::collection::vec(change(), 0..40), 1..60),
    ) {
        let (store, clock) = store_with(MemoryStoreOptions { max_entries, ..Default::default() });
        for n in 0..first {
            run(&store, &format!("SET k{n} v"));
        }
        let mut always = names(&store);
        let mut met = BTreeSet::new();
        let mut cursor = "0".to_owned();
        let mut changes = changes.iter();
        loop {
            let (next, keys) = step(&store, &cursor, &format!(" COUNT {count}"));
            let now = names(&store);
            prop_assert!(keys.iter().all(|key| now.contains(key)), "{keys:?} of {now:?}");
            met.extend(keys);
            cursor = next;
            if cursor == "0" {
                break;
            }
            for line in changes.next().into_iter().flatten() {
                if line == "tick" {
                    clock.advance(std::time::Duration::from_millis(5));
                } else {
                    run(&store, line);
                }
                let now = names(&store);
                always.retain(|key| now.contains(key));
            }
        }
        prop_assert!(always.is_subset(&met), "missed: {:?}", always.difference(&met));
    }
}

#[test]
fn an_undisturbed_scan_returns_each_key_once() {
    let (store, _clock) = store();
    for n in 0..20_000 {
        run(&store, &format!("SET k{n} v"));
    }
    // More empty slots than one step skips.
    for n in 3000..19_000 {
        run(&store, &format!("DEL k{n}"));
    }
    for (options, expected) in [("", 4000), (" MATCH k1?", 10), (" TYPE string", 4000), (" TYPE list", 0)] {
        let (mut cursor, mut met, mut steps) = ("0".to_owned(), Vec::new(), 0);
        loop {
            let (next, keys) = step(&store, &cursor, options);
            assert!(keys.len() <= 10);
            met.extend(keys);
            cursor = next;
            steps += 1;
            if cursor == "0" {
                break;
            }
        }
        assert!(steps < 500, "{steps}");
        assert_eq!(met.len(), expected, "{options}");
        assert_eq!(met.iter().collect::<BTreeSet<_>>().len(), expected);
    }
}

#[test]
fn a_cursor_from_elsewhere_ends_the_scan() {
    let (store, _clock) = store();
    run(&store, "SET k v");
    for cursor in ["18446744073709551615", "-1", "77"] {
        assert_eq!(step(&store, cursor, ""), ("0".to_owned(), Vec::new()), "{cursor}");
    }
    assert!(run(&store, "SCAN 18446744073709551616").is_error());
    assert_eq!(step(&store, "0", " COUNT 9223372036854775807").1, ["k"]);
}

#[test]
fn random_keys_are_live_ones_and_all_have_their_turn() {
    let (store, _clock) = store();
    for n in 0..200 {
        run(&store, &format!("SET k{n} v"));
    }
    for n in 3..199 {
        run(&store, &format!("DEL k{n}"));
    }
    let mut drawn = BTreeSet::new();
    for _ in 0..2000 {
        let Reply::Bulk(key) = run(&store, "RANDOMKEY") else { panic!("no key") };
        drawn.insert(key);
    }
    assert_eq!(drawn, ["k0", "k1", "k199", "k2"].map(Into::into).into());
}
