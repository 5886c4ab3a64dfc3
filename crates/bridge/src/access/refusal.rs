//! Reasons why the bridge refuses a command. Each message names the bridge, unless Redis would give the same error.

use isocache_protocol::Reply;

use super::keys::Malformed;
use super::table::Why;

/// Why a command is not forwarded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The command has no name.
    Empty,
    /// The command is not in the table. The name is truncated and cleaned.
    Unknown(String),
    /// The command is never forwarded.
    NeverForwarded(&'static str, Why),
    /// The command would block.
    Blocks(&'static str),
    /// The profile may not run the command, or not with these options.
    Command(&'static str),
    /// A key is outside the prefixes of the profile.
    Key,
    /// A channel is outside the prefixes of the profile.
    Channel,
    /// The arguments do not fit the command.
    Malformed(&'static str, Malformed),
    /// There are more arguments than this limit.
    TooManyArguments(u64),
    /// An argument, or the value that it would produce, is longer than this limit in bytes.
    TooLong(u64),
}

impl Refusal {
    /// The error sent to the client. It contains none of the arguments.
    ///
    /// ```
    /// use isocache_bridge::access::Refusal;
    ///
    /// let refusal = Refusal::Command("evalsha");
    /// assert_eq!(refusal.to_string(), "NOPERM refused by the bridge: this token may not run 'evalsha'");
    /// assert_eq!(refusal.status(), 400);
    /// ```
    pub fn reply(&self) -> Reply {
        Reply::error(self.to_string())
    }

    /// The status of a response that consists of this refusal.
    pub fn status(&self) -> u16 {
        match self {
            Self::TooManyArguments(_) | Self::TooLong(_) => 413,
            _ => 400,
        }
    }

    /// The refusal of a command that the table does not have.
    pub(super) fn unknown(name: &[u8]) -> Self {
        let clean = |&byte: &u8| if byte.is_ascii_graphic() && byte != b'\'' { char::from(byte) } else { '?' };
        Self::Unknown(name.iter().take(64).map(clean).collect())
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Self::Empty => f.write_str("ERR empty command"),
            Self::Unknown(name) => write!(
                f,
                "ERR refused by the bridge: '{name}' is not in its table of commands; the configuration can allow it by name"
            ),
            Self::NeverForwarded(name, why) => {
                write!(f, "ERR refused by the bridge: '{name}' is never forwarded, because {}", why.reason())
            }
            Self::Blocks(name) => write!(
                f,
                "ERR refused by the bridge: '{name}' with BLOCK is never forwarded, because {}",
                Why::Blocks.reason()
            ),
            Self::Command(name) => write!(f, "NOPERM refused by the bridge: this token may not run '{name}'"),
            Self::Key => f.write_str("NOPERM refused by the bridge: a key is outside the prefixes of this token"),
            Self::Channel => {
                f.write_str("NOPERM refused by the bridge: a channel is outside the channels of this token")
            }
            Self::Malformed(name, Malformed::Arity) => {
                write!(f, "ERR wrong number of arguments for '{name}' command")
            }
            Self::Malformed(_, Malformed::Count) => f.write_str("ERR value is not an integer or out of range"),
            Self::Malformed(_, Malformed::Cursor) => f.write_str("ERR invalid cursor"),
            Self::Malformed(_, Malformed::Syntax) => f.write_str("ERR syntax error"),
            Self::TooManyArguments(limit) => {
                write!(f, "ERR refused by the bridge: too many arguments, the limit is {limit}")
            }
            Self::TooLong(limit) => {
                write!(f, "ERR refused by the bridge: a value is too long, the limit is {limit} bytes")
            }
        }
    }
}

impl std::error::Error for Refusal {}
