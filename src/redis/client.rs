//! The commands of the provider, on full keys and on bytes.

use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use redis::{Cmd, Pipeline, Value, cmd, pipe};

use super::clear_pattern;
use super::commands::{set, with_key, with_keys};
use super::connection::{Connection, Request, Retry};
use super::replies::{
    bytes_or_nil, count, exact_keys, exactly, failure, integer, is_refusal, milliseconds, ok, string,
};
use super::scan::{self, ScanCursor};
use crate::error::{CacheError, Result};
use crate::provider::BoundedIncrement;
use crate::remote::{COMPARE_AND_SET, RELEASE, RemoteStore, SetIfAbsent, StaleCheck};
use crate::ttl::TtlMs;

/// The maximum number of keys in one `MGET` or `UNLINK`. More would block other clients for too long.
const KEYS_PER_COMMAND: usize = 500;

/// The commands, over one connection.
#[derive(Clone)]
pub struct Client {
    /// The connection.
    pub connection: Connection,
    /// Whether the server has refused a script, so that a transaction is tried first.
    pub(super) scripts_refused: Arc<AtomicBool>,
}

impl RemoteStore for Client {
    type Bytes = Vec<u8>;
    type Cursor = ScanCursor;

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>> {
        let reply = self.connection.one(with_key("GET", key), Retry::Idempotent).await?;
        bytes_or_nil("GET", reply, key)
    }

    async fn get_with_ttl(&self, key: &str) -> Result<Option<(Vec<u8>, Option<Duration>)>> {
        let [value, left] = self.in_order(with_key("GET", key), with_key("PTTL", key)).await?;
        let Some(value) = bytes_or_nil("GET", value, key)? else { return Ok(None) };
        Ok(match integer("PTTL", left, key)? {
            // It has expired or was deleted. Redis keeps an entry through its last millisecond.
            0 | -2 => None,
            left => Some((value, milliseconds(left))),
        })
    }

    async fn get_and_touch(&self, key: &str, ttl: TtlMs) -> Result<Option<(Vec<u8>, TtlMs)>> {
        let mut get = with_key("GETEX", key);
        match ttl {
            Some(ms) => get.arg("PX").arg(ms),
            None => get.arg("PERSIST"),
        };
        let [left, value] = self.in_order(with_key("PTTL", key), get).await?;
        let Some(value) = bytes_or_nil("GETEX", value, key)? else { return Ok(None) };
        Ok(Some((value, u64::try_from(integer("PTTL", left, key)?).ok())))
    }

    /// A key that holds something other than a string counts as absent, as `MGET` reports it.
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
        Err(CacheError::Protocol(format!("expected {} values in reply to MGET, got {}", keys.len(), values.len())))
    }

    async fn set(&self, key: &str, value: Vec<u8>, ttl: TtlMs) -> Result<()> {
        let reply = self.connection.one(set(key, &value, ttl), Retry::Idempotent).await?;
        ok("SET", reply, key)
    }

    async fn replace(&self, key: &str, value: Vec<u8>, ttl: TtlMs) -> Result<bool> {
        self.set_when("XX", key, &value, ttl, Retry::Idempotent).await
    }

    async fn get_and_delete(&self, key: &str) -> Result<Option<Vec<u8>>> {
        bytes_or_nil("GETDEL", self.connection.one(with_key("GETDEL", key), Retry::Never).await?, key)
    }

    async fn ttl(&self, key: &str) -> Result<Option<TtlMs>> {
        let reply = self.connection.one(with_key("PTTL", key), Retry::Idempotent).await?;
        Ok(match integer("PTTL", reply, key)? {
            // Redis keeps the entry during its last millisecond; -2 means that there is no key.
            0 | -2 => None,
            left => Some(u64::try_from(left).ok()),
        })
    }

    async fn touch(&self, key: &str, ttl: TtlMs) -> Result<bool> {
        // PERSIST returns 0 both for a key without a ttl and for an absent key.
        let Some(ms) = ttl else { return Ok(self.get_and_touch(key, None).await?.is_some()) };
        let mut command = with_key("PEXPIRE", key);
        command.arg(ms);
        Ok(count("PEXPIRE", self.connection.one(command, Retry::Idempotent).await?)? > 0)
    }

    async fn set_many(&self, entries: Vec<(String, Vec<u8>, TtlMs)>) -> Result<()> {
        let mut batch = pipe();
        for (key, value, ttl) in &entries {
            batch.add_command(set(key, value, *ttl));
        }
        let replies = self.batch(batch).await?;
        entries.iter().zip(replies).try_for_each(|((key, ..), reply)| ok("SET", reply, key))
    }

    async fn delete(&self, keys: &[Cow<'_, str>]) -> Result<u64> {
        let keys: Vec<&str> = keys.iter().map(AsRef::as_ref).collect();
        self.unlink(&keys).await
    }

    async fn delete_each(&self, keys: &[Cow<'_, str>]) -> Result<Vec<bool>> {
        self.of_each("UNLINK", keys).await
    }

    async fn delete_reading(&self, keys: &[Cow<'_, str>]) -> Result<(u64, Vec<Option<Vec<u8>>>)> {
        if self.connection.is_cluster() {
            // A cluster keeps no order between commands that are sent together.
            let values = self.get_many(keys).await?;
            return Ok((self.delete(keys).await?, values));
        }
        let mut batch = pipe();
        for part in keys.chunks(KEYS_PER_COMMAND) {
            let part: Vec<&str> = part.iter().map(AsRef::as_ref).collect();
            batch.add_command(with_keys("MGET", &part)).add_command(with_keys("UNLINK", &part));
        }
        let mut replies = self.batch(batch).await?.into_iter();
        let (mut removed, mut values) = (0, Vec::with_capacity(keys.len()));
        while let (Some(found), Some(unlinked)) = (replies.next(), replies.next()) {
            let Value::Array(found) = found else { return Err(failure("MGET", found, None)) };
            values.extend(found.into_iter().map(string));
            removed += count("UNLINK", unlinked)?;
        }
        Ok((removed, values))
    }

    async fn take_many(&self, keys: &[Cow<'_, str>]) -> Result<Vec<(bool, Option<Vec<u8>>)>> {
        if self.connection.is_cluster() {
            let values = self.get_each(keys).await?;
            return Ok(self.delete_each(keys).await?.into_iter().zip(values).collect());
        }
        let mut batch = pipe();
        for key in keys {
            batch.add_command(with_key("GET", key)).add_command(with_key("UNLINK", key));
        }
        let mut replies = self.batch(batch).await?.into_iter();
        let mut taken = Vec::with_capacity(keys.len());
        while let (Some(value), Some(unlinked)) = (replies.next(), replies.next()) {
            taken.push((count("UNLINK", unlinked)? > 0, string(value)));
        }
        Ok(taken)
    }

    async fn get_each(&self, keys: &[Cow<'_, str>]) -> Result<Vec<Option<Vec<u8>>>> {
        let mut batch = pipe();
        for key in keys {
            batch.add_command(with_key("GET", key));
        }
        Ok(self.batch(batch).await?.into_iter().map(string).collect())
    }

    async fn heads(&self, keys: &[Cow<'_, str>], length: usize) -> Result<Vec<Option<Vec<u8>>>> {
        let mut batch = pipe();
        for key in keys {
            let mut command = with_key("GETRANGE", key);
            command.arg(0).arg(length.saturating_sub(1));
            batch.add_command(command);
        }
        let replies = self.batch(batch).await?;
        if replies.iter().any(|reply| matches!(reply, Value::ServerError(error) if is_refusal(error))) {
            // The user may not run GETRANGE. The whole values are as good.
            return self.get_each(keys).await;
        }
        Ok(replies.into_iter().map(string).collect())
    }

    async fn exists_many(&self, keys: &[Cow<'_, str>]) -> Result<Vec<bool>> {
        self.of_each("EXISTS", keys).await
    }

    async fn scan(
        &self,
        pattern: &str,
        cursor: ScanCursor,
        check: Option<StaleCheck>,
    ) -> Result<(Vec<Vec<u8>>, Option<ScanCursor>)> {
        scan::step(&self.connection, pattern.as_bytes(), cursor, check).await
    }

    async fn exists(&self, key: &str) -> Result<bool> {
        let reply = self.connection.one(with_key("EXISTS", key), Retry::Idempotent).await?;
        Ok(count("EXISTS", reply)? > 0)
    }

    async fn clear(&self, pattern: &str, check: Option<StaleCheck>) -> Result<u64> {
        clear_pattern::clear(self, pattern.as_bytes(), check).await
    }

    async fn increment(&self, key: &str, by: i64, ttl: TtlMs) -> Result<i64> {
        self.add(key, by, ttl).await
    }

    async fn increment_within(
        &self,
        key: &str,
        by: i64,
        bounds: RangeInclusive<i64>,
        ttl: TtlMs,
    ) -> Result<BoundedIncrement> {
        self.add_within(key, by, bounds, ttl).await
    }

    async fn set_if_absent(&self, key: &str, value: Vec<u8>, ttl: TtlMs) -> Result<bool> {
        self.set_when("NX", key, &value, ttl, Retry::Never).await
    }

    async fn set_if_absent_or_get(&self, key: &str, value: &[u8], ttl: TtlMs) -> Result<SetIfAbsent<Vec<u8>>> {
        let mut command = set(key, value, ttl);
        command.arg("NX");
        if self.connection.is_cluster() {
            return match self.connection.one(command, Retry::Never).await? {
                Value::Nil => {
                    let value = self.connection.one(with_key("GET", key), Retry::Idempotent).await?;
                    Ok(SetIfAbsent::Exists(string(value)))
                }
                reply => ok("SET", reply, key).map(|()| SetIfAbsent::Stored),
            };
        }
        let mut commands = pipe();
        commands.add_command(command).add_command(with_key("GET", key));
        let [stored, value] = exactly(self.connection.send(Request::Batch(commands), Retry::Never).await?)?;
        match stored {
            Value::Nil => Ok(SetIfAbsent::Exists(string(value))),
            reply => ok("SET", reply, key).map(|()| SetIfAbsent::Stored),
        }
    }

    async fn compare_and_set(&self, key: &str, expected: &[u8], value: &[u8], ttl: TtlMs) -> Result<bool> {
        let mut command = with_key("EVAL", COMPARE_AND_SET);
        command.arg(1).arg(key).arg(expected).arg(value).arg(ttl);
        match self.connection.one(command, Retry::Never).await? {
            Value::ServerError(error) if is_refusal(&error) => Err(CacheError::Refused(format!(
                "{} {}; changing an entry with a window in place needs permission for EVAL",
                error.code(),
                error.details().unwrap_or_default()
            ))),
            reply => Ok(count("EVAL", reply)? > 0),
        }
    }

    async fn release(&self, key: &str, holder: &str) -> Result<()> {
        let mut command = with_key("EVAL", RELEASE);
        command.arg(1).arg(key).arg(holder);
        count("EVAL", self.connection.one(command, Retry::Idempotent).await?).map(|_| ())
    }

    /// Known only if no key of the database has a ttl: Redis counts an expired key until it removes it. A cluster would
    /// need a request to each node.
    async fn entries(&self) -> Result<Option<u64>> {
        let Some(database) = self.connection.database() else { return Ok(None) };
        let reply = self.connection.one(cmd("INFO").arg("keyspace").clone(), Retry::Idempotent).await?;
        let Value::BulkString(text) = reply else { return Err(failure("INFO", reply, None)) };
        Ok(exact_keys(&String::from_utf8_lossy(&text), database))
    }
}

impl Client {
    /// A client over a connection.
    pub fn new(connection: Connection) -> Self {
        Self { connection, scripts_refused: Arc::default() }
    }

    /// Sends one command for each key, in one round trip, and returns whether each reply was greater than 0.
    async fn of_each(&self, name: &str, keys: &[Cow<'_, str>]) -> Result<Vec<bool>> {
        let mut batch = pipe();
        for key in keys {
            batch.add_command(with_key(name, key));
        }
        self.batch(batch).await?.into_iter().map(|reply| Ok(count(name, reply)? > 0)).collect()
    }

    /// Stores a value on a condition, and returns whether it was stored.
    async fn set_when(&self, condition: &str, key: &str, value: &[u8], ttl: TtlMs, retry: Retry) -> Result<bool> {
        let mut command = set(key, value, ttl);
        command.arg(condition);
        match self.connection.one(command, retry).await? {
            Value::Nil => Ok(false),
            reply => ok("SET", reply, key).map(|()| true),
        }
    }

    /// Removes keys and returns their number.
    pub(super) async fn unlink<K: AsRef<[u8]>>(&self, keys: &[K]) -> Result<u64> {
        let replies = self.in_parts("UNLINK", keys).await?;
        replies.into_iter().map(|reply| count("UNLINK", reply)).sum()
    }

    /// Sends one command for each chunk of the keys, all in one round trip.
    async fn in_parts<K: AsRef<[u8]>>(&self, name: &str, keys: &[K]) -> Result<Vec<Value>> {
        if !keys.is_empty() && keys.len() <= KEYS_PER_COMMAND {
            return self.connection.send(Request::One(with_keys(name, keys)), Retry::Idempotent).await;
        }
        let mut batch = pipe();
        for part in keys.chunks(KEYS_PER_COMMAND) {
            batch.add_command(with_keys(name, part));
        }
        self.batch(batch).await
    }

    /// Sends two idempotent commands on one key, one after the other.
    async fn in_order(&self, first: Cmd, second: Cmd) -> Result<[Value; 2]> {
        let mut commands = pipe();
        commands.add_command(first).add_command(second);
        exactly(self.connection.send(Request::InOrder(commands), Retry::Idempotent).await?)
    }

    /// Sends idempotent commands and returns their replies.
    async fn batch(&self, batch: Pipeline) -> Result<Vec<Value>> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let expected = batch.len();
        let replies = self.connection.send(Request::Batch(batch), Retry::Idempotent).await?;
        if replies.len() == expected {
            return Ok(replies);
        }
        Err(CacheError::Protocol(format!("expected {expected} replies, got {}", replies.len())))
    }
}
