//! Freshness belongs to the entry, whoever reads it: scenes for every provider whose time a test moves.

use std::convert::Infallible;
use std::time::Duration;

use isocache::{CacheAside, LoadOptions};

pub const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

async fn load(cache: &impl CacheAside<u64>, options: LoadOptions, value: u64) -> u64 {
    cache.get_or_set("price", options, || async { Ok::<u64, Infallible>(value) }).await.unwrap()
}

async fn fails(cache: &impl CacheAside<u64>, options: LoadOptions) -> Option<u64> {
    cache.get_or_set("price", options, || async { Err::<u64, _>("down") }).await.ok()
}

fn five_minutes() -> LoadOptions {
    LoadOptions::new().ttl(minutes(5))
}

/// All scenes. `other` is another process, if there can be one.
pub async fn all(cache: &impl CacheAside<u64>, other: &impl CacheAside<u64>, advance: impl Fn(Duration)) {
    windows_belong_to_the_write(cache, other, &advance).await;
    a_stale_entry_is_absent_for_plain_reads(cache, other, &advance).await;
    a_reader_shortens_the_window(cache, other, &advance).await;
}

async fn windows_belong_to_the_write(
    cache: &impl CacheAside<u64>,
    other: &impl CacheAside<u64>,
    advance: &impl Fn(Duration),
) {
    let short = || five_minutes().stale_while_revalidate(minutes(1));
    let long = || five_minutes().stale_if_error(minutes(60));
    assert_eq!(load(cache, long(), 1).await, 1);
    advance(minutes(60));
    assert_eq!(load(other, short(), 2).await, 2, "an entry of 60 minutes is not fresh for anybody");

    // A plain write is fresh for readers with windows, too, until it expires.
    cache.set("price", 3, Some(minutes(5))).await.unwrap();
    assert_eq!(load(other, long(), 4).await, 3);
    advance(minutes(5));
    assert_eq!(load(other, long(), 4).await, 4);
    cache.delete("price").await.unwrap();
}

async fn a_stale_entry_is_absent_for_plain_reads(
    cache: &impl CacheAside<u64>,
    other: &impl CacheAside<u64>,
    advance: &impl Fn(Duration),
) {
    let long = || five_minutes().stale_if_error(minutes(60));
    assert_eq!(load(cache, long(), 4).await, 4);
    advance(minutes(25));
    for reader in [true, false] {
        if reader {
            reads_nothing(cache).await;
        } else {
            reads_nothing(other).await;
        }
    }
    assert_eq!(fails(other, long()).await, Some(4), "a reader that tolerates it gets it");
    assert_eq!(fails(other, five_minutes()).await, None, "a reader without a window does not");
    assert!(!other.delete("price").await.unwrap(), "it was absent");
    assert_eq!(fails(cache, long()).await, None, "and has been removed");
}

async fn reads_nothing(cache: &impl CacheAside<u64>) {
    assert_eq!(cache.get("price").await.unwrap(), None);
    assert!(!cache.exists("price").await.unwrap());
    assert_eq!(cache.get_with_ttl("price").await.unwrap(), None);
    assert_eq!(cache.get_many(&["price"]).await.unwrap(), [None]);
}

async fn a_reader_shortens_the_window(
    cache: &impl CacheAside<u64>,
    other: &impl CacheAside<u64>,
    advance: &impl Fn(Duration),
) {
    let long = || five_minutes().stale_if_error(minutes(60));
    let short = || five_minutes().stale_if_error(minutes(10));
    assert_eq!(load(cache, long(), 5).await, 5);
    advance(minutes(14));
    assert_eq!((fails(cache, short()).await, fails(other, short()).await), (Some(5), Some(5)));
    advance(minutes(1));
    assert_eq!((fails(cache, short()).await, fails(other, short()).await), (None, None));
    assert_eq!((fails(cache, long()).await, fails(other, long()).await), (Some(5), Some(5)));
    // A plain write over it has no window.
    other.set("price", 6, Some(minutes(5))).await.unwrap();
    assert_eq!(load(cache, long(), 7).await, 6);
    advance(minutes(5));
    assert_eq!(fails(cache, long()).await, None);
}
