//! What is decided about a load, without a key, a value or a clock: by number, for Rust and JavaScript alike.
//!
//! A **flight** is one load in progress, from before its loader runs until its value is stored. The rules:
//! 1. A write that comes while the loader runs *detaches* the flight: who waits still gets what it brings, but it is not
//!    stored, and whoever asks from now on begins another.
//! 2. A write that comes while the value is being stored waits until it is, and then has the last word.
//! 3. A flight ends once, whatever becomes of its loader.

/// The number of a flight. Numbers of ended flights are used again.
pub(crate) type FlightId = u32;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// There is no flight of this number.
    Ended,
    Loading,
    /// A write came: what is loaded is not to be stored.
    Detached,
    Storing,
}

/// What a write must do about a flight of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fence {
    /// Nothing more: the flight is no longer the one of its key.
    Detached,
    /// Wait until it has ended.
    Wait,
}

/// All flights of one cache.
#[derive(Debug, Default)]
pub(crate) struct Flights {
    phases: Vec<Phase>,
    free: Vec<FlightId>,
}

impl Flights {
    /// Begins a flight.
    pub(crate) fn begin(&mut self) -> FlightId {
        if let Some(id) = self.free.pop() {
            if let Some(phase) = self.phases.get_mut(id as usize) {
                *phase = Phase::Loading;
            }
            return id;
        }
        self.phases.push(Phase::Loading);
        // There is one for each caller that waits: memory ends before the numbers do.
        #[allow(clippy::cast_possible_truncation)]
        let id = (self.phases.len() - 1) as FlightId;
        id
    }

    /// A write to the key of a flight.
    pub(crate) fn fence(&mut self, id: FlightId) -> Fence {
        match self.phases.get_mut(id as usize) {
            Some(Phase::Storing) => Fence::Wait,
            Some(phase @ Phase::Loading) => {
                *phase = Phase::Detached;
                Fence::Detached
            }
            Some(Phase::Detached | Phase::Ended) | None => Fence::Detached,
        }
    }

    /// The loader has brought a value: whether it is to be stored.
    pub(crate) fn land(&mut self, id: FlightId) -> bool {
        match self.phases.get_mut(id as usize) {
            Some(phase @ Phase::Loading) => {
                *phase = Phase::Storing;
                true
            }
            _ => false,
        }
    }

    /// Ends a flight, stored or not. Whether it was still the one of its key.
    pub(crate) fn end(&mut self, id: FlightId) -> bool {
        let Some(phase) = self.phases.get_mut(id as usize) else { return false };
        let was = std::mem::replace(phase, Phase::Ended);
        if was != Phase::Ended {
            self.free.push(id);
        }
        matches!(was, Phase::Loading | Phase::Storing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_while_loading_keeps_the_value_out() {
        let mut flights = Flights::default();
        let id = flights.begin();
        assert_eq!(flights.fence(id), Fence::Detached);
        assert!(!flights.land(id));
        assert!(!flights.end(id), "another flight may be the one of its key by now");
    }

    #[test]
    fn a_write_while_storing_waits() {
        let mut flights = Flights::default();
        let id = flights.begin();
        assert!(flights.land(id));
        assert_eq!(flights.fence(id), Fence::Wait);
        assert!(flights.end(id));
        assert_eq!(flights.fence(id), Fence::Detached);
    }

    #[test]
    fn numbers_are_used_again_and_ended_once() {
        let mut flights = Flights::default();
        let (a, b) = (flights.begin(), flights.begin());
        assert_ne!(a, b);
        assert!(flights.end(a));
        assert!(!flights.end(a));
        assert_eq!(flights.begin(), a);
        assert_ne!(flights.begin(), a);
        assert!(!flights.land(99) && !flights.end(99));
    }
}
