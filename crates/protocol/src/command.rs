//! A command.

use std::fmt;

use smallvec::SmallVec;

/// A command: its name and its arguments, each a byte string.
///
/// ```
/// use isocache_protocol::Command;
///
/// let command: Command = ["SET", "key", "value"].into_iter().collect();
/// assert_eq!(command.name(), b"SET");
/// assert_eq!(command.arg(1), Some(&b"key"[..]));
/// assert_eq!(command.len(), 3);
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Command {
    /// Name and arguments, concatenated: a command takes at most two allocations, however many arguments it has.
    bytes: Vec<u8>,
    /// The end of each.
    ends: SmallVec<[usize; 6]>,
}

impl Command {
    /// Creates an empty command, without a name.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates an empty command, with capacity for `bytes` bytes of name and arguments.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), ends: SmallVec::new() }
    }

    /// Whether the argument at an index is this word, ignoring case.
    pub fn arg_is(&self, index: usize, word: &str) -> bool {
        self.arg(index).is_some_and(|arg| arg.eq_ignore_ascii_case(word.as_bytes()))
    }

    /// Adds an argument; the first one is the name.
    pub fn push(&mut self, arg: &[u8]) {
        self.bytes.extend_from_slice(arg);
        self.ends.push(self.bytes.len());
    }

    /// Returns the name as it was written; empty if there is none. Names are compared case-insensitively.
    pub fn name(&self) -> &[u8] {
        self.arg(0).unwrap_or_default()
    }

    /// Returns the argument at an index; the name is at 0.
    pub fn arg(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.bytes.get(start..end)
    }

    /// Iterates over the name and the arguments, in order.
    pub fn args(&self) -> impl ExactSizeIterator<Item = &[u8]> + Clone {
        (0..self.len()).map(|index| self.arg(index).unwrap_or_default())
    }

    /// Returns the number of arguments, including the name.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no name.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Returns the total size of the name and all arguments, in bytes.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }
}

impl<A: AsRef<[u8]>> FromIterator<A> for Command {
    fn from_iter<I: IntoIterator<Item = A>>(args: I) -> Self {
        let mut command = Self::new();
        for arg in args {
            command.push(arg.as_ref());
        }
        command
    }
}

/// Shows the name and the number of arguments, never their contents, which may be secrets.
impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = String::from_utf8_lossy(self.name());
        write!(f, "Command({name:?}, {} arguments, {} bytes)", self.len().saturating_sub(1), self.size())
    }
}
