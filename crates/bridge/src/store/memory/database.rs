//! The operations on entries that commands are made of. They run under the lock, at one point in time.

use std::borrow::Borrow;
use std::sync::PoisonError;

use bytes::{Bytes, BytesMut};
use isocache::__bridge::{self as table, Hashed, Leavers, Lookup};
use isocache::engine::{Counters, Millis, NEVER, RemovalReason, Slot};
use isocache_protocol::Reply;

use super::error;
use super::options::ENTRY_WEIGHT;
use super::store::Shared;
use crate::invalidations::{Change, Log, Noted, Origin};

/// Keys and values are arbitrary bytes. Values are returned without a copy.
pub(super) type Table = table::Table<Bytes, Key>;

/// A key as the table stores it.
#[derive(Clone, Default)]
pub(super) struct Key(Bytes);

impl Borrow<[u8]> for Key {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl table::Key for Key {
    type Ref = [u8];

    fn keep(key: &[u8]) -> Self {
        Self(Bytes::copy_from_slice(key))
    }
}

/// The locked table, and the current time.
pub(super) struct Database<'a> {
    pub(super) shared: &'a Shared,
    table: &'a mut Table,
    leavers: Leavers<Bytes, Key>,
    /// The changes to announce; `None` without readers.
    changes: Option<Changes>,
    /// Milliseconds since 1970.
    pub(super) now: i64,
}

/// The changes made by commands.
pub(super) struct Changes {
    /// The client that makes them.
    origin: Option<Origin>,
    keys: Vec<Change>,
    /// The number of leavers that are already among the keys.
    leavers: usize,
    /// Whether every entry was removed.
    all: bool,
}

/// A live entry, in its slot.
pub(super) struct Live {
    pub(super) key: Bytes,
    pub(super) value: Bytes,
    pub(super) deadline: Millis,
}

/// A time as the engine represents it.
// Exact up to 2^53, in the year 287396.
#[allow(clippy::cast_precision_loss)]
pub(super) fn millis(time: i64) -> Millis {
    time as Millis
}

/// A deadline in whole milliseconds; `None` if the entry does not expire.
pub(super) fn time_of(deadline: Millis) -> Option<i64> {
    // It is a whole number within the range of `i64`.
    #[allow(clippy::cast_possible_truncation)]
    (deadline < NEVER).then_some(deadline as i64)
}

impl<'a> Database<'a> {
    pub(super) fn new(shared: &'a Shared, table: &'a mut Table, now: i64, origin: Option<Origin>) -> Self {
        // Read under the lock of the table: a reader that opens the log later also reads the table later.
        let changes = shared.log.is_open().then_some(Changes { origin, keys: Vec::new(), leavers: 0, all: false });
        Self { shared, table, leavers: Leavers::new(), changes, now }
    }

    /// Notes the changes under the lock, so that they are announced in order. Returns the removed entries, to be
    /// dropped outside the lock, and whether there is anything to announce there.
    pub(super) fn finish(self) -> (Leavers<Bytes, Key>, bool) {
        let Self { leavers, shared, changes, .. } = self;
        let has_changes = changes.is_some_and(|changes| changes.note(&leavers, &shared.log));
        (leavers, has_changes)
    }

    fn changed(&mut self, key: &[u8]) {
        if let Some(changes) = &mut self.changes {
            // Entries that have left by now, such as an expired one of the same key, left before this change.
            changes.left(&self.leavers);
            changes.keys.push(Change { key: Bytes::copy_from_slice(key), origin: changes.origin });
        }
    }

    fn hashed<'k>(&self, key: &'k [u8]) -> Hashed<'k, [u8]> {
        Hashed::new(key, &self.shared.hasher)
    }

    /// Finds the live entry of a key. This counts as neither a hit nor a miss, nor as a use.
    #[inline]
    pub(super) fn find(&mut self, key: &[u8]) -> Option<Slot> {
        let key = self.hashed(key);
        self.table.find(key, millis(self.now), &mut self.leavers)
    }

    /// The value of a key. This counts as a hit or a miss, and as a use of the entry.
    #[inline]
    pub(super) fn get(&mut self, key: &[u8]) -> Option<Bytes> {
        let key = self.hashed(key);
        let value = self.look_up(key);
        if let Some(advisor) = &self.shared.advisor {
            let Counters { hits, misses, .. } = self.counters();
            let mut advisor = advisor.lock().unwrap_or_else(PoisonError::into_inner);
            advisor.grow(self.table.engine().len());
            advisor.record(key.hash(), value.is_some(), hits + misses);
        }
        value
    }

    #[inline]
    fn look_up(&mut self, key: Hashed<'_, [u8]>) -> Option<Bytes> {
        match self.table.lookup(key, millis(self.now)) {
            Lookup::Hit(value, _) => return Some(value),
            Lookup::Miss => return None,
            Lookup::Due => {}
        }
        let found = self.table.find(key, millis(self.now), &mut self.leavers);
        let value = found.and_then(|slot| self.table.value(slot).cloned());
        match found {
            Some(slot) => self.table.hit(slot),
            None => self.table.miss(),
        }
        value
    }

    /// The value in a slot. This counts as neither a hit nor a use.
    pub(super) fn value(&self, slot: Slot) -> Bytes {
        self.table.value(slot).cloned().unwrap_or_default()
    }

    pub(super) fn value_len(&self, slot: Slot) -> usize {
        self.table.value(slot).map_or(0, Bytes::len)
    }

    /// Marks the entry in a slot as used.
    pub(super) fn touch(&mut self, slot: Slot) {
        self.table.hit(slot);
    }

    pub(super) fn deadline(&self, slot: Slot) -> Millis {
        self.table.engine().deadline(slot)
    }

    /// Checks that an entry with this key and a value of this length fits the limits.
    pub(super) fn admit(&self, key: &[u8], value_len: usize) -> Result<(), Reply> {
        if value_len > self.shared.options.max_value_bytes {
            return Err(error::TOO_LONG);
        }
        if weight(key.len(), value_len) > self.shared.options.max_bytes {
            return Err(error::OUT_OF_MEMORY);
        }
        Ok(())
    }

    /// Stores a value and replaces an old one. If the deadline has passed, this only removes the old value.
    pub(super) fn put(&mut self, key: &[u8], value: Bytes, deadline: Millis) -> Result<(), Reply> {
        self.admit(key, value.len())?;
        let (now, weight) = (millis(self.now), weight(key.len(), value.len()));
        if deadline <= now {
            self.remove(key);
            return Ok(());
        }
        let hashed = self.hashed(key);
        let stored = self.table.set(hashed, value, weight, deadline, now, &mut self.leavers);
        self.changed(key);
        stored.map_err(|_| error::OUT_OF_MEMORY)
    }

    /// Changes a value in place. `value_len` is its new length. The deadline stays the same.
    pub(super) fn edit(
        &mut self,
        slot: Slot,
        key: &[u8],
        value_len: usize,
        edit: impl FnOnce(&mut BytesMut),
    ) -> Result<(), Reply> {
        self.admit(key, value_len)?;
        self.update(slot, weight(key.len(), value_len), self.deadline(slot))?;
        if let Some(stored) = self.table.value_mut(slot) {
            // The bytes are copied only if they are shared.
            let mut value = std::mem::take(stored).try_into_mut().unwrap_or_else(|shared| BytesMut::from(&*shared));
            edit(&mut value);
            *stored = value.freeze();
        }
        self.changed(key);
        Ok(())
    }

    /// Changes the deadline of an entry. A deadline that has passed removes the entry.
    pub(super) fn set_deadline(&mut self, slot: Slot, key: &[u8], deadline: Millis) {
        if deadline <= millis(self.now) {
            self.remove(key);
        } else {
            // This fails only if memory runs out. The entry then keeps its old deadline.
            let _ = self.update(slot, weight(key.len(), self.value_len(slot)), deadline);
            self.changed(key);
        }
    }

    fn update(&mut self, slot: Slot, weight: u64, deadline: Millis) -> Result<(), Reply> {
        let updated = self.table.update(slot, weight, deadline, millis(self.now), &mut self.leavers);
        updated.map_err(|_| error::OUT_OF_MEMORY)
    }

    /// Removes the live entry of a key. Returns whether there was one.
    pub(super) fn remove(&mut self, key: &[u8]) -> bool {
        let hashed = self.hashed(key);
        let removed = self.table.delete(hashed, millis(self.now), &mut self.leavers);
        if removed {
            self.changed(key);
        }
        removed
    }

    /// Removes every entry.
    pub(super) fn clear(&mut self) {
        self.table.clear(millis(self.now), &mut self.leavers);
        if let Some(changes) = &mut self.changes {
            changes.keys.clear();
            changes.leavers = self.leavers.len();
            changes.all = true;
        }
    }

    /// Removes expired entries.
    fn sweep(&mut self) {
        self.table.sweep(millis(self.now), &mut self.leavers);
    }

    /// Removes expired entries, inspecting at most `budget` candidates. Returns how many.
    pub(super) fn sweep_some(&mut self, budget: u32) -> u32 {
        self.table.sweep_some(millis(self.now), budget, &mut self.leavers)
    }

    /// The number of live entries.
    pub(super) fn len(&mut self) -> u32 {
        self.sweep();
        self.table.engine().len()
    }

    /// The sum of the weights of the live entries.
    pub(super) fn weight(&mut self) -> u64 {
        self.sweep();
        self.table.engine().weight()
    }

    pub(super) fn counters(&self) -> Counters {
        self.table.engine().counters()
    }

    /// The number of slots in use since the store was last cleared, including empty ones.
    pub(super) fn slots(&self) -> usize {
        self.table.slots()
    }

    /// The key of the live entry in a slot.
    pub(super) fn key_at(&self, slot: usize) -> Option<&Bytes> {
        let slot = Slot::try_from(slot).ok()?;
        let entry = self.table.entry(slot)?;
        (self.deadline(slot) > millis(self.now)).then_some(&entry.key.0)
    }

    /// The live entries, from the least to the most recently used. Keys and values are not copied.
    pub(super) fn live(&mut self) -> Vec<Live> {
        self.sweep();
        let slots = self.table.slots_by_use(millis(self.now));
        let live = slots.into_iter().rev().filter_map(|slot| {
            let entry = self.table.entry(slot)?;
            Some(Live { key: entry.key.0.clone(), value: entry.value.clone(), deadline: self.deadline(slot) })
        });
        live.collect()
    }
}

impl Changes {
    /// Adds the entries that have expired or were evicted since the last call. These changes have no origin.
    fn left(&mut self, leavers: &Leavers<Bytes, Key>) {
        let left = |reason| matches!(reason, RemovalReason::Expired | RemovalReason::Evicted);
        let new = leavers.iter().skip(self.leavers).filter(|leaver| left(leaver.reason));
        self.keys.extend(new.map(|leaver| Change::from(leaver.key.0.clone())));
        self.leavers = leavers.len();
    }

    /// Notes all changes. Returns whether there are any.
    fn note(mut self, leavers: &Leavers<Bytes, Key>, log: &Log) -> bool {
        self.left(leavers);
        let has_keys = !self.keys.is_empty();
        if self.all {
            log.note(Noted::All);
        }
        if has_keys {
            log.note(Noted::Keys(self.keys));
        }
        self.all || has_keys
    }
}

/// The weight of an entry: its share of the limit in bytes.
fn weight(key_len: usize, value_len: usize) -> u64 {
    (key_len as u64).saturating_add(value_len as u64).saturating_add(ENTRY_WEIGHT)
}
