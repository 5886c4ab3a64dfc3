//! Invalidation: what goes, what stays, and what is said when a part of it fails.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use isocache::{
    CacheError, CacheInvalidator, CacheProvider, CacheStats, CounterProvider, Invalidated, MemoryCacheProvider, Result,
    Tagged, TaggedEntry, WithTtl, keys,
};
use pollster::block_on;

fn cache_with(entries: &[&str]) -> MemoryCacheProvider<u8> {
    let cache = MemoryCacheProvider::default();
    for key in entries {
        cache.sync().set(key, 1, None).unwrap();
    }
    cache
}

fn left(cache: &MemoryCacheProvider<u8>) -> Vec<String> {
    let mut keys = cache.sync().keys();
    keys.sort();
    keys
}

const USERS: [&str; 6] = ["session:t", "user:1", "user:10", "user:2", "user_list:a", "user_list:b"];

#[test]
fn one_user_goes_with_all_lists() {
    let cache = cache_with(&USERS);
    let invalidator = CacheInvalidator::new(cache.clone());
    assert_eq!(block_on(invalidator.invalidate_user(1)), Ok(Invalidated { entries: 1, lists: 2 }));
    assert_eq!(left(&cache), ["session:t", "user:10", "user:2"]);
    assert_eq!(block_on(invalidator.invalidate_user("1")), Ok(Invalidated::default()));
}

#[test]
fn all_users_go() {
    let cache = cache_with(&USERS);
    let invalidated = block_on(CacheInvalidator::new(cache.clone()).invalidate_all_users());
    assert_eq!(invalidated, Ok(Invalidated { entries: 3, lists: 2 }));
    assert_eq!(left(&cache), ["session:t"]);
}

#[test]
fn an_id_reaches_nothing_else() {
    for id in ["*", "1:x", "?", "[12]", "\\*", "", "%2A"] {
        let own = keys::user(id);
        let cache = cache_with(&["user:1", "user:2", "user:1:x", &own]);
        assert_eq!(block_on(CacheInvalidator::new(cache.clone()).invalidate_user(id)).unwrap().entries, 1, "{id}");
        assert_eq!(left(&cache), ["user:1", "user:1:x", "user:2"], "{id}");
    }
}

#[test]
fn an_entity_may_have_several_keys_and_lists() {
    let cache = cache_with(&["team:7", "team_name:7", "team:8", "team_list:1", "ranking", "user:7"]);
    let invalidator = CacheInvalidator::new(cache.clone());
    let teams = invalidator.entity("team").key("team:{id}").unwrap().key("team_name:{team}").unwrap();
    let teams = teams.lists("team_list:*").unwrap().lists("ranking").unwrap();
    assert_eq!(block_on(teams.invalidate(7)), Ok(Invalidated { entries: 2, lists: 2 }));
    assert_eq!(left(&cache), ["team:8", "user:7"]);
    assert_eq!(block_on(teams.invalidate_all()), Ok(Invalidated { entries: 1, lists: 0 }));
    assert_eq!(left(&cache), ["user:7"]);
}

#[test]
fn what_is_no_entity_is_refused() {
    let invalidator = CacheInvalidator::new(MemoryCacheProvider::<u8>::default());
    for pattern in ["team:{id", "team", "member:{team}:{id}", ""] {
        let refused = invalidator.entity("team").key(pattern).unwrap_err();
        assert!(matches!(refused, CacheError::InvalidArgument { argument: "pattern", .. }), "{pattern}: {refused}");
    }
    assert!(invalidator.entity("team").key("team:{id}").unwrap().lists("").is_err());
}

/// Fails for what a test names; tells what it was asked.
#[derive(Clone, Default)]
struct Failing {
    fails: &'static [&'static str],
    asked: Arc<Mutex<Vec<String>>>,
}

impl Failing {
    fn ask(&self, what: &str) -> Result<()> {
        self.asked.lock().unwrap().push(what.to_owned());
        if self.fails.contains(&what) { Err(CacheError::Timeout(format!("no answer about {what}"))) } else { Ok(()) }
    }
}

impl CacheProvider<u8> for Failing {
    async fn get(&self, _: &str) -> Result<Option<u8>> {
        Ok(None)
    }
    async fn set(&self, _: &str, _: u8, _: Option<Duration>) -> Result<()> {
        Ok(())
    }
    async fn delete(&self, key: &str) -> Result<bool> {
        self.ask(key).map(|()| true)
    }
    async fn exists(&self, _: &str) -> Result<bool> {
        Ok(false)
    }
    async fn clear_pattern(&self, pattern: &str) -> Result<u64> {
        self.ask(pattern).map(|()| 3)
    }
    async fn get_stats(&self) -> Result<CacheStats> {
        Ok(CacheStats::default())
    }
    async fn get_with_ttl(&self, _: &str) -> Result<Option<WithTtl<u8>>> {
        Ok(None)
    }
}

#[test]
fn one_failure_keeps_nothing_else_from_going() {
    let provider = Failing { fails: &["user:7"], ..Failing::default() };
    let error = block_on(CacheInvalidator::new(provider.clone()).invalidate_user(7)).unwrap_err();
    assert_eq!(*provider.asked.lock().unwrap(), ["user:7", "user_list:*"]);
    assert_eq!(error.removed(), Invalidated { entries: 0, lists: 3 });
    assert_eq!(error.remaining().map(|(what, _)| what).collect::<Vec<_>>(), ["user:7"]);
    assert_eq!(
        error.to_string(),
        "the invalidation of user is incomplete; there may remain \"user:7\" (timed out: no answer about user:7)"
    );

    let provider = Failing { fails: &["user:*", "user_list:*"], ..Failing::default() };
    let error = block_on(CacheInvalidator::new(provider).invalidate_all_users()).unwrap_err();
    assert_eq!(error.remaining().map(|(what, _)| what).collect::<Vec<_>>(), ["user:*", "user_list:*"]);
}

#[test]
fn after_a_write_whatever_became_of_it() {
    for outcome in [Ok(5), Err("the connection broke after the commit")] {
        let cache = cache_with(&["user:1", "user_list:a"]);
        let users = CacheInvalidator::new(cache.clone()).entity("user").key("user:{id}").unwrap();
        let write = async {
            assert!(cache.sync().exists("user:1").unwrap(), "the write comes first");
            outcome
        };
        let written = block_on(users.after(write, 1));
        assert_eq!(written.outcome, outcome);
        assert_eq!(written.invalidated, Ok(Invalidated { entries: 1, lists: 0 }));
        assert_eq!(left(&cache), ["user_list:a"]);
    }
    let failing = Failing { fails: &["user:1"], ..Failing::default() };
    let users = CacheInvalidator::new(failing).entity("user").key("user:{id}").unwrap();
    let written = block_on(users.after(async { "written" }, 1));
    assert_eq!(written.outcome, "written");
    assert_eq!(written.invalidated.unwrap_err().remaining().count(), 1);
}

#[test]
fn an_entity_has_tags() {
    let tagged = Tagged::new(MemoryCacheProvider::default(), MemoryCacheProvider::default());
    let entity = CacheInvalidator::tagged(tagged.clone()).entity("team").key("team:{id}").unwrap();
    let teams = entity.tags("team-{id}").unwrap().tags("teams").unwrap();
    let fill = || {
        for (key, tags) in [("team:7", &[][..]), ("report", &["team-7", "team-8"][..]), ("all", &["teams"][..])] {
            let view = block_on(tagged.with_tags(tags)).unwrap();
            block_on(view.set(key, 1_u8, None)).unwrap();
        }
    };
    let left = || {
        let view = block_on(tagged.with_tags(&[])).unwrap();
        ["team:7", "report", "all"].map(|key| block_on(CacheProvider::<u8>::exists(&view, key)).unwrap())
    };
    fill();
    assert_eq!(left(), [true, true, true]);
    assert_eq!(block_on(teams.invalidate(7)), Ok(Invalidated { entries: 1, lists: 0 }));
    assert_eq!(left(), [false, false, false]);
    fill();
    block_on(teams.invalidate(9)).unwrap();
    assert_eq!(left(), [true, true, false]);
    fill();
    block_on(teams.invalidate_all()).unwrap();
    assert_eq!(left(), [false, true, false], "which ids there are is not known");
    fill();
    assert!(block_on(teams.after(async {}, 8)).invalidated.is_ok());
    assert_eq!(left(), [true, false, false]);
}

#[test]
fn the_id_in_a_tag_is_escaped() {
    let tagged = Tagged::new(MemoryCacheProvider::default(), MemoryCacheProvider::default());
    let entity = CacheInvalidator::tagged(tagged.clone()).entity("team").key("team:{id}").unwrap();
    let teams = entity.tags("team:{id}:all").unwrap();
    let view = block_on(tagged.with_tags(&["team:7%3Ax:all"])).unwrap();
    block_on(view.set("report", 1_u8, None)).unwrap();
    block_on(teams.invalidate("*")).unwrap();
    assert_eq!(block_on(view.get("report")), Ok(Some(1)));
    block_on(teams.invalidate("7:x")).unwrap();
    assert_eq!(block_on(view.get("report")), Ok(None::<u8>));
}

#[test]
fn tags_need_a_provider_that_has_them_and_at_most_the_id() {
    let team = |invalidator: CacheInvalidator| invalidator.entity("team").key("team:{id}").unwrap();
    let refused = team(CacheInvalidator::new(MemoryCacheProvider::<u8>::default())).tags("team-{id}").unwrap_err();
    assert_eq!(
        refused.to_string(),
        "invalid argument tags: need a provider with tags: create the invalidator with CacheInvalidator::tagged"
    );
    let tagged: Tagged<MemoryCacheProvider<TaggedEntry<u8>>, _> =
        Tagged::new(MemoryCacheProvider::default(), NoCounters);
    let teams = team(CacheInvalidator::tagged(tagged));
    for pattern in ["a:{b}:{c}", "team-{id", ""] {
        let refused = teams.clone().tags(pattern).unwrap_err();
        assert!(matches!(refused, CacheError::InvalidArgument { argument: "pattern", .. }), "{pattern}: {refused}");
    }
}

/// Counters that cannot be reached.
#[derive(Clone)]
struct NoCounters;

impl CounterProvider for NoCounters {
    async fn increment(&self, _: &str, _: i64, _: Option<Duration>) -> Result<i64> {
        Err(CacheError::Connection("down".to_owned()))
    }
}

#[test]
fn a_tag_that_fails_is_named() {
    let entries = MemoryCacheProvider::<TaggedEntry<u8>>::default();
    let invalidator = CacheInvalidator::tagged(Tagged::new(entries, NoCounters));
    let teams = invalidator.entity("team").key("team:{id}").unwrap().tags("team-{id}").unwrap();
    let error = block_on(teams.invalidate(7)).unwrap_err();
    assert_eq!(error.removed(), Invalidated::default());
    let remaining: Vec<_> = error.remaining().map(|(what, error)| (what, error.clone())).collect();
    assert_eq!(remaining, [("tag team-7", CacheError::Connection("down".to_owned()))]);
}
