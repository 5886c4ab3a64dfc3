//! Removes entries that a write has outdated: an entity by its key, the lists that may contain it, and entries by their
//! tags.

//!
//! | file | contents |
//! |---|---|
//! | `entity` | the keys, lists and tags of one kind of entity, and their removal |
//! | `outcome` | what was removed, and what may remain |
//! | `remover` | providers of any type of values, as an invalidator sees them |

mod entity;
mod outcome;
mod remover;

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

pub use entity::{EntityInvalidator, EntityName};
pub use outcome::{Invalidated, InvalidationError, Written};

use entity::Removal;
use remover::{Remover, Untagged, WithTags};

use crate::key::{self, KeyPart};
use crate::provider::{CacheProvider, CounterProvider, MaybeSend};
use crate::tags::{Tagged, TaggedEntry};

/// Removes entries that a write has outdated, from any provider. Cloning it is cheap.
///
/// [`invalidate_user`](Self::invalidate_user) and [`invalidate_all_users`](Self::invalidate_all_users) are built in.
/// Describe other entities once, with [`entity`](Self::entity):
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
    /// Creates an invalidator over `provider`. If a store has views for several types, any of them will do.
    pub fn new<T: MaybeSend + 'static>(provider: impl CacheProvider<T> + 'static) -> Self {
        Self { provider: Arc::new(Untagged(provider, PhantomData)) }
    }

    /// Creates an invalidator over entries with tags, for [`EntityInvalidator::tags`].
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
        Self { provider: Arc::new(WithTags(tagged, PhantomData)) }
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

    /// Begins the description of a kind of entity. `name` appears in errors.
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
