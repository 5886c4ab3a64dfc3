//! A server of the protocol that is no bridge, written from the protocol's description: plain JSON over a map.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::routing::post;
use isocache::{Clock, ManualClock};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

/// Values and when they end, by key.
type Entries = BTreeMap<Vec<u8>, (Vec<u8>, Option<u64>)>;

#[derive(Clone)]
struct Foreign {
    clock: ManualClock,
    entries: Arc<Mutex<Entries>>,
}

/// Starts one, without a token, whose time is the test's.
pub async fn foreign(clock: &ManualClock) -> String {
    let state = Foreign { clock: clock.clone(), entries: Arc::default() };
    let app = Router::new().route("/pipeline", post(pipeline)).route("/multi-exec", post(pipeline)).fallback(path);
    super::serving::serve(app.with_state(state)).await
}

async fn pipeline(State(state): State<Foreign>, headers: HeaderMap, body: Bytes) -> (StatusCode, String) {
    if headers.get("content-type").is_none_or(|kind| kind != "application/json") {
        return (StatusCode::BAD_REQUEST, json!({ "error": "ERR failed to parse pipeline request" }).to_string());
    }
    let commands: Vec<Vec<Value>> = serde_json::from_slice(&body).unwrap();
    let base64 = headers.get("upstash-encoding").is_some_and(|value| value == "base64");
    let replies: Vec<Value> = commands
        .into_iter()
        .map(|command| {
            let args = command.into_iter().map(|arg| arg.as_str().unwrap().as_bytes().to_vec()).collect::<Vec<_>>();
            state
                .run(&args)
                .map_or_else(|error| json!({ "error": error }), |result| json!({ "result": shown(result, base64) }))
        })
        .collect();
    (StatusCode::OK, Value::Array(replies).to_string())
}

async fn path(State(state): State<Foreign>, uri: Uri, RawQuery(query): RawQuery, body: Bytes) -> (StatusCode, String) {
    let decode = |text: &str| percent_decode_str(text).collect::<Vec<u8>>();
    let mut args: Vec<Vec<u8>> = uri.path().split('/').skip(1).map(decode).collect();
    args.push(body.to_vec());
    for pair in query.iter().flat_map(|query| query.split('&')).filter(|pair| !pair.is_empty()) {
        args.extend(pair.splitn(2, '=').map(decode));
    }
    let result = state.run(&args);
    let answer =
        result.map_or_else(|error| json!({ "error": error }), |result| json!({ "result": shown(result, true) }));
    (StatusCode::OK, answer.to_string())
}

enum Result {
    Ok,
    Nil,
    Number(i64),
    Text(Vec<u8>),
    List(Vec<Result>),
}

/// Base64, except for a whole reply of `OK`.
fn shown(result: Result, base64: bool) -> Value {
    use base64::Engine;
    match result {
        Result::Ok => json!("OK"),
        Result::Nil => Value::Null,
        Result::Number(number) => json!(number),
        Result::Text(text) if base64 => json!(base64::engine::general_purpose::STANDARD.encode(text)),
        Result::Text(text) => json!(String::from_utf8_lossy(&text)),
        Result::List(list) => list.into_iter().map(|result| shown(result, base64)).collect(),
    }
}

impl Foreign {
    #[allow(clippy::too_many_lines, reason = "one arm for each command")]
    fn run(&self, args: &[Vec<u8>]) -> std::result::Result<Result, String> {
        let now = self.clock.now_ms();
        let mut entries = self.entries.lock().unwrap();
        entries.retain(|_, (_, end)| end.is_none_or(|end| now < end));
        let name = String::from_utf8_lossy(&args[0]).to_uppercase();
        let text = |at: usize| String::from_utf8_lossy(&args[at]).into_owned();
        let get = |entries: &Entries, key: &Vec<u8>| {
            entries.get(key).map_or(Result::Nil, |(value, _)| Result::Text(value.clone()))
        };
        let count = |count: usize| Ok(Result::Number(i64::try_from(count).unwrap()));
        match name.as_str() {
            "PING" => Ok(Result::Text(b"PONG".to_vec())),
            "GET" => Ok(get(&entries, &args[1])),
            "MGET" => Ok(Result::List(args[1..].iter().map(|key| get(&entries, key)).collect())),
            "SET" => {
                let options: Vec<String> = (3..args.len()).map(|at| text(at).to_uppercase()).collect();
                let px = options.iter().position(|option| option == "PX");
                let end = px.map(|at| now + options[at + 1].parse::<u64>().unwrap());
                let is_present = entries.contains_key(&args[1]);
                if options.contains(&"NX".into()) && is_present || options.contains(&"XX".into()) && !is_present {
                    return Ok(Result::Nil);
                }
                entries.insert(args[1].clone(), (args[2].clone(), end));
                Ok(Result::Ok)
            }
            // The script that counts within bounds.
            "EVAL" if text(1).contains("ceiling") => {
                let number = |at: usize| text(at).parse::<i64>().unwrap();
                let found = entries
                    .get(&args[3])
                    .map_or(0, |(value, _)| std::str::from_utf8(value).unwrap().parse::<i64>().unwrap());
                let count = found.max(number(5));
                let sum = count + number(4);
                let stored = sum <= number(6);
                let digits = (if stored { sum } else { count }).to_string().into_bytes();
                if stored {
                    let ttl = u64::try_from(number(7)).unwrap();
                    entries.insert(args[3].clone(), (digits.clone(), (ttl > 0).then(|| now + ttl)));
                }
                Ok(Result::List(vec![Result::Number(i64::from(stored)), Result::Text(digits)]))
            }
            // The script that replaces an expected value.
            "EVAL" if text(1).contains("'SET'") => {
                let end = args.get(6).map(|_| now + text(6).parse::<u64>().unwrap());
                let expected = entries.get_mut(&args[3]).filter(|(value, _)| *value == args[4]);
                Ok(Result::Number(expected.map_or(0, |entry| {
                    *entry = (args[5].clone(), end);
                    1
                })))
            }
            // The script that removes a key if it holds a value.
            "EVAL" => {
                let holds = entries.get(&args[3]).is_some_and(|(value, _)| *value == args[4]);
                count(usize::from(holds && entries.remove(&args[3]).is_some()))
            }
            "GETEX" => {
                let found = get(&entries, &args[1]);
                let end = (text(2).to_uppercase() == "PX").then(|| now + text(3).parse::<u64>().unwrap());
                entries.entry(args[1].clone()).and_modify(|entry| entry.1 = end);
                Ok(found)
            }
            "GETRANGE" => Ok(match get(&entries, &args[1]) {
                Result::Text(value) => {
                    let end = text(3).parse::<usize>().unwrap() + 1;
                    Result::Text(value[..value.len().min(end)].to_vec())
                }
                _ => Result::Text(Vec::new()),
            }),
            "GETDEL" => {
                let found = get(&entries, &args[1]);
                entries.remove(&args[1]);
                Ok(found)
            }
            "PEXPIRE" => {
                let end = now + text(2).parse::<u64>().unwrap();
                Ok(Result::Number(entries.get_mut(&args[1]).map_or(0, |entry| {
                    entry.1 = Some(end);
                    1
                })))
            }
            "UNLINK" => count(args[1..].iter().filter(|key| entries.remove(*key).is_some()).count()),
            "EXISTS" => count(args[1..].iter().filter(|key| entries.contains_key(*key)).count()),
            "PTTL" => Ok(Result::Number(
                entries.get(&args[1]).map_or(-2, |(_, end)| end.map_or(-1, |end| i64::try_from(end - now).unwrap())),
            )),
            "INCRBY" => {
                let by: i64 = text(2).parse().unwrap();
                let entry = entries.entry(args[1].clone()).or_insert((b"0".to_vec(), None));
                let old: i64 = std::str::from_utf8(&entry.0)
                    .ok()
                    .and_then(|digits| digits.parse().ok())
                    .ok_or("ERR value is not an integer or out of range")?;
                let new = old.checked_add(by).ok_or("ERR increment or decrement would overflow")?;
                entry.0 = new.to_string().into_bytes();
                Ok(Result::Number(new))
            }
            "SCAN" => {
                // Three keys a step, by their numbers, which do not shift when others go.
                let start: u64 = text(1).parse().unwrap();
                let glob = isocache::Glob::new(text(3));
                let mut all: Vec<_> = entries.iter().map(|(key, entry)| (number(key), key, entry)).collect();
                all.sort_unstable_by_key(|(number, ..)| *number);
                let mut rest = all.iter().filter(|(number, ..)| *number >= start);
                let step: Vec<_> = rest.by_ref().take(3).collect();
                let next = rest.next().map_or(0, |(number, ..)| *number);
                let keys = step.iter().filter(|(_, key, _)| glob.matches(&String::from_utf8_lossy(key)));
                let keys = keys.map(|(_, key, _)| Result::Text((*key).clone())).collect();
                Ok(Result::List(vec![Result::Text(next.to_string().into_bytes()), Result::List(keys)]))
            }
            "DBSIZE" => count(entries.len()),
            _ => Err(format!("ERR unknown command '{name}'")),
        }
    }
}

/// A number of a key, which no two keys of a test share; never 0.
fn number(key: &[u8]) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish() | 1
}
