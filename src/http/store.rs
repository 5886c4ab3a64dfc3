//! The commands of the HTTP provider.

use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::time::Duration;

use bytes::Bytes;
use isocache_protocol::{Command, Reply, headers};

use super::batch::Batcher;
use super::replies::{bytes, count, exactly, failure, integer, only, scanned, string};
use super::session::Form;
use crate::error::Result;
use crate::provider::BoundedIncrement;
use crate::remote::{
    COMPARE_AND_SET, INCREMENT_WITHIN, RELEASE, RemoteStore, SetIfAbsent, StaleCheck, increment_within_arguments,
};
use crate::ttl::TtlMs;

/// The maximum number of keys in one command, and of commands that one operation sends at a time.
const PER_COMMAND: usize = 500;
const PER_REQUEST: usize = 500;

/// The number of keys that a server other than a bridge scans in one step of clearing a pattern.
const KEYS_PER_STEP: &str = "512";

/// A store that is reached over HTTP.
#[derive(Clone)]
pub(super) struct HttpStore {
    pub(super) batcher: Batcher,
}

impl HttpStore {
    /// Sends one idempotent command.
    async fn one(&self, args: &[&str]) -> Result<Reply> {
        let replies = self.batcher.execute(vec![command(args)], true).await?;
        only(replies)
    }

    /// Sends idempotent commands, in as many requests as needed.
    async fn many(&self, commands: Vec<Command>) -> Result<Vec<Reply>> {
        let mut replies = Vec::with_capacity(commands.len());
        let mut rest = commands.into_iter();
        loop {
            let part: Vec<Command> = rest.by_ref().take(PER_REQUEST).collect();
            if part.is_empty() {
                return Ok(replies);
            }
            replies.extend(self.batcher.execute(part, true).await?);
        }
    }

    /// Sends one command for each chunk of the keys.
    async fn in_parts(&self, name: &str, keys: &[Cow<'_, str>]) -> Result<Vec<Reply>> {
        self.many(keys.chunks(PER_COMMAND).map(|part| with_keys(name, part)).collect()).await
    }

    /// Sends one command for each key. Returns for each whether it had an effect.
    async fn of_each(&self, name: &str, keys: &[Cow<'_, str>]) -> Result<Vec<bool>> {
        let replies = self.many(keys.iter().map(|key| command(&[name, key])).collect()).await?;
        replies.into_iter().map(|reply| Ok(count(name, reply)? > 0)).collect()
    }

    /// Stores a value on a condition. Returns whether it was stored.
    async fn set_when(&self, condition: &[u8], key: &str, value: &[u8], ttl: TtlMs, idempotent: bool) -> Result<bool> {
        let mut command = set(key, value, ttl);
        command.push(condition);
        match only(self.batcher.execute(vec![command], idempotent).await?)? {
            Reply::Nil => Ok(false),
            reply if reply.is_ok() => Ok(true),
            other => Err(failure("SET", &other, Some(key))),
        }
    }

    /// Sends commands as a transaction, in a separate request. It is not retried.
    async fn atomically(&self, commands: Vec<Command>) -> Result<[Reply; 2]> {
        exactly(self.batcher.exchange(Form::Transaction, &commands, false).await?)
    }
}

/// A SCAN cursor.
pub(super) struct Cursor(String);

impl Default for Cursor {
    fn default() -> Self {
        Self("0".to_owned())
    }
}

impl RemoteStore for HttpStore {
    type Bytes = Bytes;
    type Cursor = Cursor;

    async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        bytes("GET", self.one(&["GET", key]).await?, key)
    }

    async fn get_with_ttl(&self, key: &str) -> Result<Option<(Bytes, Option<Duration>)>> {
        let both = vec![command(&["GET", key]), command(&["PTTL", key])];
        let [value, left] = exactly(self.batcher.execute(both, true).await?)?;
        let Some(value) = bytes("GET", value, key)? else { return Ok(None) };
        Ok(match integer("PTTL", &left, Some(key))? {
            // Redis keeps an entry through its last millisecond, or it has just expired.
            0 | -2 => None,
            left => Some((value, u64::try_from(left).ok().map(Duration::from_millis))),
        })
    }

    async fn get_and_touch(&self, key: &str, ttl: TtlMs) -> Result<Option<(Bytes, TtlMs)>> {
        let get = match ttl {
            Some(ms) => command(&["GETEX", key, "PX", &ms.to_string()]),
            None => command(&["GETEX", key, "PERSIST"]),
        };
        let replies = self.batcher.execute(vec![command(&["PTTL", key]), get], true).await?;
        let [left, value] = exactly(replies)?;
        let Some(value) = bytes("GETEX", value, key)? else { return Ok(None) };
        Ok(Some((value, u64::try_from(integer("PTTL", &left, Some(key))?).ok())))
    }

    async fn get_many(&self, keys: &[Cow<'_, str>]) -> Result<Vec<Option<Bytes>>> {
        let mut values = Vec::with_capacity(keys.len());
        for (reply, part) in self.in_parts("MGET", keys).await?.into_iter().zip(keys.chunks(PER_COMMAND)) {
            let found = match reply {
                Reply::Array(found) if found.len() == part.len() => found,
                other => return Err(failure("MGET", &other, None)),
            };
            for (key, value) in part.iter().zip(found) {
                values.push(bytes("MGET", value, key)?);
            }
        }
        Ok(values)
    }

    async fn set(&self, key: &str, value: Vec<u8>, ttl: TtlMs) -> Result<()> {
        self.set_many(vec![(key.to_owned(), value, ttl)]).await
    }

    async fn replace(&self, key: &str, value: Vec<u8>, ttl: TtlMs) -> Result<bool> {
        self.set_when(b"XX", key, &value, ttl, true).await
    }

    async fn get_and_delete(&self, key: &str) -> Result<Option<Bytes>> {
        bytes("GETDEL", only(self.batcher.execute(vec![command(&["GETDEL", key])], false).await?)?, key)
    }

    async fn ttl(&self, key: &str) -> Result<Option<TtlMs>> {
        Ok(match integer("PTTL", &self.one(&["PTTL", key]).await?, Some(key))? {
            // Redis keeps an entry through its last millisecond; otherwise there is no entry.
            0 | -2 => None,
            left => Some(u64::try_from(left).ok()),
        })
    }

    async fn touch(&self, key: &str, ttl: TtlMs) -> Result<bool> {
        // PERSIST returns 0 both for an entry without a ttl and for an absent one.
        let Some(ms) = ttl else { return Ok(self.get_and_touch(key, None).await?.is_some()) };
        Ok(count("PEXPIRE", self.one(&["PEXPIRE", key, &ms.to_string()]).await?)? > 0)
    }

    async fn set_many(&self, entries: Vec<(String, Vec<u8>, TtlMs)>) -> Result<()> {
        let commands = entries.iter().map(|(key, value, ttl)| set(key, value, *ttl)).collect();
        let replies = self.many(commands).await?;
        entries.iter().zip(replies).try_for_each(|((key, ..), reply)| match reply {
            reply if reply.is_ok() => Ok(()),
            other => Err(failure("SET", &other, Some(key))),
        })
    }

    async fn delete(&self, keys: &[Cow<'_, str>]) -> Result<u64> {
        let replies = self.in_parts("UNLINK", keys).await?;
        replies.into_iter().map(|reply| count("UNLINK", reply)).sum()
    }

    async fn delete_each(&self, keys: &[Cow<'_, str>]) -> Result<Vec<bool>> {
        self.of_each("UNLINK", keys).await
    }

    async fn delete_reading(&self, keys: &[Cow<'_, str>]) -> Result<(u64, Vec<Option<Bytes>>)> {
        let parts = keys.chunks(PER_COMMAND);
        let both = parts.flat_map(|part| [with_keys("MGET", part), with_keys("UNLINK", part)]);
        let mut replies = self.many(both.collect()).await?.into_iter();
        let (mut removed, mut values) = (0, Vec::with_capacity(keys.len()));
        while let (Some(found), Some(unlinked)) = (replies.next(), replies.next()) {
            let Reply::Array(found) = found else { return Err(failure("MGET", &found, None)) };
            values.extend(found.into_iter().map(string));
            removed += count("UNLINK", unlinked)?;
        }
        Ok((removed, values))
    }

    async fn take_many(&self, keys: &[Cow<'_, str>]) -> Result<Vec<(bool, Option<Bytes>)>> {
        let both = keys.iter().flat_map(|key| [command(&["GET", key]), command(&["UNLINK", key])]);
        let mut replies = self.many(both.collect()).await?.into_iter();
        let mut taken = Vec::with_capacity(keys.len());
        while let (Some(value), Some(unlinked)) = (replies.next(), replies.next()) {
            taken.push((count("UNLINK", unlinked)? > 0, string(value)));
        }
        Ok(taken)
    }

    async fn get_each(&self, keys: &[Cow<'_, str>]) -> Result<Vec<Option<Bytes>>> {
        let replies = self.many(keys.iter().map(|key| command(&["GET", key])).collect()).await?;
        Ok(replies.into_iter().map(string).collect())
    }

    async fn heads(&self, keys: &[Cow<'_, str>], length: usize) -> Result<Vec<Option<Bytes>>> {
        let last = length.saturating_sub(1).to_string();
        let replies = self.many(keys.iter().map(|key| command(&["GETRANGE", key, "0", &last])).collect()).await?;
        Ok(replies.into_iter().map(string).collect())
    }

    async fn exists_many(&self, keys: &[Cow<'_, str>]) -> Result<Vec<bool>> {
        self.of_each("EXISTS", keys).await
    }

    async fn exists(&self, key: &str) -> Result<bool> {
        Ok(count("EXISTS", self.one(&["EXISTS", key]).await?)? > 0)
    }

    async fn clear(&self, pattern: &str, check: Option<StaleCheck>) -> Result<u64> {
        if self.batcher.session.is_bridge().await? {
            let reply = match check {
                Some(check) => self.one(&[headers::CLEAR, pattern, check.format()]).await?,
                None => self.one(&[headers::CLEAR, pattern]).await?,
            };
            return count(headers::CLEAR, reply);
        }
        let (mut cursor, mut removed) = (Cursor::default(), 0);
        loop {
            let (keys, next) = self.scan(pattern, cursor, None).await?;
            if !keys.is_empty() {
                let unlink: Command = std::iter::once(&b"UNLINK"[..]).chain(keys.iter().map(Vec::as_slice)).collect();
                let stale = match check {
                    Some(check) => check.without_stale(self, keys).await?.1,
                    None => 0,
                };
                let unlinked = count("UNLINK", only(self.batcher.execute(vec![unlink], true).await?)?)?;
                removed += unlinked.saturating_sub(stale);
            }
            match next {
                Some(next) => cursor = next,
                None => return Ok(removed),
            }
        }
    }

    async fn scan(
        &self,
        pattern: &str,
        cursor: Cursor,
        check: Option<StaleCheck>,
    ) -> Result<(Vec<Vec<u8>>, Option<Cursor>)> {
        let step = self.one(&["SCAN", &cursor.0, "MATCH", pattern, "COUNT", KEYS_PER_STEP]).await?;
        let (next, mut keys) = scanned(step)?;
        if let Some(check) = check {
            (keys, _) = check.without_stale(self, keys).await?;
        }
        Ok((keys, if next == "0" { None } else { Some(Cursor(next)) }))
    }

    async fn increment(&self, key: &str, by: i64, ttl: TtlMs) -> Result<i64> {
        let add = command(&["INCRBY", key, &by.to_string()]);
        let sum = if ttl.is_some() {
            // Creates the counter if it does not exist; an existing one keeps its ttl.
            let mut create = set(key, b"0", ttl);
            create.push(b"NX");
            self.atomically(vec![create, add]).await?[1].clone()
        } else {
            only(self.batcher.execute(vec![add], false).await?)?
        };
        integer("INCRBY", &sum, Some(key))
    }

    async fn increment_within(
        &self,
        key: &str,
        by: i64,
        bounds: RangeInclusive<i64>,
        ttl: TtlMs,
    ) -> Result<BoundedIncrement> {
        let (name, start): (_, &[&str]) = if self.batcher.session.is_bridge().await? {
            (headers::INCRBY, &[headers::INCRBY, key])
        } else {
            ("EVAL", &["EVAL", INCREMENT_WITHIN, "1", key])
        };
        let mut command = command(start);
        for argument in increment_within_arguments(by, &bounds, ttl) {
            command.push(argument.as_bytes());
        }
        match only(self.batcher.execute(vec![command], false).await?)? {
            Reply::Array(parts) if parts.len() == 2 => Ok(BoundedIncrement {
                stored: integer(name, &parts[0], Some(key))? == 1,
                count: integer(name, &parts[1], Some(key))?,
            }),
            other => Err(failure(name, &other, Some(key))),
        }
    }

    async fn set_if_absent(&self, key: &str, value: Vec<u8>, ttl: TtlMs) -> Result<bool> {
        self.set_when(b"NX", key, &value, ttl, false).await
    }

    async fn set_if_absent_or_get(&self, key: &str, value: &[u8], ttl: TtlMs) -> Result<SetIfAbsent<Bytes>> {
        let mut create = set(key, value, ttl);
        create.push(b"NX");
        let replies = self.batcher.execute(vec![create, command(&["GET", key])], false).await?;
        let [stored, value] = exactly(replies)?;
        match stored {
            Reply::Nil => Ok(SetIfAbsent::Exists(string(value))),
            reply if reply.is_ok() => Ok(SetIfAbsent::Stored),
            other => Err(failure("SET", &other, Some(key))),
        }
    }

    async fn compare_and_set(&self, key: &str, expected: &[u8], value: &[u8], ttl: TtlMs) -> Result<bool> {
        let is_bridge = self.batcher.session.is_bridge().await?;
        if !is_bridge && [expected, value].iter().any(|bytes| std::str::from_utf8(bytes).is_err()) {
            // Other servers accept only one binary value in a request, that of SET, so this cannot be atomic.
            let is_expected = self.get(key).await?.is_some_and(|found| found == expected);
            return if is_expected { self.replace(key, value.to_vec(), ttl).await } else { Ok(false) };
        }
        let (name, start): (_, &[&str]) = if is_bridge {
            (headers::COMPARE_AND_SET, &[headers::COMPARE_AND_SET, key])
        } else {
            ("EVAL", &["EVAL", COMPARE_AND_SET, "1", key])
        };
        let mut command = command(start);
        command.push(expected);
        command.push(value);
        if let Some(ms) = ttl {
            command.push(ms.to_string().as_bytes());
        }
        Ok(count(name, only(self.batcher.execute(vec![command], false).await?)?)? > 0)
    }

    async fn release(&self, key: &str, holder: &str) -> Result<()> {
        let released = if self.batcher.session.is_bridge().await? {
            count(headers::RELEASE, self.one(&[headers::RELEASE, key, holder]).await?)
        } else {
            count("EVAL", self.one(&["EVAL", RELEASE, "1", key, holder]).await?)
        };
        released.map(|_| ())
    }

    /// The server's own count: with Redis behind a bridge, it includes expired keys that Redis has not removed yet. Not
    /// every token may request it.
    async fn entries(&self) -> Result<Option<u64>> {
        match self.one(&["DBSIZE"]).await? {
            Reply::Error(text) if text.starts_with(b"NOPERM") => Ok(None),
            reply => count("DBSIZE", reply).map(Some),
        }
    }
}

fn command(args: &[&str]) -> Command {
    args.iter().collect()
}

fn with_keys(name: &str, keys: &[Cow<'_, str>]) -> Command {
    std::iter::once(name).chain(keys.iter().map(AsRef::as_ref)).collect()
}

fn set(key: &str, value: &[u8], ttl: TtlMs) -> Command {
    let mut command: Command = [b"SET", key.as_bytes(), value].into_iter().collect();
    if let Some(ms) = ttl {
        command.push(b"PX");
        command.push(ms.to_string().as_bytes());
    }
    command
}
