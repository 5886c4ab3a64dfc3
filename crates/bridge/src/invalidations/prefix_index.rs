//! Finds the readers of a key by its prefixes.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;

/// Readers by prefix. A lookup hashes the key once for each distinct *length* of prefix, so its cost does not grow with
/// the readers of other prefixes.
#[derive(Debug, Default)]
pub(super) struct PrefixIndex {
    by_length: BTreeMap<usize, HashMap<Bytes, Vec<u64>>>,
}

impl PrefixIndex {
    /// Adds a reader of a prefix. The empty prefix matches every key.
    pub(super) fn insert(&mut self, prefix: &Bytes, reader: u64) {
        self.by_length.entry(prefix.len()).or_default().entry(prefix.clone()).or_default().push(reader);
    }

    /// Removes a reader of a prefix.
    pub(super) fn remove(&mut self, prefix: &Bytes, reader: u64) {
        let Some(prefixes) = self.by_length.get_mut(&prefix.len()) else { return };
        if let Some(readers) = prefixes.get_mut(prefix) {
            readers.retain(|own| *own != reader);
            if readers.is_empty() {
                prefixes.remove(prefix);
            }
        }
        if prefixes.is_empty() {
            self.by_length.remove(&prefix.len());
        }
    }

    /// The readers of the prefixes of a key. A reader of several nested prefixes appears several times.
    pub(super) fn readers(&self, key: &[u8]) -> impl Iterator<Item = u64> {
        let lengths = self.by_length.range(..=key.len());
        let found = lengths.filter_map(|(length, prefixes)| prefixes.get(key.get(..*length)?));
        found.flatten().copied()
    }
}

/// Removes prefixes that another one covers, so that at most one matches each key.
pub(super) fn disjoint(mut prefixes: Vec<Bytes>) -> Vec<Bytes> {
    prefixes.sort_unstable();
    // A prefix sorts directly before everything that it covers.
    prefixes.dedup_by(|longer, shorter| longer.starts_with(shorter));
    prefixes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&'static str]) -> Vec<Bytes> {
        names.iter().map(|name| Bytes::from_static(name.as_bytes())).collect()
    }

    #[test]
    fn a_key_finds_the_readers_of_its_prefixes() {
        let mut index = PrefixIndex::default();
        let all = [("", 1), ("user:", 2), ("user:4:", 3), ("card:", 4), ("user:", 5), ("användare:", 6)];
        for (prefix, reader) in all {
            index.insert(&Bytes::from_static(prefix.as_bytes()), reader);
        }
        let readers = |index: &PrefixIndex, key: &str| {
            let mut readers: Vec<u64> = index.readers(key.as_bytes()).collect();
            readers.sort_unstable();
            readers
        };
        assert_eq!(readers(&index, "user:4:name"), [1, 2, 3, 5]);
        assert_eq!(readers(&index, "user:42"), [1, 2, 5]);
        assert_eq!(readers(&index, "card:"), [1, 4]);
        assert_eq!(readers(&index, "användare:1"), [1, 6]);
        assert_eq!(readers(&index, ""), [1]);
        for (prefix, reader) in all {
            index.remove(&Bytes::from_static(prefix.as_bytes()), reader);
            index.remove(&Bytes::from_static(b"unknown"), reader);
        }
        assert!(readers(&index, "user:4:name").is_empty());
        assert!(index.by_length.is_empty());
    }

    #[test]
    fn prefixes_within_others_are_left_out() {
        assert_eq!(disjoint(names(&["b", "ab", "a", "ac", "b", "bcd", "c"])), names(&["a", "b", "c"]));
        assert_eq!(disjoint(names(&["x", "", "y"])), names(&[""]));
        assert_eq!(disjoint(names(&["ab", "a-", "ab:c", "abc"])), names(&["a-", "ab"]));
        assert!(disjoint(Vec::new()).is_empty());
    }
}
