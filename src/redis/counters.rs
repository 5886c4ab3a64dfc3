//! Counters.

use std::ops::RangeInclusive;
use std::sync::atomic::Ordering;

use redis::{Value, pipe};

use super::client::Client;
use super::commands::{set, with_key};
use super::connection::{Request, Retry};
use super::error::{of_server, unexpected};
use super::replies::{decimal, exactly, failure, integer, is_refusal};
use crate::error::{CacheError, Result};
use crate::provider::BoundedIncrement;
use crate::remote::{INCREMENT_WITHIN, increment_within_arguments};
use crate::ttl::TtlMs;

/// Adds to a counter that has a ttl. A script, because a counter must never exist without its ttl, even if another
/// client deletes it at the same time. The sum is read with GET: Lua would round it.
const INCREMENT: &str = "\
local created = redis.pcall('SET', KEYS[1], '0', 'NX', 'PX', ARGV[2]) \
if type(created) == 'table' and created.err then return created end \
local added = redis.pcall('INCRBY', KEYS[1], ARGV[1]) \
if type(added) == 'table' and added.err then return added end \
return redis.call('GET', KEYS[1])";

impl Client {
    pub(super) async fn add(&self, key: &str, by: i64, ttl: TtlMs) -> Result<i64> {
        let Some(ms) = ttl else {
            let mut add = with_key("INCRBY", key);
            add.arg(by);
            return integer("INCRBY", self.connection.one(add, Retry::Never).await?, key);
        };
        if !self.scripts_refused.load(Ordering::Relaxed) {
            let mut script = with_key("EVAL", INCREMENT);
            script.arg(1).arg(key).arg(by).arg(ms);
            match self.connection.one(script, Retry::Never).await? {
                Value::ServerError(error) if is_refusal(&error) => self.scripts_refused.store(true, Ordering::Relaxed),
                Value::BulkString(sum) => return decimal("EVAL", &sum),
                reply => return Err(failure("EVAL", reply, Some(key))),
            }
        }
        let mut commands = pipe();
        let mut create = set(key, b"0", ttl);
        create.arg("NX");
        let mut add = with_key("INCRBY", key);
        add.arg(by);
        commands.add_command(create).add_command(add);
        let replies =
            self.connection.send(Request::Atomic(commands), Retry::Never).await.map_err(|error| match error {
                CacheError::Refused(text) => {
                    // It may be permitted again.
                    self.scripts_refused.store(false, Ordering::Relaxed);
                    CacheError::Refused(format!(
                        "{text}; a counter with a ttl needs permission for EVAL, or for MULTI and EXEC"
                    ))
                }
                error => error,
            })?;
        let [_, sum] = exactly(replies)?;
        integer("INCRBY", sum, key)
    }

    pub(super) async fn add_within(
        &self,
        key: &str,
        by: i64,
        bounds: RangeInclusive<i64>,
        ttl: TtlMs,
    ) -> Result<BoundedIncrement> {
        let mut script = with_key("EVAL", INCREMENT_WITHIN);
        script.arg(1).arg(key).arg(&increment_within_arguments(by, &bounds, ttl));
        match self.connection.one(script, Retry::Never).await? {
            Value::ServerError(error) if is_refusal(&error) => {
                let error = of_server(&error, Some(key));
                Err(CacheError::Refused(format!("{error}; incrementing within bounds needs permission for EVAL")))
            }
            Value::Array(parts) => match parts.as_slice() {
                [Value::Int(stored @ (0 | 1)), Value::BulkString(count)] => {
                    Ok(BoundedIncrement { stored: *stored == 1, count: decimal("EVAL", count)? })
                }
                _ => Err(unexpected("EVAL", &Value::Array(parts))),
            },
            reply => Err(failure("EVAL", reply, Some(key))),
        }
    }
}
