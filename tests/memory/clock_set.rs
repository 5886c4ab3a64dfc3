//! The clock of the machine is set while entries live: no ttl changes.
#![cfg(unix)]

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::process::Command;
use std::time::Duration;

use isocache::{Clock, MemoryCache, UnixClock};
use servers::clock::ServerClock;

/// Where the process that this test starts finds the file of its wall clock.
const FILE: &str = "ISOCACHE_TEST_CLOCK";

const HOUR: Duration = Duration::from_secs(3600);

/// The test runs itself once more, in a process whose wall clock is a file.
#[test]
fn setting_the_clock_of_the_machine_changes_no_ttl() {
    if let Ok(file) = std::env::var(FILE) {
        return with_a_clock_in(&file);
    }
    let clock = ServerClock::new();
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", "clock_set::setting_the_clock_of_the_machine_changes_no_ttl", "--nocapture"]);
    clock.apply(&mut again);
    let output = again.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed") && text.contains("three settings"), "{output:?}");
}

fn with_a_clock_in(file: &str) {
    let file = OpenOptions::new().write(true).open(file).unwrap();
    let set = |ms: u64| file.write_all_at(&ms.to_ne_bytes(), 0).unwrap();
    let noon = 1_800_000_000_000;
    set(noon);
    assert_eq!(UnixClock.now_ms(), noon, "the wall clock is not that of the test");
    let cache = MemoryCache::<u8>::default();
    cache.set("before", 1, Some(HOUR)).unwrap();
    let day = 86_400_000;
    for (step, now) in [noon - day, noon + day, noon].into_iter().enumerate() {
        set(now);
        assert_eq!(UnixClock.now_ms(), now);
        // Entries from before and after the setting: an hour, less what has really passed.
        let key = format!("after {step}");
        cache.set(&key, 2, Some(HOUR)).unwrap();
        for key in ["before", &key] {
            let left = cache.ttl(key).unwrap().unwrap();
            assert!(left > HOUR / 2 && left <= HOUR, "{key}, at {now}: {left:?}");
            assert!(cache.get(key).unwrap().is_some(), "{key}, at {now}");
        }
    }
    assert_eq!(cache.stats().expirations, 0);
    println!("three settings");
}
