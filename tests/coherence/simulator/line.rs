//! The line on which a server announces changes to one client: in order, after a delay, until it breaks.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use isocache::Position;

use super::world::World;

/// The longest time that a message takes on a line that is not held.
pub const DELAY: u64 = 40;

/// The longest time that changes wait for others, to be announced together.
const TOGETHER: u64 = 5;

/// What arrives.
#[derive(Clone, Debug)]
pub enum Message {
    /// Where the reader is now, and what it has missed before.
    Hello(Position, super::store::Missed),
    Keys(Vec<(String, Option<usize>)>, Position),
    All(Position),
    Heartbeat(Position),
    /// The answer to the request that was sent at this time.
    Pong(u64),
    Closed,
}

/// Its clones are the two ends of one line.
#[derive(Clone)]
pub struct Line {
    world: World,
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    open: bool,
    /// Whether what is sent arrives nowhere, without a word.
    vanishes: bool,
    /// When the last message arrives.
    last: u64,
    /// Until when nothing arrives.
    held: u64,
    together: Vec<(String, Option<usize>)>,
    position: Option<Position>,
    arrived: VecDeque<Message>,
    waker: Option<Waker>,
}

impl Line {
    pub fn new(world: &World) -> Self {
        let inner = Inner {
            open: true,
            vanishes: false,
            last: 0,
            held: 0,
            together: Vec::new(),
            position: None,
            arrived: VecDeque::new(),
            waker: None,
        };
        Self { world: world.clone(), inner: Arc::new(Mutex::new(inner)) }
    }

    pub fn is_open(&self) -> bool {
        self.inner.lock().unwrap().open
    }

    /// What the server sends from now on is lost, and nobody is told.
    pub fn vanish(&self) {
        self.inner.lock().unwrap().vanishes = true;
    }

    /// Nothing arrives for so long, and then everything at once.
    pub fn hold(&self, time: u64) {
        self.inner.lock().unwrap().held = self.world.now() + time;
    }

    pub fn close(&self) {
        self.arrive(Message::Closed);
        self.inner.lock().unwrap().open = false;
    }

    /// Announces a change, soon.
    pub fn changed(&self, key: Option<&str>, origin: Option<usize>, position: Position) {
        let plans = {
            let mut inner = self.inner.lock().unwrap();
            inner.position = Some(position);
            if let Some(key) = key {
                let plans = inner.together.is_empty();
                // A key that changes twice is announced once, with its last origin.
                inner.together.retain(|(known, _)| known != key);
                inner.together.push((key.to_owned(), origin));
                plans
            } else {
                inner.together.clear();
                drop(inner);
                self.send(&Message::All(position));
                return;
            }
        };
        if plans {
            let this = self.clone();
            self.world.after(self.world.within(0..=TOGETHER), move || this.flush());
        }
    }

    /// Sends what waits.
    fn flush(&self) {
        let (keys, position) = {
            let mut inner = self.inner.lock().unwrap();
            (std::mem::take(&mut inner.together), inner.position)
        };
        if let (Some(position), false) = (position, keys.is_empty()) {
            self.send(&Message::Keys(keys, position));
        }
    }

    /// Sends a message, after what waits.
    pub fn send_last(&self, message: &Message) {
        self.flush();
        self.send(message);
    }

    fn send(&self, message: &Message) {
        let delay = self.world.within(1..=DELAY);
        let time = {
            let mut inner = self.inner.lock().unwrap();
            if !inner.open || inner.vanishes {
                return;
            }
            inner.last = inner.last.max(self.world.now() + delay).max(inner.held);
            inner.last
        };
        let repeats = self.world.one_in(20);
        for _ in 0..=usize::from(repeats) {
            let (this, message) = (self.clone(), message.clone());
            self.world.at(time, move || this.arrive_when_free(message));
        }
    }

    /// Messages stay in order while the line is held.
    fn arrive_when_free(&self, message: Message) {
        let held = {
            let inner = self.inner.lock().unwrap();
            Some(inner.held).filter(|held| *held > self.world.now())
        };
        match held {
            Some(held) => {
                let this = self.clone();
                self.inner.lock().unwrap().last = held;
                self.world.at(held, move || this.arrive_when_free(message));
            }
            None => self.arrive(message),
        }
    }

    fn arrive(&self, message: Message) {
        let waker = {
            let mut inner = self.inner.lock().unwrap();
            if !inner.open {
                return;
            }
            inner.arrived.push_back(message);
            inner.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The next message.
    pub async fn next(&self) -> Message {
        std::future::poll_fn(|context| {
            let mut inner = self.inner.lock().unwrap();
            if let Some(message) = inner.arrived.pop_front() {
                return Poll::Ready(message);
            }
            if !inner.open {
                return Poll::Ready(Message::Closed);
            }
            inner.waker = Some(context.waker().clone());
            Poll::Pending
        })
        .await
    }
}
