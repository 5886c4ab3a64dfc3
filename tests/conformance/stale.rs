//! Stale entries: to every operation but a load that tolerates them, they are absent.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use isocache::{CacheAside, LoadOptions};
use serde_json::{Value, json};

use super::Complete;

const TTL: Duration = Duration::from_secs(600);
const WINDOW: Duration = Duration::from_secs(3600);

/// How long ago the writer of [`stale_entries_are_absent`] has to have written: longer than the ttl.
pub const AGE: Duration = Duration::from_secs(1000);

/// Milliseconds since 1970 that long ago.
///
/// # Panics
/// If the system time is before that.
pub fn wall_clock_ms(ago: Duration) -> u64 {
    let then = SystemTime::now().checked_sub(ago).unwrap().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(then.as_millis()).unwrap()
}

/// Writes entries with a window through `writer`, lets `age` make them [`AGE`] old, and reads them through providers of
/// the same store that have seen no entry yet.
///
/// # Panics
/// If an operation treats a stale entry as present.
pub async fn stale_entries_are_absent<P: Complete + CacheAside<Value>>(
    writer: &P,
    reader: impl Fn() -> P,
    age: impl Fn(),
) {
    let write = async |keys: &[&str]| {
        for key in keys {
            let options = LoadOptions::new().ttl(TTL).stale_if_error(WINDOW);
            let load = async || Ok::<_, std::convert::Infallible>(json!("old"));
            assert_eq!(writer.get_or_set(key, options, load).await.unwrap(), "old");
        }
        age();
    };

    write(&["a", "b", "c"]).await;
    reader().set("fresh", json!("new"), None).await.unwrap();
    // An object that resembles an envelope.
    let similar = json!({ "value": 1, "x": 2, "fresh_until": 3 });
    reader().set("similar", similar.clone(), None).await.unwrap();
    let all = ["a", "b", "fresh", "similar", "none"];
    assert_eq!(reader().get_many(&all[..4]).await.unwrap(), [None, None, Some(json!("new")), Some(similar)]);
    assert_eq!(reader().exists_many(&all).await.unwrap(), [false, false, true, true, false]);
    assert_eq!((reader().exists("a").await, reader().ttl("a").await), (Ok(false), Ok(None)));
    let mut keys = reader().keys("*").unwrap().collect().await.unwrap();
    keys.sort();
    assert_eq!(keys, ["fresh", "similar"]);
    assert_eq!(reader().keys("a").unwrap().collect().await.unwrap(), [""; 0]);

    // A stale entry cannot be touched: it stays stale for as long as its window says.
    assert_eq!(reader().touch("a", Some(TTL)).await, Ok(false));
    assert_eq!(reader().get_and_touch("a", Some(TTL)).await, Ok(None));
    assert_eq!(reader().get("a").await, Ok(None));
    let options = LoadOptions::new().ttl(TTL).stale_if_error(WINDOW);
    let load = async || Err::<Value, _>(std::io::Error::other("down"));
    assert_eq!(reader().get_or_set("a", options, load).await.unwrap(), "old");

    assert_eq!(reader().replace("a", json!("new"), None).await, Ok(false));
    assert_eq!(reader().get("a").await, Ok(None));
    assert_eq!(reader().set_if_absent("a", json!("new"), Some(TTL)).await, Ok(true));
    assert_eq!(reader().set_if_absent("a", json!("newer"), Some(TTL)).await, Ok(false));
    assert_eq!(reader().get("a").await.unwrap(), Some(json!("new")));
    assert_eq!(reader().replace("a", json!("newest"), None).await, Ok(true));

    assert_eq!(reader().delete("b").await, Ok(false));
    assert_eq!(reader().get_and_delete("c").await, Ok(None));
    assert_eq!(reader().delete_many_each(&all).await.unwrap(), [true, false, true, true, false]);

    write(&["d", "e", "f"]).await;
    reader().set("fresh", json!("new"), None).await.unwrap();
    let before = reader().get_stats().await.unwrap().deletes;
    let deleting = reader();
    assert_eq!(deleting.delete_many(&["d", "fresh", "none"]).await, Ok(1));
    assert!(deleting.get_stats().await.unwrap().deletes - before <= 1);
    assert_eq!(reader().clear_pattern("e").await, Ok(0), "a literal pattern");
    reader().set("fresh", json!("new"), None).await.unwrap();
    reader().set("similar", json!({ "value": 1, "x": 2, "fresh_until": 3 }), None).await.unwrap();
    assert_eq!(reader().clear_pattern("[a-z]*").await, Ok(2));
    assert_eq!(reader().keys("*").unwrap().collect().await.unwrap(), [""; 0]);
}

/// Touches fresh entries with a window: their freshness moves with the ttl, and the window stays as long as it was.
/// `age` makes everything older.
///
/// # Panics
/// If a touched entry is not fresh for its new ttl, or is not kept for its window after that.
pub async fn touch_moves_freshness<P: Complete + CacheAside<Value>>(provider: &P, age: impl Fn(Duration)) {
    let options = || LoadOptions::new().ttl(TTL).stale_if_error(WINDOW);
    let load = async || Ok::<_, std::convert::Infallible>(json!({ "value": [1] }));
    for key in ["touched", "read", "persistent"] {
        provider.get_or_set(key, options(), load).await.unwrap();
    }
    let long = Duration::from_secs(6000);
    assert_eq!(provider.touch("touched", Some(long)).await, Ok(true));
    assert_eq!(provider.get_and_touch("read", Some(long)).await, Ok(Some(json!({ "value": [1] }))));
    assert_eq!(provider.touch("persistent", Some(Duration::MAX)).await, Ok(true));
    let left = provider.ttl("touched").await.unwrap().unwrap();
    assert!(left <= long && left + TTL > long, "{left:?}");
    assert_eq!(provider.ttl("persistent").await, Ok(Some(Duration::MAX)));

    // Past the old ttl, but not the new one.
    age(2 * TTL);
    for key in ["touched", "read", "persistent"] {
        assert_eq!(provider.get(key).await, Ok(Some(json!({ "value": [1] }))), "{key}");
    }
    // Past the new ttl, within the window.
    age(long);
    let failing = async || Err::<Value, _>(std::io::Error::other("down"));
    for key in ["touched", "read"] {
        assert_eq!(provider.get(key).await, Ok(None), "{key}");
        assert_eq!(provider.get_or_set(key, options(), failing).await.unwrap(), json!({ "value": [1] }), "{key}");
    }
    assert_eq!(provider.get("persistent").await, Ok(Some(json!({ "value": [1] }))));
    // Past the window.
    age(WINDOW);
    assert!(provider.get_or_set("touched", options(), failing).await.is_err());
}
