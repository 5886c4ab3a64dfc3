//! The scripts for servers that run Lua.

use std::ops::RangeInclusive;

use crate::ttl::TtlMs;

/// Removes a key if it holds this holder, and returns the number of removed keys.
pub const RELEASE: &str =
    "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0";

/// Replaces the value of a key if it is the expected one, and gives it the ttl in milliseconds, or none. Returns 1 if it
/// was replaced, 0 otherwise.
pub const COMPARE_AND_SET: &str = "\
if redis.pcall('GET', KEYS[1]) ~= ARGV[1] then return 0 end \
if ARGV[3] then redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) else redis.call('SET', KEYS[1], ARGV[2]) end \
return 1";

/// Raises a counter to at least a lower bound, adds to it, and stores the sum if it is not above an upper bound.
///
/// `ARGV` is the increment, the lower bound, the upper bound, and the ttl in milliseconds, 0 for none. It returns
/// whether the sum was stored, and the sum or the current count, in digits: the reply of a script would round a number.
pub const INCREMENT_WITHIN: &str = "\
local found = redis.pcall('GET', KEYS[1]) \
if type(found) == 'table' and found.err then return found end \
local count = 0 \
if found then \
count = string.match(found, '^-?%d+$') and tonumber(found) \
if not count or count > 9007199254740991 or count < -9007199254740991 then \
return redis.error_reply('ERR value is not an integer or out of range') end end \
local by, floor, ceiling = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]) \
if count < floor then count = floor end \
local sum = count + by \
if sum > ceiling then return {0, string.format('%.0f', count)} end \
local digits = string.format('%.0f', sum) \
local stored \
if ARGV[4] == '0' then stored = redis.pcall('SET', KEYS[1], digits) \
else stored = redis.pcall('SET', KEYS[1], digits, 'PX', ARGV[4]) end \
if type(stored) == 'table' and stored.err then return stored end \
return {1, digits}";

/// The arguments after the key in a call of [`INCREMENT_WITHIN`], and in the bridge's command for it.
pub(crate) fn increment_within_arguments(by: i64, bounds: &RangeInclusive<i64>, ttl: TtlMs) -> [String; 4] {
    let ttl = ttl.unwrap_or(0).to_string();
    [by.to_string(), bounds.start().to_string(), bounds.end().to_string(), ttl]
}
