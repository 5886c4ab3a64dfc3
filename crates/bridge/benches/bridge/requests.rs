//! The requests, written once and sent again and again.

use std::fmt::Write;

use crate::process::TOKEN;

/// The length of all values, in bytes.
pub const VALUE_BYTES: usize = 100;

/// How a request is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dress {
    /// With the headers that it needs and no more; JSON with text.
    Plain,
    /// With the headers of the official client on Node, which asks for base64.
    Official,
    /// Commands and replies in RESP.
    Resp,
}

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    Get,
    Set,
    /// So many GETs of different keys.
    Pipeline(usize),
}

impl Ask {
    pub fn commands(self) -> usize {
        if let Self::Pipeline(commands) = self { commands } else { 1 }
    }
}

fn key(number: usize) -> String {
    format!("key:{number:012}")
}

fn value() -> String {
    "v".repeat(VALUE_BYTES)
}

/// A request as it goes over the wire.
pub fn request(ask: Ask, dress: Dress) -> Vec<u8> {
    let get = |number| vec!["GET".to_owned(), key(number)];
    let (path, commands) = match ask {
        Ask::Get => ("/", vec![get(0)]),
        Ask::Set => ("/", vec![vec!["SET".to_owned(), key(0), value()]]),
        Ask::Pipeline(count) => ("/pipeline", (0..count).map(get).collect()),
    };
    let body = match (ask, dress) {
        (Ask::Pipeline(_), Dress::Resp) => commands.iter().map(|command| resp(command)).collect(),
        (Ask::Pipeline(_), _) => json(&commands),
        _ => json(&commands[0]),
    };
    post(path, dress, &body)
}

/// A request that stores a value under every key that the others read.
pub fn fill() -> Vec<u8> {
    let commands: Vec<_> = (0..1000).map(|number| ["SET".to_owned(), key(number), value()]).collect();
    post("/pipeline", Dress::Plain, &json(&commands))
}

/// A request that stores `count` small entries, whose numbers begin at `first`.
pub fn small_entries(first: usize, count: usize) -> Vec<u8> {
    let commands: Vec<_> =
        (first..first + count).map(|number| ["SET".to_owned(), key(number), "0123456789abcdef".to_owned()]).collect();
    post("/pipeline", Dress::Plain, &json(&commands))
}

fn post(path: &str, dress: Dress, body: &str) -> Vec<u8> {
    let mut request = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: {}\r\n",
        body.len()
    );
    request += match dress {
        Dress::Plain => "Content-Type: application/json\r\n\r\n",
        Dress::Resp => "Content-Type: application/x-resp\r\n\r\n",
        Dress::Official => {
            "connection: keep-alive\r\nContent-Type: application/json\r\nUpstash-Encoding: base64\r\n\
             Upstash-Telemetry-Runtime: node@v20.19.0\r\nUpstash-Telemetry-Platform: unknown\r\n\
             Upstash-Telemetry-Sdk: @upstash/redis@1.39.0\r\nupstash-sync-token: 1767225600000\r\naccept: */*\r\n\
             accept-language: *\r\nsec-fetch-mode: cors\r\nuser-agent: node\r\naccept-encoding: gzip, deflate\r\n\r\n"
        }
    };
    request += body;
    request.into_bytes()
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("texts are JSON")
}

fn resp(command: &[String]) -> String {
    let mut text = format!("*{}\r\n", command.len());
    for argument in command {
        _ = write!(text, "${}\r\n{argument}\r\n", argument.len());
    }
    text
}
