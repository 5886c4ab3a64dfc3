//! Removing what a write has made old: an entity by its key, and the lists in which it may stand.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::error::{CacheError, Result};
use crate::key::{self, KeyPart, KeyPattern};
use crate::provider::{BoxFuture, CacheProvider, MaybeSend};

/// What removing needs of a provider, whatever its values are.
trait Remover: Send + Sync {
    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool>>;
    fn clear_pattern<'a>(&'a self, pattern: &'a str) -> BoxFuture<'a, Result<u64>>;
}

/// A provider of `T`. It holds no `T`, so it is `Send` and `Sync` whatever `T` is.
struct Of<P, T>(P, PhantomData<fn() -> T>);

impl<T: MaybeSend, P: CacheProvider<T>> Remover for Of<P, T> {
    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool>> {
        Box::pin(self.0.delete(key))
    }

    fn clear_pattern<'a>(&'a self, pattern: &'a str) -> BoxFuture<'a, Result<u64>> {
        Box::pin(self.0.clear_pattern(pattern))
    }
}

/// Removes what a write has made old, from any provider. Cloning it is cheap.
///
/// For users, [`invalidate_user`](Self::invalidate_user) and [`invalidate_all_users`](Self::invalidate_all_users) are
/// there; for what else there is, [`entity`](Self::entity) names it once:
///
/// ```
/// use isocache::{CacheInvalidator, CacheProvider, Invalidated, MemoryCacheProvider};
///
/// # pollster::block_on(async {
/// let cache = MemoryCacheProvider::default();
/// let teams = CacheInvalidator::new(cache.clone()).entity("team").key("team:{id}")?.lists("team_list:*")?;
/// cache.set("team:7", "red", None).await?;
/// cache.set("team_list:page1", "red, blue", None).await?;
/// assert_eq!(teams.invalidate(7).await.unwrap(), Invalidated { entries: 1, lists: 1 });
/// # Ok::<(), isocache::CacheError>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct CacheInvalidator {
    provider: Arc<dyn Remover>,
}

impl CacheInvalidator {
    /// An invalidator over `provider`. Views of one store for several types need only one of them.
    pub fn new<T: MaybeSend + 'static>(provider: impl CacheProvider<T> + 'static) -> Self {
        Self { provider: Arc::new(Of(provider, PhantomData)) }
    }

    /// Removes `user:{id}` and all of `user_list:*`.
    ///
    /// # Errors
    /// As for [`EntityInvalidator::invalidate`].
    pub async fn invalidate_user(&self, id: impl KeyPart) -> Result<Invalidated, InvalidationError> {
        let key = key::patterns::user(id);
        self.users().remove(vec![Removal::Key(key)]).await
    }

    /// Removes all of `user:*` and `user_list:*`.
    ///
    /// # Errors
    /// As for [`EntityInvalidator::invalidate`].
    pub async fn invalidate_all_users(&self) -> Result<Invalidated, InvalidationError> {
        self.users().invalidate_all().await
    }

    /// Names an entity, for errors. Its keys and lists follow.
    pub fn entity(&self, name: impl Into<Cow<'static, str>>) -> EntityName {
        EntityName { provider: Arc::clone(&self.provider), name: name.into() }
    }

    fn users(&self) -> EntityInvalidator {
        EntityInvalidator {
            provider: Arc::clone(&self.provider),
            name: Cow::Borrowed("user"),
            keys: vec![key::patterns::user::PATTERN],
            lists: vec![key::patterns::user_list::glob(..)],
        }
    }
}

impl fmt::Debug for CacheInvalidator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheInvalidator").finish_non_exhaustive()
    }
}

/// An entity of which the name is known; made by [`CacheInvalidator::entity`].
#[must_use = "an entity needs a key"]
pub struct EntityName {
    provider: Arc<dyn Remover>,
    name: Cow<'static, str>,
}

impl EntityName {
    /// The key pattern of the entity, with one parameter, its id.
    ///
    /// # Errors
    /// [`CacheError::InvalidArgument`] for what is no [`KeyPattern`], or has another number of parameters.
    pub fn key(self, pattern: impl Into<Cow<'static, str>>) -> Result<EntityInvalidator> {
        let Self { provider, name } = self;
        EntityInvalidator { provider, name, keys: Vec::new(), lists: Vec::new() }.key(pattern)
    }
}

impl fmt::Debug for EntityName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntityName").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Removes one kind of entity, and the lists in which it stands; made by [`CacheInvalidator::entity`].
#[derive(Clone)]
pub struct EntityInvalidator {
    provider: Arc<dyn Remover>,
    name: Cow<'static, str>,
    keys: Vec<KeyPattern>,
    lists: Vec<String>,
}

/// One thing to remove.
enum Removal {
    Key(String),
    Entities(String),
    List(String),
}

impl EntityInvalidator {
    /// A further key pattern under which the same entity is kept.
    ///
    /// # Errors
    /// As for [`EntityName::key`].
    pub fn key(mut self, pattern: impl Into<Cow<'static, str>>) -> Result<Self> {
        let pattern = KeyPattern::new(pattern)?;
        let parameters = pattern.parameters().count();
        if parameters != 1 {
            let quoted = key::quote(pattern.as_str());
            let reason = format!("{quoted} has {parameters} parameters; the key of an entity has one, its id");
            return Err(CacheError::invalid("pattern", reason));
        }
        self.keys.push(pattern);
        Ok(self)
    }

    /// The [`Glob`](crate::Glob) of the lists in which such entities stand. There may be several.
    ///
    /// # Errors
    /// [`CacheError::InvalidArgument`] for an empty one.
    pub fn lists(mut self, glob: impl Into<String>) -> Result<Self> {
        let glob = glob.into();
        if glob.is_empty() {
            return Err(CacheError::invalid("lists", "is empty"));
        }
        self.lists.push(glob);
        Ok(self)
    }

    /// Removes the entity of this id, and all lists. The id is escaped: it reaches no other entity.
    ///
    /// One removal follows the other, the entity first; if one fails, the others are still tried.
    ///
    /// # Errors
    /// [`InvalidationError`], which says what may remain, and what was removed.
    pub async fn invalidate(&self, id: impl KeyPart) -> Result<Invalidated, InvalidationError> {
        self.remove(self.keys_of(&id)).await
    }

    /// Removes every entity of this kind, and all lists.
    ///
    /// As in Redis, a `*` reaches further segments: `user:*` is also `user:7:posts`.
    ///
    /// # Errors
    /// As for [`invalidate`](Self::invalidate).
    pub async fn invalidate_all(&self) -> Result<Invalidated, InvalidationError> {
        let globs = self.keys.iter().map(|pattern| Removal::Entities(pattern.glob_in_order(&[&..]))).collect();
        self.remove(globs).await
    }

    /// Awaits a write, then removes what it has made old.
    ///
    /// It removes also where the write failed: an error, such as a timeout after the commit, does not say that nothing was
    /// written. Removing too much costs a load, too little leaves what is old for as long as it lives. A write that is
    /// dropped or panics is not followed by anything.
    ///
    /// ```
    /// # use isocache::{CacheInvalidator, CacheProvider, MemoryCacheProvider};
    /// # async fn save(id: u64, name: &str) -> Result<(), std::io::Error> { Ok(()) }
    /// # pollster::block_on(async {
    /// let cache = MemoryCacheProvider::default();
    /// cache.set("team:7", "red".to_string(), None).await?;
    /// let teams = CacheInvalidator::new(cache.clone()).entity("team").key("team:{id}")?;
    /// let written = teams.after(save(7, "blue"), 7).await;
    /// written.outcome.unwrap();
    /// assert_eq!(written.invalidated.unwrap().entries, 1);
    /// # Ok::<(), isocache::CacheError>(()) }).unwrap();
    /// ```
    pub async fn after<W: Future>(&self, write: W, id: impl KeyPart) -> Written<W::Output> {
        // Before the write, so that the id need not live in it.
        let keys = self.keys_of(&id);
        let outcome = write.await;
        Written { outcome, invalidated: self.remove(keys).await }
    }

    fn keys_of(&self, id: &impl KeyPart) -> Vec<Removal> {
        self.keys.iter().map(|pattern| Removal::Key(pattern.key_in_order(&[id]))).collect()
    }

    async fn remove(&self, entities: Vec<Removal>) -> Result<Invalidated, InvalidationError> {
        let lists = self.lists.iter().map(|glob| Removal::List(glob.clone()));
        let (mut removed, mut failed) = (Invalidated::default(), Vec::new());
        for removal in entities.into_iter().chain(lists) {
            let result = match &removal {
                Removal::Key(key) => self.provider.delete(key).await.map(u64::from),
                Removal::Entities(glob) | Removal::List(glob) => self.provider.clear_pattern(glob).await,
            };
            match (result, removal) {
                (Ok(count), Removal::Key(_) | Removal::Entities(_)) => removed.entries += count,
                (Ok(count), Removal::List(_)) => removed.lists += count,
                (Err(error), Removal::Key(what) | Removal::Entities(what) | Removal::List(what)) => {
                    failed.push((what, error));
                }
            }
        }
        if failed.is_empty() {
            return Ok(removed);
        }
        Err(InvalidationError { entity: self.name.clone(), removed, failed })
    }
}

impl fmt::Debug for EntityInvalidator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, keys, lists, .. } = self;
        let mut shown = f.debug_struct("EntityInvalidator");
        shown.field("name", name).field("keys", keys).field("lists", lists).finish_non_exhaustive()
    }
}

/// How many live entries an invalidation removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Invalidated {
    /// Entities.
    pub entries: u64,
    /// Lists.
    pub lists: u64,
}

/// What became of a write, and of the invalidation after it.
#[derive(Clone, Debug)]
#[must_use = "the write, the invalidation, or both may have failed"]
pub struct Written<W> {
    /// What the write gave.
    pub outcome: W,
    /// What was removed.
    pub invalidated: Result<Invalidated, InvalidationError>,
}

/// Some of what was to be removed may remain, until its ttl is over or it is invalidated again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidationError {
    entity: Cow<'static, str>,
    removed: Invalidated,
    failed: Vec<(String, CacheError)>,
}

impl InvalidationError {
    /// What was removed none the less.
    #[must_use]
    pub fn removed(&self) -> Invalidated {
        self.removed
    }

    /// The keys and patterns that may remain, each with the reason. There is at least one.
    pub fn remaining(&self) -> impl Iterator<Item = (&str, &CacheError)> {
        self.failed.iter().map(|(what, error)| (what.as_str(), error))
    }
}

impl fmt::Display for InvalidationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the invalidation of {} is incomplete; there may remain", self.entity)?;
        for (at, (what, error)) in self.failed.iter().enumerate() {
            write!(f, "{} {} ({error})", if at == 0 { "" } else { "," }, key::quote(what))?;
        }
        Ok(())
    }
}

impl std::error::Error for InvalidationError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.failed.first().map(|(_, error)| error as _)
    }
}
