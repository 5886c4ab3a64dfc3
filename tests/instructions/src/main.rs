//! `instructions OPERATION COUNT` carries out one operation of the cache COUNT times. `scripts/instructions.mjs` counts the
//! instructions that it takes.

use std::hint::black_box;
use std::sync::LazyLock;
use std::time::Duration;

use isocache::engine::{Advisor, Engine, Limits, NEVER};
use isocache::{ManualClock, MemoryCache, MemoryCacheProvider, Policy};

const ENTRIES: u32 = 1000;
const LIMITS: Limits = Limits { max_entries: ENTRIES, max_weight: u64::MAX };

/// The `at`th of the slots or keys, in an order without a pattern that a policy would notice.
fn spread(at: u32) -> u32 {
    at.wrapping_mul(0x9e37_79b9) % ENTRIES
}

/// An engine as JavaScript uses it, full.
fn engine(policy: Policy, ttl: f64) -> Engine {
    let mut engine = Engine::new(LIMITS, policy);
    for _ in 0..ENTRIES {
        engine.insert(0, ttl, 0.0, false).expect("there is memory");
    }
    engine
}

fn cache(policy: Policy, ttl: Option<Duration>) -> (MemoryCache<u32>, Vec<String>) {
    let clock = ManualClock::new();
    let builder = MemoryCache::builder().max_entries(ENTRIES as usize).policy(policy).clock(clock);
    let builder = if let Some(ttl) = ttl { builder.default_ttl(ttl) } else { builder };
    let cache = builder.build().expect("the limits are valid");
    let keys: Vec<_> = (0..4 * ENTRIES).map(|key| format!("key:{key:08}")).collect();
    for (key, value) in keys.iter().zip(0..ENTRIES) {
        cache.set(key, value, None).expect("the entry is valid");
    }
    (cache, keys)
}

static USERS: LazyLock<MemoryCacheProvider<u64>> = LazyLock::new(MemoryCacheProvider::default);

/// Its clock is the system's, as in a program: valgrind has to be able to run it.
#[allow(clippy::unused_async, reason = "it is the asynchronous form that is counted")]
#[isocache::cached(ttl = 3600, key = "user:{id}", provider = USERS)]
async fn user(id: u32) -> u64 {
    u64::from(id)
}

#[isocache::cached(ttl = 3600, key = "user:{id}")]
fn user_sync(id: u32) -> u64 {
    u64::from(id)
}

fn get(policy: Policy, ttl: Option<Duration>, count: u32) {
    let (cache, keys) = cache(policy, ttl);
    for at in 0..count {
        black_box(cache.get(&keys[spread(at) as usize])).expect("the key is valid");
    }
}

/// Hits in a cache that advises, between two periods of samples.
fn get_advised(count: u32) {
    let cache =
        MemoryCache::builder().max_entries(ENTRIES as usize).advise(true).build().expect("the limits are valid");
    let keys: Vec<_> = (0..ENTRIES).map(|key| format!("key:{key:08}")).collect();
    for key in &keys {
        cache.set(key, 0, None).expect("the entry is valid");
    }
    // The first period, in which every lookup is sampled, is over then; only a miss would begin another.
    for turns in [1 << 17, count] {
        for at in 0..turns {
            black_box(cache.get(&keys[spread(at) as usize])).expect("the key is valid");
        }
    }
}

/// Lookups that are sampled, most of them hits at every size. In the long run, at most one in 128 lookups is.
fn advise(count: u32) {
    let mut advisor = Advisor::new(ENTRIES);
    for at in 0..count {
        // Small numbers are more frequent.
        let key = u64::from(spread(at)) * u64::from(spread(at.wrapping_mul(7))) / u64::from(ENTRIES);
        let hash = (key + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        advisor.record(black_box(hash), true, u64::from(at));
    }
}

/// Writes entries under four times as many keys as there is room for.
fn set_evict(policy: Policy, ttl: Option<Duration>, count: u32) {
    let (cache, keys) = cache(policy, ttl);
    for at in 0..count {
        cache.set(&keys[(ENTRIES + at) as usize % keys.len()], at, None).expect("the entry is valid");
    }
}

fn engine_insert(policy: Policy, count: u32) {
    let mut engine = engine(policy, NEVER);
    for at in 0..count {
        if at % 2 == 0 {
            engine.hit(spread(at));
        }
        black_box(engine.insert(0, NEVER, 0.0, false)).expect("there is memory");
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let operation = arguments.next().expect("the first argument is an operation");
    let count = arguments.next().and_then(|count| count.parse().ok()).expect("the second argument is a number");
    let hour = Some(Duration::from_secs(3600));
    match operation.as_str() {
        "get" => get(Policy::Lru, None, count),
        "get-advised" => get_advised(count),
        "advise" => advise(count),
        "get-ttl" => get(Policy::Lru, hour, count),
        "get-s3fifo" => get(Policy::S3Fifo, None, count),
        "set-existing" => {
            let (cache, keys) = cache(Policy::Lru, None);
            for at in 0..count {
                cache.set(&keys[spread(at) as usize], at, None).expect("the entry is valid");
            }
        }
        "set-evict" => set_evict(Policy::Lru, None, count),
        "set-evict-ttl" => set_evict(Policy::Lru, hour, count),
        "set-evict-s3fifo" => set_evict(Policy::S3Fifo, None, count),
        "cached" => pollster::block_on(async {
            for at in 0..count {
                black_box(user(at % 100).await);
            }
        }),
        "cached-sync" => (0..count).for_each(|at| {
            black_box(user_sync(at % 100));
        }),
        "engine-hit" => {
            let mut engine = engine(Policy::Lru, NEVER);
            (0..count).for_each(|at| engine.hit(black_box(spread(at))));
        }
        "engine-hit-and-evict" => engine_insert(Policy::Lru, count),
        "engine-hit-and-evict-s3fifo" => engine_insert(Policy::S3Fifo, count),
        "engine-update-ttl" => {
            let mut engine = engine(Policy::Lru, 1000.0);
            for at in 0..count {
                engine.update(spread(at), 0, 1000.0 + f64::from(at), 0.0).expect("the slot is occupied");
            }
        }
        "engine-expire" => {
            let mut engine = engine(Policy::Lru, NEVER);
            for at in 0..count {
                let now = f64::from(at);
                black_box(engine.insert(0, now + f64::from(spread(at)), now, false)).expect("there is memory");
                engine.clear_removals();
            }
        }
        other => panic!("there is no operation {other}"),
    }
}
