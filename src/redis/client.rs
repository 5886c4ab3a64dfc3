//! The commands of the provider, on keys as Redis has them and on bytes.

use std::borrow::Cow;
use std::time::Duration;

use redis::{Cmd, Pipeline, Value, cmd, pipe};

use super::clear;
use super::errors::{of_server, unexpected};
use super::link::{Link, Repeat, Request};
use crate::error::{CacheError, Result};
use crate::remote::{Life, RELEASE, RemoteStore};

/// How many keys one `MGET` or `UNLINK` names: more would keep the server from others for too long.
const KEYS_PER_COMMAND: usize = 500;

/// The commands, over one link.
#[derive(Clone)]
pub struct Client {
    /// The link.
    pub link: Link,
}

impl RemoteStore for Client {
    type Bytes = Vec<u8>;

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>> {
        let reply = self.link.one(with_key("GET", key), Repeat::Harmless).await?;
        bytes_or_nil("GET", reply, key)
    }

    async fn get_with_ttl(&self, key: &str) -> Result<Option<(Vec<u8>, Option<Duration>)>> {
        let mut both = pipe();
        both.atomic().add_command(with_key("GET", key)).add_command(with_key("PTTL", key));
        let replies = self.link.send(Request::Atomic(both), Repeat::Harmless).await?;
        let [value, left] = two("GET and PTTL", replies)?;
        let Some(value) = bytes_or_nil("GET", value, key)? else { return Ok(None) };
        Ok(match integer("PTTL", left, key)? {
            // Redis lets it live through its last millisecond.
            0 => None,
            left => Some((value, u64::try_from(left).ok().map(Duration::from_millis))),
        })
    }

    async fn get_and_touch(&self, key: &str, life: Life) -> Result<Option<Vec<u8>>> {
        let mut command = with_key("GETEX", key);
        match life {
            Some(ms) => command.arg("PX").arg(ms),
            None => command.arg("PERSIST"),
        };
        bytes_or_nil("GETEX", self.link.one(command, Repeat::Harmless).await?, key)
    }

    /// A key that holds something other than a string counts as absent: so `MGET` has it.
    async fn get_many(&self, keys: &[Cow<'_, str>]) -> Result<Vec<Option<Vec<u8>>>> {
        let names: Vec<&str> = keys.iter().map(AsRef::as_ref).collect();
        let replies = self.in_parts("MGET", &names).await?;
        let mut values = Vec::with_capacity(keys.len());
        for reply in replies {
            let Value::Array(found) = reply else { return Err(failure("MGET", reply, None)) };
            for value in found {
                values.push(bytes_or_nil("MGET", value, "")?);
            }
        }
        if values.len() == keys.len() {
            return Ok(values);
        }
        Err(CacheError::Protocol(format!("MGET of {} keys was answered with {} values", keys.len(), values.len())))
    }

    async fn set(&self, key: &str, value: Vec<u8>, life: Life) -> Result<()> {
        let reply = self.link.one(set(key, &value, life), Repeat::Harmless).await?;
        ok("SET", reply, key)
    }

    async fn replace(&self, key: &str, value: Vec<u8>, life: Life) -> Result<bool> {
        let mut command = set(key, &value, life);
        command.arg("XX");
        match self.link.one(command, Repeat::Harmless).await? {
            Value::Nil => Ok(false),
            reply => ok("SET", reply, key).map(|()| true),
        }
    }

    async fn set_many(&self, entries: Vec<(String, Vec<u8>, Life)>) -> Result<()> {
        let mut batch = pipe();
        for (key, value, life) in &entries {
            batch.add_command(set(key, value, *life));
        }
        let replies = self.batch(batch).await?;
        entries.iter().zip(replies).try_for_each(|((key, ..), reply)| ok("SET", reply, key))
    }

    async fn delete(&self, keys: &[Cow<'_, str>]) -> Result<u64> {
        let keys: Vec<&str> = keys.iter().map(AsRef::as_ref).collect();
        self.unlink(&keys).await
    }

    async fn exists(&self, key: &str) -> Result<bool> {
        let reply = self.link.one(with_key("EXISTS", key), Repeat::Harmless).await?;
        Ok(count("EXISTS", reply)? > 0)
    }

    async fn clear(&self, pattern: &str) -> Result<u64> {
        clear::clear(self, pattern.as_bytes()).await
    }

    async fn increment(&self, key: &str, by: i64, life: Life) -> Result<i64> {
        let mut commands = pipe();
        let mut create = set(key, b"0", life);
        create.arg("NX");
        let mut add = with_key("INCRBY", key);
        add.arg(by);
        commands.atomic().add_command(create).add_command(add);
        let replies = self.link.send(Request::Atomic(commands), Repeat::Never).await?;
        let [_, sum] = two("SET and INCRBY", replies)?;
        integer("INCRBY", sum, key)
    }

    async fn acquire(&self, key: &str, holder: &str, ms: u64) -> Result<bool> {
        let mut command = set(key, holder.as_bytes(), Some(ms));
        command.arg("NX");
        match self.link.one(command, Repeat::Never).await? {
            Value::Nil => Ok(false),
            reply => ok("SET", reply, key).map(|()| true),
        }
    }

    async fn release(&self, key: &str, holder: &str) -> Result<()> {
        let mut command = with_key("EVAL", RELEASE);
        command.arg(1).arg(key).arg(holder);
        count("EVAL", self.link.one(command, Repeat::Harmless).await?).map(|_| ())
    }

    /// Known while no key of the database has a ttl: one whose time has come is counted until the server meets it. A
    /// cluster would have to be asked node by node.
    async fn entries(&self) -> Result<Option<u64>> {
        let Some(database) = self.link.database() else { return Ok(None) };
        let reply = self.link.one(cmd("INFO").arg("keyspace").clone(), Repeat::Harmless).await?;
        let Value::BulkString(text) = reply else { return Err(failure("INFO", reply, None)) };
        Ok(exact_keys(&String::from_utf8_lossy(&text), database))
    }
}

impl Client {
    /// Removes keys; how many there were.
    pub(super) async fn unlink<K: AsRef<[u8]>>(&self, keys: &[K]) -> Result<u64> {
        let replies = self.in_parts("UNLINK", keys).await?;
        replies.into_iter().map(|reply| count("UNLINK", reply)).sum()
    }

    /// One command for each part of the keys, all in one round trip.
    async fn in_parts<K: AsRef<[u8]>>(&self, name: &str, keys: &[K]) -> Result<Vec<Value>> {
        let command = |part: &[K]| {
            let bytes = part.iter().map(|key| key.as_ref().len()).sum::<usize>() + name.len();
            let mut command = Cmd::with_capacity(part.len() + 1, bytes);
            command.arg(name);
            for key in part {
                command.arg(key.as_ref());
            }
            command
        };
        if !keys.is_empty() && keys.len() <= KEYS_PER_COMMAND {
            return self.link.send(Request::One(command(keys)), Repeat::Harmless).await;
        }
        let mut batch = pipe();
        for part in keys.chunks(KEYS_PER_COMMAND) {
            batch.add_command(command(part));
        }
        self.batch(batch).await
    }

    /// The replies to commands that may be sent again.
    async fn batch(&self, batch: Pipeline) -> Result<Vec<Value>> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let expected = batch.len();
        let replies = self.link.send(Request::Batch(batch), Repeat::Harmless).await?;
        if replies.len() == expected {
            return Ok(replies);
        }
        Err(CacheError::Protocol(format!("{expected} commands had {} replies", replies.len())))
    }
}

fn with_key(name: &str, key: &str) -> Cmd {
    let mut command = Cmd::with_capacity(2, name.len() + key.len());
    command.arg(name).arg(key);
    command
}

fn set(key: &str, value: &[u8], life: Life) -> Cmd {
    let mut command = Cmd::with_capacity(5, key.len() + value.len() + 32);
    command.arg("SET").arg(key).arg(value);
    if let Some(ms) = life {
        command.arg("PX").arg(ms);
    }
    command
}

/// `db0:keys=3,expires=0,avg_ttl=0`; no line for an empty database.
fn exact_keys(keyspace: &str, database: i64) -> Option<u64> {
    let head = format!("db{database}:");
    let Some(line) = keyspace.lines().find_map(|line| line.strip_prefix(&head)) else { return Some(0) };
    let field = |name: &str| line.split(',').find_map(|field| field.strip_prefix(name)?.trim().parse::<u64>().ok());
    (field("expires=")? == 0).then(|| field("keys=")).flatten()
}

/// The error of a reply that is not what the command has.
pub(super) fn failure(name: &str, reply: Value, key: Option<&str>) -> CacheError {
    match reply {
        Value::ServerError(error) => of_server(&error, key),
        other => unexpected(name, &other),
    }
}

fn bytes_or_nil(name: &str, reply: Value, key: &str) -> Result<Option<Vec<u8>>> {
    match reply {
        Value::BulkString(bytes) => Ok(Some(bytes)),
        Value::Nil => Ok(None),
        other => Err(failure(name, other, Some(key))),
    }
}

fn ok(name: &str, reply: Value, key: &str) -> Result<()> {
    match reply {
        Value::Okay => Ok(()),
        other => Err(failure(name, other, Some(key))),
    }
}

fn integer(name: &str, reply: Value, key: &str) -> Result<i64> {
    match reply {
        Value::Int(number) => Ok(number),
        other => Err(failure(name, other, Some(key))),
    }
}

fn count(name: &str, reply: Value) -> Result<u64> {
    match reply {
        Value::Int(number) => {
            u64::try_from(number).map_err(|_| CacheError::Protocol(format!("{name} was answered with {number}")))
        }
        other => Err(failure(name, other, None)),
    }
}

fn two(name: &str, replies: Vec<Value>) -> Result<[Value; 2]> {
    replies.try_into().map_err(|_| CacheError::Protocol(format!("{name} had not two replies")))
}
