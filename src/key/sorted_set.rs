//! Sets in keys, in an order that is the same in every process.

use serde::ser::{Error as _, SerializeSeq as _};
use serde::{Serialize, Serializer};

use super::canonical;

/// A set, or another unordered collection, as an argument of [`key_of`](crate::key_of): its items are sorted, so that
/// the key is the same in every process. `#[cached]` does this for arguments of type `HashSet`.
///
/// ```
/// use isocache::{SortedSet, key_of};
/// use std::collections::HashSet;
///
/// let (one, other) = (HashSet::from(["a", "b", "c"]), HashSet::from(["c", "b", "a"]));
/// assert_eq!(key_of("tags", &(SortedSet(&one),))?, key_of("tags", &(SortedSet(&other),))?);
/// # Ok::<(), isocache::CacheError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct SortedSet<'a, C: ?Sized>(pub &'a C);

impl<'a, C: ?Sized> Serialize for SortedSet<'a, C>
where
    &'a C: IntoIterator<Item: Serialize>,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let items = self.0.into_iter().map(|item| Ok((canonical::encode_item(&item)?, item)));
        let mut items: Vec<_> = items.collect::<crate::Result<_>>().map_err(S::Error::custom)?;
        items.sort_by(|(one, _), (other, _)| one.cmp(other));
        let mut sequence = serializer.serialize_seq(Some(items.len()))?;
        for (_, item) in &items {
            sequence.serialize_element(item)?;
        }
        sequence.end()
    }
}

/// [`SortedSet`] for a field: `#[serde(serialize_with = "isocache::sorted_set")]`.
///
/// ```
/// use isocache::key_of;
/// use std::collections::HashSet;
///
/// #[derive(serde::Serialize)]
/// struct Filter {
///     #[serde(serialize_with = "isocache::sorted_set")]
///     tags: HashSet<String>,
/// }
///
/// let filter = |tags: [&str; 2]| Filter { tags: tags.map(String::from).into() };
/// assert_eq!(key_of("find", &(filter(["a", "b"]),))?, key_of("find", &(filter(["b", "a"]),))?);
/// # Ok::<(), isocache::CacheError>(())
/// ```
///
/// # Errors
/// Any error of the items or the serializer.
pub fn sorted_set<'a, C, S: Serializer>(set: &'a C, serializer: S) -> Result<S::Ok, S::Error>
where
    &'a C: IntoIterator<Item: Serialize>,
{
    SortedSet(set).serialize(serializer)
}
