//! Functions of the kinds that programs have: generic, in modules, made by macros, with any parameter and provider.

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::fmt::Display;
use std::sync::{Arc, LazyLock, OnceLock};

use isocache::{DynCacheProvider, MemoryCache, MemoryCacheProvider, Typed, cached, default_cache};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::support;

/// Counts a call, as [`support::called`], apart from the functions of other files.
fn called(name: &str) -> u64 {
    support::called(&format!("programs:{name}"))
}

type Boxed = Box<dyn Error + Send + Sync>;

#[cached(key = "programs:total:{id}")]
async fn total<I>(id: u64, items: I) -> u64
where
    I: IntoIterator<Item = u64> + Clone + Send,
    I::IntoIter: Send,
{
    id + items.into_iter().sum::<u64>() + called("total")
}

#[cached(key = "programs:joined:{left}:{right}")]
async fn joined<'a, 'b: 'a>(left: &'a str, right: &'b str) -> String {
    format!("{left}{right}{}", called("joined"))
}

#[cached(key = "programs:shown:{id}")]
async fn shown(id: u64, value: impl Display + Send) -> String {
    format!("{id}{value}{}", called("shown"))
}

#[cached(key = |id| format!("programs:page:{N}:{id}"))]
async fn page<const N: usize>(id: u64) -> Vec<u64> {
    vec![id + called("page"); N]
}

#[cached(key = "programs:boxed:{id}")]
async fn boxed(id: u64) -> Result<Option<u64>, Boxed> {
    let number: u64 = id.to_string().parse()?;
    if number > 8 {
        return Err("too large".into());
    }
    Ok(Some(number + called("boxed")))
}

/// Does nothing.
///
/// # Errors
/// Never.
#[must_use = "it is a result"]
#[inline]
#[cached(key = "programs:unit:{id}")]
pub(crate) async fn unit(id: u64) -> Result<(), String> {
    let _ = (id, called("unit"));
    Ok(())
}

#[cached()]
async fn nothing_at_all() -> BTreeMap<String, (u8, Option<char>)> {
    BTreeMap::from([(called("nothing_at_all").to_string(), (1, None))])
}

#[tokio::test]
async fn generics_lifetimes_and_errors() {
    assert_eq!((total(1, [2, 3]).await, total(1, vec![9]).await), (7, 7));
    assert_eq!(total::key(1), "programs:total:1");
    let right = "b".to_owned();
    assert_eq!((joined("a", &right).await, joined("a", &right).await), ("ab1".into(), "ab1".into()));
    assert_eq!((shown(1, 'x').await, shown(1, 2.5).await), ("1x1".into(), "1x1".into()));
    assert_eq!((page::<2>(1).await, page::<3>(1).await, page::<2>(1).await), (vec![2; 2], vec![3; 3], vec![2; 2]));
    assert_eq!((boxed(1).await.unwrap(), boxed(1).await.unwrap()), (Some(2), Some(2)));
    assert_eq!(boxed(9).await.unwrap_err().to_string(), "too large");
    unit(1).await.unwrap();
    unit(1).await.unwrap();
    assert_eq!((called("unit"), nothing_at_all().await), (2, nothing_at_all().await));
}

/// A generic function shares its keys among the types of its values, and never reads a value of another type.
#[cached(key = "programs:decoded:{id}")]
async fn decoded<T>(id: u64, make: fn(u64) -> T) -> T
where
    T: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
{
    make(id + called("decoded"))
}

#[tokio::test]
async fn values_of_a_generic_function_are_not_read_as_another_type() {
    assert_eq!(decoded::<u64>(1, |id| id).await, 2);
    assert_eq!(decoded::<u64>(1, |id| id).await, 2);
    assert_eq!(decoded::<i64>(1, |id| -i64::try_from(id).unwrap()).await, -3);
    assert_eq!(decoded::<String>(1, |id| id.to_string()).await, "4");
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct User {
    id: u64,
    tags: Vec<String>,
}

#[cached(key = |list| format!("programs:parts:{list:?}"))]
async fn parts(
    User { id, .. }: User,
    &factor: &u64,
    [a, b]: [u64; 2],
    list: &[u64],
    f: &(dyn Fn(u64) -> u64 + Sync),
) -> u64 {
    f(id * factor + a + b + list.len() as u64 + called("parts"))
}

#[cached(key = "programs:grown:{id}")]
async fn grown(id: u64, list: &mut Vec<u64>) -> usize {
    list.push(id);
    list.len()
}

#[cached(name = "programs::owned")]
async fn owned(mut names: Vec<String>, map: HashMap<String, u64>, user: Arc<User>, _unused: ()) -> Rc2 {
    names.push(map.len().to_string());
    Rc2(names.len() as u64 + user.id, called("owned"))
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Rc2(u64, u64);

#[tokio::test]
async fn parameters_of_all_kinds() {
    let user = User { id: 2, tags: Vec::new() };
    for _ in 0..2 {
        assert_eq!(parts(user.clone(), &3, [1, 1], &[0], &|n| n).await, 10);
    }
    let mut list = Vec::new();
    assert_eq!((grown(1, &mut list).await, grown(1, &mut list).await, list), (1, 1, vec![1]));
    let map = HashMap::from([("a".to_owned(), 1)]);
    let user = Arc::new(user);
    for _ in 0..2 {
        assert_eq!(owned(vec!["x".into()], map.clone(), Arc::clone(&user), ()).await, Rc2(4, 1));
    }
}

static NUMBERS: LazyLock<MemoryCacheProvider<u64>> = LazyLock::new(MemoryCacheProvider::default);
static TYPED: LazyLock<Typed<u64>> = LazyLock::new(|| Typed::new(default_cache()));
static SYNC: LazyLock<MemoryCache<u64>> = LazyLock::new(MemoryCache::default);

fn numbers() -> &'static MemoryCacheProvider<u64> {
    static CELL: OnceLock<MemoryCacheProvider<u64>> = OnceLock::new();
    CELL.get_or_init(MemoryCacheProvider::default)
}

#[cached(key = "programs:at:{id}", provider = &*NUMBERS)]
async fn at_reference(id: u64) -> u64 {
    id + called("at_reference")
}

#[cached(key = "programs:at_path:{id}", provider = crate::programs::TYPED)]
async fn at_path(id: u64) -> u64 {
    id + called("at_path")
}

#[cached(key = "programs:at_call:{id}", provider = numbers())]
async fn at_call(id: u64) -> Option<u64> {
    Some(id + called("at_call"))
}

#[cached(key = "programs:at_dyn:{id}", provider = cache, stale_while_revalidate = "1m")]
async fn at_dyn(cache: &DynCacheProvider<u64>, id: u64) -> u64 {
    let _ = cache;
    id + called("at_dyn")
}

#[cached(key = "programs:at_sync:{id}", provider = SYNC)]
fn at_sync(id: u64) -> u64 {
    id + called("at_sync")
}

#[cached(key = "programs:fibonacci:{n}")]
fn fibonacci(n: u64) -> u64 {
    called("fibonacci");
    if n < 2 { n } else { fibonacci(n - 1) + fibonacci(n - 2) }
}

#[tokio::test]
async fn providers_of_all_kinds() {
    let any = DynCacheProvider::new(MemoryCacheProvider::<u64>::default());
    for _ in 0..2 {
        assert_eq!((at_reference(1).await, at_path(1).await, at_call(1).await, at_sync(1)), (2, 2, Some(2), 2));
        assert_eq!(at_dyn(&any, 1).await, 2);
    }
    assert_eq!((fibonacci(40), called("fibonacci")), (102_334_155, 42));
    assert_eq!(fibonacci::len().unwrap(), 41);
}

mod outer {
    pub(crate) mod inner {
        use super::super::*;

        #[cached(key = "programs:nested:{id}")]
        pub(in crate::programs) async fn nested(id: u64) -> u64 {
            id + called("nested")
        }

        #[cached(key = "programs:raw:{id}")]
        pub(super) async fn r#match(id: u64) -> u64 {
            id + called("match")
        }
    }

    pub(super) async fn raw(id: u64) -> u64 {
        inner::r#match(id).await + inner::r#match(id).await
    }
}

/// Names of the prelude that mean something else.
mod shadowed {
    #![allow(dead_code, unused_macros)]
    use super::called;
    struct Option;
    struct String;
    struct Box;
    struct Vec;
    struct Arc;
    enum Result {
        Ok,
        Err,
    }
    mod std {}
    mod core {}
    mod isocache {}
    macro_rules! format {
        () => {};
    }

    #[::isocache::cached(key = "programs:shadowed:{id}")]
    pub(super) async fn shadowed(id: u64) -> u64 {
        id + called("shadowed")
    }

    #[::isocache::cached(name = "programs::shadowed_sync")]
    pub(super) fn shadowed_sync(id: u64) -> u64 {
        id + called("shadowed_sync")
    }
}

macro_rules! finder {
    ($(#[$attribute:meta])* $vis:vis fn $name:ident($($argument:ident: $ty:ty),*) -> $ret:ty, $key:literal, $value:expr) => {
        $(#[$attribute])*
        #[cached(key = $key)]
        $vis async fn $name($($argument: $ty),*) -> $ret {
            called(stringify!($name));
            $value
        }
    };
}

finder! {
    /// Finds a user.
    pub(crate) fn find_user(id: u64, name: &str) -> Option<User>, "programs:user:{id}:{name}",
    Some(User { id, tags: vec![name.to_owned()] })
}

macro_rules! pair {
    ($one:ident, $two:ident) => {
        #[cached(key = "programs:pair:one:{n}")]
        fn $one(n: u32) -> u32 {
            n + 1
        }
        #[cached(key = "programs:pair:two:{n}")]
        fn $two(n: u32) -> u32 {
            $one(n) * 2
        }
    };
}

pair!(successor, doubled_successor);

#[tokio::test]
async fn modules_and_macros() {
    assert_eq!((outer::inner::nested(1).await, outer::inner::nested(1).await, outer::raw(1).await), (2, 2, 4));
    assert_eq!(outer::inner::nested::stats().hits, 1);
    assert_eq!((shadowed::shadowed(1).await, shadowed::shadowed_sync(1), shadowed::shadowed_sync(1)), (2, 2, 2));
    assert_eq!(find_user(1, "a").await, find_user(1, "a").await);
    assert_eq!((called("find_user"), find_user::key(1, "a")), (2, "programs:user:1:a".into()));
    assert_eq!((doubled_successor(1), successor::key(3)), (4, "programs:pair:one:3".into()));
}
