//! Sessions in memory: how long they last, how they end, and that errors do not show their tokens.

use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;
use isocache::{
    AtomicProvider, CacheError, CacheProvider, CacheStats, JsonSerializer, ManualClock, MemoryCacheProvider, Result,
    SessionStore, TouchProvider, Typed, WithTtl,
};
use pollster::block_on;

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

type Memory = MemoryCacheProvider<String>;

fn sessions(clock: &ManualClock) -> (Memory, SessionStore<String, Memory>) {
    let cache = Memory::builder().clock(clock.clone()).build().unwrap();
    let sessions = SessionStore::new(cache.clone(), secs(60)).unwrap().clock(clock.clone());
    (cache, sessions)
}

#[test]
fn a_session_lives_while_it_is_used() {
    let clock = ManualClock::new();
    let (cache, sessions) = sessions(&clock);
    let token = block_on(sessions.create("Ada".into())).unwrap();
    assert!(cache.sync().exists(&format!("session:{}", token.as_str())).unwrap());
    for _ in 0..5 {
        clock.advance(Duration::from_millis(59_999));
        assert_eq!(block_on(sessions.get(token.as_str())).unwrap().as_deref(), Some("Ada"));
    }
    clock.advance(Duration::from_millis(59_999));
    assert!(block_on(sessions.update(token.as_str(), "Bo".into())).unwrap());
    clock.advance(Duration::from_millis(59_999));
    assert_eq!(block_on(sessions.get(token.as_str())).unwrap().as_deref(), Some("Bo"));
    clock.advance(secs(60));
    assert_eq!(block_on(sessions.get(token.as_str())).unwrap(), None);
    assert!(!block_on(sessions.update(token.as_str(), "Cy".into())).unwrap());
    assert!(!block_on(sessions.destroy(token.as_str())).unwrap());
    assert_eq!(cache.sync().len(), 0);
}

#[test]
fn sessions_may_be_values_over_bytes() {
    let clock = ManualClock::new();
    let bytes = MemoryCacheProvider::<Bytes>::builder().clock(clock.clone()).build().unwrap();
    let sessions = SessionStore::new(Typed::<u64, JsonSerializer, _>::new(bytes.clone()), secs(60)).unwrap();
    let token = block_on(sessions.create(7)).unwrap();
    clock.advance(secs(59));
    assert_eq!(block_on(sessions.get(token.as_str())), Ok(Some(7)));
    clock.advance(secs(59));
    assert_eq!(block_on(sessions.update(token.as_str(), 8)), Ok(true));
    clock.advance(secs(59));
    assert_eq!(bytes.sync().get(&format!("session:{}", token.as_str())).unwrap().unwrap(), "8");
    clock.advance(secs(1));
    assert_eq!(block_on(sessions.get(token.as_str())), Ok(None));
    assert_eq!(block_on(sessions.update(token.as_str(), 9)), Ok(false));
}

#[test]
fn what_was_destroyed_does_not_come_back() {
    let (cache, sessions) = sessions(&ManualClock::new());
    let token = block_on(sessions.create("Ada".into())).unwrap();
    assert!(block_on(sessions.destroy(token.as_str())).unwrap());
    assert!(!block_on(sessions.update(token.as_str(), "Ada".into())).unwrap());
    assert_eq!(block_on(sessions.get(token.as_str())).unwrap(), None);
    assert!(!block_on(sessions.destroy(token.as_str())).unwrap());
    assert_eq!(cache.sync().len(), 0);
}

#[test]
fn an_absolute_limit_ends_it_however_much_it_is_used() {
    let clock = ManualClock::new();
    clock.set_ms(1_000_000);
    let (cache, sessions) = sessions(&clock);
    let sessions = sessions.absolute_limit(secs(90)).unwrap();
    let token = block_on(sessions.create("Ada".into())).unwrap();
    assert!(token.as_str().ends_with("-1090000"));
    clock.advance(secs(50));
    assert!(block_on(sessions.get(token.as_str())).unwrap().is_some());
    let left = || cache.sync().get_with_ttl(&format!("session:{}", token.as_str())).unwrap().unwrap().1;
    assert_eq!(left(), Some(secs(40)), "not beyond the end");
    clock.advance(secs(39));
    assert!(block_on(sessions.update(token.as_str(), "Bo".into())).unwrap());
    assert_eq!(left(), Some(secs(1)));
    // Whatever the client claims.
    let (random, _) = token.as_str().split_once('-').unwrap();
    for forged in [random.to_owned(), format!("{random}-9999999999"), format!("{random}-01090000")] {
        assert_eq!(block_on(sessions.get(&forged)).unwrap(), None, "{forged}");
    }
    clock.advance(secs(1));
    assert_eq!(block_on(sessions.get(token.as_str())).unwrap(), None);

    let short = SessionStore::new(cache.clone(), secs(60)).unwrap().clock(clock.clone());
    let short = short.absolute_limit(secs(10)).unwrap();
    let token = block_on(short.create("Ada".into())).unwrap();
    let left = cache.sync().get_with_ttl(&format!("session:{}", token.as_str())).unwrap().unwrap().1;
    assert_eq!(left, Some(secs(10)));
}

#[test]
fn tokens_are_long_random_and_plain() {
    let (_, sessions) = sessions(&ManualClock::new());
    let tokens: HashSet<String> =
        (0..1000).map(|_| block_on(sessions.create(String::new())).unwrap().as_str().to_owned()).collect();
    assert_eq!(tokens.len(), 1000);
    for token in &tokens {
        assert!(token.len() == 64 && token.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)));
    }
    // Every place takes every digit: none is fixed, as it would be if a byte were not filled.
    for place in 0..64 {
        let digits: HashSet<u8> = tokens.iter().map(|token| token.as_bytes()[place]).collect();
        assert_eq!(digits.len(), 16, "place {place}");
    }
}

#[test]
fn limits_out_of_range_are_refused() {
    for ttl in [Duration::ZERO, Duration::MAX] {
        assert!(SessionStore::<String, _>::new((), ttl).is_err());
        assert!(SessionStore::<String, _>::new((), secs(1)).unwrap().absolute_limit(ttl).is_err());
    }
}

/// Fails, and tells everything that it knows of the key.
struct Talkative(fn(&str) -> CacheError);

impl CacheProvider<String> for Talkative {
    async fn get(&self, key: &str) -> Result<Option<String>> {
        Err(self.0(key))
    }
    async fn set(&self, key: &str, _: String, _: Option<Duration>) -> Result<()> {
        Err(self.0(key))
    }
    async fn delete(&self, key: &str) -> Result<bool> {
        Err(self.0(key))
    }
    async fn exists(&self, key: &str) -> Result<bool> {
        Err(self.0(key))
    }
    async fn clear_pattern(&self, key: &str) -> Result<u64> {
        Err(self.0(key))
    }
    async fn get_stats(&self) -> Result<CacheStats> {
        Ok(CacheStats::default())
    }
    async fn get_with_ttl(&self, key: &str) -> Result<Option<WithTtl<String>>> {
        Err(self.0(key))
    }
}

impl TouchProvider<String> for Talkative {
    async fn ttl(&self, key: &str) -> Result<Option<Duration>> {
        Err(self.0(key))
    }
    async fn touch(&self, key: &str, _: Option<Duration>) -> Result<bool> {
        Err(self.0(key))
    }
    async fn get_and_touch(&self, key: &str, _: Option<Duration>) -> Result<Option<String>> {
        Err(self.0(key))
    }
}

impl AtomicProvider<String> for Talkative {
    async fn set_if_absent(&self, key: &str, _: String, _: Option<Duration>) -> Result<bool> {
        Err(self.0(key))
    }
    async fn get_and_delete(&self, key: &str) -> Result<Option<String>> {
        Err(self.0(key))
    }
    async fn replace(&self, key: &str, _: String, _: Option<Duration>) -> Result<bool> {
        Err(self.0(key))
    }
}

#[test]
fn nobody_sees_a_token() {
    let token = "0123456789abcdef".repeat(4);
    let kinds: [fn(&str) -> CacheError; 9] = [
        |key| CacheError::Connection(format!("while asking for {key}")),
        |key| CacheError::Timeout(key.to_owned()),
        |key| CacheError::Refused(format!("NOPERM {key:?}")),
        |key| CacheError::Full(key.to_owned()),
        |key| CacheError::Unavailable(key.to_owned()),
        |key| CacheError::Protocol(key[..40].to_owned()),
        |key| CacheError::Serialize { key: key.to_owned(), reason: key.to_owned() },
        |key| CacheError::Deserialize { key: key.to_owned(), reason: "invalid type".to_owned() },
        |key| CacheError::InvalidArgument { argument: "value", reason: format!("of key {:?}...", &key[..40]) },
    ];
    for kind in kinds {
        let sessions = SessionStore::new(Talkative(kind), secs(1)).unwrap();
        let errors = [
            block_on(sessions.get(&token)).unwrap_err(),
            block_on(sessions.update(&token, String::new())).unwrap_err(),
            block_on(sessions.destroy(&token)).unwrap_err(),
        ];
        for error in errors {
            assert_eq!(std::mem::discriminant(&error), std::mem::discriminant(&kind(&format!("session:{token}"))));
            assert!(!format!("{error} {error:?}").contains("0123456"), "{error:?}");
        }
        let error = block_on(sessions.create(String::new())).unwrap_err();
        let text = format!("{error} {error:?}");
        let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        assert!(!text.as_bytes().windows(12).any(|run| run.iter().all(|byte| hex(*byte))), "{text}");
    }
    let (_, sessions) = sessions(&ManualClock::new());
    let token = block_on(sessions.create("Ada".into())).unwrap();
    assert_eq!(format!("{token:?}"), "SessionToken(..)");
    assert!(!format!("{sessions:?}").contains("Ada"));
}

#[test]
fn what_is_no_token_is_not_looked_up() {
    let sessions = SessionStore::new(Talkative(|_| CacheError::Timeout("it was asked".into())), secs(1)).unwrap();
    let good = "a".repeat(64);
    for token in [
        "",
        "*",
        "abc",
        &good[1..],
        &format!("{good}a"),
        &format!("{good}-"),
        &format!("{good}-x"),
        &format!("A{}", &good[1..]),
    ] {
        assert_eq!(block_on(sessions.get(token)), Ok(None), "{token}");
        assert_eq!(block_on(sessions.update(token, String::new())), Ok(false), "{token}");
        assert_eq!(block_on(sessions.destroy(token)), Ok(false), "{token}");
    }
    assert!(block_on(sessions.get(&good)).is_err(), "and this is one");
}

#[test]
fn renewing_is_no_write_and_replacing_is_one() {
    let clock = ManualClock::new();
    let cache = Memory::builder().clock(clock.clone()).max_entries(2).build().unwrap();
    assert_eq!(cache.sync().get_and_touch("a", Some(secs(1))), Ok(None));
    assert_eq!(cache.sync().replace("a", "x".into(), None), Ok(false));
    cache.sync().set("a", "1".into(), None).unwrap();
    cache.sync().set("b", "2".into(), None).unwrap();
    assert_eq!(cache.sync().get_and_touch("a", Some(secs(1))).unwrap().as_deref(), Some("1"));
    assert_eq!(cache.sync().replace("b", "3".into(), Some(secs(5))), Ok(true));
    let stats = cache.sync().stats();
    assert_eq!((stats.hits, stats.misses, stats.sets), (1, 1, 3));
    clock.advance(secs(1));
    assert_eq!(cache.sync().keys(), ["b"], "the ttl of a started when it was renewed");
    assert_eq!(cache.sync().get_and_touch("b", Some(Duration::MAX)).unwrap().as_deref(), Some("3"));
    clock.advance(secs(1_000_000));
    assert_eq!(cache.sync().get_with_ttl("b"), Ok(Some(("3".into(), None))));
    assert!(
        cache.sync().get_and_touch("b", Some(Duration::ZERO)).is_err()
            && cache.sync().get_and_touch("", Some(secs(1))).is_err()
    );
}
