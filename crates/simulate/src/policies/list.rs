//! Linked lists of keys. A key is in at most one of them.

use super::NONE;

/// The links of all keys.
pub(super) struct Links {
    /// Towards the newest.
    newer: Vec<u32>,
    /// Towards the oldest.
    older: Vec<u32>,
}

impl Links {
    pub(super) fn new(keys: u32) -> Self {
        Self { newer: vec![NONE; keys as usize], older: vec![NONE; keys as usize] }
    }

    /// The next newer key.
    pub(super) fn newer(&self, key: u32) -> u32 {
        self.newer[key as usize]
    }
}

/// The ends of one list.
pub(super) struct List {
    newest: u32,
    oldest: u32,
    len: u32,
}

impl List {
    pub(super) fn new() -> Self {
        Self { newest: NONE, oldest: NONE, len: 0 }
    }

    pub(super) fn len(&self) -> u32 {
        self.len
    }

    /// The oldest key, or `NONE`.
    pub(super) fn oldest(&self) -> u32 {
        self.oldest
    }

    /// Adds a key as the newest.
    pub(super) fn push(&mut self, links: &mut Links, key: u32) {
        links.newer[key as usize] = NONE;
        links.older[key as usize] = self.newest;
        if self.newest == NONE {
            self.oldest = key;
        } else {
            links.newer[self.newest as usize] = key;
        }
        self.newest = key;
        self.len += 1;
    }

    /// Removes a key that is in this list.
    pub(super) fn remove(&mut self, links: &mut Links, key: u32) {
        let (newer, older) = (links.newer[key as usize], links.older[key as usize]);
        if newer == NONE {
            self.newest = older;
        } else {
            links.older[newer as usize] = older;
        }
        if older == NONE {
            self.oldest = newer;
        } else {
            links.newer[older as usize] = newer;
        }
        self.len -= 1;
    }
}
