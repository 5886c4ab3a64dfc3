//! Cached methods: of generic types and of traits, and functions in them.

use std::fmt::Debug;
use std::rc::Rc;
use std::sync::Arc;

use async_trait::async_trait;
use isocache::{CacheError, MemoryCacheProvider, cached};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::support;

/// Counts a call, as [`support::called`], apart from the functions of other files.
fn called(name: &str) -> u64 {
    support::called(&format!("methods:{name}"))
}

struct Repository<T> {
    cache: MemoryCacheProvider<T>,
    prefix: &'static str,
}

impl<T: Clone + Debug + Default + Send + Sync + 'static> Repository<T> {
    const KIND: &'static str = "repository";

    #[cached(key = "methods:repository:{self.prefix}:{id}", provider = self.cache)]
    pub async fn find(&self, id: u64) -> Option<T> {
        called("Repository::find");
        (id > 0).then(T::default)
    }

    #[cached(key = |id| format!("methods:closure:{}:{}:{id}", Self::KIND, self.prefix), provider = self.cache)]
    async fn closure(&self, id: u64) -> Result<T, String> {
        called(self.prefix);
        if id > 0 { Ok(T::default()) } else { Err("zero".into()) }
    }

    #[cached(key = "methods:shared:{id}", provider = self.cache, stale_while_revalidate = "1m", detached)]
    async fn shared(self: Arc<Self>, id: u64) -> T {
        called(&format!("shared{id}"));
        T::default()
    }

    // Two types of one function have a memory each.
    #[cached(key = "methods:generic_sync:{id}")]
    fn in_memory(&self, id: u64) -> Option<T> {
        called(&format!("in_memory{id}{}", self.prefix));
        Some(T::default())
    }

    #[cached(key = "methods:by_default:{id}")]
    async fn by_default(&self, id: u64) -> T
    where
        T: Serialize + DeserializeOwned,
    {
        called(&format!("by_default{id}"));
        T::default()
    }

    #[cached(key = "methods:associated:{id}", in_impl)]
    fn associated(id: u64) -> u64 {
        id + called("associated")
    }

    fn within(id: u64) -> u64 {
        #[cached(key = "methods:within:{id}")]
        fn inner(id: u64) -> u64 {
            id + called("within")
        }
        inner(id)
    }
}

#[cached(key = "methods:generic:{id}")]
fn generic<T: Default + Clone + Send + Sync + 'static>(id: u64) -> T {
    called(&format!("generic{id}"));
    T::default()
}

#[tokio::test]
async fn methods_of_generic_types() {
    let numbers = Arc::new(Repository::<u64> { cache: MemoryCacheProvider::default(), prefix: "numbers" });
    let signed = Repository::<i64> { cache: MemoryCacheProvider::default(), prefix: "signed" };
    let texts = Arc::new(Repository::<String> { cache: MemoryCacheProvider::default(), prefix: "texts" });
    for _ in 0..2 {
        assert_eq!(
            (numbers.find(1).await, numbers.find(0).await, texts.find(1).await),
            (Some(0), None, Some(String::new()))
        );
        assert_eq!((numbers.closure(1).await, texts.closure(1).await), (Ok(0), Ok(String::new())));
        assert_eq!((Arc::clone(&numbers).shared(1).await, Arc::clone(&texts).shared(2).await), (0, String::new()));
        assert_eq!((numbers.in_memory(1), texts.in_memory(1)), (Some(0), Some(String::new())));
        assert_eq!((Repository::<u64>::associated(1), Repository::<String>::within(1)), (2, 2));
        assert_eq!((generic::<u8>(1), generic::<String>(1)), (0, String::new()));
        assert_eq!((numbers.by_default(1).await, signed.by_default(1).await), (0, 0));
    }
    assert_eq!(numbers.find_key(7), "methods:repository:numbers:7");
    assert!(numbers.find_invalidate(1).await.unwrap());
    assert_eq!((called("Repository::find"), called("numbers"), called("texts")), (5, 2, 2));
    assert_eq!((called("shared1"), called("shared2")), (2, 2));
    assert_eq!((called("in_memory1numbers"), called("in_memory1texts"), called("generic1")), (2, 2, 3));
    assert_eq!(called("by_default1"), 5, "each overwrites the value of the other");
}

trait Prices {
    const FACTOR: u64;

    async fn price(&self, id: u64) -> u64;

    #[cached(key = "methods:doubled:{id}")]
    async fn doubled(&self, id: u64) -> u64 {
        self.price(id).await * Self::FACTOR + called("doubled")
    }

    #[cached(key = "methods:constant:{id}", in_impl)]
    fn constant(id: u64) -> u64 {
        id + called("constant")
    }
}

struct Shop;

impl Prices for Shop {
    const FACTOR: u64 = 2;

    #[cached(key = "methods:price:{id}")]
    async fn price(&self, id: u64) -> u64 {
        id + called("price")
    }
}

#[async_trait(?Send)]
trait Local {
    async fn local(&self, id: u64) -> Result<u64, CacheError>;
}

#[async_trait(?Send)]
impl Local for Shop {
    #[cached(key = "methods:local:{id}")]
    async fn local(&self, id: u64) -> Result<u64, CacheError> {
        let shared = Rc::new(id);
        std::future::ready(()).await;
        Ok(*shared + called("local"))
    }
}

#[tokio::test]
async fn methods_of_traits() {
    for _ in 0..2 {
        assert_eq!((Shop.price(1).await, Shop.doubled(1).await, Shop::constant(1)), (2, 5, 2));
        assert_eq!(Shop.local(1).await.unwrap(), 2);
    }
}
