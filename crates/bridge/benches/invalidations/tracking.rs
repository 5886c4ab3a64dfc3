//! What it costs Redis to announce its changes to a bridge.

use std::process::{Command, Stdio};

use servers::redis::RedisServer;

use crate::process::{TOKEN, pid_of, processor_seconds, start};

/// The names of what is compared, and how many prefixes the bridge tracks; `None` is no bridge.
const CASES: [(&str, Option<usize>); 3] =
    [("no bridge", None), ("a bridge, all keys", Some(0)), ("a bridge, 8 prefixes", Some(8))];

/// The processor time of Redis for each SET, in microseconds.
pub fn measure(sets: usize, rounds: usize) -> Vec<(&'static str, f64)> {
    let mut measured: Vec<Vec<f64>> = vec![Vec::new(); CASES.len()];
    // In rounds, so that whatever else the machine does meets all alike.
    for _ in 0..rounds {
        for (row, (_, prefixes)) in measured.iter_mut().zip(CASES) {
            row.push(once(prefixes, sets));
        }
    }
    CASES
        .iter()
        .zip(measured)
        .map(|((name, _), mut row)| {
            row.sort_by(f64::total_cmp);
            (*name, row[row.len() / 2])
        })
        .collect()
}

fn once(prefixes: Option<usize>, sets: usize) -> f64 {
    let redis = RedisServer::plain();
    let bridge = prefixes.map(|count| {
        // The keys of redis-benchmark begin with `key:`, so that the announced share is the same with one prefix of eight.
        let prefixes: Vec<String> =
            (0..count).map(|number| if number == 0 { "key:".into() } else { format!("other-{number}:") }).collect();
        let (bridge, folder) = start(&redis.url(), &prefixes);
        let url = format!("http://{}/invalidations", bridge.address);
        let opened = Command::new("curl").args(["-sf", "-H", &format!("Authorization: Bearer {TOKEN}"), &url]).output();
        assert!(opened.expect("curl runs").status.success(), "changes are announced");
        (bridge, folder)
    });
    let pid = pid_of(&redis);
    let before = processor_seconds(pid);
    let done = Command::new("redis-benchmark")
        .args([
            "-p",
            &redis.port.to_string(),
            "-t",
            "set",
            "-n",
            &sets.to_string(),
            "-r",
            "100000",
            "-P",
            "16",
            "-c",
            "10",
            "-q",
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(done.expect("redis-benchmark runs").success());
    let used = processor_seconds(pid) - before;
    drop(bridge);
    used * 1e6 / sets as f64
}
