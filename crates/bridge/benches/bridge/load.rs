//! Makes requests as fast as they are answered, on connections that stay open, and does little else.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;
use tokio::time::{sleep, timeout};

use crate::process::processor_seconds;

/// How long before it counts: connections are opened, and caches filled.
const WARM_UP: Duration = Duration::from_millis(300);

/// No answer takes longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a load came to.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    pub seconds: f64,
    pub requests: u64,
    /// The seconds that each process which was watched has used.
    pub processors: Vec<f64>,
    /// Of each request, in microseconds, in order of size.
    pub latencies: Vec<f64>,
}

#[derive(Default)]
struct Counts {
    latencies: RefCell<Vec<f64>>,
    ends: Cell<bool>,
}

/// Sends the request on every connection again and again, for so long; watches what these processes use meanwhile.
pub fn run(address: SocketAddr, connections: usize, request: &[u8], time: Duration, watched: &[u32]) -> Outcome {
    let request: Rc<[u8]> = request.into();
    let processors = || watched.iter().map(|&pid| processor_seconds(pid)).collect::<Vec<_>>();
    block_on(async {
        let counts = Rc::new(Counts::default());
        let tasks: Vec<_> = (0..connections)
            .map(|_| {
                let (request, counts) = (Rc::clone(&request), Rc::clone(&counts));
                tokio::task::spawn_local(async move {
                    let mut connection = Connection::open(address).await;
                    while !counts.ends.get() {
                        let start = Instant::now();
                        connection.exchange(&request).await;
                        counts.latencies.borrow_mut().push(start.elapsed().as_secs_f64() * 1e6);
                    }
                })
            })
            .collect();
        sleep(WARM_UP).await;
        counts.latencies.borrow_mut().clear();
        let (before, start) = (processors(), Instant::now());
        sleep(time).await;
        let seconds = start.elapsed().as_secs_f64();
        let mut latencies = counts.latencies.take();
        let processors = processors().iter().zip(before).map(|(after, before)| after - before).collect();
        counts.ends.set(true);
        for task in tasks {
            task.await.expect("a connection failed");
        }
        latencies.sort_by(f64::total_cmp);
        Outcome { seconds, requests: latencies.len() as u64, processors, latencies }
    })
}

/// Sends a request once.
pub fn once(address: SocketAddr, request: &[u8]) {
    block_on(async { Connection::open(address).await.exchange(request).await });
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    LocalSet::new().block_on(&runtime, work)
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// The length of an answer, once one has come: all are of the same.
    length: Option<usize>,
}

impl Connection {
    async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("the bridge listens");
        stream.set_nodelay(true).expect("it is TCP");
        Self { stream, buffer: vec![0; 1 << 20], length: None }
    }

    /// One request and its answer.
    async fn exchange(&mut self, request: &[u8]) {
        self.stream.write_all(request).await.expect("the bridge reads");
        let mut filled = 0;
        while self.length.is_none_or(|length| filled < length) {
            let read = self.stream.read(&mut self.buffer[filled..]);
            // A timer for each answer would cost more than the rest.
            let read = if self.length.is_some() { read.await } else { timeout(PATIENCE, read).await.expect("in time") };
            let read = read.expect("the bridge answers");
            assert!(read > 0, "the bridge closed a connection");
            filled += read;
            if self.length.is_none() {
                self.length = length_of(&self.buffer[..filled]);
            }
        }
        assert_eq!(self.length, Some(filled), "an answer of another length");
        assert!(self.buffer.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&self.buffer[..filled]));
    }
}

/// The length of an answer with its head, once the head is there.
fn length_of(answer: &[u8]) -> Option<usize> {
    let head = answer.windows(4).position(|end| end == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&answer[..head]).expect("heads are text").to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:"));
    Some(head + length.and_then(|length| length.trim().parse::<usize>().ok()).expect("a length"))
}
