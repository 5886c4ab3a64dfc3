//! Why a command is refused, in the words of the protocol.

use isocache_protocol::Reply;

use super::keys::Malformed;

/// Why a command is not passed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is not even a name.
    Empty,
    /// The table does not have it. The name is cut and cleaned.
    Unknown(String),
    /// It is never passed on, whoever asks.
    NeverPassedOn(&'static str),
    /// It would wait.
    Waits(&'static str),
    /// The profile may not run it, or not with these options.
    Command(&'static str),
    /// A key is outside what the profile may use.
    Key,
    /// A channel is outside what the profile may use.
    Channel,
    /// Its arguments are not what it takes.
    Malformed(&'static str, Malformed),
    /// It has too many arguments: the limit.
    TooManyArguments(u64),
    /// An argument, or what it would make of a value, is too long: the limit in bytes.
    TooLong(u64),
}

impl Refusal {
    /// The error, as a client gets it. It holds none of the arguments.
    ///
    /// ```
    /// use isocache_bridge::access::Refusal;
    ///
    /// let refusal = Refusal::Command("evalsha");
    /// assert_eq!(refusal.to_string(), "NOPERM this user has no permissions to run the 'evalsha' command or its subcommand");
    /// assert_eq!(refusal.status(), 400);
    /// ```
    pub fn reply(&self) -> Reply {
        Reply::error(self.to_string())
    }

    /// The status of a response that is this refusal and nothing else.
    pub fn status(&self) -> u16 {
        match self {
            Self::TooManyArguments(_) | Self::TooLong(_) => 413,
            _ => 400,
        }
    }

    /// For a command that the table does not have.
    pub(super) fn unknown(name: &[u8]) -> Self {
        let clean = |&byte: &u8| if byte.is_ascii_graphic() && byte != b'\'' { char::from(byte) } else { '?' };
        Self::Unknown(name.iter().take(64).map(clean).collect())
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Self::Empty => f.write_str("ERR empty command"),
            Self::Unknown(name) => write!(f, "ERR unknown command '{name}'"),
            Self::NeverPassedOn(name) => write!(f, "ERR Command is not available: '{name}'"),
            Self::Waits(name) => write!(f, "ERR Command is not available: '{name}' with BLOCK"),
            Self::Command(name) => {
                write!(f, "NOPERM this user has no permissions to run the '{name}' command or its subcommand")
            }
            Self::Key => f.write_str("NOPERM this user has no permissions to access one of the keys used as arguments"),
            Self::Channel => {
                f.write_str("NOPERM this user has no permissions to access one of the channels used as arguments")
            }
            Self::Malformed(name, Malformed::Arity) => {
                write!(f, "ERR wrong number of arguments for '{name}' command")
            }
            Self::Malformed(_, Malformed::Count) => f.write_str("ERR value is not an integer or out of range"),
            Self::Malformed(_, Malformed::Cursor) => f.write_str("ERR invalid cursor"),
            Self::Malformed(_, Malformed::Syntax) => f.write_str("ERR syntax error"),
            Self::TooManyArguments(limit) => write!(f, "ERR too many arguments; the limit is {limit}"),
            Self::TooLong(limit) => write!(f, "ERR a value is too long; the limit is {limit} bytes"),
        }
    }
}

impl std::error::Error for Refusal {}
