//! The commands, by name.

// All commands have the type that the table requires, including those that cannot fail.
#![allow(clippy::unnecessary_wraps)]

mod counters;
mod expiry;
mod keys;
mod pubsub;
mod scan;
mod server;
mod set;
mod strings;

use isocache_protocol::{Command, Reply};

use super::database::Database;
use super::error;

/// A reply, or an error after which nothing has changed.
type Outcome = Result<Reply, Reply>;

/// The entry of a command in the table.
struct Spec {
    /// In lower case, as in error messages.
    name: &'static str,
    /// The number of arguments, including the name. A negative number is a minimum.
    arity: i8,
    run: fn(&mut Database<'_>, &Command) -> Outcome,
}

impl Spec {
    fn takes(&self, arguments: usize) -> bool {
        let arity = usize::from(self.arity.unsigned_abs());
        if self.arity < 0 { arguments >= arity } else { arguments == arity }
    }
}

/// The length of the longest name.
const LONGEST: usize = 16;

macro_rules! commands {
    ($($upper:literal $name:literal $arity:literal $run:path;)*) => {
        /// Looks up a command by its name, regardless of case.
        fn spec(name: &[u8]) -> Option<&'static Spec> {
            let mut upper = [0; LONGEST];
            let upper = upper.get_mut(..name.len())?;
            upper.copy_from_slice(name);
            upper.make_ascii_uppercase();
            Some(match &*upper {
                $($upper => const { &Spec { name: $name, arity: $arity, run: $run } },)*
                _ => return None,
            })
        }
    };
}

commands! {
    b"APPEND" "append" 3 strings::append;
    b"COPY" "copy" -3 keys::copy;
    b"DBSIZE" "dbsize" 1 keys::dbsize;
    b"DECR" "decr" 2 counters::decr;
    b"DECRBY" "decrby" 3 counters::decrby;
    b"DEL" "del" -2 keys::del;
    b"ECHO" "echo" 2 server::echo;
    b"EXISTS" "exists" -2 keys::exists;
    b"EXPIRE" "expire" -3 expiry::expire;
    b"EXPIREAT" "expireat" -3 expiry::expireat;
    b"EXPIRETIME" "expiretime" 2 expiry::expiretime;
    b"FLUSHALL" "flushall" -1 keys::flush;
    b"FLUSHDB" "flushdb" -1 keys::flush;
    b"GET" "get" 2 strings::get;
    b"GETDEL" "getdel" 2 strings::getdel;
    b"GETEX" "getex" -2 set::getex;
    b"GETRANGE" "getrange" 4 strings::getrange;
    b"GETSET" "getset" 3 set::getset;
    b"INCR" "incr" 2 counters::incr;
    b"INCRBY" "incrby" 3 counters::incrby;
    b"INCRBYFLOAT" "incrbyfloat" 3 counters::incrbyfloat;
    b"INFO" "info" -1 server::info;
    b"ISOCACHE.CAS" "isocache.cas" -4 keys::compare_and_set;
    b"ISOCACHE.INCRBY" "isocache.incrby" 6 counters::incrby_within;
    b"ISOCACHE.RELEASE" "isocache.release" 3 keys::release;
    b"KEYS" "keys" 2 scan::keys;
    b"MGET" "mget" -2 strings::mget;
    b"MSET" "mset" -3 set::mset;
    b"MSETNX" "msetnx" -3 set::msetnx;
    b"PERSIST" "persist" 2 expiry::persist;
    b"PEXPIRE" "pexpire" -3 expiry::pexpire;
    b"PEXPIREAT" "pexpireat" -3 expiry::pexpireat;
    b"PEXPIRETIME" "pexpiretime" 2 expiry::pexpiretime;
    b"PING" "ping" -1 server::ping;
    b"PSETEX" "psetex" 4 set::psetex;
    b"PSUBSCRIBE" "psubscribe" -2 pubsub::subscribe;
    b"PTTL" "pttl" 2 expiry::pttl;
    b"PUBLISH" "publish" 3 pubsub::publish;
    b"PUBSUB" "pubsub" -2 pubsub::pubsub;
    b"RANDOMKEY" "randomkey" 1 scan::randomkey;
    b"RENAME" "rename" 3 keys::rename;
    b"RENAMENX" "renamenx" 3 keys::renamenx;
    b"SCAN" "scan" -2 scan::scan;
    b"SET" "set" -3 set::set;
    b"SETEX" "setex" 4 set::setex;
    b"SETNX" "setnx" 3 set::setnx;
    b"SETRANGE" "setrange" 4 strings::setrange;
    b"STRLEN" "strlen" 2 strings::strlen;
    b"SUBSCRIBE" "subscribe" -2 pubsub::subscribe;
    b"SUBSTR" "substr" 4 strings::getrange;
    b"TIME" "time" 1 server::time;
    b"TOUCH" "touch" -2 keys::touch;
    b"TTL" "ttl" 2 expiry::ttl;
    b"TYPE" "type" 2 keys::type_of;
    b"UNLINK" "unlink" -2 keys::del;
}

/// Runs a command.
#[inline]
pub(super) fn run(database: &mut Database<'_>, command: &Command) -> Reply {
    match spec(command.name()) {
        Some(spec) if spec.takes(command.len()) => {
            let (Ok(reply) | Err(reply)) = (spec.run)(database, command);
            reply
        }
        spec => refusal(spec, command),
    }
}

/// The error of a command that cannot run, independent of the content of the store.
pub(super) fn refused(command: &Command) -> Option<Reply> {
    match spec(command.name()) {
        Some(spec) if spec.takes(command.len()) => (spec.name == "pubsub").then(|| pubsub::refused(command))?,
        spec => Some(refusal(spec, command)),
    }
}

#[cold]
fn refusal(spec: Option<&Spec>, command: &Command) -> Reply {
    match spec {
        Some(spec) => error::arity(spec.name),
        None => error::unknown_command(command.name()),
    }
}

/// The argument at an index. The arity guarantees that it exists; otherwise it would be empty.
#[inline]
fn arg(command: &Command, index: usize) -> &[u8] {
    command.arg(index).unwrap_or_default()
}

/// The arguments from an index on.
fn args_from(command: &Command, index: usize) -> impl Iterator<Item = &[u8]> {
    command.args().skip(index)
}

/// An integer reply with a length or a count.
fn number(count: usize) -> Reply {
    Reply::Integer(i64::try_from(count).unwrap_or(i64::MAX))
}

fn bulk_or_nil(value: Option<bytes::Bytes>) -> Reply {
    value.map_or(Reply::Nil, Reply::Bulk)
}
