//! Operations issued in the same tick are sent as one request.

use std::mem::take;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use futures_channel::oneshot;
use futures_util::future::{Either, join_all, select};
use isocache_protocol::{Command, Reply};

use super::origin::OwnOrigin;
use super::session::{Form, Session};
use super::transport::{next_tick, spawn};
use crate::error::{CacheError, Result};

/// The maximum number of commands in one request, and of their bytes.
const MAX_COMMANDS: usize = 1000;
const MAX_BYTES: usize = 1024 * 1024;

/// Collects commands. Clones share the queue.
#[derive(Clone)]
pub(super) struct Batcher {
    pub(super) session: Arc<Session>,
    enabled: bool,
    /// The origin of the changes, if own changes must be recognized.
    own: Option<OwnOrigin>,
    queue: Arc<Mutex<Queue>>,
}

#[derive(Default)]
struct Queue {
    items: Vec<Item>,
    /// Whether a task is about to send them.
    is_scheduled: bool,
}

/// The commands of one operation.
struct Item {
    commands: Vec<Command>,
    bytes: usize,
    idempotent: bool,
    response: oneshot::Sender<Result<Vec<Reply>>>,
}

impl Batcher {
    pub(super) fn new(session: Session, enabled: bool) -> Self {
        Self { session: Arc::new(session), enabled, own: None, queue: Arc::default() }
    }

    /// A separate queue to the same server, for commands of an origin.
    pub(super) fn by(&self, own: OwnOrigin) -> Self {
        Self { session: Arc::clone(&self.session), enabled: self.enabled, own: Some(own), queue: Arc::default() }
    }

    /// Sends commands in a separate request.
    pub(super) async fn exchange(&self, form: Form, commands: &[Command], idempotent: bool) -> Result<Vec<Reply>> {
        self.session.exchange(form, commands, idempotent, self.own.as_ref()).await
    }

    /// Executes commands, in the order of the calls, and returns their replies.
    pub(super) async fn execute(&self, commands: Vec<Command>, idempotent: bool) -> Result<Vec<Reply>> {
        if !self.enabled {
            return self.exchange(Form::Pipeline, &commands, idempotent).await;
        }
        let (response, received) = oneshot::channel();
        let bytes = commands.iter().map(Command::size).sum();
        let is_first = {
            let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            queue.items.push(Item { commands, bytes, idempotent, response });
            !std::mem::replace(&mut queue.is_scheduled, true)
        };
        if is_first {
            let batcher = self.clone();
            // A separate task: the first caller may give up while the others still wait.
            if let Err(error) = spawn(async move { batcher.send_tick().await }) {
                let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
                *queue = Queue::default();
                return Err(error);
            }
        }
        let ended = || CacheError::Connection("the runtime ended while commands were gathered".into());
        received.await.unwrap_or_else(|_| Err(ended()))
    }

    /// Sends the commands of this tick in one request or, beyond its limits, in several, one after the other.
    async fn send_tick(&self) {
        let mut tick = Tick { batcher: self, is_over: false };
        next_tick().await;
        let items = tick.take();
        drop(tick);
        let (mut request, mut commands, mut bytes) = (Vec::new(), 0, 0);
        for item in items {
            let full = commands + item.commands.len() > MAX_COMMANDS || bytes + item.bytes > MAX_BYTES;
            if full && !request.is_empty() {
                self.send(take(&mut request)).await;
                (commands, bytes) = (0, 0);
            }
            commands += item.commands.len();
            bytes += item.bytes;
            request.push(item);
        }
        self.send(request).await;
    }

    async fn send(&self, mut items: Vec<Item>) {
        // Their callers have given up.
        items.retain(|item| !item.response.is_canceled());
        if items.is_empty() {
            return;
        }
        let idempotent = items.iter().all(|item| item.idempotent);
        let lengths: Vec<usize> = items.iter().map(|item| item.commands.len()).collect();
        let commands: Vec<Command> = items.iter_mut().flat_map(|item| take(&mut item.commands)).collect();
        let replies = {
            let exchange = pin!(self.exchange(Form::Pipeline, &commands, idempotent));
            let all_gone = pin!(join_all(items.iter_mut().map(|item| item.response.cancellation())));
            match select(exchange, all_gone).await {
                Either::Left((replies, _)) => replies,
                // All callers have given up, which stops the request.
                Either::Right(_) => return,
            }
        };
        let mut replies = replies.map(Vec::into_iter);
        for (item, length) in items.into_iter().zip(lengths) {
            let own = match &mut replies {
                Ok(replies) => Ok(replies.by_ref().take(length).collect()),
                Err(error) => Err(error.clone()),
            };
            // This fails if the caller has given up.
            let _ = item.response.send(own);
        }
    }
}

/// A tick that is about to be sent. If the runtime ends first, the queue is emptied anyway, so that later callers do
/// not wait for it.
struct Tick<'a> {
    batcher: &'a Batcher,
    is_over: bool,
}

impl Tick<'_> {
    fn take(&mut self) -> Vec<Item> {
        self.is_over = true;
        take(&mut *self.batcher.queue.lock().unwrap_or_else(PoisonError::into_inner)).items
    }
}

impl Drop for Tick<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.take();
        }
    }
}
