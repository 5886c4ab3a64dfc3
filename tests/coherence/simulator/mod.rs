//! Schedules that a seed gives: clients with tiered caches over a model store, in virtual time, with faults; and a check
//! of every read.

mod clients;
mod far;
mod faults;
mod line;
mod network;
mod source;
mod store;
mod world;

use std::sync::{Arc, Mutex};

use isocache::__coherence::Planted;

use clients::Client;
use faults::Faults;
use network::Network;
use store::Store;
use world::World;

/// How long a schedule lasts, in virtual milliseconds.
const LENGTH: u64 = 4_000;

/// How old a read may be.
pub mod bounds {
    use super::line::DELAY;
    use super::source::{CHECK_INTERVAL, HEARTBEAT, Kind};

    /// Times are whole milliseconds, and changes wait a little for each other.
    const ROUNDING: u64 = 10;

    /// The bound of `docs/coherence.md`. `held` is the longest time that a line delivers nothing and then goes on.
    pub fn of(kind: Kind, held: u64, is_calm: bool) -> u64 {
        let bound = match kind {
            // The lag of delivery.
            Kind::Bridge | Kind::Redis if is_calm => DELAY,
            // Two heartbeats, and the lag of the last announcement before the silence.
            Kind::Bridge => 2 * HEARTBEAT + DELAY + held.min(2 * HEARTBEAT),
            // Its heartbeats count from the question.
            Kind::Redis => 2 * HEARTBEAT,
            Kind::Polling => CHECK_INTERVAL,
        };
        bound + ROUNDING
    }
}

/// What a schedule came to.
#[derive(Debug, Default)]
pub struct Outcome {
    pub reads: u64,
    pub near_hits: u64,
    pub resets: u64,
    pub violations: Vec<String>,
}

/// Runs the schedule of a seed.
pub fn run(seed: u64, planted: Option<Planted>) -> Outcome {
    let world = World::new(seed);
    let store = Store::new(world.clone());
    let faults = Faults::of(&world);
    let outcome = Arc::new(Mutex::new(Outcome::default()));
    let clients: Vec<Client> =
        (0..3).map(|number| Client::new(&store, number, &faults, planted, Arc::clone(&outcome))).collect();
    for client in &clients {
        client.begin();
    }
    clients::outsider(&store, planted);
    let networks: Vec<Network> = clients.iter().map(|client| client.network.clone()).collect();
    faults.plan(&store, &networks, LENGTH);
    world.run(world.now() + LENGTH, seed);
    for client in &clients {
        client.count();
    }
    drop(clients);
    let mut outcome = std::mem::take(&mut *outcome.lock().unwrap());
    for violation in &mut outcome.violations {
        *violation = format!("seed {seed}: {violation}");
    }
    outcome
}
