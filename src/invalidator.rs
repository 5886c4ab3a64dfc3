//! Removing entries that a write has made old: an entity by its key, the lists that may contain it, and entries by tags.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::error::{CacheError, Result};
use crate::key::{self, KeyPart, KeyPattern};
use crate::provider::{BoxFuture, CacheProvider, CounterProvider, MaybeSend};
use crate::tags::{Tagged, TaggedEntry};

/// The operations of a provider that an invalidator needs, whatever its values are.
trait Remover: Send + Sync {
    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool>>;
    fn clear_pattern<'a>(&'a self, pattern: &'a str) -> BoxFuture<'a, Result<u64>>;
    /// `None` for a provider without tags.
    fn tags(&self) -> Option<&dyn Invalidate>;
}

/// The operation of a provider that has tags.
trait Invalidate: Send + Sync {
    fn invalidate_tag<'a>(&'a self, tag: &'a str) -> BoxFuture<'a, Result<()>>;
}

/// A provider of `T`. It contains no `T`, so it is `Send` and `Sync` whatever `T` is.
struct Of<P, T>(P, PhantomData<fn() -> T>);

impl<T: MaybeSend, P: CacheProvider<T>> Remover for Of<P, T> {
    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool>> {
        Box::pin(self.0.delete(key))
    }

    fn clear_pattern<'a>(&'a self, pattern: &'a str) -> BoxFuture<'a, Result<u64>> {
        Box::pin(self.0.clear_pattern(pattern))
    }

    fn tags(&self) -> Option<&dyn Invalidate> {
        None
    }
}

/// A provider of tagged entries with a value of `T`.
struct OfTagged<P, C, T>(Tagged<P, C>, PhantomData<fn() -> T>);

impl<T, P, C> Remover for OfTagged<P, C, T>
where
    T: MaybeSend,
    P: CacheProvider<TaggedEntry<T>>,
    C: CounterProvider,
{
    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool>> {
        Box::pin(self.0.entries().delete(key))
    }

    fn clear_pattern<'a>(&'a self, pattern: &'a str) -> BoxFuture<'a, Result<u64>> {
        Box::pin(self.0.entries().clear_pattern(pattern))
    }

    fn tags(&self) -> Option<&dyn Invalidate> {
        Some(self)
    }
}

impl<T, P, C> Invalidate for OfTagged<P, C, T>
where
    T: MaybeSend,
    P: CacheProvider<TaggedEntry<T>>,
    C: CounterProvider,
{
    fn invalidate_tag<'a>(&'a self, tag: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move { self.0.invalidate_tags(&[tag]).await })
    }
}

/// Removes entries that a write has made old, from any provider. Cloning it is cheap.
///
/// For users there are [`invalidate_user`](Self::invalidate_user) and [`invalidate_all_users`](Self::invalidate_all_users);
/// [`entity`](Self::entity) describes other entities, once:
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
    /// Creates an invalidator over `provider`. If a store has views for several types, any one of them is enough.
    pub fn new<T: MaybeSend + 'static>(provider: impl CacheProvider<T> + 'static) -> Self {
        Self { provider: Arc::new(Of(provider, PhantomData)) }
    }

    /// An invalidator over entries with tags, for [`EntityInvalidator::tags`].
    ///
    /// ```
    /// use isocache::{CacheInvalidator, CacheProvider, MemoryCacheProvider, Tagged};
    ///
    /// # pollster::block_on(async {
    /// let tagged = Tagged::new(MemoryCacheProvider::default(), MemoryCacheProvider::default());
    /// let teams = CacheInvalidator::tagged(tagged.clone()).entity("team").key("team:{id}")?.tags("team-{id}")?;
    /// let view = tagged.with_tags(&["team-7", "team-8"]).await?;
    /// view.set("report", "7 and 8".to_string(), None).await?;
    /// teams.invalidate(7).await.unwrap();
    /// assert_eq!(view.get("report").await?, None);
    /// # Ok::<(), isocache::CacheError>(()) }).unwrap();
    /// ```
    pub fn tagged<T, P, C>(tagged: Tagged<P, C>) -> Self
    where
        T: MaybeSend + 'static,
        P: CacheProvider<TaggedEntry<T>> + 'static,
        C: CounterProvider + 'static,
    {
        Self { provider: Arc::new(OfTagged(tagged, PhantomData)) }
    }

    /// Removes `user:{id}` and all of `user_list:*`.
    ///
    /// # Errors
    /// As for [`EntityInvalidator::invalidate`].
    pub async fn invalidate_user(&self, id: impl KeyPart) -> Result<Invalidated, InvalidationError> {
        let key = key::patterns::user(id);
        self.users().remove(vec![Removal::Key(key)]).await
    }

    /// Removes all keys that match `user:*` and `user_list:*`.
    ///
    /// # Errors
    /// As for [`EntityInvalidator::invalidate`].
    pub async fn invalidate_all_users(&self) -> Result<Invalidated, InvalidationError> {
        self.users().invalidate_all().await
    }

    /// Names an entity, for errors. Its keys, lists and tags follow.
    pub fn entity(&self, name: impl Into<Cow<'static, str>>) -> EntityName {
        EntityName { provider: Arc::clone(&self.provider), name: name.into() }
    }

    fn users(&self) -> EntityInvalidator {
        EntityInvalidator {
            provider: Arc::clone(&self.provider),
            name: Cow::Borrowed("user"),
            keys: vec![key::patterns::user::PATTERN],
            lists: vec![key::patterns::user_list::glob(..)],
            tags: Vec::new(),
        }
    }
}

impl fmt::Debug for CacheInvalidator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheInvalidator").finish_non_exhaustive()
    }
}

/// An entity whose name is known; made by [`CacheInvalidator::entity`].
#[must_use = "an entity needs a key"]
pub struct EntityName {
    provider: Arc<dyn Remover>,
    name: Cow<'static, str>,
}

impl EntityName {
    /// Sets the key pattern of the entity, with one parameter: its id.
    ///
    /// # Errors
    /// [`CacheError::InvalidArgument`] if it is not a [`KeyPattern`], or has a different number of parameters.
    pub fn key(self, pattern: impl Into<Cow<'static, str>>) -> Result<EntityInvalidator> {
        let Self { provider, name } = self;
        EntityInvalidator { provider, name, keys: Vec::new(), lists: Vec::new(), tags: Vec::new() }.key(pattern)
    }
}

impl fmt::Debug for EntityName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntityName").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Removes entities of one kind, the lists that contain them, and entries with their tags; made by
/// [`CacheInvalidator::entity`].
#[derive(Clone)]
pub struct EntityInvalidator {
    provider: Arc<dyn Remover>,
    name: Cow<'static, str>,
    keys: Vec<KeyPattern>,
    lists: Vec<String>,
    tags: Vec<KeyPattern>,
}

/// One thing to remove.
enum Removal {
    Key(String),
    Entities(String),
    List(String),
    Tag(String),
}

impl EntityInvalidator {
    /// Adds another key pattern under which the same entity is stored.
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

    /// The [`Glob`](crate::Glob) of lists that contain such entities. There may be several.
    ///
    /// # Errors
    /// [`CacheError::InvalidArgument`] for an empty pattern.
    pub fn lists(mut self, glob: impl Into<String>) -> Result<Self> {
        let glob = glob.into();
        if glob.is_empty() {
            return Err(CacheError::invalid("lists", "is empty"));
        }
        self.lists.push(glob);
        Ok(self)
    }

    /// A tag of further entries: a pattern with one parameter, the id, which is escaped as in a key; or the tag of all such
    /// entities. There may be several. [`invalidate_all`](Self::invalidate_all) cannot know the ids, and invalidates only tags
    /// without a parameter.
    ///
    /// # Errors
    /// [`CacheError::InvalidArgument`] for an invalid pattern, one with more parameters, and for a provider that has no tags:
    /// make the invalidator with [`CacheInvalidator::tagged`].
    pub fn tags(mut self, pattern: impl Into<Cow<'static, str>>) -> Result<Self> {
        if self.provider.tags().is_none() {
            return Err(CacheError::invalid("tags", "need a provider that has them: CacheInvalidator::tagged(tagged)"));
        }
        let pattern = KeyPattern::new(pattern)?;
        let parameters = pattern.parameters().count();
        if parameters > 1 {
            let quoted = key::quote(pattern.as_str());
            let reason = format!("{quoted} has {parameters} parameters; the tag of an entity has its id at most");
            return Err(CacheError::invalid("pattern", reason));
        }
        self.tags.push(pattern);
        Ok(self)
    }

    /// Removes the entity of this id, all lists, and the entries with its tags. The id is escaped: it reaches no other entity.
    ///
    /// The removals run one after the other, the entity first; if one fails, the others are still attempted.
    ///
    /// # Errors
    /// [`InvalidationError`], which says which entries may remain, and how many were removed.
    pub async fn invalidate(&self, id: impl KeyPart) -> Result<Invalidated, InvalidationError> {
        self.remove(self.removals_of(&id)).await
    }

    /// Removes every entity of this kind, all lists, and the entries with a tag of all such entities.
    ///
    /// As in Redis, a `*` also matches further segments: `user:*` matches `user:7:posts`.
    ///
    /// # Errors
    /// As for [`invalidate`](Self::invalidate).
    pub async fn invalidate_all(&self) -> Result<Invalidated, InvalidationError> {
        let globs = self.keys.iter().map(|pattern| Removal::Entities(pattern.glob_in_order(&[&..])));
        let tags = self.tags.iter().filter(|pattern| pattern.parameters().next().is_none());
        let tags = tags.map(|pattern| Removal::Tag(pattern.key_in_order(&[])));
        self.remove(globs.chain(tags).collect()).await
    }

    /// Awaits a write, then invalidates as [`invalidate`](Self::invalidate).
    ///
    /// It invalidates also if the write failed: an error, such as a timeout after the commit, does not say that nothing was
    /// written. Removing too much costs a load; removing too little leaves old entries until their ttl is over. Nothing is
    /// removed after a write that is dropped or panics.
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
        let removals = self.removals_of(&id);
        let outcome = write.await;
        Written { outcome, invalidated: self.remove(removals).await }
    }

    fn removals_of(&self, id: &impl KeyPart) -> Vec<Removal> {
        let keys = self.keys.iter().map(|pattern| Removal::Key(pattern.key_in_order(&[id])));
        let tags = self.tags.iter().map(|pattern| Removal::Tag(pattern.key_in_order(&[id])));
        keys.chain(tags).collect()
    }

    async fn remove(&self, entities: Vec<Removal>) -> Result<Invalidated, InvalidationError> {
        let lists = self.lists.iter().map(|glob| Removal::List(glob.clone()));
        let (mut removed, mut failed) = (Invalidated::default(), Vec::new());
        for removal in entities.into_iter().chain(lists) {
            let result = match &removal {
                Removal::Key(key) => self.provider.delete(key).await.map(u64::from),
                Removal::Entities(glob) | Removal::List(glob) => self.provider.clear_pattern(glob).await,
                Removal::Tag(tag) => match self.provider.tags() {
                    Some(tags) => tags.invalidate_tag(tag).await.map(|()| 0),
                    None => Ok(0),
                },
            };
            match (result, removal) {
                (Ok(count), Removal::Key(_) | Removal::Entities(_)) => removed.entries += count,
                (Ok(count), Removal::List(_)) => removed.lists += count,
                (Ok(_), Removal::Tag(_)) => {}
                (Err(error), Removal::Tag(tag)) => failed.push((format!("tag {tag}"), error)),
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
        let Self { name, keys, lists, tags, .. } = self;
        let mut shown = f.debug_struct("EntityInvalidator");
        shown.field("name", name).field("keys", keys).field("lists", lists).field("tags", tags).finish_non_exhaustive()
    }
}

/// The number of live entries that an invalidation removed. Entries that were removed by their tags are not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Invalidated {
    /// Entities.
    pub entries: u64,
    /// Lists.
    pub lists: u64,
}

/// The results of a write and of the invalidation after it.
#[derive(Clone, Debug)]
#[must_use = "the write, the invalidation, or both may have failed"]
pub struct Written<W> {
    /// The output of the write.
    pub outcome: W,
    /// The number of entries removed.
    pub invalidated: Result<Invalidated, InvalidationError>,
}

/// Some entries may remain, until their ttl is over or they are invalidated again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidationError {
    entity: Cow<'static, str>,
    removed: Invalidated,
    failed: Vec<(String, CacheError)>,
}

impl InvalidationError {
    /// How many entries were removed nevertheless.
    #[must_use]
    pub fn removed(&self) -> Invalidated {
        self.removed
    }

    /// The keys, patterns and tags whose entries may remain, each with the reason. There is at least one.
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
