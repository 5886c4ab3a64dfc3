//! [`Link`] tracks the connection to a source of announcements. It does no I/O and reads no clock: times are passed in.

use super::planted::Planted;
use super::position::Position;
use super::source::Invalidation;
use super::stats::LinkState;
use crate::engine::{Millis, NEVER};
use crate::load::millis;

/// The number of heartbeats that may be missed.
const MISSED_HEARTBEATS: f64 = 2.0;

/// The connection to a source of announcements, as its announcements show it.
///
/// Near copies are served while it is connected and not silent. Once it has been silent for too long, only a new
/// connection makes them good again: an announcement that arrives then may have waited in a buffer, and says nothing
/// about the changes after it.
#[derive(Clone, Debug)]
pub(super) struct Link {
    is_connected: bool,
    /// The latest time up to which every change is known to have been announced.
    heard: Millis,
    /// How long that holds.
    tolerance: Millis,
    /// Whether the source requests heartbeats, which then count from the request. A change that it announces between
    /// two heartbeats may have been delayed, and does not show up to when nothing is missing.
    asks: bool,
    position: Option<Position>,
    planted: Option<Planted>,
}

/// What an announcement means for the near copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Nothing.
    Nothing,
    /// The announced keys are outdated.
    Keys,
    /// All copies may be outdated.
    Everything,
}

impl Link {
    /// A link before its first connection.
    pub(super) fn new(planted: Option<Planted>) -> Self {
        Self { is_connected: false, heard: Millis::NEG_INFINITY, tolerance: 0.0, asks: false, position: None, planted }
    }

    /// A link without announcements: copies are served until their ttl passes.
    pub(super) fn without_announcements() -> Self {
        Self { is_connected: true, heard: 0.0, tolerance: NEVER, asks: false, position: None, planted: None }
    }

    /// The time until which copies may be served, unless an announcement extends it.
    pub(super) fn serves_until(&self) -> Millis {
        if self.is_connected { self.heard + self.tolerance } else { Millis::NEG_INFINITY }
    }

    pub(super) fn state(&self, now: Millis) -> LinkState {
        match self.is_connected {
            false => LinkState::Disconnected,
            true if now < self.serves_until() => LinkState::Connected,
            true => LinkState::Suspect,
        }
    }

    /// The position up to which everything was announced.
    pub(super) fn position(&self) -> Option<Position> {
        self.position
    }

    /// Handles an announcement of a stream.
    pub(super) fn receive(&mut self, event: &Invalidation, now: Millis) -> Meaning {
        match event {
            Invalidation::Connected { position, resumed, heartbeat, took } => {
                let resumed = *resumed || self.planted == Some(Planted::ResumesAcrossEpochs);
                let known = resumed && self.continues_at(*position);
                self.is_connected = true;
                self.heard = now - millis(*took);
                self.tolerance = MISSED_HEARTBEATS * millis(*heartbeat);
                if self.planted == Some(Planted::MissesSilence) {
                    self.tolerance = NEVER;
                }
                self.asks = position.is_none() && !took.is_zero();
                self.position = *position;
                if known { Meaning::Nothing } else { Meaning::Everything }
            }
            Invalidation::Disconnected { .. } => {
                self.is_connected = false;
                Meaning::Nothing
            }
            Invalidation::Reset { position } => {
                self.position = *position;
                self.hear(now);
                Meaning::Everything
            }
            Invalidation::Keys { position, .. } => match self.advance(*position) {
                Order::Next => {
                    if !self.asks {
                        self.hear(now);
                    }
                    Meaning::Keys
                }
                Order::Old => Meaning::Keys,
                Order::Unknown => Meaning::Everything,
            },
            Invalidation::All { position } => {
                if self.advance(*position) != Order::Old {
                    self.hear(now);
                }
                Meaning::Everything
            }
            Invalidation::Heartbeat { position, took } => match self.advance(*position) {
                Order::Next => {
                    self.hear_since(now, now - millis(*took));
                    Meaning::Nothing
                }
                Order::Old => Meaning::Nothing,
                Order::Unknown => Meaning::Everything,
            },
        }
    }

    /// Handles the response to a poll that was sent at `sent` and is valid for `interval`.
    pub(super) fn polled(&mut self, event: &Invalidation, sent: Millis, interval: Millis) -> Meaning {
        let known = self.position.is_some() && self.advance(event.position()) != Order::Unknown;
        self.position = event.position();
        self.is_connected = true;
        self.heard = self.heard.max(sent);
        self.tolerance = interval;
        match event {
            Invalidation::Keys { .. } if known => Meaning::Keys,
            Invalidation::Heartbeat { .. } if known => Meaning::Nothing,
            _ => Meaning::Everything,
        }
    }

    /// Records that something may have been missed, until the next connection or poll.
    pub(super) fn doubt(&mut self) {
        self.heard = Millis::NEG_INFINITY;
    }

    /// Whether a connection at `position` continues where the last one ended.
    fn continues_at(&self, position: Option<Position>) -> bool {
        match (self.position, position) {
            (Some(_), Some(_)) if self.planted == Some(Planted::ResumesAcrossEpochs) => true,
            (Some(last), Some(new)) => last.epoch == new.epoch && new.sequence >= last.sequence,
            (None, _) | (_, None) => false,
        }
    }

    /// Moves to the position of an announcement.
    fn advance(&mut self, position: Option<Position>) -> Order {
        let (Some(last), Some(new)) = (self.position, position) else {
            self.position = position.or(self.position);
            return Order::Next;
        };
        if new.epoch != last.epoch {
            self.position = Some(new);
            return Order::Unknown;
        }
        if new.sequence < last.sequence {
            return Order::Old;
        }
        self.position = Some(new);
        Order::Next
    }

    fn hear(&mut self, now: Millis) {
        self.hear_since(now, now);
    }

    /// Records at `now` that everything up to `since` was announced.
    fn hear_since(&mut self, now: Millis, since: Millis) {
        if self.state(now) == LinkState::Connected {
            self.heard = self.heard.max(since);
        }
    }
}

/// How a position relates to the last one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    /// It is the same or later, or there is nothing to compare.
    Next,
    /// It is earlier: the announcement was delivered late, or again.
    Old,
    /// It belongs to another epoch.
    Unknown,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::CacheError;
    use std::time::Duration;

    const HEARTBEAT: Duration = Duration::from_secs(10);

    #[allow(clippy::unnecessary_wraps, reason = "announcements have it so")]
    fn at(epoch: u64, sequence: u64) -> Option<Position> {
        Some(Position { epoch, sequence })
    }

    fn connected(position: Option<Position>, resumed: bool) -> Invalidation {
        Invalidation::Connected { position, resumed, heartbeat: HEARTBEAT, took: Duration::ZERO }
    }

    fn heartbeat(position: Option<Position>) -> Invalidation {
        Invalidation::Heartbeat { position, took: Duration::ZERO }
    }

    fn keys(position: Option<Position>) -> Invalidation {
        Invalidation::Keys { keys: vec!["k".into()], own: Vec::new(), position }
    }

    fn lost() -> Invalidation {
        Invalidation::Disconnected { error: CacheError::Connection("cut".into()) }
    }

    fn open() -> Link {
        let mut link = Link::new(None);
        assert_eq!(link.state(0.0), LinkState::Disconnected);
        assert_eq!(link.receive(&connected(at(1, 5), false), 0.0), Meaning::Everything);
        link
    }

    #[test]
    fn two_silent_heartbeats_make_it_suspect() {
        let mut link = open();
        assert_eq!(link.state(19_999.0), LinkState::Connected);
        assert_eq!(link.state(20_000.0), LinkState::Suspect);
        assert_eq!(link.receive(&heartbeat(at(1, 5)), 15_000.0), Meaning::Nothing);
        assert_eq!(link.receive(&keys(at(1, 6)), 16_000.0), Meaning::Keys);
        assert_eq!(link.state(35_999.0), LinkState::Connected);
        assert_eq!(link.state(36_000.0), LinkState::Suspect);
    }

    #[test]
    fn what_waited_in_a_buffer_makes_nothing_good() {
        let mut link = open();
        assert_eq!(link.receive(&heartbeat(at(1, 5)), 20_000.0), Meaning::Nothing);
        assert_eq!(link.receive(&keys(at(1, 6)), 20_001.0), Meaning::Keys);
        assert_eq!(link.state(20_002.0), LinkState::Suspect);
        assert_eq!(link.receive(&connected(at(1, 6), true), 21_000.0), Meaning::Nothing);
        assert_eq!(link.state(21_000.0), LinkState::Connected);
    }

    #[test]
    fn late_and_repeated_announcements_are_no_sign_of_life() {
        let mut link = open();
        link.receive(&keys(at(1, 9)), 1000.0);
        assert_eq!(link.receive(&heartbeat(at(1, 8)), 15_000.0), Meaning::Nothing);
        assert_eq!(link.receive(&keys(at(1, 7)), 15_000.0), Meaning::Keys);
        assert_eq!(link.state(21_000.0), LinkState::Suspect);
        assert_eq!(link.position(), at(1, 9));
    }

    #[test]
    fn a_source_that_asks_is_heard_in_its_heartbeats_only() {
        let mut link = Link::new(None);
        let took = Duration::from_secs(1);
        let connected = Invalidation::Connected { position: None, resumed: false, heartbeat: HEARTBEAT, took };
        link.receive(&connected, 1000.0);
        assert_eq!(link.receive(&keys(None), 15_000.0), Meaning::Keys);
        assert_eq!(link.state(19_999.0), LinkState::Connected);
        assert_eq!(
            link.state(20_000.0),
            LinkState::Suspect,
            "this change may have been announced at 0, and the next was lost"
        );
    }

    #[test]
    fn a_confirmation_counts_from_its_request() {
        let mut link = open();
        let took = Duration::from_secs(3);
        link.receive(&Invalidation::Heartbeat { position: at(1, 5), took }, 10_000.0);
        assert_eq!(link.state(26_999.0), LinkState::Connected);
        assert_eq!(link.state(27_000.0), LinkState::Suspect);
    }

    #[test]
    fn a_connection_continues_only_within_its_epoch() {
        for (position, resumed, meaning) in [
            (at(1, 5), true, Meaning::Nothing),
            (at(1, 50), true, Meaning::Nothing),
            (at(1, 5), false, Meaning::Everything),
            (at(1, 4), true, Meaning::Everything),
            (at(2, 5), true, Meaning::Everything),
            (None, true, Meaning::Everything),
        ] {
            let mut link = open();
            assert_eq!(link.receive(&lost(), 1.0), Meaning::Nothing);
            assert_eq!(link.state(1.0), LinkState::Disconnected);
            assert_eq!(link.receive(&connected(position, resumed), 2.0), meaning, "{position:?} {resumed}");
            assert_eq!(link.state(2.0), LinkState::Connected);
        }
        assert_eq!(Link::new(None).receive(&connected(at(1, 5), true), 0.0), Meaning::Everything);
    }

    #[test]
    fn another_epoch_in_a_stream_is_a_gap() {
        for event in [heartbeat(at(2, 6)), keys(at(2, 6)), Invalidation::Reset { position: at(1, 6) }] {
            assert_eq!(open().receive(&event, 1.0), Meaning::Everything, "{event:?}");
        }
        assert_eq!(open().receive(&Invalidation::All { position: at(1, 6) }, 1.0), Meaning::Everything);
    }

    #[test]
    fn a_poll_is_good_for_its_interval_from_its_request() {
        let mut link = Link::new(None);
        assert_eq!(link.polled(&Invalidation::Reset { position: at(1, 5) }, 100.0, 1000.0), Meaning::Everything);
        assert_eq!(link.state(1099.0), LinkState::Connected);
        assert_eq!(link.state(1100.0), LinkState::Suspect);
        assert_eq!(link.polled(&keys(at(1, 7)), 2000.0, 1000.0), Meaning::Keys);
        assert_eq!(link.state(2999.0), LinkState::Connected);
        link.doubt();
        assert_eq!(link.state(2001.0), LinkState::Suspect);
        assert_eq!(link.polled(&keys(at(2, 7)), 3000.0, 1000.0), Meaning::Everything);
    }
}
