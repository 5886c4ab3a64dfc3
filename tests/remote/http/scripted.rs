//! A server that answers as it is told, byte by byte, and counts what it was asked.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What to do with a request.
#[derive(Clone)]
pub enum Act {
    /// An answer with a status, headers and a body.
    Answer(u16, &'static str, String),
    /// These bytes, and the connection is cut.
    Cut(&'static str),
    /// These bytes, and nothing more; the connection stays open.
    Stall(&'static str),
    /// A body without an end.
    Endless,
}

/// A running server. It ends with its runtime.
#[derive(Clone)]
pub struct Scripted {
    pub url: String,
    script: Arc<Mutex<VecDeque<Act>>>,
    requests: Arc<Mutex<Vec<String>>>,
    open: Arc<AtomicUsize>,
}

impl Scripted {
    /// Acts in this order, and then as the last act says.
    pub async fn start(script: impl IntoIterator<Item = Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = Self {
            url,
            script: Arc::new(Mutex::new(script.into_iter().collect())),
            requests: Arc::default(),
            open: Arc::default(),
        };
        let serving = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = serving.clone();
                server.open.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move {
                    let _ = server.converse(stream).await;
                    server.open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        server
    }

    /// The requests so far, each with its head and its body.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// The connections that are open.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    async fn converse(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut received = Vec::new();
        loop {
            let text = String::from_utf8_lossy(&received).into_owned();
            let complete = text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
                let lower = head.to_lowercase();
                let length = lower.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
                body.len() >= length.unwrap_or(0)
            });
            if !complete {
                let mut part = [0; 4 * 1024];
                let read = stream.read(&mut part).await?;
                if read == 0 {
                    return Ok(());
                }
                received.extend_from_slice(&part[..read]);
                continue;
            }
            received.clear();
            self.requests.lock().unwrap().push(text);
            let act = {
                let mut script = self.script.lock().unwrap();
                let act = script.front().unwrap().clone();
                if script.len() > 1 {
                    script.pop_front();
                }
                act
            };
            match act {
                Act::Answer(status, headers, body) => {
                    let length = body.len();
                    let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n{headers}\r\n");
                    stream.write_all(format!("{head}{body}").as_bytes()).await?;
                }
                Act::Cut(bytes) => {
                    stream.write_all(bytes.as_bytes()).await?;
                    return Ok(());
                }
                Act::Stall(bytes) => {
                    stream.write_all(bytes.as_bytes()).await?;
                    // Until the client gives up.
                    let _ = stream.read(&mut [0; 1]).await;
                    return Ok(());
                }
                Act::Endless => {
                    stream.write_all(b"HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n").await?;
                    loop {
                        stream.write_all(b"400\r\n").await?;
                        stream.write_all(&[b' '; 1024]).await?;
                        stream.write_all(b"\r\n").await?;
                    }
                }
            }
        }
    }
}

/// An answer of status 200 to one command.
pub fn result(json: &str) -> Act {
    Act::Answer(200, "content-type: application/json\r\n", format!("[{{\"result\":{json}}}]"))
}

/// An error with a status.
pub fn error(status: u16, headers: &'static str, text: &str) -> Act {
    Act::Answer(status, headers, format!("{{\"error\":\"{text}\"}}"))
}
