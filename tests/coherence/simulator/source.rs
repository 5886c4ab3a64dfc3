//! The sources of announcements: a stream as the bridge has it, Redis itself, and polling.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use isocache::{Announce, BoxFuture, CacheError, Invalidation, InvalidationSource, Position, Result};

use super::line::{Line, Message};
use super::network::Network;
use super::store::Missed;
use super::world::{Slot, World};

/// How often a server says that the line works.
pub const HEARTBEAT: u64 = 300;

/// How often a client that polls does so.
pub const CHECK_INTERVAL: u64 = 450;

const PAUSE: u64 = 50;

/// Longer than any schedule.
const FOREVER: u64 = 1 << 40;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Bridge,
    Redis,
    Polling,
}

pub struct Source {
    pub network: Network,
    pub kind: Kind,
    /// Whether it connects again after a silence. If not, only the cache notices.
    pub watches: bool,
}

impl InvalidationSource for Source {
    fn run(&self, since: Option<Position>, announce: Announce) -> BoxFuture<'static, ()> {
        let network = self.network.clone();
        match self.kind {
            Kind::Bridge => Box::pin(bridge(network, self.watches, since, announce)),
            Kind::Redis => Box::pin(redis(network, announce)),
            Kind::Polling => unreachable!("it is polled"),
        }
    }

    fn check_interval(&self) -> Option<Duration> {
        (self.kind == Kind::Polling).then(|| Duration::from_millis(CHECK_INTERVAL))
    }

    fn poll(&self, since: Option<Position>) -> BoxFuture<'static, Result<Invalidation>> {
        let network = self.network.clone();
        Box::pin(async move {
            let client = network.client;
            let asked = network.request(move |store| (since.map(|since| store.missed(since)), store.position()));
            let (missed, position) = asked.await?;
            Ok(match missed {
                Some(Missed::Keys(keys)) => changed(keys, client, position),
                Some(Missed::Everything) | None => Invalidation::Reset { position: Some(position) },
            })
        })
    }

    fn latest(&self) -> Option<Position> {
        if self.kind == Kind::Polling { self.network.latest() } else { None }
    }
}

fn changed(keys: Vec<(String, Option<usize>)>, client: usize, position: Position) -> Invalidation {
    let own = keys.iter().filter(|(_, origin)| *origin == Some(client)).map(|(key, _)| key.clone()).collect();
    Invalidation::Keys { keys: keys.into_iter().map(|(key, _)| key).collect(), own, position: Some(position) }
}

/// The next message, or silence.
async fn next_within(world: &World, line: &Line, time: u64) -> Option<Message> {
    let slot = Slot::new();
    let silent = slot.clone();
    world.after(time, move || silent.fill(None));
    // The first of both.
    let next = std::pin::pin!(line.next());
    let silence = std::pin::pin!(slot.filled());
    match futures_util::future::select(next, silence).await {
        futures_util::future::Either::Left((message, _)) => Some(message),
        futures_util::future::Either::Right((silence, _)) => silence,
    }
}

fn lost(announce: &Announce, why: &str) {
    announce(Invalidation::Disconnected { error: CacheError::Connection(why.into()) });
}

/// Heartbeats of the server, for as long as the line is open.
fn beat(network: &Network, line: &Line) {
    let (network, line) = (network.clone(), line.clone());
    let epoch = network.store.position().epoch;
    network.world.clone().after(HEARTBEAT, move || {
        let position = network.store.position();
        if line.is_open() && position.epoch == epoch {
            line.send_last(&Message::Heartbeat(position));
            beat(&network, &line);
        }
    });
}

async fn bridge(network: Network, watches: bool, mut since: Option<Position>, announce: Announce) {
    let client = network.client;
    let patience = if watches { 2 * HEARTBEAT } else { FOREVER };
    loop {
        let (from, own) = (since, network.clone());
        let opened = network.open(move |store, line| {
            let missed = from.map_or(Missed::Everything, |from| store.missed(from));
            line.send_last(&Message::Hello(store.position(), missed));
            beat(&own, line);
        });
        let line = match opened.await {
            Ok(line) => line,
            Err(error) => {
                announce(Invalidation::Disconnected { error });
                network.world.sleep(PAUSE).await;
                continue;
            }
        };
        loop {
            let event = match next_within(&network.world, &line, patience).await {
                None => break lost(&announce, "silence"),
                Some(Message::Closed) => break lost(&announce, "closed"),
                Some(Message::Hello(position, missed)) => {
                    let resumed = matches!(missed, Missed::Keys(_));
                    if let Missed::Keys(keys) = missed
                        && !keys.is_empty()
                    {
                        announce(changed(keys, client, position));
                    }
                    let heartbeat = Duration::from_millis(HEARTBEAT);
                    Invalidation::Connected { position: Some(position), resumed, heartbeat, took: Duration::ZERO }
                }
                Some(Message::Keys(keys, position)) => changed(keys, client, position),
                Some(Message::All(position)) => Invalidation::All { position: Some(position) },
                Some(Message::Heartbeat(position)) => {
                    Invalidation::Heartbeat { position: Some(position), took: Duration::ZERO }
                }
                Some(Message::Pong(_)) => continue,
            };
            since = event.position().or(since);
            announce(event);
        }
        line.close();
        network.world.sleep(PAUSE).await;
    }
}

/// Announcements without positions, confirmed by questions.
async fn redis(network: Network, announce: Announce) {
    let heartbeat = Duration::from_millis(HEARTBEAT);
    loop {
        let sent = network.world.now();
        let opened = network.open(|store, line| line.send_last(&Message::Hello(store.position(), Missed::Everything)));
        let line = match opened.await {
            Ok(line) => line,
            Err(error) => {
                announce(Invalidation::Disconnected { error });
                network.world.sleep(PAUSE).await;
                continue;
            }
        };
        let alive = Arc::new(Mutex::new(()));
        ask(&network, &line, &Arc::downgrade(&alive));
        loop {
            let took = |since: u64| Duration::from_millis(network.world.now() - since);
            announce(match next_within(&network.world, &line, 2 * HEARTBEAT).await {
                None => break lost(&announce, "silence"),
                Some(Message::Closed) => break lost(&announce, "closed"),
                Some(Message::Hello(..)) => {
                    Invalidation::Connected { position: None, resumed: false, heartbeat, took: took(sent) }
                }
                Some(Message::Keys(keys, _)) => {
                    let keys = keys.into_iter().map(|(key, _)| key).collect();
                    Invalidation::Keys { keys, own: Vec::new(), position: None }
                }
                Some(Message::All(_)) => Invalidation::All { position: None },
                Some(Message::Pong(since)) => Invalidation::Heartbeat { position: None, took: took(since) },
                Some(Message::Heartbeat(_)) => continue,
            });
        }
        line.close();
        network.world.sleep(PAUSE).await;
    }
}

fn ask(network: &Network, line: &Line, alive: &std::sync::Weak<Mutex<()>>) {
    let (network, line, alive) = (network.clone(), line.clone(), alive.clone());
    network.world.clone().after(HEARTBEAT, move || {
        if alive.upgrade().is_none() || !line.is_open() {
            return;
        }
        let sent = network.world.now();
        network.ask(&line, move |line| line.send_last(&Message::Pong(sent)));
        ask(&network, &line, &alive);
    });
}
