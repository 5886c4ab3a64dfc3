//! Clearing a pattern, and the same by hand.

use std::time::{Duration, Instant};

use isocache::{CacheProvider, RedisCacheProvider};
use redis::aio::ConnectionManager;
use redis::{Client, cmd, pipe};

use crate::median;
use crate::servers::redis::RedisServer;

/// The seconds that `clear_pattern` takes, and those of the loop by hand: medians of rounds in turn.
pub async fn measure(server: &RedisServer, keys: u32, all: u32, rounds: usize) -> (f64, f64) {
    let own: RedisCacheProvider<u32> =
        RedisCacheProvider::builder(&server.url()).operation_timeout(Duration::from_secs(10)).build().expect("a URL");
    let client = Client::open(server.url()).expect("a URL");
    let mut manager = client.get_connection_manager().await.expect("the server runs");
    fill(server, "other:", all - keys);
    let (mut times, mut by_hand) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        fill(server, "old:", keys);
        let started = Instant::now();
        assert_eq!(own.clear_pattern("old:*").await, Ok(u64::from(keys)));
        times.push(started.elapsed().as_secs_f64());
        fill(server, "old:", keys);
        let started = Instant::now();
        assert_eq!(clear_by_hand(&mut manager, "old:*").await, u64::from(keys));
        by_hand.push(started.elapsed().as_secs_f64());
    }
    (median(times), median(by_hand))
}

/// On the server itself, which is quicker than over the wire.
fn fill(server: &RedisServer, prefix: &str, keys: u32) {
    let script = "for n = 1, ARGV[2] do redis.call('SET', ARGV[1] .. n, '1') end return 'done'";
    assert_eq!(server.cli(&["EVAL", script, "0", prefix, &keys.to_string()]), "done");
}

/// The keys of one step go together with the next step.
async fn clear_by_hand(manager: &mut ConnectionManager, pattern: &str) -> u64 {
    let (mut cursor, mut found, mut removed) = (0u64, Vec::<Vec<u8>>::new(), 0u64);
    loop {
        let mut scan = cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(pattern).arg("COUNT").arg(512);
        let (next, keys): (u64, Vec<Vec<u8>>) = if found.is_empty() {
            scan.query_async(manager).await.expect("the server runs")
        } else {
            let mut unlink = cmd("UNLINK");
            unlink.arg(&found);
            let (count, step): (u64, (u64, Vec<Vec<u8>>)) =
                pipe().add_command(unlink).add_command(scan).query_async(manager).await.expect("the server runs");
            removed += count;
            step
        };
        (cursor, found) = (next, keys);
        if cursor == 0 {
            break;
        }
    }
    if found.is_empty() {
        return removed;
    }
    let last: u64 = cmd("UNLINK").arg(&found).query_async(manager).await.expect("the server runs");
    removed + last
}
