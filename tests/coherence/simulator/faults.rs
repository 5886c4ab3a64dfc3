//! What goes wrong in a schedule.

use super::network::Network;
use super::source::HEARTBEAT;
use super::store::Store;
use super::world::World;

#[derive(Clone, Copy, Debug)]
pub struct Faults {
    /// Nothing goes wrong.
    pub is_calm: bool,
    /// The longest time for which lines are held; 0 for none.
    pub held: u64,
}

impl Faults {
    pub fn of(world: &World) -> Self {
        let is_calm = world.one_in(5);
        let held = if !is_calm && world.one_in(3) { world.within(1..=3 * HEARTBEAT) } else { 0 };
        Self { is_calm, held }
    }

    pub fn plan(self, store: &Store, networks: &[Network], length: u64) {
        let world = store.world.clone();
        for _ in 0..world.within(0..=2) {
            let store = store.clone();
            world.after(world.within(0..=length), move || store.flush());
        }
        if self.is_calm {
            return;
        }
        for _ in 0..world.within(1..=8) {
            let (store, network) = (store.clone(), networks[world.below(networks.len())].clone());
            let kind = world.below(if self.held > 0 { 7 } else { 5 });
            let time = world.within(10..=2000);
            let (loses, noticed) = (world.one_in(2), world.one_in(2));
            let held = self.held;
            world.after(world.within(0..=length), move || match kind {
                0 => network.cut(time),
                1 => network.cut(0),
                2 => network.half_open(),
                3 => network.swallow(time),
                4 => store.restart(loses, noticed),
                _ => network.hold(held),
            });
        }
    }
}
