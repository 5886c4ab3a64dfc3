//! Users whose ACL lacks transactions, scripts or both.

use std::time::Duration;

use isocache::{
    AtomicProvider, CacheAside, CacheError, CacheProvider, CounterProvider, KeysProvider, LoadOptions,
    RedisCacheProvider, TextSerializer, TouchProvider,
};

use super::patient;
use servers::cluster::Cluster;
use servers::redis::{Options, RedisServer};

const TTL: Option<Duration> = Some(Duration::from_secs(600));

fn as_user<T>(url: &str, user: &str) -> RedisCacheProvider<T> {
    patient(url).username(user).password("secret").build().unwrap()
}

async fn reads_and_counts(cache: &RedisCacheProvider<i64>) {
    cache.set("k", 7, TTL).await.unwrap();
    let (value, left) = cache.get_with_ttl("k").await.unwrap().unwrap();
    assert_eq!(value, 7);
    assert!(left.unwrap() <= TTL.unwrap() && left.unwrap() > Duration::from_secs(300), "{left:?}");
    cache.set("lasting", 8, None).await.unwrap();
    assert_eq!(cache.get_with_ttl("lasting").await.unwrap(), Some((8, None)));
    assert_eq!(cache.get_with_ttl("absent").await.unwrap(), None);
    assert_eq!(cache.increment("n", 2, TTL).await.unwrap(), 2);
    assert_eq!(cache.increment("n", 3, TTL).await.unwrap(), 5);
    assert!(cache.get_with_ttl("n").await.unwrap().unwrap().1.is_some(), "it has its ttl");
    assert_eq!(cache.increment("lasting", 1, TTL).await.unwrap(), 9);
    assert_eq!(cache.get_with_ttl("lasting").await.unwrap(), Some((9, None)), "an old counter keeps its own");
    assert_eq!(cache.increment("bare", 1, None).await.unwrap(), 1);
    // Exact beyond 2^53, where Lua rounds.
    let large = (1 << 53) + 1;
    assert_eq!(cache.increment("large", large, TTL).await.unwrap(), large);
    assert_eq!(cache.increment("large", 2, TTL).await.unwrap(), large + 2);
    let error = cache.increment("large", i64::MAX, TTL).await.unwrap_err();
    assert!(matches!(&error, CacheError::InvalidArgument { argument: "by", .. }), "{error}");
    assert_eq!(cache.get("large").await.unwrap(), Some(large + 2));
}

/// The commands that the documentation of the provider says it needs.
fn documented() -> Vec<&'static str> {
    let text = include_str!("../../../src/redis/provider.rs");
    let (_, text) = text.split_once("**Permissions.**").unwrap();
    let (text, _) = text.split_once("///\n").unwrap();
    let is_command = |word: &&str| word.bytes().all(|byte| byte.is_ascii_uppercase());
    text.split('`').skip(1).step_by(2).filter(is_command).collect()
}

#[tokio::test]
async fn the_documented_commands_are_enough_for_every_method() {
    let commands = documented();
    assert!(commands.len() > 10 && commands.contains(&"GETEX"), "{commands:?}");
    let rules: Vec<String> = commands.iter().map(|command| format!("+{}", command.to_lowercase())).collect();
    let user = format!("user least on >secret ~* -@all {}", rules.join(" "));
    let server = RedisServer::start(Options::config(&[&user]));

    let cache: RedisCacheProvider<i64> = as_user(&server.url(), "least");
    reads_and_counts(&cache).await;
    assert_eq!(cache.get_many(&["k", "absent"]).await.unwrap(), [Some(7), None]);
    assert_eq!(cache.exists_many(&["k", "absent"]).await.unwrap(), [true, false]);
    assert!(cache.exists("k").await.unwrap() && cache.ttl("k").await.unwrap().is_some());
    assert!(cache.touch("k", Some(Duration::MAX)).await.unwrap() && cache.touch("k", TTL).await.unwrap());
    assert_eq!(cache.get_and_touch("k", TTL).await.unwrap(), Some(7));
    assert!(!cache.set_if_absent("k", 8, TTL).await.unwrap() && cache.replace("k", 9, TTL).await.unwrap());
    assert_eq!(cache.get_and_delete("k").await.unwrap(), Some(9));
    assert_eq!(cache.increment_within("within", 1, 0..=5, TTL).await.unwrap().count, 1);
    cache.set_many(vec![("a", 1, TTL), ("b", 2, TTL), ("c", 3, TTL), ("d", 4, TTL)]).await.unwrap();
    assert_eq!(cache.keys("[abcd]").unwrap().collect().await.unwrap().len(), 4);
    assert!(cache.delete("a").await.unwrap() && cache.delete_many(&["b"]).await.unwrap() == 1);
    assert_eq!(cache.delete_many_each(&["c", "absent"]).await.unwrap(), [true, false]);
    assert_eq!(cache.clear_pattern("[abcd]").await.unwrap(), 1);
    cache.get_stats().await.unwrap();

    let options = LoadOptions::new().ttl(Duration::from_secs(3600)).stale_if_error(Duration::from_secs(60));
    let load = || async { Ok::<_, CacheError>(7) };
    let leased = options.lease(Duration::from_secs(10));
    assert_eq!(cache.get_or_set("loaded", &leased, load).await.unwrap(), 7);
    assert!(cache.touch("loaded", TTL).await.unwrap());
    assert!(
        cache.loading().unwrap().lease_provider().unwrap().acquire("k", "we", Duration::from_secs(10)).await.unwrap()
    );
    cache.loading().unwrap().lease_provider().unwrap().release("k", "we").await.unwrap();

    let texts: RedisCacheProvider<String, TextSerializer> =
        patient(&server.url()).username("least").password("secret").serializer(TextSerializer).build().unwrap();
    texts.set("text", "Ada".into(), TTL).await.unwrap();
    assert!(texts.touch("text", TTL).await.unwrap() && texts.touch("text", Some(Duration::MAX)).await.unwrap());
    assert!(texts.exists("text").await.unwrap() && texts.delete("text").await.unwrap());
    // Nothing was refused on the way, which another command may have hidden.
    assert_eq!(server.cli(&["ACL", "LOG"]), "");
}

/// The redis crate panics in debug builds when MULTI is refused within one of its atomic pipelines.
#[tokio::test]
async fn without_multi_or_without_scripts() {
    let server = RedisServer::start(Options::config(&[
        "user nomulti on >secret ~* +@all -@transaction",
        "user onlymulti on >secret ~* +@all -multi",
        "user noscript on >secret ~* +@all -@scripting",
        "user all on >secret ~* +@all",
    ]));
    for user in ["nomulti", "onlymulti", "noscript", "all"] {
        reads_and_counts(&as_user(&server.url(), user)).await;
        assert_eq!(server.cli(&["FLUSHALL"]), "OK");
    }
}

#[tokio::test]
async fn without_both_the_error_says_what_is_needed_and_nothing_changes() {
    let server = RedisServer::start(Options::config(&[
        "user neither on >secret ~* +@all -@transaction -@scripting",
        "user noexec on >secret ~* +@all -exec -@scripting",
    ]));
    let cache: RedisCacheProvider<i64> = as_user(&server.url(), "neither");
    for _ in 0..3 {
        let error = cache.increment("n", 1, TTL).await.unwrap_err();
        let says = |word: &str| error.to_string().contains(word);
        assert!(matches!(&error, CacheError::Refused(_)) && says("NOPERM") && says("multi"), "{error}");
        assert!(says("EVAL") && says("MULTI"), "{error}");
    }
    assert_eq!(server.cli(&["EXISTS", "n"]), "0");
    assert_eq!(cache.increment("n", 1, None).await.unwrap(), 1, "one command");
    cache.set("k", 1, TTL).await.unwrap();
    assert!(cache.get_with_ttl("k").await.unwrap().unwrap().1.is_some());
    // The connection is as good as before.
    assert_eq!(cache.get("k").await.unwrap(), Some(1));

    // Redis says it in other words within a script.
    server.cli(&["ACL", "SETUSER", "neither", "+eval", "-del"]);
    let leases = cache.loading().unwrap().lease_provider().unwrap();
    assert!(leases.acquire("k", "we", Duration::from_secs(600)).await.unwrap());
    let error = leases.release("k", "we").await.unwrap_err();
    assert!(matches!(&error, CacheError::Refused(text) if text.contains("script")), "{error}");
    server.cli(&["ACL", "SETUSER", "neither", "-eval"]);

    // Permission given while the application runs is used.
    server.cli(&["ACL", "SETUSER", "neither", "+eval"]);
    assert_eq!(cache.increment("n", 1, TTL).await.unwrap(), 2);
    let error = as_user::<i64>(&server.url(), "noexec").increment("m", 1, TTL).await.unwrap_err();
    assert!(matches!(&error, CacheError::Refused(text) if text.contains("exec")), "{error}");
}

#[tokio::test]
async fn in_a_cluster() {
    let cluster = Cluster::start(None);
    for node in &cluster.nodes {
        for user in ["nomulti on >secret ~* +@all -@transaction", "noscript on >secret ~* +@all -@scripting"] {
            let rules: Vec<&str> = ["ACL", "SETUSER"].into_iter().chain(user.split(' ')).collect();
            assert_eq!(node.cli(&rules), "OK");
        }
    }
    for user in ["nomulti", "noscript"] {
        let cache = as_user(&cluster.url(), user);
        reads_and_counts(&cache).await;
        assert_eq!(cache.clear_pattern("*").await.unwrap(), 5);
    }
}
