//! Builds commands on keys.

use redis::Cmd;

use crate::ttl::TtlMs;

pub(super) fn with_key(name: &str, key: &str) -> Cmd {
    let mut command = Cmd::with_capacity(2, name.len() + key.len());
    command.arg(name).arg(key);
    command
}

pub(super) fn with_keys<K: AsRef<[u8]>>(name: &str, keys: &[K]) -> Cmd {
    let bytes = keys.iter().map(|key| key.as_ref().len()).sum::<usize>() + name.len();
    let mut command = Cmd::with_capacity(keys.len() + 1, bytes);
    command.arg(name);
    for key in keys {
        command.arg(key.as_ref());
    }
    command
}

pub(super) fn set(key: &str, value: &[u8], ttl: TtlMs) -> Cmd {
    let mut command = Cmd::with_capacity(5, key.len() + value.len() + 32);
    command.arg("SET").arg(key).arg(value);
    if let Some(ms) = ttl {
        command.arg("PX").arg(ms);
    }
    command
}
