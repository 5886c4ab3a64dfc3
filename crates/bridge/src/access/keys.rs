//! Finds the keys of a command.
//!
//! It finds at least the keys that Redis finds. It parses options more strictly: Redis compares them as NUL-terminated
//! strings, but here a command with any option that is not exactly a known one is malformed and refused.

use std::ops::Range;

use isocache_protocol::Command;

use super::options;

/// How a command accesses one of its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It reveals something about the value.
    Read,
    /// It changes the value and reveals nothing about it.
    Write,
    /// Both.
    ReadWrite,
}

impl Access {
    /// Whether it reads.
    pub fn reads(self) -> bool {
        self != Self::Write
    }

    /// Whether it writes.
    pub fn writes(self) -> bool {
        self != Self::Read
    }
}

/// The positions of a command's keys. The name of the command is at 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// No keys.
    None,
    /// From one position to another, in steps.
    Range {
        /// The first key.
        first: u8,
        /// The upper limit of the last key. A negative number counts from the end, which is -1.
        last: i8,
        /// The distance between keys.
        step: u8,
        /// How each key is accessed.
        access: Access,
    },
    /// At 1 and 2.
    Pair(Access, Access),
    /// A destination, followed only by keys to read.
    Into {
        /// The position of the destination.
        at: u8,
        /// How it is accessed.
        access: Access,
        /// The minimum number of sources.
        sources: u8,
    },
    /// A number of keys, followed by the keys.
    Counted {
        /// The position of the number.
        at: u8,
        /// How each key is accessed.
        access: Access,
        /// Whether the number may be 0.
        may_be_none: bool,
    },
    /// A number of pairs, followed by pairs of key and value.
    CountedPairs {
        /// The position of the number.
        at: u8,
        /// How each key is accessed.
        access: Access,
    },
    /// A destination at 1, and a number of keys at 2, followed by the keys to read.
    IntoCounted,
    /// The options determine the positions.
    Parsed(Parser),
}

/// Commands whose options determine where the keys are, or how they are accessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parser {
    /// `SET`, which reads with the option `GET`.
    Set,
    /// `SORT`.
    Sort,
    /// `SORT_RO`.
    SortRo,
    /// `COPY`.
    Copy,
    /// `GEORADIUS` and `GEORADIUSBYMEMBER`, which may store.
    GeoRadius {
        /// The position of the first option.
        options: u8,
    },
    /// `XREAD`.
    XRead,
    /// `XREADGROUP`.
    XReadGroup,
}

/// Further properties of a command, found in its options.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Reads keys whose names it generates from a pattern.
    pub reads_by_pattern: bool,
    /// Accesses another database.
    pub other_database: bool,
    /// May block.
    pub blocks: bool,
}

/// A command whose keys cannot be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// There are too few arguments, or not the right ones.
    Arity,
    /// A number of keys is not a number, or exceeds the number of arguments.
    Count,
    /// A cursor is not a number.
    Cursor,
    /// An option is unknown, or lacks its value.
    Syntax,
}

/// Receives the keys of a command one by one.
pub type Visitor<'a> = dyn FnMut(&[u8], Access) + 'a;

impl Keys {
    /// Calls `visit` with each key.
    ///
    /// ```
    /// use isocache_bridge::access::{keys::Access, table::lookup};
    ///
    /// let command = ["ZUNIONSTORE", "to", "2", "a", "b"].into_iter().collect();
    /// let mut found = Vec::new();
    /// let keys = lookup(&command).unwrap().keys;
    /// keys.visit(&command, &mut |key, access| found.push((key.to_vec(), access))).unwrap();
    /// assert_eq!(found[0], (b"to".to_vec(), Access::Write));
    /// assert_eq!(found[2], (b"b".to_vec(), Access::Read));
    /// ```
    ///
    /// # Errors
    /// If the keys cannot be determined. Some may have been visited already.
    pub fn visit(self, command: &Command, visit: &mut Visitor) -> Result<Findings, Malformed> {
        let end = command.len();
        match self {
            Self::None => {}
            Self::Range { first, last, step, access } => {
                let last = match usize::try_from(last) {
                    Ok(last) => last,
                    Err(_) => end.checked_sub(last.unsigned_abs().into()).ok_or(Malformed::Arity)?,
                };
                let first = usize::from(first);
                if last < first {
                    return Err(Malformed::Arity);
                }
                each(command, first..last + 1, step, access, visit)?;
            }
            Self::Pair(one, other) => {
                each(command, 1..2, 1, one, visit)?;
                each(command, 2..3, 1, other, visit)?;
            }
            Self::Into { at, access, sources } => {
                let at = usize::from(at);
                each(command, at..at + 1, 1, access, visit)?;
                if end < at + 1 + usize::from(sources) {
                    return Err(Malformed::Arity);
                }
                each(command, at + 1..end, 1, Access::Read, visit)?;
            }
            Self::Counted { at, access, may_be_none } => {
                each(command, counted(command, at.into(), 1, may_be_none)?, 1, access, visit)?;
            }
            Self::CountedPairs { at, access } => {
                each(command, counted(command, at.into(), 2, false)?, 2, access, visit)?;
            }
            Self::IntoCounted => {
                each(command, 1..2, 1, Access::Write, visit)?;
                each(command, counted(command, 2, 1, false)?, 1, Access::Read, visit)?;
            }
            Self::Parsed(parser) => return options::visit(parser, command, visit),
        }
        Ok(Findings::default())
    }
}

/// Visits the arguments at these positions, which must all exist.
pub(super) fn each(
    command: &Command,
    positions: Range<usize>,
    step: u8,
    access: Access,
    visit: &mut Visitor,
) -> Result<(), Malformed> {
    for position in positions.step_by(usize::from(step).max(1)) {
        visit(command.arg(position).ok_or(Malformed::Arity)?, access);
    }
    Ok(())
}

/// The positions of the keys whose count is at `at`. Each key takes `step` arguments.
fn counted(command: &Command, at: usize, step: usize, may_be_none: bool) -> Result<Range<usize>, Malformed> {
    let count = whole_number(command.arg(at).ok_or(Malformed::Arity)?).ok_or(Malformed::Count)?;
    let left = command.len() - at - 1;
    let arguments = usize::try_from(count).ok().and_then(|count| count.checked_mul(step));
    let arguments = arguments.filter(|&arguments| arguments <= left).ok_or(Malformed::Count)?;
    if arguments == 0 && !may_be_none {
        return Err(Malformed::Count);
    }
    Ok(at + 1..at + 1 + arguments)
}

/// Parses a number in canonical form: only digits, without leading zeros.
pub(super) fn whole_number(text: &[u8]) -> Option<u64> {
    match text {
        [b'0'] => Some(0),
        [b'1'..=b'9', ..] if text.iter().all(u8::is_ascii_digit) => std::str::from_utf8(text).ok()?.parse().ok(),
        _ => None,
    }
}
