//! The table of commands: what each does, and where its keys are.
//!
//! Commands that are not in the table are refused. Names are compared regardless of case, as in Redis.

mod collections;
mod entry;
mod modules;
mod server;
mod streams;
mod strings;

use std::collections::HashMap;
use std::sync::LazyLock;

use isocache_protocol::Command;

pub use entry::{Class, Effect, Rule, Spec, Why};

/// The commands by group.
const GROUPS: [&[Spec]; 5] =
    [strings::COMMANDS, collections::COMMANDS, streams::COMMANDS, server::COMMANDS, modules::COMMANDS];

/// The maximum length of a name in the table, including its subcommand.
const LONGEST_NAME: usize = 32;

static BY_NAME: LazyLock<HashMap<&'static [u8], &'static Spec, foldhash::fast::RandomState>> =
    LazyLock::new(|| all().map(|spec| (spec.name.as_bytes(), spec)).collect());

/// Every command of the table.
pub fn all() -> impl Iterator<Item = &'static Spec> {
    GROUPS.into_iter().flatten()
}

/// Looks up a command, or returns `None` if it is not in the table. Does not allocate.
///
/// A command with subcommands (`XINFO STREAM`) is looked up by both words. If the subcommand is unknown, the result is
/// the entry of the command itself if it is never forwarded, and `None` otherwise.
///
/// ```
/// use isocache_bridge::access::table::{Class, lookup};
///
/// let spec = lookup(&["gEt", "key"].into_iter().collect()).unwrap();
/// assert_eq!((spec.name, spec.class), ("get", Class::Read));
/// assert_eq!(lookup(&["xinfo", "Stream", "s"].into_iter().collect()).unwrap().name, "xinfo|stream");
/// assert!(lookup(&["GETS", "key"].into_iter().collect()).is_none());
/// ```
pub fn lookup(command: &Command) -> Option<&'static Spec> {
    let name = command.name();
    let mut buffer = [0; LONGEST_NAME];
    let length = lowercase(name, &mut buffer)?;
    let spec = by_name(buffer.get(..length)?)?;
    if !spec.has_subcommands() {
        return Some(spec);
    }
    let Some(subcommand) = command.arg(1) else { return Some(spec) };
    let found = subcommand_of(&mut buffer, length, subcommand);
    found.or_else(|| matches!(spec.class, Class::Never(_)).then_some(spec))
}

/// Looks up a name in the form of Redis: in lower case, with `|` before a subcommand.
pub fn by_name(name: &[u8]) -> Option<&'static Spec> {
    BY_NAME.get(name).copied()
}

fn subcommand_of(buffer: &mut [u8; LONGEST_NAME], at: usize, subcommand: &[u8]) -> Option<&'static Spec> {
    *buffer.get_mut(at)? = b'|';
    let length = lowercase(subcommand, buffer.get_mut(at + 1..)?)?;
    by_name(buffer.get(..at + 1 + length)?)
}

/// Writes a word in lower case and returns its length. `None` if it is too long, or contains `|`, which only the table uses:
/// `xinfo|stream` is not the name of a command.
fn lowercase(word: &[u8], into: &mut [u8]) -> Option<usize> {
    let into = into.get_mut(..word.len())?;
    for (lower, byte) in into.iter_mut().zip(word) {
        if *byte == b'|' {
            return None;
        }
        *lower = byte.to_ascii_lowercase();
    }
    Some(word.len())
}
