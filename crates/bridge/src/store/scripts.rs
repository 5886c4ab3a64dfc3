//! Scripts that are rewritten on their way to Redis, the hashes by which clients call them, and a command that is a script.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use isocache::__bridge::RELEASE;
use isocache_protocol::{Command, Reply, headers, shebang};
use sha1::{Digest, Sha1};

/// How many rewritten scripts are remembered. One that is forgotten is loaded again: its caller is told NOSCRIPT.
const MOST: usize = 10_000;

/// The scripts that were rewritten: the hash that the client knows, and the one that Redis does.
#[derive(Default)]
pub(super) struct Scripts {
    known: Mutex<HashMap<String, String>>,
}

/// What is to be done to the reply.
pub(super) enum Afterwards {
    Nothing,
    /// Redis told the hash of the rewritten script; the client expects that of its own.
    AnswerHash(String),
}

impl Scripts {
    /// The command as Redis takes it, where that differs.
    pub(super) fn rewrite(&self, command: &Command) -> Option<(Command, Afterwards)> {
        if let Some(rewritten) = shebang::command_without_key_locking(command) {
            let is_load = command.arg_is(0, "SCRIPT");
            let at = if is_load { 2 } else { 1 };
            let own = hash(command.arg(at).unwrap_or_default());
            self.remember(own.clone(), hash(rewritten.arg(at).unwrap_or_default()));
            let afterwards = if is_load { Afterwards::AnswerHash(own) } else { Afterwards::Nothing };
            return Some((rewritten, afterwards));
        }
        if command.arg_is(0, headers::RELEASE) {
            let arguments = command.args().skip(1);
            let script = [b"EVAL", RELEASE.as_bytes(), b"1"].into_iter().chain(arguments);
            return Some((script.collect(), Afterwards::Nothing));
        }
        let first = if command.arg_is(0, "EVALSHA") || command.arg_is(0, "EVALSHA_RO") {
            1..2
        } else if command.arg_is(0, "SCRIPT") && command.arg_is(1, "EXISTS") {
            2..command.len()
        } else {
            return None;
        };
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let theirs = |arg: &[u8]| known.get(&String::from_utf8_lossy(arg).to_ascii_lowercase()).cloned();
        let args = command.args().enumerate().map(|(at, arg)| {
            let hash = if first.contains(&at) { theirs(arg) } else { None };
            hash.map_or_else(|| arg.to_vec(), String::into_bytes)
        });
        let rewritten: Command = args.collect();
        (rewritten != *command).then_some((rewritten, Afterwards::Nothing))
    }

    fn remember(&self, own: String, theirs: String) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(own, theirs);
    }
}

impl Afterwards {
    pub(super) fn apply(self, reply: Reply) -> Reply {
        match (self, reply) {
            (Self::AnswerHash(own), Reply::Bulk(_)) => Reply::bulk(own),
            (_, reply) => reply,
        }
    }
}

fn hash(script: &[u8]) -> String {
    use std::fmt::Write;
    Sha1::digest(script).iter().fold(String::new(), |mut hex, byte| {
        // Writing to a text cannot fail.
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
        let (loaded, afterwards) = scripts.rewrite(&command(&["script", "load", SCRIPT])).unwrap();
        let theirs = hash(loaded.arg(2).unwrap());
        assert_ne!(own, theirs);
        assert_eq!(afterwards.apply(Reply::bulk(theirs.clone())), Reply::bulk(own.clone()));
        let (called, _) = scripts.rewrite(&command(&["evalsha", &own.to_uppercase(), "1", &own])).unwrap();
        assert_eq!(called, command(&["evalsha", &theirs, "1", &own]), "an argument that looks like it stays");
        let (asked, _) = scripts.rewrite(&command(&["SCRIPT", "EXISTS", "ffff", &own])).unwrap();
        assert_eq!(asked, command(&["SCRIPT", "EXISTS", "ffff", &theirs]));
        assert!(scripts.rewrite(&command(&["EVAL", "return 1", "0"])).is_none());
        assert!(scripts.rewrite(&command(&["GET", &own])).is_none());
        let (released, _) = scripts.rewrite(&command(&["isocache.release", "k", "holder"])).unwrap();
        assert_eq!(released, command(&["EVAL", RELEASE, "1", "k", "holder"]));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let scripts = Scripts::default();
        for number in 0..MOST + 5 {
            scripts.remember(number.to_string(), String::new());
        }
        assert!(scripts.known.lock().unwrap().len() <= MOST);
    }
}
