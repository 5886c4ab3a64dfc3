//! The name of a provider's own requests, by which the bridge recognizes its changes.

use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use isocache_protocol::Command;

use super::transport::random;

/// A random name. It changes whenever a request may be executed later than its caller thinks. A change under an old
/// name no longer counts as an own change.
#[derive(Clone)]
pub(super) struct OwnOrigin {
    name: Arc<Mutex<Arc<str>>>,
}

impl OwnOrigin {
    pub(super) fn new() -> Self {
        Self { name: Arc::new(Mutex::new(made())) }
    }

    /// The current name.
    pub(super) fn name(&self) -> Arc<str> {
        Arc::clone(&self.current())
    }

    /// Whether this is still the current name.
    pub(super) fn is_current(&self, name: &str) -> bool {
        **self.current() == *name
    }

    /// Begins a request with these commands. `None` if they change nothing.
    pub(super) fn begin(&self, commands: &[Command]) -> Option<OwnRequest> {
        let reads = |command: &Command| READS.iter().any(|name| command.name().eq_ignore_ascii_case(name));
        (!commands.iter().all(reads)).then(|| OwnRequest { origin: self.clone(), name: self.name(), is_over: false })
    }

    fn current(&self) -> MutexGuard<'_, Arc<str>> {
        self.name.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The commands of the provider that change nothing.
const READS: [&[u8]; 8] = [b"GET", b"MGET", b"PTTL", b"EXISTS", b"SCAN", b"DBSIZE", b"PING", b"STRLEN"];

/// A request that may change keys. If it is dropped before it is [`over`](Self::over), its outcome is unknown: it may
/// still be executed, at any time.
pub(super) struct OwnRequest {
    origin: OwnOrigin,
    /// The name that it is sent with.
    pub(super) name: Arc<str>,
    is_over: bool,
}

impl OwnRequest {
    /// The server has responded, or was never reached: nothing of this request happens after this.
    pub(super) fn over(mut self) {
        self.is_over = true;
    }
}

impl Drop for OwnRequest {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let mut current = self.origin.current();
        if **current == *self.name {
            *current = made();
        }
    }
}

/// 128 random bits in hexadecimal.
fn made() -> Arc<str> {
    let mut name = String::with_capacity(32);
    for _ in 0..4 {
        // The numbers are below 2^32.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let part = (random() * 4_294_967_296.0) as u32;
        // Writing to a string cannot fail.
        let _ = write!(name, "{part:08x}");
    }
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commands(all: &[&[&str]]) -> Vec<Command> {
        all.iter().map(|words| words.iter().collect()).collect()
    }

    #[test]
    fn a_request_of_unknown_outcome_ends_a_name() {
        let origin = OwnOrigin::new();
        let first = origin.name();
        assert_eq!(first.len(), 32);
        assert!(origin.begin(&commands(&[&["GET", "a"], &["pttl", "a"]])).is_none(), "it changes nothing");
        let write = commands(&[&["GET", "a"], &["SET", "a", "1"]]);
        origin.begin(&write).unwrap().over();
        assert!(origin.is_current(&first));
        let (one, two) = (origin.begin(&write).unwrap(), origin.begin(&write).unwrap());
        assert_eq!(one.name, first);
        drop(one);
        let second = origin.name();
        assert_ne!(second, first);
        assert!(!origin.is_current(&first));
        drop(two);
        assert_eq!(origin.name(), second, "it was sent under a name that is gone already");
    }
}
