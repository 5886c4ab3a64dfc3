//! Clients: one for HTTP, and one that sends any bytes.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Once;

use base64::Engine as _;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use servers::PATIENCE;

/// A client with a pool of its own, which trusts no certificates.
pub fn client() -> reqwest::Client {
    builder().build().unwrap()
}

/// The builder of [`client`].
pub fn builder() -> reqwest::ClientBuilder {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    reqwest::Client::builder().timeout(PATIENCE).tls_certs_only([]).no_proxy()
}

/// A complete response.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Vec<u8>,
}

impl Response {
    pub async fn of(response: reqwest::Response) -> reqwest::Result<Self> {
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await?.to_vec();
        Ok(Self { status: status.as_u16(), headers, body })
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The result of a single command that succeeded.
    #[track_caller]
    pub fn result(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text());
        self.json().get("result").unwrap_or_else(|| panic!("{}", self.text())).clone()
    }

    /// The status and the text of an error, which must be the whole body.
    #[track_caller]
    pub fn error(&self) -> (u16, String) {
        let json = self.json();
        let body = json.as_object().unwrap_or_else(|| panic!("{}", self.text()));
        let error = body.get("error").and_then(Value::as_str).unwrap_or_else(|| panic!("{}", self.text()));
        assert_eq!(body.len(), 1, "{}", self.text());
        (self.status, error.to_owned())
    }
}

/// A caller, with or without a token.
#[derive(Clone)]
pub struct Caller {
    pub client: reqwest::Client,
    pub base: String,
    pub token: Option<String>,
}

/// The first response that does not say that the store was too slow: with a short limit, a busy machine may take another
/// attempt.
pub async fn in_time(ask: impl AsyncFn() -> Response) -> Response {
    let asked = async {
        loop {
            let response = ask().await;
            if response.status != 504 {
                return response;
            }
        }
    };
    timeout(PATIENCE, asked).await.expect("the store does not reply")
}

impl Caller {
    /// A request with the token.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub async fn send(&self, request: reqwest::RequestBuilder) -> Response {
        Response::of(request.send().await.unwrap()).await.unwrap()
    }

    pub async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> Response {
        self.send(self.request(Method::POST, path).body(body)).await
    }

    pub async fn get(&self, path: &str) -> Response {
        self.send(self.request(Method::GET, path)).await
    }

    /// One command, as JSON.
    pub async fn command(&self, words: &[&str]) -> Response {
        self.post("/", serde_json::to_vec(words).unwrap()).await
    }

    /// The result of one command that must succeed.
    #[track_caller]
    pub fn result(&self, words: &[&str]) -> impl Future<Output = Value> {
        let response = self.clone();
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        async move {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            response.command(&words).await.result()
        }
    }

    pub async fn pipeline(&self, commands: &[Vec<&str>]) -> Response {
        self.post("/pipeline", serde_json::to_vec(commands).unwrap()).await
    }

    pub async fn transaction(&self, commands: &[Vec<&str>]) -> Response {
        self.post("/multi-exec", serde_json::to_vec(commands).unwrap()).await
    }

    /// A batch in RESP: status and bytes.
    pub async fn resp(&self, path: &str, body: Vec<u8>) -> Response {
        let request = self.request(Method::POST, path).header("content-type", "application/x-resp");
        self.send(request.body(body)).await
    }

    /// A stream of events, once the bridge has accepted it. It needs a connection to Redis of its own, for which the
    /// bridge takes a second at most: if a busy machine takes more, it is asked again.
    pub async fn subscribe(&self, path: &str) -> Result<Events, Response> {
        let subscribed = async {
            loop {
                match self.subscribe_once(path).await {
                    Err(response) if response.status == 504 => {}
                    other => return other,
                }
            }
        };
        timeout(PATIENCE, subscribed).await.expect("Redis does not reply")
    }

    /// A stream of events, or whatever the bridge replies.
    pub async fn subscribe_once(&self, path: &str) -> Result<Events, Response> {
        let request = self.request(Method::POST, path).header("accept", "text/event-stream").body("[]");
        let response = request.send().await.unwrap();
        if response.status() == StatusCode::OK {
            assert_eq!(response.headers()["content-type"], "text/event-stream");
            Ok(Events { response, text: String::new() })
        } else {
            Err(Response::of(response).await.unwrap())
        }
    }
}

/// An event of `/invalidations`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub id: String,
    pub name: String,
    pub data: Value,
}

impl Caller {
    /// The stream of changed keys, after its first event; the query begins with `?`, or is empty.
    pub async fn changes(&self, query: &str) -> Result<Changes, Response> {
        let request =
            self.request(Method::GET, &format!("/invalidations{query}")).header("accept", "text/event-stream");
        let response = request.send().await.unwrap();
        if response.status() != StatusCode::OK {
            return Err(Response::of(response).await.unwrap());
        }
        let mut changes = Changes { events: Events { response, text: String::new() }, position: String::new() };
        let hello = changes.next().await.expect("the stream begins");
        assert_eq!(hello.name, "hello");
        Ok(changes)
    }
}

/// The events of `/invalidations`.
#[derive(Debug)]
pub struct Changes {
    events: Events,
    /// The id of the last event.
    pub position: String,
}

impl Changes {
    /// The next event; `None` at the end of the stream.
    pub async fn next(&mut self) -> Option<Change> {
        let event = self.events.event().await?;
        let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).expect("a field").to_owned();
        self.position = field("id: ");
        let data = serde_json::from_str(&field("data: ")).unwrap();
        Some(Change { id: self.position.clone(), name: field("event: "), data })
    }

    /// The next event that is not a heartbeat.
    pub async fn change(&mut self) -> Option<Change> {
        loop {
            let change = self.next().await?;
            if change.name != "heartbeat" {
                return Some(change);
            }
        }
    }

    /// All announced keys up to and including `last`.
    pub async fn keys_until(&mut self, last: &str) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        while !all.contains(last) {
            let change = self.change().await.expect("the stream goes on");
            assert_eq!(change.name, "invalidate", "{change:?}");
            let keys = change.data["keys"].as_array().unwrap_or_else(|| panic!("{change:?}"));
            all.extend(keys.iter().map(|key| key.as_str().unwrap().to_owned()));
        }
        all
    }
}

/// The events of a stream.
#[derive(Debug)]
pub struct Events {
    response: reqwest::Response,
    text: String,
}

impl Events {
    /// The data of the next event; `None` at the end of the stream.
    pub async fn next(&mut self) -> Option<String> {
        loop {
            let event = self.event().await?;
            if let Some(data) = event.lines().find_map(|line| line.strip_prefix("data: ")) {
                return Some(data.to_owned());
            }
        }
    }

    /// The lines of the next event or comment; `None` at the end of the stream.
    async fn event(&mut self) -> Option<String> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let event = event.to_owned();
                self.text = rest.into();
                return Some(event);
            }
            let chunk = timeout(PATIENCE, self.response.chunk()).await.expect("no event comes").ok()??;
            self.text.push_str(&String::from_utf8_lossy(&chunk));
        }
    }
}

/// A batch of commands in RESP.
pub fn resp<W: AsRef<[u8]>>(commands: &[impl AsRef<[W]>]) -> Vec<u8> {
    let mut body = Vec::new();
    for command in commands {
        let words = command.as_ref();
        body.extend(format!("*{}\r\n", words.len()).bytes());
        for word in words.iter().map(AsRef::as_ref) {
            body.extend(format!("${}\r\n", word.len()).bytes());
            body.extend(word);
            body.extend(b"\r\n");
        }
    }
    body
}

pub fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// A connection on which a test sends any bytes.
pub struct Raw {
    stream: TcpStream,
}

impl Raw {
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream }
    }

    /// Sends bytes. The bridge may have closed the connection, which shows in the response.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        let _ = timeout(PATIENCE, self.stream.write_all(bytes.as_ref())).await.expect("it takes nothing");
        self
    }

    /// Everything that the bridge sends until it closes the connection.
    pub async fn rest(&mut self) -> String {
        let mut all = Vec::new();
        let ended = timeout(PATIENCE, self.stream.read_to_end(&mut all)).await;
        // A reset is an end as well.
        let _ = ended.unwrap_or_else(|_| panic!("it stays open after {:?}", String::from_utf8_lossy(&all)));
        String::from_utf8_lossy(&all).into_owned()
    }

    /// Whether the bridge has not closed its end, as the system sees it.
    pub fn is_open_for_the_bridge(&self) -> bool {
        const ESTABLISHED: &str = "01";
        let port = |address: SocketAddr| format!(":{:04X}", address.port());
        // A connection that was reset has no peer.
        let (Ok(client), Ok(server)) = (self.stream.local_addr(), self.stream.peer_addr()) else { return false };
        let (client, server) = (port(client), port(server));
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
        let mut rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        rows.any(|row| row[1].ends_with(&server) && row[2].ends_with(&client) && row[3] == ESTABLISHED)
    }

    /// Reads up to and including these words.
    pub async fn until(&mut self, words: &str) -> String {
        self.until_or_end(words).await.unwrap_or_else(|all| panic!("it ends after {all:?}"))
    }

    /// Reads up to and including these words; what there was before the end of the connection is the error.
    pub async fn until_or_end(&mut self, words: &str) -> Result<String, String> {
        let (mut all, mut buffer) = (String::new(), [0; 4096]);
        while !all.contains(words) {
            match timeout(PATIENCE, self.stream.read(&mut buffer)).await.expect("nothing comes") {
                Ok(read @ 1..) => all.push_str(&String::from_utf8_lossy(&buffer[..read])),
                Ok(0) | Err(_) => return Err(all),
            }
        }
        Ok(all)
    }
}

/// Sends one request on a connection of its own. Returns the status and the body of the response.
pub async fn raw(address: SocketAddr, head: &str, body: &[u8]) -> (u16, String) {
    let mut connection = Raw::connect(address).await;
    let head = format!("{head}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
    connection.send([head.as_bytes(), body].concat()).await;
    let response = connection.rest().await;
    let status = response.get(9..12).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{response:?}"));
    let body = response.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
    (status, body.unwrap_or_default())
}
