//! How long an announcement takes from the write to a subscriber.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use servers::redis::RedisServer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{sleep, timeout};

use crate::process::{Bridge, TOKEN, processor_seconds, resident_bytes, start};

pub struct Delivery {
    pub p50_ms: f64,
    pub p99_ms: f64,
    /// Processor time of the bridge, for each event of each subscriber.
    pub us_per_event: f64,
    pub bytes_per_subscriber: f64,
}

impl Delivery {
    fn of(mut took: Vec<f64>, used_seconds: f64, bytes_per_subscriber: f64) -> Self {
        took.sort_by(f64::total_cmp);
        let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize];
        let us_per_event = used_seconds * 1e6 / took.len() as f64;
        Self { p50_ms: at(0.5), p99_ms: at(0.99), us_per_event, bytes_per_subscriber }
    }
}

/// How long anything may take.
const LIMIT: Duration = Duration::from_secs(60);

/// Writes keys one after the other, each after the last one has reached all subscribers.
pub async fn measure(redis: Option<&RedisServer>, subscribers: usize, writes: usize) -> Delivery {
    let (bridge, _folder) = start(&redis.map_or_else(|| "memory".to_owned(), RedisServer::url), &[]);
    let mut writer = Writer::connect(&bridge, redis).await;
    // The first one opens the log.
    let (seen, mut arrivals) = unbounded_channel();
    subscribe(bridge.address, seen.clone()).await;
    let before = resident_bytes(bridge.pid());
    for _ in 1..subscribers {
        subscribe(bridge.address, seen.clone()).await;
    }
    let bytes_per_subscriber = (resident_bytes(bridge.pid()) - before) / subscribers as f64;
    for number in 0..20 {
        writer.set(&format!("warm-up-{number}")).await;
        all(&mut arrivals, subscribers).await;
    }
    let used = processor_seconds(bridge.pid());
    let mut took = Vec::with_capacity(writes * subscribers);
    for number in 0..writes {
        let started = Instant::now();
        writer.set(&format!("key-{number}")).await;
        took.extend(
            all(&mut arrivals, subscribers).await.iter().map(|at| at.duration_since(started).as_secs_f64() * 1000.0),
        );
        // Writes of a cache come one by one, not in step with their announcements.
        sleep(Duration::from_millis(2)).await;
    }
    Delivery::of(took, processor_seconds(bridge.pid()) - used, bytes_per_subscriber)
}

/// The same with a thread that only writes a text to one connection after the other: what no server can do without.
pub async fn bare(subscribers: usize, writes: usize) -> Delivery {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let (write, due) = std::sync::mpsc::channel::<()>();
    let server = std::thread::spawn(move || {
        let mut streams: Vec<_> = (0..subscribers).map(|_| listener.accept().expect("they come").0).collect();
        for stream in &mut streams {
            stream.set_nodelay(true).expect("it is open");
            let read = stream.read(&mut [0; 4096]).expect("it sends its request");
            assert!(read > 0);
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nevent: hello\n\n").expect("it reads");
        }
        let text = b"id: 0123456789abcdef-1\nevent: invalidate\ndata: {\"keys\":[\"key-1\"]}\n\n";
        while due.recv().is_ok() {
            for stream in &mut streams {
                stream.write_all(text).expect("it reads");
            }
        }
    });
    let (seen, mut arrivals) = unbounded_channel();
    futures_util::future::join_all((0..subscribers).map(|_| subscribe(address, seen.clone()))).await;
    let mut took = Vec::with_capacity(writes * subscribers);
    for _ in 0..writes {
        let started = Instant::now();
        write.send(()).expect("it waits for it");
        let arrived = all(&mut arrivals, subscribers).await;
        took.extend(arrived.iter().map(|at| at.duration_since(started).as_secs_f64() * 1000.0));
        sleep(Duration::from_millis(2)).await;
    }
    drop(write);
    server.join().expect("it ends");
    Delivery::of(took, 0.0, 0.0)
}

/// When each subscriber had the event of a write.
async fn all(arrivals: &mut UnboundedReceiver<Instant>, subscribers: usize) -> Vec<Instant> {
    let mut times = Vec::with_capacity(subscribers);
    while times.len() < subscribers {
        let arrival = timeout(LIMIT, arrivals.recv()).await.expect("an event does not arrive");
        times.push(arrival.expect("the subscribers live"));
    }
    times
}

/// Opens a stream, and reports the arrival of every change.
async fn subscribe(address: SocketAddr, seen: UnboundedSender<Instant>) {
    let mut stream = TcpStream::connect(address).await.expect("the bridge listens");
    let head = format!(
        "GET /invalidations HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {TOKEN}\r\naccept: text/event-stream\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.expect("it takes the request");
    let (mut buffer, mut text) = (vec![0; 4096], String::new());
    while !text.contains("event: hello") {
        let read = timeout(LIMIT, stream.read(&mut buffer)).await.expect("the stream begins").expect("it is open");
        text.push_str(&String::from_utf8_lossy(&buffer[..read]));
        assert!(read > 0 && text.starts_with("HTTP/1.1 200"), "refused: {text}");
    }
    tokio::spawn(async move {
        while let Ok(read @ 1..) = stream.read(&mut buffer).await {
            // Each event is one write of the bridge, since it is taken before the next one is made.
            for _ in String::from_utf8_lossy(&buffer[..read]).matches("event: invalidate") {
                let _ = seen.send(Instant::now());
            }
        }
    });
}

/// A connection for writes: to Redis, or to the bridge if the store is embedded.
struct Writer {
    stream: TcpStream,
    is_redis: bool,
}

impl Writer {
    async fn connect(bridge: &Bridge, redis: Option<&RedisServer>) -> Self {
        let address = match redis {
            Some(redis) => format!("127.0.0.1:{}", redis.port),
            None => bridge.address.to_string(),
        };
        let stream = TcpStream::connect(address).await.expect("the server listens");
        stream.set_nodelay(true).expect("the connection is open");
        Self { stream, is_redis: redis.is_some() }
    }

    async fn set(&mut self, key: &str) {
        let request = if self.is_redis {
            format!("*3\r\n$3\r\nSET\r\n${}\r\n{key}\r\n$1\r\nx\r\n", key.len())
        } else {
            format!(
                "POST /set/{key}/x HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {TOKEN}\r\ncontent-length: 0\r\n\r\n"
            )
        };
        self.stream.write_all(request.as_bytes()).await.expect("it takes the write");
        let mut buffer = [0; 4096];
        let read = timeout(LIMIT, self.stream.read(&mut buffer)).await.expect("it replies").expect("it is open");
        assert!(
            String::from_utf8_lossy(&buffer[..read]).contains("OK"),
            "{}",
            String::from_utf8_lossy(&buffer[..read])
        );
    }
}
