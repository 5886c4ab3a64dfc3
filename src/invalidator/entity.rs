//! [`EntityInvalidator`]: what to remove after a write to one kind of entity.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::outcome::{Invalidated, InvalidationError, Written};
use super::remover::Remover;
use crate::error::{CacheError, Result};
use crate::key::{self, KeyPart, KeyPattern};

/// A kind of entity that has a name but no key yet. [`CacheInvalidator::entity`](crate::CacheInvalidator::entity) returns it.
#[must_use = "an entity needs a key: call `key`"]
pub struct EntityName {
    pub(super) provider: Arc<dyn Remover>,
    pub(super) name: Cow<'static, str>,
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

/// Removes entities of one kind, the lists that contain them, and entries with their tags. Create it with
/// [`CacheInvalidator::entity`](crate::CacheInvalidator::entity).
#[derive(Clone)]
pub struct EntityInvalidator {
    pub(super) provider: Arc<dyn Remover>,
    pub(super) name: Cow<'static, str>,
    pub(super) keys: Vec<KeyPattern>,
    pub(super) lists: Vec<String>,
    pub(super) tags: Vec<KeyPattern>,
}

/// A single step of an invalidation.
pub(super) enum Removal {
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

    /// Adds a [`Glob`](crate::Glob) of lists that may contain entities of this kind.
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

    /// Adds a tag whose entries are removed too. The pattern has one parameter, the id, which is escaped as in a key; or
    /// none, for a tag of all entities of this kind. [`invalidate_all`](Self::invalidate_all) does not know the ids, so it
    /// invalidates only tags without a parameter.
    ///
    /// # Errors
    /// [`CacheError::InvalidArgument`] for an invalid pattern, for one with more parameters, and if the invalidator was not
    /// created with [`CacheInvalidator::tagged`](crate::CacheInvalidator::tagged).
    pub fn tags(mut self, pattern: impl Into<Cow<'static, str>>) -> Result<Self> {
        if self.provider.tags().is_none() {
            return Err(CacheError::invalid(
                "tags",
                "need a provider with tags: create the invalidator with CacheInvalidator::tagged",
            ));
        }
        let pattern = KeyPattern::new(pattern)?;
        let parameters = pattern.parameters().count();
        if parameters > 1 {
            let quoted = key::quote(pattern.as_str());
            let reason = format!("{quoted} has {parameters} parameters; the tag of an entity has at most one, its id");
            return Err(CacheError::invalid("pattern", reason));
        }
        self.tags.push(pattern);
        Ok(self)
    }

    /// Removes the entity with this id, all lists, and the entries with its tags. The id is escaped, so that it cannot match
    /// another entity.
    ///
    /// The removals run one after the other, starting with the entity. If one fails, the others are still attempted.
    ///
    /// # Errors
    /// [`InvalidationError`] lists the entries that may remain, and counts those that were removed.
    pub async fn invalidate(&self, id: impl KeyPart) -> Result<Invalidated, InvalidationError> {
        self.remove(self.removals_of(&id)).await
    }

    /// Removes every entity of this kind, all lists, and the entries with a tag that has no parameter.
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
    /// It also invalidates if the write failed, since an error does not prove that nothing was written: the write may have
    /// timed out after the commit. Removing too much costs a load; removing too little leaves outdated entries until they
    /// expire. Nothing is removed after a write that is dropped or panics.
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

    pub(super) async fn remove(&self, entities: Vec<Removal>) -> Result<Invalidated, InvalidationError> {
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
