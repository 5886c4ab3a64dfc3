//! A TCP proxy that a test can disturb.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{sleep, spawn};
use std::time::Duration;

use super::eventually;

const PASS: u32 = 0;
const REFUSE: u32 = 1;
const SWALLOW: u32 = 2;
const LOSE: u32 = 3;

/// A proxy on a loopback port. It runs as long as the process.
#[derive(Clone)]
pub struct Proxy {
    pub port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    target: u16,
    mode: AtomicU32,
    delay_ms: AtomicU64,
    /// The number of bytes of replies that still pass before the connection is cut.
    reply_bytes_left: AtomicUsize,
    open: Mutex<Vec<Arc<Pair>>>,
    connections: AtomicUsize,
    reply_bytes: AtomicUsize,
}

/// The two ends of a connection.
struct Pair {
    client: TcpStream,
    server: TcpStream,
    reset: AtomicBool,
}

impl Pair {
    fn close(&self) {
        // A connection to reset ends when its last handle is dropped: a shutdown would close it cleanly.
        let how = if self.reset.load(Ordering::SeqCst) { Shutdown::Read } else { Shutdown::Both };
        let _ = (self.client.shutdown(how), self.server.shutdown(Shutdown::Both));
    }
}

impl Proxy {
    pub fn start(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            target,
            mode: AtomicU32::new(PASS),
            delay_ms: AtomicU64::new(0),
            reply_bytes_left: AtomicUsize::new(usize::MAX),
            open: Mutex::default(),
            connections: AtomicUsize::new(0),
            reply_bytes: AtomicUsize::new(0),
        });
        let proxy = Self { port, shared: Arc::clone(&shared) };
        spawn(move || {
            for client in listener.incoming().flatten() {
                shared.accept(client);
            }
        });
        proxy
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Cuts all connections, and from now on each new one at once.
    pub fn refuse(&self) {
        self.shared.mode.store(REFUSE, Ordering::SeqCst);
        self.cut();
    }

    /// Accepts data, but lets nothing through in either direction, like a lost network.
    pub fn swallow(&self) {
        self.shared.mode.store(SWALLOW, Ordering::SeqCst);
    }

    /// Lets requests through, and cuts each connection when its next reply comes, which is lost.
    pub fn lose_replies(&self) {
        self.shared.mode.store(LOSE, Ordering::SeqCst);
    }

    /// Lets everything through again. Connections that were open in between have lost bytes for good.
    pub fn pass(&self) {
        self.shared.delay_ms.store(0, Ordering::SeqCst);
        self.shared.reply_bytes_left.store(usize::MAX, Ordering::SeqCst);
        self.shared.mode.store(PASS, Ordering::SeqCst);
    }

    /// Ends all open connections, like a server that closes them.
    pub fn cut(&self) {
        self.shared.open.lock().unwrap().drain(..).for_each(|pair| pair.close());
    }

    /// Ends all open connections with a reset, like a machine that no longer knows them.
    pub fn reset(&self) {
        let pairs: Vec<_> = self.shared.open.lock().unwrap().drain(..).collect();
        for pair in &pairs {
            pair.reset.store(true, Ordering::SeqCst);
            socket2::SockRef::from(&pair.client).set_linger(Some(Duration::ZERO)).unwrap();
            pair.close();
        }
        for pair in pairs {
            eventually("the connection to be left alone", || (Arc::strong_count(&pair) == 1).then_some(()));
        }
    }

    /// Delays every reply by this time.
    pub fn delay(&self, by: Duration) {
        self.shared.delay_ms.store(u64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }

    /// Cuts the connection once, after this number of further bytes of replies.
    pub fn truncate_after(&self, bytes: usize) {
        self.shared.reply_bytes_left.store(bytes, Ordering::SeqCst);
    }

    /// The number of connections so far.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// The number of bytes of replies passed on.
    pub fn reply_bytes(&self) -> usize {
        self.shared.reply_bytes.load(Ordering::SeqCst)
    }
}

impl Shared {
    fn accept(self: &Arc<Self>, client: TcpStream) {
        self.connections.fetch_add(1, Ordering::SeqCst);
        let Ok(server) = TcpStream::connect(("127.0.0.1", self.target)) else { return };
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let pair = Arc::new(Pair { client, server, reset: AtomicBool::new(false) });
        {
            // Under the lock, so that `refuse` finds the connection here, or the connection finds that it is refused.
            let mut open = self.open.lock().unwrap();
            if self.mode.load(Ordering::SeqCst) == REFUSE {
                return;
            }
            open.push(Arc::clone(&pair));
        }
        for replies in [false, true] {
            let (shared, pair) = (Arc::clone(self), Arc::clone(&pair));
            spawn(move || {
                if replies {
                    shared.copy(&pair.server, &pair.client, true);
                } else {
                    shared.copy(&pair.client, &pair.server, false);
                }
                pair.close();
                shared.open.lock().unwrap().retain(|other| !Arc::ptr_eq(other, &pair));
            });
        }
    }

    fn copy(&self, mut from: &TcpStream, mut to: &TcpStream, replies: bool) {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            match self.mode.load(Ordering::SeqCst) {
                SWALLOW => continue,
                LOSE if replies => break,
                _ => {}
            }
            let mut passing = read;
            if replies {
                sleep(Duration::from_millis(self.delay_ms.load(Ordering::SeqCst)));
                let left = |left: usize| (left != usize::MAX).then(|| left.saturating_sub(read));
                let before = self.reply_bytes_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, left);
                passing = before.map_or(read, |before| before.min(read));
                self.reply_bytes.fetch_add(passing, Ordering::SeqCst);
            }
            if to.write_all(&buffer[..passing]).is_err() {
                break;
            }
            if passing < read {
                self.reply_bytes_left.store(usize::MAX, Ordering::SeqCst);
                break;
            }
        }
    }
}
