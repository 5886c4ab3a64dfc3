//! What other clients write, we read; and the other way round.

use std::collections::BTreeMap;

use isocache::{CacheProvider, RedisCacheProvider};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::patient;
use servers::redis::RedisServer;
use servers::tools::python;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct User {
    id: u64,
    name: String,
    tags: BTreeMap<String, Option<f64>>,
}

fn ada() -> User {
    User {
        id: 9_007_199_254_740_993,
        name: "Ada \u{1f600} \"L\"".into(),
        tags: [("a".into(), Some(0.5)), ("b".into(), None)].into(),
    }
}

#[tokio::test]
async fn redis_cli() {
    let server = RedisServer::plain();
    let cache: RedisCacheProvider<Value> = patient(&server.url()).build().unwrap();
    server.cli(&["SET", "user:1", r#"{"name":"Ada", "n":[1,2.5,null]}"#, "PX", "600000"]);
    let (value, left) = cache.get_with_ttl("user:1").await.unwrap().unwrap();
    assert_eq!(value, json!({ "name": "Ada", "n": [1, 2.5, null] }));
    assert!(left.is_some());
    cache.set("user:2", json!({ "b": 1, "a": "x" }), None).await.unwrap();
    let stored: Value = serde_json::from_str(&server.cli(&["GET", "user:2"])).unwrap();
    assert_eq!(stored, json!({ "a": "x", "b": 1 }));
    assert_eq!(server.cli(&["PTTL", "user:2"]), "-1");
}

#[tokio::test]
async fn python_with_json() {
    let server = RedisServer::plain();
    let cache: RedisCacheProvider<User> = patient(&server.url()).namespace("app").build().unwrap();
    cache.set("user:1", ada(), Some(std::time::Duration::from_secs(600))).await.unwrap();
    let script = r#"
import json, redis, sys
r = redis.Redis(port=int(sys.argv[1]))
user = json.loads(r.get("app:user:1"))
assert user == {"id": 9007199254740993, "name": "Ada \U0001F600 \"L\"", "tags": {"a": 0.5, "b": None}}, user
assert 0 < r.ttl("app:user:1") <= 600
user["name"] += " \u00e9"
r.set("app:user:2", json.dumps(user), ex=600)
r.set("app:user:3", json.dumps(user, ensure_ascii=False, indent=2))
print(r.incr("app:visits", 41))
"#;
    let Some(printed) = python("redis", script, &[&server.port.to_string()]) else { return };
    assert_eq!(printed, "41\n");
    let expected = User { name: format!("{} \u{e9}", ada().name), ..ada() };
    assert_eq!(cache.get("user:2").await.unwrap(), Some(expected));
    assert_eq!(cache.get("user:3").await.unwrap().unwrap().name, format!("{} \u{e9}", ada().name));
    let visits: RedisCacheProvider<i64> = cache.view();
    assert_eq!(isocache::CounterProvider::increment(&visits, "visits", 1, None).await.unwrap(), 42);
    assert_eq!(server.cli(&["GET", "app:visits"]), "42");
}
