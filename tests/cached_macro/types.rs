//! Functions in the forms that programs give them: aliases, macros, other attributes, methods.
#![deny(clippy::pedantic, missing_docs, unused_braces)]

use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::LazyLock;
use std::time::Duration;

use isocache::{CacheProvider, MemoryCacheProvider, SortedSet, Tagged, TaggedEntry, cached, key_of};

use crate::support::{called, calls};

type ApiResult<T> = Result<T, String>;
type Maybe = Option<u64>;

#[cached(key = "types:alias:{id}")]
async fn aliased(id: u64) -> ApiResult<u64> {
    called("types:aliased");
    if id == 0 { Err("zero".to_owned()) } else { Ok(id) }
}

#[cached(key = "types:maybe:{id}")]
async fn maybe(id: u64) -> Maybe {
    called("types:maybe");
    (id > 0).then_some(id)
}

macro_rules! function {
    ($name:ident, $ret:ty, $key:literal, $ttl:expr, $value:expr) => {
        #[cached(key = $key, ttl = $ttl)]
        async fn $name(id: u64) -> $ret {
            called(stringify!($name));
            let _ = id;
            $value
        }
    };
}
function!(types_of_macro, Result<u64, String>, "types:macro:{id}", "5m", Err("no".to_owned()));

#[tokio::test]
async fn the_type_decides_what_is_stored_and_not_its_spelling() {
    for _ in 0..2 {
        assert_eq!((aliased(0).await, aliased(7).await), (Err("zero".to_owned()), Ok(7)));
        assert_eq!((maybe(0).await, maybe(7).await), (None, Some(7)));
        assert_eq!(types_of_macro(1).await, Err("no".to_owned()));
    }
    assert_eq!((calls("types:aliased"), calls("types:maybe"), calls("types_of_macro")), (3, 3, 2));
}

#[async_trait::async_trait]
trait Prices {
    async fn price(&self, item: u64) -> Result<u64, String>;
}

struct Shop {
    cache: MemoryCacheProvider<u64>,
}

#[async_trait::async_trait]
impl Prices for Shop {
    #[cached(key = "types:price:{item}", provider = self.cache)]
    async fn price(&self, item: u64) -> Result<u64, String> {
        called("types:price");
        tokio::task::yield_now().await;
        if item == 0 { Err("none".to_owned()) } else { Ok(item * 2) }
    }
}

impl Shop {
    /// A method.
    #[cached(key = "types:stock:{item}", provider = self.cache)]
    pub async fn stock(&self, item: u64) -> u64 {
        called("types:stock") + item
    }

    /// A function of the type, which mentions it.
    #[cached(key = "types:shop:{id}")]
    async fn find(id: u64) -> Option<u64> {
        let _: Option<Self> = None;
        Some(called("types:find") + id)
    }
}

#[tokio::test]
async fn methods_behind_async_trait_and_beside_companions() {
    let shop = Shop { cache: MemoryCacheProvider::default() };
    for _ in 0..2 {
        assert_eq!((shop.price(0).await, shop.price(7).await), (Err("none".to_owned()), Ok(14)));
    }
    assert_eq!(calls("types:price"), 3);
    assert_eq!((shop.stock(1).await, shop.stock(1).await), (2, 2));
    assert_eq!(shop.stock_key(1), "types:stock:1");
    assert_eq!(shop.stock_invalidate(1).await, Ok(true));
    assert_eq!(shop.stock_invalidate(1).await, Ok(false));
    assert_eq!((Shop::stock_stats().hits, Shop::stock_stats().loads), (1, 1));
    assert_eq!((Shop::find(1).await, Shop::find(1).await), (Some(2), Some(2)));
}

#[tracing::instrument(level = "debug")]
#[cached(key = "types:instrument:one:{id}")]
async fn instrumented_first(id: u64) -> u64 {
    called("types:instrumented_first") + id
}

#[cached(key = "types:instrument:two:{id}")]
#[tracing::instrument(level = "debug")]
async fn instrumented_last(id: u64) -> u64 {
    called("types:instrumented_last") + id
}

#[cached(key = "types:cfg:{id}")]
async fn conditional(id: u64, #[cfg(not(test))] missing: NoSuchType, #[cfg(test)] factor: u64) -> u64 {
    called("types:conditional");
    id * factor
}

mod types_module {
    pub const FACTOR: u64 = 3;
}

#[cached(key = "types:module:{id}", companions = TypesModule)]
async fn types_module(id: u64) -> u64 {
    called("types:module");
    id * types_module::FACTOR
}

#[tokio::test]
async fn beside_other_attributes_and_names() {
    for _ in 0..2 {
        assert_eq!((instrumented_first(1).await, instrumented_last(1).await), (2, 2));
        assert_eq!((conditional(2, 3).await, types_module(2).await), (6, 6));
    }
    assert_eq!((calls("types:conditional"), calls("types:module")), (1, 1));
    assert_eq!(TypesModule::key(2), "types:module:2");
}

static CACHES: LazyLock<HashMap<String, MemoryCacheProvider<u64>>> =
    LazyLock::new(|| ["t1", "t2"].map(|name| (name.to_owned(), MemoryCacheProvider::default())).into());

#[cached(key = "types:tenant:{id}", provider = CACHES[&format!("t{tenant}")])]
async fn of_tenant(tenant: u64, id: u64) -> u64 {
    called("types:tenant") + tenant * 100 + id
}

#[tokio::test]
async fn a_provider_may_be_chosen_by_an_argument() {
    assert_eq!((of_tenant(1, 7).await, of_tenant(2, 7).await, of_tenant(1, 7).await), (108, 209, 108));
    assert_eq!(of_tenant::invalidate(2, 7).await, Ok(true));
    assert!(CACHES["t1"].exists("types:tenant:7").await.unwrap());
}

#[cached(key = "types:rc:{id}")]
async fn with_rc(id: u64) -> usize {
    let text = Rc::new(id.to_string());
    tokio::task::yield_now().await;
    text.len()
}

#[cached(key = "types:factorial:{n}")]
async fn factorial(n: u64) -> u64 {
    called("types:factorial");
    if n == 0 { 1 } else { n * Box::pin(factorial(n - 1)).await }
}

#[tokio::test]
async fn futures_need_not_be_send_and_may_recurse() {
    assert_eq!(with_rc(1234).await, 4);
    assert_eq!((factorial(10).await, factorial(9).await), (3_628_800, 362_880));
    assert_eq!(calls("types:factorial"), 11);
}

#[cached(key = "types:shared:{id}", name = "one")]
async fn one_of_a_key(id: u64) -> u64 {
    called("types:one") + id
}

#[cached(key = "types:shared:{id}", name = "another")]
async fn another_of_a_key(id: u64) -> u64 {
    called("types:another") + id + 1000
}

#[tokio::test]
async fn functions_of_one_key_do_not_read_each_others_values() {
    assert_eq!((one_of_a_key(1).await, another_of_a_key(1).await), (2, 1002));
    assert_eq!(another_of_a_key(1).await, 1002);
    assert_eq!(calls("types:another"), 1);
}

#[cached(key = "types:square:{n}")]
fn square(n: u64) -> Option<u64> {
    called("types:square");
    n.checked_mul(n)
}

#[cached(key = "types:peeked:{id}")]
async fn peeked(id: u64) -> ApiResult<u64> {
    Ok(id)
}

#[cached(name = "types::of_set")]
async fn of_set(set: HashSet<u64>, other: &HashSet<&'static str>) -> usize {
    called("types:set");
    set.len() + other.len()
}

#[tokio::test]
async fn companions_peek_clear_and_count() {
    assert_eq!(square::peek(3), Ok(None));
    assert_eq!((square(3), square(4), square::peek(3)), (Some(9), Some(16), Ok(Some(Some(9)))));
    assert_eq!((square::len(), square::clear(), square::len()), (Ok(2), Ok(2), Ok(0)));
    assert_eq!((square::stats().loads, calls("types:square")), (2, 2));
    assert_eq!((peeked::peek(7).await, peeked(7).await), (Ok(None), Ok(7)));
    assert_eq!(peeked::peek(7).await, Ok(Some(Ok(7))));
    let (set, other) = (HashSet::from([3, 1, 2]), HashSet::from(["a", "b"]));
    let key = key_of("types::of_set", &(SortedSet(&set), SortedSet(&other))).unwrap();
    assert_eq!(of_set::key(set.clone(), &other), Ok(key));
    assert_eq!((of_set(set.iter().rev_sorted(), &other).await, of_set(set, &other).await), (5, 5));
    assert_eq!(calls("types:set"), 1);
}

/// A set with another order.
trait RevSorted {
    fn rev_sorted(self) -> HashSet<u64>;
}

impl<'a, I: Iterator<Item = &'a u64>> RevSorted for I {
    fn rev_sorted(self) -> HashSet<u64> {
        let mut items: Vec<u64> = self.copied().collect();
        items.sort_unstable_by(|one, other| other.cmp(one));
        items.into_iter().collect()
    }
}

type Tags = Tagged<MemoryCacheProvider<TaggedEntry<u64>>, MemoryCacheProvider<i64>>;
static TAGGED: LazyLock<Tags> =
    LazyLock::new(|| Tagged::new(MemoryCacheProvider::default(), MemoryCacheProvider::default()));

#[cached(key = "types:report:{org}", tags = ["org:{org}", "reports"], provider = TAGGED)]
async fn report(org: u64) -> Result<u64, String> {
    Ok(called("types:report") + org)
}

#[tokio::test]
async fn values_have_tags() {
    assert_eq!((report(1).await, report(1).await, report(2).await), (Ok(2), Ok(2), Ok(4)));
    TAGGED.invalidate_tags::<u64>(&["org:1"]).await.unwrap();
    assert_eq!((report(1).await, report(2).await), (Ok(4), Ok(4)));
    TAGGED.invalidate_tags::<u64>(&["reports"]).await.unwrap();
    assert_eq!((report(2).await, report::invalidate(2).await), (Ok(6), Ok(true)));
}

#[derive(Debug, Clone, PartialEq)]
struct Failed(String);

impl From<isocache::CacheError> for Failed {
    fn from(error: isocache::CacheError) -> Self {
        Self(error.to_string())
    }
}

#[cached(key = "types:detached:{id}", timeout = "1s", detached)]
async fn slow(id: u64) -> Result<u64, Failed> {
    tokio::time::sleep(Duration::from_secs(3)).await;
    Ok(called("types:slow") + id)
}

#[tokio::test(start_paused = true)]
async fn a_detached_load_outlives_its_callers() {
    assert!(slow(1).await.is_err());
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!((slow(1).await, calls("types:slow"), slow::stats().hits), (Ok(2), 1, 1));
}
