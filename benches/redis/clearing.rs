//! Deleting by pattern: the provider, and a loop written by hand over the bare connection.

use std::time::{Duration, Instant};

use isocache::{CacheProvider, RedisCacheProvider};
use redis::aio::ConnectionManager;
use redis::{cmd, pipe};
use tokio::runtime::Runtime;

use crate::peers::{manager, provider};
use servers::redis::RedisServer;

pub const NAMES: [&str; 3] = ["clear_pattern", "by hand", "by hand, nodelay"];

const PATTERN: &str = "old:*";

/// How much there is to do.
#[derive(Clone, Copy)]
pub struct Keys {
    /// The keys that go.
    pub cleared: u64,
    /// All keys, those that go among them.
    pub all: u64,
}

/// Milliseconds of each round, in the order of [`NAMES`].
pub fn measure(runtime: &Runtime, server: &RedisServer, keys: Keys, rounds: usize) -> [Vec<f64>; 3] {
    let own: RedisCacheProvider<String> = provider(&server.url());
    let bare = [false, true].map(|nodelay| runtime.block_on(manager(&server.url(), nodelay)));
    assert_eq!(server.cli(&["FLUSHALL"]), "OK");
    fill(server, "kept:", keys.all - keys.cleared);
    let mut times: [Vec<f64>; 3] = Default::default();
    for round in 0..=rounds {
        for turn in 0..NAMES.len() {
            let at = (round + turn) % NAMES.len();
            fill(server, "old:", keys.cleared);
            let start = Instant::now();
            let cleared = runtime.block_on(async {
                match at {
                    0 => own.clear_pattern(PATTERN).await.expect("the server answers"),
                    _ => clear_by_hand(bare[at - 1].clone(), PATTERN).await,
                }
            });
            let elapsed = start.elapsed();
            assert_eq!(cleared, keys.cleared, "{}", NAMES[at]);
            // In the first round connections are opened, and the server finds its memory.
            if round > 0 {
                times[at].push(milliseconds(elapsed));
            }
        }
    }
    times
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Written by the server itself, which is faster than sending them.
fn fill(server: &RedisServer, prefix: &str, keys: u64) {
    let script = "for id = 1, ARGV[2] do redis.call('SET', ARGV[1] .. id, 'value') end return redis.status_reply('OK')";
    assert_eq!(server.cli(&["EVAL", script, "0", prefix, &keys.to_string()]), "OK");
}

/// Each step of the walk and the deletion of what the step before has found, in one round trip.
async fn clear_by_hand(mut connection: ConnectionManager, pattern: &str) -> u64 {
    let (mut cursor, mut found, mut removed) = (0, Vec::<Vec<u8>>::new(), 0);
    loop {
        let mut scan = cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(pattern).arg("COUNT").arg(512);
        (cursor, found) = if found.is_empty() {
            scan.query_async(&mut connection).await.expect("the server answers")
        } else {
            let mut both = pipe();
            both.add_command(scan).cmd("UNLINK").arg(&found);
            let (step, unlinked): (_, u64) = both.query_async(&mut connection).await.expect("the server answers");
            removed += unlinked;
            step
        };
        if cursor == 0_u64 {
            break;
        }
    }
    if !found.is_empty() {
        let unlinked: u64 = cmd("UNLINK").arg(&found).query_async(&mut connection).await.expect("the server answers");
        removed += unlinked;
    }
    removed
}
