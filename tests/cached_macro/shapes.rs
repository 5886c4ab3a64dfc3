//! Values, options and results; arguments of all kinds; methods and generics.

use std::fmt::Display;
use std::sync::LazyLock;
use std::time::Duration;

use isocache::{CacheError, DynCacheProvider, MemoryCacheProvider, cached};

use crate::support::{At, at_clock, called, calls};

static CLOCKED: LazyLock<At<u64>> = LazyLock::new(at_clock);

#[cached(ttl = 300, key = "shapes:clocked:{id}", provider = CLOCKED.cache)]
async fn clocked(id: u64) -> u64 {
    called(&format!("clocked {id}"));
    id * 2
}

#[tokio::test]
async fn a_value_is_loaded_once_for_its_ttl() {
    assert_eq!(clocked(4).await, 8);
    assert_eq!(clocked(4).await, 8);
    assert_eq!(calls("clocked 4"), 1);
    CLOCKED.clock.advance(Duration::from_millis(299_999));
    assert_eq!(clocked(4).await, 8);
    assert_eq!(calls("clocked 4"), 1);
    CLOCKED.clock.advance(Duration::from_millis(1));
    assert_eq!(clocked(4).await, 8);
    assert_eq!(calls("clocked 4"), 2);
    assert_eq!(clocked(5).await, 10);
    assert_eq!((calls("clocked 4"), calls("clocked 5")), (2, 1));
}

#[cached(provider = CLOCKED_BY_DEFAULT.cache)]
async fn five_minutes() -> u64 {
    called("five_minutes")
}
static CLOCKED_BY_DEFAULT: LazyLock<At<u64>> = LazyLock::new(at_clock);

#[tokio::test]
async fn the_default_ttl_is_five_minutes() {
    assert_eq!(five_minutes().await, 1);
    CLOCKED_BY_DEFAULT.clock.advance(Duration::from_millis(299_999));
    assert_eq!(five_minutes().await, 1);
    CLOCKED_BY_DEFAULT.clock.advance(Duration::from_millis(1));
    assert_eq!(five_minutes().await, 2);
}

fn long() -> Duration {
    Duration::from_secs(1000)
}

#[cached(ttl = long(), key = "shapes:expression", provider = EXPRESSION.cache)]
async fn expression() -> u64 {
    called("expression")
}
static EXPRESSION: LazyLock<At<u64>> = LazyLock::new(at_clock);

#[tokio::test]
async fn the_ttl_may_be_an_expression() {
    assert_eq!(expression().await, 1);
    EXPRESSION.clock.advance(Duration::from_millis(999_999));
    assert_eq!(expression().await, 1);
    EXPRESSION.clock.advance(Duration::from_millis(1));
    assert_eq!(expression().await, 2);
}

#[cached]
async fn optional(id: u64) -> Option<u64> {
    called("optional");
    (id > 0).then_some(id)
}

#[tokio::test]
async fn nothing_is_not_kept() {
    assert_eq!((optional(0).await, optional(0).await), (None, None));
    assert_eq!(calls("optional"), 2);
    assert_eq!((optional(1).await, optional(1).await), (Some(1), Some(1)));
    assert_eq!(calls("optional"), 3);
}

#[cached(cache_none)]
async fn optional_kept(id: u64) -> Option<u64> {
    called("optional_kept");
    (id > 0).then_some(id)
}

#[cached(cache_none)]
async fn fallible_kept(id: u64) -> Result<Option<u64>, String> {
    called("fallible_kept");
    if id > 9 { Err("too many".to_owned()) } else { Ok((id > 0).then_some(id)) }
}

#[tokio::test]
async fn nothing_is_kept_where_that_is_asked_for() {
    assert_eq!((optional_kept(0).await, optional_kept(0).await), (None, None));
    assert_eq!(calls("optional_kept"), 1);
    assert_eq!((optional_kept(1).await, optional_kept(1).await), (Some(1), Some(1)));
    assert_eq!(calls("optional_kept"), 2);
    assert_eq!((fallible_kept(0).await, fallible_kept(0).await), (Ok(None), Ok(None)));
    assert_eq!(calls("fallible_kept"), 1);
    assert!(fallible_kept(10).await.is_err() && fallible_kept(10).await.is_err());
    assert_eq!(calls("fallible_kept"), 3);
}

#[cached]
async fn nested(id: u64) -> Option<Option<u64>> {
    called("nested");
    [None, Some(None), Some(Some(id))].into_iter().nth(usize::try_from(id).unwrap()).flatten()
}

#[tokio::test]
async fn without_cache_none_an_inner_none_is_told_from_absence() {
    assert_eq!((nested(0).await, nested(0).await), (None, None));
    assert_eq!(calls("nested"), 2);
    assert_eq!((nested(1).await, nested(1).await), (Some(None), Some(None)));
    assert_eq!(calls("nested"), 3);
    assert_eq!((nested::peek(0).await, nested::peek(1).await), (Ok(None), Ok(Some(Some(None)))));
    assert_eq!((nested(2).await, nested(2).await), (Some(Some(2)), Some(Some(2))));
    assert_eq!(calls("nested"), 4);
}

#[cached]
async fn fallible(id: u64) -> Result<u64, String> {
    called("fallible");
    let even = id.checked_rem(2).ok_or("never")?;
    if even == 1 {
        return Err(format!("{id} is odd"));
    }
    Ok(id)
}

#[cached]
async fn fallible_optional(id: u64) -> std::result::Result<Option<u64>, String> {
    called("fallible_optional");
    match id {
        0 => Ok(None),
        1 => Err("one".to_owned()),
        _ => Ok(Some(id)),
    }
}

#[tokio::test]
async fn errors_are_not_kept() {
    assert_eq!((fallible(1).await, fallible(1).await), (Err("1 is odd".to_owned()), Err("1 is odd".to_owned())));
    assert_eq!(calls("fallible"), 2);
    assert_eq!((fallible(2).await, fallible(2).await), (Ok(2), Ok(2)));
    assert_eq!(calls("fallible"), 3);
    for _ in 0..2 {
        assert_eq!(fallible_optional(0).await, Ok(None));
        assert_eq!(fallible_optional(1).await, Err("one".to_owned()));
        assert_eq!(fallible_optional(2).await, Ok(Some(2)));
    }
    assert_eq!(calls("fallible_optional"), 5);
}

/// A type alias with one argument, and an error that is not `Clone`.
type Io<T> = std::io::Result<T>;

mod io {
    pub type Result<T> = super::Io<T>;
}

#[cached]
async fn aliased(id: u64) -> io::Result<u64> {
    called("aliased");
    if id == 0 { Err(std::io::Error::other("zero")) } else { Ok(id) }
}

#[tokio::test]
async fn an_error_that_cannot_be_cloned_is_returned_as_it_is() {
    assert_eq!(aliased(0).await.unwrap_err().to_string(), "zero");
    assert_eq!(aliased(0).await.unwrap_err().to_string(), "zero");
    assert_eq!((aliased(1).await.unwrap(), aliased(1).await.unwrap()), (1, 1));
    assert_eq!(calls("aliased"), 3);
}

struct Db {
    rows: u64,
}

#[cached(skip(db))]
async fn skipping(db: &Db, id: u64) -> u64 {
    called("skipping");
    db.rows + id
}

#[tokio::test]
async fn what_is_skipped_does_not_count() {
    assert_eq!(skipping(&Db { rows: 1 }, 7).await, 8);
    assert_eq!(skipping(&Db { rows: 2 }, 7).await, 8);
    assert_eq!(skipping(&Db { rows: 2 }, 8).await, 10);
    assert_eq!(calls("skipping"), 2);
}

#[cached]
async fn patterns((a, b): (u64, u64), mut c: u64, _: bool, r#type: &str, key: u64, provider: u64) -> String {
    called("patterns");
    c += a + b + key + provider;
    format!("{type}{c}")
}

#[tokio::test]
async fn parameters_may_be_patterns_and_have_any_name() {
    assert_eq!(patterns((1, 2), 3, true, "x", 4, 5).await, "x15");
    assert_eq!(patterns((1, 2), 3, true, "x", 4, 5).await, "x15");
    assert_eq!(calls("patterns"), 1);
    patterns((1, 2), 3, false, "x", 4, 5).await;
    patterns((2, 1), 3, true, "x", 4, 5).await;
    patterns((1, 2), 3, true, "y", 4, 5).await;
    assert_eq!(calls("patterns"), 4);
}

struct Users {
    cache: DynCacheProvider<u64>,
    base: u64,
}

impl Users {
    fn new(base: u64) -> Self {
        Self { cache: DynCacheProvider::new(MemoryCacheProvider::default()), base }
    }

    /// A method with a provider of its own object.
    #[cached(key = "user:{id}", provider = self.cache)]
    pub async fn find(&self, (x, y): (u64, u64), id: u64) -> Result<u64, CacheError> {
        called(&format!("find{}", self.base));
        if id == 0 {
            Err(CacheError::Timeout("zero".to_owned()))?;
        }
        if id == 1 {
            return Ok(1);
        }
        Ok(self.base + id + x + y)
    }

    #[cached(key = "method:{id}", in_impl)]
    async fn associated(id: u64) -> u64 {
        called("associated");
        id
    }

    #[cached(key = "sync:{id}")]
    fn sync(&mut self, mut id: u64) -> Option<u64> {
        called("method_sync");
        self.base += 1;
        id += self.base;
        Some(id)
    }
}

trait Find {
    async fn found(&self, id: u64) -> u64;
}

impl Find for Users {
    #[cached(key = "found:{id}", provider = self.cache)]
    async fn found(&self, id: u64) -> u64 {
        called("found");
        self.base + id
    }
}

#[tokio::test]
async fn methods() {
    let (one, two) = (Users::new(10), Users::new(20));
    assert_eq!(
        (one.find((0, 0), 5).await, one.find((0, 0), 5).await, two.find((0, 0), 5).await),
        (Ok(15), Ok(15), Ok(25))
    );
    assert_eq!((calls("find10"), calls("find20")), (1, 1));
    assert_eq!(one.find((0, 0), 1).await, Ok(1));
    assert_eq!(one.find((0, 0), 0).await, Err(CacheError::Timeout("zero".to_owned())));
    assert_eq!((Users::associated(3).await, Users::associated(3).await), (3, 3));
    assert_eq!(calls("associated"), 1);
    assert_eq!((one.found(1).await, one.found(1).await), (11, 11));
    assert_eq!(calls("found"), 1);
    let mut one = one;
    assert_eq!((one.sync(1), one.sync(1)), (Some(12), Some(12)));
    assert_eq!(calls("method_sync"), 1);
}

#[cached(key = "inner:{only_for_the_key}")]
async fn inner_attributes(only_for_the_key: u64) -> Option<u64> {
    #![allow(unused_mut)]
    let mut value = called("inner_attributes");
    Some(value)
}

#[tokio::test]
async fn attributes_may_stand_within() {
    assert_eq!(
        (inner_attributes(1).await, inner_attributes(1).await, inner_attributes(2).await),
        (Some(1), Some(1), Some(2))
    );
}

#[cached(key = "generic:{id}:{name}")]
#[allow(clippy::needless_lifetimes, reason = "a lifetime with a name must go through, too")]
async fn generic<'a, T, const N: usize>(id: u64, name: &'a str, value: T) -> String
where
    T: Display + Send + Sync + Clone,
{
    called(&format!("generic{id}"));
    format!("{id}{name}{value}{N}")
}

#[cached(key = |parts| parts.clone().into_iter().collect::<String>())]
async fn implied(parts: impl IntoIterator<Item = char> + Clone + Send) -> usize {
    called("implied");
    parts.into_iter().count()
}

#[tokio::test]
async fn generics_lifetimes_and_impl_trait() {
    let name = String::from("Ada");
    assert_eq!(generic::<_, 3>(1, &name, 2.5).await, "1Ada2.53");
    assert_eq!(generic::<_, 4>(1, &name, "other").await, "1Ada2.53");
    assert_eq!(calls("generic1"), 1);
    assert_eq!(generic::key(1, &name), "generic:1:Ada");
    assert_eq!((implied("abc".chars()).await, implied(vec!['a', 'b', 'c']).await), (3, 3));
    assert_eq!(calls("implied"), 1);
}

#[tokio::test]
async fn functions_within_functions() {
    #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    struct Local(u64);

    #[cached]
    async fn inner(value: Local) -> Local {
        called("inner");
        Local(value.0 + 1)
    }

    assert_eq!((inner(Local(1)).await, inner(Local(1)).await), (Local(2), Local(2)));
    assert_eq!(calls("inner"), 1);
}

async fn inside_one(id: u64) -> u64 {
    #[cached]
    async fn inner(id: u64) -> u64 {
        id + 1
    }
    inner(id).await
}

async fn inside_another(id: u64) -> u64 {
    #[cached]
    async fn inner(id: u64) -> u64 {
        id + 2
    }
    inner(id).await
}

#[tokio::test]
async fn functions_of_one_name_within_others_do_not_share() {
    assert_eq!((inside_one(1).await, inside_another(1).await), (2, 3));
}

/// Services of two organizations, on one cache.
struct Tenant {
    name: &'static str,
}

impl Tenant {
    #[cached(key = "tenant:{self.name}:{id}")]
    async fn secret(&self, id: u64) -> String {
        called("secret");
        format!("{id} of {}", self.name)
    }
}

#[tokio::test]
async fn a_key_may_have_what_sets_objects_apart() {
    let (one, two) = (Tenant { name: "one" }, Tenant { name: "two" });
    assert_eq!((one.secret(1).await, two.secret(1).await), ("1 of one".to_owned(), "1 of two".to_owned()));
    assert_eq!((one.secret(1).await, calls("secret")), ("1 of one".to_owned(), 2));
    assert!(isocache::CacheProvider::exists(&isocache::default_cache(), "tenant:two:1").await.unwrap());
}

#[tokio::test]
async fn futures_are_send() {
    let task = tokio::spawn(async {
        (clocked(100).await, generic::<_, 1>(9, "Eve", 1).await, Users::new(1).find((0, 0), 2).await)
    });
    assert_eq!(task.await.unwrap(), (200, "9Eve11".to_owned(), Ok(3)));
}
