//! What is asked in one turn travels together.

use std::mem::take;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use futures_channel::oneshot;
use futures_util::future::{Either, join_all, select};
use isocache_protocol::{Command, Reply};

use super::session::{Form, Session};
use super::transport::{spawn, turn};
use crate::error::{CacheError, Result};

/// The most commands, and bytes of commands, of one request.
const MAX_COMMANDS: usize = 1000;
const MAX_BYTES: usize = 1024 * 1024;

/// Gathers commands. Its clones share the queue.
#[derive(Clone)]
pub(super) struct Batcher {
    pub(super) session: Arc<Session>,
    enabled: bool,
    queue: Arc<Mutex<Queue>>,
}

#[derive(Default)]
struct Queue {
    items: Vec<Item>,
    /// Whether somebody is about to send them.
    is_scheduled: bool,
}

/// What one operation asks.
struct Item {
    commands: Vec<Command>,
    bytes: usize,
    harmless: bool,
    answer: oneshot::Sender<Result<Vec<Reply>>>,
}

impl Batcher {
    pub(super) fn new(session: Session, enabled: bool) -> Self {
        Self { session: Arc::new(session), enabled, queue: Arc::default() }
    }

    /// The replies to commands, which are carried out in the order in which they are asked.
    pub(super) async fn ask(&self, commands: Vec<Command>, harmless: bool) -> Result<Vec<Reply>> {
        if !self.enabled {
            return self.session.exchange(Form::Pipeline, &commands, harmless).await;
        }
        let (answer, answered) = oneshot::channel();
        let bytes = commands.iter().map(Command::size).sum();
        let is_first = {
            let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            queue.items.push(Item { commands, bytes, harmless, answer });
            !std::mem::replace(&mut queue.is_scheduled, true)
        };
        if is_first {
            let batcher = self.clone();
            // A task of its own: whoever asked first may be given up, and the others still wait.
            if let Err(error) = spawn(async move { batcher.send_turn().await }) {
                let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
                *queue = Queue::default();
                return Err(error);
            }
        }
        let ended = || CacheError::Connection("the runtime ended while commands were gathered".into());
        answered.await.unwrap_or_else(|_| Err(ended()))
    }

    /// Sends what has been asked in this turn, in as many requests as it takes, one after the other.
    async fn send_turn(&self) {
        let mut turn_of = Turn { batcher: self, is_over: false };
        turn().await;
        let items = turn_of.take();
        drop(turn_of);
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
        // Nobody waits for those any more.
        items.retain(|item| !item.answer.is_canceled());
        if items.is_empty() {
            return;
        }
        let harmless = items.iter().all(|item| item.harmless);
        let lengths: Vec<usize> = items.iter().map(|item| item.commands.len()).collect();
        let commands: Vec<Command> = items.iter_mut().flat_map(|item| take(&mut item.commands)).collect();
        let replies = {
            let exchange = pin!(self.session.exchange(Form::Pipeline, &commands, harmless));
            let all_gone = pin!(join_all(items.iter_mut().map(|item| item.answer.cancellation())));
            match select(exchange, all_gone).await {
                Either::Left((replies, _)) => replies,
                // The request is stopped with them.
                Either::Right(_) => return,
            }
        };
        let mut replies = replies.map(Vec::into_iter);
        for (item, length) in items.into_iter().zip(lengths) {
            let own = match &mut replies {
                Ok(replies) => Ok(replies.by_ref().take(length).collect()),
                Err(error) => Err(error.clone()),
            };
            // An error says that it has been given up.
            let _ = item.answer.send(own);
        }
    }
}

/// A turn that is about to be sent. If the runtime ends before, the queue is emptied all the same: whoever comes next must
/// not wait for it.
struct Turn<'a> {
    batcher: &'a Batcher,
    is_over: bool,
}

impl Turn<'_> {
    fn take(&mut self) -> Vec<Item> {
        self.is_over = true;
        take(&mut *self.batcher.queue.lock().unwrap_or_else(PoisonError::into_inner)).items
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.take();
        }
    }
}
