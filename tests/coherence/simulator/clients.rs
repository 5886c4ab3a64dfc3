//! Clients that read and write, and the check of what they read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use isocache::__coherence::Planted;
use isocache::{
    CacheAside, CacheProvider, CounterProvider, LoadOptions, ServeSuspect, Tagged, TaggedEntry, TieredCacheProvider,
};

use super::Outcome;
use super::bounds;
use super::far::Far;
use super::faults::Faults;
use super::network::Network;
use super::source::{Kind, Source};
use super::store::{Store, Val};
use super::world::World;

const KEYS: [&str; 3] = ["k:0", "k:1", "k:2"];
const COUNTERS: [&str; 2] = ["n:0", "n:1"];
const TAGGED: [&str; 2] = ["t:0", "t:1"];
const TAGS: [&str; 2] = ["org:0", "org:1"];

/// How long suspect copies are served, by clients that choose it.
const SERVE_SUSPECT_FOR: u64 = 450;

type Numbers = TieredCacheProvider<i64, Far<i64>>;
type Entries = TieredCacheProvider<TaggedEntry<i64>, Far<TaggedEntry<i64>>>;

#[derive(Clone)]
pub struct Client {
    world: World,
    store: Store,
    pub network: Network,
    kind: Kind,
    bound: u64,
    /// How many keys are used: fewer make it likelier that a broken rule shows.
    keys: usize,
    numbers: Numbers,
    tagged: Tagged<Entries, Numbers>,
    own: Arc<Mutex<Own>>,
    outcome: Arc<Mutex<Outcome>>,
}

/// What a client knows of its own writes.
#[derive(Default)]
struct Own {
    /// The last write of each key that has succeeded, and how many are in progress.
    last: HashMap<String, i64>,
    /// The tag of a value, and when its generation was known.
    tags: HashMap<i64, (u64, &'static str)>,
    /// When invalidations of a tag began and ended.
    invalidated: HashMap<&'static str, Vec<(u64, u64)>>,
    /// When a loader produced a value.
    loaded: HashMap<i64, u64>,
}

/// Shared by all clients: what was invalidated and loaded anywhere.
static NEXT: std::sync::atomic::AtomicI64 = std::sync::atomic::AtomicI64::new(1);

fn new_value() -> i64 {
    NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed) * 1000
}

impl Client {
    pub fn new(
        store: &Store,
        number: usize,
        faults: &Faults,
        planted: Option<Planted>,
        outcome: Arc<Mutex<Outcome>>,
    ) -> Self {
        let world = store.world.clone();
        let network = Network::new(store, number);
        let kind = [Kind::Bridge, Kind::Bridge, Kind::Redis, Kind::Polling][world.below(4)];
        let serves = [ServeSuspect::Never, ServeSuspect::Never, ServeSuspect::IfFarFails, ServeSuspect::Always];
        let serves = serves[world.below(4)];
        let far = Far::<i64>::new(&network);
        let mut builder = TieredCacheProvider::builder(far.view::<i64>())
            .invalidations(Source { network: network.clone(), kind, watches: !world.one_in(3) })
            .serve_suspect(serves)
            .serve_suspect_for(Duration::from_millis(SERVE_SUSPECT_FOR))
            .near_max_entries(if world.one_in(4) { 2 } else { 100 })
            .clock(world.clock.clone())
            .runtime(world.clone());
        if world.one_in(4) {
            builder = builder.near_ttl(Duration::from_millis(world.within(100..=2000)));
        }
        if let Some(planted) = planted {
            builder = builder.planted(planted);
        }
        let numbers: Numbers = builder.build().unwrap();
        let entries: Entries = numbers.view(far.view::<TaggedEntry<i64>>()).build().unwrap();
        let more = if serves == ServeSuspect::Never { 0 } else { SERVE_SUSPECT_FOR };
        let bound = bounds::of(kind, faults.held, faults.is_calm) + more;
        let tagged = Tagged::new(entries, numbers.clone());
        let keys = if planted.is_some() { 1 } else { KEYS.len() };
        Self { world, store: store.clone(), network, kind, bound, keys, numbers, tagged, own: Arc::default(), outcome }
    }

    /// Starts what the client does.
    pub fn begin(&self) {
        for _ in 0..2 {
            let this = self.clone();
            self.world.spawn(async move {
                loop {
                    this.world.sleep(this.world.within(0..=150)).await;
                    this.act().await;
                }
            });
        }
    }

    pub fn count(&self) {
        let stats = self.numbers.tier_stats();
        let mut outcome = self.outcome.lock().unwrap();
        outcome.near_hits += stats.near_hits;
        outcome.resets += stats.resets;
    }

    fn ttl(&self) -> Option<Duration> {
        match self.world.below(4) {
            0 => None,
            1 => Some(Duration::MAX),
            _ => Some(Duration::from_millis(self.world.within(50..=3000))),
        }
    }

    async fn act(&self) {
        let world = &self.world;
        let key = KEYS[world.below(self.keys)];
        match world.below(20) {
            0..=8 => self.read(key).await,
            9 => self.read_many().await,
            10 | 11 => self.write(key).await,
            12 => {
                self.own.lock().unwrap().last.remove(key);
                let _ = self.numbers.delete(key).await;
            }
            13 if world.one_in(3) => {
                self.own.lock().unwrap().last.clear();
                let _ = self.numbers.clear_pattern("k:*").await;
            }
            13 | 14 => {
                let counter = COUNTERS[world.below(COUNTERS.len())];
                let _ = self.numbers.increment(counter, 1, self.ttl()).await;
            }
            15 => self.read(COUNTERS[world.below(COUNTERS.len())]).await,
            16 => self.loads(key).await,
            17 | 18 => self.read_tagged().await,
            _ => self.write_tagged().await,
        }
    }

    /// Checks that a key was `value` within the bound, and not before the last own write.
    fn check(&self, key: &str, value: Option<i64>, (start, own): (u64, Option<i64>)) {
        let end = self.world.now();
        let mut outcome = self.outcome.lock().unwrap();
        outcome.reads += 1;
        let own = own.and_then(|own| self.store.since(key, own)).unwrap_or(0);
        let from = start.saturating_sub(self.bound).max(own);
        if !self.store.was(key, value, from, end) {
            outcome.violations.push(format!(
                "client {} ({:?}, bound {}) read {value:?} of {key} from {start} to {end}, own write at {own}, was {}",
                self.network.client,
                self.kind,
                self.bound,
                self.store.past(key)
            ));
        }
    }

    fn start(&self, key: &str) -> (u64, Option<i64>) {
        (self.world.now(), self.own.lock().unwrap().last.get(key).copied())
    }

    async fn read(&self, key: &str) {
        let start = self.start(key);
        if let Ok(value) = self.numbers.get(key).await {
            self.check(key, value, start);
        }
    }

    async fn read_many(&self) {
        let starts: Vec<_> = KEYS.iter().map(|key| self.start(key)).collect();
        if let Ok(values) = self.numbers.get_many(&KEYS).await {
            for ((key, value), start) in KEYS.iter().zip(values).zip(starts) {
                self.check(key, value, start);
            }
        }
    }

    async fn write(&self, key: &str) {
        let value = new_value();
        let write = self.numbers.set(key, value, self.ttl());
        if self.world.one_in(10) {
            // The caller does not wait for the end.
            let given_up = std::pin::pin!(self.world.sleep(self.world.within(0..=30)));
            let _ = futures_util::future::select(std::pin::pin!(write), given_up).await;
            return;
        }
        if write.await.is_ok() {
            // Of two writes that overlap, it is not known which was the last: the earlier one is.
            let mut own = self.own.lock().unwrap();
            let time = |value| self.store.since(key, value).unwrap_or(0);
            let last = own.last.entry(key.to_owned()).or_insert(value);
            if time(*last) < time(value) {
                *last = value;
            }
        }
    }

    /// Loads that overlap: what a later one gets from an earlier one is where races are.
    async fn loads(&self, key: &'static str) {
        for _ in 0..self.world.below(3) {
            let this = self.clone();
            self.world.spawn(async move {
                this.world.sleep(this.world.within(0..=300)).await;
                this.load(key).await;
            });
        }
        self.load(key).await;
    }

    /// A value is right if the store had it within the bound, or if a loader of this process has ended with it since the
    /// call began.
    async fn load(&self, key: &str) {
        let start = self.world.now();
        let mut options = LoadOptions::new().runtime(self.world.clone());
        if let Some(ttl) = self.ttl() {
            options = options.ttl(ttl);
        }
        if self.world.one_in(2) {
            options = options.lease(Duration::from_millis(500));
        }
        let this = self.clone();
        let loaded = self.numbers.get_or_set(key, options, || async move {
            this.world.sleep(this.world.within(0..=200)).await;
            let value = new_value();
            this.own.lock().unwrap().loaded.insert(value, this.world.now());
            Ok::<i64, String>(value)
        });
        if let Ok(value) = loaded.await {
            let was_loaded = self.own.lock().unwrap().loaded.get(&value).is_some_and(|time| *time >= start);
            if !was_loaded {
                self.check(key, Some(value), (start, None));
            }
        }
    }

    async fn write_tagged(&self) {
        let (tag, start) = (TAGS[self.world.below(TAGS.len())], self.world.now());
        if self.world.one_in(2) {
            if self.tagged.invalidate_tags::<i64>(&[tag]).await.is_ok() {
                let times = (start, self.world.now());
                self.own.lock().unwrap().invalidated.entry(tag).or_default().push(times);
            }
            return;
        }
        let (key, value) = (TAGGED[self.world.below(TAGGED.len())], new_value());
        let Ok(view) = self.tagged.with_tags(&[tag]).await else { return };
        self.own.lock().unwrap().tags.insert(value, (self.world.now(), tag));
        let _ = view.set(key, value, self.ttl()).await;
    }

    /// What this client has tagged is not read later than the bound after this client has invalidated its tag.
    async fn read_tagged(&self) {
        let key = TAGGED[self.world.below(TAGGED.len())];
        let start = self.world.now();
        let Ok(view) = self.tagged.with_tags(&[]).await else { return };
        let Ok(Some(value)) = view.get(key).await else { return };
        let own = self.own.lock().unwrap();
        let mut outcome = self.outcome.lock().unwrap();
        outcome.reads += 1;
        let Some((known, tag)) = own.tags.get(&value) else { return };
        let later = own.invalidated.get(tag).into_iter().flatten().filter(|(begun, _)| begun >= known);
        if let Some(ended) = later.map(|(_, ended)| *ended).min()
            && ended + self.bound < start
        {
            outcome.violations.push(format!("{value} of {key} read at {start}, its tag was invalidated at {ended}"));
        }
    }
}

/// Somebody who changes the store directly.
pub fn outsider(store: &Store, planted: Option<Planted>) {
    let (world, store) = (store.world.clone(), store.clone());
    let keys = if planted.is_some() { 1 } else { KEYS.len() };
    world.clone().spawn(async move {
        loop {
            world.sleep(world.within(0..=300)).await;
            let key = KEYS[world.below(keys)];
            match world.below(6) {
                0 => drop(store.delete(key, None)),
                1 => drop(store.clear("k:*", None)),
                2 => drop(store.increment(COUNTERS[world.below(COUNTERS.len())], 7, None, None)),
                _ => {
                    let ttl = [None, Some(world.within(20..=2500))][world.below(2)];
                    store.set(key, Val::Number(new_value()), ttl, None);
                }
            }
        }
    });
}
