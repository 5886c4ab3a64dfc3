//! The network between one client and the store.

use std::sync::{Arc, Mutex};

use isocache::{CacheError, Position, Result};

use super::line::Line;
use super::store::Store;
use super::world::{Slot, World};

/// The longest time that a client waits for a response.
const OPERATION_TIMEOUT: u64 = 800;

/// The longest time between the two operations of one request.
const BETWEEN: u64 = 20;

/// Sends the result of a request back.
type Answer<R> = Box<dyn FnOnce(R) + Send>;

/// Its clones are one network.
#[derive(Clone)]
pub struct Network {
    pub world: World,
    pub store: Store,
    /// The client.
    pub client: usize,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    /// Until when everything fails at once.
    cut: u64,
    /// Until when everything that is sent is lost.
    swallows: u64,
    line: Option<Line>,
    /// The latest position that a response has shown.
    latest: Option<Position>,
}

impl Network {
    pub fn new(store: &Store, client: usize) -> Self {
        Self { world: store.world.clone(), store: store.clone(), client, inner: Arc::default() }
    }

    fn swallows(&self) -> bool {
        self.inner.lock().unwrap().swallows > self.world.now()
    }

    pub fn latest(&self) -> Option<Position> {
        self.inner.lock().unwrap().latest
    }

    /// Breaks the connection, and keeps it broken for a time.
    pub fn cut(&self, time: u64) {
        let line = {
            let mut inner = self.inner.lock().unwrap();
            inner.cut = self.world.now() + time;
            inner.line.take()
        };
        if let Some(line) = line {
            line.close();
        }
    }

    /// The line is half open: what the server sends is lost.
    pub fn half_open(&self) {
        if let Some(line) = &self.inner.lock().unwrap().line {
            line.vanish();
        }
    }

    /// Everything is lost in both directions, for a time.
    pub fn swallow(&self, time: u64) {
        self.half_open();
        self.inner.lock().unwrap().swallows = self.world.now() + time;
    }

    /// The line delivers nothing for a time, and then everything.
    pub fn hold(&self, time: u64) {
        if let Some(line) = &self.inner.lock().unwrap().line {
            line.hold(time);
        }
    }

    /// Carries out an operation at the store. It may be lost on either way, and may be carried out after its caller has
    /// given up.
    pub async fn request<R: Send + 'static>(&self, operation: impl FnOnce(&Store) -> R + Send + 'static) -> Result<R> {
        self.send(move |network, answer| answer(operation(&network.store))).await
    }

    /// Carries out two operations of one request, one after the other: the second may find what the first has not seen.
    pub async fn request_twice<R: Send + 'static, S: Send + 'static>(
        &self,
        first: impl FnOnce(&Store) -> R + Send + 'static,
        second: impl FnOnce(&Store) -> S + Send + 'static,
    ) -> Result<(R, S)> {
        self.send(move |network, answer| {
            let one = first(&network.store);
            let (store, between) = (network.store.clone(), network.world.within(0..=BETWEEN));
            network.world.after(between, move || answer((one, second(&store))));
        })
        .await
    }

    /// Sends a request, which the store carries out with `work`. It answers with the function that it is given.
    async fn send<R: Send + 'static>(&self, work: impl FnOnce(&Self, Answer<R>) + Send + 'static) -> Result<R> {
        if self.inner.lock().unwrap().cut > self.world.now() {
            self.world.sleep(1).await;
            return Err(CacheError::Connection("the network is cut".into()));
        }
        let slot: Slot<Result<R>> = Slot::new();
        let slow = |network: &Self| if network.world.one_in(30) { network.world.within(0..=1200) } else { 0 };
        let there = self.world.within(1..=20) + slow(self);
        if !self.swallows() {
            let (this, slot) = (self.clone(), slot.clone());
            self.world.after(there, move || {
                let network = this.clone();
                let answer = move |result| {
                    let position = this.store.position();
                    let back = this.world.within(1..=20) + slow(&this);
                    this.world.clone().after(back, move || {
                        if !this.swallows() {
                            this.inner.lock().unwrap().latest = Some(position);
                            slot.fill(Ok(result));
                        }
                    });
                };
                work(&network, Box::new(answer));
            });
        }
        let timed_out = slot.clone();
        self.world.after(OPERATION_TIMEOUT, move || timed_out.fill(Err(CacheError::Timeout("no response".into()))));
        slot.filled().await
    }

    /// Opens a line, on which `hello` is said first.
    pub async fn open(&self, hello: impl FnOnce(&Store, &Line) + Send + 'static) -> Result<Line> {
        let line = Line::new(&self.world);
        let own = line.clone();
        self.request(move |store| {
            store.subscribe(&own);
            hello(store, &own);
        })
        .await?;
        self.inner.lock().unwrap().line = Some(line.clone());
        Ok(line)
    }

    /// Asks on an open line. The question is lost where the line is.
    pub fn ask(&self, line: &Line, answer: impl FnOnce(&Line) + Send + 'static) {
        if !self.swallows() {
            let line = line.clone();
            self.world.after(self.world.within(1..=20), move || answer(&line));
        }
    }
}
