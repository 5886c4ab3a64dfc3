//! [`Admission`] decides which values may be kept near. It does no I/O and reads no clock.
//!
//! A value that was read from the far provider may be outdated by the time it arrives, and so may one that was written.
//! Therefore each operation takes a ticket before it begins. Anything that could outdate its value spoils the ticket:
//! an announcement of the key, a write of it by this process, a gap in the announcements. Only a value whose ticket is
//! valid is kept.

use std::collections::{HashMap, HashSet};

use super::planted::Planted;

/// The maximum number of keys in `unknown`, and in `awaited`. Beyond it, announcements of own writes outdate copies
/// like any others.
const MAX_REMEMBERED: usize = if cfg!(miri) { 64 } else { 4096 };

/// Whether this process has begun no write of a key, in any way, since the function was created.
pub(super) type Unchanged = Box<dyn Fn(&str) -> bool + Send + Sync>;

/// The operations in progress, by key.
#[derive(Default)]
pub(super) struct Admission {
    /// A counter of events that serves as a clock.
    time: u64,
    /// The time of the last change.
    changed: u64,
    /// The last time all tickets were spoiled at once.
    all_spoiled: u64,
    markers: HashMap<Box<str>, Marker>,
    /// Keys of copies that this process wrote, whose announcement has not arrived yet.
    awaited: HashMap<Box<str>, Unchanged>,
    /// Keys of writes with an unknown outcome: they may still be carried out at any time.
    unknown: HashSet<Box<str>>,
    /// Whether there were too many keys in `unknown`.
    distrusts_own: bool,
    planted: Option<Planted>,
}

/// The operations in progress on one key, and its changes since the first of them began.
#[derive(Debug, Default)]
struct Marker {
    /// The time of the last change of any key before the first of the operations began.
    before: u64,
    tickets: usize,
    writes: usize,
    /// When the key was last announced as changed by others.
    announced: u64,
    /// When a write of this process last began or ended.
    wrote: u64,
    /// When the later of two overlapping writes began.
    overlapped: u64,
    /// Whether an own write was announced during the write in progress.
    own_announced: bool,
}

/// An operation in progress. It must be [ended](Admission::end).
#[derive(Debug)]
pub(super) struct Ticket {
    key: Box<str>,
    begun: u64,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Read,
    Write,
}

/// How an operation ended.
pub(super) enum Outcome {
    /// Its value was kept. If a function can tell that no other write came after it, its own announcement does not
    /// outdate it.
    Kept(Option<Unchanged>),
    /// It succeeded, or changed nothing.
    Done,
    /// It may still be carried out.
    Unknown,
}

impl Ticket {
    pub(super) fn key(&self) -> &str {
        &self.key
    }
}

impl Admission {
    pub(super) fn new(planted: Option<Planted>) -> Self {
        Self { planted, ..Self::default() }
    }

    fn breaks(&self, rule: Planted) -> bool {
        self.planted == Some(rule)
    }

    fn tick(&mut self) -> u64 {
        self.time += 1;
        self.time
    }

    /// Begins to read a key.
    pub(super) fn read(&mut self, key: &str) -> Ticket {
        let begun = self.time;
        self.marker(key).tickets += 1;
        Ticket { key: key.into(), begun, kind: Kind::Read }
    }

    /// Begins to write or remove a key. The caller drops its copies.
    pub(super) fn write(&mut self, key: &str) -> Ticket {
        let begun = self.change();
        self.awaited.remove(key);
        let marker = self.marker(key);
        marker.tickets += 1;
        marker.writes += 1;
        marker.wrote = begun;
        if marker.writes == 1 {
            marker.own_announced = false;
        } else {
            marker.overlapped = begun;
        }
        Ticket { key: key.into(), begun, kind: Kind::Write }
    }

    fn marker(&mut self, key: &str) -> &mut Marker {
        let before = self.changed;
        self.markers.entry(key.into()).or_insert_with(|| Marker { before, ..Marker::default() })
    }

    /// Records a change, and returns its time.
    fn change(&mut self) -> u64 {
        self.changed = self.tick();
        self.changed
    }

    /// Whether the value of an operation may be kept.
    pub(super) fn is_valid(&self, ticket: &Ticket) -> bool {
        let Some(marker) = self.markers.get(&ticket.key) else { return false };
        let since = ticket.begun;
        if (self.all_spoiled > since || marker.announced > since) && !self.breaks(Planted::KeepsOldReads) {
            return false;
        }
        match ticket.kind {
            Kind::Write if self.breaks(Planted::KeepsOverlappingWrites) => true,
            Kind::Read => marker.writes == 0 && marker.wrote <= since,
            // The order in which two overlapping writes were carried out is unknown.
            Kind::Write => marker.writes == 1 && marker.wrote <= since && marker.overlapped < since,
        }
    }

    /// Ends an operation. Returns whether its value may be kept.
    pub(super) fn end(&mut self, ticket: Ticket, outcome: Outcome) -> bool {
        let mut is_valid = self.is_valid(&ticket);
        if let Outcome::Kept(Some(unchanged)) = &outcome {
            // Another write may have begun, and been announced, since the response arrived.
            is_valid &= unchanged(&ticket.key);
        }
        let Ticket { key, kind, .. } = ticket;
        let time = if kind == Kind::Write { self.change() } else { self.tick() };
        let Some(marker) = self.markers.get_mut(&key) else { return false };
        marker.tickets -= 1;
        let was_announced = marker.own_announced;
        if kind == Kind::Write {
            marker.writes -= 1;
            marker.wrote = time;
        }
        if marker.tickets == 0 {
            self.markers.remove(&key);
        }
        match (kind, outcome) {
            (Kind::Write, Outcome::Unknown) => {
                self.unknown.insert(key);
            }
            (Kind::Write, Outcome::Kept(Some(unchanged)))
                if is_valid && !was_announced && !self.unknown.contains(&key) =>
            {
                self.awaited.insert(key, unchanged);
            }
            _ => {}
        }
        if self.unknown.len() > MAX_REMEMBERED {
            self.unknown.clear();
            self.distrusts_own = true;
        }
        if self.awaited.len() > MAX_REMEMBERED {
            self.awaited.clear();
        }
        is_valid
    }

    /// Handles the announcement of a key; `own` if this process made its last change. Returns whether copies of it are
    /// outdated.
    pub(super) fn announced(&mut self, key: &str, own: bool) -> bool {
        let time = self.change();
        let trusts_own = own && !self.distrusts_own && !self.unknown.contains(key);
        let is_awaited = self.awaited.remove(key).is_some_and(|unchanged| unchanged(key));
        if trusts_own && is_awaited {
            return false;
        }
        if let Some(marker) = self.markers.get_mut(key) {
            // The first announcement of an own change during a write belongs to that write or to an earlier one.
            // Nothing is outdated: the write has dropped the copies, and keeps its own when it ends.
            if trusts_own && marker.writes == 1 && !marker.own_announced {
                marker.own_announced = true;
                return false;
            }
            marker.announced = time;
        }
        true
    }

    /// Spoils all tickets: any key may have changed.
    pub(super) fn everything(&mut self) {
        self.all_spoiled = self.change();
        self.awaited.clear();
    }

    /// A number that changes whenever reads of a key are spoiled. Reads of the same version may share a request.
    pub(super) fn version(&self, key: &str) -> u64 {
        if self.breaks(Planted::JoinsOldReads) {
            return 0;
        }
        let marker = self.markers.get(key);
        let changed = marker.map_or(self.changed, |marker| marker.before.max(marker.announced).max(marker.wrote));
        changed.max(self.all_spoiled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    fn kept() -> Outcome {
        Outcome::Kept(Some(Box::new(|_| true)))
    }

    #[test]
    fn what_was_read_before_an_announcement_is_not_kept() {
        let mut admission = Admission::default();
        let (before, other) = (admission.read("k"), admission.read("other"));
        assert!(admission.is_valid(&before));
        assert!(admission.announced("k", false));
        assert!(!admission.is_valid(&before));
        assert!(admission.is_valid(&other));
        let after = admission.read("k");
        assert!(admission.is_valid(&after));
        admission.everything();
        assert!(!admission.is_valid(&after) && !admission.is_valid(&other));
        for ticket in [before, other, after] {
            admission.end(ticket, Outcome::Done);
        }
        assert!(admission.markers.is_empty(), "nothing stays");
    }

    #[test]
    fn reads_that_overlap_a_write_are_not_kept() {
        let mut admission = Admission::default();
        let before = admission.read("k");
        let write = admission.write("k");
        let during = admission.read("k");
        assert!(!admission.is_valid(&before) && !admission.is_valid(&during));
        assert!(admission.is_valid(&write));
        admission.end(write, kept());
        assert!(!admission.is_valid(&before) && !admission.is_valid(&during));
        let after = admission.read("k");
        assert!(admission.is_valid(&after));
    }

    #[test]
    fn of_two_writes_that_overlap_neither_is_kept() {
        let mut admission = Admission::default();
        let (first, second) = (admission.write("k"), admission.write("k"));
        assert!(!admission.is_valid(&first) && !admission.is_valid(&second));
        admission.end(first, Outcome::Done);
        assert!(!admission.is_valid(&second));
        admission.end(second, Outcome::Done);
        let third = admission.write("k");
        assert!(admission.is_valid(&third));
    }

    #[test]
    fn an_own_write_is_spared_by_its_own_announcement_once() {
        let mut admission = Admission::default();
        let write = admission.write("k");
        admission.end(write, kept());
        assert!(!admission.announced("k", true));
        assert!(admission.announced("k", true), "the second is of a write that was repeated");
        let write = admission.write("k");
        assert!(!admission.announced("k", true), "the announcement came before the response");
        assert!(admission.end(write, kept()));
        assert!(admission.announced("k", true));
        assert!(admission.announced("never written", true));
    }

    #[test]
    fn an_own_write_does_not_survive_somebody_elses() {
        let mut admission = Admission::default();
        let write = admission.write("k");
        assert!(admission.announced("k", false));
        assert!(!admission.is_valid(&write));
        admission.end(write, Outcome::Done);
        let write = admission.write("k");
        admission.end(write, kept());
        assert!(admission.announced("k", false));
        assert!(admission.announced("k", true));
        let (write, others) = (admission.write("k"), Arc::new(AtomicBool::new(false)));
        let unchanged = |others: &Arc<AtomicBool>| -> Unchanged {
            let others = Arc::clone(others);
            Box::new(move |_| !others.load(Ordering::Relaxed))
        };
        assert!(admission.end(write, Outcome::Kept(Some(unchanged(&others)))));
        others.store(true, Ordering::Relaxed);
        assert!(admission.announced("k", true), "another write past this cache");
        let write = admission.write("k");
        assert!(!admission.announced("k", true), "of either");
        assert!(!admission.end(write, Outcome::Kept(Some(unchanged(&others)))), "another write past this cache");
    }

    #[test]
    fn a_write_of_unknown_outcome_may_come_at_any_time() {
        let mut admission = Admission::default();
        let lost = admission.write("k");
        admission.end(lost, Outcome::Unknown);
        let write = admission.write("k");
        admission.end(write, kept());
        assert!(admission.announced("k", true));
        assert!(admission.announced("k", true));
        for number in 0..=MAX_REMEMBERED {
            let lost = admission.write(&number.to_string());
            admission.end(lost, Outcome::Unknown);
        }
        let write = admission.write("elsewhere");
        admission.end(write, kept());
        assert!(admission.announced("elsewhere", true));
        assert!(admission.unknown.len() <= MAX_REMEMBERED);
    }

    #[test]
    fn readers_join_a_read_only_until_the_key_changes() {
        let mut admission = Admission::default();
        let first = admission.version("k");
        let read = admission.read("k");
        assert_eq!(admission.version("k"), first);
        admission.announced("k", false);
        let second = admission.version("k");
        assert_ne!(second, first);
        let write = admission.write("k");
        let third = admission.version("k");
        assert_ne!(third, second);
        admission.end(write, Outcome::Done);
        assert_ne!(admission.version("k"), third);
        admission.end(read, Outcome::Done);
    }
}
