//! Sessions of users: rotating, listing and ending them; races; and what both languages store.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use isocache::{
    CacheError, CacheProvider, JsonSerializer, ManualClock, MemoryCacheProvider, SessionStore, SessionToken, Typed,
};
use pollster::block_on;
use serde::Deserialize;

type Text = Typed<String, JsonSerializer, MemoryCacheProvider<Bytes>>;
type Sessions = SessionStore<String, Text>;

fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * 3600)
}

/// Sessions and their index in one memory, as over a shared store.
fn sessions(clock: &ManualClock) -> (MemoryCacheProvider<Bytes>, Sessions) {
    let bytes = MemoryCacheProvider::<Bytes>::builder().clock(clock.clone()).build().unwrap();
    let sessions = SessionStore::new(Typed::new(bytes.clone()), hours(1)).unwrap().clock(clock.clone());
    let sessions = sessions.absolute_limit(hours(12)).unwrap().users(Text::new(bytes.clone()), bytes.clone());
    (bytes, sessions)
}

async fn values(sessions: &Sessions, user: &str) -> Vec<String> {
    sessions.all(user).await.unwrap().into_iter().map(|session| session.value).collect()
}

#[test]
fn a_rotated_session_has_a_new_token_the_same_value_and_the_same_end() {
    block_on(async {
        let clock = ManualClock::new();
        let (_, sessions) = sessions(&clock);
        let plain = sessions.create("cart".into()).await.unwrap();
        let of_user = sessions.create_for(7, "cart".into()).await.unwrap();
        clock.advance(Duration::from_secs(60));
        for token in [plain, of_user] {
            let new = sessions.rotate(token.as_str()).await.unwrap().unwrap();
            assert_ne!(new, token);
            assert_eq!(new.as_str()[64..], token.as_str()[64..], "the absolute limit goes on");
            assert_eq!(sessions.get(token.as_str()).await, Ok(None));
            assert_eq!(sessions.update(token.as_str(), String::new()).await, Ok(false));
            assert_eq!(sessions.rotate(token.as_str()).await, Ok(None));
            assert_eq!(sessions.get(new.as_str()).await.unwrap().as_deref(), Some("cart"));
            assert_eq!(sessions.destroy(new.as_str()).await, Ok(true));
            assert_eq!(sessions.rotate(new.as_str()).await, Ok(None));
        }
        assert_eq!(sessions.rotate("x").await, Ok(None));
    });
}

#[test]
fn of_many_rotations_at_once_one_wins_and_its_session_remains() {
    let (_, sessions) = sessions(&ManualClock::new());
    for _ in 0..20 {
        let token = block_on(sessions.create_for("ada", "Ada".into())).unwrap();
        let rotate = || block_on(sessions.rotate(token.as_str())).unwrap();
        let won: Vec<SessionToken> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(rotate)).collect();
            threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(won.len(), 1);
        assert_eq!(block_on(sessions.get(won[0].as_str())).unwrap().as_deref(), Some("Ada"));
        assert_eq!(block_on(sessions.destroy_all("ada")), Ok(1));
    }
}

#[test]
fn all_sessions_of_a_user_are_listed_and_ended_and_no_others() {
    block_on(async {
        let clock = ManualClock::new();
        let (_, sessions) = sessions(&clock);
        let laptop = sessions.create_for("a:b", "laptop".into()).await.unwrap();
        clock.advance(Duration::from_millis(1));
        let phone = sessions.create_for("a:b", "phone".into()).await.unwrap();
        let other = sessions.create_for("a", "other".into()).await.unwrap();
        let nobody = sessions.create("nobody".into()).await.unwrap();
        assert_eq!(values(&sessions, "a:b").await, ["laptop", "phone"]);
        assert_eq!(sessions.destroy(laptop.as_str()).await, Ok(true));
        let phone = sessions.rotate(phone.as_str()).await.unwrap().unwrap();
        let all = sessions.all("a:b").await.unwrap();
        assert_eq!(all.len(), 1);
        assert_eq!((&all[0].token, &*all[0].value), (&phone, "phone"));
        assert_eq!(sessions.destroy_all("a:b").await, Ok(1));
        assert_eq!(sessions.destroy_all("a:b").await, Ok(0));
        assert_eq!(sessions.get(phone.as_str()).await, Ok(None));
        assert!(sessions.get(other.as_str()).await.unwrap().is_some());
        assert!(sessions.get(nobody.as_str()).await.unwrap().is_some());
    });
}

#[test]
fn no_session_that_began_before_destroy_all_outlives_it() {
    let (_, sessions) = sessions(&ManualClock::new());
    for round in 0..100 {
        let token = block_on(sessions.create_for(1, "Ada".into())).unwrap();
        let rotate = || {
            let mut tokens = vec![token.as_str().to_owned()];
            while let Some(new) = block_on(sessions.rotate(tokens.last().unwrap())).unwrap() {
                tokens.push(new.as_str().to_owned());
                if tokens.len() > 5 {
                    break;
                }
            }
            tokens
        };
        let tokens = std::thread::scope(|scope| {
            let rotating = scope.spawn(rotate);
            block_on(sessions.destroy_all(1)).unwrap();
            rotating.join().unwrap()
        });
        // Rotations that began when all had ended found nothing.
        for token in tokens {
            assert_eq!(block_on(sessions.get(&token)), Ok(None), "round {round}");
        }
        assert_eq!(block_on(sessions.destroy_all(1)), Ok(0));
    }
}

#[test]
fn the_index_has_places_for_so_many_sessions_and_forgets_with_the_limit() {
    block_on(async {
        let clock = ManualClock::new();
        let (bytes, sessions) = sessions(&clock);
        let sessions = sessions.max_per_user(3).unwrap();
        let mut tokens = Vec::new();
        for value in 0..5 {
            tokens.push(sessions.create_for(3, value.to_string()).await.unwrap());
        }
        for (value, token) in tokens.iter().enumerate() {
            assert_eq!(sessions.get(token.as_str()).await.unwrap().is_some(), value >= 2, "{value}");
        }
        assert_eq!(values(&sessions, "3").await.len(), 3);
        assert_eq!(bytes.sync().len(), 3 + 1 + 3 + 3, "sessions, the counter, places and owners");
        clock.advance(hours(12));
        assert_eq!(bytes.sync().len(), 0);
    });
}

#[test]
fn users_need_an_absolute_limit_and_an_index() {
    let memory = || MemoryCacheProvider::<String>::default();
    let sessions = SessionStore::new(memory(), hours(1)).unwrap();
    let refused = block_on(sessions.create_for(1, String::new())).unwrap_err();
    assert!(matches!(&refused, CacheError::InvalidArgument { argument: "user", reason } if reason.contains("users")));
    assert!(block_on(sessions.all(1)).is_err() && block_on(sessions.destroy_all(1)).is_err());
    let sessions = sessions.users(memory(), MemoryCacheProvider::<i64>::default());
    let refused = block_on(sessions.create_for(1, String::new())).unwrap_err();
    assert!(refused.to_string().contains("absolute_limit"), "{refused}");
    assert!(SessionStore::<String, _>::new(memory(), hours(1)).unwrap().max_per_user(5).is_err());
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vectors {
    #[serde(rename = "format")]
    _format: String,
    now: u64,
    user: String,
    entries: BTreeMap<String, serde_json::Value>,
    sessions: Vec<Listed>,
    rotate: Rotate,
    next: Next,
}

#[derive(Deserialize)]
struct Listed {
    token: String,
    value: String,
}

#[derive(Deserialize)]
struct Rotate {
    token: String,
    value: String,
    place: String,
}

#[derive(Deserialize)]
struct Next {
    counter: String,
    count: i64,
    place: String,
}

#[test]
fn what_is_stored_is_what_javascript_reads_and_the_other_way_round() {
    let vectors: Vectors = serde_json::from_str(include_str!("../vectors/sessions.json")).unwrap();
    block_on(async {
        let clock = ManualClock::new();
        clock.set_ms(vectors.now);
        let (bytes, sessions) = sessions(&clock);
        for (key, value) in &vectors.entries {
            bytes.set(key, Bytes::from(value.to_string()), Some(hours(1))).await.unwrap();
        }
        let text = Text::new(bytes.clone());
        let all = sessions.all(&*vectors.user).await.unwrap();
        assert_eq!(all.len(), vectors.sessions.len());
        for (found, listed) in all.iter().zip(&vectors.sessions) {
            assert_eq!((found.token.as_str(), &found.value), (&*listed.token, &listed.value));
        }
        let rotate = &vectors.rotate;
        let new = sessions.rotate(&rotate.token).await.unwrap().unwrap();
        let stored = async |key: &str| text.get(key).await.unwrap();
        assert_eq!(stored(&format!("session:{}", new.as_str())).await.as_ref(), Some(&rotate.value));
        assert_eq!(stored(&rotate.place).await.as_deref(), Some(new.as_str()));
        assert_eq!(stored(&format!("session-owner:{}", new.as_str())).await.as_ref(), Some(&rotate.place));
        assert_eq!(text.exists(&format!("session-owner:{}", rotate.token)).await, Ok(false));
        let created = sessions.create_for(&*vectors.user, "new".into()).await.unwrap();
        assert_eq!(stored(&vectors.next.place).await.as_deref(), Some(created.as_str()));
        assert_eq!(bytes.get(&vectors.next.counter).await.unwrap().unwrap(), vectors.next.count.to_string());
        assert_eq!(created.as_str()[64..], format!("-{}-u", vectors.now + 12 * 3_600_000));
        assert_eq!(sessions.destroy_all(&*vectors.user).await, Ok(vectors.sessions.len() as u64 + 1));
    });
}
