//! A provider whose servers go by the clock of a test.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use isocache::{
    AtomicProvider, CacheProvider, CacheStats, Clock, CounterProvider, Keys, KeysProvider, ManualClock, Result,
    TouchProvider, WithTtl,
};

use servers::clock::ServerClock;
use servers::{PATIENCE, eventually};

/// The time of servers. It never goes back, although each case of the suite begins at the same time.
#[derive(Clone)]
pub struct ServerTime {
    clock: ServerClock,
    now: Arc<AtomicU64>,
    /// A connection to a server that has to be waited for.
    sleeper: Option<Arc<Mutex<TcpStream>>>,
}

impl ServerTime {
    pub fn new(clock: ServerClock) -> Self {
        Self { clock, now: Arc::new(AtomicU64::new(1_800_000_000_000)), sleeper: None }
    }

    /// For a server that looks at its clock now and then, and not whenever a command comes.
    pub fn of_sleeper(clock: ServerClock, port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { sleeper: Some(Arc::new(Mutex::new(stream))), ..Self::new(clock) }
    }

    fn set_ms(&self, ms: u64) {
        self.clock.set_ms(ms);
        let Some(sleeper) = &self.sleeper else { return };
        let mut stream = sleeper.lock().unwrap();
        // A key that has a second to live by the new time says so once the server knows that time.
        eventually("the server to look at its clock", || {
            write!(stream, "SET probe x PXAT {}\r\nPTTL probe\r\n", ms + 1000).unwrap();
            (two_lines(&mut stream) == b"+OK\r\n:1000\r\n").then_some(())
        });
    }
}

fn two_lines(stream: &mut TcpStream) -> Vec<u8> {
    let mut lines = Vec::new();
    let mut ends = 0;
    while ends < 2 {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        ends += u32::from(byte == *b"\n");
        lines.extend(byte);
    }
    lines
}

/// Sets the servers' clock before each operation.
///
/// Redis lets an entry live through the millisecond in which its life ends, so that lookups and removals are asked one
/// millisecond late. What tells the time that is left is asked in time. So it belongs directly around the provider: a tier
/// reads with `get_with_ttl` where its caller called `get`, and a millisecond late would find one less.
pub struct AtClock<P> {
    inner: P,
    time: ServerTime,
    test: ManualClock,
    /// What the servers' clock is ahead of the test's.
    ahead: u64,
}

impl<P> AtClock<P> {
    pub fn new(inner: P, time: ServerTime, test: ManualClock) -> Self {
        // An hour later than what was before, so that nothing of it is alive.
        let begin = time.now.fetch_add(3_600_000, Ordering::SeqCst) + 3_600_000;
        let ahead = begin - test.now_ms();
        Self { inner, time, test, ahead }
    }

    fn at(&self, late: u64) -> &P {
        let now = self.test.now_ms() + self.ahead;
        self.time.now.fetch_max(now, Ordering::SeqCst);
        self.time.set_ms(now + late);
        &self.inner
    }
}

impl<T: Send, P: CacheProvider<T>> CacheProvider<T> for AtClock<P> {
    async fn get(&self, key: &str) -> Result<Option<T>> {
        self.at(1).get(key).await
    }

    async fn set(&self, key: &str, value: T, ttl: Option<Duration>) -> Result<()> {
        self.at(0).set(key, value, ttl).await
    }

    async fn delete(&self, key: &str) -> Result<bool> {
        self.at(1).delete(key).await
    }

    async fn exists(&self, key: &str) -> Result<bool> {
        self.at(1).exists(key).await
    }

    async fn clear_pattern(&self, pattern: &str) -> Result<u64> {
        self.at(1).clear_pattern(pattern).await
    }

    async fn get_stats(&self) -> Result<CacheStats> {
        self.at(1).get_stats().await
    }

    async fn get_with_ttl(&self, key: &str) -> Result<Option<WithTtl<T>>> {
        self.at(0).get_with_ttl(key).await
    }

    async fn get_many(&self, keys: &[&str]) -> Result<Vec<Option<T>>> {
        self.at(1).get_many(keys).await
    }

    async fn set_many(&self, entries: Vec<(&str, T, Option<Duration>)>) -> Result<()> {
        self.at(0).set_many(entries).await
    }

    async fn delete_many(&self, keys: &[&str]) -> Result<u64> {
        self.at(1).delete_many(keys).await
    }
}

impl<P: CounterProvider> CounterProvider for AtClock<P> {
    async fn increment(&self, key: &str, by: i64, ttl: Option<Duration>) -> Result<i64> {
        self.at(0).increment(key, by, ttl).await
    }

    async fn increment_within(
        &self,
        key: &str,
        by: i64,
        bounds: std::ops::RangeInclusive<i64>,
        ttl: Option<Duration>,
    ) -> Result<isocache::BoundedIncrement> {
        self.at(0).increment_within(key, by, bounds, ttl).await
    }
}

impl<T: Send, P: TouchProvider<T>> TouchProvider<T> for AtClock<P> {
    async fn ttl(&self, key: &str) -> Result<Option<Duration>> {
        self.at(0).ttl(key).await
    }

    async fn touch(&self, key: &str, ttl: Option<Duration>) -> Result<bool> {
        self.at(0).touch(key, ttl).await
    }

    async fn get_and_touch(&self, key: &str, ttl: Option<Duration>) -> Result<Option<T>> {
        self.at(0).get_and_touch(key, ttl).await
    }
}

impl<T: Send, P: AtomicProvider<T>> AtomicProvider<T> for AtClock<P> {
    async fn set_if_absent(&self, key: &str, value: T, ttl: Option<Duration>) -> Result<bool> {
        self.at(0).set_if_absent(key, value, ttl).await
    }

    async fn replace(&self, key: &str, value: T, ttl: Option<Duration>) -> Result<bool> {
        self.at(0).replace(key, value, ttl).await
    }

    async fn get_and_delete(&self, key: &str) -> Result<Option<T>> {
        self.at(1).get_and_delete(key).await
    }
}

impl<P: KeysProvider> KeysProvider for AtClock<P> {
    fn keys<'a>(&'a self, pattern: &str) -> Result<Keys<'a>> {
        self.at(1).keys(pattern)
    }

    async fn exists_many(&self, keys: &[&str]) -> Result<Vec<bool>> {
        self.at(1).exists_many(keys).await
    }

    async fn delete_many_each(&self, keys: &[&str]) -> Result<Vec<bool>> {
        self.at(1).delete_many_each(keys).await
    }
}
