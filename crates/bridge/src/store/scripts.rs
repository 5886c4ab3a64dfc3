//! Rewrites commands for Redis: scripts with a flag that Redis does not know, the hashes of such scripts, and
//! `ISOCACHE.RELEASE`, `ISOCACHE.INCRBY` and `ISOCACHE.CAS`, which become scripts.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use isocache::__bridge::{COMPARE_AND_SET, INCREMENT_WITHIN, RELEASE};
use isocache_protocol::{Command, Reply, headers, shebang};
use sha1::{Digest, Sha1};

/// The maximum number of remembered scripts. The caller of a forgotten script gets `NOSCRIPT` and loads it again.
const MAX_SCRIPTS: usize = 10_000;

/// The rewritten scripts: from the hash that the client knows to the hash that Redis knows.
#[derive(Default)]
pub(super) struct Scripts {
    hashes: Mutex<HashMap<String, String>>,
}

/// A change to the reply.
pub(super) enum ReplyFix {
    Nothing,
    /// Replace the hash of the rewritten script with the hash of the client's script.
    ReplaceHash(String),
}

impl Scripts {
    /// Returns the command to send to Redis instead, if it differs.
    pub(super) fn rewrite(&self, command: &Command) -> Option<(Command, ReplyFix)> {
        if let Some(rewritten) = shebang::command_without_key_locking(command) {
            let is_load = command.arg_is(0, "SCRIPT");
            let at = if is_load { 2 } else { 1 };
            let own = hash(command.arg(at).unwrap_or_default());
            self.remember(own.clone(), hash(rewritten.arg(at).unwrap_or_default()));
            let fix = if is_load { ReplyFix::ReplaceHash(own) } else { ReplyFix::Nothing };
            return Some((rewritten, fix));
        }
        let script = [
            (headers::RELEASE, RELEASE),
            (headers::INCRBY, INCREMENT_WITHIN),
            (headers::COMPARE_AND_SET, COMPARE_AND_SET),
        ]
        .into_iter()
        .find_map(|(name, script)| command.arg_is(0, name).then_some(script));
        if let Some(script) = script {
            let arguments = command.args().skip(1);
            let script = [b"EVAL", script.as_bytes(), b"1"].into_iter().chain(arguments);
            return Some((script.collect(), ReplyFix::Nothing));
        }
        let first = if command.arg_is(0, "EVALSHA") || command.arg_is(0, "EVALSHA_RO") {
            1..2
        } else if command.arg_is(0, "SCRIPT") && command.arg_is(1, "EXISTS") {
            2..command.len()
        } else {
            return None;
        };
        let known = self.hashes.lock().unwrap_or_else(PoisonError::into_inner);
        let theirs = |arg: &[u8]| known.get(&String::from_utf8_lossy(arg).to_ascii_lowercase()).cloned();
        let args = command.args().enumerate().map(|(at, arg)| {
            let hash = if first.contains(&at) { theirs(arg) } else { None };
            hash.map_or_else(|| arg.to_vec(), String::into_bytes)
        });
        let rewritten: Command = args.collect();
        (rewritten != *command).then_some((rewritten, ReplyFix::Nothing))
    }

    fn remember(&self, own: String, theirs: String) {
        let mut known = self.hashes.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_SCRIPTS {
            known.clear();
        }
        known.insert(own, theirs);
    }
}

impl ReplyFix {
    pub(super) fn apply(self, reply: Reply) -> Reply {
        match (self, reply) {
            (Self::ReplaceHash(own), Reply::Bulk(_)) => Reply::bulk(own),
            (_, reply) => reply,
        }
    }
}

fn hash(script: &[u8]) -> String {
    use std::fmt::Write;
    Sha1::digest(script).iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str = "#!lua flags=allow-key-locking\nreturn 1";

    fn command(args: &[&str]) -> Command {
        args.iter().collect()
    }

    #[test]
    fn a_rewritten_script_is_called_by_its_own_hash() {
        let scripts = Scripts::default();
        let own = hash(SCRIPT.as_bytes());
        assert!(scripts.rewrite(&command(&["EVALSHA", &own, "0"])).is_none(), "nobody has loaded it");
        let (loaded, fix) = scripts.rewrite(&command(&["script", "load", SCRIPT])).unwrap();
        let theirs = hash(loaded.arg(2).unwrap());
        assert_ne!(own, theirs);
        assert_eq!(fix.apply(Reply::bulk(theirs.clone())), Reply::bulk(own.clone()));
        let (called, _) = scripts.rewrite(&command(&["evalsha", &own.to_uppercase(), "1", &own])).unwrap();
        assert_eq!(called, command(&["evalsha", &theirs, "1", &own]), "an argument that looks like a hash stays");
        let (asked, _) = scripts.rewrite(&command(&["SCRIPT", "EXISTS", "ffff", &own])).unwrap();
        assert_eq!(asked, command(&["SCRIPT", "EXISTS", "ffff", &theirs]));
        assert!(scripts.rewrite(&command(&["EVAL", "return 1", "0"])).is_none());
        assert!(scripts.rewrite(&command(&["GET", &own])).is_none());
        let (released, _) = scripts.rewrite(&command(&["isocache.release", "k", "holder"])).unwrap();
        assert_eq!(released, command(&["EVAL", RELEASE, "1", "k", "holder"]));
        let (counted, _) = scripts.rewrite(&command(&["ISOCACHE.INCRBY", "k", "1", "0", "5", "1000"])).unwrap();
        assert_eq!(counted, command(&["EVAL", INCREMENT_WITHIN, "1", "k", "1", "0", "5", "1000"]));
        let (replaced, _) = scripts.rewrite(&command(&["ISOCACHE.CAS", "k", "old", "new", "5"])).unwrap();
        assert_eq!(replaced, command(&["EVAL", COMPARE_AND_SET, "1", "k", "old", "new", "5"]));
    }

    #[test]
    fn the_number_of_scripts_is_bounded() {
        let scripts = Scripts::default();
        for number in 0..MAX_SCRIPTS + 5 {
            scripts.remember(number.to_string(), String::new());
        }
        assert!(scripts.hashes.lock().unwrap().len() <= MAX_SCRIPTS);
    }
}
