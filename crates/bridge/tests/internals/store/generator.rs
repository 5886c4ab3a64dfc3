//! Random commands, mostly valid ones, on few keys.
//!
//! No ttl is below 200 seconds, so that no entry expires during the test. No deadline is in the past, because Redis counts
//! such entries in DBSIZE until it visits them. No length is between 100 KB and the limit of Redis.

use isocache_protocol::Command;

use super::support::Random;

const KEYS: [&[u8]; 7] = [b"a", b"b", b"c", b"", b"key:\xff\0\r\n", "é".as_bytes(), b"user:1"];
const VALUES: [&[u8]; 26] = [
    b"",
    b"0",
    b"1",
    b"-1",
    b"10",
    b"+1",
    b"01",
    b" 1",
    b"-0",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"9223372036854775808",
    b"0.1",
    b"3.0e3",
    b"-1.5e-7",
    b"1e17",
    b"12345678901234567890.5",
    b"inf",
    b"-Infinity",
    b"nan",
    b"0x1f.8p2",
    b"0.000000000000000005",
    b"abc",
    b"a\0b\r\n\xff",
    b"1e4932",
    b"a longer value, of more than thirty bytes",
];
/// Replacements for an argument in a bad command. They contain no positive integer that would be a valid ttl, and no option
/// that changes the unit of a time.
const JUNK: [&[u8]; 23] = [
    b"",
    b"0",
    b"-1",
    b"x",
    b"NX",
    b"xx",
    b"GT",
    b"lt",
    b"KEEPTTL",
    b"PERSIST",
    b"GET",
    b"MATCH",
    b"COUNT",
    b"TYPE",
    b"REPLACE",
    b"DB",
    b"NX\0y",
    b"1.5",
    b"9223372036854775808",
    b"-9223372036854775808",
    b"*",
    b"bad\r\noption",
    b"4102444800000",
];
const GLOBS: [&[u8]; 9] = [b"*", b"a", b"?", b"[a-b]", b"user:*", b"[^a]*", b"\\a", b"key:\xff*", b""];

/// A placeholder for an argument.
#[derive(Clone, Copy)]
enum Word {
    Is(&'static str),
    Key,
    Value,
    Number,
    Float,
    Index,
    Offset,
    Glob,
    /// A ttl or a deadline, with its option.
    Until,
    Seconds,
    Millis,
    UnixSeconds,
    UnixMillis,
    Condition,
    CopyOption,
}

use Word::{
    Condition, CopyOption, Float, Glob, Index, Is, Key, Millis, Number, Offset, Seconds, UnixMillis, UnixSeconds,
    Until, Value,
};

const COMMANDS: &[&[Word]] = &[
    &[Is("GET"), Key],
    &[Is("GET"), Key],
    &[Is("SET"), Key, Value],
    &[Is("SET"), Key, Value],
    &[Is("SET"), Key, Value, Is("NX")],
    &[Is("SET"), Key, Value, Is("XX"), Until],
    &[Is("SET"), Key, Value, Is("GET")],
    &[Is("SET"), Key, Value, Is("NX"), Is("GET"), Until],
    &[Is("SET"), Key, Value, Is("KEEPTTL")],
    &[Is("SET"), Key, Value, Until],
    &[Is("SET"), Key, Value, Until, Until],
    &[Is("SETEX"), Key, Seconds, Value],
    &[Is("PSETEX"), Key, Millis, Value],
    &[Is("SETNX"), Key, Value],
    &[Is("GETSET"), Key, Value],
    &[Is("GETDEL"), Key],
    &[Is("GETEX"), Key],
    &[Is("GETEX"), Key, Until],
    &[Is("GETEX"), Key, Is("PERSIST")],
    &[Is("MGET"), Key, Key, Key],
    &[Is("MSET"), Key, Value, Key, Value],
    &[Is("MSETNX"), Key, Value, Key, Value],
    &[Is("APPEND"), Key, Value],
    &[Is("STRLEN"), Key],
    &[Is("GETRANGE"), Key, Index, Index],
    &[Is("SUBSTR"), Key, Index, Index],
    &[Is("SETRANGE"), Key, Offset, Value],
    &[Is("DEL"), Key, Key],
    &[Is("UNLINK"), Key],
    &[Is("EXISTS"), Key, Key, Key],
    &[Is("TOUCH"), Key, Key],
    &[Is("TYPE"), Key],
    &[Is("TTL"), Key],
    &[Is("PTTL"), Key],
    &[Is("EXPIRETIME"), Key],
    &[Is("PEXPIRETIME"), Key],
    &[Is("PERSIST"), Key],
    &[Is("EXPIRE"), Key, Seconds],
    &[Is("EXPIRE"), Key, Seconds, Condition],
    &[Is("PEXPIRE"), Key, Millis, Condition, Condition],
    &[Is("EXPIREAT"), Key, UnixSeconds, Condition],
    &[Is("PEXPIREAT"), Key, UnixMillis, Condition],
    &[Is("INCR"), Key],
    &[Is("DECR"), Key],
    &[Is("INCRBY"), Key, Number],
    &[Is("DECRBY"), Key, Number],
    &[Is("INCRBYFLOAT"), Key, Float],
    &[Is("INCRBYFLOAT"), Key, Value],
    &[Is("SCAN"), Is("0"), Is("COUNT"), Is("1000")],
    &[Is("SCAN"), Is("0"), Is("MATCH"), Glob, Is("COUNT"), Is("1000")],
    &[Is("SCAN"), Is("0"), Is("TYPE"), Is("String"), Is("COUNT"), Is("1000")],
    &[Is("SCAN"), Is("0"), Is("TYPE"), Is("hash"), Is("COUNT"), Is("1000")],
    &[Is("SCAN"), Value],
    &[Is("KEYS"), Glob],
    &[Is("DBSIZE")],
    &[Is("RANDOMKEY")],
    &[Is("RENAME"), Key, Key],
    &[Is("RENAMENX"), Key, Key],
    &[Is("COPY"), Key, Key],
    &[Is("COPY"), Key, Key, CopyOption],
    &[Is("COPY"), Key, Key, CopyOption, CopyOption],
    &[Is("FLUSHDB")],
    &[Is("FLUSHALL"), Is("ASYNC")],
    &[Is("PING")],
    &[Is("PING"), Value],
    &[Is("ECHO"), Value],
    &[Is("TIME")],
    &[Is("INFO"), Is("no-such-section")],
    &[Is("PUBLISH"), Key, Value],
    &[Is("PUBSUB"), Is("CHANNELS")],
    &[Is("PUBSUB"), Is("CHANNELS"), Glob],
    &[Is("PUBSUB"), Is("NUMSUB"), Key, Key],
    &[Is("PUBSUB"), Is("NUMPAT")],
    &[Is("PUBSUB"), Value],
];

/// Generates a command; one in ten is bad.
pub fn command(random: &mut Random) -> Command {
    let template = random.pick(COMMANDS);
    let mut words: Vec<Vec<u8>> = Vec::new();
    for &word in template {
        push(word, random, &mut words);
    }
    if random.one_in(10) {
        spoil(random, &mut words);
    }
    if random.one_in(4) {
        words[0].make_ascii_lowercase();
    }
    words.iter().collect()
}

/// Removes, adds or replaces an argument other than the name.
fn spoil(random: &mut Random, words: &mut Vec<Vec<u8>>) {
    let at = 1 + random.below(words.len());
    let junk = random.pick(&JUNK).to_vec();
    if at == words.len() || random.one_in(3) {
        words.insert(at, junk);
    } else if random.one_in(2) {
        words[at] = junk;
    } else {
        words.remove(at);
    }
}

fn push(word: Word, random: &mut Random, words: &mut Vec<Vec<u8>>) {
    let seconds = 200 + random.below(100_000);
    let millis = 1000 * seconds + random.below(1000);
    let chosen = match word {
        Is(word) => word.as_bytes().to_vec(),
        Key => random.pick(&KEYS).to_vec(),
        Value => random.pick(&VALUES).to_vec(),
        Number => random.pick(&["1", "7", "-3", "0", "9223372036854775807", "-9223372036854775808", "x"]).into(),
        Float => match random.below(4) {
            0 => random.pick(&["0.1", "-0.3", "1e3", "5.0e-20", "1e-18", "1e30", "-1e30", "0.5", ".5", "5."]).into(),
            1 => format!("{}.{}", random.below(1000), random.next()).into_bytes(),
            2 => format!("-{}e-{}", random.next(), random.below(25)).into_bytes(),
            _ => format!("{}e{}", random.next(), random.below(60)).into_bytes(),
        },
        Index => random.pick(&["0", "1", "-1", "3", "-4", "100", "-100", "9223372036854775807", "x"]).into(),
        Offset => random.pick(&["0", "1", "3", "40", "-1", "536870912", "9223372036854775807", "x"]).into(),
        Glob => random.pick(&GLOBS).to_vec(),
        Seconds if random.one_in(8) => random.pick(&["0", "-1", "x", "9223372036854775807", "9223372036854775"]).into(),
        Seconds => seconds.to_string().into_bytes(),
        Millis if random.one_in(8) => random.pick(&["0", "-1", "x", "9223372036854775807"]).into(),
        Millis => millis.to_string().into_bytes(),
        UnixSeconds if random.one_in(8) => random.pick(&["0", "-1", "x", "9223372036854776"]).into(),
        UnixSeconds => format!("{}", 4_102_444_800 + random.below(10)).into_bytes(),
        UnixMillis if random.one_in(8) => random.pick(&["0", "-1", "x"]).into(),
        UnixMillis => format!("{}", 4_102_444_800_000u64 + random.next() % 10_000).into_bytes(),
        Condition => random.pick(&["NX", "XX", "GT", "LT", "gt", "lt"]).into(),
        CopyOption => {
            let option = random.pick(&["REPLACE", "DB 0", "DB 1", "db -99999999999", "DB x", "DB"]);
            words.extend(option.split(' ').map(|word| word.as_bytes().to_vec()));
            return;
        }
        Until => {
            let (option, time) =
                random.pick(&[("EX", Seconds), ("px", Millis), ("EXAT", UnixSeconds), ("PXAT", UnixMillis)]);
            words.push(option.into());
            return push(time, random, words);
        }
    };
    words.push(chosen);
}
